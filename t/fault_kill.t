# Writers, the command and the daemon killed with SIGKILL at random moments while real servers decide: what was
# acknowledged is there, from the very next request on, whatever is in doubt is there wholly or not at all, and no server
# refuses what it should grant.
# TOKENGATE_KILLS (default 100) says how many; ten thousand take some minutes.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tokengate::Cases;
use Tokengate::Daemon;
use Tokengate::Readers;

my $kills  = $ENV{TOKENGATE_KILLS} // 100;
my $driver = Tokengate::Server::build_folder() . '/tests/kill_writer';
my @classes = server_classes();
plan skip_all => 'no server module is built'      unless @classes;
plan skip_all => 'the unit tests are not built' unless -x $driver;

my $path   = '/execute/Email/list_pops';
my $folder = File::Temp->newdir('tokengate-XXXXXX', TMPDIR => 1);
chmod 0755, "$folder";

sub start_servers ($store) {
    return map {
        $_->new(store => $store, workers => 2, sites => [cpanel => {tokengate => 'on', upstream => 'none'}])->start
    } @classes;
}

# The file that servers answer with: no backend is needed.
sub serve_file ($server) {
    $server->write_file('html' . $path, 'here');
    return $server;
}

sub status_of ($server, $authorization) {
    my $response = $server->get($path, $authorization);
    return $response ? $response->status : 'no answer';
}

subtest 'thousands of changes a second, killed' => sub {
    open my $output, '-|', $driver, $kills, "$folder/driver", Tokengate::Server::worker_user() or die "$driver: $!";
    my %secret = map { split ' ', readline $output } 1, 2;
    my $readers = Tokengate::Readers->new("$folder/driver");
    my @servers = map { serve_file($_) } start_servers("$folder/driver");
    my %want = (kept => 200, revoked => 401);
    my ($requests, %wrong) = (0);
    vec(my $readable = '', fileno $output, 1) = 1;
    until (select my $ready = $readable, undef, undef, 0) {
        for my $server (@servers) {
            for my $name (sort keys %want) {
                my $status = status_of($server, "cpanel steady:$secret{$name}");
                ++$wrong{$server->name . " $name $status"} if $status ne $want{$name};
                ++$requests;
            }
        }
    }
    my $figures = do { local $/; readline $output };
    close $output;
    is($?, 0, 'nothing was wrong: ' . ($figures // ''));
    is(join(', ', map {"$_: $wrong{$_}"} sort keys %wrong), '', "each of $requests requests to the servers was answered rightly");
    $_->stop for @servers;
    is($readers->left_over, '', 'no reader slot is left over');
};

subtest 'the command, killed' => sub {
    my $store   = Tokengate::Store->standard;
    my $readers = Tokengate::Readers->new($store->path);
    my @servers = map { serve_file($_) } start_servers($store->path);
    my $program = Tokengate::Cli::binary();
    my ($acknowledged, $killed, $done, $undone, @wrong) = (0, 0, 0, 0);
    my $ask = sub ($secret) {
        my %seen = map { (status_of($_, "cpanel shop:$secret"), 1) } @servers, @servers;
        return join ' ', sort keys %seen;
    };
    my $round = 0;
    while ($killed < $kills / 4) {
        ++$round;
        my $secret = $store->create_token('shop', "round-$round", '--acl', 'email');
        my $status = $ask->($secret);
        push @wrong, "round $round: created, $status" if $status ne '200';
        defined(my $pid = fork) or die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', '/dev/null';
            exec $program, '--store', $store->path, 'token', 'revoke', 'shop', "round-$round" or POSIX::_exit(127);
        }
        sleep rand 0.02;
        kill 'KILL', $pid;
        waitpid $pid, 0;
        $status = $ask->($secret);
        if ($? == 0) {
            ++$acknowledged;
            push @wrong, "round $round: revoked, $status" if $status ne '401';
            next;
        }
        ++$killed;
        push @wrong, "round $round: killed, $status" if $status !~ /\A(?:200|401)\z/;
        # The next change settles it; what was seen before stays.
        my $listed = grep { $_->{name} eq "round-$round" } @{$store->{cli}->json('token', 'list', 'shop')};
        $store->run('account', 'grant', 'shop', 'email');
        my $settled = $ask->($secret);
        my $is_there = grep { $_->{name} eq "round-$round" } @{$store->{cli}->json('token', 'list', 'shop')};
        push @wrong, "round $round: $status, then $settled" if $status eq '401' && $settled ne '401';
        push @wrong, "round $round: settled, $settled" if $settled ne ($is_there ? '200' : '401');
        $is_there ? ++$undone : ++$done;
    }
    note("$killed killed: $done done, $undone not; $acknowledged acknowledged");
    is("@wrong", '', 'no wrong answer');
    like($store->run('journal', 'verify'), qr/\d/, 'the journal holds');
    $_->stop for @servers;
    is($readers->left_over, '', 'no reader slot is left over');
};

# A client that changes one token after the other through the daemon, and knows after each answer, or want of one, what must
# be so. Every secret is shown to all servers. `file`: gets a byte for each change that was acknowledged. Returns what it saw.
sub change_tokens ($name, $store, $server, $servers, $file, $is_over) {
    open my $progress, '>>', $file or die "$file: $!";
    my %seen = (acknowledged => 0, done => 0, undone => 0, requests => 0, wrong => []);
    my $manager = $store->secret('manager');
    my $call    = sub ($function, %parameters) {
        my $query = join '&', map {"$_=$parameters{$_}"} sort keys %parameters;
        my $reply = $server->get("/execute/Tokens/$function?$query", "cpanel shop:$manager");
        return $reply && $reply->status == 200 ? decode_json($reply->body) : undef;
    };
    my $until_answered = sub (@call) {
        my $deadline = time + 60;
        while (time < $deadline) {
            my $reply = $call->(@call);
            return $reply if $reply;
            sleep 0.01;
        }
        die "$name: no daemon for a minute";
    };
    my $expect = sub ($what, $status, $secret) {
        for (@$servers) {
            my $is = status_of($_, "cpanel shop:$secret");
            ++$seen{requests};
            push @{$seen{wrong}}, "$name: $what: " . $_->name . " answers $is, not $status" if $is ne $status;
        }
    };
    # The token as the list has it, under one of these names: never under both.
    my $find = sub (@names) {
        my %wanted = map { $_ => 1 } @names;
        my @found  = grep { $wanted{$_->{name}} } @{$until_answered->('list')->{data}};
        push @{$seen{wrong}}, "$name: there are both @names" if @found > 1;
        return $found[0];
    };
    # One change; whether it was made, which without an answer `$is_made` finds out: for good only when whoever writes next has
    # mended what the killed daemon left.
    my $change = sub ($is_made, @call) {
        my $reply = $call->(@call);
        if ($reply) {
            ++$seen{acknowledged};
            syswrite $progress, '.';
            push @{$seen{wrong}}, "$name: @call: $reply->{errors}[0]" if !$reply->{status};
            return $reply;
        }
        $store->run(qw(acl define email));
        my $made = $is_made->();
        ++$seen{$made ? 'done' : 'undone'};
        return $made ? {} : undef;
    };
    for (my $i = 0; !$is_over->(); ++$i) {
        my ($token, $renamed) = ("$name-$i", "$name-$i-renamed");
        my $made = $change->(sub { !!$find->($token) }, create_limited => name => $token, features => 'email') or next;
        if (my $secret = $made->{data}{token}) {
            $expect->('created', 200, $secret);
            my $limited = $change->(sub { $find->($token)->{readonly} }, update => name => $token, readonly => 1);
            my $is = $find->($token);
            push @{$seen{wrong}}, "$name: half an update" if $is->{readonly} != ($limited ? 1 : 0) || "@{$is->{features}}" ne 'email';
            my $moved = $change->(sub { !!$find->($renamed) }, rename => name => $token, new_name => $renamed);
            push @{$seen{wrong}}, "$name: renamed?" if $find->($token, $renamed)->{name} ne ($moved ? $renamed : $token);
            ($token, $renamed) = ($renamed, $token) if $moved;
            $expect->('changed', 200, $secret);
            my $rotated = $change->(sub { status_of($server, "cpanel shop:$secret") ne '200' }, rotate => name => $token);
            $expect->('rotated', 401, $secret) if $rotated;
            $secret = $rotated->{data}{token} if $rotated;
            $expect->('its secret', 200, $secret) if $secret;
            my $gone = $change->(sub { !$find->($token) }, revoke => name => $token);
            $expect->('revoked', $gone ? 401 : 200, $secret) if $secret;
            next if $gone;
        }
        # It is there, though nobody was told, or is still there.
        $until_answered->(revoke => name => $token);
    }
    $seen{left} = [map { $_->{name} } grep { $_->{name} =~ /\A\Q$name-/ } @{$until_answered->('list')->{data}}];
    return \%seen;
}

subtest 'the daemon, killed' => sub {
    plan skip_all => 'tokengated is not built' unless Tokengate::Daemon::is_available();
    my $store = Tokengate::Store->new;
    $store->run(qw(catalog load --panel));
    $store->run(qw(account create shop --acl email --acl manage-api-tokens));
    $store->create_token(shop => manager => qw(--acl manage-api-tokens --acl email));
    my $readers = Tokengate::Readers->new($store->path);
    my $daemon  = Tokengate::Daemon->new(store => $store->path)->start;
    my @servers = map {
        serve_file($_->new(store => $store->path, workers => 2, sites => [cpanel => {tokengate => 'on', upstream => 'none',
            locations => ['/execute/Tokens/' => {upstream => 'unix', socket => $daemon->socket}]}])->start)
    } @classes;
    my @clients;
    for my $server (@servers) {
        for my $number (1, 2) {
            my $name = $server->name . $number;
            defined(my $pid = fork) or die "fork: $!";
            push @clients, {pid => $pid, name => $name};
            next if $pid;
            my $seen = eval { change_tokens($name, $store, $server, \@servers, "$folder/progress", sub { -e "$folder/over" }) } // {wrong => ["$name: $@"]};
            open my $file, '>', "$folder/$name" or POSIX::_exit(1);
            print $file encode_json($seen);
            close $file or POSIX::_exit(1);
            POSIX::_exit(0);
        }
    }
    my $rounds   = $kills / 5;
    my $progress = sub { -s "$folder/progress" // 0 };
    for (1 .. $rounds) {
        my $next = $progress->() + 1 + int rand 2 * @clients;
        $servers[0]->wait_until("$next changes", sub { $progress->() >= $next });
        sleep rand 0.01;
        $daemon->kill_hard;
        $daemon->start;
    }
    open my $over, '>', "$folder/over" or die $!;
    my (%sum, @wrong, @left);
    for my $client (@clients) {
        waitpid $client->{pid}, 0;
        my $seen = decode_json(Tokengate::Server::_read("$folder/$client->{name}"));
        $sum{$_} += $seen->{$_} // 0 for qw(acknowledged done undone requests);
        push @wrong, @{$seen->{wrong}};
        push @left, @{$seen->{left} // []};
        note("$client->{name}: $seen->{acknowledged} acknowledged, $seen->{done} and $seen->{undone} in doubt");
    }
    is(join("\n", @wrong), '', "$rounds times: $sum{acknowledged} changes acknowledged, $sum{done} in doubt done, $sum{undone} not; "
        . "each of $sum{requests} requests answered rightly");
    is("@left", '', 'every token was revoked, as each revocation said');
    cmp_ok($sum{done} + $sum{undone}, '>', 0, 'it was at work when it was killed');
    is(join(' ', map { $_->{name} } @{$store->{cli}->json(qw(token list shop))}), 'manager', 'and the store has no other');
    like($store->run('journal', 'verify'), qr/\d/, 'the journal holds');
    $daemon->stop;
    $_->stop for @servers;
    is($readers->left_over, '', 'no reader slot is left over');
};
done_testing;
