# Bodies that choose the function: in memory, in a temporary file, chunked, slow, too large, over HTTP/2. What was
# judged is what the backend gets, byte for byte, also where nginx is told not to buffer.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $store   = Tokengate::Store->standard;
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port;

my %extra = (
    buffered   => "client_body_buffer_size 8k; client_max_body_size 2m;\n",
    file       => "client_body_in_file_only clean;\n",
    unbuffered => "client_body_buffer_size 8k; proxy_request_buffering off; proxy_http_version 1.1;\n",
    small      => "tokengate_max_body 200;\n",
    tiny       => "client_max_body_size 200;\n",
    mirrored   => "mirror /copy; location = /copy { internal; tokengate off; $to/copy; }\n",
    watched    => "client_body_buffer_size 8k;\n",
    required   => "tokengate_require email;\n",
);
my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [map { $_ => {tokengate => $_ eq "watched" ? "report_only" : "on", extra => {nginx => $extra{$_}}} } sort keys %extra]);
$server->start;

my $email    = 'Authorization: cpanel shop:' . $store->secret('email');
my $stats    = 'Authorization: cpanel shop:' . $store->secret('stats');
my $wrong    = 'Authorization: cpanel shop:' . 'W' x 32;
my $type     = 'Content-Type: application/x-www-form-urlencoded';
my $call     = 'cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops&cpanel_jsonapi_apiversion=2';
my $long     = $call . '&text=' . 'x' x 100_000;
my $too_long = $call . '&text=' . 'x' x 1_100_000;
# The end of a long body counts as much as its beginning.
my $turned   = $long . '&cpanel_jsonapi_func=addpop';

# Status, outcome, and what the backend got of the body.
sub result ($site, $headers, $body, %option) {
    my $response = $server->request('POST /json-api/cpanel', [$type, @$headers], site => $site, body => $body, %option);
    my @seen = $backend->seen;
    my $got = !@seen ? 'not seen' : join ' ', map { $_->{body} eq $body ? 'all of it' : "something else: $_->{body}" } @seen;
    return join ', ', $response->status, $response->header('X-Test-Outcome') // '-', $got;
}

my $granted = '200, granted, all of it';
my @chunks  = (chunked => [1, 7, 30, 4000, 16000]);

# [name, site, headers, body, options, result]
my @cases = (
    ['short', 'buffered', [$email], $call, [], $granted],
    ['short, of a function that the token may not call', 'buffered', [$stats], $call, [], '403, acl_denied, not seen'],
    ['in a temporary file', 'buffered', [$email], $long, [], $granted],
    ['in a temporary file, turned at its end', 'buffered', [$email], $turned, [], '400, bad_route, not seen'],
    ['short, in a file all the same', 'file', [$email], $call, [], $granted],
    ['short, in a file all the same, refused', 'file', [$stats], $call, [], '403, acl_denied, not seen'],
    ['chunked', 'buffered', [$email], $call, [@chunks], $granted],
    ['chunked, in a temporary file', 'buffered', [$email], $long, [@chunks], $granted],
    ['chunked, turned at its end', 'buffered', [$email], $turned, [@chunks], '400, bad_route, not seen'],
    ['not to be buffered', 'unbuffered', [$email], $call, [], $granted],
    ['not to be buffered, long', 'unbuffered', [$email], $long, [], $granted],
    ['not to be buffered, chunked', 'unbuffered', [$email], $long, [@chunks], $granted],
    ['not to be buffered, refused', 'unbuffered', [$stats], $long, [@chunks], '403, acl_denied, not seen'],
    ['larger than the default of 1m', 'buffered', [$email], $too_long, [], '400, bad_route, not seen'],
    ['chunked, larger than the default of 1m', 'buffered', [$email], $too_long, [@chunks], '400, bad_route, not seen'],
    ['just within the limit', 'small', [$email], $call . '&t=' . 'x' x (197 - length $call), [], $granted],
    ['one byte more', 'small', [$email], $call . '&t=' . 'x' x (198 - length $call), [], '400, bad_route, not seen'],
    ['chunked, just within the limit', 'small', [$email], $call . '&t=' . 'x' x (197 - length $call), [chunked => 1], $granted],
    ['chunked, one byte more', 'small', [$email], $call . '&t=' . 'x' x (198 - length $call), [chunked => 1], '400, bad_route, not seen'],
    ['too large for nginx', 'tiny', [$email], $long, [], '413, -, not seen'],
    ['chunked, too large for nginx', 'tiny', [$email], $long, [@chunks], '413, -, not seen'],
    ['watched only', 'watched', [$stats], $call, [], '200, acl_denied, all of it'],
    ['watched only, by nobody we know', 'watched', [$wrong], $long, [], '200, unknown_token, all of it'],
    ['empty, the call in the query is missing', 'buffered', [$email], '', [], '400, bad_route, not seen'],
);
for (@cases) {
    my ($name, $site, $headers, $body, $options, $result) = @$_;
    is(result($site, $headers, $body, @$options), $result, $name);
}

my @copies;
is($server->request('POST /json-api/cpanel', [$email, $type], site => 'mirrored', body => $long)->status, 200, 'mirrored');
$server->wait_until('the mirror', sub { push @copies, $backend->seen; @copies == 2 });
is_deeply([map { $_->{body} eq $long } @copies], [1, 1], 'mirrored: all of it, twice');

# Where the function is chosen elsewhere, a body of any size passes by unread.
my $response = $server->request('POST /execute/Email/list_pops', [$email], site => 'buffered', body => $too_long);
my ($seen) = $backend->seen;
is(join(' ', $response->status, sha256_hex($seen->{body})), join(' ', 200, sha256_hex($too_long)), 'not looked at');

# Nobody we know makes us wait for a body: the answer comes before it.
my $connection = $server->connect->send("POST /json-api/cpanel HTTP/1.1\r\nHost: buffered\r\n$wrong\r\nContent-Length: 100000\r\n\r\n");
is($connection->response->status, 401, 'refused before the body came');
$connection->close;

# A slow one is waited for, and a connection given up while waiting grants nothing.
my $head = "POST /json-api/cpanel HTTP/1.1\r\nHost: buffered\r\n$email\r\n$type\r\nContent-Length: " . length($call) . "\r\n\r\n";
$connection = $server->connect->send($head);
for my $byte (split //, $call) { $connection->send($byte) }
is($connection->response->status, 200, 'byte by byte');
is(($backend->seen)[0]{body}, $call, 'byte by byte: all of it');
$connection->send($head . $call . $head . $call);
is(join(' ', map { $connection->response->status } 1, 2), '200 200', 'on a connection kept open, two at once');
$connection->close;
$backend->seen;

$connection = $server->connect->send($head . substr $call, 0, 20);
$connection->close;
$server->wait_until('the aborted request', sub { $server->access_log =~ /^POST \S+ HTTP\/1.1 400 - /m });
is(scalar(() = $backend->seen), 0, 'given up while waiting: nothing reaches the backend');

# Revoked while the body was on its way.
$store->create_token('shop', 'brief', '--acl', 'email');
$connection = $server->connect->send($head =~ s/cpanel shop:\S+/'cpanel shop:' . $store->secret('brief')/er);
$connection->send(substr $call, 0, 20);
select undef, undef, undef, 0.2;
$store->run('token', 'revoke', 'shop', 'brief');
$connection->send(substr $call, 20);
is($connection->response->status, 401, 'revoked while the body was on its way');
$connection->close;

$backend->seen;
for my $form ('short', 'long') {
    my $body = $form eq 'short' ? $call : $long;
    my $path = $server->write_file("run/$form", $body);
    my $status = $server->curl('--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}',
        '-H', 'Host: buffered', '-H', $email, '--data-binary', "\@$path", 'http://127.0.0.1:' . $server->h2_port . '/json-api/cpanel');
    is($status, '2 200', "HTTP/2, $form");
    my ($got) = $backend->seen;
    ok($got && $got->{body} eq $body, "HTTP/2, $form: all of it");
    $status = $server->curl('--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}',
        '-H', 'Host: buffered', '-H', $stats, '--data-binary', "\@$path", 'http://127.0.0.1:' . $server->h2_port . '/json-api/cpanel');
    is($status, '2 403', "HTTP/2, $form, refused");
    # Without Content-Length, as a stream of unknown size.
    $status = $server->curl('--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}',
        '-H', 'Host: buffered', '-H', $stats, '-H', 'Content-Length:', '-X', 'POST', '-T', $path,
        'http://127.0.0.1:' . $server->h2_port . '/json-api/cpanel');
    is($status, '2 403', "HTTP/2, $form, without a length, refused");
}
is(scalar(() = $backend->seen), 0, 'HTTP/2: nothing of the refused');
is($server->curl('--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}', '-H', 'Host: buffered',
        '-H', $email, 'http://127.0.0.1:' . $server->h2_port . "/json-api/cpanel?$call"), '2 200', 'HTTP/2, no body');

$server->stop;
done_testing;
