# Who is in the list of readers of a store, its file `readers`: which slots are taken, by whom, and what they hold. A slot is
# taken by whoever has the lock of its byte; an open file description, not a process, owns such a lock, so that the system
# tells who has it with the descriptors of each process.
package Tokengate::Readers;

use v5.36;
use Cwd qw(abs_path);
use Fcntl qw(F_UNLCK F_WRLCK SEEK_SET);

# The last two are fcntl()'s, which Fcntl has no names for.
use constant {kSlots => 4096, kSlotBytes => 64, kGetOwnedLock => 36, kSetOwnedLock => 37};

# The system's `struct flock`: type, whence, start, length, process.
my $kLock = 's s x4 q q l x4';

sub new ($class, $store) { return bless {file => abs_path($store) . '/readers'}, $class }

# Takes a slot for whoever has the handle open; whether it was free.
sub take ($handle, $slot) {
    my $lock = pack $kLock, F_WRLCK, SEEK_SET, $slot, 1, 0;
    return !!fcntl $handle, kSetOwnedLock, $lock;
}

# Numbers from `first` to `last` that have a lock.
sub _taken ($handle, $first, $last) {
    return if $first > $last;
    my $lock = pack $kLock, F_WRLCK, SEEK_SET, $first, $last - $first + 1, 0;
    fcntl $handle, kGetOwnedLock, $lock or die "fcntl: $!";
    my ($type, undef, $start, $count) = unpack $kLock, $lock;
    return if $type == F_UNLCK;
    # Any one that overlaps. Those of one owner that touch are one.
    my $from = $start > $first ? $start : $first;
    my $to   = $start + $count - 1;
    $to = $last if !$count || $to > $last;
    return (_taken($handle, $first, $from - 1), $from .. $to, _taken($handle, $to + 1, $last));
}

# The slots that are taken; how many, where a number is asked for.
sub slots ($self) {
    open my $in, '<:raw', $self->{file} or die "$self->{file}: $!";
    my @taken = _taken($in, 0, kSlots - 1);
    return @taken;
}

# The commits that those hold who have a slot: what is being read now.
sub commits ($self) {
    open my $in, '<:raw', $self->{file} or die "$self->{file}: $!";
    my $bytes = "\0" x (kSlots * kSlotBytes);
    # It may be shorter.
    my $count = sysread $in, my $there, length $bytes;
    substr $bytes, 0, $count, $there;
    my @held = grep {$_} map { unpack 'Q<', substr $bytes, $_ * kSlotBytes, 8 } _taken($in, 0, kSlots - 1);
    return @held;
}

# The processes that have the file open, and those of them that have a slot.
sub openers ($self) { return $self->_processes(sub ($) { 1 }) }
sub pids ($self)    { return $self->_processes(sub ($descriptor) { $descriptor =~ /^lock:/m }) }

sub _processes ($self, $condition) {
    my %found;
    for my $link (glob '/proc/[0-9]*/fd/*') {
        next if (readlink $link // '') ne $self->{file};
        my ($pid, $number) = $link =~ m{(\d+)/fd/(\d+)\z};
        open my $in, '<', "/proc/$pid/fdinfo/$number" or next;
        local $/;
        $found{$pid} = 1 if $condition->(readline($in) // '');
    }
    my @pids = sort { $a <=> $b } keys %found;
    return @pids;
}

# What is left when all readers have ended, in words: nothing.
sub left_over ($self) { return join ', ', (map {"slot $_"} $self->slots), map {"process $_"} $self->openers }

1;
