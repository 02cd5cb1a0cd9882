// Looks for selectors in multipart/form-data, without relying on its structure.
#include "multipart.h"

#include <algorithm>
#include <array>

#include "chars.h"

namespace tokengate {
namespace {

constexpr size_t kReach = 128;       // how far behind "name" a selector still counts
constexpr size_t kCloseReach = 12;   // the same for api.version, which stands in many innocent files
constexpr size_t kLongestName = 64;  // with escapes
constexpr std::string_view kName = "name";
constexpr std::string_view kFiller = " \t\r\n\v\f=\"'\\";

// `at`: just behind the word "name", which begins at `word`.
bool is_encoded_name(std::string_view body, size_t word, size_t at) noexcept {
  // "filename*=" is common and names no parameter.
  bool whole_word = word == 0 || !chars::is_alnum(body[word - 1]);
  if (whole_word && body.substr(at).starts_with('*')) {
    char next = at + 1 < body.size() ? body[at + 1] : '\0';
    return next == '=' || chars::is_digit(next);
  }
  size_t value = std::min(body.find_first_not_of(" \t\r\n=\"'", at), body.size());
  return whole_word && value > at && body.substr(value - 1).starts_with("=?");
}

// Cheap, and right for all selectors: whether the first letters from `text` on, with anything in between, are
// those of a selector.
bool may_begin_selector(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 4> kBeginnings = {"cpan", "comm", "apiv", "xmli"};
  char letters[4];
  size_t count = 0;
  Decoder decoder({text.substr(0, kLongestName), Encoding::kLooseForm});
  for (int byte = decoder.next(); byte >= 0 && count < sizeof letters; byte = decoder.next()) {
    char c = static_cast<char>(byte);
    if (!chars::is_alnum(c)) {
      if (count == 0) return false;
      continue;
    }
    letters[count++] = chars::lower(c);
    std::string_view seen(letters, count);
    if (std::none_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](auto word) { return word.starts_with(seen); })) {
      return false;
    }
  }
  return count == sizeof letters;
}

}  // namespace

NameMatch find_in_multipart(SelectorSet set, std::string_view body) noexcept {
  NameMatch worst;
  size_t behind_name = std::string_view::npos;  // of the last word "name" before `at`
  size_t filler = 0;  // blanks, line breaks, quotes and the like since: parsers skip any number of them
  for (size_t at = 0; at < body.size(); ++at) {
    if (chars::starts_with_folded(body.substr(at, kName.size()), kName)) {
      size_t end = at + kName.size();
      if (is_encoded_name(body, at, end)) return {NameMatch::kLookalike, Selector::kFunction};
      behind_name = end;
      filler = 0;
      at = end - 1;
      continue;
    }
    if (behind_name == std::string_view::npos) continue;
    if (kFiller.find(body[at]) != std::string_view::npos) {
      ++filler;
      continue;
    }
    if (at - behind_name - filler > kReach || !may_begin_selector(body.substr(at))) continue;
    NameMatch match = match_start(set, ParamName({body.substr(at, kLongestName), Encoding::kLooseForm}));
    if (match.kind == NameMatch::kLookalike) {
      if (match.selector != Selector::kApiVersion || at - behind_name <= kCloseReach) return match;
    } else if (match.kind != NameMatch::kOther) {
      worst = match;
    }
  }
  return worst;
}

}  // namespace tokengate
