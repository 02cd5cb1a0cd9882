# A temporary store made with the command line, and the secrets of its tokens.
package Tokengate::Store;

use v5.36;
use IO::File;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep);
use Tokengate::Cli;
use Tokengate::Server;

# An empty store, readable by the servers' workers.
sub new ($class) {
    my $cli = Tokengate::Cli->new(group => Tokengate::Server::worker_user());
    return bless {cli => $cli, tokens => {}}, $class;
}

# The store of t/data/store.txt.
sub standard ($class) {
    my $self = $class->new;
    my $path = "$Tokengate::Server::kRoot/t/data/store.txt";
    my $rotated = 0;
    open my $commands, '<', $path or die "$path: $!";
    while (my $line = <$commands>) {
        next if $line =~ /^\s*(?:#|$)/;
        chomp $line;
        my $key       = $line =~ s/^(\S+) = // ? $1 : undef;
        my @arguments = split ' ', $line;
        s{^t/data/}{$Tokengate::Server::kRoot/t/data/} for @arguments;
        defined $key ? $self->issue($key, @arguments) : $self->run(@arguments);
        $rotated = time if "@arguments" =~ /^token rotate/;
    }
    # An overlap of one second is over.
    sleep 0.1 while time < $rotated + 2;
    return $self;
}

sub path ($self) { return $self->{cli}->store }

# Runs the command and returns its standard output; dies unless it exits with 0.
sub run ($self, @arguments) { return $self->{cli}->ok(@arguments) }

# Runs `token create …` or `token rotate …` and keeps the secret under `key`: issue('key', 'token', 'create',
# 'shop', 'name', '--full-access', …). Returns the secret.
sub issue ($self, $key, @command) {
    my $secret = $self->run(@command);
    chomp $secret;
    my $service = "@command" =~ /--service whm/ ? 'whm' : 'cpanel';
    $self->{tokens}{$key} = {account => $command[2], name => $command[3], service => $service, secret => $secret};
    return $secret;
}

sub create_token_as ($self, $key, @options) { return $self->issue($key, 'token', 'create', @options) }

# The same, with the name as key.
sub create_token ($self, $account, $name, @options) {
    return $self->create_token_as($name, $account, $name, @options);
}

# {account, name, service, secret} of a token.
sub token ($self, $key) { return $self->{tokens}{$key} // die "no token $key" }
sub secret ($self, $key) { return $self->token($key)->{secret} }

# `text` with each {key} replaced by that token's secret, and {base64:…} by the base64 of what it holds.
sub expand ($self, $text) {
    return undef unless defined $text;
    $text =~ s/\{([a-z][a-z0-9-]*)\}/$self->secret($1)/ge;
    $text =~ s/\{base64:([^}]*)\}/encode_base64($1, '')/ge;
    return $text;
}

1;
