# nginx, one row each: the same server and the same answer, with another way to tell who may have it.
package Bench::Nginx;

use v5.36;
use parent -norequire, 'Bench::Server';
use Bench::Server;

# How many tokens a row can hold within reason, the form of its credentials, and whether a service decides.
my %kRows = (
    none         => {most => 10_000_000, form => 'cpanel', label => 'no authentication'},
    tokengate    => {most => 10_000_000, form => 'cpanel', label => 'Tokengate'},
    map          => {most => 1_000_000,  form => 'cpanel', label => 'map of plaintext tokens'},
    lua          => {most => 1_000_000,  form => 'cpanel', label => 'Lua shared dictionary, SHA-1'},
    auth_basic   => {most => 1_000,      form => 'basic',  label => 'auth_basic, {SHA}'},
    auth_request => {most => 1_000_000,  form => 'cpanel', label => 'auth_request to a service', service => 1});
my @kOrder = qw(none tokengate map lua auth_basic auth_request);

sub rows  ($class) { return \%kRows }
sub order ($class) { return @kOrder }

sub configuration_name ($self) { return 'nginx.conf' }
sub server_command ($self) { return ('/usr/sbin/nginx', '-p', "$self->{folder}/", '-c', "$self->{folder}/nginx.conf") }
sub reload_signal ($self) { return 'HUP' }
sub is_available ($class) { return -x '/usr/sbin/nginx' }

# [lines of the main context, of http, of the location, the variable that holds the user]
sub _row ($self) {
    my $tokens = $self->{config}{tokens};
    my %row    = (
        none      => sub { return ('', '', '', '""') },
        tokengate => sub {
            my $module = Tokengate::Server::build_folder() . '/ngx_module/ngx_http_tokengate_module.so';
            return ("load_module $module;\n", "  tokengate_store @{[$tokens->store]};\n", "      tokengate on;\n", undef);
        },
        map => sub {
            # As many buckets as fit the longest chain into one cache line would be far more memory: nginx's own advice
            # is to raise the maximum number of buckets first.
            my $buckets = 2 * $tokens->count < 2048 ? 2048 : 2 * $tokens->count;
            return (
                '',
                "  map_hash_max_size $buckets;\n  map_hash_bucket_size 128;\n"
                    . "  map \$http_authorization \$api_user {\n    default \"\";\n    include @{[$tokens->map_file]};\n  }\n",
                "      if (\$api_user = \"\") { return 401; }\n",
                '$api_user');
        },
        lua => sub {
            my $megabytes = 16 + int($tokens->count * 200 / 1e6);
            my $keep      = $self->{config}{proxied} ? 'ngx.var.api_user = user' : '';
            return (
                "load_module /usr/lib/nginx/modules/ndk_http_module.so;\nload_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\n",
                "  lua_shared_dict tokens ${megabytes}m;\n  init_by_lua_file $self->{folder}/load.lua;\n",
                "      set \$api_user \"\";\n      access_by_lua_block {\n"
                    . "        local value = ngx.var.http_authorization or \"\"\n"
                    . "        local colon = string.find(value, \":\", 8, true)\n"
                    . "        if not colon or string.sub(value, 1, 7) ~= \"cpanel \" then return ngx.exit(401) end\n"
                    . "        local user = string.sub(value, 8, colon - 1)\n"
                    . "        local owner = ngx.shared.tokens:get(ngx.sha1_bin(string.sub(value, colon + 1)))\n"
                    . "        if owner ~= user then return ngx.exit(401) end\n        $keep\n      }\n",
                '$api_user');
        },
        auth_basic => sub {
            return ('', '', "      auth_basic api;\n      auth_basic_user_file @{[$tokens->password_file]};\n", '$remote_user');
        },
        auth_request => sub {
            return (
                '',
                "  upstream service { server 127.0.0.1:@{[$self->{config}{service}->port]}; keepalive 64; keepalive_requests 1000000000; }\n",
                "      auth_request /auth;\n      auth_request_set \$api_user \$upstream_http_x_user;\n",
                '$api_user');
        },
        # What auth_request asks: nginx too, so that the peer is not blamed for a slow service.
        service => sub {
            my ($main, $http) = $self->_row_named('map');
            return ($main, $http, '', undef);
        },
        upstream => sub { return ('', '', '', undef) });
    return $row{$self->{config}{row}}->();
}

sub _row_named ($self, $name) {
    local $self->{config}{row} = $name;
    return $self->_row;
}

sub _locations ($self, $lines, $user) {
    my $row = $self->{config}{row};
    # A refusal without a body lets nginx keep the connection on which it asked.
    return "    error_page 401 \@refused;\n    location / {\n      if (\$api_user = \"\") { return 401; }\n"
        . "      add_header X-User \$api_user;\n      return 204;\n    }\n    location \@refused { return 200 \"\"; }\n"
        if $row eq 'service';
    return "    location / {\n      return 200 \"answered by the upstream\";\n    }\n" if $row eq 'upstream';
    # The whole body comes from memory in one write: what stands between the rows is not the disk.
    my $answer = "      empty_gif;\n";
    if ($self->{config}{proxied}) {
        $answer = "      proxy_pass http://upstream;\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n";
        # Tokengate does both by itself.
        $answer .= "      proxy_set_header X-User $user;\n      proxy_set_header Authorization \"\";\n" if defined $user;
    }
    my $text = "    location /execute/ {\n$lines$answer    }\n";
    $text .= "    location = /auth {\n      internal;\n      proxy_pass http://service;\n      proxy_pass_request_body off;\n"
        . "      proxy_set_header Content-Length \"\";\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n    }\n"
        if $row eq 'auth_request';
    return $text;
}

sub configuration ($self) {
    my $folder = "$self->{folder}";
    my $account = Tokengate::Server::worker_user();
    my ($main, $http, $location, $user) = $self->_row;
    $self->write_file('load.lua', _lua_loader($self->{config}{tokens}->digest_file)) if $self->{config}{row} eq 'lua';
    if ($self->{config}{proxied}) {
        $http .= "  upstream upstream { server 127.0.0.1:@{[$self->{config}{upstream}->port]}; keepalive 64; keepalive_requests 1000000000; }\n";
    }
    my $temporary = join '', map { "  ${_}_temp_path $folder/run/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
    return ($account ? "user $account;\n" : '')
        . "daemon off;\nworker_processes 1;\npid $folder/run/nginx.pid;\nerror_log $folder/logs/error.log;\n$main"
        . "events { worker_connections 1024; }\nhttp {\n$temporary  access_log off;\n  server_tokens off;\n"
        . "  keepalive_timeout 600s;\n  keepalive_requests 1000000000;\n$http"
        . "  server {\n    listen 127.0.0.1:$self->{port};\n"
        . $self->_locations($location, $user)
        . "  }\n}\n";
}

# Fills the dictionary once: it outlives a reload.
sub _lua_loader ($path) {
    return <<"END";
local tokens = ngx.shared.tokens
if tokens:get("loaded") then return end
local file = assert(io.open("$path", "rb"))
while true do
  local record = file:read(32)
  if not record then break end
  local ok, why = tokens:safe_set(string.sub(record, 1, 20), string.match(string.sub(record, 21), "%S+"))
  assert(ok, why)
end
file:close()
tokens:set("loaded", true)
END
}

1;
