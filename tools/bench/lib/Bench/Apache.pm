# Apache httpd with the event MPM, one row each: the same server and the same answer, with another way to tell who may
# have it.
package Bench::Apache;

use v5.36;
use parent -norequire, 'Bench::Server';
use Bench::Server;

my %kRows = (
    none         => {most => 10_000_000, form => 'cpanel', label => 'no authentication'},
    tokengate    => {most => 10_000_000, form => 'cpanel', label => 'Tokengate'},
    authn_dbm    => {most => 1_000_000,  form => 'basic',  label => 'mod_authn_dbm, {SHA}'},
    authn_socache => {most => 1_000_000, form => 'basic',  label => 'mod_authn_socache over dbm'},
    authn_file   => {most => 1_000,      form => 'basic',  label => 'mod_authn_file, {SHA}'});
my @kOrder = qw(none tokengate authn_dbm authn_socache authn_file);

my $kModules = '/usr/lib/apache2/modules';

sub rows  ($class) { return \%kRows }
sub order ($class) { return @kOrder }

sub configuration_name ($self) { return 'httpd.conf' }

sub server_command ($self) {
    return ('/usr/sbin/apache2', '-d', "$self->{folder}", '-f', "$self->{folder}/httpd.conf", '-DFOREGROUND');
}
sub reload_signal ($self) { return 'USR1' }
sub is_available ($class) { return -x '/usr/sbin/apache2' }

# (modules, lines of the server, lines of the location)
sub _row ($self) {
    my $tokens = $self->{config}{tokens};
    my $basic  = "  AuthType Basic\n  AuthName api\n  Require valid-user\n  AuthBasicProvider";
    my $dbm    = sub { return "  AuthDBMType DB\n  AuthDBMUserFile @{[$tokens->dbm_file]}\n" };
    my %row    = (
        none      => sub { return ([], '', "  Require all granted\n") },
        tokengate => sub {
            my $module = Tokengate::Server::build_folder() . '/apache_module/mod_tokengate.so';
            return (
                [],
                "LoadModule tokengate_module $module\nTokengateStore @{[$tokens->store]}\n",
                "  AuthType Tokengate\n  Require tokengate\n");
        },
        authn_file => sub {
            return ([qw(auth_basic authn_file authz_user)], '', "$basic file\n  AuthUserFile @{[$tokens->password_file]}\n");
        },
        authn_dbm => sub { return ([qw(auth_basic authn_dbm authz_user)], '', "$basic dbm\n" . $dbm->()) },
        authn_socache => sub {
            return (
                [qw(auth_basic authn_dbm authn_socache socache_shmcb authz_user)],
                "AuthnCacheSOCache shmcb:$self->{folder}/run/cache(60000000)\n",
                "$basic socache dbm\n  AuthnCacheProvideFor dbm\n  AuthnCacheTimeout 3600\n" . $dbm->());
        });
    return $row{$self->{config}{row}}->();
}

sub configuration ($self) {
    my $folder = "$self->{folder}";
    my $user   = Tokengate::Server::worker_user();
    my ($modules, $server, $location) = $self->_row;
    my @modules = ('mpm_event', 'authn_core', 'authz_core', @$modules);
    my $pass = '';
    if ($self->{config}{proxied}) {
        push @modules, 'proxy', 'proxy_http';
        $pass = "  ProxyPass http://127.0.0.1:@{[$self->{config}{upstream}->port]}/execute/\n";
        # Tokengate does both by itself.
        if ($self->{config}{row} ne 'tokengate') {
            push @modules, 'headers';
            $pass .= "  RequestHeader unset Authorization\n  RequestHeader set X-User expr=%{REMOTE_USER}\n";
        }
    }
    # A small file, as Apache has no handler that answers from memory.
    $self->write_file('html/execute/Email/list_pops', 'x' x 43) unless -e "$folder/html/execute/Email/list_pops";
    return
          "ServerRoot $folder\nServerName localhost\nDefaultRuntimeDir $folder/run\nPidFile $folder/run/httpd.pid\n"
        . "ErrorLog $folder/logs/error.log\nMutex default:$folder/run\n"
        . join('', map { "LoadModule ${_}_module $kModules/mod_$_.so\n" } @modules)
        . ($user ? "User $user\nGroup $user\n" : '')
        . "Listen 127.0.0.1:$self->{port}\nStartServers 1\nServerLimit 4\nThreadsPerChild 32\nMaxRequestWorkers 32\n"
        . "MinSpareThreads 1\nMaxSpareThreads 32\nMaxConnectionsPerChild 0\nMaxKeepAliveRequests 0\nKeepAliveTimeout 600\n"
        . "ServerTokens Prod\nServerSignature Off\nDocumentRoot $folder/html\n$server"
        . "<Directory />\n  AllowOverride None\n  Options None\n  Require all denied\n</Directory>\n"
        . "<Directory $folder/html>\n  Options FollowSymLinks\n  Require all granted\n</Directory>\n"
        . "<Location /execute/>\n$location$pass</Location>\n";
}

1;
