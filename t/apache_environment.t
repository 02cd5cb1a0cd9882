# Apache: what SetEnvIf or RewriteRule copied from a header with a token reaches no backend either, neither by FastCGI
# nor in a header made from it.
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
my $fastcgi = Tokengate::Backend->new('fastcgi', $folder);
my $http    = 'http://127.0.0.1:' . $backend->port;
my $fcgi    = 'fcgi://127.0.0.1:' . $fastcgi->port;
my $server  = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);

# The first line is Debian's, of its PHP packages.
$server->{config}{extra}{apache} = <<~"END";
    SetEnvIfNoCase ^Authorization\$ "(.+)" HTTP_AUTHORIZATION=\$1
    SetEnvIf Request_URI ^ OTHER=kept
    RewriteEngine on
    RewriteRule ^/ - [E=KEY:%{HTTP:X-Api-Key}]
    RequestHeader set X-Copy %{HTTP_AUTHORIZATION}e env=HTTP_AUTHORIZATION
    RequestHeader set X-Old-Copy %{REDIRECT_HTTP_AUTHORIZATION}e env=REDIRECT_HTTP_AUTHORIZATION
    RequestHeader set X-Key-Copy %{KEY}e env=KEY
    RequestHeader set X-Other %{OTHER}e env=OTHER
    ProxyPass /fcgi/ $fcgi/fcgi/
    ProxyPass /http/ $http/http/
    ProxyPass /passed/ $fcgi/passed/
    ProxyPass /page/ $fcgi/page/
    ProxyPass /http-page/ $http/http-page/
    <LocationMatch "^/(fcgi|http|passed)/">
      AuthType Tokengate
      Require tokengate reports
      TokengateHeader X-Api-Key
      ErrorDocument 401 /page/401
      ErrorDocument 403 /http-page/403
    </LocationMatch>
    <Location "/http/inside">
      Require ip 127.0.0.1
      Require tokengate reports
    </Location>
    <Location "/passed/">
      TokengatePassAuthorization on
    </Location>
    <LocationMatch "^/(http-)?page/">
      AuthType None
      Require all granted
    </LocationMatch>
    END
$server->start;

my ($reports, $ftp) = map { $store->secret($_) } qw(reports mail-ftp);

# [name, path, header, the backend asked, the token whose copies count, how many there are]
my @cases = (
    ['FastCGI', '/fcgi/x', "Authorization: cpanel shop:$reports", $fastcgi, $reports],
    ['FastCGI, Bearer', '/fcgi/x', "Authorization: Bearer $reports", $fastcgi, $reports],
    ['FastCGI, a blank behind it', '/fcgi/x', "Authorization: Bearer $reports \t", $fastcgi, $reports],
    ['FastCGI, a key header', '/fcgi/x', "X-Api-Key: $reports", $fastcgi, $reports],
    ['a header made of it', '/http/x', "Authorization: cpanel shop:$reports", $backend, $reports],
    ['a header made of a key header', '/http/x', "X-Api-Key: $reports", $backend, $reports],
    ['let in by another Require', '/http/inside', "Authorization: cpanel shop:$ftp", $backend, $ftp],
    ['the page of a 403', '/fcgi/x', "Authorization: cpanel shop:$ftp", $backend, $ftp],
    ['the page of a 403, a key header', '/fcgi/x', "X-Api-Key: $ftp", $backend, $ftp],
    ['the page of a 401', '/fcgi/x', "Authorization: cpanel root:$reports", $fastcgi, $reports],
    ['where Authorization is passed on', '/passed/x', "Authorization: Bearer $reports", $fastcgi, $reports, 2],
);
for (@cases) {
    my ($name, $path, $header, $asked, $secret, $copies) = @$_;
    $server->request("GET $path", [$header], site => 'localhost');
    my @seen = $asked->seen;
    is(scalar @seen, 1, "$name: the backend is asked");
    my @held = map {"$_->[0]=$_->[1]"} grep { index($_->[1], $secret) >= 0 } @{$seen[0]{headers}};
    is(scalar @held, $copies // 0, "$name: copies of the token") or diag(explain(\@held));
    my ($other) = map { $_->[1] } grep { $_->[0] =~ /\A(?:HTTP_X_OTHER|X-Other)\z/ } @{$seen[0]{headers}};
    is($other, 'kept', "$name: other variables stay");
}

# Text that is too short for a token is no reason to take a variable away.
$server->request('GET /fcgi/x', ['Authorization: Bearer kept'], site => 'localhost');
my ($seen) = $fastcgi->seen;
is((map { $_->[1] } grep { $_->[0] eq 'HTTP_X_OTHER' } @{$seen->{headers}})[0], 'kept', 'a client cannot name a variable to be removed');

$server->stop;
done_testing;
