# The web page in a real browser: tools/web/test/page.test.js, before a daemon behind each server.
# TOKENGATE_SHOTS=FOLDER also makes the pictures of README.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Tokengate::Cases;
use Tokengate::Daemon;

my $chromium = $ENV{CHROMIUM} // '/usr/bin/chromium';
my $web      = "$Tokengate::Server::kRoot/tools/web";
my @classes  = server_classes();
plan skip_all => 'no server module is built' unless @classes;
plan skip_all => 'tokengated is not built'   unless Tokengate::Daemon::is_available();
plan skip_all => "there is no $chromium"     unless -x $chromium;

sub store () {
    my $store = Tokengate::Store->new;
    $store->run(qw(catalog load --panel));
    my @possessed = map { ('--acl', $_) } qw(email dns files manage-api-tokens);
    $store->run('account', 'create', $_, @possessed) for qw(shop many bulk picture);
    $store->run(qw(account create admin --acl whm:all));
    $store->run(qw(account create client --owner admin), @possessed);
    $store->create_token(shop => existing => qw(--acl email));
    $store->create_token(bulk => $_ => qw(--acl email)) for qw(one two three);
    $store->create_token(many => "token-$_" => qw(--acl dns)) for 'a' .. 'y';
    $store->create_token(many => 'ends-soon' => qw(--acl email --expires +10d));
    $store->create_token(many => 'ends-ago'  => qw(--acl email));
    $store->run(qw(token update many ends-ago --expires), time - 86400);
    $store->create_token(picture => 'acme-dns' => qw(--acl dns --expires +300d --note), 'renews certificates');
    $store->create_token(picture => 'backup-job' => qw(--full-access --read-only --expires +12d));
    $store->create_token(picture => 'ci'      => qw(--acl files --acl email --address 192.0.2.7 --expires +90d));
    $store->create_token(picture => 'old-shop' => qw(--acl email));
    $store->run(qw(token update picture old-shop --expires), time - 3 * 86400);
    return $store;
}

for my $class (@classes) {
    my $store  = store();
    my $daemon = Tokengate::Daemon->new(store => $store->path)->start;
    my $server = $class->new(
        store => $store->path,
        sites => [page => {tokengate => 'off', upstream => 'unix', socket => $daemon->socket, locations => ['/execute/' => {tokengate => 'on'}]}])
        ->start;
    if ($ENV{TOKENGATE_SHOTS}) {
        $server->get($_->[1], 'cpanel picture:' . $store->secret($_->[0]))
            for ['acme-dns', '/execute/DNS/parse_zone'], ['backup-job', '/execute/Backup/list_backups'], ['backup-job', '/execute/Email/list_pops'];
    }
    my %environment = (
        PAGE_URL        => 'http://127.0.0.1:' . $server->port . '/tokengate/',
        TOKENGATE       => Tokengate::Cli::binary(),
        TOKENGATE_STORE => $store->path,
        PAGE_SOCKET     => $daemon->socket,
        CHROMIUM        => $chromium,
        PAGE_SHOTS      => $ENV{TOKENGATE_SHOTS} // '');
    # Each of its tests is a test of ours: the output is TAP.
    my $result = do {
        local @ENV{keys %environment} = values %environment;
        Tokengate::Cli::run_command('', {}, 'node', '--test', '--test-reporter=tap', "$web/test/page.test.js");
    };
    subtest $class->name => sub {
        my @tests = $result->{stdout} =~ /^((?:not )?ok \d+ - .*)$/mg;
        for (@tests) {
            my ($not, $name) = /^(not )?ok \d+ - (.*)$/;
            ok(!$not, $name);
        }
        is($result->{exit}, 0, 'the browser found nothing wrong') or diag($result->{stdout}, $result->{stderr}, $daemon->log);
        cmp_ok(scalar @tests, '>', 10, 'and it looked');
    };
    $server->stop;
    $daemon->stop;
}
done_testing;
