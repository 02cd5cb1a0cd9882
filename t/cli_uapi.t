# The panel's command-line tools: scripts that shell out to them can be pointed here.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(acl define email dns whm:list-accts whm:kill-acct));
$cli->ok(qw(account create shop --acl), 'email,dns,whm:list-accts,whm:kill-acct');

sub decoded ($text) { return Tokengate::Cli::decode_json($text) }

my $made = decoded($cli->ok(qw(uapi --user=shop Tokens create_full_access name=ci --output=json)));
like($made->{result}{data}{token}, qr/\A[A-Z0-9]{32}\z/, 'a secret');
is_deeply([@$made{qw(apiversion func module)}], [3, 'create_full_access', 'Tokens'], 'in the panel\'s envelope');
my $r = $cli->run_with({stdin => "GET /x HTTP/1.1\nAuthorization: cpanel shop:$made->{result}{data}{token}\n"},
    'verify', '--require', 'email', '--json');
is(decoded($r->{stdout})->{outcome}, 'granted', 'that works');

# Options stand anywhere; each form says the same.
like($cli->ok(qw(uapi Tokens --output=json list --user=shop)), qr/\A\{"apiversion":3,.*"status":1,"warnings":null\}\}\n\z/,
    'JSON is compact');
is_deeply(decoded($cli->ok(qw(uapi --user=shop Tokens list --output=jsonpretty))),
    decoded($cli->ok(qw(uapi --user=shop Tokens list --json))), 'pretty or not');
my $yaml = $cli->ok(qw(uapi --user=shop Tokens list));
like($yaml, qr/\A---\napiversion: 3\nfunc: list\nmodule: Tokens\nresult:\n  data:\n    -\n      name: ci\n/, 'YAML by default');
like($yaml, qr/^      expires_at: ~$/m, 'in which nothing is a tilde');
like($cli->ok(qw(uapi --user=shop Tokens list --output=xml)), qr{\A<cpanelresult>.*<name>ci</name>.*</cpanelresult>\n\z}, 'XML');
is($cli->run(qw(uapi --user=shop Tokens list --output=text))->{exit}, 2, 'no other form');

# WHM API 1 does not need to be asked for by its number.
$cli->ok(qw(whmapi1 --user=shop api_token_create token_name=w acl-0=list-accts whitelist_ip-0=2001%3Adb8%3A%3A1 --output=json));
is_deeply(
    decoded($cli->ok(qw(whmapi1 --user=shop api_token_list --output=json)))->{data}{tokens}{w}{whitelist_ips},
    ['2001:0db8:0000:0000:0000:0000:0000:0001'],
    'arguments may be percent-encoded'
);
$cli->ok(qw(whmapi1 --user=shop api_token_update token_name=w acl=kill-acct), 'whitelist_ip=2001:db8::2');
is($cli->json(qw(token show shop w --service whm))->{addresses}[0], '2001:db8::2', 'or not');
is($cli->run(qw(whmapi1 --user=shop api_token_create token_name=v), 'acl=list-accts,kill-acct')->{exit}, 1, 'no comma');

# Whoever calls is the user, unless another is named.
my $login = (getpwuid $>)[0];
is($cli->run(qw(uapi Tokens list))->{exit}, 1, 'without an account of its own name');
$cli->ok(qw(account create), $login, qw(--acl email --acl whm:list-accts));
$cli->ok(qw(uapi Tokens create_limited name=mine features=email));
$cli->ok(qw(whmapi1 api_token_create token_name=mine acl=list-accts));
is_deeply([map {"$_->{name} $_->{service}"} @{$cli->json(qw(token list), $login)}], ['mine cpanel', 'mine whm'], 'the login name is the user');
is(decoded($cli->ok(qw(uapi Tokens list --output=json)))->{result}{data}[0]{name}, 'mine', '... whose tokens are listed');

# WHM API 1 in its default form, and what revokes.
like($cli->ok(qw(whmapi1 --user=shop api_token_list)), qr/\A---\ndata:\n  tokens:\n    w:\n      name: w\n      acls:\n        kill-acct: 1\n/, 'YAML');
like($cli->ok(qw(whmapi1 --user=shop api_token_list)), qr/^metadata:\n  command: api_token_list\n  reason: OK\n  result: 1\n  version: 1\n\z/m, '... to the end');
$cli->ok(qw(whmapi1 --user=shop api_token_create), "token_name=$_", 'acl=list-accts') for qw(v1 v2 v3);
is($cli->ok(qw(whmapi1 --user=shop api_token_revoke token_name=v1 token_name-1=v2)),
    "---\nmetadata:\n  command: api_token_revoke\n  reason: OK\n  result: 1\n  version: 1\n", 'api_token_revoke of two');
is($cli->ok(qw(whmapi1 --user=shop api_token_revoke token_name=v3 --output=json)),
    qq({"metadata":{"command":"api_token_revoke","reason":"OK","result":1,"version":1}}\n), '... and of one, as JSON');
is_deeply([map { $_->{name} } @{$cli->json(qw(token list shop --service whm))}], ['w'], '... which are gone');
is(decoded($cli->ok(qw(uapi --user=shop Tokens revoke name=never --output=json)))->{result}{data}, 1, 'UAPI: one that never was counts as revoked');

# Failures: the envelope says why, and the exit code says that.
$r = $cli->run(qw(uapi --user=shop Tokens create_full_access name=ci --output=json));
is($r->{exit}, 1, 'a name that is taken');
like(decoded($r->{stdout})->{result}{errors}[0], qr/conflicting API token.*already exists/, 'is said to be');
$r = $cli->run(qw(whmapi1 --user=shop api_token_revoke token_name=none --output=xml));
is($r->{exit}, 1, 'an unknown name');
like($r->{stdout}, qr{<reason>There is no API token .*<result>0</result>}, 'in XML too');
is($cli->run(qw(whmapi1 --user=shop reboot))->{exit}, 1, 'a function that is not here');
is($cli->run(qw(uapi --user=nobody Tokens list))->{exit}, 1, 'an account that is not there');
is($cli->run(qw(uapi --user=shop Tokens))->{exit}, 2, 'no function');
is($cli->run(qw(uapi --user=shop Tokens list name))->{exit}, 2, 'an argument without a value');

# A secret is no argument.
$r = $cli->run(qw(whmapi1 --user=shop api_token_get_details), 'token=ABCDEFGHIJKLMNOPQRSTUVWXYZ012345');
is($r->{exit}, 2, 'a secret in an argument');
unlike($r->{stderr}, qr/ABCDEFGH/, 'is not repeated');
my $whm = decoded($cli->ok(qw(whmapi1 --user=shop api_token_rotate token_name=w --output=json)))->{data}{token};
$r = $cli->run_with({stdin => "$whm\n"}, qw(whmapi1 --user=shop api_token_get_details token=- --output=json));
is(decoded($r->{stdout})->{data}{name}, 'w', 'on standard input it is read');

like($cli->ok(qw(journal show)), qr/^.*\bcli:\S+ as shop\b.*token\.create/m, 'the journal says who did it, for whom');
done_testing;
