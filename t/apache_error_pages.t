# Apache: a request that fails elsewhere than at Tokengate takes no token to the backend of the error's page either; and
# applications that are none of Tokengate's keep credentials of their own.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Test::More;
use Tokengate::Cases;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $proxied = 'http://127.0.0.1:' . $backend->port;
my $server  = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);

my $files = $server->folder . '/html/files';
mkdir $files or die $!;
symlink '/etc/hostname', "$files/link" or die $!;

$server->{config}{extra}{apache} = <<~"END";
    LoadModule access_compat_module /usr/lib/apache2/modules/mod_access_compat.so
    SetEnvIf Authorization (.+) COPY=\$1
    RequestHeader set X-Copy %{COPY}e env=COPY
    ErrorDocument 400 /page/400
    ErrorDocument 403 /page/403
    ErrorDocument 404 /page/404
    ProxyPass /page/ $proxied/page/
    ProxyPass /denied/ $proxied/denied/
    ProxyPass /passed/ $proxied/passed/
    ProxyPass /judged/ $proxied/judged/
    <LocationMatch "^/(denied|passed)/">
      AuthType Tokengate
      TokengateHeader X-Api-Key
      Require tokengate reports
      Order deny,allow
      Deny from all
    </LocationMatch>
    <Location "/passed/">
      TokengatePassAuthorization on
    </Location>
    <Directory "$files">
      Options None
    </Directory>
    <LocationMatch "^/(judged|files)/">
      AuthType Tokengate
      Require tokengate reports
    </LocationMatch>
    <Location "/to-judged/">
      AuthType Tokengate
      Require tokengate ftp
      ErrorDocument 403 /judged/page
    </Location>
    <Location "/page/">
      AuthType None
      Require all granted
    </Location>
    END
$server->start;

my $token  = $store->secret('reports');
my $basic  = 'Basic ' . encode_base64("shop:$token", '');
my ($panel, $key) = ("Authorization: cpanel shop:$token", "X-Api-Key: $token");

# [name, request, headers, page, copies that reach its backend]
my @cases = (
    ['denied by address', 'GET /denied/x', [$panel], '/page/403', 0],
    ['denied by address, a key', 'GET /denied/x', [$key], '/page/403', 0],
    ['an encoded slash', 'GET /denied/%2Fx', [$panel], '/page/404', 0],
    ['an encoded slash, a key', 'GET /denied/%2Fx', [$key], '/page/404', 0],
    ['a link that must not be followed', 'GET /files/link', [$panel], '/page/403', 0],
    ['two hosts', 'GET /denied/x', [$panel, 'Host: a', 'Host: b'], '/page/400', 0],
    ['denied by address, a scheme that is off', 'GET /denied/x', ["Authorization: $basic"], '/page/403', 2],
    ['where Authorization is passed on', 'GET /passed/x', [$panel], '/page/403', 2],
    ['not of Tokengate: no file', 'GET /nothing', [$panel], '/page/404', 2],
    ['not of Tokengate: no file, a key', 'GET /nothing', [$key], '/page/404', 1],
);
for (@cases) {
    my ($name, $request, $headers, $page, $copies) = @$_;
    $server->request($request, $headers, site => 'localhost');
    my ($seen) = $backend->seen;
    is($seen->{target}, $page, "$name: the page's backend is asked");
    my @held = grep { index($_->[1], $token) >= 0 || $_->[1] eq $basic } @{$seen->{headers}};
    is(scalar @held, $copies, "$name: copies of the token") or diag(explain($seen));
}

# The page of an error may be protected: it is judged by the credentials that came.
$server->request('GET /to-judged/x', [$panel], site => 'localhost');
my ($seen) = $backend->seen;
is("@{identity_seen($seen)->{user}}", 'shop', 'a page that is protected is judged');
$server->stop;
done_testing;
