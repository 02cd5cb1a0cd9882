# Settings are inherited, replaced and cancelled by location, the same way on both servers.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;

my $store = Tokengate::Store->standard;

my %config = (
    store => $store->path,
    sites => [
        cpanel => {
            tokengate => 'on',
            locations => [
                '/open/'          => {tokengate => 'off'},
                '/open/again/'    => {tokengate => 'on'},
                '/report/'        => {tokengate => 'report_only'},
                '/reports/'       => {require => ['reports']},
                '/two/'           => {require => ['email', 'ftp']},
                '/pass/'          => {pass_authorization => 'on'},
                '/panel/'         => {refusals => 'panel'},
                '/realm/'         => {realm => 'elsewhere'},
                '/bearer/'        => {schemes => ['bearer']},
                '/uri/'           => {upstream => 'http_uri'},
                '/key/'           => {header => 'X-Api-Key'},
            ]
        },
        inherit => {
            tokengate => 'on',
            require   => ['reports'],
            schemes   => ['bearer'],
            refusals  => 'panel',
            realm     => 'all of it',
            header    => 'X-Api-Key',
            locations => [
                '/same/'     => {},
                '/catalog/'  => {require => ['catalog']},
                '/standard/' => {refusals => 'standard'},
                '/schemes/'  => {schemes => ['cpanel']},
                '/no-key/'   => {header => 'off'},
            ]
        },
        closed => {locations => ['/api/' => {tokengate => 'on'}]},
    ]);

my %who = (
    full    => 'cpanel shop:{full}',
    email   => 'cpanel shop:{email}',
    reports => 'cpanel shop:{reports}',
    both    => 'cpanel shop:{mail-ftp}',
    bearer  => 'Bearer {reports}',
    bearer_email => 'Bearer {email}',
);

# [outcome, name, site, path, who, {more}]; "open" passes unjudged, "report NAME" passes and tells the outcome.
my @cases = (
    ['granted',        'on',                                         'cpanel', '/v1/files/x',     'full'],
    ['open',           'off cancels what is inherited',              'cpanel', '/open/x',         undef],
    ['open',           'off, with a token: it is not looked at',     'cpanel', '/open/x',         'full'],
    ['granted',        'on again inside off',                        'cpanel', '/open/again/x',   'full'],
    ['no_credentials', 'on again inside off, without a token',       'cpanel', '/open/again/x',   undef],
    ['report no_credentials', 'report only, no token',               'cpanel', '/report/x',       undef],
    ['report acl_denied', 'report only, an ACL missing',             'cpanel', '/report/x',       'email'],
    ['report granted', 'report only, would be granted',              'cpanel', '/report/x',       'full'],
    ['report bad_route', 'report only, a bad route',                 'cpanel', '/report//x',      'full'],
    ['granted',        'the location names the ACL',                 'cpanel', '/reports/x',      'reports'],
    ['acl_denied',     'the location names the ACL, missing',        'cpanel', '/reports/x',      'email'],
    ['granted',        'two ACLs',                                   'cpanel', '/two/x',          'both'],
    ['acl_denied',     'two ACLs, one missing',                      'cpanel', '/two/x',          'email'],
    ['granted',        'Authorization passed on',                    'cpanel', '/pass/x',         'full', {passes_authorization => 1}],
    ['no_credentials', 'answers as panels do',                       'cpanel', '/panel/x',        undef, {status => 403}],
    ['no_credentials', 'another realm',                              'cpanel', '/realm/x',        undef, {challenge => qr/realm="elsewhere"/}],
    ['no_credentials', 'a scheme that is off here',                  'cpanel', '/bearer/x',       'full'],
    ['granted',        'a server path upstream',                     'cpanel', '/uri/x%20y',      'full', {target => qr{^/uri/x%20y$}}],
    ['bad_route',      'a server path upstream, a bad route',        'cpanel', '/uri/..%2fx',     'full'],
    ['bad_route',      'a server path upstream, encoded for nothing', 'cpanel', '/uri/%78',       'full'],
    ['granted',        'inherited: ACL and scheme',                  'inherit', '/x',             'bearer'],
    ['granted',        'inherited in a location that says nothing',  'inherit', '/same/x',        'bearer'],
    ['acl_denied',     'inherited: the ACL is missing',              'inherit', '/same/x',        'bearer_email', {status => 403}],
    ['no_credentials', 'inherited: the scheme is off',               'inherit', '/same/x',        'reports', {status => 403}],
    ['acl_denied',     'back to the catalog',                        'inherit', '/catalog/x',     'bearer'],
    ['no_credentials', 'back to standard answers, realm inherited',  'inherit', '/standard/x',    undef, {status => 401, challenge => qr/realm="all of it"/}],
    ['granted',        'other schemes',                              'inherit', '/schemes/x',     'reports'],
    ['no_credentials', 'other schemes: the inherited one is off',    'inherit', '/schemes/x',     'bearer'],
    ['open',           'a site where it is on below only',           'closed', '/x',              undef],
    ['granted',        'on below',                                   'closed', '/api/x',          'full'],
    ['no_credentials', 'on below, without a token',                  'closed', '/api/x',          undef],
);

each_server(
    \%config,
    sub ($server) {
        for (@cases) {
            my ($outcome, $name, $site, $path, $who, $more) = @$_;
            my $authorization = defined $who ? $store->expand($who{$who}) : undef;
            my $response = $server->get($path, $authorization, site => $site);
            if ($outcome eq 'granted') {
                my ($key) = $who{$who} =~ /\{([a-z-]+)\}/;
                my $seen = check_granted($name, $server, $response, user => 'shop', token => $store->token($key)->{name},
                    secret => $store->secret($key), passes_authorization => $more->{passes_authorization});
                like($seen->{target}, $more->{target} // qr/^\Q$path\E$/, "$name: target") if $seen;
            } elsif ($outcome =~ /^(?:open|report (\w+))$/) {
                my $told = $1 // '';
                my @seen = $server->backend->seen;
                is($response->status, 200, "$name: passes");
                is($response->header('X-Test-Outcome') // '', $told, "$name: outcome");
                my $identity = identity_seen($seen[0]);
                is(join('', map {@$_} values %$identity), '', "$name: no identity");
                my ($kept) = map { $_->[1] } grep { lc $_->[0] eq 'authorization' } @{$seen[0]{headers}};
                is($kept, $authorization, "$name: Authorization is as it came");
            } else {
                my $status = $more->{status};
                check_refused($name, $server, $response, $outcome, status => $status);
                like($response->header('WWW-Authenticate') // '', $more->{challenge}, "$name: challenge") if $more->{challenge};
            }
        }
        # The key header, where it is configured and where it is cancelled.
        my @key = ('X-Api-Key: ' . $store->secret('reports'));
        my $key_response = $server->request('GET /same/x', \@key, site => 'inherit');
        my $seen = check_granted('a key header, inherited', $server, $key_response, user => 'shop', secret => $store->secret('reports'));
        check_refused('a key header, cancelled', $server, $server->request('GET /no-key/x', \@key, site => 'inherit'), 'no_credentials');
        check_refused('a key header, not configured', $server, $server->request('GET /v1/files/x', \@key), 'no_credentials');
    });
