/// When, how often, from where and for what each token was used on this host: one 64-byte slot a token at the
/// index of its id. Slot 0 says what the file is. Two files have this form: `usage.map` in the store's
/// folder, and the buffer in memory that is brought to it (usage_buffer.h).
///
/// The workers of all servers write through shared memory with relaxed atomic stores: no lock, no system
/// call. Their user may write anything into it. So it is a hint: no decision depends on it, and whatever is
/// read from it is checked first. Words are in the host's order: the files stay where they were made.
#ifndef TOKENGATE_USAGE_H_
#define TOKENGATE_USAGE_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "acl_set.h"
#include "fault_guard.h"
#include "tokengate/verify.h"

namespace tokengate {

inline constexpr size_t kUsageSlotBytes = 64;
/// More tokens than any store holds. An imported id may be larger: such a token has no slot.
inline constexpr uint64_t kMostUsageSlots = uint64_t{1} << 28;

using StoreId = std::array<uint8_t, 16>;

/// Slot 0.
struct UsageHeader {
  StoreId store_id{};        ///< a file of another store is about other tokens
  int64_t since_unix_s = 0;  ///< when the file was made: what happened before is not known
  uint64_t file_id = 0;      ///< drawn at random then
};

/// `slot` is kUsageSlotBytes.
void encode_usage_header(const UsageHeader& header, char* slot) noexcept;
/// False unless `slot` is a header of this version.
bool decode_usage_header(std::string_view slot, UsageHeader* header) noexcept;

/// What a granted request used of its token's rights.
struct Use {
  AclSet acls;            ///< of the token's service
  bool unlisted = false;  ///< a call that only full access opens
  bool writes = false;    ///< a call that a read-only token may not make
};

/// What a slot says. `count` 0: never used, and the rest says nothing.
struct UsageSlot {
  int64_t last_unix_s = 0;
  uint64_t count = 0;
  Address last_address;
  Use used;
};

/// Clocks are set right now and then: a use may seem to lie in the future, or before the token was made.
inline constexpr int64_t kUsageSlack_s = 3600;

/// What can be true of a slot: uses not before `least_unix_s` nor after `most_unix_s`, of `acls` only.
struct UsageBounds {
  int64_t least_unix_s = 0;
  int64_t most_unix_s = 0;
  AclSet acls;
};

/// False, with `*usage` unspecified, if `slot` holds impossible values. Any bytes may come in.
bool decode_usage_slot(std::string_view slot, const UsageBounds& bounds, UsageSlot* usage) noexcept;

/// Adds the uses of the slot `more` to `slot`; both are kUsageSlotBytes of any content. If either is
/// impossible, so is the sum.
void add_usage_slot(const char* more, char* slot) noexcept;

/// A worker's map of such a file. All but open() and is_current() is for any number of threads and processes
/// at once, and makes no system call.
class UsageMap {
 public:
  /// Null if `file` is none that this process may write, or something else. Makes system calls.
  static std::unique_ptr<UsageMap> open(const std::string& file) noexcept;
  /// The same of an opened file, which is at the path `file`.
  static std::unique_ptr<UsageMap> open(int descriptor, const std::string& file) noexcept;
  ~UsageMap();
  UsageMap(const UsageMap&) = delete;
  UsageMap& operator=(const UsageMap&) = delete;

  /// Whether the file is still the one that was mapped, as long as it was then. Makes system calls.
  bool is_current() const noexcept;

  /// Records a use at `now_unix_s`. Does nothing for a token that the file has no slot for.
  void record(uint64_t token_id, int64_t now_unix_s, const Address& client, const Use& use) noexcept;
  /// Has the slot fetched into the processor's cache while the request is still being judged.
  void prefetch(uint64_t token_id) const noexcept;

  /// Copies a slot, which is kUsageSlotBytes, and returns the count that it had; 0 if the file has none.
  uint64_t copy(uint64_t token_id, char* slot) const noexcept;
  /// Subtracts `count` uses from a slot that has that many: they are counted elsewhere now.
  void settle(uint64_t token_id, uint64_t count) noexcept;

  /// Words of slot 0 for state that all processes which map the file share; `index` is below kFreeWords.
  std::atomic_ref<uint64_t> free_word(size_t index) const noexcept;
  static constexpr size_t kFreeWords = 3;

 private:
  UsageMap() noexcept = default;
  uint64_t* slot(uint64_t token_id) const noexcept;

  uint64_t* words_ = nullptr;
  uint64_t slots_ = 0;
  size_t mapped_bytes_ = 0;
  std::string file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  off_t file_bytes_ = 0;
  FaultGuard guard_;  // the file can be cut short, and its disk can be full
};

}  // namespace tokengate

#endif  // TOKENGATE_USAGE_H_
