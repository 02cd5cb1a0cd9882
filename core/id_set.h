/// A set of ids in little memory, whether they are dense or not.
#ifndef TOKENGATE_ID_SET_H_
#define TOKENGATE_ID_SET_H_

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <unordered_map>

namespace tokengate {

class IdSet {
 public:
  /// False if it was there.
  bool add(uint64_t id) {
    std::bitset<kBlock>& block = blocks_[id / kBlock];
    if (block[id % kBlock]) return false;
    block.set(id % kBlock);
    most_ = std::max(most_, id);
    return true;
  }
  uint64_t most() const { return most_; }

 private:
  static constexpr size_t kBlock = 512;
  std::unordered_map<uint64_t, std::bitset<kBlock>> blocks_;
  uint64_t most_ = 0;
};

}  // namespace tokengate

#endif  // TOKENGATE_ID_SET_H_
