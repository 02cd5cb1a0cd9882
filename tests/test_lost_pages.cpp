// Pages of the store that go in the middle of a search: the search finds nothing, and must not be taken at
// its word.
#include <dlfcn.h>
#include <lmdb.h>

#include <filesystem>
#include <string>
#include <vector>

#include "store_fixture.h"

using namespace tokengate;

namespace {

std::string file_to_cut;  // by a search; empty: by none
unsigned searches_before = 0;

/// Has the file cut in the second search for a catalog row, the one for all functions of a module.
class CutInCatalog : public Observer {
 public:
  explicit CutInCatalog(std::string file) : file_(std::move(file)) {}
  void checked(Outcome failure, bool, std::string_view) override {
    if (failure != Outcome::kBadRoute) return;
    file_to_cut = file_;
    searches_before = 1;
  }

 private:
  std::string file_;
};

Outcome ask(Reader& reader, const std::string& secret, std::string_view path, Observer* observer) {
  std::vector<char> scratch(65536);
  Rules rules;
  Connection connection;
  connection.tls = true;
  connection.now_unix_s = kNow;
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = path;
  call.scratch = scratch;
  std::string authorization = "Bearer " + secret;
  Credentials credentials = reader.read_credentials(rules, {authorization, 1, {}, 0});
  return reader.verify(rules, credentials, connection, call, observer).outcome;
}

}  // namespace

// In place of LMDB's own, for the whole program. A page that goes while LMDB looks through it reads as zeros
// from there on, and the key is not among them.
int mdb_get(MDB_txn* txn, MDB_dbi table, MDB_val* key, MDB_val* data) {
  static const auto real = reinterpret_cast<decltype(&mdb_get)>(dlsym(RTLD_NEXT, "mdb_get"));
  if (file_to_cut.empty() || searches_before-- > 0) return real(txn, table, key, data);
  std::filesystem::resize_file(file_to_cut, 8192);  // which commit is the newest can still be read
  file_to_cut.clear();
  real(txn, table, key, data);
  return MDB_NOTFOUND;
}

START_TEST(a_listed_call_does_not_become_an_unlisted_one) {
  StoreFixture store;
  store.add_account("shop", {"email"});
  std::string secret = store.add_token({.account = "shop", .name = "full", .full_access = true});
  std::string data = store.path() + "/data.mdb";
  std::string whole = store.path() + "/whole";
  store.admin = {};
  Verifier verifier(store.path());
  Reader reader(verifier);
  // Full access opens what the catalog does not list, and nothing that the account does not possess.
  ck_assert(ask(reader, secret, "/execute/New/thing", nullptr) == Outcome::kGranted);
  ck_assert(ask(reader, secret, "/execute/Mysql/drop", nullptr) == Outcome::kAclDenied);
  std::filesystem::copy_file(data, whole);
  CutInCatalog cut(data);
  ck_assert(ask(reader, secret, "/execute/Mysql/create", &cut) == Outcome::kStoreUnavailable);
  ck_assert(file_to_cut.empty());
  // Nor is it remembered as unlisted.
  std::filesystem::rename(whole, data);
  ck_assert(verifier.maintain());
  ck_assert(ask(reader, secret, "/execute/Mysql/create", nullptr) == Outcome::kAclDenied);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("lost_pages");
  TCase* tcase = tcase_create("lost_pages");
  tcase_add_test(tcase, a_listed_call_does_not_become_an_unlisted_one);
  suite_add_tcase(suite, tcase);
  return suite;
}
