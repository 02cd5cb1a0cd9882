# HTTP/0.9, 1.0, 1.1 and 2; and what a refusal looks like to nginx's other filters.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $store   = Tokengate::Store->standard;
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port;

my $config = <<"END";
    tokengate on;
    underscores_in_headers on;
    gzip on; gzip_types application/json; gzip_min_length 1;
    add_header X-Always yes always;
    location /open/   { tokengate off; $to; }
    location /panel/  { tokengate_refusals panel; $to; }
    location /json-api/ { tokengate_refusals panel; $to; }
    location /padded/ { msie_padding on; $to; }
END

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [main => {extra => {nginx => $config}}]);
$server->start;

my $full  = 'Authorization: cpanel shop:' . $store->secret('full');
my $stats = 'Authorization: cpanel shop:' . $store->secret('stats');
my $wrong = 'Authorization: cpanel shop:' . 'W' x 32;

# HTTP/0.9 has no headers: nobody can be known, and nothing crashes.
is($server->raw("GET /x\r\n")->status, 0, 'HTTP/0.9: no status');
like($server->raw("GET /x\r\n")->body, qr/\A\{.*\}\z/s, 'HTTP/0.9: our refusal');
is(scalar(() = $backend->seen), 0, 'HTTP/0.9: the backend sees nothing');
like($server->raw("GET /open/x\r\n")->body, qr/"target"/, 'HTTP/0.9: an open place');
is(join('', map {@$_} values %{identity_seen(($backend->seen)[0])}), '', 'HTTP/0.9: as nobody');

is($server->request('GET /x', [$full],  version => '1.0')->status, 200, 'HTTP/1.0');
is($server->request('GET /x', [$wrong], version => '1.0')->status, 401, 'HTTP/1.0, refused');

# One connection, several requests, each judged by itself.
$backend->seen;
my $connection = $server->connect;
my $answer = sub ($header) {
    $connection->send("GET /x HTTP/1.1\r\nHost: main\r\n$header\r\n\r\n")->response->status;
};
is(join(' ', map { $answer->($_) } $full, $wrong, $full, $stats, 'X-Tokengate-User: root', $full), '200 401 200 403 401 200',
    'one connection, several callers');
$connection->send(join '', map {"GET /x HTTP/1.1\r\nHost: main\r\n$_\r\n\r\n"} $full, $wrong, $full);
is(join(' ', map { $connection->response->status } 1 .. 3), '200 401 200', 'pipelined');
$connection->close;
is(join(' ', map { @{identity_seen($_)->{user}} } $backend->seen), 'shop shop shop shop shop', 'each as who it is');

# curl over HTTP/2: status, then what the backend saw.
sub http2 (@headers) {
    my $status = $server->curl('--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}',
        (map { ('-H', $_) } 'Host: main', @headers), 'http://127.0.0.1:' . $server->h2_port . '/x');
    my @seen = $backend->seen;
    return join ' ', $status, map { "@{identity_seen($_)->{user}}" || 'nobody' } @seen;
}
is(http2($full), '2 200 shop', 'HTTP/2');
is(http2($full, 'X-Tokengate-User: root', 'x_tokengate_user: root'), '2 200 shop', 'HTTP/2, identity forged');
is(http2($wrong), '2 401', 'HTTP/2, refused');

# The body of a refusal: whole, once, with its length, whatever nginx would do to its own page.
my $plain = $server->request('GET /x', [$wrong]);
is($plain->header('Content-Length'), length $plain->body, 'the length is right');
like($plain->header('Content-Type'), qr{\Aapplication/json}, 'the type is that of the envelope');
is($plain->header('X-Always'), 'yes', 'add_header is obeyed');
my $head = $server->request('HEAD /x', [$wrong]);
is(join(' ', $head->status, $head->header('Content-Length'), length $head->body), '401 ' . length($plain->body) . ' 0', 'HEAD');
my $part = $server->request('GET /x', [$wrong, 'Range: bytes=0-1']);
is(join(' ', $part->status, $part->body), '401 ' . $plain->body, 'no range of it');
my $agent = 'User-Agent: Mozilla/4.0 (compatible; MSIE 6.0)';
is($server->request('GET /padded/x', [$wrong, $agent])->body, $plain->body, 'no padding');
my $unpacked = $server->curl('--compressed', '-H', $stats, '-H', 'Host: main', 'http://127.0.0.1:' . $server->port . '/x');
is($unpacked, $server->request('GET /x', [$stats])->body, 'gzip');

my $panel = $server->request('GET /json-api/cpanel?cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops', [$stats]);
is($panel->status, 200, 'panel: a missing right is told in the body');
is($panel->header('Content-Length'), length $panel->body, 'panel: the length is right');
$server->wait_until('the log', sub { $server->access_log =~ /listpops HTTP\S+ 200 acl_denied/ });
pass('panel: the log has the status that was sent');
$panel = $server->request('GET /panel/x', [$wrong]);
is(join(' ', $panel->status, scalar(() = $panel->all('WWW-Authenticate'))), '403 0', 'panel: refused credentials');

$server->stop;
done_testing;
