/// A look-up in one of LMDB's trees without LMDB: a descent of its own over the memory map, for tables with
/// keys of 8 bytes that are spread evenly, as the first bytes of a digest are. It can then tell about where
/// in a page a key must be, and ask the processor for that part of the page at once, where a binary search
/// waits for memory step after step.
///
/// Finds what mdb_get() finds. Checks what it sees of the pages: no bytes of the file can lead it out of the
/// map or into a loop.
#ifndef TOKENGATE_TREE_WALK_H_
#define TOKENGATE_TREE_WALK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tokengate {

class TreeWalk {
 public:
  enum class Found : uint8_t {
    kYes,
    kNo,       ///< or, of pages whose keys are out of order, not where the order says
    kDamaged,  ///< the pages hold what LMDB cannot have written
    kAskLmdb,  ///< the value lies elsewhere, or the walk is not set
  };

  /// Whether the map of a data file is laid out as this walk expects.
  static bool fits(const void* map, size_t map_bytes) noexcept;

  /// From here on find() looks into the tree that `record` describes, which is the value of the table's name
  /// in LMDB's main table, within the first `pages` pages of the map. Pages must not change as long as find()
  /// is called: that is what an open read transaction is for. Anything unexpected in the record leaves the
  /// walk unset.
  void set(const void* map, size_t pages, std::string_view record) noexcept;
  void unset() noexcept { map_ = nullptr; }

  /// On kYes `*value` is a view into the map.
  Found find(uint64_t key, std::string_view* value) const noexcept;

 private:
  const char* map_ = nullptr;
  uint64_t pages_ = 0;
  uint64_t root_ = 0;
  unsigned depth_ = 0;  ///< 0: the tree is empty
};

}  // namespace tokengate

#endif  // TOKENGATE_TREE_WALK_H_
