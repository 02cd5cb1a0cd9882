# Shell completion: what a shell offers after some words.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Cli;

my $cli = Tokengate::Cli->new(init => 0);
my $bash = $cli->ok(qw(completion bash));
my $zsh  = $cli->ok(qw(completion zsh));

# What bash offers for the last of `words`.
sub offered (@words) {
    my $script = "$bash\nCOMP_WORDS=(\"\$@\")\nCOMP_CWORD=\$((\$# - 1))\n_tokengate\nprintf '%s\\n' \"\${COMPREPLY[@]}\"\n";
    my $r = Tokengate::Cli::run_command('', {}, 'bash', '-euo', 'pipefail', '-c', $script, 'bash', @words);
    return $r->{stderr} if $r->{stderr} ne '';
    return join ' ', split /\n/, $r->{stdout};
}

is(offered('tokengate', 'ac'),                       'acl account', 'nouns');
is(offered('tokengate', 'token', 're'),              'rename revoke revoke-all', 'verbs');
is(offered('tokengate', 'token', 'create', 'shop', 'ci', '--full'), '--full-access', 'options, after arguments');
is(offered('tokengate', '--store', '/x', 'journal', 'v'), 'verify', 'values of options do not count');
is(offered('tokengate', 'token', 'show', 'token', 'create', '--serv'), '--service', 'nor do names of commands');
is(offered('tokengate', 'token', 'list', '--service', ''), 'cpanel whm', 'values of --service');
is(offered('tokengate', 'ver'),                      'verify', 'commands without a noun');
like(offered('tokengate', '--'),                     qr/--store/, 'options of all');

like($zsh, qr/\A#compdef tokengate\n/, 'zsh finds it');
SKIP: {
    skip 'no zsh', 1 unless grep { -x "$_/zsh" } split /:/, $ENV{PATH};
    my $file = File::Temp->new;
    print {$file} $zsh;
    $file->flush;
    is(Tokengate::Cli::run_command('', {}, 'zsh', '-n', "$file")->{exit}, 0, 'zsh can read it');
}

done_testing;
