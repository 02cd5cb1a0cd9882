// What the names of request headers mean, to us and to the backend.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <span>

#include "chars.h"
#include "names.h"
#include "tokengate/verify.h"

namespace tokengate {
namespace {

using chars::is_alnum;

/// Headers for which a backend may run another path or method than the request's own.
constexpr std::string_view kCallChangers[] = {
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",  // Symfony before 4.1.3 (CVE-2018-14773), Zend (ZF2018-01)
    "Script-Name"};   // Gunicorn before 22 takes SCRIPT_NAME off the path

/// Those by which a client says that it means another call; the paths among the above also come of proxies.
constexpr std::string_view kCallNamers[] = {"Destination", kCallChangers[0], kCallChangers[1],
                                            kCallChangers[2]};

/// As bits: folding keeps the length, and few other headers share one.
constexpr uint64_t lengths_of(std::span<const std::string_view> names) {
  uint64_t lengths = 0;
  for (std::string_view name : names) lengths |= uint64_t{1} << name.size();
  return lengths;
}
constexpr uint64_t kCallChangerLengths = lengths_of(kCallChangers);
constexpr uint64_t kCallNamerLengths = lengths_of(kCallNamers);

bool folds_to_any(std::string_view name, std::span<const std::string_view> names, uint64_t lengths) noexcept {
  if (name.size() > kMaxHeaderNameBytes || (lengths >> name.size() & 1) == 0) return false;
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view other) { return header_names_fold_alike(name, other); });
}

constexpr std::string_view kConnectionOptions[] = {"close", "keep-alive", "upgrade", "http2-settings"};

}  // namespace

bool header_names_fold_alike(std::string_view a, std::string_view b) noexcept {
  auto fold = [](char c) { return is_alnum(c) ? chars::lower(c) : '-'; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [fold](char x, char y) { return fold(x) == fold(y); });
}

bool is_fixed_identity_header(std::string_view name) noexcept {
  return header_names_fold_alike(name, kServiceHeader) || header_names_fold_alike(name, kTokenHeader) ||
         header_names_fold_alike(name, kTokenIdHeader) || header_names_fold_alike(name, kSecretSerialHeader);
}

bool header_changes_call(std::string_view name) noexcept {
  return folds_to_any(name, kCallChangers, kCallChangerLengths);
}

bool header_names_another_call(std::string_view name) noexcept {
  return folds_to_any(name, kCallNamers, kCallNamerLengths);
}

ConnectionOptions read_connection_options(std::string_view value) noexcept {
  ConnectionOptions options;
  // What nearly all clients send: one option alone.
  if (std::find(std::begin(kConnectionOptions), std::end(kConnectionOptions), value) !=
      std::end(kConnectionOptions)) {
    options.known.assign(value);
    return options;
  }
  std::array<bool, std::size(kConnectionOptions)> found{};
  // Not split at commas alone: mod_proxy also does at blanks, semicolons and quotes.
  auto is_word = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
  for (auto at = value.begin(); at != value.end();) {
    auto end = std::find_if_not(at, value.end(), is_word);
    if (at == end) {
      ++at;
      continue;
    }
    std::string_view word(at, end);
    at = end;
    const auto* option =
        std::find_if(std::begin(kConnectionOptions), std::end(kConnectionOptions),
                     [word](std::string_view known) { return equal_ignoring_case(word, known); });
    if (option == std::end(kConnectionOptions)) {
      options.complete = false;
    } else if (bool& known = found[option - std::begin(kConnectionOptions)]; !known) {
      known = true;
      if (!options.known.empty()) options.known.append(",");
      options.known.append(*option);
    }
  }
  return options;
}

std::string_view header_name_problem(std::string_view name) noexcept {
  // Of HTTP (RFC 9110, RFC 9112), and of proxies.
  static constexpr std::string_view kTaken[] = {"accept",
                                                "accept-charset",
                                                "accept-encoding",
                                                "accept-language",
                                                "authorization",
                                                "cache-control",
                                                "connection",
                                                "content-encoding",
                                                "content-language",
                                                "content-length",
                                                "content-location",
                                                "content-range",
                                                "content-type",
                                                "cookie",
                                                "date",
                                                "depth",
                                                "destination",
                                                "expect",
                                                "forwarded",
                                                "from",
                                                "host",
                                                "if-match",
                                                "if-modified-since",
                                                "if-none-match",
                                                "if-range",
                                                "if-unmodified-since",
                                                "keep-alive",
                                                "max-forwards",
                                                "origin",
                                                "overwrite",
                                                "pragma",
                                                "proxy-authorization",
                                                "proxy-connection",
                                                "range",
                                                "referer",
                                                "te",
                                                "trailer",
                                                "transfer-encoding",
                                                "upgrade",
                                                "user-agent",
                                                "via",
                                                "x-forwarded-for",
                                                "x-forwarded-host",
                                                "x-forwarded-proto",
                                                "x-real-ip"};
  if (name.empty() || !is_alnum(name[0]) ||
      !std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '-' || c == '_'; })) {
    return "needs the name of a header, of letters, digits, \"-\" and \"_\", such as X-Api-Key";
  }
  if (name.size() > kMaxHeaderNameBytes) return "needs a header name of at most 63 characters";
  bool taken = header_changes_call(name) ||
               std::any_of(std::begin(kTaken), std::end(kTaken),
                           [name](std::string_view other) { return header_names_fold_alike(name, other); });
  return taken ? "names a header that already has a meaning: choose one of your own, such as X-Api-Key" : "";
}

}  // namespace tokengate
