# A granting request allocates nothing and makes no system call of its own: counted, in the core alone and in nginx.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Nginx;
use Tokengate::Store;

my $program = Tokengate::Server::build_folder() . '/tests/request_path';
-x $program or die "$program is not built";
my @lines  = `$program`;
my $status = $? >> 8;
for (grep {/allocations/} @lines) {
    chomp;
    like($_, qr/: 0 allocations, 0 system calls in 1000 requests$/, $_);
}
is($status, 0, 'the program that counts is content');
cmp_ok(scalar @lines, '>=', 5, 'it has counted several kinds of request');

# The names and numbers of the system calls that a worker makes for `count` requests on one connection.
sub system_calls ($server, $worker, $path, $authorization, $count) {
    my $connection = $server->connect;
    my @headers    = ('Host: cpanel', "Authorization: $authorization");
    my $bytes      = Tokengate::Http::request_bytes("GET $path", \@headers);
    # The first requests are not counted: connection, first use of memory.
    for (1 .. 20) { $connection->send($bytes); $connection->response }
    my $output = $server->folder . '/strace';
    my $pid    = $server->_spawn($server->folder . '/strace-messages', 'strace', '-p', $worker, '-o', $output, '-e', 'trace=all');
    $server->wait_until('strace', sub {
        return 1 if waitpid($pid, POSIX::WNOHANG()) == $pid;
        open my $status, '<', "/proc/$worker/status" or return 0;
        return grep {/^TracerPid:\s*[1-9]/} <$status>;
    });
    return unless kill 0, $pid;
    for (1 .. $count) { $connection->send($bytes); $connection->response->status == 200 or die 'not granted' }
    kill 'INT', $pid;
    waitpid $pid, 0;
    open my $calls, '<', $output or return;
    my %number;
    while (<$calls>) { $number{$1}++ if /^(\w+)\(/ }
    return %number;
}

subtest nginx => sub {
    plan skip_all => 'the module is not built' unless Tokengate::Nginx->is_available;
    plan skip_all => 'strace is not installed' unless grep { -x "$_/strace" } split /:/, $ENV{PATH};
    my $store  = Tokengate::Store->standard;
    # No backend: what differs between the two locations is Tokengate alone.
    my $server = Tokengate::Nginx->new(
        store => $store->path,
        extra => {nginx => "  keepalive_requests 100000;\n"},
        sites => [
            cpanel => {
                upstream  => 'none',
                locations => [
                    '/v1/files/' => {tokengate => 'on', upstream => 'none'},
                    '/v1/open/'  => {tokengate => 'off', upstream => 'none'},
                ]
            }
        ])->start;
    $server->write_file("html/v1/$_/x", 'text') for qw(files open);
    my ($worker) = split ' ', `pgrep -P $server->{pid}`;
    my $authorization = 'cpanel shop:' . $store->secret('files');
    my %open  = system_calls($server, $worker, '/v1/open/x', $authorization, 200);
    my %guarded = system_calls($server, $worker, '/v1/files/x', $authorization, 200);
    SKIP: {
        skip 'strace may not trace here', 2 unless %open && %guarded;
        cmp_ok($open{writev} // $open{sendto} // $open{sendfile} // 0, '>=', 200, 'the open requests were traced');
        # Upkeep once a second falls into one run or the other; what a request makes comes 200 times.
        my @added;
        for my $call (sort keys %guarded) {
            my ($with, $without) = ($guarded{$call}, $open{$call} // 0);
            note("$call: $with with Tokengate, $without without");
            push @added, "$call: $with instead of $without" if $with - $without >= 100;
        }
        is("@added", '', 'Tokengate adds no system call to a request');
    }
    $server->stop;
};
done_testing;
