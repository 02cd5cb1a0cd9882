# Clients that ask a server over and over, each a process of its own, while a test does something to it.
#
#   my $seen = under_load({server => $server, path => '/path', right => sub ($name, $response) { 200 },
#       token => {good => 'cpanel shop:…'}, new => 3, kept => 1, changes => $store}, sub { … });
#   # {answers => 812, lost => 0, changes => 96, wrong => ''}
#
# `new` clients make a connection for each request, `kept` ones keep theirs for those with the token "good". `changes`: a
# store in which one more makes tokens with the rights of "good" and revokes them, each seen by the very next request.
# `right` gives the status that an answer must have. `lost` requests got no answer, other than on a connection that the
# server closed while it was idle.
package Tokengate::Load;

use v5.36;
use Exporter qw(import);
use POSIX ();

our @EXPORT = qw(become_generation right_by_generation under_load);

sub under_load ($load, $work) {
    my $folder = $load->{server}->folder;
    my $stop   = "$folder/stop";
    unlink $stop;
    my %run = (new => \&_new_connections, kept => \&_kept_connection, changes => \&_changes);
    my @clients = map { _start($_, "$folder/client-", $run{$_->[0]}, $load, sub { -e $stop }) }
        (map { ['new', $_] } 1 .. $load->{new} // 0), (map { ['kept', $_] } 1 .. $load->{kept} // 0), $load->{changes} ? ['changes', 1] : ();
    $work->();
    $load->{server}->write_file('stop', '');
    my %seen = (answers => 0, lost => 0, changes => 0);
    my @wrong;
    for (@clients) {
        my ($pid, $report) = @$_;
        waitpid $pid, 0;
        open my $in, '<', $report or die "$report: $!";
        while (my $line = <$in>) {
            chomp $line;
            if ($line =~ /\A(answers|lost|changes) (\d+)\z/) { $seen{$1} += $2 }
            else                                             { push @wrong, $line }
        }
    }
    return {%seen, wrong => join '; ', @wrong};
}

# Gives the server's first site the configuration of that generation: the odd ones require the ACL of "poor", the even
# ones that of "good". Each answer says which one decided. It counts from the next reload.
sub become_generation ($server, $number) {
    $server->{config}{sites}[1]{require} = $number % 2 ? ['email'] : ['files'];
    $server->{config}{extra} = {%{$server->{config}{extra} // {}}, nginx => "add_header X-Test-Generation $number always;\n", apache => "Header always set X-Test-Generation $number\n"};
    return;
}

sub right_by_generation ($name, $response) {
    my $number = $response->header('X-Test-Generation') // return 'of a generation';
    return $name eq 'wrong' ? 401 : ($name eq 'poor') == ($number % 2) ? 200 : 403;
}

sub _start ($name, $prefix, $run, $load, $is_over) {
    my $report = $prefix . join '-', @$name;
    defined(my $pid = fork) or die "fork: $!";
    return [$pid, $report] if $pid;
    my %seen = (wrong => {});
    eval { $run->($load, $is_over, \%seen); 1 } or ++$seen{wrong}{"@$name: $@" =~ s/\s+/ /gr};
    open my $out, '>', $report or POSIX::_exit(1);
    print $out map {"$seen{wrong}{$_} times $_\n"} sort keys %{delete $seen{wrong}};
    print $out map {"$_ $seen{$_}\n"} sort keys %seen;
    close $out;
    POSIX::_exit(0);
}

# Counts an answer, or the want of one, and what is wrong with it.
sub _count ($seen, $response, $what, $right) {
    if (!$response) { ++$seen->{lost}; return }
    ++$seen->{answers};
    my $status = $response->status;
    ++$seen->{wrong}{"$what got $status, not $right"} if $status ne $right;
    return;
}

sub _new_connections ($load, $is_over, $seen) {
    until ($is_over->()) {
        for my $name (sort keys %{$load->{token}}) {
            my $response = $load->{server}->get($load->{path}, $load->{token}{$name});
            _count($seen, $response, $name, $response && $load->{right}->($name, $response));
        }
    }
    return;
}

sub _kept_connection ($load, $is_over, $seen) {
    my ($client, $has_answered);
    until ($is_over->()) {
        ($client, $has_answered) = ($load->{server}->connect, 0) unless $client;
        $client->send("GET $load->{path} HTTP/1.1\r\nHost: cpanel\r\nAuthorization: $load->{token}{good}\r\n\r\n");
        my $response = $client->response;
        _count($seen, $response, 'kept', $response && $load->{right}->('good', $response)) if $response || !$has_answered;
        $has_answered = 1;
        undef $client if !$response || ($response->header('Connection') // '') =~ /close/i;
    }
    return;
}

sub _changes ($load, $is_over, $seen) {
    my $store = $load->{changes};
    my $ask   = sub ($secret) { scalar $load->{server}->get($load->{path}, "cpanel shop:$secret") };
    until ($is_over->()) {
        my $secret   = $store->create_token('shop', 'passing', '--acl', 'files');
        my $response = $ask->($secret);
        _count($seen, $response, 'a new token', $response && $load->{right}->('good', $response));
        $store->run('token', 'revoke', 'shop', 'passing');
        _count($seen, $ask->($secret), 'a revoked token', 401);
        $seen->{changes} += 2;
    }
    return;
}

1;
