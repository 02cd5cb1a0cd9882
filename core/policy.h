/// The rules of who may do what: values in, outcome out. Pure, noexcept, no allocation; nothing here reads
/// the store. kGranted from a check means that this one check passes; only verify() knows
/// whether all did. The numbers of the checks are those of result.h.
#ifndef TOKENGATE_POLICY_H_
#define TOKENGATE_POLICY_H_

#include "record.h"
#include "route.h"
#include "tokengate/verify.h"

namespace tokengate {

/// Check 3.
Outcome check_transport(const Rules& rules, const Connection& connection) noexcept;

/// Check 4, after the digest was found equal: the username is the present one, and token, scheme and location
/// are of one service.
Outcome check_token(const Rules& rules, const Credentials& credentials, const TokenRecord& token) noexcept;

/// Check 5.
Outcome check_lifetime(const TokenRecord& token, int64_t now_unix_s) noexcept;

/// Check 6.
Outcome check_account(const TokenRecord& token) noexcept;

/// Check 7.
Outcome check_address(const TokenRecord& token, const Address& client) noexcept;

/// Whether an account with this possessed set (bytes) possesses the ACL now. `all` possesses every one.
bool account_possesses(std::string_view account_acls, uint8_t acl) noexcept;

/// Part of check 10: the account possesses the ACL now, and the token holds it or is full access.
bool token_may_use(const TokenRecord& token, uint8_t acl) noexcept;

/// Part of check 10: a function without known needs is for full-access tokens, and on whm for `all`, only.
bool token_may_call_unlisted(const TokenRecord& token) noexcept;

/// First half of check 11: whether the caller may act on the account `target_id` that `target` describes.
bool caller_may_act_on(const TokenRecord& token, uint32_t target_id, const AccountRecord& target) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_POLICY_H_
