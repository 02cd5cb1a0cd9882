# A stock nginx with the module, in a folder and on ports of its own. See Server.pm.
package Tokengate::Nginx;

use v5.36;
use parent 'Tokengate::Server';

my $kProgram = $ENV{TOKENGATE_NGINX} // '/usr/sbin/nginx';

sub name         ($class) { return 'nginx' }
sub module       ($class) { return Tokengate::Server::build_folder() . '/ngx_module/ngx_http_tokengate_module.so' }
sub is_available ($class) { return -e $class->module && -x $kProgram }

sub configuration_name ($self) { return 'nginx.conf' }
sub command ($self) { return ($kProgram, '-p', "$self->{folder}/", '-c', "$self->{folder}/nginx.conf") }

sub test_command ($self) { return ($self->command, '-t') }

my %kVariable = (
    Outcome => 'outcome',
    User    => 'user',
    Service => 'service',
    Token   => 'token',
    Id      => 'token_id',
    Acl     => 'acl',
    Route   => 'route');

sub _directives ($settings, $indent) {
    my @lines;
    push @lines, "tokengate $settings->{tokengate};" if defined $settings->{tokengate};
    for my $name (qw(service header user_header pass_authorization refusals max_body plain_http)) {
        push @lines, "tokengate_$name $settings->{$name};" if defined $settings->{$name};
    }
    push @lines, 'tokengate_realm ' . Tokengate::Server::quoted($settings->{realm}) . ';' if defined $settings->{realm};
    for my $name (qw(require schemes)) {
        push @lines, "tokengate_$name @{$settings->{$name}};" if defined $settings->{$name};
    }
    push @lines, $settings->{extra}{nginx} if defined $settings->{extra}{nginx};
    return join '', map { "$indent$_\n" } @lines;
}

sub _location ($self, $path, $settings, $site) {
    my $kind = $settings->{upstream} // $site->{upstream} // 'http';
    my $port = ($settings->{backend} // $site->{backend} // $self->{backend})->port;
    my %pass = (
        http     => "proxy_pass http://127.0.0.1:$port;",
        http_uri => "proxy_pass http://127.0.0.1:$port$path;",
        fastcgi  => "include /etc/nginx/fastcgi.conf; fastcgi_pass 127.0.0.1:$port;",
        uwsgi    => "include /etc/nginx/uwsgi_params; uwsgi_pass 127.0.0.1:$port;",
        unix     => 'proxy_pass http://unix:' . ($settings->{socket} // $site->{socket} // '') . ';',
        redirect => 'try_files /nothing-is-here /$1$is_args$args;',
        none     => '');
    my $match = $kind eq 'redirect' ? "~ ^\Q$path\E(.*)" : $path;
    return "    location $match {\n" . _directives($settings, ' ' x 6) . "      $pass{$kind}\n    }\n";
}

sub configuration ($self) {
    my $config  = $self->{config};
    my $folder  = "$self->{folder}";
    my $user    = Tokengate::Server::worker_user();
    my $workers = $config->{workers} // 1;
    my $module  = $self->module;
    my $sites   = '';
    my $first   = 1;
    for (Tokengate::Server::pairs($config->{sites})) {
        my ($name, $site) = @$_;
        my @locations = Tokengate::Server::pairs($site->{locations});
        push @locations, ['/', {}] unless grep { $_->[0] eq '/' } @locations;
        # With a socket of its own each worker gets its share of the connections.
        my $default = $first ? ' default_server' . ($workers > 1 ? ' reuseport' : '') : '';
        $first = 0;
        my $tls = '';
        if ($config->{tls}) {
            my ($certificate, $key) = $self->certificate;
            $tls = "    listen 127.0.0.1:$self->{tls_port} ssl$default;\n"
                . "    ssl_certificate $certificate;\n    ssl_certificate_key $key;\n";
        }
        $sites .= "  server {\n    listen 127.0.0.1:$self->{port}$default;\n"
            . "    listen 127.0.0.1:$self->{h2_port} http2$default;\n$tls"
            . "    server_name $name;\n"
            . _directives($site, ' ' x 4)
            . ($config->{site_extra}{nginx} // '')
            . join('', map { $self->_location($_->[0], $_->[1], $site) } @locations)
            . "  }\n";
    }
    my $told = join '', map { "  add_header X-Test-$_ \$tokengate_$kVariable{$_} always;\n" } sort keys %kVariable;
    my $temporary = join '', map { "  ${_}_temp_path $folder/run/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
    my $store = defined $config->{store} ? "  tokengate_store $config->{store};\n" : '';
    return
          ($user ? "user $user;\n" : '')
        . "daemon off;\nworker_processes $workers;\nworker_shutdown_timeout 30s;\n"
        . "pid $folder/run/nginx.pid;\nerror_log $folder/logs/error.log info;\nload_module $module;\n"
        . ($config->{extra}{nginx_main} // '')
        . "events { worker_connections @{[$config->{connections} // 256]}; }\nhttp {\n$temporary"
        . "  log_format told '\$request \$status \$tokengate_outcome \$remote_user \$pid';\n"
        . "  access_log $folder/logs/access.log told;\n  default_type text/plain;\n"
        . "  root $folder/html;\n  server_tokens off;\n"
        . "  set_real_ip_from 127.0.0.1;\n  real_ip_header X-Test-Client;\n$told$store"
        . ($config->{extra}{nginx} // '')
        . "$sites}\n";
}

# Returns when the new workers have taken over and no new connection reaches an old one.
sub reload ($self) {
    my $workers = $self->{config}{workers} // 1;
    my $before  = () = $self->error_log =~ /gracefully shutting down/g;
    $self->write_configuration;
    $self->signal('HUP');
    $self->wait_until('reload', sub { (() = $self->error_log =~ /gracefully shutting down/g) >= $before + $workers });
    return;
}

1;
