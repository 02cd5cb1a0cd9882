# What changes in the store counts from the very next request on: on connections that are open already, in
# every worker, without a reload.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp;
use Test::More;
use Tokengate::Cases;

use constant kConnections => 16;

my $list_pops = 'GET /execute/Email/list_pops';
my $list_ftp  = 'GET /execute/Ftp/list_ftp';

my $catalog = File::Temp->new;
print $catalog "api\tmodule\tfunction\tacl\taccess\nuapi\tEmail\tlist_pops\tdns\tread\n";
close $catalog;

# [name, request, user whose token t is used, the token's options, commands, what is then the outcome]
# Each runs with an account and a token of its own.
my @changes = (
    ['token revoke',              $list_pops, ['--full-access'], 'token revoke U t',                       'unknown_token'],
    ['token revoke-all',          $list_pops, ['--full-access'], 'token revoke-all U',                     'unknown_token'],
    ['token update --expires',    $list_pops, ['--full-access'], 'token update U t --expires 2020-01-01',  'expired'],
    ['token update --not-before', $list_pops, ['--full-access'], 'token update U t --not-before +1d',      'not_yet_valid'],
    ['token update --address',    $list_pops, ['--full-access'], 'token update U t --address 192.0.2.0/24', 'address_denied'],
    ['token update --acl',        $list_ftp,  ['--full-access'], 'token update U t --acl email',           'acl_denied'],
    ['token rotate',              $list_pops, ['--full-access'], 'token rotate U t --overlap 0',           'unknown_token'],
    ['account suspend',           $list_pops, ['--full-access'], 'account suspend U',                      'account_suspended'],
    ['account tokens-off',        $list_pops, ['--full-access'], 'account tokens-off U',                   'tokens_disabled'],
    ['account deny',              $list_ftp,  ['--full-access'], 'account deny U ftp',                     'acl_denied'],
    ['account deny, limited',     $list_ftp,  ['--acl', 'ftp'],  'account deny U ftp',                     'acl_denied'],
    ['account rename, old name',  $list_pops, ['--full-access'], 'account rename U U-new',                 'unknown_token'],
    ['account delete',            $list_pops, ['--full-access'], 'account delete U --yes',                 'unknown_token'],
    ['account unsuspend',         $list_pops, ['--full-access'], 'account unsuspend U', 'granted', 'account suspend U', 'account_suspended'],
    ['account tokens-on',         $list_pops, ['--full-access'], 'account tokens-on U', 'granted', 'account tokens-off U', 'tokens_disabled'],
    ['account grant',             $list_ftp,  ['--acl', 'ftp'],  'account grant U ftp', 'granted', 'account deny U ftp', 'acl_denied'],
    ['token update: a later end', $list_pops, ['--full-access'], 'token update U t --expires never', 'granted', 'token update U t --expires 2020-01-01', 'expired'],
    ['token rename: the same secret goes on', $list_pops, ['--full-access'], 'token rename U t t2', 'granted'],
    ['token rotate: the former secret within the overlap', $list_pops, ['--full-access'], 'token rotate U t --overlap 1h', 'granted'],
    ['another account changes',   $list_pops, ['--full-access'], 'account suspend bystander',              'granted'],
    # The last: it changes the catalog for all.
    ['catalog load',              $list_pops, ['--acl', 'email'], "catalog load $catalog",                 'acl_denied'],
);

sub ask ($connection, $request, $authorization) {
    $connection->send(Tokengate::Http::request_bytes($request, ['Host: cpanel', "Authorization: $authorization"]));
    return $connection->response;
}

sub outcomes_of ($connections, $request, $authorization) {
    my %outcomes;
    for (@$connections) {
        my $response = ask($_, $request, $authorization);
        $outcomes{$response ? ($response->header('X-Test-Outcome') // 'none') : 'closed'}++;
    }
    return join ' ', sort keys %outcomes;
}

sub run_line ($store, $line, $user) {
    $store->run(map { s/^U\b/$user/r } split ' ', $line);
    return;
}

my $store;
each_server(
    sub ($class) {
        $store = Tokengate::Store->new;
        $store->run('catalog', 'load', "$Tokengate::Server::kRoot/t/data/catalog.tsv");
        $store->run(qw(account create bystander --acl email));
        return (store => $store->path, workers => 3, sites => [cpanel => {tokengate => 'on'}]);
    },
    sub ($server) {
        my $number = 0;
        for (@changes) {
            my ($name, $request, $options, $change, $after, $first_change, $first) = @$_;
            my $user = 'user' . ++$number;
            $store->run(qw(account create), $user, qw(--acl email --acl ftp));
            my $authorization = "cpanel $user:" . $store->create_token($user, 't', @$options);
            my @connections = map { $server->connect } 1 .. kConnections;
            is(outcomes_of(\@connections, $request, $authorization), 'granted', "$name: before");
            if (defined $first_change) {
                run_line($store, $first_change, $user);
                is(outcomes_of(\@connections, $request, $authorization), $first, "$name: first change");
            }
            run_line($store, $change, $user);
            is(outcomes_of(\@connections, $request, $authorization), $after, "$name: on the next request");
        }
        # Prefork gives each connection a process; the others share them out.
        $server->wait_until('several workers served', sub { $server->workers_seen >= 2 });
        $server->backend->seen;

        # A renamed account's tokens go on working, under the new name only.
        $store->run(qw(account create before --acl email));
        $store->create_token_as('renamed', 'before', 'ci', '--full-access');
        $store->run('catalog', 'load', "$Tokengate::Server::kRoot/t/data/catalog.tsv");
        $store->run(qw(account rename before after));
        my $secret = $store->secret('renamed');
        my $path   = '/execute/Email/list_pops';
        check_granted('rename: the new name', $server, $server->get($path, "cpanel after:$secret"), user => 'after', token => 'ci');
        check_granted('rename: by bearer', $server, $server->get($path, "Bearer $secret"), user => 'after', token => 'ci');
        check_refused('rename: the old name', $server, $server->get($path, "cpanel before:$secret"), 'unknown_token', status => 401);

        # A rotated secret and the one before it.
        $store->run(qw(token rename after ci nightly));
        check_granted('token rename: the new name', $server, $server->get($path, "Bearer $secret"), user => 'after', token => 'nightly');
        chomp(my $second = $store->run(qw(token rotate after nightly --overlap 1h)));
        check_granted('rotate: the new secret', $server, $server->get($path, "Bearer $second"), token => 'nightly');
        check_granted('rotate: the former secret', $server, $server->get($path, "Bearer $secret"), token => 'nightly');
        $store->run(qw(token revoke after nightly));
        check_refused('revoke ends the new secret', $server, $server->get($path, "Bearer $second"), 'unknown_token');
        check_refused('revoke ends the former secret', $server, $server->get($path, "Bearer $secret"), 'unknown_token');

        # To the client, every one of them is the same: all bytes of the reply but the time, and what the test adds.
        my $valid   = $store->create_token('after', 'valid', '--full-access');
        my $expired = $store->create_token('after', 'ended', '--full-access');
        my $future  = $store->create_token('after', 'later', '--full-access', '--not-before', '+1d');
        my $other   = Tokengate::Store->new;
        $other->run(qw(account create after));
        my $unknown = $other->create_token('after', 'valid', '--full-access');
        $store->run(qw(token update after ended --expires 2020-01-01));
        my @alike = (
            ['unknown',                  'unknown_token', "after:$unknown"],
            ['revoked',                  'unknown_token', "after:$second"],
            ['no such account',          'unknown_token', "nobody:$unknown"],
            ['no such account, a valid token', 'unknown_token', "nobody:$valid"],
            ['the token of another',     'unknown_token', "bystander:$valid"],
            ['expired',                  'expired',       "after:$expired"],
            ['not yet valid',            'not_yet_valid', "after:$future"],
        );
        for my $target ($path, '/json-api/cpanel?cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops', '/v1/report') {
            my %reply;
            for (@alike) {
                my ($name, $outcome, $credentials) = @$_;
                my @lines = split /^/, $server->connect->send(Tokengate::Http::request_bytes("GET $target",
                    ['Host: cpanel', "Authorization: cpanel $credentials", 'Connection: close']))->rest;
                is(join('', grep {/\AX-Test-Outcome:/i} @lines) =~ s/\A\S+\s*|\s+\z//gr, $outcome, "$target, $name: the outcome");
                $reply{$name} = join '', grep { !/\A(?:Date|X-Test-\w+):/i } @lines;
            }
            like($reply{unknown}, qr{\AHTTP/1.1 401 .*^WWW-Authenticate: .*\r\n\r\n.}ms, "$target: the reply is whole");
            is($reply{$_->[0]}, $reply{unknown}, "$target, $_->[0]: the same reply") for @alike;
        }
    });
