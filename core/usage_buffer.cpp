// Makes, shares and flushes the buffer of usage.map.
#include "usage_buffer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
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

constexpr size_t kPageBytes = 4096;
constexpr size_t kPageSlots = kPageBytes / kUsageSlotBytes;

// Each second, while requests wait: with a million tokens all are through in five minutes.
constexpr uint64_t kPagesAtOnce = 64;
constexpr std::chrono::microseconds kLongestAtOnce{2000};
// Once, and nobody waits long for a server to stop.
constexpr std::chrono::microseconds kLongestAtClose{100'000};

// What the buffer's users keep in its slot 0.
enum FreeWord : size_t { kCursor = 0, kFlushed = 1 };
static_assert(kFlushed < UsageMap::kFreeWords);

/// Whether a buffer of `bytes`, of which `there` are there already, leaves enough of the memory to others.
bool has_room(off_t bytes, off_t there) noexcept {
  struct statvfs memory {};
  if (statvfs(kFolder, &memory) != 0) return false;
  auto most = static_cast<uint64_t>(bytes);
  auto more = static_cast<uint64_t>(std::max(bytes - there, off_t{0}));
  return most <= uint64_t{memory.f_blocks} * memory.f_frsize / kMostOfMemory &&
         more <= uint64_t{memory.f_bavail} * memory.f_frsize;
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

std::unique_ptr<UsageBuffer> UsageBuffer::open(const std::string& store_path) noexcept {
  std::unique_ptr<UsageBuffer> buffer(new (std::nothrow) UsageBuffer());
  if (buffer == nullptr) return nullptr;
  struct stat usage_map {};
  UsageHeader header;
  buffer->usage_map_path_ = usage_file(store_path);
  buffer->usage_map_ = Descriptor(open_usage(buffer->usage_map_path_, O_RDWR, &usage_map));
  if (buffer->usage_map_.get() < 0 || !read_usage_header(buffer->usage_map_.get(), &header)) return nullptr;
  buffer->usage_map_bytes_ = usage_map.st_size;
  buffer->file_ = usage_buffer_file(header, usage_map.st_ino);
  for (unsigned left = kTries; left > 0; --left) {
    struct stat now {};
    buffer->buffer_ = Descriptor(open_usage_buffer(header, usage_map, O_RDWR, &now));
    const int file = buffer->buffer_.get();
    if (file < 0) {
      if (errno != ENOENT || !has_room(usage_map.st_size, 0) ||
          !make_buffer(buffer->file_, header, usage_map)) {
        return nullptr;
      }
      continue;
    }
    if (!has_room(usage_map.st_size, static_cast<off_t>(now.st_blocks * 512))) return nullptr;
    // Held for as long as the buffer is used. Whoever closes it last has it alone for a while.
    if (flock(file, LOCK_SH | LOCK_NB) != 0) return nullptr;
    if (!buffer->is_linked()) continue;  // removed between open and lock
    if (now.st_size < usage_map.st_size && ftruncate(file, usage_map.st_size) != 0) return nullptr;
    buffer->map_ = UsageMap::open(file, buffer->file_);
    return buffer->map_ != nullptr ? std::move(buffer) : nullptr;
  }
  return nullptr;
}

UsageBuffer::~UsageBuffer() {
  if (map_ == nullptr || !is_linked() || flock(buffer_.get(), LOCK_EX | LOCK_NB) != 0) return;
  UsageLock lock(usage_map_.get(), UsageLock::Wait::kBriefly);
  uint64_t page = 0;
  // What is left is for those who come next.
  if (lock.held() && flush(&page, UINT64_MAX, kLongestAtClose) && page == 0) unlink(file_.c_str());
}

bool UsageBuffer::is_linked() const noexcept {
  struct stat opened {
  }, there{};
  return fstat(buffer_.get(), &opened) == 0 && stat(file_.c_str(), &there) == 0 && same_file(opened, there);
}

bool UsageBuffer::is_current() const noexcept {
  struct stat opened {
  }, there{};
  return fstat(usage_map_.get(), &opened) == 0 && stat(usage_map_path_.c_str(), &there) == 0 &&
         same_file(opened, there) && there.st_size == usage_map_bytes_ && map_->is_current();
}

void UsageBuffer::flush_part() noexcept {
  uint64_t now = static_cast<uint64_t>(time(nullptr));
  if (map_->free_word(kFlushed).load(std::memory_order_relaxed) == now) return;
  UsageLock lock(usage_map_.get(), UsageLock::Wait::kNo);
  if (!lock.held()) return;
  map_->free_word(kFlushed).store(now, std::memory_order_relaxed);
  uint64_t page = map_->free_word(kCursor).load(std::memory_order_relaxed);
  flush(&page, kPagesAtOnce, kLongestAtOnce);
  map_->free_word(kCursor).store(page, std::memory_order_relaxed);
}

/// Brings at most `pages` pages to usage.map, from `*page` on, which becomes where to go on: 0 if the end was
/// reached. False if something could not be brought there.
bool UsageBuffer::flush(uint64_t* page, uint64_t pages, std::chrono::microseconds longest) noexcept {
  bool all = true;
  const auto deadline = std::chrono::steady_clock::now() + longest;
  for (; pages > 0 && std::chrono::steady_clock::now() < deadline; --pages, ++*page) {
    // Pages that nobody wrote to are not there, and must not come to be by a look at them.
    off_t begin = lseek(buffer_.get(), static_cast<off_t>(*page * kPageBytes), SEEK_DATA);
    if (begin < 0) {
      *page = 0;
      return all;
    }
    *page = static_cast<uint64_t>(begin) / kPageBytes;
    // One that the disk does not take does not hold up the others.
    if (!flush_page(*page)) all = false;
  }
  return all;
}

bool UsageBuffer::flush_page(uint64_t page) noexcept {
  std::array<char, kPageBytes> slots;
  std::array<uint64_t, kPageSlots> counts{};
  const auto begin = static_cast<off_t>(page * kPageBytes);
  ssize_t got = pread(usage_map_.get(), slots.data(), slots.size(), begin);
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
  if (pwrite(usage_map_.get(), slots.data(), static_cast<size_t>(got), begin) != got) return false;
  for (size_t i = 0; i < kPageSlots; ++i) {
    if (counts[i] != 0) map_->settle(page * kPageSlots + i, counts[i]);
  }
  return true;
}

}  // namespace tokengate
