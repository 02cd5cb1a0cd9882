/// What the fuzz targets share.
#ifndef TOKENGATE_TESTS_FUZZ_FUZZ_H_
#define TOKENGATE_TESTS_FUZZ_FUZZ_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/// Ends the run as a finding unless `condition` holds.
inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// A copy in memory of exactly its size, so that any read beyond it is seen.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    std::copy(text.begin(), text.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

/// Takes what stands before the next `end`, and that, off the front of `*rest`.
inline std::string_view take_until(char end, std::string_view* rest) {
  size_t size = std::min(rest->find(end), rest->size());
  std::string_view taken = rest->substr(0, size);
  rest->remove_prefix(std::min(size + 1, rest->size()));
  return taken;
}

#endif  // TOKENGATE_TESTS_FUZZ_FUZZ_H_
