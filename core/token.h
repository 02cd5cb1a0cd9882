/// Token text: 25 random characters of A-Z0-9 and 7 that hold their CRC-32, so that a typing error or a leak
/// scanner's find can be told from a real token without the store. The check is no secret and grants nothing.
#ifndef TOKENGATE_TOKEN_H_
#define TOKENGATE_TOKEN_H_

#include <string>
#include <string_view>

#include "tokengate/admin.h"

namespace tokengate {

inline constexpr size_t kTokenRandomChars = 25;  ///< 36^25 > 2^129
inline constexpr size_t kTokenCheckChars = 7;    ///< 36^7 > 2^32
inline constexpr size_t kTokenChars = kTokenRandomChars + kTokenCheckChars;

/// A new token text; empty if `random` fails.
std::string make_token_text(const RandomSource& random);

}  // namespace tokengate

#endif  // TOKENGATE_TOKEN_H_
