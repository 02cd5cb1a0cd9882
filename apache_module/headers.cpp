// Request headers: a client's copies of ours go, ours come, and the token does not travel on.
#include <algorithm>
#include <string_view>

#include "module.h"

namespace tokengate {
namespace {

bool is_identity_name(const ServerConfig* config, std::string_view name) noexcept {
  if (header_names_fold_alike(name, kUserHeader) || is_fixed_identity_header(name)) return true;
  for (int i = 0; i < config->user_headers->nelts; ++i) {
    if (header_names_fold_alike(name, APR_ARRAY_IDX(config->user_headers, i, const char*))) return true;
  }
  return false;
}

/// Removes the headers whose names are `unwanted`.
template <class Unwanted>
void remove_headers(request_rec* r, Unwanted unwanted) noexcept {
  const apr_array_header_t* headers = apr_table_elts(r->headers_in);
  for (int i = 0; i < headers->nelts; ++i) {
    const char* name = APR_ARRAY_IDX(headers, i, apr_table_entry_t).key;
    if (name == nullptr || !unwanted(name)) continue;
    apr_table_unset(r->headers_in, name);  // all of this name, of which the others stand behind
    --i;
  }
}

/// mod_proxy drops the headers that the field names: a client must not have ours dropped, nor the one that
/// said how to read the body.
void clean_connection_header(request_rec* r) noexcept {
  const char* value = apr_table_get(r->headers_in, "Connection");
  if (value == nullptr) return;
  const ConnectionOptions options = read_connection_options(value);
  if (options.complete) return;
  if (options.known.empty()) {
    apr_table_unset(r->headers_in, "Connection");
  } else {
    apr_table_setn(r->headers_in, "Connection", copy(r, options.known.view()));
  }
}

/// The server joins repeated fields with commas; a token could come in any of them.
bool any_carries_token(const request_rec* r, const DirConfig* config, std::string_view value) noexcept {
  if (carries_token(r, config, value)) return true;
  for (size_t comma = value.find(','); comma != std::string_view::npos; comma = value.find(',')) {
    value.remove_prefix(comma + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    if (carries_token(r, config, value)) return true;
  }
  return false;
}

/// What is secret in a field with credentials: what stands behind the last blank or colon, as in `Bearer
/// TOKEN`, `cpanel USER:TOKEN` and a bare token. Empty if that is shorter than any token: then it is none,
/// and would be found in values that have nothing to do with it.
std::string_view secret_of(std::string_view value) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  value = value.substr(0, value.find_last_not_of(kBlanks) + 1);
  value.remove_prefix(value.find_last_of(" \t:") + 1);
  return value.size() >= kMinSecretBytes ? value : std::string_view();
}

const char* find_in_environment(const request_rec* r, std::string_view text) noexcept {
  const apr_array_header_t* variables = apr_table_elts(r->subprocess_env);
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(variables->elts);
  for (int i = 0; i < variables->nelts; ++i) {
    if (entries[i].val != nullptr && std::string_view(entries[i].val).find(text) != std::string_view::npos)
      return entries[i].key;
  }
  return nullptr;
}

/// Removes a field with credentials, and what SetEnvIf or RewriteRule copied from it: the environment goes to
/// FastCGI and CGI, and into headers.
void remove_field(request_rec* r, const char* name, std::string_view value) noexcept {
  if (std::string_view secret = secret_of(value); !secret.empty()) {
    while (const char* variable = find_in_environment(r, secret))
      apr_table_unset(r->subprocess_env, variable);
  }
  apr_table_unset(r->headers_in, name);
}

}  // namespace

void remove_identity(request_rec* r) noexcept {
  const ServerConfig* config = server_config(r->server);
  remove_headers(r, [config](const char* name) { return is_identity_name(config, name); });
  clean_connection_header(r);
}

bool names_another_call(const request_rec* r) noexcept {
  const apr_array_header_t* headers = apr_table_elts(r->headers_in);
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(headers->elts);
  return std::any_of(entries, entries + headers->nelts, [](const apr_table_entry_t& header) {
    return header.key != nullptr && header_names_another_call(header.key);
  });
}

void remove_call_changers(request_rec* r) noexcept {
  remove_headers(r, [](const char* name) { return header_changes_call(name); });
}

void add_identity(request_rec* r, const Caller& caller) noexcept {
  const DirConfig* config = dir_config(r);
  apr_table_setn(r->headers_in, config->user_header != nullptr ? config->user_header : kUserHeader.data(),
                 copy(r, caller.user.view()));
  apr_table_setn(r->headers_in, kServiceHeader.data(), copy(r, service_name(caller.service)));
  apr_table_setn(r->headers_in, kTokenHeader.data(), copy(r, caller.token_name.view()));
  apr_table_setn(r->headers_in, kTokenIdHeader.data(), decimal(r, caller.token_id));
  apr_table_setn(r->headers_in, kSecretSerialHeader.data(), decimal(r, caller.secret_serial));
}

void remove_credentials(request_rec* r, const DirConfig* config, bool verified) noexcept {
  const char* authorization = apr_table_get(r->headers_in, "Authorization");
  if (config->pass_authorization != 1 && authorization != nullptr &&
      (verified || any_carries_token(r, config, authorization))) {
    remove_field(r, "Authorization", authorization);
  }
  if (config->key_header == nullptr || *config->key_header == '\0') return;
  if (const char* key = apr_table_get(r->headers_in, config->key_header))
    remove_field(r, config->key_header, key);
}

void remove_all_credentials(request_rec* r) noexcept {
  const ServerConfig* server = server_config(r->server);
  if (server->schemes == kSchemeNone) return;
  auto* any = static_cast<DirConfig*>(create_dir_config(r->pool, nullptr));
  any->schemes = server->schemes;
  remove_credentials(r, any, false);
  for (int i = 0; i < server->key_headers->nelts; ++i) {
    any->key_header = APR_ARRAY_IDX(server->key_headers, i, const char*);
    remove_credentials(r, any, false);
  }
}

}  // namespace tokengate
