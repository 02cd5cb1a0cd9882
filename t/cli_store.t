# Stores on the command line: making one, the journal, the figures.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use File::Temp ();
use Tokengate::Cli;

umask 0077;
my $group = getgrgid $( + 0;
my $cli = Tokengate::Cli->new(group => $group);

sub mode ($path) { return sprintf '%04o', (stat $path)[2] & 07777 }

is(mode($cli->store),            '2750', 'folder: the group may look in, files are of its group');
is(mode($cli->store . '/data.mdb'), '0640', 'data: the group may read');
is(mode($cli->store . '/lock.mdb'), '0600', 'lock: the owner alone');
is(mode($cli->store . '/readers'),  '0660', 'readers: the group may write');

my $again = $cli->run('init');
is($again->{exit}, 1, 'init where there is a store');
like($again->{stderr}, qr/already holds a store/, 'says so');
my $nobody = Tokengate::Cli->new(init => 0)->run(qw(init --group no-such-group));
isnt($nobody->{exit}, 0, 'init for a group that does not exist');
like($nobody->{stderr}, qr/no-such-group/, 'names it');

my $other = File::Temp->newdir;
is($cli->json('init', '--store', "$other/store", '--group', $group)->{store}, "$other/store", '--store goes before TOKENGATE_STORE');
$cli->ok('account', 'create', 'elsewhere', '--store', "$other/store");
is_deeply($cli->json('account', 'list'), [], 'and keeps them apart');

# The journal tells each change once, who made it, and no secret.
$cli->ok(qw(acl define email));
$cli->ok(qw(account create shop --acl email));
my $secret = $cli->secret(qw(shop ci --acl email));
$cli->ok(qw(token revoke shop ci));
$cli->ok(qw(account suspend shop));
my $journal = $cli->json(qw(journal show));
is_deeply([map { $_->{seq} } @$journal], [1 .. 6], 'dense numbers from 1');
is_deeply([map { $_->{action} } @$journal],
    [qw(store.create acl.define account.create token.create token.revoke account.suspend)], 'actions')
    or diag explain $journal;
is($journal->[3]{object}, 'shop/cpanel/ci', 'object');
my $login = getpwuid $<;
is($journal->[$_]{actor}, "cli:$login", 'actor') for 0, 5;
unlike($cli->ok(qw(journal show)), qr/\Q$secret/, 'no secret in it');
like($cli->ok(qw(journal show)), qr/^SEQ +TIME +ACTOR +ACTION +OBJECT +DETAIL\n1 /, 'in words');
is(scalar @{ $cli->json(qw(journal show --from 3 --limit 2)) }, 2, '--limit');
is($cli->json(qw(journal show --from 3 --limit 2))->[0]{seq}, 3, '--from');
is_deeply([map { $_->{seq} } @{ $cli->json(qw(journal show --limit 2)) }], [5, 6], '--limit alone: the newest');
is_deeply($cli->json(qw(journal show --from 7)), [], 'past the end');
is($cli->ok(qw(journal verify)), "The journal is whole: 6 entries in an unbroken chain.\n", 'verify');
is($cli->json(qw(journal verify))->{entries}, 6, 'verify --json');

# More entries than are read at a time, all in one array.
$cli->ok(qw(acl define), map { "acl-$_" } 1 .. 100);
$cli->ok(qw(acl define), map { "acl-$_" } 101 .. 200);
is(scalar @{ $cli->json(qw(journal show)) }, 50, 'of itself it shows the newest 50');
is(scalar @{ $cli->json(qw(journal show --from 1)) }, 206, 'with --from all');

SKIP: {
    skip 'only root is believed about SUDO_USER', 2 if $< != 0;
    $cli->run_with({env => {SUDO_USER => 'alice'}}, qw(account unsuspend shop));
    is($cli->json(qw(journal show --limit 1))->[0]{actor}, 'cli:alice(root)', 'through sudo');
    $cli->run_with({env => {SUDO_USER => "a\nb"}}, qw(account suspend shop));
    is($cli->json(qw(journal show --limit 1))->[0]{actor}, 'cli:root', 'a login name that is none is left out');
}

my $stat = $cli->json('stat');
is($stat->{accounts}, 1, 'stat: accounts');
is($stat->{tokens},   0, 'stat: tokens');
like($stat->{store_id}, qr/\A[0-9a-f]{32}\z/, 'stat: id');
cmp_ok($stat->{journal_entries}, '>=', 206, 'stat: journal');
like($cli->ok('stat'), qr/^Accounts +1$/m, 'stat in words');

# What an account's owner may have typed cannot disturb the terminal.
$cli->ok(qw(account unsuspend shop));
$cli->secret(qw(shop noted --acl email --note), "caf\x{c3}\x{a9} \x{e2}\x{80}\x{ae}evil");
my $shown = $cli->ok(qw(token show shop noted));
like($shown, qr/^Note: caf\x{c3}\x{a9} \\xe2\\x80\\xaeevil$/m, 'letters pass, what reorders a line is escaped');
my $wrong = $cli->run(qw(account show), "a\e[31mb\n\xff");
is($wrong->{stderr} =~ tr/\n//, 1, 'an error stays on one line');
like($wrong->{stderr}, qr/"a\\x1b\[31mb\\x0a\\xff"/, 'and is escaped');

# A damaged store: exit 3.
open my $data, '>', $cli->store . '/data.mdb' or die $!;
print $data 'this is no store' x 1000;
close $data;
is($cli->run('stat')->{exit}, 3, 'a damaged store: exit code');
is($cli->run(qw(account create x))->{exit}, 3, 'for changes too');

done_testing;
