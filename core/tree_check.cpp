// Looks at every page of a tree as LMDB would, within bounds.
#include "tree_check.h"

#include "lmdb_layout.h"

namespace tokengate {
namespace {

using namespace lmdb_layout;

class TreeCheck {
 public:
  /// `most_pages`: of branches and leaves, so that no damage makes this a walk in circles.
  TreeCheck(const char* map, uint64_t pages, uint64_t most_pages) noexcept
      : map_(map), pages_(pages), left_(most_pages) {}

  bool check(uint64_t number, unsigned depth) noexcept {
    if (number >= pages_ || left_-- == 0) return false;
    const char* page = map_ + number * kPageBytes;
    const bool is_leaf = depth == 1;
    auto slots_end = load<uint16_t>(page + kSlotsEndAt);
    auto nodes_begin = load<uint16_t>(page + kNodesBeginAt);
    size_t count = slots_end < kSlotsAt ? 0 : (slots_end - kSlotsAt) / 2;
    if (load<uint64_t>(page) != number ||
        load<uint16_t>(page + kPageFlagsAt) != (is_leaf ? kLeafPage : kBranchPage) ||
        count < (is_leaf ? 1 : 2) || slots_end > nodes_begin || nodes_begin > kPageBytes) {
      return false;
    }
    for (size_t slot = 0; slot < count; ++slot) {
      size_t at = load<uint16_t>(page + kSlotsAt + 2 * slot);
      if (at < nodes_begin || at + kKeyAt > kPageBytes) return false;
      const char* node = page + at;
      size_t key_bytes = load<uint16_t>(node + kKeySizeAt);
      // The first slot of a branch page has no key.
      bool keyless = !is_leaf && slot == 0;
      if (key_bytes > kMostKeyBytes || (key_bytes == 0 && !keyless)) return false;
      size_t value_at = at + kKeyAt + key_bytes;
      if (value_at > kPageBytes) return false;
      if (is_leaf ? !check_value(page, node, value_at)
                  : !check(load<uint64_t>(node) & kChildBits, depth - 1)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool check_value(const char* page, const char* node, size_t value_at) const noexcept {
    uint64_t bytes = load<uint32_t>(node);
    auto flags = load<uint16_t>(node + kNodeFlagsAt);
    if (flags == kTableRecord) return bytes == kTableRecordBytes && value_at + bytes <= kPageBytes;
    if (flags == 0) return value_at + bytes <= kPageBytes;
    if (flags != kValueElsewhere || value_at + sizeof(uint64_t) > kPageBytes) return false;
    auto number = load<uint64_t>(page + value_at);
    uint64_t value_pages = (kSlotsAt + bytes + kPageBytes - 1) / kPageBytes;
    if (number >= pages_ || value_pages > pages_ - number) return false;
    const char* first = map_ + number * kPageBytes;
    return load<uint64_t>(first) == number && load<uint16_t>(first + kPageFlagsAt) == kValuePage;
  }

  const char* map_;
  uint64_t pages_;
  uint64_t left_;
};

std::string_view record_in_meta_page(const void* map, uint64_t commit, size_t at) noexcept {
  return {static_cast<const char*>(map) + commit % 2 * kPageBytes + at, kTableRecordBytes};
}

}  // namespace

std::string_view main_table_record(const void* map, uint64_t commit) noexcept {
  return record_in_meta_page(map, commit, kMainTableAt);
}

std::string_view free_table_record(const void* map, uint64_t commit) noexcept {
  return record_in_meta_page(map, commit, kFreeTableAt);
}

bool is_sound_tree(const void* map, size_t pages, std::string_view record, uint16_t flags) noexcept {
  if (record.size() != kTableRecordBytes || load<uint16_t>(record.data() + kTableFlagsAt) != flags)
    return false;
  auto depth = load<uint16_t>(record.data() + kDepthAt);
  auto root = load<uint64_t>(record.data() + kRootAt);
  if (depth == 0) return root == UINT64_MAX;  // nothing in it
  auto branches = load<uint64_t>(record.data() + kBranchPagesAt);
  auto leaves = load<uint64_t>(record.data() + kLeafPagesAt);
  if (depth > kMostDepth || branches > pages || leaves > pages) return false;
  return TreeCheck(static_cast<const char*>(map), pages, branches + leaves).check(root, depth);
}

bool is_sound_free_table(const void* map, size_t pages, uint64_t commit) noexcept {
  std::string_view record = free_table_record(map, commit);
  const unsigned opened_with = load<uint16_t>(record.data() + kTableFlagsAt) & kOpenedWith;
  return is_sound_tree(map, pages, record, static_cast<uint16_t>(kIntegerKeys | opened_with));
}

bool is_of_commit(const void* map, size_t pages, uint64_t commit) noexcept {
  if (commit <= 1) return true;
  const std::string_view record = free_table_record(map, commit);
  auto number = load<uint64_t>(record.data() + kRootAt);
  for (unsigned depth = load<uint16_t>(record.data() + kDepthAt); depth > 0 && number < pages; --depth) {
    const char* page = static_cast<const char*>(map) + number * kPageBytes;
    const size_t slots_end = load<uint16_t>(page + kSlotsEndAt);
    if (slots_end <= kSlotsAt || slots_end > kPageBytes) return false;
    const size_t at = load<uint16_t>(page + slots_end - sizeof(uint16_t));
    if (at + kKeyAt + sizeof commit > kPageBytes) return false;
    if (depth == 1) return load<uint64_t>(page + at + kKeyAt) == commit;
    number = load<uint64_t>(page + at) & kChildBits;
  }
  return false;
}

}  // namespace tokengate
