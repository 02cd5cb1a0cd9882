// The decision a second time, plainly.
#include "oracle.h"

#include <algorithm>
#include <vector>

#include "reading.h"

namespace tokengate::oracle {
namespace {

// ---- The route

bool is_panel_call(const CallMeaning& call) {
  return call.api == "uapi" || call.api == "api2";
}

bool is_wrapper(const CallMeaning& call) {
  if (call.api == "uapi") return call.module == "Batch" && call.function == "strict";
  return call.api == "whm1" &&
         (call.function == "batch" || call.function == "cpanel" || call.function == "uapi_cpanel");
}

// The calls in the order in which they are made; false if they are nested too deeply.
bool flatten(const CallMeaning& call, int depth, std::vector<CallMeaning>* calls) {
  if (depth > 3) return false;
  calls->push_back(call);
  return std::all_of(call.inner.begin(), call.inner.end(),
                     [&](const CallMeaning& inner) { return flatten(inner, depth + 1, calls); });
}

std::string call_text(const CallMeaning& call) {
  return call.api + (call.module.empty() ? "" : " " + call.module) + " " + call.function +
         (call.target.empty() ? "" : " for " + call.target);
}

std::string route_text(const Request& request) {
  const CallMeaning& call = request.call;
  std::string text = call_text(call);
  if (call.api == "http") text = "http " + call.module + " " + request.shown_path;
  if (call.inner.size() == 1) text += ": " + call_text(call.inner[0]);
  if (call.inner.size() > 1) text += ": " + std::to_string(call.inner.size()) + " calls";
  return text.substr(0, 256);
}

// ---- Checks 10 and 11

class Judge {
 public:
  Judge(const State& state, const Request& request, const TokenState& token)
      : state_(state), request_(request), token_(token), account_(state.accounts.at(token.account)) {}

  Outcome check_acls(const std::vector<CallMeaning>& calls, std::string* acl) const {
    bool reading = request_.call.module == "GET" || request_.call.module == "HEAD";
    if (!request_.required_acls.empty() && calls[0].api == "http" && token_.read_only && !reading) {
      return Outcome::kAclDenied;
    }
    for (const std::string& name : request_.required_acls) {
      *acl = name;
      if (!state_.acls[service()].contains(name) || !may_use(name)) return Outcome::kAclDenied;
    }
    for (const CallMeaning& call : calls) {
      bool location_decides = !request_.required_acls.empty() && call.api == "http";
      if (!location_decides && find_row(state_, token_.service, call).other_case) return Outcome::kBadRoute;
      if (!may_call(call, acl)) return Outcome::kAclDenied;
    }
    return Outcome::kGranted;
  }

  Outcome check_targets(const std::vector<CallMeaning>& calls, std::string* acl) const {
    if (token_.service != Service::kWhm) return Outcome::kGranted;
    for (const CallMeaning& call : calls) {
      if (!is_panel_call(call)) continue;
      acl->clear();
      auto target = state_.accounts.find(call.target);
      if (target == state_.accounts.end()) return Outcome::kTargetDenied;
      bool own = call.target == token_.account || target->second.owner == token_.account;
      if (!own && !account_.acls[1].contains("all")) return Outcome::kTargetDenied;
      for (const std::string& name : find_row(state_, token_.service, call).acls) {
        *acl = name;
        if (!possesses(target->second.acls[0], name)) return Outcome::kTargetDenied;
      }
    }
    return Outcome::kGranted;
  }

 private:
  size_t service() const { return token_.service == Service::kWhm ? 1 : 0; }

  static bool possesses(const std::set<std::string>& acls, const std::string& name) {
    return acls.contains(name) || acls.contains("all");
  }

  bool has_everything() const {
    return token_.full_access || (token_.acls.contains("all") && account_.acls[service()].contains("all"));
  }

  bool may_use(const std::string& name) const {
    return possesses(account_.acls[service()], name) && (has_everything() || token_.acls.contains(name));
  }

  bool may_call(const CallMeaning& call, std::string* acl) const {
    bool location_decides = !request_.required_acls.empty();
    if (location_decides && call.api == "http") return true;
    Row row = find_row(state_, token_.service, call);
    if (row.wrapper) return true;
    if (token_.read_only && !row.read) {
      acl->clear();
      return false;
    }
    if (location_decides) return true;
    if (row.unlisted) {
      acl->clear();
      return has_everything() && (token_.service == Service::kCpanel || account_.acls[1].contains("all"));
    }
    // Through whm the named account must possess them, not the caller.
    if (token_.service == Service::kWhm && is_panel_call(call)) return true;
    return std::all_of(row.acls.begin(), row.acls.end(), [&](const std::string& name) {
      *acl = name;
      return may_use(name);
    });
  }

  const State& state_;
  const Request& request_;
  const TokenState& token_;
  const AccountState& account_;
};

const TokenState* find_token(const State& state, const std::string& secret) {
  for (const TokenState& token : state.tokens) {
    if (secret == token.secret || secret == token.former_secret) return &token;
  }
  return nullptr;
}

// Checks 2 to 7.
Outcome check_caller(const State& state, const Request& request, Verdict* verdict, const TokenState** found) {
  Claim claim = read_claim(request);
  if (claim.malformed) return Outcome::kMalformedCredentials;
  if ((claim.scheme & request.schemes) == 0) return Outcome::kNoCredentials;
  if (!request.tls && !request.plain_http && !is_local(request.client)) return Outcome::kInsecureTransport;

  const TokenState* token = *found = find_token(state, claim.secret);
  if (token == nullptr) return Outcome::kUnknownToken;
  const AccountState& account = state.accounts.at(token->account);
  verdict->user = token->account;
  verdict->token_name = token->name;
  verdict->token_id = token->id;
  verdict->account_id = account.id;
  bool names_another = !claim.user.empty() && claim.user != token->account;
  if (names_another || token->service != request.service) return Outcome::kUnknownToken;
  if (claim.scheme == kSchemeCpanel && token->service != Service::kCpanel) return Outcome::kUnknownToken;
  if (claim.scheme == kSchemeWhm && token->service != Service::kWhm) return Outcome::kUnknownToken;

  if (request.now < token->not_before) return Outcome::kNotYetValid;
  if (request.now >= token->expires) return Outcome::kExpired;
  if (claim.secret == token->former_secret && request.now >= token->former_until) return Outcome::kExpired;
  if (!account.active) return Outcome::kAccountSuspended;
  if (!account.tokens_enabled) return Outcome::kTokensDisabled;
  bool inside = std::any_of(token->ranges.begin(), token->ranges.end(),
                            [&](const std::string& range) { return is_in_range(request.client, range); });
  return token->ranges.empty() || inside ? Outcome::kGranted : Outcome::kAddressDenied;
}

}  // namespace

Verdict judge(const State& state, const Request& request) {
  Verdict verdict;
  const TokenState* token = nullptr;
  verdict.outcome = check_caller(state, request, &verdict, &token);
  if (verdict.outcome != Outcome::kGranted) return verdict;
  verdict.identified = true;

  std::vector<CallMeaning> calls;
  if (request.reading == Reading::kAmbiguous || !flatten(request.call, 0, &calls)) {
    verdict.outcome = Outcome::kBadRoute;
    return verdict;
  }
  size_t inner_leaves = static_cast<size_t>(std::count_if(
      calls.begin() + 1, calls.end(), [](const CallMeaning& call) { return !is_wrapper(call); }));
  if (inner_leaves > 100) {
    verdict.outcome = Outcome::kBadRoute;
    return verdict;
  }
  if (request.reading == Reading::kRefused) {
    verdict.outcome = Outcome::kApiRefused;
    return verdict;
  }
  verdict.route = route_text(request);
  Judge judge(state, request, *token);
  verdict.outcome = judge.check_acls(calls, &verdict.acl);
  if (verdict.outcome == Outcome::kGranted) verdict.outcome = judge.check_targets(calls, &verdict.acl);
  return verdict;
}

}  // namespace tokengate::oracle
