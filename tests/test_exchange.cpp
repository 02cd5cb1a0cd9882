// The text form of a store: an exact round trip, bulk import, merging, plain lists, and every refusal.
#include "exchange.h"

#include "store_fixture.h"
#include "token_sorter.h"

using namespace tokengate;

namespace {

const std::string kDigestA(64, 'a');
const std::string kDigestB(64, 'b');

std::string exported(const Admin& admin) {
  std::string text;
  ck_assert_ok(admin.export_text([&](std::string_view part) {
    text += part;
    return true;
  }));
  return text;
}

/// A store of each kind of thing that there is.
void fill(StoreFixture& fixture) {
  fixture.add_account("root", {"all"}, {"all"});
  fixture.add_account("shop", {"email", "databases"}, {"list-accts"}, "root");
  fixture.add_account("gone", {});
  fixture.add_account("idle", {});
  ck_assert_ok(fixture.admin.set_account_active(change_at(), "idle", false));
  ck_assert_ok(fixture.admin.set_tokens_enabled(change_at(), "idle", false));
  fixture.add_token({.account = "shop", .name = "plain", .acls = {"email"}});
  fixture.add_token({.account = "shop",
                     .name = "full",
                     .full_access = true,
                     .read_only = true,
                     .addresses = {"192.0.2.0/24", "2001:db8::1"},
                     .not_before_unix_s = kNow - 5,
                     .expires_unix_s = kNow + 500,
                     .note = "caf\xC3\xA9"});
  fixture.add_token({.account = "shop", .service = Service::kWhm, .name = "plain", .acls = {"list-accts"}});
  fixture.add_token({.account = "root", .service = Service::kWhm, .name = "revoked", .acls = {"all"}});
  ck_assert_ok(fixture.admin.revoke_token(change_at(), "root", Service::kWhm, "revoked"));
  ck_assert_ok(fixture.admin.rotate_token(change_at(), "shop", Service::kCpanel, "plain", 60).status);
  for (int i = 0; i < 2; ++i) {
    ck_assert_ok(fixture.admin.rotate_token(change_at(), "shop", Service::kWhm, "plain", 0).status);
  }
  ck_assert_ok(fixture.admin.delete_account(change_at(), "gone").status);
}

/// An empty store of its own.
class EmptyStore {
 public:
  EmptyStore() {
    ck_assert_ok(create_store({path(), ""}, change_at()));
    auto opened = Admin::open(path(), Admin::Access::kReadWrite);
    ck_assert_ok(opened.status);
    admin = std::move(opened.value);
  }
  std::string path() const { return folder_.path() + "/store"; }

 private:
  TempFolder folder_;

 public:
  Admin admin;
};

Outcome asked(const std::string& path, const std::string& secret, std::string_view route) {
  Verifier verifier(path);
  Reader reader(verifier);
  Rules rules;
  Credentials credentials = reader.read_credentials(rules, {.authorization = "Bearer " + secret,
                                                            .authorization_count = 1,
                                                            .key_header = {},
                                                            .key_header_count = 0});
  Connection connection{Address{Address::kLocalSocket, {}}, true, kNow};
  Call call;
  call.method = "GET";
  call.wire_path = route;
  call.served_path = route;
  return reader.verify(rules, credentials, connection, call).outcome;
}

std::string with_lines(std::string_view lines) {
  return "tokengate-export\t1\nacl\tcpanel\temail\naccount\tshop\t\tactive\ton\temail\n" +
         std::string(lines) + "end\n";
}

std::string token_line(std::string_view name, std::string_view digest,
                       std::string_view rest = "\temail\twrite") {
  return "token\tshop\tcpanel\t" + std::string(name) + "\t" + std::string(digest) + std::string(rest) + "\n";
}

}  // namespace

START_TEST(a_round_trip_is_exact) {
  StoreFixture fixture;
  fill(fixture);
  std::string text = exported(fixture.admin);
  EmptyStore copy;
  auto imported = copy.admin.import_text(change_at(), text);
  ck_assert_ok(imported.status);
  ck_assert_uint_eq(imported.value.accounts, 3);
  ck_assert_uint_eq(imported.value.tokens, 3);
  ck_assert_view_eq(exported(copy.admin), text);
  // Ids go on where they were.
  ck_assert_uint_eq(copy.admin.create_account(change_at(), {.username = "later"}).value.id, 5);
  ck_assert_ok(copy.admin.verify_journal().status);
}
END_TEST

START_TEST(an_imported_token_decides_as_the_original) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  std::string secret = fixture.add_token({.account = "shop", .name = "ci", .acls = {"email"}});
  std::string text = exported(fixture.admin);
  ck_assert(text.find(secret) == std::string::npos);
  EmptyStore copy;
  ck_assert_ok(copy.admin.import_text(change_at(), text).status);
  copy.admin = {};
  for (const std::string& path : {fixture.path(), copy.path()}) {
    if (path == fixture.path()) fixture.admin = {};
    ck_assert(asked(path, secret, "/execute/Email/list_pops") == Outcome::kGranted);
    ck_assert(asked(path, secret, "/execute/Mysql/list") == Outcome::kAclDenied);
    ck_assert(asked(path, "no" + secret.substr(2), "/execute/Email/list_pops") == Outcome::kUnknownToken);
  }
}
END_TEST

START_TEST(a_replaced_secret_stays_replaced) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  fixture.add_token({.account = "shop", .name = "ci", .acls = {"email"}});
  ck_assert_ok(fixture.admin.rotate_token(change_at(), "shop", Service::kCpanel, "ci", 0).status);
  EmptyStore copy;
  ck_assert_ok(copy.admin.import_text(change_at(), exported(fixture.admin)).status);
  // As a call that was begun with the first secret.
  Change held_up = change_at();
  held_up.acting = ActingToken{"shop", Service::kCpanel, "ci", 1, 1};
  for (Admin* admin : {&fixture.admin, &copy.admin}) {
    ck_assert_fails(admin->revoke_token(held_up, "shop", Service::kCpanel, "ci"), Code::kRefused,
                    "was rotated");
  }
}
END_TEST

START_TEST(lines_made_by_hand_take_defaults) {
  EmptyStore store;
  ck_assert_ok(store.admin
                   .import_text(change_at(),
                                "tokengate-export\t1\r\n# a comment\n\nacl\tcpanel\temail\n"
                                "account\tshop\t\tactive\ton\temail\n" +
                                    token_line("b", kDigestB) + token_line("a", kDigestA) + "end")
                   .status);
  auto tokens = store.admin.list_tokens("shop");
  ck_assert_uint_eq(tokens.value.size(), 2);
  ck_assert_view_eq(tokens.value[0].name, "a");
  ck_assert_uint_eq(tokens.value[0].id, 2);
  ck_assert_int_eq(tokens.value[0].created_unix_s, kNow);
  ck_assert_int_eq(tokens.value[0].expires_unix_s, kNeverExpires);
  ck_assert(!tokens.value[0].full_access && !tokens.value[0].read_only);
}
END_TEST

START_TEST(a_store_in_use_gets_new_ids_and_keeps_parents) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  fixture.add_token({.account = "shop", .name = "first", .acls = {"email"}});
  // The child stands before its parent, as a lesser name; the parent's own is in no line. The next ids are
  // above those of the text, not above those that its accounts and tokens get here.
  std::string text = "tokengate-export\t1\naccount\tother\tshop\tactive\ton\temail\t\t5\t1\n" +
                     token_line("child", kDigestA, "\temail\twrite\tnever\t0\t\t7\t9\t4") +
                     token_line("parent", kDigestB, "\temail\tread\tnever\t0\t\t7\t4\t3") +
                     "next\taccount\t2\nend\n";
  ck_assert_ok(fixture.admin.import_text(change_at(), text).status);
  ck_assert_uint_eq(fixture.admin.find_account("other").value.id, 2);
  ck_assert_view_eq(fixture.admin.find_account("other").value.owner, "shop");
  ck_assert_uint_eq(fixture.admin.find_token("shop", Service::kCpanel, "child").value.id, 3);
  ck_assert_uint_eq(fixture.admin.find_token("shop", Service::kCpanel, "parent").value.id, 2);
  ck_assert(exported(fixture.admin).find("\t3\t2\t\t\t\t1\n") != std::string::npos);
  ck_assert(exported(fixture.admin).find("\t2\t\t\t\t\t1\n") != std::string::npos);
  fixture.add_token({.account = "shop", .name = "last", .acls = {"email"}});
  ck_assert_uint_eq(fixture.admin.find_token("shop", Service::kCpanel, "last").value.id, 4);
  fixture.admin = {};
  ck_assert_uint_eq(check_store(fixture.path()).value.finding_count, 0);
}
END_TEST

START_TEST(the_same_catalog_is_taken_and_another_refused) {
  StoreFixture fixture;
  std::string text = exported(fixture.admin);
  ck_assert_ok(fixture.admin.import_text(change_at(), text).status);
  ck_assert_view_eq(exported(fixture.admin), text);
  size_t at = text.find("catalog\tuapi\tEmail\tadd_pop");
  text.erase(at, text.find('\n', at) + 1 - at);
  ck_assert_fails(fixture.admin.import_text(change_at(), text).status, Code::kRefused, "another catalog");
}
END_TEST

START_TEST(a_bad_line_is_named_and_changes_nothing) {
  const struct {
    std::string text;
    Code code;
    const char* words;
  } kCases[] = {
      {"", Code::kInvalid, "no export of a store"},
      {"something\n", Code::kInvalid, "line 1: this is no export"},
      {"tokengate-export\t2\nend\n", Code::kInvalid, "version \"2\", and this program reads version 1"},
      {"tokengate-export\t1\n", Code::kInvalid, "no line `end`"},
      {with_lines("thing\n"), Code::kInvalid, "line 4: the line begins with \"thing\""},
      {with_lines("end\n"), Code::kInvalid, "line 5: nothing may follow"},
      {with_lines("acl\tcpanel\tdns\n"), Code::kInvalid, "line 4: a line `acl` comes too late"},
      {with_lines("account\tshop\t\tactive\ton\n"), Code::kRefused, "line 4: there already is an account"},
      {with_lines("account\ta b\t\tactive\ton\n"), Code::kInvalid, "line 4: \"a b\" cannot be a username"},
      {with_lines("account\tx\t\t\ton\n"), Code::kInvalid, "line 4: the state is"},
      {with_lines("account\tx\t\tactive\tyes\n"), Code::kInvalid, "line 4: the switch for tokens is"},
      {with_lines("account\tx\t\tactive\ton\tdns\n"), Code::kRefused, "line 4: there is no ACL \"dns\""},
      {with_lines("account\tx\t\tactive\ton\temail,\n"), Code::kRefused, "line 4: there is no ACL"},
      {with_lines("account\tx\t\tactive\ton\t\t\t-1\n"), Code::kInvalid, "line 4: the time of creation"},
      {with_lines("account\tx\t\tactive\ton\t\t\t1\t4\n"), Code::kInvalid, "line 4: either all lines"},
      {with_lines("account\tx\t\tactive\ton\t\t\t1\t4\tmore\n"), Code::kInvalid, "line 4: the line has more"},
      {with_lines("account\tx\tnobody\tactive\ton\n"), Code::kRefused, "no account \"nobody\""},
      {with_lines("account\tx\ty\tactive\ton\naccount\ty\tx\tactive\ton\n"), Code::kRefused, "own itself"},
      {with_lines("account\tx\tx\tactive\ton\n"), Code::kRefused, "own itself"},
      {with_lines(token_line("ci", "12")), Code::kInvalid, "line 4: the digest is not 64"},
      {with_lines(token_line("ci", kDigestA, "")), Code::kInvalid, "line 4: the token has no ACL"},
      {with_lines(token_line("ci", kDigestA, "\t\twrite")), Code::kInvalid, "line 4: the token has no ACL"},
      {with_lines(token_line("ci", kDigestA, "\temail")), Code::kInvalid, "line 4: the access is"},
      {with_lines(token_line("ci", kDigestA, "\tfiles\tread")), Code::kRefused, "line 4: there is no ACL"},
      {with_lines(token_line("ci", kDigestA, "\t*,email\tread")), Code::kRefused, "line 4: there is no ACL"},
      {with_lines(token_line("c/i", kDigestA)), Code::kInvalid, "line 4: \"c/i\" cannot be a token name"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\tnow")), Code::kInvalid, "line 4: the end is"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t007")), Code::kInvalid, "line 4: the end is"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t5\t5")), Code::kInvalid,
       "line 4: the token would end"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t10.0.0.1/8")), Code::kInvalid,
       "line 4: \"10.0.0.1/8\" is not an address"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t0")), Code::kInvalid, "line 4: the id is"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t99999999999999")), Code::kInvalid,
       "line 4: the id is"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t" + kDigestB)), Code::kInvalid,
       "line 4: a former secret"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t\t\ta\x01")), Code::kInvalid,
       "line 4: the note"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t\t\t\t0")), Code::kInvalid,
       "line 4: the serial of the secret"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t" + kDigestB + "\t5\t\t1")),
       Code::kInvalid, "line 4: the serial of the secret"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t\t\t\t4294967296")), Code::kInvalid,
       "line 4: the serial of the secret"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t\t\t\t1\t")), Code::kInvalid,
       "line 4: the line has more"},
      {with_lines(token_line("ci", kDigestA, "\t*\tread\t\t\t\t\t1\t\t" + kDigestA + "\t5")), Code::kRefused,
       "line 4: another token has this secret"},
      {with_lines(token_line("ci", kDigestA) + token_line("ci", kDigestB)), Code::kRefused,
       "line 5: the account \"shop\" already has a token \"ci\""},
      {with_lines(token_line("ci", kDigestA) + token_line("cd", kDigestA)), Code::kRefused,
       "line 5: another token has this secret"},
      {with_lines(token_line("a", kDigestA, "\t*\tread\t\t\t\t\t7") +
                  token_line("b", kDigestB, "\t*\tread\t\t\t\t\t7")),
       Code::kRefused, "line 5: the id 7"},
      {with_lines(token_line("a", kDigestA, "\t*\tread\t\t\t\t\t7\t7")), Code::kInvalid,
       "line 4: the parent 7 is not older"},
      {with_lines(token_line("a", kDigestA, "\t*\tread\t\t\t\t\t\t7")), Code::kInvalid,
       "line 4: the parent 7 is not older"},
      {with_lines(token_line("a", kDigestA, "\t*\tread\t\t\t\t\t7") + "next\ttoken\t7\n"), Code::kRefused,
       "line 5: the next id 7 is not above"},
      {with_lines("token\tnobody\tcpanel\tci\t" + kDigestA + "\t*\tread\n"), Code::kRefused,
       "line 4: there is no account \"nobody\""},
      {"tokengate-export\t1\ncatalog\nend\n", Code::kInvalid, "line 2: the line `catalog` holds no row"},
      {"tokengate-export\t1\ncatalog\t\nend\n", Code::kInvalid, "line 2: the line `catalog` holds no row"},
      {"tokengate-export\t1\ncatalog\t# x\nend\n", Code::kInvalid, "line 2: the line `catalog` holds no row"},
      {with_lines(std::string(kMaxExchangeLineBytes + 1, '#') + "\n"), Code::kInvalid,
       "line 4: the line is longer"},
      {"tokengate-export\t1\n\ncatalog\tuapi\tEmail\t*\temail\twrite\n# x\ncatalog\tuapi\tEmail\n",
       Code::kInvalid, "no line `end`"},
      {"tokengate-export\t1\n\ncatalog\tuapi\tEmail\t*\temail\twrite\n# x\ncatalog\tuapi\tEmail\nend\n",
       Code::kInvalid, "line 5: "},
  };
  EmptyStore store;
  std::string before = exported(store.admin);
  for (const auto& test : kCases) {
    auto result = store.admin.import_text(change_at(), test.text);
    ck_assert_fails(result.status, test.code, test.words);
  }
  ck_assert_view_eq(exported(store.admin), before);
  ck_assert_uint_eq(store.admin.stat().value.journal_entries, 1);
}
END_TEST

START_TEST(what_a_store_in_use_has_is_refused) {
  StoreFixture fixture;
  fill(fixture);
  std::string text = exported(fixture.admin);
  ck_assert_fails(fixture.admin.import_text(change_at(), text).status, Code::kRefused,
                  "there already is an account \"root\"");
  size_t tokens = text.find("\ntoken\t");
  std::string token = text.substr(tokens + 1, text.find('\n', tokens + 1) - tokens);
  std::string again = "tokengate-export\t1\n" + token + "end\n";
  ck_assert_fails(fixture.admin.import_text(change_at(), again).status, Code::kRefused,
                  "line 2: the account \"shop\" already has a token");
  again.replace(again.find("\tfull\t"), 6, "\tanother\t");
  ck_assert_fails(fixture.admin.import_text(change_at(), again).status, Code::kRefused,
                  "line 2: another token has this secret");
  ck_assert_view_eq(exported(fixture.admin), text);
}
END_TEST

START_TEST(a_dry_run_changes_nothing) {
  EmptyStore store;
  std::string before = exported(store.admin);
  ImportOptions options;
  options.dry_run = true;
  auto result = store.admin.import_text(change_at(), with_lines(token_line("ci", kDigestA)), options);
  ck_assert_ok(result.status);
  ck_assert_uint_eq(result.value.tokens, 1);
  ck_assert_view_eq(exported(store.admin), before);
  ck_assert_uint_eq(store.admin.stat().value.journal_entries, 1);
}
END_TEST

START_TEST(a_list_gets_the_stated_rights_and_no_others) {
  StoreFixture fixture;
  fixture.add_account("shop", {"email"});
  ImportOptions options;
  options.list = NewToken{.acls = {"email"}, .read_only = true, .expires_unix_s = kNow + 9, .note = "moved"};
  std::string list = "user\tname\tsha256\nshop\tone\t" + kDigestA + "\nshop\ttwo\t" + kDigestB + "\n";
  ck_assert_ok(fixture.admin.import_text(change_at(), list, options).status);
  Token token = fixture.admin.find_token("shop", Service::kCpanel, "two").value;
  ck_assert(token.read_only && !token.full_access);
  ck_assert_uint_eq(token.acls.size(), 1);
  ck_assert_int_eq(token.expires_unix_s, kNow + 9);
  ck_assert_view_eq(token.note, "moved");

  const std::string line = "shop\tthree\t" + std::string(64, 'c') + "\n";
  ck_assert_fails(fixture.admin.import_text(change_at(), line + "shop\n", options).status, Code::kInvalid,
                  "line 2");
  ck_assert_fails(fixture.admin.import_text(change_at(), list, options).status, Code::kRefused, "line 2");
  options.list = NewToken{};
  ck_assert_fails(fixture.admin.import_text(change_at(), line, options).status, Code::kInvalid,
                  "full access");
  options.list = NewToken{.acls = {"databases"}};
  ck_assert_fails(fixture.admin.import_text(change_at(), line, options).status, Code::kRefused,
                  "line 1: the account \"shop\" does not possess");
  options.list = NewToken{.full_access = true};
  ck_assert_ok(fixture.admin.import_text(change_at(), line, options).status);
  ck_assert(fixture.admin.find_token("shop", Service::kCpanel, "three").value.full_access);
}
END_TEST

START_TEST(the_sorter_keeps_order_beyond_its_memory) {
  TempFolder folder;
  for (size_t memory : {size_t{1} << 20, size_t{500}}) {
    TokenSorter sorter(folder.path(), memory);
    uint64_t key = 1;
    for (uint64_t line = 1; line <= 1000; ++line) {
      key = key * 6364136223846793005U + 1442695040888963407U;
      sorter.add(line % 100 == 0 ? 77 : key, line, std::to_string(key));
    }
    TokenKey last = 0;
    uint64_t last_line = 0;
    size_t count = 0;
    sorter.for_each([&](TokenKey at, uint64_t line, std::string_view record) {
      ck_assert(at > last || (at == last && line > last_line) || count == 0);
      if (at != 77) ck_assert_view_eq(record, std::to_string(at));
      last = at;
      last_line = line;
      ++count;
    });
    ck_assert_uint_eq(count, 1000);
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("exchange");
  TCase* tcase = tcase_create("exchange");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_round_trip_is_exact);
  tcase_add_test(tcase, an_imported_token_decides_as_the_original);
  tcase_add_test(tcase, a_replaced_secret_stays_replaced);
  tcase_add_test(tcase, lines_made_by_hand_take_defaults);
  tcase_add_test(tcase, a_store_in_use_gets_new_ids_and_keeps_parents);
  tcase_add_test(tcase, the_same_catalog_is_taken_and_another_refused);
  tcase_add_test(tcase, a_bad_line_is_named_and_changes_nothing);
  tcase_add_test(tcase, what_a_store_in_use_has_is_refused);
  tcase_add_test(tcase, a_dry_run_changes_nothing);
  tcase_add_test(tcase, a_list_gets_the_stated_rights_and_no_others);
  tcase_add_test(tcase, the_sorter_keeps_order_beyond_its_memory);
  suite_add_tcase(suite, tcase);
  return suite;
}
