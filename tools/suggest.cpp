// Finds the name that was probably meant: edit distance over the names that exist.
#include "suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "print.h"

namespace tokengate::cli {
namespace {

constexpr size_t kMaxGivenBytes = 64;  ///< longer than any name can be: not a slip of the hand

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

/// Slips between two names, a swap of neighbours counting as one (optimal string alignment).
size_t slips(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t wrong = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + wrong});
      const bool swapped =
          i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view given, const std::vector<std::string>& known) {
  if (given.empty() || given.size() > kMaxGivenBytes) return {};
  const std::string* nearest = nullptr;
  size_t fewest = std::max<size_t>(1, given.size() / 3) + 1;
  for (const std::string& name : known) {
    const size_t longer = std::max(name.size(), given.size());
    if (longer - std::min(name.size(), given.size()) >= fewest) continue;
    const size_t n = slips(given, name);
    // A name with no letter in common is no suggestion, however short it is.
    if (n < fewest && n < longer) {
      fewest = n;
      nearest = &name;
    }
  }
  return nearest == nullptr ? std::string() : fmt::format(" Did you mean \"{}\"?", printable(*nearest));
}

}  // namespace tokengate::cli
