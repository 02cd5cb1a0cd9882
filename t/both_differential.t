# Thousands of requests that try to call one thing and be judged for another, sent raw through real servers: whatever
# lax backends would make of what reached them (tests/lax_backend.h) must be what was judged, and what the token may.
# A quarter goes by HTTP/2, from curl, which sends any target and body as they are.
#
# TOKENGATE_DIFFERENTIAL_REQUESTS says how many for each server (default 1600), TOKENGATE_DIFFERENTIAL_SEED begins
# another series.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use List::Util 'pairs';
use Test::More;
use Tokengate::Cases;
use Tokengate::Http;

my $models = Tokengate::Server::build_folder() . '/tests/lax_backends';
plan skip_all => 'tests/lax_backends is not built' unless -x $models;

my $count = $ENV{TOKENGATE_DIFFERENTIAL_REQUESTS} // 1600;
my $seed  = $ENV{TOKENGATE_DIFFERENTIAL_SEED}     // 1;
my $store = Tokengate::Store->standard;

# What the tokens may call, whatever the request says.
my %kMay = (
    cpanel => qr{\A(?:uapi\ (?:Email\ [a-z_]+|Batch\ strict) | api2\ Email\ listpops | http\ GET\ /v1/mail/[^/]+
        | http\ [A-Z]+\ /through/.*)\z}xs,
    whm => qr{\A(?:whm1\ (?:listaccts|360Monitoring/status|cpanel|uapi_cpanel|batch)
        | (?:uapi\ (?:Email|Ftp|Stats|Batch)\ \w+|api2\ (?:Email|ZoneEdit)\ \w+)\ for\ (?:shop|reseller))\z}x);
my %kToken = (cpanel => 'cpanel shop:' . $store->secret('email'), whm => 'whm reseller:' . $store->secret('whm-api'));

# ---- The generator. Its numbers are its own, so that a seed means the same everywhere.

my $state;
sub seed_with ($number) { $state = ($number * 2654435761 + 1) & 0xffffffff; return }

sub below ($limit) {
    $state = ($state * 1664525 + 1013904223) & 0xffffffff;
    return ($state >> 8) % $limit;
}
sub one_in ($number) { return below($number) == 0 }
sub pick   (@from)   { return $from[below(scalar @from)] }

sub encoded ($text, $share = 0) {
    return join '', map { !/[A-Za-z0-9_.-]/ || ($share && one_in($share)) ? sprintf '%%%02X', ord : $_ } split //, $text;
}
sub form (@pairs) { return join '&', map { encoded($_->[0], one_in(6) ? 5 : 0) . '=' . encoded($_->[1], one_in(6) ? 5 : 0) } @pairs }
sub quote ($text) { return '"' . $text =~ s/(["\\])/\\$1/gr . '"' }

sub json (@pairs) {
    return '{' . join(',', map { quote($_->[0]) . ':' . ($_->[1] =~ /\A\d\z/ && one_in(2) ? $_->[1] : quote($_->[1])) } @pairs) . '}';
}

sub multipart (@pairs) {
    return join('', map {"--b\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n"} @pairs) . "--b--\r\n";
}

# Spellings that some backend takes for `name`.
sub lookalike ($name) {
    return pick(
        uc $name, ucfirst $name, "$name\[]", "$name\[0]", "$name\0x", " $name", "$name ", $name =~ s/_/-/gr, $name =~ s/_/./gr,
        $name =~ s/_/ /gr, $name =~ s/_/[/r, "$name]", encoded($name, 3), $name =~ s/\./_/gr);
}

my @kCalled = (['Email', 'list_pops'], ['Email', 'add_pop'], ['Email', 'listpops']);
my @kWanted = (['Ftp', 'add_ftp'], ['Mystery', 'open_box'], ['Cron', 'add_line'], ['Batch', 'strict']);
my @kAlien  = ('createacct', 'removeacct', 'secret_function', 'api_token_create');

# [path, pairs, whether they choose the call, a parameter that does, another value for it]
sub panel_call ($service) {
    my $xml    = one_in(5) ? 'xml' : 'json';
    my $prefix = "cpanel_${xml}api_";
    my ($module, $function) = @{pick(@kCalled)};
    my @pairs = ([$prefix . 'module', $module], [$prefix . 'func', $function]);
    push @pairs, [$prefix . 'apiversion', $function eq 'listpops' ? 2 : 3] if $function ne 'listpops' || one_in(2);
    push @pairs, [$prefix . 'user', 'shop'] if $service eq 'whm';
    my $choice = pick(['module', 'Ftp'], ['func', 'add_ftp'], ['apiversion', '1'], ['user', 'root']);
    return ["/$xml-api/cpanel", \@pairs, 1, $prefix . $choice->[0], $choice->[1]];
}

sub strict_command ($call) { return '["' . $call->[0] . '","' . $call->[1] . '"' . pick('', ',{}', ',{"a":"b"}') . ']' }

sub any_call ($service) {
    if ($service eq 'cpanel') {
        my $kind = below(4);
        return panel_call($service) if $kind == 0;
        return [pick('/v1/mail/7', '/through/a/b', '/v1/mail/a%20b'), [], 0, '', ''] if $kind == 1;
        if ($kind == 2) {
            my @pairs = map { ['command', strict_command(pick(@kCalled))] } 0 .. below(2);
            return ['/execute/Batch/strict', \@pairs, 1, 'command', strict_command(pick(@kWanted))];
        }
        my $call = pick(@kCalled);
        return ["/execute/$call->[0]/$call->[1]", [], 0, '', ''];
    }
    my $kind = below(5);
    return panel_call($service) if $kind == 0;
    return [pick('/json-api/listaccts', '/xml-api/listaccts', '/json-api/360Monitoring/status'), [], 0, '', ''] if $kind == 1;
    if ($kind == 2) {
        my @pairs = map { [pick('command', "command-$_"), pick('listaccts', '360Monitoring/status', 'listaccts?api.version=1')] } 0 .. below(3);
        return ['/json-api/batch', \@pairs, 1, pick('command', 'command-0'), pick(@kAlien)];
    }
    my ($module, $function) = @{pick(@kCalled, ['Ftp', 'list_ftp'])};
    my $choice = pick(['module', 'Mystery'], ['function', 'secret'], ['user', 'root']);
    return [
        '/json-api/uapi_cpanel', [['cpanel.module', $module], ['cpanel.function', $function], ['cpanel.user', 'shop']],
        1, "cpanel.$choice->[0]", $choice->[1]];
}

# What leads somewhere else, if the path is read in some other way.
sub spoiled_path ($path) {
    my $other  = pick('Ftp/add_ftp', 'json-api/createacct', 'execute/Ftp/add_ftp', 'v1/admin/x');
    my $dots   = pick('..', '%2e%2e', '.%2e', '..%00', '.. ', '..;x', '..%20', '%252e%252e');
    my $slash  = pick('/', '%2f', '%2F', '\\', '%5c', '//', '%252f');
    my @choice = (
        sub { return $path . "/$dots$slash$other" },
        sub { return $path . ("/$dots" x (1 + below(3))) . "$slash$other" },
        sub { return "/$other$slash$dots$slash$dots$path" },
        sub { return $path =~ s{/([^/]*)\z}{/./$1}r },
        sub { return $path =~ s{/([^/]*)\z}{$slash$1}r },
        sub { return $path . pick(';', ';x=1', '%3b', '%3Bx') . pick('', "/$other") },
        sub { return $path =~ s{([a-z])}{sprintf '%%%02x', ord $1}er },
        sub { return $path =~ s{/(\w)}{"/" . uc $1}er },
        sub { return $path . pick('%00', '%0a', '%20', '.', '%2e', ' ', '%23', '%3f', '#', '?') . pick('', $other) },
        sub { return $path . pick('%c0%ae%c0%ae/', '%ff', '%ef%bc%8f', "\xe2\x81\x84") . $other },
        sub { return "/cpsess1$slash$other$path" },
        sub { return "http://$other$path" },
        sub { return substr $path, 1 });
    return pick(@choice)->();
}

# One more way to name the other value. `place`: query, body, and the type of the body.
sub spoil ($request, $name, $other) {
    my $extra = [$name, $other];
    my @choice = (
        sub { $request->{query} .= '&' . form($extra) },
        sub { $request->{query} = form($extra) . '&' . $request->{query} },
        sub { $request->{query} .= '&' . lookalike($name) =~ s/([^\w.\[\]%-])/sprintf '%%%02X', ord $1/ger . '=' . encoded($other) },
        sub { $request->{query} .= pick(';', '&a=b;', '%26', '&a=b%26', '#', '&#') . form($extra) },
        sub { $request->{query} .= '&' . encoded($name, 2) =~ s/%/%25/gr . '=' . encoded($other) },
        sub { $request->{body} = join '&', grep {length} $request->{body}, form($extra) },
        sub { $request->{body} = join '&', grep {length} $request->{body}, lookalike($name) . '=' . $other },
        sub { $request->{body} = $request->{body} . pick(';', "\n", "\r\n&", '&a=b;') . form($extra) },
        sub { $request->{body} = json($extra) },
        sub { $request->{body} = json(['a', 'b'], [lookalike($name) =~ s/\0/\\u0000/r, $other]) },
        sub { $request->{body} = multipart($extra); $request->{type} = 'multipart/form-data; boundary=b' if one_in(2) },
        sub { $request->{body} = multipart(['a', $name], [lookalike($name) =~ s/\0//r, $other]); $request->{type} = 'multipart/form-data; boundary=b' },
        sub { $request->{body} = "\xef\xbb\xbf" . form($extra) },
        sub { $request->{body} = join '', map {"$_\0"} split //, form($extra); $request->{type} .= '; charset=utf-16' },
        sub { push @{$request->{headers}}, 'Content-Encoding: gzip'; $request->{body} = form($extra) },
        sub { $request->{body} =~ s/\}\s*\z/',' . quote($name) . ':' . quote($other) . '}'/e or $request->{body} = json($extra, $extra) },
        sub { $request->{body} = json(['cpanel', $name]) =~ s/"\Q$name\E"/json([$name =~ s{.*[._]}{}r, $other])/er });
    pick(@choice)->();
    return;
}

my @kTypes = ('', 'application/x-www-form-urlencoded', 'application/octet-stream', 'text/plain', 'application/json',
    'application/json; charset=utf-8');

sub any_request ($service) {
    my ($path, $pairs, $chosen, $name, $other) = @{any_call($service)};
    my $method  = $path =~ /\A\/v1/ ? 'GET' : pick(qw(GET POST POST));
    my $request = {method => $method, path => $path, query => '', body => '', type => '', headers => []};
    my @pairs = @$pairs;
    splice @pairs, below(@pairs + 1), 0, ['domain', 'a.example'] if one_in(3);
    my $place = $chosen ? below(4) : 0;
    if ($place == 3) {
        my %seen;
        $request->{body} = json(grep { !$seen{$_->[0]}++ } @pairs);
        $request->{type} = pick(@kTypes);
    } else {
        my $in_query = $place == 0 ? @pairs : $place == 1 ? 0 : below(@pairs + 1);
        $request->{query} = form(splice @pairs, 0, $in_query);
        $request->{body}  = form(@pairs);
        $request->{type}  = pick(@kTypes[0 .. 3]);
    }
    $request->{path} = "/cpsess0123456789$request->{path}" if $path =~ /api|execute/ && one_in(8);
    $request->{path} = "/$request->{path}"                  if $path =~ /api|execute/ && one_in(10);
    $request->{path} .= '/'                                 if $path =~ /api|execute/ && one_in(10);
    return $request if one_in(2);
    if (!$chosen || one_in(4)) {
        $request->{path} = spoiled_path($request->{path});
    } else {
        spoil($request, $name, $other) for 0 .. below(8) == 0;
    }
    return $request;
}

# A request as it goes to a site: target, header lines, and how large the chunks of its body are, if it comes in such.
sub addressed ($request, $site, $number) {
    $request->{target} = $request->{path} . (length $request->{query} || one_in(9) ? "?$request->{query}" : '');
    $request->{lines} = ["Host: $site", "Authorization: $request->{authorization}", "X-Case: $number", @{$request->{headers}}];
    push @{$request->{lines}}, "Content-Type: $request->{type}" if length $request->{type};
    $request->{chunk} = length $request->{body} && one_in(5) ? 1 + below(20) : 0;
    return $request;
}

sub bytes_of ($request) {
    return Tokengate::Http::request_bytes(
        "$request->{method} $request->{target}", $request->{lines},
        body => length $request->{body} ? $request->{body} : undef,
        $request->{chunk} ? (chunked => [$request->{chunk}]) : ());
}

# What curl reads. This version fails where it takes up an HTTP/2 connection again that it was told to begin, so each
# request goes to a host of its own name.
sub curl_text ($server, @requests) {
    my $text = "stderr = /dev/null\n";  # a server may well say that a request breaks the protocol
    for my $request (@requests) {
        my @lines = @{$request->{lines}};
        my @options = (
            url => "http://case-$request->{number}/", 'connect-to' => '::127.0.0.1:' . $server->h2_port,
            request => $request->{method}, 'request-target' => $request->{target});
        if (length $request->{body}) {
            push @options, 'data-binary' => '@' . $server->write_file("body-$request->{number}", $request->{body});
            push @lines, 'Content-Type:' if !length $request->{type};
            push @lines, 'Content-Length:' if $request->{chunk};
        }
        push @options, map { (header => $_) } @lines;
        push @options, output => '/dev/null', 'write-out' => '%header{X-Test-Outcome}\t%{http_code}\t%header{X-Test-Route}\n';
        $text .= "http2-prior-knowledge\n" . join '', map {"$_->[0] = " . quote($_->[1]) . "\n"} pairs(@options);
        $text .= "next\n";
    }
    return $text =~ s/next\n\z//r;
}

# ---- Sending and comparing

# Each way of handing the path on, for both services.
my %site;
for my $service (qw(cpanel whm)) {
    my %common = (tokengate => 'on', service => $service);
    $site{"$service-raw"}      = {%common};
    $site{"$service-made"}     = {%common, locations => ['/' => {upstream => 'http_uri'}]};
    $site{"$service-unmerged"} = {%common, extra => {nginx => 'merge_slashes off;', apache => ''}};
}

# What `models` say of the backend's notes, in their order.
sub judged_by_models (@notes) {
    my $encoder = JSON::PP->new->ascii->canonical;
    my $folder  = File::Temp->newdir;
    open my $file, '>:raw', "$folder/notes" or die $!;
    print $file map { $encoder->encode($_) . "\n" } @notes;
    close $file or die $!;
    my @answers = split /\n/, `$models <$folder/notes`, -1;
    die "$models failed" if $? || @answers != @notes + 1;
    return @answers;
}

# Why `calls`, a model's answer, is not what was judged; empty if it is. A backend that finds less to call does no harm.
sub difference ($service, $route, $calls) {
    return '' if $calls eq '';
    my @calls = split / \| /, $calls;
    for (@calls) { return "calls $_" unless $_ =~ $kMay{$service} }
    my $judged = $route =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;
    my ($outer, $inner) = split /: /, $judged, 2;
    return "calls $calls[0]" if $outer ne $calls[0];
    return '' if @calls == 1 || (defined $inner && ($inner =~ /\A\d+ calls\z/ || $inner eq $calls[1]));
    return "calls within it $calls[1]";
}

each_server(
    {store => $store->path, sites => [map { $_ => $site{$_} } sort keys %site]},
    sub ($server) {
        seed_with($seed);
        my @sites = sort keys %site;
        my (%outcome, %sent, @by_http2, @problems, $connection);
        my $note_answer = sub ($request, $outcome, $route) {
            ++$outcome{$outcome};
            @{$request}{qw(outcome route)} = ($outcome, $route);
        };
        for my $number (1 .. $count) {
            my $site    = $sites[$number % @sites];
            my ($service) = $site =~ /\A(\w+)-/;
            my $request = any_request($service);
            @{$request}{qw(authorization number service site http)} = ($kToken{$service}, $number, $service, $site, 'HTTP/1.1');
            addressed($request, $site, $number);
            $sent{$number} = $request;
            if ($number / @sites % 4 == 0) {
                $request->{http} = 'HTTP/2';
                push @by_http2, $request;
                next;
            }
            my $response;
            for (1, 2) {
                my $new = !$connection;
                $connection //= $server->connect;
                $response = $connection->send(bytes_of($request))->response($request->{method});
                last if $response;
                # The server may have ended an idle connection.
                undef $connection;
                last if $new;
            }
            undef $connection if !$response || ($response->header('Connection') // '') =~ /close/i || $response->status == 400;
            $note_answer->(
                $request, $response ? $response->header('X-Test-Outcome') // 'refused by the server' : 'no answer',
                $response ? $response->header('X-Test-Route') // '' : '');
        }
        my @told = split /\n/, $server->curl('--config', $server->write_file('curl', curl_text($server, @by_http2))), -1;
        is(scalar @told, @by_http2 + 1, 'an answer for each request of HTTP/2');
        for my $request (@by_http2) {
            my ($outcome, $status, $route) = split /\t/, shift @told, -1;
            $note_answer->($request, length $outcome ? $outcome : $status eq '000' ? 'no answer' : 'refused by the server', $route);
        }

        my @notes   = $server->backend->seen;
        my @answers = judged_by_models(@notes);
        for my $note (@notes) {
            my $answers = shift @answers;
            my ($number) = map { $_->[1] } grep { lc $_->[0] eq 'x-case' } @{$note->{headers}};
            my $case = $sent{$number // 0};
            if (!$case || $case->{outcome} ne 'granted') {
                push @problems, 'the backend saw a request that was not granted: ' . ($case ? bytes_of($case) : $note->{target});
                next;
            }
            ++$case->{seen};
            for my $calls (split /\t/, $answers) {
                my $difference = difference($case->{service}, $case->{route}, $calls) || next;
                push @problems, "$case->{site}, $case->{http}: judged \"$case->{route}\", a backend $difference\n" . bytes_of($case);
                last;
            }
        }
        push @problems, map {"granted by $_->{http}, and not seen once: " . bytes_of($_)}
            grep { $_->{outcome} eq 'granted' && ($_->{seen} // 0) != 1 } values %sent;
        ok(!@problems, "$count requests: what backends would run is what was judged")
            or diag(scalar(@problems) . " problems\n", join "\n\n", map { s/([^\n -~])/sprintf '\\x%02x', ord $1/ger } @problems[0 .. ($#problems > 4 ? 4 : $#problems)]);
        my $granted = $outcome{granted} // 0;
        note join ', ', map {"$_: $outcome{$_}"} sort keys %outcome;
        # A generator that only makes refusals would show nothing, and so would one that spoils nothing.
        ok($granted > $count / 5, "$granted of them granted");
        ok(($outcome{bad_route} // 0) > $count / 5, ($outcome{bad_route} // 0) . ' of them refused as ambiguous');
        for my $http ('HTTP/1.1', 'HTTP/2') {
            my %granted_at = map { $_->{site} => 1 } grep { $_->{http} eq $http && $_->{outcome} eq 'granted' } values %sent;
            is(join(' ', sort keys %granted_at), "@sites", "some granted at each site by $http");
        }
    });
