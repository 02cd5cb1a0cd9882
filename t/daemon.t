# The management daemon: whom it believes, what it takes, how it ends; before both servers, and killed while it works.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;
use Tokengate::Daemon;

plan skip_all => 'tokengated is not built' unless Tokengate::Daemon::is_available();

my $binary = Tokengate::Daemon::binary();
my @page   = ('X-Tokengate-Page: 1', 'Content-Type: application/json');

sub new_store () {
    my $store = Tokengate::Store->new;
    $store->run(qw(catalog load --panel));
    $store->run(qw(account create shop --acl email --acl dns --acl manage-api-tokens));
    $store->run(qw(account create other --acl email));
    $store->create_token(shop => manager => qw(--acl manage-api-tokens --acl email));
    $store->create_token(shop => mailer => qw(--acl email));
    return $store;
}

# Which tokens of a new store these are.
my %id = (manager => 1, mailer => 2);

# What a web server says of a caller, with the first secret of that token.
sub identity ($user, $service, $token) {
    return (
        "X-Tokengate-User: $user", "X-Tokengate-Service: $service",
        defined $token ? ("X-Tokengate-Token: $token", "X-Tokengate-Token-Id: $id{$token}", 'X-Tokengate-Secret-Serial: 1') : ());
}

sub make_link ($daemon, $user = 'shop') {
    my $reply = $daemon->ask('POST /link', ['Content-Type: application/json'], body => qq({"user":"$user","service":"cpanel"}), door => '.login');
    return decode_json($reply->body)->{data}{link} =~ s/.*#login=//r;
}

sub sign_in ($daemon, $key) {
    my $reply = $daemon->ask('POST /tokengate/api/login', \@page, body => qq({"key":"$key"}));
    my ($cookie) = ($reply->header('Set-Cookie') // '') =~ /^([^;]+)/;
    return $cookie;
}

subtest 'usage' => sub {
    my $run = sub (@arguments) { Tokengate::Cli::run_command('', {}, $binary, @arguments) };
    is($run->('--help')->{exit}, 0, 'help');
    is($run->('--no-such')->{exit}, 2, 'an unknown option is wrong usage');
    my $store = new_store();
    my %good = (
        '--store'        => $store->path,
        '--socket'       => $store->path . '/../socket',
        '--socket-group' => (getgrgid $()[0],
        '--web-user'     => (getpwuid $>)[0]);
    for (
        ['no such store',  qr/tokengate init/,     3, '--store', '/nowhere/at/all'],
        ['no such user',   qr/--web-user/,         3, '--web-user', 'nobody-of-this-name'],
        ['no such group',  qr/--socket-group/,     3, '--socket-group', 'no-group-of-this-name'],
        ['no mode',        qr/0660/,               3, '--socket-mode', '9'],
        ['no folder',      qr/make its folder/,    3, '--socket', '/nowhere/at/all/socket'],
        ['not loopback',   qr/127\.0\.0\.1:8643/,  3, '--listen', '0.0.0.0:8080'],
        ['not the page',   qr{/tokengate/},        3, '--public-url', 'https://example.com/'],
        ['too long',       qr/--session-minutes/,  2, '--session-minutes', '100000'])
    {
        my ($name, $words, $exit, $option, $value) = @$_;
        my %with   = (%good, $option => $value);
        my $result = $run->(%with);
        is($result->{exit}, $exit, $name);
        like($result->{stderr}, $words, "$name: the cure is named");
    }
};

subtest 'whom it believes' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0])->start;
    my $list   = 'GET /execute/Tokens/list';
    is($daemon->ask($list)->status, 403, 'nobody: refused');
    like($daemon->ask($list, [identity(shop => 'cpanel', 'manager')])->body, qr/"name":"mailer"/, 'a token that manages tokens');
    unlike($daemon->ask($list, [identity(shop => 'cpanel', 'mailer')])->body, qr/"name":"mailer"/, 'a token that does not');
    is($daemon->ask($list, [identity(shop => 'cpanel', undef)])->status, 403, 'a person, without --server-login');
    is($daemon->ask($list, [identity(shop => 'ftp', 'manager')])->status, 403, 'another service');
    is($daemon->ask($list, [identity(shop => 'cpanel', 'manager'), 'X-Tokengate-User: other'])->status, 403, 'two names');
    unlike($daemon->ask($list, [identity(other => 'cpanel', 'manager')])->body, qr/"name":"mailer"/, "another's token name");
    my @who = identity(shop => 'cpanel', 'manager');
    for my $field (qw(X-Tokengate-Token X-Tokengate-Token-Id X-Tokengate-Secret-Serial)) {
        my @others = grep { !/\A$field:/ } @who;
        my $without = $daemon->ask($list, \@others);
        is($without->status, 403, "without $field");
        like($without->body, qr/send $field once/, '... which is named');
        is($daemon->ask($list, [@others, "$field: $_"])->status, 403, "$field: $_")
            for $field eq 'X-Tokengate-Token' ? '' : ('', 0, -1, '1x', '+1', '1, 1', '99999999999999999999');
        is($daemon->ask($list, [@who, "$field: 1"])->status, 403, "$field twice");
    }
    for (['same-origin', 200], ['none', 200], ['cross-site', 403], ['same-site', 403], ['', 403], ['x', 403]) {
        my ($site, $status) = @$_;
        is($daemon->ask($list, [@who, "Sec-Fetch-Site: $site"])->status, $status, "a browser says: $site");
    }
    my $lured = $daemon->ask('GET /execute/Tokens/revoke?name=mailer', [@who, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: image']);
    like($lured->body, qr/another site/, 'an image of another site is told why');
    is($daemon->ask($list, [@who, 'Sec-Fetch-Site: none', 'Sec-Fetch-Site: none'])->status, 403, 'a browser says it twice');
    like($daemon->ask($list, \@who)->body, qr/"name":"mailer"/, 'and changes nothing');
    $daemon->stop;

    my $trusting = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0], options => ['--server-login'])->start;
    like($trusting->ask('POST /tokengate/api/tokens', [@page, identity(shop => 'cpanel', undef)], body => '{}')->body,
        qr/"name":"mailer"/, 'a person, with --server-login');
    is($trusting->ask($list, [identity(shop => 'cpanel', undef)])->status, 403, 'who does not get at the API');
    for my $field (qw(X-Tokengate-Token X-Tokengate-Token-Id X-Tokengate-Secret-Serial)) {
        my @fields = grep { !/\A$field:/ } @who;
        is($trusting->ask('POST /tokengate/api/tokens', [@page, @$_], body => '{}')->status, 401, 'a token with a field too few is no person')
            for \@fields, [@fields, "$field:"];
    }
    $trusting->stop;

    SKIP: {
        skip 'needs another user', 2 unless Tokengate::Server::worker_user();
        my $strict = Tokengate::Daemon->new(store => $store->path, web_user => 'nobody')->start;
        is($strict->ask($list, [identity(shop => 'cpanel', 'manager')])->status, 403, 'identity headers of another user: refused');
        my $worker = Tokengate::Server::worker_user();
        my $curl = "curl --silent --output /dev/null --write-out %{http_code} -d '{}' http://localhost/link --unix-socket";
        my $code = `su -s /bin/sh $worker -c "$curl @{[$strict->socket]}.login"`;
        is($code, '000', 'links are not for the web server: it does not get in');
        is(`$curl @{[$strict->socket]}`, '403', 'nor are they made where it does');
        $strict->stop;
    }
};

subtest 'links and sessions' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path)->start;
    my $call   = sub ($name, $cookie, @more) { $daemon->ask("POST /tokengate/api/$name", [@page, $cookie ? "Cookie: $cookie" : (), @more], body => '{}') };
    is($call->('session', undef)->status, 401, 'without a session');
    my $cookie = sign_in($daemon, make_link($daemon));
    like($call->('session', $cookie)->body, qr/"user":"shop"/, 'with one');
    is($call->('session', "$cookie; $cookie")->status, 401, 'the cookie twice');
    is($call->('session', $cookie, 'Sec-Fetch-Site: cross-site')->status, 403, 'from another site');
    is($daemon->ask('POST /tokengate/api/session', [$page[1], "Cookie: $cookie"], body => '{}')->status, 403, 'without the mark of the page');
    is($daemon->ask('GET /tokengate/api/session', [@page, "Cookie: $cookie"])->status, 405, 'only POST');
    is($daemon->ask('GET /execute/Tokens/list', ["Cookie: $cookie"])->status, 403, 'a session is nothing to the API');
    is(sign_in($daemon, 'A' x 43), undef, 'a key out of thin air');
    $store->run(qw(account rename shop renamed));
    is($call->('session', $cookie)->status, 401, 'a renamed account has to come in anew');
    $store->run(qw(account create shop --acl email));
    is($call->('session', $cookie)->status, 401, 'and whoever takes the name is not it');
    $store->run(qw(account delete shop --yes));
    my $renamed = sign_in($daemon, make_link($daemon, 'renamed'));
    is($call->('logout', $renamed)->status, 200, 'log out');
    is($call->('session', $renamed)->status, 401, 'ends the session');
    unlike($daemon->log, qr/\Q$_\E/, 'the log holds no key') for $cookie =~ s/.*=//r, $renamed =~ s/.*=//r;
    $daemon->stop;
};

subtest 'what it takes' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0])->start;
    my @caller = identity(shop => 'cpanel', 'manager');
    is($daemon->ask('POST /execute/Tokens/list', \@caller, body => 'x' x 300_000)->status, 413, 'a body that is too large');
    is($daemon->ask('GET /tokengate/' . $_)->status, 404, "no page $_") for '../etc/passwd', 'index.html', 'app.js.map', 'internal';
    my $many = sub ($count) { return join '&', 'name=x', ('a') x $count };
    like($daemon->ask("GET /execute/Tokens/revoke?" . $many->($_), \@caller)->body, qr/1000 parameters.*"status":0/, "$_ parameters")
        for 1000, 4090;
    my $once = Tokengate::Http->over(IO::Socket::UNIX->new(Peer => $daemon->socket) // die "connect: $!");
    my $get  = Tokengate::Http::request_bytes('GET /tokengate/', ['Host: localhost']);
    is($once->send($get)->response->header('Connection'), 'close', 'a connection is for one request');
    my $page = $daemon->ask('GET /tokengate/');
    like($page->header('Content-Security-Policy'), qr/default-src 'none'/, 'the policy of the page');
    unlike($page->header('Content-Security-Policy'), qr/unsafe/, 'without exceptions');
    is($daemon->ask('POST /tokengate/')->status, 405, 'the page is only read');
    $daemon->ask("GET /execute/Tokens/list%0Auser=root", [identity("shop", 'cpanel', 'manager')]);
    unlike($daemon->log, qr/^user=root/m, 'the log keeps its lines');
    $daemon->stop;
    my $again = Tokengate::Daemon->new(store => $store->path)->start;
    my $second = Tokengate::Cli::run_command('', {}, $binary, '--store', $store->path, '--socket', $again->socket,
        '--socket-group', (getgrgid $()[0], '--web-user', (getpwuid $>)[0]);
    like($second->{stderr}, qr/already/, 'a second daemon does not take the socket away');
    $again->kill_hard;
    $again->start;
    pass('a socket left behind is taken over');
    $again->stop;
};

subtest 'how long it waits' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0], options => ['--request-seconds', 1])->start;
    my $body   = 'name=slow&features=email';
    my $head   = Tokengate::Http::request_bytes('POST /execute/Tokens/create_limited',
        ['Host: localhost', identity(shop => 'cpanel', 'manager'), 'Content-Length: ' . length $body]);
    my $open = sub { Tokengate::Http->over(IO::Socket::UNIX->new(Peer => $daemon->socket) // die "connect: $!") };
    my $slow = $open->()->send($head . substr $body, 0, 8);
    sleep 1.5;
    is($slow->send(substr $body, 8)->response, undef, 'a request that took too long is dropped');
    like($daemon->log, qr{POST /execute/Tokens/create_limited dropped}, '... which the log says');
    is($open->()->send($head . $body)->response->status, 200, 'one that did not is answered');
    is_deeply([map { $_->{name} } @{$store->{cli}->json(qw(token list shop))}], [qw(mailer manager slow)], 'once');
    $daemon->stop;
};

subtest 'a log that cannot be written' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0], log => '/dev/full')->start;
    my $reply  = $daemon->ask('POST /execute/Tokens/create_limited', [identity(shop => 'cpanel', 'manager')], body => 'name=kept&features=email');
    ok(decode_json($reply->body)->{data}{token}, 'the secret of a new token is still answered');
    $daemon->stop;
};

subtest 'when it opens the store' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0])->start;
    my $cookie = sign_in($daemon, make_link($daemon));
    my $page   = sub ($call) { $daemon->ask("POST /tokengate/api/$call", [@page, "Cookie: $cookie"], body => '{}')->status };
    is($page->('session'), 200, 'for a session');
    rename $store->path, $store->path . '-away' or die $!;
    is($page->('session'), 503, 'which does not go on without it');
    is($page->('logout'), 200, 'but ends');
    is($daemon->ask('GET /execute/Tokens/list')->status, 403, 'not for nobody');
    is($daemon->ask('POST /tokengate/api/session', \@page, body => '{}')->status, 401, 'nor for the page of nobody');
    is($daemon->ask('GET /execute/Tokens/list', [identity(shop => 'cpanel', 'manager')])->status, 503, 'for a caller, and says when it is away');
    rename $store->path . '-away', $store->path or die $!;
    is($daemon->ask('GET /execute/Tokens/list', [identity(shop => 'cpanel', 'manager')])->status, 200, 'and when it is back it goes on');
    is($page->('session'), 401, 'without the session that was ended');
    $daemon->stop;
};

each_server(
    sub ($class) {
        my $store = new_store();
        our $daemon = Tokengate::Daemon->new(store => $store->path)->start;
        our $kept   = $store;
        return (
            store => $store->path,
            sites => [cpanel => {tokengate => 'on', locations => [
                '/execute/Tokens/' => {upstream => 'unix', socket => $daemon->socket},
                '/tokengate/' => {tokengate => 'off', upstream => 'unix', socket => $daemon->socket}]}]);
    },
    sub ($server) {
        our ($daemon, $kept);
        my $manager = 'cpanel shop:' . $kept->secret('manager');
        my $list    = $server->get('/execute/Tokens/list', $manager);
        like($list->body, qr/"name":"mailer"/, 'the API, with a token that may') or diag($list->body, $daemon->log);
        is($server->get('/execute/Tokens/list')->status, 401, 'and not without');
        is($server->get('/execute/Tokens/list', 'cpanel shop:' . $kept->secret('mailer'))->status, 403, 'nor with one that may not');
        is($server->request('GET /execute/Tokens/list', [identity(shop => 'cpanel', 'manager')])->status, 401, 'a client cannot name itself');
        is($server->request('POST /tokengate/api/session', [@page, identity(shop => 'cpanel', 'manager')], body => '{}')->status,
            401, 'nor before the page');
        like($server->get('/tokengate/')->body, qr/<title>API tokens/, 'the page');

        # The web server verifies a token when the head of a request has come; its body may take long.
        my $stalled = sub ($name, $secret, $meanwhile) {
            my $body = "name=late-$name&features=email";
            my $waiting = $server->connect->send(Tokengate::Http::request_bytes('POST /execute/Tokens/create_limited',
                ['Host: localhost', "Authorization: cpanel shop:$secret", 'Content-Type: application/x-www-form-urlencoded',
                    'Content-Length: ' . length $body, 'Expect: 100-continue']));
            ok($waiting->await_continue, "$name: the web server waits for the body");
            $meanwhile->();
            return decode_json($waiting->send($body)->response->body);
        };
        my $secret = $kept->create_token(shop => waiter => qw(--acl manage-api-tokens --acl email));
        is($stalled->('unchanged', $secret, sub { })->{status}, 1, 'a call whose body was long in coming');
        my $new;
        my $reply = $stalled->('rotated', $secret, sub { $new = $kept->issue('waiter', qw(token rotate shop waiter --overlap 0)) });
        like($reply->{errors}[0], qr/was rotated/, 'whose secret was replaced meanwhile');
        $reply = $stalled->('revoked', $new, sub {
            $kept->run(qw(token revoke shop waiter));
            $kept->create_token(shop => waiter => '--full-access');
        });
        like($reply->{errors}[0], qr/another has its name/, 'whose name is that of another token now');
        is_deeply([grep { /\Alate-/ } map { $_->{name} } @{$kept->{cli}->json(qw(token list shop))}], ['late-unchanged'],
            'neither changed anything');

        # Killed at random moments while a client makes tokens: what was answered is there, and the API beside goes on.
        my (@answered, @secrets);
        for my $round (1 .. 10) {
            my $killer = fork // die;
            if (!$killer) { sleep 0.01 * $round; kill 'KILL', $daemon->{pid}; POSIX::_exit(0) }
            for my $i (1 .. 40) {
                my $reply = $server->get("/execute/Tokens/create_limited?name=t$round-$i&features=email", $manager) or last;
                last if $reply->status != 200;
                my $answer = decode_json($reply->body);
                push @answered, "t$round-$i" if $answer->{status};
                push @secrets, $answer->{data}{token} if $answer->{status};
            }
            waitpid $killer, 0;
            waitpid $daemon->{pid}, 0;
            is($server->get('/execute/Email/list_pops', $manager)->status, 200, "round $round: the server never noticed");
            $daemon->start;
        }
        cmp_ok(scalar @answered, '>', 5, @answered . ' tokens were answered');
        my %there = map { $_->{name} => 1 } @{$kept->{cli}->json(qw(token list shop))};
        is_deeply([grep { !$there{$_} } @answered], [], 'and each is there');
        is($server->get('/execute/Email/list_pops', "cpanel shop:$secrets[-1]")->status, 200, 'and works');
        $server->backend->seen;
        $kept->run(qw(journal verify));
        $daemon->stop;
    });
