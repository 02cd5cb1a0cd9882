# Runs the same cases against every server that is built, and checks what is true of every answer.
package Tokengate::Cases;

use v5.36;
use Exporter qw(import);
use JSON::PP;
use Test::More;
use Tokengate::Apache;
use Tokengate::Nginx;
use Tokengate::Store;

our @EXPORT = qw(each_server server_classes check_granted check_refused identity_seen);

my %kClass = (nginx => 'Tokengate::Nginx', apache => 'Tokengate::Apache');

# The servers to test: those of TOKENGATE_SERVERS, without the ones whose module is not built.
sub server_classes () {
    return grep { $_->is_available } map { $kClass{$_} // die "TOKENGATE_SERVERS: no server \"$_\"" }
        split ' ', $ENV{TOKENGATE_SERVERS} // 'nginx apache';
}

# Calls `test` with each server, started with `config`; stops it afterwards. Ends the plan.
sub each_server ($config, $test) {
    my @classes = server_classes();
    my @nothing = (skip_all => 'no server module is built');
    plan @nothing if !@classes && !Test::More->builder->current_test;
    subtest servers => sub { plan @nothing } unless @classes;
    for my $class (@classes) {
        subtest $class->name => sub {
            my $server = $class->new(ref $config eq 'CODE' ? $config->($class) : %$config)->start;
            $test->($server);
            $server->stop;
        };
    }
    done_testing;
    return;
}

# The identity headers that a backend received: {user, service, token, id, serial, other}, each a list of values; `other`
# is the default name of the user's header where it has another. Takes FastCGI and uwsgi parameters too. Any
# spelling that a lax backend could take for one of them counts.
sub identity_seen ($seen, $user_header = 'X-Tokengate-User') {
    my %identity = (user => [], service => [], token => [], id => [], serial => [], other => []);
    my %name     = (
        'x-tokengate-user'          => 'other',
        'x-tokengate-service'       => 'service',
        'x-tokengate-token'         => 'token',
        'x-tokengate-token-id'      => 'id',
        'x-tokengate-secret-serial' => 'serial',
        fold($user_header)          => 'user');
    for (@{$seen->{headers}}) {
        my ($name, $value) = @$_;
        $name =~ s/\AHTTP_// if $seen->{protocol} ne 'http';
        my $kind = $name{fold($name)} // next;
        push @{$identity{$kind}}, $value;
    }
    return \%identity;
}

sub fold ($name) { return lc($name) =~ s/[^a-z0-9]/-/gr }

# One line for diagnostics.
sub _show ($response) {
    return 'no answer' unless $response;
    return join ' ', $response->status, ($response->header('X-Test-Outcome') // '-'), $response->body;
}

# The answer is the backend's, which saw the caller and no token. `want`: user, token, service, target, body,
# passes_authorization, secret.
sub check_granted ($name, $server, $response, %want) {
    my @seen = $server->backend->seen;
    my @problems;
    push @problems, 'the status is ' . ($response ? $response->status : 'missing') unless $response && $response->status == 200;
    push @problems, 'the backend saw ' . @seen . ' requests' unless @seen == 1;
    my $outcome = $response && $response->header('X-Test-Outcome');
    push @problems, 'the outcome is ' . ($outcome // 'missing') unless ($outcome // '') eq 'granted';
    if (my $seen = $seen[0]) {
        my $identity = identity_seen($seen, $want{user_header} // 'X-Tokengate-User');
        for my $kind (qw(user service token)) {
            next unless defined $want{$kind};
            push @problems, "the backend saw $kind [@{$identity->{$kind}}], not [$want{$kind}]"
                unless "@{$identity->{$kind}}" eq $want{$kind} && @{$identity->{$kind}} == 1;
        }
        for my $kind (qw(id serial)) {
            push @problems, "the backend saw $kind [@{$identity->{$kind}}], not one number"
                unless "@{$identity->{$kind}}" =~ /\A[1-9][0-9]*\z/;
        }
        push @problems, 'the backend saw another user header' if @{$identity->{other}};
        push @problems, "the backend saw the target $seen->{target}"
            if defined $want{target} && $seen->{target} ne $want{target};
        push @problems, "the backend saw another body" if defined $want{body} && $seen->{body} ne $want{body};
        my $all = encode_json($seen);
        push @problems, 'the token reached the backend'
            if defined $want{secret} && !$want{passes_authorization} && index($all, $want{secret}) >= 0;
        my $has = grep { fold($_->[0]) =~ /\A(?:http-)?authorization\z/ } @{$seen->{headers}};
        push @problems, 'the backend saw ' . ($has ? '' : 'no ') . 'Authorization' if !!$has != !!$want{passes_authorization};
    }
    ok(!@problems, $name) or diag(join "\n", @problems, _show($response));
    return $seen[0];
}

# The request was refused with this outcome, and the backend saw nothing. `want`: status, body, type.
sub check_refused ($name, $server, $response, $outcome, %want) {
    my @seen   = $server->backend->seen;
    my $status = $response ? $response->status : 'missing';
    my @problems;
    push @problems, 'the backend saw the request' if @seen;
    push @problems, "the status is $status, not $want{status}" if defined $want{status} && $status ne $want{status};
    my $told = $response && $response->header('X-Test-Outcome');
    push @problems, 'the outcome is ' . ($told // 'missing') . ", not $outcome" unless ($told // '') eq $outcome;
    if ($response) {
        my @challenges = $response->all('WWW-Authenticate');
        push @problems, @challenges . ' challenges' if @challenges != ($status eq '401' ? 1 : 0);
        push @problems, "the challenge is @challenges, not $want{challenge}"
            if defined $want{challenge} && "@challenges" ne $want{challenge};
        push @problems, 'the body is ' . $response->body . ", not $want{body}"
            if defined $want{body} && $response->body ne $want{body};
        my $type = $response->header('Content-Type') // 'missing';
        push @problems, "the type is $type, not $want{type}" if defined $want{type} && $type ne $want{type};
    }
    ok(!@problems, $name) or diag(join "\n", @problems, _show($response));
    return;
}

1;
