# What Tokengate promises, held against the figures of a run.
package Bench::Targets;

use v5.36;
use Bench::Statistics qw(median paired quartiles);
use List::Util qw(min);

# Of a row above no authentication, round by round. The service that decides for a row belongs to its cost.
sub extra ($rows, $row, $name) {
    # Looking must not make rows that are not there.
    return () unless $rows->{$row} && $rows->{none} && $rows->{$row}{$name} && $rows->{none}{$name};
    my ($figures, $none) = map { $rows->{$_}{$name} } $row, 'none';
    my $service = $figures->{service_cpu_us} // [(0) x @{$figures->{cpu_us}}];
    my $more = sub ($cpu, $service_cpu, $base) { return $cpu + $service_cpu - $base };
    return paired($more, $figures->{cpu_us}, $service, $none->{cpu_us});
}

# `values` should be at most `limit`: with the middle half of them on one side that is told, else that it cannot be.
sub _verdict ($limit, @values) {
    my ($low, undef, $high) = quartiles(@values);
    return $high <= $limit ? 'met' : $low > $limit ? 'missed' : 'too noisy to tell';
}

sub _microseconds (@values) { return sprintf '%.2f us [%.2f to %.2f]', (quartiles(@values))[1, 0, 2] }

# [target, what was measured, verdict]: Tokengate's extra against a limit.
sub _at_most ($name, $limit_us, @extra) {
    return [$name, _microseconds(@extra), _verdict($limit_us, @extra)];
}

# The same against a peer's extra divided by `times`.
sub _fraction ($name, $times, $extra, $peer) {
    my @above = paired(sub ($ours, $theirs) { return $ours - $theirs / $times }, $extra, $peer);
    return [$name, sprintf('%.2f us against %.2f us', median(@$extra), median(@$peer)), _verdict(0, @above)];
}

# How a figure of Tokengate grows from the smallest number of tokens to the largest.
sub _growth ($name, $unit, $format, $limit, $sizes, $figure) {
    my ($fewest, $most) = (sort { $a <=> $b } keys %$sizes)[0, -1];
    my ($small, $large) = map { $figure->($sizes->{$_}{rows}{tokengate}) } $fewest, $most;
    return [
        $name, sprintf("$format $unit at %s, $format $unit at %s", $small, count($fewest), $large, count($most)),
        $large - $small <= $limit ? 'met' : 'missed'];
}

# 1000000 → 1 M
sub count ($number) {
    return $number >= 1e6 ? $number / 1e6 . ' M' : $number >= 1e3 ? $number / 1e3 . ' k' : $number;
}

# All targets of one server. `sizes`: number of tokens → {rows, store_bytes, import_s}. Judged at 1 million tokens, or at
# the largest number below. On a noisy machine times prove nothing.
sub of ($server, $sizes, $noisy) {
    my $tokens = (sort { $b <=> $a } grep { $_ <= 1_000_000 } keys %$sizes)[0];
    my $rows   = $sizes->{$tokens}{rows};
    my %extra  = map { $_ => [extra($rows, $_, 'uniform')] } keys %$rows;
    my $at     = 'at ' . count($tokens);
    my @targets;
    my %peers  = $server eq 'nginx'
        ? (lua => [5, 'a fifth of what a Lua dictionary adds'], auth_request => [50, 'a fiftieth of what auth_request does'])
        : (authn_dbm => [30, 'a thirtieth of what mod_authn_dbm adds']);
    my $limit_us = $server eq 'nginx' ? 1 : 2;
    push @targets, _at_most("adds at most $limit_us us to a request, $at", $limit_us, @{$extra{tokengate}});
    push @targets, _fraction("adds less than map does, $at", 1, $extra{tokengate}, $extra{map}) if $extra{map};
    for my $peer (sort keys %peers) {
        my ($times, $words) = @{$peers{$peer}};
        push @targets, _fraction("adds at most $words, $at", $times, $extra{tokengate}, $extra{$peer}) if $extra{$peer};
    }
    if ($noisy) { $_->[2] = 'too noisy to tell' for @targets }
    push @targets, _growth('private memory of a worker grows by at most 1 MB', 'MB', '%.2f', 1,
        $sizes, sub ($row) { return $row->{memory}{private} / 1e6 });
    # What a noisy machine adds to a reload is never negative.
    push @targets, _growth('a reload takes at most 20 ms more', 'ms', '%.0f', 20,
        $sizes, sub ($row) { return 1000 * min(@{$row->{reload_s}}) });
    for my $size (sort { $a <=> $b } grep { $_ >= 100_000 } keys %$sizes) {
        my $bytes = $sizes->{$size}{store_bytes} / $size;
        push @targets, ['at most 250 bytes of file a token, at ' . count($size), sprintf('%.0f bytes', $bytes),
            $bytes <= 250 ? 'met' : 'missed'];
    }
    if (my $million = $sizes->{1_000_000}) {
        push @targets, ['loads 1 M tokens into a new store in at most 10 s', sprintf('%.1f s', $million->{import_s}),
            $million->{import_s} <= 10 ? 'met' : 'missed'];
    }
    return @targets;
}

1;
