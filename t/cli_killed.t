# Commands that write much at once, killed with SIGKILL at random moments: the store holds what it held before, or what it
# holds after a whole run; it is sound, its journal holds, and the same command can be run again. What they write beside a
# store, a backup or a restored store, is there whole or not at all. TOKENGATE_COMMAND_KILLS (default 3) says how often
# each is killed.
use v5.36;
use Digest::SHA qw(sha256);
use Fcntl qw(F_RDLCK F_SETLK SEEK_SET);
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tokengate::Cli;

use constant {kTokens => 1000, kEnded => 300, kDamaged => 20, kCreated => 1_790_000_000};

my $kills  = $ENV{TOKENGATE_COMMAND_KILLS} // 3;
my $folder = File::Temp->newdir('tokengate-XXXXXX', TMPDIR => 1);

sub digest_of ($user, $number) { return sha256(sprintf '%-26s%06d', $user, $number) }

sub tokens ($user, $count, $expires) {
    return map { join("\t", 'token', $user, 'cpanel', "t$_", unpack('H*', digest_of($user, $_)), 'email', 'write', $expires, 0, '', kCreated) . "\n" } 1 .. $count;
}

sub account ($user) { return join("\t", 'account', $user, '', 'active', 'on', 'email', '', kCreated) . "\n" }

sub text_file ($name, @lines) {
    open my $out, '>', "$folder/$name" or die $!;
    print $out @lines;
    close $out;
    return "$folder/$name";
}

sub store_at ($name) { return Tokengate::Cli->new(store => "$folder/$name", init => 0) }

# What a store holds, or why it does not say.
sub content ($cli) {
    my $result = $cli->run('export');
    return $result->{exit} eq '0' ? $result->{stdout} : $result->{stderr} =~ s/\Q$cli->{store}//gr;
}

my @head = ("tokengate-export\t1\n", "acl\tcpanel\temail\n", "catalog\tuapi\tEmail\t*\temail\twrite\n");
my $base = Tokengate::Cli->new(store => "$folder/base");
$base->ok('import', text_file('base.tsv', @head, account('idle'), account('shop'), tokens(idle => kEnded, kCreated + 1), tokens(shop => kTokens, 'never'), "end\n"));
$base->ok('backup', "$folder/base.mdb");
my $later = copy_of('base', 'later');
$later->ok('token', 'revoke', 'shop', 't7');
my $empty = Tokengate::Cli->new(store => "$folder/empty");
damage(copy_of('base', 'damaged'));
my $more = text_file('more.tsv', @head, account('new'), tokens(new => kTokens, 'never'), "end\n");

sub copy_of ($from, $to) {
    system('rm', '-rf', "$folder/$to") == 0 && system('cp', '-a', "$folder/$from", "$folder/$to") == 0 or die;
    return store_at($to);
}

# One bit in each place that has the digest of one of those tokens.
sub damage ($cli) {
    my $file  = $cli->store . '/data.mdb';
    my $bytes = do { open my $in, '<:raw', $file or die $!; local $/; <$in> };
    open my $out, '+<:raw', $file or die $!;
    for my $digest (map { digest_of(shop => $_ * 10) } 1 .. kDamaged) {
        for (my $at = -1; ($at = index $bytes, $digest, $at + 1) >= 0;) {
            sysseek $out, $at + 20, 0 or die $!;
            syswrite $out, chr(ord(substr $bytes, $at + 20, 1) ^ 1) or die $!;
        }
    }
    return;
}

# Runs a command of the store and kills it after so many seconds; whether it said before that it is done.
sub killed_after ($seconds, $cli, @command) {
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec Tokengate::Cli::binary(), '--store', $cli->store, @command or POSIX::_exit(127);
    }
    sleep $seconds;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    die "@command: exit " . ($? >> 8) if $? != 0 && $? != 9;
    return $? == 0;
}

# Calls `round` with a moment to kill at and a name for the round. It tells whether the command had said that it is done,
# and whether it was; and to `wrong`, what is not as it should be.
sub kill_often ($name, $whole_s, $round) {
    my (%count, @wrong);
    for my $i (1 .. $kills) {
        my ($was_told, $is_done) = $round->(rand 1.1 * $whole_s, sub ($what) { push @wrong, "kill $i: $what" });
        push @wrong, "kill $i: acknowledged, but not done" if $was_told && !$is_done;
        ++$count{$was_told ? 'acknowledged' : $is_done ? 'done' : 'undone'};
    }
    is(join("\n", @wrong), '', sprintf '%s, killed within %d ms: %s', $name, 1000 * $whole_s, join ', ', map {"$count{$_} $_"} sort keys %count);
    return;
}

# How long a command takes that is not killed.
sub time_of ($cli, @command) {
    my $start = time;
    $cli->ok(@command);
    return time - $start;
}

# A store as it must be: `content`, sound, with a journal that holds; else what is wrong.
sub trouble_with ($cli, $content) {
    return 'another content' if content($cli) ne $content;
    for my $command (['check'], [qw(journal verify)]) {
        my $result = $cli->run(@$command);
        return "@$command: $result->{stdout}$result->{stderr}" if $result->{exit} ne '0';
    }
    return '';
}

# Whoever opens a store alone makes LMDB's locks anew. Until the handle is closed nobody is alone.
sub hold_open ($cli) {
    open my $lock, '+<', $cli->store . '/lock.mdb' or die $!;
    my $wanted = pack 's s x4 q q l x4', F_RDLCK, SEEK_SET, 0, 1, 0;
    fcntl $lock, F_SETLK, $wanted or die "fcntl: $!";
    return $lock;
}

# Every other time another process has the store open, so that what the killed one left of LMDB's locks stays.
for my $case (
    ['import into an empty store' => 'empty', 'import', $more],
    ['import into a store in use' => 'base', 'import', $more],
    ['catalog load'               => 'base', qw(catalog load --panel)],
    ['account delete'             => 'base', qw(account delete shop --yes)],
    ['account rename'             => 'base', qw(account rename shop store)],
    ['token purge-expired'        => 'base', qw(token purge-expired)],
    ['repair'                     => 'damaged', 'repair'],
) {
    my ($name, $from, @command) = @$case;
    my $before  = content(store_at($from));
    my $whole   = copy_of($from, 'whole');
    my $whole_s = time_of($whole, @command);
    my $after   = content($whole);
    isnt($after, $before, "$name changes something");
    my $turn = 0;
    kill_often($name, $whole_s, sub ($moment_s, $wrong) {
        my $cli      = copy_of($from, 'killed');
        my $holder   = $turn++ % 2 ? hold_open($cli) : undef;
        my $was_told = killed_after($moment_s, $cli, @command);
        my $is_done  = content($cli) eq $after;
        # What is not mended yet cannot be sound.
        my $trouble = $is_done || $from ne 'damaged' ? trouble_with($cli, $is_done ? $after : $before) : content($cli) ne $before && 'half mended';
        $cli->run(@command) if !$is_done;
        $trouble ||= trouble_with($cli, $after);
        $wrong->($trouble) if $trouble;
        return ($was_told, $is_done);
    });
}

# What killed commands leave beside what they make; it is in nobody's way.
my %left;
sub clear_away ($what, @paths) {
    $left{$what} += @paths;
    system('rm', '-rf', '--', @paths) == 0 or die if @paths;
    return;
}

my $content = content($base);
my $copy    = "$folder/copy.mdb";
kill_often('backup', time_of($base, 'backup', "$folder/whole.mdb"), sub ($moment_s, $wrong) {
    clear_away(backups => glob "$copy.*");
    my $was_told = killed_after($moment_s, $base, 'backup', $copy);
    my $is_done  = -e $copy;
    $base->ok('backup', $copy) if !$is_done;
    my $restored = store_at('restored');
    $restored->ok('restore', $copy);
    my $trouble = trouble_with($restored, $content) || trouble_with($base, $content);
    $wrong->($trouble) if $trouble;
    system('rm', '-rf', $copy, $restored->store) == 0 or die;
    return ($was_told, $is_done);
});

for my $case (['restore'], ['restore with withdrawals' => '--withdrawals-from', $later->store]) {
    my ($name, @options) = @$case;
    my @command = ('restore', "$folder/base.mdb", @options);
    my $whole   = store_at("whole $name");
    my $whole_s = time_of($whole, @command);
    my $after   = content($whole);
    is($after, @options ? content($later) : $content, "$name gives what it should");
    kill_often($name, $whole_s, sub ($moment_s, $wrong) {
        my $place = store_at('restored');
        clear_away(restores => glob $place->store . '.*');
        system('rm', '-rf', $place->store) == 0 or die;
        my $was_told = killed_after($moment_s, $place, @command);
        my $is_done  = -e $place->store;
        $place->ok(@command) if !$is_done;
        my $trouble = trouble_with($place, $after);
        $wrong->($trouble) if $trouble;
        return ($was_told, $is_done);
    });
}
note('unfinished files that were left: ' . join ', ', map {"$left{$_} $_"} sort keys %left);
done_testing;
