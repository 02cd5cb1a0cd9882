// Says which command would turn a refusal into a grant.
#include "advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "print.h"

namespace tokengate::cli {
namespace {

bool holds(const std::vector<std::string>& acls, std::string_view acl) {
  return std::find(acls.begin(), acls.end(), acl) != acls.end();
}

std::string update_command(const Token& token, std::string_view change) {
  return fmt::format("`tokengate token update {} {} --service {} {}`", token.account, token.name,
                     service_name(token.service), change);
}

/// The call needs full access, or the right to write.
std::string advice_without_acl(const Token& token) {
  if (token.read_only)
    return fmt::format("The token is read-only; to end that: {}.", update_command(token, "--read-write"));
  if (!token.full_access) {
    return fmt::format(
        "The catalog does not say what this call needs, so only full access will do: {}; or list the call in "
        "the "
        "catalog.",
        update_command(token, "--full-access"));
  }
  return fmt::format(
      "The catalog does not say what this call needs, so the account would have to possess all: `tokengate "
      "account grant {} {}`; or list the call in the catalog.",
      token.account, acl_label(token.service, "all"));
}

std::string advice_on_acl(const Account& account, const Token& token, const std::string& acl) {
  const std::vector<std::string>& possessed = account.acls[static_cast<size_t>(token.service)];
  std::vector<std::string> steps;
  if (!holds(possessed, acl) && !holds(possessed, "all")) {
    steps.push_back(
        fmt::format("`tokengate account grant {} {}`", account.username, acl_label(token.service, acl)));
  }
  if (!token.full_access && !holds(token.acls, acl)) {
    std::vector<std::string> acls = token.acls;
    acls.push_back(acl);
    steps.push_back(update_command(token, "--acl " + join(acls, ",")));
  }
  return steps.empty() ? std::string() : fmt::format("To allow it: {}.", join(steps, ", then "));
}

/// Whom and what a decision was about, as they are now.
struct Subject {
  Account account;
  Token token;
};

std::optional<Subject> find_subject(const Context& context, const Caller& caller) {
  if (caller.user.empty()) return std::nullopt;
  const std::string user(caller.user.view());
  const Admin admin = context.open_to_read();
  Result<Account> account = admin.find_account(user);
  Result<Token> token = admin.find_token(user, caller.service, std::string(caller.token_name.view()));
  // Gone since the decision: nothing to advise about.
  if (!account.ok() || !token.ok()) return std::nullopt;
  return Subject{std::move(account.value), std::move(token.value)};
}

std::string advice_without_subject(Outcome outcome) {
  if (outcome == Outcome::kNoCredentials || outcome == Outcome::kMalformedCredentials) {
    return "Send one set of credentials of a scheme that is on, such as `Authorization: cpanel USER:TOKEN`.";
  }
  if (outcome == Outcome::kInsecureTransport) {
    return "If the connection is TLS, say so with --tls; if TLS ends in front of this server, with "
           "--plain-http.";
  }
  if (outcome == Outcome::kUnknownToken) {
    return "It was never issued here, or was revoked: `tokengate token check` finds typing errors.";
  }
  return {};
}

std::string advice_on_target(const std::string& user, std::string_view acl) {
  if (acl.empty()) {
    return fmt::format("If {} is to act on that account: `tokengate account set-owner ACCOUNT {}`.", user,
                       user);
  }
  return fmt::format("To give the named account that ACL: `tokengate account grant ACCOUNT {}`.", acl);
}

}  // namespace

std::string advice_for(const Context& context, const Decision& decision) {
  const std::optional<Subject> subject = find_subject(context, decision.caller);
  if (!subject) return advice_without_subject(decision.outcome);
  const Token& token = subject->token;
  const std::string& user = subject->account.username;
  const std::string acl(decision.acl.view());
  switch (decision.outcome) {
    case Outcome::kUnknownToken:
      return "The username, the scheme or the service of this location does not fit the token.";
    case Outcome::kNotYetValid:
      return fmt::format("To let it begin: {}.", update_command(token, "--not-before now"));
    case Outcome::kExpired:
      return fmt::format(
          "If the token itself has ended: {}; if only this secret was replaced, use the newer one.",
          update_command(token, "--expires +30d"));
    case Outcome::kAccountSuspended:
      return fmt::format("To end the suspension: `tokengate account unsuspend {}`.", user);
    case Outcome::kTokensDisabled:
      return fmt::format("To switch tokens on: `tokengate account tokens-on {}`.", user);
    case Outcome::kAddressDenied:
      return fmt::format(
          "If the request comes from elsewhere, say so with --client; to accept it from anywhere: {}.",
          update_command(token, "--any-address"));
    case Outcome::kAclDenied:
      return acl.empty() ? advice_without_acl(token) : advice_on_acl(subject->account, token, acl);
    case Outcome::kTargetDenied:
      return advice_on_target(user, acl);
    // Granted, or for the client alone to put right: the failed check says what is wrong with the request.
    case Outcome::kGranted:
    case Outcome::kStoreUnavailable:
    case Outcome::kNoCredentials:
    case Outcome::kMalformedCredentials:
    case Outcome::kInsecureTransport:
    case Outcome::kBadRoute:
    case Outcome::kApiRefused:
      break;
  }
  return {};
}

}  // namespace tokengate::cli
