/// The catalog as it stands in the store: which row a call falls under.
#ifndef TOKENGATE_CATALOG_TABLE_H_
#define TOKENGATE_CATALOG_TABLE_H_

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
/// http: `module` is the method or `*`, `function` the path pattern.
std::string catalog_key(Api api, std::string_view module, std::string_view function);

/// The parts of a key; false if it is not one. Views into `key`; `*module` is empty for whm1.
bool parse_catalog_key(std::string_view key, Api* api, std::string_view* module,
                       std::string_view* function) noexcept;

/// The row that `call` falls under. kNotFound: none, so the function is unlisted. kDamaged: there is one that
/// cannot be read. Allocates nothing. `cursor` is open on table catalog; it is bound to `transaction` here.
///
/// uapi, api2: the function's own row, else the module's `*`. http: segment by segment the literal before `*`
/// before `**`; the first pattern that the path fits decides, by its row for the method (for HEAD then GET),
/// else by its row for `*`. If it has neither, there is no row: a wider pattern does not step in for methods
/// that were left out on purpose.
StoreError find_catalog_row(Transaction& transaction, Cursor& cursor, const RoutedCall& call,
                            CatalogRecord* row) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_CATALOG_TABLE_H_
