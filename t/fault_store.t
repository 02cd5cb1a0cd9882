# What can happen to a store under running servers: disk full, read-only, a disk that fails, permissions gone, replaced,
# removed, cut, bits flipped, a catalog with a row less, little memory, no reader slot left. Always: the right answer or a
# refusal, the same workers afterwards, and service again when the trouble is over. TOKENGATE_FLIPS (default 150): damaged
# files tried.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;
use Tokengate::Faults;
use Tokengate::Readers;

my $flips   = $ENV{TOKENGATE_FLIPS} // 150;
my @classes = server_classes();
plan skip_all => 'no server module is built' unless @classes;

my $folder  = fault_folder();
my $is_root = $> == 0;

subtest 'disk full' => sub {
    my $place = "$folder/small";
    plan skip_all => 'needs to mount a tmpfs' unless mount_at($place, '-t', 'tmpfs', '-o', 'size=660k,mode=0755', 'tmpfs');
    my $store = new_store("$place/store");
    with_servers($store, sub (@servers) {
        my (@made, $failed, %meanwhile);
        for my $i (1 .. 5000) {
            my $seen = answers(\@servers, $store->{secret}, 1);
            $meanwhile{"@$seen{qw(kept revoked)}"} = 1;
            my $r = $store->{cli}->run('token', 'create', 'shop', "t$i", '--full-access', '--note', 'n' x 200);
            if ($r->{exit} ne '0') { $failed = $r; last }
            push @made, $r->{stdout} =~ s/\s+\z//r;
        }
        is(join(', ', keys %meanwhile), 'granted unknown_token', 'decided as before, as the disk fills');
        is($failed->{exit}, 3, 'a change without room is refused after ' . @made);
        like($failed->{stderr}, qr/no space|full/i, 'and says why');
        is($failed->{stdout}, '', 'and gives no secret');
        is(answers(\@servers, {map { $_ => $made[$_] } 0, int @made / 2, $#made}, 1)->{$#made}, 'granted', 'what was acknowledged is granted');
        is(scalar @{$store->{cli}->json('token', 'list', 'shop')}, @made + 1, 'nothing else is there');
        serves(\@servers, $store, 'disk full');
        my $revoked = $store->{cli}->run('token', 'revoke', 'shop', 't1');
        is(answers(\@servers, {t1 => $made[0]}, 1)->{t1}, $revoked->{exit} ? 'granted' : 'unknown_token', "a revocation tells the truth (exit $revoked->{exit})");
        system('mount', '-o', 'remount,size=8m', $place) == 0 or die 'remount';
        my $last = $store->{cli}->secret('shop', 'last', '--full-access');
        is(answers(\@servers, {last => $last}, 1)->{last}, 'granted', 'with room again changes go on');
        like($store->{cli}->ok('journal', 'verify'), qr/\d/, 'the journal holds');
    });
};

subtest 'a limit on the size of files' => sub {
    my $store = new_store();
    my $r = Tokengate::Cli::run_command('', {TOKENGATE_STORE => $store->{path}},
        'sh', '-c', 'ulimit -f 64; for i in $(seq 400); do "$0" token create shop "t$i" --full-access >/dev/null || exit; done', Tokengate::Cli::binary());
    isnt($r->{exit}, 0, 'a change beyond it fails');
    like($store->{cli}->ok('journal', 'verify'), qr/\d/, 'the journal holds');
    ok($store->{cli}->secret('shop', 'after', '--full-access'), 'and without the limit changes go on');
};

subtest 'a file system that is read-only' => sub {
    my $store = new_store();
    plan skip_all => 'needs to mount' unless mount_at($store->{path}, '--bind', $store->{path});
    system('mount', '-o', 'remount,bind,ro', $store->{path}) == 0 or die 'remount';
    my @servers = start_servers($store->{path});
    # Nobody can change such a store, and workers read it without a slot.
    serves(\@servers, $store, 'read-only');
    my $r = $store->{cli}->run('token', 'revoke', 'shop', 'kept');
    is($r->{exit}, 3, 'a change is refused');
    like($r->{stderr}, qr/permission/, 'and says why');
    system('mount', '-o', 'remount,bind,rw', $store->{path}) == 0 or die 'remount';
    serves(\@servers, $store, 'writable again');
    # Servers see it within a second, and take slots again.
    my $readers = Tokengate::Readers->new($store->{path});
    for my $server (@servers) {
        $server->wait_until('a reader slot', sub {
            my %slot = map { $_ => 1 } $readers->pids;
            return outcome($server, $store->{secret}{kept}) eq 'granted' && grep { $slot{$_} } split / /, workers_of($server);
        });
    }
    $store->{cli}->ok('token', 'revoke', 'shop', 'kept');
    is(answers(\@servers, $store->{secret}, 3)->{kept}, 'unknown_token', 'a revocation counts at once');
    $_->stop for @servers;
};

# As when the disk fails: what is open for writing stays open, and cannot be written.
subtest 'a file system that becomes read-only under running servers' => sub {
    my ($disk, $place) = ("$folder/disk", "$folder/ext4");
    my @mount = ('-o', 'loop,errors=remount-ro', $disk);
    plan skip_all => 'needs root, ext4 and a loop device'
        unless $is_root && system("truncate -s 32M $disk && mkfs.ext4 -q $disk") == 0 && mount_at($place, @mount);
    chmod 0755, $place or die $!;
    my $store = new_store("$place/store");
    with_servers($store, sub (@servers) {
        system('sync', '-f', $place) == 0 && system('mount', '-o', 'remount,abort', $place) == 0 or die 'remount';
        ok(!open(my $file, '>', "$place/file"), 'nothing can be written');
        # Servers look again every second.
        for (1 .. 3) {
            my $seen = answers(\@servers, $store->{secret}, 3);
            like("$seen->{kept} $seen->{revoked}", qr/\A(?:granted unknown_token|store_unavailable)(?: store_unavailable)?\z/, 'decided as before, or refused');
            sleep 0.5;
        }
        my $r = $store->{cli}->run('token', 'revoke', 'shop', 'kept');
        is($r->{exit}, 3, 'a change is refused');
        serves(\@servers, $store, 'read-only');
        my @late = start_servers($store->{path});
        serves(\@late, $store, 'servers that start now');
        $_->stop for @late;
    });
    system('umount', $place) == 0 && system('mount', @mount, $place) == 0 or die 'mount';
    is($store->{cli}->run('check')->{exit}, 0, 'mounted again, the store is sound');
    with_servers($store, sub (@servers) {
        $store->{cli}->ok('token', 'revoke', 'shop', 'kept');
        is(answers(\@servers, $store->{secret}, 1)->{kept}, 'unknown_token', 'and changes go on');
    });
};

subtest 'permissions, removal, replacement' => sub {
    my $store = new_store();
    my $other = new_store();
    with_servers($store, sub (@servers) {
        my $at = $store->{path};
        SKIP: {
            skip 'needs root', 2 unless $is_root;
            chmod 0700, $at or die $!;
            refuses(\@servers, $store, 'a folder that workers may not enter');
            chmod 02750, $at or die $!;
            serves(\@servers, $store, 'entered again');
        }
        rename $at, "$at.away" or die $!;
        refuses(\@servers, $store, 'no store');
        rename $other->{path}, $at or die $!;
        $_->wait_until('the other store', sub { outcome($servers[0], $other->{secret}{kept}) eq 'granted' }) for $servers[0];
        serves(\@servers, $other, 'another store in its place');
        is(answers(\@servers, {old => $store->{secret}{kept}}, 3)->{old}, 'unknown_token', 'the tokens of the first are unknown');
        system('rm', '-rf', $at) == 0 or die $!;
        refuses(\@servers, $other, 'removed');
        rename "$at.away", $at or die $!;
        serves(\@servers, $store, 'the first is back');
    });
};

subtest 'an older data file in the place of a newer' => sub {
    my $store = new_store();
    system('cp', '-a', "$store->{path}/data.mdb", "$folder/old.mdb") == 0 or die;
    my $late = $store->{cli}->secret('shop', 'late', '--full-access');
    $store->{cli}->ok('token', 'revoke', 'shop', 'late');
    system('cp', '-a', "$store->{path}/data.mdb", "$folder/new.mdb") == 0 or die;
    with_servers($store, sub (@servers) {
        rename "$folder/old.mdb", "$store->{path}/data.mdb" or die $!;
        # As whoever may write the folder wanted: what was acknowledged counts for the file that it was written to.
        for (1 .. 5) {
            sleep 0.3;
            my $seen = answers(\@servers, {%{$store->{secret}}, late => $late}, 2);
            unlike("$seen->{revoked} $seen->{late}", qr/granted|no answer|status/, 'nothing granted that was not');
        }
        rename "$folder/new.mdb", "$store->{path}/data.mdb" or die $!;
        serves(\@servers, $store, 'the newer again');
        is(answers(\@servers, {late => $late}, 3)->{late}, 'unknown_token', 'what was revoked stays revoked');
    });
};

subtest 'a data file cut short while it is served' => sub {
    my $store = new_store();
    $store->{cli}->secret('shop', "more$_", '--full-access') for 1 .. 30;
    system('cp', '-a', $store->{path}, "$folder/sound") == 0 or die;
    with_servers($store, sub (@servers) {
        for my $bytes (0, 5000, 8192, 40960, 77824) {
            truncate "$store->{path}/data.mdb", $bytes or die $!;
            my $seen = answers(\@servers, $store->{secret}, 5);
            unlike("$seen->{kept} $seen->{revoked}", qr/no answer|status/, "cut to $bytes: every request was answered");
            is($seen->{revoked} =~ /granted/ ? 'granted' : '', '', "cut to $bytes: nothing granted that was not");
            refuses(\@servers, $store, "cut to $bytes");
            system("cp -a $folder/sound $folder/whole && rm -rf $store->{path} && mv $folder/whole $store->{path}") == 0 or die;
            serves(\@servers, $store, 'restored');
        }
    });
};

subtest 'flipped bits' => sub {
    my $program = Tokengate::Server::build_folder() . '/tests/flip_bits';
    plan skip_all => 'the unit tests are not built' unless -x $program;
    # The seed is fixed: see the program's first lines.
    my $figures = qx($program $flips 1 2>&1);
    is($?, 0, $figures =~ s/\s+\z//r);
};

subtest 'flipped bits under running servers' => sub {
    my $store = new_store();
    my $data  = "$store->{path}/data.mdb";
    system('cp', '-a', $data, "$folder/unflipped.mdb") == 0 or die;
    open my $in, '<:raw', $data or die $!;
    my $sound = do { local $/; <$in> };
    srand 1;
    with_servers($store, sub (@servers) {
        # A file that is in use: in a record, which has a check value.
        my $at = index $sound, 'shopkept';
        cmp_ok($at, '>', 0, 'the record of a token is found');
        open my $out, '+<:raw', $data or die $!;
        for (; $at > 0; $at = index $sound, 'shopkept', $at + 1) { seek $out, $at, 0; print $out chr(ord('s') ^ 1) }
        close $out;
        is(answers(\@servers, $store->{secret}, 3)->{kept}, 'store_unavailable', 'a damaged record: refused');
        # And files that servers find in its place, which each worker tries to open every second: bits of the heads of all
        # pages, so many, drawn from a fixed seed, and then those that tell branches of trees from leaves.
        for my $bits (1, 3, 'the kind') {
            my $flipped = $sound;
            for my $page (2 .. length($sound) / 4096 - 1) {
                my @at = $bits eq 'the kind' ? ([10, 3]) : map { [int rand 256, 1 << int rand 8] } 1 .. $bits;
                substr($flipped, $page * 4096 + $_->[0], 1) ^.= chr $_->[1] for @at;
            }
            system('cp', '-a', "$folder/unflipped.mdb", "$data.new") == 0 or die;
            open my $new, '+<:raw', "$data.new" or die $!;
            print $new $flipped;
            close $new;
            my @workers = map { workers_of($_) } @servers;
            rename "$data.new", $data or die $!;
            refuses(\@servers, $store, "flipped in every page: $bits") if $bits eq 'the kind';
            my %seen;
            for my $look (1 .. 6) {
                sleep 0.2;
                my $now = answers(\@servers, $store->{secret}, 1);
                $seen{$_}{$now->{$_}} = 1 for keys %$now;
            }
            unlike(join(' ', map { keys %$_ } values %seen), qr/no answer|status/, "flipped in every page: $bits: every request was answered");
            unlike(join(' ', keys %{$seen{revoked}}), qr/granted/, 'nothing granted that was not');
            my %there = map { $_ => 1 } map { split / / } map { workers_of($_) } @servers;
            is_deeply([grep { !$there{$_} } map { split / / } @workers], [], 'the same workers');
        }
        rename "$folder/unflipped.mdb", $data or die $!;
        serves(\@servers, $store, 'the sound file again');
    });
};

subtest 'a catalog that lost a row' => sub {
    my $program = Tokengate::Server::build_folder() . '/tests/lose_catalog_row';
    plan skip_all => 'the unit tests are not built' unless -x $program;
    my $store = new_store();
    with_servers($store, sub (@servers) {
        system($program, $store->{path}, 'Email/list_pops') == 0 or die;
        refuses(\@servers, $store, 'a row is gone');
        like($_->error_log, qr/tokengate: .*`tokengate catalog load`/, $_->name . ' says what to do') for @servers;
        $store->{cli}->ok('catalog', 'load', '--panel');
        serves(\@servers, $store, 'loaded again');
    });
};

subtest 'little memory, few files' => sub {
    my $store = new_store();
    for my $limit ('-v 4000000', '-n 4') {
        my $r = Tokengate::Cli::run_command('', {TOKENGATE_STORE => $store->{path}},
            'sh', '-c', "ulimit $limit; exec \"\$0\" token revoke shop kept", Tokengate::Cli::binary());
        SKIP: {
            skip 'a sanitizer needs the memory itself', 2 if Tokengate::Server::_sanitizer_environment();
            is($r->{exit}, 3, "ulimit $limit: a change is refused") or diag $r->{stderr};
            like($r->{stderr}, qr/\Atokengate: \S.*\n\z/, 'with one line');
        }
    }
    is(scalar @{$store->{cli}->json('token', 'list', 'shop')}, 1, 'nothing was changed');
};

subtest 'no reader slot is left' => sub {
    my $program = Tokengate::Server::build_folder() . '/tests/hold_readers';
    plan skip_all => 'the unit tests are not built' unless -x $program;
    my $store   = new_store();
    my $passing = $store->{cli}->secret('shop', 'passing', '--full-access');
    with_servers($store, sub (@servers) {
        # The holder keeps its slots until it is killed.
        my $readers = Tokengate::Readers->new($store->{path});
        pipe my $in, my $out or die $!;
        my $holder = open(my $held, '-|') // die $!;
        if ($holder == 0) { open STDIN, '<&', $in or die $!; close $out; exec $program, $store->{path} or die $! }
        cmp_ok(scalar <$held>, '>', 4000, 'another process has taken all of them');
        my $seen = answers(\@servers, $store->{secret}, 20);
        like($seen->{kept},    qr/\A(?:granted|store_unavailable)(?: store_unavailable)?\z/, 'who has one goes on, or refuses');
        like($seen->{revoked}, qr/\A(?:store_unavailable|unknown_token)(?: unknown_token)?\z/, 'and grants nothing else');
        my @late = start_servers($store->{path});
        refuses(\@late, $store, 'servers that start now');
        is($store->{cli}->json('stat')->{readers_used}, 4096, 'commands need none, and count them');
        $store->{cli}->ok('token', 'revoke', 'shop', 'passing');
        like(answers(\@servers, {passing => $passing})->{passing}, qr/\A(?:store_unavailable|unknown_token)(?: unknown_token)?\z/, 'a revocation counts at once');
        kill KILL => $holder;
        close $held;
        cmp_ok(scalar $readers->slots, '<', 100, 'its slots end with it');
        serves([@servers, @late], $store, 'the slots of the dead are used again');
        $_->stop for @late;
    });
};

subtest 'servers with too little memory for the map' => sub {
    plan skip_all => 'a sanitizer needs the memory itself' if Tokengate::Server::_sanitizer_environment();
    my $store = new_store();
    my @servers;
    for my $class (@classes) {
        no strict 'refs';
        no warnings 'redefine';
        my $command = $class->can('command');
        local *{"${class}::command"} = sub ($self) { return ('sh', '-c', 'ulimit -v 4000000; exec "$0" "$@"', $command->($self)) };
        push @servers, start_servers($store->{path}, $class);
    }
    refuses(\@servers, $store, 'a limit below the size of the map');
    like($_->error_log, qr/tokengate.*memory/i, $_->name . ' says why') for @servers;
    $_->stop for @servers;
};
done_testing;
