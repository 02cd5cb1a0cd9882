/// The file `readers` of a store: which commits are being read, so that writers do not use their pages again.
///
/// LMDB's own list of readers stands in its lock file, among locks and counts that it trusts: whoever can
/// write that file can write the memory of everybody who opens it. So the lock file is the owner's alone,
/// workers read without it, and say here which commit they read. Every worker can write this file. Nobody has
/// to believe it: a writer waits for what it says, for a while, and a decision looks at its end whether its
/// pages can have been used again.
///
/// Form: kReaderSlots slots of kReaderSlotBytes bytes, each with the oldest commit that its owner may be
/// reading, 64 bits, or 0. A slot belongs to whoever holds an OFD lock on the byte of its number, which the
/// system lets go of when a process ends.
#ifndef TOKENGATE_READERS_H_
#define TOKENGATE_READERS_H_

#include <sys/types.h>

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "fault_guard.h"

namespace tokengate {

/// More than the worker threads of a large host.
inline constexpr unsigned kReaderSlots = 4096;
inline constexpr size_t kReaderSlotBytes = 64;  // a cache line: it is written on every request

/// The slots of this process. Everything but hold() and let_go() takes a lock or makes system calls.
class Readers {
 public:
  Readers() noexcept = default;
  ~Readers() { close(); }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// Of the store in the folder `path`. A file that was cut short gets its length back. 0, or the system's
  /// error.
  int open(const std::string& path) noexcept;
  /// No slot may be in use.
  void close() noexcept;
  bool is_open() const noexcept { return begin_ != nullptr; }
  /// Whether the file at the path is still the one that was opened, in its whole length.
  bool is_current(const std::string& path) const noexcept;

  /// Gives the caller a slot of its own. 0, EAGAIN if all are taken, or the system's error.
  int claim(int* slot) noexcept;
  void release(int slot) noexcept;
  /// Says that commits from this one on are being read. To be said before it is looked which commit is the
  /// newest. Without a lock, and without a system call.
  void hold(int slot, uint64_t commit) noexcept { slot_at(slot).store(commit); }
  /// Says that none is. Likewise.
  void let_go(int slot) noexcept { slot_at(slot).store(0, std::memory_order_release); }

 private:
  std::atomic_ref<uint64_t> slot_at(int slot) const noexcept;

  void* begin_ = nullptr;
  int file_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::mutex mutex_;  // guards which slots are this process's
  std::bitset<kReaderSlots> claimed_;
  FaultGuard guard_;
};

/// One slot, given back at the end of its scope.
class ReaderSlot {
 public:
  ReaderSlot() noexcept = default;
  ~ReaderSlot() { release(); }
  ReaderSlot(const ReaderSlot&) = delete;
  ReaderSlot& operator=(const ReaderSlot&) = delete;

  /// As Readers::claim().
  int claim(Readers& readers) noexcept {
    release();
    int error = readers.claim(&slot_);
    readers_ = error == 0 ? &readers : nullptr;
    return error;
  }
  // These do nothing if there is no slot.
  void hold(uint64_t commit) noexcept {
    if (readers_ != nullptr) readers_->hold(slot_, commit);
  }
  void let_go() noexcept {
    if (readers_ != nullptr) readers_->let_go(slot_);
  }
  void release() noexcept {
    if (readers_ != nullptr) readers_->release(slot_);
    readers_ = nullptr;
  }

 private:
  Readers* readers_ = nullptr;
  int slot_ = -1;
};

/// Makes the file if it is missing or too short, and gives it its mode and the store's owners. 0, or the
/// system's error. For the owner.
int make_readers_file(const std::string& path, uid_t user, gid_t group) noexcept;

/// Waits until no reader that is alive holds a commit before `oldest`, but no longer than a second: whoever
/// is stuck for longer will find its pages gone. Without the file there is nobody to wait for. 0, or the
/// system's error.
int wait_for_readers(const std::string& path, uint64_t oldest) noexcept;

/// How many slots are taken.
unsigned count_readers(const std::string& path) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_READERS_H_
