# Nobody but Tokengate tells the backend who the caller is: client copies of the identity headers never get
# through, in any spelling, on any path, in any position.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Backend;
use Tokengate::Cases;

my $store   = Tokengate::Store->standard;
$store->issue('full', qw(token rotate shop full --overlap 0));
my $email   = $store->secret('email');
my $folder  = File::Temp->newdir;
my $fastcgi = Tokengate::Backend->new('fastcgi', $folder);
my $uwsgi   = Tokengate::Backend->new('uwsgi', $folder);

my @names = map {
    my $name = $_;
    ($name, lc $name, uc $name, $name =~ tr/-/_/r, lc $name =~ s/-/_/r, uc $name =~ s/-(?=[^-]*\z)/_/r, $name =~ tr/-/./r, lc $name =~ tr/-/~/r)
} qw(X-Tokengate-User X-Tokengate-Service X-Tokengate-Token X-Tokengate-Token-Id X-Tokengate-Secret-Serial X-Legacy-Name);

my @forged = map {"$_: root"} @names;
my @filler = map {"X-Filler-$_: $_"} 1 .. 30;

my %config = (
    store => $store->path,
    # Names that nginx would drop by itself must be dropped by us.
    extra => {nginx => "  underscores_in_headers on;\n  ignore_invalid_headers off;\n"},
    sites => [
        cpanel => {
            tokengate => 'on',
            locations => [
                '/open/'   => {tokengate => 'off'},
                '/report/' => {tokengate => 'report_only'},
                '/named/'  => {user_header => 'X-Legacy-Name'},
                '/fcgi/'   => {upstream => 'fastcgi', backend => $fastcgi},
                '/uwsgi/'  => {upstream => 'uwsgi', backend => $uwsgi},
                '/fcgi-open/' => {upstream => 'fastcgi', backend => $fastcgi, tokengate => 'off'},
                '/uwsgi-open/' => {upstream => 'uwsgi', backend => $uwsgi, tokengate => 'off'},
            ]
        }
    ]);

# A 401 from here would hide the test: these paths are open to the token by full access.
my $full = 'Authorization: cpanel shop:' . $store->secret('full');

sub identity_of ($backend) {
    my @seen = $backend->seen;
    return 'seen ' . @seen . ' times' if @seen != 1;
    my ($plain, $named) = (identity_seen($seen[0]), identity_seen($seen[0], 'X-Legacy-Name'));
    return join ' ', map {"[@$_]"} @$plain{qw(user service token id serial)}, $named->{user};
}

my ($id)   = map { $_->{id} } grep { $_->{name} eq 'full' } @{$store->{cli}->json(qw(token list shop))};
my $nobody = '[] [] [] [] [] []';
my $shop   = "[shop] [cpanel] [full] [$id] [2] []";

# [name, path, headers before the forged ones, the forged ones, headers after, what the backend sees, backend]
my @cases = (
    (map { ["granted, $_", '/granted/x', [$full], ["$_: root"], [], $shop] } @names),
    (map { ["open location, $_", '/open/x', [], ["$_: root"], [], $nobody] } @names),
    ['granted, all of them', '/granted/x', [$full], [@forged], [], $shop],
    ['granted, all of them twice', '/granted/x', [$full], [@forged, @forged], [], $shop],
    ['granted, before Authorization', '/granted/x', [], [@forged], [$full], $shop],
    ['granted, first of many', '/granted/x', [], [@forged], [@filler, $full], $shop],
    ['granted, last of many', '/granted/x', [$full, @filler], [@forged], [], $shop],
    ['granted, between many', '/granted/x', [$full, @filler[0 .. 14]], [@forged], [@filler[15 .. 29]], $shop],
    ['granted, empty values', '/granted/x', [$full], ['X-Tokengate-User:', 'X-Tokengate-User: '], [], $shop],
    ['open location, all of them', '/open/x', [], [@forged], [], $nobody],
    ['open location, with a valid token', '/open/x', [$full], [@forged], [], $nobody],
    ['open location, among many', '/open/x', [@filler[0 .. 14]], [@forged], [@filler[15 .. 29]], $nobody],
    ['report only, no credentials', '/report/x', [], [@forged], [], $nobody],
    ['report only, would be granted', '/report/x', [$full], [@forged], [], $nobody],
    ['another name for the user', '/named/x', [$full], [@forged], [], "[] [cpanel] [full] [$id] [2] [shop]"],
    ['FastCGI', '/fcgi/x', [$full], [@forged], [], $shop, $fastcgi],
    ['FastCGI, open location', '/fcgi-open/x', [$full], [@forged], [], $nobody, $fastcgi],
    ['uwsgi', '/uwsgi/x', [$full], [@forged], [], $shop, $uwsgi],
    ['uwsgi, open location', '/uwsgi-open/x', [], [@forged], [], $nobody, $uwsgi],
);

each_server(
    \%config,
    sub ($server) {
        for (@cases) {
            my ($name, $path, $before, $forged, $after, $want, $backend) = @$_;
            my $response = $server->request("GET $path", [@$before, @$forged, @$after]);
            is($response ? $response->status : 'none', 200, "$name: status");
            is(identity_of($backend // $server->backend), $want, $name);
        }
        # Every other header arrives, once each and unchanged.
        $server->request('GET /granted/x', [$full, @filler[0 .. 9], @forged, @filler[10 .. 29]]);
        my ($seen) = $server->backend->seen;
        my @got = map {"$_->[0]: $_->[1]"} grep { $_->[0] =~ /^X-Filler/i } @{$seen->{headers}};
        is_deeply([sort @got], [sort @filler], 'all other headers arrive');

        check_refused('refused requests reach nobody', $server, $server->request('GET /granted/x', \@forged), 'no_credentials');
        check_refused(
            'forged headers do not authenticate',
            $server, $server->request('GET /granted/x', [@forged, 'X-Remote-User: root', 'Remote-User: root']),
            'no_credentials');

        # REMOTE_USER is the account for FastCGI backends and the access log.
        $server->request('GET /fcgi/x', [$full]);
        my ($fcgi) = $fastcgi->seen;
        my @remote = map { $_->[1] } grep { $_->[0] eq 'REMOTE_USER' } @{$fcgi->{headers}};
        is("@remote", 'shop', 'REMOTE_USER is the account');
        ok(!(grep { index($_->[1], $store->secret('full')) >= 0 } @{$fcgi->{headers}}), 'no parameter holds the token');
        $server->request('GET /fcgi-open/x', ['Remote-User: root', 'Remote_User: root']);
        ($fcgi) = $fastcgi->seen;
        @remote = grep { length } map { $_->[1] } grep { $_->[0] eq 'REMOTE_USER' } @{$fcgi->{headers}};
        is("@remote", '', 'a client cannot set REMOTE_USER');
    });
$fastcgi->stop;
$uwsgi->stop;
