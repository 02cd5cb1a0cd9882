/// Puts any number of token records in the order of their keys, in bounded memory: what does not fit goes to
/// a file without a name. Keys are beginnings of digests, and so spread evenly.
#ifndef TOKENGATE_TOKEN_SORTER_H_
#define TOKENGATE_TOKEN_SORTER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "record.h"

namespace tokengate {

class TokenSorter {
 public:
  static constexpr size_t kDefaultMemoryBytes = size_t{256} << 20;

  /// `folder` is where the file is made, if there must be one.
  explicit TokenSorter(std::string folder, size_t memory_bytes = kDefaultMemoryBytes);
  ~TokenSorter();
  TokenSorter(const TokenSorter&) = delete;
  TokenSorter& operator=(const TokenSorter&) = delete;

  /// `line` says where the record came from. Throws if the disk does not take it.
  void add(TokenKey key, uint64_t line, std::string_view record);

  /// In the order of keys; equal keys in the order in which they were added.
  using Visit = std::function<void(TokenKey key, uint64_t line, std::string_view record)>;
  void for_each(const Visit& visit) const;

 private:
  static constexpr size_t kBuckets = 256;  ///< by the first 8 bits of the key
  struct Chunk {
    uint64_t offset;
    size_t size;
  };
  struct Bucket {
    std::string bytes;          ///< entries not yet in the file
    std::vector<Chunk> chunks;  ///< those before them
  };
  void spill();
  std::string contents(const Bucket& bucket) const;

  const std::string folder_;
  const size_t memory_bytes_;
  std::array<Bucket, kBuckets> buckets_;
  size_t held_bytes_ = 0;
  int file_ = -1;
  uint64_t file_bytes_ = 0;
};

}  // namespace tokengate

#endif  // TOKENGATE_TOKEN_SORTER_H_
