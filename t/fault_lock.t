# The lock file, which LMDB needs writable for every reader, tampered with under running servers: cut, overwritten,
# misleading, removed. Always: the right answer or a refusal, from the workers that had it open and from new ones; no
# worker and no command ends by it; and service again when the store has a sound one.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Tokengate::Cases;
use Tokengate::Faults;

plan skip_all => 'no server module is built' unless server_classes();

# What every worker can do: it may write the lock file.
my %tamper = (
    'cut to nothing'  => sub ($lock) { truncate $lock, 0 },
    'cut to a part'   => sub ($lock) { truncate $lock, 64 },
    # Behind the two locks: whoever garbles these can make the others wait for ever (see core/THREATS.md).
    'random bytes'    => sub ($lock) { overwrite($lock, 128, join '', map { chr rand 256 } 1 .. 8064) },
    'zeros'           => sub ($lock) { overwrite($lock, 0, "\0" x 8192) },
    'an older commit' => sub ($lock) { overwrite($lock, 48, pack 'Q', newest($lock) - 1) },
    'a later commit'  => sub ($lock) { overwrite($lock, 48, pack 'Q', newest($lock) + 2) },
    'no readers'      => sub ($lock) { overwrite($lock, 64, "\0" x 4096) },
    # How many of its reader slots were ever used: more than there are.
    'too many readers'   => sub ($lock) { overwrite($lock, 56, pack 'L', 10_000_000) },
    'readers without end' => sub ($lock) { overwrite($lock, 56, pack 'L', 0xFFFF_FFFF) },
    'removed'         => sub ($lock) { unlink $lock },
);

sub overwrite ($file, $offset, $bytes) {
    open my $out, '+<:raw', $file or die "$file: $!";
    seek $out, $offset, 0;
    syswrite $out, $bytes;
    return close $out;
}

# Each is right or refused.
sub check_answers ($servers, $secret) {
    my $seen = answers($servers, $secret, 2);
    like($seen->{kept},    qr/\A(?:granted|store_unavailable)(?: store_unavailable)?\z/,       'kept: granted or refused');
    like($seen->{revoked}, qr/\A(?:store_unavailable|unknown_token)(?: unknown_token)?\z/, 'revoked: refused');
    return;
}

sub newest ($lock) {
    open my $in, '<:raw', $lock or die $!;
    seek $in, 48, 0;
    read $in, my $bytes, 8;
    return unpack 'Q', $bytes;
}

for my $what (sort keys %tamper) {
    subtest "a lock file with $what" => sub {
        my $store = new_store();
        with_servers($store, sub (@servers) {
            $tamper{$what}->("$store->{path}/lock.mdb") or die $!;
            check_answers(\@servers, $store->{secret});
            my $listing = $store->{cli}->run('token', 'list', 'shop');
            like($listing->{exit}, qr/\A\d+\z/, 'a command ends by itself') or diag($listing->{stderr});
            my @more = start_servers($store->{path});
            for (1 .. 4) {
                check_answers([@servers, @more], $store->{secret});
                sleep 0.4;
            }
            # The cure that the message names: everything stopped, the file removed. Servers look again by themselves.
            rename $store->{path}, "$store->{path}.away" or die $!;
            refuses(\@servers, $store, 'taken away');
            unlink "$store->{path}.away/lock.mdb";
            $store->{cli}->run('--store', "$store->{path}.away", 'acl', 'define', 'email');
            rename "$store->{path}.away", $store->{path} or die $!;
            serves([@servers, @more], $store, 'with a new lock file');
            $_->stop for @more;  # which sees whether one was lost
        });
    };
}
done_testing;
