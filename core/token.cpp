// Makes and checks token text.
#include "token.h"

#include <algorithm>
#include <array>

#include "names.h"

namespace tokengate {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// CRC-32 as in ISO 3309 and zlib. Bit by bit: only 25 bytes, and never on a request.
uint32_t crc32(std::string_view text) {
  uint32_t crc = 0xFFFFFFFFU;
  for (char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
  }
  return ~crc;
}

std::string check_characters(std::string_view random_part) {
  uint32_t crc = crc32(random_part);
  std::string text(kTokenCheckChars, kDigits[0]);
  for (size_t i = kTokenCheckChars; i-- > 0; crc /= kDigits.size()) text[i] = kDigits[crc % kDigits.size()];
  return text;
}

}  // namespace

std::string make_token_text(const RandomSource& random) {
  // Bytes from here on would make some characters likelier than others.
  constexpr unsigned kUnbiased = 256 - 256 % 36;
  std::string text;
  std::array<uint8_t, 64> pool;
  while (text.size() < kTokenRandomChars) {
    if (!random(pool)) return {};
    for (uint8_t byte : pool) {
      if (byte < kUnbiased && text.size() < kTokenRandomChars) text.push_back(kDigits[byte % kDigits.size()]);
    }
  }
  return text + check_characters(text);
}

TokenTextKind check_token_text(std::string_view text) noexcept {
  bool ours = text.size() == kTokenChars && text.find_first_not_of(kDigits) == std::string_view::npos;
  if (!ours) return is_secret(text) ? TokenTextKind::kForeign : TokenTextKind::kNotAToken;
  // 7 characters: within the small-string buffer, so this cannot throw.
  return check_characters(text.substr(0, kTokenRandomChars)) == text.substr(kTokenRandomChars)
             ? TokenTextKind::kOurs
             : TokenTextKind::kBadCheck;
}

}  // namespace tokengate
