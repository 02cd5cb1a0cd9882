# A legacy backend: answers every request with JSON that says what it received, and notes it in a file.
# Speaks HTTP, FastCGI or uwsgi. What it received:
#   {protocol, method, target, headers: [[name, value], …] in order and as they came, body}
# For FastCGI and uwsgi `headers` are all parameters (REQUEST_METHOD, HTTP_HOST, …). Bytes are U+0000 to U+00FF.
package Tokengate::Backend;

use v5.36;
use IO::Handle;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();

my %kServe = (http => \&_serve_http, fastcgi => \&_serve_fastcgi, uwsgi => \&_serve_uwsgi);

sub new ($class, $protocol, $folder) {
    my $listener = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp')
        or die "backend cannot listen: $!";
    my $self = bless {
        protocol => $protocol,
        port     => $listener->sockport,
        log      => "$folder/backend-$protocol.log",
        read_to  => 0,
        owner    => $$,
    }, $class;
    open my $create, '>', $self->{log} or die "$self->{log}: $!";
    CORE::close $create;
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        POSIX::setpgid(0, 0);
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = $SIG{INT} = 'DEFAULT';
        _accept_loop($self, $listener);
        POSIX::_exit(0);
    }
    POSIX::setpgid($pid, $pid);
    $self->{pid} = $pid;
    return $self;
}

sub port ($self) { return $self->{port} }

# What was received since the last call, oldest first.
sub seen ($self) {
    open my $log, '<:raw', $self->{log} or die "$self->{log}: $!";
    seek $log, $self->{read_to}, 0;
    my @seen = map { JSON::PP->new->decode($_) } <$log>;
    $self->{read_to} = tell $log;
    return @seen;
}

# From here on each answer ends in the middle. HTTP only.
sub cut_answers ($self) {
    open my $flag, '>', "$self->{log}.cut" or die "$self->{log}.cut: $!";
    return;
}

sub stop ($self) {
    return unless $self->{pid} && $self->{owner} == $$;
    kill 'KILL', -$self->{pid};
    waitpid $self->{pid}, 0;
    delete $self->{pid};
    return;
}

sub DESTROY ($self) {
    local ($?, $!, $@);
    $self->stop;
    return;
}

sub _accept_loop ($self, $listener) {
    while (1) {
        my $client = $listener->accept or next;
        my $pid    = fork;
        if (defined $pid && !$pid) {
            $listener->close;
            binmode $client;
            $client->autoflush(1);
            eval { $kServe{$self->{protocol}}->($self, $client); 1 } or print STDERR "backend: $@";
            POSIX::_exit(0);
        }
        $client->close;
    }
    return;
}

# Notes what was received and returns it as JSON.
sub _note ($self, %received) {
    my $json = JSON::PP->new->ascii->canonical->encode({protocol => $self->{protocol}, %received});
    open my $log, '>>:raw', $self->{log} or die "$self->{log}: $!";
    syswrite $log, "$json\n";
    return $json;
}

sub _read_exactly ($client, $count) {
    my $bytes = '';
    while (length $bytes < $count) {
        read $client, $bytes, $count - length $bytes, length $bytes or die "the request ends early\n";
    }
    return $bytes;
}

sub _serve_http ($self, $client) {
    my $line = <$client> // return;
    my ($method, $target) = $line =~ /\A(\S+) (\S+)/ or die "not a request line: $line";
    my @headers;
    while (defined(my $header = <$client>)) {
        $header =~ s/\r?\n\z//;
        last if $header eq '';
        push @headers, [$header =~ /\A([^:]*):[ \t]*(.*)\z/s];
    }
    my %last = map { (lc $_->[0], $_->[1]) } @headers;
    print $client "HTTP/1.1 100 Continue\r\n\r\n" if ($last{expect} // '') =~ /100-continue/i;
    my $body = '';
    if (($last{'transfer-encoding'} // '') =~ /chunked/i) {
        while (1) {
            my ($size) = map { hex } (<$client> // die "the request ends early\n") =~ /\A([0-9a-f]+)/i;
            $body .= _read_exactly($client, $size);
            <$client>;
            last unless $size;
        }
    } elsif ($last{'content-length'}) {
        $body = _read_exactly($client, $last{'content-length'});
    }
    my $json   = $self->_note(method => $method, target => $target, headers => \@headers, body => $body);
    my $length = length $json;
    $json = substr $json, 0, $length / 2 if -e "$self->{log}.cut";
    print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: $length\r\n",
        "Connection: close\r\n\r\n", $method eq 'HEAD' ? '' : $json;
    return;
}

sub _note_parameters ($self, $parameters, $body) {
    my %value = map { ($_->[0], $_->[1]) } @$parameters;
    return $self->_note(
        method  => $value{REQUEST_METHOD},
        target  => $value{REQUEST_URI},
        headers => $parameters,
        body    => $body);
}

sub _serve_uwsgi ($self, $client) {
    my (undef, $size) = unpack 'CvC', _read_exactly($client, 4);
    my $block = _read_exactly($client, $size);
    my @parameters;
    while (length $block) {
        my ($name, $value) = unpack 'v/a v/a', $block;
        substr $block, 0, 4 + length($name) + length($value), '';
        push @parameters, [$name, $value];
    }
    my %value = map { ($_->[0], $_->[1]) } @parameters;
    my $body  = $value{CONTENT_LENGTH} ? _read_exactly($client, $value{CONTENT_LENGTH}) : '';
    my $json  = $self->_note_parameters(\@parameters, $body);
    print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", $json;
    return;
}

# FastCGI 1.0: sections 3.3 (records) and 3.4 (name-value pairs).
sub _serve_fastcgi ($self, $client) {
    my ($parameter_block, $body, $id) = ('', '', 1);
    while (1) {
        my (undef, $type, $request, $length, $padding) = unpack 'CCnnCx', _read_exactly($client, 8);
        my $content = _read_exactly($client, $length);
        _read_exactly($client, $padding) if $padding;
        $id = $request;
        if    ($type == 4) { $parameter_block .= $content }
        elsif ($type == 5) { last unless $length; $body .= $content }
    }
    my @parameters;
    while (length $parameter_block) {
        my @length;
        for (1, 2) {
            my $size = unpack 'C', $parameter_block;
            if ($size < 128) { substr $parameter_block, 0, 1, '' }
            else             { $size = unpack('N', substr $parameter_block, 0, 4, '') & 0x7fffffff }
            push @length, $size;
        }
        push @parameters, [map { substr $parameter_block, 0, $_, '' } @length];
    }
    my $output = "Status: 200 OK\r\nContent-Type: application/json\r\n\r\n"
        . $self->_note_parameters(\@parameters, $body);
    while (length $output) {
        my $piece = substr $output, 0, 32768, '';
        print $client pack('CCnnCx', 1, 6, $id, length $piece, 0), $piece;
    }
    print $client pack('CCnnCx', 1, 6, $id, 0, 0), pack('CCnnCx NCx3', 1, 3, $id, 8, 0, 0, 0);
    return;
}

1;
