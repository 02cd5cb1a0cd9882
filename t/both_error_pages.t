# A refused request that ends on a proxied error page takes neither its token nor forged identity to that
# page's backend.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

my $store  = Tokengate::Store->standard;
my $secret = $store->secret('reports');

my %config = (
    store => $store->path,
    sites => [
        cpanel => {
            tokengate => 'on',
            extra     => {
                nginx  => join('', map {"  error_page $_ /open/e$_;\n"} 400, 401, 403),
                apache => join('', map {"  ErrorDocument $_ /open/e$_\n"} 400, 401, 403)
            },
            locations => [
                '/open/' => {tokengate => 'off'},
                '/key/'  => {header => 'X-Api-Key'},
                '/both/' => {header => 'X-Api-Key', pass_authorization => 'on'},
            ]
        }
    ]);

# [name, path, headers, status, page]
my @cases = (
    ['a missing ACL', '/v1/admin/x', ["Authorization: cpanel shop:$secret"], 403, '/open/e403'],
    ['another user', '/v1/admin/x', ["Authorization: cpanel root:$secret"], 401, '/open/e401'],
    ['malformed credentials', '/v1/admin/x', ["Authorization: cpanel shop $secret"], 401, '/open/e401'],
    ['a bad route', '/v1/admin;x', ["Authorization: Bearer $secret"], 400, '/open/e400'],
    ['a header with the token', '/key/x', ["X-Api-Key: $secret"], 403, '/open/e403'],
);

each_server(
    \%config,
    sub ($server) {
        for (@cases) {
            my ($name, $path, $headers, $status, $page) = @$_;
            $server->request("GET $path", [@$headers, 'X-Tokengate-User: root', 'X-Other: kept']);
            my @seen = $server->backend->seen;
            is(scalar @seen, 1, "$name: the page's backend is asked once");
            like($seen[0]{target}, qr/^\Q$page\E/, "$name: for the page of $status");
            my @held = grep { index($_->[1], $secret) >= 0 || $_->[0] =~ /tokengate/i } @{$seen[0]{headers}};
            is_deeply(\@held, [], "$name: the backend sees neither token nor identity");
            is_deeply([map { $_->[1] } grep { $_->[0] eq 'X-Other' } @{$seen[0]{headers}}], ['kept'], "$name: other headers stay");
        }
        # Passing Authorization on says nothing of the header that holds a bare token.
        my $full = $store->secret('full');
        $server->request('GET /both/x', ["X-Api-Key: $full", 'Authorization: Other thing']);
        my ($seen) = $server->backend->seen;
        my @held = grep { index($_->[1], $full) >= 0 } @{$seen->{headers}};
        is_deeply(\@held, [], 'a bare token is removed also where Authorization is passed on');
        is_deeply([map { $_->[1] } grep { $_->[0] eq 'Authorization' } @{$seen->{headers}}], ['Other thing'], 'and Authorization is');
    });
