// Tokens that manage tokens: who may act, and that a token makes nothing with more than it has itself.
#include "panel_fixture.h"

using namespace tokengate;

START_TEST(a_child_within_its_maker_is_made_and_known_to_it) {
  Panel panel;
  ck_assert_ok(panel.make(Panel::child()));
  Token child = panel.find("child");
  ck_assert_uint_eq(child.parent_id, panel.find("manager").id);
  ck_assert_view_eq(child.parent, "manager");
  for (const Token& token : panel.admin.list_tokens("reseller", {}).value) {
    ck_assert_view_eq(token.parent, token.name == "child" ? "manager" : "");
  }
  NewToken twin = Panel::manager("twin");
  twin.not_before_unix_s = 0;  // at once: its maker began before
  ck_assert_ok(panel.make(twin));
}
END_TEST

START_TEST(a_call_acts_only_as_the_token_and_secret_that_it_came_with) {
  // The name alone is not who was let in: meanwhile it may be another's, with more rights.
  Panel panel;
  Change change = Panel::by();
  change.acting->id = panel.find("manager").id;
  change.acting->secret_serial = 1;
  ck_assert_ok(panel.make(Panel::child("first"), change));
  auto require_refused = [&](const Change& by, const char* words) {
    const uint64_t entries = panel.journal_entries();
    for (const Status& status :
         {panel.make(Panel::child("never"), by), panel.admin.find_acting_token(by).status,
          panel.admin.rotate_token(by, "reseller", kWhm, "manager", 0).status,
          panel.admin.revoke_all_tokens(by, "reseller", kWhm).status}) {
      ck_assert_msg(status.code == Code::kRefused && status.message.find(words) != std::string::npos, "%s",
                    status.message.c_str());
    }
    ck_assert_uint_eq(panel.journal_entries(), entries);
  };

  // Rotated with an overlap: accepted until that is over, here as by the web server.
  ck_assert_ok(panel.admin.rotate_token(change_at(), "reseller", kWhm, "manager", 60).status);
  ck_assert_ok(panel.make(Panel::child("in-overlap"), change));
  Change late = change;
  late.now_unix_s = kNow + 59;
  ck_assert_ok(panel.make(Panel::child("at-its-end"), late));
  late.now_unix_s = kNow + 60;
  require_refused(late, "was rotated");
  Change present = late;
  present.acting->secret_serial = 2;
  ck_assert_ok(panel.make(Panel::child("second"), present));

  // Rotated without one, and once more: neither of the two before.
  ck_assert_ok(panel.admin.rotate_token(change_at(), "reseller", kWhm, "manager", 0).status);
  require_refused(present, "was rotated");
  ck_assert_ok(panel.admin.rotate_token(change_at(), "reseller", kWhm, "manager", 60).status);
  require_refused(change, "was rotated");
  require_refused(present, "was rotated");
  present.acting->secret_serial = 4;
  ck_assert_ok(panel.make(Panel::child("third"), present));

  // Revoked, and the name given to a token with more.
  ck_assert_ok(panel.admin.revoke_token(change_at(), "reseller", kWhm, "manager"));
  panel.add_token({.account = "reseller", .service = kWhm, .name = "manager", .full_access = true});
  change.acting->secret_serial = 1;
  require_refused(change, "another has its name now");

  // Another account under the name that was let in.
  change.acting->id = panel.find("manager").id;
  ck_assert_ok(panel.make(Panel::child("fourth"), change));
  ck_assert_ok(panel.admin.rename_account(change_at(), "reseller", "former"));
  panel.add_account("reseller", {}, {"manage-api-tokens", "list-accts"});
  NewToken namesake = Panel::manager();
  namesake.acls = {"manage-api-tokens", "list-accts"};
  panel.add_token(namesake);
  require_refused(change, "another has its name now");
}
END_TEST

START_TEST(a_child_with_more_than_its_maker_is_refused) {
  const struct {
    const char* what;
    void (*exceed)(NewToken* token);
    const char* words;
  } rows[] = {
      {"one ACL more", [](NewToken* t) { t->acls.push_back("kill-acct"); }, "\"kill-acct\""},
      {"another ACL", [](NewToken* t) { t->acls = {"passwd"}; }, "\"passwd\""},
      {"all", [](NewToken* t) { t->acls = {"all"}; }, "does not possess"},
      {"full access",
       [](NewToken* t) {
         t->acls.clear();
         t->full_access = true;
       },
       "full access"},
      {"no end", [](NewToken* t) { t->expires_unix_s = kNeverExpires; }, "ends at"},
      {"a second more", [](NewToken* t) { t->expires_unix_s = kNow + 30 * kDay + 1; }, "ends at"},
      {"any address", [](NewToken* t) { t->addresses.clear(); }, "every address"},
      {"another address", [](NewToken* t) { t->addresses = {"192.0.3.1"}; }, "192.0.3.1"},
      {"one of several", [](NewToken* t) { t->addresses.push_back("198.51.100.0/24"); }, "198.51.100.0/24"},
      {"a wider range", [](NewToken* t) { t->addresses = {"192.0.2.0/23"}; }, "192.0.2.0/23"},
      {"a mapped address", [](NewToken* t) { t->addresses = {"::ffff:192.0.3.1"}; }, "192.0.3.1"},
      {"all of IPv4, mapped", [](NewToken* t) { t->addresses = {"::ffff:0:0/96"}; }, "0.0.0.0/0"},
      {"all of IPv6", [](NewToken* t) { t->addresses = {"::/0"}; }, "::/0"},
      {"half of IPv6", [](NewToken* t) { t->addresses = {"2000::/3"}; }, "2000::/3"},
      {"another service",
       [](NewToken* t) {
         *t = {"reseller", Service::kCpanel, "child", {"email"}};
       },
       "own account"},
      {"another account", [](NewToken* t) { t->account = "other"; }, "own account"},
  };
  Panel panel;
  const uint64_t entries = panel.journal_entries();
  for (const auto& row : rows) {
    NewToken token = Panel::child();
    row.exceed(&token);
    const Status status = panel.make(token);
    ck_assert_msg(status.code == Code::kRefused && status.message.find(row.words) != std::string::npos,
                  "%s: %d %s", row.what, static_cast<int>(status.code), status.message.c_str());
  }
  ck_assert_uint_eq(panel.journal_entries(), entries);
  ck_assert_uint_eq(panel.admin.list_tokens().value.size(), 1);
}
END_TEST

START_TEST(ranges_within_the_makers_ranges_are_allowed) {
  Panel panel;
  int n = 0;
  for (const char* range : {"192.0.2.0/24", "192.0.2.128/25", "192.0.2.255", "::ffff:192.0.2.7",
                            "2001:db8::/32", "2001:db8:1::/48", "2001:db8::1"}) {
    NewToken token = Panel::child("child" + std::to_string(n++));
    token.addresses = {range};
    ck_assert_ok(panel.make(token));
  }
  // Whoever may be anywhere may say where.
  NewToken anywhere = Panel::manager("anywhere");
  anywhere.addresses.clear();
  panel.add_token(anywhere);
  NewToken token = Panel::child();
  token.addresses = {"198.51.100.7", "::/0"};
  ck_assert_ok(panel.make(token, Panel::by("anywhere")));
}
END_TEST

START_TEST(a_token_that_may_not_act_does_nothing) {
  const struct {
    const char* what;
    void (*prepare)(Panel& panel);
    const char* words;
  } rows[] = {
      {"revoked",
       [](Panel& p) { ck_assert_ok(p.admin.revoke_token(change_at(), "reseller", kWhm, "manager")); },
       "is gone"},
      {"renamed",
       [](Panel& p) { ck_assert_ok(p.admin.rename_token(change_at(), "reseller", kWhm, "manager", "m2")); },
       "is gone"},
      {"account renamed",
       [](Panel& p) { ck_assert_ok(p.admin.rename_account(change_at(), "reseller", "r2")); }, "is gone"},
      {"account deleted",
       [](Panel& p) { ck_assert_ok(p.admin.delete_account(change_at(), "reseller").status); }, "is gone"},
      {"expired",
       [](Panel& p) {
         ck_assert_ok(
             p.admin.update_token(change_at(), "reseller", kWhm, "manager", {.expires_unix_s = kNow}).status);
       },
       "has expired"},
      {"not yet valid",
       [](Panel& p) {
         ck_assert_ok(
             p.admin.update_token(change_at(), "reseller", kWhm, "manager", {.not_before_unix_s = kNow + 1})
                 .status);
       },
       "not valid yet"},
      {"read-only",
       [](Panel& p) {
         ck_assert_ok(
             p.admin.update_token(change_at(), "reseller", kWhm, "manager", {.read_only = true}).status);
       },
       "only reads"},
      {"suspended",
       [](Panel& p) { ck_assert_ok(p.admin.set_account_active(change_at(), "reseller", false)); },
       "suspended"},
      {"tokens off",
       [](Panel& p) { ck_assert_ok(p.admin.set_tokens_enabled(change_at(), "reseller", false)); },
       "switched off"},
      {"the account lost the ACL",
       [](Panel& p) {
         ck_assert_ok(p.admin.deny_acls(change_at(), "reseller", kWhm, {"manage-api-tokens"}));
       },
       "cannot manage tokens"},
      {"the token lost it",
       [](Panel& p) {
         ck_assert_ok(
             p.admin.update_token(change_at(), "reseller", kWhm, "manager", {.acls = {{"list-accts"}}})
                 .status);
       },
       "cannot manage tokens"},
  };
  for (const auto& row : rows) {
    Panel panel;
    panel.add_token(Panel::child("sibling"));
    row.prepare(panel);
    const uint64_t entries = panel.journal_entries();
    const Status refused[] = {
        panel.make(Panel::child()),
        panel.admin.update_token(Panel::by(), "reseller", kWhm, "sibling", {.note = "x"}).status,
        panel.admin.rotate_token(Panel::by(), "reseller", kWhm, "sibling", 0).status,
        panel.admin.rename_token(Panel::by(), "reseller", kWhm, "sibling", "kin"),
        panel.admin.revoke_token(Panel::by(), "reseller", kWhm, "sibling"),
        panel.admin.revoke_tokens(Panel::by(), "reseller", kWhm, {"sibling"}, true).status,
        panel.admin.revoke_all_tokens(Panel::by(), "reseller", kWhm).status,
    };
    for (const Status& status : refused) {
      ck_assert_msg(status.code == Code::kRefused && status.message.find(row.words) != std::string::npos,
                    "%s: %s", row.what, status.message.c_str());
    }
    ck_assert_uint_eq(panel.journal_entries(), entries);
  }
}
END_TEST

START_TEST(full_access_is_worth_what_the_account_has) {
  Panel panel;
  panel.add_token({.account = "reseller", .service = kWhm, .name = "full", .full_access = true});
  NewToken full = {.account = "reseller", .service = kWhm, .name = "child", .full_access = true};
  ck_assert_ok(panel.make(full, Panel::by("full")));
  full.name = "elsewhere";
  full.account = "other";
  ck_assert_fails(panel.make(full, Panel::by("full")), Code::kRefused, "own account");
  ck_assert_ok(panel.admin.deny_acls(change_at(), "reseller", kWhm, {"manage-api-tokens"}));
  ck_assert_fails(panel.make_by("full"), Code::kRefused, "cannot manage tokens");
}
END_TEST

START_TEST(the_acl_all_counts_while_the_account_has_it) {
  Panel panel;
  ck_assert_ok(panel.admin.grant_acls(change_at(), "reseller", kWhm, {"all"}));
  panel.add_token({.account = "reseller", .service = kWhm, .name = "root", .acls = {"all"}});
  NewToken token = Panel::child();
  token.acls = {"passwd", "kill-acct"};
  ck_assert_ok(panel.make(token, Panel::by("root")));
  token = {.account = "reseller", .service = kWhm, .name = "full", .full_access = true};
  ck_assert_fails(panel.make(token, Panel::by("root")), Code::kRefused, "full access");
  ck_assert_fails(panel.make([] {
    NewToken all = Panel::child("all");
    all.acls = {"all"};
    return all;
  }()),
                  Code::kRefused, "\"all\"");
  ck_assert_ok(panel.admin.deny_acls(change_at(), "reseller", kWhm, {"all"}));
  ck_assert_fails(panel.make_by("root"), Code::kRefused, "cannot manage tokens");
}
END_TEST

START_TEST(a_token_changes_nothing_but_tokens) {
  Panel panel;
  panel.add_token({.account = "reseller", .service = kWhm, .name = "full", .full_access = true});
  const Change change = Panel::by("full");
  const std::string user = "reseller";
  const uint64_t entries = panel.journal_entries();
  const Status refused[] = {
      panel.admin.define_acl(change, kWhm, "more"),
      panel.admin.load_catalog(change, kTestCatalog).status,
      panel.admin.create_account(change, {.username = "third"}).status,
      panel.admin.grant_acls(change, user, kWhm, {"all"}),
      panel.admin.deny_acls(change, user, kWhm, {"passwd"}),
      panel.admin.set_account_active(change, "other", false),
      panel.admin.set_tokens_enabled(change, "other", false),
      panel.admin.rename_account(change, "other", "third"),
      panel.admin.set_account_owner(change, "other", user),
      panel.admin.delete_account(change, "other").status,
      panel.admin.purge_expired_tokens(change, {}, kNow).status,
      panel.admin.revoke_all_tokens(change, user, {}).status,
      panel.admin.revoke_all_tokens(change, "other", kWhm).status,
      panel.admin.revoke_token(change, user, Service::kCpanel, "none"),
  };
  for (const Status& status : refused) ck_assert_int_eq(static_cast<int>(status.code), 1);
  ck_assert_uint_eq(panel.journal_entries(), entries);
}
END_TEST

START_TEST(the_warning_of_the_managing_acl_promises_no_more) {
  for (Service service : {Service::kCpanel, kWhm}) {
    const std::string_view why = acl_escape_route(service, "manage-api-tokens");
    ck_assert(why.starts_with("it makes tokens like itself"));
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("acting");
  TCase* tcase = tcase_create("acting");
  tcase_add_test(tcase, a_child_within_its_maker_is_made_and_known_to_it);
  tcase_add_test(tcase, a_call_acts_only_as_the_token_and_secret_that_it_came_with);
  tcase_add_test(tcase, a_child_with_more_than_its_maker_is_refused);
  tcase_add_test(tcase, ranges_within_the_makers_ranges_are_allowed);
  tcase_add_test(tcase, a_token_that_may_not_act_does_nothing);
  tcase_add_test(tcase, full_access_is_worth_what_the_account_has);
  tcase_add_test(tcase, the_acl_all_counts_while_the_account_has_it);
  tcase_add_test(tcase, a_token_changes_nothing_but_tokens);
  tcase_add_test(tcase, the_warning_of_the_managing_acl_promises_no_more);
  suite_add_tcase(suite, tcase);
  return suite;
}
