# ACLs and the catalog on the command line.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new;

sub names ($service) {
    return [map { $_->{name} } @{ $cli->json(qw(acl list --service), $service) }];
}

is_deeply(names('cpanel'), ['all'], 'a new store knows all');
is_deeply(names('whm'),    ['all'], 'for both services');
$cli->ok(qw(acl define reports whm:maintenance));
$cli->ok(qw(acl define --service whm audit));
is_deeply(names('cpanel'), [qw(all reports)],                'define');
is_deeply(names('whm'),    [qw(all audit maintenance)],      'define by prefix and by --service');
is($cli->run(qw(acl define reports))->{exit}, 0,             'define what exists');
like($cli->ok(qw(acl list)), qr/^cpanel +all +\S/m,          'a warning where there is one');
like($cli->ok(qw(acl list)), qr/^cpanel +reports +-$/m,      'none where there is none');

my $header = "api\tmodule\tfunction\tacl\taccess\n";
my $tsv = $header . join "\n", "# comment", "uapi\tEmail\t*\temail\twrite", "uapi\tEmail\tlist_pops\temail\tread",
    "uapi\tBatch\tstrict\t*each\twrite", "whm1\tAccounts\tlistaccts\tlist-accts\tread",
    "whm1\tAccounts\tlistaccts\tall\tread", "whm1\tOther\tobscure\t?\twrite", "http\tGET\t/v1/reports/*\treports\tread", "";

sub load ($text, @options) { return $cli->run_with({stdin => $text}, qw(catalog load -), @options) }

is(load($tsv)->{stdout}, "Loaded 7 rows for 6 functions, with 2 new ACLs.\n", 'load from standard input');
is_deeply(names('cpanel'), [qw(all email reports)],                'its ACLs are defined');
my $rows = $cli->json(qw(catalog show));
is(scalar @$rows, 6, 'show');
my ($accounts) = grep { $_->{function} eq 'listaccts' } @$rows;
is_deeply([sort @{ $accounts->{acls} }], [qw(all list-accts)], 'rows of one function add up');
is($accounts->{access}, 'read', 'access');
my $table = $cli->ok(qw(catalog show));
like($table, qr/^uapi +Batch +strict +what the inner calls need +write$/m, 'a wrapper in words');
like($table, qr/ obscure +full access +write$/m,                           'an unlisted function in words');
is(scalar @{ $cli->json(qw(catalog show --service whm)) }, 2, 'show --service');
is_deeply([map { $_->{function} } @{ $cli->json(qw(catalog show --acl email)) }], [qw(* list_pops)], 'show --acl');

my $exported = $cli->ok(qw(catalog export));
is(load($exported)->{stdout}, "Loaded 7 rows for 6 functions, with 0 new ACLs.\n", 'export is what load takes');
is($cli->ok(qw(catalog export)), $exported, 'and nothing is lost');
is_deeply($cli->json(qw(catalog show)), $rows, 'or changed');

# A bad row refuses the whole text, naming the line, and the catalog stays.
my @bad = (
    ['',                                                       qr/must start with the header line/],
    [$header . "uapi\tEmail\t*\temail\treed\n",                qr/line 2: .*"reed"/],
    [$tsv . "uapi\tEmail\n",                                   qr/line 10/],
    [$tsv . "soap\tEmail\t*\temail\twrite\n",                  qr/line 10: .*"soap"/],
    [$header . "http\tGET\tv1\treports\tread\n",               qr/line 2/],
);
for my $case (@bad) {
    my ($text, $message) = @$case;
    my $r = load($text);
    is($r->{exit}, 2, "refused: $message");
    like($r->{stderr}, $message, 'with the line');
}
is($cli->ok(qw(catalog export)), $exported, 'the catalog is what it was');

# The shipped one.
my $summary = $cli->json(qw(catalog load --panel));
cmp_ok($summary->{functions}, '>', 900, 'load --panel');
is_deeply([map { $_->{acls} } grep { $_->{api} eq 'uapi' && "$_->{module} $_->{function}" eq 'Email list_pops' }
        @{ $cli->json(qw(catalog show)) }], [['email']], 'it knows the usual');
my $panel = $cli->ok(qw(catalog export));
$cli->ok(qw(catalog load), "$FindBin::Bin/../tools/catalog/panel.tsv");
is($cli->ok(qw(catalog export)), $panel, 'the one in the program is the one in the file');
my $file = "$FindBin::Bin/../tools/catalog/http-example.tsv";
is($cli->run(qw(catalog load), $file)->{exit}, 0, 'the shipped example loads from its file');

done_testing;
