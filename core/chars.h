/// Character classes and UTF-8, for text that came over the network: ASCII rules, whatever the locale says.
#ifndef TOKENGATE_CHARS_H_
#define TOKENGATE_CHARS_H_

#include <cstddef>
#include <string_view>

namespace tokengate::chars {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}
constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
constexpr bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// The byte that `text`, which begins with `%`, encodes; -1 if no two hexadecimal digits follow.
constexpr int percent_value(std::string_view text) {
  if (text.size() < 3) return -1;
  int high = hex_value(text[1]), low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Whether `text`, in any case, is `lower_case`.
constexpr bool equals_folded(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

/// Where `lower_case` begins in `text`, in any case, at or after `from`; npos if nowhere.
constexpr size_t find_folded(std::string_view text, std::string_view lower_case, size_t from = 0) {
  for (size_t i = from; i + lower_case.size() <= text.size(); ++i) {
    if (equals_folded(text.substr(i, lower_case.size()), lower_case)) return i;
  }
  return std::string_view::npos;
}

constexpr bool starts_with_folded(std::string_view text, std::string_view lower_case) {
  return equals_folded(text.substr(0, lower_case.size()), lower_case);
}

/// Length of the well-formed UTF-8 sequence (RFC 3629 section 4) that `text` begins with; 0 if it begins with
/// none: overlong forms, surrogates and values above U+10FFFF are not well formed.
constexpr size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(0), second = byte(1);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !tail(1)) return 0;
  if (first < 0xe0) return 2;
  if (!tail(2)) return 0;
  if (first < 0xf0) return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ? 0 : 3;
  if (!tail(3) || (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return 4;
}

}  // namespace tokengate::chars

#endif  // TOKENGATE_CHARS_H_
