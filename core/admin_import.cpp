// Reading text into the store: all of it in one transaction, or nothing.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "admin_impl.h"
#include "catalog.h"
#include "exchange.h"
#include "hash.h"
#include "import_accounts.h"
#include "import_tokens.h"
#include "policy.h"

namespace tokengate {
namespace {

class Import {
 public:
  Import(Tables& tables, const Change& change, std::string_view text, const ImportOptions& options,
         const std::string& folder)
      : tables_(tables),
        change_(change),
        text_(text),
        options_(options),
        fresh_(!tables.counter(kNextAccountId) && !tables.counter(kNextTokenId)),
        accounts_(tables, fresh_),
        tokens_(tables, fresh_, folder) {}

  ImportSummary run() {
    if (options_.list) {
      read_list();
    } else {
      read_export();
    }
    tokens_.put([this](double done) { tell_progress(0.5 + 0.5 * done); });
    accounts_.ids().put_counter();
    tokens_.ids().put_counter();
    summary_.accounts = accounts_.count();
    summary_.tokens = tokens_.count();
    std::string what = std::to_string(summary_.accounts) + " accounts, " + std::to_string(summary_.tokens) +
                       " tokens, " + std::to_string(summary_.acls) + " new ACLs, " +
                       std::to_string(summary_.catalog_functions) + " functions";
    tables_.journal(change_, options_.list ? "store.import-list" : "store.import",
                    "sha256:" + to_hex(sha256(text_)), what);
    return summary_;
  }

 private:
  /// Calls `take(number, line)` for each line that is neither empty nor a comment, until it returns false.
  template <class Take>
  void for_each_line(Take&& take) {
    std::string_view rest = text_;
    for (uint64_t number = 1; !rest.empty(); ++number) {
      size_t size = std::min(rest.substr(0, kMaxExchangeLineBytes + 1).find('\n'), rest.size());
      if (size > kMaxExchangeLineBytes) {
        at_line(number, [] {
          invalid("the line is longer than " + std::to_string(kMaxExchangeLineBytes) +
                  " bytes; is this the right file?");
        });
      }
      std::string_view line = rest.substr(0, size);
      rest.remove_prefix(std::min(size + 1, rest.size()));
      if (number % 65536 == 0) tell_progress(0.5 * (1 - double(rest.size()) / double(text_.size())));
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty() || line[0] == '#') continue;
      bool more = true;
      at_line(number, [&] { more = take(number, line); });
      if (!more) return;
    }
  }

  void tell_progress(double done) const {
    if (options_.progress) options_.progress(done);
  }

  void load_acl_numbers() {
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      std::map<std::string, uint8_t, std::less<>>& numbers = acl_numbers_[static_cast<size_t>(service)];
      numbers.clear();
      for (const auto& [number, name] : tables_.acl_names(service)) numbers.emplace(name, number);
    }
  }

  AclSet acl_set(Service service, std::string_view list) const {
    const auto& numbers = acl_numbers_[static_cast<size_t>(service)];
    AclSet set;
    std::string_view name;
    while (next_name(&list, &name)) {
      auto found = numbers.find(name);
      if (found == numbers.end()) {
        refuse("there is no ACL " + quote(name) + " in the service " + std::string(service_name(service)) +
               "; name it in a line `acl` of the file, or with `tokengate acl define`");
      }
      set.add(found->second);
    }
    return set;
  }

  void read_export() {
    bool head = false;
    bool end = false;
    LineKind reached = LineKind::kAcl;
    if (!fresh_) announce_token_ids();
    for_each_line([&](uint64_t number, std::string_view line) {
      Cells cells(line);
      std::string_view word = cells.next();
      if (!head) {
        require_head(word, cells);
        return head = true;
      }
      LineKind kind = parse_line_kind(word);
      if (kind < reached) {
        invalid("a line `" + std::string(word) +
                "` comes too late; the order is acl, catalog, account, token, next, end");
      }
      // What is complete goes into the store before what refers to it.
      if (reached <= LineKind::kCatalog && kind > LineKind::kCatalog) put_catalog_lines();
      if (reached <= LineKind::kAccount && kind > LineKind::kAccount) accounts_.put();
      reached = kind;
      if (end) invalid("nothing may follow the line `end`");
      switch (kind) {
        case LineKind::kAcl:
          define_acl(parse_acl_line(cells));
          break;
        case LineKind::kCatalog:
          add_catalog_line(number, line.substr(std::min(word.size() + 1, line.size())));
          break;
        case LineKind::kAccount:
          add_account(parse_account_line(cells));
          break;
        case LineKind::kToken:
          add_token(number, parse_token_line(cells));
          break;
        case LineKind::kNext:
          state_next(parse_next_line(cells));
          break;
        case LineKind::kEnd:
          end = true;
          break;
      }
      return true;
    });
    if (!head) {
      invalid(
          "this is no export of a store; for a list of user, name and sha256 give the tokens' rights too");
    }
    if (!end) invalid("the text has no line `end`, so some of it may be missing; export it again");
  }

  static void require_head(std::string_view word, Cells cells) {
    if (word != kExchangeHead) {
      invalid("this is no export of a store: its first line must be " + std::string(kExchangeHead) +
              ", a tab and " + std::string(kExchangeVersion) +
              "; for a list of user, name and sha256 give the tokens' rights too");
    }
    std::string_view version = cells.next();
    if (version != kExchangeVersion) {
      invalid("the text is of version " + quote(version) + ", and this program reads version " +
              std::string(kExchangeVersion) + "; use the version of Tokengate that wrote it, or a newer one");
    }
  }

  void define_acl(const AclLine& line) {
    bool added = false;
    tables_.define_acl(line.service, std::string(line.name), &added);
    if (added) ++summary_.acls;
  }

  /// Kept as text, on the line where it stood, so that the catalog's own reader names the right line.
  void add_catalog_line(uint64_t number, std::string_view row) {
    // Which that reader would skip.
    if (row.empty() || row.front() == '#') invalid("the line `catalog` holds no row of a catalog");
    if (catalog_.empty()) {
      catalog_line_ = number - 1;
      catalog_.assign(number - 2, '\n').append(catalog_text({}));
    }
    catalog_.append(number - 1 - catalog_line_, '\n').append(row).append(1, '\n');
    catalog_line_ = number;
  }

  void put_catalog_lines() {
    if (!catalog_.empty()) {
      Result<std::vector<CatalogRow>> rows = parse_catalog(catalog_);
      if (!rows.ok()) throw Failure{rows.status};
      uint64_t present = 0;
      require(tables_.transaction().count(Table::kCatalog, &present));
      if (present == 0) {
        CatalogSummary summary = put_catalog(tables_, rows.value);
        summary_.acls += summary.new_acls;
        summary_.catalog_functions = summary.functions;
      } else if (catalog_text(catalog_rows(tables_)) != catalog_text(rows.value)) {
        refuse(
            "the store has another catalog than the text; leave the lines `catalog` out, or load them first "
            "with `tokengate catalog load`");
      }
    }
    load_acl_numbers();
  }

  void add_account(const AccountLine& line) {
    AclSet acls[2];
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      auto i = static_cast<size_t>(service);
      acls[i] = acl_set(service, line.acls[i]);
    }
    accounts_.add(line, acls, change_.now_unix_s);
  }

  /// Parents are named by the old ids, and may come later in the text.
  void announce_token_ids() {
    std::vector<uint64_t> old_ids;
    for_each_line([&](uint64_t, std::string_view line) {
      Cells cells(line);
      if (cells.next() != "token") return true;
      if (TokenLine token = parse_token_line(cells); token.id != 0) old_ids.push_back(token.id);
      return true;
    });
    tokens_.ids().announce(std::move(old_ids));
  }

  void add_token(uint64_t number, const TokenLine& line) {
    tokens_.add(number, line, accounts_.named(line.account), acl_set(line.service, line.acls),
                change_.now_unix_s);
  }

  void state_next(const NextLine& line) {
    (line.account ? accounts_.ids() : tokens_.ids()).state_next(line.id);
  }

  void read_list() {
    load_acl_numbers();
    const NewToken& rights = *options_.list;
    if (rights.full_access != rights.acls.empty()) {
      invalid("the tokens have either full access or at least one ACL; give one of them");
    }
    TokenLine line;
    line.service = rights.service;
    line.full_access = rights.full_access;
    line.read_only = rights.read_only;
    line.expires_unix_s = rights.expires_unix_s;
    line.not_before_unix_s = rights.not_before_unix_s;
    line.note = rights.note;
    std::string acls;
    for (const std::string& acl : rights.acls) acls.append(acls.empty() ? "" : ",").append(acl);
    line.acls = acls;
    const AclSet set = acl_set(rights.service, acls);
    std::string ranges;
    for (const std::string& range : rights.addresses) ranges.append(ranges.empty() ? "" : ",").append(range);
    line.ranges = parse_ranges(ranges);
    for_each_line([&](uint64_t number, std::string_view text) {
      if (text == "user\tname\tsha256") return true;
      parse_list_line(Cells(text), &line);
      require_possessed(accounts_.named(line.account), rights.service, set);
      add_token(number, line);
      return true;
    });
  }

  void require_possessed(const WorkingAccount& account, Service service, const AclSet& acls) const {
    std::string possessed = account.acls[static_cast<size_t>(service)].to_bytes();
    for (const auto& [name, number] : acl_numbers_[static_cast<size_t>(service)]) {
      if (acls.has(number) && !account_possesses(possessed, number)) {
        refuse("the account " + quote(account.username) + " does not possess the ACL " + quote(name) +
               "; grant it first, or leave it out");
      }
    }
  }

  Tables& tables_;
  const Change& change_;
  const std::string_view text_;
  const ImportOptions& options_;
  const bool fresh_;  ///< no account or token was ever made here, so that all ids are free
  ImportAccounts accounts_;
  ImportTokens tokens_;
  ImportSummary summary_;  ///< of ACLs and catalog, until the end

  std::map<std::string, uint8_t, std::less<>> acl_numbers_[2];
  std::string catalog_;
  uint64_t catalog_line_ = 0;
};

}  // namespace

Result<ImportSummary> Admin::import_text(const Change& change, std::string_view text,
                                         const ImportOptions& options) {
  Result<ImportSummary> result;
  result.status = impl_->change(change, [&](Tables& tables) {
    result.value = Import(tables, change, text, options, impl_->path_).run();
    if (options.dry_run) throw Failure{{}};
  });
  return result;
}

}  // namespace tokengate
