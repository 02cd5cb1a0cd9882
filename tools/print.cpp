// Safe text, tables and JSON on standard output.
#include "print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace tokengate::cli {
namespace {

/// The length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629), and its character; 0 if
/// there is none.
size_t read_character(std::string_view text, char32_t* character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size == 0 || first > 0xf4 || text.size() < size) return 0;
  char32_t c = size == 1 ? first : first & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    c = (c << 6) | (byte(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && c < 0x800) || (size == 4 && c < 0x10000);
  if (overlong || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) return 0;
  *character = c;
  return size;
}

bool disturbs_a_line(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool line_break = c == 0x2028 || c == 0x2029;
  const bool reorders = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
                        c == 0x200f || c == 0x061c;
  return control || line_break || reorders || c == 0xfeff;
}

/// Characters in valid UTF-8, close enough to columns for the names that occur here.
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    char32_t character = 0;
    const size_t size = read_character(text, &character);
    if (size > 0 && !disturbs_a_line(character)) {
      safe.append(text.substr(0, size));
    } else {
      for (const char c : text.substr(0, std::max<size_t>(size, 1))) {
        safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return safe;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string counted(uint64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : noun.ends_with("sh") ? "es" : "s");
}

void print_line(std::string_view text) {
  fmt::print(stdout, "{}\n", printable(text));
}

void print_note(std::string_view text) {
  fmt::print(stderr, "tokengate: {}\n", printable(text));
}

void print_json(const Json& value) {
  fmt::print(stdout, "{}\n", value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Table::Table(std::vector<std::string> headings) {
  rows_.push_back(std::move(headings));
}

void Table::add(const std::vector<std::string>& cells) {
  std::vector<std::string>& row = rows_.emplace_back();
  for (const std::string& cell : cells) row.push_back(cell.empty() ? "-" : printable(cell));
}

void Table::print(std::string_view if_empty) const {
  if (rows_.size() == 1) return print_line(if_empty);
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      // The last column is not padded: no line ends in blanks.
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    fmt::print(stdout, "{}\n", line);
  }
}

void JsonList::add(const Json& element) {
  fmt::print(stdout, "{}{}", empty_ ? "[\n" : ",\n",
             element.dump(-1, ' ', false, Json::error_handler_t::replace));
  empty_ = false;
}

void JsonList::end() {
  fmt::print(stdout, "{}", empty_ ? "[]\n" : "\n]\n");
}

}  // namespace tokengate::cli
