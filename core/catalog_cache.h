/// Rows of the catalog that one reader has looked up, kept for as long as the store's content is the same.
///
/// Exact: find() gives what find_catalog_row() would give in the same snapshot. Rows are kept by value and
/// under the whole call that they were found for, and all are forgotten as soon as a snapshot of other
/// content is named; nothing in here points into the store.
#ifndef TOKENGATE_CATALOG_CACHE_H_
#define TOKENGATE_CATALOG_CACHE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "record.h"
#include "route.h"
#include "transaction.h"

namespace tokengate {

class CatalogCache {
 public:
  /// False if the row is not here. `row->acls` holds until the next keep().
  bool find(const SnapshotId& snapshot, const RoutedCall& call, CatalogRecord* row) noexcept;

  /// After find() said no, in the same snapshot. Does nothing if call and row together are long.
  void keep(const RoutedCall& call, const CatalogRecord& row) noexcept;

 private:
  /// A row that another call falls on takes the place: no call can fill the cache against others for long.
  struct Entry {
    uint64_t generation = 0;  // of generation_, or the entry is empty
    uint16_t module_bytes = 0, function_bytes = 0, acls_bytes = 0;
    Api api = Api::kHttp;
    bool wrapper = false, unlisted = false, read = false;
    char bytes[110];  // module, function, acls
  };
  static_assert(sizeof(Entry) == 128);

  Entry& place(const RoutedCall& call) noexcept;

  SnapshotId snapshot_;
  uint64_t generation_ = 1;
  std::array<Entry, 128> entries_;
};

}  // namespace tokengate

#endif  // TOKENGATE_CATALOG_CACHE_H_
