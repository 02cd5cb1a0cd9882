# A server under measurement: pinned to a processor, with figures from the kernel. What starts and stops it is the tests'
# own Tokengate::Server; Bench::Nginx and Bench::Apache render the rows' configurations.
package Bench::Server;

use v5.36;
use parent 'Tokengate::Server';
use List::Util qw(sum0);
use Time::HiRes qw(sleep time);

use constant kHangSeconds => 120;

# `row`: its name; `tokens`: Bench::Tokens; `processor`: where its processes run; `proxied`: whether requests go on to
# an upstream.
sub new ($class, %config) {
    # The tests' backend is not needed.
    return $class->SUPER::new(%config, backend => 1);
}

# Makes the files that the configuration needs, which takes time with many tokens.
sub prepare ($self) { $self->configuration; return $self }

sub command ($self) { return ('taskset', '--cpu-list', $self->{config}{processor}, $self->server_command) }

# Starts it and returns how many seconds passed until it answered with the status `status`.
sub start_timed ($self, $authorization, $status) {
    my $begin = time;
    $self->start;
    until ($self->answers($authorization, $status)) {
        die ref($self) . ' does not answer as it should: ' . $self->error_log if time > $begin + kHangSeconds;
        sleep 0.001;
    }
    return time - $begin;
}

sub answers ($self, $authorization, $status) {
    my $response = eval { $self->probe($authorization) };
    return $response && $response->status == $status;
}

sub probe ($self, $authorization) {
    return $self->raw("GET /execute/Email/list_pops HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
            . "Authorization: $authorization\r\n\r\n");
}

# Tells the master to reload and returns how many seconds passed until new workers answered and the old were gone.
sub reload_timed ($self, $authorization, $status) {
    my %old   = map { $_ => 1 } $self->workers;
    my $begin = time;
    $self->signal($self->reload_signal);
    while (1) {
        my @now = $self->workers;
        last if @now && !grep { $old{$_} } @now and $self->answers($authorization, $status);
        die ref($self) . ' does not reload' if time > $begin + kHangSeconds;
        sleep 0.0005;
    }
    return time - $begin;
}

sub workers ($self) {
    open my $children, '<', "/proc/$self->{pid}/task/$self->{pid}/children" or return ();
    return split ' ', <$children> // '';
}

# Processor time of all worker processes so far, in nanoseconds: what the scheduler accounts to their threads, which is
# what user and system time add up to.
sub processor_ns ($self) {
    my $sum = 0;
    for my $file (map { glob "/proc/$_/task/*/schedstat" } $self->workers) {
        open my $figures, '<', $file or next;
        $sum += (split ' ', <$figures>)[0];
    }
    return $sum;
}

# Page faults of all worker processes so far that needed no disk: each costs as much as a small piece of the request.
sub faults ($self) {
    my $sum = 0;
    for my $pid ($self->workers) {
        open my $figures, '<', "/proc/$pid/stat" or next;
        # The name in parentheses may hold blanks.
        $sum += (split ' ', <$figures> =~ s/^.*\) //r)[7];
    }
    return $sum;
}

sub _rollup ($pid) {
    open my $file, '<', "/proc/$pid/smaps_rollup" or return {};
    return {map { /^(\w+):\s+(\d+) kB/ ? ($1 => $2 * 1024) : () } <$file>};
}

# Of the largest worker, in bytes. Private is what no other process can share: a page of a file counts as shared even
# if one process alone has it mapped at the moment. `server`: all processes, shared pages counted once.
sub memory ($self) {
    my @workers  = map { _rollup($_) } $self->workers;
    my ($worker) = sort { $b->{Rss} <=> $a->{Rss} } @workers;
    return {
        private => $worker->{Anonymous},
        shared  => $worker->{Rss} - $worker->{Anonymous},
        server  => sum0(map { $_->{Pss} // 0 } @workers, _rollup($self->{pid}))};
}

# Ends it; dies if it left anything running or something serious in its log.
sub stop ($self) {
    my $pid = delete $self->{pid} or return;
    $self->{stopped} = 1;
    kill 'TERM', $pid;
    my $deadline = time + kHangSeconds;
    until (waitpid($pid, POSIX::WNOHANG()) == $pid) {
        kill 'KILL', -$pid if time > $deadline;
        sleep 0.01;
    }
    for (1 .. 500) { last unless kill 0, -$pid; sleep 0.01 }
    kill 'KILL', -$pid;
    my $log = $self->error_log;
    die ref($self) . ": $log" if $log =~ /\[(?:\w+:)?(?:emerg|alert|crit)\]|exited on signal|exit signal/;
    return;
}

1;
