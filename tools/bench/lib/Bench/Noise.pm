# How quiet the machine was, and what it is.
package Bench::Noise;

use v5.36;
use POSIX ();

sub _processor ($number) {
    open my $file, '<', '/proc/stat' or die "/proc/stat: $!";
    my ($line) = grep {/^cpu$number /} <$file>;
    my (undef, $user, $nice, $system, $idle, $iowait, $irq, $softirq, $steal) = split ' ', $line;
    my $hertz = POSIX::sysconf(POSIX::_SC_CLK_TCK());
    return {
        busy  => ($user + $nice + $system + $irq + $softirq) / $hertz,
        steal => $steal / $hertz,
        all   => ($user + $nice + $system + $idle + $iowait + $irq + $softirq + $steal) / $hertz};
}

# Watches one processor.
sub new ($class, $processor) {
    return bless {processor => $processor, others_s => 0, steal_s => 0, all_s => 0}, $class;
}

sub begin ($self) { $self->{at} = _processor($self->{processor}); return }

# `ours_s`: what the processes under measurement used of it since begin().
sub end ($self, $ours_s) {
    my ($then, $now) = ($self->{at}, _processor($self->{processor}));
    my $others = $now->{busy} - $then->{busy} - $ours_s;
    $self->{others_s} += $others if $others > 0;
    $self->{steal_s}  += $now->{steal} - $then->{steal};
    $self->{all_s}    += $now->{all} - $then->{all};
    return;
}

# Shares of the time under measurement, in percent.
sub figures ($self) {
    my $all = $self->{all_s} || 1;
    return {others_percent => 100 * $self->{others_s} / $all, steal_percent => 100 * $self->{steal_s} / $all};
}

sub _first ($path, $pattern) {
    open my $file, '<', $path or return 'unknown';
    my ($found) = map { /$pattern/ ? $1 : () } <$file>;
    return $found // 'unknown';
}

sub _version ($command, $pattern) {
    my $text = `$command 2>&1`;
    return $text =~ $pattern ? $1 : 'none';
}

sub machine () {
    my (undef, undef, $kernel, undef, $hardware) = POSIX::uname();
    return {
        processor  => _first('/proc/cpuinfo', qr/^model name\s*:\s*(.*)/),
        processors => 0 + `nproc --all`,
        memory_gib => int(_first('/proc/meminfo', qr/^MemTotal:\s*(\d+)/) / 1024 / 1024 + 0.5),
        kernel     => "$kernel $hardware",
        system     => _first('/etc/os-release', qr/^PRETTY_NAME="(.*)"/),
        nginx      => _version('/usr/sbin/nginx -v', qr{nginx/(\S+)}),
        apache     => _version('/usr/sbin/apache2 -v', qr{Apache/(\S+)})};
}

1;
