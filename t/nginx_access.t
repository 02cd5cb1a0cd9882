# Beside nginx's other access modules: satisfy any and all, allow and deny, auth_basic, auth_request, limit_except,
# and what `error_page` makes of a refusal.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw(encode_base64);
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $store   = Tokengate::Store->standard;
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port . ';';
my $basic   = 'auth_basic "people"; auth_basic_user_file people;';

my $config = <<"END";
    tokengate on;
    location /all-allowed/  { allow all; $to }
    location /all-denied/   { deny all; $to }
    location /any-allowed/  { satisfy any; allow all; $to }
    location /any-denied/   { satisfy any; deny all; $to }
    location /any-basic/    { satisfy any; $basic tokengate_schemes cpanel basic; $to }
    location /any-people/   { satisfy any; $basic $to }
    location /any-passing/  { satisfy any; allow all; tokengate_pass_authorization on; $to }
    location /any-key/      { satisfy any; allow all; tokengate_header X-Api-Key; $to }
    location /any-report/   { satisfy any; deny all; tokengate report_only; $to }
    location /delayed/      { auth_delay 10ms; $to }
    location /asked/        { auth_request /ask; $to }
    location = /ask         { internal; tokengate off; $to }
    location /asked-again/  { auth_request /v1/reports/ask; tokengate off; $to }
    location = /v1/reports/ask { internal; tokengate on; $to }
    location /read-free/    { limit_except GET { tokengate on; } tokengate off; $to }
    location /read-only/    { limit_except GET { deny all; } $to }
    location /conditional/  { tokengate off; if (\$arg_safe) { tokengate on; $to } $to }
    location /page-static/  { error_page 401 403 /sorry.html; $to }
    location /page-named/   { error_page 401 403 \@sorry; $to }
    location /page-guarded/ { error_page 401 403 /guarded; $to }
    location /page-elsewhere/ { error_page 401 http://elsewhere.example/; $to }
    location /page-masked/  { error_page 401 =404 /sorry.html; $to }
    location = /sorry.html  { tokengate off; }
    location \@sorry         { tokengate off; return 401 "tea"; }
    location /own-403/      { allow 127.0.0.2; deny all; $to }
    location /backend-401/  { satisfy any; allow all; proxy_intercept_errors off; proxy_pass http://127.0.0.1:\$server_port/refusing; }
    location /handed-on/    { tokengate_require reports; try_files \$uri /backend-403/x; }
    location /backend-403/  { tokengate_require admin; satisfy any; allow all; proxy_pass http://127.0.0.1:\$server_port/forbidding; }
    location = /forbidding  { tokengate off; default_type text/plain; return 403 "from the backend"; }
    location = /refusing    { tokengate off; default_type text/plain; return 401 "from the backend"; }
END

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [main => {extra => {nginx => $config}}]);
$server->write_file('people',          "anna:{PLAIN}secret\n");
$server->write_file('html/sorry.html', 'sorry');
$server->start;

my $full    = 'Authorization: cpanel shop:' . $store->secret('full');
my $reports = 'Authorization: cpanel shop:' . $store->secret('reports');
my $wrong   = 'Authorization: cpanel shop:' . 'W' x 32;
my $anna    = 'Authorization: Basic ' . encode_base64('anna:secret', '');
my $annoyed = 'Authorization: Basic ' . encode_base64('anna:wrong', '');
my $token_as_basic = 'Authorization: Basic ' . encode_base64('shop:' . $store->secret('full'), '');

# What a request came to: status, who the backend saw, which Authorization it saw, and how many challenges the client did.
sub result ($request, @headers) {
    my $response = $server->request($request, \@headers);
    my ($last) = ($server->backend->seen)[-1];
    my $seen = 'not seen';
    if ($last) {
        my ($authorization) = map { $_->[1] =~ s/ .*//r } grep { lc $_->[0] eq 'authorization' } @{$last->{headers}};
        $seen = 'seen as ' . ("@{identity_seen($last)->{user}}" || 'nobody');
        $seen .= " with $authorization" if defined $authorization;
    }
    my $challenges = () = $response->all('WWW-Authenticate');
    return join ', ', $response->status, $seen, $challenges ? "$challenges challenges" : ();
}

# [name, request, headers, result]
my @cases = (
    ['all: both say yes', 'GET /all-allowed/', [$full], '200, seen as shop'],
    ['all: ours says no', 'GET /all-allowed/', [$wrong], '401, not seen, 1 challenges'],
    ['all: the other says no', 'GET /all-denied/', [$full], '403, not seen'],
    ['any: both say yes', 'GET /any-allowed/', [$full], '200, seen as shop'],
    ['any: allowed by address, without credentials', 'GET /any-allowed/', [], '200, seen as nobody'],
    ['any: allowed by address, a wrong token does not reach the backend', 'GET /any-allowed/', [$wrong], '200, seen as nobody'],
    ['any: allowed by address, a refused token does not either', 'GET /any-allowed/', [$reports], '200, seen as nobody'],
    ['any: allowed by address, a tab in front of the token', 'GET /any-allowed/', ["Authorization:\tcpanel shop:" . 'W' x 32], '200, seen as nobody'],
    ['any: allowed by address, other credentials do', 'GET /any-allowed/', [$anna], '200, seen as nobody with Basic'],
    ['any: allowed by address, told to pass Authorization', 'GET /any-passing/', [$wrong], '200, seen as nobody with cpanel'],
    ['any: denied by address, a token', 'GET /any-denied/', [$full], '200, seen as shop'],
    ['any: denied by both', 'GET /any-denied/', [], '401, not seen, 1 challenges'],
    ['any: denied by both, for a right', 'GET /any-denied/', [$reports], '403, not seen'],
    ['any: a password instead of a token', 'GET /any-people/', [$anna], '200, seen as nobody with Basic'],
    ['any: a token instead of a password', 'GET /any-people/', [$full], '200, seen as shop'],
    ['any: neither', 'GET /any-people/', [$annoyed], '401, not seen, 2 challenges'],
    ['any, both on Basic: a token', 'GET /any-basic/', [$token_as_basic], '200, seen as shop'],
    ['any, both on Basic: a password', 'GET /any-basic/', [$anna], '200, seen as nobody'],
    ['any, both on Basic: neither', 'GET /any-basic/', [$annoyed], '401, not seen, 2 challenges'],
    ['any: report only does not decide', 'GET /any-report/', [$full], '403, not seen'],
    ['auth_delay', 'GET /delayed/', [$wrong], '401, not seen, 1 challenges'],
    ['auth_request after us', 'GET /asked/', [$full], '200, seen as shop'],
    ['auth_request is not asked about the refused', 'GET /asked/', [$wrong], '401, not seen, 1 challenges'],
    ['auth_request to a guarded place: granted', 'GET /asked-again/', [$reports], '200, seen as nobody with cpanel'],
    ['auth_request to a guarded place: refused', 'GET /asked-again/', [$wrong], '401, not seen, 1 challenges'],
    ['limit_except, the excepted method', 'GET /read-free/', [], '200, seen as nobody'],
    ['limit_except, another method', 'DELETE /read-free/', [], '401, not seen, 1 challenges'],
    ['limit_except, another method with a token', 'DELETE /read-free/', [$full], '200, seen as shop'],
    ['limit_except for another module', 'DELETE /read-only/', [$full], '403, not seen'],
    ['if: not met', 'GET /conditional/', [], '200, seen as nobody'],
    ['if: met', 'GET /conditional/?safe=1', [], '401, not seen, 1 challenges'],
    ['if: met, with a token', 'GET /conditional/?safe=1', [$full], '200, seen as shop'],
);
is(result($_->[1], @{$_->[2]}), $_->[3], $_->[0]) for @cases;

# [name, request, headers, status, body]
my $ours = qr/\A\{.*\}\z/s;
my @pages = (
    ['a static page', 'GET /page-static/', [$wrong], 401, qr/\Asorry\z/],
    ['a static page for a right', 'GET /page-static/', [$reports], 403, qr/\Asorry\z/],
    ['a named location', 'GET /page-named/', [$wrong], 401, qr/\Atea\z/],
    ['a page that is guarded itself', 'GET /page-guarded/', [$wrong], 401, $ours],
    ['a page elsewhere', 'GET /page-elsewhere/', [$wrong], 302, qr/302 Found/],
    ['another status', 'GET /page-masked/', [$wrong], 404, qr/\Asorry\z/],
    ['no page of the admin: ours', 'GET /x', [$wrong], 401, $ours],
    ['the refusal of another module keeps its page', 'GET /own-403/', [$full], 403, qr/403 Forbidden/],
    ['the page of a granted 404 is nginx\'s', 'GET /sorry.html/none', [$full], 200, qr/"target"/],
    ['so it is where a granted request is handed on to', 'GET /handed-on/', [$reports], 403, qr/\Afrom the backend\z/],
    ['the answer of the backend is its own', 'GET /backend-401/', [$wrong], 401, qr/\Afrom the backend\z/],
);
for (@pages) {
    my ($name, $request, $headers, $status, $body) = @$_;
    my $response = $server->request($request, $headers);
    is($response->status, $status, "error_page: $name: status");
    like($response->body, $body, "error_page: $name: body");
}
my @challenges = $server->request('GET /page-static/', [$wrong])->all('WWW-Authenticate');
is(scalar @challenges, 1, 'error_page: one challenge goes with the page');
@challenges = $server->request('GET /page-guarded/', [$wrong])->all('WWW-Authenticate');
is(scalar @challenges, 1, 'error_page: one challenge, though refused twice');

my $response = $server->request('GET /any-key/', ['X-Api-Key: ' . 'W' x 32, 'X_Api_Key: x']);
$server->backend->seen;
$response = $server->request('GET /any-key/', ['X-Api-Key: ' . 'W' x 32]);
ok(!(grep { lc $_->[0] eq 'x-api-key' } @{($server->backend->seen)[0]{headers}}), 'any: a key does not reach the backend');

$server->stop;
done_testing;
