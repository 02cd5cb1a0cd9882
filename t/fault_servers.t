# What can happen to the servers themselves: workers killed under load, reloads with a changing configuration, a new
# binary while the old one drains, half-sent bodies and idle connections, a backend that is gone or gives up. No wrong
# decision, and no reader slot that stays. TOKENGATE_RELOADS (default 20) and TOKENGATE_IDLE (default 150) say how many;
# TOKENGATE_VALGRIND=1 looks for leaks and wild reads, too.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;

use constant kClients => 3;

my $reloads = $ENV{TOKENGATE_RELOADS} // 20;
my $idle    = $ENV{TOKENGATE_IDLE}    // 150;
my @classes = server_classes();
plan skip_all => 'no server module is built' unless @classes;

my $store = Tokengate::Store->standard;
my $path  = '/v1/files/page';
my %token = (
    good  => 'cpanel shop:' . $store->secret('files'),
    poor  => 'cpanel shop:' . $store->secret('email'),
    wrong => 'cpanel shop:' . 'A' x 32);

# Does something at the end of its scope.
package Guard {
    sub new ($class, $work) { return bless {work => $work}, $class }
    sub DESTROY ($self) { local ($?, $!, $@); $self->{work}->(); return }
}

sub readers_used () { return $store->{cli}->json('stat')->{readers_used} }

sub new_server ($class, %config) {
    my $server = $class->new(store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on', upstream => 'none'}], %config);
    $server->write_file("html$_", 'here') for $path, '/open/page';
    return $server;
}

# Runs clients until `work` is done. `allowed`: for each token the statuses that may come. Returns how many answers there
# were, how many requests got none, and what was wrong.
sub under_load ($server, $allowed, $work) {
    my $folder = $server->folder;
    unlink "$folder/stop";
    my @clients = map {
        my $report = "$folder/client-$_";
        defined(my $pid = fork) or die "fork: $!";
        if (!$pid) {
            my ($answered, $lost, %wrong) = (0, 0);
            until (-e "$folder/stop") {
                for my $name (sort keys %token) {
                    my $response = eval { $server->get($path, $token{$name}) };
                    if (!$response) { ++$lost; next }
                    ++$answered;
                    my $status = $response->status;
                    ++$wrong{"$name got $status"} unless grep { $_ eq $status } @{$allowed->{$name}};
                }
            }
            open my $out, '>', $report;
            print $out "$answered $lost ", join(', ', map {"$wrong{$_} times $_"} sort keys %wrong), "\n";
            close $out;
            POSIX::_exit(0);
        }
        [$pid, $report];
    } 1 .. kClients;
    $work->();
    $server->write_file('stop', '');
    my ($answered, $lost, @wrong) = (0, 0);
    for (@clients) {
        my ($pid, $report) = @$_;
        waitpid $pid, 0;
        my ($some, $none, $what) = split ' ', Tokengate::Server::_read($report), 3;
        $answered += $some;
        $lost     += $none;
        push @wrong, $what if $what =~ /\S/;
    }
    return ($answered, $lost, join '; ', @wrong);
}

sub children_of ($pid) {
    open my $ps, '-|', 'pgrep', '-P', $pid or die $!;
    chomp(my @pids = <$ps>);
    return @pids;
}

my %right = (good => [200], poor => [403], wrong => [401]);

for my $class (@classes) {
    subtest $class->name . ': workers killed under load' => sub {
        my $server = new_server($class)->start;
        $server->allow_log(qr/exited on signal (?:9|6)|exit signal (?:Killed|Abort)/);
        my $killed = 0;
        my ($answered, $lost, $wrong) = under_load($server, \%right, sub {
            for my $round (1 .. 12) {
                my @workers = children_of($server->{pid}) or next;
                kill $round % 2 ? 'KILL' : 'ABRT', $workers[rand @workers] and ++$killed;
                sleep 0.15;
            }
        });
        is($wrong, '', "$killed workers killed: each of $answered answers was right, $lost requests got none");
        $server->wait_until('service', sub { my $r = $server->get($path, $token{good}); $r && $r->status == 200 });
        $server->stop;
        is(readers_used(), 0, 'no reader slot stays');
    };

    subtest $class->name . ': backends that are gone or give up' => sub {
        my $server = new_server($class, sites => [cpanel => {tokengate => 'on'}])->start;
        my $status = sub ($name) { my $r = $server->get($path, $token{$name}); $r ? $r->status : 'none' };
        is($status->('good'), 200, 'the backend answers');
        # It gives up in the middle of its answer, then it is not there at all.
        $server->backend->cut_answers;
        my $response = $server->get($path, $token{good});
        ok(!$response || !eval { decode_json($response->body) }, 'a cut answer is passed on as it is, or refused');
        is($status->('poor'),  403, 'the refused are refused');
        is($status->('wrong'), 401, 'and strangers, too');
        $server->backend->stop;
        like($status->('good'), qr/\A50[23]\z/, 'no backend: the server says so');
        is($status->('poor'),  403, 'the refused are refused');
        is($status->('wrong'), 401, 'and strangers, too');
        $server->stop;
    };

    subtest $class->name . ': half-sent requests and idle connections' => sub {
        my $server = new_server($class, connections => $idle + 100, sites => [cpanel => {tokengate => 'on'}])->start;
        # Apache's threads are few by configuration: each waiting client holds one until a timeout.
        my $count = $class->name eq 'nginx' ? $idle : 4;
        my @waiting;
        for my $i (1 .. $count) {
            my $kind   = $i % 3;
            my $client = $server->connect;
            # An idle connection, half a header, half of a body that would choose the function.
            $client->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthoriz") if $kind == 1;
            $client->send("POST /json-api/cpanel HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $token{good}\r\nContent-Length: 1000\r\n\r\ncpanel_jsonapi_module=Em") if $kind == 2;
            push @waiting, $client;
        }
        for my $name (sort keys %right) {
            is($server->get($path, $token{$name})->status, $right{$name}[0], "$name is decided beside $count that wait");
        }
        is(scalar $server->backend->seen, 1, 'the backend saw the granted request alone');
        for my $i (0 .. $#waiting) {
            next if $i % 3 != 0;
            $waiting[$i]->send("ation: $token{wrong}\r\n\r\n");
            last if $i > 20;
        }
        is($waiting[0]->response->status, 401, 'a header sent in two parts is decided when it is whole');
        $_->close for @waiting;
        $server->wait_until('service', sub { my $r = $server->get($path, $token{good}); $r && $r->status == 200 });
        is(scalar(grep { $_->{target} =~ /json-api/ } $server->backend->seen), 0, 'no half body went to the backend');
        $server->stop;
        is(readers_used(), 0, 'no reader slot stays');
    };
}

subtest 'nginx: reloads with a changing configuration' => sub {
    plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;
    my $server = new_server('Tokengate::Nginx')->start;
    # Each answer is right by the old configuration or by the new one. A stranger gets in by none.
    my ($answered, $lost, $wrong) = under_load($server, {good => [200, 403], poor => [200, 403], wrong => [401]}, sub {
        for my $i (1 .. $reloads) {
            $server->{config}{sites}[1]{require} = $i % 2 ? ['email'] : ['files'];
            $server->reload;
            # No connection that is made now reaches an old worker.
            my %want = $i % 2 ? (good => 403, poor => 200) : (good => 200, poor => 403);
            is($server->get($path, $token{$_})->status, $want{$_}, "reload $i: $_") for sort keys %want;
        }
    });
    is("$wrong, $lost lost", ', 0 lost', "$reloads reloads: each of $answered requests was answered rightly");
    $server->stop;
    is(readers_used(), 0, 'no reader slot stays');
};

subtest 'nginx: a new binary while the old one drains' => sub {
    plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;
    # The new binary gets what the configuration names of the environment, and a sanitizer's runtime is among it.
    my $environment = join '', map {"env $_;\n"} qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS);
    my $server = new_server('Tokengate::Nginx', extra => {nginx_main => $environment});
    my $folder = $server->folder;
    my $pid_of = sub ($name) { Tokengate::Server::_read("$folder/run/$name") =~ s/\s+//r };
    # In the foreground nginx does not take the signal.
    $server->write_file('nginx.conf', $server->configuration =~ s/daemon off/daemon on/r);
    waitpid $server->_spawn("$folder/logs/output", $server->command), 0;
    $? == 0 or die $server->error_log;
    $server->wait_until('start', sub { $pid_of->('nginx.pid') && $server->is_ready });
    my $old = $pid_of->('nginx.pid');
    # Whatever happens, nothing is left running.
    my $new;
    my $guard = Guard->new(sub { kill 'KILL', map { (children_of($_), $_) } grep {$_} $old, $new });
    my $secret = $store->create_token('shop', 'upgrade', '--acl', 'files');
    my $ask = sub ($client) {
        $client->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: cpanel shop:$secret\r\n\r\n");
        my $response = $client->response;
        return $response ? $response->status : 'closed';
    };
    my $kept = $server->connect;
    is($ask->($kept), 200, 'the old binary serves');
    my $half = $server->connect;
    $half->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: cpanel shop:$secret\r\n");
    kill 'USR2', $old;
    $server->wait_until('the new master', sub { my $pid = $pid_of->('nginx.pid'); $pid && $pid ne $old && children_of($pid) >= 2 });
    $new = $pid_of->('nginx.pid');
    is($ask->($server->connect), 200, 'both serve');
    kill 'WINCH', $old;
    $server->wait_until('the old one drains', sub { $server->error_log =~ /gracefully shutting down/ });
    is($ask->($server->connect), 200, 'the new one serves') for 1 .. 3;
    $store->run('token', 'revoke', 'shop', 'upgrade');
    is($ask->($server->connect), 401, 'a revocation counts for the new one');
    $half->send("\r\n");
    my $late = $half->response;
    is($late ? $late->status : 'closed', 401, 'and for the old one that still drains');
    kill 'QUIT', $old;
    $server->wait_until('the old one is gone', sub { !kill 0, $old });
    is($server->get($path, $token{good})->status, 200, 'the new one goes on');
    kill 'QUIT', $new;
    $server->wait_until('the new one is gone', sub { !kill 0, $new });
    ($old, $new) = ();
    is(readers_used(), 0, 'no reader slot stays');
    unlike($server->error_log, qr/\[(?:alert|emerg)\]|exited on signal/, 'no alert');
    $server->{stopped} = 1;
    $server->backend->stop;
};

subtest 'nginx: no leak and no wild read' => sub {
    plan skip_all => 'TOKENGATE_VALGRIND is not set' unless $ENV{TOKENGATE_VALGRIND};
    my $server = new_server('Tokengate::Nginx', workers => 1, extra => {nginx_main => "master_process off;\n"});
    $server->write_configuration;
    my $report  = $server->folder . '/valgrind';
    # nginx's own: it does not free its environment.
    my $known = $server->write_file('known', "{\n nginx\n Memcheck:Leak\n fun:malloc\n fun:ngx_alloc\n fun:ngx_set_environment\n ...\n}\n");
    my @command = $server->command;
    $server->{pid} = $server->_spawn($server->folder . '/logs/output', 'valgrind', '--leak-check=full', '--errors-for-leak-kinds=definite',
        '--error-exitcode=9', "--suppressions=$known", "--log-file=$report", @command);
    $server->wait_until('start', sub { $server->is_ready });
    my %count;
    for my $i (1 .. 300) {
        my $name = (sort keys %token)[$i % 3];
        ++$count{"$name " . $server->get($path, $token{$name})->status};
        $server->request('POST /json-api/cpanel', ["Authorization: $token{poor}"],
            body => 'cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops') if $i % 5 == 0;
    }
    is(join(', ', map {"$_: $count{$_}"} sort keys %count), 'good 200: 100, poor 403: 100, wrong 401: 100', 'decided');
    kill 'QUIT', $server->{pid};
    waitpid $server->{pid}, 0;
    is($? >> 8, 0, 'valgrind has nothing to say') or diag(Tokengate::Server::_read($report));
    delete $server->{pid};
    $server->{stopped} = 1;
    $server->backend->stop;
};
done_testing;
