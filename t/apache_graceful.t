# Apache: graceful restarts under load while tokens change. No request fails or is decided wrongly, and no reader
# slot or page of the store is left over. TOKENGATE_RESTARTS (default 100) says how many.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX ();
use Test::More;
use Tokengate::Cases;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

use constant kClients => 4;

my $restarts = $ENV{TOKENGATE_RESTARTS} // 100;
my $store    = Tokengate::Store->standard;
my $server   = Tokengate::Apache->new(
    store   => $store->path,
    workers => 2,
    sites   => [cpanel => {tokengate => 'on', upstream => 'none', locations => ['/plain/' => {tokengate => 'off', upstream => 'none'}]}]);
$server->write_file("html/$_", 'here') for qw(v1/files/page plain/page);
$server->start;

my $path  = '/v1/files/page';
my $good  = 'cpanel shop:' . $store->secret('files');
my $poor  = 'cpanel shop:' . $store->secret('email');
my $wrong = 'cpanel shop:' . 'A' x 32;
my $stop  = $server->folder . '/stop';

# Runs `code` in a process of its own, until told to stop. It reports what went wrong, and how much it did.
sub in_background ($name, $code) {
    my $report = $server->folder . "/report-$name";
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        open my $out, '>', $report or POSIX::_exit(1);
        my $count = eval { $code->($out) };
        print $out $@ ? "$name: $@" : '', "done ", $count // 0, "\n";
        close $out;
        POSIX::_exit(0);
    }
    return [$pid, $report];
}

sub status_of ($authorization) {
    my $response = $server->get($path, $authorization);
    return $response ? $response->status : 'no answer';
}

sub new_connections ($out) {
    my $count = 0;
    until (-e $stop) {
        for ([$good, 200], [$poor, 403], [$wrong, 401]) {
            my $status = status_of($_->[0]);
            print $out "status $status, not $_->[1]\n" if $status ne $_->[1];
            ++$count;
        }
    }
    return $count;
}

sub kept_connections ($out) {
    my ($count, $client, $answered) = (0, undef, 0);
    until (-e $stop) {
        ($client, $answered) = ($server->connect, 0) unless $client;
        $client->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $good\r\n\r\n");
        my $response = $client->response;
        if (!$response) {
            # A server may close a connection that is idle; a new one it must serve.
            print $out "a new connection was closed without an answer\n" unless $answered;
            undef $client;
            next;
        }
        print $out 'status ', $response->status, ", not 200\n" if $response->status != 200;
        ++$count;
        $answered = 1;
        undef $client if ($response->header('Connection') // '') =~ /close/i;
    }
    return $count;
}

# Every change counts from the next request on.
sub changes ($out) {
    my $count = 0;
    until (-e $stop) {
        my $secret = $store->create_token('shop', 'passing', '--acl', 'files');
        my $status = status_of("cpanel shop:$secret");
        print $out "status $status after token create\n" if $status ne '200';
        $store->run('token', 'revoke', 'shop', 'passing');
        $status = status_of("cpanel shop:$secret");
        print $out "status $status after token revoke\n" if $status ne '401';
        $count += 2;
    }
    return $count;
}

my $before = decode_json($store->run('--json', 'stat'));
my @background = (
    (map { in_background("new-$_", \&new_connections) } 1 .. kClients),
    (map { in_background("kept-$_", \&kept_connections) } 1 .. kClients),
    in_background('changes', \&changes));
$server->reload for 1 .. $restarts;
$server->write_file('stop', '');

my ($requests, $changes) = (0, 0);
for (@background) {
    my ($pid, $report) = @$_;
    waitpid $pid, 0;
    open my $in, '<', $report or die "$report: $!";
    my @lines = <$in>;
    my ($done) = map { /^done (\d+)/ } @lines;
    my @wrong = grep { !/^done/ } @lines;
    ok(!@wrong && $done, "$report: every one of $done was right" =~ s{.*/report-}{}r) or diag(@wrong[0 .. ($#wrong < 20 ? $#wrong : 20)]);
    $report =~ /changes/ ? ($changes += $done) : ($requests += $done);
}
note("$restarts restarts, $requests requests, $changes changes");
my @restarted = $server->error_log =~ /resuming normal operations/g;
is(scalar @restarted, $restarts + 1, 'each restart happened');

my $after = decode_json($store->run('--json', 'stat'));
# A change touches a handful of pages; without a reader that holds them they are used again.
my $grown = $after->{file_bytes} - $before->{file_bytes};
cmp_ok($grown, '<', 256 * 1024 + 1024 * $changes, "the store does not keep what nobody needs ($grown bytes for $changes changes)");

$server->stop;
is(decode_json($store->run('--json', 'stat'))->{readers_used}, 0, 'no reader slot is left over');
done_testing;
