# Medians and their spread.
package Bench::Statistics;

use v5.36;
use Exporter qw(import);
our @EXPORT_OK = qw(median quartiles paired);

# The quantile `q` of a list, between its neighbours in proportion.
sub _quantile ($q, @values) {
    my @sorted = sort { $a <=> $b } @values;
    my $at     = $q * $#sorted;
    my $below  = int $at;
    return $sorted[$below] if $below == $#sorted;
    return $sorted[$below] + ($at - $below) * ($sorted[$below + 1] - $sorted[$below]);
}

sub median (@values) { return _quantile(0.5, @values) }

# (lower quartile, median, upper quartile)
sub quartiles (@values) { return map { _quantile($_, @values) } 0.25, 0.5, 0.75 }

# A function of figures that were taken in the same rounds, round by round: paired(sub ($x, $y) {…}, \@x, \@y).
sub paired ($function, @lists) {
    return map { my $i = $_; $function->(map { $_->[$i] } @lists) } 0 .. $#{$lists[0]};
}

1;
