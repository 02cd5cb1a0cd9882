# The README, with the pages it links, names every directive, variable, outcome, command and exit status that there is,
# and none that there is not. The sources are read, so that neither can be forgotten.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(dirname);
use Test::More;
use Tokengate::Cli;
use Tokengate::Server;

my $root = $Tokengate::Server::kRoot;

sub read_file ($path) {
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return <$file>;
}

sub sources ($pattern) {
    return join "\n", map { read_file($_) } sort glob "$root/$pattern";
}

sub unique (@words) {
    my %seen = map { $_ => 1 } @words;
    return sort keys %seen;
}

# The README and the project's own pages that it links.
my $readme = "$root/README.md";
-e $readme or die "$readme is missing";
my %pages = ($readme => read_file($readme));
for my $link ($pages{$readme} =~ /\]\(([^)#:\s]+\.md)(?:#[^)]*)?\)/g) {
    my $path = dirname($readme) . "/$link";
    if (ok(-e $path, "the linked page $link exists")) { $pages{$path} = read_file($path) }
}
my $text = join "\n", map { $pages{$_} } sort keys %pages;

# A name counts as documented where it stands as a word of its own.
sub is_documented ($name) { return $text =~ /(?<![A-Za-z0-9_-])\Q$name\E(?![A-Za-z0-9_-])/ }

sub check_all ($what, @names) {
    ok(@names > 0, "the sources name a $what");
    ok(is_documented($_), "$what $_ is documented") for unique(@names);
    return;
}

my $nginx  = sources('ngx_module/*.cpp');
my $apache = sources('apache_module/*.cpp');

my @nginx_directives  = $nginx =~ /\{ngx_string\("(tokengate\w*)"\),\s*(?:k\w+|NGX_\w+)\s*\|/g;
my @nginx_variables   = map {"\$$_"} $nginx =~ /\{ngx_string\("(tokengate_\w+)"\),\s*get_/g;
my @apache_directives = $apache =~ /AP_INIT_\w+\(\s*"(Tokengate\w+)"/g;
my @apache_variables  = $apache =~ /set_variable\(r, "(TOKENGATE_[A-Z_]+)"/g;
my @outcomes          = sources('core/result.cpp') =~ /\{"(\w+)",\s*Severity::/g;

check_all('nginx directive',  @nginx_directives);
check_all('nginx variable',   @nginx_variables);
check_all('Apache directive', @apache_directives);
check_all('Apache variable',  @apache_variables);
check_all('outcome',          @outcomes);

# Each directive has an entry of its own: a heading in the reference.
for my $directive (unique(@nginx_directives)) {
    like($text, qr/^#+ `?\Q$directive\E`?\s*$/m, "nginx directive $directive has a heading");
}

# The tree of commands, as the program tells it.
my $cli = Tokengate::Cli->new(init => 0);

sub commands ($help) {
    my ($list) = $help =~ /^Commands:\n((?:  .*\n)+)/m;
    return ($list // '') =~ /^  ([a-z][a-z0-9-]*)/mg;
}
my @commands;
for my $noun (commands($cli->ok('--help'))) {
    my @verbs = commands($cli->ok($noun, '--help'));
    push @commands, @verbs ? map {"$noun $_"} @verbs : $noun;
}
ok(@commands > 20, 'the program tells its commands');
ok($text =~ /tokengate \Q$_\E(?![a-z0-9-])/, "command tokengate $_ is documented") for @commands;
my ($codes) = $cli->ok('--help') =~ /^Exit codes?: (.*)$/m;
my %codes = ($codes // '') =~ /(\d+) (\w+)/g;
ok(keys %codes == 4, 'the program tells its exit codes');
like($text, qr/^\|\s*`?$_`?\s*\|/m, "exit code $_ is documented") for sort keys %codes;

# And nothing is documented that is not there.
my %exists = map { $_ => 1 } @nginx_directives, @apache_directives, @apache_variables, map { s/^\$//r } @nginx_variables;
$exists{$_} = 1 for qw(TOKENGATE_STORE tokengate_module tokengate_core tokengate_), $nginx =~ /\b(tokengate_\w+)\b/g;
$exists{$_} = 1 for sources('CMakeLists.txt tools/daemon/CMakeLists.txt') =~ /\b(TOKENGATE_\w+)\b/g;
$exists{$_} = 1 for sources('t/*.t') =~ /\$ENV\{(TOKENGATE_\w+)\}/g;
$exists{$_} = 1 for read_file("$root/tools/run-tests") =~ /\b(TOKENGATE_\w+)\b/g;
my @named = $text =~ /(?<![\w\/.-])\$?(tokengate_[a-z_]+|Tokengate[A-Z]\w+|TOKENGATE_[A-Z_]+)\b(?![.])/g;
ok($exists{$_}, "$_, which the documents name, exists") for unique(@named);

# The core's page has a place for each of its files, and names no other.
my $core = read_file("$root/core/README.md");
my %named = map { $_ => 1 } $core =~ /`(\w+\.(?:cpp|h))`/g;
my %files = map { (m{([^/]+)\z})[0] => 1 } map { glob "$root/core/$_" } qw(*.cpp *.h include/tokengate/*.h);
ok($named{$_}, "core/README.md names $_") for grep {/\.cpp\z/ || !$files{s/\.h\z/.cpp/r}} sort keys %files;
ok($files{$_}, "$_, which core/README.md names, exists") for sort keys %named;

# What the threat model claims, tests show: each line of its tables names at least one, and there is no other.
my $threats = read_file("$root/core/THREATS.md");
for my $line (grep { /^\|/ && !/^\|(?:---|[^|]*\| (?:may|mode|can) )/ } split /\n/, $threats) {
    my ($claim) = $line =~ /^\| ([^|]+) \|/;
    my @tests = $line =~ m{\]\(\.\./((?:t|tests)/[\w.]+)\)}g;
    ok(@tests && !(grep { !-e "$root/$_" } @tests), "a test that exists shows: $claim");
}

# `import` is a command by itself, too.
my %command = map { $_ => 1 } @commands, qw(import COMMAND --help --version);
my %noun = map { (split / /)[0] => 1 } @commands;
for my $use (unique($text =~ /(?:^|[`\$(\s])tokengate ((?:--?\w+ )?[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)?)/mg)) {
    my ($first, $second) = split / /, $use;
    # In prose the word is the project's name; a command is what begins with a known noun.
    next unless $noun{$first};
    ok($command{$first} || $command{"$first " . ($second // '')}, "tokengate $use, which the documents name, exists");
}
done_testing;
