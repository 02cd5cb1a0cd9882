// Opens and locks usage.map and its buffer.
#include "usage_io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace tokengate {
namespace {

constexpr unsigned kTries = 20;
constexpr useconds_t kBetweenTries_us = 1000;

}  // namespace

std::string usage_file(const std::string& store_path) {
  return store_path + "/usage.map";
}

std::string usage_buffer_file(const UsageHeader& header, ino_t inode) {
  char file[64];
  std::snprintf(file, sizeof file, "/dev/shm/tokengate-%016jx-%jx", uintmax_t{header.file_id},
                uintmax_t{inode});
  return file;
}

Descriptor::~Descriptor() {
  if (file_ >= 0) close(file_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

int open_usage(const std::string& file, int access, struct stat* now) noexcept {
  int descriptor = open(file.c_str(), access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor >= 0 && (fstat(descriptor, now) != 0 || !S_ISREG(now->st_mode))) {
    close(descriptor);
    descriptor = -1;
    errno = EINVAL;
  }
  return descriptor;
}

int open_usage_buffer(const UsageHeader& header, const struct stat& usage_map, int access,
                      struct stat* now) noexcept {
  const std::string file = usage_buffer_file(header, usage_map.st_ino);
  int descriptor = open_usage(file, access, now);
  const auto is_of_group = [&] {
    return S_ISREG(now->st_mode) && now->st_gid == usage_map.st_gid && (now->st_mode & 07777) == kUsageMode;
  };
  if (descriptor < 0) {
    const int code = errno;
    // A link, a socket, a folder; or a file that is closed to this user or leased by another.
    const bool is_odd = code == ELOOP || code == ENXIO || code == EISDIR;
    const bool is_closed = code == EACCES || code == EWOULDBLOCK;
    const bool is_foreign = is_odd || (is_closed && (lstat(file.c_str(), now) != 0 || !is_of_group()));
    errno = is_foreign ? EINVAL : code;
    return -1;
  }
  UsageHeader found;
  if (!is_of_group() || now->st_nlink != 1 || !read_usage_header(descriptor, &found) ||
      found.store_id != header.store_id || found.file_id != header.file_id) {
    close(descriptor);
    descriptor = -1;
    errno = EINVAL;
  }
  return descriptor;
}

bool read_usage_header(int file, UsageHeader* header) noexcept {
  char slot[kUsageSlotBytes];
  return pread(file, slot, sizeof slot, 0) == static_cast<ssize_t>(sizeof slot) &&
         decode_usage_header({slot, sizeof slot}, header);
}

UsageLock::UsageLock(int file, Wait wait) noexcept : file_(file) {
  for (unsigned left = wait == Wait::kNo ? 1 : kTries; left > 0 && !held_; --left) {
    held_ = flock(file, LOCK_EX | LOCK_NB) == 0;
    if (!held_ && left > 1) usleep(kBetweenTries_us);
  }
}

UsageLock::~UsageLock() {
  if (held_) flock(file_, LOCK_UN);
}

}  // namespace tokengate
