/// The file `acknowledged` of a store: the number of the newest commit whose success was reported. Only the
/// store's owner can write it.
///
/// Readers refuse any older snapshot, such as of a data file that was overwritten by an older one. It counts
/// the commits that failed, too: readers see a commit before its writer knows that the disk has it, and the
/// next one after a failure has the same number.
#ifndef TOKENGATE_ACKNOWLEDGED_H_
#define TOKENGATE_ACKNOWLEDGED_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "fault_guard.h"

namespace tokengate {

class Acknowledged {
 public:
  Acknowledged() noexcept = default;
  ~Acknowledged() { close(); }
  Acknowledged(const Acknowledged&) = delete;
  Acknowledged& operator=(const Acknowledged&) = delete;

  /// Maps the file in the store's folder `path`, for the data file with the inode `data`. A writer makes it
  /// if need be, with the mode and `group` of the data file. Where there is none, or it is too short or about
  /// another data file, newest() is 0, which every snapshot satisfies. Returns 0, or the system's error if
  /// there is a file that cannot be opened or mapped: then no request may be judged. Makes system calls.
  int open(const std::string& path, ino_t data, bool writable, gid_t group) noexcept;
  void close() noexcept;

  /// Whether the file at the path is still the one that was opened, or still missing.
  bool is_current(const std::string& path) const noexcept;

  /// Read it before a snapshot is taken, not after: commits go on meanwhile.
  uint64_t newest() const noexcept;

  /// How many commits failed, or may have. A snapshot of the same number under the same count is the same.
  uint64_t failures() const noexcept;

  // These do nothing without open() as a writer.

  /// Before the first page of the commit `id` is written, with nobody else writing: it has failed before if
  /// it was attempted.
  void begin(uint64_t id) noexcept;
  /// Before it is committed.
  void attempt(uint64_t id) noexcept;

  /// After the commit `id` succeeded, before anybody is told so. Another writer may have got further already:
  /// never lowers the number.
  void raise(uint64_t id) noexcept;
  /// With nobody else writing: `id` is the newest commit, whatever was said before.
  void set(uint64_t id) noexcept;

 private:
  /// False with errno if that failed.
  bool map(int file, bool writable, gid_t group) noexcept;

  struct Content {
    std::atomic<uint64_t> id;
    std::atomic<uint64_t> data;
    std::atomic<uint64_t> failures;
    std::atomic<uint64_t> attempted;
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(Content) == 32);

  Content* content_ = nullptr;
  uint64_t data_ = 0;
  bool writable_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  FaultGuard guard_;
};

}  // namespace tokengate

#endif  // TOKENGATE_ACKNOWLEDGED_H_
