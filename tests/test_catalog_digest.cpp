// A catalog that lost a row, or has one under another name, decides nothing: the row's calls would fall to a
// wider row, or to full access.
#include "catalog_digest.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "catalog_table.h"
#include "cursor.h"
#include "raw_change.h"
#include "store_fixture.h"

using namespace tokengate;

namespace {

const std::string kListPops = catalog_key(Api::kUapi, "Email", "list_pops");
const std::string kMysql = catalog_key(Api::kUapi, "Mysql", "*");

Outcome ask(Verifier& verifier, const std::string& secret, const char* path) {
  Reader reader(verifier);
  const std::string authorization = "Bearer " + secret;
  Rules rules;
  Connection connection;
  connection.tls = true;
  connection.now_unix_s = kNow;
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = path;
  return reader.verify(rules, reader.read_credentials(rules, {authorization, 1, {}, 0}), connection, call)
      .outcome;
}

/// An account without the ACL `databases`, with a read-only token and one with full access.
struct Shop : StoreFixture {
  Shop() {
    add_account("shop", {"email"});
    reads = add_token({.account = "shop", .name = "reads", .acls = {"email"}, .read_only = true});
    full = add_token({.account = "shop", .name = "full", .full_access = true});
    admin = {};
  }
  void load_again() {
    auto opened = Admin::open(path(), Admin::Access::kReadWrite);
    ck_assert_ok(opened.status);
    ck_assert_ok(opened.value.load_catalog(change_at(), kTestCatalog).status);
  }
  std::string reads, full;
};

const RawChange kDamages[] = {
    [](Transaction& t) { t.erase(Table::kCatalog, kListPops); },
    [](Transaction& t) { t.erase(Table::kCatalog, kMysql); },
    [](Transaction& t) { t.put(Table::kCatalog, catalog_key(Api::kUapi, "Mysql", "new"), "a row"); },
    [](Transaction& t) { t.put(Table::kCatalog, kMysql, "no row"); },
    [](Transaction& t) { t.clear(Table::kCatalog); },
    [](Transaction& t) { t.erase(Table::kMeta, kCatalogDigest); },
    [](Transaction& t) { t.put(Table::kMeta, kCatalogDigest, std::string(32, 'x')); },
    [](Transaction& t) { t.put(Table::kMeta, kCatalogDigest, "short"); },
};

/// Keeps the SHA-256 over the rows as they are, whatever they are.
void put_digest_of_rows(Transaction& transaction) {
  std::string rows;
  Cursor cursor;
  ck_assert(cursor.open(transaction, Table::kCatalog) == StoreError::kNone);
  for (StoreError error = cursor.first(); error == StoreError::kNone; error = cursor.next())
    append_catalog_row(&rows, cursor.key(), cursor.value());
  const Digest digest = sha256(rows);
  ck_assert(transaction.put(Table::kMeta, kCatalogDigest,
                            Bytes(reinterpret_cast<const char*>(digest.data()), digest.size())) ==
            StoreError::kNone);
}

}  // namespace

START_TEST(a_store_is_not_opened_with_such_a_catalog) {
  Shop shop;
  for (const RawChange& work : kDamages) {
    change_raw(shop.path(), work);
    Verifier verifier(shop.path());
    ck_assert(!verifier.maintain());
    ck_assert(verifier.problem().find("`tokengate catalog load`") != std::string::npos);
    ck_assert(ask(verifier, shop.full, "/execute/Mysql/drop") == Outcome::kStoreUnavailable);
    shop.load_again();
    ck_assert(verifier.maintain());
    ck_assert(ask(verifier, shop.full, "/execute/Mysql/drop") == Outcome::kAclDenied);
    ck_assert(ask(verifier, shop.reads, "/execute/Email/list_pops") == Outcome::kGranted);
  }
}
END_TEST

START_TEST(it_is_noticed_while_the_store_is_served) {
  for (const RawChange& work : kDamages) {
    Shop shop;
    Verifier verifier(shop.path());
    ck_assert(ask(verifier, shop.full, "/execute/Email/list_pops") == Outcome::kGranted);
    change_raw_elsewhere(shop.path(), work);
    ck_assert(!verifier.maintain());
    ck_assert(ask(verifier, shop.full, "/execute/Email/list_pops") == Outcome::kStoreUnavailable);
  }
}
END_TEST

/// As it was loaded before patterns were kept in small letters and without the slash at their end. A path
/// that fits one would fall under a wider row.
START_TEST(a_row_under_a_key_that_no_look_up_comes_to_is_missing) {
  for (const char* pattern : {"/v1/Admin/**", "/v1/admin/", "/"}) {
    Shop shop;
    change_raw(shop.path(), [&](Transaction& t) {
      CatalogRecord record;
      const std::string key = "h" + std::string(pattern) + '\0' + '*';
      Bytes value;
      ck_assert(t.get(Table::kCatalog, catalog_key(Api::kHttp, "*", "/v1/admin/**"), &value) ==
                StoreError::kNone);
      ck_assert(decode(catalog_key(Api::kHttp, "*", "/v1/admin/**"), value, &record));
      record.spelling = {};
      ck_assert(t.put(Table::kCatalog, key, encode(key, record)) == StoreError::kNone);
      put_digest_of_rows(t);
    });
    Verifier verifier(shop.path());
    ck_assert_msg(!verifier.maintain(), "%s", pattern);
    ck_assert(verifier.problem().find("`tokengate catalog load`") != std::string::npos);
    auto report = check_store(shop.path());
    ck_assert_ok(report.status);
    ck_assert_uint_eq(report.value.finding_count, 1);
    ck_assert(report.value.findings[0].text.find("`tokengate catalog load`") != std::string::npos);
    shop.load_again();
    ck_assert(verifier.maintain());
    ck_assert_uint_eq(check_store(shop.path()).value.finding_count, 0);
  }
}
END_TEST

START_TEST(a_row_that_only_a_walk_finds_is_missing) {
  // Enough rows for two levels: then a key in the upper one leads look-ups astray.
  StoreFixture fixture;
  std::string text = "api\tmodule\tfunction\tacl\taccess\n";
  for (int i = 1000; i < 1300; ++i) text += "whm1\t-\tfunction" + std::to_string(i) + "\tlist-accts\tread\n";
  ck_assert_ok(fixture.admin.load_catalog(change_at(), text).status);
  fixture.admin = {};
  const std::string data = fixture.path() + "/data.mdb";
  std::ifstream in(data, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  // LMDB's data format 1: pages of 4096 bytes; at 10 the flags, 1 in an upper page; at 16 where the nodes
  // are; a node's key is 8 bytes into it. The first node has none.
  constexpr size_t kPageBytes = 4096;
  int changed = 0;
  for (size_t page = 2 * kPageBytes; page + kPageBytes <= bytes.size(); page += kPageBytes) {
    uint16_t flags = 0;
    uint16_t node = 0;
    std::memcpy(&flags, &bytes[page + 10], sizeof flags);
    std::memcpy(&node, &bytes[page + 18], sizeof node);
    if (flags != 1 || bytes.compare(page + node + 8, 9, "wfunction") != 0) continue;
    bytes[page + node + 8] = 'x';
    ++changed;
  }
  ck_assert_int_gt(changed, 0);
  std::ofstream(data, std::ios::binary) << bytes;
  Verifier verifier(fixture.path());
  ck_assert(!verifier.maintain());
  ck_assert(verifier.problem().find("catalog") != std::string::npos);
}
END_TEST

START_TEST(a_whole_catalog_or_none_is_no_trouble) {
  TempFolder folder;
  const std::string path = folder.path() + "/store";
  ck_assert_ok(create_store({path, ""}, change_at()));
  {
    Verifier verifier(path);
    ck_assert(verifier.maintain());
  }
  Shop shop;
  Verifier verifier(shop.path());
  for (int load = 0; load < 2; ++load) {
    ck_assert(verifier.maintain());
    change_raw_elsewhere(shop.path(), [](Transaction& t) { t.put(Table::kMeta, "anything", "else"); });
  }
  ck_assert(verifier.maintain());
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("catalog_digest");
  TCase* tcase = tcase_create("catalog_digest");
  tcase_add_test(tcase, a_store_is_not_opened_with_such_a_catalog);
  tcase_add_test(tcase, it_is_noticed_while_the_store_is_served);
  tcase_add_test(tcase, a_row_under_a_key_that_no_look_up_comes_to_is_missing);
  tcase_add_test(tcase, a_row_that_only_a_walk_finds_is_missing);
  tcase_add_test(tcase, a_whole_catalog_or_none_is_no_trouble);
  suite_add_tcase(suite, tcase);
  return suite;
}
