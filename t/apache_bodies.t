# Apache: a body that chooses the function is read through the server's filters and handed on unchanged.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Compress::Zlib ();
use JSON::PP;
use Test::More;
use Tokengate::Backend;
use Tokengate::Cases;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $proxied = 'http://127.0.0.1:' . $backend->port;
my $server  = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);
my $html    = $server->folder . '/html';

$server->{config}{extra}{apache} = <<~"END";
    LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
    LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
    Protocols h2c http/1.1
    ScriptAlias /cpsess1/json-api/cpanel $html/show.cgi
    ProxyPass /json-api/ $proxied/json-api/
    ProxyPass /cpsess2/json-api/ $proxied/json-api/
    <Location "/">
      AuthType Tokengate
      Require tokengate
    </Location>
    <Location "/cpsess2/">
      TokengateMaxBody 1k
      # Content filters come after us: the backend gets what they make of the body.
      SetInputFilter DEFLATE
    </Location>
    <Location "/cpsess3/">
      ProxyPass $proxied/cpsess3/
      TokengateReportOnly on
    </Location>
    <Directory $html/form>
      RewriteEngine on
      RewriteRule ^send\$ /json-api/cpanel [L]
      Require tokengate email
    </Directory>
    <Location "/form/">
      Require tokengate email
    </Location>
    END
chmod 0755, $server->write_file('html/show.cgi', <<~'END');
    #!/usr/bin/perl
    use JSON::PP;
    print "Content-Type: application/json\n\n", JSON::PP->new->encode({%ENV, body => do { local $/; <STDIN> // '' }});
    END
$server->write_file('html/form/keep', '');
$server->start;

my $email = 'Authorization: cpanel shop:' . $store->secret('email');
my $pops  = 'cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops';
my $zones = 'cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=ZoneEdit&cpanel_jsonapi_func=fetchzones';
my $long  = $pops . '&padding=' . 'x' x 200_000;
my $json  = '{"cpanel_jsonapi_apiversion":2,"cpanel_jsonapi_module":"Email","cpanel_jsonapi_func":"listpops"}';
my $form  = 'Content-Type: application/x-www-form-urlencoded';

sub ask ($request, $headers, %option) { return $server->request($request, [$email, @$headers], %option, site => 'localhost') }

# [name, path, headers, body, chunks, status, outcome]
my @cases = (
    ['a form', '/json-api/cpanel', [$form], $pops, 0, 200, 'granted'],
    ['a form that calls something else', '/json-api/cpanel', [$form], $zones, 0, 403, 'acl_denied'],
    ['no type', '/json-api/cpanel', [], $pops, 0, 200, 'granted'],
    ['chunked', '/json-api/cpanel', [$form], $pops, 1, 200, 'granted'],
    ['in many chunks', '/json-api/cpanel', [$form], $pops, [1, 2, 3, 5, 8, 13, 21], 200, 'granted'],
    ['chunked, calls something else', '/json-api/cpanel', [$form], $zones, [20, 20, 20], 403, 'acl_denied'],
    ['large', '/json-api/cpanel', [$form], $long, 0, 200, 'granted'],
    ['large and chunked', '/json-api/cpanel', [$form], $long, [8000, 100_000], 200, 'granted'],
    ['JSON', '/json-api/cpanel', ['Content-Type: application/json'], $json, 0, 200, 'granted'],
    ['two types', '/json-api/cpanel', [$form, 'Content-Type: application/json'], $pops, 0, 400, 'bad_route'],
    ['a type in another spelling', '/json-api/cpanel', [$form, 'Content_Type: application/json'], $pops, 0, 400, 'bad_route'],
    ['an encoding in another spelling', '/json-api/cpanel', [$form, 'content_encoding: gzip'], $pops, 0, 400, 'bad_route'],
    ['compressed', '/json-api/cpanel', [$form, 'Content-Encoding: gzip'], $pops, 0, 400, 'bad_route'],
    ['over one megabyte', '/json-api/cpanel', [$form], $pops . '&' . 'x' x (1 << 20), 0, 400, 'bad_route'],
    ['over one megabyte and chunked', '/json-api/cpanel', [$form], $pops . '&' . 'x' x (1 << 20), [500_000, 500_000], 400, 'bad_route'],
    ['within a limit of its own', '/cpsess2/json-api/cpanel', [$form], $pops, 0, 200, 'granted'],
    ['over a limit of its own', '/cpsess2/json-api/cpanel', [$form], $pops . '&' . 'x' x 1000, 0, 400, 'bad_route'],
    ['over a limit of its own, chunked', '/cpsess2/json-api/cpanel', [$form], $pops . '&' . 'x' x 1000, [900], 400, 'bad_route'],
    ['report only', '/cpsess3/json-api/cpanel', [$form], $zones, 0, 200, 'acl_denied'],
    ['report only, over one megabyte', '/cpsess3/json-api/cpanel', [$form], $pops . '&' . 'x' x (1 << 20), 0, 200, 'bad_route'],
    ['report only, chunked: it cannot go on whole', '/cpsess3/json-api/cpanel', [$form], $pops . '&' . 'x' x (1 << 20), [500_000], 413, 'bad_route'],
    ['redirected', '/form/send', [$form], $pops, 0, 200, 'granted'],
    ['redirected, large and chunked', '/form/send', [$form], $long, [70_000], 200, 'granted'],
    ['redirected, calls something else', '/form/send', [$form], $zones, 0, 403, 'acl_denied'],
);
for (@cases) {
    my ($name, $path, $headers, $body, $chunked, $status, $outcome) = @$_;
    my $response = ask("POST $path", $headers, body => $body, $chunked ? (chunked => $chunked) : ());
    my @seen = $backend->seen;
    is_deeply([$response && $response->status, $response && $response->header('X-Test-Outcome'), scalar @seen],
        [$status, $outcome, $status == 200 ? 1 : 0], $name) or diag($response ? $response->body : 'no answer');
    ok($seen[0]{body} eq $body, "$name: byte for byte") if @seen;
}

# Whether the call stands in the query or in the body makes no difference; in both, it must be the same.
is(ask("POST /json-api/cpanel?$pops", [$form], body => 'x=y')->status, 200, 'query');
is(ask("POST /json-api/cpanel?$pops", [$form], body => $zones)->status, 400, 'query and body that differ');
is(ask("GET /json-api/cpanel?$pops", [])->status, 200, 'no body');
$backend->seen;

my $saw = decode_json(ask('POST /cpsess1/json-api/cpanel', [$form], body => $pops)->body);
is_deeply([@$saw{qw(body CONTENT_LENGTH TOKENGATE_ROUTE)}], [$pops, length $pops, 'api2 Email listpops'], 'a script reads it');
$saw = decode_json(ask('POST /cpsess1/json-api/cpanel', [$form], body => $pops, chunked => [10, 10])->body);
is($saw->{body}, $pops, 'chunked too');

# Nobody but a known caller makes us read.
my $client = $server->connect;
$client->send("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
is($client->response->status, 401, 'an unknown caller is refused before the body');

$client = $server->connect;
$client->send("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\n$email\r\nContent-Length: @{[length $pops]}\r\nExpect: 100-continue\r\n\r\n");
my $interim = $client->_take(25);
is($interim, "HTTP/1.1 100 Continue\r\n\r\n", 'a known caller is asked for it');
is($client->send($pops)->response->status, 200, 'and granted');
$client->send("GET /json-api/cpanel?$pops HTTP/1.1\r\nHost: x\r\n$email\r\n\r\n");
is($client->response->status, 200, 'the connection goes on after a body');
$client->send("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\n$email\r\nContent-Length: @{[length $zones]}\r\n\r\n$zones");
is($client->response->status, 403, 'and after a refusal');
$client->send("GET /json-api/cpanel?$pops HTTP/1.1\r\nHost: x\r\n$email\r\n\r\n");
is($client->response->status, 200, 'it goes on, too');
$backend->seen;

# A body that ends early or makes no sense.
$client = $server->connect;
$client->send("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\n$email\r\nContent-Length: 1000\r\n\r\n$pops")->finish_sending;
my $response = $client->response;
ok(!$response || $response->status == 400, 'a body that ends early');
$response = $server->raw("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\n$email\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n$pops\r\n0\r\n\r\n");
is($response->status, 400, 'chunks that are none');
$response = $server->raw("POST /json-api/cpanel HTTP/1.1\r\nHost: x\r\n$email\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $pops, $pops));
is_deeply([$response->status, $response->header('X-Test-Outcome')], [400, 'bad_route'], 'a length and chunks');
is(scalar $backend->seen, 0, 'the backend sees none of them');

# What Connection names, the server's proxy drops. The type must not be, or the backend would read the body in another way
# than we did; nor may the identity.
for my $connection ('content-type, x-tokengate-user', 'x;content-type;x-tokengate-user', 'x content-type x-tokengate-user',
    '(,content-type,x-tokengate-user,)', '"a\", content-type, x-tokengate-user, "', 'keep-alive, Content-Type,X-Tokengate-User')
{
    is(ask('POST /json-api/cpanel', ['Content-Type: application/json', "Connection: $connection"], body => $json)->status, 200,
        "Connection: $connection");
    my ($seen) = $backend->seen;
    is_deeply([map { $_->[1] } grep { lc $_->[0] eq 'content-type' } @{$seen->{headers}}], ['application/json'], 'the type stays');
    is_deeply(identity_seen($seen)->{user}, ['shop'], 'so does the identity');
}

# HTTP/2, with and without a length.
for (['a length', '-d', $pops], ['no length', '-T', '-']) {
    my ($name, @body) = @$_;
    my @arguments = ('--http2-prior-knowledge', '-o', "$folder/answer", '-w', '%{http_version} %{http_code}', '-X', 'POST', '-H',
        $email, '-H', $form, @body, 'http://127.0.0.1:' . $server->port . '/json-api/cpanel');
    open my $input, '>', "$folder/form" or die $!;
    print $input $pops;
    close $input;
    @arguments = map { $_ eq '-' ? "$folder/form" : $_ } @arguments;
    is($server->curl(@arguments), '2 200', "HTTP/2, $name");
    is(($backend->seen)[0]{body}, $pops, "HTTP/2, $name: byte for byte");
}
is($server->curl('--http2-prior-knowledge', '-o', "$folder/answer", '-w', '%{http_code}', '-H', $email, '-d', $zones,
    'http://127.0.0.1:' . $server->port . '/json-api/cpanel'), '403', 'HTTP/2, something else');
is($server->curl('--http2-prior-knowledge', '-o', "$folder/answer", '-w', '%{http_code}', '-H', $email,
    'http://127.0.0.1:' . $server->port . "/json-api/cpanel?$pops"), '200', 'HTTP/2, no body');

$server->stop;
$backend->stop;
done_testing;
