# The backend runs the call that was judged: headers for which some run another path or method go, in any spelling,
# or are refused where the client means it; where nothing is judged they stay. What a client names in Connection goes on only as far as it is about the connection.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

my $store = Tokengate::Store->standard;
my $full  = 'Authorization: cpanel shop:' . $store->secret('full');

my @methods  = ('X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override');
my @paths    = ('X-Original-URL', 'X-Rewrite-URL', 'Script-Name');
my @changers = (@paths, @methods);
my $spelled  = sub (@names) { return map { ($_, lc $_, uc $_, $_ =~ tr/-/_/r, uc($_) =~ tr/-/_/r) } @names };
my @sent     = map {"$_: /v1/admin/x"} $spelled->(@paths);
my @others   = ('X-Original-Host: a', 'X-Script: b', 'Content-Language: c');
my $passes   = 'proxy_set_header Connection $http_connection;';

my %config = (
    store => $store->path,
    extra => {nginx => "  underscores_in_headers on;\n"},
    sites => [
        cpanel => {
            tokengate => 'on',
            locations => [
                '/open/'   => {tokengate => 'off'},
                '/report/' => {tokengate => 'report_only'},
                '/passed/' => {extra => {nginx => $passes}},
            ]
        }
    ]);

sub seen_of ($server, $wanted) {
    my ($seen) = $server->backend->seen;
    return [sort map {"$_->[0]: $_->[1]"} grep { $_->[0] =~ $wanted } @{$seen->{headers} // []}];
}
my $changer = join '|', map { s/-/[-_]/gr } @changers;
my $other   = qr/\A(?:X-Original-Host|X-Script|Content-Language)\z/;

each_server(
    \%config,
    sub ($server) {
        for (@sent) {
            $server->request('GET /v1/files/x', [$full, $_]);
            is_deeply(seen_of($server, qr/\A(?:$changer)\z/i), [], "granted: $_ does not go on");
        }
        $server->request('GET /v1/files/x', [@others, @sent, $full]);
        is_deeply(seen_of($server, qr/\A(?:$changer)\z|$other/i), [sort @others], 'granted: all at once, and the others stay');
        for ($spelled->(@methods, 'Destination')) {
            is($server->request('GET /v1/files/x', [$full, "$_: PUT"])->status, 400, "$_: another call, which nobody judged");
        }
        $server->request('POST /execute/Email/add_pop', [$full, @sent, map {"$_: PUT"} $spelled->(@methods)], body => 'a=b');
        is_deeply(seen_of($server, qr/\A(?:$changer)\z/i), [], 'granted: a panel call');
        for my $path ('/open/x', '/report/x') {
            $server->request("GET $path", [$full, map {"$_: a"} @changers]);
            is_deeply(seen_of($server, qr/\A(?:$changer)\z/i), [sort map {"$_: a"} @changers], "$path is let pass as it came");
        }

        # Over a connection of its own, as request() adds a Connection header.
        my $connection = sub (@lines) {
            my @all = ('Host: cpanel', $full, map {"Connection: $_"} @lines);
            $server->raw(Tokengate::Http::request_bytes('GET /passed/x', \@all));
            my ($seen) = $server->backend->seen;
            return (identity_seen($seen)->{user}, [map { lc $_->[1] } grep { $_->[0] eq 'Connection' } @{$seen->{headers}}]);
        };
        for ('close, X-Tokengate-User', 'X-Tokengate-User', 'close;x_tokengate_user', 'close,keep-alive,upgrade,http2-settings,x') {
            my ($user, $passed) = $connection->($_);
            is("@$user", 'shop', "Connection: $_: identity stays");
            unlike("@$passed", qr/tokengate|x\z/, "Connection: $_: names no header to the next proxy");
        }
        my (undef, $passed) = $connection->('close', 'X-Tokengate-Token');
        unlike("@$passed", qr/tokengate/, 'nor does a second one');
        if ($server->name eq 'nginx') {
            # Apache's proxy sets a Connection header of its own.
            (undef, $passed) = $connection->('close, X-Tokengate-User');
            is("@$passed", 'close', 'what is about the connection stays');
            (undef, $passed) = $connection->('Close');
            is("@$passed", 'close', 'and a value without names is not touched');
        }
    });
