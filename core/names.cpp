// Grammars of names, and the names of services and schemes.
#include "names.h"

#include <algorithm>

namespace tokengate {
namespace {

bool is_alnum(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Whether each byte is alphanumeric or one of `others`.
bool only_alnum_and(std::string_view text, std::string_view others) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [others](char c) { return is_alnum(c) || others.find(c) != std::string_view::npos; });
}

bool has_length(std::string_view text, size_t least, size_t most) noexcept {
  return text.size() >= least && text.size() <= most;
}

}  // namespace

bool is_username(std::string_view text) noexcept {
  return has_length(text, 1, kMaxUserBytes) && (is_alnum(text[0]) || text[0] == '_') &&
         only_alnum_and(text, "._@+-");
}

bool is_token_name(std::string_view text) noexcept {
  return has_length(text, 1, kMaxTokenNameBytes) && only_alnum_and(text, "_-");
}

bool is_acl_name(std::string_view text) noexcept {
  return has_length(text, 1, kMaxAclNameBytes) && is_alnum(text[0]) && only_alnum_and(text, "._-");
}

bool is_secret(std::string_view text) noexcept {
  return has_length(text, kMinSecretBytes, kMaxSecretBytes) && only_alnum_and(text, "._~+/=-");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool header_names_fold_alike(std::string_view a, std::string_view b) noexcept {
  auto fold = [](char c) { return c == '_' ? '-' : lower(c); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [fold](char x, char y) { return fold(x) == fold(y); });
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
