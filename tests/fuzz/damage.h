/// Damage to the bytes of a file, as an input of a fuzz target states it.
#ifndef TOKENGATE_TESTS_FUZZ_DAMAGE_H_
#define TOKENGATE_TESTS_FUZZ_DAMAGE_H_

#include <map>
#include <string_view>

#include "lmdb_layout.h"

/// Four bytes a place: the page, where in it (two bytes), and which bits are flipped there. Mended again at
/// the end of the scope.
class Damage {
 public:
  Damage(std::string_view input, char* bytes, size_t size) : bytes_(bytes) {
    auto number = [&](size_t i) { return size_t{static_cast<unsigned char>(input[i])}; };
    for (; input.size() >= 4; input.remove_prefix(4)) {
      size_t within = (number(1) * 256 + number(2)) % tokengate::lmdb_layout::kPageBytes;
      char& bits = flipped_[(number(0) * tokengate::lmdb_layout::kPageBytes + within) % size];
      bits = static_cast<char>(bits ^ input[3]);
    }
    flip();
    std::erase_if(flipped_, [](const auto& place) { return place.second == 0; });
  }
  ~Damage() { flip(); }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;

  bool any() const { return !flipped_.empty(); }

 private:
  void flip() {
    for (auto [at, bits] : flipped_) bytes_[at] = static_cast<char>(bytes_[at] ^ bits);
  }

  char* bytes_;
  std::map<size_t, char> flipped_;
};

#endif  // TOKENGATE_TESTS_FUZZ_DAMAGE_H_
