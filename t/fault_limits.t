# Running servers at two limits: a store that outgrows the memory map they opened it with, and no file descriptor left for
# it. Always the right answer or a refusal, and service again by itself.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use POSIX ();
use Test::More;
use Tokengate::Cases;
use Tokengate::Faults;

use constant {kMapBytes => 16 << 30, kPageBytes => 4096, kSparePages => 24};

plan skip_all => 'no server module is built' unless server_classes();

# Lets a store that nobody has open end just below the size that every process maps: both meta pages say so, and the pages
# between are a hole, which takes no room on the disk. Offsets are those of LMDB's data format 1.
sub stretch ($store) {
    open my $file, '+<:raw', "$store->{path}/data.mdb" or die $!;
    for my $meta (0, 1) {
        sysseek $file, $meta * kPageBytes + 136, 0 or die $!;
        syswrite($file, pack 'Q<', kMapBytes / kPageBytes - kSparePages) == 8 or die $!;
    }
    truncate $file, kMapBytes - (kSparePages - 1) * kPageBytes or die $!;
    return;
}

# The bytes of the store's data file that each worker has mapped.
sub mapped ($server) {
    my @bytes;
    for my $pid (split / /, workers_of($server)) {
        open my $maps, '<', "/proc/$pid/maps" or next;
        push @bytes, map { /^(\w+)-(\w+) .*\/data\.mdb$/ ? do { no warnings 'portable'; hex($2) - hex $1 } : () } <$maps>;
    }
    return @bytes;
}

subtest 'a store that outgrows the memory map' => sub {
    my $store = new_store();
    stretch($store);
    open my $hole, '<', "$store->{path}/data.mdb" or die $!;
    plan skip_all => 'the file system has no holes' if (stat $hole)[12] * 512 > kMapBytes / 2;
    with_servers($store, sub (@servers) {
        is_deeply([grep { $_ != kMapBytes } map { mapped($_) } @servers], [], 'the servers map what everybody maps');
        my $text = join "\n", "tokengate-export\t1", (map { join "\t", 'token', 'shop', 'cpanel', "t$_", sha256_hex(sprintf '%032d', $_), '*', 'read', 'never' } 1 .. 3000), "end\n";
        defined(my $writer = fork) or die $!;
        if (!$writer) { POSIX::_exit($store->{cli}->run_with({stdin => $text}, 'import', '-')->{exit}) }
        my %seen;
        until (waitpid($writer, POSIX::WNOHANG()) == $writer) {
            my $seen = answers(\@servers, $store->{secret}, 1);
            $seen{"$_ $seen->{$_}"} = 1 for keys %$seen;
        }
        is($?, 0, 'a writer goes beyond it while they serve');
        cmp_ok(-s $hole, '>', kMapBytes, 'in the file, too');
        # While one thread of a process adopts the new size, others may refuse.
        is_deeply([grep { !/\A(?:kept granted|revoked unknown_token|\w+ store_unavailable)\z/ } keys %seen], [], 'no wrong answer meanwhile');
        serves(\@servers, $store, 'in the larger map');
        is(outcome($_, sprintf('%032d', 2999)), 'granted', $_->name . ' finds what was added') for @servers;
        $store->{cli}->ok('token', 'revoke', 'shop', 't2999');
        is(outcome($_, sprintf('%032d', 2999)), 'unknown_token', $_->name . ' follows changes on') for @servers;
        cmp_ok($_, '>', kMapBytes, 'a worker has mapped more') for map { mapped($_) } @servers;
    });
};

# Changes the limit of a worker, as its user: to be root is not enough everywhere.
sub set_file_limit ($pid, $limit) {
    my $user = Tokengate::Server::worker_user();
    my @as   = $user ? ('setpriv', "--reuid=$user", "--regid=$user", '--clear-groups') : ();
    return system(@as, 'prlimit', '--pid', $pid, "--nofile=$limit:") == 0;
}

# Lets the processes have as many more descriptors as they could have beyond those of the store, and no others.
sub limit_files ($beyond, @pids) {
    for my $pid (@pids) {
        my %used = map { my $name = readlink; m{/(\d+)\z} ? ($1 => $name // '') : () } glob "/proc/$pid/fd/*";
        my ($limit, $left) = (0, $beyond);
        while ($left > 0) {
            --$left if !exists $used{$limit} || $used{$limit} =~ m{/(?:data\.mdb|readers)\z};
            ++$limit;
        }
        set_file_limit($pid, $limit) or die 'prlimit';
    }
    return;
}

sub unlimit_files (@servers) {
    set_file_limit($_, 1024) for map { split / /, workers_of($_) } @servers;
    return;
}

# Apache ends a child that cannot take a connection, and starts another.
subtest 'no file descriptor for the store' => sub {
    my ($store, $other) = (new_store(), new_store());
    my @servers = start_servers($store->{path});
    serves(\@servers, $store, 'at first');
    # One for a connection, and one of the two that a store needs.
    limit_files(2, map { split / /, workers_of($_) } @servers);
    rename $store->{path}, "$store->{path}.away" or die $!;
    rename $other->{path}, $store->{path} or die $!;
    my %secret = (former => $store->{secret}{kept}, %{$other->{secret}});
    for my $server (@servers) {
        $server->wait_until('the store cannot be opened', sub { $server->error_log =~ /tokengate: .*Too many open files/ });
        my $seen = answers([$server], \%secret, 10);
        unlike("$seen->{former} $seen->{revoked}", qr/granted/, $server->name . ' grants nothing that it did not');
        is($seen->{kept}, 'store_unavailable', 'nginx refuses') if $server->name eq 'nginx';
    }
    unlimit_files(@servers);
    serves(\@servers, $other, 'descriptors again');
    is(answers(\@servers, \%secret, 3)->{former}, 'unknown_token', 'the tokens of the store before are unknown');
    $_->stop for @servers;
};

subtest 'no file descriptor for connections' => sub {
    my $store   = new_store();
    my @servers = start_servers($store->{path});
    serves(\@servers, $store, 'at first');
    limit_files(6, map { split / /, workers_of($_) } @servers);
    for my $server (@servers) {
        my @idle = map { $server->connect->send("GET / HTTP/1.1\r\n") } 1 .. 7;
        $server->wait_until('connections are not taken', sub { $server->error_log =~ /Too many open files/ });
    }
    serves(\@servers, $store, 'the connections are gone');
    $_->stop for @servers;
};

done_testing;
