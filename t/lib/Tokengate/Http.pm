# A client that sends exactly the bytes it is given and keeps every byte that comes back.
package Tokengate::Http;

use v5.36;
use IO::Select;
use IO::Socket::INET;

# How long to wait for a server that has stopped answering. Only a hang reaches it.
use constant kHangSeconds => 60;

sub connect ($class, $port) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp')
        or die "cannot connect to 127.0.0.1:$port: $!";
    return $class->over($socket);
}

# On a connection that stands already.
sub over ($class, $socket) {
    $socket->autoflush(1);
    return bless {socket => $socket, buffer => '', ended => 0}, $class;
}

# The bytes of a request. `headers` are whole lines without their CRLF, sent in order and as they stand.
# Options: version (default 1.1), body, chunked (a list of chunk sizes, or 1 for one chunk).
sub request_bytes ($request, $headers, %option) {
    my $version = $option{version} // '1.1';
    my @lines   = ("$request HTTP/$version", @$headers);
    my $body    = $option{body};
    if ($option{chunked}) {
        push @lines, 'Transfer-Encoding: chunked';
        my @sizes = ref $option{chunked} eq 'ARRAY' ? @{$option{chunked}} : (length($body) || 1);
        my ($rest, $chunks) = ($body, '');
        while (length $rest) {
            my $piece = substr $rest, 0, (shift @sizes // length $rest), '';
            $chunks .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
        }
        $body = "${chunks}0\r\n\r\n";
    } elsif (defined $body) {
        push @lines, 'Content-Length: ' . length $body;
    }
    return join("\r\n", @lines) . "\r\n\r\n" . ($body // '');
}

sub send ($self, $bytes) {
    # A server may refuse and close before it has read everything; the answer still counts.
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;
    while ($at < length $bytes) {
        my $sent = $self->{socket}->syswrite($bytes, length($bytes) - $at, $at);
        last unless defined $sent;
        $at += $sent;
    }
    return $self;
}

# No more bytes will be sent; the server may still answer.
sub finish_sending ($self) { shutdown $self->{socket}, 1; return $self }

sub close ($self) { $self->{socket}->close; return }

# Reads more bytes; false at the end of the connection.
sub _more ($self) {
    return 0 if $self->{ended};
    IO::Select->new($self->{socket})->can_read(kHangSeconds) or die "no answer within @{[kHangSeconds]} s";
    my $count = $self->{socket}->sysread(my $piece, 65536);
    if (!$count) {
        $self->{ended} = 1;
        return 0;
    }
    $self->{buffer} .= $piece;
    return 1;
}

sub _take ($self, $count) {
    while (length $self->{buffer} < $count) { $self->_more or last }
    return substr $self->{buffer}, 0, $count, '';
}

sub _take_line ($self) {
    while ($self->{buffer} !~ /\n/) { $self->_more or last }
    return $self->{buffer} =~ s/\A([^\n]*)\n// ? $1 =~ s/\r\z//r : undef;
}

# Everything until the server closes.
sub rest ($self) {
    1 while $self->_more;
    return substr $self->{buffer}, 0, length $self->{buffer}, '';
}

# Waits for the server to say "100 Continue", so that it has judged the head of a request with that expectation.
sub await_continue ($self) {
    my $status_line = $self->_take_line // return 0;
    1 while length($self->_take_line // '');
    return $status_line =~ m{\AHTTP/1\.1 100\b} ? 1 : 0;
}

# The next response, or undef if the server closed without one. `method` is the request's: HEAD has no body.
sub response ($self, $method = 'GET') {
    my $status_line;
    my @headers;
    while (1) {
        # HTTP/0.9 answers with the bare body.
        $self->_more while !$self->{ended} && length $self->{buffer} < 5;
        return undef if $self->{buffer} eq '';
        return Tokengate::Http::Response->new(0, [], $self->rest) if $self->{buffer} !~ m{\AHTTP/};
        $status_line = $self->_take_line // return undef;
        @headers     = ();
        while (defined(my $line = $self->_take_line)) {
            last if $line eq '';
            push @headers, [split /:[ \t]*/, $line, 2];
        }
        # An interim response (100 Continue) precedes the real one.
        last unless $status_line =~ m{\AHTTP/\S+ 1\d\d};
    }
    my ($status) = $status_line =~ m{\AHTTP/\S+ (\d+)};
    my $response = Tokengate::Http::Response->new($status, \@headers, '');
    return $response if $method eq 'HEAD' || $status == 204 || $status == 304;
    if (lc($response->header('Transfer-Encoding') // '') eq 'chunked') {
        while (my $size = hex($self->_take_line // 0)) {
            $response->{body} .= $self->_take($size);
            $self->_take_line;
        }
        while (length($self->_take_line // '')) { }
    } elsif (defined(my $length = $response->header('Content-Length'))) {
        $response->{body} = $self->_take($length);
    } else {
        $response->{body} = $self->rest;
    }
    return $response;
}

package Tokengate::Http::Response;

sub new ($class, $status, $headers, $body) {
    return bless {status => $status, headers => $headers, body => $body}, $class;
}
sub status ($self) { return $self->{status} }
sub body   ($self) { return $self->{body} }

# All values of a header, in order.
sub all ($self, $name) {
    return map { $_->[1] // '' } grep { lc $_->[0] eq lc $name } @{$self->{headers}};
}

# The value of a header, joined with ", " if it stands several times; undef if it does not.
sub header ($self, $name) {
    my @values = $self->all($name);
    return @values ? join(', ', @values) : undef;
}

1;
