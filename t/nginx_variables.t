# $tokengate_* and $remote_user: who calls is known before the access phase, where it is asked for; what was decided,
# after it. None of them lets anything pass.
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
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port;

my $http = <<'END';
  limit_req_zone $tokengate_token_id zone=per_token:1m rate=1r/m;
  map $tokengate_user $tier { default "unknown"; shop "gold"; }
  log_format known 'log user=$tokengate_user service=$tokengate_service token=$tokengate_token outcome=$tokengate_outcome acl=$tokengate_acl route="$tokengate_route" remote=$remote_user tier=$tier early=$early $request';
END

my $config = <<"END";
    tokengate on;
    set \$early "\$tokengate_user/\$tokengate_outcome";
    access_log logs/known.log known;
    location /open/     { tokengate off; $to; }
    location /limited/  { limit_req zone=per_token; $to; }
    location /v1/reports/ { limit_req zone=per_token; $to; }
    location /watched/  { tokengate report_only; $to; }
    location /basic/    { tokengate_schemes basic; $to; }
    location /people/   { satisfy any; auth_basic "people"; auth_basic_user_file people; $to; }
    location /people-or-basic/ { tokengate_schemes basic; satisfy any; auth_basic "people"; auth_basic_user_file people; $to; }
    location /told/     { tokengate_require email; proxy_set_header X-User "\$remote_user"; proxy_set_header X-Tier "\$tier"; $to; }
    location /answered/ { return 200 "user=\$tokengate_user outcome=\$tokengate_outcome"; }
    location /pages/    { tokengate_require reports; ssi on; }
    location /asked/    { auth_request /ask; $to; }
    location = /ask     { internal; tokengate off; proxy_set_header X-Asked-For "\$tokengate_token"; $to; }
    location /copied/   { tokengate_require reports; tokengate_header X-Api-Key; set \$any "\$http_authorization\$http_x_api_key";
      proxy_set_header X-Copy "\$http_authorization\$http_x_api_key"; $to; }
    location /own/      { tokengate off; if (\$http_authorization = "") { return 400; } auth_request /judge; proxy_set_header X-Copy \$http_authorization; $to; }
    location = /judge   { internal; tokengate_require reports; proxy_set_header X-Copy "\$http_authorization"; $to; }
    location /gone/     { tokengate_require email; error_page 404 /open/page; return 404; }
END

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    extra   => {nginx => $http},
    sites   => [main => {extra => {nginx => $config}}]);
$server->write_file('people', "anna:{PLAIN}secret\n");
$server->write_file('html/pages/mixed.html', '<!--# echo var="tokengate_user" -->:<!--# echo var="tokengate_outcome" -->:<!--# include virtual="/v1/admin/part" -->');
$server->write_file('html/pages/limited.html', '[<!--# include virtual="/v1/reports/part" -->]');
$server->start;

# The last line of the log for a request, up to the request. nginx writes it after it has answered.
sub log_line ($request) {
    my @lines;
    state %count;
    $server->wait_until('the log', sub {
        open my $log, '<', $server->folder . '/logs/known.log' or return 0;
        @lines = map { /\Alog (.*) \Q$request\E HTTP/ } <$log>;
        return @lines > ($count{$request} // 0);
    });
    $count{$request} = @lines;
    return $lines[-1];
}

sub cpanel ($key) { return 'Authorization: cpanel shop:' . $store->secret($key) }
my $anna = 'Authorization: Basic ' . encode_base64('anna:secret', '');
my $shop = 'Authorization: Basic ' . encode_base64('shop:' . $store->secret('full'), '');
my $wrong = 'Authorization: cpanel shop:' . 'W' x 32;

# [request, headers, status, log line up to the request]
my @cases = (
    ['GET /x/granted', [cpanel('full')], 200,
        'user=shop service=cpanel token=full outcome=granted acl=- route="http GET /x/granted" remote=shop tier=gold early=shop/'],
    ['GET /execute/Ftp/list_ftp', [cpanel('email')], 403,
        'user=shop service=cpanel token=email outcome=acl_denied acl=ftp route="uapi Ftp list_ftp" remote=- tier=gold early=shop/'],
    ['GET /x/unknown', [$wrong], 401,
        'user=- service=- token=- outcome=unknown_token acl=- route="-" remote=- tier=unknown early=/'],
    ['GET /x/expired', [cpanel('expired')], 401,
        'user=- service=- token=- outcome=expired acl=- route="-" remote=- tier=unknown early=/'],
    ['GET /x/nobody', [], 401,
        'user=- service=- token=- outcome=no_credentials acl=- route="-" remote=- tier=unknown early=/'],
    ['GET /open/x', [cpanel('full')], 200,
        'user=- service=- token=- outcome=- acl=- route="-" remote=- tier=unknown early=shop/'],
    ['GET /watched/x', [cpanel('full')], 200,
        'user=shop service=cpanel token=full outcome=granted acl=- route="http GET /watched/x" remote=- tier=gold early=shop/'],
    ['GET /watched/x', [cpanel('email')], 200,
        'user=shop service=cpanel token=email outcome=acl_denied acl=- route="http GET /watched/x" remote=- tier=gold early=shop/'],
    ['GET /basic/x', [$shop], 200,
        'user=shop service=cpanel token=full outcome=granted acl=- route="http GET /basic/x" remote=shop tier=gold early=/'],
    ['GET /people/x', [$anna], 200,
        'user=- service=- token=- outcome=no_credentials acl=- route="-" remote=anna tier=unknown early=/'],
    ['GET /people-or-basic/x', [$anna], 200,
        'user=- service=- token=- outcome=malformed_credentials acl=- route="-" remote=anna tier=unknown early=/'],
    ['GET /answered/x', [cpanel('full')], 200,
        'user=shop service=cpanel token=full outcome=- acl=- route="-" remote=- tier=gold early=shop/'],
    ['GET /gone/x', [cpanel('email')], 404, undef],
);
for (@cases) {
    my ($request, $headers, $status, $line) = @$_;
    is($server->request($request, $headers)->status, $status, "$request: status");
    next unless defined $line;
    is(log_line($request), $line, "$request: log");
}

is($server->request('GET /limited/x', [cpanel('full')])->status,  200, 'limit_req: the first of a token');
is($server->request('GET /limited/x', [cpanel('full')])->status,  503, 'limit_req: the second of the same token');
is($server->request('GET /limited/x', [cpanel('later')])->status, 200, 'limit_req: the first of another');
is($server->request('GET /limited/x', [$wrong])->status, 401, 'limit_req: nobody we know counts for no one') for 1, 2;

$backend->seen;
$server->request('GET /pages/limited.html', [cpanel('reports')]) for 1, 2;
is(scalar(() = $backend->seen), 1, 'limit_req: in what a page includes');

$server->request('GET /told/x', [cpanel('email')]);
my %header = map {@$_} @{($backend->seen)[0]{headers}};
is("$header{'X-User'} $header{'X-Tier'}", 'shop gold', 'in headers for the backend');

$server->request('GET /asked/x', [cpanel('full')]);
%header = map {@$_} @{($backend->seen)[0]{headers}};
is($header{'X-Asked-For'}, 'full', 'in a helper location of the same request');

# Worked out before the token was removed, and asked for after.
for my $header (cpanel('reports'), 'X-Api-Key: ' . $store->secret('reports')) {
    $server->request('GET /copied/x', [$header]);
    my @seen = $backend->seen;
    is(scalar @seen, 1, 'the backend is asked');
    my @held = grep { index($_->[1], $store->secret('reports')) >= 0 } @{$seen[0]{headers}};
    is_deeply(\@held, [], '$http_… of a header with a token is empty once it is removed');
}
$server->request('GET /own/x', [cpanel('reports')]);
my ($judged, $own) = map { my %all = map {@$_} @{$_->{headers}}; $all{'X-Copy'} // '' } $backend->seen;
is($judged, '', 'also in a subrequest that was judged');
is("Authorization: $own", cpanel('reports'), 'but not in its parent, which has its header');

my $page = $server->request('GET /pages/mixed.html', [cpanel('reports')])->body;
like($page, qr/\Ashop:granted:\{/, 'in a page, beside an include that is refused');
is(log_line('GET /pages/mixed.html'),
    'user=shop service=cpanel token=reports outcome=granted acl=reports route="http GET /pages/mixed.html" remote=shop tier=gold early=shop/granted',
    'the log tells of the request, not of its includes');

$server->stop;
done_testing;
