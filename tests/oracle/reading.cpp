// Reads headers, addresses and the catalog a second time, plainly.
#include "reading.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

namespace tokengate::oracle {
namespace {

using Strings = std::vector<std::string>;

Strings split(const std::string& text, char separator) {
  Strings parts(1);
  for (char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// ---- Check 2: what the headers claim

const std::string kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const std::string kAlphanumeric = kLetters + "0123456789";

bool is_made_of(const std::string& text, const std::string& alphabet, size_t least, size_t most) {
  return text.size() >= least && text.size() <= most && text.find_first_not_of(alphabet) == std::string::npos;
}

std::string trimmed(const std::string& text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

void claim_secret(const std::string& secret, Claim* claim) {
  claim->secret = secret;
  claim->malformed = !is_made_of(secret, kAlphanumeric + "._~+/=-", 16, 1024);
}

void claim_pair(const std::string& pair, Claim* claim) {
  size_t colon = pair.find(':');
  claim->user = pair.substr(0, colon);
  claim_secret(colon == std::string::npos ? "" : pair.substr(colon + 1), claim);
  if (!is_made_of(claim->user, kAlphanumeric + "._@+-", 1, 64) ||
      !is_made_of(claim->user.substr(0, 1), kAlphanumeric + "_", 1, 1)) {
    claim->malformed = true;
  }
}

std::optional<std::string> base64_decoded(const std::string& text) {
  const std::string digits = kAlphanumeric + "+/";
  std::string decoded, bits, padded = text;
  while (!padded.empty() && padded.back() == '=') padded.pop_back();
  for (char c : padded) {
    size_t value = digits.find(c);
    if (value == std::string::npos) return std::nullopt;
    for (int bit = 5; bit >= 0; --bit) bits += (value >> bit & 1) != 0 ? '1' : '0';
  }
  for (; bits.size() >= 8; bits.erase(0, 8)) {
    decoded += static_cast<char>(std::stoi(bits.substr(0, 8), nullptr, 2));
  }
  size_t padding = (3 - decoded.size() % 3) % 3;
  bool canonical = bits.find('1') == std::string::npos && bits.size() < 6 && !decoded.empty() &&
                   text.size() == padded.size() + padding && text.size() % 4 == 0;
  // As long as the longest user and secret, and in whole groups.
  return canonical && decoded.size() <= 195 ? std::optional(decoded) : std::nullopt;
}

uint8_t scheme_named(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::map<std::string, uint8_t> schemes = {
      {"cpanel", kSchemeCpanel}, {"whm", kSchemeWhm}, {"bearer", kSchemeBearer}, {"basic", kSchemeBasic}};
  return schemes.contains(word) ? schemes.at(word) : static_cast<uint8_t>(kSchemeNone);
}

}  // namespace

Claim read_claim(const Request& request) {
  Claim claim;
  claim.malformed = request.authorization.size() > 1 || request.key.size() > 1;
  if (claim.malformed) return claim;
  std::string value = request.authorization.empty() ? "" : trimmed(request.authorization[0]);
  std::string word = value.substr(0, value.find_first_of(" \t"));
  uint8_t scheme = scheme_named(word) & request.first_schemes;
  bool has_key = !request.key.empty() && (request.first_schemes & kSchemeKeyHeader) != 0;
  claim.malformed = scheme != kSchemeNone && has_key;
  if (claim.malformed || (scheme == kSchemeNone && !has_key)) return claim;
  claim.scheme = has_key ? static_cast<uint8_t>(kSchemeKeyHeader) : scheme;
  if (has_key) {
    claim_secret(trimmed(request.key[0]), &claim);
    return claim;
  }
  std::string rest = trimmed(value.substr(word.size()));
  if (scheme == kSchemeBearer) claim_secret(rest, &claim);
  if (scheme == kSchemeCpanel || scheme == kSchemeWhm) claim_pair(rest, &claim);
  if (scheme == kSchemeBasic) {
    std::optional<std::string> pair = base64_decoded(rest);
    claim_pair(trimmed(pair.value_or("")), &claim);
  }
  if (value.size() == word.size() || value[word.size()] != ' ') claim.malformed = true;
  return claim;
}

namespace {

// ---- Addresses, as families and bits

struct Bits {
  bool v4 = false;
  std::string bits;
};

std::optional<Bits> bits_of(const std::string& text) {
  unsigned char bytes[16];
  Bits result;
  result.v4 = inet_pton(AF_INET, text.c_str(), bytes) == 1;
  if (!result.v4 && inet_pton(AF_INET6, text.c_str(), bytes) != 1) return std::nullopt;
  for (int i = 0; i < (result.v4 ? 4 : 16); ++i) {
    for (int bit = 7; bit >= 0; --bit) result.bits += (bytes[i] >> bit & 1) != 0 ? '1' : '0';
  }
  if (!result.v4 && result.bits.starts_with(std::string(80, '0') + std::string(16, '1'))) {
    result.v4 = true;
    result.bits.erase(0, 96);
  }
  return result;
}

}  // namespace

bool is_in_range(const std::string& client, const std::string& range) {
  Strings parts = split(range, '/');
  std::optional<Bits> network = bits_of(parts[0]), address = bits_of(client);
  if (!network || !address || network->v4 != address->v4) return false;
  size_t prefix = network->bits.size();
  if (parts.size() > 1) {
    prefix = std::stoul(parts[1]);
    if (network->v4 && parts[0].find(':') != std::string::npos) prefix -= 96;
  }
  return address->bits.starts_with(network->bits.substr(0, prefix));
}

bool is_local(const std::string& client) {
  return client == "unix" || is_in_range(client, "127.0.0.0/8") || is_in_range(client, "::1");
}

namespace {

// ---- Catalog

bool fits(const Strings& pattern, const Strings& path, size_t at) {
  if (at == pattern.size()) return at == path.size();
  if (pattern[at] == "**") return true;
  if (at >= path.size()) return false;
  if (pattern[at] == "*") return !path[at].empty() && fits(pattern, path, at + 1);
  return pattern[at] == path[at] && fits(pattern, path, at + 1);
}

// The segments of a path or pattern, without an empty one at the end; and whether capitals count.
Strings segments_of(std::string path, bool exactly) {
  if (path.back() == '/') path.pop_back();
  if (!exactly) {
    for (char& c : path) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return split(path, '/');
}

// Sorts before that of another pattern which fits the same path, if the pattern is more specific.
std::string rank_of(const Strings& pattern) {
  std::string rank;
  for (const std::string& segment : pattern) rank += segment == "**" ? 'c' : segment == "*" ? 'b' : 'a';
  return rank;
}

// The function of the rows that decide about `call`, and their module; nothing if there are none.
std::optional<std::pair<std::string, std::string>> row_key(
    const std::set<std::pair<std::string, std::string>>& keys, const CallMeaning& call) {
  if (call.api == "whm1") {
    for (const auto& key : keys) {
      if (key.second == call.function) return key;
    }
    return std::nullopt;
  }
  if (call.api != "http") {
    for (const std::string& function : {call.function, std::string("*")}) {
      if (keys.contains({call.module, function})) return std::pair(call.module, function);
    }
    return std::nullopt;
  }
  std::string best, best_rank;
  for (const auto& [method, pattern] : keys) {
    std::string rank = rank_of(segments_of(pattern, false));
    if (!fits(segments_of(pattern, false), segments_of(call.function, false), 0)) continue;
    if (!best.empty() && rank >= best_rank) continue;
    best = pattern;
    best_rank = rank;
  }
  Strings methods = {call.module, "*"};
  if (call.module == "HEAD") methods = {"HEAD", "GET", "*"};
  if (best.empty()) return std::nullopt;
  for (const std::string& method : methods) {
    for (const auto& key : keys) {
      if (key.first == method && segments_of(key.second, false) == segments_of(best, false)) return key;
    }
  }
  return std::nullopt;
}

}  // namespace

Row find_row(const State& state, Service service, const CallMeaning& call) {
  Row row;
  row.unlisted = true;
  row.read = false;
  if (call.api == "http" && service == Service::kWhm) return row;
  std::set<std::pair<std::string, std::string>> keys;
  std::vector<Strings> rows;
  for (const std::string& line : split(state.catalog, '\n')) {
    Strings cells = split(line, '\t');
    if (cells.size() != 5 || cells[0] != call.api) continue;
    if (call.api == "whm1") cells[1].clear();
    keys.insert({cells[1], cells[2]});
    rows.push_back(cells);
  }
  auto key = row_key(keys, call);
  if (!key) return row;
  row = Row{};
  row.other_case =
      call.api == "http" && !fits(segments_of(key->second, true), segments_of(call.function, true), 0);
  for (const Strings& cells : rows) {
    if (cells[1] != key->first || cells[2] != key->second) continue;
    if (cells[3] == "?") {
      row.unlisted = true;
    } else if (cells[3] == "*each") {
      row.wrapper = true;
    } else {
      row.acls.insert(cells[3]);
    }
    if (cells[4] != "read") row.read = false;
  }
  return row;
}

}  // namespace tokengate::oracle
