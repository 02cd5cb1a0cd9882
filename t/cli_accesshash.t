# Access hashes of the panel's older kind go on working, as tokens.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use Test::More;
use Tokengate::Cli;
use Tokengate::Server ();

my $cli = Tokengate::Cli->new;
$cli->ok(qw(acl define whm:list-accts));
$cli->ok(qw(account create), $_, qw(--acl whm:list-accts)) for qw(reseller second);
$cli->ok(qw(account create nobody));
umask 022;
my $folder = File::Temp->newdir;

sub file ($name, $content) {
    open my $file, '>', "$folder/$name" or die $!;
    print $file $content;
    close $file or die $!;
    return "$folder/$name";
}

sub outcome ($authorization) {
    my $request = "GET /json-api/listaccts HTTP/1.1\nAuthorization: $authorization\n";
    my $r = $cli->run_with({stdin => $request}, qw(verify --service whm --require list-accts --json));
    return Tokengate::Cli::decode_json($r->{stdout})->{outcome};
}

# As it lies in the home: 29 lines of 32 characters.
my @lines = map { my $n = $_; join '', map { sprintf '%x', ($n * 7 + $_ * $_) % 16 } 1 .. 32 } 1 .. 29;
my $path = file(hash => join("\n", @lines) . "\n");
my $hash = join '', @lines;

is($cli->run(qw(import accesshash reseller --file), $path)->{exit}, 0, 'imported');
is(outcome("WHM reseller:$hash"), 'granted', 'the hash is accepted as clients send it');
is(outcome("whm second:$hash"),   'unknown_token', 'of that user alone');
is(outcome('whm reseller:' . substr $hash, 1), 'unknown_token', 'and whole');
my $token = $cli->json(qw(token show reseller accesshash));
is_deeply([@$token{qw(service full_access note)}], ['whm', JSON::PP::true, 'access hash'], 'a token like others');
my $r = $cli->run(qw(import accesshash reseller --file), $path);
is($r->{exit}, 1, 'a second time');
like($r->{stderr}, qr/is a token already/, 'nothing is made');

# DOS line ends and blanks, as some clients leave them.
my $other = file(other => join("\r\n", map {"A$_ "} @lines[0 .. 28]) . "\r\n\r\n");
like($cli->ok(qw(import accesshash second --verbose --file), $other), qr/^second: accesshash$/m, '--verbose names it');
is(outcome('whm second:' . join '', map {"A$_"} @lines), 'granted', 'blanks are no part of it');

# What cannot be one.
my @refused = (
    ['a hash that is too short' => file(short => "abc\n"),                   qr/does not hold an access hash/],
    ['other characters'         => file(odd   => "$lines[0]\n<$lines[1]>\n"), qr/does not hold an access hash/],
    ['too much'                 => file(large => "a" x 20_000),              qr/too large/],
    ['an empty file'            => file(empty => "\n\n"),                    qr/has no access hash/],
    ['no file'                  => "$folder/none",                           qr/has no access hash/],
    ['a folder'                 => "$folder",                                qr/not a plain file/],
);
symlink $path, "$folder/link" or die $!;
push @refused, ['a link' => "$folder/link", qr/cannot read/];
for my $case (@refused) {
    my ($what, $file, $words) = @$case;
    $r = $cli->run(qw(import accesshash nobody --file), $file);
    is($r->{exit}, 1, $what);
    like($r->{stderr}, $words, "$what: why");
    unlike($r->{stderr}, qr/\Q$lines[0]\E|aaaa/, "$what: nothing of it is repeated");
}
is($cli->run(qw(import accesshash none --file), $path)->{exit}, 1, 'no such account');
is($cli->run(qw(import accesshash --file), $path)->{exit}, 2, '--file without its user');
is($cli->run(qw(import accesshash --all-resellers reseller))->{exit}, 2, '--all-resellers with a user');
is_deeply($cli->json(qw(import accesshash --all-resellers)), {imported => []}, '--all-resellers, where none has a home');
is($cli->run('import')->{exit}, 2, 'import alone still wants a file');
is(scalar @{ $cli->json(qw(token list)) }, 2, 'two tokens in all');

# From the homes of users that this machine does not have.
subtest 'homes' => sub {
    my ($library) = glob '/usr/lib/*/libnss_wrapper.so';
    plan skip_all => 'libnss-wrapper is not installed' unless $library;
    plan skip_all => 'it does not go with a sanitizer' if Tokengate::Server::_sanitizer_environment();
    my @users = qw(root reseller second third client);
    mkdir "$folder/home" or die $!;
    mkdir "$folder/home/$_", 0755 or die $! for @users;
    my $passwd = file(passwd => join '', map { "$_:x:$>:0::$folder/home/$_:/bin/sh\n" } @users);
    my $cli    = Tokengate::Cli->new;
    $cli->ok(qw(acl define email whm:list-accts));
    $cli->ok(qw(account create), $_, qw(--acl whm:list-accts)) for qw(root reseller third second homeless);
    $cli->ok(qw(account create client --acl email));
    my %hash = map { my $user = $_; $user => join '', map { sprintf '%s%0*d', uc $user, 32 - length $user, $_ } 1 .. 29 } @users;
    file("home/$_/.accesshash", $hash{$_} =~ s/(.{32})/$1\n/gr) for qw(root reseller second client);
    my $import = sub (@arguments) {
        return $cli->run_with({env => {LD_PRELOAD => $library, NSS_WRAPPER_PASSWD => $passwd, NSS_WRAPPER_GROUP => '/dev/null'}}, qw(import accesshash), @arguments);
    };
    my $works = sub ($user) {
        my $r = $cli->run_with({stdin => "GET /json-api/listaccts HTTP/1.1\nAuthorization: WHM $user:$hash{$user}\n"},
            qw(verify --service whm --require list-accts --json));
        return Tokengate::Cli::decode_json($r->{stdout})->{outcome} eq 'granted';
    };
    my $seen = sub { join ' ', grep { $works->($_) } @users };

    my $r = $import->();
    is($r->{exit}, 0, 'nobody named') or diag($r->{stderr});
    is($r->{stdout}, "Imported 1 access hash.\n", '... is root');
    is($seen->(), 'root', '... and no other');
    $r = $import->(qw(reseller third --verbose));
    is($r->{exit}, 0, 'several users') or diag($r->{stderr});
    is($r->{stdout}, "reseller: accesshash\nImported 1 access hash.\n", '... of whom one has a hash');
    is($r->{stderr} =~ s/\Atokengate: //r, "third has no access hash\n", '... and the other is named');
    is($import->(qw(third homeless))->{exit}, 1, 'none of several has one');
    is($seen->(), 'root reseller', 'those two, so far');
    file('home/third/.accesshash', "<$hash{reseller}>\n");
    $r = $import->(qw(--all-resellers --verbose));
    is($r->{exit}, 1, '--all-resellers, one of whom has something else there');
    like($r->{stderr}, qr/third: .*does not hold an access hash/, '... and is named');
    unlink "$folder/home/third/.accesshash" or die $!;
    like($r->{stdout}, qr/\Asecond: accesshash\nImported 1 access hash\.\n\z/, '... finds the others, not who has nothing on whm');
    is($seen->(), 'root reseller second', '... which works now');
    $r = $import->('--all-resellers');
    is("$r->{exit} $r->{stdout}", "0 Imported 0 access hashes.\n", 'a second time makes nothing');
    unlike($r->{stdout} . $r->{stderr}, qr/\Q$_\E/, 'no hash is printed') for substr($hash{reseller}, 0, 32), substr($hash{root}, 0, 32);
    is(scalar @{$cli->json(qw(token list))}, 3, 'three tokens');

    # Whoever can write there could have chosen the hash.
    my ($home, $hash) = ("$folder/home/third", "$folder/home/third/.accesshash");
    my $planted = sub ($what, $words) {
        my $r = $import->('third');
        is($r->{exit}, 1, $what);
        like($r->{stderr}, $words, '... is named, with the cure');
        ok(!$works->('third'), '... and makes no token');
    };
    file('home/third/.accesshash', $hash{third});
    for my $mode (0620, 0602) {
        chmod $mode, $hash or die $!;
        $planted->(sprintf('a hash of mode %04o', $mode), qr/can write \Q$hash\E,.* chmod go-w \Q$hash\E$/m);
    }
    chmod 0600, $hash or die $!;
    for my $mode (0770, 01777) {
        chmod $mode, $home or die $!;
        $planted->(sprintf('a home of mode %04o', $mode), qr/can write \Q$home\E,.* chmod go-w \Q$home\E$/m);
    }
    chmod 0755, $home or die $!;
    link $hash, "$folder/other-name" or die $!;
    $planted->('a hash with a second name', qr/\Q$hash\E has another name/);
    unlink "$folder/other-name" or die $!;
    rename $home, "$folder/home/elsewhere" or die $!;
    symlink "$folder/home/elsewhere", $home or die $!;
    $planted->('a home that is a link', qr/cannot read \Q$home\E: .*--file/);
    unlink $home or die $!;
    rename "$folder/home/elsewhere", $home or die $!;
    SKIP: {
        skip 'needs another user', 6 if $> != 0;
        for my $path ($hash, $home) {
            chown 4242, -1, $path or die $!;
            $planted->("$path of another user", qr/\Q$path\E belongs neither .* chown third \Q$path\E$/m);
            chown $>, -1, $path or die $!;
        }
    }
    chmod 0664, "$folder/home/client/.accesshash" or die $!;
    $cli->ok(qw(account grant client whm:list-accts));
    $r = $import->('--all-resellers');
    is("$r->{exit} $r->{stdout}", "1 Imported 1 access hash.\n", 'what others could have written keeps nobody else from theirs');
    ok($works->('third') && !$works->('client'), 'third has a token now, client none');
};
done_testing;
