// The write path: what is done, what is refused and why, and that a refusal changes nothing.
#include "tokengate/admin.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store_fixture.h"

using namespace tokengate;

namespace {

constexpr Service kCpanel = Service::kCpanel;

NewToken new_token(const std::string& name) {
  return {.account = "shop", .name = name, .acls = {"email"}};
}

/// A fixture with the account `shop`.
struct Shop : StoreFixture {
  Shop() { add_account("shop", {"email", "dns"}, {"list-accts"}); }
  Status create(const NewToken& token) { return admin.create_token(change_at(), token).status; }
};

}  // namespace

START_TEST(a_store_is_made_once_and_named_when_missing) {
  TempFolder folder;
  std::string path = folder.path() + "/store";
  ck_assert_ok(create_store({path, ""}, change_at()));
  ck_assert_fails(create_store({path, ""}, change_at()), Code::kRefused, "already holds a store");
  ck_assert_fails(create_store({path + "2", "no-such-group"}, change_at()), Code::kInvalid, "no-such-group");
  ck_assert_fails(create_store({folder.path() + "/a/b", ""}, change_at()), Code::kStore, "parent");
  std::ofstream(folder.path() + "/file") << "x";
  ck_assert_fails(create_store({folder.path() + "/file", ""}, change_at()), Code::kStore, "not a folder");
  ck_assert_fails(create_store({folder.path(), ""}, change_at()), Code::kRefused, "not empty");
  struct stat mode {};
  ck_assert_int_eq(stat(folder.path().c_str(), &mode), 0);
  ck_assert_int_eq(mode.st_mode & 07777, 0700);
  ck_assert_fails(create_store({"", ""}, change_at()), Code::kInvalid, "folder");
  ck_assert_fails(Admin::open(folder.path() + "/none", Admin::Access::kReadOnly).status, Code::kStore,
                  "tokengate init");
}
END_TEST

START_TEST(a_store_is_not_made_in_a_folder_of_somebody_else) {
  TempFolder folder;
  std::string link = folder.path() + "/link";
  std::filesystem::create_directory(folder.path() + "/real");
  std::filesystem::create_symlink(folder.path() + "/real", link);
  ck_assert_fails(create_store({link, ""}, change_at()), Code::kStore, "not a folder");
  if (geteuid() != 0) return;  // only root can give a folder away
  std::string foreign = folder.path() + "/foreign";
  std::filesystem::create_directory(foreign);
  ck_assert_int_eq(chown(foreign.c_str(), 65534, 65534), 0);
  ck_assert_fails(create_store({foreign, ""}, change_at()), Code::kRefused, "another user");
  ck_assert(std::filesystem::is_empty(foreign));
}
END_TEST

START_TEST(a_read_only_admin_changes_nothing) {
  Shop shop;
  shop.admin = {};
  auto opened = Admin::open(shop.path(), Admin::Access::kReadOnly);
  ck_assert_ok(opened.status);
  ck_assert_fails(opened.value.set_account_active(change_at(), "shop", false), Code::kStore, "reading only");
  ck_assert(opened.value.find_account("shop").value.active);
}
END_TEST

START_TEST(accounts_are_created_shown_and_refused) {
  Shop shop;
  ck_assert_fails(shop.admin.create_account(change_at(), {.username = "shop"}).status, Code::kRefused,
                  "already");
  for (const char* bad : {"", "a b", "a:b", ".a", "\n"}) {
    ck_assert_fails(shop.admin.create_account(change_at(), {.username = bad}).status, Code::kInvalid,
                    "username");
  }
  ck_assert_fails(shop.admin.create_account(change_at(), {.username = "x", .owner = "nobody"}).status,
                  Code::kRefused, "nobody");
  ck_assert_fails(shop.admin.create_account(change_at(), {.username = "x", .acls = {{"emial"}, {}}}).status,
                  Code::kRefused, "emial");
  auto found = shop.admin.find_account("shop");
  ck_assert_ok(found.status);
  ck_assert(found.value.acls[0] == (std::vector<std::string>{"dns", "email"}));
  ck_assert(found.value.acls[1] == (std::vector<std::string>{"list-accts"}));
  ck_assert(found.value.active && found.value.tokens_enabled);
  ck_assert_uint_eq(shop.admin.list_accounts().value.size(), 1);
}
END_TEST

START_TEST(account_ids_are_never_used_again) {
  Shop shop;
  uint32_t first = shop.admin.find_account("shop").value.id;
  ck_assert_ok(shop.admin.delete_account(change_at(), "shop").status);
  shop.add_account("shop", {});
  ck_assert_uint_gt(shop.admin.find_account("shop").value.id, first);
}
END_TEST

START_TEST(owners_form_no_loop_and_are_not_deleted_first) {
  Shop shop;
  shop.add_account("reseller", {});
  shop.add_account("sub", {}, {}, "reseller");
  ck_assert_fails(shop.admin.set_account_owner(change_at(), "reseller", "reseller"), Code::kRefused,
                  "own itself");
  ck_assert_fails(shop.admin.set_account_owner(change_at(), "reseller", "sub"), Code::kRefused, "own itself");
  ck_assert_fails(shop.admin.delete_account(change_at(), "reseller").status, Code::kRefused, "sub");
  ck_assert_ok(shop.admin.set_account_owner(change_at(), "sub", ""));
  ck_assert_view_eq(shop.admin.find_account("sub").value.owner, "");
  ck_assert_ok(shop.admin.delete_account(change_at(), "reseller").status);
}
END_TEST

START_TEST(tokens_are_created_shown_and_refused) {
  Shop shop;
  NewToken token = new_token("ci");
  token.addresses = {"192.0.2.0/24", "::ffff:198.51.100.7"};
  token.note = "für den Bau";
  token.read_only = true;
  token.expires_unix_s = kNow + 1;
  auto issued = shop.admin.create_token(change_at(), token);
  ck_assert_ok(issued.status);
  ck_assert(check_token_text(issued.value.secret) == TokenTextKind::kOurs);
  Token shown = shop.admin.find_token("shop", kCpanel, "ci").value;
  ck_assert(shown.addresses == (std::vector<std::string>{"192.0.2.0/24", "198.51.100.7"}));
  ck_assert(shown.acls == (std::vector<std::string>{"email"}));
  ck_assert(shown.read_only && !shown.full_access);
  ck_assert_view_eq(shown.note, token.note);
  ck_assert_int_eq(shown.created_unix_s, kNow);
  ck_assert_int_eq(shown.expires_unix_s, kNow + 1);

  struct {
    const char* what;
    Code code;
    const char* words;
    NewToken token;
  } const rows[] = {
      {"taken", Code::kRefused, "already", new_token("ci")},
      {"bad name", Code::kInvalid, "token name", new_token("a b")},
      {"no name", Code::kInvalid, "token name", new_token("")},
      {"no account", Code::kRefused, "nobody", {.account = "nobody", .name = "n", .acls = {"email"}}},
      {"neither", Code::kInvalid, "full access", {.account = "shop", .name = "n"}},
      {"both",
       Code::kInvalid,
       "full access",
       {.account = "shop", .name = "n", .acls = {"email"}, .full_access = true}},
      {"unknown ACL", Code::kRefused, "emial", {.account = "shop", .name = "n", .acls = {"emial"}}},
      {"ACL of the other service",
       Code::kRefused,
       "list-accts",
       {.account = "shop", .name = "n", .acls = {"list-accts"}}},
      {"not possessed",
       Code::kRefused,
       "does not possess",
       {.account = "shop", .name = "n", .acls = {"databases"}}},
      {"bad address",
       Code::kInvalid,
       "address",
       {.account = "shop", .name = "n", .acls = {"email"}, .addresses = {"192.0.2.1/24"}}},
      {"in the past",
       Code::kInvalid,
       "past",
       {.account = "shop", .name = "n", .acls = {"email"}, .expires_unix_s = kNow}},
      {"ends before it begins",
       Code::kInvalid,
       "begins",
       {.account = "shop",
        .name = "n",
        .acls = {"email"},
        .not_before_unix_s = kNow + 9,
        .expires_unix_s = kNow + 9}},
      {"negative",
       Code::kInvalid,
       "1970",
       {.account = "shop", .name = "n", .acls = {"email"}, .not_before_unix_s = -1}},
      {"note with a line break",
       Code::kInvalid,
       "note",
       {.account = "shop", .name = "n", .acls = {"email"}, .note = "a\nb"}},
      {"note not UTF-8",
       Code::kInvalid,
       "note",
       {.account = "shop", .name = "n", .acls = {"email"}, .note = "\xC3"}},
      {"note overlong UTF-8",
       Code::kInvalid,
       "note",
       {.account = "shop", .name = "n", .acls = {"email"}, .note = "\xC0\xAF"}},
      {"note too long",
       Code::kInvalid,
       "note",
       {.account = "shop", .name = "n", .acls = {"email"}, .note = std::string(kMaxNoteBytes + 1, 'n')}},
      {"too many ranges",
       Code::kInvalid,
       "100",
       {.account = "shop",
        .name = "n",
        .acls = {"email"},
        .addresses = std::vector<std::string>(101, "192.0.2.1")}},
  };
  uint64_t before = shop.admin.stat().value.journal_entries;
  for (const auto& row : rows) {
    Status status = shop.create(row.token);
    ck_assert_msg(status.code == row.code && status.message.find(row.words) != std::string::npos, "%s: %d %s",
                  row.what, static_cast<int>(status.code), status.message.c_str());
  }
  ck_assert_uint_eq(shop.admin.stat().value.journal_entries, before);
  ck_assert_uint_eq(shop.admin.list_tokens().value.size(), 1);
}
END_TEST

START_TEST(no_token_for_an_account_that_may_not_use_it) {
  Shop shop;
  ck_assert_ok(shop.admin.set_account_active(change_at(), "shop", false));
  ck_assert_fails(shop.create(new_token("n")), Code::kRefused, "suspended");
  ck_assert_ok(shop.admin.set_account_active(change_at(), "shop", true));
  ck_assert_ok(shop.admin.set_tokens_enabled(change_at(), "shop", false));
  ck_assert_fails(shop.create(new_token("n")), Code::kRefused, "switched off");
}
END_TEST

START_TEST(names_are_unique_per_account_and_service) {
  Shop shop;
  shop.add_account("other", {"email"});
  ck_assert_ok(shop.create(new_token("same")));
  ck_assert_ok(shop.create({.account = "other", .name = "same", .acls = {"email"}}));
  ck_assert_ok(
      shop.create({.account = "shop", .service = Service::kWhm, .name = "same", .acls = {"list-accts"}}));
  ck_assert_uint_eq(shop.admin.list_tokens("shop").value.size(), 2);
  ck_assert_uint_eq(shop.admin.list_tokens("shop", Service::kWhm).value.size(), 1);
  ck_assert_uint_eq(shop.admin.list_tokens().value.size(), 3);
}
END_TEST

START_TEST(an_update_changes_what_is_given_and_nothing_else) {
  Shop shop;
  NewToken token = new_token("ci");
  token.addresses = {"192.0.2.1"};
  token.note = "n";
  token.expires_unix_s = kNow + 50;
  ck_assert_ok(shop.create(token));
  auto update = [&](const TokenUpdate& change) {
    return shop.admin.update_token(change_at(), "shop", kCpanel, "ci", change);
  };
  Token after = update({.note = "m"}).value;
  ck_assert_view_eq(after.note, "m");
  ck_assert_int_eq(after.expires_unix_s, kNow + 50);
  ck_assert(after.acls == (std::vector<std::string>{"email"}));
  ck_assert(after.addresses == (std::vector<std::string>{"192.0.2.1"}));
  after = update({.full_access = true}).value;
  ck_assert(after.full_access && after.acls.empty());
  after = update({.acls = std::vector<std::string>{"dns"}}).value;
  ck_assert(!after.full_access && after.acls == (std::vector<std::string>{"dns"}));
  after = update({.addresses = std::vector<std::string>{}}).value;
  ck_assert(after.addresses.empty());
  ck_assert_ok(update({.expires_unix_s = kNow - 1}).status);
  ck_assert_fails(update({.acls = std::vector<std::string>{}}).status, Code::kInvalid, "at least one ACL");
  ck_assert_fails(update({.full_access = false}).status, Code::kOk, "");
  ck_assert_fails(update({.acls = std::vector<std::string>{"databases"}}).status, Code::kRefused, "possess");
  ck_assert(shop.admin.find_token("shop", kCpanel, "ci").value.acls == (std::vector<std::string>{"dns"}));
}
END_TEST

START_TEST(what_changes_nothing_writes_nothing) {
  Shop shop;
  NewToken token = new_token("ci");
  token.addresses = {"192.0.2.1"};
  token.note = "n";
  ck_assert_ok(shop.create(token));
  Admin& admin = shop.admin;
  const auto update = [&](const TokenUpdate& update) {
    ck_assert_ok(admin.update_token(change_at(), "shop", kCpanel, "ci", update).status);
  };
  const uint64_t changes = admin.last_change().value;
  const uint64_t pages = admin.stat().value.file_bytes;
  for (int i = 0; i < 100; ++i) {
    update({});
    update({.name = "ci",
            .acls = token.acls,
            .read_only = false,
            .addresses = token.addresses,
            .expires_unix_s = kNeverExpires,
            .note = "n"});
    ck_assert_ok(admin.set_account_active(change_at(), "shop", true));
    ck_assert_ok(admin.set_tokens_enabled(change_at(), "shop", true));
    ck_assert_ok(admin.grant_acls(change_at(), "shop", kCpanel, {"email"}));
    ck_assert_ok(admin.deny_acls(change_at(), "shop", kCpanel, {"databases"}));
  }
  ck_assert_uint_eq(admin.last_change().value, changes);
  ck_assert_uint_eq(admin.stat().value.file_bytes, pages);
  // Each thing that an update can say counts.
  const TokenUpdate updates[] = {{.name = "other"},
                                 {.acls = std::vector<std::string>{"dns"}},
                                 {.full_access = true},
                                 {.read_only = true},
                                 {.addresses = std::vector<std::string>{}},
                                 {.not_before_unix_s = 1},
                                 {.expires_unix_s = kNow + 1},
                                 {.note = ""}};
  uint64_t expected = changes;
  std::string name = "ci";
  for (const TokenUpdate& update : updates) {
    ck_assert_ok(admin.update_token(change_at(), "shop", kCpanel, name, update).status);
    name = update.name.value_or(name);
    ck_assert_uint_eq(admin.last_change().value, ++expected);
  }
  ck_assert_ok(admin.set_account_active(change_at(), "shop", false));
  ck_assert_ok(admin.set_tokens_enabled(change_at(), "shop", false));
  ck_assert_ok(admin.deny_acls(change_at(), "shop", kCpanel, {"email"}));
  ck_assert_ok(admin.grant_acls(change_at(), "shop", kCpanel, {"email"}));
  ck_assert_uint_eq(admin.last_change().value, expected + 4);
}
END_TEST

START_TEST(a_rename_keeps_the_token_and_refuses_a_taken_name) {
  Shop shop;
  ck_assert_ok(shop.create(new_token("a")));
  ck_assert_ok(shop.create(new_token("b")));
  uint64_t id = shop.admin.find_token("shop", kCpanel, "a").value.id;
  ck_assert_fails(shop.admin.rename_token(change_at(), "shop", kCpanel, "a", "b"), Code::kRefused, "already");
  ck_assert_fails(shop.admin.rename_token(change_at(), "shop", kCpanel, "a", "a"), Code::kRefused, "already");
  ck_assert_fails(shop.admin.rename_token(change_at(), "shop", kCpanel, "x", "y"), Code::kRefused,
                  "no token");
  ck_assert_ok(shop.admin.rename_token(change_at(), "shop", kCpanel, "a", "c"));
  ck_assert_uint_eq(shop.admin.find_token("shop", kCpanel, "c").value.id, id);
  ck_assert(!shop.admin.find_token("shop", kCpanel, "a").ok());
}
END_TEST

START_TEST(rotation_keeps_one_former_secret_at_most) {
  Shop shop;
  ck_assert_ok(shop.create(new_token("ci")));
  auto rotate = [&](int64_t now, int64_t overlap) {
    return shop.admin.rotate_token(change_at(now), "shop", kCpanel, "ci", overlap);
  };
  uint64_t id = shop.admin.find_token("shop", kCpanel, "ci").value.id;
  auto rotated = rotate(kNow, 10);
  ck_assert_ok(rotated.status);
  ck_assert_uint_eq(rotated.value.token.id, id);
  ck_assert_int_eq(*rotated.value.token.former_secret_until_unix_s, kNow + 10);
  ck_assert_fails(rotate(kNow + 9, 10).status, Code::kRefused, "former secret");
  ck_assert_fails(rotate(kNow, -1).status, Code::kInvalid, "overlap");
  ck_assert_fails(rotate(kNow, INT64_MAX).status, Code::kInvalid, "overlap");
  ck_assert_ok(rotate(kNow + 10, 10).status);
  ck_assert_ok(rotate(kNow + 11, 0).status);
  ck_assert(!shop.admin.find_token("shop", kCpanel, "ci").value.former_secret_until_unix_s);
}
END_TEST

START_TEST(revoking_and_purging_count_what_went) {
  Shop shop;
  for (const char* name : {"a", "b", "c"}) ck_assert_ok(shop.create(new_token(name)));
  NewToken timed = new_token("timed");
  timed.expires_unix_s = kNow + 10;
  ck_assert_ok(shop.create(timed));
  ck_assert_ok(shop.admin.revoke_token(change_at(), "shop", kCpanel, "a"));
  ck_assert_fails(shop.admin.revoke_token(change_at(), "shop", kCpanel, "a"), Code::kRefused, "no token");
  ck_assert_uint_eq(shop.admin.purge_expired_tokens(change_at(), "", kNow + 9).value, 0);
  ck_assert_uint_eq(shop.admin.purge_expired_tokens(change_at(), "", kNow + 10).value, 1);
  ck_assert_uint_eq(shop.admin.revoke_all_tokens(change_at(), "shop", Service::kWhm).value, 0);
  ck_assert_uint_eq(shop.admin.revoke_all_tokens(change_at(), "shop", {}).value, 2);
  ck_assert_uint_eq(shop.admin.stat().value.tokens, 0);
}
END_TEST

START_TEST(deleting_an_account_takes_its_tokens_along) {
  Shop shop;
  ck_assert_ok(shop.create(new_token("a")));
  ck_assert_ok(shop.admin.rotate_token(change_at(), "shop", kCpanel, "a", 100).status);
  ck_assert_uint_eq(shop.admin.delete_account(change_at(), "shop").value, 1);
  ck_assert_uint_eq(shop.admin.stat().value.tokens, 0);
  ck_assert_uint_eq(shop.admin.stat().value.accounts, 0);
}
END_TEST

START_TEST(acl_names_are_limited_to_what_a_set_can_hold) {
  Shop shop;
  size_t have = shop.admin.list_acls(kCpanel).value.size();
  for (size_t i = have; i < kMaxAclsPerService; ++i) {
    ck_assert_ok(shop.admin.define_acl(change_at(), kCpanel, "acl" + std::to_string(i)));
  }
  ck_assert_fails(shop.admin.define_acl(change_at(), kCpanel, "one-more"), Code::kRefused, "256");
  ck_assert_ok(shop.admin.define_acl(change_at(), kCpanel, "acl255"));
  ck_assert_ok(shop.admin.define_acl(change_at(), Service::kWhm, "one-more"));
  ck_assert_ok(shop.admin.grant_acls(change_at(), "shop", kCpanel, {"acl255"}));
  ck_assert_ok(shop.create({.account = "shop", .name = "last", .acls = {"acl255"}}));
  ck_assert(shop.admin.find_token("shop", kCpanel, "last").value.acls ==
            (std::vector<std::string>{"acl255"}));
}
END_TEST

START_TEST(a_bad_catalog_changes_nothing) {
  Shop shop;
  auto before = catalog_text(shop.admin.list_catalog().value);
  size_t acls = shop.admin.list_acls(kCpanel).value.size();
  auto loaded = shop.admin.load_catalog(change_at(),
                                        "api\tmodule\tfunction\tacl\taccess\n"
                                        "uapi\tNew\tf\tbrand-new\tread\n"
                                        "uapi\tEmail\tf\temail\tREAD\n");
  ck_assert_fails(loaded.status, Code::kInvalid, "line 3");
  ck_assert_view_eq(catalog_text(shop.admin.list_catalog().value), before);
  ck_assert_uint_eq(shop.admin.list_acls(kCpanel).value.size(), acls);
  // What was written out can be loaded again.
  ck_assert_ok(shop.admin.load_catalog(change_at(), before).status);
  ck_assert_view_eq(catalog_text(shop.admin.list_catalog().value), before);
}
END_TEST

START_TEST(a_change_can_depend_on_nothing_having_changed) {
  Shop shop;
  Change change = change_at();
  change.seen = shop.admin.last_change().value;
  ck_assert_uint_eq(*change.seen, shop.admin.stat().value.journal_entries);
  ck_assert_ok(shop.admin.create_token(change, new_token("a")).status);
  const Status late = shop.admin.create_token(change, new_token("b")).status;
  ck_assert_int_eq(static_cast<int>(late.code), static_cast<int>(Code::kRefused));
  ck_assert(late.outdated && !shop.admin.find_token("shop", kCpanel, "b").ok());
  ++*change.seen;
  const Status other = shop.admin.create_token(change, new_token("a")).status;
  ck_assert_msg(other.code == Code::kRefused && !other.outdated, "%s", other.message.c_str());
  ck_assert_ok(shop.admin.create_token(change, new_token("b")).status);
}
END_TEST

START_TEST(two_processes_change_one_store_in_turn) {
  Shop shop;
  shop.admin = {};
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    pid_t pid = fork();
    if (pid == 0) {
      auto opened = Admin::open(shop.path(), Admin::Access::kReadWrite);
      for (int i = 0; i < 10 && opened.ok(); ++i) {
        NewToken token = new_token("t" + std::to_string(child) + "-" + std::to_string(i));
        if (!opened.value.create_token(change_at(), token).ok()) _exit(1);
      }
      _exit(opened.ok() ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) {
    int status = 1;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
  }
  auto opened = Admin::open(shop.path(), Admin::Access::kReadWrite);
  ck_assert_uint_eq(opened.value.list_tokens().value.size(), 40);
  ck_assert_ok(opened.value.verify_journal().status);
}
END_TEST

START_TEST(an_actor_is_printable_and_present) {
  Shop shop;
  for (const std::string& actor : {std::string(), std::string("a\nb"), std::string(129, 'a')}) {
    ck_assert_fails(shop.admin.set_account_active({actor, kNow}, "shop", false), Code::kInvalid, "actor");
  }
}
END_TEST

START_TEST(without_random_bytes_no_token) {
  Shop shop;
  shop.admin = {};
  auto opened = Admin::open(shop.path(), Admin::Access::kReadWrite, [](std::span<uint8_t>) { return false; });
  ck_assert_fails(opened.value.create_token(change_at(), new_token("n")).status, Code::kStore, "random");
  ck_assert_uint_eq(opened.value.stat().value.tokens, 0);
}
END_TEST

START_TEST(the_same_secret_is_not_given_twice) {
  Shop shop;
  shop.admin = {};
  auto opened = Admin::open(shop.path(), Admin::Access::kReadWrite, [](std::span<uint8_t> out) {
    for (uint8_t& byte : out) byte = 7;
    return true;
  });
  ck_assert_ok(opened.value.create_token(change_at(), new_token("a")).status);
  ck_assert_fails(opened.value.create_token(change_at(), new_token("b")).status, Code::kRefused, "secret");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("admin");
  TCase* tcase = tcase_create("admin");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_store_is_made_once_and_named_when_missing);
  tcase_add_test(tcase, a_store_is_not_made_in_a_folder_of_somebody_else);
  tcase_add_test(tcase, a_read_only_admin_changes_nothing);
  tcase_add_test(tcase, accounts_are_created_shown_and_refused);
  tcase_add_test(tcase, account_ids_are_never_used_again);
  tcase_add_test(tcase, owners_form_no_loop_and_are_not_deleted_first);
  tcase_add_test(tcase, tokens_are_created_shown_and_refused);
  tcase_add_test(tcase, no_token_for_an_account_that_may_not_use_it);
  tcase_add_test(tcase, names_are_unique_per_account_and_service);
  tcase_add_test(tcase, an_update_changes_what_is_given_and_nothing_else);
  tcase_add_test(tcase, what_changes_nothing_writes_nothing);
  tcase_add_test(tcase, a_rename_keeps_the_token_and_refuses_a_taken_name);
  tcase_add_test(tcase, rotation_keeps_one_former_secret_at_most);
  tcase_add_test(tcase, revoking_and_purging_count_what_went);
  tcase_add_test(tcase, deleting_an_account_takes_its_tokens_along);
  tcase_add_test(tcase, acl_names_are_limited_to_what_a_set_can_hold);
  tcase_add_test(tcase, a_bad_catalog_changes_nothing);
  tcase_add_test(tcase, a_change_can_depend_on_nothing_having_changed);
  tcase_add_test(tcase, two_processes_change_one_store_in_turn);
  tcase_add_test(tcase, an_actor_is_printable_and_present);
  tcase_add_test(tcase, without_random_bytes_no_token);
  tcase_add_test(tcase, the_same_secret_is_not_given_twice);
  suite_add_tcase(suite, tcase);
  return suite;
}
