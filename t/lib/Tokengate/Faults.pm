# A store with a token that works and one that was revoked, servers on it, and what they answer while the store is in
# trouble.
package Tokengate::Faults;

use v5.36;
use Exporter qw(import);
use File::Temp;
use Test::More;
use Tokengate::Cases;

our @EXPORT = qw(answers fault_folder mount_at new_store outcome refuses serves start_servers with_servers workers_of);

my $path    = '/execute/Email/list_pops';
my $folder  = File::Temp->newdir('tokengate-XXXXXX', TMPDIR => 1);
chmod 0755, "$folder";
my $number  = 0;
my @mounted;

sub fault_folder () { return "$folder" }

sub mount_at ($place, @options) {
    return 0 unless $> == 0;
    mkdir $place;
    return 0 if system('mount', @options, $place) != 0;
    push @mounted, $place;
    return 1;
}
END { system 'umount', '-l', $_ for reverse @mounted }

# What nginx's workers keep of the environment: for a clock that is not the system's.
my $environment = join '', map {"env $_;\n"} qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE DONT_FAKE_MONOTONIC);

# A store with a token that works and one that was revoked, at a place of its own or a given one.
sub new_store ($place = undef) {
    $place //= "$folder/store" . ++$number;
    my $cli = Tokengate::Cli->new(store => $place, group => Tokengate::Server::worker_user());
    $cli->ok('catalog', 'load', '--panel');
    $cli->ok('account', 'create', 'shop', '--acl', 'email');
    my %secret = map { $_ => $cli->secret('shop', $_, '--full-access') } qw(kept revoked);
    $cli->ok('token', 'revoke', 'shop', 'revoked');
    return {cli => $cli, path => $place, secret => \%secret};
}

# Of all classes, or of those that are named.
sub start_servers ($store, @classes) {
    return map {
        my $server = $_->new(store => $store, workers => 1, extra => {nginx_main => $environment}, sites => [cpanel => {tokengate => 'on', upstream => 'none'}]);
        $server->write_file("html$path", 'here');
        $server->start;
    } @classes ? @classes : server_classes();
}

sub outcome ($server, $secret) {
    my $response = $server->get($path, "cpanel shop:$secret") or return 'no answer';
    return $response->header('X-Test-Outcome') // 'status ' . $response->status;
}

# Asks every server for a moment; all answers that came, by name of the token.
sub answers ($servers, $secret, $rounds = 10) {
    my %seen;
    for my $round (1 .. $rounds) {
        for my $server (@$servers) {
            $seen{$_}{outcome($server, $secret->{$_})} = 1 for keys %$secret;
        }
    }
    return {map { $_ => join ' ', sort keys %{$seen{$_}} } keys %seen};
}

# Until a row of answers have the outcome: each child of a server looks at the store by itself.
sub wait_for ($servers, $store, $what, $outcome) {
    for my $server (@$servers) {
        $server->wait_until("$what: $outcome", sub { !grep { outcome($server, $store->{secret}{kept}) ne $outcome } 1 .. 10 });
    }
    return;
}

sub serves ($servers, $store, $what) {
    wait_for($servers, $store, $what, 'granted');
    my $seen = answers($servers, $store->{secret}, 3);
    is("$seen->{kept}, $seen->{revoked}", 'granted, unknown_token', "$what: decided as before");
    return;
}

sub refuses ($servers, $store, $what) {
    wait_for($servers, $store, $what, 'store_unavailable');
    my $seen = answers($servers, $store->{secret}, 3);
    is("$seen->{kept}, $seen->{revoked}", 'store_unavailable, store_unavailable', "$what: refused");
    return;
}

sub workers_of ($server) {
    open my $ps, '-|', 'pgrep', '-P', $server->{pid} or die $!;
    return join ' ', sort map { tr/\n//dr } <$ps>;
}

# Runs `test` with servers on a store; the workers must be there afterwards, though Apache may have started more.
sub with_servers ($store, $test) {
    my @servers = start_servers($store->{path});
    serves(\@servers, $store, 'at first');
    my @workers = map { workers_of($_) } @servers;
    $test->(@servers);
    my %there = map { $_ => 1 } map { split / / } map { workers_of($_) } @servers;
    is_deeply([grep { !$there{$_} } map { split / / } @workers], [], 'no worker was lost');
    $_->stop for @servers;
    return;
}

1;
