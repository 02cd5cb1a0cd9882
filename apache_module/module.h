/// What the files of mod_tokengate share: configuration, the state of a request, and each file's functions.
/// The directive table and the hooks are in mod_tokengate.cpp: start there.
#ifndef TOKENGATE_APACHE_MODULE_H_
#define TOKENGATE_APACHE_MODULE_H_

// C++20 has designated initializers: with them the server's directive table is checked by the compiler.
#define AP_HAVE_DESIGNATED_INITIALIZER 1

// The server's other headers need this one first.
#include <httpd.h>

#include <apr_buckets.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_filter.h>

#include <span>
#include <string_view>

#include "tokengate/verify.h"

extern __attribute__((visibility("default"))) module tokengate_module;
APLOG_USE_MODULE(tokengate);

namespace tokengate {

class Store;

inline constexpr char kAuthType[] = "Tokengate";
inline constexpr char kProviderName[] = "tokengate";
inline constexpr int kUnset = -1;

// Configuration: parsed once, only read by requests.

/// What the Require lines of a section ask for.
enum class Asks : int {
  kNothing,   ///< there are none
  kNoUser,    ///< only for what needs no user, such as `all granted` or `ip`
  kSomebody,  ///< for a user, so that authentication runs
};

/// Of a section (directory, location, .htaccess file, …). kUnset or null: not said here. Plain, as the
/// server's own directive setters write to it by offset.
struct DirConfig {
  int service;  ///< Service
  int schemes;  ///< Scheme bits, without kSchemeKeyHeader
  int report_only;
  int refusals;  ///< RefusalStyle
  int pass_authorization;
  int plain_http;
  apr_off_t max_body;
  const char* key_header;  ///< empty: off
  const char* user_header;
  const char* realm;

  Asks asks;
  bool names_auth_type;   ///< AuthType Tokengate stands here
  bool requires_a_token;  ///< `Require tokengate` stands here
  /// AuthType Tokengate came after a Require that needs no user, and no Require came with it.
  bool unguarded;
  const char* where;  ///< file, line and section, for messages; null: unknown
};

/// A directive that takes something off the `Require tokengate` of its section, if there is one.
struct Doubt {
  const DirConfig* section;
  const char* where;
  const char* text;
};

/// Of a virtual host. `store_path` and `store` are the main server's alone.
struct ServerConfig {
  const char* store_path;
  Store* store;                       ///< in a child: set by child_init
  int schemes;                        ///< Scheme bits that are on in any section; none: there is none
  apr_array_header_t* key_headers;    ///< const char*: names given with TokengateHeader
  apr_array_header_t* user_headers;   ///< const char*: names given with TokengateUserHeader
  apr_array_header_t* auth_sections;  ///< const DirConfig*: sections with AuthType Tokengate
  apr_array_header_t* doubts;         ///< Doubt: what may let in whom `Require tokengate` would not
};

/// What one `Require tokengate` line asks for.
struct Requirement {
  std::span<const std::string_view> acls;  ///< empty: what the catalog says
};

// config.cpp: setters. Each returns null or what is wrong.

const char* set_store(cmd_parms* cmd, void* config, const char* path);
const char* set_service(cmd_parms* cmd, void* config, const char* name);
const char* set_schemes(cmd_parms* cmd, void* config, int count, char* const names[]);
const char* set_key_header(cmd_parms* cmd, void* config, const char* name);
const char* set_user_header(cmd_parms* cmd, void* config, const char* name);
const char* set_realm(cmd_parms* cmd, void* config, const char* realm);
const char* set_refusals(cmd_parms* cmd, void* config, const char* name);
const char* set_max_body(cmd_parms* cmd, void* config, const char* text);
const char* parse_requirement(cmd_parms* cmd, const char* line, const void** parsed);

void* create_dir_config(apr_pool_t* pool, char* path);
void* merge_dir_config(apr_pool_t* pool, void* base, void* add);
void* create_server_config(apr_pool_t* pool, server_rec* server);
void* merge_server_config(apr_pool_t* pool, void* base, void* add);
const DirConfig* dir_config(const request_rec* r) noexcept;
const ServerConfig* server_config(const server_rec* server) noexcept;

// config_check.cpp

/// Setters of other modules' directives: they only watch, those modules do the work.
const char* note_auth_type(cmd_parms* cmd, void* config, const char* name);
const char* note_auth_merging(cmd_parms* cmd, void* config, const char* how);
const char* note_satisfy(cmd_parms* cmd, void* config, const char* how);
const char* note_require(cmd_parms* cmd, void* config, const char* line);
int on_check_config(apr_pool_t* pool, apr_pool_t* log_pool, apr_pool_t* temp_pool, server_rec* main);

// request.cpp: what is kept of a request.

/// A request's body that was read to find the function, for the handler to read again.
struct KeptBody {
  Body state = Body::kUnread;
  std::string_view bytes;
  size_t taken = 0;
  bool lost = false;  ///< part of it was read and could not be kept
};

/// A refusal under way to the client.
struct Answer {
  Refusal refusal;
  Decision decision;
  int status;  ///< what the server was told: 403 where the refusal says 200
};

/// A request that came through all checks, by whatever Require; what it was when it did.
struct Passage {
  const char* uri = nullptr;
  const char* args = nullptr;
  const char* method = nullptr;
  bool judged = false;                       ///< by us: its token let it pass
  bool identity_only = false;                ///< another Require was content with who the caller is
  const Requirement* requirement = nullptr;  ///< of the `Require tokengate` that let it pass
  Passage* next = nullptr;
};

/// Of each request, redirected request and subrequest; lies in its pool. Who writes a field -> who reads it:
///
/// - first_requirement: `Require tokengate`, when asked before authentication -> check_authn, Require
/// - authenticated: check_authn -> Require, check_authz, fixups
/// - granted, granted_by: Require -> fixups
/// - refused: Require -> check_authz
/// - answer: check_authn, check_authz, fixups, handler -> insert_error_filter; fixups of a redirect
/// - subrequest_answer: the same of a subrequest -> insert_error_filter
/// - exported: whatever decides -> fixups of a redirect
/// - passage: fixups -> handler; fixups of redirects and subrequests
/// - subrequest_passages: fixups of subrequests -> handler
/// - length_and_chunked: post_read_request -> decide()
/// - credentials, body: decide() -> decide(); the body also the input filter and fixups
struct RequestState {
  const Requirement* first_requirement = nullptr;
  const Decision* authenticated = nullptr;    ///< made for first_requirement; the caller is known
  const Decision* granted = nullptr;          ///< a `Require tokengate` let it pass, …
  const Requirement* granted_by = nullptr;    ///< … this one
  const Decision* refused = nullptr;          ///< the first `Require tokengate` that did not
  const Answer* answer = nullptr;             ///< once the request is refused
  const Answer* subrequest_answer = nullptr;  ///< of the newest subrequest that was refused
  const Decision* exported = nullptr;         ///< what the environment says
  Passage* passage = nullptr;
  Passage* subrequest_passages = nullptr;  ///< the server may put a subrequest in this request's place
  bool asking_other_checkers = false;      ///< inside our own call of the other authorization hooks

  // Only of the initial request, for all that follow from it:
  bool length_and_chunked = false;  ///< both Content-Length and Transfer-Encoding came
  Credentials credentials;          ///< as first found
  KeptBody body;
};

/// The state of `r`, made on first use.
RequestState* make_state(request_rec* r) noexcept;
/// Null if there is none.
RequestState* find_state(const request_rec* r) noexcept;
/// The initial request that `r` follows from through redirects and subrequests.
request_rec* initial_request(request_rec* r) noexcept;
/// Whether AuthType Tokengate is in force.
bool uses_tokengate(request_rec* r) noexcept;
/// A copy that lies in the pool of `r`, ended by a NUL.
const char* copy(request_rec* r, std::string_view text) noexcept;
/// Likewise.
const char* decimal(request_rec* r, uint64_t number) noexcept;

// decide.cpp

/// Decides about the request as it stands now. Lies in r->pool. `requirement`: null asks the catalog.
const Decision* decide(request_rec* r, const Requirement* requirement) noexcept;
/// The path as it came, for the refusal's envelope.
std::string_view path_as_it_came(const request_rec* r) noexcept;
/// Whether `authorization` is of a scheme that is switched on by `config`, well formed or not.
bool carries_token(const request_rec* r, const DirConfig* config, std::string_view authorization) noexcept;

// body.cpp

void register_body_filter();
/// Whether the request announces a body of its own.
bool has_body(const request_rec* r) noexcept;
/// Reads the body, once per initial request. The handler gets the same bytes again.
const KeptBody& keep_body(request_rec* r, apr_off_t max_bytes) noexcept;
void on_insert_filter(request_rec* r);

// headers.cpp

/// Removes every client header that a backend could take for one of ours.
void remove_identity(request_rec* r) noexcept;
/// Whether there is a header for which header_names_another_call().
bool names_another_call(const request_rec* r) noexcept;
/// Removes what could have a backend run another call than the one that was judged.
void remove_call_changers(request_rec* r) noexcept;
void add_identity(request_rec* r, const Caller& caller) noexcept;
/// Removes what carries the token where `config` is in force, and copies of it in the environment.
/// `verified`: it let the request pass; else only what looks like a token.
void remove_credentials(request_rec* r, const DirConfig* config, bool verified) noexcept;
/// Removes what any place of the virtual host may take for a token.
void remove_all_credentials(request_rec* r) noexcept;

// refusal.cpp

void register_refusal_filter();
/// Notes the refusal, logs it, and returns the status for the server.
int refuse(request_rec* r, const Decision& decision) noexcept;
void log_refusal(request_rec* r, const Decision& decision, bool report_only) noexcept;
/// TOKENGATE_* for scripts, log formats and other modules.
void export_environment(request_rec* r, const Decision& decision) noexcept;
/// WWW-Authenticate of the place that `r` is for.
void set_challenge(request_rec* r) noexcept;
void on_insert_error_filter(request_rec* r);

// handler.cpp: the hooks that decide

extern const authz_provider kRequireProvider;
int on_check_authn(request_rec* r);
int on_check_authz(request_rec* r);
int on_note_auth_failure(request_rec* r, const char* auth_type);

// fixups.cpp: the hooks around the decision

int on_post_read_request(request_rec* r);
int on_post_perdir_config(request_rec* r);
int on_fixups(request_rec* r);
int on_handler(request_rec* r);

}  // namespace tokengate

#endif  // TOKENGATE_APACHE_MODULE_H_
