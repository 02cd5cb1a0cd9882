// Descends LMDB's B+tree over the memory map, where the keys are numbers that are spread evenly.
#include "tree_walk.h"

#include <algorithm>
#include <cstring>

#include "lmdb_layout.h"

namespace tokengate {
namespace {

using namespace lmdb_layout;

constexpr size_t kValueAt = kKeyAt + sizeof(uint64_t);

/// A page of the tree. Whatever its bytes are, nothing outside of it is read.
class Page {
 public:
  explicit Page(const char* at) noexcept : at_(at) {}

  /// To be asked first.
  bool is(uint64_t number, uint16_t flags, int least_count) const noexcept {
    return load<uint64_t>(at_) == number && load<uint16_t>(at_ + kPageFlagsAt) == flags &&
           load<uint16_t>(at_ + kSlotsEndAt) <= kPageBytes && count() >= least_count;
  }
  int count() const noexcept { return (load<uint16_t>(at_ + kSlotsEndAt) - int{kSlotsAt}) / 2; }

  /// The node of a slot, of which `bytes` are going to be read; of a damaged slot, another place in the page.
  const char* node(int slot, size_t bytes) const noexcept {
    size_t at = load<uint16_t>(at_ + kSlotsAt + 2 * static_cast<size_t>(slot));
    return at_ + std::min(at, kPageBytes - bytes);
  }
  uint64_t key(int slot) const noexcept { return load<uint64_t>(node(slot, kValueAt) + kKeyAt); }
  size_t bytes_from(const char* place) const noexcept {
    return static_cast<size_t>(at_ + kPageBytes - place);
  }

 private:
  const char* at_;
};

/// What the pages above tell of a page's keys: none is below `low`, and all are below `high`, but for the
/// greatest number there is.
struct Span {
  uint64_t low = 0;
  uint64_t high = UINT64_MAX;

  double width() const noexcept { return distance(low, high) + 1; }
  static double distance(uint64_t from, uint64_t to) noexcept {
    return static_cast<double>(static_cast<int64_t>((to - from) >> 1));
  }
};

/// Asks for the page's list of slots, and for where the node of `key` is likely to be: nodes are laid down
/// from the page's end on, and an import does so in the order of keys. Every line of the page would take
/// twice as long to come. Always inlined, since g++ 12 takes a function that only prefetches for one that
/// does nothing.
[[gnu::always_inline]] inline void prefetch_leaf(const char* page, uint64_t key, const Span& span) noexcept {
  constexpr int kLineBytes = 64;
  constexpr int kLines = kPageBytes / kLineBytes;
  constexpr int kLinesBefore = 9;
  constexpr int kLinesAfter = 11;  // the node goes on behind its key
  int likely = kLines - 2 - static_cast<int>(Span::distance(span.low, key) / span.width() * (kLines - 2));
  int last = std::min(likely + kLinesAfter, kLines - 1);
  __builtin_prefetch(page);
  __builtin_prefetch(page + kLineBytes);
  for (int line = std::max(likely - kLinesBefore, 2); line <= last; ++line) {
    __builtin_prefetch(page + ptrdiff_t{line} * kLineBytes);
  }
}

/// The last slot, from `first` on, whose key is not above `key`; first - 1 if there is none. `*span` becomes
/// what lies between that slot's key and the next one's.
int find_slot(const Page& page, int first, uint64_t key, Span* span) noexcept {
  const int count = page.count();
  const double slots_a_key = count / span->width();
  auto slot_near = [=](double place) {
    return static_cast<int>(std::clamp(place, static_cast<double>(first), static_cast<double>(count - 1)));
  };
  int slot = slot_near(Span::distance(span->low, key) * slots_a_key);
  uint64_t found = page.key(slot);
  // How far out the guess was, by its key, makes a better one; from there the place is a few steps away.
  slot = slot_near(slot +
                   (found <= key ? Span::distance(found, key) : -Span::distance(key, found)) * slots_a_key);
  for (found = page.key(slot); found > key; found = page.key(slot)) {
    span->high = found;
    if (slot-- == first) return slot;
  }
  for (; slot + 1 < count; ++slot) {
    uint64_t next = page.key(slot + 1);
    if (next > key) {
      span->high = next;
      break;
    }
    found = next;
  }
  span->low = found;
  return slot;
}

}  // namespace

bool TreeWalk::fits(const void* map, size_t map_bytes) noexcept {
  const char* begin = static_cast<const char*>(map);
  return begin != nullptr && map_bytes >= 2 * kPageBytes &&
         std::memcmp(begin + kMagicAt, kMagic, sizeof kMagic) == 0 &&
         load<uint32_t>(begin + kPageSizeAt) == kPageBytes;
}

void TreeWalk::set(const void* map, size_t pages, std::string_view record) noexcept {
  map_ = nullptr;
  if (record.size() != kTableRecordBytes) return;
  depth_ = load<uint16_t>(record.data() + kDepthAt);
  if (load<uint16_t>(record.data() + kTableFlagsAt) != kIntegerKeys || depth_ == 0 || depth_ > kMostDepth)
    return;
  root_ = load<uint64_t>(record.data() + kRootAt);
  pages_ = pages;
  map_ = static_cast<const char*>(map);
}

TreeWalk::Found TreeWalk::find(uint64_t key, std::string_view* value) const noexcept {
  if (map_ == nullptr) return Found::kAskLmdb;
  uint64_t number = root_;
  Span span;
  for (unsigned left = depth_; left > 1; --left) {
    if (number >= pages_) return Found::kDamaged;
    Page page(map_ + number * kPageBytes);
    if (!page.is(number, kBranchPage, 2)) return Found::kDamaged;
    // The first slot has no key: it is for all that is below the second's.
    int slot = find_slot(page, 1, key, &span);
    const char* node = page.node(slot, kKeyAt);
    if (slot > 0 && load<uint16_t>(node + kKeySizeAt) != sizeof key) return Found::kDamaged;
    number = load<uint64_t>(node) & kChildBits;
  }
  if (number >= pages_) return Found::kDamaged;
  const char* at = map_ + number * kPageBytes;
  prefetch_leaf(at, key, span);
  Page page(at);
  if (!page.is(number, kLeafPage, 1)) return Found::kDamaged;
  int slot = find_slot(page, 0, key, &span);
  if (slot < 0 || span.low != key) return Found::kNo;
  const char* node = page.node(slot, kValueAt);
  auto flags = load<uint16_t>(node + kNodeFlagsAt);
  if (load<uint16_t>(node + kKeySizeAt) != sizeof key) return Found::kDamaged;
  if (flags == kValueElsewhere) return Found::kAskLmdb;
  size_t size = load<uint32_t>(node);
  if (flags != 0 || size > page.bytes_from(node + kValueAt)) return Found::kDamaged;
  *value = {node + kValueAt, size};
  return Found::kYes;
}

}  // namespace tokengate
