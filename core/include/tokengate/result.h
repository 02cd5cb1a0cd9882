/// What a decision can be, and what each server answers for it. One table, read by both servers.
///
/// Everything here is pure, never fails, allocates nothing and may be called from any thread. All views
/// returned point to constants.
#ifndef TOKENGATE_RESULT_H_
#define TOKENGATE_RESULT_H_

#include <cstdint>
#include <string_view>

namespace tokengate {

/// The answer to "may this request pass?". The checks are made in the order of their numbers, and the first
/// that fails is the outcome. Only kGranted lets a request pass.
enum class Outcome : uint8_t {
  kGranted,               ///< all checks passed
  kStoreUnavailable,      ///< check 1: the store is missing, unreadable, or of another format
  kNoCredentials,         ///< check 2: none, or only of a scheme that is not switched on here
  kMalformedCredentials,  ///< check 2: a scheme that is on, but not well formed, or more than one
  kInsecureTransport,     ///< check 3: neither TLS nor loopback nor a Unix socket
  kUnknownToken,          ///< check 4: never issued, revoked, another user's, or of the other service
  kNotYetValid,           ///< check 5: now < not-before
  kExpired,               ///< check 5: now >= expires
  kAccountSuspended,      ///< check 6: the token's account is suspended
  kTokensDisabled,        ///< check 6: tokens are switched off for the account
  kAddressDenied,         ///< check 7: the client's address is in none of the token's ranges
  kBadRoute,              ///< check 8: not canonical, or ambiguous; 10: the catalog has it in other capitals
  kApiRefused,            ///< check 9: this API cannot be called with tokens, or not on this service
  kAclDenied,             ///< check 10: a needed ACL is missing, or a read-only token writes
  kTargetDenied,          ///< check 11: the call names an account that the caller may not act on
};

inline constexpr int kOutcomeCount = 15;

/// The name in logs, in `$tokengate_outcome` and in this project's documents: "granted", "acl_denied", ….
std::string_view outcome_name(Outcome outcome) noexcept;

/// How much a refusal matters to whom; the servers map it to their own levels.
enum class Severity : uint8_t {
  kInfo,     ///< a client's mistake
  kWarning,  ///< refused credentials or rights
  kError,    ///< the admin must act
};

Severity outcome_severity(Outcome outcome) noexcept;

/// Which statuses a refusal uses: kStandard says what HTTP means; kPanel what clients of hosting panels
/// expect (403 for refused credentials; 200 with `status` 0 for a missing right).
enum class RefusalStyle : uint8_t { kStandard, kPanel };

/// A complete refusal. `body` has no variable part, so that nothing of the request can be reflected.
struct Refusal {
  int status;                     ///< HTTP status
  bool challenge;                 ///< whether WWW-Authenticate goes with it (exactly the 401s)
  std::string_view content_type;  ///< a full Content-Type value
  std::string_view body;          ///< in the envelope of the API that was called
};

/// The refusal for `outcome` in the envelope of the API that `path` belongs to. `path` may be any bytes: it
/// is the request's path as it came, with or without a query, and only its fixed beginning is looked at.
/// All outcomes with status 401 get the same answer. kGranted gives status 500: a caller that asks for the
/// refusal of a grant has a defect, and must not let the request pass.
/// The envelopes are those of the panel's public API pages (UAPI, API 2, WHM API 1).
Refusal refusal(Outcome outcome, RefusalStyle style, std::string_view path) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_RESULT_H_
