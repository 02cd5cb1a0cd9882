// The catalog's text form: reads it line by line, refusing the first odd thing, and writes it.
#include "catalog.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "catalog_table.h"
#include "chars.h"
#include "names.h"

namespace tokengate {
namespace {

constexpr std::string_view kHeader = "api\tmodule\tfunction\tacl\taccess";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kColumns = 5;

enum Column : uint8_t { kApi, kModule, kFunction, kAcl, kAccess };
using Cells = std::array<std::string_view, kColumns>;

// Whether `text` is 1 to `max` bytes, each a letter, a digit or one of `others`.
bool is_name(std::string_view text, size_t max, std::string_view others) {
  return !text.empty() && text.size() <= max && std::all_of(text.begin(), text.end(), [&](char c) {
    return chars::is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return chars::is_upper(c) || c == '-'; });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = chars::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// `text` in quotes, cut and with everything but printable ASCII replaced: fit for a terminal.
std::string quoted(std::string_view text) {
  constexpr size_t kMaxShown = 60;
  std::string result = "\"";
  for (char c : text.substr(0, kMaxShown)) {
    result += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return result + (text.size() > kMaxShown ? "...\"" : "\"");
}

// The functions below return why a value is refused, worded to follow `column is "value", `; empty if it is
// not.

std::string segment_problem(std::string_view segment, bool last) {
  if (segment.empty() && !last) return "must have no empty segment (\"//\")";
  if (segment == "." || segment == "..") return "must have no \".\" or \"..\" segment";
  if (segment == "**") return last ? "" : "must have \"**\" as its last segment only";
  if (segment != "*" && segment.find('*') != std::string_view::npos) {
    return "must have \"*\" and \"**\" as whole segments only";
  }
  return {};
}

std::string pattern_problem(std::string_view pattern) {
  if (pattern.empty() || pattern.front() != '/') return "must be a path pattern that starts with \"/\"";
  if (pattern.size() > kMaxPatternBytes) {
    return "must be at most " + std::to_string(kMaxPatternBytes) + " bytes";
  }
  if (pattern.find_first_of("%;\\?#") != std::string_view::npos) {
    return "must be written decoded, without a query and without any of % ; \\ ? #";
  }
  if (pattern.back() == ' ') return "must not end in a blank";
  size_t segments = 0;
  for (std::string_view rest = pattern; !rest.empty();) {
    rest.remove_prefix(1);  // the slash before the segment
    size_t end = std::min(rest.find('/'), rest.size());
    if (++segments > kMaxPatternSegments) {
      return "must be at most " + std::to_string(kMaxPatternSegments) + " segments";
    }
    std::string problem = segment_problem(rest.substr(0, end), end == rest.size());
    if (!problem.empty()) return problem;
    rest.remove_prefix(end);
  }
  return {};
}

std::string module_problem(std::string_view api, std::string_view module) {
  if (api == "http") {
    bool ok = module == "*" || is_method(module);
    return ok ? "" : "must be a method in capitals, or \"*\" for every method";
  }
  if (api == "whm1") {
    bool ok = !module.empty() && module.size() <= kMaxCatalogHeadingBytes;
    return ok ? "" : "must be a heading of 1 to 128 bytes, or \"-\" for none";
  }
  if (module == "*") return "must be one module: only the function can be \"*\"";
  return is_name(module, kMaxCatalogNameBytes, "_") ? "" : "must be 1 to 64 letters, digits or \"_\"";
}

std::string function_problem(std::string_view api, std::string_view function) {
  if (api == "http") return pattern_problem(function);
  if (api == "whm1") {
    size_t slash = function.find('/');
    bool ok =
        is_name(function.substr(0, slash), kMaxCatalogNameBytes, "_-") &&
        (slash == std::string_view::npos || is_name(function.substr(slash + 1), kMaxCatalogNameBytes, "_-"));
    return ok ? "" : "must be a function or Group/function of 1 to 64 letters, digits, \"_\" or \"-\" each";
  }
  bool ok = function == "*" || is_name(function, kMaxCatalogNameBytes, "_");
  return ok ? "" : "must be 1 to 64 letters, digits or \"_\", or \"*\" for every function of the module";
}

// Which functions call others whose ACLs are then the ones that count.
bool can_be_wrapper(const Cells& cells) {
  return (cells[kApi] == "uapi" && cells[kModule] == "Batch" && cells[kFunction] == "strict") ||
         (cells[kApi] == "whm1" && cells[kFunction] == "batch");
}

std::string acl_problem(const Cells& cells) {
  std::string_view acl = cells[kAcl];
  if (acl == "*each") {
    return can_be_wrapper(cells) ? "" : "which only \"uapi Batch strict\" and \"whm1 batch\" can have";
  }
  if (acl == "?" || is_acl_name(acl)) return {};
  return "must be an ACL name (1 to 64 letters, digits, \".\", \"_\" or \"-\", the first a letter or digit), "
         "\"?\" or \"*each\"";
}

// Why the cells make no row, as a full sentence without the line number; empty if they do.
std::string row_problem(const Cells& cells) {
  auto complain = [&](const char* column, Column index, const std::string& problem) {
    return column + std::string(" is ") + quoted(cells[index]) + ", " + problem;
  };
  std::string_view api = cells[kApi];
  if (api != "uapi" && api != "api2" && api != "whm1" && api != "http") {
    return complain("api", kApi, "must be \"uapi\", \"api2\", \"whm1\" or \"http\"");
  }
  if (std::string problem = module_problem(api, cells[kModule]); !problem.empty()) {
    return complain("module", kModule, problem);
  }
  if (std::string problem = function_problem(api, cells[kFunction]); !problem.empty()) {
    return complain("function", kFunction, problem);
  }
  if (std::string problem = acl_problem(cells); !problem.empty()) return complain("acl", kAcl, problem);
  if (cells[kAccess] != "read" && cells[kAccess] != "write") {
    return complain("access", kAccess, "must be \"read\" or \"write\"");
  }
  return {};
}

// Why the bytes of a line are refused, whatever the line is; empty if they are not. This holds for comments
// too: a lone CR there would hide rows that an editor shows.
std::string bytes_problem(std::string_view line) {
  for (char c : line) {
    if (chars::is_control(c) && c != '\t') {
      return "a control character (code " + std::to_string(static_cast<unsigned char>(c)) +
             "); save the file as UTF-8 text with LF or CRLF line ends";
    }
  }
  return is_utf8(line) ? "" : "not valid UTF-8; save the file as UTF-8 text";
}

// Splits at each tab. Returns how many cells there are, of which the first five are stored.
size_t split(std::string_view line, Cells* cells) {
  size_t count = 0;
  for (;;) {
    size_t tab = line.find('\t');
    if (count < kColumns) (*cells)[count] = line.substr(0, tab);
    ++count;
    if (tab == std::string_view::npos) return count;
    line.remove_prefix(tab + 1);
  }
}

class Parser {
 public:
  // Why the line is refused; empty if it is not.
  std::string add_line(std::string_view line, size_t number) {
    if (std::string problem = bytes_problem(line); !problem.empty()) return problem;
    if (line.empty() || line.front() == '#') return {};
    if (!header_seen_) {
      header_seen_ = line == kHeader;
      return header_seen_
                 ? ""
                 : "not the header line, which must be api, module, function, acl, access, separated by tabs";
    }
    Cells cells;
    size_t count = split(line, &cells);
    if (count != kColumns) {
      return std::to_string(count) + (count == 1 ? " cell" : " cells") +
             ", must be 5: api, module, function, acl, access, separated by single tabs";
    }
    if (std::string problem = row_problem(cells); !problem.empty()) return problem;
    if (++row_count_ > kMaxCatalogRows) {
      return "row " + std::to_string(row_count_) + " of the catalog, which can have " +
             std::to_string(kMaxCatalogRows) + "; use \"*\" as the function, or fewer rows";
    }
    return add_row(cells, number);
  }

  bool header_seen() const { return header_seen_; }

  std::vector<CatalogRow> take_rows() {
    for (CatalogRow& row : rows_) {
      std::sort(row.acls.begin(), row.acls.end());
      row.acls.erase(std::unique(row.acls.begin(), row.acls.end()), row.acls.end());
    }
    return std::move(rows_);
  }

 private:
  std::string add_row(const Cells& cells, size_t number) {
    bool wrapper = cells[kAcl] == "*each";
    bool unlisted = cells[kAcl] == "?";
    bool read = cells[kAccess] == "read";
    std::string key = catalog_key(api_of(cells[kApi]), cells[kModule], cells[kFunction]);
    auto [found, is_new] = index_.try_emplace(std::move(key), rows_.size());
    if (is_new) {
      rows_.push_back({std::string(cells[kApi]),
                       std::string(cells[kModule]),
                       std::string(cells[kFunction]),
                       {},
                       wrapper,
                       unlisted,
                       read});
      first_lines_.push_back(number);
    }
    CatalogRow& row = rows_[found->second];
    if (row.api == "http" && row.function != cells[kFunction]) {
      return "function is " + quoted(cells[kFunction]) + ", but line " +
             std::to_string(first_lines_[found->second]) + " says " + quoted(row.function) +
             "; paths that differ in capitals or in a slash at the end only cannot have rows of their own";
    }
    if (row.wrapper != wrapper || row.unlisted != unlisted) {
      return "acl is " + quoted(cells[kAcl]) + ", but line " + std::to_string(first_lines_[found->second]) +
             " says " +
             (row.wrapper    ? "\"*each\""
              : row.unlisted ? "\"?\""
                             : quoted(row.acls.front())) +
             " for the same function; \"?\" and \"*each\" cannot be mixed with other values";
    }
    row.read = row.read && read;
    if (!wrapper && !unlisted) row.acls.emplace_back(cells[kAcl]);
    return {};
  }

  bool header_seen_ = false;
  size_t row_count_ = 0;
  std::vector<CatalogRow> rows_;
  std::vector<size_t> first_lines_;                ///< of rows_, by the same index
  std::unordered_map<std::string, size_t> index_;  ///< catalog_key() -> index in rows_
};

}  // namespace

Result<std::vector<CatalogRow>> parse_catalog(std::string_view tsv) {
  auto refuse = [](std::string message) {
    return Result<std::vector<CatalogRow>>{{Code::kInvalid, std::move(message)}, {}};
  };
  if (tsv.substr(0, kByteOrderMark.size()) == kByteOrderMark) tsv.remove_prefix(kByteOrderMark.size());
  Parser parser;
  for (size_t number = 1; !tsv.empty(); ++number) {
    size_t end = std::min(tsv.find('\n'), tsv.size());
    std::string_view line = tsv.substr(0, end);
    tsv.remove_prefix(std::min(end + 1, tsv.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (std::string problem = parser.add_line(line, number); !problem.empty()) {
      return refuse("line " + std::to_string(number) + ": " + problem);
    }
  }
  if (!parser.header_seen()) {
    return refuse(
        "the catalog is empty; it must start with the header line api, module, function, acl, "
        "access, separated by tabs");
  }
  return {{}, parser.take_rows()};
}

Api api_of(std::string_view name) noexcept {
  for (Api api : {Api::kUapi, Api::kApi2, Api::kWhm1}) {
    if (name == api_name(api)) return api;
  }
  return Api::kHttp;
}

std::string catalog_text(const std::vector<CatalogRow>& rows) {
  std::string text(kHeader);
  text += '\n';
  for (const CatalogRow& row : rows) {
    auto add = [&](std::string_view acl) {
      text.append(row.api).append("\t");
      text.append(row.module.empty() ? std::string_view("-") : row.module).append("\t");
      text.append(row.function).append("\t").append(acl).append(row.read ? "\tread\n" : "\twrite\n");
    };
    for (const std::string& acl : row.acls) add(acl);
    if (row.acls.empty()) add(row.wrapper ? "*each" : "?");
  }
  return text;
}

}  // namespace tokengate
