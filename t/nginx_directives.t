# Directives: wrong values are refused with what would be right, levels inherit, `off` cancels.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw(encode_base64);
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $path    = $store->path;

# What nginx -t says to these lines in the http block and in a location.
sub tested ($http, $location) {
    my $server = Tokengate::Nginx->new(backend => $backend, extra => {nginx => "$http\n"},
        sites => [main => {locations => ['/x/' => {extra => {nginx => $location}}]}]);
    my ($ok, $text) = $server->test_configuration;
    return ($ok ? 'taken' : 'refused') . ": $text";
}

# [http, location, what is said]
my $here = "tokengate_store $path;";
my @wrong = (
    ['', 'tokengate on;', qr/refused.*"tokengate" is switched on, but there is no "tokengate_store".*http block/s],
    ['tokengate report_only;', '', qr/refused.*there is no "tokengate_store"/s],
    ['', 'tokengate maybe;', qr/refused.*"tokengate" directive must be "on", "off" or "report_only"/s],
    ['', 'tokengate off; tokengate off;', qr/refused.*"tokengate" directive is duplicate/s],
    ['', "tokengate_store $path;", qr/refused.*"tokengate_store" directive is not allowed here/s],
    ["$here $here", '', qr/refused.*"tokengate_store" directive is duplicate: there is one/s],
    ['tokengate_store "";', '', qr/refused.*"tokengate_store" directive needs the path/s],
    ['tokengate_store /a/$host;', '', qr/refused.*cannot hold a variable/s],
    ['', 'tokengate_service mail;', qr/refused.*"tokengate_service" directive must be "cpanel" or "whm"/s],
    ['', 'tokengate_require;', qr/refused.*invalid number of arguments in "tokengate_require"/s],
    ['', 'tokengate_require e-mail /x;', qr/refused.*"tokengate_require" directive needs names of ACLs/s],
    ['', 'tokengate_require ' . 'a' x 65 . ';', qr/refused.*at most 64 letters/s],
    ['', 'tokengate_require email catalog;', qr/refused.*either "catalog" alone or names of ACLs/s],
    ['', 'tokengate_schemes cpanel digest;', qr/refused.*takes "cpanel", "whm", "bearer" and "basic" only/s],
    ['', 'tokengate_header "X Key";', qr/refused.*"tokengate_header" directive needs the name of a header/s],
    ['', 'tokengate_header "";', qr/refused.*needs the name of a header/s],
    ['', 'tokengate_header Authorization;', qr/refused.*already has a meaning/s],
    ['', 'tokengate_header cookie;', qr/refused.*already has a meaning/s],
    ['', 'tokengate_header ' . 'a' x 64 . ';', qr/refused.*at most 63/s],
    ['', 'tokengate_user_header host;', qr/refused.*already has a meaning/s],
    ['', 'tokengate_user_header X_Forwarded_For;', qr/refused.*already has a meaning/s],
    map({ ['', "tokengate_user_header $_;", qr/refused.*header of another value/s] }
        qw(x-tokengate-token X_Tokengate_Token_Id x-tokengate-secret-serial)),
    [$here, 'tokengate on; tokengate_header X-Tokengate-User;', qr/refused.*"tokengate_header X-Tokengate-User" names a header that carries identity/s],
    [$here, 'tokengate on; tokengate_user_header X-Me; tokengate_header x_me;', qr/refused.*carries identity/s],
    ['', 'tokengate_pass_authorization yes;', qr/refused.*it must be "on" or "off"/s],
    ['', 'tokengate_plain_http 1;', qr/refused.*it must be "on" or "off"/s],
    ['', 'tokengate_realm "";', qr/refused.*"tokengate_realm" directive needs a text/s],
    ['', "tokengate_realm \"a\tb\";", qr/refused.*needs a text/s],
    ['', 'tokengate_refusals angry;', qr/refused.*must be "standard" or "panel"/s],
    ['', 'tokengate_max_body much;', qr/refused.*"tokengate_max_body" directive needs a size in bytes/s],
    ['', 'tokengate_max_body 65m;', qr/refused.*may be 64m at most/s],
    # A store that cannot be opened must not keep the other sites from starting.
    ['tokengate_store /nowhere/at/all;', 'tokengate on;', qr{taken.*\[warn\].*tokengate_store "/nowhere/at/all": \S}s],
    ["tokengate_store $folder;", 'tokengate on;', qr{taken.*\[warn\].*tokengate_store "$folder": \S}s],
    [$here, 'tokengate on;', qr/\Ataken(?!.*tokengate_store)/s],
    ['', 'tokengate off;', qr/\Ataken/],
);
like(tested($_->[0], $_->[1]), $_->[2], "$_->[0] $_->[1]" =~ s/\Q$path\E/PATH/gr) for @wrong;

# Each directive at a level above, and cancelled or replaced below. [location, its lines]
my %above = (tokengate => 'on', service => 'cpanel', require => ['email'], schemes => ['cpanel'], header => 'X-Api-Key',
    user_header => 'X-Me', pass_authorization => 'on', realm => 'above', refusals => 'panel', max_body => '100', plain_http => 'on');
my %below = (tokengate => 'off', service => 'whm', require => ['catalog'], schemes => ['bearer'], header => 'off',
    user_header => 'X-You', pass_authorization => 'off', realm => 'below', refusals => 'standard', max_body => '2m', plain_http => 'off');
my $server = Tokengate::Nginx->new(
    store   => $path,
    backend => $backend,
    sites   => [
        main  => {%above, locations => ['/same/' => {}, map { ("/$_/" => {$_ => $below{$_}}) } sort keys %below]},
        small => {%above, refusals => 'standard', locations => ['/json-api/' => {}]},
        large => {
            %above,
            refusals  => 'standard',
            locations => ['/json-api/' => {max_body => $below{max_body}, realm => $below{realm}, require => ['catalog']}]
        }]);
$server->start;

my $secret  = $store->secret('email');
my $cpanel  = "Authorization: cpanel shop:$secret";
my $bearer  = "Authorization: Bearer $secret";
my $key     = "X-Api-Key: $secret";
my $distant = 'X-Test-Client: 192.0.2.1';
my $call    = 'cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops&text=' . 'x' x 100;

sub result ($path, @headers) {
    my $response = $server->request("GET $path", \@headers);
    my ($seen) = $backend->seen;
    my %header = map { @$_ } @{$seen ? $seen->{headers} : []};
    return join ' ', $response->status, $response->header('X-Test-Outcome') // '-',
        (map { exists $header{$_} ? $_ : () } qw(X-Me X-You Authorization X-Api-Key)),
        ($response->header('WWW-Authenticate') // '') =~ /realm="(\w+)"/ ? $1 : ();
}

# [path, headers, result]
my @cases = (
    ['/same/', [$cpanel], '200 granted X-Me Authorization'],
    ['/same/', [$key], '200 granted X-Me'],
    ['/same/', [$bearer], '403 no_credentials'],
    ['/same/', [$cpanel, $distant], '200 granted X-Me Authorization'],
    ['/tokengate/', [], '200 -'],
    ['/tokengate/', [$key, 'X-Me: root', 'X-Tokengate-User: root'], '200 - X-Api-Key'],
    ['/service/', [$cpanel], '403 unknown_token'],
    ['/require/', [$cpanel], '403 acl_denied'],
    ['/schemes/', [$cpanel], '403 no_credentials'],
    ['/schemes/', [$bearer], '200 granted X-Me Authorization'],
    ['/header/', [$key], '403 no_credentials'],
    ['/user_header/', [$cpanel], '200 granted X-You Authorization'],
    ['/user_header/', [$cpanel, 'X-Me: root'], '200 granted X-You Authorization'],
    ['/same/', [$cpanel, 'X-You: root'], '200 granted X-Me Authorization'],
    ['/pass_authorization/', [$cpanel], '200 granted X-Me'],
    ['/refusals/', [], '401 no_credentials above'],
    ['/plain_http/', [$cpanel, $distant], '403 insecure_transport'],
);
is(result($_->[0], @{$_->[1]}), $_->[2], "$_->[0] with [@{$_->[1]}]" =~ s/\Q$secret\E/SECRET/gr) for @cases;

# [site, headers, status and realm]
my @bodies = (['small', [$cpanel], '400'], ['large', [$cpanel], '200'], ['small', [], '401 realm="above"'], ['large', [], '401 realm="below"']);
for (@bodies) {
    my ($site, $headers, $result) = @$_;
    my $response = $server->request('POST /json-api/cpanel', $headers, site => $site, body => $call);
    my ($realm) = ($response->header('WWW-Authenticate') // '') =~ /(realm="\w+")/;
    is(join(' ', $response->status, $realm // ()), $result, "max_body and realm of the site $site, @{[scalar @$headers]} headers");
}

$server->stop;
done_testing;
