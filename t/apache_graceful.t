# Apache: graceful restarts under load, each with another configuration, while tokens change. No request fails, each is
# decided by the configuration of the child that answers it, and no reader slot or page of the store is left over.
# TOKENGATE_RESTARTS (default 40) says how many.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;
use Tokengate::Load;
use Tokengate::Readers;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

my $restarts = $ENV{TOKENGATE_RESTARTS} // 40;
my $store    = Tokengate::Store->standard;
my $readers  = Tokengate::Readers->new($store->path);
my $server   = Tokengate::Apache->new(
    store   => $store->path,
    workers => 2,
    sites   => [cpanel => {tokengate => 'on', upstream => 'none', locations => ['/plain/' => {tokengate => 'off', upstream => 'none'}]}]);
$server->write_file("html/$_", 'here') for qw(v1/files/page plain/page);
become_generation($server, 0);
$server->start;

my $path  = '/v1/files/page';
my %token = (
    good  => 'cpanel shop:' . $store->secret('files'),
    poor  => 'cpanel shop:' . $store->secret('email'),
    wrong => 'cpanel shop:' . 'A' x 32);

my $bytes = sub { -s $store->path . '/data.mdb' };
my ($before, $most, @wrong) = ($bytes->(), 0);
my $seen = under_load({server => $server, path => $path, token => \%token, new => 4, kept => 4, changes => $store, right => \&right_by_generation}, sub {
    for my $i (1 .. $restarts) {
        become_generation($server, $i);
        $server->reload;
        # A new child starts when the next one of the old is gone, up to a second later. Four restarts of five come before.
        for my $name ($i % 5 ? () : sort keys %token) {
            my $response;
            $server->wait_until("generation $i", sub { ($response = $server->get($path, $token{$name}))->header('X-Test-Generation') == $i });
            push @wrong, "restart $i: $name " . $response->status if $response->status != right_by_generation($name, $response);
        }
        my $taken = $readers->slots;
        $most = $taken if $taken > $most;
    }
});
is("@wrong", '', 'the next children have the new configuration');
is("$seen->{wrong}, $seen->{lost} lost", ', 0 lost', "$restarts restarts, $seen->{changes} changes: each of $seen->{answers} requests was answered rightly");
my @restarted = $server->error_log =~ /resuming normal operations/g;
is(scalar @restarted, $restarts + 1, 'each restart happened');
# A change touches a handful of pages; without a reader that holds them they are used again.
my $grown = $bytes->() - $before;
cmp_ok($grown, '<', 256 * 1024 + 1024 * $seen->{changes}, "the store does not keep what nobody needs ($grown bytes for $seen->{changes} changes)");
# 16 threads serve at most, and some of children that are about to go.
cmp_ok($most, '<=', 40, "at most $most reader slots were taken at a time");

$server->stop;
is($readers->left_over, '', 'no reader slot is left over');
done_testing;
