/// The SHA-256 over all rows of the catalog, which is kept beside it. The check value of a row cannot show
/// that another row is missing, or that a row stands under the name of another function. A call that lost its
/// row is not simply refused: a wider row may take its place, and full access allows what is not listed.
#ifndef TOKENGATE_CATALOG_DIGEST_H_
#define TOKENGATE_CATALOG_DIGEST_H_

#include <string>
#include <string_view>

#include "hash.h"
#include "transaction.h"

namespace tokengate {

/// The key in table meta; there is none until a catalog is loaded.
inline constexpr std::string_view kCatalogDigest = "catalog_digest";

/// Adds a row, as it is stored, to the text whose SHA-256 is kept.
void append_catalog_row(std::string* text, Bytes key, Bytes value);

/// Of the rows as they are. kDamaged if not each can be found by its key, and that by a look-up of a call.
/// Reads all of them.
StoreError digest_catalog(Transaction& transaction, Digest* digest) noexcept;

/// kCatalog unless the rows are those that were loaded, under keys that look-ups come to. Reads all of them.
StoreError check_catalog(Transaction& transaction) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_CATALOG_DIGEST_H_
