# Connections that wait: idle ones, and clients that send half a header or half a body. Others are decided beside them, what
# was sent in parts is decided when it is whole, and no half request goes to the backend. On Apache, whose threads wait for
# half requests, mod_reqtimeout brings the service back; idle connections wait in the listener of its event MPM.
# TOKENGATE_IDLE (default 150) says how many wait.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Tokengate::Cases;
use Tokengate::Readers;

my $idle = $ENV{TOKENGATE_IDLE} // 150;
plan skip_all => 'no server module is built' unless server_classes();

my $store = Tokengate::Store->standard;
my $path  = '/v1/files/page';
my %token = (
    good  => 'cpanel shop:' . $store->secret('files'),
    poor  => 'cpanel shop:' . $store->secret('email'),
    wrong => 'cpanel shop:' . 'A' x 32);
my %right = (good => 200, poor => 403, wrong => 401);

my $half_header = "GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthoriz";
# Of a body that would choose the function.
my $half_body = "POST /json-api/cpanel HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $token{good}\r\nContent-Length: 1000\r\n\r\ncpanel_jsonapi_module=Em";

sub new_server ($class, %config) {
    return $class->new(store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on'}], %config)->start;
}

sub decides ($server, $beside) {
    for my $name (sort keys %right) {
        is($server->get($path, $token{$name})->status, $right{$name}, "$name is decided beside $beside");
    }
    is(scalar $server->backend->seen, 1, 'the backend saw the granted request alone');
    return;
}

# Sockets that the server's workers have open.
sub sockets_of ($server) {
    open my $ps, '-|', 'pgrep', '-P', $server->{pid} or die $!;
    chomp(my @pids = <$ps>);
    return scalar grep { (readlink // '') =~ /\Asocket:/ } map { glob "/proc/$_/fd/*" } @pids;
}

sub ask ($client, $authorization) {
    my $response = $client->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $authorization\r\n\r\n")->response;
    return $response ? $response->status : 'closed';
}

for my $class (server_classes()) {
    subtest $class->name . ': half-sent requests and idle connections' => sub {
        my $readers = Tokengate::Readers->new($store->path);
        my $server  = new_server($class, connections => $idle + 100);
        # Apache's threads are few by configuration: each waiting client holds one until a timeout.
        my $count   = $class->name eq 'nginx' ? $idle : 4;
        my @waiting = map { $server->connect->send(('', $half_header, $half_body)[$_ % 3]) } 1 .. $count;
        decides($server, "$count that wait");
        is($waiting[0]->send("ation: $token{wrong}\r\n\r\n")->response->status, 401, 'a header sent in two parts is decided when it is whole');
        $_->close for @waiting;
        $server->wait_until('service', sub { my $r = $server->get($path, $token{good}); $r && $r->status == 200 });
        is(scalar(grep { $_->{target} =~ /json-api/ } $server->backend->seen), 0, 'no half body went to the backend');
        $server->stop;
        is($readers->left_over, '', 'no reader slot stays');
    };
}

# A child takes so many connections for each thread that has nothing to do; there are 16, and some have.
my $room  = int($idle * 1.5 / 16) + 2;
my $event = "KeepAliveTimeout 600\nMaxKeepAliveRequests 0\nAsyncRequestWorkerFactor $room\n";
for my $case (['Tokengate::Nginx', connections => $idle + 100], ['Tokengate::Apache', mpm => 'event', extra => {apache => $event}]) {
    my ($class, %config) = @$case;
    next unless grep { $_ eq $class } server_classes();
    subtest $class->name . ': kept connections' => sub {
        my $readers = Tokengate::Readers->new($store->path);
        my $server  = new_server($class, sites => [cpanel => {tokengate => 'on', upstream => 'none'}], %config);
        $server->write_file("html$path", 'here');
        my $secret  = $store->create_token('shop', 'kept', '--acl', 'files');
        my $sockets = sockets_of($server);
        my (%first, @kept);
        for (1 .. $idle) {
            push @kept, $server->connect;
            ++$first{ask($kept[-1], "cpanel shop:$secret")};
        }
        is_deeply(\%first, {200 => $idle}, "$idle connections are kept");
        is($server->get($path, $token{$_})->status, $right{$_}, "$_ is decided beside them") for sort keys %right;
        # As many as there are threads.
        cmp_ok(scalar $readers->slots, '<=', $class->name eq 'nginx' ? 2 : 16, 'they take no reader slots');
        is(join(' ', $readers->commits), '', 'and nothing is being read');
        $store->run('token', 'revoke', 'shop', 'kept');
        my %then;
        ++$then{ask($_, "cpanel shop:$secret")} for @kept;
        is_deeply(\%then, {401 => $idle}, 'a revocation counts on each');
        $_->close for @kept;
        # Apache's children may die of a stop while they close connections: see Apache.pm.
        $server->wait_until('the connections to be gone', sub { sockets_of($server) <= $sockets + 10 });
        $server->stop;
        is($readers->left_over, '', 'no reader slot stays');
    };
}

subtest 'apache: every thread waits for half a request' => sub {
    plan skip_all => 'mod_tokengate is not built' unless grep { $_->name eq 'apache' } server_classes();
    my $load   = "LoadModule reqtimeout_module /usr/lib/apache2/modules/mod_reqtimeout.so\nRequestReadTimeout header=1 body=1\n";
    my $server = new_server('Tokengate::Apache', mpm => 'event', extra => {apache => $load});
    my @waiting = map { $server->connect->send($_ % 2 ? $half_header : $half_body) } 1 .. 40;
    my $start = time;
    decides($server, '40, when these are given up');
    note(sprintf 'served after %.1f s', time - $start);
    my %end;
    ++$end{(map { $_ ? $_->status : 'closed' } $_->response)[0]} for @waiting;
    is_deeply([grep { !/\A(?:closed|400|408)\z/ } keys %end], [], 'what was half is given up or refused: ' . join ', ', map {"$_ $end{$_} times"} sort keys %end);
    is(scalar $server->backend->seen, 0, 'and does not go to the backend');
    $server->stop;
};
done_testing;
