// Lines of the text form, to and from what they say. Pure.
#include "exchange.h"

#include <charconv>

#include "address.h"
#include "chars.h"
#include "names.h"

namespace tokengate {
namespace {

constexpr std::string_view kNever = "never";
constexpr std::string_view kEverything = "*";

/// One of two words, of which `yes` is true.
bool either(std::string_view what, std::string_view cell, std::string_view yes, std::string_view no) {
  if (cell != yes && cell != no) {
    invalid(std::string(what) + " is " + quote(cell) + "; write " + std::string(yes) + " or " +
            std::string(no));
  }
  return cell == yes;
}

uint64_t number(std::string_view what, std::string_view cell, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  bool canonical = cell.size() == 1 || !cell.starts_with('0');
  if (error != std::errc() || end != cell.data() + cell.size() || !canonical || value < least ||
      value > most) {
    invalid(std::string(what) + " is " + quote(cell) + "; write a number from " + std::to_string(least) +
            " to " + std::to_string(most));
  }
  return value;
}

int64_t time_of(std::string_view what, std::string_view cell) {
  return static_cast<int64_t>(number(what, cell, 0, INT64_MAX - 1));
}

std::optional<int64_t> time_if_any(std::string_view what, std::string_view cell) {
  if (cell.empty()) return {};
  return time_of(what, cell);
}

Digest digest_of(std::string_view what, std::string_view cell) {
  Digest digest;
  bool whole = cell.size() == 2 * digest.size();
  for (size_t i = 0; whole && i < digest.size(); ++i) {
    int high = chars::hex_value(cell[2 * i]);
    int low = chars::hex_value(cell[2 * i + 1]);
    whole = high >= 0 && low >= 0;
    digest[i] = static_cast<uint8_t>(high << 4 | low);
  }
  if (!whole) {
    invalid(std::string(what) +
            " is not 64 hexadecimal digits; write the SHA-256 of the token's text, as `printf %s TOKEN | "
            "sha256sum` prints it");
  }
  return digest;
}

std::string_view username_of(std::string_view cell) {
  if (!is_username(cell)) {
    invalid(quote(cell) + " cannot be a username: 1 to " + std::to_string(kMaxUserBytes) +
            " of A-Za-z0-9._@+-, beginning with a letter, digit or _");
  }
  return cell;
}

std::string_view token_name_of(std::string_view cell) {
  if (!is_token_name(cell)) {
    invalid(quote(cell) + " cannot be a token name: 1 to " + std::to_string(kMaxTokenNameBytes) +
            " of A-Za-z0-9_-");
  }
  return cell;
}

Service service_of(std::string_view cell) {
  bool cpanel = either("the service", cell, service_name(Service::kCpanel), service_name(Service::kWhm));
  return cpanel ? Service::kCpanel : Service::kWhm;
}

void require_end(const Cells& cells) {
  if (cells.any()) invalid("the line has more cells than its kind has columns; take them away");
}

void require_lifetime(const TokenLine& line) {
  if (line.not_before_unix_s >= line.expires_unix_s) {
    invalid("the token would end before it begins; give a later end, or an earlier begin");
  }
}

void append_cell(std::string* text, std::string_view cell) {
  text->append(1, '\t').append(cell);
}

void append_cell(std::string* text, int64_t number) {
  append_cell(text, std::string_view(std::to_string(number)));
}

void append_acls(std::string* text, const AclSet& set, const Tables::AclNames& names) {
  text->push_back('\t');
  std::string_view comma;
  for (const std::string& name : Tables::acl_texts(set, names)) {
    text->append(comma).append(name);
    comma = ",";
  }
}

}  // namespace

std::string_view Cells::next() noexcept {
  size_t tab = rest_.find('\t');
  std::string_view cell = rest_.substr(0, tab);
  at_end_ = tab == std::string_view::npos;
  rest_ = at_end_ ? std::string_view() : rest_.substr(tab + 1);
  return cell;
}

bool next_name(std::string_view* list, std::string_view* name) noexcept {
  if (list->empty()) return false;
  size_t comma = list->find(',');
  *name = list->substr(0, comma);
  // A comma at the end leaves one more, empty name, which no list may hold.
  if (comma != std::string_view::npos && comma + 1 == list->size()) *name = list->substr(comma);
  list->remove_prefix(comma == std::string_view::npos ? list->size() : comma + 1);
  return true;
}

LineKind parse_line_kind(std::string_view word) {
  static constexpr std::pair<std::string_view, LineKind> kKinds[] = {
      {"acl", LineKind::kAcl},     {"catalog", LineKind::kCatalog}, {"account", LineKind::kAccount},
      {"token", LineKind::kToken}, {"next", LineKind::kNext},       {"end", LineKind::kEnd}};
  for (const auto& [name, kind] : kKinds) {
    if (word == name) return kind;
  }
  invalid("the line begins with " + quote(word) +
          "; its first cell must be acl, catalog, account, token, next or end");
}

AclLine parse_acl_line(Cells cells) {
  AclLine line;
  line.service = service_of(cells.next());
  line.name = cells.next();
  require_end(cells);
  return line;
}

AccountLine parse_account_line(Cells cells) {
  AccountLine line;
  line.username = username_of(cells.next());
  if (line.owner = cells.next(); !line.owner.empty()) username_of(line.owner);
  line.active = either("the state", cells.next(), "active", "suspended");
  line.tokens_enabled = either("the switch for tokens", cells.next(), "on", "off");
  for (std::string_view& acls : line.acls) acls = cells.next();
  line.created_unix_s = time_if_any("the time of creation", cells.next());
  if (std::string_view id = cells.next(); !id.empty()) {
    line.id = static_cast<uint32_t>(number("the id", id, 1, UINT32_MAX));
  }
  require_end(cells);
  return line;
}

TokenLine parse_token_line(Cells cells) {
  TokenLine line;
  line.account = username_of(cells.next());
  line.service = service_of(cells.next());
  line.name = token_name_of(cells.next());
  line.digest = digest_of("the digest", cells.next());
  line.acls = cells.next();
  line.full_access = line.acls == kEverything;
  if (line.full_access) line.acls = {};
  if (!line.full_access && line.acls.empty()) {
    invalid("the token has no ACL; name at least one, or write * for full access");
  }
  line.read_only = either("the access", cells.next(), "read", "write");
  if (std::string_view end = cells.next(); !end.empty() && end != kNever) {
    line.expires_unix_s = time_of("the end", end);
  }
  line.not_before_unix_s = time_if_any("the begin", cells.next()).value_or(0);
  line.ranges = parse_ranges(cells.next());
  line.created_unix_s = time_if_any("the time of creation", cells.next());
  if (std::string_view id = cells.next(); !id.empty()) line.id = number("the id", id, 1, kMaxExchangeTokenId);
  if (std::string_view parent = cells.next(); !parent.empty()) {
    line.parent_id = number("the parent", parent, 1, kMaxExchangeTokenId);
  }
  std::string_view former = cells.next();
  std::string_view until = cells.next();
  if (former.empty() != until.empty()) invalid("a former secret needs both its digest and its end");
  if (!former.empty()) {
    line.has_former = true;
    line.former_digest = digest_of("the former digest", former);
    line.former_until_unix_s = time_of("the end of the former secret", until);
  }
  line.note = cells.next();
  if (!is_note(line.note)) {
    invalid("the note is more than " + std::to_string(kMaxNoteBytes) +
            " bytes, or not UTF-8, or holds control characters");
  }
  // The former secret's serial is one less, and none is 0.
  uint32_t least = line.has_former ? 2 : 1;
  std::string_view serial = cells.next();
  line.secret_serial =
      serial.empty()
          ? least
          : static_cast<uint32_t>(number("the serial of the secret", serial, least, kMaxExchangeSerial));
  require_end(cells);
  require_lifetime(line);
  return line;
}

NextLine parse_next_line(Cells cells) {
  NextLine line;
  line.account = either("the kind of id", cells.next(), "account", "token");
  line.id =
      number("the id", cells.next(), 1, line.account ? uint64_t{UINT32_MAX} + 1 : kMaxExchangeTokenId + 1);
  require_end(cells);
  return line;
}

void parse_list_line(Cells cells, TokenLine* line) {
  line->account = username_of(cells.next());
  line->name = token_name_of(cells.next());
  line->digest = digest_of("the digest", cells.next());
  require_end(cells);
}

std::string parse_ranges(std::string_view list) {
  std::string ranges;
  std::string_view text;
  while (next_name(&list, &text)) {
    uint8_t range[kAddressRangeBytes];
    if (!parse_address_range(text, range)) {
      invalid(quote(text) +
              " is not an address or range: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, with no bits set "
              "beyond the prefix");
    }
    if (ranges.size() == kMaxAddressRanges * kAddressRangeBytes) {
      invalid("a token can have " + std::to_string(kMaxAddressRanges) +
              " address ranges at most; use fewer, wider ones");
    }
    ranges.append(reinterpret_cast<const char*>(range), sizeof range);
  }
  return ranges;
}

void append_account_line(std::string* text, const WorkingAccount& account, std::string_view owner,
                         const Tables::AclNames (&names)[2]) {
  text->append("account");
  append_cell(text, account.username);
  append_cell(text, owner);
  append_cell(text, account.active ? "active" : "suspended");
  append_cell(text, account.tokens_enabled ? "on" : "off");
  for (size_t i = 0; i < 2; ++i) append_acls(text, account.acls[i], names[i]);
  append_cell(text, account.created_unix_s);
  append_cell(text, account.id);
  text->push_back('\n');
}

void append_token_line(std::string* text, std::string_view username, const WorkingToken& token,
                       const Tables::AclNames& names) {
  text->append("token");
  append_cell(text, username);
  append_cell(text, service_name(token.service));
  append_cell(text, token.name);
  append_cell(text, to_hex(token.digest));
  if (token.full_access) {
    append_cell(text, kEverything);
  } else {
    append_acls(text, token.acls, names);
  }
  append_cell(text, token.read_only ? "read" : "write");
  if (token.expires_unix_s == kNeverExpires) {
    append_cell(text, kNever);
  } else {
    append_cell(text, token.expires_unix_s);
  }
  append_cell(text, token.not_before_unix_s);
  text->push_back('\t');
  for (size_t at = 0; at < token.ranges.size(); at += kAddressRangeBytes) {
    if (at > 0) text->push_back(',');
    text->append(format_address_range(reinterpret_cast<const uint8_t*>(token.ranges.data()) + at));
  }
  append_cell(text, token.created_unix_s);
  append_cell(text, static_cast<int64_t>(token.id));
  if (token.parent_token_id != 0) {
    append_cell(text, static_cast<int64_t>(token.parent_token_id));
  } else {
    append_cell(text, std::string_view());
  }
  if (token.has_former) {
    append_cell(text, to_hex(token.former_digest));
    append_cell(text, token.former_retires_unix_s);
  } else {
    text->append("\t\t");
  }
  append_cell(text, token.note);
  append_cell(text, token.secret_serial);
  text->push_back('\n');
}

}  // namespace tokengate
