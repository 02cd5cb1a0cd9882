# Who may know whom, by the sources' include lines: one place knows LMDB, one OpenSSL; the core knows no server; the modules
# know decisions alone; within the core, a layer knows earlier ones only.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Server;

chdir $Tokengate::Server::kRoot or die "$!";

# The sources of the folders that include what the pattern says.
sub includers ($pattern, @folders) {
    my @found;
    for my $path (sort map { glob "$_/*.cpp $_/*.h $_/*.c" } @folders) {
        open my $file, '<', $path or die "$path: $!";
        push @found, $path if grep {/^\s*#\s*include\s*["<]$pattern[">]/} <$file>;
    }
    return \@found;
}

my @core    = qw(core core/include/tokengate);
my @modules = qw(ngx_module apache_module);
my @tools   = qw(tools tools/manage tools/daemon tools/bench);

is_deeply(includers('lmdb\.h', @core, @modules, @tools), ['core/lmdb_call.h'], 'LMDB is included in one place');
is_deeply(
    includers('lmdb_call\.h', @core),
    [qw(core/cursor.cpp core/environment.cpp core/transaction.cpp)],
    'and called by the three parts of the store'
);
is_deeply(includers('openssl/.*', @core, @modules, @tools), ['core/hash.cpp'], 'OpenSSL is called by the hashing alone');
my $server = '(ngx_\w+|httpd|http_(core|log|protocol|request)|apr_\w+)\.h';
is_deeply(includers($server, @core, @tools), [], 'core and tools know no server');
is_deeply(includers('tokengate/admin\.h', @modules), [], 'the modules cannot change a store');

# The layers of core/README.md: a section that begins with a number is one, and its tables name the files. The last two
# layers do not know each other.
my %layer_of;
{
    open my $page, '<', 'core/README.md' or die "$!";
    my $layer;
    while (my $line = <$page>) {
        $layer = $1 if $line =~ /^## (?:(\d+)\.)?/;
        next unless defined $layer && $line =~ /^\| `/;
        my ($names) = $line =~ /^\|([^|]*)\|/;
        $layer_of{$_} = $layer for $names =~ /`(\w+)\.(?:cpp|h)`/g;
    }
}
my $last = (sort { $b <=> $a } values %layer_of)[0];
my @wrong;
for my $path (sort map { glob "core/*.$_" } qw(cpp h)) {
    my ($name) = $path =~ m{(\w+)\.\w+\z};
    my $layer = $layer_of{$name} // next;    # t/docs.t asks for a place for each
    open my $file, '<', $path or die "$path: $!";
    for my $included (map { /^#include "(\w+)\.h"/ ? $1 : () } <$file>) {
        my $other = $layer_of{$included} // do { push @wrong, "$path includes $included.h, which has no layer"; next };
        push @wrong, "$path includes $included.h" if $other > $layer || $other == $last - 1 && $layer == $last;
    }
}
ok($last == 5, 'the core has five layers');
is_deeply(\@wrong, [], 'each file knows its own layer and earlier ones only');

done_testing;
