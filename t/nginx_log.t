# The error log: one line a refusal, at a level that says who must act, without a secret or a byte of the client's
# choice; and what is said about a store in trouble.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $store   = Tokengate::Store->standard;
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port;

my $config = <<"END";
    tokengate on;
    location /watched/ { tokengate report_only; $to; }
    location /twice/   { error_page 401 /guarded; $to; }
    location /open/    { tokengate off; $to; }
END

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [main => {extra => {nginx => $config}}]);
$server->start;

# The new lines of ours in the error log: level and text, without what nginx adds.
my $read_to = 0;
sub lines () {
    my $new = substr $server->error_log, $read_to;
    $read_to += length $new;
    return map { /\[(\w+)\] \S+ (?:\*\d+ )?(tokengate: .*?)(?:, client: .*)?\z/ ? "$1 $2" : () } split /\n/, $new;
}

sub logged ($request, @headers) {
    lines();
    $server->request($request, \@headers);
    return join "\n", lines();
}

sub cpanel ($key, $account = 'shop') { return "Authorization: cpanel $account:" . $store->secret($key) }
sub id ($account, $name) { return JSON::PP->new->decode($store->run('--json', 'token', 'show', $account, $name))->{id} }

my $email   = id('shop', 'email');
my $expired = id('shop', 'expired');
my $unknown = 'refused outcome=unknown_token account=- token=- id=- service=- acl=- route="-"';

# [request, headers, lines]
my @cases = (
    ['GET /x', [cpanel('full')], ''],
    ['GET /open/x', [], ''],
    ['GET /x', [], 'info tokengate: refused outcome=no_credentials account=- token=- id=- service=- acl=- route="-"'],
    ['GET /x', ['Authorization: cpanel shop:' . 'W' x 32], "warn tokengate: $unknown"],
    ['GET /x', [cpanel('expired')],
        "warn tokengate: refused outcome=expired account=shop token=expired id=$expired service=cpanel acl=- route=\"-\""],
    ['GET /execute/Ftp/list_ftp', [cpanel('email')],
        "warn tokengate: refused outcome=acl_denied account=shop token=email id=$email service=cpanel acl=ftp route=\"uapi Ftp list_ftp\""],
    ['GET /watched/x', [cpanel('email')],
        "warn tokengate: would refuse outcome=acl_denied account=shop token=email id=$email service=cpanel acl=- route=\"http GET /watched/x\""],
    ['GET /twice/x', ['Authorization: cpanel shop:' . 'W' x 32], "warn tokengate: $unknown"],
);
for (@cases) {
    my ($request, $headers, $lines) = @$_;
    is(logged($request, @$headers), $lines, "$request: " . ($lines =~ s/ account.*//r || 'nothing'));
}

# Whatever a client sends, a line is a line, and holds no secret.
my $secret = $store->secret('full');
my @tricks = (
    ["GET /x%0a2026/01/01%20[warn]%20tokengate:%20granted", cpanel('email')],
    ["GET /x%22%20outcome=granted", cpanel('email')],
    ["GET /x/%1b[2J/%07", cpanel('email')],
    ["GET /x/%c3%a4/%ff", cpanel('email')],
    ["GET /x?key=$secret", cpanel('email')],
    ['GET /x', "Authorization: cpanel shop\x1b[31m:$secret"],
    ['GET /x', "Authorization: cpanel nobody:$secret"],
    ['GET /x', "Authorization: Bearer $secret$secret"],
    ["GET /" . 'x' x 2000, cpanel('email')],
);
for (@tricks) {
    my ($request, $header) = @$_;
    my $lines = logged($request, $header);
    my $form  = qr/(?:warn|info) tokengate: refused outcome=\w+ account=\S+ token=\S+ id=\S+ service=\S+ acl=\S+ route="[^"\x00-\x1f\x7f-\xff]*"/;
    like($lines, qr/\A$form\z/, 'one line of the known form for ' . substr($request, 0, 60));
}
my $log = $server->error_log;
$log =~ s/, request: "[^\n]*//g;    # nginx's own habit
is(index($log, $secret), -1, 'no secret in the log');

# A store that is gone: one line when that is noticed, one a second at most for the refused, one when it is back.
my $path = $store->path;
lines();
rename $path, "$path.away" or die "rename: $!";
my @said;
$server->wait_until('trouble', sub { push @said, lines(); grep {/requests are refused/} @said });
$server->request('GET /x', [cpanel('full')]) for 1 .. 20;
rename "$path.away", $path or die "rename: $!";
$server->wait_until('recovery', sub { push @said, lines(); grep {/open again/} @said });
is(scalar(grep {/\Aerror tokengate: requests are refused: \S/} @said), 1, 'trouble: said once');
is(scalar(grep {/\Anotice tokengate: the store is open again/} @said), 1, 'recovery: said once');
my @refused = grep {/\Aerror tokengate: refused outcome=store_unavailable/} @said;
cmp_ok(scalar @refused, '>=', 1, 'refused for want of a store: said');
cmp_ok(scalar @refused, '<', 20, 'refused for want of a store: not each time');

$server->stop;
done_testing;
