# Tokens: made, shown, changed and ended on the command line.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(acl define email dns backups whm:passwd));
$cli->ok(qw(account create shop --acl), 'email,dns', qw(--acl whm:passwd));

# A decision by the core, for what the command line only claims.
sub decide ($secret, @options) {
    my $request = "GET /x HTTP/1.1\nAuthorization: Bearer $secret\n";
    my $r = $cli->run_with({stdin => $request}, 'verify', '--require', 'email', '--json', @options);
    return Tokengate::Cli::decode_json($r->{stdout})->{outcome};
}

# The secret alone is on standard output.
my $r = $cli->run(qw(token create shop ci --acl email --expires +30d));
is($r->{exit}, 0, 'create');
like($r->{stdout}, qr/\A[A-Z0-9]{32}\n\z/, 'standard output is the secret');
chomp(my $secret = $r->{stdout});
unlike($r->{stderr}, qr/\Q$secret/, 'standard error is not');
like($r->{stderr}, qr/^Made the token ci \(id 1\) of shop for the service cpanel: email; ends .* \(in 30 days\)/,
    'and says what was made');
is(decide($secret), 'granted', 'it works');
is($cli->run(qw(token create shop ci --acl email))->{exit},   1, 'a name that is taken');
is($cli->run(qw(token create shop b --acl backups))->{exit},  1, 'an ACL that the account does not possess');
is($cli->run(qw(token create shop b --acl email --expires 2020-01-01))->{exit}, 2, 'an end in the past')
    or diag 'must be wrong usage';

my $made = $cli->json(qw(token create shop full --full-access --read-only --note), "na\x{c3}\x{af}ve",
    qw(--address 192.0.2.0/24 --address), '::ffff:192.0.2.7,2001:db8::/32', qw(--not-before 2020-01-01 --expires 2100-01-01));
like(delete $made->{secret}, qr/\A[A-Z0-9]{32}\z/, 'JSON holds the secret');
delete @$made{qw(created not_before expires)};
is_deeply(
    $made,
    {
        id => 2, account => 'shop', service => 'cpanel', name => 'full', full_access => JSON::PP::true,
        read_only => JSON::PP::true, acls => [], addresses => [qw(192.0.2.0/24 192.0.2.7 2001:db8::/32)],
        note => "na\x{ef}ve", former_secret_until => undef, warnings => [],
        parent_id => undef, parent => undef
    },
    'JSON of all else'
) or diag explain $made;

# An ACL that leads past the token's limits is said to.
$r = $cli->run(qw(token create shop maker --service whm --acl passwd));
like($r->{stderr}, qr/^Warning: the ACL passwd /m, 'a warning about an escape route');
is($r->{exit}, 0, 'which is no error');
like($cli->ok(qw(token show shop maker)), qr/^Warning: the ACL passwd /m, 'show repeats it');
my $acls = $cli->json(qw(acl list --service whm));
ok((grep { $_->{name} eq 'passwd' && $_->{escape_route} } @$acls), 'acl list too');

# The same name for both services: the caller says which.
$cli->secret(qw(shop ci --service whm --acl passwd));
$r = $cli->run(qw(token show shop ci));
is($r->{exit}, 2, 'which ci?');
like($r->{stderr}, qr/say --service cpanel or --service whm/, 'asks');
is($cli->json(qw(token show shop ci --service whm))->{service}, 'whm', 'answered');
$cli->ok(qw(token revoke shop ci --service whm));
is($cli->json(qw(token show shop ci))->{service}, 'cpanel', 'one left: no need to say');

# Lists.
is_deeply([map { "$_->{service}/$_->{name}" } @{ $cli->json(qw(token list shop)) }],
    [qw(cpanel/ci cpanel/full whm/maker)], 'list of one account');
is_deeply([map { $_->{name} } @{ $cli->json(qw(token list --service whm)) }], ['maker'], 'list of one service');
like($cli->ok(qw(token list)), qr/^shop +cpanel +full +active +\S+ +never +full access \(read only\)$/m, 'list in words');

# In words.
my $show = $cli->ok(qw(token show shop full));
like($show, qr/^May call all that shop may call, now and later; at present: dns, email\.$/m, 'show: rights');
like($show, qr/^Reads only/m,                                                  'show: read only');
like($show, qr{^Accepted only from 192.0.2.0/24, 192.0.2.7, 2001:db8::/32\.$}m, 'show: addresses');
like($show, qr/^Ends 2100-01-01T/m,                                            'show: end');
like($show, qr/^Note: na\x{c3}\x{af}ve$/m,                                     'show: note');
$cli->ok(qw(account deny shop email));
like($cli->ok(qw(token show shop ci)), qr/^Without effect, because shop does not possess it: email\.$/m,
    'show: an ACL that the account lost');
is(decide($secret), 'acl_denied', 'and it has no effect');
$cli->ok(qw(account grant shop email));

# Updates; what is not named stays.
is_deeply($cli->json(qw(token update shop ci --acl), 'email,dns')->{acls}, [qw(dns email)], 'update --acl');
my $updated = $cli->json(qw(token update shop ci --full-access --read-only --note), 'for builds');
ok($updated->{full_access} && $updated->{read_only} && !@{ $updated->{acls} }, 'update --full-access');
is($updated->{note}, 'for builds', 'update --note');
is($cli->json(qw(token update shop ci --note), '')->{note}, '', 'update --note without text removes it');
is($cli->json(qw(token update shop ci --read-write))->{read_only}, JSON::PP::false, 'update --read-write');
is_deeply($cli->json(qw(token update shop ci --address 192.0.2.1))->{addresses}, ['192.0.2.1'], 'update --address');
is(decide($secret), 'address_denied', 'which is looked at');
is_deeply($cli->json(qw(token update shop ci --any-address))->{addresses}, [], 'update --any-address');
is($cli->json(qw(token update shop ci --expires never))->{expires}, undef, 'update --expires never is null');
is(decide($secret), 'granted', 'still the same secret');
$cli->ok(qw(token update shop ci --expires now));
is(decide($secret), 'expired', 'update --expires now');
like($cli->ok(qw(token show shop ci)), qr/: expired, .*^Ended /ms, 'show: ended');
like($cli->ok(qw(token list)), qr/^shop +cpanel +ci +expired /m, 'list: ended');
$cli->ok(qw(token update shop ci --expires never));
$cli->ok(qw(token update shop ci --not-before +1h));
is(decide($secret), 'not_yet_valid', 'update --not-before');
like($cli->ok(qw(token show shop ci)), qr/: not yet valid, .*^Valid from .* \(in /ms, 'show: not yet valid');
$cli->ok(qw(token update shop ci --not-before now));

# Rotation.
my $second = $cli->json(qw(token rotate shop ci --overlap 1h));
isnt($second->{secret}, $secret, 'rotate makes another secret');
cmp_ok(abs($second->{former_secret_until} - time - 3600), '<', 600, 'and says how long the former lasts');
is(decide($secret),           'granted', 'the former is accepted');
is(decide($second->{secret}), 'granted', 'the new one too');
is(decide($secret, '--now', '+2h'), 'expired', 'the former ends after the overlap');
$r = $cli->run(qw(token rotate shop ci --overlap 1h));
is($r->{exit}, 1, 'no second overlap while one runs');
like($r->{stderr}, qr/--overlap 0/, 'and how to go on');
my $third = $cli->ok(qw(token rotate shop ci --overlap 0));
chomp $third;
is(decide($_), 'unknown_token', 'a former secret is refused') for $secret, $second->{secret};
is(decide($third), 'granted', 'the newest works');

# Renames and ends.
is($cli->json(qw(token rename shop ci deploy))->{name}, 'deploy', 'rename');
is(decide($third), 'granted', 'the secret stays');
is($cli->run(qw(token rename shop deploy full))->{exit}, 1, 'not to a name that is taken');
is($cli->run(qw(token revoke shop deploy nosuch))->{exit}, 1, 'revoke with a wrong name');
is(decide($third), 'granted', 'revokes nothing');
is_deeply($cli->json(qw(token revoke shop deploy deploy)), {revoked => 1}, 'revoke, a name said twice');
is(decide($third), 'unknown_token', 'is gone');
$cli->secret(qw(shop), "old$_", qw(--acl email)) for 1 .. 3;
$cli->ok(qw(token update shop), "old$_", qw(--expires 2020-06-30)) for 1, 2;
is_deeply($cli->json(qw(token purge-expired shop --before 2020-06-29)), {purged => 0}, 'purge-expired --before');
is_deeply($cli->json(qw(token purge-expired)),                          {purged => 2}, 'purge-expired');
is_deeply($cli->json(qw(token revoke-all shop --service whm)), {revoked => 1}, 'revoke-all of a service');
is($cli->ok(qw(token revoke-all shop)), "Revoked 2 tokens of shop: refused from the next request on.\n",
    'revoke-all');
is($cli->ok(qw(token list)), "No tokens.\n", 'none are left');

# Text of tokens, without a store.
my @texts = (
    [$third,                              'ours',        0],
    ["$third\r\n",                        'ours',        0],
    [scalar reverse($third),              'bad_check',   1],
    ['an-imported-secret-from-elsewhere', 'foreign',     1],
    ['short',                             'not_a_token', 1],
    ["$third $third",                     'not_a_token', 1],
    ['',                                  'not_a_token', 1],
);
for my $case (@texts) {
    my ($text, $kind, $exit) = @$case;
    my $check = $cli->run_with({stdin => $text, env => {TOKENGATE_STORE => '/nonexistent'}}, qw(token check --json));
    is($check->{exit}, $exit, "check of a text that is $kind: exit code");
    is_deeply(Tokengate::Cli::decode_json($check->{stdout}), {kind => $kind}, "check of a text that is $kind");
    unlike($cli->run_with({stdin => $text}, qw(token check))->{stdout}, qr/\Q$third/, 'is not repeated');
}

done_testing;
