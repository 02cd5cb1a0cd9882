// The store's format: of each format that there was, a store and its text are kept in tests/data, and never
// written again. A store of the present format is served; of an older one the text is imported. Another
// format is refused by name.
//
// Whoever changes the format raises kFormatVersion, has a new store and its text written beside the kept ones
// with
//   TOKENGATE_WRITE_FORMAT=1 tests/test_format
// from the build folder, and adds a row to kKept.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "hash.h"
#include "raw_change.h"
#include "readers.h"
#include "store.h"
#include "store_fixture.h"
#include "transaction.h"

using namespace tokengate;

namespace {

/// What was kept, by its SHA-256: a store that can be written anew when a test fails shows nothing.
struct Kept {
  uint32_t format;
  std::string_view store_sha256;
  std::string_view text_sha256;
};
constexpr Kept kKept[] = {{1, "6f1f802c25c1090495609c7fe723375896951932942b75ffd0405c4a417984b7",
                           "ba60ea90c0af341f02caedb50fc7190cc54b26720210cd4d19aba29d567c662d"}};

std::string kept_file(uint32_t format, const char* suffix) {
  return TOKENGATE_SOURCE_DIR "/tests/data/format-" + std::to_string(format) + suffix;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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
  int file = open(kept_file(kFormatVersion, ".mdb").c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
  ck_assert_int_ge(file, 0);  // what is kept stays
  ck_assert_ok(admin.backup(file));
  close(file);
  std::ofstream(kept_file(kFormatVersion, ".tsv")) << exported(admin);
}

/// The first token of the kept store, and what it may do.
void require_first_token(const std::string& path) {
  ck_assert_int_eq(make_readers_file(path, geteuid(), getegid()), 0);
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

}  // namespace

START_TEST(what_is_kept_is_what_was_kept) {
  if (std::getenv("TOKENGATE_WRITE_FORMAT") != nullptr) write_format();
  bool has_present = false;
  for (const Kept& kept : kKept) {
    ck_assert_view_eq(to_hex(sha256(read_file(kept_file(kept.format, ".mdb")))), kept.store_sha256);
    ck_assert_view_eq(to_hex(sha256(read_file(kept_file(kept.format, ".tsv")))), kept.text_sha256);
    has_present = has_present || kept.format == kFormatVersion;
  }
  ck_assert(has_present);
}
END_TEST

START_TEST(a_kept_store_is_served_as_it_is_and_restored) {
  const std::string kept = kept_file(kFormatVersion, ".mdb");
  const std::string text = read_file(kept_file(kFormatVersion, ".tsv"));
  ck_assert_uint_gt(text.size(), 1000);
  TempFolder folder;
  std::string opened = folder.path() + "/opened", restored = folder.path() + "/restored";
  std::filesystem::create_directory(opened);
  std::filesystem::copy_file(kept, opened + "/data.mdb");
  ck_assert_ok(restore_store({kept, {restored, ""}, ""}, change_at()).status);
  for (const std::string& path : {opened, restored}) {
    require_first_token(path);
    {
      Admin admin = std::move(Admin::open(path, Admin::Access::kReadWrite).value);
      ck_assert_view_eq(exported(admin), text);
      ck_assert_ok(admin.verify_journal().status);
      ck_assert_ok(admin.create_account(change_at(), {.username = "next"}).status);
    }
    require_first_token(path);
  }
}
END_TEST

// The way from one format to the next: the old program exports, the new one imports into a new store.
START_TEST(the_text_of_every_format_becomes_a_store_of_the_present_one) {
  for (const Kept& kept : kKept) {
    const std::string text = read_file(kept_file(kept.format, ".tsv"));
    TempFolder folder;
    std::string path = folder.path() + "/store";
    ck_assert_ok(create_store({path, ""}, change_at()));
    {
      Admin admin = std::move(Admin::open(path, Admin::Access::kReadWrite).value);
      ck_assert_ok(admin.import_text(change_at(), text).status);
      if (kept.format == kFormatVersion) ck_assert_view_eq(exported(admin), text);
    }
    require_first_token(path);
    ck_assert_uint_eq(check_store(path).value.finding_count, 0);
  }
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
  tcase_add_test(tcase, what_is_kept_is_what_was_kept);
  tcase_add_test(tcase, a_kept_store_is_served_as_it_is_and_restored);
  tcase_add_test(tcase, the_text_of_every_format_becomes_a_store_of_the_present_one);
  tcase_add_test(tcase, another_format_is_refused_by_name);
  suite_add_tcase(suite, tcase);
  return suite;
}
