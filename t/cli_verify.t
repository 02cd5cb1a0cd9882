# `tokengate verify` and `tokengate explain`: decisions on requests given as text.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(catalog load --panel));
$cli->ok(qw(acl define reports));
$cli->ok(qw(account create shop --acl email --acl whm:list-accts --acl), 'files');
my %token = (
    mail  => $cli->secret(qw(shop mail --acl email)),
    reads => $cli->secret(qw(shop reads --acl email --read-only)),
    full  => $cli->secret(qw(shop full --full-access)),
    near  => $cli->secret(qw(shop near --full-access --address 192.0.2.0/24)),
    ended => $cli->secret(qw(shop ended --acl email --expires +1d)),
    whm   => $cli->secret(qw(shop panel --service whm --acl list-accts)),
);

# One request -> (exit code, decision). `{name}` in it is that token's secret.
sub decide ($request, @options) {
    $request =~ s/\{(\w+)\}/$token{$1}/g;
    my $r = $cli->run_with({stdin => $request}, 'verify', '--json', @options);
    my $decision = eval { Tokengate::Cli::decode_json($r->{stdout}) } // {outcome => $r->{stderr}};
    return ($r->{exit}, $decision);
}

my $read = "GET /execute/Email/list_pops HTTP/1.1\r\nHost: x\r\n";
my $api2 = "/json-api/cpanel HTTP/1.1\nAuthorization: Bearer {mail}\n";
my $form = 'cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops';
my $length = 'Content-Length: ' . length($form) . "\n";
my $whole  = sprintf "%x\r\n%s\r\n", length $form, $form;
my $chunks = sprintf "%x\r\n%s\r\n%x;ext\r\n%s\r\n0\r\n\r\n", 10, substr($form, 0, 10), length($form) - 10,
    substr($form, 10);

my @cases = (
    # request, options, outcome
    ["${read}Authorization: cpanel shop:{mail}\r\n\r\n",       [], 'granted'],
    ["${read}authorization:  CPANEL shop:{mail} \r\n",         [], 'granted'],
    ["GET /execute/Email/list_pops\nAuthorization: Bearer {mail}", [], 'granted'],
    ["GET http://panel:2083/execute/Email/list_pops HTTP/1.1\nAuthorization: Bearer {mail}\n", [], 'granted'],
    ["GET /execute/Email/list_pops?a=b HTTP/1.1\nAuthorization: Bearer {mail}\n", [], 'granted'],
    [$read,                                                    [], 'no_credentials'],
    ["${read}Authorization: cpanel shop\n",                    [], 'malformed_credentials'],
    ["${read}Authorization: Bearer {mail}\nAuthorization: Bearer {mail}\n", [], 'malformed_credentials'],
    ["${read}Authorization: cpanel shop:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", [], 'unknown_token'],
    ["${read}Authorization: cpanel other:{mail}\n",            [], 'unknown_token'],
    ["${read}Authorization: whm shop:{whm}\n",                 [], 'unknown_token'],
    ["GET /json-api/listaccts HTTP/1.1\nAuthorization: whm shop:{whm}\n", [qw(--service whm)], 'granted'],
    ["${read}Authorization: Bearer {mail}\n",                  [qw(--schemes cpanel)], 'no_credentials'],
    ["${read}X-Api-Key: {mail}\n",                             [qw(--header x-api-key)], 'granted'],
    ["${read}X-Api-Key: {mail}\n",                             [], 'no_credentials'],
    ["${read}Authorization: Bearer {mail}\n", [qw(--client 192.0.2.7)],              'insecure_transport'],
    ["${read}Authorization: Bearer {mail}\n", [qw(--client 192.0.2.7 --tls)],        'granted'],
    ["${read}Authorization: Bearer {mail}\n", [qw(--client 192.0.2.7 --plain-http)], 'granted'],
    ["${read}Authorization: Bearer {mail}\n", [qw(--client unix)],                   'granted'],
    ["${read}Authorization: Bearer {near}\n", [],                                    'address_denied'],
    ["${read}Authorization: Bearer {near}\n", [qw(--tls --client 192.0.2.7)],        'granted'],
    ["${read}Authorization: Bearer {near}\n", [qw(--tls --client ::ffff:192.0.2.7)], 'granted'],
    ["${read}Authorization: Bearer {near}\n", [qw(--tls --client 2001:db8::7)],      'address_denied'],
    ["${read}Authorization: Bearer {ended}\n", [],               'granted'],
    ["${read}Authorization: Bearer {ended}\n", [qw(--now +2d)],  'expired'],
    ["${read}Authorization: Bearer {mail}\n",  [qw(--require reports)], 'acl_denied'],
    ["GET /any HTTP/1.1\nAuthorization: Bearer {mail}\n", [qw(--require email)], 'granted'],
    ["GET /any HTTP/1.1\nAuthorization: Bearer {mail}\n", [],                    'acl_denied'],
    ["POST /execute/Email/add_pop HTTP/1.1\nAuthorization: Bearer {mail}\n",  [], 'granted'],
    ["POST /execute/Email/add_pop HTTP/1.1\nAuthorization: Bearer {reads}\n", [], 'acl_denied'],
    ["GET /execute/Email/%6cist_pops HTTP/1.1\nAuthorization: Bearer {mail}\n", [], 'bad_route'],
    ["GET /execute/Email/../Email/list_pops HTTP/1.1\nAuthorization: Bearer {mail}\n", [], 'bad_route'],
    # Where parameters choose the function, the body counts, however its length is told.
    ["POST $api2\n$form",                                                        [], 'granted'],
    ["POST ${api2}$length\n$form\nmore",                                        [], 'granted'],
    ["POST ${api2}Transfer-Encoding: chunked\n\n$chunks",                        [], 'granted'],
    ["POST ${api2}Content-Length: 999\n\n$form",                                 [], 'bad_route'],
    ["POST ${api2}Content-Length: x\n\n$form",                                   [], 'bad_route'],
    ["POST ${api2}$length$length\n$form",                                        [], 'bad_route'],
    ["POST ${api2}Transfer-Encoding: chunked\n\n$whole",                         [], 'bad_route'],
    ["POST ${api2}Transfer-Encoding: chunked\n\n${whole}0\r\n\r\n",             [], 'granted'],
    ["POST ${api2}Transfer-Encoding: chunked\n\n${whole}9\r\n&x=y",              [], 'bad_route'],
    ["POST ${api2}Transfer-Encoding: chunked\nContent-Length: 9\n\n$chunks",     [], 'bad_route'],
    ["POST ${api2}Transfer-Encoding: gzip\n\n$form",                             [], 'bad_route'],
    ["POST ${api2}Content-Encoding: gzip\n\n$form",                              [], 'bad_route'],
    ["GET /json-api/cpanel?$form HTTP/1.1\nAuthorization: Bearer {mail}\n",      [], 'granted'],
);
for my $case (@cases) {
    my ($request, $options, $outcome) = @$case;
    my ($exit, $decision) = decide($request, @$options);
    my $name = join ' ', $request =~ /\A([^\r\n]{1,60})/, $request =~ /^((?:auth|x-api)[^\r\n]*)/im, @$options, '->', $outcome;
    is($decision->{outcome}, $outcome, $name);
    is($exit, $outcome eq 'granted' ? 0 : 1, 'exit code');
    is(defined $decision->{refusal}, $outcome ne 'granted', 'a refusal says what the client gets');
}

# Text that is no request.
my $auth = "Authorization: Bearer $token{mail}";
for my $text ('', "\n", 'GET', "GET \n", "GET / x HTTP/1.1\n", "GET / HTTP/1.1\n$token{mail}\n", "GET / HTTP/1.1\n $auth\n",
    "GET / HTTP/1.1\nHost : x\n", "GET / HTTP/1.1\n: x\n")
{
    my $r = $cli->run_with({stdin => $text}, 'verify');
    is($r->{exit}, 2, 'no request: ' . ($text =~ s/\Q$token{mail}/SECRET/r =~ s/\n/\\n/gr));
    unlike($r->{stderr}, qr/\Q$token{mail}/, 'not repeated');
}

# What comes out.
my (undef, $decision) = decide("${read}$auth\n");
delete $decision->{token_id};
is_deeply(
    $decision,
    {
        outcome => 'granted', identified => JSON::PP::true, user => 'shop', service => 'cpanel', token => 'mail',
        acl => 'email', route => 'uapi Email list_pops', refusal => undef
    },
    'JSON of a grant'
);
(undef, $decision) = decide($read);
is_deeply([@{ $decision->{refusal} }{qw(status challenge)}], [401, JSON::PP::true], 'a refusal');
is($decision->{user}, undef, 'nobody is null');
(undef, $decision) = decide($read, qw(--refusals panel));
is($decision->{refusal}{status}, 403, 'the refusal of a panel');
is($cli->run_with({stdin => "${read}$auth\n"}, 'verify')->{stdout},
    "granted: token mail of shop, calling uapi Email list_pops\n", 'a grant in words');
is($cli->run_with({stdin => "GET /execute/Fileman/list_files\n$auth\n"}, 'verify')->{stdout},
    "acl_denied: token mail of shop, calling uapi Fileman list_files, which needs files (HTTP 403)\n",
    'a refusal in words');

# Explained: each check, the decision, and the command that helps, which must work.
sub ask ($token, $line, @options) {
    return $cli->run(qw(explain --account shop --token), $token, '--request', $line, @options);
}
my $r = ask(mail => 'GET /execute/Email/list_pops');
is($r->{exit}, 0, 'explain: granted');
my @checks = $r->{stdout} =~ /^passed  (\w+) /mg;
is_deeply(\@checks, [qw(store credentials transport token lifetime account address route ACLs)], 'the checks, in order');
like($r->{stdout}, qr/^granted: token mail of shop, calling uapi Email list_pops$/m, 'and the decision');

$r = $cli->run_with({stdin => "${read}$auth\n"}, 'explain');
is($r->{exit}, 0, 'explain of a request with its own credentials');
unlike($r->{stdout}, qr/\Q$token{mail}/, 'does not show the secret');
$r = $cli->run_with({stdin => "POST $api2\n$form"}, qw(explain --account shop --token full));
like($r->{stdout}, qr/^granted: token full of shop, /m, 'a named token with a request from standard input');

my $json = Tokengate::Cli::decode_json(ask(mail => 'GET /execute/Fileman/list_files', '--json')->{stdout});
is_deeply($json->{checks}[-1], {check => 'ACLs', passed => JSON::PP::false, outcome => 'acl_denied', detail => 'needs "files"'},
    'a failed check in JSON');
is($json->{decision}{outcome}, 'acl_denied', 'the decision in JSON');

# Runs what the advice says, until the request is granted.
sub follow_advice ($token, $line, @options) {
    my $done = 0;
    for (1 .. 3) {
        my $r = ask($token, $line, @options);
        return $done if $r->{exit} == 0;
        my @commands = $r->{stdout} =~ /`tokengate ([^`]+)`/g or return "no advice in: $r->{stdout}";
        $cli->ok(split ' ') for @commands;
        $done += @commands;
    }
    return 'still refused';
}
is(follow_advice(mail => 'GET /execute/Fileman/list_files'),   1, 'acl_denied: the token lacks it');
is(follow_advice(mail => 'GET /execute/Mysql/list_databases'), 2, 'acl_denied: the account lacks it too');
$cli->ok(qw(account deny shop email));
is(follow_advice(mail => 'GET /execute/Email/list_pops'), 1, 'acl_denied: the account lost it');
is(follow_advice(reads => 'POST /execute/Email/add_pop'), 1, 'acl_denied: read-only');
is(follow_advice(reads => 'GET /execute/Nowhere/nothing'), 1, 'acl_denied: not in the catalog');
is(follow_advice(panel => 'GET /json-api/createacct'), 2, 'acl_denied on whm');
is(follow_advice(near => 'GET /execute/Email/list_pops'), 1, 'address_denied');
$cli->ok(qw(account suspend shop));
$cli->ok(qw(account tokens-off shop));
is(follow_advice(full => 'GET /execute/Email/list_pops'), 2, 'account_suspended, then tokens_disabled');
$cli->ok(qw(token update shop mail --expires now));
is(follow_advice(mail => 'GET /execute/Email/list_pops'), 1, 'expired');
$cli->ok(qw(token update shop mail --not-before +1h));
is(follow_advice(mail => 'GET /execute/Email/list_pops'), 1, 'not_yet_valid');
like(ask(mail => 'GET /execute/Email/list_pops', qw(--client 192.0.2.7))->{stdout}, qr/--tls/, 'insecure_transport');
like($cli->run_with({stdin => "${read}Authorization: Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"}, 'explain')->{stdout},
    qr/never issued here, or was revoked/, 'unknown_token');

done_testing;
