# A clock that jumps, forward and back, under running servers and for the command: time limits follow it, changes are made
# in their order, nothing is lost.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;
use Tokengate::Faults;

plan skip_all => 'no server module is built' unless server_classes();
my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
plan skip_all => 'libfaketime is not installed' unless $library;
plan skip_all => 'it does not go with a sanitizer' if Tokengate::Server::_sanitizer_environment();

my $store = new_store();
my %secret = (
    %{$store->{secret}},
    later   => $store->{cli}->secret('shop', 'later', '--full-access', '--expires', '+30d'),
    future  => $store->{cli}->secret('shop', 'future', '--full-access', '--not-before', '+30d'),
    former  => $store->{cli}->secret('shop', 'rotated', '--full-access'),
    present => $store->{cli}->ok('token', 'rotate', 'shop', 'rotated', '--overlap', '30d') =~ s/\s+\z//r);

my $clock = fault_folder() . '/clock';
my $set = sub ($offset) {
    open my $out, '>', "$clock.new" or die $!;
    print $out "$offset\n";
    close $out;
    rename "$clock.new", $clock or die $!;
};
$set->('+0');
local %ENV = (%ENV, LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $clock, FAKETIME_NO_CACHE => 1, DONT_FAKE_MONOTONIC => 1);
my @servers = start_servers($store->{path});
delete @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE)};

# Time limits follow the clock, back too.
for my $case (['+0', 'granted', 'not_yet_valid'], ['+31d', 'expired', 'granted'], ['-400d', 'granted', 'not_yet_valid'], ['+0', 'granted', 'not_yet_valid']) {
    my ($offset, $later, $future) = @$case;
    $set->($offset);
    for my $server (@servers) {
        $server->wait_until("the clock at $offset", sub { outcome($server, $secret{future}) eq $future && outcome($server, $secret{later}) eq $later });
    }
    my $seen = answers(\@servers, \%secret, 3);
    is("@$seen{qw(later future revoked)}", "$later $future unknown_token", "the clock at $offset");
    is("@$seen{qw(former present)}", ($offset eq '+31d' ? 'expired' : 'granted') . ' granted', 'a former secret within its overlap, and the present one');
}

# The command, while the servers have the time of day. What it does is done, whatever time it takes it to be.
my $at = sub ($offset, @command) { $store->{cli}->run_with({env => {LD_PRELOAD => $library, FAKETIME => $offset}}, @command) };
my $names = sub () { join ' ', sort map { $_->{name} } @{$store->{cli}->json('token', 'list', 'shop')} };
my $made  = $at->('-400d', qw(token create shop early --full-access));
is($made->{exit}, 0, '400 days back a token is made') or diag $made->{stderr};
is($at->('-400d', qw(token revoke shop kept))->{exit}, 0, 'and one is revoked');
$at->('-400d', qw(token purge-expired));
cmp_ok((map { $_->{created} } grep { $_->{name} eq 'early' } @{$store->{cli}->json('token', 'list', 'shop')})[0], '<', time - 399 * 86400, 'the command went by its clock');
is($names->(), 'early future later rotated', 'nothing else is lost');
$secret{early} = $made->{stdout} =~ s/\s+\z//r;
my $seen = answers(\@servers, \%secret, 3);
is("@$seen{qw(early kept present)}", 'granted unknown_token granted', 'the servers go by it at once');
like($store->{cli}->ok('journal', 'verify'), qr/unbroken/, 'the journal holds');
is($store->{cli}->run('check')->{exit}, 0, 'and the store is sound');
is($at->('+31d', qw(token purge-expired))->{exit}, 0, '31 days on, what has ended then is removed');
is($names->(), 'early future rotated', 'and stays so');
is(answers(\@servers, \%secret, 3)->{former}, 'unknown_token', 'a former secret, too');
like($store->{cli}->ok('journal', 'verify'), qr/unbroken/, 'the journal holds');
$_->stop for @servers;
done_testing;
