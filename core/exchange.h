/// The text form of what a store holds: lines of cells with tabs between them. tools/exchange.md is its
/// manual; admin_import.cpp and admin_export.cpp read and write it.
#ifndef TOKENGATE_EXCHANGE_H_
#define TOKENGATE_EXCHANGE_H_

#include <optional>
#include <string>
#include <string_view>

#include "admin_impl.h"

namespace tokengate {

/// The first line: what this is, and its version.
inline constexpr std::string_view kExchangeHead = "tokengate-export";
inline constexpr std::string_view kExchangeVersion = "1";

/// Longer than any line that says something: 256 ACLs for each service.
inline constexpr size_t kMaxExchangeLineBytes = 65536;

/// Ids index the usage file and are given one by one: a larger one is no id.
inline constexpr uint64_t kMaxExchangeTokenId = uint64_t{1} << 40;

/// Each rotation adds one: what a text can state leaves room for as many again.
inline constexpr uint32_t kMaxExchangeSerial = uint32_t{1} << 31;

/// The lines of a file come in this order.
enum class LineKind : uint8_t { kAcl, kCatalog, kAccount, kToken, kNext, kEnd };

/// Takes cells off the front of a line.
class Cells {
 public:
  explicit Cells(std::string_view line) : rest_(line) {}
  /// The next cell; empty when there is none left.
  std::string_view next() noexcept;
  /// Whether cells are left, empty or not.
  bool any() const noexcept { return !at_end_; }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

/// Takes the next name off a list with commas. False at the end.
bool next_name(std::string_view* list, std::string_view* name) noexcept;

/// Refuses because of a line: adds its number to what `work()` throws.
template <class Work>
void at_line(uint64_t line, Work&& work) {
  try {
    work();
  } catch (Failure& failure) {
    failure.status.message = "line " + std::to_string(line) + ": " + failure.status.message;
    throw;
  }
}

// A line after its first cell, which said what it is. Views are of the line. The parsers refuse, by throwing,
// whatever is not of the form that the manual states; what a name stands for they do not know.

struct AclLine {
  Service service = Service::kCpanel;
  std::string_view name;
};

struct AccountLine {
  std::string_view username;
  std::string_view owner;  ///< empty: none
  bool active = true;
  bool tokens_enabled = true;
  std::string_view acls[2];  ///< lists for next_name()
  std::optional<int64_t> created_unix_s;
  uint32_t id = 0;  ///< 0: not given
};

struct TokenLine {
  std::string_view account;
  Service service = Service::kCpanel;
  std::string_view name;
  Digest digest{};
  bool full_access = false;
  std::string_view acls;  ///< a list for next_name()
  bool read_only = false;
  int64_t expires_unix_s = kNeverExpires;
  int64_t not_before_unix_s = 0;
  std::string ranges;  ///< kAddressRangeBytes each
  std::optional<int64_t> created_unix_s;
  uint64_t id = 0;  ///< 0: not given
  uint64_t parent_id = 0;
  bool has_former = false;
  Digest former_digest{};
  int64_t former_until_unix_s = 0;
  std::string_view note;
  uint32_t secret_serial = 1;  ///< of the present secret
};

struct NextLine {
  bool account = false;  ///< of accounts; else of tokens
  uint64_t id = 0;
};

LineKind parse_line_kind(std::string_view word);
AclLine parse_acl_line(Cells cells);
AccountLine parse_account_line(Cells cells);
TokenLine parse_token_line(Cells cells);
NextLine parse_next_line(Cells cells);
/// A line of a plain list: user, name, SHA-256. All the rest stays as it is in `*line`.
void parse_list_line(Cells cells, TokenLine* line);

/// Addresses with commas between them, as token records hold them.
std::string parse_ranges(std::string_view list);

// Each appends one line. `names` are the registered ACLs of the services.
void append_account_line(std::string* text, const WorkingAccount& account, std::string_view owner,
                         const Tables::AclNames (&names)[2]);
void append_token_line(std::string* text, std::string_view username, const WorkingToken& token,
                       const Tables::AclNames& names);

}  // namespace tokengate

#endif  // TOKENGATE_EXCHANGE_H_
