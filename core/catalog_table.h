/// The catalog as it stands in the store: which row a call falls under.
#ifndef TOKENGATE_CATALOG_TABLE_H_
#define TOKENGATE_CATALOG_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "cursor.h"
#include "record.h"
#include "route.h"
#include "transaction.h"

namespace tokengate {

/// The longest key; LMDB takes 511 bytes.
inline constexpr size_t kMaxCatalogKeyBytes = 500;

/// The key of a row. uapi, api2: module and function, which may be `*`. whm1: `module` is not part of it.
/// http: `module` is the method or `*`, `function` the path pattern, which goes in in small letters (ASCII)
/// and without the slash at its end: patterns that differ in these only have the same key.
std::string catalog_key(Api api, std::string_view module, std::string_view function);

/// The parts of a key, as they stand in it; false if it is not one. Views into `key`; `*module` is empty for
/// whm1, and `*function` for the pattern `/`.
bool parse_catalog_key(std::string_view key, Api* api, std::string_view* module,
                       std::string_view* function) noexcept;

/// Whether look-ups can come to this key: not if it is none, or has the path in other letters than
/// catalog_key() would give it.
bool is_catalog_key(std::string_view key);

enum class CatalogMatch : uint8_t {
  kRow,        ///< `*row` is it
  kNone,       ///< the function is unlisted
  kOtherCase,  ///< http: the path falls under a row that has one of its segments in other capitals
  kDamaged,    ///< there is one that cannot be read
};

/// The row that `call` falls under. Allocates nothing. `cursor` is open on table catalog; it is bound to
/// `transaction` here.
///
/// uapi, api2: the function's own row, else the module's `*`. http: segment by segment the literal before `*`
/// before `**`; the first pattern that the path fits decides, by its row for the method (for HEAD then GET),
/// else by its row for `*`. If it has neither, there is no row: a wider pattern does not step in for methods
/// that were left out on purpose.
///
/// Many backends serve a path in any case, and with or without a slash at its end. Were it another path here,
/// it could fall under a wider row than the backend's own name for it. So a slash makes no difference, and
/// where only the case does, nobody can say what the backend will make of it.
CatalogMatch find_catalog_row(Transaction& transaction, Cursor& cursor, const RoutedCall& call,
                              CatalogRecord* row) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_CATALOG_TABLE_H_
