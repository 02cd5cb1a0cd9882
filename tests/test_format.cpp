// The store's format: a store that the first version wrote is kept in tests/data, and every later version
// must read it, or upgrade it. Another format is refused by name.
//
// Before the first release the format may change; then the kept store is written anew, from the build folder,
// with
//   TOKENGATE_WRITE_FORMAT=1 tests/test_format
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "raw_change.h"
#include "store_fixture.h"
#include "transaction.h"

using namespace tokengate;

namespace {

const std::string kStore = TOKENGATE_SOURCE_DIR "/tests/data/format-1.mdb";
const std::string kText = TOKENGATE_SOURCE_DIR "/tests/data/format-1.tsv";

std::string exported(const Admin& admin) {
  std::string text;
  ck_assert_ok(admin.export_text([&](std::string_view part) {
    text += part;
    return true;
  }));
  return text;
}

/// Not random, so that the kept store has secrets that the test knows.
bool count_up(std::span<uint8_t> out) {
  static uint8_t next = 0;
  for (uint8_t& byte : out) byte = next++;
  return true;
}

constexpr std::string_view kFirstSecret = "ABCDEFGHIJKLMNOPQRSTUVWXYALPNPWL";

void write_format() {
  TempFolder folder;
  std::string path = folder.path() + "/store";
  ck_assert_ok(create_store({path, ""}, change_at()));
  Admin admin = std::move(Admin::open(path, Admin::Access::kReadWrite, count_up).value);
  ck_assert_ok(admin.load_catalog(change_at(), kTestCatalog).status);
  ck_assert_ok(admin.create_account(change_at(), {.username = "root", .acls = {{"all"}, {"all"}}}).status);
  ck_assert_ok(admin
                   .create_account(change_at(),
                                   {.username = "shop", .owner = "root", .acls = {{"email"}, {"list-accts"}}})
                   .status);
  auto first = admin.create_token(change_at(), {.account = "shop", .name = "ci", .acls = {"email"}});
  ck_assert_ok(first.status);
  ck_assert_view_eq(first.value.secret, kFirstSecret);
  ck_assert_ok(admin
                   .create_token(change_at(), {.account = "shop",
                                               .service = Service::kWhm,
                                               .name = "all",
                                               .full_access = true,
                                               .read_only = true,
                                               .addresses = {"192.0.2.0/24", "2001:db8::1"},
                                               .not_before_unix_s = kNow,
                                               .expires_unix_s = kNow + 1,
                                               .note = "caf\xC3\xA9"})
                   .status);
  ck_assert_ok(admin.rotate_token(change_at(), "shop", Service::kWhm, "all", 60).status);
  ck_assert_ok(admin.create_account(change_at(), {.username = "idle"}).status);
  ck_assert_ok(admin.set_account_active(change_at(), "idle", false));
  ck_assert_ok(admin.set_tokens_enabled(change_at(), "idle", false));
  int file = open(kStore.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ck_assert_ok(admin.backup(file));
  close(file);
  std::ofstream(kText) << exported(admin);
}

}  // namespace

START_TEST(a_store_of_the_first_version_is_read) {
  if (std::getenv("TOKENGATE_WRITE_FORMAT") != nullptr) write_format();
  TempFolder folder;
  std::string path = folder.path() + "/store";
  ck_assert_ok(restore_store({kStore, {path, ""}, ""}, change_at()).status);
  {
    Admin admin = std::move(Admin::open(path, Admin::Access::kReadOnly).value);
    std::ifstream file(kText);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    ck_assert_uint_gt(text.size(), 1000);
    ck_assert_view_eq(exported(admin), text);
    ck_assert_ok(admin.verify_journal().status);
  }
  Verifier verifier(path);
  Reader reader(verifier);
  Rules rules;
  std::string header = "Bearer " + std::string(kFirstSecret);
  Credentials credentials =
      reader.read_credentials(rules, {.authorization = header, .authorization_count = 1, .key_header = {}});
  Connection connection{Address{Address::kLocalSocket, {}}, true, kNow};
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/execute/Email/list_pops";
  ck_assert(reader.verify(rules, credentials, connection, call).outcome == Outcome::kGranted);
  call.wire_path = call.served_path = "/execute/Mysql/list";
  ck_assert(reader.verify(rules, credentials, connection, call).outcome == Outcome::kAclDenied);
}
END_TEST

START_TEST(another_format_is_refused_by_name) {
  for (const char* bytes : {"\2\0\0\0", "\0\1\0\0"}) {
    StoreFixture fixture;
    fixture.admin = {};
    change_raw(fixture.path(), [&](Transaction& t) {
      ck_assert(t.put(Table::kMeta, kFormatKey, Bytes(bytes, 4)) == StoreError::kNone);
    });
    std::string found = bytes[0] == 2 ? "is of format 2" : "is of format 256";
    std::string wanted = "this version of Tokengate reads format 1";
    for (Admin::Access access : {Admin::Access::kReadOnly, Admin::Access::kReadWrite}) {
      Status status = Admin::open(fixture.path(), access).status;
      ck_assert_fails(status, Code::kStore, found);
      ck_assert_fails(status, Code::kStore, wanted);
    }
    ck_assert_fails(check_store(fixture.path()).status, Code::kStore, wanted);
    ck_assert_fails(repair_store(fixture.path(), change_at(), false).status, Code::kStore, wanted);
    Verifier verifier(fixture.path());
    ck_assert(!verifier.maintain());
    ck_assert(verifier.problem().find(found) != std::string::npos);
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("format");
  TCase* tcase = tcase_create("format");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_store_of_the_first_version_is_read);
  tcase_add_test(tcase, another_format_is_refused_by_name);
  suite_add_tcase(suite, tcase);
  return suite;
}
