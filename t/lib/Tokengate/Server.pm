# What both servers have in common: a folder and a port of their own, start, stop, reload, requests, and the
# checks at the end. A subclass renders the configuration and knows its program: Nginx.pm, Apache.pm.
#
#   my $server = Tokengate::Nginx->new(store => $folder, sites => [...], backend => $backend);
#
# sites: [name => {setting => value, …, locations => ['/path/' => {…}, …]}, …]. A site is a virtual host of
# that name, the first is the default; "/" is a location that needs no mention. Settings are inherited by
# the locations: tokengate (on, off, report_only), service, require, schemes, header, user_header,
# pass_authorization, realm, refusals, max_body, plain_http, with the directives' values; `require` and
# `schemes` are lists. `upstream` is http (default), http_uri (the server's own canonical path goes
# upstream), fastcgi, uwsgi, unix (the Unix socket `socket`), or redirect (internally, to what follows the location's path). `extra` are lines for one server only: {nginx => '…', apache => '…'}.
# Other arguments: `workers`, `connections` (of a worker, nginx), `extra` (top level of the configuration), `site_extra` (each site).
#
# The server takes a client's address from the header X-Test-Client when the connection is from 127.0.0.1,
# and tells what was decided in the response headers X-Test-{Outcome,User,Service,Token,Id,Acl,Route}.
package Tokengate::Server;

use v5.36;
use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Spec;
use File::Temp;
use Tokengate::UsageMap;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Backend;
use Tokengate::Http;

# Only a hang reaches it.
use constant kHangSeconds => 60;

our $kRoot = abs_path(dirname(__FILE__) . '/../../..');

# Lines that no test run may leave in an error log.
my $kFatalLine = qr{
    \[(?:[a-z_]+:)?(?:alert|emerg)\] | exited\ on\ signal | exit\ signal | (?:Address|Leak|Thread)Sanitizer
    | runtime\ error: | terminate\ called | Assertion.*failed
}x;

sub build_folder () {
    return File::Spec->rel2abs($ENV{TOKENGATE_BUILD} // 'build/dev', $kRoot);
}

# The unprivileged user that workers run as; empty when the tests themselves are not root.
sub worker_user () { return $> == 0 ? 'www-data' : '' }

# A TCP port of 127.0.0.1 that nobody uses, outside the range that outgoing connections take theirs from. It
# stays ours, against other tests running side by side, as long as the returned handle is open.
sub take_port () {
    my $folder = File::Spec->tmpdir . "/tokengate-test-ports-$>";
    make_path($folder, {mode => 0700});
    for (1 .. 2000) {
        my $port = 10000 + int rand 20000;
        open my $lock, '>', "$folder/$port" or die "$folder/$port: $!";
        flock $lock, LOCK_EX | LOCK_NB or next;
        IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp')
            or next;
        return ($port, $lock);
    }
    die 'no free port';
}

sub new ($class, %config) {
    my $folder = File::Temp->newdir('tokengate-XXXXXX', TMPDIR => 1);
    chmod 0755, "$folder";
    my $self = bless {config => \%config, folder => $folder, owner => $$, allowed => []}, $class;
    $self->{locks} = [];
    for my $kind (qw(port h2_port tls_port)) {
        ($self->{$kind}, my $lock) = take_port();
        push @{$self->{locks}}, $lock;
    }
    $self->{backend} = $config{backend} // Tokengate::Backend->new('http', $folder);
    make_path("$folder/$_", {mode => 0755}) for qw(html logs run);
    return $self;
}

# The sanitizers' runtime must come before everything else in the server's process.
sub _sanitizer_environment () {
    my $build = build_folder();
    open my $cache, '<', "$build/CMakeCache.txt" or return ();
    my ($kinds) = map { /^TOKENGATE_SANITIZE:\w+=(.*)/ } <$cache>;
    return () unless ($kinds // '') =~ /address/;
    chomp(my $runtime = `gcc -print-file-name=libasan.so`);
    return (
        LD_PRELOAD    => abs_path($runtime),
        ASAN_OPTIONS  => 'abort_on_error=0',
        LSAN_OPTIONS  => "print_suppressions=0:suppressions=$kRoot/t/data/leaks.supp",
        UBSAN_OPTIONS => 'print_stacktrace=1');
}

sub _spawn ($self, $output, @command) {
    my %environment = _sanitizer_environment();
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        # A group of its own: a server may signal its whole group when it stops.
        POSIX::setpgid(0, 0);
        @ENV{keys %environment} = values %environment;
        delete $ENV{TOKENGATE_STORE};
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $output;
        open STDERR, '>>', $output;
        exec @command or POSIX::_exit(127);
    }
    POSIX::setpgid($pid, $pid);
    return $pid;
}

sub write_file ($self, $name, $text) {
    my $path = "$self->{folder}/$name";
    make_path(dirname($path));
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}

sub write_configuration ($self) { return $self->write_file($self->configuration_name, $self->configuration) }

sub start ($self) {
    $self->write_configuration;
    Tokengate::UsageMap::remember($self->{config}{store}) if $self->{config}{store};
    $self->{pid} = $self->_spawn("$self->{folder}/logs/output", $self->command);
    my $deadline = time + kHangSeconds;
    until ($self->is_ready) {
        if (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid}) {
            delete $self->{pid};
            $self->{stopped} = 1;
            die ref($self) . " did not start:\n" . $self->output . $self->error_log;
        }
        die ref($self) . " does not listen:\n" . $self->output . $self->error_log if time > $deadline;
        sleep 0.02;
    }
    return $self;
}

sub is_ready ($self) {
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp');
}

# Whether the server takes the configuration, and what it says: (ok, text).
sub test_configuration ($self) {
    $self->write_configuration;
    my $output = "$self->{folder}/logs/test-output";
    unlink $output;
    my $pid = $self->_spawn($output, $self->test_command);
    waitpid $pid, 0;
    my $ok   = $? == 0;
    my $text = _read($output);
    return ($ok, $text);
}

sub signal ($self, $signal) { kill $signal, $self->{pid} or die "kill: $!"; return }

# Waits until `condition` holds, for what has no event to wait for.
sub wait_until ($self, $what, $condition) {
    my $deadline = time + kHangSeconds;
    until ($condition->()) {
        die "waited in vain: $what\n" . $self->error_log if time > $deadline;
        sleep 0.02;
    }
    return;
}

sub _read ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}

sub port      ($self) { return $self->{port} }
sub h2_port   ($self) { return $self->{h2_port} }
sub tls_port  ($self) { return $self->{tls_port} }
sub backend   ($self) { return $self->{backend} }
sub folder    ($self) { return "$self->{folder}" }
sub error_log ($self) { return _read("$self->{folder}/logs/error.log") }
sub access_log ($self) { return _read("$self->{folder}/logs/access.log") }

# How many worker processes have answered requests so far.
sub workers_seen ($self) {
    my %pids = map { $_ => 1 } $self->access_log =~ / (\d+)$/mg;
    return scalar keys %pids;
}

sub output    ($self) { return _read("$self->{folder}/logs/output") }

sub connect ($self) { return Tokengate::Http->connect($self->{port}) }

# Exactly these bytes on a connection of its own; the first response.
sub raw ($self, $bytes, $method = 'GET') {
    return $self->connect->send($bytes)->response($method);
}

# One request: request('GET /path', ['Header: value'], site => 'name', body => …, chunked => …, version => …).
sub request ($self, $request, $headers = [], %option) {
    my $host  = $option{site} // $self->{config}{sites}[0];
    my @lines = (@$headers, 'Connection: close');
    unshift @lines, "Host: $host" unless grep { /^host:/i } @lines;
    my ($method) = $request =~ /\A(\S*)/;
    return $self->raw(Tokengate::Http::request_bytes($request, \@lines, %option), $method);
}

sub get ($self, $path, $authorization = undef, %option) {
    return $self->request("GET $path", [defined $authorization ? "Authorization: $authorization" : ()], %option);
}

# Output of curl with these arguments, for HTTP/2 and TLS.
sub curl ($self, @arguments) {
    open my $curl, '-|', 'curl', '--silent', '--show-error', '--max-time', kHangSeconds, @arguments or die "curl: $!";
    local $/;
    my $output = <$curl> // '';
    close $curl;
    return $output;
}

# A certificate for 127.0.0.1, made once per server.
sub certificate ($self) {
    my $folder = $self->{folder};
    if (!-e "$folder/tls.crt") {
        system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
                . "-keyout $folder/tls.key -out $folder/tls.crt 2>$folder/openssl.log") == 0
            or die 'openssl: ' . _read("$folder/openssl.log");
    }
    return ("$folder/tls.crt", "$folder/tls.key");
}

# A line of the error log that matches is not held against the server at the end.
sub allow_log ($self, $pattern) { push @{$self->{allowed}}, $pattern; return }

# Stops the server and checks what it leaves behind; each check is a test.
sub stop ($self) {
    return if $self->{stopped} || $self->{owner} != $$;
    $self->{stopped} = 1;
    my $name = ref $self;
    if (my $pid = delete $self->{pid}) {
        $self->_end($pid);
        my $left = kill(0, -$pid) ? 1 : 0;
        kill 'KILL', -$pid if $left;
        ok(!$left, "$name: no process is left over");
    }
    my @bad = grep { my $line = $_; $line =~ $kFatalLine && !grep { $line =~ $_ } @{$self->{allowed}} }
        split /\n/, $self->error_log . $self->output;
    ok(!@bad, "$name: no alert, crash or sanitizer report in the log") or diag(join "\n", @bad, $self->error_log);
    $self->{backend}->stop unless $self->{config}{backend};
    return;
}

# What a server needs between its last answer and a stop.
sub _let_finish ($self) { return }

sub _end ($self, $pid) {
    $self->_let_finish;
    kill 'TERM', $pid;
    my $deadline = time + kHangSeconds;
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        if (time > $deadline) {
            fail(ref($self) . ': ends when it is told to');
            kill 'KILL', -$pid;
            waitpid $pid, 0;
            return;
        }
        sleep 0.02;
    }
    # Workers that the master has let go may need a moment.
    for (1 .. 250) { last unless kill 0, -$pid; sleep 0.02 }
    return;
}

sub DESTROY ($self) {
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    if ($self->{pid}) {
        # The test died before stop(); leave nothing running.
        kill 'KILL', -$self->{pid};
        waitpid $self->{pid}, 0;
    }
    return;
}

# A value as both servers' configurations quote it.
sub quoted ($text) { return '"' . $text =~ s/(["\\])/\\$1/gr . '"' }

# The pairs of a list such as `sites`: ([name, settings], …).
sub pairs ($list) {
    my @rest = @{$list // []};
    my @pairs;
    while (my ($name, $value) = splice @rest, 0, 2) { push @pairs, [$name, $value] }
    return @pairs;
}

1;
