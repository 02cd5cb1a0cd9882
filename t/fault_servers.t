# What can happen to the servers themselves: workers killed under load, reloads with a changing configuration, a new
# binary while the old one drains, a backend that is gone or gives up. No wrong decision, and no reader slot that stays.
# TOKENGATE_RELOADS (default 20) says how many; TOKENGATE_VALGRIND=1 looks for leaks and wild reads, too.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;
use Tokengate::Load;
use Tokengate::Readers;

my $reloads = $ENV{TOKENGATE_RELOADS} // 20;
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

sub data_bytes () { return -s $store->path . '/data.mdb' }

# After so many changes the data file has grown by no more than these need: no reader holds what nobody needs.
sub is_bounded ($bytes_before, $changes) {
    my $grown = data_bytes() - $bytes_before;
    cmp_ok($grown, '<', 256 * 1024 + 1024 * $changes, "the store does not keep what nobody needs ($grown bytes for $changes changes)");
    return;
}

sub new_server ($class, %config) {
    my $server = $class->new(store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on', upstream => 'none'}], %config);
    $server->write_file("html$_", 'here') for $path, '/open/page';
    return $server;
}

sub children_of ($pid) {
    open my $ps, '-|', 'pgrep', '-P', $pid or die $!;
    chomp(my @pids = <$ps>);
    return @pids;
}

my %right = (good => 200, poor => 403, wrong => 401);
my %load  = (path => $path, token => \%token, new => 3, changes => $store, right => sub ($name, $) { $right{$name} });

for my $class (@classes) {
    subtest $class->name . ': workers killed under load' => sub {
        my $readers = Tokengate::Readers->new($store->path);
        my $server  = new_server($class)->start;
        $server->allow_log(qr/exited on signal (?:9|6)|exit signal (?:Killed|Abort)/);
        my ($killed, $bytes) = (0, data_bytes());
        my $seen = under_load({%load, server => $server}, sub {
            for my $round (1 .. 12) {
                my @workers = children_of($server->{pid}) or next;
                kill $round % 2 ? 'KILL' : 'ABRT', $workers[rand @workers] and ++$killed;
                sleep 0.15;
            }
        });
        is($seen->{wrong}, '', "$killed workers killed: each of $seen->{answers} answers was right, $seen->{lost} requests got none");
        is_bounded($bytes, $seen->{changes});
        $server->wait_until('service', sub { my $r = $server->get($path, $token{good}); $r && $r->status == 200 });
        $server->wait_until('the workers alone to have the readers open', sub {
            my @pids  = $readers->openers;
            my %child = map { $_ => 1 } children_of($server->{pid});
            return !grep { !$child{$_} } @pids;
        });
        # As many as there are threads.
        cmp_ok(scalar $readers->slots, '<=', $class->name eq 'nginx' ? 2 : 16, 'the dead have no reader slots');
        is(join(' ', $readers->commits), '', 'and nothing is being read');
        $server->stop;
        is($readers->left_over, '', 'no reader slot stays');
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
}

subtest 'nginx: reloads with a changing configuration' => sub {
    plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;
    my $readers = Tokengate::Readers->new($store->path);
    my $server  = new_server('Tokengate::Nginx');
    become_generation($server, 0);
    $server->start;
    my ($bytes, $most, @wrong) = (data_bytes(), 0);
    my $seen = under_load({%load, server => $server, kept => 1, right => \&right_by_generation}, sub {
        for my $i (1 .. $reloads) {
            become_generation($server, $i);
            $server->reload;
            # No connection that is made now reaches an old worker.
            for my $name (sort keys %token) {
                my $response = $server->get($path, $token{$name});
                my $is = join ' ', $response->header('X-Test-Generation'), $response->status;
                push @wrong, "$name $is" if $is ne "$i " . right_by_generation($name, $response);
            }
            my $taken = $readers->slots;
            $most = $taken if $taken > $most;
        }
    });
    is("@wrong", '', 'each reload counts for the next connection');
    is("$seen->{wrong}, $seen->{lost} lost", ', 0 lost', "$reloads reloads: each of $seen->{answers} requests was answered rightly");
    cmp_ok($most, '<=', 20, "at most $most reader slots were taken");
    is_bounded($bytes, $seen->{changes});
    $server->stop;
    is($readers->left_over, '', 'no reader slot stays');
};

# Apache has no such upgrade: its graceful restart, t/apache_graceful.t, keeps the parent and loads the modules again.
subtest 'nginx: a new binary while the old one drains, under load' => sub {
    plan skip_all => 'the nginx module is not built' unless Tokengate::Nginx->is_available;
    my $readers = Tokengate::Readers->new($store->path);
    # The new binary gets what the configuration names of the environment, and a sanitizer's runtime is among it.
    my $environment = join '', map {"env $_;\n"} qw(LD_PRELOAD ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS);
    my $server = new_server('Tokengate::Nginx', extra => {nginx_main => $environment});
    my $folder = $server->folder;
    my $pid_of = sub ($name) { Tokengate::Server::_read("$folder/run/$name") =~ s/\s+//r };
    # In the foreground nginx does not take the signal.
    my $configure = sub ($generation, $module) {
        become_generation($server, $generation);
        $server->write_file('nginx.conf', $server->configuration =~ s/daemon off/daemon on/r =~ s/(?<=load_module )[^;]+/$module/r);
    };
    $configure->(0, $server->module);
    waitpid $server->_spawn("$folder/logs/output", $server->command), 0;
    $? == 0 or die $server->error_log;
    $server->wait_until('start', sub { $pid_of->('nginx.pid') && $server->is_ready });
    my $old = $pid_of->('nginx.pid');
    # Whatever happens, nothing is left running.
    my $new;
    my $guard = Guard->new(sub { kill 'KILL', map { (children_of($_), $_) } grep {$_} $old, $new });
    my $secret  = $store->create_token('shop', 'upgrade', '--acl', 'files');
    my $decided = sub ($response) { $response ? join ' ', $response->header('X-Test-Generation'), $response->status : 'closed' };
    my $ask     = sub ($client) {
        return $decided->($client->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: cpanel shop:$secret\r\n\r\n")->response);
    };
    my $has_mapped = sub ($pid, $file) { Tokengate::Server::_read("/proc/$pid/maps") =~ /\Q$file\E$/m };
    my $bytes = data_bytes();
    my $seen = under_load({%load, server => $server, kept => 1, right => \&right_by_generation}, sub {
        is($ask->($server->connect), '0 200', 'the old binary serves');
        my $half = $server->connect;
        $half->send("GET $path HTTP/1.1\r\nHost: cpanel\r\nAuthorization: cpanel shop:$secret\r\n");
        system('cp', $server->module, "$folder/second.so") == 0 or die;
        $configure->(1, "$folder/second.so");
        kill 'USR2', $old;
        $server->wait_until('the new master', sub { my $pid = $pid_of->('nginx.pid'); $pid && $pid ne $old && children_of($pid) >= 2 });
        $new = $pid_of->('nginx.pid');
        like($ask->($server->connect), qr/\A(?:0 200|1 403)\z/, 'both serve');
        kill 'WINCH', $old;
        $server->wait_until('the old one drains', sub { (() = $server->error_log =~ /gracefully shutting down/g) == 2 });
        is($ask->($server->connect), '1 403', 'the new one serves') for 1 .. 3;
        ok($has_mapped->($_, "$folder/second.so") && !$has_mapped->($_, $server->module), 'with the module from another place') for children_of($new);
        $store->run('token', 'revoke', 'shop', 'upgrade');
        is($ask->($server->connect), '1 401', 'a revocation counts for the new one');
        $half->send("\r\n");
        is($decided->($half->response), '0 401', 'and for the old one that still drains');
        kill 'QUIT', $old;
        $server->wait_until('the old one is gone', sub { !kill 0, $old });
        is($decided->($server->get($path, $token{good})), '1 403', 'the new one goes on');
    });
    is("$seen->{wrong}, $seen->{lost} lost", ', 0 lost', "each of $seen->{answers} requests meanwhile was answered rightly");
    is_bounded($bytes, $seen->{changes});
    my %child = map { $_ => 1 } children_of($new);
    is(join(' ', grep { !$child{$_} } $readers->openers), '', 'the new workers alone have the readers open');
    kill 'QUIT', $new;
    $server->wait_until('the new one is gone', sub { !kill 0, $new });
    ($old, $new) = ();
    is($readers->left_over, '', 'no reader slot stays');
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
