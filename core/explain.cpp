// What each check compared, in words.
#include "explain.h"

#include <algorithm>

#include "address.h"

namespace tokengate {
namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string time_words(int64_t unix_s) {
  if (unix_s == kNeverExpires) return "never";
  if (unix_s == 0) return "ever";
  return std::to_string(unix_s);
}

}  // namespace

std::string store_words(Outcome outcome) {
  return outcome == Outcome::kGranted ? "the store is open" : "the store cannot be read";
}

std::string credentials_words(Outcome outcome) {
  if (outcome == Outcome::kGranted) return "one set, well formed";
  return outcome == Outcome::kMalformedCredentials ? "not well formed, or more than one"
                                                   : "none of a scheme that is on";
}

std::string transport_words(const Rules& rules, const Connection& connection) {
  return "client " + format_address(connection.client) + (connection.tls ? ", TLS" : ", no TLS") +
         (rules.plain_http ? ", plain HTTP allowed" : "");
}

std::string token_words(Outcome outcome, const Rules& rules, const Credentials& credentials,
                        const TokenRecord& token, const Caller& caller) {
  if (outcome == Outcome::kStoreUnavailable) return "the token's record is damaged";
  if (caller.user.empty()) return "no token has this digest";
  std::string words = "token " + quoted(token.name) + " of " + quoted(token.user) + ", service " +
                      std::string(service_name(token.service)) + "; here: service " +
                      std::string(service_name(rules.service));
  if (!credentials.user.empty()) words += ", username in the header " + quoted(credentials.user.view());
  return words;
}

std::string lifetime_words(const TokenRecord& token, const Connection& connection) {
  return "now " + time_words(connection.now_unix_s) + ", valid from " + time_words(token.not_before_unix_s) +
         ", ends " + time_words(std::min(token.expires_unix_s, token.retires_unix_s));
}

std::string account_words(const TokenRecord& token) {
  return std::string(token.account_active ? "account active" : "account suspended") +
         (token.tokens_enabled ? ", tokens on" : ", tokens off");
}

std::string address_words(const TokenRecord& token, const Connection& connection) {
  std::string words = "client " + format_address(connection.client) + ", allowed:";
  if (token.ranges.empty()) words += " any";
  for (size_t at = 0; at < token.ranges.size(); at += kAddressRangeBytes) {
    words += ' ' + format_address_range(reinterpret_cast<const uint8_t*>(token.ranges.data()) + at);
  }
  return words;
}

std::string route_words(Outcome outcome, const Route& route) {
  return std::string(outcome == Outcome::kGranted ? route.text.view() : route.reason);
}

std::string acl_words(Outcome outcome, const TokenRecord& token, const Decision& decision) {
  if (outcome == Outcome::kStoreUnavailable) return "the catalog is damaged";
  if (outcome == Outcome::kBadRoute) return "the catalog has this path with other capitals";
  std::string acl(decision.acl.view());
  if (outcome == Outcome::kGranted) return acl.empty() ? "no single ACL needed" : "holds " + quoted(acl);
  if (!acl.empty()) return "needs " + quoted(acl);
  return token.read_only ? "the token is read-only, and the call may write"
                         : "the catalog does not list the call: full access is needed";
}

std::string target_words(Outcome outcome, const Decision& decision) {
  if (outcome == Outcome::kGranted) return "acts on no account, or on one that it may act on";
  std::string acl(decision.acl.view());
  return acl.empty() ? "no such account, or not owned by the caller"
                     : "the named account does not possess " + quoted(acl);
}

}  // namespace tokengate
