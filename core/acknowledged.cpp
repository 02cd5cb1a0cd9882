// Some bytes that all readers of a store share with its writers.
#include "acknowledged.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace tokengate {
namespace {

constexpr mode_t kMode = 0640;

std::string file_of(const std::string& path) {
  return path + "/acknowledged";
}

size_t page_bytes() noexcept {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// A page that is really on the disk, so that storing into the map can never lack room.
bool fill(int file) {
  std::vector<char> zeros(page_bytes());
  ssize_t written = pwrite(file, zeros.data(), zeros.size(), 0);
  if (written >= 0 && static_cast<size_t>(written) < zeros.size()) errno = ENOSPC;
  return written == static_cast<ssize_t>(zeros.size());
}

}  // namespace

int Acknowledged::open(const std::string& path, ino_t data, bool writable, gid_t group) noexcept {
  close();
  data_ = data;
  int file =
      ::open(file_of(path).c_str(), (writable ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (file < 0) return !writable && errno == ENOENT ? 0 : errno;
  int error = map(file, writable, group) ? 0 : errno;
  ::close(file);
  writable_ = writable;
  return error;
}

bool Acknowledged::map(int file, bool writable, gid_t group) noexcept {
  struct stat now {};
  if (fstat(file, &now) != 0) return false;
  if (!S_ISREG(now.st_mode)) {
    errno = EINVAL;
    return false;
  }
  device_ = now.st_dev;
  inode_ = now.st_ino;
  bool short_of = static_cast<size_t>(now.st_size) < page_bytes();
  if (writable) {
    // Readers that cannot read it would not read the store either.
    if ((now.st_mode & 07777) != kMode && fchmod(file, kMode) != 0) return false;
    if (now.st_gid != group && fchown(file, static_cast<uid_t>(-1), group) != 0) return false;
    if (short_of && !fill(file)) return false;
  } else if (short_of) {
    return true;  // its first writer is making it, or died doing so
  }
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* begin = mmap(nullptr, page_bytes(), protection, MAP_SHARED, file, 0);
  if (begin == MAP_FAILED) return false;
  content_ = static_cast<Content*>(begin);
  guard_.watch(begin, page_bytes(), writable);
  return true;
}

void Acknowledged::close() noexcept {
  guard_.release();
  if (content_ != nullptr) munmap(content_, page_bytes());
  content_ = nullptr;
  device_ = 0;
  inode_ = 0;
}

bool Acknowledged::is_current(const std::string& path) const noexcept {
  struct stat now {};
  if (stat(file_of(path).c_str(), &now) != 0) return inode_ == 0;
  // One that was too short may have been filled since.
  bool is_whole = static_cast<size_t>(now.st_size) >= page_bytes();
  return now.st_dev == device_ && now.st_ino == inode_ && is_whole == (content_ != nullptr) &&
         !guard_.was_hit();
}

uint64_t Acknowledged::newest() const noexcept {
  if (content_ == nullptr || content_->data.load(std::memory_order_acquire) != data_) return 0;
  return content_->id.load(std::memory_order_acquire);
}

uint64_t Acknowledged::failures() const noexcept {
  return content_ == nullptr ? 0 : content_->failures.load();
}

void Acknowledged::begin(uint64_t id) noexcept {
  if (content_ != nullptr && writable_ && content_->attempted.load() >= id) content_->failures.fetch_add(1);
}

void Acknowledged::attempt(uint64_t id) noexcept {
  if (content_ != nullptr && writable_) content_->attempted.store(id);
}

void Acknowledged::raise(uint64_t id) noexcept {
  if (content_ == nullptr || !writable_) return;
  uint64_t before = content_->id.load(std::memory_order_relaxed);
  while (before < id && !content_->id.compare_exchange_weak(before, id, std::memory_order_release)) {
  }
}

void Acknowledged::set(uint64_t id) noexcept {
  if (content_ == nullptr || !writable_) return;
  // Of another data file, before: its id must not be taken for one of this.
  bool is_other = content_->data.load(std::memory_order_relaxed) != data_;
  if (is_other) content_->data.store(0, std::memory_order_release);
  content_->id.store(id, std::memory_order_release);
  if (is_other) content_->data.store(data_, std::memory_order_release);
}

}  // namespace tokengate
