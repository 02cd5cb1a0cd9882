# What nginx makes of a request line before it is passed on: the bytes on the wire and the path that is served are
# judged together, whichever of them the backend gets.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;

my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $store   = Tokengate::Store->standard;
my $to      = 'proxy_pass http://127.0.0.1:' . $backend->port;

my $server = Tokengate::Nginx->new(
    store   => $store->path,
    backend => $backend,
    sites   => [
        raw      => {tokengate => 'on'},
        made     => {tokengate => 'on', locations => ['/' => {upstream => 'http_uri'}]},
        variable => {tokengate => 'on', locations => ['/' => {upstream => 'none', extra => {nginx => "$to\$request_uri;"}}]},
        unmerged => {tokengate => 'on', extra => {nginx => 'merge_slashes off;'}},
    ]);
$server->start;

my $email = 'Authorization: cpanel shop:' . $store->secret('email');
my $call  = '/json-api/cpanel?cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops';

# [target, outcome]; with a granted one the backend must see the same target.
my @cases = (
    ['/execute/Email/list_pops', 'granted'],
    ['/execute/Email/list_pops?a=b', 'granted'],
    ['/execute/Email/list_pops?', 'granted'],
    [$call, 'granted'],
    # nginx cuts a fragment off what it serves, but not off what it passes on.
    ['/execute/Email/list_pops#x', 'bad_route'],
    ['/execute/Email/list_pops#?x', 'bad_route'],
    ["$call#x", 'bad_route'],
    ["$call#&cpanel_jsonapi_func=addpop", 'bad_route'],
    # It decodes, merges and resolves what it serves only.
    ['/execute/Ftp/..%2fEmail/list_pops', 'bad_route'],
    ['/execute/Ftp/../Email/list_pops', 'bad_route'],
    ['/execute/./Email/list_pops', 'bad_route'],
    ['/execute//Email/list_pops', 'bad_route'],
    ['/execute/%45mail/list_pops', 'bad_route'],
    ['/execute/Email/list_pops%2f', 'bad_route'],
    ['/execute/Email%2flist_pops', 'bad_route'],
    ['/execute/Email/list_pops%3fa=b', 'bad_route'],
    ['/execute/Email/list_pops;a=b', 'bad_route'],
    ['/execute/Email\\list_pops', 'bad_route'],
);
for my $site (qw(raw made variable unmerged)) {
    for (@cases) {
        my ($target, $outcome) = @$_;
        my $response = $server->request("GET $target", [$email], site => $site);
        my $told = $response->header('X-Test-Outcome') // '-';
        my @seen = map { $_->{target} } $backend->seen;
        # Where nginx makes the target anew, a lone question mark goes.
        s/\?\z// for @seen, $target;
        is("$told @seen", $outcome eq 'granted' ? "granted $target" : "$outcome ", "$site: $_->[0]");
    }
}

# The absolute form names the server, too; the path within it counts.
is($server->request('GET http://raw/execute/Email/list_pops', [$email])->status, 200, 'absolute form');
is($server->request('GET http://raw/execute/Ftp/list_ftp',    [$email])->status, 403, 'absolute form, refused');
is($server->request('GET http://raw',                          [$email])->status, 403, 'absolute form without a path');
is($server->request('GET http://raw?/execute/Email/list_pops', [$email])->status, 403, 'absolute form with a query alone');

$server->stop;
done_testing;
