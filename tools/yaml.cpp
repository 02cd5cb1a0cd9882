// Writes JSON values as YAML in block style.
#include "yaml.h"

#include <algorithm>

namespace tokengate::cli {
namespace {

/// Texts of these characters, with a letter in front, mean themselves; but for the words that mean a value.
bool is_plain(const std::string& text) {
  static constexpr const char* kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !is_letter(text.front())) return false;
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(c | 0x20); });
  if (std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords)) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

std::string scalar(const Json& value) {
  if (value.is_null()) return "~";
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  if (value.is_string() && is_plain(value.get<std::string>())) return value.get<std::string>();
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

/// Each line begins with `indent` blanks.
void write_block(const Json& value, size_t indent, std::string* text) {
  const auto entry = [&](const std::string& mark, const Json& inner) {
    text->append(std::string(indent, ' ')).append(mark);
    if (!inner.is_structured() || inner.empty()) {
      text->append(" ").append(scalar(inner)).append("\n");
    } else {
      text->append("\n");
      write_block(inner, indent + 2, text);
    }
  };
  if (value.is_array()) {
    for (const Json& element : value) entry("-", element);
  } else {
    for (const auto& [key, member] : value.items()) entry(scalar(key) + ":", member);
  }
}

}  // namespace

std::string yaml_text(const Json& value) {
  std::string text = "---\n";
  if (!value.is_structured() || value.empty()) return text + scalar(value) + "\n";
  write_block(value, 0, &text);
  return text;
}

}  // namespace tokengate::cli
