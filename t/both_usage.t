# How tokens are used is noted by all workers of both servers in one file in memory, which they bring to one file on disk,
# and whatever becomes of these files changes no answer and ends no worker.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;

my @classes = server_classes();
plan skip_all => 'no server module is built' unless @classes;

my $store   = Tokengate::Store->standard;
my @sites   = (
    cpanel => {
        plain_http => 'on',
        tokengate => 'on',
        locations => ['/trial/' => {tokengate => 'report_only', require => ['email']}, '/needs/' => {require => [qw(reports stats)]}]
    },
    whm => {tokengate => 'on', service => 'whm', plain_http => 'on'});
my @servers = map { $_->new(store => $store->path, workers => 2, sites => \@sites)->start } @classes;
my @connections = map { $_->connect } (@servers) x 4;
my $map = $store->path . '/usage.map';

# One request on each connection; the outcomes that there were.
sub ask ($request, $key, %option) {
    my %answers;
    my $host = $option{site} // 'cpanel';
    for my $connection (@connections) {
        my @headers = ("Host: $host", 'Authorization: Bearer ' . $store->secret($key), 'X-Test-Client: ' . ($option{client} // '192.0.2.1'));
        $connection->send(Tokengate::Http::request_bytes($request, \@headers));
        my $response = $connection->response;
        $answers{$response ? $response->header('X-Test-Outcome') // 'none' : 'closed'} = 1;
    }
    return join ' ', sort keys %answers;
}

sub use_of ($key) {
    my $token = $store->token($key);
    return $store->{cli}->json('token', 'show', $token->{account}, $token->{name}, '--service', $token->{service})->{use};
}

my $all  = @connections;
my $mail = 'GET /execute/Email/list_pops';
is(use_of('full')->{count}, 0, 'at first nothing was used');
is(ask($mail, 'full'), 'granted', 'requests to every server');
my $use = use_of('full');
is($use->{count}, $all, 'each counts once');
is_deeply([@$use{qw(acls writes unlisted address)}], [['email'], JSON::PP::false, JSON::PP::false, '192.0.2.1'], 'what for and from where')
    or diag explain $use;
cmp_ok(abs($use->{last} - time), '<', 60, 'when');

is(ask('GET /execute/Ftp/add_ftp', 'full', client => '2001:db8::7'), 'granted', 'a call that changes something');
$use = use_of('full');
is_deeply([@$use{qw(count acls writes unlisted address)}], [2 * $all, [qw(email ftp)], JSON::PP::true, JSON::PP::false, '2001:db8::7'], 'is noted');
is(ask('GET /execute/Mystery/open_box', 'full'), 'granted', 'a call that the catalog does not list');
ok(use_of('full')->{unlisted}, 'is noted');

my $batch = 'GET /execute/Batch/strict?command-0=%5B%22Email%22%2C%22list_pops%22%5D&command-1=%5B%22Ftp%22%2C%22list_ftp%22%5D';
is(ask($batch, 'mail-ftp'), 'granted', 'a batch');
$use = use_of('mail-ftp');
is_deeply([@$use{qw(count acls writes)}], [$all, [qw(email ftp)], JSON::PP::false], 'counts once, for all that is in it');

is(ask('GET /needs/x', 'later'), 'granted', 'a location that names its ACLs');
is_deeply(use_of('later')->{acls}, [qw(reports stats)], 'these are noted');
is(ask('GET /json-api/listaccts', 'whm-list', site => 'whm'), 'granted', 'the service whm');
is_deeply(use_of('whm-list')->{acls}, ['list-accts'], 'has ACLs of its own');

is(ask($mail, 'dns'), 'acl_denied', 'a refusal');
is(use_of('dns')->{count}, 0, 'is no use');
is(ask('GET /trial/x', 'email'), 'granted', 'where it is only reported');
is(use_of('email')->{count}, 0, 'neither');

# Now to the files.
my $buffer = Tokengate::UsageMap::buffer($store->path);
my ($mode, $group, $map_group) = ((stat $buffer)[2, 5], (stat $map)[5]);
is(sprintf('%o %d', $mode & 07777, $group), "660 $map_group", 'the buffer is for the group of the store');

# How often a token was used, by the slot of its id.
sub noted ($path, $key) {
    my $id = $store->{cli}->json('token', 'show', @{$store->token($key)}{qw(account name)})->{id};
    open my $file, '<:raw', $path or die "$path: $!";
    seek $file, 64 * $id, 0;
    read $file, my $slot, 64;
    return unpack('x8 Q', $slot) % 2**48;
}
my $uses = use_of('full')->{count};
# Where a worker has no timer and no thread, it is a request that gives it the time; this one is not noted itself.
$servers[0]->wait_until(
    'the notes are brought to usage.map',
    sub { ask($mail, 'dns'); noted($map, 'full') == $uses && noted($buffer, 'full') == 0 });
is(use_of('full')->{count}, $uses, 'and count as before');

sub workers () {
    return join ' ', sort map { split ' ', `pgrep -P $_->{pid}` } @servers;
}

# The workers look after the file once a second.
use constant kLongerThanALook => 1.3;

sub write_map ($offset, $bytes) {
    open my $file, '+<:raw', $map or die "$map: $!";
    seek $file, $offset, 0;
    print $file $bytes;
    close $file or die "$map: $!";
    return 1;
}

my $workers = workers();
cmp_ok(split(' ', $workers), '>=', 2 * @classes, 'several workers');
for (['cut to nothing', sub { truncate $map, 0 }],
    ['cut within a slot', sub { truncate $map, 4096 + 100 }],
    ['full of junk',      sub { write_map(0, "\xff" x 1_048_576) }],
    ['not writable',      sub { chmod 0400, $map }],
    ['removed',           sub { unlink $map }],
    ['a folder',     sub { unlink($map) && mkdir $map }])
{
    my ($what, $do) = @$_;
    $do->() or die "$what: $!";
    for my $when ('at once', 'after a look') {
        is(ask($mail, 'full'), 'granted', "$what: a grant $when");
        is(ask($mail, 'dns'), 'acl_denied', "$what: a refusal $when");
        sleep kLongerThanALook if $when eq 'at once';
    }
    is(use_of('full'), undef, "$what: nothing is known") unless $what =~ /writable|within a slot/;
    next if $what =~ /writable|folder/;
    # The next change of the store mends it, and the workers follow.
    $store->run(qw(account suspend poor));
    my $seen = use_of('full');
    $servers[0]->wait_until("$what: mended", sub { ask($mail, 'full') eq 'granted' && (use_of('full')->{count} // 0) >= ($seen->{count} // 0) + $all });
    pass("$what: mended by the next change");
}
rmdir $map or die $!;
my %now = map { $_ => 1 } split ' ', workers();
is(join(' ', grep { !$now{$_} } split ' ', $workers), '', 'every worker is still the one it was');

$_->stop for @servers;
done_testing;
