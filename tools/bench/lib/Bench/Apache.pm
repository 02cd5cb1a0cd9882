# Apache httpd with the event MPM, one row each: the same server and the same answer, with another way to tell who may
# have it.
package Bench::Apache;

use v5.36;
use parent -norequire, 'Bench::Server';
use Bench::Server;

# As in Bench::Nginx.
my %kRows = (
    none          => {most => 10_000_000, form => 'cpanel', label => 'no authentication'},
    tokengate     => {most => 10_000_000, form => 'cpanel', label => 'Tokengate'},
    authn_dbm     => {most => 1_000_000,  form => 'basic',  label => 'mod_authn_dbm, {SHA}'},
    authn_socache => {most => 1_000_000,  form => 'basic',  label => 'mod_authn_socache over dbm'},
    authn_file    => {most => 1_000,      form => 'basic',  label => 'mod_authn_file, {SHA}'});
my @kOrder = qw(none tokengate authn_dbm authn_socache authn_file);

my $kModules = '/usr/lib/apache2/modules';

sub rows  ($class) { return \%kRows }
sub order ($class) { return @kOrder }

sub configuration_name ($self) { return 'httpd.conf' }
sub reload_signal      ($self) { return 'USR1' }

sub server_command ($self) {
    return ('/usr/sbin/apache2', '-d', "$self->{folder}", '-f', "$self->{folder}/httpd.conf", '-DFOREGROUND');
}

# What a row adds to the configuration: names of modules, and lines of the server and of the location.
sub _row_none ($self, $tokens) { return ([], '', "Require all granted\n") }

sub _row_tokengate ($self, $tokens) {
    my $module = Tokengate::Server::build_folder() . '/apache_module/mod_tokengate.so';
    my $store  = $tokens->store;
    Tokengate::UsageMap::remember($store);
    return (
        [], "LoadModule tokengate_module $module\nTokengateStore $store\n", "AuthType Tokengate\nRequire tokengate\n");
}

my $kBasic = "AuthType Basic\nAuthName api\nRequire valid-user\nAuthBasicProvider";
my @kBasic = qw(auth_basic authz_user);

sub _row_authn_file ($self, $tokens) {
    return ([@kBasic, 'authn_file'], '', "$kBasic file\nAuthUserFile @{[$tokens->password_file]}\n");
}

sub _dbm ($tokens) { return "AuthDBMType DB\nAuthDBMUserFile @{[$tokens->dbm_file]}\n" }

sub _row_authn_dbm ($self, $tokens) { return ([@kBasic, 'authn_dbm'], '', "$kBasic dbm\n" . _dbm($tokens)) }

sub _row_authn_socache ($self, $tokens) {
    return (
        [@kBasic, qw(authn_dbm authn_socache socache_shmcb)],
        "AuthnCacheSOCache shmcb:$self->{folder}/run/cache(60000000)\n",
        "$kBasic socache dbm\nAuthnCacheProvideFor dbm\nAuthnCacheTimeout 3600\n" . _dbm($tokens));
}

sub configuration ($self) {
    my $folder = "$self->{folder}";
    my $user   = Tokengate::Server::worker_user();
    my $row    = $self->{config}{row};
    my ($modules, $server, $location) = $self->can("_row_$row")->($self, $self->{config}{tokens});
    my @modules = ('mpm_event', 'authn_core', 'authz_core', @$modules);
    if ($self->{config}{proxied}) {
        push @modules, 'proxy', 'proxy_http';
        $location .= "ProxyPass http://127.0.0.1:@{[$self->{config}{upstream}->port]}/execute/\n";
        # Tokengate does both by itself.
        if ($row ne 'tokengate') {
            push @modules, 'headers';
            $location .= "RequestHeader unset Authorization\nRequestHeader set X-User expr=%{REMOTE_USER}\n";
        }
    }
    my $load    = join "\n", map {"LoadModule ${_}_module $kModules/mod_$_.so"} @modules;
    my $account = $user ? "User $user\nGroup $user" : '';
    # A small file, as Apache has no handler that answers from memory.
    $self->write_file('html/execute/Email/list_pops', 'x' x 43);
    return <<"END";
ServerRoot $folder
ServerName localhost
DefaultRuntimeDir $folder/run
PidFile $folder/run/httpd.pid
ErrorLog $folder/logs/error.log
Mutex default:$folder/run
$load
$account
Listen 127.0.0.1:$self->{port}
StartServers 1
ServerLimit 4
ThreadsPerChild 32
MaxRequestWorkers 32
MinSpareThreads 1
MaxSpareThreads 32
MaxConnectionsPerChild 0
MaxKeepAliveRequests 0
KeepAliveTimeout 600
ServerTokens Prod
ServerSignature Off
DocumentRoot $folder/html
$server
<Directory />
  AllowOverride None
  Options None
  Require all denied
</Directory>
<Directory $folder/html>
  Options FollowSymLinks
  Require all granted
</Directory>
<Location /execute/>
$location
</Location>
END
}

1;
