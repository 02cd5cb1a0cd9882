/// Memory maps of files that somebody else can cut short. Touching a page past the end of such a file raises
/// SIGBUS, which would end a server's worker with every request in it. Under guard, the lost pages are
/// replaced by pages of zeros instead, and the owner of the map is told.
///
/// A process has one handler of SIGBUS. Ours stays there from the first guarded map on, acts on faults inside
/// guarded maps alone, and hands every other SIGBUS to the handler that it found. A library that this code is
/// part of is therefore never unloaded from the process again.
#ifndef TOKENGATE_FAULT_GUARD_H_
#define TOKENGATE_FAULT_GUARD_H_

#include <cstddef>

namespace tokengate {

/// One guarded map. watch() and release() take a lock and make system calls; was_hit() does not, and is for
/// any thread.
class FaultGuard {
 public:
  FaultGuard() noexcept = default;
  ~FaultGuard() { release(); }
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  /// Guards the map of `bytes` bytes at `begin`, both whole pages; what it guarded before is released.
  /// `writable`: pages of zeros must take writes, which nobody will ever see. False if there is no room for
  /// another map: it stays as it is, unguarded.
  bool watch(void* begin, size_t bytes, bool writable) noexcept;

  /// Before the map is unmapped or moved, with nobody using it.
  void release() noexcept;

  /// Whether pages were lost since watch(): from the first one on, all to the map's end read as zeros.
  bool was_hit() const noexcept;

 private:
  int slot_ = -1;
};

}  // namespace tokengate

#endif  // TOKENGATE_FAULT_GUARD_H_
