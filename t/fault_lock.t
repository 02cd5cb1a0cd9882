# The lock file, which LMDB needs writable for every reader, tampered with under running servers: cut, overwritten,
# misleading, removed. Always: the right answer or a refusal, the same workers afterwards, and service again when the
# store has a sound one.
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
    'removed'         => sub ($lock) { unlink $lock },
);

sub overwrite ($file, $offset, $bytes) {
    open my $out, '+<:raw', $file or die "$file: $!";
    seek $out, $offset, 0;
    syswrite $out, $bytes;
    return close $out;
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
            for (1 .. 4) {
                my $seen = answers(\@servers, $store->{secret}, 2);
                like($seen->{kept},    qr/\A(?:granted|store_unavailable)(?: store_unavailable)?\z/,       'kept: granted or refused');
                like($seen->{revoked}, qr/\A(?:store_unavailable|unknown_token)(?: unknown_token)?\z/, 'revoked: refused');
                sleep 0.4;
            }
            # The cure that the message names: everything stopped, the file removed. Servers look again by themselves.
            rename $store->{path}, "$store->{path}.away" or die $!;
            refuses(\@servers, $store, 'taken away');
            unlink "$store->{path}.away/lock.mdb";
            $store->{cli}->run('--store', "$store->{path}.away", 'acl', 'define', 'email');
            rename "$store->{path}.away", $store->{path} or die $!;
            serves(\@servers, $store, 'with a new lock file');
        });
    };
}
done_testing;
