/// The grammars of every name: what may be stored, and so what may stand in a header value or a log line.
/// All pure. Those that a tool or a module needs too are declared in the public headers.
#ifndef TOKENGATE_NAMES_H_
#define TOKENGATE_NAMES_H_

#include <optional>
#include <string_view>

#include "tokengate/admin.h"

namespace tokengate {

bool is_username(std::string_view text) noexcept;  ///< 1..kMaxUserBytes, `[A-Za-z0-9_][A-Za-z0-9._@+-]*`
bool is_secret(std::string_view text) noexcept;  ///< kMinSecretBytes..kMaxSecretBytes, `[A-Za-z0-9._~+/=-]+`

/// 0..kMaxNoteBytes of UTF-8 (RFC 3629) without control characters or line separators.
bool is_note(std::string_view text) noexcept;

/// Equal but for the case of ASCII letters.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_NAMES_H_
