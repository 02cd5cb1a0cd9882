# What the command line says when it is not understood, and its help.
use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(account create shop --acl all));
$cli->ok(qw(token create shop ci --full-access));
my $before = $cli->ok(qw(journal show --from 1 --json));

# Each is wrong usage: exit 2, nothing on standard output, the sentence on standard error, and nothing changed.
my @wrong = (
    [[],                                             qr/say what to do: init, catalog, /],
    [['account'],                                    qr/say what to do: create, list, /],
    [['tokn'],                                       qr/unknown command "tokn". Did you mean "token"\?/],
    [[qw(token crate shop x)],                       qr/unknown command "crate". Did you mean "create"\?/],
    [[qw(xyzzy)],                                    qr/unknown command "xyzzy"\.\nSee: tokengate --help/],
    [[qw(account show)],                             qr/USER is required\nSee: tokengate account show --help/],
    [[qw(account list extra)],                       qr/unexpected argument "extra"/],
    [[qw(account list --jsn)],                       qr/unknown option --jsn. Did you mean "--json"\?/],
    [[qw(token create shop x --acl all --expire 1)], qr/unknown option --expire. Did you mean "--expires"\?/],
    [[qw(token create shop x --acl)],                qr/--acl needs a value/],
    [[qw(token create shop x --acl all --expires=)], qr/--expires needs a value/],
    [[qw(token create shop x)],                      qr/--acl ACL \(repeatable\), or --full-access/],
    [[qw(token create shop x --full-access --acl all)], qr/--acl and --full-access contradict each other/],
    [[qw(token create shop x --acl all --service ftp)], qr/no service "ftp": say cpanel or whm/],
    [[qw(token create shop x --acl whm:all)],        qr/belongs to the service whm, the token to cpanel/],
    [[qw(token create shop x --acl ftp:all)],        qr/no service "ftp"/],
    [['token', 'create', 'shop', 'x', '--acl', ''],  qr/"" cannot be an ACL/],
    [[qw(token create shop x --acl all --address 192.0.2.1/24)], qr/neither an address nor a range/],
    [[qw(token create shop x --acl all --address nowhere)],      qr/neither an address nor a range/],
    [[qw(token create shop x --acl all --not-before never)],     qr/a token that never works/],
    [['token', 'create', 'shop', 'a b', '--acl', 'all'],         qr/"a b"/],
    [[qw(token update shop ci)],                     qr/say what to change/],
    [[qw(token update shop ci --read-only --read-write)],        qr/contradict each other/],
    [[qw(token update shop ci --address 192.0.2.1 --any-address)], qr/contradict each other/],
    [[qw(token rotate shop ci)],                     qr/--overlap is required/],
    [[qw(token rotate shop ci --overlap 24)],        qr/a number with its unit/],
    [[qw(token purge-expired --before +1d)],         qr/lies in the future/],
    [[qw(account delete shop)],                      qr/1 token for good: say --yes/],
    [[qw(account set-owner shop)],                   qr/a username, or --none/],
    [['account', 'create', 'bad name'],              qr/"bad name"/],
    [[qw(catalog load)],                             qr/a file, - for standard input, or --panel/],
    [[qw(catalog load --panel x.tsv)],               qr/a file, - for standard input, or --panel/],
    [[qw(catalog load /nonexistent/x.tsv)],          qr{cannot open /nonexistent/x.tsv: No such file}],
    [['acl', 'define', 'good', 'bad name'],          qr/"bad name" cannot be an ACL/],
    [[qw(journal show --limit 0)],                   qr/--limit/],
    [[qw(journal show --from x)],                    qr/--from/],
    [[qw(explain --account shop)],                   qr/--account and --token go together/],
    [['explain', '--request', 'GET /'],              qr/carries no credentials/],
    [[qw(verify --schemes digest)],                  qr/no scheme "digest"/],
    [[qw(verify --client nowhere)],                  qr/"nowhere" is no client address/],
    [[qw(verify --refusals rude)],                   qr/say standard or panel/],
    [[qw(completion fish)],                          qr/say bash or zsh/],
);

for my $case (@wrong) {
    my ($args, $message) = @$case;
    my $r = $cli->run(@$args);
    my $name = join ' ', 'tokengate', @$args;
    is($r->{exit},   2,  "$name: exit code");
    is($r->{stdout}, '', "$name: nothing on standard output");
    like($r->{stderr}, qr/\Atokengate: /, "$name: says who speaks");
    like($r->{stderr}, $message, "$name: says what is wrong");
}
is($cli->ok(qw(journal show --from 1 --json)), $before, 'none of them changed anything');

# Secrets in arguments are refused wherever they stand, and not repeated.
my $secret = $cli->secret(qw(shop other --full-access));
my $wrong_check = reverse $secret;
for my $args (['token', 'check', $secret], ['token', 'show', 'shop', $secret], ['verify', $secret],
    ['token', 'check', $wrong_check], ['account', 'list', $secret])
{
    my $r = $cli->run(@$args);
    is($r->{exit}, 2, "@$args[0, 1] SECRET: exit code");
    like($r->{stderr}, qr/give it on standard input/, "@$args[0, 1] SECRET: names the cure");
    unlike($r->{stderr} . $r->{stdout}, qr/\Q$args->[-1]\E/, "@$args[0, 1] SECRET: does not repeat it");
}

# What cannot be done is exit 1, and names the nearest that could be meant.
my @refused = (
    [[qw(account show shpo)],                      qr/no account "shpo". Did you mean "shop"\?/],
    [[qw(account grant shpo all)],                 qr/Did you mean "shop"\?/],
    [[qw(token list shpo)],                        qr/Did you mean "shop"\?/],
    [[qw(token show shop cj)],                     qr/no token "cj". Did you mean "ci"\?/],
    [[qw(token show shop ci --service whm)],       qr/no token "ci" for the service whm/],
    [[qw(token revoke shop ci nosuch)],            qr/no token "nosuch"/],
    [[qw(account grant shop al)],                  qr/no ACL "al" for the service cpanel. Did you mean "all"\?/],
    [[qw(account grant shop whm:al)],              qr/no ACL "al" for the service whm. Did you mean "all"\?/],
    [[qw(account create new --owner shpo)],        qr/Did you mean "shop"\?/],
    [[qw(account show zzzzzz)],                    qr/no account "zzzzzz"\. See/],
);
$before = $cli->ok(qw(journal show --from 1 --json));
for my $case (@refused) {
    my ($args, $message) = @$case;
    my $r = $cli->run(@$args);
    is($r->{exit}, 1, "tokengate @$args: exit code");
    like($r->{stderr}, $message, "tokengate @$args: says why");
}
is($cli->ok(qw(journal show --from 1 --json)), $before, 'none of them changed anything either');

# No store: exit 3, and the command that makes one.
my $none = Tokengate::Cli->new(init => 0);
for my $args ([qw(stat)], [qw(account list)], [qw(account create shop)], [qw(token list)], [qw(journal verify)]) {
    my $r = $none->run(@$args);
    is($r->{exit}, 3, "tokengate @$args without a store: exit code");
    like($r->{stderr}, qr/tokengate init/, "tokengate @$args without a store: names the cure");
}
is($none->run_with({stdin => "GET / HTTP/1.1\n"}, 'verify')->{exit}, 3, 'verify without a store: exit code');

# Output that cannot be written is no success; a secret that is lost that way is said to be.
SKIP: {
    skip 'no /dev/full', 3 unless -e '/dev/full';
    my $run = sub ($args) {
        my $shell = 'exec "$0" "$@" > /dev/full';
        return Tokengate::Cli::run_command('', {TOKENGATE_STORE => $cli->store}, 'sh', '-c', $shell,
            Tokengate::Cli::binary(), @$args);
    };
    is($run->([qw(account list)])->{exit}, 3, 'a listing into a full disk: exit code');
    my $r = $run->([qw(token create shop lost --full-access)]);
    is($r->{exit}, 3, 'a secret into a full disk: exit code');
    like($r->{stderr}, qr/tokengate token rotate shop lost --service cpanel --overlap 0/, 'names the cure');
}

# Help for every command, with an example of it.
sub verbs_of (@command) {
    my $help = $cli->ok(@command, '--help');
    my ($list) = $help =~ /^Commands:\n((?:  .*\n)+)/m;
    return ($help, defined $list ? $list =~ /^  (\S+)/mg : ());
}
my ($help, @nouns) = verbs_of();
like($help, qr/Exit codes: 0 done or granted, 1 refused, 2 wrong usage, 3 trouble with the store/, 'exit codes in help');
cmp_ok(scalar @nouns, '>=', 10, 'help lists the commands');
for my $noun (@nouns) {
    my ($text, @verbs) = verbs_of($noun);
    like($text, qr/^  .*tokengate $noun\b/m, "tokengate $noun --help has an example") unless @verbs;
    for my $verb (@verbs) {
        my ($verb_help) = verbs_of($noun, $verb);
        like($verb_help, qr/^  .*tokengate $noun $verb\b/m, "tokengate $noun $verb --help has an example");
        like($verb_help, qr/--json/, "tokengate $noun $verb --help shows --json");
    }
}
like($cli->ok('--version'), qr/\Atokengate \d+\.\d+\.\d+\n\z/, 'version');

# Options may stand before and after the command; names may be those of commands.
$cli->ok(qw(account create token --acl all));
$cli->ok(qw(token create token create --acl all));
like($cli->ok(qw(token show token create)), qr/\AToken create /, 'an account called token, a token called create');
is_deeply($cli->json(qw(token create --acl all --address 192.0.2.1 token first))->{acls}, ['all'],
    'an option takes one value, not the arguments after it');
is(Tokengate::Cli::decode_json($cli->ok('--json', qw(account show token)))->{username}, 'token', '--json in front');
is($cli->json('account', '--store', $cli->store, 'show', 'token')->{username}, 'token', '--store in the middle');

done_testing;
