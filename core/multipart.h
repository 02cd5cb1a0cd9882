/// Looks for selectors in multipart/form-data. Pure; allocates nothing.
#ifndef TOKENGATE_MULTIPART_H_
#define TOKENGATE_MULTIPART_H_

#include <string_view>

#include "selectors.h"

namespace tokengate {

/// The worst match in `body` of a name that any reader of multipart/form-data (RFC 7578) could find there:
/// kOther, kCommandLookalike or kLookalike. Does not trust boundaries, quotes or line ends, on which readers
/// differ: a selector anywhere within 128 bytes after the word `name` counts. So do forms of a name that are
/// not plain text (RFC 2231 `name*0=`, RFC 2047 `name="=?`): they are lookalikes whatever they hold.
NameMatch find_in_multipart(SelectorSet set, std::string_view body) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_MULTIPART_H_
