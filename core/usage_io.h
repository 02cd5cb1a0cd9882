/// Opens the two files of slots. Anybody in the store's group may have replaced them by anything: opening
/// follows no link, does not wait, and checks what it got.
#ifndef TOKENGATE_USAGE_IO_H_
#define TOKENGATE_USAGE_IO_H_

#include <sys/stat.h>

#include <string>

#include "usage.h"

namespace tokengate {

/// What group and mode both files have: workers of all servers write them, and nobody else looks in.
inline constexpr mode_t kUsageMode = 0660;

/// usage.map of a store.
std::string usage_file(const std::string& store_path);
/// The buffer of a usage.map, in memory that is shared by the host's processes and gone when the host goes
/// down. A copy of a store has one of its own.
std::string usage_buffer_file(const UsageHeader& header, ino_t inode);

/// A file descriptor; closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int file) noexcept : file_(file) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : file_(other.file_) { other.file_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const noexcept { return file_; }

 private:
  int file_;
};

/// Opens a plain file with O_RDONLY or O_RDWR. -1 with errno, which is EINVAL for what is no plain file.
int open_usage(const std::string& file, int access, struct stat* now) noexcept;

/// The buffer of a usage.map with that header and state, if it is one: in /dev/shm everybody may put files,
/// and one that is not of the store's group, or open to others, is somebody else's. -1 with errno, which is
/// ENOENT if there is none and EINVAL if it is not one.
int open_usage_buffer(const UsageHeader& header, const struct stat& usage_map, int access,
                      struct stat* now) noexcept;

/// False unless the file begins with a header of this version.
bool read_usage_header(int file, UsageHeader* header) noexcept;

/// Held while counts are moved from the buffer to usage.map, or both are read: else some would be counted
/// twice. A holder that takes too long is not waited for.
class UsageLock {
 public:
  enum class Wait { kNo, kBriefly };
  /// `file` is an opened usage.map, and stays open until the lock is gone.
  UsageLock(int file, Wait wait) noexcept;
  ~UsageLock();
  UsageLock(const UsageLock&) = delete;
  UsageLock& operator=(const UsageLock&) = delete;
  bool held() const noexcept { return held_; }

 private:
  int file_;
  bool held_ = false;
};

}  // namespace tokengate

#endif  // TOKENGATE_USAGE_IO_H_
