// Directives: what each accepts, and how sections and virtual hosts inherit. Their table is in
// mod_tokengate.cpp.
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

#include "module.h"

namespace tokengate {
namespace {

static_assert(std::is_standard_layout_v<DirConfig>, "setters write to DirConfig by offset");
static_assert(std::is_trivially_destructible_v<DirConfig>, "nobody runs destructors in a pool");

template <class T>
T* make(apr_pool_t* pool) {
  return new (apr_pcalloc(pool, sizeof(T))) T();
}

ServerConfig* server_config_of(cmd_parms* cmd) {
  return static_cast<ServerConfig*>(ap_get_module_config(cmd->server->module_config, &tokengate_module));
}

/// Null, or why `name` cannot be the name of a header that we read or set.
const char* header_problem(cmd_parms* cmd, const char* name) {
  std::string_view problem = header_name_problem(name);
  if (problem.empty()) return nullptr;
  return apr_psprintf(cmd->pool, "%s %.*s", cmd->cmd->name, static_cast<int>(problem.size()), problem.data());
}

int flag(int add, int base) {
  return add != kUnset ? add : base;
}

const char* text(const char* add, const char* base) {
  return add != nullptr ? add : base;
}

}  // namespace

const char* set_store(cmd_parms* cmd, void*, const char* path) {
  if (const char* problem = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return problem;
  ServerConfig* config = server_config_of(cmd);
  if (config->store_path != nullptr) return "TokengateStore stands twice; there is one store per server";
  config->store_path = ap_server_root_relative(cmd->pool, path);
  if (config->store_path == nullptr || *path == '\0') {
    return apr_psprintf(
        cmd->pool, "TokengateStore: \"%s\" is not a path; name the folder that `tokengate init` made", path);
  }
  return nullptr;
}

const char* set_service(cmd_parms* cmd, void* config, const char* name) {
  for (Service service : {Service::kCpanel, Service::kWhm}) {
    if (service_name(service) == name) {
      static_cast<DirConfig*>(config)->service = static_cast<int>(service);
      return nullptr;
    }
  }
  return apr_psprintf(cmd->pool, "TokengateService: \"%s\" is no service; use cpanel or whm", name);
}

const char* set_schemes(cmd_parms* cmd, void* config, int count, char* const names[]) {
  int schemes = 0;
  for (int i = 0; i < count; ++i) {
    Scheme scheme = scheme_from_name(names[i]);
    if (scheme == kSchemeNone) {
      return apr_psprintf(
          cmd->pool, "TokengateSchemes: \"%s\" is no scheme; use cpanel, whm, bearer or basic", names[i]);
    }
    schemes |= scheme;
  }
  if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == nullptr) server_config_of(cmd)->schemes |= schemes;
  if (count == 0) return "TokengateSchemes needs at least one of cpanel, whm, bearer and basic";
  static_cast<DirConfig*>(config)->schemes = schemes;
  return nullptr;
}

const char* set_key_header(cmd_parms* cmd, void* config, const char* name) {
  auto* dir = static_cast<DirConfig*>(config);
  if (ap_cstr_casecmp(name, "off") == 0) {
    dir->key_header = "";
    return nullptr;
  }
  if (const char* problem = header_problem(cmd, name)) return problem;
  if (header_names_fold_alike(name, kUserHeader) || is_fixed_identity_header(name)) {
    return apr_psprintf(cmd->pool, "TokengateHeader: %s is set for the backend; use another header", name);
  }
  dir->key_header = name;
  // What an .htaccess file says is gone with its request.
  if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == nullptr) {
    *static_cast<const char**>(apr_array_push(server_config_of(cmd)->key_headers)) = name;
  }
  return nullptr;
}

const char* set_user_header(cmd_parms* cmd, void* config, const char* name) {
  if (const char* problem = header_problem(cmd, name)) return problem;
  if (is_fixed_identity_header(name)) {
    return apr_psprintf(cmd->pool, "TokengateUserHeader: %s carries something else; use another header",
                        name);
  }
  static_cast<DirConfig*>(config)->user_header = name;
  *static_cast<const char**>(apr_array_push(server_config_of(cmd)->user_headers)) = name;
  return nullptr;
}

const char* set_realm(cmd_parms* cmd, void* config, const char* realm) {
  if (!is_realm(realm))
    return apr_psprintf(cmd->pool,
                        "TokengateRealm needs a text of 1 to %" APR_SIZE_T_FMT " printable ASCII characters",
                        kMaxRealmBytes);
  static_cast<DirConfig*>(config)->realm = realm;
  return nullptr;
}

const char* set_refusals(cmd_parms* cmd, void* config, const char* name) {
  RefusalStyle style = RefusalStyle::kStandard;
  if (std::strcmp(name, "panel") == 0) {
    style = RefusalStyle::kPanel;
  } else if (std::strcmp(name, "standard") != 0) {
    return apr_psprintf(cmd->pool, "TokengateRefusals: \"%s\" is no style; use standard or panel", name);
  }
  static_cast<DirConfig*>(config)->refusals = static_cast<int>(style);
  return nullptr;
}

const char* set_max_body(cmd_parms* cmd, void* config, const char* text) {
  constexpr apr_off_t kLargest = kLargestMaxBodyBytes;
  char* end = nullptr;
  apr_off_t bytes = 0;
  bool ok = apr_isdigit(*text) && apr_strtoff(&bytes, text, &end, 10) == APR_SUCCESS && bytes <= kLargest;
  if (ok && (*end == 'k' || *end == 'K')) {
    bytes <<= 10;
    ++end;
  } else if (ok && (*end == 'm' || *end == 'M')) {
    bytes <<= 20;
    ++end;
  }
  if (!ok || *end != '\0' || bytes > kLargest) {
    return apr_psprintf(cmd->pool,
                        "TokengateMaxBody: \"%s\" is no size; use bytes, or a number with k or m, up to 64m",
                        text);
  }
  static_cast<DirConfig*>(config)->max_body = bytes;
  return nullptr;
}

const char* parse_requirement(cmd_parms* cmd, const char* line, const void** parsed) {
  apr_array_header_t* names = apr_array_make(cmd->pool, 4, sizeof(std::string_view));
  bool catalog = false;
  const char* rest = line;
  for (const char* word = ap_getword_conf(cmd->pool, &rest); *word != '\0';
       word = ap_getword_conf(cmd->pool, &rest)) {
    if (std::strcmp(word, "catalog") == 0) {
      catalog = true;
    } else if (is_acl_name(word)) {
      new (apr_array_push(names)) std::string_view(word);
    } else {
      return apr_psprintf(
          cmd->pool, "Require tokengate: \"%s\" is no name of an ACL; use letters, digits, '.', '_' and '-'",
          word);
    }
  }
  if (catalog && names->nelts > 0) {
    return "Require tokengate: `catalog` leaves the choice of ACLs to the catalog; name ACLs or `catalog`, "
           "not both";
  }
  auto* requirement = new (apr_palloc(cmd->pool, sizeof(Requirement))) Requirement();
  requirement->acls = {reinterpret_cast<const std::string_view*>(names->elts),
                       static_cast<size_t>(names->nelts)};
  *parsed = requirement;
  return nullptr;
}

void* create_dir_config(apr_pool_t* pool, char*) {
  auto* config = make<DirConfig>(pool);
  config->service = config->schemes = config->report_only = config->refusals = kUnset;
  config->pass_authorization = config->plain_http = kUnset;
  config->max_body = kUnset;
  return config;
}

void* merge_dir_config(apr_pool_t* pool, void* base_config, void* add_config) {
  const auto* base = static_cast<const DirConfig*>(base_config);
  const auto* add = static_cast<const DirConfig*>(add_config);
  auto* config = make<DirConfig>(pool);
  config->service = flag(add->service, base->service);
  config->schemes = flag(add->schemes, base->schemes);
  config->report_only = flag(add->report_only, base->report_only);
  config->refusals = flag(add->refusals, base->refusals);
  config->pass_authorization = flag(add->pass_authorization, base->pass_authorization);
  config->plain_http = flag(add->plain_http, base->plain_http);
  config->max_body = add->max_body != kUnset ? add->max_body : base->max_body;
  config->key_header = text(add->key_header, base->key_header);
  config->user_header = text(add->user_header, base->user_header);
  config->realm = text(add->realm, base->realm);

  // As mod_authz_core merges by default: a section's own Require lines replace the inherited ones.
  bool own = add->asks != Asks::kNothing;
  config->asks = own ? add->asks : base->asks;
  config->names_auth_type = add->names_auth_type || base->names_auth_type;
  config->unguarded = own                    ? add->unguarded
                      : add->names_auth_type ? base->asks == Asks::kNoUser
                                             : base->unguarded;
  config->where = text(add->where, base->where);
  return config;
}

void* create_server_config(apr_pool_t* pool, server_rec*) {
  auto* config = make<ServerConfig>(pool);
  config->user_headers = apr_array_make(pool, 1, sizeof(const char*));
  config->key_headers = apr_array_make(pool, 1, sizeof(const char*));
  config->auth_sections =
      apr_array_make(pool, 4, sizeof(const DirConfig*));  // NOLINT(bugprone-sizeof-expression): of pointers
  config->doubts = apr_array_make(pool, 1, sizeof(Doubt));
  return config;
}

// The names that stand outside virtual hosts count in each of them.
void* merge_server_config(apr_pool_t* pool, void* base_config, void* add_config) {
  const auto* base = static_cast<const ServerConfig*>(base_config);
  const auto* add = static_cast<const ServerConfig*>(add_config);
  auto* config = make<ServerConfig>(pool);
  config->store_path = base->store_path;
  config->schemes = base->schemes | add->schemes;
  config->user_headers = apr_array_append(pool, base->user_headers, add->user_headers);
  config->key_headers = apr_array_append(pool, base->key_headers, add->key_headers);
  config->auth_sections = add->auth_sections;
  config->doubts = add->doubts;
  return config;
}

const DirConfig* dir_config(const request_rec* r) noexcept {
  return static_cast<const DirConfig*>(ap_get_module_config(r->per_dir_config, &tokengate_module));
}

const ServerConfig* server_config(const server_rec* server) noexcept {
  return static_cast<const ServerConfig*>(ap_get_module_config(server->module_config, &tokengate_module));
}

}  // namespace tokengate
