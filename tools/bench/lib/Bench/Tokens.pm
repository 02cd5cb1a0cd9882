# The tokens that all rows hold, and the files made of them: a store, a map, password files, lists of requests.
#
# Everything follows from the number of tokens: the secrets are the key stream of a block cipher under a fixed key. Files
# are kept between runs, and the store is made anew when the library is newer.
package Bench::Tokens;

use v5.36;
use Digest::SHA qw(sha1 sha1_base64 sha256_hex);
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use List::Util qw(min);
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

use constant kTokensPerAccount => 10;
use constant kMostRequests     => 500_000;
# Beyond the tokens of any size, so that nobody has them.
use constant kUnknown => 100_000;

# `build`: the folder of the programs; `folder`: where files are kept; `group`: whose workers read the store.
sub new ($class, %option) {
    my $self = bless {%option, folder => "$option{folder}/$option{count}"}, $class;
    make_path($self->{folder}, {mode => 0755});
    return $self;
}

sub count  ($self) { return $self->{count} }
sub secret_bytes () { return 33 }

sub _path ($self, $name) { return "$self->{folder}/$name" }

# The path of the file `name`; `make` writes it to a handle if it does not exist yet.
sub _file ($self, $name, $make) {
    my $path = $self->_path($name);
    return $path if -e $path;
    open my $file, '>:raw', "$path.new" or die "$path.new: $!";
    $make->($file);
    close $file or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
    return $path;
}

sub _write_secrets ($file, $key, $count) {
    my $command = "openssl enc -aes-128-ctr -K $key -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null"
        . ' | head --bytes=' . 16 * $count;
    open my $stream, '-|:raw', $command or die "openssl: $!";
    while (read $stream, my $bytes, 1 << 20) {
        # 32 of 0-9A-F: 128 bits, and of the form that Tokengate takes.
        print $file uc(unpack 'H*', $bytes) =~ s/(.{32})/$1\n/gr;
    }
    close $stream;
    return;
}

sub secrets ($self) {
    my $key = '00112233445566778899AABBCCDDEEFF';
    return $self->_file('secrets', sub ($file) { _write_secrets($file, $key, $self->{count}) });
}

sub _unknown_secrets ($self) {
    my $key = 'FFEEDDCCBBAA99887766554433221100';
    return $self->_file('unknown-secrets', sub ($file) { _write_secrets($file, $key, kUnknown) });
}

sub user_of ($number) { return 'u' . int($number / kTokensPerAccount) }

# Calls `take(number, secret)` for each.
sub _each_secret ($path, $take) {
    open my $secrets, '<:raw', $path or die "$path: $!";
    my $number = 0;
    while (my $secret = <$secrets>) {
        chomp $secret;
        $take->($number++, $secret);
    }
    return;
}

# What `tokengate import` reads: ten tokens to an account, each with two ACLs, of which the request needs one.
sub _write_export ($self, $file) {
    print $file "tokengate-export\t1\n";
    my $accounts = int(($self->{count} + kTokensPerAccount - 1) / kTokensPerAccount);
    for my $account (0 .. $accounts - 1) {
        print $file "account\tu$account\t\tactive\ton\tdatabases,dns,domains,email,files,ssl\n";
    }
    _each_secret($self->secrets, sub ($number, $secret) {
        my ($user, $name) = (user_of($number), 't' . $number % kTokensPerAccount);
        print $file "token\t$user\tcpanel\t$name\t", sha256_hex($secret), "\tdns,email\twrite\tnever\n";
    });
    print $file "end\n";
    return;
}

# A store of Tokengate with the panel's catalog.
sub store ($self) {
    my $path  = $self->_path('store');
    my $stamp = $self->_path('store.json');
    return $path if -e $stamp && -M $stamp <= -M "$self->{build}/core/libtokengate_core.a";
    remove_tree($path);
    unlink $stamp;
    my $tokengate = "$self->{build}/tools/tokengate";
    _run($tokengate, 'init', '--store', $path, $self->{group} ? ('--group', $self->{group}) : ());
    _run($tokengate, 'catalog', 'load', '--panel', '--store', $path);
    my $text  = $self->_file('export', sub ($file) { $self->_write_export($file) });
    my $begin = time;
    _run($tokengate, 'import', '--store', $path, $text);
    my %figures = (import_s => time - $begin, store_bytes => -s "$path/data.mdb");
    unlink $text;
    open my $made, '>', $stamp or die "$stamp: $!";
    print $made JSON::PP::encode_json(\%figures);
    return $path;
}

# Reads the whole store, as a server that runs for long has done: what is measured is not the disk.
sub read_store ($self) {
    open my $data, '<:raw', $self->store . '/data.mdb' or die $!;
    1 while sysread $data, my $bytes, 1 << 20;
    return;
}

# Of its store when it was made: seconds that the import took, and the size of the file. Later runs change and journal.
sub store_figures ($self) {
    $self->store;
    open my $made, '<', $self->_path('store.json') or die $!;
    return JSON::PP::decode_json(<$made>);
}

sub _run (@command) {
    open my $output, '-|', @command or die "$command[0]: $!";
    my $text = do { local $/; <$output> };
    close $output or die "@command failed: $text\n";
    return $text;
}

# Lines for nginx's `map`: the whole header, in plain text.
sub map_file ($self) {
    return $self->_file('map.conf', sub ($file) {
        _each_secret($self->secrets, sub ($number, $secret) {
            my $user = user_of($number);
            print $file "\"cpanel $user:$secret\" $user;\n";
        });
    });
}

# Records of 32 bytes for the Lua dictionary: SHA-1 of the secret, the user, a line feed.
sub digest_file ($self) {
    return $self->_file('digests', sub ($file) {
        _each_secret($self->secrets, sub ($number, $secret) {
            printf $file "%s%-11s\n", sha1($secret), user_of($number);
        });
    });
}

# Lines of a user, `separator` and the quickest hash of a password that both servers know; each token is a user.
sub _write_passwords ($self, $file, $separator) {
    _each_secret($self->secrets, sub ($number, $secret) {
        print $file "t$number$separator\{SHA}", sha1_base64($secret), "=\n";
    });
    return;
}

# In the form of htpasswd.
sub password_file ($self) {
    return $self->_file('htpasswd', sub ($file) { $self->_write_passwords($file, ':') });
}

# The same as Berkeley DB, the default of Apache's DBM type on Debian.
sub dbm_file ($self) {
    my $path = $self->_path('htpasswd.db');
    return $path if -e $path;
    my $text = $self->_file('htpasswd.txt', sub ($file) { $self->_write_passwords($file, ' ') });
    _run('httxt2dbm', '-f', 'DB', '-i', $text, '-o', "$path.new");
    rename "$path.new", $path or die "$path: $!";
    unlink $text;
    return $path;
}

# A file of values of Authorization, one a line. `form` is cpanel or basic; `choice` is uniform, skewed (Zipf's law with
# exponent 1: the first of 1 million tokens gets one request in 14) or unknown.
sub requests ($self, $form, $choice) {
    return $self->_file("requests-$form-$choice", sub ($file) {
        my $unknown = $choice eq 'unknown';
        my $path    = $unknown ? $self->_unknown_secrets : $self->secrets;
        my $count   = $unknown ? kUnknown : $self->{count};
        my $base    = $unknown ? $self->{count} : 0;
        open my $secrets, '<:raw', $path or die "$path: $!";
        my $text = do { local $/; <$secrets> };
        srand 1;
        for (1 .. min(kMostRequests, 10 * $count)) {
            my $number = int($choice eq 'skewed' ? $count**rand() - 1 : rand $count);
            my $secret = substr $text, $number * secret_bytes(), secret_bytes() - 1;
            # An attacker guesses secrets; names of users are known.
            my $user = user_of($unknown ? $number % $self->{count} : $number);
            print $file $form eq 'basic' ? 'Basic ' . encode_base64('t' . ($base + $number) . ":$secret", '')
                : "cpanel $user:$secret", "\n";
        }
    });
}

1;
