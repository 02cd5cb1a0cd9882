/// The catalog's text form: TSV -> rows, and back (catalog_text() in admin.h). Pure: no store, no file.
/// Allocates; not for a request.
///
/// The text is UTF-8, lines end in LF or CRLF, a byte-order mark at the start is skipped. Empty lines and
/// lines that start with `#` are skipped; the first other line is the header, the rest are rows of five
/// cells, separated by single tabs:
///
///   api     uapi, api2, whm1 or http
///   module  uapi, api2: the module, [A-Za-z0-9_]{1,64}. whm1: a heading for people, which is no part of the
///           call; `-` for none. http: a method, [A-Z-]{1,32}, or `*` for every method.
///   function  uapi, api2: the function, [A-Za-z0-9_]{1,64}, or `*` for those without a row of their own.
///           whm1: `f` or `Group/f`, each [A-Za-z0-9_-]{1,64}. http: a path pattern, see below.
///   acl     an ACL name (verify.h), `?` (open to full access only), or `*each` (a wrapper: only its inner
///           calls count; `uapi Batch strict` and `whm1 batch` only)
///   access  read or write
///
/// A path pattern starts with `/` and is matched segment by segment: `*` is one segment, `**` as the last
/// one is the rest, of none or more, anything else is itself. Segments are written decoded. Refused in a
/// pattern: empty segments (but a slash may end it), `.` and `..`, control characters, `% ; \ ? #`, a blank
/// at the end, and `*` beside others in a segment.
///
/// Several rows for one function are one function that needs all their ACLs; it only reads if they all say
/// `read`. `?` and `*each` cannot be mixed with other values for the same function, nor can two spellings of
/// a pattern that differ in capitals or in a slash at the end.
#ifndef TOKENGATE_CATALOG_H_
#define TOKENGATE_CATALOG_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "route.h"
#include "tokengate/admin.h"

namespace tokengate {

inline constexpr size_t kMaxCatalogRows = 100'000;  ///< rows of text, before they are merged
inline constexpr size_t kMaxCatalogNameBytes = 64;  ///< a module or function name
inline constexpr size_t kMaxCatalogHeadingBytes = 128;
inline constexpr size_t kMaxPatternBytes = 450;  ///< what fits into a store key, with room for the method
inline constexpr size_t kMaxPatternSegments = 32;

/// Reads a catalog; `tsv` may be any bytes. One row per function, in the order of their first lines, with
/// `acls` sorted and unique. A whm1 row keeps the heading of its first line. If any line is bad: kInvalid, no
/// rows, and a message such as `line 12: access is "reed", must be "read" or "write"` about the first one.
Result<std::vector<CatalogRow>> parse_catalog(std::string_view tsv);

/// Of CatalogRow::api.
Api api_of(std::string_view name) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_CATALOG_H_
