/// The way of notes to usage.map. A page of a file on disk is written back now and then, and the next write
/// to it waits until the file system has done its part: tens of microseconds, with millions of tokens on
/// nearly every request. So workers note into a file in memory, of the same form, and about once a second one
/// of them brings a part of what it holds to usage.map.
///
/// All workers on a host share one buffer for a store. Whoever closes it last brings the rest to usage.map
/// and removes it. A process that ends without that leaves it to those who open it next; what a host that
/// goes down had not brought there is lost.
#ifndef TOKENGATE_USAGE_BUFFER_H_
#define TOKENGATE_USAGE_BUFFER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "usage.h"
#include "usage_io.h"

namespace tokengate {

/// For one thread at a time, but for what map() is for. Everything else makes system calls.
class UsageBuffer {
 public:
  /// Null where notes must go to usage.map itself: there is none that this process may write, or no memory
  /// to share, or less than four times of what the buffer may need.
  static std::unique_ptr<UsageBuffer> open(const std::string& store_path) noexcept;
  ~UsageBuffer();
  UsageBuffer(const UsageBuffer&) = delete;
  UsageBuffer& operator=(const UsageBuffer&) = delete;

  /// Where to note uses.
  UsageMap& map() noexcept { return *map_; }
  /// Whether usage.map and the buffer are still the files that they were, and as long.
  bool is_current() const noexcept;
  /// Brings the next part to usage.map, unless that was done in this second, or is being done.
  void flush_part() noexcept;

 private:
  UsageBuffer() noexcept = default;
  bool is_linked() const noexcept;
  bool flush(uint64_t* page, uint64_t pages, std::chrono::microseconds longest) noexcept;
  bool flush_page(uint64_t page) noexcept;

  std::string usage_map_path_;
  Descriptor usage_map_{-1};  // opened all the time, so that no other file gets its inode
  off_t usage_map_bytes_ = 0;
  std::string file_;
  Descriptor buffer_{-1};
  std::unique_ptr<UsageMap> map_;
};

}  // namespace tokengate

#endif  // TOKENGATE_USAGE_BUFFER_H_
