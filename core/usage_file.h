/// usage.map from its owner's side: making it, giving it room, and reading it with what its buffer holds.
/// Through read and write calls, so that nothing that the workers' user does to the files can end the
/// process.
#ifndef TOKENGATE_USAGE_FILE_H_
#define TOKENGATE_USAGE_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "usage_io.h"

namespace tokengate {

/// What a change of the store means for the file.
struct UsageNeeds {
  StoreId store_id{};
  uint64_t first_new_id = 1;  ///< tokens from here on
  uint64_t next_id = 1;       ///< to before here are new: whatever their slots hold is not about them
  int64_t now_unix_s = 0;
};

/// Makes the file if it is missing, or not of this store, with the group of the data file; clears the slots
/// of new tokens, in the buffer too; gives it room for them and for those to come. To be called within the
/// write transaction, so that nobody else does the same. Errors are silent: no change of the store fails for
/// them, and UsageFile::problem() reports them.
void keep_usage_file(const std::string& store_path, UsageNeeds needs);

/// The file opened for reading, with its buffer if there is one.
class UsageFile {
 public:
  UsageFile(const std::string& store_path, const StoreId& store_id);

  /// Why workers cannot record anything, or no record can be read; empty if all is well.
  const std::string& problem() const { return problem_; }
  /// Whether slots can be read, even if workers cannot write them.
  bool is_readable() const { return readable_; }
  int64_t since_unix_s() const { return header_.since_unix_s; }
  uint64_t slots() const { return slots_; }

  /// The record of a token. False, with `*usage` unspecified, if it is impossible: see decode_usage_slot().
  bool read(uint64_t token_id, const UsageBounds& bounds, UsageSlot* usage);

 private:
  /// Slots first_ to first_ + kPartSlots: listings ask for neighbours.
  struct Part {
    std::vector<char> bytes;
    const char* slot(uint64_t index) const;
  };
  void read_part(int file, Part* part) const;

  Descriptor file_{-1};
  Descriptor buffer_{-1};
  UsageLock::Wait wait_ = UsageLock::Wait::kBriefly;
  bool readable_ = false;
  std::string problem_;
  UsageHeader header_;
  uint64_t slots_ = 0;
  Part noted_;
  Part buffered_;
  uint64_t first_ = UINT64_MAX;
};

}  // namespace tokengate

#endif  // TOKENGATE_USAGE_FILE_H_
