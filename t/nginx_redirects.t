# Internal redirects and subrequests: what is served is judged, with the identity found first, and the backend sees
# that identity once or not at all.
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
    error_page 400 /bad-request;
    # What is reached here by a redirect of nginx's own, under other names than clients ask for.
    location /v1/reports/     { $to; }
    location /open/           { tokengate off; $to; }
    location /watched/        { tokengate report_only; $to; }
    location /renamed/        { tokengate_user_header X-Legacy-Name; $to; }
    location /bearer-only/    { tokengate_schemes bearer; $to; }
    location = /bad-request   { tokengate off; $to; }

    location /try/            { tokengate_require reports; try_files \$uri \@tried; }
    location \@tried           { $to; }
    location /try-open/       { tokengate_require reports; try_files \$uri /open/tried; }
    location /try-report/     { tokengate_require reports; try_files \$uri /v1/reports/tried; }
    location /try-watched/    { tokengate_require reports; try_files \$uri /watched/tried; }
    location /try-admin/      { tokengate_require reports; try_files \$uri /v1/admin/tried; }
    location /try-renamed/    { tokengate_require reports; try_files \$uri /renamed/tried; }
    location /try-bearer/     { tokengate_require reports; try_files \$uri /bearer-only/tried; }
    location /from-open/      { tokengate off; try_files \$uri /v1/reports/from-open; }
    location /folder/         { tokengate_require reports; index page.html; }
    location /lent/           { satisfy any; allow all; try_files \$uri /v1/reports/lent; }
    location /last/           { rewrite ^/last/(.*) /v1/\$1 last; }
    location /break/          { rewrite ^/break/(.*) /v1/\$1 break; $to; }
    location /break-uri/      { rewrite ^/break-uri/(.*) /v1/\$1 break; $to/; }
    location /arguments/      { set \$args "added=1"; $to; }

    location /pages/          { tokengate_require reports; ssi on; }
    location /mirrored/       { tokengate_require reports; mirror /copy; $to/original; }
    location = /copy          { internal; tokengate off; $to/copy; }
    location /mirrored-judged/ { tokengate_require reports; mirror /copy-judged; $to/original; }
    location = /copy-judged   { internal; $to/copy; }
END

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [main => {extra => {nginx => $config}}]);
$server->write_file('html/folder/page.html', 'the page');
$server->write_file('html/pages/report.html',  '[<!--# include virtual="/v1/reports/part" -->]');
$server->write_file('html/pages/admin.html',   '[<!--# include virtual="/v1/admin/part" -->]');
$server->write_file('html/pages/open.html',    '[<!--# include virtual="/open/part" -->]');
$server->write_file('html/pages/watched.html', '[<!--# include virtual="/watched/part" -->]');
$server->write_file('html/pages/several.html', join '', map {"[<!--# include virtual=\"/$_/part\" -->]"}
        qw(v1/reports open v1/admin watched renamed v1/reports));
$server->start;

my $reports = 'Authorization: cpanel shop:' . $store->secret('reports');
my $full    = 'Authorization: cpanel shop:' . $store->secret('full');
my $wrong   = 'Authorization: cpanel shop:' . 'W' x 32;

# One request that the backend received: its path, and every identity and credential header.
sub told ($seen) {
    my @headers = map {"$_->[0]=$_->[1]"} grep { $_->[0] =~ /\A(?:X-Tokengate-User|X-Legacy-Name|Authorization|X-Forged)\z/i } @{$seen->{headers}};
    return join ' ', $seen->{target}, @headers;
}

sub result ($request, @headers) {
    my $response = $server->request($request, \@headers);
    return join ' | ', $response->status, map { told($_) } $backend->seen;
}

# [name, request, headers, status and what the backend saw]
my @cases = (
    ['a named location', 'GET /try/x', [$full], '200 | /try/x X-Tokengate-User=shop'],
    ['a named location that needs more', 'GET /try/x', [$reports], '403'],
    ['try_files to a guarded place', 'GET /try-report/x', [$reports], '200 | /v1/reports/tried X-Tokengate-User=shop'],
    ['try_files to an open place', 'GET /try-open/x', [$reports], '200 | /open/tried X-Tokengate-User=shop'],
    ['try_files to a watched place', 'GET /try-watched/x', [$reports], '200 | /watched/tried'],
    ['try_files to a place that refuses', 'GET /try-admin/x', [$reports], '403'],
    ['try_files to a place with another header', 'GET /try-renamed/x', [$full], '200 | /renamed/tried X-Legacy-Name=shop'],
    ['try_files to a place without the scheme', 'GET /try-bearer/x', [$full], '401'],
    ['try_files from an open place: with a token', 'GET /from-open/x', [$reports], '200 | /v1/reports/from-open X-Tokengate-User=shop'],
    ['try_files from an open place: without', 'GET /from-open/x', [], '401'],
    ['index', 'GET /folder/', [$reports], '200'],
    ['index without a token', 'GET /folder/', [], '401'],
    ['let pass by address, then guarded: a good token', 'GET /lent/x', [$reports], '200 | /v1/reports/lent X-Tokengate-User=shop'],
    ['let pass by address, then guarded: a wrong token', 'GET /lent/x', [$wrong], '401'],
    ['rewrite last: the new path is judged', 'GET /last/reports/x', [$reports], '200 | /v1/reports/x X-Tokengate-User=shop'],
    ['rewrite last to what the token may not', 'GET /last/admin/x', [$reports], '403'],
    ['rewrite break: the new path is judged', 'GET /break/reports/x', [$reports], '200 | /v1/reports/x X-Tokengate-User=shop'],
    ['rewrite break to what the token may not', 'GET /break/admin/x', [$reports], '403'],
    ['rewrite break with a decoded trick', 'GET /break/reports/..%2fadmin/x', [$reports], '403'],
    ['rewrite break, proxy_pass with a path', 'GET /break-uri/reports/x', [$reports], '200 | /v1/reports/x X-Tokengate-User=shop'],
    ['arguments changed by nginx', 'GET /arguments/x?a=1', [$full], '200 | /arguments/x?added=1 X-Tokengate-User=shop'],
    ['included: judged by itself', 'GET /pages/report.html', [$reports], '200 | /v1/reports/part X-Tokengate-User=shop'],
    ['included: refused by itself', 'GET /pages/admin.html', [$reports], '200'],
    ['included from an open place', 'GET /pages/open.html', [$reports], '200 | /open/part X-Tokengate-User=shop'],
    ['included from a watched place', 'GET /pages/watched.html', [$reports], '200 | /watched/part'],
    ['nothing is included into a refused page', 'GET /pages/report.html', [$wrong], '401'],
);
for (@cases) {
    my ($name, $request, $headers, $result) = @$_;
    is(result($request, @$headers), $result, $name);
}

my $several = $server->request('GET /pages/several.html', [$full]);
$server->wait_until('all includes', sub { $server->access_log =~ /several/ });
is_deeply(
    [sort map { told($_) } $backend->seen],
    [sort '/v1/reports/part X-Tokengate-User=shop', '/open/part X-Tokengate-User=shop', '/watched/part',
        '/renamed/part X-Legacy-Name=shop', '/v1/reports/part X-Tokengate-User=shop'],
    'several includes on one page, side by side');

# A mirror goes its own way: both requests are seen, in any order.
sub mirrored ($request, $count, @headers) {
    my @seen;
    my $response = $server->request($request, \@headers);
    $server->wait_until('the mirror', sub { push @seen, $backend->seen; @seen >= $count });
    return join ' | ', $response->status, sort map { told($_) } @seen;
}
is(mirrored('GET /mirrored/x', 2, $reports), '200 | /copy X-Tokengate-User=shop | /originalx X-Tokengate-User=shop',
    'mirror to an open place');
is(mirrored('GET /mirrored/x', 0, $wrong), '401', 'mirror: nothing of a refused request');
is(mirrored('GET /mirrored-judged/x', 2, $full), '200 | /copy X-Tokengate-User=shop | /originalx X-Tokengate-User=shop',
    'mirror to a guarded place');
is(mirrored('GET /mirrored-judged/x', 1, $reports), '200 | /originalx X-Tokengate-User=shop',
    'mirror to a guarded place that the token may not call');

# An error that nginx meets while reading the headers goes to its page past the first phases.
$backend->seen;
$server->raw("GET /x HTTP/1.1\r\nHost: main\r\nX-Tokengate-User: root\r\nX-Forged: 1\r\nContent-Length: x\r\n\r\n");
is(join(' | ', map { told($_) } $backend->seen), '/bad-request X-Forged=1',
    'identity cannot be forged through the page of an early error');

$server->stop;
done_testing;
