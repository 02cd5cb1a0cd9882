# The management daemon: whom it believes, what it takes, how it ends; and before both servers.
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

# What the page sends that takes itself to be signed in as this one.
sub page_of ($user, $service = 'cpanel') { return (@page, "X-Tokengate-As: $user/$service") }

sub new_store () {
    my $store = Tokengate::Store->new;
    $store->run(qw(catalog load --panel));
    $store->run(qw(account create reseller), map { ('--acl', "whm:$_") } qw(manage-api-tokens list-accts kill-acct cpanel-api));
    $store->run(qw(account create shop --owner reseller --acl email --acl dns --acl manage-api-tokens));
    $store->run(qw(account create other --acl email));
    $store->create_token(shop => manager => qw(--acl manage-api-tokens --acl email));
    $store->create_token(shop => mailer => qw(--acl email));
    $store->create_token(reseller => keeper => qw(--service whm --acl manage-api-tokens --acl list-accts));
    $store->create_token(reseller => lister => qw(--service whm --acl list-accts));
    return $store;
}

# Which tokens of a new store these are.
my %id = (manager => 1, mailer => 2, keeper => 3, lister => 4);

# What a web server says of a caller, with the first secret of that token.
sub identity ($user, $service, $token) {
    return (
        "X-Tokengate-User: $user", "X-Tokengate-Service: $service",
        defined $token ? ("X-Tokengate-Token: $token", "X-Tokengate-Token-Id: $id{$token}", 'X-Tokengate-Secret-Serial: 1') : ());
}

sub make_link ($daemon, $user = 'shop') {
    my $reply = $daemon->ask('POST /link', ['Content-Type: application/json'], body => qq({"user":"$user","service":"cpanel"}), socket_suffix => '.login');
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
    my $change = 'POST /execute/Tokens/revoke?name=nobody';
    for (
        ['Sec-Fetch-Mode: navigate'                   => 200, 403],
        ['Sec-Fetch-Mode: cors'                       => 200, 200],
        ["Sec-Fetch-Mode: cors\r\nSec-Fetch-Mode: no-cors" => 200, 403],
        ['Origin: http://localhost'                   => 200, 200],
        ['Origin: https://localhost'                  => 200, 200],
        ['Origin: https://localhost.example.com'      => 200, 403],
        ['Origin: https://localhost:8443'             => 200, 403],
        ['Origin: https://example.com'                => 200, 403],
        ['Origin: null'                               => 200, 403],
        ['Origin:'                                    => 200, 403],
        ["Origin: http://localhost\r\nOrigin: http://localhost" => 200, 403])
    {
        my ($header, $reading, $changing) = @$_;
        my @sent = (@who, 'Sec-Fetch-Site: none', split /\r\n/, $header);
        is($daemon->ask($list,   \@sent)->status, $reading,  "$header: what reads");
        is($daemon->ask($change, \@sent)->status, $changing, "$header: what changes");
    }
    like($daemon->log, qr{^tokengated: POST /execute/Tokens/revoke status=403 ok=0 user=shop service=cpanel via=token token=manager$}m, '... and the log says who');
    like($daemon->ask($list, \@who)->body, qr/"name":"mailer"/, 'and changes nothing');
    like($daemon->log, qr{^tokengated: GET /execute/Tokens/list status=200 ok=$_->[0] user=shop service=cpanel via=token token=$_->[1]$}m, "in the log: $_->[1]")
        for [1, 'manager'], [0, 'mailer'];
    $daemon->stop;

    my $trusting = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0], options => ['--server-login'])->start;
    like($trusting->ask('POST /tokengate/api/tokens', [page_of('shop'), identity(shop => 'cpanel', undef)], body => '{}')->body,
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
    my $used   = make_link($daemon);
    my $cookie = sign_in($daemon, $used);
    my $logged = sub ($call, $result, $who, $what) { like($daemon->log, qr{^tokengated: POST /$call $result $who token=-$}m, "in the log: $what") };
    my @shop   = ('user=shop service=cpanel via=shell', 'user=shop service=cpanel via=session');
    $logged->('link',                'status=200 ok=1', $shop[0], 'a link');
    $logged->('tokengate/api/login', 'status=200 ok=1', $shop[1], 'who signed in');
    is(sign_in($daemon, $used), undef, 'a link works once');
    $logged->('tokengate/api/login', 'status=200 ok=0', 'user=- service=- via=-', 'a sign-in that failed');
    $daemon->ask('POST /link', [$page[1]], body => '{"user":"nobody-here","service":"whm"}', socket_suffix => '.login');
    $logged->('link', 'status=404 ok=0', 'user=nobody-here service=whm via=shell', 'a link for nobody');
    is($daemon->ask('POST /tokengate/api/revoke', [page_of('shop'), "Cookie: $cookie"], body => '{"tokens":[{"name":"none","id":2}],"with_children":false}')->status, 200, 'a change');
    $logged->('tokengate/api/revoke', 'status=200 ok=0', $shop[1], '... which was refused');
    is($daemon->ask('POST /tokengate/api/revoke', [page_of('shop'), "Cookie: $cookie"], body => '{"tokens":[{"name":"mailer","id":2}],"with_children":false}')->status, 200, 'a change');
    $logged->('tokengate/api/revoke', 'status=200 ok=1', $shop[1], '... which was not');
    like($call->('session', $cookie)->body, qr/"user":"shop"/, 'with one');
    is($call->('session', "$cookie; $cookie")->status, 200, 'the cookie twice');
    is($call->('session', "__Secure-tokengate=planted; $cookie")->status, 200, "a neighbour's cookie besides");
    my $planted = sign_in($daemon, make_link($daemon, 'other'));
    is($call->('session', $_)->status, 401, "a neighbour's session besides: nobody's") for "$cookie; $planted", "$planted; $cookie";
    my $tokens = 'POST /tokengate/api/tokens';
    is($daemon->ask($tokens, [page_of('shop'), "Cookie: $cookie"], body => '{}')->status, 200, 'a call for who is signed in');
    for (['other/cpanel'], ['shop/whm'], [''], ['shop'], [], ['shop/cpanel', 'shop/cpanel']) {
        my @as    = map { "X-Tokengate-As: $_" } @$_;
        my $reply = $daemon->ask($tokens, [@page, @as, "Cookie: $cookie"], body => '{}');
        is($reply->status, 409, "a call for somebody else: @as");
        like($reply->body, qr{You are signed in as shop/cpanel now}, '... who is told');
        is($call->('logout', $cookie, @as)->status, 409, '... nor does it log out');
        next unless @as;
        is($call->('session', $cookie, @as)->status, 409, '... nor asks who it is');
    }
    # Another site can make a browser open a link; whoever is signed in decides.
    my $key   = make_link($daemon, 'other');
    my $login = sub (@more) { $daemon->ask('POST /tokengate/api/login', [@page, "Cookie: $cookie", @more], body => qq({"key":"$key"})) };
    is($login->()->status, 409, 'a link does not replace a session');
    is($login->('X-Tokengate-As: other/cpanel')->status, 409, 'nor that of somebody else');
    my $replaced = $login->('X-Tokengate-As: shop/cpanel');
    like($replaced->header('Set-Cookie'), qr/^__Secure-tokengate=/, 'but when its owner says so');
    is($call->('session', $cookie)->status, 401, 'and then that one has ended');
    $cookie = sign_in($daemon, make_link($daemon));
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
    is($call->('logout', $renamed, 'X-Tokengate-As: renamed/cpanel')->status, 200, 'log out');
    is($call->('session', $renamed)->status, 401, 'ends the session');
    unlike($daemon->log, qr/\Q$_\E/, 'the log holds no key') for $used, $cookie =~ s/.*=//r, $renamed =~ s/.*=//r;
    $daemon->stop;
};

subtest 'what it takes' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0])->start;
    my @caller = identity(shop => 'cpanel', 'manager');
    is($daemon->ask('POST /execute/Tokens/list', \@caller, body => 'x' x 300_000)->status, 413, 'a body that is too large');
    is($daemon->ask('GET /tokengate/' . $_)->status, 404, "no page $_") for '../etc/passwd', 'index.html', 'app.js.map', 'internal';
    my $compressed = sub ($call, @who) { $daemon->ask("POST $call", [@who, 'Content-Encoding: gzip'], body => 'name=mailer')->body };
    like($compressed->("/execute/Tokens/$_", @caller), qr/no compressed body.*"status":0/, "$_ takes no compressed body") for qw(list revoke);
    like($compressed->('/xml-api/api_token_list?api.version=1', identity(reseller => 'whm', 'keeper')),
        qr{<reason>These functions take no compressed body}, 'nor do those of whm');
    my $types = $daemon->ask('POST /execute/Tokens/list', [@caller, 'Content-Type: text/plain', 'Content-Type: application/json'], body => '{}');
    is($types->status, 400, 'two types of one body');
    like($types->body, qr/"errors":\["There is more than one Content-Type\."\].*"status":0/, '... which its envelope says');
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

subtest 'what is left out' => sub {
    my $store = new_store();
    for (['', []], ['--strict-omission', ['--strict-omission']]) {
        my ($name, $options) = @$_;
        my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0], options => $options)->start;
        my $ask    = sub ($call) { decode_json($daemon->ask("GET /json-api/api_token_$call", [identity(reseller => 'whm', 'keeper')])->body) };
        my $number = $name ? 2 : 1;
        my $made   = $ask->("create?api.version=1&token_name=wide$number");
        my $wider  = $ask->("create?api.version=1&token_name=few$number&acl=list-accts") && $ask->("update?api.version=1&token_name=few$number");
        for my $reply ($made, $wider) {
            is($reply->{metadata}{result}, $name ? 0 : 1, "$reply->{metadata}{command} by omission" . ($name && ', with --strict-omission'));
            like($reply->{metadata}{reason}, qr/switched off here/, '... is told why') if $name;
            is_deeply($reply->{data}{acls}, [qw(list-accts manage-api-tokens)], '... gives all that the caller has') unless $name;
        }
        $daemon->stop;
    }
    my $journal = $store->run(qw(journal show));
    is(scalar(() = $journal =~ /elevation by omission/g), 2, 'the journal marks what was widened');
    is($store->{cli}->json(qw(token show reseller few2 --service whm))->{acls}[0], 'list-accts', 'and what was refused is as it was');
};

subtest 'when it opens the store' => sub {
    my $store  = new_store();
    my $daemon = Tokengate::Daemon->new(store => $store->path, web_user => (getpwuid $>)[0])->start;
    my $cookie = sign_in($daemon, make_link($daemon));
    my $page   = sub ($call) { $daemon->ask("POST /tokengate/api/$call", [page_of('shop'), "Cookie: $cookie"], body => '{}')->status };
    is($page->('session'), 200, 'for a session');
    rename $store->path, $store->path . '-away' or die $!;
    is($page->('session'), 503, 'which does not go on without it');
    is($page->('logout'), 200, 'but ends');
    is($daemon->ask('GET /execute/Tokens/list')->status, 403, 'not for nobody');
    is($daemon->ask('POST /tokengate/api/session', \@page, body => '{}')->status, 401, 'nor for the page of nobody');
    for (
        ['/execute/Tokens/list' => 'json', qr/\A\{"data":null,"errors":\["The token store cannot be used now; [^"]*"\],.*"status":0,/],
        ['/json-api/cpanel?cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list' => 'json',
            qr/\A\{"apiversion":3,.*"errors":\["The token store.*"status":0,/],
        ['/json-api/api_token_list?api.version=1' => 'json', qr/"command":"api_token_list","reason":"The token store[^"]*","result":0/],
        ['/xml-api/api_token_list?api.version=1'  => 'xml',  qr{\A<result><metadata>.*<reason>The token store[^<]*</reason><result>0</result>}])
    {
        my ($call, $form, $words) = @$_;
        my @who = $call =~ /api_token/ ? identity(reseller => 'whm', 'keeper') : identity(shop => 'cpanel', 'manager');
        my $away = $daemon->ask("GET $call", \@who);
        is($away->status, 503, "for a caller of $call, and says when it is away");
        like($away->header('Content-Type'), qr{/$form; charset}, "... in $form");
        like($away->body, $words, '... in the envelope of the call');
    }
    rename $store->path . '-away', $store->path or die $!;
    is($daemon->ask('GET /execute/Tokens/list', [identity(shop => 'cpanel', 'manager')])->status, 200, 'and when it is back it goes on');
    is($page->('session'), 401, 'without the session that was ended');
    $daemon->stop;
};

# What the daemon's manual puts in front of it, for its socket here.
sub documented ($server, $socket) {
    open my $file, '<', "$Tokengate::Server::kRoot/tools/daemon/README.md" or die $!;
    my ($text) = do { local $/; readline $file } =~ /^```$server\n(.*?)^```/ms or die "no configuration of $server";
    # And what it says of calls that name their function in parameters: a location written as this one.
    my ($like) = $text =~ /^(location ~.*?^\}\n|<LocationMatch.*?^<\/LocationMatch>\n)/ms or die 'no location by pattern';
    $like =~ s{\^/\(json\|xml\)-api/api_token_(?:\.\*)?}{^/(json-api/(uapi_)?cpanel|xml-api/cpanel)\$} or die 'another pattern';
    return ($text . $like) =~ s{/run/tokengate/tokengated\.sock}{$socket}gr;
}

each_server(
    sub ($class) {
        my $store = new_store();
        our $daemon = Tokengate::Daemon->new(store => $store->path)->start;
        our $kept   = $store;
        return (
            store      => $store->path,
            site_extra => {$class->name => documented($class->name, $daemon->socket)},
            sites      => [cpanel => {tokengate => 'on', locations => ['/json-api/' => {service => 'whm'}]}]);
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

        my $keeper = 'whm reseller:' . $kept->secret('keeper');
        my $whm    = sub ($function, $parameters = '', $authorization = $keeper) {
            return $server->get("/json-api/api_token_$function?api.version=1&$parameters", $authorization);
        };
        my $made = decode_json($whm->('create', 'token_name=made&acl-0=list-accts&whitelist_ip=127.0.0.0/8')->body);
        is_deeply([@{$made->{data}}{qw(name acls whitelist_ips)}], ['made', ['list-accts'], ['127.0.0.0/8']], 'WHM API 1: create');
        my $authorization = "WHM reseller:$made->{data}{token}";
        is($server->get('/json-api/listaccts?api.version=1', $authorization)->status, 200, '... whose secret is accepted');
        is($whm->('list', '', $authorization)->status, 403, '... for its own rights');
        is_deeply([sort keys %{decode_json($whm->('list')->body)->{data}{tokens}}], [qw(keeper lister made)], 'list');
        like($server->get('/xml-api/api_token_list?api.version=1', $keeper)->body, qr{<made><name>made</name>.*<result>1</result>}, 'list as XML');
        my $post = sub ($function, $body, $type) {
            my $reply = $server->request("POST /json-api/api_token_$function", ["Authorization: $keeper", $type], body => $body);
            return decode_json($reply->body);
        };
        is($post->('update', '{"api.version":1,"token_name":"made","new_name":"kept","acl":["list-accts"]}', 'Content-Type: application/json')
                ->{data}{name}, 'kept', 'update by JSON');
        is($post->('get_details', "api.version=1&token=$made->{data}{token}", 'Content-Type: application/octet-stream')->{data}{name},
            'kept', 'get_details by a form of no known type');
        my $rotated = decode_json($whm->('rotate', 'token_name=kept')->body)->{data}{token};
        is($server->get('/json-api/listaccts?api.version=1', $authorization)->status, 401, 'rotate ends the former secret');
        is($server->get('/json-api/listaccts?api.version=1', "whm reseller:$rotated")->status, 200, '... and gives another');
        is(decode_json($whm->('revoke', 'token_name=kept')->body)->{metadata}{result}, 1, 'revoke');
        is($server->get('/json-api/listaccts?api.version=1', "whm reseller:$rotated")->status, 401, '... ends it');
        like($whm->('create', 'token_name=more&acl=kill-acct')->body, qr/"result":0/, 'a privilege of the account that the token has not');
        is($whm->('list', '', 'whm reseller:' . $kept->secret('lister'))->status, 403, 'a token that may not manage tokens');
        is($whm->('list', '', $manager)->status, 401, 'a token of the other service');
        my $through = 'whm reseller:' . $kept->create_token(reseller => through => qw(--service whm), map { ('--acl', $_) }
            qw(manage-api-tokens cpanel-api list-accts));
        my $uapi = $server->get('/json-api/uapi_cpanel?api.version=1&cpanel.user=shop&cpanel.module=Tokens&cpanel.function=list', $through);
        like($uapi->body, qr/"name":"mailer".*"status":1/, 'UAPI through uapi_cpanel') or diag($uapi->status, $uapi->body);
        my $selectors = 'cpanel_jsonapi_user=shop&cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list';
        for my $call (["GET /json-api/cpanel?$selectors"], ['POST /json-api/cpanel', $selectors]) {
            my $panel = $server->request($call->[0], ["Authorization: $through"], body => $call->[1]);
            like($panel->body, qr/\A\{"apiversion":3,.*"name":"mailer".*"status":1/, "UAPI through $call->[0]") or diag($panel->status, $panel->body);
        }
        is($server->request('GET /json-api/api_token_list', [identity(reseller => 'whm', 'keeper')])->status, 401, 'a client cannot name itself');
        $server->backend->seen;

        for (['https://cpanel', 200], ['https://example.com', 403]) {
            my ($origin, $status) = @$_;
            is($server->request('POST /execute/Tokens/revoke', ["Authorization: $manager", "Origin: $origin"], body => 'name=nobody')->status,
                $status, "a change by a page of $origin");
            is($server->request('POST /json-api/api_token_revoke', ["Authorization: $keeper", "Origin: $origin"], body => 'token_name=nobody')->status,
                $status, '... and on whm');
        }

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
        $kept->run(qw(journal verify));
        $daemon->stop;
    });
