# A store that is missing, breaks and comes back: 503 while it lasts, no reload needed; and the workers' user
# cannot change it.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Tokengate::Cases;

my $path = '/execute/Email/list_pops';
my $store;

# Runs `code` as the workers' user; what it returns as a number.
sub as_worker ($code) {
    my $user = Tokengate::Server::worker_user();
    my (undef, undef, $uid, $gid) = getpwnam $user;
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        $( = $gid;
        $) = "$gid $gid";
        POSIX::setgid($gid);
        POSIX::setuid($uid);
        POSIX::_exit($code->() ? 1 : 0);
    }
    waitpid $pid, 0;
    return $? >> 8;
}

# Until a row of answers have the outcome: each worker looks for the store by itself.
sub wait_for ($server, $what, $authorization, $outcome) {
    $server->wait_until($what, sub {
        for (1 .. 20) {
            my $response = $server->get($path, $authorization);
            return 0 unless $response && ($response->header('X-Test-Outcome') // '') eq $outcome;
        }
        return 1;
    });
    $server->backend->seen;
    pass($what);
    return;
}

each_server(
    sub ($class) {
        $store = Tokengate::Store->standard;
        rename $store->path, $store->path . '.away' or die $!;
        return (store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on', locations => ['/open/' => {tokengate => 'off'}]},
            panel => {tokengate => 'on', refusals => 'panel'}]);
    },
    sub ($server) {
        my $granted = 'cpanel shop:' . $store->secret('email');
        my ($here, $away) = ($store->path, $store->path . '.away');

        for (['no store', $granted], ['no store and no credentials', undef], ['no store and a malformed header', 'cpanel x']) {
            my ($name, $authorization) = @$_;
            check_refused($name, $server, $server->get($path, $authorization), 'store_unavailable', status => 503);
        }
        check_refused('no store and another host', $server,
            $server->request("GET $path", ["Authorization: $granted", 'X-Test-Client: 192.0.2.1']), 'store_unavailable', status => 503);
        check_refused('no store and a bad path', $server, $server->get('/execute//x', $granted), 'store_unavailable', status => 503);
        check_refused('no store, panel answers', $server, $server->get($path, $granted, site => 'panel'), 'store_unavailable', status => 503);
        is($server->get('/open/x')->status, 200, 'open locations are served without a store');
        $server->backend->seen;

        rename $away, $here or die $!;
        wait_for($server, 'the store appears', $granted, 'granted');
        check_granted('granted, and the next one, too', $server, $server->get($path, $granted), user => 'shop', token => 'email');

        rename $here, $away or die $!;
        wait_for($server, 'the store is gone', $granted, 'store_unavailable');
        rename $away, $here or die $!;
        wait_for($server, 'the store is back', $granted, 'granted');

        # Damage of each kind is refused, and healed by putting the store back.
        rename $here, $away or die $!;
        my $made = "$here.made";
        my $copy = "cp -a $away/. $made/";
        for (['an empty folder', ':'],
            ['an empty data file', "$copy && : > $made/data.mdb"],
            ['a data file of something else', "$copy && head -c 65536 /dev/zero | tr '\\0' x > $made/data.mdb"],
            ['a data file that is cut', "$copy && truncate -s 12288 $made/data.mdb"],
            ['a data file that is cut within a page', "$copy && truncate -s 5000 $made/data.mdb"],
            ['a data file that workers may not read', "cp -a $away/. $made/ && chmod 0600 $made/data.mdb"])
        {
            my ($name, $make) = @$_;
            # Made beside and moved, so that no worker sees it half done.
            system("mkdir -m 0755 $made && $make") == 0 && rename $made, $here or die "$name: $!";
            # Longer than it takes to look for a store.
            select undef, undef, undef, 1.6;
            my $response = $server->get($path, $granted);
            if ($name =~ /may not read/ && !Tokengate::Server::worker_user()) {
                pass("$name: not root, nothing to test");
            } else {
                check_refused($name, $server, $response, 'store_unavailable', status => 503);
            }
            system 'rm', '-rf', $here;
        }
        rename $away, $here or die $!;
        wait_for($server, 'the store is back after damage', $granted, 'granted');

        my @lines = grep {/store/i} split /\n/, $server->error_log;
        cmp_ok(scalar @lines, '>', 0, 'the log tells of the store');
        cmp_ok(scalar @lines, '<', 60, 'and not with every request');

        SKIP: {
            skip 'needs root', 5 unless Tokengate::Server::worker_user();
            ok(as_worker(sub { open my $f, '<', "$here/data.mdb" }), 'the worker may read the data');
            ok(!as_worker(sub { open my $f, '+<', "$here/data.mdb" }), 'the worker cannot write the data');
            ok(!as_worker(sub { unlink "$here/data.mdb" }), 'the worker cannot remove the data');
            ok(!as_worker(sub { open my $f, '>', "$here/new" }), 'the worker cannot add a file');
            my $program = Tokengate::Cli::binary();
            ok(!as_worker(sub { system("TOKENGATE_STORE=$here $program token revoke shop email >/dev/null 2>&1") == 0 }),
                'the worker cannot revoke a token with the command');
            check_granted('and the token still works', $server, $server->get($path, $granted), user => 'shop');
        }
    });
