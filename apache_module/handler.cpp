// The hooks that decide: who is asking (check_authn), may they (Require tokengate), and the refusal's status.
#include <new>

#include "module.h"

namespace tokengate {
namespace {

/// Checks 1 to 9 passed: the caller is known, and the call is one. Whether it is allowed is another question.
bool is_known_call(const Decision& decision) noexcept {
  switch (decision.outcome) {
    case Outcome::kGranted:
    case Outcome::kAclDenied:
    case Outcome::kTargetDenied:
      return decision.caller_identified;
    case Outcome::kStoreUnavailable:
    case Outcome::kNoCredentials:
    case Outcome::kMalformedCredentials:
    case Outcome::kInsecureTransport:
    case Outcome::kUnknownToken:
    case Outcome::kNotYetValid:
    case Outcome::kExpired:
    case Outcome::kAccountSuspended:
    case Outcome::kTokensDisabled:
    case Outcome::kAddressDenied:
    case Outcome::kBadRoute:
    case Outcome::kApiRefused:
      return false;
  }
  return false;
}

authz_status report(request_rec* r, const Requirement* requirement) noexcept {
  const Decision* decision = decide(r, requirement);
  export_environment(r, *decision);
  if (decision->outcome != Outcome::kGranted) log_refusal(r, *decision, true);
  return AUTHZ_GRANTED;
}

/// The server asks twice: before authentication, when AUTHZ_DENIED_NO_USER makes it authenticate, and after.
authz_status check_require(request_rec* r, const char*, const void* parsed) {
  const auto* requirement = static_cast<const Requirement*>(parsed);
  if (!uses_tokengate(r)) {
    ap_log_rerror(
        APLOG_MARK, APLOG_ERR, 0, r,
        "tokengate: `Require tokengate` is in force without `AuthType Tokengate`; the request is refused");
    return AUTHZ_DENIED;
  }
  if (dir_config(r)->report_only == 1) return report(r, requirement);
  RequestState* state = make_state(r);
  if (state->authenticated == nullptr) {
    if (state->first_requirement == nullptr) state->first_requirement = requirement;
    return r->user == nullptr ? AUTHZ_DENIED_NO_USER : AUTHZ_DENIED;
  }
  const Decision* decision =
      requirement == state->first_requirement ? state->authenticated : decide(r, requirement);
  if (decision->outcome == Outcome::kGranted) {
    state->granted = decision;
    state->granted_by = requirement;
    return AUTHZ_GRANTED;
  }
  if (state->refused == nullptr) state->refused = decision;
  // Under RequireNone a denial counts in the caller's favour: trouble must not.
  return is_known_call(*decision) ? AUTHZ_DENIED : AUTHZ_GENERAL_ERROR;
}

/// What the caller gets whom the token lets in but another Require does not.
Decision refused_by_others(const Decision& identified) noexcept {
  Decision decision = identified;
  decision.outcome = Outcome::kAclDenied;
  decision.acl.clear();
  return decision;
}

}  // namespace

const authz_provider kRequireProvider = {check_require, parse_requirement};

int on_check_authn(request_rec* r) {
  if (!uses_tokengate(r)) return DECLINED;
  RequestState* state = make_state(r);
  const Decision* decision = decide(r, state->first_requirement);
  if (!is_known_call(*decision)) return refuse(r, *decision);
  state->authenticated = decision;
  r->user = const_cast<char*>(copy(r, decision->caller.user.view()));
  r->ap_auth_type = const_cast<char*>(kAuthType);
  return OK;
}

int on_check_authz(request_rec* r) {
  RequestState* state = find_state(r);
  if (state == nullptr || state->authenticated == nullptr || state->asking_other_checkers) return DECLINED;
  // The answer of mod_authz_core can only be 401 or 500; the decision has a better one.
  state->asking_other_checkers = true;
  int status = ap_run_auth_checker(r);
  state->asking_other_checkers = false;
  if (status == OK || status == DECLINED) return status;
  if (state->refused != nullptr) return refuse(r, *state->refused);
  if (status != HTTP_UNAUTHORIZED && status != HTTP_FORBIDDEN) return status;
  auto* decision =
      new (apr_palloc(r->pool, sizeof(Decision))) Decision(refused_by_others(*state->authenticated));
  return refuse(r, *decision);
}

int on_note_auth_failure(request_rec* r, const char* auth_type) {
  if (ap_cstr_casecmp(auth_type, kAuthType) != 0) return DECLINED;
  set_challenge(r);
  return OK;
}

}  // namespace tokengate
