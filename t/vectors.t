# Every decision vector, against the core alone, nginx and Apache: all three must say the same.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp;
use JSON::PP;
use Test::More;
use Tokengate::Cases;
use Tokengate::Vectors;

my $core = Tokengate::Server::build_folder() . '/tests/vectors';
-x $core or die "$core is not built";

my $store   = Tokengate::Store->standard;
my @vectors = map { Tokengate::Vectors::of_topic($_, $store) } Tokengate::Vectors::topics();

# The core alone.
my $requests = File::Temp->new;
print $requests Tokengate::Vectors::core_request($_), "\n" for @vectors;
close $requests;
my @answers = map { decode_json($_) } `$core @{[$store->path]} <$requests`;
is(scalar @answers, scalar @vectors, 'the core answers every vector');

my %produced;
subtest core => sub {
    for my $i (0 .. $#vectors) {
        my ($vector, $answer) = ($vectors[$i], $answers[$i]);
        $produced{$answer->{outcome}} = 1;
        my @problems = Tokengate::Vectors::problems($vector, $answer);
        ok(!@problems, "$vector->{topic}: $vector->{name}")
            or diag(join "\n", "$vector->{method} $vector->{target}", @problems, encode_json($answer));
    }
};
# The shared store cannot break; t/both_store.t has that outcome.
ok($produced{$_}, "a vector produces $_") for grep { $_ ne 'store_unavailable' } Tokengate::Vectors::outcomes();

sub check ($server, $vector, $answer) {
    my $name     = "$vector->{topic}: $vector->{name}";
    my $response = $server->raw(Tokengate::Vectors::request_bytes($vector), $vector->{method});
    if (grep { $_ eq $server->name } @{$vector->{itself} // []}) {
        ok($response && $response->status =~ /\A4/ && !$server->backend->seen, "$name (the server itself)")
            or diag($response ? $response->status : 'no answer');
        return;
    }
    if ($vector->{outcome} eq 'granted') {
        my $token = $store->token($vector->{key});
        # A proxy may merge a doubled leading slash; everything else goes upstream as it came.
        my $target = $vector->{sees_target} // $vector->{target};
        my $seen   = check_granted(
            $name, $server, $response,
            user    => $vector->{user}  // $token->{account},
            token   => $vector->{token} // $token->{name},
            service => $token->{service},
            secret  => $token->{secret},
            body    => $vector->{body} // '',
            user_header          => $vector->{user_header},
            passes_authorization => $vector->{passes_authorization});
        is($seen->{target} =~ s{\A//}{/}r, $target =~ s{\A//}{/}r, "$name: target") if $seen;
    } else {
        check_refused(
            $name, $server, $response, $vector->{outcome},
            status    => $vector->{status},
            type      => $answer->{content_type},
            body      => $vector->{method} eq 'HEAD' ? undef : $answer->{body},
            challenge => $answer->{challenge});
    }
    for my $field (qw(route acl)) {
        next unless defined $vector->{$field} && $response;
        is($response->header('X-Test-' . ucfirst $field), $vector->{$field}, "$name: $field");
    }
    return;
}

for my $class (server_classes()) {
    subtest $class->name => sub {
        my $server = $class->new(store => $store->path, sites => [Tokengate::Vectors::sites()])->start;
        check($server, $vectors[$_], $answers[$_]) for 0 .. $#vectors;
        $server->stop;
    };
}
done_testing;
