# Reads t/vectors/ and turns a vector into a request for a server and one for the core alone.
package Tokengate::Vectors;

use v5.36;
use JSON::PP;
use Tokengate::Server;

my $kFolder = "$Tokengate::Server::kRoot/t/vectors";

# Statuses of the standard style; the design's table.
my %kStatus = (
    store_unavailable     => 503,
    no_credentials        => 401,
    malformed_credentials => 401,
    insecure_transport    => 403,
    unknown_token         => 401,
    not_yet_valid         => 401,
    expired               => 401,
    account_suspended     => 403,
    tokens_disabled       => 403,
    address_denied        => 403,
    bad_route             => 400,
    api_refused           => 403,
    acl_denied            => 403,
    target_denied         => 403);

sub outcomes () { return ('granted', sort keys %kStatus) }
sub status_of ($outcome) { return $kStatus{$outcome} // 200 }

sub _load ($name) {
    open my $file, '<:raw', "$kFolder/$name" or die "$kFolder/$name: $!";
    local $/;
    return JSON::PP->new->decode(<$file>);
}

sub topics () {
    return grep { $_ ne 'sites' } map { m{([^/]+)\.json\z} } sort glob "$kFolder/*.json";
}

sub _entry ($name) { return "/through/$name" }

# The virtual hosts as Server.pm takes them, the default one first, with the locations that vectors come through.
sub sites () {
    my $sites = _load('sites.json');
    my %entries;
    for my $more (map { $_->[4] // {} } map { @{_load("$_.json")} } topics()) {
        $entries{$more->{site} // 'cpanel'}{$more->{through}} = 1 if defined $more->{through};
    }
    return map {
        my @names = sort keys %{$entries{$_}};
        $_ => {
            tokengate => 'on',
            %{$sites->{$_}},
            locations => [map { _entry($_) . '/' => {%{$sites->{$_}}, upstream => 'redirect'} } @names]};
    } 'cpanel', sort grep { $_ ne 'cpanel' } keys %$sites;
}

# The vectors of a topic with all that a vector may leave out filled in and the secrets of `store` put in.
sub of_topic ($topic, $store) {
    my $sites = _load('sites.json');
    my @vectors;
    for my $row (@{_load("$topic.json")}) {
        my ($outcome, $name, $request, $authorization, $more) = @$row;
        my %vector = (site => 'cpanel', client => '127.0.0.1', %{$more // {}});
        $vector{settings} = $sites->{$vector{site}} // die "$name: no site $vector{site}";
        $vector{entry} = _entry($vector{through}) if defined $vector{through};
        my ($key) = map { /\{([a-z][a-z0-9-]*)\}/ } grep { defined } $authorization, @{$vector{headers} // []};
        @vector{qw(topic name outcome key)} = ($topic, $name, $outcome, $key);
        @vector{qw(method target)} = map { $store->expand($_) } split / /, $request, 2;
        my @headers;
        push @headers, "Authorization: $authorization"     if defined $authorization;
        push @headers, "Content-Type: $vector{type}"       if defined $vector{type};
        push @headers, "X-Test-Client: $vector{client}"    if $vector{client} ne '127.0.0.1';
        $vector{headers} = [map { $store->expand($_) } @headers, @{$vector{headers} // []}];
        if (defined $vector{body}) {
            $vector{body} .= $vector{repeat}[0] x $vector{repeat}[1] if $vector{repeat};
            $vector{body} .= $vector{tail} if defined $vector{tail};
        }
        $vector{status} //= status_of($outcome);
        push @vectors, \%vector;
    }
    return @vectors;
}

# The bytes that a client sends.
sub request_bytes ($vector) {
    return Tokengate::Http::request_bytes(
        "$vector->{method} " . ($vector->{entry} // '') . $vector->{target},
        ["Host: $vector->{site}", @{$vector->{headers}}, 'Connection: close'],
        version => $vector->{version},
        body    => $vector->{body},
        chunked => $vector->{chunked});
}

# Of the settings of a location, what the core is told.
sub _core_rules ($settings) {
    my %rules = map { $_ => $settings->{$_} } grep { defined $settings->{$_} } qw(service plain_http schemes require refusals realm);
    $rules{key_header} = JSON::PP::true if defined $settings->{header};
    return %rules;
}

# The same for tests/vectors.cpp.
sub core_request ($vector) {
    my %settings = %{$vector->{settings}};
    my %core     = _core_rules(\%settings);
    if (defined $vector->{through}) {
        %settings = (%settings, %{_load('sites.json')->{$vector->{through}}});
        $core{through} = {_core_rules(\%settings), target => $vector->{entry} . $vector->{target}};
    }
    $core{max_body} = $settings{max_body} + 0 if defined $settings{max_body};
    @core{qw(method target body client)} = @$vector{qw(method target body client)};
    $core{target} =~ s{\Ahttps?://[^/?]*}{};
    for (@{$vector->{headers}}) {
        my ($name, $value) = /\A([^:]*):[ \t]*(.*?)[ \t]*\z/s;
        push @{$core{authorization}}, $value if lc $name eq 'authorization';
        push @{$core{content_type}},  $value if lc $name eq 'content-type';
        push @{$core{keys}}, $value if defined $settings{header} && lc $name eq lc $settings{header};
        $core{content_encoded} = JSON::PP::true if lc $name eq 'content-encoding';
        $core{names_another_call} = JSON::PP::true if $name =~ /\A(?:destination|x.(?:http.)?method.override|x.http.method)\z/i;
        $core{length_and_chunked} = JSON::PP::true if lc $name eq 'content-length' && $vector->{chunked};
    }
    return JSON::PP->new->ascii->encode(\%core);
}

# What is wrong with the core's answer to a vector.
sub problems ($vector, $answer) {
    my $refused = $vector->{outcome} ne 'granted';
    my @problems;
    push @problems, "outcome $answer->{outcome}, not $vector->{outcome}" if $answer->{outcome} ne $vector->{outcome};
    push @problems, "status @{[$answer->{status} // 'none']}, not $vector->{status}"
        if $refused && ($answer->{status} // '') ne $vector->{status};
    for my $field (qw(route acl)) {
        push @problems, "$field \"$answer->{$field}\", not \"$vector->{$field}\""
            if defined $vector->{$field} && $answer->{$field} ne $vector->{$field};
    }
    push @problems, "body $answer->{body}" if defined $vector->{answer} && $answer->{body} ne $vector->{answer};
    return @problems;
}

1;
