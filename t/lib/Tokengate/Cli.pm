package Tokengate::Cli;

# Runs the command `tokengate`, each object on a store of its own in a temporary folder.
#
#   my $cli = Tokengate::Cli->new;                      # makes an empty store
#   my $r = $cli->run('account', 'list');               # $r->{exit}, $r->{stdout}, $r->{stderr}
#   my $r = $cli->run_with({stdin => $text, env => {TZ => 'UTC'}}, 'token', 'check');
#   $cli->ok('account', 'create', 'shop');              # dies unless it exits 0; gives standard output
#   my $tokens = $cli->json('token', 'list');           # the same with --json, decoded
#   my $secret = $cli->secret('shop', 'ci', '--acl', 'email');   # token create
#
# The binary is TOKENGATE_BIN, else that of the build folder TOKENGATE_BUILD (build/dev).

use v5.36;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Handle;
use JSON::PP ();
use POSIX ();
use Tokengate::UsageMap;

my $root = abs_path(dirname(__FILE__) . '/../../..');

sub binary () {
    return $ENV{TOKENGATE_BIN} if $ENV{TOKENGATE_BIN};
    my $build = $ENV{TOKENGATE_BUILD} // 'build/dev';
    $build = "$root/$build" unless $build =~ m{^/};
    return "$build/tools/tokengate";
}

# Options: store => PATH (a folder of the caller's instead of a temporary one), group => GROUP, init => 0 for
# no store at all.
sub new ($class, %options) {
    my $self = bless {}, $class;
    if (!$options{store}) {
        $self->{folder} = File::Temp->newdir('tokengate-XXXXXXXX', TMPDIR => 1);
        # The web server's user must get through to the store in it.
        chmod 0755, "$self->{folder}";
        $options{store} = "$self->{folder}/store";
    }
    $self->{store} = $options{store};
    if ($options{init} // 1) {
        $self->ok('init', $options{group} ? ('--group', $options{group}) : ());
        Tokengate::UsageMap::remember($options{store});
    }
    return $self;
}

sub store ($self) { return $self->{store} }

sub run ($self, @args) {
    return $self->run_with({}, @args);
}

sub run_with ($self, $options, @args) {
    my %env = (TOKENGATE_STORE => $self->{store}, %{ $options->{env} // {} });
    return run_command($options->{stdin} // '', \%env, binary(), @args);
}

sub ok ($self, @args) {
    my $r = $self->run(@args);
    die "tokengate @args: exit $r->{exit}: $r->{stderr}" if $r->{exit} != 0;
    return $r->{stdout};
}

sub json ($self, @args) {
    return decode_json($self->ok(@args, '--json'));
}

sub decode_json ($text) {
    return JSON::PP->new->utf8->allow_nonref->decode($text);
}

sub secret ($self, @args) {
    my $secret = $self->ok('token', 'create', @args);
    chomp $secret;
    return $secret;
}

# Files, not pipes: nothing can block, however much goes in or comes out.
sub run_command ($stdin, $env, @command) {
    my %file = map { $_ => File::Temp->new } qw(in out err);
    binmode $file{in};
    print { $file{in} } $stdin or die $!;
    $file{in}->flush;
    seek $file{in}, 0, 0;
    my $pid = fork // die "cannot fork: $!";
    if ($pid == 0) {
        open STDIN,  '<&', $file{in}  or die $!;
        open STDOUT, '>&', $file{out} or die $!;
        open STDERR, '>&', $file{err} or die $!;
        @ENV{ keys %$env } = values %$env;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my %result = (exit => $? & 127 ? 'signal ' . ($? & 127) : $? >> 8);
    for my $name (qw(out err)) {
        seek $file{$name}, 0, 0;
        local $/ = undef;
        $result{"std$name"} = readline($file{$name}) // '';
    }
    return \%result;
}

1;
