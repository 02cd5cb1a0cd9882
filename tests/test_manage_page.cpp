// What the page is told, and what it is refused: names, members and the input that a refusal is about.
#include "manage_fixture.h"

using namespace tokengate;
using manage::Identity;

namespace {

constexpr Service kCpanel = Service::kCpanel;
constexpr Service kWhm = Service::kWhm;

TestJson named(const char* name, uint64_t id) {
  return {{"name", name}, {"id", id}};
}

struct Page : ManageFixture {
  Page() {
    ck_assert_int_eq(setenv("TZ", "Europe/Berlin", 1), 0);
    tzset();
  }
  /// The data; fails if the page is refused.
  TestJson ok(const std::string& name, const TestJson& input = TestJson::object()) {
    const TestJson reply = page(name, input);
    ck_assert_msg(reply["ok"] == true, "%s: %s", name.c_str(), reply.dump().c_str());
    return reply["data"];
  }
};

}  // namespace

START_TEST(a_session_tells_who_and_where) {
  Page page;
  ck_assert_json(page.ok("session"),
                 R"({"user":"shop","service":"cpanel","services":["cpanel"],"via":"server","token":null,
      "administrator":false,"can_choose_account":false,"now_unix_s":1800000000,"utc_offset_s":3600,
      "time_zone":"Europe/Berlin","soon_days":30,"max_addresses":100,"max_note_bytes":200,
      "name_rule":"1 to 50 of A-Z a-z 0-9 _ -"})");
  page.caller = Page::person("reseller", kWhm);
  page.caller.via = Identity::Via::kSession;
  const TestJson reseller = page.ok("session");
  ck_assert(reseller["via"] == "session" && reseller["can_choose_account"] == true &&
            reseller["services"].size() == 2 && reseller["administrator"] == false);
  page.caller = Page::person("root", kWhm);
  ck_assert(page.ok("session")["administrator"] == true);
}
END_TEST

START_TEST(an_account_tells_what_its_tokens_can_be_given) {
  Page page;
  const TestJson shop = page.ok("account");
  ck_assert(shop["user"] == "shop" && shop["owner"] == "reseller" && shop["active"] == true &&
            shop["tokens_enabled"] == true && shop["may_administer"] == false && shop["acls"].size() == 4);
  ck_assert_json(
      shop["acls"][2],
      R"({"name":"email","group":"Mail","description":"Mailboxes, filters and mail settings","warning":""})");
  ck_assert(!shop["acls"][3]["warning"].get<std::string>().empty());
  // Each permission by which a token could get past its limits says how; the others say nothing.
  const auto warned = [&](const TestJson& account) {
    std::string names;
    for (const TestJson& acl : account["acls"]) {
      if (!acl["warning"].get<std::string>().empty()) names += acl["name"].get<std::string>() + " ";
    }
    return names;
  };
  ck_assert_view_eq(warned(shop), "manage-api-tokens ");
  ck_assert_ok(page.admin.define_acl(change_at(), kWhm, "create-user-session"));
  page.add_account("hosts", {},
                   {"create-user-session", "kill-acct", "list-accts", "manage-api-tokens", "passwd"});
  page.caller = Page::person("hosts", kWhm);
  ck_assert_view_eq(warned(page.ok("account")), "create-user-session manage-api-tokens passwd ");
  page.caller = Page::person("root", kWhm);
  ck_assert_view_eq(warned(page.ok("account")), "all create-user-session manage-api-tokens passwd ");
  page.caller = Page::person("reseller", kWhm);
  ck_assert(page.ok("account", {{"account", "shop"}, {"service", "cpanel"}})["may_administer"] == false);
  page.caller = Page::person("root", kWhm);
  ck_assert(page.ok("account", {{"account", "shop"}, {"service", "cpanel"}})["may_administer"] == true);
  ck_assert_msg(page.ok("account")["acls"].size() > 5, "all is spelled out");
  ck_assert(page.ok("account")["acls"][0]["name"] == "all");
}
END_TEST

START_TEST(a_token_goes_its_way) {
  Page page;
  TestJson made = page.ok("create", {{"name", "ci"},
                                     {"acls", {"email"}},
                                     {"read_only", true},
                                     {"expires_on", "2027-07-01"},
                                     {"addresses", {"192.0.2.7"}},
                                     {"note", "for <b>CI</b>"}});
  ck_assert(check_token_text(made["secret"].get<std::string>()) == TokenTextKind::kOurs);
  // The end of that day in summer time.
  ck_assert_json(
      made["token"],
      R"({"name":"ci","id":1,"account":"shop","service":"cpanel","full_access":false,"read_only":true,
      "acls":["email"],"addresses":["192.0.2.7"],"created_unix_s":1800000000,"not_before_unix_s":0,
      "expires_unix_s":1814479199,"last_used_unix_s":null,"last_address":null,"use_count":0,"note":"for <b>CI</b>",
      "parent":null,"parent_id":null,"former_secret_until_unix_s":null})");
  page.ok("update", {{"name", "ci"}, {"id", 1}, {"note", ""}, {"expires_on", nullptr}});
  const TestJson listed = page.ok("tokens")["tokens"][0];
  ck_assert(listed["note"].get<std::string>().empty() && listed["expires_unix_s"].is_null() &&
            listed["acls"][0] == "email" && listed["read_only"] == true);
  ck_assert(page.ok("update", {{"name", "ci"}, {"id", 1}, {"full_access", true}})["token"]["full_access"] ==
            true);
  ck_assert(
      page.ok("update",
              {{"name", "ci"}, {"id", 1}, {"full_access", false}, {"acls", {"dns"}}})["token"]["acls"][0] ==
      "dns");
  ck_assert(page.ok("rename", {{"name", "ci"}, {"id", 1}, {"new_name", "deploy"}})["token"]["name"] ==
            "deploy");
  const TestJson rotated = page.ok("rotate", {{"name", "deploy"}, {"id", 1}, {"overlap_s", 60}});
  ck_assert(rotated["token"]["former_secret_until_unix_s"] == kNow + 60 &&
            rotated["secret"] != made["secret"]);
  page.ok("create", {{"name", "full"}, {"full_access", true}, {"expires_on", nullptr}});
  page.caller = page.with_token("shop", kCpanel, "full");
  page.ok("create", {{"name", "child"}, {"acls", {"email"}}});
  page.caller = Page::person("shop", kCpanel);
  const TestJson child = page.ok("tokens")["tokens"][0];
  ck_assert(child["parent"] == "full" && child["parent_id"] == 2);
  ck_assert(page.ok("revoke", {{"tokens", {named("full", 2)}}, {"with_children", true}})["revoked"] == 2);
  ck_assert(page.ok("revoke_all")["revoked"] == 1);
  ck_assert(page.ok("tokens")["tokens"].empty());
}
END_TEST

START_TEST(refusals_name_the_input) {
  const struct {
    const char* function;
    const char* input;
    const char* field;  ///< empty: none
  } rows[] = {
      {"create", R"({"name":"a b","acls":["email"]})", "name"},
      {"create", R"({"name":"","acls":["email"]})", "name"},
      {"create", R"({"name":"ci","acls":["email"]})", "name"},
      {"create", R"({"name":"x"})", "acls"},
      {"create", R"({"name":"x","acls":[]})", "acls"},
      {"create", R"({"name":"x","acls":["backups"]})", "acls"},
      {"create", R"({"name":"x","acls":["email"],"expires_on":"2020-01-01"})", "expires_on"},
      {"create", R"({"name":"x","acls":["email"],"expires_on":"2027-02-30"})", "expires_on"},
      {"create", R"({"name":"x","acls":["email"],"expires_on":"tomorrow"})", "expires_on"},
      {"create", R"({"name":"x","acls":["email"],"expires_on":" 2027-1-01"})", "expires_on"},
      {"create", R"({"name":"x","acls":["email"],"addresses":["here"]})", "addresses"},
      {"create", R"({"name":"x","acls":["email"],"addresses":["192.0.2.1/8"]})", "addresses"},
      {"create", R"({"name":"x","acls":"email"})", ""},
      {"create", R"({"acls":["email"]})", ""},
      {"create", R"({"name":"x","acls":["email"],"account":"other"})", ""},
      {"create", R"({"name":"x","acls":["email"],"service":"whm"})", ""},
      {"create", R"({"name":"x","acls":["email"],"service":"ftp"})", ""},
      {"rename", R"({"name":"ci","id":1,"new_name":"a/b"})", "new_name"},
      {"rename", R"({"name":"none","id":1,"new_name":"b"})", "name"},
      {"update", R"({"name":"none","id":1})", "name"},
      {"update", R"({"name":"ci","id":1,"acls":[]})", "acls"},
      {"rotate", R"({"name":"ci","id":1})", ""},
      {"rotate", R"({"name":"ci","id":1,"overlap_s":-1})", ""},
      {"rotate", R"({"name":"ci","id":1,"overlap_s":"60"})", ""},
      {"rename", R"({"name":"ci","new_name":"b"})", ""},
      {"rename", R"({"name":"ci","id":2,"new_name":"b"})", "name"},
      {"update", R"({"name":"ci","note":"x"})", ""},
      {"update", R"({"name":"ci","id":2,"note":"x"})", "name"},
      {"rotate", R"({"name":"ci","overlap_s":60})", ""},
      {"rotate", R"({"name":"ci","id":2,"overlap_s":60})", "name"},
      {"rotate", R"({"name":"ci","id":"1","overlap_s":60})", ""},
      {"revoke", R"({"tokens":[],"with_children":false})", ""},
      {"revoke", R"({"tokens":["ci"],"with_children":false})", ""},
      {"revoke", R"({"tokens":[{"name":"ci"}],"with_children":false})", ""},
      {"revoke", R"({"tokens":[{"name":"ci","id":1}]})", ""},
      {"revoke", R"({"tokens":[{"name":"ci","id":2}],"with_children":false})", "name"},
      {"revoke", R"({"tokens":[{"name":"ci","id":1}],"with_children":false,"made":1})", ""},
      {"revoke", R"({"tokens":[{"name":"ci","id":1},{"name":"none","id":2}],"with_children":false})", "name"},
      {"set_active", R"({"account":"shop","active":false})", ""},
      {"accounts", R"([])", ""},
  };
  Page page;
  page.ok("create", {{"name", "ci"}, {"acls", {"email"}}});
  const uint64_t changes = page.changes();
  ck_assert(page.page("update", {{"name", "ci"}, {"id", 1}, {"note", std::string(201, 'a')}})["field"] ==
            "note");
  // One address more than a token takes.
  TestJson many = TestJson::array();
  for (int i = 0; i <= page.ok("session")["max_addresses"].get<int>(); ++i)
    many.push_back("192.0.2." + std::to_string(i));
  ck_assert_uint_eq(many.size(), 101);
  for (const char* function : {"create", "update"}) {
    const TestJson reply = page.page(
        function,
        {{"name", *function == 'c' ? "x" : "ci"}, {"id", 1}, {"acls", {"email"}}, {"addresses", many}});
    ck_assert(reply["ok"] == false && reply["field"] == "addresses" &&
              reply["error"].get<std::string>().find("at most 100") != std::string::npos);
    ck_assert_uint_eq(page.changes(), changes);
  }
  for (const auto& row : rows) {
    const TestJson reply = page.page(row.function, TestJson::parse(row.input));
    ck_assert_msg(reply["ok"] == false && !reply["error"].get<std::string>().empty() &&
                      reply.value("field", "") == row.field,
                  "%s %s: %s", row.function, row.input, reply.dump().c_str());
    ck_assert_uint_eq(page.changes(), changes);
  }
  ck_assert(page.page("nothing")["ok"] == false);
  ck_assert(page.page("login")["ok"] == false);
}
END_TEST

START_TEST(what_an_account_has_lost_may_stay_where_it_was) {
  Page page;
  page.ok("create", {{"name", "ci"}, {"acls", {"email", "dns"}}});
  page.ok("create", {{"name", "other"}, {"acls", {"dns"}}});
  ck_assert_ok(page.admin.deny_acls(change_at(), "shop", kCpanel, {"email"}));
  ck_assert(
      page.ok("update",
              {{"name", "ci"}, {"id", 1}, {"acls", {"email", "dns"}}, {"note", "new"}})["token"]["note"] ==
      "new");
  ck_assert(page.page("update", {{"name", "other"}, {"id", 2}, {"acls", {"email", "dns"}}})["field"] ==
            "acls");
  page.ok("update", {{"name", "ci"}, {"id", 1}, {"acls", {"dns"}}});
  ck_assert(page.page("update", {{"name", "ci"}, {"id", 1}, {"acls", {"email", "dns"}}})["field"] == "acls");
}
END_TEST

START_TEST(suspending_takes_a_privilege) {
  Page page;
  page.caller = Page::person("reseller", kWhm);
  // As root left it, who has not let the owner suspend anything.
  ck_assert_ok(page.admin.set_account_active(change_at(), "shop", false));
  ck_assert_ok(page.admin.set_tokens_enabled(change_at(), "shop", false));
  const uint64_t changes = page.changes();
  for (bool value : {true, false}) {
    const TestJson replies[] = {page.page("set_active", {{"account", "shop"}, {"active", value}}),
                                page.page("set_tokens_enabled", {{"account", "shop"}, {"enabled", value}})};
    for (const TestJson& reply : replies) {
      ck_assert(reply["ok"] == false &&
                reply["error"].get<std::string>().find("suspend-acct") != std::string::npos);
    }
  }
  ck_assert_uint_eq(page.changes(), changes);
  ck_assert(page.ok("account", {{"account", "shop"}, {"service", "cpanel"}})["may_administer"] == false);
  ck_assert(page.ok("accounts")["accounts"][1]["may_administer"] == false);
  ck_assert_ok(page.admin.grant_acls(change_at(), "reseller", kWhm, {"suspend-acct"}));
  ck_assert(page.ok("accounts")["accounts"][1]["may_administer"] == true);
  page.ok("set_active", {{"account", "shop"}, {"active", true}});
  page.ok("set_tokens_enabled", {{"account", "shop"}, {"enabled", true}});
  // With `all` one has it, and needs to own nothing.
  page.caller = Page::person("root", kWhm);
  page.ok("set_active", {{"account", "shop"}, {"active", false}});
  // Suspending is no way to accounts of others.
  ck_assert_ok(page.admin.grant_acls(change_at(), "other", kWhm, {"suspend-acct"}));
  page.caller = Page::person("other", kWhm);
  ck_assert(page.page("set_active", {{"account", "shop"}, {"active", true}})["ok"] == false);
  ck_assert(!page.admin.find_account("shop").value.active);
}
END_TEST

START_TEST(a_token_lists_its_own_account_alone) {
  Page page;
  page.add_token({.account = "reseller", .service = kWhm, .name = "keeper", .acls = {"manage-api-tokens"}});
  page.caller = page.with_token("reseller", kWhm, "keeper");
  const TestJson accounts = page.ok("accounts")["accounts"];
  ck_assert(accounts.size() == 1 && accounts[0]["user"] == "reseller");
}
END_TEST

START_TEST(what_was_made_meanwhile_is_asked_about_first) {
  Page page;
  page.ok("create", {{"name", "maker"}, {"full_access", true}, {"expires_on", nullptr}});
  const auto make = [&](const char* maker, const char* name) {
    page.caller = page.with_token("shop", kCpanel, maker);
    page.ok("create", {{"name", name}, {"full_access", true}, {"expires_on", nullptr}});
    page.caller = Page::person("shop", kCpanel);
  };
  const auto refused = [&](const TestJson& made, bool with_children) {
    const uint64_t changes = page.changes();
    const TestJson reply = page.page(
        "revoke", {{"tokens", {named("maker", 1)}}, {"with_children", with_children}, {"made", made}});
    ck_assert_uint_eq(page.changes(), changes);
    ck_assert_msg(reply["ok"] == false && reply["field"] == "made", "%s", reply.dump().c_str());
    return reply["error"].get<std::string>();
  };
  make("maker", "child");
  make("child", "a-grandchild");
  for (bool with_children : {false, true}) {
    ck_assert_view_eq(refused(TestJson::array(), with_children),
                      "Nothing was revoked: what it would end made more meanwhile, “a-grandchild”, “child”.");
    ck_assert(refused({2}, with_children).find("a-grandchild") != std::string::npos);
  }
  // What is named itself, and what is known, is not asked about; nor is anything, if no list is given.
  ck_assert(page.ok("revoke", {{"tokens", {named("maker", 1), named("a-grandchild", 3)}},
                               {"with_children", false},
                               {"made", {2}}})["revoked"] == 2);
  make("child", "last");
  ck_assert(page.ok("revoke", {{"tokens", {named("child", 2)}}, {"with_children", true}})["revoked"] == 2);
}
END_TEST

START_TEST(administrators_reach_their_accounts_and_no_others) {
  Page page;
  ck_assert_ok(page.admin.grant_acls(change_at(), "reseller", kWhm, {"suspend-acct"}));
  page.caller = Page::person("reseller", kWhm);
  const TestJson accounts = page.ok("accounts")["accounts"];
  ck_assert_uint_eq(accounts.size(), 2);
  ck_assert_json(accounts[1],
                 R"({"user":"shop","owner":"reseller","active":true,"tokens_enabled":true,"token_count":0,
                                  "may_administer":true})");
  page.ok("create", {{"account", "shop"}, {"service", "cpanel"}, {"name", "ci"}, {"acls", {"email"}}});
  page.ok("set_active", {{"account", "shop"}, {"active", false}});
  page.ok("set_tokens_enabled", {{"account", "shop"}, {"enabled", false}});
  const Account shop = page.admin.find_account("shop").value;
  ck_assert(!shop.active && !shop.tokens_enabled && shop.token_count == 1);
  for (const char* who : {"other", "root", "reseller", "none"}) {
    ck_assert(page.page("set_active", {{"account", who}, {"active", false}})["ok"] == false);
    ck_assert(page.page("set_tokens_enabled", {{"account", who}, {"enabled", false}})["ok"] == false);
    if (std::string(who) != "reseller")
      ck_assert(page.page("tokens", {{"account", who}, {"service", "cpanel"}})["ok"] == false);
  }
  // Only who has everything may see to an account's tokens for whm.
  ck_assert(page.page("tokens", {{"account", "shop"}, {"service", "whm"}})["ok"] == false);
  page.caller = Page::person("root", kWhm);
  page.ok("tokens", {{"account", "shop"}, {"service", "whm"}});
  ck_assert_uint_eq(page.ok("accounts")["accounts"].size(), 4);
  page.caller = Page::person("shop", kCpanel);
  ck_assert(page.page("session")["error"].get<std::string>().find("suspended") != std::string::npos);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_page");
  TCase* tcase = tcase_create("manage_page");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_session_tells_who_and_where);
  tcase_add_test(tcase, an_account_tells_what_its_tokens_can_be_given);
  tcase_add_test(tcase, a_token_goes_its_way);
  tcase_add_test(tcase, refusals_name_the_input);
  tcase_add_test(tcase, what_an_account_has_lost_may_stay_where_it_was);
  tcase_add_test(tcase, suspending_takes_a_privilege);
  tcase_add_test(tcase, a_token_lists_its_own_account_alone);
  tcase_add_test(tcase, what_was_made_meanwhile_is_asked_about_first);
  tcase_add_test(tcase, administrators_reach_their_accounts_and_no_others);
  suite_add_tcase(suite, tcase);
  return suite;
}
