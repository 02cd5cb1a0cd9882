// Reads LMDB's list of free pages from the memory map.
#include "free_pages.h"

#include <string_view>

#include "lmdb_layout.h"
#include "tree_check.h"

namespace tokengate {
namespace {

using namespace lmdb_layout;

/// A table like others, of which each value is a number of pages and then theirs.
class FreeList {
 public:
  FreeList(const char* map, uint64_t first, uint64_t last) noexcept : map_(map), first_(first), last_(last) {}

  /// How many of the pages it has. The tree is sound.
  uint64_t count(uint64_t number, unsigned depth) const noexcept {
    const char* page = map_ + number * kPageBytes;
    uint64_t found = 0;
    for (size_t slot = kSlotsAt; slot < load<uint16_t>(page + kSlotsEndAt); slot += sizeof(uint16_t)) {
      const char* node = page + load<uint16_t>(page + slot);
      found += depth > 1 ? count(load<uint64_t>(node) & kChildBits, depth - 1) : count_in(node);
    }
    return found;
  }

 private:
  uint64_t count_in(const char* node) const noexcept {
    const char* value = node + kKeyAt + load<uint16_t>(node + kKeySizeAt);
    if (load<uint16_t>(node + kNodeFlagsAt) == kValueElsewhere)
      value = map_ + load<uint64_t>(value) * kPageBytes + kSlotsAt;
    uint64_t room = load<uint32_t>(node) / sizeof(uint64_t);
    if (room == 0 || load<uint64_t>(value) >= room) return 0;
    uint64_t found = 0;
    for (uint64_t left = load<uint64_t>(value); left > 0; --left) {
      auto page = load<uint64_t>(value + left * sizeof(uint64_t));
      if (page >= first_ && page <= last_) ++found;
    }
    return found;
  }

  const char* map_;
  uint64_t first_;
  uint64_t last_;
};

}  // namespace

bool are_free(const void* map, uint64_t commit, uint64_t first, uint64_t last) noexcept {
  const char* begin = static_cast<const char*>(map);
  const std::string_view record = free_table_record(begin, commit);
  if (!is_sound_free_table(map, first, commit)) return false;
  auto depth = load<uint16_t>(record.data() + kDepthAt);
  if (depth == 0) return false;
  return FreeList(begin, first, last).count(load<uint64_t>(record.data() + kRootAt), depth) ==
         last - first + 1;
}

}  // namespace tokengate
