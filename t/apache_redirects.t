# Apache: internal redirects, subrequests and what the server puts in a request's place are judged by what runs,
# with the identity found first.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
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
    LoadModule negotiation_module /usr/lib/apache2/modules/mod_negotiation.so
    LogFormat "%U %>s %{TOKENGATE_OUTCOME}e" outcome
    CustomLog logs/outcome.log outcome
    AddHandler cgi-script .cgi
    AddOutputFilter INCLUDES .shtml
    <Directory $html>
      Options +ExecCGI +Includes +MultiViews
      MultiviewsMatch Any
      AuthType Tokengate
      Require tokengate email
    </Directory>
    <Location "/ftp/">
      Require tokengate ftp
    </Location>
    <Location "/open/">
      AuthType None
      Require all granted
      DirectoryIndex /mail/show.cgi
    </Location>
    <Location "/index-of-mail/">
      DirectoryIndex /mail/show.cgi
    </Location>
    <Location "/index-of-ftp/">
      DirectoryIndex /ftp/show.cgi
    </Location>
    <Location "/index-by-catalog/">
      Require tokengate reports
      DirectoryIndex /v1/reports/show.cgi
    </Location>
    <Location "/v1/reports/">
      Require tokengate
    </Location>

    ProxyPass /open/proxied $proxied/proxied
    RewriteEngine on
    RewriteRule ^/to-mail\$ /mail/show.cgi [PT]
    RewriteRule ^/to-ftp\$ /ftp/show.cgi [PT]
    RewriteRule ^/call/(.*) /execute/\$1 [PT]
    RewriteRule ^/proxied/(.*) $proxied/execute/\$1 [P]
    ProxyPass /execute/ $proxied/execute/
    # What the backend gets with nocanon is the target as it came.
    <Location "/execute/">
      AuthType Tokengate
      Require tokengate
    </Location>
    <Location "/execute/Ftp/add_ftp">
      TokengateRefusals panel
    </Location>
    ProxyPass /raw/ $proxied/raw/ nocanon
    RewriteRule ^/raw/mail/(.*) /raw/\$1 [PT]
    <Location "/raw/">
      AuthType Tokengate
      Require tokengate email
    </Location>
    <Proxy "$proxied/">
      AuthType Tokengate
      Require tokengate email
    </Proxy>
    <Directory $html/rewritten>
      RewriteEngine on
      RewriteRule ^to-mail\$ /mail/show.cgi [L]
      RewriteRule ^to-ftp\$ /ftp/show.cgi [L]
      RewriteRule ^to-open\$ /open/show.cgi [L]
      RewriteCond %{QUERY_STRING} !again
      RewriteRule ^same.cgi\$ /rewritten/same.cgi?again [L]
    </Directory>
    <Location "/text/">
      ErrorDocument 401 "own words"
      ErrorDocument 403 "own words"
    </Location>
    <Location "/page/">
      ErrorDocument 401 /open/denied.html
      ErrorDocument 403 /open/denied.html
    </Location>
    <Location "/inside/">
      ErrorDocument 401 /inside/denied.html
      ErrorDocument 403 /ftp/denied.html
    </Location>
    <Location "/panel-page/">
      TokengateRefusals panel
      Require tokengate ftp
      ErrorDocument 403 /open/denied.html
    </Location>
    END

my $script = <<~'END';
    #!/usr/bin/perl
    use JSON::PP;
    print "Content-Type: application/json\n\n",
        JSON::PP->new->canonical->encode({%ENV, body => do { local $/; <STDIN> // '' }});
    END
for my $place (qw(mail ftp open rewritten v1/reports)) {
    chmod 0755, $server->write_file("html/$place/$_.cgi", $script) for qw(show same);
}
$server->write_file("html/$_/denied.html", "denied page\n") for qw(open inside ftp);
$server->write_file("html/$_/keep", '') for qw(index-of-mail index-of-ftp index-by-catalog text page inside panel-page);
$server->write_file('html/mail/include.shtml', 'mail: <!--#include virtual="/mail/part.html" -->, ftp: <!--#include virtual="/ftp/part.html" -->');
$server->write_file('html/mail/script.shtml', '<!--#include virtual="/mail/show.cgi" -->');
$server->write_file('html/mail/open.shtml', '<!--#include virtual="/open/proxied" -->');
$server->write_file('html/mail/file.shtml', 'file: <!--#include file="part.html" -->');
$server->write_file("html/$_/part.html", "part of $_") for qw(mail ftp);
$server->write_file('html/mail/choice.html', 'chosen');
chmod 0755, $server->write_file('html/mail/pick.cgi', $script);
$server->start;

my $email   = 'Authorization: cpanel shop:' . $store->secret('email');
my $both    = 'Authorization: cpanel shop:' . $store->secret('mail-ftp');
my $reports = 'Authorization: cpanel shop:' . $store->secret('reports');
my $stats   = 'Authorization: cpanel shop:' . $store->secret('stats');

sub ask ($request, $headers, %option) { return $server->request($request, $headers, %option, site => 'localhost') }

# What the script at the end saw.
sub runs ($name, $request, $headers, $want, %option) {
    my $response = ask($request, $headers, %option);
    my $saw = $response->status == 200 && $response->body =~ /\A\{/ ? decode_json($response->body) : {};
    my $got = {map { $_ => $saw->{$_} } 'REMOTE_USER', 'HTTP_X_TOKENGATE_USER', 'SCRIPT_NAME', keys %$want};
    is_deeply($got, {REMOTE_USER => 'shop', HTTP_X_TOKENGATE_USER => 'shop', %$want}, $name)
        or diag($response->status, ' ', $response->body, $server->error_log);
    ok(!exists $saw->{HTTP_AUTHORIZATION}, "$name: without the token");
    return;
}

sub refused ($name, $request, $headers, $status, $outcome, %option) {
    my $response = ask($request, $headers, %option);
    my @seen = $backend->seen;
    my $body = $response->body;
    is_deeply([$response->status, $response->header('X-Test-Outcome'), scalar @seen, $body =~ /\A[{<]/ && $body !~ /DOCTYPE/ ? 1 : 0],
        [$status, $outcome, 0, 1], $name)
        or diag($response->status, ' ', $response->header('X-Test-Outcome') // '-', ' ', $body);
    return;
}

# A directory's index.
runs('index', 'GET /index-of-mail/', [$email], {SCRIPT_NAME => '/mail/show.cgi', TOKENGATE_ROUTE => 'http GET /mail/show.cgi'});
refused('index that needs more', 'GET /index-of-ftp/', [$email], 403, 'acl_denied');
refused('index, no token', 'GET /index-of-mail/', [], 401, 'no_credentials');
runs('index with a body', 'POST /index-of-mail/', [$email],
    {SCRIPT_NAME => '/mail/show.cgi', TOKENGATE_ROUTE => 'http POST /mail/show.cgi', body => 'a=b'}, body => 'a=b');
runs('index that the catalog judges', 'GET /index-by-catalog/', [$reports], {SCRIPT_NAME => '/v1/reports/show.cgi'});
refused('and with the method that runs it', 'POST /index-by-catalog/', [$reports], 403, 'acl_denied', body => 'a=b');
runs('protected index of an open place', 'GET /open/', [$email], {SCRIPT_NAME => '/mail/show.cgi'});
refused('protected index of an open place, no token', 'GET /open/', [], 401, 'no_credentials');
refused('protected index of an open place, another right', 'GET /open/', [$stats], 403, 'acl_denied');

# Content negotiation.
is(ask('GET /mail/choice', [$email])->body, 'chosen', 'negotiated file');
refused('negotiated file, no token', 'GET /mail/choice', [], 401, 'no_credentials');
runs('negotiated script', 'GET /mail/pick', [$email], {SCRIPT_NAME => '/mail/pick.cgi'});

# Rewriting before the request is mapped.
runs('rewritten', 'GET /to-mail', [$email], {SCRIPT_NAME => '/mail/show.cgi', TOKENGATE_ROUTE => 'http GET /mail/show.cgi'});
refused('rewritten to what needs more', 'GET /to-ftp', [$email], 403, 'acl_denied');
is(ask('GET /call/Email/list_pops', [$email])->status, 200, 'rewritten to a call');
is_deeply([map { "$_->{target} @{identity_seen($_)->{user}}" } $backend->seen], ['/execute/Email/list_pops shop'], 'which the backend gets');
refused('rewritten to another call', 'GET /call/Ftp/list_ftp', [$email], 403, 'acl_denied');
refused('rewritten with nocanon: what came is what the backend gets', 'GET /raw/mail/x', [$both], 400, 'bad_route');
is(ask('GET /proxied/Email/list_pops', [$email])->status, 200, 'proxied by a rewrite');
is_deeply([map { "$_->{target} @{identity_seen($_)->{user}}" } $backend->seen], ['/execute/Email/list_pops shop'], 'with identity');
refused('proxied by a rewrite, no token', 'GET /proxied/Email/list_pops', [], 401, 'no_credentials');

# Rewriting in a directory, which redirects.
runs('redirected', 'GET /rewritten/to-mail', [$email], {SCRIPT_NAME => '/mail/show.cgi', TOKENGATE_ROUTE => 'http GET /mail/show.cgi'});
refused('redirected to what needs more', 'GET /rewritten/to-ftp', [$email], 403, 'acl_denied');
runs('redirected with a body', 'POST /rewritten/to-mail', [$email], {SCRIPT_NAME => '/mail/show.cgi', body => 'x' x 70000},
    body => 'x' x 70000);
my $open = decode_json(ask('GET /rewritten/to-open', [$email])->body);
is_deeply([@$open{qw(REMOTE_USER HTTP_X_TOKENGATE_USER HTTP_AUTHORIZATION)}], [undef, undef, undef],
    'redirected to an open place: no identity, no token');
is($open->{TOKENGATE_OUTCOME}, 'granted', 'what was decided before can still be logged');
runs('redirected to itself', 'GET /rewritten/same.cgi', [$email], {SCRIPT_NAME => '/rewritten/same.cgi', QUERY_STRING => 'again'});

# Includes.
is(ask('GET /mail/include.shtml', [$both])->body, 'mail: part of mail, ftp: part of ftp', 'includes');
unlike(ask('GET /mail/include.shtml', [$email])->body, qr/part of ftp/, 'an include that needs more is left out');
is(ask('GET /mail/file.shtml', [$email])->body, 'file: part of mail', 'an included file');
runs('included script', 'GET /mail/script.shtml', [$email], {SCRIPT_NAME => '/mail/show.cgi'});
runs('included script, from a form', 'POST /mail/script.shtml', [$email], {SCRIPT_NAME => '/mail/show.cgi', body => ''}, body => 'a=b');
ask('GET /mail/open.shtml', [$email]);
is_deeply([map {[$_->{target}, grep {/tokengate|authorization/i} map { $_->[0] } @{$_->{headers}}]} $backend->seen], [['/proxied']],
    'an include from an open place: no identity, no token');

# ErrorDocument.
for (
    ['a text wins', '/text/keep', [], 401, 'own words'],
    ['a page wins', '/page/keep', [], 401, "denied page\n"],
    ['a page wins over a 403', '/page/keep', [$stats], 403, "denied page\n"],
    ['a page wins over a 200 that says no', '/panel-page/keep', [$email], 403, "denied page\n"])
{
    my ($name, $path, $headers, $status, $body) = @$_;
    my $response = ask("GET $path", $headers);
    is_deeply([$response->status, $response->body], [$status, $body], "ErrorDocument: $name");
    is(scalar $response->all('WWW-Authenticate'), $status == 401 ? 1 : 0, "ErrorDocument: $name: challenge");
}
refused('ErrorDocument that is refused itself', 'GET /inside/keep', [], 401, 'no_credentials');
refused('ErrorDocument that needs more', 'GET /inside/keep', [$stats], 403, 'acl_denied');
refused('a 200 that says no', 'GET /execute/Ftp/add_ftp', [$email], 200, 'acl_denied');
is(ask('HEAD /execute/Ftp/add_ftp', [$email])->header('Content-Length'), length ask('GET /execute/Ftp/add_ftp', [$email])->body,
    'HEAD announces the same length');

open my $outcomes, '<', $server->folder . '/logs/outcome.log' or die $!;
my @outcomes = grep {/keep 401|denied.html 401/} <$outcomes>;
like($outcomes[1], qr/\A\S+ 401 no_credentials\Z/, 'a log format can tell the outcome, behind an error page too');

$server->stop;
$backend->stop;
done_testing;
