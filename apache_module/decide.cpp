// Request -> decision: what the core needs to know of a request, and nothing decided here.
#include <cstring>
#include <new>
#include <type_traits>

#include "store.h"

#include <http_ssl.h>

namespace tokengate {
namespace {

static_assert(std::is_trivially_destructible_v<Decision>, "nobody runs destructors in a pool");

std::string_view view(const char* text) noexcept {
  return text != nullptr ? std::string_view(text) : std::string_view();
}

/// The request target as it stood in the request line: r->unparsed_uri has lost doubled leading slashes.
std::string_view wire_target(const request_rec* r) noexcept {
  std::string_view line = view(r->the_request);
  size_t begin = line.find(' ');
  if (begin == std::string_view::npos) return view(r->unparsed_uri);
  begin = line.find_first_not_of(' ', begin);
  if (begin == std::string_view::npos) return view(r->unparsed_uri);
  return line.substr(begin, line.find(' ', begin) - begin);
}

struct Target {
  std::string_view path;
  std::string_view query;
};

Target split_target(std::string_view target) noexcept {
  // The absolute form: `http://host/path` (RFC 9112 3.2.2).
  if (!target.starts_with('/')) {
    size_t authority = target.find("://");
    if (authority != std::string_view::npos) {
      size_t path = target.find_first_of("/?#", authority + 3);
      target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
    }
  }
  // The server cuts a fragment off, mod_proxy with nocanon does not: whole, it is no canonical path.
  if (target.find('#') != std::string_view::npos) return {target, {}};
  size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

bool is_initial(const request_rec* r) noexcept {
  return r->main == nullptr && r->prev == nullptr;
}

Target target_of(const request_rec* r) noexcept {
  return split_target(is_initial(r) ? wire_target(r) : view(r->unparsed_uri));
}

/// Whether commas stand outside quotes: the server joins repeated fields with them.
bool is_joined(std::string_view value) noexcept {
  bool quoted = false;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && quoted) {
      ++i;
    } else if (value[i] == '"') {
      quoted = !quoted;
    } else if (value[i] == ',' && !quoted) {
      return true;
    }
  }
  return quoted;
}

Rules rules_of(const DirConfig* config, const Requirement* requirement) noexcept {
  Rules rules;
  if (config->service != kUnset) rules.service = static_cast<Service>(config->service);
  if (config->schemes != kUnset) rules.schemes = static_cast<uint8_t>(config->schemes);
  if (config->key_header != nullptr && *config->key_header != '\0') rules.schemes |= kSchemeKeyHeader;
  rules.plain_http = config->plain_http == 1;
  rules.records_use = config->report_only != 1;
  if (requirement != nullptr) rules.required_acls = requirement->acls;
  return rules;
}

Connection connection_of(request_rec* r) noexcept {
  Connection connection;
  // After mod_remoteip.
  if (r->useragent_addr != nullptr) {
    connection.client = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&r->useragent_addr->sa));
  }
  conn_rec* main = r->connection->master != nullptr ? r->connection->master : r->connection;
  connection.tls = ap_ssl_conn_is_ssl(main) != 0;
  connection.now_unix_s = apr_time_sec(apr_time_now());
  return connection;
}

CredentialFields fields_of(request_rec* r, const DirConfig* config) noexcept {
  CredentialFields fields;
  // The server has joined repeated fields; what that makes is not well formed, in either place.
  if (const char* value = apr_table_get(r->headers_in, "Authorization")) {
    fields.authorization = value;
    fields.authorization_count = 1;
  }
  if (config->key_header != nullptr && *config->key_header != '\0') {
    if (const char* value = apr_table_get(r->headers_in, config->key_header)) {
      fields.key_header = value;
      fields.key_header_count = 1;
    }
  }
  return fields;
}

/// What the headers carry or, once they were removed, what was first found in them.
Credentials find_credentials(request_rec* r, Reader* reader, const Rules& rules) noexcept {
  Credentials found = reader->read_credentials(rules, fields_of(r, dir_config(r)));
  Credentials& kept = make_state(initial_request(r))->credentials;
  if (found.state == Credentials::kPresent) kept = found;
  return found.state == Credentials::kAbsent ? kept : found;
}

/// Fills in the path and the query, as they go to the backend.
void set_target(const request_rec* r, Call* call) noexcept {
  Target target = target_of(r);
  call->served_path = view(r->uri);
  call->query = view(r->args);
  if (apr_table_get(r->notes, "proxy-nocanon") != nullptr) {
    // mod_proxy sends the target as it came, whatever became of r->uri and r->args since.
    call->wire_path = target.path;
    call->query = target.query;
  } else if (is_initial(r) && r->parsed_uri.path != nullptr && std::strcmp(r->uri, r->parsed_uri.path) == 0) {
    call->wire_path = target.path;
  }
}

/// A backend that folds names could take `Content_Type` for Content-Type.
void set_body_headers(const request_rec* r, Call* call) noexcept {
  const apr_array_header_t* headers = apr_table_elts(r->headers_in);
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(headers->elts);
  unsigned types = 0;
  for (int i = 0; i < headers->nelts; ++i) {
    if (entries[i].key == nullptr) continue;
    if (header_names_fold_alike(entries[i].key, "Content-Encoding")) call->content_encoded = true;
    if (!header_names_fold_alike(entries[i].key, "Content-Type")) continue;
    call->content_type = view(entries[i].val);
    ++types;
  }
  call->content_type_repeated = types > 1 || is_joined(call->content_type);
}

}  // namespace

std::string_view path_as_it_came(const request_rec* r) noexcept {
  std::string_view path = target_of(r).path;
  return path.empty() ? view(r->uri) : path;
}

bool carries_token(const request_rec* r, const DirConfig* config, std::string_view authorization) noexcept {
  Lease lease(server_config(r->server)->store);
  if (lease.reader() == nullptr) return true;
  CredentialFields fields;
  fields.authorization = authorization;
  fields.authorization_count = 1;
  return lease.reader()->read_credentials(rules_of(config, nullptr), fields).state != Credentials::kAbsent;
}

const Decision* decide(request_rec* r, const Requirement* requirement) noexcept {
  auto* decision = new (apr_palloc(r->pool, sizeof(Decision))) Decision();
  const DirConfig* config = dir_config(r);
  Store* store = server_config(r->server)->store;
  if (store == nullptr) return decision;

  Rules rules = rules_of(config, requirement);
  Connection connection = connection_of(r);
  store->maintain_if_due(connection.now_unix_s);

  Call call;
  call.method = view(r->method);
  set_target(r, &call);
  call.names_another_call = names_another_call(r);
  call.length_and_chunked = make_state(initial_request(r))->length_and_chunked;
  Credentials credentials;
  bool read_body = false;
  {
    Lease lease(store);
    if (lease.reader() == nullptr) return decision;
    credentials = find_credentials(r, lease.reader(), rules);
    bool has_own_body = has_body(r);
    call.body_state = has_own_body ? Body::kUnread : Body::kNone;
    if (!body_chooses_function(call.wire_path, call.served_path)) {
      *decision = lease.reader()->verify(rules, credentials, connection, call);
      return decision;
    }
    // Nobody but a known caller can make us read a body.
    Caller caller;
    read_body = has_own_body && lease.reader()->identify(rules, credentials, connection, &caller);
  }

  if (read_body) {
    const KeptBody& body =
        keep_body(r, config->max_body != kUnset ? config->max_body : apr_off_t{kDefaultMaxBodyBytes});
    call.body_state = body.state;
    call.body = body.bytes;
    connection.now_unix_s = apr_time_sec(apr_time_now());
  }
  set_body_headers(r, &call);
  size_t scratch = scratch_bytes(call.query.size(), call.body.size());
  call.scratch = {static_cast<char*>(apr_palloc(r->pool, scratch)), scratch};
  Lease lease(store);
  if (lease.reader() != nullptr) *decision = lease.reader()->verify(rules, credentials, connection, call);
  return decision;
}

}  // namespace tokengate
