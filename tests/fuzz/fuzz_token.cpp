// Token texts: what is made of any random bytes is known as ours, and no slip of the pen in it stays so.
//
// Input: random bytes for the maker; the same bytes as a text.
#include "token.h"

#include "fuzz.h"

namespace {

using namespace tokengate;

void check_ours(const std::string& text) {
  require(check_token_text(text) == TokenTextKind::kOurs, "not known as ours");
  for (size_t i = 0; i < text.size(); ++i) {
    std::string slip = text;
    slip[i] = slip[i] == 'Z' ? 'A' : slip[i] == '9' ? '0' : static_cast<char>(slip[i] + 1);
    require(check_token_text(slip) == TokenTextKind::kBadCheck, "another character goes unseen");
    if (i == 0 || text[i] == text[i - 1]) continue;
    slip = text;
    std::swap(slip[i], slip[i - 1]);
    require(check_token_text(slip) == TokenTextKind::kBadCheck, "swapped characters go unseen");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view rest = input;
  std::string made = make_token_text([&](std::span<uint8_t> out) {
    if (rest.empty()) return false;
    std::fill(out.begin(), out.end(), uint8_t{0});
    rest.remove_prefix(rest.copy(reinterpret_cast<char*>(out.data()), out.size()));
    return true;
  });
  if (!made.empty()) check_ours(made);

  Exact text(input);
  TokenTextKind kind = check_token_text(text.view());
  if (kind == TokenTextKind::kOurs) check_ours(std::string(input));
  bool storable = kind != TokenTextKind::kNotAToken;
  bool fits = size >= kMinSecretBytes && size <= kMaxSecretBytes &&
              std::all_of(input.begin(), input.end(), [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
  require(fits || !storable, "a text that could not stand in a header");
  return 0;
}
