// Request headers: a client's copies of ours go, ours come, and the token does not travel on.
#include <strings.h>

#include <cstring>
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

/// The first header of `r` with one of our names; null if there is none.
const char* find_identity(const request_rec* r, const ServerConfig* config) noexcept {
  const apr_array_header_t* headers = apr_table_elts(r->headers_in);
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(headers->elts);
  for (int i = 0; i < headers->nelts; ++i) {
    if (entries[i].key != nullptr && is_identity_name(config, entries[i].key)) return entries[i].key;
  }
  return nullptr;
}

/// What a client may say of its connection. Everything else in the field names headers, which mod_proxy drops
/// (RFC 9110 7.6.1): a client must not have ours dropped, nor the one that said how to read the body.
constexpr std::string_view kConnectionOptions[] = {"close", "keep-alive", "upgrade", "http2-settings"};

/// mod_proxy splits the field at blanks, semicolons and quotes, too: so it is not taken apart and put
/// together again, but made anew from the options that are found in it.
void clean_connection_header(request_rec* r) noexcept {
  const char* value = apr_table_get(r->headers_in, "Connection");
  if (value == nullptr) return;
  const char* kept = nullptr;
  for (const char* at = value; *at != '\0';) {
    size_t size = std::strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    for (std::string_view option : kConnectionOptions) {
      if (size != option.size() || strncasecmp(at, option.data(), size) != 0) continue;
      kept = kept == nullptr ? option.data() : apr_pstrcat(r->pool, kept, ", ", option.data(), nullptr);
    }
    at += size > 0 ? size : 1;
  }
  if (kept == nullptr) {
    apr_table_unset(r->headers_in, "Connection");
  } else {
    apr_table_setn(r->headers_in, "Connection", kept);
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
  while (const char* name = find_identity(r, config)) apr_table_unset(r->headers_in, name);
  clean_connection_header(r);
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

}  // namespace tokengate
