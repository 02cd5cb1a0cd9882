// Tokens that manage tokens: every way to come by more than the acting token has, and what each is refused
// for.
#include "hash.h"
#include "store_fixture.h"

using namespace tokengate;

namespace {

constexpr Service kWhm = Service::kWhm;
constexpr int64_t kDay = 86'400;

/// The account `reseller` has the ACLs of the attacks; the token `manager` has manage-api-tokens and two
/// more.
struct Panel : StoreFixture {
  Panel() {
    for (const char* acl : {"manage-api-tokens", "list-accts", "create-acct", "kill-acct", "passwd"}) {
      ck_assert_ok(admin.define_acl(change_at(), kWhm, acl));
    }
    ck_assert_ok(admin.define_acl(change_at(), Service::kCpanel, "manage-api-tokens"));
    add_account("reseller", {"email", "manage-api-tokens"},
                {"manage-api-tokens", "list-accts", "create-acct", "kill-acct", "passwd"});
    add_account("other", {"email"}, {"list-accts", "manage-api-tokens"});
    add_token(manager());
  }

  static NewToken manager(std::string name = "manager") {
    return {.account = "reseller",
            .service = kWhm,
            .name = std::move(name),
            .acls = {"manage-api-tokens", "list-accts", "create-acct"},
            .addresses = {"192.0.2.0/24", "2001:db8::/32"},
            .not_before_unix_s = kNow - kDay,
            .expires_unix_s = kNow + 30 * kDay};
  }
  /// What `manager` may make.
  static NewToken child(std::string name = "child") {
    return {.account = "reseller",
            .service = kWhm,
            .name = std::move(name),
            .acls = {"list-accts"},
            .addresses = {"192.0.2.7"},
            .expires_unix_s = kNow + kDay};
  }
  /// A change that came with a token of reseller.
  static Change by(std::string name = "manager", Service service = kWhm, int64_t now = kNow) {
    Change change = change_at(now);
    change.acting = ActingToken{"reseller", service, std::move(name)};
    return change;
  }
  Status make(const NewToken& token, const Change& change = by()) {
    return admin.create_token(change, token).status;
  }
  Status make_by(const std::string& name) { return make(child(), by(name)); }
  Token find(const std::string& name, Service service = kWhm) {
    auto found = admin.find_token("reseller", service, name);
    ck_assert_ok(found.status);
    return found.value;
  }
  bool exists(const std::string& name) { return admin.find_token("reseller", kWhm, name).ok(); }
  uint64_t journal_entries() { return admin.stat().value.journal_entries; }
};

}  // namespace

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

START_TEST(the_warning_of_the_managing_acl_promises_no_more) {
  for (Service service : {Service::kCpanel, kWhm}) {
    const std::string_view why = acl_escape_route(service, "manage-api-tokens");
    ck_assert(why.starts_with("it makes tokens like itself"));
  }
}
END_TEST

START_TEST(an_account_has_many_tokens_but_not_any_number) {
  Panel panel;
  // Each made by the one before, so that each that ends has an heir: one look at all of them for each of them
  // would take minutes.
  std::string text = "tokengate-export\t1\n";
  for (uint64_t i = 1; i < kMaxTokensPerAccount; ++i) {
    const Digest digest = sha256(std::to_string(i));
    text += "token\treseller\twhm\tt" + std::to_string(i) + '\t' + to_hex(digest) +
            "\tlist-accts\tread\tnever\t0\t\t" + std::to_string(kNow) + '\t' + std::to_string(i + 100) +
            '\t' + (i == 1 ? std::string() : std::to_string(i + 99)) + '\n';
  }
  text += "end\n";
  ck_assert_ok(panel.admin.import_text(change_at(), text).status);
  ck_assert_uint_eq(panel.admin.find_account("reseller").value.token_count, kMaxTokensPerAccount);
  ck_assert_fails(panel.make(Panel::child()), Code::kRefused, "10000 tokens");
  ck_assert_fails(panel.make(Panel::child(), change_at()), Code::kRefused, "revoke some");
  // The other service has its own number.
  ck_assert_ok(panel.make({.account = "reseller", .name = "mail", .acls = {"email"}}, change_at()));

  std::vector<std::string> every_other;
  for (uint64_t i = 2; i < 5000; i += 2) every_other.push_back("t" + std::to_string(i));
  auto gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, every_other, false);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, every_other.size());
  ck_assert_view_eq(panel.find("t4999").parent, "t4997");
  ck_assert_ok(panel.make(Panel::child()));
  gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"t3"}, true);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, kMaxTokensPerAccount - 2 - every_other.size());
  ck_assert(panel.exists("t1") && panel.exists("child") && panel.exists("manager"));
  ck_assert_ok(panel.admin.verify_journal().status);
}
END_TEST

START_TEST(children_go_with_their_parent_when_asked) {
  Panel panel;
  auto manager_child = [](const char* name) {
    NewToken token = Panel::manager(name);
    token.not_before_unix_s = 0;
    return token;
  };
  ck_assert_ok(panel.make(manager_child("a")));
  ck_assert_ok(panel.make(manager_child("b"), Panel::by("a")));
  ck_assert_ok(panel.make(Panel::child("c"), Panel::by("b")));
  ck_assert_ok(panel.make(Panel::child("d")));
  panel.add_token(Panel::child("mine"));
  // Without its children: they become its maker's.
  ck_assert_ok(panel.admin.revoke_token(change_at(), "reseller", kWhm, "b"));
  ck_assert_view_eq(panel.find("c").parent, "a");
  auto gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"a"}, true);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, 2);
  ck_assert(!panel.exists("c") && panel.exists("d") && panel.exists("manager"));
  ck_assert_fails(panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager", "none"}, true).status,
                  Code::kRefused, "\"none\"");
  ck_assert(panel.exists("manager") && panel.exists("d"));
  ck_assert_uint_eq(
      panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager", "d", "d"}, true).value, 2);
  ck_assert(!panel.exists("manager") && !panel.exists("d") && panel.exists("mine"));
  ck_assert_ok(panel.admin.verify_journal().status);
}
END_TEST

START_TEST(a_token_cannot_leave_its_lineage_by_ending_its_maker) {
  struct Family : Panel {
    Family() {
      auto twin = [](const char* name) {
        NewToken token = manager(name);
        token.not_before_unix_s = 0;
        return token;
      };
      add_token(manager("stranger"));
      ck_assert_ok(make(twin("nightly")));
      ck_assert_ok(make(twin("hourly"), by("nightly")));
      ck_assert_ok(make(child("leaf"), by("hourly")));
      ck_assert_ok(make(child("leaf-of-stranger"), by("stranger")));
    }
    std::string left() {
      std::string names;
      for (const Token& token : admin.list_tokens("reseller", kWhm).value) names += token.name + ' ';
      return names;
    }
  };
  const struct {
    const char* by;
    const char* ended;
    const char* left;
  } rows[] = {
      // Itself, a maker, or a stranger: and all that came of it.
      {"manager", "manager", "leaf-of-stranger stranger "},
      {"nightly", "nightly", "leaf-of-stranger manager stranger "},
      {"nightly", "manager", "leaf-of-stranger stranger "},
      {"hourly", "manager", "leaf-of-stranger stranger "},
      {"hourly", "nightly", "leaf-of-stranger manager stranger "},
      {"stranger", "manager", "leaf-of-stranger stranger "},
      {"stranger", "nightly", "leaf-of-stranger manager stranger "},
      // What came of it has an heir that came of it too, or is itself.
      {"manager", "nightly", "hourly leaf leaf-of-stranger manager stranger "},
      {"manager", "hourly", "leaf leaf-of-stranger manager nightly stranger "},
      {"nightly", "hourly", "leaf leaf-of-stranger manager nightly stranger "},
  };
  for (const auto& row : rows) {
    Family family;
    const uint64_t entries = family.journal_entries();
    const uint64_t before = family.admin.list_tokens("reseller", kWhm).value.size();
    auto gone = family.admin.revoke_tokens(Panel::by(row.by), "reseller", kWhm, {row.ended}, false);
    ck_assert_ok(gone.status);
    ck_assert_msg(family.left() == row.left, "%s ends %s: %s", row.by, row.ended, family.left().c_str());
    ck_assert_uint_eq(gone.value, before - family.admin.list_tokens("reseller", kWhm).value.size());
    // Each has its entry.
    ck_assert_uint_eq(family.journal_entries() - entries, gone.value);
    for (const JournalEntry& entry : family.admin.read_journal(entries + 1, 10).value) {
      const bool named = entry.object == std::string("reseller/whm/") + row.ended;
      ck_assert_view_eq(entry.detail, named ? "" : "with the token that made it");
    }
    // Whoever is left leads to the one that leaked.
    if (family.exists("manager") && std::string(row.by) == "manager") {
      ck_assert_ok(family.admin.revoke_tokens(change_at(), "reseller", kWhm, {"manager"}, true).status);
      ck_assert_view_eq(family.left(), "leaf-of-stranger stranger ");
    }
  }

  // A person can leave them; they go on naming what made them.
  Family family;
  const uint64_t id = family.find("manager").id;
  ck_assert_ok(family.admin.revoke_token(change_at(), "reseller", kWhm, "manager"));
  const Token nightly = family.find("nightly");
  ck_assert_uint_eq(nightly.parent_id, id);
  ck_assert_view_eq(nightly.parent, "");
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

START_TEST(a_purged_tokens_children_become_its_makers) {
  Panel panel;
  NewToken brief = Panel::manager("brief");
  brief.not_before_unix_s = 0;
  brief.expires_unix_s = kNow + 10;
  ck_assert_ok(panel.make(brief));
  NewToken briefer = Panel::child("briefer");
  briefer.expires_unix_s = kNow + 5;
  ck_assert_ok(panel.make(briefer, Panel::by("brief")));
  NewToken longer = Panel::child("longer");
  longer.expires_unix_s = kNow + 9;
  ck_assert_ok(panel.make(longer, Panel::by("brief")));
  ck_assert_ok(
      panel.admin.update_token(change_at(), "reseller", kWhm, "longer", {.expires_unix_s = kNow + kDay})
          .status);
  ck_assert_uint_eq(panel.admin.purge_expired_tokens(change_at(kNow + 20), {}, kNow + 20).value, 2);
  ck_assert_view_eq(panel.find("longer").parent, "manager");
}
END_TEST

START_TEST(a_secret_leads_to_a_token_of_its_own_account_only) {
  Panel panel;
  auto issued = panel.admin.create_token(change_at(), Panel::child());
  ck_assert_ok(issued.status);
  const std::string& secret = issued.value.secret;
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, secret).value.name, "child");
  for (auto [user, service] : {std::pair("other", kWhm), std::pair("reseller", Service::kCpanel)}) {
    ck_assert_fails(panel.admin.find_token_by_secret(user, service, secret).status, Code::kRefused,
                    "no token");
  }
  for (const char* wrong : {"", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    ck_assert_fails(panel.admin.find_token_by_secret("reseller", kWhm, wrong).status, Code::kRefused,
                    "no token");
  }
  auto second = panel.admin.rotate_token(change_at(), "reseller", kWhm, "child", 60);
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, secret).value.name, "child");
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, second.value.secret).value.name,
                    "child");
}
END_TEST

START_TEST(a_secret_from_elsewhere_is_stored_once_and_never_by_a_token) {
  Panel panel;
  NewToken token = Panel::child("hash");
  const struct {
    std::string secret;
    Code code;
  } rows[] = {{std::string(kMaxSecretBytes + 1, 'a'), Code::kInvalid},
              {std::string(kMinSecretBytes - 1, 'a'), Code::kInvalid},
              {"0123456789abcdef\n0123456789abcdef", Code::kInvalid},
              {std::string(kMaxSecretBytes, 'a'), Code::kOk},
              {std::string(kMaxSecretBytes, 'a'), Code::kRefused}};
  for (const auto& row : rows) {
    token.secret = row.secret;
    ck_assert_int_eq(static_cast<int>(panel.make(token, change_at()).code), static_cast<int>(row.code));
    if (row.code == Code::kOk) token.name = "again";
  }
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, token.secret).value.name, "hash");
  token.secret = std::string(32, 'b');
  ck_assert_fails(panel.make(token), Code::kRefused, "cannot choose the secret");
}
END_TEST

START_TEST(an_update_can_rename_in_the_same_change) {
  Panel panel;
  panel.add_token(Panel::child());
  panel.add_token(Panel::child("taken"));
  auto update = [&](TokenUpdate update) {
    return panel.admin.update_token(change_at(), "reseller", kWhm, "child", update).status;
  };
  ck_assert_fails(update({.name = "taken", .acls = {{"passwd"}}}), Code::kRefused, "already");
  ck_assert_fails(update({.name = "a b", .acls = {{"passwd"}}}), Code::kInvalid, "token name");
  ck_assert_view_eq(panel.find("child").acls.front(), "list-accts");
  ck_assert_ok(update({.name = "new", .acls = {{"passwd"}}}));
  ck_assert_view_eq(panel.find("new").acls.front(), "passwd");
  ck_assert(!panel.exists("child"));
}
END_TEST

START_TEST(a_remark_ends_the_detail) {
  Panel panel;
  Change change = change_at();
  change.remark = "elevation by omission";
  ck_assert_ok(panel.make(Panel::child(), change));
  auto entries = panel.admin.read_journal(panel.journal_entries(), 1).value;
  ck_assert(entries.front().detail.ends_with("; elevation by omission"));
  change.remark = "a\nb";
  ck_assert_fails(panel.make(Panel::child("x"), change), Code::kInvalid, "remark");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("acting");
  TCase* tcase = tcase_create("acting");
  tcase_add_test(tcase, a_child_within_its_maker_is_made_and_known_to_it);
  tcase_add_test(tcase, a_call_acts_only_as_the_token_and_secret_that_it_came_with);
  tcase_add_test(tcase, a_child_with_more_than_its_maker_is_refused);
  tcase_add_test(tcase, ranges_within_the_makers_ranges_are_allowed);
  tcase_add_test(tcase, a_sibling_with_more_is_left_alone);
  tcase_add_test(tcase, a_sibling_within_is_managed_but_never_widened);
  tcase_add_test(tcase, a_token_widens_only_what_came_of_it);
  tcase_add_test(tcase, a_token_that_may_not_act_does_nothing);
  tcase_add_test(tcase, another_token_of_the_same_name_is_another);
  tcase_add_test(tcase, full_access_is_worth_what_the_account_has);
  tcase_add_test(tcase, the_acl_all_counts_while_the_account_has_it);
  tcase_add_test(tcase, a_latent_acl_of_a_sibling_is_more_too);
  tcase_add_test(tcase, a_token_changes_nothing_but_tokens);
  tcase_add_test(tcase, a_token_gives_secrets_to_what_ends_with_it_only);
  tcase_add_test(tcase, the_warning_of_the_managing_acl_promises_no_more);
  tcase_add_test(tcase, an_account_has_many_tokens_but_not_any_number);
  tcase_add_test(tcase, children_go_with_their_parent_when_asked);
  tcase_add_test(tcase, a_token_cannot_leave_its_lineage_by_ending_its_maker);
  tcase_add_test(tcase, a_token_renames_only_what_came_of_it);
  tcase_add_test(tcase, a_purged_tokens_children_become_its_makers);
  tcase_add_test(tcase, a_secret_leads_to_a_token_of_its_own_account_only);
  tcase_add_test(tcase, a_secret_from_elsewhere_is_stored_once_and_never_by_a_token);
  tcase_add_test(tcase, an_update_can_rename_in_the_same_change);
  tcase_add_test(tcase, a_remark_ends_the_detail);
  suite_add_tcase(suite, tcase);
  return suite;
}
