# nginx, one row each: the same server and the same answer, with another way to tell who may have it.
package Bench::Nginx;

use v5.36;
use parent -norequire, 'Bench::Server';
use Bench::Server;
use List::Util qw(max);

# `most`: the number of tokens that a row can hold within reason; `form`: that of its credentials; `service`: whether
# another process decides.
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
sub reload_signal      ($self) { return 'HUP' }

sub server_command ($self) {
    return ('/usr/sbin/nginx', '-p', "$self->{folder}/", '-c', "$self->{folder}/nginx.conf");
}

# What a row adds to the configuration: `main`, `http` and `location` lines, and the variable that holds the user, if it
# must be passed on by hand.
sub _row ($self, $row) {
    my $make = $self->can("_row_$row");
    return {main => '', http => '', location => '', $make ? $make->($self, $self->{config}{tokens}) : ()};
}

sub _row_tokengate ($self, $tokens) {
    my $module = Tokengate::Server::build_folder() . '/ngx_module/ngx_http_tokengate_module.so';
    my $store  = $tokens->store;
    Tokengate::UsageMap::remember($store);
    return (main => "load_module $module;\n", http => "tokengate_store $store;\n", location => "tokengate on;\n");
}

# More buckets before larger ones: nginx's own advice.
sub _row_map ($self, $tokens) {
    my $buckets = max(2048, 2 * $tokens->count);
    my $http    = <<"END";
map_hash_max_size $buckets;
map_hash_bucket_size 128;
map \$http_authorization \$api_user {
  default "";
  include @{[$tokens->map_file]};
}
END
    return (http => $http, location => "if (\$api_user = \"\") { return 401; }\n", user => '$api_user');
}

sub _row_lua ($self, $tokens) {
    my $main      = join '', map {"load_module /usr/lib/nginx/modules/$_.so;\n"} qw(ndk_http_module ngx_http_lua_module);
    my $megabytes = 16 + int($tokens->count / 5000);
    # Fills the dictionary once: it outlives a reload.
    my $loader = $self->write_file('load.lua', <<"END");
local tokens = ngx.shared.tokens
if tokens:get("loaded") then return end
local file = assert(io.open("@{[$tokens->digest_file]}", "rb"))
while true do
  local record = file:read(32)
  if not record then break end
  assert(tokens:safe_set(string.sub(record, 1, 20), string.match(string.sub(record, 21), "%S+")))
end
file:close()
tokens:set("loaded", true)
END
    my $http = "lua_shared_dict tokens ${megabytes}m;\ninit_by_lua_file $loader;\n";
    my $keep = $self->{config}{proxied} ? 'ngx.var.api_user = user' : '';
    my $location = <<"END";
set \$api_user "";
access_by_lua_block {
  local value = ngx.var.http_authorization or ""
  local colon = string.find(value, ":", 8, true)
  if not colon or string.sub(value, 1, 7) ~= "cpanel " then return ngx.exit(401) end
  local user = string.sub(value, 8, colon - 1)
  local owner = ngx.shared.tokens:get(ngx.sha1_bin(string.sub(value, colon + 1)))
  if owner ~= user then return ngx.exit(401) end
  $keep
}
END
    return (main => $main, http => $http, location => $location, user => '$api_user');
}

sub _row_auth_basic ($self, $tokens) {
    return (location => "auth_basic api;\nauth_basic_user_file @{[$tokens->password_file]};\n", user => '$remote_user');
}

sub _row_auth_request ($self, $tokens) {
    return (
        http     => $self->_upstream('service'),
        location => "auth_request /auth;\nauth_request_set \$api_user \$upstream_http_x_user;\n",
        user     => '$api_user');
}

sub _row_service ($self, $tokens) {
    my %map = $self->_row_map($tokens);
    return (http => $map{http});
}

# Another server, over connections that are kept.
sub _upstream ($self, $name) {
    my $port = $self->{config}{$name}->port;
    return "upstream $name { server 127.0.0.1:$port; keepalive 64; keepalive_requests 1000000000; }\n";
}

sub _pass ($name) {
    return "proxy_pass http://$name;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n";
}

# What auth_request asks is nginx too, so that the peer is not blamed for a slow service. It refuses without a body:
# then nginx keeps the connection on which it asked.
my $kService = <<'END';
error_page 401 @refused;
location / {
  if ($api_user = "") { return 401; }
  add_header X-User $api_user;
  return 204;
}
location @refused { return 200 ""; }
END

my $kUpstream = <<'END';
location / { return 200 "answered by the upstream"; }
END

sub _locations ($self, $row) {
    return $kService  if $self->{config}{row} eq 'service';
    return $kUpstream if $self->{config}{row} eq 'upstream';
    # The whole body comes from memory in one write: what stands between the rows is not the disk.
    my $answer = "empty_gif;\n";
    if ($self->{config}{proxied}) {
        $answer = _pass('upstream');
        # Tokengate does both by itself.
        $answer .= "proxy_set_header X-User $row->{user};\nproxy_set_header Authorization \"\";\n" if $row->{user};
    }
    my $text = "location /execute/ {\n$row->{location}$answer}\n";
    $text .= "location = /auth {\ninternal;\n" . _pass('service')
        . "proxy_pass_request_body off;\nproxy_set_header Content-Length \"\";\n}\n"
        if $self->{config}{row} eq 'auth_request';
    return $text;
}

sub configuration ($self) {
    my $folder    = "$self->{folder}";
    my $account   = Tokengate::Server::worker_user();
    my $user      = $account ? "user $account;" : '';
    my $row       = $self->_row($self->{config}{row});
    my $temporary = join "\n", map {"${_}_temp_path $folder/run/$_;"} qw(client_body proxy fastcgi uwsgi scgi);
    my $upstream  = $self->{config}{proxied} ? $self->_upstream('upstream') : '';
    return <<"END";
$user
daemon off;
worker_processes 1;
pid $folder/run/nginx.pid;
error_log $folder/logs/error.log;
$row->{main}
events { worker_connections 1024; }
http {
$temporary
access_log off;
server_tokens off;
keepalive_timeout 600s;
keepalive_requests 1000000000;
$row->{http}$upstream
server {
listen 127.0.0.1:$self->{port};
@{[$self->_locations($row)]}
}
}
END
}

1;
