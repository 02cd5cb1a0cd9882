# The rows of one server on the same tokens, measured in turn: A B C A B C …, so that a change of the machine's mood
# falls on all of them alike.
package Bench::Group;

use v5.36;
use Bench::Apache;
use Bench::Nginx;
use Bench::Noise;
use Bench::Statistics qw(median);
use JSON::PP ();
use List::Util qw(min);

# Workers on one processor, everything else on the other.
my @processors = allowed_processors();
use constant kConnections => 16;

# The numbers of those that this process may run on.
sub allowed_processors () {
    open my $file, '<', '/proc/self/status' or die "/proc/self/status: $!";
    my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ ? $1 : () } <$file>;
    return map { /^(\d+)-(\d+)$/ ? ($1 .. $2) : $_ } split /,/, $list;
}

sub worker_processor () { return $processors[0] }
sub other_processor  () { return $processors[1] }

our %kServers = (nginx => 'Bench::Nginx', apache => 'Bench::Apache');

# `server`: nginx or apache; `tokens`: Bench::Tokens; `noise`: Bench::Noise; `only`: names of rows, all by
# default; `proxied`.
sub new ($class, %option) {
    my $self = bless {%option, class => $kServers{$option{server}}, servers => {}, helpers => {}, results => {}}, $class;
    $self->{spec} = $self->{class}->rows;
    my %wanted = map { $_ => 1 } @{$option{only} // [$self->{class}->order]};
    $self->{rows} = [grep { $wanted{$_} && $self->{spec}{$_}{most} >= $option{tokens}->count } $self->{class}->order];
    return $self;
}

sub rows ($self) { return @{$self->{rows}} }
sub results ($self) { return $self->{results} }

# Starts every row's server, with what it depends on, and notes how long that took.
sub start ($self) {
    my $start = sub ($row) {
        return $self->{helpers}{$row}
            = Bench::Nginx->new(row => $row, tokens => $self->{tokens}, processor => other_processor)->start;
    };
    $start->('upstream') if $self->{proxied};
    $start->('service')  if grep { $self->{spec}{$_}{service} } $self->rows;
    for my $row ($self->rows) {
        # Files that the row is made of are not part of its start.
        $self->_requests($row, 'uniform');
        $self->{servers}{$row} = $self->{class}->new(
            row => $row, tokens => $self->{tokens}, processor => worker_processor, proxied => $self->{proxied},
            service => $self->{helpers}{service}, upstream => $self->{helpers}{upstream});
        $self->{servers}{$row}->prepare;
        $self->{results}{$row}{start_s} = [$self->{servers}{$row}->start_timed($self->_authorization($row), 200)];
    }
    my $first = $self->{servers}{$self->{rows}[0]};
    $self->{body} = $first->probe($self->_authorization($self->{rows}[0]))->body;
    return $self;
}

sub _requests ($self, $row, $choice) {
    return $self->{tokens}->requests($self->{spec}{$row}{form}, $choice);
}

sub _authorization ($self, $row, $choice = 'uniform') {
    open my $file, '<', $self->_requests($row, $choice) or die "requests: $!";
    chomp(my $line = <$file>);
    return $line;
}

# The status that every response must have, and the path of a file with its body.
sub _expected ($self, $row, $choice) {
    my $status = $choice eq 'unknown' && $row ne 'none' ? 401 : 200;
    my $server = $self->{servers}{$row};
    my $answer = $server->probe($self->_authorization($row, $choice));
    die "$row answers $choice tokens with " . $answer->status . "\n" if $answer->status != $status;
    die "$row lets the protected body out\n" if $status != 200 && index($answer->body, $self->{body}) >= 0;
    return ($status, $server->write_file("expected-$status", $status == 200 ? $self->{body} : $answer->body));
}

# One turn of one row: `seconds` of requests, at `rate` a second or (0) as many as it can take. Figures are appended to
# the row's results under `name`. Returns what the load generator said.
sub turn ($self, $row, $name, $choice, $seconds, $rate, $number) {
    my $server = $self->{servers}{$row};
    $self->{expected}{$row}{$choice} //= [$self->_expected($row, $choice)];
    my $service = $self->{spec}{$row}{service} ? $self->{helpers}{service} : undef;
    $self->{noise}->begin;
    my $faults  = $server->faults;
    my @before  = ($server->processor_ns, $service ? $service->processor_ns : 0);
    my $load    = $self->finish_load($self->start_load($row, $choice, $seconds, $rate, $number));
    my @after = ($server->processor_ns, $service ? $service->processor_ns : 0);
    $self->{noise}->end(($after[0] - $before[0]) / 1e9);
    my $into  = $self->{results}{$row}{$name} //= {};
    $into->{requests} += $load->{requests};
    $into->{wrong}    += $load->{wrong} + $load->{broken};
    die "$row, $name: no response, see " . $server->folder . "\n" if !$load->{requests};
    push @{$into->{faults}}, ($server->faults - $faults) / $load->{requests};
    my $cost = sub ($i) { return ($after[$i] - $before[$i]) / 1000 / $load->{requests} };
    if ($rate) {
        push @{$into->{$_}}, $load->{$_} for qw(p50_us p99_us p999_us max_us);
        $into->{rate} = $rate;
        push @{$into->{cpu_us}}, $cost->(0);
    } else {
        push @{$into->{cpu_us}}, $cost->(0);
        push @{$into->{service_cpu_us}}, $cost->(1) if $service;
        push @{$into->{a_second}}, $load->{requests} / $load->{seconds};
    }
    return $load;
}

# Starts the load generator for a row; finish_load() waits for it and returns what it said.
sub start_load ($self, $row, $choice, $seconds, $rate, $number) {
    my ($status, $body) = @{$self->{expected}{$row}{$choice} //= [$self->_expected($row, $choice)]};
    my $program = Tokengate::Server::build_folder() . '/tools/bench/bench_load';
    open my $output, '-|', 'taskset', '--cpu-list', other_processor, $program,
        $self->{servers}{$row}->port, $self->_requests($row, $choice), $status, $body, $seconds, kConnections, $rate,
        $number * 137
        or die "bench_load: $!";
    return $output;
}

sub finish_load ($self, $output) {
    my $text = do { local $/; <$output> };
    close $output or die "bench_load failed\n";
    return JSON::PP::decode_json($text);
}

# What a server that has run for long has behind it.
sub warm_up ($self, $seconds) {
    $self->turn($_, 'warm_up', 'uniform', $seconds, 0, 0) for $self->rows;
    return;
}

# `rounds` turns of every row, one after the other, each time beginning with another.
sub rounds ($self, $name, $choice, $rounds, $seconds, $rate = 0) {
    my @rows = $self->rows;
    for my $round (1 .. $rounds) {
        $self->turn($_, $name, $choice, $seconds, $rate, $round) for @rows;
        push @rows, shift @rows;
    }
    return;
}

# Half of what the slowest row managed under the name `name`: a rate that leaves all of them idle half of the time.
sub common_rate ($self, $name) {
    my $slowest = min(map { median(@{$self->{results}{$_}{$name}{a_second}}) } $self->rows);
    return int($slowest / 2 / 100) * 100 || 100;
}

sub memory ($self) {
    $self->{results}{$_}{memory} = $self->{servers}{$_}->memory for $self->rows;
    return;
}

sub reload ($self, $times) {
    for (1 .. $times) {
        for my $row ($self->rows) {
            my $took = $self->{servers}{$row}->reload_timed($self->_authorization($row), 200);
            push @{$self->{results}{$row}{reload_s}}, $took;
        }
    }
    return;
}

sub server ($self, $row) { return $self->{servers}{$row} }

sub stop ($self) {
    $_->stop for values %{$self->{servers}}, values %{$self->{helpers}};
    return;
}

1;
