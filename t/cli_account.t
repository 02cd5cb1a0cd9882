# Accounts: made, shown, changed and deleted on the command line.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(acl define email dns whm:list-accts));

my $shop = $cli->json(qw(account create shop --acl email --acl whm:list-accts));
is_deeply($shop->{acls}, {cpanel => ['email'], whm => ['list-accts']}, 'ACLs by prefix');
is($shop->{username}, 'shop', 'username');
is($shop->{owner},    undef,  'no owner is null');
ok($shop->{active} && $shop->{tokens_enabled}, 'starts active, with tokens on');
cmp_ok(abs($shop->{created} - time), '<', 600, 'times are UNIX seconds');

is($cli->ok(qw(account create agency --service whm --acl list-accts)),
    "Made the account agency (id 2), which possesses whm:list-accts.\n", 'ACLs by --service, and the sentence');
is($cli->run(qw(account create shop))->{exit}, 1, 'a name that is taken');

is_deeply($cli->json(qw(account grant shop), 'dns,email', 'whm:all')->{acls},
    {cpanel => [qw(dns email)], whm => [qw(all list-accts)]}, 'grant adds, in both services');
is_deeply($cli->json(qw(account deny shop dns whm:all))->{acls},
    {cpanel => ['email'], whm => ['list-accts']}, 'deny takes away, in both services');
is($cli->ok(qw(account deny shop email whm:list-accts)), "shop now possesses nothing.\n", 'the last one goes');

$cli->ok(qw(account grant shop email --acl dns));
$cli->secret(qw(shop ci --acl email));
$cli->secret(qw(shop zone --acl dns));
like($cli->ok(qw(account deny shop email)), qr/1 token still lists what was taken away/, 'deny counts the tokens');

is($cli->json(qw(account suspend shop))->{active}, JSON::PP::false, 'suspend');
like($cli->ok(qw(account list)), qr/^shop +suspended /m, 'a suspended account in the table');
is($cli->json(qw(account unsuspend shop))->{active},         JSON::PP::true,  'unsuspend');
is($cli->json(qw(account tokens-off shop))->{tokens_enabled}, JSON::PP::false, 'tokens-off');
like($cli->ok(qw(account show shop)), qr/: active, tokens off, made /, 'in words');
is($cli->json(qw(account tokens-on shop))->{tokens_enabled}, JSON::PP::true, 'tokens-on');

is($cli->json(qw(account set-owner shop agency))->{owner}, 'agency', 'set-owner');
is($cli->run(qw(account set-owner agency shop))->{exit},   1,        'no account comes to own itself');
is($cli->run(qw(account delete agency --yes))->{exit},     1,        'an owner cannot be deleted');
is($cli->json(qw(account set-owner shop --none))->{owner}, undef,    'set-owner --none');
is($cli->json(qw(account create sub --owner agency))->{owner}, 'agency', 'create --owner');

is($cli->json(qw(account rename shop store))->{username}, 'store', 'rename');
is($cli->run(qw(account show shop))->{exit}, 1, 'the former name is gone');
is_deeply([map { $_->{name} } @{ $cli->json(qw(account show store))->{tokens} }], [qw(ci zone)],
    'the tokens went along');
is_deeply([map { $_->{username} } @{ $cli->json(qw(account list)) }], [qw(agency store sub)], 'list, sorted');

my $show = $cli->ok(qw(account show store));
like($show, qr/^Possesses dns\.$/m,                       'show says what it possesses');
like($show, qr/^SERVICE +NAME +STATE +ENDS +LAST USED +MAY CALL$/m,  'show has a table of its tokens');
like($show, qr/^cpanel +ci +active +never +never +email$/m,      'with a line each');
unlike($show, qr/ $/m, 'no line ends in blanks');

is($cli->run(qw(account delete store))->{exit}, 2, 'delete asks first');
is_deeply($cli->json(qw(account delete store --yes)), {deleted => 'store', tokens => 2}, 'delete --yes');
is_deeply($cli->json(qw(token list)), [], 'its tokens are gone');
is($cli->json(qw(account create store))->{token_count}, 0, 'a new account of that name starts afresh');
is_deeply($cli->json(qw(account show store))->{acls}, {cpanel => [], whm => []}, 'with nothing');

is(Tokengate::Cli->new->ok(qw(account list)),
    "No accounts. `tokengate account create USER --acl ACL` makes one.\n", 'no accounts');

done_testing;
