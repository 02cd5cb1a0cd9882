# The cost of a request against the number of tokens, as SVG: one panel a server, one line a row.
package Bench::Plot;

use v5.36;
use Bench::Group;
use Bench::Statistics qw(median);
use Bench::Targets;
use List::Util qw(max);

use constant {kWidth => 460, kHeight => 320, kLeft => 44, kRight => 150, kTop => 34, kBottom => 44};

my @kColours = ('#777777', '#c2185b', '#1565c0', '#2e7d32', '#ef6c00', '#6a1b9a');

sub _text ($x, $y, $text, $more = '') {
    return sprintf "<text x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", $x, $y, $more, $text =~ s/&/&amp;/gr =~ s/</&lt;/gr;
}

# Labels from top to bottom, moved apart where they would overlap.
sub _spread_out ($gap, @labels) {
    my $last;
    for my $label (sort { $a->{y} <=> $b->{y} } @labels) {
        $label->{y} = $last + $gap if defined $last && $label->{y} < $last + $gap;
        $last = $label->{y};
    }
    return @labels;
}

sub _panel ($name, $title, $server, $offset) {
    my @sizes = sort { $a <=> $b } keys %{$server->{sizes}};
    my %cost;
    for my $size (@sizes) {
        my $rows = $server->{sizes}{$size}{rows};
        for my $row (keys %$rows) {
            my $figures = $rows->{$row}{uniform};
            my $service = $figures->{service_cpu_us} ? median(@{$figures->{service_cpu_us}}) : 0;
            $cost{$row}{$size} = median(@{$figures->{cpu_us}}) + $service;
        }
    }
    my $highest = max(map { values %$_ } values %cost);
    my ($step)  = grep { $highest / $_ <= 8 } map { my $ten = $_; map { $_ * $ten } 1, 2, 5 } 1, 10, 100, 1000;
    my $top     = $step * int($highest / $step + 1);
    my $width   = kWidth - kLeft - kRight;
    my $height  = kHeight - kTop - kBottom;
    my ($first, $decades) = (log($sizes[0]) / log(10), (log($sizes[-1]) - log($sizes[0])) / log(10) || 1);
    my $x = sub ($size) { return $offset + kLeft + $width * (log($size) / log(10) - $first) / $decades };
    my $y = sub ($cost) { return kTop + $height * (1 - $cost / $top) };

    my $svg = _text($offset + kLeft, 18, $title, ' font-weight="bold"');
    for (my $level = 0; $level <= $top; $level += $step) {
        $svg .= sprintf "<path d=\"M%.1f %.1fh%.1f\" stroke=\"#ddd\"/>\n", $offset + kLeft, $y->($level), $width;
        $svg .= _text($offset + kLeft - 6, $y->($level) + 4, $level, ' text-anchor="end"');
    }
    $svg .= _text($x->($_), kHeight - kBottom + 18, Bench::Targets::count($_), ' text-anchor="middle"') for @sizes;
    my @labels;
    my @order = $Bench::Group::kServers{$name}->order;
    my $rows  = $Bench::Group::kServers{$name}->rows;
    for my $i (grep { $cost{$order[$_]} } 0 .. $#order) {
        my $row    = $order[$i];
        my @points = map { [$x->($_), $y->($cost{$row}{$_})] } grep { defined $cost{$row}{$_} } @sizes;
        $svg .= sprintf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n",
            join(' ', map { sprintf '%.1f,%.1f', @$_ } @points), $kColours[$i];
        $svg .= sprintf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", @$_, $kColours[$i] for @points;
        push @labels, {y => $points[-1][1], colour => $kColours[$i], text => $rows->{$row}{label}};
    }
    my $right = $offset + kWidth - kRight + 8;
    $svg .= _text($right, $_->{y} + 4, $_->{text}, " fill=\"$_->{colour}\"") for _spread_out(13, @labels);
    $svg .= _text($offset + kLeft + $width / 2, kHeight - 8, 'tokens', ' text-anchor="middle"');
    return $svg;
}

sub svg ($result) {
    my @panels = grep { $result->{$_->[0]} } ['nginx', 'nginx: CPU us a request'], ['apache', 'Apache: CPU us a request'];
    return '' unless @panels;
    my $width = kWidth * @panels;
    my $svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 $width @{[kHeight]}\" "
        . "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"$width\" height=\"@{[kHeight]}\" fill=\"white\"/>\n";
    for my $i (0 .. $#panels) { $svg .= _panel(@{$panels[$i]}, $result->{$panels[$i][0]}, $i * kWidth) }
    return "$svg</svg>\n";
}

1;
