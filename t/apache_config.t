# Apache: what the configuration accepts, what it says about mistakes, how it inherits, and that a place that
# only looks protected is not served.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Backend;
use Tokengate::Cases;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $proxied = 'http://127.0.0.1:' . $backend->port;

# What the server says about `text`; `path` undef: without TokengateStore.
sub says ($text, $path = $store->path) {
    my $server = Tokengate::Apache->new(store => $path, sites => [], backend => $backend, extra => {apache => $text});
    return $server->test_configuration;
}

# [name, configuration, what the message must contain]
my @refused = (
    ['service', 'TokengateService root', 'TokengateService: "root" is no service; use cpanel or whm'],
    ['scheme', 'TokengateSchemes cpanel digest', '"digest" is no scheme; use cpanel, whm, bearer or basic'],
    ['no scheme', 'TokengateSchemes', 'TokengateSchemes needs at least one'],
    ['header', 'TokengateHeader "X Key"', 'TokengateHeader needs the name of a header'],
    ['header that is Authorization', 'TokengateHeader authorization', 'names a header that already has a meaning'],
    ['header that folds to Content-Type', 'TokengateHeader Content_Type', 'names a header that already has a meaning'],
    ['header that is ours', 'TokengateHeader X_Tokengate_User', 'is set for the backend; use another header'],
    ['one header for token and user', "TokengateHeader X-Who\nTokengateUserHeader x_who", 'TokengateHeader X-Who is TokengateUserHeader too'],
    ['user header', 'TokengateUserHeader X-Tokengate-Token', 'carries something else; use another header'],
    ['user header that is the number', 'TokengateUserHeader x_tokengate_token_id', 'carries something else; use another header'],
    ['header that is the serial', 'TokengateHeader X-Tokengate-Secret-Serial', 'is set for the backend; use another header'],
    ['refusals', 'TokengateRefusals html', '"html" is no style; use standard or panel'],
    ['size', 'TokengateMaxBody 1g', '"1g" is no size; use bytes, or a number with k or m, up to 64m'],
    ['negative size', 'TokengateMaxBody -1', 'is no size'],
    ['huge size', 'TokengateMaxBody 99999999999999999999', 'is no size'],
    ['flag', 'TokengatePlainHttp maybe', 'must be On or Off'],
    ['realm', "TokengateRealm \"a\tb\"", 'needs a text of 1 to 128 printable ASCII characters'],
    ['trailers', "MergeTrailers on\n<Location /x>\nAuthType Tokengate\nRequire tokengate\n</Location>", 'MergeTrailers on would let a client add'],
    ['second store', 'TokengateStore /tmp/other', 'TokengateStore stands twice'],
    ['store in a virtual host', "<VirtualHost *:1>\nTokengateStore /tmp/other\n</VirtualHost>", 'cannot occur within <VirtualHost> section'],
    ['Satisfy that nobody obeys', "<Location /x>\nSatisfy Any\n</Location>", 'needs mod_access_compat'],
    ['ACL', "<Location /x>\nAuthType Tokengate\nRequire tokengate e/mail\n</Location>", '"e/mail" is no name of an ACL'],
    ['catalog and ACL', "<Location /x>\nAuthType Tokengate\nRequire tokengate catalog email\n</Location>", 'name ACLs or `catalog`, not both'],
);
for (@refused) {
    my ($name, $text, $message) = @$_;
    my ($ok, $said) = says($text);
    ok(!$ok && index($said, $message) >= 0, "refused: $name") or diag($said);
}
my ($ok, $said) = says("<Location /x>\nAuthType tokengate\nRequire tokengate\n</Location>", undef);
ok(!$ok && $said =~ /AuthType Tokengate at \S+httpd.conf line \d+, in <Location \/x> needs TokengateStore/, 'refused: no store')
    or diag($said);

my $compat = 'LoadModule access_compat_module /usr/lib/apache2/modules/mod_access_compat.so';
# [name, configuration, a warning or undef for none]
my @accepted = (
    ['all at once', join("\n", 'TokengateService whm', 'TokengateSchemes cpanel whm bearer basic', 'TokengateHeader X-Api-Key',
        'TokengateUserHeader X-Remote-User', 'TokengatePassAuthorization on', 'TokengateRealm "my API"', 'TokengateRefusals panel',
        'TokengateMaxBody 64k', 'TokengatePlainHttp off', 'TokengateReportOnly off', '<Location /x>', 'TokengateHeader off',
        'AuthType Tokengate', 'Require tokengate email e.mail_2-x', '</Location>'), undef],
    ['Require around it', "<Location /x>\nAuthType Tokengate\n<RequireAll>\nRequire ip 127.0.0.1\nRequire tokengate\n</RequireAll>\n</Location>", undef],
    ['AuthType without Require', "<Location /x>\nAuthType Tokengate\n</Location>", qr/in <Location \/x> has no Require beside it/],
    ['Require all granted beside it', "<Location /x>\nAuthType Tokengate\nRequire all granted\n</Location>", qr/in <Location \/x> protects nothing/],
    ['a Require that only forbids', "<Location /x>\nAuthType Tokengate\n<RequireAll>\nRequire all granted\nRequire not tokengate ftp\n</RequireAll>\n</Location>",
        qr/protects nothing/],
    ['Require in Limit', "<Location /x>\nAuthType Tokengate\n<Limit GET>\nRequire tokengate\n</Limit>\n</Location>",
        qr/line \d+, in <Limit GET>: `Require tokengate` is for the methods of this section only/],
    ['Require in LimitExcept', "<Location /x>\nAuthType Tokengate\n<LimitExcept GET>\nRequire tokengate\n</LimitExcept>\n</Location>", undef],
    ['AuthMerging Or', "<Location /x>\nAuthMerging Or\nAuthType Tokengate\nRequire tokengate\n</Location>", qr/in <Location \/x>: AuthMerging Or lets in/],
    ['AuthMerging And', "<Location /x>\nAuthMerging And\nAuthType Tokengate\nRequire tokengate\n</Location>", undef],
    ['AuthMerging Or elsewhere', "<Location /x>\nAuthMerging Or\nRequire ip 192.0.2.1\n</Location>", undef],
    ['Satisfy Any', "$compat\n<Location /x>\nAuthType Tokengate\nRequire tokengate\nSatisfy Any\n</Location>", qr/in <Location \/x>: Satisfy Any lets in/],
    ['Satisfy All', "$compat\n<Location /x>\nAuthType Tokengate\nRequire tokengate\nSatisfy All\n</Location>", undef],
    ['Satisfy Any elsewhere', "$compat\n<Location /x>\nRequire all granted\nSatisfy Any\n</Location>", undef],
);
for (@accepted) {
    my ($name, $text, $warning) = @$_;
    my ($ok, $said) = says($text);
    ok($ok && (defined $warning ? $said =~ $warning : $said !~ /tokengate/), "accepted: $name") or diag($said);
}
($ok, $said) = says("<Location /x>\nAuthType Tokengate\nRequire tokengate\n</Location>", "$folder/nowhere");
ok($ok && $said =~ /tokengate: TokengateStore: .*nowhere/, 'a missing store is named, but does not stop the server') or diag($said);

# Inheritance, and the places that look protected.
my $server = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);
my $html   = $server->folder . '/html';
mkdir $server->folder . '/cache';
chown +(getpwnam Tokengate::Server::worker_user())[2, 3], $server->folder . '/cache' if Tokengate::Server::worker_user();
$server->{config}{extra}{apache} = <<~"END";
    TokengateHeader X-Api-Key
    TokengateUserHeader X-Outer-User
    ProxyPass /api/ $proxied/api/
    <Location "/api/">
      AuthType Tokengate
      Require tokengate email
    </Location>
    <Location "/api/inner/">
      TokengateUserHeader X-Inner-User
    </Location>
    <Location "/api/nokey/">
      TokengateHeader off
      TokengateSchemes bearer
    </Location>
    <Location "/api/otherkey/">
      TokengateHeader X-Other-Key
    </Location>
    <Location "/api/open/">
      Require all granted
    </Location>
    <Location "/api/open/closed/">
      Require tokengate ftp
    </Location>
    <Location "/looks/">
      AuthType Tokengate
    </Location>
    # A cache that answers before anybody is asked who is there.
    LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so
    LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so
    CacheRoot @{[$server->folder]}/cache
    CacheEnable disk /cached/
    CacheIgnoreNoLastMod On
    CacheDefaultExpire 3600
    <Location "/cached/">
      AuthType Tokengate
      Require tokengate email
    </Location>
    <Location "/cached/mixed.html">
      Require ip 192.0.2.1
      Require tokengate email
    </Location>
    <Directory $html/htaccess>
      AllowOverride AuthConfig
    </Directory>
    <Directory $html/limited>
      AllowOverride AuthConfig
    </Directory>
    <Directory $html/looks-htaccess>
      AllowOverride AuthConfig
    </Directory>
    END
# Every setting reaches a location within, which sets another one.
my %outer = (
    service => 'TokengateService whm', schemes => 'TokengateSchemes bearer', report => 'TokengateReportOnly on',
    refusals => 'TokengateRefusals panel', pass => 'TokengatePassAuthorization on', plain => 'TokengatePlainHttp on',
    key => 'TokengateHeader X-Inherited-Key', user => 'TokengateUserHeader X-Inherited-User', realm => 'TokengateRealm inherited',
    body => 'TokengateMaxBody 10');
for my $name (sort keys %outer) {
    my $path = $name eq 'body' ? '/cpsess7/' : "/api/$name/";
    my $acls = {service => ' list-accts', body => ''}->{$name} // ' email';
    my $inner = $name eq 'body' ? 'json-api/' : 'inner/';
    my $other = $name eq 'realm' ? 'TokengateMaxBody 10' : 'TokengateRealm inner';
    $server->{config}{extra}{apache} .= "<Location $path>\n$outer{$name}\nAuthType Tokengate\nRequire tokengate$acls\n</Location>\n"
        . "<Location $path$inner>\n$other\n</Location>\n";
}
$server->{config}{extra}{apache} .= "ProxyPass /cpsess7/ $proxied/cpsess7/\n";
$server->write_file('html/looks/x.html', 'secret');
$server->write_file('html/cached/x.html', 'secret');
$server->write_file('html/cached/mixed.html', 'secret');
utime time - 1000, time - 1000, "$html/cached/x.html", "$html/cached/mixed.html";
$server->write_file('html/htaccess/x.html', 'page');
$server->write_file('html/htaccess/.htaccess', "AuthType Tokengate\nTokengateSchemes bearer\nTokengateHeader off\nTokengateRealm there\nRequire tokengate email\n");
$server->write_file('html/limited/x.html', 'page');
$server->write_file('html/limited/.htaccess', "AuthType Tokengate\nTokengatePlainHttp on\nRequire tokengate email\n");
$server->write_file('html/looks-htaccess/x.html', 'secret');
$server->write_file('html/looks-htaccess/.htaccess', "AuthType Tokengate\n");
$server->allow_log(qr/TokengatePlainHttp not allowed here/);
$server->start;

my $cpanel = 'Authorization: cpanel shop:' . $store->secret('email');
my $whm    = 'Authorization: whm reseller:' . $store->secret('whm-list');
my $pops   = 'cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops';
my $bearer = 'Authorization: Bearer ' . $store->secret('email');
my $key    = 'X-Api-Key: ' . $store->secret('email');
my $other  = 'X-Other-Key: ' . $store->secret('email');

# [name, path, headers, status, {header that the backend sees: value}]
for (
    ['settings of the server count', '/api/x', [$key], 200, {'X-Outer-User' => 'shop', 'X-Api-Key' => undef}],
    ['a key twice', '/api/x', [$key, $key], 401],
    ['a key and credentials', '/api/x', [$key, $cpanel], 401],
    ['another user header', '/api/inner/x', [$cpanel], 200, {'X-Inner-User' => 'shop', 'X-Outer-User' => undef}],
    ['client copies of either', '/api/inner/x', [$cpanel, 'X-Outer-User: root', 'x_inner_user: root'], 200,
        {'X-Inner-User' => 'shop', 'X-Outer-User' => undef, 'X_Inner_User' => undef}],
    ['client copies in an open place', '/api/open/x', ['X-Outer-User: root', 'X_INNER_USER: root'], 200,
        {'X-Inner-User' => undef, 'X-Outer-User' => undef, 'X_Inner_User' => undef}],
    ['an open place keeps a token to itself', '/api/open/x', [$cpanel, $key], 200, {'Authorization' => undef, 'X-Api-Key' => undef}],
    ['a key switched off', '/api/nokey/x', [$key], 401],
    ['a scheme switched off', '/api/nokey/x', [$cpanel], 401],
    ['a scheme switched on', '/api/nokey/x', [$bearer], 200],
    ['another key', '/api/otherkey/x', [$other], 200, {'X-Other-Key' => undef}],
    ['not the other key', '/api/otherkey/x', [$key], 401],
    ['closed within open', '/api/open/closed/x', [$cpanel], 403],
    ['inherited: service', '/api/service/inner/x', [$whm], 200],
    ['inherited: service, the other one\'s token', '/api/service/inner/x', [$cpanel], 401],
    ['inherited: schemes', '/api/schemes/inner/x', [$cpanel], 401],
    ['inherited: report only', '/api/report/inner/x', [], 200],
    ['inherited: refusals', '/api/refusals/inner/x', [], 403],
    ['inherited: pass Authorization', '/api/pass/inner/x', [$cpanel], 200, {'Authorization' => $cpanel =~ s/.*?: //r}],
    ['inherited: plain HTTP', '/api/plain/inner/x', [$cpanel, 'X-Test-Client: 192.0.2.1'], 200],
    ['not inherited: plain HTTP', '/api/x', [$cpanel, 'X-Test-Client: 192.0.2.1'], 403],
    ['inherited: header', '/api/key/inner/x', [$key =~ s/Api/Inherited/r], 200, {'X-Inherited-Key' => undef}],
    ['inherited: user header', '/api/user/inner/x', [$cpanel], 200, {'X-Inherited-User' => 'shop', 'X-Outer-User' => undef}],
    ['inherited: largest body', "/cpsess7/json-api/cpanel?$pops", [$cpanel, 'Content-Length: 11'], 400, {}, 'x=456789012'],
    ['inherited: largest body, within', "/cpsess7/json-api/cpanel?$pops", [$cpanel, 'Content-Length: 10'], 200, {}, 'x=45678901'],
    ['.htaccess, no token', '/htaccess/x.html', [], 401],
    ['.htaccess, a scheme that it does not take', '/htaccess/x.html', [$cpanel], 401],
    ['.htaccess, a scheme that it takes', '/htaccess/x.html', [$bearer], 200],
    ['.htaccess cannot loosen the transport', '/limited/x.html', [$cpanel], 500],
    ['AuthType under an inherited Require', '/looks/x.html', [$cpanel], 500],
    ['AuthType in .htaccess under an inherited Require', '/looks-htaccess/x.html', [$cpanel], 500])
{
    my ($name, $path, $headers, $status, $want, $body) = @$_;
    my @lines    = ('Host: localhost', 'Connection: close', @$headers);
    my $response = $server->raw(join("\r\n", (defined $body ? 'POST' : 'GET') . " $path HTTP/1.1", @lines) . "\r\n\r\n" . ($body // ''));
    my ($seen)   = $backend->seen;
    my %seen     = map { (lc $_->[0], $_->[1]) } @{$seen->{headers} // []};
    is_deeply([$response->status, {map { $_ => $seen{lc $_} } keys %{$want // {}}}], [$status, $want // {}], $name)
        or diag($response->body, $server->error_log);
}
is($server->request('GET /cached/x.html', [$key], site => 'localhost')->status, 200, 'with a cache in front: granted');
is($server->request('GET /cached/x.html', [], site => 'localhost')->status, 401, 'and the next caller gets nothing from it');
my $mixed = sub (@headers) { $server->request('GET /cached/mixed.html', [@headers], site => 'localhost')->status };
is($mixed->('X-Test-Client: 192.0.2.1'), 200, 'with a cache in front: let in by its address');
is($mixed->(), 401, 'and the next caller gets nothing from it either');
like($server->request('GET /htaccess/x.html', [], site => 'localhost')->header('WWW-Authenticate'), qr/realm="there"/, 'the realm of .htaccess');
like($server->request('GET /api/realm/inner/x', [], site => 'localhost')->header('WWW-Authenticate'), qr/realm="inherited"/, 'inherited: realm');
like($server->error_log, qr/AuthType Tokengate at \S+ line \d+, in <Location "\/looks\/"> is in force, but the Require in force lets everybody in/,
    'such a place is named in the log');
$server->stop;
$backend->stop;
done_testing;
