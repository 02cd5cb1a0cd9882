# Times as people write them.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;
$cli->ok(qw(account create shop --acl all));
$cli->secret(qw(shop ci --full-access));

sub update ($zone, $option, $when) {
    return $cli->run_with({env => {TZ => $zone}}, qw(token update shop ci --json), "--$option=$when");
}

my $berlin = 'CET-1CEST,M3.5.0,M10.5.0/3';
my $kolkata = 'IST-5:30';

my @good = (
    ['UTC',    'expires',    'never',                     undef],
    ['UTC',    'expires',    '2026-12-31',                1798761599],
    ['UTC',    'not-before', '2026-12-31',                1798675200],
    [$berlin,  'expires',    '2026-12-31',                1798757999],
    [$berlin,  'expires',    '2026-06-30',                1782856799],
    [$kolkata, 'expires',    '2026-12-31',                1798741799],
    ['UTC',    'expires',    '2026-12-31T18:00',          1798740000],
    ['UTC',    'expires',    '2026-12-31 18:00',          1798740000],
    ['UTC',    'expires',    '2026-12-31T18:00:09',       1798740009],
    [$berlin,  'expires',    '2026-12-31T18:00',          1798736400],
    [$berlin,  'expires',    '2026-12-31T18:00Z',         1798740000],
    [$berlin,  'expires',    '2026-12-31T18:00:09Z',      1798740009],
    [$berlin,  'expires',    '2026-12-31T18:00-05:00',    1798758000],
    ['UTC',    'expires',    '2026-12-31T18:00:00+05:30', 1798720200],
    ['UTC',    'expires',    '2028-02-29',                1835481599],
    ['UTC',    'expires',    '2000-02-29',                951868799],
    ['UTC',    'expires',    '1970-01-01',                86399],
    ['UTC',    'expires',    '9999-12-31',                253402300799],
    ['UTC',    'expires',    '1798761599',                1798761599],
    ['UTC',    'expires',    '253402300799',              253402300799],
    ['UTC',    'expires',    '99999999',                  99999999],
    ['UTC',    'expires',    '1',                         1],
);
for my $case (@good) {
    my ($zone, $option, $when, $seconds) = @$case;
    $cli->ok(qw(token update shop ci --not-before 0 --expires never));
    my $r = update($zone, $option, $when);
    is($r->{exit}, 0, "--$option $when in $zone") or diag $r->{stderr};
    is(Tokengate::Cli::decode_json($r->{stdout})->{ $option =~ tr/-/_/r }, $seconds, "--$option $when in $zone: when");
}

my @spans = (['+90s', 90], ['+15m', 900], ['+12h', 43200], ['+30d', 2592000], ['+2w', 1209600], ['now', 0]);
for my $case (@spans) {
    my ($when, $seconds) = @$case;
    my $before = time;
    my $expires = Tokengate::Cli::decode_json(update('UTC', 'expires', $when)->{stdout})->{expires};
    my $after = time;
    ok($before + $seconds <= $expires && $expires <= $after + $seconds, "--expires $when");
}

my @bad = (
    ['2026-02-30',            qr/a day that does not exist/],
    ['2026-02-29',            qr/a day that does not exist/],
    ['2100-02-29',            qr/a day that does not exist/],
    ['2026-13-01',            qr/a day that does not exist/],
    ['2026-00-10',            qr/a day that does not exist/],
    ['2026-04-31',            qr/a day that does not exist/],
    ['2026-01-00',            qr/a day that does not exist/],
    ['2026-12-31T24:00',      qr/a time of day that does not exist/],
    ['2026-12-31T23:60',      qr/a time of day that does not exist/],
    ['2026-12-31T23:00:60',   qr/a time of day that does not exist/],
    ['2026-12-31Z',           qr/no time zone/],
    ['2026-12-31T18:00X',     qr/no time zone/],
    ['2026-12-31T18:00+15:00', qr/no time zone/],
    ['2026-12-31T18:00+1',    qr/no time zone/],
    ['2026-12-31T18',         qr/is not a time: write/],
    ['2026-1-1',              qr/is not a time: write/],
    ['31.12.2026',            qr/is not a time: write/],
    ['soon',                  qr/is not a time: write/],
    ['-5',                    qr/is not a time: write/],
    ['-5d',                   qr/is not a time: write/],
    ['1e9',                   qr/is not a time: write/],
    ['1960-01-01',            qr/years 1970 to 9999/],
    ['1970-01-01T00:00+01:00', qr/years 1970 to 9999/],
    ['10000-01-01',           qr/is not a time: write/],
    ['253402300800',          qr/are these milliseconds/],
    ['1798761599000',         qr/are these milliseconds/],
    ['18446744073709551617',  qr/are these milliseconds/],
    ['20261231',              qr/write a date as 2026-12-31/],
    ['+1y',                   qr/not a span from now/],
    ['+d',                    qr/not a span from now/],
    ['+30',                   qr/not a span from now/],
    ['+-3d',                  qr/not a span from now/],
    ['+1.5h',                 qr/not a span from now/],
    ['+9999999d',             qr/years 1970 to 9999|not a span/],
    ['+99999999999999999999d', qr/not a span from now/],
    ['+15250284452472w',      qr/not a span from now/],
);
my $before = $cli->ok(qw(token show shop ci --json));
for my $case (@bad) {
    my ($when, $message) = @$case;
    my $r = update('UTC', 'expires', $when);
    is($r->{exit}, 2, "--expires $when: exit code");
    like($r->{stderr}, $message, "--expires $when: says why");
}
my $skipped = update($berlin, 'expires', '2027-03-28T02:30');
is($skipped->{exit}, 2, 'a local time that summer time skips');
like($skipped->{stderr}, qr/the change of the clocks skips/, 'says why');
is($cli->ok(qw(token show shop ci --json)), $before, 'none of them changed anything');

# Shown as local time that can be given back.
my $show = sub ($zone) { $cli->run_with({env => {TZ => $zone}}, qw(token show shop ci))->{stdout} };
$cli->ok(qw(token update shop ci --expires 1782856799));
like($show->('UTC'),    qr/^Ended 2026-06-30T21:59:59\+00:00 |^Ends 2026-06-30T21:59:59\+00:00 /m, 'in UTC');
like($show->($berlin),  qr/2026-06-30T23:59:59\+02:00/, 'in Berlin');
like($show->($kolkata), qr/2026-07-01T03:29:59\+05:30/, 'in Kolkata');
like($show->('NST3:30'), qr/2026-06-30T18:29:59-03:30/, 'west of Greenwich, with half an hour');

done_testing;
