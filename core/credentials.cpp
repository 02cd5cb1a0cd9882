// Reads credentials out of header values.
#include "credentials.h"

#include "names.h"

namespace tokengate {
namespace {

using State = Credentials::State;

/// Real clients leave CR, LF and blanks behind a stored secret; none of them can be part of one.
std::string_view trim(std::string_view text) noexcept {
  auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

State accept_pair(std::string_view pair, ParsedCredentials* parsed) noexcept {
  size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return State::kMalformed;
  parsed->user = pair.substr(0, colon);
  parsed->secret = pair.substr(colon + 1);
  return is_username(parsed->user) && is_secret(parsed->secret) ? State::kPresent : State::kMalformed;
}

State accept_secret(std::string_view secret, ParsedCredentials* parsed) noexcept {
  parsed->secret = secret;
  return is_secret(secret) ? State::kPresent : State::kMalformed;
}

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

/// RFC 4648 section 4, padded, with nothing in the bits that padding leaves over: one text for one value.
bool decode_base64(std::string_view text, decltype(ParsedCredentials::decoded)* out,
                   size_t* out_size) noexcept {
  if (text.empty() || text.size() % 4 != 0 || text.size() / 4 * 3 > out->size()) return false;
  size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  size_t size = 0;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    size_t characters = i + 4 == text.size() ? 4 - padding : 4;
    for (size_t j = 0; j < 4; ++j) {
      int value = j < characters ? base64_value(text[i + j]) : 0;
      if (value < 0) return false;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    for (size_t j = 0; j < 3; ++j) (*out)[size + j] = static_cast<char>(group >> (16 - 8 * j));
    size += characters - 1;
    uint32_t left_over = group & ((1U << (8 * (4 - characters))) - 1);
    if (characters < 4 && left_over != 0) return false;
  }
  *out_size = size;
  return true;
}

State accept_basic(std::string_view encoded, ParsedCredentials* parsed) noexcept {
  size_t size = 0;
  if (!decode_base64(encoded, &parsed->decoded, &size)) return State::kMalformed;
  return accept_pair(trim({parsed->decoded.data(), size}), parsed);
}

/// The first blank, which ends the scheme's name; the size of `value` if there is none.
size_t scheme_end(std::string_view value) noexcept {
  size_t end = 0;
  while (end < value.size() && value[end] != ' ' && value[end] != '\t') ++end;
  return end;
}

State accept_authorization(std::string_view value, ParsedCredentials* parsed) noexcept {
  // Behind the scheme stands a blank and nothing else: not a tab with something that nobody reads.
  size_t end = scheme_end(value);
  if (end == value.size() || value[end] != ' ') return State::kMalformed;
  std::string_view rest = trim(value.substr(end));
  switch (parsed->scheme) {
    case kSchemeCpanel:
    case kSchemeWhm:
      return accept_pair(rest, parsed);
    case kSchemeBearer:
      return accept_secret(rest, parsed);
    case kSchemeBasic:
      return accept_basic(rest, parsed);
    case kSchemeKeyHeader:
    case kSchemeNone:
      break;
  }
  return State::kMalformed;
}

}  // namespace

Credentials::State parse_credentials(uint8_t schemes, const CredentialFields& fields,
                                     ParsedCredentials* parsed) noexcept {
  // Which of two fields a backend, a proxy or a log would look at is anybody's guess.
  if (fields.authorization_count > 1 || fields.key_header_count > 1) return State::kMalformed;
  std::string_view authorization = fields.authorization_count == 1 ? trim(fields.authorization) : "";
  Scheme scheme = scheme_from_name(authorization.substr(0, scheme_end(authorization)));
  bool has_authorization = (scheme & schemes) != 0;
  bool has_key = fields.key_header_count == 1 && (schemes & kSchemeKeyHeader) != 0;
  if (has_authorization && has_key) return State::kMalformed;

  parsed->user = {};
  if (has_key) {
    parsed->scheme = kSchemeKeyHeader;
    return accept_secret(trim(fields.key_header), parsed);
  }
  if (!has_authorization) return State::kAbsent;
  parsed->scheme = scheme;
  return accept_authorization(authorization, parsed);
}

std::string challenge(uint8_t schemes, std::string_view realm) {
  // Basic first: whoever switches it on wants browsers to ask.
  std::string text = "Bearer";
  if ((schemes & kSchemeBasic) != 0) {
    text = "Basic";
  } else if ((schemes & kSchemeBearer) == 0 && (schemes & kSchemeCpanel) != 0) {
    text = "cpanel";
  } else if ((schemes & kSchemeBearer) == 0 && (schemes & kSchemeWhm) != 0) {
    text = "whm";
  }
  text += " realm=\"";
  for (char c : realm) {
    if (c == '"' || c == '\\') text.push_back('\\');
    text.push_back(c);
  }
  return text + '"';
}

}  // namespace tokengate
