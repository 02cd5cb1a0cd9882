// Makes, shares and flushes the buffer of usage.map.
#include "usage_buffer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <new>
#include <utility>

namespace tokengate {
namespace {

constexpr const char* kFolder = "/dev/shm";
// Other programs of the host need that memory too.
constexpr uint64_t kMostOfMemory = 4;  // a quarter
constexpr unsigned kTries = 3;

// A flush of that many pages takes no longer than a few requests, and a million tokens are through in five
// minutes.
constexpr size_t kPageBytes = 4096;
constexpr size_t kPageSlots = kPageBytes / kUsageSlotBytes;
constexpr uint64_t kPagesAtOnce = 64;
// Nobody waits long for a server to stop.
constexpr uint64_t kPagesAtClose = 16'384;

// What the buffer's users keep in its slot 0.
enum FreeWord : size_t { kCursor = 0, kFlushed = 1 };
static_assert(kFlushed < UsageMap::kFreeWords);

bool has_room(off_t bytes) noexcept {
  struct statvfs memory {};
  if (statvfs(kFolder, &memory) != 0) return false;
  return static_cast<uint64_t>(bytes) <= uint64_t{memory.f_blocks} * memory.f_frsize / kMostOfMemory;
}

/// Under its name it is there as a whole or not at all.
bool make_buffer(const std::string& file, const UsageHeader& header, const struct stat& usage_map) noexcept {
  Descriptor made(open(kFolder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (made.get() < 0) return false;
  char slot[kUsageSlotBytes];
  encode_usage_header(header, slot);
  std::string opened = "/proc/self/fd/" + std::to_string(made.get());
  return fchown(made.get(), static_cast<uid_t>(-1), usage_map.st_gid) == 0 &&
         fchmod(made.get(), kUsageMode) == 0 && ftruncate(made.get(), usage_map.st_size) == 0 &&
         pwrite(made.get(), slot, sizeof slot, 0) == static_cast<ssize_t>(sizeof slot) &&
         (linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, file.c_str(), AT_SYMLINK_FOLLOW) == 0 ||
          errno == EEXIST);
}

bool same_file(const struct stat& one, const struct stat& other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

UsageBuffer::UsageBuffer(std::string file, Descriptor buffer) noexcept
    : file_(std::move(file)), buffer_(std::move(buffer)) {}

std::unique_ptr<UsageBuffer> UsageBuffer::open(const std::string& store_path) noexcept {
  struct stat usage_map {};
  UsageHeader header;
  Descriptor map_file(open_usage(usage_file(store_path), O_RDWR, &usage_map));
  if (map_file.get() < 0 || !read_usage_header(map_file.get(), &header) || !has_room(usage_map.st_size)) {
    return nullptr;
  }
  std::string file = usage_buffer_file(header.store_id);
  for (unsigned left = kTries; left > 0; --left) {
    struct stat now {};
    Descriptor descriptor(open_usage_buffer(header.store_id, usage_map.st_gid, O_RDWR, &now));
    if (descriptor.get() < 0) {
      if (errno != ENOENT || !make_buffer(file, header, usage_map)) return nullptr;
      continue;
    }
    // Held for as long as the buffer is used. Whoever closes it last has it alone for a while.
    if (flock(descriptor.get(), LOCK_SH | LOCK_NB) != 0) return nullptr;
    std::unique_ptr<UsageBuffer> buffer(new (std::nothrow) UsageBuffer(file, std::move(descriptor)));
    if (buffer == nullptr) return nullptr;
    if (!buffer->is_linked()) continue;  // removed between open and lock
    if (now.st_size < usage_map.st_size && ftruncate(buffer->buffer_.get(), usage_map.st_size) != 0) {
      return nullptr;
    }
    buffer->usage_map_ = usage_file(store_path);
    buffer->usage_map_then_ = usage_map;
    buffer->store_id_ = header.store_id;
    buffer->map_ = UsageMap::open(buffer->buffer_.get(), file);
    return buffer->map_ != nullptr ? std::move(buffer) : nullptr;
  }
  return nullptr;
}

UsageBuffer::~UsageBuffer() {
  if (map_ == nullptr || !is_linked() || flock(buffer_.get(), LOCK_EX | LOCK_NB) != 0) return;
  struct stat now {};
  Descriptor usage_map(open_usage(usage_map_, O_RDWR, &now));
  bool is_empty = usage_map.get() < 0;  // for there is nowhere to bring it
  if (!is_empty) {
    UsageLock lock(usage_map.get(), UsageLock::Wait::kBriefly);
    uint64_t page = 0;
    is_empty = lock.held() && flush(usage_map.get(), &page, kPagesAtClose) && page == 0;
  }
  // What is left is for those who come next.
  if (is_empty) unlink(file_.c_str());
}

bool UsageBuffer::is_linked() const noexcept {
  struct stat opened {
  }, there{};
  return fstat(buffer_.get(), &opened) == 0 && stat(file_.c_str(), &there) == 0 && same_file(opened, there);
}

bool UsageBuffer::is_current() const noexcept {
  struct stat now {};
  return stat(usage_map_.c_str(), &now) == 0 && same_file(now, usage_map_then_) &&
         now.st_size == usage_map_then_.st_size && map_->is_current();
}

void UsageBuffer::flush_part() noexcept {
  uint64_t now = static_cast<uint64_t>(time(nullptr));
  if (map_->free_word(kFlushed).load(std::memory_order_relaxed) == now) return;
  struct stat usage_map_now {};
  Descriptor usage_map(open_usage(usage_map_, O_RDWR, &usage_map_now));
  if (usage_map.get() < 0) return;
  UsageLock lock(usage_map.get(), UsageLock::Wait::kNo);
  if (!lock.held()) return;
  map_->free_word(kFlushed).store(now, std::memory_order_relaxed);
  uint64_t page = map_->free_word(kCursor).load(std::memory_order_relaxed);
  flush(usage_map.get(), &page, kPagesAtOnce);
  map_->free_word(kCursor).store(page, std::memory_order_relaxed);
}

/// Brings at most `pages` pages to usage.map, from `*page` on, which becomes where to go on: 0 if the end was
/// reached. False if something could not be brought there.
bool UsageBuffer::flush(int usage_map, uint64_t* page, uint64_t pages) noexcept {
  UsageHeader header;
  if (!read_usage_header(usage_map, &header) || header.store_id != store_id_) return false;
  uint64_t data_end = 0;
  for (; pages > 0; --pages, ++*page) {
    // Pages that nobody wrote to are not there, and must not come to be by a look at them.
    if (*page >= data_end) {
      off_t begin = lseek(buffer_.get(), static_cast<off_t>(*page * kPageBytes), SEEK_DATA);
      off_t end = begin < 0 ? -1 : lseek(buffer_.get(), begin, SEEK_HOLE);
      if (end <= begin) {
        *page = 0;
        return true;
      }
      *page = static_cast<uint64_t>(begin) / kPageBytes;
      data_end = (static_cast<uint64_t>(end) + kPageBytes - 1) / kPageBytes;
    }
    if (!flush_page(usage_map, *page)) return false;
  }
  return true;
}

bool UsageBuffer::flush_page(int usage_map, uint64_t page) noexcept {
  std::array<char, kPageBytes> slots;
  std::array<uint64_t, kPageSlots> counts{};
  const auto begin = static_cast<off_t>(page * kPageBytes);
  ssize_t got = pread(usage_map, slots.data(), slots.size(), begin);
  if (got < 0) return false;
  bool any = false;
  for (size_t i = 0; i < static_cast<size_t>(got) / kUsageSlotBytes; ++i) {
    char slot[kUsageSlotBytes];
    counts[i] = map_->copy(page * kPageSlots + i, slot);
    if (counts[i] == 0) continue;
    add_usage_slot(slot, slots.data() + i * kUsageSlotBytes);
    any = true;
  }
  if (!any) return true;
  if (pwrite(usage_map, slots.data(), static_cast<size_t>(got), begin) != got) return false;
  for (size_t i = 0; i < kPageSlots; ++i) {
    if (counts[i] != 0) map_->settle(page * kPageSlots + i, counts[i]);
  }
  return true;
}

}  // namespace tokengate
