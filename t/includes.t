# Who may know whom, by the sources' include lines: one place knows LMDB, one OpenSSL; the core knows no server; the modules
# know decisions alone.
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

done_testing;
