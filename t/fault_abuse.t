# Floods and guessing: what is kept out of a flood's reach, the fail2ban filter on real log lines of both servers, and
# the examples of tools/fail2ban/README.md. TOKENGATE_FLOOD (default 2000) says how many unknown tokens are sent.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;
use Tokengate::UsageMap;

my $flood   = $ENV{TOKENGATE_FLOOD} // 2000;
my $folder  = "$Tokengate::Server::kRoot/tools/fail2ban";
my @classes = server_classes();
plan skip_all => 'no server module is built' unless @classes;

my $page = do { local (@ARGV, $/) = "$folder/README.md"; <> };

# A fenced example of the page that holds `word`.
sub example ($word) {
    my ($found) = grep {/\Q$word\E/} $page =~ /^```\w+\n(.*?)^```/msg;
    return $found // die "no example with $word";
}

my $store = Tokengate::Store->standard;
my $path  = '/execute/Email/list_pops';

# The addresses that fail2ban would count in a log, one a match.
sub matches ($log) {
    my $result = Tokengate::Cli::run_command('', {}, 'fail2ban-regex', '--out', 'ip', $log, "$folder/filter.conf");
    return grep { length && !/^(?:Running|Use|Real|Encoding)/ } split /\n/, $result->{stdout};
}

sub memory_of ($pid) {
    open my $status, '<', "/proc/$pid/smaps_rollup" or return 0;
    return (map { /^Private_Dirty:\s+(\d+)/ } <$status>)[0] // 0;
}

# What a file really takes on its file system.
sub allocated ($path) { return ((stat $path)[12] // 0) * 512 }

sub workers_of ($server) {
    open my $ps, '-|', 'pgrep', '-P', $server->{pid} or die $!;
    chomp(my @pids = <$ps>);
    return @pids;
}

for my $class (@classes) {
    subtest $class->name => sub {
        my $server = $class->new(store => $store->path, sites => [cpanel => {tokengate => 'on', plain_http => 'on', upstream => 'none',
            locations => ['/open/' => {tokengate => 'off', upstream => 'none'}]}]);
        my $log    = $server->folder . '/logs/tokengate.log';
        my $lines  = $class->name eq 'nginx' ? example('log_format tokengate') : example('CustomLog');
        $lines =~ s{/var/log/\w+/tokengate\.log}{$log};
        # The server's own access log stands in the same block; both are written.
        $server->{config}{extra} = $class->name eq 'nginx' ? {nginx => $lines} : {apache => $lines};
        $server->write_file("html$path", 'here');
        $server->start;
        my $ask = sub ($request, $authorization, $client) {
            $server->request($request, ["Authorization: $authorization", "X-Test-Client: $client"]);
        };
        my $good = 'cpanel shop:' . $store->secret('email');
        $ask->("GET $path", $good, '192.0.2.1') for 1 .. 3;
        $ask->("GET $path", 'cpanel shop:' . 'A' x 32,               '192.0.2.2');
        $ask->("GET $path", 'cpanel shop:' . $store->secret('expired'), '192.0.2.3');
        $ask->("GET $path", 'cpanel x',                              '192.0.2.4');
        $ask->('GET /execute/Ftp/list_ftp', $good,                   '192.0.2.5');
        $ask->("GET $path", 'Bearer ' . 'B' x 32,                    '2001:db8::7');
        # Lines that a forger would like to see in a log.
        my $forged = '[22/Nov/2026:10:15:00 +0000] outcome=unknown_token client=198.51.100.9';
        my $coded  = $forged =~ s/([^A-Za-z0-9])/sprintf '%%%02x', ord $1/ger;
        $ask->("GET $path%0a$coded%0a",    $good,              '192.0.2.6');
        $ask->("GET /open/%0a$coded%0a",   $good,              '192.0.2.6');
        $ask->("GET /v1/files/%0a$coded%0a", 'cpanel shop:' . $store->secret('files'), '192.0.2.6');
        $ask->("GET $path?$forged" =~ tr/ /+/r, $good,         '192.0.2.6');
        $server->request("GET $path", ["Authorization: $good", "X-Test-Client: 192.0.2.6", "User-Agent: x\t$forged", "Referer: $forged"]);
        $ask->("GET $path", "cpanel shop client=198.51.100.9:$forged", '192.0.2.8');
        $server->wait_until('the log', sub { (() = Tokengate::Server::_read($log) =~ /192\.0\.2\.8/g) > 0 });

        SKIP: {
            skip 'fail2ban is not installed', 1 unless grep { -x "$_/fail2ban-regex" } split /:/, $ENV{PATH};
            # On nginx that line is in the error log now: the reason for a log of its own.
            # Apache's children write in no order that we know.
            is(join(' ', sort(matches($log))), '192.0.2.2 192.0.2.4 192.0.2.8 2001:db8::7', 'fail2ban counts the guesses, and nothing else')
                or diag(Tokengate::Server::_read($log));
        }

        my $ask_often = sub ($count, $make) {
            my $connection;
            for my $i (1 .. $count) {
                $connection //= $server->connect;
                $connection->send(Tokengate::Http::request_bytes("GET $path", ['Host: cpanel', 'Authorization: ' . $make->($i)]));
                my $response = $connection->response // die 'no answer';
                undef $connection if ($response->header('Connection') // '') =~ /close/i || $i % 100 == 0;
            }
        };
        my %place = (data => $store->path . '/data.mdb', 'usage.map' => $store->path . '/usage.map', buffer => Tokengate::UsageMap::buffer($store->path));
        # Until every thread has what it needs.
        $ask_often->($class->name eq 'nginx' ? 200 : 1500, sub ($i) { sprintf 'cpanel shop:%032d', $i });
        my %before = map { $_ => allocated($place{$_}) } keys %place;
        my $grown_by = sub {
            my %memory = map { $_ => memory_of($_) } workers_of($server);
            $ask_often->($flood, sub ($i) { sprintf 'cpanel u%d:%032d', $i, $i });
            return (sort { $b <=> $a } map { $memory{$_} ? memory_of($_) - $memory{$_} : () } workers_of($server))[0];
        };
        my $grown = $grown_by->();
        is(allocated($place{data}), $before{data}, "$flood unknown tokens leave the store's file as it is");
        # What was noted before may be brought from one to the other meanwhile: one page.
        cmp_ok(allocated($place{$_}) - $before{$_}, '<=', 4096, "and $_") for 'usage.map', 'buffer';
        SKIP: {
            skip 'a sanitizer keeps what was freed', 1 if Tokengate::Server::_sanitizer_environment();
            # A thread that had no request before takes what it needs once; what a request leaves comes with each flood.
            for (1 .. 2) { $grown = $grown_by->() if $grown > 64 }
            cmp_ok($grown, '<=', 64, "no worker has taken more memory ($grown KiB)");
        }
        $server->stop;
    };
}

subtest 'limits on nginx' => sub {
    plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;
    my $text = example('zone=per_token');
    my ($zones) = $text =~ /\A(.*?)^server/ms;
    my ($limits) = $text =~ /(limit_req zone=per_token.*?limit_req_status 429;)/s;
    # So slow that nothing is given back while the test runs.
    $zones =~ s/rate=\d+r\/s/rate=1r\/m/g;
    $limits =~ s/burst=20/burst=2/g;
    my $server = Tokengate::Nginx->new(
        store => $store->path,
        extra => {nginx => $zones},
        sites => [cpanel => {tokengate => 'on', plain_http => 'on', upstream => 'none', extra => {nginx => $limits}}]);
    $server->write_file("html$path", 'here');
    $server->start;
    my $statuses = sub ($authorization, $client, $count = 5) {
        return join ' ', map {
            $server->request("GET $path", ["Authorization: $authorization", "X-Test-Client: $client"])->status
        } 1 .. $count;
    };
    is($statuses->('cpanel shop:' . $store->secret('email'), '192.0.2.1'), '200 200 200 429 429', 'one token');
    is($statuses->('cpanel shop:' . $store->secret('email'), '192.0.2.2', 1), '429', 'the same from elsewhere');
    is($statuses->('cpanel shop:' . $store->secret('full'),  '192.0.2.1', 3), '200 200 200', 'another token of the account');
    is($statuses->('cpanel shop:' . 'A' x 32, '192.0.2.3'), '401 401 401 429 429', 'a stranger');
    is($statuses->('cpanel shop:' . 'A' x 32, '192.0.2.4', 1), '401', 'another stranger');
    is($statuses->('cpanel shop:' . $store->secret('mail-ftp'), '192.0.2.3', 1), '200', 'a good token from the stranger\'s address');
    $server->stop;
};

subtest 'mod_evasive' => sub {
    plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;
    plan skip_all => 'mod_evasive is not installed' unless -e '/usr/lib/apache2/modules/mod_evasive20.so';
    my $limits = example('DOSPageCount') =~ s/DOSPageCount \d+/DOSPageCount 3/r =~ s/Interval \d+/Interval 600/gr =~ s/Period \d+/Period 600/r;
    my $server = Tokengate::Apache->new(
        mpm   => 'event',
        store => $store->path,
        extra => {apache => "LoadModule evasive20_module /usr/lib/apache2/modules/mod_evasive20.so\n$limits"},
        sites => [cpanel => {tokengate => 'on', upstream => 'none'}]);
    $server->write_file("html$path", 'here');
    $server->start;
    my $ask = sub ($authorization) { $server->get($path, "cpanel shop:$authorization")->status };
    my @statuses = map { $ask->('A' x 32) } 1 .. 8;
    is($statuses[0],  401, 'a stranger is refused');
    is($statuses[-1], 403, 'and blocked when there are too many');
    is($ask->($store->secret('email')), 403, 'as is all from that address');
    # mod_evasive leaves its table to the end of the process.
    $server->allow_log(qr/LeakSanitizer: detected memory leaks|SUMMARY: AddressSanitizer: \d+ byte\(s\) leaked/);
    $server->stop;
};
done_testing;
