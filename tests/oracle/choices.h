/// Decisions taken from bytes: those of a fuzzer, or of a seeded generator. When they are used up every
/// further decision is the first possible one, so that shorter input means a plainer case.
#ifndef TOKENGATE_TESTS_CHOICES_H_
#define TOKENGATE_TESTS_CHOICES_H_

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}

  bool are_left() const { return !rest_.empty(); }

  /// 0 to count - 1; `count` is at most 256.
  unsigned below(unsigned count) {
    if (rest_.empty()) return 0;
    auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte % count;
  }
  bool one_in(unsigned count) { return below(count) == count - 1; }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(static_cast<unsigned>(from.size()))];
  }
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[below(static_cast<unsigned>(from.size()))];
  }

  /// Some of `from`, in its order.
  std::vector<std::string> some(const std::vector<std::string>& from, unsigned one_of) {
    std::vector<std::string> chosen;
    for (const std::string& item : from) {
      if (one_in(one_of)) chosen.push_back(item);
    }
    return chosen;
  }

  /// The next bytes as they are.
  std::string bytes(size_t at_most) {
    std::string taken(rest_.substr(0, at_most));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

#endif  // TOKENGATE_TESTS_CHOICES_H_
