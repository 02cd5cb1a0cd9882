// Grammars of names, and the names of services and schemes.
#include "names.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "chars.h"

namespace tokengate {
namespace {

using chars::is_alnum;
using chars::lower;

/// Whose grammar a byte may stand in. A table, because every request's username and secret go through here.
enum Grammar : uint8_t { kUsername = 1, kTokenName = 2, kAclName = 4, kSecret = 8 };

constexpr std::array<uint8_t, 256> kGrammarsOf = [] {
  std::array<uint8_t, 256> grammars{};
  auto allow = [&](Grammar grammar, std::string_view others) {
    for (size_t byte = 0; byte < grammars.size(); ++byte) {
      if (is_alnum(static_cast<char>(byte))) grammars[byte] |= grammar;
    }
    for (char c : others) grammars[static_cast<unsigned char>(c)] |= grammar;
  };
  allow(kUsername, "._@+-");
  allow(kTokenName, "_-");
  allow(kAclName, "._-");
  allow(kSecret, "._~+/=-");
  return grammars;
}();

bool has_only(std::string_view text, Grammar grammar) noexcept {
  return std::all_of(text.begin(), text.end(), [grammar](char c) {
    return (kGrammarsOf[static_cast<unsigned char>(c)] & grammar) != 0;
  });
}

bool has_length(std::string_view text, size_t least, size_t most) noexcept {
  return text.size() >= least && text.size() <= most;
}

}  // namespace

bool is_username(std::string_view text) noexcept {
  return has_length(text, 1, kMaxUserBytes) && (is_alnum(text[0]) || text[0] == '_') &&
         has_only(text, kUsername);
}

bool is_token_name(std::string_view text) noexcept {
  return has_length(text, 1, kMaxTokenNameBytes) && has_only(text, kTokenName);
}

bool is_acl_name(std::string_view text) noexcept {
  return has_length(text, 1, kMaxAclNameBytes) && is_alnum(text[0]) && has_only(text, kAclName);
}

bool is_realm(std::string_view text) noexcept {
  return has_length(text, 1, kMaxRealmBytes) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_secret(std::string_view text) noexcept {
  return has_length(text, kMinSecretBytes, kMaxSecretBytes) && has_only(text, kSecret);
}

bool is_note(std::string_view text) noexcept {
  if (text.size() > kMaxNoteBytes) return false;
  while (!text.empty()) {
    size_t length = chars::utf8_length(text);
    if (length == 0 || chars::is_control(text[0])) return false;
    std::string_view character = text.substr(0, length);
    // U+0080 to U+009F, and the two separators that end a line.
    if (length == 2 && text[0] == '\xC2' && static_cast<uint8_t>(text[1]) < 0xA0) return false;
    if (character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9") return false;
    text.remove_prefix(length);
  }
  return true;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view service_name(Service service) noexcept {
  return service == Service::kWhm ? "whm" : "cpanel";
}

Scheme scheme_from_name(std::string_view name) noexcept {
  if (equal_ignoring_case(name, "cpanel")) return kSchemeCpanel;
  if (equal_ignoring_case(name, "whm")) return kSchemeWhm;
  if (equal_ignoring_case(name, "bearer")) return kSchemeBearer;
  if (equal_ignoring_case(name, "basic")) return kSchemeBasic;
  return kSchemeNone;
}

}  // namespace tokengate
