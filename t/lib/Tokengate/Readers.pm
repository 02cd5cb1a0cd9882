# Who is in the list of readers of a store: the slots of its lock file, read as they stand. A command would not show
# what was left over: to open the store frees the slots of the dead, and LMDB begins a new list for a process that has it
# open alone. So an object keeps the store open, with a slot of its own.
package Tokengate::Readers;

use v5.36;
use POSIX ();
use Tokengate::Server;

# The lock file of LMDB 0.9: the length of the list, and where it is; a slot begins with what its reader has open, and
# then names the process, 0 if none.
use constant {kCountAt => 56, kListAt => 128, kSlotBytes => 64, kPidAt => 8};

sub program () { return Tokengate::Server::build_folder() . '/tests/hold_readers' }

sub new ($class, $store) {
    pipe my $in, my $out or die $!;
    my $pid = open(my $held, '-|') // die $!;
    if (!$pid) {
        open STDIN, '<&', $in or POSIX::_exit(1);
        close $out;
        exec program(), $store, 1 or POSIX::_exit(127);
    }
    my $self = bless {store => $store, pid => $pid, held => $held, out => $out, owner => $$}, $class;
    readline($held) eq "1\n" or die 'no slot for the one that holds the store open';
    return $self;
}

# The process of each slot that is taken by another one.
sub pids ($self) {
    open my $lock, '<:raw', "$self->{store}/lock.mdb" or die $!;
    local $/;
    my $bytes = readline $lock;
    my @pids  = map { unpack 'L<', substr $bytes, kListAt + $_ * kSlotBytes + kPidAt, 4 } 0 .. unpack('L<', substr $bytes, kCountAt, 4) - 1;
    (grep { $_ == $self->{pid} } @pids) == 1 or die 'the one that holds the store open has lost its slot';
    return grep { $_ && $_ != $self->{pid} } @pids;
}

# Those of them that are gone.
sub dead ($self) { return grep { !kill 0, $_ } $self->pids }

# What is left of them when all others have ended. With `cli`, after one more has opened the store, which frees the slots
# of the dead: those who were killed leave theirs, and so do Apache's children, whose threads may be at work when they end.
sub left_over ($self, $cli = undef) {
    $cli->ok('stat') if $cli;
    return join ' ', $self->pids;
}

sub DESTROY ($self) {
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    kill 'TERM', $self->{pid};
    close $self->{held};
    return;
}

1;
