# Both servers at once on one store: one change counts for both, on the next request.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

my @classes = server_classes();
plan skip_all => 'needs both modules' if @classes < 2;

my $store   = Tokengate::Store->standard;
my @servers = map { $_->new(store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on'}])->start } @classes;
my @connections = map { [$_, $_->connect] } @servers, @servers, @servers, @servers;

# What all servers answer to one request on connections that are open already.
sub ask ($path, $authorization) {
    my %answers;
    for (@connections) {
        my ($server, $connection) = @$_;
        $connection->send(Tokengate::Http::request_bytes("GET $path", ['Host: cpanel', "Authorization: $authorization"]));
        my $response = $connection->response;
        $answers{$response ? $response->header('X-Test-Outcome') // 'none' : 'closed'} = 1;
    }
    return join ' ', sort keys %answers;
}

my $mail = '/execute/Email/list_pops';
for my $round (1 .. 5) {
    my $authorization = 'cpanel shop:' . $store->create_token('shop', "round-$round", '--acl', 'email');
    is(ask($mail, $authorization), 'granted', "round $round: a new token");
    $store->run(qw(account suspend shop));
    is(ask($mail, $authorization), 'account_suspended', "round $round: suspended");
    $store->run(qw(account unsuspend shop));
    is(ask($mail, $authorization), 'granted', "round $round: active again");
    $store->run(qw(account deny shop email));
    is(ask($mail, $authorization), 'acl_denied', "round $round: an ACL taken away");
    $store->run(qw(account grant shop email));
    is(ask($mail, $authorization), 'granted', "round $round: and given back");
    $store->run('token', 'revoke', 'shop', "round-$round");
    is(ask($mail, $authorization), 'unknown_token', "round $round: revoked");
}
$_->stop for @servers;
done_testing;
