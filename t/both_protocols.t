# HTTP/0.9 to 2, TLS, keep-alive, pipelining, bodies that come slowly or not at all.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

my $store = Tokengate::Store->standard;
my $email = 'cpanel shop:' . $store->secret('email');
my $full  = 'cpanel shop:' . $store->secret('full');
my $dns   = 'cpanel shop:' . $store->secret('dns');
my $path  = '/execute/Email/list_pops';
my $api2  = 'cpanel_jsonapi_module=ZoneEdit&cpanel_jsonapi_func=fetchzones';

sub bytes ($request, $authorization, %option) {
    return Tokengate::Http::request_bytes($request,
        ['Host: cpanel', (defined $authorization ? "Authorization: $authorization" : ())], %option);
}

# One request by curl; the status, and what the backend saw.
sub by_curl ($server, @arguments) {
    my $status = $server->curl('-o', $server->folder . '/curl-answer', '-w', '%{http_version} %{http_code}', @arguments);
    return ($status, $server->backend->seen);
}

sub user_of ($seen) { return $seen ? join ',', @{identity_seen($seen)->{user}} : 'nothing seen' }

each_server(
    {store => $store->path, tls => 1, sites => [cpanel => {tokengate => 'on', locations => ['/open/' => {tokengate => 'off'}]}]},
    sub ($server) {
        my $http2 = 'http://127.0.0.1:' . $server->h2_port;
        my $tls   = 'https://127.0.0.1:' . $server->tls_port;

        # [name, expected "version status", expected user, curl arguments]
        my @curl = (
            ['HTTP/2', '2 200', 'shop', '--http2-prior-knowledge', '-H', "Authorization: $email", "$http2$path"],
            ['HTTP/2 without a token', '2 401', 'nothing seen', '--http2-prior-knowledge', "$http2$path"],
            ['HTTP/2, an ACL missing', '2 403', 'nothing seen', '--http2-prior-knowledge', '-H', "Authorization: $email", "$http2/execute/Ftp/list_ftp"],
            ['HTTP/2, a bad route', '2 400', 'nothing seen', '--http2-prior-knowledge', '--path-as-is', '-H', "Authorization: $full", "$http2/execute/./Email/list_pops"],
            ['HTTP/2, a function in the body', '2 200', 'shop', '--http2-prior-knowledge', '-H', "Authorization: $dns", '-d', $api2, "$http2/json-api/cpanel"],
            ['HTTP/2, a function in the body, judged', '2 403', 'nothing seen', '--http2-prior-knowledge', '-H', "Authorization: $email", '-d', $api2, "$http2/json-api/cpanel"],
            ['HTTP/2, a function in the body, against the query', '2 400', 'nothing seen', '--http2-prior-knowledge', '-H', "Authorization: $full", '-d', 'cpanel_jsonapi_func=x', "$http2/json-api/cpanel?$api2"],
            ['HTTP/2, a body without a length', '2 200', 'shop', '--http2-prior-knowledge', '-X', 'POST', '-T', $server->write_file('body', $api2), '-H', 'Content-Length:', '-H', "Authorization: $dns", "$http2/json-api/cpanel"],
            ['HTTP/2, forged identity', '2 200', '', '--http2-prior-knowledge', '-H', 'X-Tokengate-User: root', '-H', 'X_Tokengate_User: root', "$http2/open/x"],
            ['TLS', '1.1 200', 'shop', '-k', '--http1.1', '-H', "Authorization: $email", "$tls$path"],
            ['TLS from another host', '1.1 200', 'shop', '-k', '--http1.1', '-H', 'X-Test-Client: 192.0.2.1', '-H', "Authorization: $email", "$tls$path"],
            ['plain HTTP from another host', '1.1 403', 'nothing seen', '--http1.1', '-H', 'X-Test-Client: 192.0.2.1', '-H', "Authorization: $email", 'http://127.0.0.1:' . $server->port . $path],
        );
        for (@curl) {
            my ($name, $status, $user, @arguments) = @$_;
            my ($got, $seen) = by_curl($server, @arguments);
            is($got, $status, $name);
            is(user_of($seen), $user, "$name: what the backend saw");
        }

        # HTTP/0.9 and 1.0.
        my $old = $server->connect->send("GET $path\r\n")->rest;
        unlike($old, qr/"method":/, 'HTTP/0.9 is not granted');
        $old = $server->connect->send("GET /open/x\r\n")->rest;
        ok($old eq '' || $old =~ m{"target":"/open/x"|HTTP/1}, 'HTTP/0.9 on an open location is served or refused');
        $server->backend->seen;
        my $response = $server->raw("GET $path HTTP/1.0\r\nAuthorization: $email\r\n\r\n");
        check_granted('HTTP/1.0 without a host', $server, $response, user => 'shop');
        $response = $server->raw("GET $path HTTP/1.0\r\n\r\n");
        check_refused('HTTP/1.0 without a token', $server, $response, 'no_credentials', status => 401);
        $response = $server->raw("GET $path HTTP/1.1\r\nAuthorization: $email\r\nConnection: close\r\n\r\n");
        is($response->status, 400, 'HTTP/1.1 needs a host');
        $server->backend->seen;

        # What clients send that store the secret with its line end: never a server error, never a wrong grant.
        for my $end ("\r", "\n\r", "\r\n", "\n", " ", "\t") {
            my $connection = $server->connect->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $email$end\r\n\r\n");
            $response = $connection->response;
            my $name = join ' ', map { sprintf '%02x', ord } split //, $end;
            ok($response && ($response->status == 200 || $response->status == 400), "a secret that ends in $name")
                or diag($response ? $response->status : 'no answer');
        }
        $server->backend->seen;

        # One connection, many callers: nothing of one request is left for the next.
        my $connection = $server->connect;
        for my $round (1 .. 3) {
            for (['shop', $email, 200], [undef, undef, 401], ['poor', 'Bearer ' . $store->secret('poor'), 200],
                [undef, 'cpanel shop:' . $store->secret('revoked'), 401], ['single', 'Bearer ' . $store->secret('single'), 200])
            {
                my ($user, $authorization, $status) = @$_;
                $connection->send(bytes("GET $path", $authorization));
                $response = $connection->response;
                is($response->status, $status, "keep-alive, round $round: status");
                my ($seen) = $server->backend->seen;
                is(user_of($seen), $user // 'nothing seen', "keep-alive, round $round: caller");
            }
        }
        $connection = $server->connect->send(bytes("GET $path", $email) . bytes("GET $path", undef) . bytes("GET $path", $email));
        is(join(' ', map { $connection->response->status } 1 .. 3), '200 401 200', 'pipelined requests');
        is(scalar(my @seen = $server->backend->seen), 2, 'pipelined requests: what the backend saw');

        # The body of a refused request is not taken for the next request.
        my $inner = bytes("GET $path", $full);
        for my $body_option ([], [chunked => 1]) {
            $connection = $server->connect;
            $connection->send(bytes("POST $path", 'cpanel shop:' . $store->secret('revoked'), body => $inner, @$body_option));
            is($connection->response->status, 401, 'refused, with a body');
            is(scalar(@seen = $server->backend->seen), 0, 'refused, with a body: nothing reaches the backend');
            $connection->send(bytes("GET $path", $email));
            $response = $connection->response;
            ok(!$response || $response->status == 200, 'the next request is one of its own') or diag($response->status);
            @seen = $server->backend->seen;
            ok(!(grep { user_of($_) ne 'shop' || identity_seen($_)->{token}[0] ne 'email' } @seen), 'and of its own caller');
        }

        # A slow body holds up nobody else, and is judged once it is there.
        my $slow  = bytes('POST /json-api/cpanel', $dns, body => $api2);
        my @slow  = map { $server->connect->send(substr $slow, 0, length($slow) - 10) } 1 .. 3;
        check_granted('beside slow bodies', $server, $server->get($path, $email), user => 'shop');
        for (@slow) {
            $_->send(substr $slow, -10);
            check_granted('a slow body', $server, $_->response, user => 'shop', body => $api2);
        }
        # A body that ends early never passes.
        $connection = $server->connect->send(substr $slow, 0, length($slow) - 10)->finish_sending;
        $response = eval { $connection->response };
        ok(!$response || $response->status >= 400, 'a body that ends early is refused');
        is(scalar(@seen = $server->backend->seen), 0, 'a body that ends early does not pass');
        $connection = $server->connect->send(substr $slow, 0, length($slow) - 10);
        $connection->close;
        check_granted('after a client has gone', $server, $server->get($path, $email), user => 'shop');
    });
