/// Header values -> who the client says it is, and the token text. Pure: no store, no digest.
#ifndef TOKENGATE_CREDENTIALS_H_
#define TOKENGATE_CREDENTIALS_H_

#include <array>
#include <string_view>

#include "tokengate/verify.h"

namespace tokengate {

struct ParsedCredentials {
  Scheme scheme = kSchemeNone;
  std::string_view user;    ///< empty: the scheme names no user
  std::string_view secret;  ///< views into the fields or into `decoded`
  /// Room for a decoded Basic value: `user:secret` at their longest, in whole groups of 3 bytes.
  std::array<char, (kMaxUserBytes + 1 + kMaxSecretBytes + 2) / 3 * 3> decoded;
};

/// Reads `fields` under the given schemes. kAbsent: nothing there, or only another scheme. kMalformed: a
/// scheme that is on with the wrong shape, or more than one set of credentials. kPresent: `*parsed` is
/// filled, with a user and a secret that keep their grammars. RFC 9110 11.4 (Authorization: scheme, blanks,
/// credentials), RFC 6750 2.1 (Bearer), RFC 7617 2 (Basic). `cpanel` and `whm` as the clients of hosting
/// panels send them: USER ":" TOKEN, split at the first colon.
Credentials::State parse_credentials(uint8_t schemes, const CredentialFields& fields,
                                     ParsedCredentials* parsed) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_CREDENTIALS_H_
