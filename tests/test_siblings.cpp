// Tokens that manage tokens: what one may do to another that it did not make.
#include "panel_fixture.h"

using namespace tokengate;

START_TEST(a_sibling_with_more_is_left_alone) {
  const struct {
    const char* what;
    void (*more)(NewToken* token);
  } rows[] = {
      {"an ACL",
       [](NewToken* t) {
         t->acls = {"kill-acct", "list-accts"};
       }},
      {"full access",
       [](NewToken* t) {
         t->acls.clear();
         t->full_access = true;
       }},
      {"a later end", [](NewToken* t) { t->expires_unix_s = kNeverExpires; }},
      {"any address", [](NewToken* t) { t->addresses.clear(); }},
      {"a wider range", [](NewToken* t) { t->addresses = {"192.0.0.0/16"}; }},
  };
  Panel panel;
  int n = 0;
  for (const auto& row : rows) {
    NewToken token = Panel::child("sibling" + std::to_string(n++));
    row.more(&token);
    panel.add_token(token);
    const uint64_t entries = panel.journal_entries();
    const TokenUpdate narrower = {.acls = {{"list-accts"}},
                                  .read_only = true,
                                  .addresses = {{"192.0.2.7"}},
                                  .expires_unix_s = kNow + kDay};
    const Status refused[] = {
        panel.admin.rotate_token(Panel::by(), "reseller", kWhm, token.name, 0).status,
        panel.admin.rotate_token(Panel::by(), "reseller", kWhm, token.name, 60).status,
        panel.admin.update_token(Panel::by(), "reseller", kWhm, token.name, narrower).status,
        panel.admin.update_token(Panel::by(), "reseller", kWhm, token.name, {.note = "x"}).status,
        panel.admin.rename_token(Panel::by(), "reseller", kWhm, token.name, "renamed"),
    };
    for (const Status& status : refused) {
      ck_assert_msg(
          status.code == Code::kRefused && status.message.find("more than it has") != std::string::npos,
          "%s: %s", row.what, status.message.c_str());
    }
    ck_assert_uint_eq(panel.journal_entries(), entries);
    // To end it takes no more than the right to manage.
    ck_assert_ok(panel.admin.revoke_token(Panel::by(), "reseller", kWhm, token.name));
  }
}
END_TEST

START_TEST(a_sibling_within_is_managed_but_never_widened) {
  Panel panel;
  panel.add_token(Panel::child("kin"));
  ck_assert_ok(panel.admin.update_token(Panel::by(), "reseller", kWhm, "kin", {.note = "x"}).status);
  const TokenUpdate wider[] = {
      {.acls = {{"list-accts", "kill-acct"}}},   {.full_access = true},
      {.addresses = std::vector<std::string>{}}, {.addresses = {{"0.0.0.0/0"}}},
      {.expires_unix_s = kNeverExpires},
  };
  for (const char* name : {"kin", "manager"}) {
    for (const TokenUpdate& update : wider) {
      ck_assert_fails(panel.admin.update_token(Panel::by(), "reseller", kWhm, name, update).status,
                      Code::kRefused, "more than it has");
    }
  }
  ck_assert_ok(panel.admin
                   .update_token(Panel::by(), "reseller", kWhm, "manager",
                                 {.acls = {{"list-accts", "manage-api-tokens"}}})
                   .status);
  ck_assert_fails(panel.make([] {
    NewToken token = Panel::child();
    token.acls = {"create-acct"};
    return token;
  }()),
                  Code::kRefused, "\"create-acct\"");
}
END_TEST

START_TEST(a_latent_acl_of_a_sibling_is_more_too) {
  Panel panel;
  NewToken latent = Panel::child("latent");
  latent.acls = {"list-accts", "passwd"};
  panel.add_token(latent);
  ck_assert_ok(panel.admin.deny_acls(change_at(), "reseller", kWhm, {"passwd"}));
  ck_assert_fails(panel.admin.rotate_token(Panel::by(), "reseller", kWhm, "latent", 0).status, Code::kRefused,
                  "\"passwd\"");
}
END_TEST

START_TEST(another_token_of_the_same_name_is_another) {
  Panel panel;
  Change change = Panel::by();
  change.acting->id = panel.find("manager").id;
  ck_assert_ok(panel.make(Panel::child(), change));
  ck_assert_ok(panel.admin.revoke_token(change_at(), "reseller", kWhm, "manager"));
  panel.add_token(Panel::manager());
  ck_assert_fails(panel.make(Panel::child("second"), change), Code::kRefused, "another has its name");
}
END_TEST

START_TEST(a_token_widens_only_what_came_of_it) {
  // All within what `manager` has: refused because the other would keep it when `manager` is ended.
  const struct {
    const char* what;
    TokenUpdate update;
  } wider[] = {
      {"an ACL more", {.acls = {{"create-acct", "list-accts"}}}},
      {"another ACL", {.acls = {{"create-acct"}}}},
      {"the managing ACL", {.acls = {{"list-accts", "manage-api-tokens"}}}},
      {"a later end", {.expires_unix_s = kNow + kDay + 1}},
      {"an earlier begin", {.not_before_unix_s = kNow + 9}},
      {"no begin", {.not_before_unix_s = 0}},
      {"an address more", {.addresses = {{"192.0.2.7", "192.0.2.8"}}}},
      {"another address", {.addresses = {{"192.0.2.8"}}}},
      {"a wider range", {.addresses = {{"192.0.2.0/24"}}}},
      {"read-only off", {.read_only = false}},
      {"one thing more, the rest less",
       {.acls = {{"create-acct"}}, .addresses = {{"192.0.2.7"}}, .expires_unix_s = kNow + 20}},
  };
  const TokenUpdate narrower[] = {
      {.note = "x"},
      {.not_before_unix_s = kNow + 11},
      {.expires_unix_s = kNow + kDay - 1},
      {.acls = {{"list-accts"}}, .read_only = true, .addresses = {{"192.0.2.7"}}}};
  auto token = [](const char* name) {
    NewToken token = Panel::child(name);
    token.read_only = true;
    token.not_before_unix_s = kNow + 10;
    return token;
  };
  for (const auto& row : wider) {
    Panel panel;
    panel.add_token(Panel::manager("equal"));
    panel.add_token(token("sibling"));
    ck_assert_ok(panel.make(token("niece"), Panel::by("equal")));
    ck_assert_ok(panel.make(token("child")));
    const uint64_t entries = panel.journal_entries();
    for (const char* name : {"sibling", "niece"}) {
      const Status status = panel.admin.update_token(Panel::by(), "reseller", kWhm, name, row.update).status;
      ck_assert_msg(status.code == Code::kRefused && status.message.find("cannot widen") != std::string::npos,
                    "%s: %s", row.what, status.message.c_str());
    }
    ck_assert_uint_eq(panel.journal_entries(), entries);
    ck_assert_ok(panel.admin.update_token(Panel::by(), "reseller", kWhm, "child", row.update).status);
    for (const TokenUpdate& update : narrower) {
      ck_assert_ok(panel.admin.update_token(Panel::by(), "reseller", kWhm, "sibling", update).status);
    }
  }

  Panel panel;
  const auto update = [&](const char* by, const char* name, const TokenUpdate& what) {
    return panel.admin.update_token(Panel::by(by), "reseller", kWhm, name, what).status;
  };
  // One that has ended is not revived, not even to an end that it had before.
  panel.add_token(Panel::child("ended"));
  ck_assert_ok(update("manager", "ended", {.expires_unix_s = kNow}));
  ck_assert_fails(update("manager", "ended", {.expires_unix_s = kNow + 1}), Code::kRefused, "cannot widen");
  // No limit of addresses, and full access, of whoever has them itself.
  NewToken full = {.account = "reseller", .service = kWhm, .name = "full", .full_access = true};
  panel.add_token(full);
  full.name = "narrowed";
  panel.add_token(full);
  panel.add_token(Panel::child("sibling"));
  ck_assert_fails(update("full", "sibling", {.full_access = true}), Code::kRefused, "cannot widen");
  ck_assert_fails(update("full", "sibling", {.addresses = std::vector<std::string>{}}), Code::kRefused,
                  "cannot widen");
  ck_assert_fails(update("full", "sibling", {.expires_unix_s = kNeverExpires}), Code::kRefused,
                  "cannot widen");
  ck_assert_ok(update("full", "narrowed", {.acls = {{"passwd"}}, .addresses = {{"::/0"}}}));
  // Nor itself: with `all` it has every ACL, but only as long as its account has `all`.
  ck_assert_ok(panel.admin.grant_acls(change_at(), "reseller", kWhm, {"all"}));
  panel.add_token({.account = "reseller", .service = kWhm, .name = "root", .acls = {"all"}});
  ck_assert_fails(update("root", "root", {.acls = {{"all", "passwd"}}}), Code::kRefused,
                  "cannot widen itself");
}
END_TEST

START_TEST(a_token_renames_only_what_came_of_it) {
  Panel panel;
  NewToken twin = Panel::manager("child");
  twin.not_before_unix_s = 0;
  ck_assert_ok(panel.make(twin));
  ck_assert_ok(panel.make(Panel::child("grandchild"), Panel::by("child")));
  panel.add_token(Panel::child("sibling"));
  const struct {
    const char* by;
    const char* name;
    const char* words;
  } rows[] = {{"manager", "manager", "cannot rename itself"},
              {"child", "child", "cannot rename itself"},
              {"child", "manager", "did not make"},
              {"manager", "sibling", "did not make"}};
  const uint64_t entries = panel.journal_entries();
  for (const auto& row : rows) {
    const Change by = Panel::by(row.by);
    ck_assert_fails(panel.admin.rename_token(by, "reseller", kWhm, row.name, "other"), Code::kRefused,
                    row.words);
    ck_assert_fails(panel.admin.update_token(by, "reseller", kWhm, row.name, {.name = "other"}).status,
                    Code::kRefused, row.words);
  }
  ck_assert_uint_eq(panel.journal_entries(), entries);
  // The name that it has is no new one.
  ck_assert_ok(
      panel.admin.update_token(Panel::by(), "reseller", kWhm, "manager", {.name = "manager"}).status);
  ck_assert_ok(panel.admin.rename_token(Panel::by(), "reseller", kWhm, "grandchild", "leaf"));
  ck_assert_ok(panel.admin.update_token(Panel::by(), "reseller", kWhm, "child", {.name = "kid"}).status);
  ck_assert_view_eq(panel.find("leaf").parent, "kid");
}
END_TEST

START_TEST(a_token_gives_secrets_to_what_ends_with_it_only) {
  Panel panel;
  const auto rotate = [&](const char* by, const char* name) {
    return panel.admin.rotate_token(Panel::by(by), "reseller", kWhm, name, 0).status;
  };
  panel.add_token(Panel::manager("equal"));
  panel.add_token(Panel::child("smaller"));
  auto offspring = [](const char* name) {
    NewToken token = Panel::manager(name);
    token.not_before_unix_s = 0;
    return token;
  };
  ck_assert_ok(panel.make(offspring("child")));
  ck_assert_ok(panel.make(offspring("grandchild"), Panel::by("child")));
  ck_assert_ok(panel.make(offspring("niece"), Panel::by("equal")));
  for (const char* name : {"manager", "child", "grandchild"}) ck_assert_ok(rotate("manager", name));
  for (const char* name : {"equal", "smaller", "niece"}) {
    ck_assert_fails(rotate("manager", name), Code::kRefused, "did not make");
  }
  for (const char* name : {"manager", "equal"}) {
    ck_assert_fails(rotate("child", name), Code::kRefused, "cannot");
  }
  // So this ends every secret that it ever came by.
  ck_assert_ok(panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager"}, true).status);
  ck_assert(!panel.exists("grandchild") && panel.exists("equal") && panel.exists("smaller") &&
            panel.exists("niece"));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("siblings");
  TCase* tcase = tcase_create("siblings");
  tcase_add_test(tcase, a_sibling_with_more_is_left_alone);
  tcase_add_test(tcase, a_sibling_within_is_managed_but_never_widened);
  tcase_add_test(tcase, a_latent_acl_of_a_sibling_is_more_too);
  tcase_add_test(tcase, another_token_of_the_same_name_is_another);
  tcase_add_test(tcase, a_token_widens_only_what_came_of_it);
  tcase_add_test(tcase, a_token_renames_only_what_came_of_it);
  tcase_add_test(tcase, a_token_gives_secrets_to_what_ends_with_it_only);
  suite_add_tcase(suite, tcase);
  return suite;
}
