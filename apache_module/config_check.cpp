// The configuration test: finds places that only look protected, by watching the directives that decide it.
#include <new>
#include <string>

#include "module.h"

#include <unixd.h>

namespace tokengate {
namespace {

bool in_htaccess(cmd_parms* cmd) {
  return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != nullptr;
}

/// "/etc/apache2/x.conf line 12, in <Location "/api">"
const char* place_of(cmd_parms* cmd) {
  const ap_directive_t* directive = cmd->directive;
  if (directive == nullptr) return nullptr;
  const char* line = apr_psprintf(cmd->pool, "%s line %d", directive->filename, directive->line_num);
  const ap_directive_t* section = directive->parent;
  return section == nullptr
             ? line
             : apr_pstrcat(cmd->pool, line, ", in ", section->directive, " ", section->args, nullptr);
}

ServerConfig* server_config_of(cmd_parms* cmd) {
  return static_cast<ServerConfig*>(ap_get_module_config(cmd->server->module_config, &tokengate_module));
}

/// What an .htaccess file says is gone with its request: nothing is noted of it.
void note_doubt(cmd_parms* cmd, void* section, const char* text) {
  if (in_htaccess(cmd)) return;
  *static_cast<Doubt*>(apr_array_push(server_config_of(cmd)->doubts)) = {static_cast<DirConfig*>(section),
                                                                         place_of(cmd), text};
}

bool stands_in(const cmd_parms* cmd, const char* name) {
  for (const ap_directive_t* section = cmd->directive; section != nullptr; section = section->parent) {
    if (ap_cstr_casecmp(section->directive, name) == 0) return true;
  }
  return false;
}

bool is_negated(const cmd_parms* cmd, const char* word) {
  return ap_cstr_casecmp(word, "not") == 0 || stands_in(cmd, "<RequireNone");
}

/// Whether this provider decides without knowing who is asking. One that is not known here counts as asking.
bool needs_no_user(const char* provider) {
  for (const char* known : {"all", "env", "expr", "forward-dns", "host", "ip", "local", "method"}) {
    if (ap_cstr_casecmp(provider, known) == 0) return true;
  }
  return false;
}

void warn(server_rec* server, const char* text, const DirConfig& section) {
  ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, server, "tokengate: AuthType Tokengate at %s %s",
               section.where, text);
}

/// Trailers come after the headers were looked at, so none may become one.
bool merges_trailers(const server_rec* server) {
  const auto* core = static_cast<const core_server_config*>(ap_get_core_module_config(server->module_config));
  return core->merge_trailers == AP_MERGE_TRAILERS_ENABLE;
}

/// The name of a key header that is a user header too, and so removed as forged identity; null if there is
/// none.
const char* clashing_header(const ServerConfig* server) {
  for (int i = 0; i < server->key_headers->nelts; ++i) {
    const char* key = APR_ARRAY_IDX(server->key_headers, i, const char*);
    for (int j = 0; j < server->user_headers->nelts; ++j) {
      if (header_names_fold_alike(key, APR_ARRAY_IDX(server->user_headers, j, const char*))) return key;
    }
  }
  return nullptr;
}

/// A wrong store must not keep the server's other sites from being served, so this only warns.
void check_store(server_rec* main, const char* path) noexcept {
  try {
    std::string problem = check_store_path(path, ap_unixd_config.user_id, ap_unixd_config.group_id);
    if (!problem.empty()) {
      ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, main, "tokengate: TokengateStore: %s",
                   problem.c_str());
    }
  } catch (const std::bad_alloc&) {
    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, main,
                 "tokengate: TokengateStore: not checked: no memory");
  }
}

}  // namespace

const char* note_auth_type(cmd_parms* cmd, void* config, const char* name) {
  if (ap_cstr_casecmp(name, kAuthType) != 0) return nullptr;
  auto* dir = static_cast<DirConfig*>(config);
  dir->names_auth_type = true;
  dir->where = place_of(cmd);
  // What an .htaccess file says is gone with its request.
  if (!in_htaccess(cmd)) {
    ServerConfig* server = server_config_of(cmd);
    *static_cast<const DirConfig**>(apr_array_push(server->auth_sections)) = dir;
    server->schemes |= kDefaultSchemes;
  }
  return nullptr;
}

const char* note_require(cmd_parms* cmd, void* config, const char* line) {
  auto* dir = static_cast<DirConfig*>(config);
  const char* word = ap_getword_conf(cmd->temp_pool, &line);
  bool asks = !is_negated(cmd, word) && !needs_no_user(word);
  if (asks) {
    dir->asks = Asks::kSomebody;
    if (ap_cstr_casecmp(word, kProviderName) == 0) {
      dir->requires_a_token = true;
      if (stands_in(cmd, "<Limit"))
        note_doubt(cmd, dir,
                   "`Require tokengate` is for the methods of this section only: all others need no token");
    }
  } else if (dir->asks == Asks::kNothing) {
    dir->asks = Asks::kNoUser;
  }
  return nullptr;
}

const char* note_auth_merging(cmd_parms* cmd, void* config, const char* how) {
  if (ap_cstr_casecmp(how, "Or") == 0)
    note_doubt(cmd, config,
               "AuthMerging Or lets in without a token whom a Require of a section above lets in");
  return nullptr;
}

const char* note_satisfy(cmd_parms* cmd, void* config, const char* how) {
  // That it is watched here must not make it known where nobody obeys it.
  if (ap_find_linked_module("mod_access_compat.c") == nullptr) return "needs mod_access_compat";
  if (ap_cstr_casecmp(how, "any") == 0)
    note_doubt(cmd, config,
               "Satisfy Any lets in without a token whom Allow and Deny let in: without them, everybody");
  return nullptr;
}

int on_check_config(apr_pool_t*, apr_pool_t*, apr_pool_t*, server_rec* main) {
  // The configuration is read twice at a start; once is enough to hear about it.
  bool testing = ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
  bool first = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
  bool quiet = first && !testing;
  const char* store_path = server_config(main)->store_path;

  for (server_rec* server = main; server != nullptr; server = server->next) {
    if (store_path != nullptr && merges_trailers(server)) {
      ap_log_error(
          APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, server,
          "tokengate: MergeTrailers on would let a client add identity headers after they were removed: "
          "take it out");
      return HTTP_INTERNAL_SERVER_ERROR;
    }
    const ServerConfig* config = server_config(server);
    if (const char* name = clashing_header(config)) {
      ap_log_error(
          APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, server,
          "tokengate: TokengateHeader %s is TokengateUserHeader too, and so removed from every request: "
          "use another header for the token",
          name);
      return HTTP_INTERNAL_SERVER_ERROR;
    }
    // A virtual host without a word about Tokengate has the main server's.
    if (server != main && config == server_config(main)) continue;
    for (int i = 0; i < config->doubts->nelts && !quiet; ++i) {
      const Doubt& doubt = APR_ARRAY_IDX(config->doubts, i, Doubt);
      if (!doubt.section->requires_a_token) continue;
      ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, server, "tokengate: at %s: %s", doubt.where,
                   doubt.text);
    }
    for (int i = 0; i < config->auth_sections->nelts; ++i) {
      const DirConfig* section = APR_ARRAY_IDX(config->auth_sections, i, const DirConfig*);
      if (store_path == nullptr) {
        ap_log_error(
            APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, server,
            "tokengate: AuthType Tokengate at %s needs TokengateStore: name the folder of the token store "
            "outside all sections",
            section->where);
        return HTTP_INTERNAL_SERVER_ERROR;
      }
      if (quiet) continue;
      if (section->asks == Asks::kNothing) {
        warn(server,
             "has no Require beside it: unless a later section brings one, requests are refused with 500 "
             "where "
             "an inherited Require would let everybody in; add `Require tokengate`",
             *section);
      } else if (section->asks == Asks::kNoUser) {
        warn(server, "protects nothing: no Require beside it asks for a token; add `Require tokengate`",
             *section);
      }
    }
  }
  if (store_path != nullptr && !quiet) check_store(main, store_path);
  return OK;
}

}  // namespace tokengate
