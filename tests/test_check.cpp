// Check finds each kind of damage; repair does what it may, and no right grows on the way. Backup and
// restore.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "acl_set.h"
#include "catalog_table.h"
#include "cursor.h"
#include "hash.h"
#include "raw_change.h"
#include "record.h"
#include "store_fixture.h"
#include "transaction.h"
#include "usage.h"

using namespace tokengate;

namespace {

/// What may be done: each account with its state and ACLs, each secret with all that limits it.
std::set<std::string> rights_of(const Admin& admin) {
  std::string text;
  ck_assert_ok(admin.export_text([&](std::string_view part) {
    text += part;
    return true;
  }));
  std::set<std::string> rights;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> cells;
    std::istringstream parts(line);
    for (std::string cell; std::getline(parts, cell, '\t');) cells.push_back(cell);
    cells.resize(16);
    if (cells[0] == "account") {
      rights.insert("account " + cells[1] + " " + cells[3] + " " + cells[4] + " " + cells[5] + " " +
                    cells[6]);
    }
    if (cells[0] == "token") {
      std::string limits = cells[1] + " " + cells[2] + " " + cells[5] + " " + cells[6] + " " + cells[7] +
                           " " + cells[8] + " " + cells[9];
      rights.insert("secret " + cells[4] + " " + limits);
      if (!cells[13].empty()) rights.insert("secret " + cells[13] + " until " + cells[14] + " " + limits);
    }
  }
  return rights;
}

/// Accounts and tokens of every kind; the store is closed when it stands.
class Patient {
 public:
  Patient() {
    fixture_.add_account("root", {"all"}, {"all"});
    fixture_.add_account("shop", {"email", "databases"}, {"list-accts"}, "root");
    fixture_.add_account("blog", {"email"});
    secret_ = fixture_.add_token({.account = "shop", .name = "ci", .acls = {"email"}});
    fixture_.add_token({.account = "shop", .name = "full", .full_access = true, .note = "for people"});
    fixture_.add_token({.account = "blog", .name = "ci", .acls = {"email"}});
    fixture_.add_token({.account = "root", .service = Service::kWhm, .name = "ops", .acls = {"list-accts"}});
    ck_assert_ok(fixture_.admin.rotate_token(change_at(), "blog", Service::kCpanel, "ci", 600).status);
    before_ = rights_of(fixture_.admin);
    fixture_.admin = {};
  }

  std::string path() const { return fixture_.path(); }
  const std::string& secret() const { return secret_; }
  const std::set<std::string>& before() const { return before_; }

  void damage(const RawChange& work) { change_raw(path(), work); }

  std::set<std::string> rights() const {
    auto admin = Admin::open(path(), Admin::Access::kReadOnly);
    ck_assert_ok(admin.status);
    return rights_of(admin.value);
  }

  Outcome asked(std::string_view route) {
    Verifier verifier(path());
    Reader reader(verifier);
    Rules rules;
    Credentials credentials =
        reader.read_credentials(rules, {.authorization = "Bearer " + secret_, .authorization_count = 1});
    Connection connection{Address{Address::kLocalSocket, {}}, true, kNow};
    Call call;
    call.method = "GET";
    call.wire_path = route;
    call.served_path = route;
    return reader.verify(rules, credentials, connection, call).outcome;
  }

 private:
  StoreFixture fixture_;
  std::string secret_;
  std::set<std::string> before_;
};

std::string all_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) text += finding.text + "\n";
  return text;
}

std::string get(Transaction& transaction, Table table, Bytes key) {
  Bytes value;
  ck_assert(transaction.get(table, key, &value) == StoreError::kNone);
  return std::string(value);
}

std::string get(Transaction& transaction, Table table, uint64_t key) {
  Bytes value;
  ck_assert(transaction.get(table, key, &value) == StoreError::kNone);
  return std::string(value);
}

void put(Transaction& transaction, Table table, Bytes key, Bytes value) {
  ck_assert(transaction.put(table, key, value) == StoreError::kNone);
}

void put(Transaction& transaction, Table table, uint64_t key, Bytes value) {
  ck_assert(transaction.put(table, key, value) == StoreError::kNone);
}

template <class Key>
void flip(Transaction& transaction, Table table, const Key& key) {
  std::string value = get(transaction, table, key);
  value.back() = static_cast<char>(value.back() ^ 4);
  put(transaction, table, key, value);
}

constexpr uint32_t kRoot = 1, kShop = 2, kBlog = 3;

std::string name_of(uint32_t account, std::string_view name, Service service = Service::kCpanel) {
  return token_name_key(account, service, name);
}

TokenNameRecord names_of(const std::string& bytes) {
  TokenNameRecord record;
  ck_assert(decode(bytes, &record));
  return record;
}

TokenKey key_of(Transaction& transaction, const std::string& name) {
  return names_of(get(transaction, Table::kTokenNames, name)).key;
}

/// Changes a token's record and gives it a check value that holds.
template <class Edit>
void edit_token(Transaction& transaction, TokenKey key, Edit&& edit) {
  std::string bytes = get(transaction, Table::kTokens, key);
  TokenRecord record;
  ck_assert(decode(bytes, &record));
  edit(record);
  put(transaction, Table::kTokens, token_key(record.digest), encode(record));
}

template <class Edit>
void edit_name(Transaction& transaction, const std::string& name, Edit&& edit) {
  std::string bytes = get(transaction, Table::kTokenNames, name);
  TokenNameRecord record = names_of(bytes);
  edit(record);
  put(transaction, Table::kTokenNames, name, encode(record));
}

template <class Edit>
void edit_account(Transaction& transaction, uint32_t id, Edit&& edit) {
  std::string bytes = get(transaction, Table::kAccounts, uint64_t{id});
  AccountRecord record;
  ck_assert(decode(bytes, &record));
  edit(record);
  put(transaction, Table::kAccounts, uint64_t{id}, encode(record));
}

Bytes number_bytes(const uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

struct Damage {
  const char* words;  ///< in the finding
  std::function<void(Transaction&)> work;
  size_t lost = 0;  ///< how many rights are gone after repair
};

const std::vector<Damage>& repairable() {
  static const std::vector<Damage> kDamages = {
      {"\"shop/cpanel/ci\" has a secret whose record is missing or damaged",
       [](Transaction& t) { flip(t, Table::kTokens, key_of(t, name_of(kShop, "ci"))); }, 1},
      {"\"shop/cpanel/ci\" has a secret whose record is missing or damaged",
       [](Transaction& t) {
         ck_assert(t.erase(Table::kTokens, key_of(t, name_of(kShop, "ci"))) == StoreError::kNone);
       },
       1},
      {"\"shop/cpanel/ci\" has a secret whose record is missing or damaged",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "ci")), [](TokenRecord& r) { r.token_id = 99; });
       },
       1},
      {"\"shop/cpanel/ci\" has a secret whose record is missing or damaged",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "ci")), [](TokenRecord& r) { r.retires_unix_s = kNow; });
       },
       1},
      {"\"blog/cpanel/ci\" has a former secret whose record is missing or damaged",
       [](Transaction& t) {
         flip(t, Table::kTokens, names_of(get(t, Table::kTokenNames, name_of(kBlog, "ci"))).former_key);
       },
       1},
      {"\"blog/cpanel/ci\" has a former secret whose record is missing or damaged",
       [](Transaction& t) {
         std::string bytes = get(t, Table::kTokenNames, name_of(kBlog, "ci"));
         edit_token(t, names_of(bytes).former_key, [](TokenRecord& r) { r.retires_unix_s = kNeverExpires; });
       },
       1},
      {"\"shop/cpanel/ci\" does not repeat what its account's record says",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "ci")), [](TokenRecord& r) { r.account_acls = "\xFF\xFF"; });
       }},
      {"\"shop/cpanel/full\" does not repeat what its account's record says",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "full")), [](TokenRecord& r) { r.user = "root"; });
       }},
      {"\"blog/cpanel/ci\" does not repeat",
       [](Transaction& t) {
         std::string bytes = get(t, Table::kTokenNames, name_of(kBlog, "ci"));
         edit_token(t, names_of(bytes).former_key, [](TokenRecord& r) { r.full_access = true; });
       }},
      {"\"shop/cpanel/ci\" holds ACLs that are not registered",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "ci")), [](TokenRecord& r) {
           static std::string acls;
           acls = std::string(r.token_acls);
           acls.resize(20);
           acls[19] = 1;
           r.token_acls = acls;
         });
       }},
      {"\"shop/cpanel/ci\" names a parent that is not older",
       [](Transaction& t) {
         edit_name(t, name_of(kShop, "ci"), [](TokenNameRecord& r) { r.parent_token_id = r.token_id; });
       }},
      {"\"shop/cpanel/full\" has a note that is not text",
       [](Transaction& t) {
         edit_name(t, name_of(kShop, "full"), [](TokenNameRecord& r) { r.note = "\n"; });
       }},
      {"\"shop/cpanel/full\" is accepted, but its name is missing or damaged; `tokengate repair` gives it "
       "the name",
       [](Transaction& t) { flip(t, Table::kTokenNames, name_of(kShop, "full")); }},
      {"\"blog/cpanel/ci\" is accepted, but its name is missing or damaged; `tokengate repair` gives it the "
       "name",
       [](Transaction& t) {
         ck_assert(t.erase(Table::kTokenNames, name_of(kBlog, "ci")) == StoreError::kNone);
       }},
      {"secrets contradict each other; `tokengate repair` revokes it",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "full")), [](TokenRecord& r) { r.digest[0] ^= 1; });
         ck_assert(t.erase(Table::kTokenNames, name_of(kShop, "full")) == StoreError::kNone);
       },
       1},
      {"is accepted, but no token lists it",
       [](Transaction& t) {
         edit_token(t, key_of(t, name_of(kShop, "ci")), [](TokenRecord& r) { r.digest[0] ^= 1; });
       }},
      {"has a damaged record and no secret",
       [](Transaction& t) { put(t, Table::kTokenNames, "odd", "odd"); }},
      {"has a damaged record; `tokengate repair` revokes it",
       [](Transaction& t) { put(t, Table::kTokens, uint64_t{77}, "odd"); }},
      {"the record of account 3 cannot be read; `tokengate repair` removes it and its tokens",
       [](Transaction& t) { flip(t, Table::kAccounts, uint64_t{kBlog}); }, 3},
      {"\"account 3/cpanel/ci\" belongs to no readable account",
       [](Transaction& t) { ck_assert(t.erase(Table::kAccounts, uint64_t{kBlog}) == StoreError::kNone); }, 3},
      {"two accounts have the username \"blog\"",
       [](Transaction& t) { edit_account(t, kShop, [](AccountRecord& r) { r.username = "blog"; }); }, 3},
      {"the username \"blog\" leads to another account",
       [](Transaction& t) { put(t, Table::kAccountNames, "blog", number_bytes(kShop)); }},
      {"the username \"blog\" leads nowhere",
       [](Transaction& t) { ck_assert(t.erase(Table::kAccountNames, "blog") == StoreError::kNone); }},
      {"the username \"nobody\" leads to no account",
       [](Transaction& t) { put(t, Table::kAccountNames, "nobody", number_bytes(kShop)); }},
      {"\"shop\" has an owner that does not exist",
       [](Transaction& t) { edit_account(t, kShop, [](AccountRecord& r) { r.owner_id = 9; }); }},
      {"\"shop\" owns itself",
       [](Transaction& t) { edit_account(t, kShop, [](AccountRecord& r) { r.owner_id = kShop; }); }},
      {"owns itself",
       [](Transaction& t) { edit_account(t, kRoot, [](AccountRecord& r) { r.owner_id = kShop; }); }},
      {"\"blog\" possesses ACLs that are not registered",
       [](Transaction& t) {
         edit_account(t, kBlog, [](AccountRecord& r) {
           static std::string acls;
           acls = std::string(r.acls[0]);
           acls.resize(30);
           acls[29] = 3;
           r.acls[0] = acls;
         });
       }},
      {"next_token_id is 1", [](Transaction& t) { put(t, Table::kMeta, "next_token_id", number_bytes(1)); }},
      {"next_account_id is 1",
       [](Transaction& t) { ck_assert(t.erase(Table::kMeta, "next_account_id") == StoreError::kNone); }},
  };
  return kDamages;
}

}  // namespace

START_TEST(a_sound_store_is_found_sound) {
  Patient patient;
  auto report = check_store(patient.path());
  ck_assert_ok(report.status);
  ck_assert_msg(report.value.finding_count == 0, "%s", all_text(report.value.findings).c_str());
  ck_assert_uint_eq(report.value.accounts, 3);
  ck_assert_uint_eq(report.value.tokens, 4);
  auto repaired = repair_store(patient.path(), change_at(), false);
  ck_assert_ok(repaired.status);
  ck_assert(repaired.value.actions.empty());
  ck_assert_uint_eq(check_store(patient.path()).value.journal_entries, report.value.journal_entries);
}
END_TEST

START_TEST(damage_is_found_and_repaired_without_a_gain) {
  const Damage& damage = repairable()[static_cast<size_t>(_i)];
  Patient patient;
  patient.damage(damage.work);
  auto report = check_store(patient.path());
  ck_assert_ok(report.status);
  std::string text = all_text(report.value.findings);
  ck_assert_msg(text.find(damage.words) != std::string::npos, "%s: %s", damage.words, text.c_str());
  for (const Finding& finding : report.value.findings) ck_assert(finding.remedy == Remedy::kRepair);

  auto planned = repair_store(patient.path(), change_at(), true);
  ck_assert_ok(planned.status);
  ck_assert_uint_eq(check_store(patient.path()).value.finding_count, report.value.finding_count);
  auto repaired = repair_store(patient.path(), change_at(), false);
  ck_assert_ok(repaired.status);
  ck_assert(!repaired.value.actions.empty() && repaired.value.actions == planned.value.actions);
  ck_assert_msg(repaired.value.left.empty(), "%s: %s", damage.words, all_text(repaired.value.left).c_str());

  std::set<std::string> after = patient.rights();
  for (const std::string& right : after) {
    ck_assert_msg(patient.before().contains(right), "%s: gained %s", damage.words, right.c_str());
  }
  ck_assert_msg(after.size() + damage.lost == patient.before().size(), "%s: %zu of %zu", damage.words,
                after.size(), patient.before().size());
  auto admin = Admin::open(patient.path(), Admin::Access::kReadOnly);
  ck_assert_ok(admin.value.verify_journal().status);
  auto last = admin.value.read_journal(admin.value.stat().value.journal_entries, 1);
  ck_assert_view_eq(last.value.at(0).action, "store.repair");
}
END_TEST

START_TEST(what_cannot_be_repaired_stays_refused) {
  Patient patient;
  patient.damage([](Transaction& t) {
    Cursor cursor;
    ck_assert(cursor.open(t, Table::kCatalog) == StoreError::kNone);
    std::vector<std::string> keys;
    for (StoreError e = cursor.first(); e == StoreError::kNone; e = cursor.next())
      keys.emplace_back(cursor.key());
    cursor.close();
    for (const std::string& key : keys) flip(t, Table::kCatalog, key);
  });
  auto report = check_store(patient.path());
  ck_assert(all_text(report.value.findings).find("the catalog's row") != std::string::npos);
  auto repaired = repair_store(patient.path(), change_at(), false);
  ck_assert_ok(repaired.status);
  ck_assert_uint_eq(repaired.value.left.size(), report.value.finding_count);
  ck_assert(patient.asked("/execute/Email/list_pops") != Outcome::kGranted);
  auto admin = Admin::open(patient.path(), Admin::Access::kReadWrite);
  ck_assert_ok(admin.value.load_catalog(change_at(), kTestCatalog).status);
  admin.value = {};
  ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
  ck_assert(patient.asked("/execute/Email/list_pops") == Outcome::kGranted);
}
END_TEST

START_TEST(a_catalog_that_is_not_the_one_loaded_is_found) {
  // Each row is sound by itself: only all of them together tell.
  static const std::string kMysql = catalog_key(Api::kUapi, "Mysql", "*");
  static const std::string kAlike = catalog_key(Api::kUapi, "Mysqm", "*");
  static const std::string kEmail = catalog_key(Api::kUapi, "Email", "*");
  auto erase = [](Transaction& t, Table table, Bytes key) {
    ck_assert(t.erase(table, key) == StoreError::kNone);
  };
  auto copy = [](Transaction& t, const std::string& from, const std::string& to) {
    CatalogRecord row;
    std::string bytes = get(t, Table::kCatalog, from);
    ck_assert(decode(from, bytes, &row));
    put(t, Table::kCatalog, to, encode(to, row));
  };
  const std::function<void(Transaction&)> kDamages[] = {
      [=](Transaction& t) { erase(t, Table::kCatalog, kMysql); },
      [=](Transaction& t) {
        copy(t, kMysql, kAlike);
        erase(t, Table::kCatalog, kMysql);
      },
      [=](Transaction& t) { copy(t, kEmail, kMysql); },
      [=](Transaction& t) { copy(t, kMysql, kAlike); },
      [](Transaction& t) { ck_assert(t.clear(Table::kCatalog) == StoreError::kNone); },
      [=](Transaction& t) { erase(t, Table::kMeta, "catalog_digest"); },
  };
  for (const auto& damage : kDamages) {
    Patient patient;
    patient.damage(damage);
    auto report = check_store(patient.path());
    ck_assert_uint_eq(report.value.finding_count, 1);
    ck_assert(report.value.findings.at(0).remedy == Remedy::kByHand);
    ck_assert(report.value.findings.at(0).text.find("is not the one that was loaded") != std::string::npos);
    ck_assert_uint_eq(repair_store(patient.path(), change_at(), false).value.left.size(), 1);
    auto admin = Admin::open(patient.path(), Admin::Access::kReadWrite);
    ck_assert_ok(admin.value.load_catalog(change_at(), kTestCatalog).status);
    admin.value = {};
    ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
  }
  TempFolder folder;
  std::string empty = folder.path() + "/empty";
  ck_assert_ok(create_store({empty, ""}, change_at()));
  ck_assert_uint_eq(check_store(empty).value.finding_count, 0);
}
END_TEST

START_TEST(damage_that_needs_a_person_or_a_backup_is_left_alone) {
  static constexpr std::string_view kEmailKey("\0email", 6);
  static constexpr std::string_view kUnusedKey("\0zzz", 4);
  const struct {
    const char* words;
    Remedy remedy;
    std::function<void(Transaction&)> work;
  } kCases[] = {
      {"the store has no id", Remedy::kRestore,
       [](Transaction& t) { ck_assert(t.erase(Table::kMeta, "store_id") == StoreError::kNone); }},
      {"the counter next_token_id cannot be read", Remedy::kRestore,
       [](Transaction& t) { put(t, Table::kMeta, "next_token_id", "x"); }},
      {"gives \"email\" and", Remedy::kRestore,
       [](Transaction& t) {
         AclRecord email;
         ck_assert(decode(kEmailKey, get(t, Table::kAcls, kEmailKey), &email));
         put(t, Table::kAcls, kUnusedKey, encode(kUnusedKey, email));
       }},
      {"the unreadable entry", Remedy::kRestore,
       [](Transaction& t) { put(t, Table::kAcls, kUnusedKey, get(t, Table::kAcls, kEmailKey)); }},
      {"lacks a number", Remedy::kRestore,
       [](Transaction& t) { put(t, Table::kAcls, kUnusedKey, encode(kUnusedKey, AclRecord{0xF0})); }},
      {"has no ACL \"all\"", Remedy::kRestore,
       [](Transaction& t) {
         ck_assert(t.erase(Table::kAcls, std::string_view("\1all", 4)) == StoreError::kNone);
       }},
      {"journal entries 2 to 3 are missing", Remedy::kByHand,
       [](Transaction& t) {
         for (uint64_t seq : {2, 3}) ck_assert(t.erase(Table::kJournal, seq) == StoreError::kNone);
       }},
      {"journal entry 2 cannot be read", Remedy::kByHand,
       [](Transaction& t) { flip(t, Table::kJournal, uint64_t{2}); }},
      {"the hash of journal entry 2 does not hold", Remedy::kByHand,
       [](Transaction& t) {
         std::string bytes = get(t, Table::kJournal, uint64_t{2});
         JournalRecord record;
         ck_assert(decode(bytes, &record));
         record.actor = "somebody else";
         put(t, Table::kJournal, uint64_t{2}, encode(record));
       }},
      {"the newest journal entry cannot be read", Remedy::kRestore,
       [](Transaction& t) {
         uint64_t entries = 0;
         ck_assert(t.count(Table::kJournal, &entries) == StoreError::kNone);
         flip(t, Table::kJournal, entries);
       }},
      {"has the id 1, which is no id or another token's too", Remedy::kByHand,
       [](Transaction& t) {
         edit_name(t, name_of(kShop, "full"), [](TokenNameRecord& r) { r.token_id = 1; });
         edit_token(t, key_of(t, name_of(kShop, "full")), [](TokenRecord& r) { r.token_id = 1; });
       }},
  };
  for (const auto& test : kCases) {
    Patient patient;
    patient.damage(test.work);
    auto report = check_store(patient.path());
    ck_assert_ok(report.status);
    bool found = false;
    for (const Finding& finding : report.value.findings) {
      found = found || (finding.text.find(test.words) != std::string::npos && finding.remedy == test.remedy);
    }
    ck_assert_msg(found, "%s: %s", test.words, all_text(report.value.findings).c_str());
    auto repaired = repair_store(patient.path(), change_at(), false);
    if (test.remedy == Remedy::kRestore) {
      ck_assert_fails(repaired.status, Code::kRefused, "nothing is repaired");
    } else {
      ck_assert_ok(repaired.status);
      ck_assert(repaired.value.actions.empty() && !repaired.value.left.empty());
    }
    ck_assert_uint_eq(check_store(patient.path()).value.finding_count, report.value.finding_count);
  }
}
END_TEST

START_TEST(modes_are_found_and_set) {
  Patient patient;
  const std::pair<const char*, mode_t> kModes[] = {
      {"", 0777}, {"/data.mdb", 0666}, {"/lock.mdb", 0644}, {"/readers", 0666}};
  for (const auto& [file, mode] : kModes) {
    std::string path = patient.path() + file;
    ck_assert_int_eq(chmod(path.c_str(), mode), 0);
    auto report = check_store(patient.path());
    ck_assert_uint_eq(report.value.finding_count, 1);
    ck_assert(report.value.findings[0].text.find(path + " has the mode") == 0);
    auto repaired = repair_store(patient.path(), change_at(), false);
    ck_assert_ok(repaired.status);
    ck_assert_uint_eq(repaired.value.actions.size(), 1);
    ck_assert(repaired.value.left.empty());
  }
}
END_TEST

START_TEST(a_missing_file_of_readers_is_found_and_made) {
  Patient patient;
  std::filesystem::remove(patient.path() + "/readers");
  auto report = check_store(patient.path());
  ck_assert_uint_eq(report.value.finding_count, 1);
  ck_assert(report.value.findings[0].text.find("/readers is missing") != std::string::npos);
  auto repaired = repair_store(patient.path(), change_at(), false);
  ck_assert_ok(repaired.status);
  ck_assert_uint_eq(repaired.value.actions.size(), 1);
  ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
}
END_TEST

START_TEST(a_lock_file_that_others_may_write_is_to_be_removed_by_hand) {
  Patient patient;
  ck_assert_int_eq(chmod((patient.path() + "/lock.mdb").c_str(), 0660), 0);
  auto report = check_store(patient.path());
  ck_assert_uint_eq(report.value.finding_count, 1);
  ck_assert(report.value.findings[0].text.find("remove the file") != std::string::npos);
  ck_assert(report.value.findings[0].remedy == Remedy::kByHand);
  ck_assert(!repair_store(patient.path(), change_at(), false).ok());
  std::filesystem::remove(patient.path() + "/lock.mdb");
  ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
}
END_TEST

START_TEST(a_foreign_usage_file_is_found_and_the_next_change_replaces_it) {
  Patient patient;
  std::ofstream(patient.path() + "/usage.map") << "something else";
  auto report = check_store(patient.path());
  ck_assert_ok(report.status);
  ck_assert_uint_eq(report.value.finding_count, 1);
  ck_assert(report.value.findings[0].text.find("how tokens are used is not noted") == 0);
  auto admin = Admin::open(patient.path(), Admin::Access::kReadWrite);
  ck_assert_ok(admin.value.create_account(change_at(), {.username = "next"}).status);
  admin.value = {};
  ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
}
END_TEST

START_TEST(use_that_cannot_be_is_found_in_any_slot) {
  constexpr uint64_t kId = 2;
  {
    Patient patient;
    auto map = UsageMap::open(patient.path() + "/usage.map");
    map->record(kId, kNow, Address{}, {});
    ck_assert_uint_eq(check_store(patient.path()).value.finding_count, 0);
  }
  // Words of a slot: when, how often, and from the fifth on the numbers of ACLs.
  for (auto [word, value] :
       {std::pair<off_t, uint64_t>{0, kNow - 86'400}, {0, uint64_t{1} << 63}, {1, 0}, {4, UINT64_MAX}}) {
    Patient patient;
    UsageMap::open(patient.path() + "/usage.map")->record(kId, kNow, Address{}, {});
    int file = open((patient.path() + "/usage.map").c_str(), O_RDWR);
    ck_assert_int_eq(pwrite(file, &value, sizeof value, static_cast<off_t>(kId * kUsageSlotBytes) + word * 8),
                     8);
    close(file);
    auto report = check_store(patient.path());
    ck_assert_ok(report.status);
    ck_assert_msg(report.value.finding_count == 1, "word %ld", static_cast<long>(word));
    const Finding& finding = report.value.findings[0];
    ck_assert(finding.is_of_files && finding.remedy == Remedy::kByHand);
    ck_assert(
        finding.text.find("usage.map says what cannot be of how 1 token is used, the first with the id 2") !=
        std::string::npos);
  }
}
END_TEST

START_TEST(damaged_pages_end_no_check) {
  Patient patient;
  std::string data = patient.path() + "/data.mdb";
  auto size = static_cast<long>(std::filesystem::file_size(data));
  std::string whole(static_cast<size_t>(size), '\0');
  std::ifstream(data, std::ios::binary).read(whole.data(), size);
  unsigned found = 0;
  for (char filler : {'\xFF', '\0', 'x'}) {
    // The first two pages say where all others are: without them there is no store.
    for (long page = 2; page < size / 4096; ++page) {
      std::string copy = whole;
      std::fill_n(copy.begin() + page * 4096, 4096, filler);
      std::ofstream(data, std::ios::binary).write(copy.data(), size);
      auto report = check_store(patient.path());
      if (!report.ok()) {
        ck_assert(report.status.code == Code::kStore);
        ++found;
      } else if (report.value.finding_count > 0) {
        ++found;
        auto repaired = repair_store(patient.path(), change_at(), true);
        ck_assert(repaired.status.code == Code::kRefused || repaired.ok());
      }
    }
  }
  ck_assert_uint_gt(found, 10);
}
END_TEST

START_TEST(no_store_is_trouble_and_no_finding) {
  TempFolder folder;
  ck_assert_fails(check_store(folder.path() + "/none").status, Code::kStore, "no store");
  std::ofstream(folder.path() + "/data.mdb") << std::string(8192, 'x');
  ck_assert(check_store(folder.path()).status.code == Code::kStore);
  ck_assert(repair_store(folder.path(), change_at(), false).status.code == Code::kStore);
}
END_TEST

namespace {

std::string back_up(const std::string& path, const TempFolder& folder) {
  std::string file = folder.path() + "/backup.mdb";
  auto admin = Admin::open(path, Admin::Access::kReadOnly);
  int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ck_assert_ok(admin.value.backup(descriptor));
  close(descriptor);
  return file;
}

}  // namespace

START_TEST(a_backup_restores_everything) {
  Patient patient;
  TempFolder folder;
  std::string file = back_up(patient.path(), folder);
  std::string place = folder.path() + "/restored/";
  auto restored = restore_store({file, {place, ""}, ""}, change_at(kNow + 1));
  ck_assert_ok(restored.status);
  ck_assert_uint_eq(restored.value.accounts, 3);
  ck_assert_uint_eq(restored.value.tokens, 4);
  ck_assert_int_eq(restored.value.backup_time_unix_s, kNow);
  ck_assert_uint_eq(check_store(place).value.finding_count, 0);
  auto admin = Admin::open(place, Admin::Access::kReadWrite);
  ck_assert_ok(admin.status);
  ck_assert(rights_of(admin.value) == patient.before());
  ck_assert_ok(admin.value.verify_journal().status);
  ck_assert_ok(admin.value.create_account(change_at(), {.username = "next"}).status);
  // Nothing else is left beside it.
  ck_assert_int_eq(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}
END_TEST

START_TEST(a_restore_takes_no_place_that_is_in_use_and_no_damaged_backup) {
  Patient patient;
  TempFolder folder;
  std::string file = back_up(patient.path(), folder);
  ck_assert_fails(restore_store({file, {patient.path(), ""}, ""}, change_at()).status, Code::kRefused,
                  "is in use");
  ck_assert_fails(
      restore_store({folder.path() + "/none", {folder.path() + "/a", ""}, ""}, change_at()).status,
      Code::kInvalid, "cannot open");
  std::string other = folder.path() + "/other.mdb";
  std::ofstream(other) << "no backup";
  ck_assert_fails(restore_store({other, {folder.path() + "/a", ""}, ""}, change_at()).status, Code::kRefused,
                  "no backup that can be restored");
  patient.damage([](Transaction& t) { flip(t, Table::kAccounts, uint64_t{kBlog}); });
  file = back_up(patient.path(), folder);
  ck_assert_fails(restore_store({file, {folder.path() + "/a", ""}, ""}, change_at()).status, Code::kRefused,
                  "account 3 cannot be read");
  ck_assert_int_eq(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}
END_TEST

START_TEST(what_was_withdrawn_since_stays_withdrawn) {
  Patient patient;
  TempFolder folder;
  std::string file = back_up(patient.path(), folder);
  {
    Admin admin = std::move(Admin::open(patient.path(), Admin::Access::kReadWrite).value);
    ck_assert_ok(admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
    ck_assert_ok(admin
                     .update_token(change_at(), "shop", Service::kCpanel, "full",
                                   {.acls = std::vector<std::string>{"email"}, .read_only = true})
                     .status);
    ck_assert_ok(admin.deny_acls(change_at(), "shop", Service::kWhm, {"list-accts"}));
    ck_assert_ok(admin.set_account_active(change_at(), "root", false));
    ck_assert_ok(admin.rotate_token(change_at(), "blog", Service::kCpanel, "ci", 0).status);
    ck_assert_ok(admin.grant_acls(change_at(), "blog", Service::kCpanel, {"databases"}));
  }
  std::string place = folder.path() + "/restored";
  auto restored = restore_store({file, {place, ""}, patient.path()}, change_at());
  ck_assert_ok(restored.status);
  // ci was revoked; of blog's ci neither secret is known any more.
  ck_assert_uint_eq(restored.value.withdrawn_tokens, 2);
  ck_assert_uint_eq(check_store(place).value.finding_count, 0);
  auto admin = Admin::open(place, Admin::Access::kReadOnly);
  Token full = admin.value.find_token("shop", Service::kCpanel, "full").value;
  ck_assert(!full.full_access && full.read_only && full.acls == std::vector<std::string>{"email"});
  ck_assert(admin.value.find_account("shop").value.acls[1].empty());
  ck_assert(!admin.value.find_account("root").value.active);
  ck_assert_uint_eq(admin.value.find_account("blog").value.acls[0].size(), 1);
  ck_assert_ok(admin.value.verify_journal().status);

  StoreFixture foreign;
  foreign.admin = {};
  ck_assert_fails(restore_store({file, {folder.path() + "/b", ""}, foreign.path()}, change_at()).status,
                  Code::kRefused, "ids differ");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("check");
  TCase* tcase = tcase_create("check");
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, a_sound_store_is_found_sound);
  tcase_add_loop_test(tcase, damage_is_found_and_repaired_without_a_gain, 0,
                      static_cast<int>(repairable().size()));
  tcase_add_test(tcase, what_cannot_be_repaired_stays_refused);
  tcase_add_test(tcase, a_catalog_that_is_not_the_one_loaded_is_found);
  tcase_add_test(tcase, damage_that_needs_a_person_or_a_backup_is_left_alone);
  tcase_add_test(tcase, modes_are_found_and_set);
  tcase_add_test(tcase, a_missing_file_of_readers_is_found_and_made);
  tcase_add_test(tcase, a_lock_file_that_others_may_write_is_to_be_removed_by_hand);
  tcase_add_test(tcase, a_foreign_usage_file_is_found_and_the_next_change_replaces_it);
  tcase_add_test(tcase, use_that_cannot_be_is_found_in_any_slot);
  tcase_add_test(tcase, damaged_pages_end_no_check);
  tcase_add_test(tcase, no_store_is_trouble_and_no_finding);
  tcase_add_test(tcase, a_backup_restores_everything);
  tcase_add_test(tcase, a_restore_takes_no_place_that_is_in_use_and_no_damaged_backup);
  tcase_add_test(tcase, what_was_withdrawn_since_stays_withdrawn);
  suite_add_tcase(suite, tcase);
  return suite;
}
