// The rules themselves.
#include "policy.h"

#include "address.h"

namespace tokengate {
namespace {

/// Full access, or the ACL `all`. A token's `all` is worth what the account's is: nothing once that is lost.
bool has_everything(const TokenRecord& token) noexcept {
  return token.full_access ||
         (acl_bytes_have(token.token_acls, kAclAll) && acl_bytes_have(token.account_acls, kAclAll));
}

}  // namespace

Outcome check_transport(const Rules& rules, const Connection& connection) noexcept {
  bool safe = connection.tls || connection.client.is_local() || rules.plain_http;
  return safe ? Outcome::kGranted : Outcome::kInsecureTransport;
}

Outcome check_token(const Rules& rules, const Credentials& credentials, const TokenRecord& token) noexcept {
  if (token.service != rules.service) return Outcome::kUnknownToken;
  if (credentials.scheme == kSchemeCpanel && token.service != Service::kCpanel) return Outcome::kUnknownToken;
  if (credentials.scheme == kSchemeWhm && token.service != Service::kWhm) return Outcome::kUnknownToken;
  if (!credentials.user.empty() && credentials.user.view() != token.user) return Outcome::kUnknownToken;
  return Outcome::kGranted;
}

Outcome check_lifetime(const TokenRecord& token, int64_t now_unix_s) noexcept {
  if (now_unix_s < token.not_before_unix_s) return Outcome::kNotYetValid;
  if (now_unix_s >= token.expires_unix_s || now_unix_s >= token.retires_unix_s) return Outcome::kExpired;
  return Outcome::kGranted;
}

Outcome check_account(const TokenRecord& token) noexcept {
  if (!token.account_active) return Outcome::kAccountSuspended;
  if (!token.tokens_enabled) return Outcome::kTokensDisabled;
  return Outcome::kGranted;
}

Outcome check_address(const TokenRecord& token, const Address& client) noexcept {
  if (token.ranges.empty()) return Outcome::kGranted;
  for (size_t at = 0; at + kAddressRangeBytes <= token.ranges.size(); at += kAddressRangeBytes) {
    if (range_contains(reinterpret_cast<const uint8_t*>(token.ranges.data()) + at, client)) {
      return Outcome::kGranted;
    }
  }
  return Outcome::kAddressDenied;
}

bool account_possesses(std::string_view account_acls, uint8_t acl) noexcept {
  return acl_bytes_have(account_acls, acl) || acl_bytes_have(account_acls, kAclAll);
}

bool token_may_use(const TokenRecord& token, uint8_t acl) noexcept {
  if (!account_possesses(token.account_acls, acl)) return false;
  return has_everything(token) || acl_bytes_have(token.token_acls, acl);
}

bool token_may_call_unlisted(const TokenRecord& token) noexcept {
  if (token.service == Service::kWhm && !acl_bytes_have(token.account_acls, kAclAll)) return false;
  return has_everything(token);
}

bool caller_may_act_on(const TokenRecord& token, uint32_t target_id, const AccountRecord& target) noexcept {
  return target_id == token.account_id || target.owner_id == token.account_id ||
         acl_bytes_have(token.account_acls, kAclAll);
}

}  // namespace tokengate
