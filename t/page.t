# The web page in a real browser, before a daemon behind each server: every call that it makes (tools/web/test/page.test.js)
# behind all of them, and what no server in front can change (looks.test.js) behind the first.
# TOKENGATE_SHOTS=FOLDER makes the pictures of README instead (pictures.test.js).
use v5.36;
use Digest::SHA qw(sha256_hex);
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cases;
use Tokengate::Daemon;

my $chromium = $ENV{CHROMIUM} // '/usr/bin/chromium';
my $tests    = "$Tokengate::Server::kRoot/tools/web/test";
my @classes  = server_classes();
plan skip_all => 'no server module is built' unless @classes;
plan skip_all => 'tokengated is not built'   unless Tokengate::Daemon::is_available();
plan skip_all => "there is no $chromium"     unless -x $chromium;

# A zone in which many days are others than in UTC.
$ENV{TZ} = 'Asia/Kolkata';

my $kDay = 86400;

# Tokens with times, and with what made them, as only an import can have them: cpanel's, as tools/exchange.md has it.
sub import_tokens ($store, @tokens) {
    my $id   = 0;
    my $text = "tokengate-export\t1\n";
    for my $token (@tokens) {
        my ($account, $name, %it) = @$token;
        $text .= join("\t", 'token', $account, 'cpanel', $name, sha256_hex("$account $name"), $it{acls} // 'email', $it{access} // 'write',
            $it{expires} // 'never', $it{not_before} // 0, $it{addresses} // '', $it{created} // '', ++$id, $it{parent} // '', '', '',
            $it{note} // '') . "\n";
    }
    my $file = File::Temp->new;
    print {$file} "${text}end\n";
    close $file or die $!;
    $store->run('import', "$file");
    return;
}

sub store () {
    my $store = Tokengate::Store->new;
    $store->run(qw(catalog load --panel));
    my @possessed = map { ('--acl', $_) } qw(email dns files manage-api-tokens);
    $store->run('account', 'create', $_, @possessed) for qw(shop many bulk picture rows sorted marks family keys);
    $store->run(qw(account create admin --acl whm:all));
    $store->run(qw(account create client --owner admin), @possessed);
    $store->run(qw(account create reseller --acl email --acl dns), map { ('--acl', "whm:$_") }
        qw(acct-summary clustering cpanel-api create-user-session edit-account list-accts manage-api-tokens passwd));
    $store->run(qw(account create owned --owner reseller), @possessed);
    $store->create_token(reseller => panel => qw(--service whm --acl list-accts));
    import_tokens($store,
        [family   => 'a-parent'],                                      # 1
        [family   => 'b-child', parent => 1],                          # 2
        [family   => 'c-grandchild', parent => 2],
        [family   => 'd-other'],
        [shop     => 'existing'],
        [owned    => 'of-owned'],
        [reseller => 'mail'],
        [reseller => 'panel'],
        (map { [bulk => $_] } qw(one two three)),
        (map { [many => "token-$_", acls => 'dns'] } 'a' .. 'y'),
        [many => 'ends-soon', expires => time + 10 * $kDay],
        [many => 'ends-ago',  expires => time - $kDay],
        # 2024-01-05 20:00 and 2041-06-30 20:00, in UTC
        [rows => 'a-full-row', acls => 'dns,email', access => 'read', created => 1704484800, expires => 2256235200,
            addresses => '192.0.2.0/24,2001:db8::/32', note => 'for the <b>bookkeeper</b>'],
        [rows => 'b-plain-row', acls => '*', created => 1684303200],
        [rows => 'c-begins-later', not_before => 2211834900],          # 2040-02-02 22:35 in UTC
        [rows => 'd-has-ended', expires => time - $kDay],
        [sorted => 'made-z-2019', created => 1560000000, expires => 2080000000],
        [sorted => 'made-a-2020', created => 1590000000],
        [sorted => 'made-m-2021', created => 1620000000, expires => 2070000000],
        (map { [marks => "ends-in-$_", expires => time + $_ * $kDay] } 4, 10, 31),
        [marks => 'has-ended', expires => time - 60],
        [marks => 'never-ends'],
        [picture => 'old-shop', expires => time - 3 * $kDay]);
    $store->create_token(picture => 'acme-dns' => qw(--acl dns --expires +300d --note), 'renews certificates');
    $store->create_token(picture => 'backup-job' => qw(--full-access --read-only --expires +12d));
    $store->create_token(picture => 'ci' => qw(--acl files --acl email --address 192.0.2.7 --expires +90d));
    return $store;
}

for my $class (@classes) {
    my $store     = store();
    my $daemon    = Tokengate::Daemon->new(store => $store->path)->start;
    my ($port, $lock) = Tokengate::Server::take_port();
    my $impatient = Tokengate::Daemon->new(store => $store->path, options => ['--soon-days', 5, '--listen', "127.0.0.1:$port"])->start;
    my $server    = $class->new(
        store => $store->path,
        sites => [page => {tokengate => 'off', upstream => 'unix', socket => $daemon->socket, locations => ['/execute/' => {tokengate => 'on'}]}])
        ->start;
    if ($ENV{TOKENGATE_SHOTS}) {
        $server->get($_->[1], 'cpanel picture:' . $store->secret($_->[0]))
            for ['acme-dns', '/execute/DNS/parse_zone'], ['backup-job', '/execute/Backup/list_backups'], ['backup-job', '/execute/Email/list_pops'];
    }
    my %environment = (
        PAGE_URL              => 'http://127.0.0.1:' . $server->port . '/tokengate/',
        PAGE_SOCKET           => $daemon->socket,
        PAGE_IMPATIENT_URL    => "http://127.0.0.1:$port/tokengate/",
        PAGE_IMPATIENT_SOCKET => $impatient->socket,
        TOKENGATE             => Tokengate::Cli::binary(),
        TOKENGATE_STORE       => $store->path,
        CHROMIUM              => $chromium,
        PAGE_SHOTS            => $ENV{TOKENGATE_SHOTS} // '');
    # Each of its tests is a test of ours: the output is TAP.
    my @files  = $ENV{TOKENGATE_SHOTS} ? 'pictures.test.js' : ('page.test.js', $class eq $classes[0] ? 'looks.test.js' : ());
    my $result = Tokengate::Cli::run_command('', \%environment, 'node', '--test', '--test-reporter=tap', map { "$tests/$_" } @files);
    subtest $class->name => sub {
        my @tests = $result->{stdout} =~ /^((?:not )?ok \d+ - .*)$/mg;
        for (@tests) {
            my ($not, $name) = /^(not )?ok \d+ - (.*)$/;
            ok(!$not, $name);
        }
        is($result->{exit}, 0, 'the browser found nothing wrong') or diag($result->{stdout}, $result->{stderr}, $daemon->log);
        cmp_ok(scalar @tests, '>', $ENV{TOKENGATE_SHOTS} ? 0 : 10, 'and it looked');
    };
    $server->stop;
    $_->stop for $impatient, $daemon;
}
done_testing;
