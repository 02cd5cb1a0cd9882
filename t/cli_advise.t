# The use of tokens on the command line: shown, and turned into advice that can be followed as it stands.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
my $map = $cli->store . '/usage.map';
$cli->ok(qw(acl define email dns files whm:list-accts));    # with the numbers 1, 2, 3 and, for whm, 1; 0 is all
$cli->ok(qw(account create shop --acl), 'email,dns,files', qw(--acl whm:list-accts));
$cli->ok(qw(account create other --acl email));
$cli->secret(qw(shop full --full-access));
$cli->secret(qw(shop ci --acl), 'email,dns');
$cli->secret(qw(shop ro --acl email --read-only));
$cli->secret(qw(shop mystery --full-access));
$cli->secret(qw(shop ops --service whm --full-access));
$cli->secret(qw(other idle --acl email));
my %id = (full => 1, ci => 2, ro => 3, mystery => 4, ops => 5, idle => 6);

# What a server would note.
sub note_use ($name, %use) {
    my $count = ($use{count} // 3) | ($use{writes} ? 1 << 63 : 0) | ($use{unlisted} ? 1 << 62 : 0);
    my $acls  = 0;
    $acls |= 1 << $_ for @{$use{acls} // []};
    open my $file, '+<:raw', $map or die "$map: $!";
    seek $file, 64 * $id{$name}, 0;
    print $file pack('Q<Q<', $use{last} // time, $count), "\0" x 10, "\xff\xff\xc0\0\2\1", pack('Q<4', $acls, 0, 0, $use{junk} // 0);
    close $file or die $!;
    return;
}

sub advice (@args) { return {map { $_->{name} => $_ } @{$cli->json(qw(token advise), @args)}} }
sub kinds (@args) { my $advice = advice(@args); return join ' ', map {"$_:$advice->{$_}{advice}"} sort keys %$advice }

is(kinds(), 'ci:never_used full:never_used idle:never_used mystery:never_used ops:never_used ro:never_used', 'new tokens');
like($cli->ok(qw(token advise)), qr/^Nothing to propose\.\nWithout a proposal: 6 never used so far\.\nThis goes by/, 'in words');
like($cli->ok(qw(token list shop)), qr/^cpanel +full +active +never +never +full access$/m, 'the list: never used');
like($cli->ok(qw(token show shop full)), qr/^Not used since \S+ \(/m, 'show: not used');
my $use = $cli->json(qw(token show shop full))->{use};
is_deeply([@$use{qw(count last address acls unlisted writes)}], [0, undef, undef, [], JSON::PP::false, JSON::PP::false], 'JSON: not used');

note_use('full', acls => [1, 3]);
note_use('ci', acls => [1], writes => 1, count => 1);
note_use('ro', acls => [1]);
note_use('mystery', acls => [2], unlisted => 1, writes => 1);
note_use('ops', acls => [1], writes => 1);
is(kinds(), 'ci:too_early full:too_early idle:never_used mystery:too_early ops:too_early ro:too_early', 'too early to tell');
my $shown = $cli->ok(qw(token show shop full));
like($shown, qr/^Last used \S+ \((?:now|\d+ seconds? ago)\) from 192\.0\.2\.1; 3 times since /m, 'show: last used');
like($shown, qr/^Used for: email, files; it only read\.$/m, 'show: what for');
like($cli->ok(qw(token show shop ci)), qr/; 1 time since .*\nUsed for: email; it also changed things\.$/m, 'show: changes');
like($cli->ok(qw(token show shop mystery)), qr/^Used for: dns and calls that only full access opens; /m, 'show: full access');
like($cli->ok(qw(token list)), qr/^shop +cpanel +ci +active +never +(?:now|\d+ seconds? ago) +dns, email$/m, 'the list: last used');
my ($listed) = grep { $_->{name} eq 'full' } @{$cli->json(qw(token list shop))};
is_deeply([@{$listed->{use}}{qw(count address acls)}], [3, '192.0.2.1', [qw(email files)]], 'JSON of the list');

# Advice, and each command of it as it stands.
my $advice = advice(qw(--watched-days 0));
is(kinds(qw(--watched-days 0)), 'ci:narrow full:narrow idle:never_used mystery:fits ops:narrow ro:fits', 'advice');
is($advice->{full}{command}, 'tokengate token update shop full --service cpanel --acl email,files --read-only', 'full access is not needed');
is($advice->{ci}{command}, 'tokengate token update shop ci --service cpanel --acl email', 'an ACL is not needed');
is($advice->{ops}{command}, 'tokengate token update shop ops --service whm --acl list-accts', 'for whm');
is($advice->{$_}{command}, undef, "$_: no command") for qw(idle mystery ro);
my $words = $cli->ok(qw(token advise --watched-days 0));
like($words, qr/^shop full \(cpanel\), may call: full access\n  Last used .*\n  Used for: email, files; it only read\.\n  It may do more .*:\n    \Q$advice->{full}{command}\E\n/m, 'in words');
like($words, qr/^Without a proposal: 2 used for all that they may do, 1 never used so far\.$/m, 'the others in one line');
for my $name (qw(full ci ops)) {
    my (undef, @command) = split ' ', $advice->{$name}{command};
    is($cli->run(@command)->{exit}, 0, "$name: the command can be followed");
}
is(kinds(qw(shop --watched-days 0)), 'ci:fits full:fits mystery:fits ops:fits ro:fits', 'and then there is no more to say');
is_deeply($cli->json(qw(token show shop full))->{acls}, [qw(email files)], 'what it came to');
like($cli->ok(qw(token advise shop mystery --watched-days 0)), qr/only full access opens, and so needs what it has/, 'one token by name');

# Not used for long.
is(advice(qw(other --unused-days 0))->{idle}{command}, 'tokengate token revoke other idle --service cpanel', 'unused: revoke');
is(kinds(qw(shop --service whm --unused-days 0)), 'ops:unused', 'of one service');
is($cli->run(qw(token revoke other idle --service cpanel))->{exit}, 0, 'which can be followed');
$cli->ok(qw(token update shop ro --expires 2020-01-01));
is(advice('shop')->{ro}{advice}, 'ended', 'what has ended is left alone');

# Nonsense is not shown.
for (['from the future', last => time + 86_400],
    ['from before the token was made', last => time - 86_400],
    ['an ACL that there is not', acls => [63]],
    ['another such', junk => 1],
    ['never, but with ACLs', count => 0, acls => [1]],
    ['too often', count => 1 << 50])
{
    my ($what, %use) = @$_;
    note_use('full', %use);
    is($cli->json(qw(token show shop full))->{use}, undef, "$what: not known");
    is(advice('shop')->{full}{advice}, 'unknown', "$what: no advice");
}
like($cli->ok(qw(token show shop full)), qr/^Nothing is known of its use\.$/m, 'in words');
like($cli->ok(qw(token list shop)), qr/^cpanel +full +active +never +unknown +email/m, 'in the list');

like($cli->ok('stat'), qr/^Use of tokens +noted since \S+, room for 65536 tokens$/m, 'stat');
unlink $map or die $!;
like($cli->ok('stat'), qr/^Use of tokens +there is no \Q$map\E; the next change of the store makes it$/m, 'stat: no file');
is($cli->json('stat')->{usage_slots}, 0, 'stat as JSON');
like($cli->json('stat')->{usage_problem}, qr/there is no/, 'and why');
like($cli->ok(qw(token advise shop)), qr/^Nothing to propose\.\nWithout a proposal: 4 not known, 1 ended\.$/m, 'no file, no advice');
$cli->ok(qw(acl define more));
is($cli->json('stat')->{usage_problem}, undef, 'made again');

my $r = $cli->run(qw(token advise shpo));
like($r->{stderr}, qr/Did you mean "shop"\?/, 'a wrong name');
is($cli->run(qw(token advise --unused-days -1))->{exit}, 2, 'a wrong number');
done_testing;
