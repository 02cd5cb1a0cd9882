// A refusal: status, challenge, body, log line and environment.
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "store.h"

#include <mod_core.h>

namespace tokengate {
namespace {

constexpr char kFilterName[] = "TOKENGATE_REFUSAL";

static_assert(std::is_trivially_destructible_v<Answer>, "nobody runs destructors in a pool");

int level_of(Severity severity) noexcept {
  switch (severity) {
    case Severity::kInfo:
      return APLOG_INFO;
    case Severity::kWarning:
      return APLOG_WARNING;
    case Severity::kError:
      return APLOG_ERR;
  }
  return APLOG_ERR;
}

const char* id_text(request_rec* r, uint64_t id) noexcept {
  return id == 0 ? "" : decimal(r, id);
}

void set_variable(request_rec* r, const char* name, std::string_view value) noexcept {
  if (value.empty()) {
    apr_table_unset(r->subprocess_env, name);
  } else {
    apr_table_setn(r->subprocess_env, name, copy(r, value));
  }
}

/// TokengateRealm, else AuthName, else the default. May throw for want of memory.
std::string realm_of(request_rec* r) {
  if (const char* realm = dir_config(r)->realm) return realm;
  const char* name = ap_auth_name(r);
  if (name == nullptr) return std::string(kDefaultRealm);
  // It comes with its quotes escaped for a quoted-string; challenge() does that itself.
  std::string realm;
  for (const char* c = name; *c != '\0'; ++c) {
    if (*c == '\\' && c[1] == '"') ++c;
    realm += *c;
  }
  return realm;
}

uint8_t schemes_of(const DirConfig* config) noexcept {
  uint8_t schemes = config->schemes != kUnset ? static_cast<uint8_t>(config->schemes) : kDefaultSchemes;
  bool header = config->key_header != nullptr && *config->key_header != '\0';
  return header ? static_cast<uint8_t>(schemes | kSchemeKeyHeader) : schemes;
}

/// Puts the refusal in the place of the page that the server makes for its status.
apr_status_t replace_page(ap_filter_t* filter, apr_bucket_brigade* brigade) {
  apr_brigade_cleanup(brigade);
  request_rec* r = filter->r;
  const auto* refusal = static_cast<const Refusal*>(filter->ctx);
  if (refusal == nullptr) return APR_SUCCESS;
  filter->ctx = nullptr;

  r->status = refusal->status;
  r->status_line = nullptr;
  ap_set_content_type(r, copy(r, refusal->content_type));
  apr_bucket_alloc_t* allocator = r->connection->bucket_alloc;
  APR_BRIGADE_INSERT_TAIL(brigade,
                          apr_bucket_immortal_create(refusal->body.data(), refusal->body.size(), allocator));
  APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(allocator));
  return ap_pass_brigade(filter->next, brigade);
}

void announce(request_rec* r, const Answer& answer) noexcept {
  if (answer.refusal.challenge) {
    set_challenge(r);
  } else {
    apr_table_unset(r->err_headers_out, "WWW-Authenticate");
  }
  export_environment(r, answer.decision);
}

}  // namespace

void register_refusal_filter() {
  ap_register_output_filter(kFilterName, replace_page, nullptr, AP_FTYPE_CONTENT_SET);
}

void on_insert_error_filter(request_rec* r) {
  RequestState* state = find_state(r);
  if (state == nullptr) return;
  const Answer* answer = state->answer;
  if (answer == nullptr && state->subrequest_answer != nullptr) {
    // The server gives up a request when its index is refused, with the same status.
    answer = state->subrequest_answer;
    if (r->status == answer->status) announce(r, *answer);
  }
  if (answer == nullptr || r->status != answer->status) return;
  // An ErrorDocument with a text wins. One with a path has already been tried, and has failed.
  const char* custom = ap_response_code_string(r, ap_index_of_response(r->status));
  if (custom != nullptr && *custom == '"') return;
  ap_add_output_filter(kFilterName, const_cast<Refusal*>(&answer->refusal), r, r->connection);
}

void set_challenge(request_rec* r) noexcept {
  try {
    std::string value = challenge(schemes_of(dir_config(r)), realm_of(r));
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", copy(r, value));
  } catch (const std::exception&) {
    // Without memory for it the request is refused all the same.
    apr_table_unset(r->err_headers_out, "WWW-Authenticate");
  }
}

int refuse(request_rec* r, const Decision& decision) noexcept {
  const DirConfig* config = dir_config(r);
  RefusalStyle style =
      config->refusals != kUnset ? static_cast<RefusalStyle>(config->refusals) : RefusalStyle::kStandard;
  Answer answer = {refusal(decision.outcome, style, path_as_it_came(r)), decision, 0};
  // Told as an error, so that an ErrorDocument gets its chance; the filter makes it the 200 that it is to be.
  answer.status = answer.refusal.status == HTTP_OK ? HTTP_FORBIDDEN : answer.refusal.status;
  auto* noted = new (apr_palloc(r->pool, sizeof(Answer))) Answer(answer);
  make_state(r)->answer = noted;
  if (r->main != nullptr) {
    make_state(r->main)->subrequest_answer = new (apr_palloc(r->main->pool, sizeof(Answer))) Answer(answer);
  }
  announce(r, *noted);
  log_refusal(r, decision, false);
  return answer.status;
}

void log_refusal(request_rec* r, const Decision& decision, bool report_only) noexcept {
  unsigned suppressed = 0;
  if (decision.outcome == Outcome::kStoreUnavailable) {
    Store* store = server_config(r->server)->store;
    if (store != nullptr && !store->may_log_refusal(apr_time_sec(apr_time_now()), &suppressed)) return;
  }
  const Text<kMaxRefusalLineBytes> line = refusal_line(decision, report_only, suppressed);
  ap_log_rerror(APLOG_MARK, level_of(outcome_severity(decision.outcome)), 0, r, "%.*s",
                static_cast<int>(line.view().size()), line.view().data());
}

void export_environment(request_rec* r, const Decision& decision) noexcept {
  make_state(r)->exported = &decision;
  bool known = decision.caller_identified;
  const Caller caller = known ? decision.caller : Caller();
  set_variable(r, "TOKENGATE_USER", caller.user.view());
  set_variable(r, "TOKENGATE_SERVICE", known ? service_name(caller.service) : std::string_view());
  set_variable(r, "TOKENGATE_TOKEN", caller.token_name.view());
  set_variable(r, "TOKENGATE_TOKEN_ID", known ? id_text(r, caller.token_id) : "");
  set_variable(r, "TOKENGATE_OUTCOME", outcome_name(decision.outcome));
  set_variable(r, "TOKENGATE_ACL", decision.acl.view());
  set_variable(r, "TOKENGATE_ROUTE", decision.route.view());
}

}  // namespace tokengate
