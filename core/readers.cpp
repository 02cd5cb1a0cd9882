// Who reads what, in a file that readers write and writers look at.
#include "readers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace tokengate {
namespace {

constexpr mode_t kMode = 0660;
constexpr off_t kFileBytes = off_t{kReaderSlots} * kReaderSlotBytes;

std::string file_of(const std::string& path) {
  return path + "/readers";
}

/// A FIFO in its place must not make anybody wait.
int open_file(const std::string& path, int flags) noexcept {
  return ::open(file_of(path).c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode);
}

/// With errno if it is no ordinary file.
bool look_at(int file, struct stat* found) noexcept {
  if (fstat(file, found) != 0) return false;
  if (S_ISREG(found->st_mode)) return true;
  errno = EINVAL;
  return false;
}

/// Gives the file its length and room on the disk, so that storing into the map can never lack it. With
/// errno.
bool fill(int file, const struct stat& found) noexcept {
  constexpr off_t kBlockBytes = 512;
  if (found.st_size >= kFileBytes && found.st_blocks * kBlockBytes >= kFileBytes) return true;
  errno = posix_fallocate(file, 0, kFileBytes);
  return errno == 0;
}

/// fcntl() with one slot's byte.
bool lock_call(int file, int command, unsigned slot, short* type) noexcept {
  struct flock lock {};
  lock.l_type = *type;
  lock.l_whence = SEEK_SET;
  lock.l_start = slot;
  lock.l_len = 1;
  bool done = fcntl(file, command, &lock) == 0;
  *type = lock.l_type;
  return done;
}

bool set_lock(int file, unsigned slot, short type) noexcept {
  return lock_call(file, F_OFD_SETLK, slot, &type);
}

/// By another process, or this one with another descriptor; or that cannot be told.
bool is_taken(int file, unsigned slot) noexcept {
  short type = F_WRLCK;
  return !lock_call(file, F_OFD_GETLK, slot, &type) || type != F_UNLCK;
}

/// Of the slots from `first` to before `end`.
unsigned count_taken(int file, off_t first, off_t end) noexcept {
  if (first >= end) return 0;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = end - first;
  if (fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  // One of the locks there, of some slots in a row.
  const off_t from = std::max(lock.l_start, first);
  const off_t to = lock.l_len == 0 ? end : std::min(lock.l_start + lock.l_len, end);
  return static_cast<unsigned>(to - from) + count_taken(file, first, from) + count_taken(file, to, end);
}

}  // namespace

int Readers::open(const std::string& path) noexcept {
  close();
  file_ = open_file(path, O_RDWR);
  if (file_ < 0) return errno;
  struct stat found {};
  bool ok = look_at(file_, &found) && fill(file_, found);
  void* begin = ok ? mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0) : MAP_FAILED;
  if (begin == MAP_FAILED) {
    int error = errno;
    close();
    return error;
  }
  begin_ = begin;
  device_ = found.st_dev;
  inode_ = found.st_ino;
  guard_.watch(begin_, kFileBytes, true);  // everybody who reads the store may cut the file
  return 0;
}

void Readers::close() noexcept {
  guard_.release();
  if (begin_ != nullptr) munmap(begin_, kFileBytes);
  begin_ = nullptr;
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  claimed_.reset();
}

bool Readers::is_current(const std::string& path) const noexcept {
  struct stat now {};
  return stat(file_of(path).c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_ &&
         now.st_size >= kFileBytes && !guard_.was_hit();
}

int Readers::claim(int* claimed) noexcept {
  std::lock_guard lock(mutex_);
  // Each process begins at a place of its own, so that few find a slot taken.
  const auto first = static_cast<unsigned>(getpid()) * 64U % kReaderSlots;
  for (unsigned i = 0; i < kReaderSlots; ++i) {
    const unsigned slot = (first + i) % kReaderSlots;
    if (claimed_[slot]) continue;
    if (!set_lock(file_, slot, F_WRLCK)) {
      if (errno == EAGAIN || errno == EACCES) continue;  // which of them, POSIX leaves open
      return errno;
    }
    claimed_.set(slot);
    *claimed = static_cast<int>(slot);
    let_go(*claimed);  // what one that ended within a decision left
    return 0;
  }
  return EAGAIN;
}

void Readers::release(int slot) noexcept {
  std::lock_guard lock(mutex_);
  let_go(slot);
  set_lock(file_, static_cast<unsigned>(slot), F_UNLCK);
  claimed_.reset(static_cast<size_t>(slot));
}

std::atomic_ref<uint64_t> Readers::slot_at(int slot) const noexcept {
  return std::atomic_ref(*reinterpret_cast<uint64_t*>(static_cast<char*>(begin_) +
                                                      static_cast<size_t>(slot) * kReaderSlotBytes));
}

int make_readers_file(const std::string& path, uid_t user, gid_t group) noexcept {
  int file = open_file(path, O_RDWR | O_CREAT);
  if (file < 0) return errno;
  struct stat found {};
  bool ok = look_at(file, &found) &&
            ((found.st_uid == user && found.st_gid == group) || fchown(file, user, group) == 0) &&
            ((found.st_mode & 07777) == kMode || fchmod(file, kMode) == 0) && fill(file, found);
  int error = ok ? 0 : errno;
  ::close(file);
  return error;
}

int wait_for_readers(const std::string& path, uint64_t oldest) noexcept {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPatience = std::chrono::seconds(1);
  constexpr unsigned kSlotsAtOnce = 64;
  int file = open_file(path, O_RDONLY);
  if (file < 0) return errno == ENOENT ? 0 : errno;
  const auto end = Clock::now() + kPatience;
  // Read, not mapped: the file may be cut at any time. What is missing is nobody's.
  auto read = [file](unsigned slot, void* to, size_t bytes) {
    std::memset(to, 0, bytes);
    return pread(file, to, bytes, static_cast<off_t>(slot * kReaderSlotBytes)) > 0;
  };
  auto is_read = [&](unsigned slot, uint64_t commit) {
    return commit != 0 && commit < oldest && is_taken(file, slot);
  };
  char slots[kSlotsAtOnce * kReaderSlotBytes];
  for (unsigned slot = 0; slot < kReaderSlots; ++slot) {
    if (slot % kSlotsAtOnce == 0 && !read(slot, slots, sizeof slots)) break;
    uint64_t commit = 0;
    std::memcpy(&commit, &slots[slot % kSlotsAtOnce * kReaderSlotBytes], sizeof commit);
    auto pause = std::chrono::microseconds(20);
    while (is_read(slot, commit) && Clock::now() < end) {
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(1000));
      read(slot, &commit, sizeof commit);
    }
    if (Clock::now() >= end) break;
  }
  ::close(file);
  return 0;
}

unsigned count_readers(const std::string& path) noexcept {
  int file = open_file(path, O_RDONLY);
  if (file < 0) return 0;
  unsigned count = count_taken(file, 0, kReaderSlots);
  ::close(file);
  return count;
}

}  // namespace tokengate
