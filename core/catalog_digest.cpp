// Whether the catalog is whole.
#include "catalog_digest.h"

#include <cstdint>
#include <new>

#include "catalog_table.h"
#include "cursor.h"

namespace tokengate {

void append_catalog_row(std::string* text, Bytes key, Bytes value) {
  for (Bytes part : {key, value}) {
    auto size = static_cast<uint32_t>(part.size());
    text->append(reinterpret_cast<const char*>(&size), sizeof size).append(part);
  }
}

StoreError digest_catalog(Transaction& transaction, Digest* digest) noexcept {
  // In a damaged tree a row can be as long as the file, and a walk can go in circles.
  constexpr size_t kMaxRowBytes = size_t{1} << 16;
  try {
    std::string text;
    Cursor cursor;
    StoreError error = cursor.open(transaction, Table::kCatalog);
    if (error == StoreError::kNone) error = cursor.first();
    for (Bytes former; error == StoreError::kNone; error = cursor.next()) {
      const Bytes key = cursor.key();
      const Bytes value = cursor.value();
      if (key <= former || value.size() > kMaxRowBytes) return StoreError::kDamaged;
      // A look-up goes another way than a walk.
      Bytes found;
      if (transaction.get(Table::kCatalog, key, &found) != StoreError::kNone ||
          found.data() != value.data()) {
        return StoreError::kDamaged;
      }
      if (!is_catalog_key(key)) return StoreError::kDamaged;
      append_catalog_row(&text, key, value);
      former = key;
    }
    if (error != StoreError::kNotFound) return error;
    *digest = sha256(text);
    return StoreError::kNone;
  } catch (const std::bad_alloc&) {
    return StoreError::kSystem;
  }
}

StoreError check_catalog(Transaction& transaction) noexcept {
  Bytes kept;
  StoreError error = transaction.get(Table::kMeta, kCatalogDigest, &kept);
  if (error != StoreError::kNone && error != StoreError::kNotFound) return error;
  const Digest none = sha256("");
  if (error == StoreError::kNotFound) kept = Bytes(reinterpret_cast<const char*>(none.data()), none.size());
  Digest digest;
  error = digest_catalog(transaction, &digest);
  if (error == StoreError::kDamaged) return StoreError::kCatalog;
  if (error != StoreError::kNone) return error;
  return kept == Bytes(reinterpret_cast<const char*>(digest.data()), digest.size()) ? StoreError::kNone
                                                                                    : StoreError::kCatalog;
}

}  // namespace tokengate
