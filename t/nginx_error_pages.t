# nginx: a request that fails before Tokengate has judged it takes no token to the backend of the error's page, wherever it
# fails; and applications that are none of Tokengate's keep credentials of their own, however a request gets to them.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $pass    = 'proxy_pass http://127.0.0.1:' . $backend->port;
my $config  = <<~"END";
    recursive_error_pages on;
    error_page 400 413 494 503 \@page;
    error_page 414 /open/page;  # nginx has no path then that a named location could go on with
    location \@page { $pass; }
    if (\$http_x_down) { return 503; }
    set \$tea 418;
    if (\$http_x_tea) { return 418; }
    error_page 418 = \@page;
    if (\$uri = /unpaid) { return 402; }
    error_page 402 =200 /reported/unpaid;
    if (\$uri = /gone) { return 410; }
    error_page 410 =200 /judged-passed/gone;
    rewrite ^/old/(.*) /\$1;
    rewrite ^/older/(.*) /\$1 break;
    if (\$http_x_move) { rewrite ^ /open/moved; }

    location /limited/ { tokengate on; limit_req zone=one; $pass; }
    location /limited-key/ { tokengate on; tokengate_header X-Api-Key; limit_req zone=one; $pass; }
    location /limited-if/ { if (\$arg_on) { tokengate on; } limit_req zone=one; $pass; }
    location /down/ { tokengate on; tokengate_schemes basic bearer; return 503; }
    location /small/ { tokengate on; client_max_body_size 1; $pass; }
    location /denied/ { tokengate on; tokengate_require reports; deny all; error_page 403 \@page; $pass; }
    location /passed/ { tokengate on; tokengate_pass_authorization on; return 503; }
    location /moved/ { tokengate on; return 418; error_page 418 /down/; }

    location /to-judged/ { tokengate on; tokengate_require ftp; return 418; error_page 418 =200 /judged/; }
    location /small-to-judged/ { tokengate on; client_max_body_size 1; error_page 413 =200 /judged/; }
    location /judged/ { tokengate on; tokengate_require reports; $pass; }

    location /file-to-judged/ { try_files /none \@judged; }
    location \@judged { tokengate on; tokengate_require reports; $pass; }
    location /judged-passed/ { tokengate on; tokengate_require reports; tokengate_pass_authorization on; $pass; }
    location /reported/ { tokengate report_only; tokengate_require reports; proxy_set_header X-Outcome \$tokengate_outcome; $pass; }
    location /left/ { tokengate on; rewrite ^/left/(.*) /\$1 last; }
    location /passing/ { rewrite ^/passing/(.*) /\$1 last; }

    location /asking/ { auth_request /question; $pass; }
    location = /question { internal; tokengate on; tokengate_require ftp; error_page 403 = /open/answer; $pass; }

    # Nobody's but the application's.
    location /open/ { $pass; }
    location /app/ { error_page 404 = \@app; }
    location /app-by-file/ { try_files /none \@app; }
    location /app-by-status/ { return 418; error_page 418 = \@app; }
    location /app-after-if/ { tokengate on; if (\$arg_off) { tokengate off; } error_page 404 = \@app; }
    location /app-limited/ { limit_req zone=one; error_page 503 \@app; $pass; }
    location \@app { $pass; }
    END
my $server = Tokengate::Nginx->new(
    store => $store->path, backend => $backend,
    extra => {nginx => "limit_req_zone \$server_name zone=one:1m rate=1r/m;\n  large_client_header_buffers 4 2k;\n"},
    sites => [main => {extra => {nginx => $config}}])->start;

my ($token, $ftp) = map { $store->secret($_) } qw(reports mail-ftp);
my $basic = 'Basic ' . MIME::Base64::encode_base64("shop:$token", '');
my ($panel, $bearer, $key) = ("Authorization: cpanel shop:$token", "Authorization: Bearer $token", "X-Api-Key: $token");
my @large = (body => 'xx');
my $long  = 'x' x 3000;

# Whether a header of what the backend last saw holds the token.
sub takes_along ($seen) { return scalar grep { index($_->[1], $token) >= 0 || $_->[1] eq $basic } @{$seen->{headers}} }

# [name, request, headers, status, options]
my @cases = (
    ['a limit', 'GET /limited/x', [$panel], 503],
    ['a limit, a key', 'GET /limited-key/x', [$key], 503],
    ['a limit, Tokengate is on by if', 'GET /limited-if/x?on=1', [$bearer], 503],
    ['return', 'GET /down/x', ["Authorization: $basic"], 503],
    ['return, of a server block', 'GET /limited/x', [$panel, 'X-Down: 1'], 503],
    ['return, of a server block, a key', 'GET /limited-key/x', [$key, 'X-Down: 1'], 503],
    ['a large body', 'POST /small/x', [$panel], 413, @large],
    ['a large body, a key that another location takes', 'POST /small/x', [$key], 413, @large],
    ['a long target', "GET /limited/$long", [$panel], 414],
    ['two lengths', 'GET /limited/x', [$panel, 'Content-Length: 1', 'Content-Length: 1'], 400],
    ['a large header', 'GET /limited/x', [$panel, "X-Large: $long"], 400],
    ['a status of a server block', 'GET /open/x', [$bearer, 'X-Tea: 1'], 200],
    ['a status of a server block, a tab in front of the token', 'GET /open/x', ["Authorization:\tBearer $token", 'X-Tea: 1'], 200],
    ['a status of a server block, rewritten before', 'GET /old/limited/x', [$bearer, 'X-Tea: 1'], 200],
    ['a rewrite of the server block, and return', 'GET /old/down/x', [$bearer], 503],
    ['a rewrite out of a guarded location', 'GET /left/open/x', [$bearer], 200],
    ['a redirect to another such place', 'GET /moved/x', [$bearer], 503],
);
for (@cases) {
    my ($name, $request, $headers, $status, @options) = @$_;
    # The first request within a minute is let through.
    my ($response, $seen);
    for (1 .. 50) {
        $response = $server->request($request, $headers, @options);
        ($seen) = $backend->seen;
        last if $response->status == $status;
    }
    is($response->status, $status, "$name: status");
    ok($seen, "$name: the page's backend is asked");
    ok(!takes_along($seen // {headers => [['none', $token]]}), "$name: without the token") or diag(explain($seen));
}

# [name, request, headers]
my @kept = (
    ['no file', 'GET /app/x', [$bearer]],
    ['no file, Basic', 'GET /app/x', ["Authorization: $basic"]],
    ['no file, a key', 'GET /app/x', [$key]],
    ['try_files', 'GET /app-by-file/x', [$bearer]],
    ['a status', 'GET /app-by-status/x', [$bearer]],
    ['Tokengate is off by if', 'GET /app-after-if/x?off=1', [$bearer]],
    ['where Authorization is passed on', 'GET /passed/x', [$bearer]],
    ['a status of a server block, where Authorization is passed on', 'GET /gone', [$bearer]],
    ['a scheme that is off', 'GET /limited/x', ["Authorization: $basic"]],
    ['a rewrite of the server block', 'GET /old/open/x', [$bearer]],
    ['a rewrite of the server block, a key', 'GET /old/open/x', [$key]],
    ['a rewrite of the server block with break', 'GET /older/open/x', [$bearer]],
    ['a rewrite of the server block with if', 'GET /limited/x', [$bearer, 'X-Move: 1']],
    ['a rewrite of the server block, then no file', 'GET /old/app/x', [$bearer]],
    ['a rewrite of a location', 'GET /passing/open/x', [$bearer]],
    ['a rewrite of both', 'GET /old/passing/open/x', [$bearer]],
    ['a rewrite of the server block, report only', 'GET /old/reported/x', [$bearer]],
);
for (@kept) {
    my ($name, $request, $headers) = @$_;
    $server->request($request, $headers);
    my ($seen) = $backend->seen;
    ok($seen && takes_along($seen), "$name: the application gets its own credentials") or diag(explain($seen));
}

# The page of an error may be protected: it is judged by the credentials that came.
check_granted('a page behind return', $server, $server->request('GET /to-judged/x', [$panel]), user => 'shop', token => 'reports', secret => $token);
check_granted('a page behind a large body', $server, $server->request('POST /small-to-judged/x', [$panel], @large), user => 'shop', secret => $token);
check_granted("behind $_", $server, $server->request("GET /$_", [$panel]), user => 'shop', token => 'reports', secret => $token)
    for qw(old/judged/x old/file-to-judged/x passing/judged/x old/passing/judged/x left/judged/x);
$backend->seen;

# What only reports still judges by what came.
for my $path (qw(reported/x old/reported/x unpaid)) {
    $server->request("GET /$path", [$panel]);
    my ($seen) = $backend->seen;
    my ($outcome) = map { $_->[1] } grep { $_->[0] eq 'X-Outcome' } @{$seen->{headers}};
    is($outcome, 'granted', "report only, $path: judged by the credentials that came");
    is(takes_along($seen), $path eq 'unpaid' ? 0 : 1, "report only, $path: what reaches the backend");
}

$server->request('GET /asking/x', [$panel]);
my @asked = grep { $_->{target} eq '/open/answer' } $backend->seen;
is(scalar @asked, 1, "a subrequest's page is asked for");
ok(!takes_along($asked[0] // {headers => [['none', $token]]}), 'without the token');

$server->stop;
done_testing;
