# The file `readers`, which every worker must be able to write, tampered with under running servers: cut, overwritten,
# removed, replaced, all of it taken. Always: the right answer or a refusal, from the workers that had it open and from new
# ones; no worker and no command ends by it or waits for long; a revocation counts at once; and service again, of itself or
# after the owner's next change. And that a worker can do no more than this: LMDB's own lock file is the owner's.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tokengate::Cases;
use Tokengate::Faults;
use Tokengate::Readers;

use constant {kSlots => 4096, kSlotBytes => 64, kRounds => 2};

plan skip_all => 'no server module is built' unless server_classes();

my %tamper = (
    'cut to nothing'       => sub ($file) { truncate $file, 0 },
    'cut to a part'        => sub ($file) { truncate $file, 1000 },
    'zeros'                => sub ($file) { overwrite($file, "\0" x (kSlots * kSlotBytes)) },
    'ones'                 => sub ($file) { overwrite($file, "\xff" x (kSlots * kSlotBytes)) },
    'random bytes'         => sub ($file) { overwrite($file, join '', map { chr rand 256 } 1 .. kSlots * kSlotBytes) },
    'the oldest commit'    => sub ($file) { hold_commit($file, 1) },
    'far more than it has' => sub ($file) { truncate $file, 1 << 32 },
    'replaced'             => sub ($file) { replace($file) },
    'removed'              => sub ($file) { !-e $file || unlink $file },
);

sub overwrite ($file, $bytes) {
    open my $out, '+<:raw', $file or die "$file: $!";
    syswrite($out, $bytes) == length $bytes or die $!;
    return close $out;
}

# Every slot says that it reads this commit.
sub hold_commit ($file, $commit) {
    return overwrite($file, join '', map { pack 'Q< x' . (kSlotBytes - 8), $commit } 1 .. kSlots);
}

# By an empty file that looks the same.
sub replace ($file) {
    my (undef, undef, $mode, undef, $uid, $gid) = stat $file or die "$file: $!";
    open my $out, '>', "$file.new" or die $!;
    close $out;
    return chown($uid, $gid, "$file.new") && chmod($mode & 07777, "$file.new") && rename "$file.new", $file;
}

# A process of the user that workers run as. It does the work, says the first of what that gives, and keeps the rest until the
# object is gone, or the test.
package Worker {
    sub new ($class, $work) {
        my $parent = $$;
        my $pid    = open(my $said, '-|') // die $!;
        return bless {pid => $pid, said => $said, owner => $parent}, $class if $pid;
        if (my $user = Tokengate::Server::worker_user()) {
            my (undef, undef, $uid, $gid) = getpwnam $user or POSIX::_exit(1);
            $) = "$gid $gid";
            POSIX::setgid($gid) && POSIX::setuid($uid) or POSIX::_exit(1);
        }
        my ($text, @kept) = eval { $work->() };
        syswrite STDOUT, ($text // $@) . "\n";
        POSIX::_exit(1) if $@;
        Time::HiRes::sleep(0.1) while getppid == $parent;
        POSIX::_exit(0);
    }
    sub is_there ($self) { return waitpid($self->{pid}, POSIX::WNOHANG()) == 0 }
    sub said ($self) { return readline($self->{said}) =~ s/\n//r }
    sub DESTROY ($self) {
        return if $self->{owner} != $$;
        local ($?, $!, $@);
        kill 'KILL', $self->{pid};
        close $self->{said};
        return;
    }
}

# Each is right or refused.
sub check_answers ($servers, $secret, @revoked) {
    my $seen = answers($servers, $secret, 2);
    like($seen->{kept}, qr/\A(?:granted|store_unavailable)(?: store_unavailable)?\z/, 'kept: granted or refused');
    like($seen->{$_}, qr/\A(?:store_unavailable|unknown_token)(?: unknown_token)?\z/, "$_: refused") for 'revoked', @revoked;
    return;
}

# Revokes a token; how many seconds that took.
sub revoke ($store, $name) {
    my $start   = time;
    my $revoked = $store->{cli}->run('token', 'revoke', 'shop', $name);
    is($revoked->{exit}, 0, "$name is revoked") or diag($revoked->{stderr});
    return time - $start;
}

sub add_tokens ($store, @names) {
    $store->{secret}{$_} = $store->{cli}->secret('shop', $_, '--full-access') for @names;
    return;
}

sub mode ($file) { return sprintf '%04o', (stat $file)[2] & 07777 }

for my $what (sort keys %tamper) {
    subtest "readers: $what" => sub {
        my $store = new_store();
        my $file  = "$store->{path}/readers";
        my $group = (stat $file)[5];
        my @names = map {"round-$_"} 0 .. kRounds;
        add_tokens($store, @names);
        my $readers = Tokengate::Readers->new($store->{path});
        with_servers($store, sub (@servers) {
            my ($slowest, @more, @gone) = (0);
            for my $name (@names) {
                $tamper{$what}->($file) or die "$what: $!";
                check_answers(\@servers, $store->{secret}, @gone);
                my $listing = $store->{cli}->run('token', 'list', 'shop');
                like($listing->{exit}, qr/\A\d+\z/, 'a command ends by itself') or diag($listing->{stderr});
                @more or @more = start_servers($store->{path});
                $tamper{$what}->($file) or die "$what: $!";
                my $took = revoke($store, $name);
                push @gone, $name;
                $slowest = $took if $took > $slowest;
                check_answers([@servers, @more], $store->{secret}, @gone);
                sleep 0.3;
            }
            # A change makes a few commits, and waits for a second before each at most.
            cmp_ok($slowest, '<', 10, sprintf 'no change waits for long: %.1f s', $slowest);
            if ($what eq 'removed') {
                unlink $file;
                refuses([@servers, @more], $store, 'removed');
                like($_->error_log, qr/tokengate: .*readers/, $_->name . ' names the file') for @servers, @more;
                $store->{cli}->ok('acl', 'define', 'email');
                is(mode($file) . ' ' . (stat $file)[5], "0660 $group", 'the next change makes it again');
            }
            # Each child sees within a second that it has to open the store again, and refuses for an instant.
            sleep 1.5;
            serves([@servers, @more], $store, 'afterwards');
            $_->wait_until('slots again', sub { serves_with_slots($_, $store, $readers) }) for @servers, @more;
            is(-s $file, kSlots * kSlotBytes, 'the file has its length') if $what ne 'far more than it has';
            is(join(' ', $readers->commits), '', 'and nothing is being read');
            $_->stop for @more;  # which sees whether one was lost
        });
        is($readers->left_over, '', 'no reader slot stays');
    };
}

sub serves_with_slots ($server, $store, $readers) {
    outcome($server, $store->{secret}{kept});
    my %slot = map { $_ => 1 } $readers->pids;
    return grep { $slot{$_} } split / /, workers_of($server);
}

subtest 'readers: tampered with all the time' => sub {
    my $store = new_store();
    my $file  = "$store->{path}/readers";
    my @names = map {"round-$_"} 1 .. 10;
    add_tokens($store, @names);
    my $readers = Tokengate::Readers->new($store->{path});
    with_servers($store, sub (@servers) {
        my $parent = $$;
        my $worker = Worker->new(sub {
            my @ways = @tamper{grep { !/re(?:mov|plac)ed/ } sort keys %tamper};
            while (getppid == $parent) { $ways[rand @ways]->($file) or die $! }
            POSIX::_exit(0);
        });
        my @more = start_servers($store->{path});
        my ($slowest, @gone) = (0);
        for my $name (@names) {
            my $took = revoke($store, $name);
            push @gone, $name;
            $slowest = $took if $took > $slowest;
            check_answers([@servers, @more], $store->{secret}, @gone);
        }
        cmp_ok($slowest, '<', 10, sprintf 'no change waits for long: %.1f s', $slowest);
        ok($worker->is_there, 'it goes on to the end');
        undef $worker;
        sleep 1.5;
        serves([@servers, @more], $store, 'afterwards');
        $_->stop for @more;
    });
    is($readers->left_over, '', 'no reader slot stays');
};

subtest 'readers: every slot taken by another process' => sub {
    my $store = new_store();
    my $file  = "$store->{path}/readers";
    add_tokens($store, 'first', 'second');
    my $readers = Tokengate::Readers->new($store->{path});
    with_servers($store, sub (@servers) {
        my $worker = Worker->new(sub {
            open my $handle, '+<:raw', $file or return $!;
            my $count = grep { Tokengate::Readers::take($handle, $_) } 0 .. kSlots - 1;
            hold_commit($file, 1);
            return ($count, $handle);
        });
        cmp_ok($worker->said, '>', kSlots - 100, 'one that runs as a worker has taken what was left');
        is(scalar $readers->slots, kSlots, 'so that none is free');
        is($store->{cli}->json('stat')->{readers_used}, kSlots, 'and `stat` says so');
        check_answers(\@servers, $store->{secret});
        my @late = start_servers($store->{path});
        refuses(\@late, $store, 'servers that start now');
        my $took = revoke($store, 'first');
        check_answers([@servers, @late], $store->{secret}, 'first');
        cmp_ok($took, '>', 0.9, sprintf 'a change waits for those who read: %.1f s', $took);
        cmp_ok($took, '<', 10, 'but not for long');
        undef $worker;
        serves([@servers, @late], $store, 'afterwards');
        is($store->{cli}->json('stat')->{readers_used}, scalar $readers->slots, '`stat` counts the slots that are taken');
        cmp_ok(scalar $readers->slots, '<', 100, 'which are few');
        note(sprintf 'a change takes %.2f s', revoke($store, 'second'));
        check_answers([@servers, @late], $store->{secret}, 'first', 'second');
        $_->stop for @late;
    });
    is($readers->left_over, '', 'no reader slot stays');
};

# LMDB's own lock file holds locks that every process trusts with its memory.
subtest 'a lock file that others may write' => sub {
    my $store = new_store();
    my $lock  = "$store->{path}/lock.mdb";
    add_tokens($store, 'later');
    with_servers($store, sub (@servers) {
        for my $mode (0660, 0606) {
            chmod $mode, $lock or die $!;
            my $r = $store->{cli}->run('token', 'revoke', 'shop', 'later');
            is($r->{exit}, 3, sprintf 'mode %04o: a change is refused', $mode);
            like($r->{stderr}, qr/lock\.mdb/, 'with the name of the file');
            like($r->{stderr}, qr/stop .*remove/i, 'and what to do');
        }
        is(answers(\@servers, $store->{secret}, 1)->{later}, 'granted', 'nothing was changed');
        serves(\@servers, $store, 'meanwhile');
        my @late = start_servers($store->{path});
        serves(\@late, $store, 'servers that start now');
        $_->stop for @late;
        unlink $lock or die $!;
        $store->{cli}->ok('token', 'revoke', 'shop', 'later');
        is(answers(\@servers, $store->{secret}, 1)->{later}, 'unknown_token', 'without the file a change is made');
        is(mode($lock), '0600', 'and the new one is the owner\'s alone');
    });
};

subtest 'what a worker may open' => sub {
    plan skip_all => 'needs root' unless Tokengate::Server::worker_user();
    my $store  = new_store();
    my %wanted = ('data.mdb' => 'read', 'lock.mdb' => '', readers => 'read write');
    for my $name (sort keys %wanted) {
        my $worker = Worker->new(sub {
            return join ' ', map { open(my $handle, $_->[1], "$store->{path}/$name") ? $_->[0] : () } ['read', '<'], ['write', '+<'];
        });
        is($worker->said, $wanted{$name}, $name);
    }
    my $worker = Worker->new(sub { return open(my $handle, '>', "$store->{path}/new") ? 'made' : 'not made' });
    is($worker->said, 'not made', 'nor can it make a file, or replace one');
};
done_testing;
