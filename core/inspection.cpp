// Everything but tokens: counters, the ACL registry, accounts, the catalog and the journal.
#include "inspection.h"

#include <algorithm>
#include <cstring>

#include "catalog_digest.h"
#include "catalog_table.h"
#include "cursor.h"
#include "hash.h"
#include "journal.h"
#include "names.h"

namespace tokengate {
namespace {

constexpr std::string_view kLoadCatalog =
    "calls that fall under it are refused until the catalog is loaded again with `tokengate catalog load`";

std::string account_text(const WorkingAccount& account) {
  return "the account " + quote(account.username);
}

bool is_kept(Tables& tables, const std::string& username, uint32_t id) {
  Bytes value;
  uint64_t named = 0;
  if (tables.transaction().get(Table::kAccountNames, username, &value) != StoreError::kNone ||
      value.size() != sizeof named) {
    return false;
  }
  std::memcpy(&named, value.data(), sizeof named);
  return named == id;
}

}  // namespace

void Inspection::run() {
  inspect_meta();
  inspect_registry();
  inspect_accounts();
  inspect_owners();
  inspect_account_names();
  inspect_catalog();
  inspect_token_names();
  inspect_tokens();
  inspect_strays();
  inspect_counters();
  inspect_journal();
}

CheckReport Inspection::report() const {
  CheckReport report = report_;
  for (const Fault& fault : faults_) report.findings.push_back(fault.finding);
  return report;
}

void Inspection::add(Remedy remedy, std::string text) {
  ++report_.finding_count;
  if (faults_.size() < most_faults_) faults_.push_back({{std::move(text), remedy, false}, {}, {}, {}});
}

void Inspection::add_repairable(std::string object, const std::string& problem, const std::string& action,
                                Act act) {
  ++report_.finding_count;
  if (faults_.size() >= most_faults_) return;
  std::string text = problem + "; `tokengate repair` " + action;
  faults_.push_back({{std::move(text), Remedy::kRepair, false},
                     std::move(object),
                     problem + "; " + action,
                     std::move(act)});
}

void Inspection::walk(Table table, std::string_view name, bool integer_keys, const Visit& visit) {
  auto broken = [&](const std::string& how) {
    add(Remedy::kRestore,
        "the table " + std::string(name) + " " + how + ": the file is damaged; restore a backup");
  };
  Cursor cursor;
  uint64_t stated = 0;
  uint64_t found = 0;
  if (cursor.open(tables_.transaction(), table) != StoreError::kNone ||
      tables_.transaction().count(table, &stated) != StoreError::kNone) {
    return broken("cannot be read");
  }
  std::string last;
  StoreError error = cursor.first();
  for (; error == StoreError::kNone; error = cursor.next(), ++found) {
    // Also what keeps the walk from going round for ever.
    bool in_order = found == 0 || cursor.key() > last;
    if (integer_keys && found > 0) {
      uint64_t before = 0;
      std::memcpy(&before, last.data(), sizeof before);
      in_order = cursor.integer_key() > before;
    }
    if (integer_keys && cursor.key().size() != sizeof(uint64_t)) in_order = false;
    if (!in_order) return broken("has keys out of order");
    last = cursor.key();
    visit(cursor.key(), cursor.value());
  }
  if (error != StoreError::kNotFound) return broken("ends at a page that cannot be read");
  if (found != stated) {
    broken("has " + std::to_string(found) + " entries and counts " + std::to_string(stated));
  }
}

void Inspection::inspect_meta() {
  Bytes value;
  if (tables_.transaction().get(Table::kMeta, kStoreIdKey, &value) != StoreError::kNone ||
      value.size() != 16) {
    add(Remedy::kRestore, "the store has no id; restore a backup");
  }
  for (std::string_view counter : {kNextAccountId, kNextTokenId}) {
    StoreError error = tables_.transaction().get(Table::kMeta, counter, &value);
    if (error == StoreError::kNotFound) continue;
    if (error != StoreError::kNone || value.size() != sizeof(uint64_t)) {
      add(Remedy::kRestore, "the counter " + std::string(counter) + " cannot be read; restore a backup");
    }
  }
  walk(Table::kMeta, "meta", false, [](Bytes, Bytes) {});
}

// Numbers stand for names in every other table, so nothing here can be guessed.
void Inspection::inspect_registry() {
  auto broken = [&](const std::string& what) {
    add(Remedy::kRestore,
        "the registry of ACLs " + what + "; rights cannot be told any more: restore a backup");
  };
  walk(Table::kAcls, "acls", false, [&](Bytes key, Bytes value) {
    AclRecord record;
    if (key.size() < 2 || static_cast<uint8_t>(key[0]) > 1 || !is_acl_name(key.substr(1)) ||
        !decode(key, value, &record)) {
      return broken("holds the unreadable entry " + quote(key));
    }
    auto service = static_cast<uint8_t>(key[0]);
    auto [found, added] = acl_names_[service].emplace(record.number, key.substr(1));
    if (!added)
      return broken("gives " + quote(found->second) + " and " + quote(key.substr(1)) + " one number");
    registered_[service].add(record.number);
  });
  for (Service service : {Service::kCpanel, Service::kWhm}) {
    const Tables::AclNames& names = acl_names_[static_cast<size_t>(service)];
    if (names.empty() || names.begin()->first != kAclAll || names.begin()->second != "all") {
      broken("has no ACL \"all\" of the service " + std::string(service_name(service)));
    } else if (names.rbegin()->first + size_t{1} != names.size()) {
      broken("of the service " + std::string(service_name(service)) + " lacks a number");
    }
  }
}

void Inspection::inspect_accounts() {
  walk(Table::kAccounts, "accounts", true, [&](Bytes key, Bytes value) {
    uint64_t id = 0;
    std::memcpy(&id, key.data(), sizeof id);
    ++report_.accounts;
    AccountRecord record;
    bool readable = id > 0 && id <= UINT32_MAX && decode(value, &record) && is_username(record.username);
    if (!readable) {
      return add_repairable(
          "account " + std::to_string(id), "the record of account " + std::to_string(id) + " cannot be read",
          "removes it and its tokens",
          [id](Tables& tables) { require(tables.transaction().erase(Table::kAccounts, id)); });
    }
    WorkingAccount account = Tables::joined(static_cast<uint32_t>(id), record);
    auto [found, added] = ids_by_name_.emplace(account.username, account.id);
    if (!added) {
      // The one that the name leads to is the one that administrators have seen.
      bool keeps = is_kept(tables_, account.username, account.id);
      uint32_t loser = keeps ? found->second : account.id;
      add_repairable(account.username,
                     "two accounts have the username " + quote(account.username) + ", " +
                         std::to_string(found->second) + " and " + std::to_string(account.id),
                     "removes account " + std::to_string(loser) + " and its tokens", [loser](Tables& tables) {
                       require(tables.transaction().erase(Table::kAccounts, uint64_t{loser}));
                     });
      if (!keeps) return;
      accounts_.erase(loser);
      found->second = account.id;
    }
    bool foreign = false;
    for (size_t i = 0; i < 2; ++i) {
      AclSet before = account.acls[i];
      account.acls[i].keep_only(registered_[i]);
      foreign = foreign || !(account.acls[i] == before);
    }
    if (foreign) {
      add_repairable(account.username, account_text(account) + " possesses ACLs that are not registered",
                     "takes those away", [account](Tables& tables) {
                       // The owner may have been repaired before.
                       WorkingAccount now = tables.account(account.id);
                       for (size_t i = 0; i < 2; ++i) now.acls[i].keep_only(account.acls[i]);
                       tables.put_account(now);
                     });
    }
    accounts_.emplace(account.id, account);
  });
}

void Inspection::inspect_owners() {
  auto disown = [&](WorkingAccount& account, const std::string& problem) {
    account.owner_id = 0;
    add_repairable(account.username, account_text(account) + problem, "leaves it without an owner",
                   [id = account.id](Tables& tables) {
                     WorkingAccount now = tables.account(id);
                     now.owner_id = 0;
                     tables.put_account(now);
                   });
  };
  for (auto& [id, account] : accounts_) {
    if (account.owner_id != 0 && !accounts_.contains(account.owner_id)) {
      disown(account, " has an owner that does not exist");
    }
  }
  IdSet settled;
  for (const auto& [first, account] : accounts_) {
    std::vector<uint32_t> path;
    uint32_t id = first;
    for (; id != 0 && settled.add(id); id = accounts_.at(id).owner_id) path.push_back(id);
    if (std::find(path.begin(), path.end(), id) != path.end()) {
      disown(accounts_.at(id), " owns itself, directly or through others");
    }
  }
}

void Inspection::inspect_account_names() {
  std::set<std::string, std::less<>> found;
  walk(Table::kAccountNames, "account_names", false, [&](Bytes key, Bytes value) {
    uint64_t id = 0;
    if (value.size() == sizeof id) std::memcpy(&id, value.data(), sizeof id);
    auto account = ids_by_name_.find(key);
    if (account != ids_by_name_.end()) found.emplace(key);
    if (account != ids_by_name_.end() && account->second == id) return;
    std::string name(key);
    if (account == ids_by_name_.end()) {
      return add_repairable(
          name, "the username " + quote(name) + " leads to no account of that name", "removes it",
          [name](Tables& tables) { require(tables.transaction().erase(Table::kAccountNames, name)); });
    }
    uint64_t right = account->second;
    add_repairable(
        name, "the username " + quote(name) + " leads to another account",
        "lets it lead to account " + std::to_string(right) + ", which has it", [name, right](Tables& tables) {
          require(tables.transaction().put(Table::kAccountNames, name,
                                           Bytes(reinterpret_cast<const char*>(&right), sizeof right)));
        });
  });
  for (const auto& [username, id] : ids_by_name_) {
    if (found.contains(username)) continue;
    add_repairable(
        username, "the username " + quote(username) + " leads nowhere, though an account has it",
        "lets it lead to account " + std::to_string(id),
        [username = username, right = uint64_t{id}](Tables& tables) {
          require(tables.transaction().put(Table::kAccountNames, username,
                                           Bytes(reinterpret_cast<const char*>(&right), sizeof right)));
        });
  }
}

// A damaged row refuses its calls. To remove it could open them by a wider row, so that is not for repair.
void Inspection::inspect_catalog() {
  std::string rows;
  uint64_t findings_before = report_.finding_count;
  walk(Table::kCatalog, "catalog", false, [&](Bytes key, Bytes value) {
    append_catalog_row(&rows, key, value);
    Api api{};
    std::string_view module;
    std::string_view function;
    CatalogRecord record;
    if (!parse_catalog_key(key, &api, &module, &function) || !decode(key, value, &record) ||
        (!record.spelling.empty() && catalog_key(api, module, record.spelling) != key)) {
      return add(Remedy::kByHand,
                 "the catalog's row " + quote(key) + " cannot be read; " + std::string(kLoadCatalog));
    }
    if (!is_catalog_key(key)) {
      add(Remedy::kByHand, "the catalog's row " + std::string(api_name(api)) + " " + std::string(module) +
                               " " + std::string(function) +
                               " is spelled as no request leads to it. Servers refuse every request until "
                               "the catalog is loaded again with `tokengate catalog load`");
    }
    const Tables::AclNames& names = acl_names_[static_cast<size_t>(acl_service(api))];
    CatalogAcl acl;
    while (next_catalog_acl(&record.acls, &acl)) {
      auto found = names.find(acl.number);
      if (found == names.end() || found->second != acl.name) {
        add(Remedy::kByHand, "the catalog's row " + std::string(api_name(api)) + " " + std::string(module) +
                                 " " + std::string(function) + " names the ACL " + quote(acl.name) +
                                 " by a number that is not its own; load the catalog again with `tokengate "
                                 "catalog load`");
      }
    }
  });
  Bytes kept;
  bool is_kept = tables_.transaction().get(Table::kMeta, kCatalogDigest, &kept) == StoreError::kNone;
  Digest digest = sha256(rows);
  Bytes found(reinterpret_cast<const char*>(digest.data()), digest.size());
  bool is_whole = is_kept ? kept == found : rows.empty();
  if (!is_whole && report_.finding_count == findings_before) {
    add(Remedy::kByHand,
        "the catalog is not the one that was loaded: rows are missing, or stand under other names. Servers "
        "refuse every request until it is loaded again with `tokengate catalog load`");
  }
}

void Inspection::inspect_counters() {
  const std::pair<std::string_view, uint64_t> kCounters[] = {
      {kNextAccountId, accounts_.empty() ? 0 : accounts_.rbegin()->first}, {kNextTokenId, token_ids_.most()}};
  for (const auto& [counter, most] : kCounters) {
    Bytes value;
    uint64_t next = 1;
    StoreError error = tables_.transaction().get(Table::kMeta, counter, &value);
    if (error == StoreError::kNone && value.size() == sizeof next)
      std::memcpy(&next, value.data(), sizeof next);
    if (next > most) continue;
    add_repairable(
        std::string(counter),
        std::string(counter) + " is " + std::to_string(next) + ", and " + std::to_string(most) +
            " is in use: an id would be given twice",
        "raises it to " + std::to_string(most + 1),
        [counter = counter, most = most](Tables& tables) { tables.set_counter(counter, most + 1); });
  }
}

// Never repaired: a chain that was made whole again would say nothing.
void Inspection::inspect_journal() {
  const std::string kMeaning =
      "; what happened then cannot be told any more: keep this store as evidence, and restore a backup or go "
      "on "
      "with a broken journal";
  uint64_t expected = 1;
  bool chained = true;
  Digest previous{};
  walk(Table::kJournal, "journal", true, [&](Bytes key, Bytes value) {
    uint64_t seq = 0;
    std::memcpy(&seq, key.data(), sizeof seq);
    ++report_.journal_entries;
    if (seq != expected) {
      add(Remedy::kByHand, "journal entries " + std::to_string(expected) + " to " + std::to_string(seq - 1) +
                               " are missing" + kMeaning);
      chained = false;
    }
    expected = seq + 1;
    JournalRecord record;
    if (!decode(value, &record)) {
      add(Remedy::kByHand, "journal entry " + std::to_string(seq) + " cannot be read" + kMeaning);
      chained = false;
      return;
    }
    if (chained && journal_hash(previous, seq, record) != record.hash) {
      add(Remedy::kByHand, "the hash of journal entry " + std::to_string(seq) +
                               " does not hold: it or one before it was altered" + kMeaning);
    }
    previous = record.hash;
    chained = true;
  });
  if (!chained) {
    add(Remedy::kRestore,
        "the newest journal entry cannot be read, so no change can be made; restore a backup");
  }
  if (report_.journal_entries == 0) {
    add(Remedy::kByHand, "the journal is empty, though making a store is an entry" + kMeaning);
  }
}

}  // namespace tokengate
