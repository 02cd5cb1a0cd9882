# The figures of a run as tables in Markdown, for people.
package Bench::Report;

use v5.36;
use Bench::Group;
use Bench::Statistics qw(median quartiles);
use Bench::Targets;

my %kTitle  = (nginx => 'nginx', apache => 'Apache httpd, event MPM');
my %kChoice = (
    skewed  => 'skewed choice',
    unknown => 'unknown tokens',
    writing => '100 changes/s',
    proxied => 'proxied');

sub _label ($server, $row) { return $Bench::Group::kServers{$server}->rows->{$row}{label} }

sub _spread ($format, @values) {
    return '' unless @values;
    return sprintf "$format [$format to $format]", (quartiles(@values))[1, 0, 2];
}

sub _table ($head, @lines) {
    return join '', map { "| $_ |\n" } map { join ' | ', @$_ } $head, [map {'---'} @$head], @lines;
}

sub _sizes ($server) { return sort { $a <=> $b } keys %{$server->{sizes}} }

sub _rows_of ($name, $rows) { return grep { $rows->{$_} } $Bench::Group::kServers{$name}->order }

sub _latency ($figures) {
    return $figures ? join(' / ', map { sprintf '%.0f', median(@{$figures->{"${_}_us"}}) } qw(p50 p99 p999)) : '';
}

# One number of tokens, all rows, all figures.
sub _size_table ($name, $size, $rows) {
    my @lines;
    for my $row (_rows_of($name, $rows)) {
        my $r = $rows->{$row};
        push @lines, [
            _label($name, $row),
            _spread('%.2f', @{$r->{uniform}{cpu_us}}),
            $row eq 'none' ? '' : _spread('%.2f', Bench::Targets::extra($rows, $row, 'uniform')),
            sprintf('%.0f', median(@{$r->{uniform}{a_second}})),
            _latency($r->{latency}),
            sprintf('%.1f / %.1f / %.1f', map { $r->{memory}{$_} / 1e6 } qw(private shared server)),
            sprintf('%.0f', 1000 * $r->{start_s}[0]),
            sprintf('%.0f', 1000 * median(@{$r->{reload_s}}))];
    }
    my $rate = $rows->{none}{latency} ? " at $rows->{none}{latency}{rate}/s" : '';
    return _table(
        ['at ' . Bench::Targets::count($size) . ' tokens', 'CPU us a request', 'us more than none', 'requests/s',
            "p50 / p99 / p99.9 us$rate", 'MB private / shared / whole server', 'start ms', 'reload ms'],
        @lines) . "\n";
}

# What a row adds under other conditions.
sub _conditions_table ($name, $size, $rows) {
    my @names = grep { my $n = $_; grep { $_->{$n} } values %$rows } 'uniform', sort keys %kChoice;
    return '' unless @names > 1;
    my @lines = map {
        my $row = $_;
        [_label($name, $row), map { _spread('%.2f', Bench::Targets::extra($rows, $row, $_)) } @names]
    } grep { $_ ne 'none' } _rows_of($name, $rows);
    return "CPU us a request more than no authentication under the same condition, at " . Bench::Targets::count($size)
        . " tokens:\n\n" . _table(['', map { $kChoice{$_} // 'uniform choice' } @names], @lines) . "\n";
}

# What a row adds, by number of tokens.
sub _growth_table ($name, $server) {
    my @sizes = _sizes($server);
    return '' if @sizes < 3;
    my @lines = map {
        my $row = $_;
        [_label($name, $row), map {
            my @extra = Bench::Targets::extra($server->{sizes}{$_}{rows}, $row, 'uniform');
            @extra ? sprintf('%.2f', median(@extra)) : '';
        } @sizes]
    } grep { $_ ne 'none' } $Bench::Group::kServers{$name}->order;
    return "CPU us a request more than no authentication, by number of tokens:\n\n"
        . _table(['', map { Bench::Targets::count($_) } @sizes], @lines) . "\n";
}

# How far the row without authentication strays, in percent: it should always cost the same.
sub _stray_percent ($server) {
    my @rounds = map { [quartiles(@{$_->{rows}{none}{uniform}{cpu_us}})] } values %{$server->{sizes}};
    return 100 * median(map { ($_->[2] - $_->[0]) / $_->[1] } @rounds);
}

sub _is_noisy ($server) {
    return 0 < grep { $_ > 5 } @{$server->{noise}}{qw(others_percent steal_percent)}, _stray_percent($server);
}

sub _noise ($server) {
    my @percent = (@{$server->{noise}}{qw(others_percent steal_percent)}, _stray_percent($server));
    return sprintf('Noise: others used %.1f %% of the workers\' processor, %.1f %% of it was stolen; without authentication '
            . 'the middle half of the rounds spans %.1f %% of the median.', @percent)
        . (_is_noisy($server) ? ' **The machine was too noisy: only large differences mean anything.**' : '') . "\n\n";
}

sub _targets ($name, $server) {
    my @targets = Bench::Targets::of($name, $server->{sizes}, _is_noisy($server));
    return _table(['target', 'measured', ''], map { [$_->[0], $_->[1], "**$_->[2]**"] } @targets) . "\n";
}

sub _churn ($churn) {
    my @lines = map {
        my $figures = $churn->{sizes}{$_};
        my $growth  = sub ($from, $to) {
            return 2 * ($figures->{"bytes_$to"} - $figures->{"bytes_$from"}) / $figures->{changes};
        };
        [
            Bench::Targets::count($_),
            sprintf('%d in %.0f s', @$figures{qw(changes seconds)}),
            sprintf('%.1f / %.1f / %.1f', @$figures{qw(commit_p50_ms commit_p99_ms commit_max_ms)}),
            sprintf('%d asked, %d wrong', @$figures{qw(asked wrong)}),
            sprintf('%d at %d/s, %d wrong', $figures->{load}{requests}, $figures->{rate}, $figures->{load}{wrong}),
            sprintf('%.0f / %.0f / %.0f', map { $figures->{load}{"${_}_us"} } qw(p50 p999 max)),
            sprintf('%.0f, then %.0f', $growth->('before', 'middle'), $growth->('middle', 'after'))]
    } _sizes($churn);
    return "### Changes while serving\n\n"
        . _table(
        ['tokens', 'changes', 'commits p50 / p99 / longest ms', 'about each change', 'requests meanwhile',
            'p50 / p99.9 / longest us', 'bytes of growth a change'], @lines)
        . "\nEvery change leaves an entry in the journal, which is kept.\n\n";
}

# `result`: part → figures, as in the JSON file.
sub text ($result) {
    my ($any) = values %$result;
    my $m     = $any->{machine};
    my $text  = "Measured on $any->{date} at commit $any->{commit}: $m->{processors} processors $m->{processor}, "
        . "$m->{memory_gib} GiB, $m->{system}, Linux $m->{kernel}, nginx $m->{nginx}, Apache $m->{apache}. "
        . "Figures are medians, with the middle half of the rounds in brackets.\n\n";
    for my $name (grep { $result->{$_} } qw(nginx apache)) {
        my $server = $result->{$name};
        $text .= "### $kTitle{$name}\n\n" . _targets($name, $server) . _noise($server);
        for my $size (grep { $server->{sizes}{$_}{rows}{none}{latency} } _sizes($server)) {
            $text .= _size_table($name, $size, $server->{sizes}{$size}{rows});
            $text .= _conditions_table($name, $size, $server->{sizes}{$size}{rows});
        }
        $text .= _growth_table($name, $server);
    }
    $text .= _churn($result->{churn}) if $result->{churn};
    return $text;
}

# What is wrong with a run, whatever its figures: (sentence, …).
sub complaints ($result) {
    my @wrong;
    for my $name (grep { $result->{$_} } qw(nginx apache)) {
        for my $size (_sizes($result->{$name})) {
            my $rows = $result->{$name}{sizes}{$size}{rows};
            for my $row (sort keys %$rows) {
                for my $turn (sort keys %{$rows->{$row}}) {
                    my $figures = $rows->{$row}{$turn};
                    next unless ref $figures eq 'HASH' && exists $figures->{requests};
                    push @wrong, "$name, $size tokens, $row, $turn: $figures->{wrong} wrong answers" if $figures->{wrong};
                    push @wrong, "$name, $size tokens, $row, $turn: no requests" if !$figures->{requests};
                }
                push @wrong, "$name, $size tokens, $row: $_ is missing"
                    for grep { !$rows->{$row}{$_} } qw(uniform memory start_s reload_s);
            }
        }
    }
    for my $figures (values %{($result->{churn} // {})->{sizes} // {}}) {
        push @wrong, "while the store changed: $_ wrong answers"
            for grep {$_} $figures->{wrong}, $figures->{load}{wrong}, $figures->{load}{broken};
    }
    return @wrong;
}

1;
