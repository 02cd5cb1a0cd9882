# check, repair, backup and restore on the command line: while a writer runs, and on stores with flipped bits.
# TOKENGATE_BACKUPS says how many backups are made beside the writer, TOKENGATE_FLIPS how many bits are flipped,
# TOKENGATE_SEED from where on.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256 sha256_hex);
use File::Path qw(remove_tree);
use File::Temp ();
use POSIX ();
use Test::More;
use Tokengate::Cli;

my $folder = File::Temp->newdir('tokengate-XXXXXXXX', TMPDIR => 1);
my $cli    = Tokengate::Cli->new;
$cli->ok(qw(catalog load --panel));
$cli->ok(qw(account create shop --acl email --acl dns));
$cli->ok(qw(account create idle --acl email));
my %secret = (
    good    => $cli->secret(qw(shop good --acl email)),
    dns     => $cli->secret(qw(shop dns --acl dns)),
    revoked => $cli->secret(qw(shop revoked --acl email)),
    idle    => $cli->secret(qw(idle ci --acl email)),
);
$cli->ok(qw(account suspend idle));

sub asked ($store, $name) {
    return $store->run_with(
        {stdin => "GET /execute/Email/list_pops HTTP/1.1\nAuthorization: Bearer $secret{$name}\n\n"}, 'verify');
}

sub files_of ($folder) {
    return {map { ($_ => sprintf '%04o %s', (stat "$folder/$_")[2] & 07777, (stat _)[5]) } map { s{.*/}{}r } glob "$folder/*"};
}

# Backups while a writer is at work: each holds a whole number of its changes. They go to a pipe that nobody empties
# before some more changes were made, so they begin before these and end after them, if the store is larger than what
# LMDB and the pipe hold between them (2 MiB and 64 KiB).
my $notes = 'n' x 200;
$cli->run_with({stdin => join '', "tokengate-export\t1\n",
    (map { "token\tidle\tcpanel\told$_\t@{[sha256_hex($_)]}\temail\twrite\tnever\t\t\t\t\t\t\t\t$notes\n" } 1 .. 4000), "end\n"},
    qw(import -))->{exit} == 0 or die;
cmp_ok(-s $cli->store . '/data.mdb', '>', 2_300_000, 'a store that takes more than one write to copy');
my $writer = fork // die $!;
if ($writer == 0) {
    my $parent = getppid;
    for (my $i = 1; !-e "$folder/stop" && getppid == $parent; ++$i) {
        $cli->run(qw(token create shop), "w$i", qw(--acl email));
        $cli->run(qw(token revoke shop), 'w' . ($i - 1)) if $i % 3 == 0;
    }
    POSIX::_exit(0);
}

sub entries () { return $cli->json('stat')->{journal_entries} }

sub wait_for_changes () {
    my $seen = entries();
    select undef, undef, undef, 0.01 until entries() > $seen + 1;
}

# What the journal says that the writer's tokens are.
sub tokens_in ($journal) {
    my %there;
    for my $entry (@$journal) {
        my ($name) = $entry->{object} =~ m{\Ashop/cpanel/(w\d+)\z} or next;
        $entry->{action} eq 'token.create' ? $there{$name} = 1 : delete $there{$name};
    }
    return [sort keys %there];
}

wait_for_changes();
my $rounds = $ENV{TOKENGATE_BACKUPS} // 8;
my @backups;
for my $round (1 .. $rounds) {
    my $before = entries();
    my $pid = open my $backup, '-|', Tokengate::Cli::binary(), 'backup', '-', '--store', $cli->store or die $!;
    binmode $backup;
    read $backup, my $bytes, 1 or die;
    my $begun = entries();
    wait_for_changes();
    local $/ = undef;
    $bytes .= <$backup>;
    close $backup or die "backup: $?";
    push @backups, {file => "$folder/live-$round.mdb", least => $before, most => $begun};
    open my $out, '>:raw', $backups[-1]{file} or die $!;
    print $out $bytes;
    close $out or die $!;
}
is($cli->run('check')->{exit}, 0, 'a store is whole while it is being written to');
open my $stop, '>', "$folder/stop" or die $!;
waitpid $writer, 0;
my $journal = $cli->json(qw(journal show --from 1));
for my $backup (@backups) {
    my $live = Tokengate::Cli->new(store => $backup->{file} =~ s/mdb\z/store/r, init => 0);
    my $r = $live->run('restore', $backup->{file}, '--json');
    is($r->{exit}, 0, 'a backup beside the writer is restored') or diag($r->{stderr}), next;
    my $report = Tokengate::Cli::decode_json($r->{stdout});
    my $held = $report->{journal_entries};
    my @wrong = map { "$_ finds something" } grep { $live->run(split)->{exit} != 0 } 'check', 'journal verify';
    push @wrong, "$held journal entries, not $backup->{least} to $backup->{most}"
        if $held < $backup->{least} || $held > $backup->{most};
    my $restored = $live->json(qw(journal show --from 1));
    push @wrong, 'no entry of its own' if @$restored != $held + 1 || $restored->[-1]{action} ne 'store.restore';
    my @prefix = @$restored[0 .. $held - 1];
    push @wrong, 'its journal is not the beginning of the store\'s'
        if join("\n", map { $_->{hash} } @prefix) ne join("\n", map { $_->{hash} } @$journal[0 .. $held - 1]);
    my @tokens = sort grep { /\Aw/ } map { $_->{name} } @{ $live->json(qw(token list shop)) };
    push @wrong, 'its tokens are not those of its journal' if "@tokens" ne "@{tokens_in(\@prefix)}";
    push @wrong, 'tokens from before are missing' if $report->{tokens} != @tokens + 4000 + 4;
    is_deeply(\@wrong, [], "and holds the first $held changes, whole");
    remove_tree($live->store);
}

my $file = "$folder/backup.mdb";
$cli->ok('backup', $file);
is((stat $file)[2] & 07777, 0600, 'a backup is readable by its owner alone');
my $again = $cli->run('backup', $file);
is($again->{exit}, 1, 'an existing file is not replaced');
like($again->{stderr}, qr/--force/, 'and how it would be');
ok(!glob("$folder/backup.mdb?*"), 'nothing is left of the attempt');
$cli->ok('backup', $file, '--force');

# Restored, it is the store of that time.
my $text = $cli->ok('export');
my $old  = Tokengate::Cli->new(store => "$folder/restored", init => 0);
my $r    = $old->run('restore', $file);
is($r->{exit}, 0, 'restore') or diag($r->{stderr});
like($r->{stderr}, qr/revoked since are accepted again/, 'it warns of what comes back');
is($old->ok('export'), $text, 'with all that the store held');
is($old->run('check')->{exit}, 0, 'a restored store is whole');
like($old->ok(qw(journal verify)), qr/unbroken/, 'and its journal too');
is(asked($old, 'good')->{exit}, 0, 'its tokens are granted');
is((stat $old->store)[2] & 07777, 02750, 'the mode of the folder');
is_deeply(files_of($old->store), files_of($cli->store), 'the files that init makes, with their modes and group');
is($old->run('restore', $file)->{exit}, 1, 'no store is restored over');
open my $input, '-|', "'@{[Tokengate::Cli::binary()]}' backup - --store '@{[$cli->store]}'" or die $!;
binmode $input;
my $streamed = do { local $/; <$input> };
close $input;
cmp_ok(length $streamed, '>=', 8 * 4096, 'a backup goes to standard output too');

# Whoever has a copy has no secret: not one that was issued, rotated or revoked, nor the random part of one.
my $rotated = $cli->ok(qw(token rotate shop dns --overlap 1h)) =~ s/\s+\z//r;
asked($cli, 'good');
my %holding = (streamed => $streamed, export => $cli->ok('export'), journal => $cli->ok(qw(journal show --from 1 --json)));
for my $path ($file, glob $cli->store . '/*') {
    open my $in, '<:raw', $path or die "$path: $!";
    $holding{$path =~ s{.*/}{}r} = do { local $/; <$in> };
}
is(join(' ', sort keys %holding), 'acknowledged backup.mdb data.mdb export journal lock.mdb readers streamed usage.map', 'all that holds anything');
ok(index($holding{'data.mdb'}, sha256($secret{good})) > 0, 'a digest is found');
is_deeply([grep { my $held = $holding{$_}; grep { index(lc $held, lc substr $_, 0, 25) >= 0 } values %secret, $rotated } sort keys %holding],
    [], 'no secret is');

# What was revoked after the backup stays revoked.
$cli->ok(qw(token revoke shop revoked));
is(asked($old, 'revoked')->{exit}, 0, 'without the later store a revoked token is back');
my $new = Tokengate::Cli->new(store => "$folder/withdrawn", init => 0);
like($new->ok('restore', $file, '--withdrawals-from', $cli->store), qr/^Revoked 1 token/m, 'with it, it is not');
is(asked($new, 'revoked')->{exit}, 1, 'so it is refused');
is(asked($new, 'good')->{exit},    0, 'the others are granted');

# Findings on the command line.
is($cli->json('check')->{finding_count}, 0, 'check in JSON');
chmod 0777, $cli->store;
$r = $cli->run('check');
is($r->{exit}, 1, 'a finding: exit code');
like($r->{stdout}, qr/has the mode 0777, and should have 0750; `tokengate repair` sets it\.\n/, 'and what it is');
is($cli->run(qw(repair --dry-run))->{exit}, 0, 'a dry run');
is($cli->run('check')->{exit}, 1, 'mends nothing');
like($cli->ok('repair'), qr/^Repaired 1 thing; nothing is left\.$/m, 'repair does');
is($cli->run('check')->{exit}, 0, 'so that nothing is found');
is(Tokengate::Cli->new(store => "$folder/none", init => 0)->run('check')->{exit}, 3, 'no store: exit code');

# Flipped bits: check always answers, and nothing is granted that was not before. A small store, so that many hit
# something.
my $flips = $ENV{TOKENGATE_FLIPS} // 60;
my $seed  = $ENV{TOKENGATE_SEED}  // 1;
srand $seed;
my $sound = Tokengate::Cli->new;
$sound->run_with({stdin => "api\tmodule\tfunction\tacl\taccess\n" . join '', map {"uapi\t\u$_\t*\t$_\tread\n"} qw(email dns)},
    qw(catalog load -))->{exit} == 0 or die;
$sound->ok(qw(account create shop --acl email --acl dns));
$sound->ok(qw(account create idle --acl email));
$secret{good}    = $sound->secret(qw(shop good --acl email));
$secret{dns}     = $sound->secret(qw(shop dns --acl dns));
$secret{revoked} = $sound->secret(qw(shop revoked --acl email));
$secret{idle}    = $sound->secret(qw(idle ci --acl email));
$sound->ok(qw(account suspend idle));
$sound->ok(qw(token revoke shop revoked));
is(asked($sound, 'good')->{exit}, 0, 'the sound store grants');

sub copy_of ($from, $to) {
    remove_tree($to->store);
    system('cp', '-a', $from->store, $to->store) == 0 or die;
}

my $sick = Tokengate::Cli->new(store => "$folder/sick", init => 0);
copy_of($sound, $sick);
is($sick->run('check')->{exit}, 0, 'nothing is found in a copy that nothing happened to');
my $size = -s $sound->store . '/data.mdb';
my %count = (found => 0, refused => 0);
my @wrong;
for my $i (1 .. $flips) {
    copy_of($sound, $sick);
    open my $data, '+<:raw', $sick->store . '/data.mdb' or die $!;
    my ($at, $byte, $bit) = (0, "\0", int rand 8);
    while ($byte eq "\0") {    # most of a small store is free room
        $at = int rand $size;
        seek $data, $at, 0;
        read $data, $byte, 1;
    }
    seek $data, $at, 0;
    print $data chr(ord($byte) ^ 1 << $bit);
    close $data;
    my $checked = $sick->run('check')->{exit};
    push @wrong, "byte $at bit $bit: check ends with $checked" unless $checked =~ /\A[013]\z/;
    ++$count{found} if $checked != 0;
    for my $name (qw(revoked dns idle)) {
        push @wrong, "byte $at bit $bit: $name is granted" if asked($sick, $name)->{exit} == 0;
    }
    ++$count{refused} if asked($sick, 'good')->{exit} != 0;
}
is_deeply(\@wrong, [], "$flips flipped bits from seed $seed on");
note("$flips bits flipped: $count{found} found, $count{refused} made a good token refused");

done_testing;
