// Reading text into the store: all of it in one transaction, or nothing.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <vector>

#include "admin_impl.h"
#include "catalog.h"
#include "exchange.h"
#include "hash.h"
#include "id_set.h"
#include "policy.h"
#include "token_sorter.h"

namespace tokengate {
namespace {

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

class Import {
 public:
  Import(Tables& tables, const Change& change, std::string_view text, const ImportOptions& options,
         const std::string& folder)
      : tables_(tables),
        change_(change),
        text_(text),
        options_(options),
        fresh_(!tables.counter(kNextAccountId) && !tables.counter(kNextTokenId)),
        sorter_(folder) {}

  ImportSummary run() {
    if (options_.list) {
      read_list();
    } else {
      read_export();
    }
    put_token_records();
    put_counters();
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
    if (!fresh_) find_old_token_ids();
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
      if (reached <= LineKind::kAccount && kind > LineKind::kAccount) put_accounts();
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
          add_next(parse_next_line(cells));
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
    std::string username(line.username);
    if (tables_.account_exists(username) || accounts_.contains(username)) {
      refuse("there already is an account " + quote(username) +
             "; leave this line out if its tokens are to go there, or choose another username");
    }
    WorkingAccount account;
    account.username = username;
    account.active = line.active;
    account.tokens_enabled = line.tokens_enabled;
    account.created_unix_s = line.created_unix_s.value_or(change_.now_unix_s);
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      auto i = static_cast<size_t>(service);
      account.acls[i] = acl_set(service, line.acls[i]);
    }
    if (new_accounts_.empty()) accounts_have_ids_ = line.id != 0;
    require_all_or_none(accounts_have_ids_, line.id != 0);
    bool keep = fresh_ && line.id != 0;
    account.id = keep ? line.id : take_account_id();
    if (line.id != 0 && !account_ids_.add(line.id)) refuse_repeated_id(line.id);
    new_accounts_.push_back({username, std::string(line.owner)});
    accounts_.emplace(username, std::move(account));
  }

  static void require_all_or_none(bool first_has, bool has) {
    if (has != first_has)
      invalid("either all lines of a kind have an id, or none; give this one an id, or none");
  }

  [[noreturn]] static void refuse_repeated_id(uint64_t id) {
    refuse("the id " + std::to_string(id) + " stands in an earlier line too; each needs its own");
  }

  uint32_t take_account_id() {
    if (next_account_id_ == 0) next_account_id_ = tables_.counter(kNextAccountId).value_or(1);
    if (next_account_id_ > UINT32_MAX) refuse("this store has no account id left");
    return static_cast<uint32_t>(next_account_id_++);
  }

  void put_accounts() {
    for (const auto& [username, owner] : new_accounts_) {
      if (!owner.empty()) accounts_.at(username).owner_id = account_named(owner).id;
    }
    refuse_ownership_loops();
    std::map<uint32_t, const WorkingAccount*> by_id;
    for (const auto& [username, owner] : new_accounts_) {
      const WorkingAccount& account = accounts_.at(username);
      by_id.emplace(account.id, &account);
      uint64_t id = account.id;
      require(tables_.transaction().insert(Table::kAccountNames, username,
                                           Bytes(reinterpret_cast<const char*>(&id), sizeof id)));
    }
    for (const auto& [id, account] : by_id) {
      require(tables_.transaction().append(Table::kAccounts, uint64_t{id}, Tables::encoded(*account)));
    }
    summary_.accounts = new_accounts_.size();
  }

  void refuse_ownership_loops() {
    std::unordered_map<uint32_t, uint32_t> owners;
    for (const auto& [username, owner] : new_accounts_) {
      const WorkingAccount& account = accounts_.at(username);
      owners.emplace(account.id, account.owner_id);
    }
    // Accounts that were there before have no owner among the new ones. `settled` end in none.
    IdSet settled;
    for (const auto& [username, owner] : new_accounts_) {
      std::vector<uint32_t> path;
      uint32_t id = accounts_.at(username).id;
      for (auto found = owners.find(id); found != owners.end(); found = owners.find(id)) {
        if (!settled.add(id)) break;
        path.push_back(id);
        id = found->second;
      }
      if (std::find(path.begin(), path.end(), id) != path.end()) {
        refuse("the account " + quote(username) + " would come to own itself, through its owners");
      }
    }
  }

  /// An account of the text or of the store.
  const WorkingAccount& account_named(std::string_view username) {
    if (last_account_ != nullptr && last_account_->username == username) return *last_account_;
    auto found = accounts_.find(std::string(username));
    if (found == accounts_.end()) {
      WorkingAccount account = tables_.account(std::string(username));
      found = accounts_.emplace(account.username, std::move(account)).first;
    }
    last_account_ = &found->second;
    return *last_account_;
  }

  /// In a store in use every token gets a new id, in the order of the old ones, so that parents stay older
  /// than what they made. Parents are named by the old ids, and may come later in the text.
  void find_old_token_ids() {
    for_each_line([&](uint64_t, std::string_view line) {
      Cells cells(line);
      if (cells.next() != "token") return true;
      if (TokenLine token = parse_token_line(cells); token.id != 0) old_ids_.push_back(token.id);
      return true;
    });
    std::sort(old_ids_.begin(), old_ids_.end());
  }

  /// The id here of a token of the text; 0 if the text has none of this id.
  uint64_t new_id(uint64_t old_id) const {
    auto found = std::lower_bound(old_ids_.begin(), old_ids_.end(), old_id);
    if (found == old_ids_.end() || *found != old_id) return 0;
    return first_token_id_ + static_cast<uint64_t>(found - old_ids_.begin());
  }

  uint64_t take_token_id(const TokenLine& line) {
    uint64_t next = next_token_id_++;
    if (line.id == 0) return next;
    return fresh_ ? line.id : new_id(line.id);
  }

  void add_token(uint64_t number, const TokenLine& line) {
    const WorkingAccount& account = account_named(line.account);
    if (summary_.tokens == 0) {
      tokens_have_ids_ = line.id != 0;
      first_token_id_ = next_token_id_ = tables_.counter(kNextTokenId).value_or(1);
    }
    require_all_or_none(tokens_have_ids_, line.id != 0);
    if (line.parent_id != 0 && line.parent_id >= line.id) {
      invalid("the parent " + std::to_string(line.parent_id) +
              " is not older than the token: its id must be below the token's; leave the parent out");
    }
    WorkingToken token;
    token.name = line.name;
    token.service = line.service;
    token.account_id = account.id;
    if (line.id != 0 && !token_ids_.add(line.id)) refuse_repeated_id(line.id);
    token.id = take_token_id(line);
    token.created_unix_s = line.created_unix_s.value_or(change_.now_unix_s);
    token.parent_token_id = fresh_ ? line.parent_id : new_id(line.parent_id);
    token.note = line.note;
    token.full_access = line.full_access;
    token.read_only = line.read_only;
    token.acls = acl_set(line.service, line.acls);
    token.ranges = line.ranges;
    token.not_before_unix_s = line.not_before_unix_s;
    token.expires_unix_s = line.expires_unix_s;
    token.digest = line.digest;
    token.secret_serial = line.secret_serial;
    token.has_former = line.has_former;
    token.former_digest = line.former_digest;
    token.former_retires_unix_s = line.former_until_unix_s;

    sorter_.add(token_key(token.digest), number, Tables::encoded(account, token, Tables::Secret::kPresent));
    if (token.has_former) {
      sorter_.add(token_key(token.former_digest), number,
                  Tables::encoded(account, token, Tables::Secret::kFormer));
    }
    std::string key = token_name_key(account.id, token.service, token.name);
    std::string name = Tables::encoded_name(token);
    StoreError error = tables_.transaction().append(Table::kTokenNames, key, name);
    if (error == StoreError::kExists) {
      error = tables_.transaction().insert(Table::kTokenNames, key, name);
    }
    if (error == StoreError::kExists) {
      refuse("the account " + quote(account.username) + " already has a token " + quote(token.name) +
             " for the service " + std::string(service_name(token.service)) + "; choose another name");
    }
    require(error);
    ++summary_.tokens;
  }

  void put_token_records() {
    uint64_t done = 0;
    sorter_.for_each([&](TokenKey key, uint64_t line, std::string_view record) {
      StoreError error = tables_.transaction().append(Table::kTokens, key, record);
      if (error == StoreError::kExists) error = tables_.transaction().insert(Table::kTokens, key, record);
      if (error == StoreError::kExists) {
        at_line(line, [] {
          refuse("another token has this secret, or one whose digest begins alike; leave one of them out");
        });
      }
      require(error);
      if (++done % 65536 == 0) {
        tell_progress(0.5 + 0.5 * double(done) / double(std::max(done, summary_.tokens)));
      }
    });
  }

  void add_next(const NextLine& line) {
    uint64_t most = line.account ? account_ids_.most() : token_ids_.most();
    if (line.id <= most) {
      refuse("the next id " + std::to_string(line.id) + " is not above the id " + std::to_string(most) +
             " of an earlier line");
    }
    (line.account ? stated_account_id_ : stated_token_id_) = line.id;
  }

  void put_counters() {
    if (fresh_) {
      next_account_id_ = std::max({stated_account_id_, next_account_id_, account_ids_.most() + 1});
      next_token_id_ = std::max({stated_token_id_, next_token_id_, token_ids_.most() + 1});
    }
    bool accounts = summary_.accounts > 0 || (fresh_ && stated_account_id_ > 0);
    bool tokens = summary_.tokens > 0 || (fresh_ && stated_token_id_ > 0);
    if (accounts && next_account_id_ > 0) tables_.set_counter(kNextAccountId, next_account_id_);
    if (tokens) tables_.set_counter(kNextTokenId, next_token_id_);
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
      require_possessed(account_named(line.account), rights.service, set);
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

  struct NewAccountName {
    std::string username;
    std::string owner;
  };

  Tables& tables_;
  const Change& change_;
  const std::string_view text_;
  const ImportOptions& options_;
  const bool fresh_;  ///< no account or token was ever made here, so that all ids are free
  ImportSummary summary_;

  std::map<std::string, uint8_t, std::less<>> acl_numbers_[2];
  std::string catalog_;
  uint64_t catalog_line_ = 0;

  std::unordered_map<std::string, WorkingAccount> accounts_;
  std::vector<NewAccountName> new_accounts_;
  const WorkingAccount* last_account_ = nullptr;
  IdSet account_ids_;
  bool accounts_have_ids_ = false;
  uint64_t next_account_id_ = 0;
  uint64_t stated_account_id_ = 0;

  TokenSorter sorter_;
  IdSet token_ids_;
  std::vector<uint64_t> old_ids_;  ///< of the tokens of the text, ascending; for a store in use alone
  bool tokens_have_ids_ = false;
  uint64_t first_token_id_ = 0;
  uint64_t next_token_id_ = 0;
  uint64_t stated_token_id_ = 0;
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
