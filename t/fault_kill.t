# Writers killed with SIGKILL at random moments while real servers decide: what was acknowledged is there, from the very
# next request on, whatever is in doubt is there wholly or not at all, and no server refuses what it should grant.
# TOKENGATE_KILLS (default 100) says how many; ten thousand take some minutes.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;

my $kills  = $ENV{TOKENGATE_KILLS} // 100;
my $driver = Tokengate::Server::build_folder() . '/tests/kill_writer';
my @classes = server_classes();
plan skip_all => 'no server module is built'      unless @classes;
plan skip_all => 'the unit tests are not built' unless -x $driver;

my $path   = '/execute/Email/list_pops';
my $folder = File::Temp->newdir('tokengate-XXXXXX', TMPDIR => 1);
chmod 0755, "$folder";

sub start_servers ($store) {
    return map {
        $_->new(store => $store, workers => 2, sites => [cpanel => {tokengate => 'on', upstream => 'none'}])->start
    } @classes;
}

# The file that servers answer with: no backend is needed.
sub serve_file ($server) {
    $server->write_file('html' . $path, 'here');
    return $server;
}

sub status_of ($server, $authorization) {
    my $response = $server->get($path, $authorization);
    return $response ? $response->status : 'no answer';
}

subtest 'thousands of changes a second, killed' => sub {
    open my $output, '-|', $driver, $kills, "$folder/driver", Tokengate::Server::worker_user() or die "$driver: $!";
    my %secret = map { split ' ', readline $output } 1, 2;
    my @servers = map { serve_file($_) } start_servers("$folder/driver");
    my %want = (kept => 200, revoked => 401);
    my ($requests, %wrong) = (0);
    vec(my $readable = '', fileno $output, 1) = 1;
    until (select my $ready = $readable, undef, undef, 0) {
        for my $server (@servers) {
            for my $name (sort keys %want) {
                my $status = status_of($server, "cpanel steady:$secret{$name}");
                ++$wrong{$server->name . " $name $status"} if $status ne $want{$name};
                ++$requests;
            }
        }
    }
    my $figures = do { local $/; readline $output };
    close $output;
    is($?, 0, 'nothing was wrong: ' . ($figures // ''));
    is(join(', ', map {"$_: $wrong{$_}"} sort keys %wrong), '', "each of $requests requests to the servers was answered rightly");
    $_->stop for @servers;
    is(Tokengate::Cli->new(store => "$folder/driver", init => 0)->json('stat')->{readers_used}, 0, 'no reader slot is left over');
};

subtest 'the command, killed' => sub {
    my $store   = Tokengate::Store->standard;
    my @servers = map { serve_file($_) } start_servers($store->path);
    my $program = Tokengate::Cli::binary();
    my ($acknowledged, $killed, $done, $undone, @wrong) = (0, 0, 0, 0);
    my $ask = sub ($secret) {
        my %seen = map { (status_of($_, "cpanel shop:$secret"), 1) } @servers, @servers;
        return join ' ', sort keys %seen;
    };
    my $round = 0;
    while ($killed < $kills / 4) {
        ++$round;
        my $secret = $store->create_token('shop', "round-$round", '--acl', 'email');
        my $status = $ask->($secret);
        push @wrong, "round $round: created, $status" if $status ne '200';
        defined(my $pid = fork) or die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', '/dev/null';
            exec $program, '--store', $store->path, 'token', 'revoke', 'shop', "round-$round" or POSIX::_exit(127);
        }
        sleep rand 0.02;
        kill 'KILL', $pid;
        waitpid $pid, 0;
        $status = $ask->($secret);
        if ($? == 0) {
            ++$acknowledged;
            push @wrong, "round $round: revoked, $status" if $status ne '401';
            next;
        }
        ++$killed;
        push @wrong, "round $round: killed, $status" if $status !~ /\A(?:200|401)\z/;
        # The next change settles it; what was seen before stays.
        my $listed = grep { $_->{name} eq "round-$round" } @{$store->{cli}->json('token', 'list', 'shop')};
        $store->run('account', 'grant', 'shop', 'email');
        my $settled = $ask->($secret);
        my $is_there = grep { $_->{name} eq "round-$round" } @{$store->{cli}->json('token', 'list', 'shop')};
        push @wrong, "round $round: $status, then $settled" if $status eq '401' && $settled ne '401';
        push @wrong, "round $round: settled, $settled" if $settled ne ($is_there ? '200' : '401');
        $is_there ? ++$undone : ++$done;
    }
    note("$killed killed: $done done, $undone not; $acknowledged acknowledged");
    is("@wrong", '', 'no wrong answer');
    like($store->run('journal', 'verify'), qr/\d/, 'the journal holds');
    $_->stop for @servers;
    is($store->{cli}->json('stat')->{readers_used}, 0, 'no reader slot is left over');
};
done_testing;
