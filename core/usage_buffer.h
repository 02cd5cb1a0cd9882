/// How records of use reach usage.map. The first write to a page of a file after it was written back to disk
/// waits for the file system: tens of microseconds and, with millions of tokens, on nearly every request. So
/// workers write to a file in memory, of the same form, and about once a second one of them moves a part of
/// it to usage.map.
///
/// All workers on a host share one buffer for a store. Whoever closes it last moves the rest to usage.map and
/// removes it. A process that ends without that leaves it to the next one that opens it; when the host goes
/// down, what was not moved is lost.
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

/// For one thread at a time; map() is for all. Everything else makes system calls.
class UsageBuffer {
 public:
  /// Null where records must go to usage.map itself: this process may not write to it, there is no shared
  /// memory, or there is less than four times what the buffer may need.
  static std::unique_ptr<UsageBuffer> open(const std::string& store_path) noexcept;
  ~UsageBuffer();
  UsageBuffer(const UsageBuffer&) = delete;
  UsageBuffer& operator=(const UsageBuffer&) = delete;

  /// Where to record uses.
  UsageMap& map() noexcept { return *map_; }
  /// Whether usage.map and the buffer are still the same files, of the same length.
  bool is_current() const noexcept;
  /// Moves the next part to usage.map, unless some process did so within this second or is doing it.
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
