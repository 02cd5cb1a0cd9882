# A writer that changes the store while a server answers from it.
package Bench::Churn;

use v5.36;
use Bench::Group;
use IPC::Open2 qw(open2);
use JSON::PP ();
use Tokengate::Http;
use Tokengate::Server;

sub _command ($store, $rate, $seconds) {
    return ('taskset', '--cpu-list', Bench::Group::other_processor(),
        Tokengate::Server::build_folder() . '/tools/bench/bench_churn', $store, $rate, $seconds);
}

# Runs `work` while `rate` changes a second are committed.
sub during ($store, $rate, $work) {
    # Far longer than any work; it is ended before.
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        exec _command($store, $rate, 3600) or POSIX::_exit(127);
    }
    my $ok = eval { $work->(); 1 };
    my $problem = $@;
    my $ended = waitpid $pid, POSIX::WNOHANG();
    if (!$ended) { kill 'TERM', $pid; waitpid $pid, 0 }
    die $problem unless $ok;
    die "the writer ended early\n" if $ended;
    return;
}

# `rate` changes a second for `seconds`. After each change the server is asked about the
# secret that it made or ended: a wrong answer is one that does not know of the change.
sub check ($server, $store, $rate, $seconds) {
    my $pid    = open2(my $told, my $go_on, _command($store, $rate, $seconds));
    my $client = Tokengate::Http->connect($server->port);
    my %result = (asked => 0, wrong => 0);
    my $last   = '';
    while (my $line = <$told>) {
        $last = $line;
        if (my ($status, $credentials) = $line =~ /^(\d+) (\S+)$/) {
            $client->send("GET /execute/Email/list_pops HTTP/1.1\r\nHost: bench\r\n"
                    . "Authorization: cpanel $credentials\r\n\r\n");
            ++$result{asked};
            ++$result{wrong} if $client->response->status != $status;
        } elsif ($line eq "\n") {
            print $go_on "\n";
            $go_on->flush;
        }
    }
    waitpid $pid, 0;
    die "the writer failed\n" if $? != 0;
    return {%{JSON::PP::decode_json($last)}, %result};
}

1;
