# A stock Apache httpd with the module, in a folder and on ports of its own. See Server.pm. The MPM is the
# argument `mpm` or the environment variable TOKENGATE_MPM: event (default), worker or prefork.
package Tokengate::Apache;

use v5.36;
use parent 'Tokengate::Server';
use Time::HiRes qw(sleep);

my $kProgram = $ENV{TOKENGATE_APACHE} // '/usr/sbin/apache2';
my $kModules = '/usr/lib/apache2/modules';
my @kModules = qw(authn_core authz_core authz_user authz_host authn_file auth_basic alias dir env headers http2 include
    mime proxy proxy_fcgi proxy_http proxy_uwsgi remoteip rewrite setenvif socache_shmcb ssl);

sub name         ($class) { return 'apache' }
sub module       ($class) { return Tokengate::Server::build_folder() . '/apache_module/mod_tokengate.so' }
sub is_available ($class) { return -e $class->module && -x $kProgram }

sub mpm ($self) { return $self->{config}{mpm} // $ENV{TOKENGATE_MPM} // 'event' }

sub configuration_name ($self) { return 'httpd.conf' }

sub command ($self) {
    return ($kProgram, '-d', "$self->{folder}", '-f', "$self->{folder}/httpd.conf", '-DFOREGROUND');
}

sub test_command ($self) { return ($kProgram, '-d', "$self->{folder}", '-f', "$self->{folder}/httpd.conf", '-t') }

my %kDirective = (
    service            => 'TokengateService',
    header             => 'TokengateHeader',
    user_header        => 'TokengateUserHeader',
    pass_authorization => 'TokengatePassAuthorization',
    refusals           => 'TokengateRefusals',
    max_body           => 'TokengateMaxBody',
    plain_http         => 'TokengatePlainHttp');

# `mode` is on, off or report_only.
sub _directives ($settings, $mode, $indent) {
    my @lines;
    if ($mode eq 'off') {
        push @lines, 'AuthType None', 'Require all granted';
    } else {
        push @lines, 'AuthType Tokengate', join ' ', 'Require tokengate',
            grep { $_ ne 'catalog' } @{$settings->{require} // []};
        push @lines, 'TokengateReportOnly ' . ($mode eq 'report_only' ? 'on' : 'off');
    }
    for my $name (sort keys %kDirective) {
        push @lines, "$kDirective{$name} $settings->{$name}" if defined $settings->{$name};
    }
    push @lines, 'TokengateRealm ' . Tokengate::Server::quoted($settings->{realm}) if defined $settings->{realm};
    push @lines, "TokengateSchemes @{$settings->{schemes}}" if defined $settings->{schemes};
    push @lines, $settings->{extra}{apache} if defined $settings->{extra}{apache};
    return join '', map { "$indent$_\n" } @lines;
}

sub _location ($self, $path, $settings, $site) {
    # A location without a Require of its own inherits the site's; nginx inherits the same way.
    my $all  = {%$site, %$settings};
    my $mode = $all->{tokengate} // 'off';
    my $kind = $all->{upstream} // 'http';
    my $port = ($all->{backend} // $self->{backend})->port;
    my %pass = (
        http     => "ProxyPass http://127.0.0.1:$port$path nocanon",
        http_uri => "ProxyPass http://127.0.0.1:$port$path",
        fastcgi  => "ProxyPass fcgi://127.0.0.1:$port$path",
        uwsgi    => "ProxyPass uwsgi://127.0.0.1:$port$path",
        unix     => 'ProxyPass "unix:' . ($all->{socket} // '') . "|http://localhost$path\" nocanon",
        redirect => "ProxyPass !\n    RewriteEngine on\n    RewriteRule \"$path(.*)\" \"/\$1\"",
        none     => '');
    my $own = {%$settings, require => $all->{require}};
    $own = $all if $path eq '/';
    return "  <Location \"$path\">\n" . _directives($own, $mode, ' ' x 4) . "    $pass{$kind}\n  </Location>\n";
}

# Apache 2.4.71's event MPM closes the sockets of its threads at a stop, also one that a thread is just done with, and the
# child dies of it in apr_os_sock_get(): 2 of 180 stops right after an answer, with our module out of the backtrace, and 0 of 330 after a moment.
sub _let_finish ($self) {
    sleep 0.1;
    return;
}

sub configuration ($self) {
    my $config = $self->{config};
    my $folder = "$self->{folder}";
    my $user   = Tokengate::Server::worker_user();
    my $mpm    = $self->mpm;
    my $size   = $config->{workers} // 1;
    my $load   = join '', map { "LoadModule ${_}_module $kModules/mod_$_.so\n" } "mpm_$mpm", @kModules;
    my $module = $self->module;
    my $limits = $mpm eq 'prefork'
        ? "StartServers $size\nMinSpareServers $size\nMaxSpareServers @{[$size + 4]}\nMaxRequestWorkers 16\n"
        : "StartServers $size\nThreadsPerChild 8\nMaxRequestWorkers @{[8 * ($size > 2 ? $size : 2)]}\n"
        . "MinSpareThreads 8\nMaxSpareThreads @{[8 * ($size + 2)]}\n";
    my $sites = '';
    for my $listen (["127.0.0.1:$self->{port}", 'Protocols http/1.1'],
        ["127.0.0.1:$self->{h2_port}", 'Protocols h2c http/1.1'], $config->{tls} ? ["127.0.0.1:$self->{tls_port}", ''] : ())
    {
        my ($address, $lines) = @$listen;
        if (!$lines) {
            my ($certificate, $key) = $self->certificate;
            $lines = "SSLEngine on\n  SSLCertificateFile $certificate\n  SSLCertificateKeyFile $key";
        }
        for (Tokengate::Server::pairs($config->{sites})) {
            my ($name, $site) = @$_;
            my %settings  = %$site;
            my @locations = Tokengate::Server::pairs(delete $settings{locations});
            unshift @locations, ['/', {}] unless grep { $_->[0] eq '/' } @locations;
            # Later sections win, so that "/" must come first.
            @locations = sort { length $a->[0] <=> length $b->[0] } @locations;
            $sites .= "<VirtualHost $address>\n  ServerName $name\n  $lines\n  AllowEncodedSlashes NoDecode\n"
                . join('', map { $self->_location($_->[0], $_->[1], \%settings) } @locations)
                . ($config->{site_extra}{apache} // '')
                . "</VirtualHost>\n";
        }
    }
    my $told = join '', map { "Header always set X-Test-$_->[0] \"%{TOKENGATE_$_->[1]}e\" env=TOKENGATE_$_->[1]\n" }
        ['Outcome', 'OUTCOME'], ['User', 'USER'], ['Service', 'SERVICE'], ['Token', 'TOKEN'], ['Id', 'TOKEN_ID'],
        ['Acl', 'ACL'], ['Route', 'ROUTE'];
    my $listens = join '', map { "Listen 127.0.0.1:$_\n" } $self->{port}, $self->{h2_port},
        $config->{tls} ? $self->{tls_port} : ();
    return
          "ServerRoot $folder\nServerName localhost\nDefaultRuntimeDir $folder/run\nPidFile $folder/run/httpd.pid\n"
        . "ErrorLog $folder/logs/error.log\n${load}LoadModule tokengate_module $module\nLogLevel notice tokengate:info\n"
        . ($user ? "User $user\nGroup $user\n" : '')
        . "${listens}${limits}ServerLimit 32\nMaxConnectionsPerChild 0\nGracefulShutdownTimeout 30\n"
        . "TypesConfig /etc/mime.types\nTimeout 30\nKeepAliveTimeout 30\nServerTokens Prod\nServerSignature Off\nMutex default:$folder/run\n"
        . "LogFormat \"%r %>s %{TOKENGATE_OUTCOME}e %u %P\" told\nCustomLog $folder/logs/access.log told\n"
        . "DocumentRoot $folder/html\nRemoteIPHeader X-Test-Client\nRemoteIPInternalProxy 127.0.0.1\n"
        . "<Directory />\n  Require all denied\n</Directory>\n<Directory $folder/html>\n  Require all granted\n</Directory>\n"
        . $told
        . (defined $config->{store} ? "TokengateStore $config->{store}\n" : '')
        . ($config->{extra}{apache} // '')
        . $sites;
}

# It listens before it has read the whole configuration.
sub is_ready ($self) { return $self->error_log =~ /resuming normal operations/ && $self->SUPER::is_ready }

# Returns when the new children serve.
sub reload ($self) {
    my $before = () = $self->error_log =~ /resuming normal operations/g;
    $self->write_configuration;
    $self->signal('USR1');
    $self->wait_until('reload', sub { (() = $self->error_log =~ /resuming normal operations/g) > $before });
    return;
}

1;
