# The daemon `tokengated` on a socket of its own, in front of a store.
#
#   my $daemon = Tokengate::Daemon->new(store => $folder)->start;
#   my $reply = $daemon->ask('POST /execute/Tokens/list', ['X-Tokengate-User: shop']);   # straight to the socket
#
# `options`: more arguments of the daemon. `web_user`: whose identity headers it believes (the tests' own user).
# `log`: a file that it logs to, which log() does not show.
package Tokengate::Daemon;

use v5.36;
use File::Temp;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Http;
use Tokengate::Server;

sub binary       () { return Tokengate::Server::build_folder() . '/tools/daemon/tokengated' }
sub is_available () { return -x binary() }

sub new ($class, %config) {
    my $self = bless {config => \%config, owner => $$}, $class;
    $self->{folder} = File::Temp->newdir('tokengate-XXXXXXXX', TMPDIR => 1);
    chmod 0755, "$self->{folder}";
    return $self;
}

sub socket ($self) { return "$self->{folder}/socket" }
sub log    ($self) { return Tokengate::Server::_read("$self->{folder}/log") }

sub start ($self) {
    my $config = $self->{config};
    my $group  = Tokengate::Server::worker_user() || POSIX::getgrgid($() || die;
    my $user   = $config->{web_user} // (Tokengate::Server::worker_user() || POSIX::getpwuid($>));
    my @command = (binary(), '--store', $config->{store}, '--socket', $self->socket, '--socket-group', $group,
        '--web-user', $user, @{$config->{options} // []});
    defined($self->{pid} = fork) or die "fork: $!";
    if (!$self->{pid}) {
        open STDIN,  '<',  '/dev/null'             or die $!;
        open STDOUT, '>>', "$self->{folder}/log" or die $!;
        open STDERR, '>>', $config->{log} // "$self->{folder}/log" or die $!;
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    my $deadline = time + 60;
    until (IO::Socket::UNIX->new(Peer => $self->socket . '.login')) {    # which it makes last
        die "tokengated did not start:\n" . $self->log
            if waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid} || time > $deadline;
        sleep 0.02;
    }
    return $self;
}

# One request on a connection of its own; the response. `socket_suffix`: what follows the socket's path (.login).
sub ask ($self, $request, $headers = [], %option) {
    my $path = $self->socket . (delete $option{socket_suffix} // '');
    my $connection = IO::Socket::UNIX->new(Peer => $path) or die "connect: $!";
    my ($method) = $request =~ /\A(\S*)/;
    return Tokengate::Http->over($connection)
        ->send(Tokengate::Http::request_bytes($request, ['Host: localhost', @$headers, 'Connection: close'], %option))
        ->response($method);
}

sub kill_hard ($self) {
    kill 'KILL', $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

# Ends it as an admin would; it must be gone, cleanly.
sub stop ($self) {
    my $pid = delete $self->{pid} // return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    is($?, 0, 'tokengated: ends cleanly when it is told to') or diag($self->log);
    ok(!-e $self->socket && !-e $self->socket . '.login', 'tokengated: leaves no socket behind');
    unlike($self->log, qr/Sanitizer|runtime error:|terminate called/, 'tokengated: no crash or sanitizer report');
    return;
}

sub DESTROY ($self) {
    return if $self->{owner} != $$ || !$self->{pid};
    local ($?, $!, $@);
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
