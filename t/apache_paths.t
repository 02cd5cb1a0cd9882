# Apache: with each setting that changes paths, what the backend gets is what was judged, or nothing.
use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tokengate::Backend;
use Tokengate::Cases;

plan skip_all => 'mod_tokengate is not built' unless Tokengate::Apache->is_available;

my $store   = Tokengate::Store->standard;
my $folder  = File::Temp->newdir;
my $backend = Tokengate::Backend->new('http', $folder);
my $proxied = 'http://127.0.0.1:' . $backend->port;
my $server  = Tokengate::Apache->new(store => $store->path, sites => [], backend => $backend);
my $port    = $server->port;

# A virtual host for each combination.
my @slashes = qw(Off On NoDecode);
my @merge   = qw(On Off);
my %pass    = (canon => '', nocanon => ' nocanon', encoded => ' mapping=encoded', servlet => ' mapping=servlet');
my @hosts;
my $hosts = '';
for my $slashes (@slashes) {
    for my $merge (@merge) {
        for my $pass (sort keys %pass) {
            my $name = lc "$slashes.$merge.$pass";
            push @hosts, $name;
            $hosts .= <<~"END";
                <VirtualHost 127.0.0.1:$port>
                  ServerName $name
                  AllowEncodedSlashes $slashes
                  MergeSlashes $merge
                  ProxyPass / $proxied/$pass{$pass}
                  <Location "/">
                    AuthType Tokengate
                    Require tokengate
                  </Location>
                </VirtualHost>
                END
        }
    }
}
# Where the server takes what a strict one refuses.
my $unsafe = $server->h2_port;
$hosts .= <<~"END";
    <VirtualHost 127.0.0.1:$unsafe>
      ServerName unsafe
      HttpProtocolOptions Unsafe
      ProxyPass / $proxied/ nocanon
      <Location "/">
        AuthType Tokengate
        Require tokengate
      </Location>
    </VirtualHost>
    END
$server->{config}{extra}{apache} = $hosts;
$server->start;

my $email   = 'Authorization: cpanel shop:' . $store->secret('email');
my $reports = 'Authorization: cpanel shop:' . $store->secret('reports');

sub ask ($host, $target, $headers) {
    my $response = $server->raw("GET $target HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n"
        . join('', map {"$_\r\n"} @$headers) . "\r\n");
    return ($response->status, map { $_->{target} } $backend->seen);
}

# A path is served as it stands, or not at all: 400 from us, or 400 or 404 from the server before we are asked.
my @good = (
    ['/execute/Email/list_pops', $email],
    ['/execute/Email/list_pops?a=%2F..%2F', $email],
    ['/cpsess0123456789/execute/Email/list_pops', $email],
    ['/json-api/cpanel?cpanel_jsonapi_apiversion=2&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops', $email],
    ['/v1/reports/7', $reports]);
my @bad = (
    ['/execute/Email%2Flist_pops', $email],
    ['/execute/Email%2flist_pops', $email],
    ['/execute/Ftp%2F..%2FEmail/list_pops', $email],
    ['/execute/Email/%6cist_pops', $email],
    ['/execute/./Email/list_pops', $email],
    ['/execute/Ftp/../Email/list_pops', $email],
    ['/execute/Ftp/%2e%2e/Email/list_pops', $email],
    ['/execute/Ftp/.%2e/Email/list_pops', $email],
    ['/execute//Email/list_pops', $email],
    ['/execute/Email//list_pops', $email],
    ['/execute/Email/list_pops;x=1', $email],
    ['/execute/Email;x/list_pops', $email],
    ['/execute/Email%3Bx/list_pops', $email],
    ['/execute/Email/list_pops%00', $email],
    ['/execute/Email/list_pops%0a', $email],
    ['/execute/Email/list_pops%3Fx', $email],
    ['/execute/Email/list_pops#/../../Ftp/list_ftp', $email],
    ['/execute/Email/list_pops?x#y', $email],
    ['/execute/Email\\list_pops', $email],
    ['/Execute/Email/list_pops', $email],
    ['/v1/reports/..%2F..%2Fv1%2Fadmin', $reports],
    ['/v1/reports/%252e%252e', $reports],
    ['/v1/reports/a%5C..%5Cb', $reports],
    ['/v1//reports/7', $reports],
    ['/v1/reports/7/.', $reports],
    ['/v1/reports/..;/admin', $reports],
    ['/v1/reports/..;x/admin/y', $reports]);

for my $host (@hosts) {
    my @problems;
    for (@good) {
        my ($target, $authorization) = @$_;
        my ($status, @seen) = ask($host, $target, [$authorization]);
        push @problems, "GET $target: $status, seen: @seen" unless $status == 200 && "@seen" eq $target;
    }
    for (@bad) {
        my ($target, $authorization) = @$_;
        my ($status, @seen) = ask($host, $target, [$authorization]);
        push @problems, "GET $target: $status, seen: @seen" if @seen || $status !~ /\A40[034]\z/;
        ($status, @seen) = ask($host, $target, []);
        push @problems, "GET $target without a token: $status, seen: @seen" if @seen || $status !~ /\A40[014]\z/;
    }
    # Characters that need their encoding. With these mappings the server does not decode, so they are refused.
    my ($status, @seen) = ask($host, '/v1/reports/a%20b%C3%A4', [$reports]);
    push @problems, "encoded characters: $status, seen: @seen"
        unless $host =~ /encoded|servlet/ ? !@seen && $status == 400 : $status == 200 && lc "@seen" eq lc '/v1/reports/a%20b%C3%A4';
    # The absolute form, and the doubled slash of clients with a base address.
    ($status, @seen) = ask($host, "http://$host/execute/Email/list_pops", [$email]);
    push @problems, "absolute form: $status, seen: @seen"
        unless $status == 200 && "@seen" =~ m{\A(?:http://\Q$host\E)?/execute/Email/list_pops\z};
    ($status, @seen) = ask($host, "http://$host/execute/Ftp/../Email/list_pops", [$email]);
    push @problems, "absolute form, dots: $status, seen: @seen" if @seen || $status != 400;
    ($status, @seen) = ask($host, '//execute/Email/list_pops', [$email]);
    push @problems, "doubled slash: $status, seen: @seen" unless $status == 200 && "@seen" =~ m{\A//?execute/Email/list_pops\z};
    ($status, @seen) = ask($host, '///execute/Email/list_pops', [$email]);
    push @problems, "three slashes: $status, seen: @seen" if @seen || $status != 400;
    ok(!@problems, "AllowEncodedSlashes, MergeSlashes, ProxyPass: $host") or diag(join "\n", @problems);
}

for (@bad) {
    my ($target, $authorization) = @$_;
    my $response = Tokengate::Http->connect($unsafe)->send("GET $target HTTP/1.1\r\nHost: unsafe\r\nConnection: close\r\n$authorization\r\n\r\n")
        ->response;
    my @seen = map { $_->{target} } $backend->seen;
    ok(!@seen && $response->status =~ /\A40[034]\z/, "HttpProtocolOptions Unsafe: $target") or diag($response->status, " @seen");
}

$server->stop;
$backend->stop;
done_testing;
