# Export and import on the command line: an exact round trip, files that are there whole or not at all, lists of digests.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use Test::More;
use Tokengate::Cli;

my $folder = File::Temp->newdir('tokengate-XXXXXXXX', TMPDIR => 1);
my $file   = "$folder/store.tsv";

sub contents ($path) {
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in>;
}

sub files () {
    opendir my $in, "$folder" or die $!;
    return join ' ', sort grep { !/^[.]/ } readdir $in;
}

my $cli = Tokengate::Cli->new;
$cli->ok(qw(catalog load --panel));
$cli->ok(qw(account create shop --acl email --acl dns --acl whm:list-accts));
my $secret = $cli->secret(qw(shop ci --acl email --note), 'of the build');
$cli->secret(qw(shop ops --service whm --acl list-accts --address 192.0.2.0/24 --expires 2030-01-01));

# Out and in again.
$cli->ok('export', $file);
is((stat $file)[2] & 07777, 0600, 'an export is readable by its owner alone');
my $text = contents($file);
is($cli->ok('export'), $text, 'the same on standard output');
unlike($text, qr/\Q$secret\E/, 'without the secret');
like($text, qr/^token\tshop\tcpanel\tci\t\Q@{[sha256_hex($secret)]}\E\temail\twrite\tnever\t0\t/m, 'with its digest');
my $again = $cli->run('export', $file);
is($again->{exit}, 1, 'an existing file is not replaced');
like($again->{stderr}, qr/exists.*--force/, 'and how it would be');
$cli->ok('export', $file, '--force');
is(files(), 'store.tsv', 'nothing else is left in the folder');

my $copy = Tokengate::Cli->new;
my $dry = $copy->json('import', '--dry-run', $file);
is_deeply([@$dry{qw(accounts tokens catalog_functions dry_run)}],
    [1, 2, $cli->json('stat')->{catalog_functions}, JSON::PP::true], 'a dry run tells what would come');
is($copy->json('stat')->{tokens}, 0, 'and changes nothing');
$copy->ok('import', $file);
is($copy->ok('export'), $text, 'what was imported is exported the same, byte for byte');
my $asked = $copy->run_with({stdin => "GET /execute/Email/list_pops HTTP/1.1\nAuthorization: cpanel shop:$secret\n\n"}, 'verify');
is($asked->{exit}, 0, 'an imported token is granted') or diag($asked->{stdout}, $asked->{stderr});
is($copy->json(qw(journal show))->[-1]{object}, 'sha256:' . sha256_hex($text), 'the journal names the text');

# From a pipe, and refused as a whole.
my $pipe = Tokengate::Cli->new;
open my $through, '|-', "TOKENGATE_STORE='@{[$pipe->store]}' '@{[Tokengate::Cli::binary()]}' import - >/dev/null" or die $!;
print $through $text;
close $through;
is($?, 0, 'import from a pipe');
is($pipe->ok('export'), $text, 'is the same');
my $bad = $copy->run_with({stdin => $text}, 'import', '-');
is($bad->{exit}, 1, 'what is there already is refused');
like($bad->{stderr}, qr/line \d+: there already is an account "shop".*nothing was changed/, 'with line, cause and cure');
my $cut = $text =~ s/end\n\z//r;
like(Tokengate::Cli->new->run_with({stdin => $cut}, 'import', '-')->{stderr}, qr/no line `end`/, 'a cut text is noticed');
is($copy->run('import', "$folder/none")->{exit}, 2, 'a missing file is wrong usage');

# Digests of another system.
my $old  = 'an-old-key-of-another-system';
my $list = "shop\told\t" . sha256_hex($old) . "\n";
is($cli->run_with({stdin => $list}, qw(import --list -))->{exit}, 2, 'a list needs rights');
is($cli->run_with({stdin => $list}, qw(import --acl email -))->{exit}, 2, 'rights need a list');
is($cli->run_with({stdin => $list}, qw(import --list - --acl files))->{exit}, 1, 'only what the account possesses');
my $done = $cli->run_with({stdin => $list}, qw(import --list - --acl email --read-only --expires 2030-01-01));
is($done->{exit}, 0, 'a list is imported') or diag($done->{stderr});
my $token = $cli->json(qw(token show shop old));
is_deeply([@$token{qw(acls read_only full_access)}], [['email'], JSON::PP::true, JSON::PP::false], 'with the rights that were stated');
$asked = $cli->run_with({stdin => "GET /execute/Email/list_pops HTTP/1.1\nAuthorization: Bearer $old\n\n"}, 'verify');
is($asked->{exit}, 0, 'its token is granted') or diag($asked->{stdout}, $asked->{stderr});

done_testing;
