# Apache: `Require tokengate` alone, with ACLs, and together with the other Require lines; what scripts are told.
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
my $proxy   = 'ProxyPass http://127.0.0.1:' . $backend->port;

my $config = <<~"END";
    LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
    LoadModule access_compat_module /usr/lib/apache2/modules/mod_access_compat.so
    <Location "/">
      $proxy/
      AuthType Tokengate
      Require tokengate
    </Location>
    <Location "/script">
      ProxyPass !
    </Location>
    <Location "/acl/">
      Require tokengate email
    </Location>
    <Location "/acls/">
      Require tokengate email ftp
    </Location>
    <Location "/catalog/">
      Require tokengate catalog
    </Location>
    <Location "/any-acl/">
      Require tokengate ftp
      Require tokengate email
    </Location>
    <Location "/valid-user/">
      Require valid-user
    </Location>
    <Location "/user/">
      Require user shop
    </Location>
    <Location "/user-and-acl/">
      <RequireAll>
        Require user shop
        Require tokengate email
      </RequireAll>
    </Location>
    <Location "/other-user/">
      <RequireAll>
        Require tokengate email
        Require user reseller
      </RequireAll>
    </Location>
    <Location "/here-or-token/">
      Require ip 192.0.2.1
      Require tokengate email
    </Location>
    <Location "/there-and-token/">
      <RequireAll>
        Require ip 192.0.2.1
        Require tokengate email
      </RequireAll>
    </Location>
    <Location "/not-ftp/">
      <RequireAll>
        Require tokengate email
        <RequireNone>
          Require tokengate ftp
        </RequireNone>
      </RequireAll>
    </Location>
    <Location "/known-not-ftp/">
      <RequireAll>
        Require valid-user
        Require not tokengate ftp
      </RequireAll>
    </Location>
    <Location "/forbidden/">
      AuthzSendForbiddenOnFailure On
      Require tokengate ftp
    </Location>
    <Location "/satisfy/">
      Order deny,allow
      Deny from all
      Allow from 192.0.2.1
      Satisfy any
      Require tokengate email
    </Location>
    <Location "/granted/">
      Require all granted
    </Location>
    <Location "/none/">
      AuthType None
      Require all granted
    </Location>
    <Location "/report/">
      TokengateReportOnly on
      Require tokengate ftp
    </Location>
    <Location "/report-all/">
      TokengateReportOnly on
      <RequireAll>
        Require tokengate ftp
        Require ip 127.0.0.1 192.0.2.1
      </RequireAll>
    </Location>
    <Location "/strange/">
      AuthType Basic
      AuthName x
      AuthUserFile /dev/null
      Require tokengate
    </Location>
    <Location "/keep/">
      TokengatePassAuthorization on
      Require tokengate email
    </Location>
    <Location "/realm/">
      AuthName "The \\"old\\" place"
      TokengateRealm "a \\"quoted\\" realm"
    </Location>
    <Location "/name-quoted/">
      AuthName "The \\"old\\" place"
    </Location>
    <Location "/name/">
      AuthName "Old place"
    </Location>
    Alias /script \${SRVROOT}/html/script.cgi
    <Directory \${SRVROOT}/html>
      Options +ExecCGI
      AddHandler cgi-script .cgi
    </Directory>
    <Location "/script">
      Require tokengate email
    </Location>
    END

my $server = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);
$config =~ s/\$\{SRVROOT\}/$server->folder/ge;
$server->{config}{extra}{apache} = $config;
chmod 0755, $server->write_file('html/script.cgi', <<~'END');
    #!/usr/bin/perl
    use JSON::PP;
    print "Content-Type: application/json\n\n", JSON::PP->new->canonical->encode({%ENV});
    END
$server->start;

my $both  = 'Authorization: cpanel shop:' . $store->secret('mail-ftp');
my $email = 'Authorization: cpanel shop:' . $store->secret('email');
my $stats = 'Authorization: cpanel shop:' . $store->secret('stats');
my $other = 'Authorization: cpanel single:' . $store->secret('single');
my $wrong = 'Authorization: cpanel shop:' . 'A' x 32;
my $there = 'X-Test-Client: 192.0.2.1';
# Another user's session for the backend itself.
my $basic = 'Authorization: Basic ' . 'dTpw';

# [name, path, headers, status, outcome, the user that the backend sees ('' for none, undef: nothing was sent)]
my @cases = (
    ['catalog by default', '/execute/Email/list_pops', [$email], 200, 'granted', 'shop'],
    ['catalog by default, refused', '/execute/Ftp/list_ftp', [$email], 403, 'acl_denied'],
    ['catalog by name', '/catalog/x', [$email], 403, 'acl_denied'],
    ['an ACL', '/acl/x', [$email], 200, 'granted', 'shop'],
    ['an ACL that the token lacks', '/acl/x', [$stats], 403, 'acl_denied'],
    ['an ACL, no token', '/acl/x', [], 401, 'no_credentials'],
    ['an ACL, an unknown token', '/acl/x', [$wrong], 401, 'unknown_token'],
    ['an ACL, a bad path', '/acl//x', [$email], 400, 'bad_route'],
    ['all of two ACLs', '/acls/x', [$both], 200, 'granted', 'shop'],
    ['one of two ACLs', '/acls/x', [$email], 403, 'acl_denied'],
    ['two lines, the second holds', '/any-acl/x', [$email], 200, 'granted', 'shop'],
    ['two lines, none holds', '/any-acl/x', [$stats], 403, 'acl_denied'],
    ['valid-user asks for identity alone', '/valid-user/x', [$stats], 200, 'granted', 'shop'],
    ['valid-user, no token', '/valid-user/x', [], 401, 'no_credentials'],
    ['valid-user, a bad path', '/valid-user//x', [$stats], 400, 'bad_route'],
    ['valid-user, API 1', '/json-api/cpanel?cpanel_jsonapi_apiversion=1&cpanel_jsonapi_module=A&cpanel_jsonapi_func=b',
        [$email], 403, 'api_refused'],
    ['the right user', '/user/x', [$stats], 200, 'granted', 'shop'],
    ['another user is not told to log in', '/user/x', [$other], 403, 'acl_denied'],
    ['user and ACL', '/user-and-acl/x', [$email], 200, 'granted', 'shop'],
    ['user, not ACL', '/user-and-acl/x', [$stats], 403, 'acl_denied'],
    ['ACL, not user', '/user-and-acl/x', [$other], 403, 'acl_denied'],
    ['ACL, and another user is wanted', '/other-user/x', [$email], 403, 'acl_denied'],
    ['address or token: address', '/here-or-token/x', [$there], 200, undef, ''],
    ['address or token: the token stays here', '/here-or-token/x', [$there, $email], 200, undef, ''],
    ['address or token: a wrong token stays here', '/here-or-token/x', [$there, $wrong], 200, undef, ''],
    ['address or token: others\' credentials do not', '/here-or-token/x', [$there, $basic], 200, undef, ''],
    ['address or token: token', '/here-or-token/x', [$email], 200, 'granted', 'shop'],
    ['address or token: neither', '/here-or-token/x', [], 401, 'no_credentials'],
    ['address and token: both, token over plain HTTP', '/there-and-token/x', [$there, $email], 403, 'insecure_transport'],
    ['address and token: only the token', '/there-and-token/x', [$email], 403, undef],
    ['must not hold: does not', '/not-ftp/x', [$email], 200, 'granted', 'shop'],
    ['must not hold: does', '/not-ftp/x', [$both], 403, 'acl_denied'],
    ['known, and must not hold: does not', '/known-not-ftp/x', [$email], 200, 'granted', 'shop'],
    ['known, and must not hold: does', '/known-not-ftp/x', [$both], 403, 'acl_denied'],
    ['known, and must not hold: nobody', '/known-not-ftp/x', [], 401, 'no_credentials'],
    ['AuthzSendForbiddenOnFailure', '/forbidden/x', [$email], 403, 'acl_denied'],
    ['Satisfy any: address', '/satisfy/x', [$there, $email], 200, undef, ''],
    ['Satisfy any: token', '/satisfy/x', [$email], 200, 'granted', 'shop'],
    ['Satisfy any: neither', '/satisfy/x', [$stats], 403, 'acl_denied'],
    ['opened by its own Require', '/granted/x', [$email], 200, undef, ''],
    ['opened by AuthType None', '/none/x', [$basic], 200, undef, ''],
    ['report only: would refuse', '/report/x', [$email], 200, 'acl_denied', ''],
    ['report only: no token', '/report/x', [], 200, 'no_credentials', ''],
    ['report only: would grant', '/report/x', [$both], 200, 'granted', ''],
    ['report only, with others: would refuse', '/report-all/x', [$email], 200, 'acl_denied', ''],
    ['report only, with others: they still count', '/report-all/x', [$email, 'X-Test-Client: 198.51.100.1'], 403, 'insecure_transport'],
    ['Require tokengate under another AuthType', '/strange/x', [$email], 403, undef],
);
for (@cases) {
    my ($name, $path, $headers, $status, $outcome, $user) = @$_;
    my $response = $server->request("GET $path", $headers, site => 'localhost');
    my @seen     = $backend->seen;
    my $got      = [$response->status, $response->header('X-Test-Outcome'),
        @seen ? join ',', @{identity_seen($seen[0])->{user}} : undef, scalar $response->all('WWW-Authenticate')];
    is_deeply($got, [$status, $outcome, $user, $status == 401 ? 1 : 0], $name) or diag(explain $got);
    my $kept = grep { lc $_->[0] eq 'authorization' } map { @{$_->{headers}} } @seen;
    my $want = $path =~ m{\A/report} || "@$headers" =~ /Basic/ ? grep {/^Authorization/} @$headers : 0;
    is($kept, $want, "$name: Authorization " . ($want ? 'goes on' : 'goes no further')) if @seen;
}

my $kept = $server->request('GET /keep/x', [$email], site => 'localhost');
is((grep { lc $_->[0] eq 'authorization' } map { @{$_->{headers}} } $backend->seen), 1, 'TokengatePassAuthorization on');

is($server->request('GET /realm/x', [], site => 'localhost')->header('WWW-Authenticate') =~ /realm="a \\"quoted\\" realm"/ ? 1 : 0,
    1, 'TokengateRealm');
like($server->request('GET /name-quoted/x', [], site => 'localhost')->header('WWW-Authenticate'),
    qr/realm="The \\"old\\" place"/, 'AuthName with quotes');
like($server->request('GET /name/x', [], site => 'localhost')->header('WWW-Authenticate'), qr/realm="Old place"/,
    'AuthName, without TokengateRealm');
like($server->request('GET /acl/x', [], site => 'localhost')->header('WWW-Authenticate'), qr/realm="api"/, 'neither');

my $environment = decode_json($server->request('GET /script', [$email, 'Tokengate-User: root', 'Tokengate_User: root',
    'X-Tokengate-User: root'], site => 'localhost')->body);
my %want = (
    REMOTE_USER => 'shop', AUTH_TYPE => 'Tokengate', TOKENGATE_USER => 'shop', TOKENGATE_SERVICE => 'cpanel',
    TOKENGATE_TOKEN => 'email', TOKENGATE_OUTCOME => 'granted', TOKENGATE_ACL => 'email', TOKENGATE_ROUTE => 'http GET /script',
    HTTP_X_TOKENGATE_USER => 'shop', HTTP_X_TOKENGATE_SERVICE => 'cpanel', HTTP_X_TOKENGATE_TOKEN => 'email',
    HTTP_X_TOKENGATE_TOKEN_ID => $environment->{TOKENGATE_TOKEN_ID}, HTTP_X_TOKENGATE_SECRET_SERIAL => 1);
is_deeply({map { $_ => $environment->{$_} } keys %want}, \%want, 'what a script is told');
like($environment->{TOKENGATE_TOKEN_ID}, qr/\A[1-9][0-9]*\z/, 'the number of the token');
ok(!exists $environment->{HTTP_AUTHORIZATION}, 'a script does not get the token');

my $log = $server->error_log;
like($log, qr/tokengate: refused outcome=acl_denied account=shop token=email id=\d+ service=cpanel acl=ftp route="uapi Ftp list_ftp"/,
    'a refusal is logged');
like($log, qr/tokengate: would refuse outcome=no_credentials account=- token=- id=- service=- acl=- route="-"/,
    'so is one that was only reported');
like($log, qr/`Require tokengate` is in force without `AuthType Tokengate`/, 'a Require that nobody authenticates for is named');
unlike($log, qr/@{[$store->secret('email')]}|AAAAAAAA/, 'no secret is logged');

$server->stop;
$backend->stop;
done_testing;
