// Refuses paths that are not canonical, and tells which API the others belong to.
#include "path.h"

#include <algorithm>
#include <array>

#include "chars.h"

namespace tokengate {
namespace {

using chars::is_alnum;

constexpr size_t kMaxNameBytes = 64;
constexpr std::string_view kSessionPrefix = "cpsess";

// What a byte may be in a path; one look-up a byte, as every request goes through here.
enum ByteClass : uint8_t {
  kUnreserved = 1,  // RFC 3986 2.3
  // pchar of RFC 3986 3.3 but for percent-encoding, without ';', where some backends cut a segment; and the
  // slash between segments.
  kPlain = 2,
  kDelimiter = 4,  // ends or cuts a path, a segment or a name somewhere
  kSpecial = 8,    // what served_problem() looks at: delimiters, control characters, and all beyond ASCII
  kName = 16,      // of a module or function of UAPI and API 2
  kSlash = 32,
  kOddFirst = 64,  // behind a slash it begins an empty segment, or perhaps a dot segment
};
static_assert(kSlash << 1 == kOddFirst);

constexpr std::array<uint8_t, 256> kByteClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (size_t byte = 0; byte < classes.size(); ++byte) {
    char c = static_cast<char>(byte);
    auto is_one_of = [c](std::string_view set) { return set.find(c) != std::string_view::npos; };
    if (is_alnum(c) || is_one_of("-._~")) classes[byte] |= kUnreserved | kPlain;
    if (is_one_of("!$&'()*+,=:@/")) classes[byte] |= kPlain;
    if (is_alnum(c) || c == '_') classes[byte] |= kName;
    if (is_one_of("/\\;?#%")) classes[byte] |= kDelimiter | kSpecial;
    if (chars::is_control(c) || !chars::is_ascii(c)) classes[byte] |= kSpecial;
    if (c == '/') classes[byte] |= kSlash;
    if (is_one_of("/.")) classes[byte] |= kOddFirst;
  }
  return classes;
}();

bool is(char c, ByteClass byte_class) noexcept {
  return (kByteClasses[static_cast<unsigned char>(c)] & byte_class) != 0;
}

// Whether a path of which both forms are these bytes is canonical at first sight, as nearly all are: it then
// has none of the problems below, and the other way round nothing is said. One pass without a branch a byte.
bool is_plainly_canonical(std::string_view path) noexcept {
  unsigned in_all = kPlain;
  unsigned odd = 0;
  unsigned before = 0;
  for (char c : path) {
    unsigned classes = kByteClasses[static_cast<unsigned char>(c)];
    in_all &= classes;
    odd |= before << 1 & classes;
    before = classes & kSlash;
  }
  return in_all != 0 && odd == 0 && path.starts_with('/');
}

// What only the wire form can show: bytes that had to be encoded and were not, and the reverse. What a byte
// must not be in either form is left to served_problem().
std::string_view wire_problem(std::string_view wire) noexcept {
  for (size_t i = 0; i < wire.size(); ++i) {
    char c = wire[i];
    if (is(c, kPlain)) continue;
    if (c != '%') return "a byte in the path that is not allowed there, or has to be percent-encoded";
    int value = chars::percent_value(wire.substr(i));
    if (value < 0) return "an incomplete percent-encoding in the path";
    char decoded = static_cast<char>(value);
    if (is(decoded, kUnreserved)) return "percent-encoding in the path of a character that needs none";
    if (is(decoded, kDelimiter)) return "a percent-encoded delimiter in the path";
    i += 2;
  }
  return {};
}

// `wire` has passed wire_problem().
bool decodes_to(std::string_view wire, std::string_view served) noexcept {
  size_t at = 0;
  for (size_t i = 0; i < wire.size(); ++i, ++at) {
    if (at == served.size()) return false;
    char c = wire[i];
    if (c == '%') {
      c = static_cast<char>(chars::percent_value(wire.substr(i)));
      i += 2;
    }
    if (c != served[at]) return false;
  }
  return at == served.size();
}

// Some file systems ignore blanks and dots at the end of a name, so that ".. " is "..".
bool is_dot_segment(std::string_view segment) noexcept {
  if (segment.empty() || (segment.front() != '.' && segment.front() != ' ')) return false;
  return segment.find('.') != std::string_view::npos &&
         segment.find_first_not_of(". ") == std::string_view::npos;
}

std::string_view served_problem(std::string_view served) noexcept {
  if (served.empty() || served.front() != '/') return "a path that does not begin with a slash";
  for (size_t begin = 1, end; begin <= served.size(); begin = end + 1) {
    end = std::min(served.find('/', begin), served.size());
    for (size_t i = begin; i < end; ++i) {
      if (!is(served[i], kSpecial)) continue;
      if (is(served[i], kDelimiter)) return "a delimiter inside a segment of the path";
      if (chars::is_control(served[i])) return "a control character in the path";
      size_t length = chars::utf8_length(served.substr(i));
      if (length == 0) return "malformed UTF-8 in the path";
      // U+0080 to U+009F are control characters too.
      if (served[i] == '\xc2' && served[i + 1] < '\xa0') return "a control character in the path";
      i += length - 1;
    }
    if (end == begin && end < served.size()) return "an empty segment in the path";
    if (is_dot_segment(served.substr(begin, end - begin))) return "a dot segment in the path";
  }
  return {};
}

// Removes the first segment and the slash after it from `*rest`, and returns the segment.
std::string_view take_segment(std::string_view* rest) noexcept {
  size_t end = std::min(rest->find('/'), rest->size());
  std::string_view segment = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return segment;
}

bool is_session_segment(std::string_view segment) noexcept {
  if (!segment.starts_with(kSessionPrefix) || segment.size() == kSessionPrefix.size()) return false;
  segment.remove_prefix(kSessionPrefix.size());
  return std::all_of(segment.begin(), segment.end(), chars::is_digit);
}

struct FixedName {
  std::string_view name;
  PathFamily family;
};
constexpr std::array<FixedName, 3> kFixedNames = {{{"execute", PathFamily::kExecute},
                                                   {"json-api", PathFamily::kJsonApi},
                                                   {"xml-api", PathFamily::kXmlApi}}};

// Whether a lax backend could take `segment` for a fixed name: other case, or blanks, dots and the like
// around.
bool resembles_fixed_name(std::string_view segment) noexcept {
  while (!segment.empty() && !is_alnum(segment.front())) segment.remove_prefix(1);
  while (!segment.empty() && !is_alnum(segment.back())) segment.remove_suffix(1);
  return std::any_of(kFixedNames.begin(), kFixedNames.end(),
                     [&](const FixedName& fixed) { return chars::equals_folded(segment, fixed.name); });
}

// `rest`: what follows "/execute/" and so on.
Path read_fixed(PathFamily family, std::string_view rest) noexcept {
  Path path;
  path.family = family;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (family == PathFamily::kExecute) {
    path.module = take_segment(&rest);
    path.function = rest;
    if (!is_function_name(path.module) || !is_function_name(path.function)) {
      path.problem = "a path under /execute that is not /execute/MODULE/FUNCTION";
    }
    return path;
  }
  path.function = rest;
  bool grouped = rest.find('/') != std::string_view::npos;
  if (!is_whm1_function(rest) || (grouped && family == PathFamily::kXmlApi)) {
    path.problem = "a path under /json-api or /xml-api that names no function";
  }
  return path;
}

bool is_whm1_segment(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

// Whether `name` is one of the words that lead into other calls, in any case and with '-' for '_' or the
// reverse.
bool resembles_wrapper(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> kWords = {"cpanel",  "uapi_cpanel", "batch",
                                                      "execute", "json_api",    "xml_api"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return std::equal(name.begin(), name.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a == '-' ? '_' : chars::lower(a)) == b; });
  });
}

}  // namespace

bool is_function_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  unsigned in_all = kName;
  for (char c : name) in_all &= kByteClasses[static_cast<unsigned char>(c)];
  return in_all != 0;
}

bool is_whm1_function(std::string_view name) noexcept {
  if (name == "cpanel" || name == "uapi_cpanel" || name == "batch") return true;
  size_t slash = name.find('/');
  std::string_view first = name.substr(0, slash);
  if (!is_whm1_segment(first) || resembles_wrapper(first) ||
      chars::starts_with_folded(first, kSessionPrefix)) {
    return false;
  }
  if (slash == std::string_view::npos) return true;
  std::string_view second = name.substr(slash + 1);
  return is_whm1_segment(second) && !resembles_wrapper(second);
}

Path read_path(std::string_view wire, std::string_view served) noexcept {
  Path path;
  path.function = served;
  bool on_wire = !wire.empty();
  bool doubled_slash = wire.starts_with("//");
  if (doubled_slash) {
    wire.remove_prefix(1);
    if (served.starts_with("//")) served.remove_prefix(1);
  }
  if ((on_wire && wire != served) || !is_plainly_canonical(served)) {
    path.problem = wire_problem(wire);
    // Of equal bytes, served_problem() refuses a percent sign.
    if (path.problem.empty() && on_wire && wire != served && !decodes_to(wire, served)) {
      path.problem = "a path that is not the one that will be served";
    }
    if (path.problem.empty()) path.problem = served_problem(served);
    if (!path.problem.empty()) return path;
  }

  // From here on the wire form is compared, so that percent-encoding matches no fixed part.
  std::string_view rest = (on_wire ? wire : served).substr(1);
  std::string_view first = take_segment(&rest);
  bool session = is_session_segment(first);
  if (session) first = take_segment(&rest);
  for (const FixedName& fixed : kFixedNames) {
    if (first == fixed.name) return read_fixed(fixed.family, rest);
  }

  std::string_view served_rest = served.substr(1);
  if (session || chars::starts_with_folded(first, kSessionPrefix)) {
    path.problem = "a session segment in front of a path that is no API";
  } else if (resembles_fixed_name(take_segment(&served_rest))) {
    path.problem = "an API path in the wrong case or with extra characters";
  } else if (doubled_slash) {
    path.problem = "an empty segment in the path";
  }
  return path;
}

}  // namespace tokengate
