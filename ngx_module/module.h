/// What the files of the nginx module share: the configuration, what is kept of a request, and the functions
/// that one file offers the others. The directive table and the phases are in module.cpp: start there.
#ifndef TOKENGATE_NGX_MODULE_H_
#define TOKENGATE_NGX_MODULE_H_

#include "ngx.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "tokengate/verify.h"

namespace tokengate {

// Configuration: parsed once, only read by requests.

enum Mode : ngx_uint_t { kModeOff, kModeOn, kModeReportOnly };

/// The name of a request header in the forms that nginx's header list wants.
struct HeaderName {
  ngx_str_t name;
  u_char* lowcase;
  ngx_uint_t hash;
};

/// A header that may carry a bare token.
struct KeyHeader : HeaderName {
  ngx_int_t variable_index;  ///< of its $http_…
};

inline constexpr size_t kVariableCount = 7;

struct MainConf {
  ngx_str_t store_path;  ///< empty: not given
  ngx_int_t remote_user_index;
  ngx_int_t authorization_index;  ///< of $http_authorization
  std::array<ngx_int_t, kVariableCount> variable_indexes;
};

struct ServerConf {
  ngx_flag_t present;         ///< any directive of ours stands in this server block or above it
  ngx_array_t* user_headers;  ///< of HeaderName: every tokengate_user_header in it; null: none
  // Of all its locations that are on: what may hold a token when no location was chosen yet.
  uint8_t schemes;           ///< Scheme bits; not of those that pass Authorization on
  ngx_array_t* key_headers;  ///< of KeyHeader*; null: none
  /// Lengths of all identity header names, as bits: most client headers are told apart by this alone.
  uint64_t identity_name_lengths;
};

struct LocationConf {
  ngx_uint_t mode;
  ngx_uint_t service;
  ngx_uint_t schemes;       ///< Scheme bits of tokengate_schemes
  ngx_array_t* required;    ///< of std::string_view; null: the catalog decides
  KeyHeader* key_header;    ///< null: off
  HeaderName* user_header;  ///< never null after merging
  ngx_flag_t pass_authorization;
  ngx_flag_t plain_http;
  ngx_str_t realm;
  ngx_uint_t refusals;
  size_t max_body;

  // Worked out from the above when merging.
  Rules rules;
  ngx_str_t challenge;
};

static_assert(std::is_standard_layout_v<LocationConf>, "nginx's setters find fields by offsetof");
static_assert(std::is_trivially_destructible_v<LocationConf>, "lives in a pool");

inline const MainConf& main_conf(ngx_http_request_t* r) noexcept {
  return *static_cast<const MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_tokengate_module));
}
inline const ServerConf& server_conf(ngx_http_request_t* r) noexcept {
  return *static_cast<const ServerConf*>(ngx_http_get_module_srv_conf(r, ngx_http_tokengate_module));
}
inline const LocationConf& location_conf(ngx_http_request_t* r) noexcept {
  return *static_cast<const LocationConf*>(ngx_http_get_module_loc_conf(r, ngx_http_tokengate_module));
}

// directives.cpp: setters. Each returns null or what completes "directive X …".

char* set_mode(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_store(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_service(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_require(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_schemes(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_key_header(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_user_header(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_realm(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_refusals(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_max_body(ngx_conf_t* cf, ngx_command_t* command, void* conf);
char* set_flag(ngx_conf_t* cf, ngx_command_t* command, void* conf);

// request.cpp: what is kept of a request.

/// Lives in the request's pool and survives internal redirects, which clear module contexts. A subrequest
/// shares its parent's pool but has its own.
struct RequestState {
  ngx_http_request_t* request = nullptr;

  Credentials credentials;
  const LocationConf* credentials_conf = nullptr;  ///< under whose rules they were read; null: not yet
  /// Where the request is, if Tokengate is on there: a redirect, as to an error page, must not take along
  /// what that location takes for credentials. Else null.
  const LocationConf* guarded_conf = nullptr;
  bool stripped = false;  ///< `credentials` are all that is left: the headers they came in were removed

  const Caller* caller = nullptr;                 ///< identified before the decision; null: nobody
  const LocationConf* identified_conf = nullptr;  ///< under whose rules; null: not yet

  const Decision* decision = nullptr;  ///< the latest one; never changed once it is here
  bool identity_injected = false;
  bool remote_user_set = false;
  bool own_headers = false;              ///< a subrequest whose header list was made its own
  uint8_t logged = 0;                    ///< 1: a would-be refusal, 2: a refusal
  ngx_table_elt_t* challenge = nullptr;  ///< our WWW-Authenticate, also if hidden

  // Of the present pass through the phases; an internal redirect begins a new one.
  bool granted = false;
  ngx_int_t refusal_status = 0;  ///< what the handler returned; 0: it did not refuse
  Refusal refusal{};
  bool replace_body = false;
};
static_assert(std::is_trivially_destructible_v<RequestState>, "lives in a pool");

/// The state of `r`, or null.
RequestState* find_state(ngx_http_request_t* r) noexcept;
/// The state of `r`, made if there is none; null if memory is out.
RequestState* make_state(ngx_http_request_t* r) noexcept;
/// Notes in which location `r` is now. NGX_ERROR if memory is out.
ngx_int_t note_location(ngx_http_request_t* r) noexcept;
/// Whether `r` was ever in a location. An error may be met before one is chosen.
bool was_in_location(ngx_http_request_t* r) noexcept;
/// The latest decision on `r`, else on the requests it is a subrequest of, else null.
const Decision* latest_decision(ngx_http_request_t* r) noexcept;

/// The credentials of `r` under the rules of `conf`: as kept, if their headers were removed, else as
/// received.
const Credentials& find_credentials(ngx_http_request_t* r, const LocationConf& conf,
                                    RequestState& state) noexcept;
/// Who calls, by checks 1 to 7 under the rules of `conf`; null if nobody. Remembered.
const Caller* identify(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept;

// decide.cpp

Connection connection_of(ngx_http_request_t* r) noexcept;
/// What will reach the backend: the path on the wire, as long as nginx would pass that on, and the one it
/// serves. Without the body.
Call call_of(ngx_http_request_t* r) noexcept;
/// Decides about the request as it stands now. Lies in r->pool; null if memory is out.
const Decision* decide(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                       const Call& call) noexcept;

// handler.cpp

ngx_int_t enter_location_handler(ngx_http_request_t* r);
ngx_int_t access_handler(ngx_http_request_t* r);
ngx_int_t preaccess_handler(ngx_http_request_t* r);
ngx_int_t leave_access_handler(ngx_http_request_t* r);
/// Whether an Authorization value is of a scheme in `schemes`: then it holds a token, or was meant to.
bool is_of_scheme(std::string_view authorization, uint8_t schemes) noexcept;
/// Removes the credentials that are taken under `conf`, however they turned out. NGX_ERROR if memory is out.
ngx_int_t strip_token(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept;

// headers.cpp

/// Fills `*header`; the bytes of `name` must stay. NGX_ERROR if memory is out.
ngx_int_t make_header_name(ngx_pool_t* pool, std::string_view name, HeaderName* header);
/// `number` in decimal; empty if memory is out.
std::string_view decimal(ngx_pool_t* pool, uint64_t number) noexcept;
bool is_identity_header(const ServerConf& conf, std::string_view name) noexcept;
void note_identity_names(ServerConf* conf) noexcept;

ngx_int_t clean_received_headers_handler(ngx_http_request_t* r);
/// Removes what a client sent under the name of an identity header, and what would have ours removed.
ngx_int_t clean_headers(ngx_http_request_t* r) noexcept;

/// Whether there is a header for which header_names_another_call().
bool names_another_call(ngx_http_request_t* r) noexcept;
CredentialFields credential_fields(ngx_http_request_t* r, const LocationConf& conf) noexcept;
/// Removes the key header and, if asked, Authorization.
ngx_int_t remove_credentials(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                             bool authorization) noexcept;
/// What a request that is granted must not take along: its credentials, and headers that change the call.
ngx_int_t remove_judged(ngx_http_request_t* r, const LocationConf& conf, RequestState& state) noexcept;
/// What any location of the server block takes for credentials.
ngx_int_t remove_all_credentials(ngx_http_request_t* r, RequestState& state) noexcept;
ngx_int_t inject_identity(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                          const Caller& caller) noexcept;
/// Takes back what an earlier pass injected, and $remote_user with it.
ngx_int_t withdraw_identity(ngx_http_request_t* r, RequestState& state) noexcept;
/// Makes a subrequest's header list its own: nginx lets it share its parent's memory.
ngx_int_t own_request_headers(ngx_http_request_t* r, RequestState& state) noexcept;

// body.cpp

/// Describes the body of `r` in `*call`, reading it if it may choose the function. NGX_OK: done. NGX_DONE:
/// the phases go on when it has arrived. Else a status to answer.
ngx_int_t describe_body(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                        Call* call) noexcept;

// refusal.cpp

void log_refusal(ngx_http_request_t* r, RequestState& state, const Decision& decision,
                 bool report_only) noexcept;
/// Prepares the answer to a refusal. Returns the status for the phase engine.
ngx_int_t refuse(ngx_http_request_t* r, const LocationConf& conf, RequestState& state,
                 Outcome outcome) noexcept;
/// Undoes refuse(): something else let the request pass.
void forget_refusal(RequestState& state) noexcept;
void install_refusal_filters() noexcept;

// variables.cpp

ngx_int_t add_variables(ngx_conf_t* cf);
/// Finds the variables' places among the request's values; after all were added.
ngx_int_t index_variables(ngx_conf_t* cf, MainConf* conf);
/// Values worked out before the decision count no more.
void forget_variables(ngx_http_request_t* r) noexcept;

// worker.cpp

ngx_int_t start_worker(ngx_cycle_t* cycle);
void stop_worker(ngx_cycle_t* cycle);
/// This worker's reader of the configured store; null if there is none, which must deny.
Reader* worker_reader() noexcept;
/// True once a second at most; then `*suppressed` is how often it was false since.
bool may_log_store_trouble(unsigned* suppressed) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_NGX_MODULE_H_
