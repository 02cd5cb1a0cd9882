// The hooks around the decision: what a request carries in and on, and that what was judged is what runs.
#include <cstring>
#include <new>

#include "module.h"

namespace tokengate {
namespace {

bool is_configured(const request_rec* r) noexcept {
  return server_config(r->server)->store_path != nullptr;
}

bool equal(const char* a, const char* b) noexcept {
  return a == b || (a != nullptr && b != nullptr && std::strcmp(a, b) == 0);
}

Passage* keep_passage(request_rec* r, const Passage& passed) noexcept {
  auto* noted = new (apr_palloc(r->pool, sizeof(Passage))) Passage(passed);
  noted->uri = r->uri;
  noted->args = r->args;
  noted->method = r->method;
  make_state(r)->passage = noted;
  if (r->main != nullptr) {
    // In the other request's pool, as it may outlive this one's.
    RequestState* outer = make_state(r->main);
    auto* inner = new (apr_palloc(r->main->pool, sizeof(Passage))) Passage(*noted);
    inner->next = outer->subrequest_passages;
    outer->subrequest_passages = inner;
  }
  return noted;
}

/// Lets `r` pass as `decision` says: with the identity, without the token.
void let_pass(request_rec* r, const Decision& decision, bool identity_only) noexcept {
  const Decision* exported = &decision;
  if (identity_only) {
    auto* granted = new (apr_palloc(r->pool, sizeof(Decision))) Decision(decision);
    granted->outcome = Outcome::kGranted;
    granted->acl.clear();
    exported = granted;
  }
  remove_identity(r);
  remove_call_changers(r);
  remove_credentials(r, dir_config(r), true);
  add_identity(r, decision.caller);
  export_environment(r, *exported);
}

/// Judges `r` again, in place of a request that passed as `before` says. OK or the refusal's status.
int decide_again(request_rec* r, const Passage& before) noexcept {
  if (!before.judged) {
    if (dir_config(r)->report_only != 1) remove_credentials(r, dir_config(r), false);
    return OK;
  }
  const Decision* decision = decide(r, before.requirement);
  bool known = decision->outcome == Outcome::kAclDenied || decision->outcome == Outcome::kTargetDenied;
  bool passes = decision->outcome == Outcome::kGranted ||
                (before.identity_only && known && decision->caller_identified);
  if (!passes) return refuse(r, *decision);
  r->user = const_cast<char*>(copy(r, decision->caller.user.view()));
  let_pass(r, *decision, before.identity_only);
  return OK;
}

/// The request that `r` got its authorization from, if the server did not run the phases again because the
/// configuration is the same.
const Passage* inherited_passage(const request_rec* r) noexcept {
  for (const request_rec* before : {r->prev, r->main}) {
    if (before == nullptr || before->per_dir_config != r->per_dir_config) continue;
    const RequestState* state = find_state(before);
    return state != nullptr ? state->passage : nullptr;
  }
  return nullptr;
}

const Passage* inner_passage(const RequestState* state, const char* uri) noexcept {
  if (state == nullptr) return nullptr;
  for (const Passage* passed = state->subrequest_passages; passed != nullptr; passed = passed->next) {
    // The server hands over the very string.
    if (passed->uri == uri) return passed;
  }
  return nullptr;
}

/// The page of an error may be proxied, whoever met the error: a token is not for its backend. A redirect
/// shares its headers with what it came from, whose configuration says which of them carry one.
void leave_last_place(request_rec* r) noexcept {
  if (r->prev == nullptr) return;
  const DirConfig* last = dir_config(r->prev);
  if (uses_tokengate(r->prev)) {
    if (last->report_only != 1) remove_credentials(r, last, false);
    return;
  }
  const RequestState* before = find_state(r->prev);
  bool reached_fixups = before != nullptr && before->passage != nullptr;
  // It may have failed before the server knew what it is for: the token may have been meant for any place.
  if (!reached_fixups && !uses_tokengate(r)) remove_all_credentials(r);
}

/// What was decided earlier stays visible, for log formats and error pages.
void inherit_environment(request_rec* r) noexcept {
  const RequestState* before = r->prev != nullptr ? find_state(r->prev) : nullptr;
  if (before != nullptr && before->exported != nullptr) export_environment(r, *before->exported);
}

}  // namespace

int on_post_read_request(request_rec* r) {
  if (!is_configured(r)) return DECLINED;
  remove_identity(r);
  bool initial = r->main == nullptr && r->prev == nullptr;
  // Of Content-Length beside Transfer-Encoding the server has removed the first and given the connection up.
  if (initial && r->proto_num < HTTP_VERSION(2, 0) && r->connection->keepalive == AP_CONN_CLOSE &&
      apr_table_get(r->headers_in, "Transfer-Encoding") != nullptr) {
    make_state(r)->length_and_chunked = true;
  }
  return DECLINED;
}

int on_post_perdir_config(request_rec* r) {
  // A subrequest starts with a copy of the headers, with what was added for the request it belongs to.
  if (r->main != nullptr && is_configured(r)) remove_identity(r);
  return DECLINED;
}

int on_fixups(request_rec* r) {
  if (!is_configured(r)) return DECLINED;
  leave_last_place(r);
  if (!uses_tokengate(r)) {
    inherit_environment(r);
    keep_passage(r, {});
    return DECLINED;
  }
  // mod_cache would take an answer for everybody's: it looks for Authorization, which is removed, and a
  // Require beside ours may let in who has none.
  apr_table_setn(r->subprocess_env, "no-cache", "1");
  const DirConfig* config = dir_config(r);
  if (config->unguarded) {
    ap_log_rerror(
        APLOG_MARK, APLOG_ERR, 0, r,
        "tokengate: AuthType Tokengate at %s is in force, but the Require in force lets everybody in; the "
        "request is refused: add `Require tokengate` there",
        config->where != nullptr ? config->where : "an unknown place");
    return HTTP_INTERNAL_SERVER_ERROR;
  }
  const RequestState* state = find_state(r);
  Passage passed;
  if (state != nullptr && state->authenticated != nullptr) {
    passed.judged = true;
    passed.identity_only = state->granted == nullptr;
    passed.requirement = state->granted != nullptr ? state->granted_by : nullptr;
    let_pass(r, state->granted != nullptr ? *state->granted : *state->authenticated, passed.identity_only);
  } else if (const Passage* before = inherited_passage(r)) {
    passed = *before;
    int status = decide_again(r, *before);
    if (status != OK) return status;
  } else if (config->report_only != 1) {
    // Let in by another Require: whatever token was sent along is not the backend's business.
    remove_credentials(r, config, false);
  }
  // Whoever lets the request pass, its body cannot go on whole.
  if (make_state(initial_request(r))->body.lost) return HTTP_REQUEST_ENTITY_TOO_LARGE;
  keep_passage(r, passed);
  return DECLINED;
}

int on_handler(request_rec* r) {
  if (!is_configured(r)) return DECLINED;
  const RequestState* state = find_state(r);
  const Passage* passed = state != nullptr ? state->passage : nullptr;
  if (passed != nullptr && passed->uri == r->uri && equal(passed->args, r->args) &&
      equal(passed->method, r->method)) {
    return DECLINED;
  }
  if (!uses_tokengate(r)) return DECLINED;
  // Another request was put in this one's place (DirectoryIndex, content negotiation), or its parameters were
  // changed since (a rewrite in a directory).
  if (passed == nullptr || passed->uri != r->uri) passed = inner_passage(state, r->uri);
  if (passed == nullptr) {
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "tokengate: what would be served was not judged; the request is refused");
    return HTTP_FORBIDDEN;
  }
  int status = decide_again(r, *passed);
  if (status != OK) return status;
  on_insert_filter(r);
  return DECLINED;
}

}  // namespace tokengate
