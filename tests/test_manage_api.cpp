// UAPI Tokens and WHM API 1 api_token_*: each function's replies, and what is refused with which text.
#include "manage_fixture.h"

using namespace tokengate;
using manage::Identity;

namespace {

constexpr Service kCpanel = Service::kCpanel;
constexpr Service kWhm = Service::kWhm;
const std::string kEnd = std::to_string(kNow + 86'400);

}  // namespace

START_TEST(uapi_functions_reply_as_documented) {
  ManageFixture fixture;
  TestJson made = fixture.call("/execute/Tokens/create_full_access?name=ci&expires_at=" + kEnd);
  const std::string secret = made["data"]["token"];
  ck_assert(check_token_text(secret) == TokenTextKind::kOurs);
  made["data"].erase("token");
  ck_assert_json(made,
                 R"({"data":{"create_time":1800000000},"errors":null,"messages":null,"metadata":{},"status":1,
                           "warnings":null})");

  fixture.call("/execute/Tokens/create_limited",
               "name=few&features=email&features-1=dns&readonly=1&whitelist_ip=192.0.2.7");
  ck_assert_json(fixture.call("/execute/Tokens/list"), R"({"data":[
      {"name":"ci","create_time":1800000000,"expires_at":1800086400,"has_full_access":1,"features":[],"readonly":0,
       "whitelist_ips":null,"parent":null,"last_used":null,"last_address":null,"use_count":0},
      {"name":"few","create_time":1800000000,"expires_at":null,"has_full_access":0,"features":["dns","email"],"readonly":1,
       "whitelist_ips":["192.0.2.7"],"parent":null,"last_used":null,"last_address":null,"use_count":0}],
      "errors":null,"messages":null,"metadata":{"transformed":1},"status":1,"warnings":null})");

  ck_assert_json(fixture.call("/execute/Tokens/rename?name=ci&new_name=deploy")["data"], "null");
  ck_assert_json(fixture.call("/execute/Tokens/get_details?name=deploy")["data"]["name"], "\"deploy\"");
  ck_assert_json(
      fixture.call("/execute/Tokens/update?name=few&features=databases&expires_at=" + kEnd)["data"],
      R"({"name":"few","create_time":1800000000,"expires_at":1800086400,"has_full_access":0,"features":["databases"],
                     "readonly":1,"whitelist_ips":["192.0.2.7"],"parent":null,"last_used":null,"last_address":null,"use_count":0})");
  ck_assert(fixture.call("/execute/Tokens/rotate?name=deploy")["data"]["token"].get<std::string>() != secret);
  // Revoking is idempotent.
  for (int i = 0; i < 2; ++i) {
    ck_assert_json(fixture.call("/execute/Tokens/revoke?name=deploy"),
                   R"({"data":1,"errors":null,"messages":null,"metadata":{},"status":1,"warnings":null})");
  }
  ck_assert_uint_eq(fixture.admin.list_tokens("shop").value.size(), 1);
}
END_TEST

START_TEST(a_full_access_token_can_be_made_to_read_only) {
  ManageFixture fixture;
  fixture.call("/execute/Tokens/create_full_access?name=reads&readonly=1");
  fixture.call("/execute/Tokens/create_full_access?name=writes&readonly=0");
  const TestJson list = fixture.call("/execute/Tokens/list")["data"];
  ck_assert_uint_eq(list.size(), 2);
  for (const TestJson& token : list) {
    const int read_only = token["name"] == "reads" ? 1 : 0;
    ck_assert_int_eq(token["readonly"], read_only);
    ck_assert_int_eq(token["has_full_access"], 1);
    const Token stored = fixture.admin.find_token("shop", kCpanel, token["name"]).value;
    ck_assert(stored.full_access && stored.read_only == (read_only == 1));
  }
}
END_TEST

START_TEST(an_empty_post_with_its_parameters_in_the_query_is_a_call) {
  Whm fixture;
  fixture.method = "POST";
  ck_assert_json(fixture.whm("api_token_create", "token_name=t&acl=list-accts")["data"]["acls"],
                 R"(["list-accts"])");
  ck_assert_json(fixture.whm("api_token_list")["data"]["tokens"]["t"]["acls"]["list-accts"], "1");
  ck_assert_view_eq(failure(fixture.whm("api_token_revoke", "token_name=t")), "");
  fixture.caller = Whm::person("shop", kCpanel);
  ck_assert_view_eq(failure(fixture.call("/execute/Tokens/create_limited?name=t&features=email")), "");
  ck_assert_json(fixture.call("/execute/Tokens/list")["data"][0]["name"], "\"t\"");
}
END_TEST

START_TEST(whm_functions_reply_as_documented) {
  Whm fixture;
  TestJson made = fixture.whm("api_token_create",
                              "token_name=example&acl-0=kill-acct&acl-1=list-accts&expires_at=" + kEnd +
                                  "&whitelist_ip-0=192.0.2.1&whitelist_ip-1=192.0.2.8/29"
                                  "&whitelist_ip-2=fc00:abcd::f&whitelist_ip-3=fc00:abcd::/32");
  const std::string secret = made["data"]["token"];
  ck_assert(check_token_text(secret) == TokenTextKind::kOurs);
  made["data"].erase("token");
  const char* details = R"({"name":"example","acls":["kill-acct","list-accts"],"create_time":1800000000,
      "expires_at":1800086400,"whitelist_ips":["192.0.2.1","192.0.2.8/29","fc00:abcd:0000:0000:0000:0000:0000:000f",
      "fc00:abcd:0000:0000:0000:0000:0000:0000/32"]})";
  ck_assert_json(made["data"], details);
  ck_assert_json(made["metadata"], R"({"command":"api_token_create","reason":"OK","result":1,"version":1})");

  ck_assert_json(fixture.whm("api_token_get_details", "token=" + secret)["data"], details);
  ck_assert_json(fixture.whm("api_token_get_details", "token=ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"),
                 R"({"metadata":{"command":"api_token_get_details","reason":"OK","result":1,"version":1}})");
  ck_assert_json(fixture.whm("api_token_list")["data"]["tokens"]["example"]["acls"],
                 R"({"cpanel-api":0,"create-acct":0,"kill-acct":1,"list-accts":1,"manage-api-tokens":0})");
  ck_assert_json(fixture.whm("api_token_update",
                             "token_name=example&new_name=renamed&acl=list-accts&expires_at=" + kEnd +
                                 "&whitelist_ip=any")["data"],
                 R"({"name":"renamed","acls":["list-accts"],"create_time":1800000000,"expires_at":1800086400,
                     "whitelist_ips":null})");
  const TestJson rotated = fixture.whm("api_token_rotate", "token_name=renamed&overlap=60")["data"];
  ck_assert(rotated["token"] != secret && rotated["name"] == "renamed");
  ck_assert_json(fixture.whm("api_token_get_details", "token=" + secret)["data"]["name"], "\"renamed\"");

  fixture.whm("api_token_create", "token_name=b&acl=list-accts");
  fixture.whm("api_token_create", "token_name=c&acl=list-accts");
  ck_assert_json(fixture.whm("api_token_revoke", "token_name=renamed&token_name-1=b&token_name-2=c"),
                 R"({"metadata":{"command":"api_token_revoke","reason":"OK","result":1,"version":1}})");
  ck_assert_json(fixture.whm("api_token_list")["data"], R"({"tokens":{}})");
}
END_TEST

START_TEST(all_is_a_privilege_of_whoever_has_it) {
  Whm fixture;
  fixture.caller = Whm::person("root", kWhm);
  for (const char* parameters :
       {"token_name=named&acl=all", "token_name=omitted", "token_name=numbered&acl-0=all"}) {
    const TestJson made = fixture.whm("api_token_create", parameters)["data"];
    ck_assert_json(made["acls"], R"(["all"])");
    ck_assert_json(
        fixture.whm("api_token_get_details", "token=" + made["token"].get<std::string>())["data"]["acls"],
        R"(["all"])");
    ck_assert_json(fixture.whm("api_token_list")["data"]["tokens"][made["name"].get<std::string>()]["acls"],
                   R"({"all":1})");
  }
}
END_TEST

START_TEST(an_end_of_0_is_never) {
  Whm fixture;
  const auto ends = [&] { return fixture.admin.find_token("reseller", kWhm, "t").value.expires_unix_s; };
  ck_assert_json(
      fixture.whm("api_token_create", "token_name=t&acl=list-accts&expires_at=0")["data"]["expires_at"],
      "null");
  ck_assert_int_eq(ends(), kNeverExpires);
  const auto update = [&](const std::string& end) {
    return fixture.whm("api_token_update",
                       "token_name=t&acl=list-accts&expires_at=" + end)["data"]["expires_at"];
  };
  ck_assert_json(update(kEnd), kEnd);
  ck_assert_int_eq(ends(), kNow + 86'400);
  ck_assert_json(update("0"), "null");
  ck_assert_int_eq(ends(), kNeverExpires);
  ck_assert_json(fixture.whm("api_token_list")["data"]["tokens"]["t"]["expires_at"], "null");
  // Said, it is no omission.
  ck_assert(!fixture.last_detail().ends_with("elevation by omission"));
}
END_TEST

START_TEST(details_are_given_of_the_callers_own_secrets) {
  Whm fixture;
  const std::string secrets[] = {
      fixture.add_token({.account = "other", .service = kWhm, .name = "t", .full_access = true}),
      fixture.add_token({.account = "root", .service = kWhm, .name = "t", .full_access = true}),
      fixture.add_token({.account = "shop", .name = "t", .full_access = true}),      // of an owned account
      fixture.add_token({.account = "reseller", .name = "t", .full_access = true}),  // its own, for cpanel
  };
  for (const std::string& secret : secrets) {
    ck_assert_json(
        fixture.whm("api_token_get_details", "token=" + secret),
        R"({"metadata":{"command":"api_token_get_details","reason":"OK","result":1,"version":1}})");
  }
  fixture.caller = Whm::person("other", kWhm);
  ck_assert_json(fixture.whm("api_token_get_details", "token=" + secrets[0])["data"]["acls"],
                 R"(["list-accts"])");
}
END_TEST

START_TEST(a_revocation_says_how_many_it_took_along) {
  ManageFixture fixture;
  const auto family = [&](const std::string& user, Service service) {
    fixture.add_token({.account = user, .service = service, .name = "top", .full_access = true});
    Change by_top = change_at();
    by_top.acting = ActingToken{user, service, "top"};
    for (const char* name : {"a", "b"}) {
      ck_assert_ok(
          fixture.admin
              .create_token(by_top, {.account = user, .service = service, .name = name, .full_access = true})
              .status);
    }
  };
  family("shop", kCpanel);
  const TestJson taken = fixture.call("/execute/Tokens/revoke?name=top&with_children=1");
  ck_assert_json(taken["data"], "1");
  ck_assert_json(taken["metadata"], R"({"also_revoked":2})");
  family("shop", kCpanel);
  ck_assert_json(fixture.call("/execute/Tokens/revoke?name=top")["metadata"], "{}");
  fixture.call("/execute/Tokens/revoke?name=a");
  fixture.call("/execute/Tokens/revoke?name=b");
  // A token that ends takes along what came of it, asked to or not.
  family("shop", kCpanel);
  fixture.caller = fixture.with_token("shop", kCpanel, "top");
  ck_assert_json(fixture.call("/execute/Tokens/revoke?name=top")["metadata"], R"({"also_revoked":2})");

  family("reseller", kWhm);
  fixture.caller = ManageFixture::person("reseller", kWhm);
  ck_assert_json(
      fixture.call("/json-api/api_token_revoke?api.version=1&token_name=top&token_name-1=a&with_children=1"),
      R"({"metadata":{"command":"api_token_revoke","reason":"OK","result":1,"version":1,"also_revoked":1}})");
  family("reseller", kWhm);
  ck_assert_json(fixture.call("/json-api/api_token_revoke?token_name=top&with_children=1"),
                 R"({"status":1,"statusmsg":"OK","also_revoked":2})");
}
END_TEST

START_TEST(whm_parameters_come_in_every_form) {
  const struct {
    const char* query;
    const char* body;
    const char* type;
  } rows[] = {
      {"api.version=1&token_name=t&acl-0=kill-acct&acl-1=list-accts", "", ""},
      {"api.version=1&token_name=t&acl=kill-acct&acl-1=list-accts", "", ""},
      {"api.version=1&token_name=t&acl=kill-acct&acl=list-accts", "", ""},
      {"", "api.version=1&token_name=t&acl=kill-acct&acl=list-accts", "application/octet-stream"},
      {"", "api.version=1&token_name=t&acl=kill-acct&acl=list-accts", ""},
      {"api.version=1", "token_name=t&acl=kill-acct&acl=list-accts", "application/x-www-form-urlencoded"},
      {"", R"({"api.version":1,"token_name":"t","acl":["kill-acct","list-accts"]})", "application/json"},
      {"api.version=1&token_name=t", R"({"acl":["kill-acct","list-accts"],"api.version":1})",
       "application/json"},
  };
  Whm fixture;
  for (const auto& row : rows) {
    const TestJson reply =
        fixture.call(std::string("/json-api/api_token_create?") + row.query, row.body, row.type);
    ck_assert_msg(failure(reply).empty(), "%s", reply.dump().c_str());
    ck_assert_json(reply["data"]["acls"], R"(["kill-acct","list-accts"])");
    fixture.whm("api_token_revoke", "token_name=t");
  }
}
END_TEST

START_TEST(what_is_omitted_widens_as_documented_and_is_noted) {
  Whm fixture;
  ck_assert_json(fixture.whm("api_token_create", "token_name=t")["data"]["acls"],
                 R"(["cpanel-api","create-acct","kill-acct","list-accts","manage-api-tokens"])");
  ck_assert(fixture.last_detail().ends_with("elevation by omission"));
  fixture.whm("api_token_create", "token_name=few&acl=list-accts&whitelist_ip=192.0.2.7&expires_at=" + kEnd);
  ck_assert(!fixture.last_detail().ends_with("elevation by omission"));
  const TestJson wide = fixture.whm("api_token_update", "token_name=few")["data"];
  ck_assert(wide["acls"].size() == 5 && wide["expires_at"].is_null() && wide["whitelist_ips"].is_null());
  ck_assert(fixture.last_detail().ends_with("elevation by omission"));
  fixture.whm("api_token_update", "token_name=few&new_name=many");
  ck_assert(!fixture.last_detail().ends_with("elevation by omission"));
  const std::string limits[] = {"acl=list-accts", "whitelist_ip=192.0.2.7", "expires_at=" + kEnd};
  for (size_t left_out = 0; left_out < 3; ++left_out) {
    const std::string all = limits[0] + "&" + limits[1] + "&" + limits[2];
    ck_assert_view_eq(failure(fixture.whm("api_token_update", "token_name=many&" + all)), "");
    std::string some = "token_name=many";
    for (size_t i = 0; i < 3; ++i) some += i == left_out ? "" : "&" + limits[i];
    fixture.settings.strict_omission = true;
    const uint64_t before = fixture.changes();
    ck_assert(failure(fixture.whm("api_token_update", some)).find("switched off here") != std::string::npos);
    ck_assert_uint_eq(fixture.changes(), before);
    fixture.settings.strict_omission = false;
    ck_assert_view_eq(failure(fixture.whm("api_token_update", some)), "");
    ck_assert(fixture.last_detail().ends_with("elevation by omission"));
  }
  fixture.settings.strict_omission = true;
  ck_assert(failure(fixture.whm("api_token_create", "token_name=none")).find("switched off here") !=
            std::string::npos);
  ck_assert_view_eq(failure(fixture.whm("api_token_create", "token_name=some&acl=list-accts")), "");
  ck_assert_view_eq(failure(fixture.whm("api_token_update", "token_name=some&new_name=same&acl=list-accts")),
                    "");
}
END_TEST

START_TEST(refusals_say_why_and_change_nothing) {
  std::string many = "whitelist_ip=192.0.2.0";
  for (int i = 1; i <= 100; ++i)
    many += "&whitelist_ip-" + std::to_string(i) + "=192.0.2." + std::to_string(i);
  const std::string long_name(51, 'a');
  const struct {
    Service service;
    std::string function;
    std::string parameters;
    const char* words;
  } rows[] = {
      {kCpanel, "create_full_access", "", "Give the parameter “name”"},
      {kCpanel, "create_full_access", "name=", "Give the parameter “name”"},
      {kCpanel, "create_full_access", "name=a+b", "1 to 50 of A-Z a-z 0-9 _ -"},
      {kCpanel, "create_full_access", "name=" + long_name, "1 to 50"},
      {kCpanel, "create_full_access", "name=%C3%A9", "1 to 50"},
      {kCpanel, "create_full_access", "name=ci", "conflicting API token"},
      {kCpanel, "create_full_access", "name=ci", "already exists"},
      {kCpanel, "create_full_access", "name=x&expires_at=1800000000", "lies in the past"},
      {kCpanel, "create_full_access", "name=x&expires_at=0", "lies in the past"},
      {kCpanel, "create_full_access", "name=x&expires_at=-1", "decimal digits"},
      {kCpanel, "create_full_access", "name=x&expires_at=", "decimal digits"},
      {kCpanel, "create_full_access", "name=x&expires_at=2030-01-01", "decimal digits"},
      {kCpanel, "create_full_access", "name=x&expires_at=99999999999999999999", "decimal digits"},
      {kCpanel, "create_full_access", "name=x&expires=1900000000", "no parameter “expires”"},
      {kCpanel, "create_full_access", "name=x&readonly=yes", "must be 0 or 1"},
      {kCpanel, "create_limited", "name=x", "what the token may do"},
      {kCpanel, "create_limited", "name=x&features=backups", "The feature “backups” is not one"},
      {kCpanel, "create_limited", "name=x&features=email%2Cdns", "comma"},
      {kCpanel, "create_limited", "name=x&features=all", "The feature “all” is not one"},
      {kCpanel, "create_limited", "name=x&features=email&whitelist_ip=192.0.2.300",
       "neither an address nor a range"},
      {kCpanel, "rename", "name=none&new_name=x", "There is no API token “none”"},
      {kCpanel, "rename", "name=ci&new_name=few", "already exists"},
      {kCpanel, "rename", "name=ci&new_name=ci", "already exists"},
      {kCpanel, "rename", "name=ci&new_name=a/b", "1 to 50"},
      {kCpanel, "rename", "name=ci", "Give the parameter “new_name”"},
      {kCpanel, "rename", "new_name=x", "Give the parameter “name”"},
      {kCpanel, "rename", "", "Give the parameter “name”"},
      {kCpanel, "revoke", "", "Give the parameter “name”"},
      {kCpanel, "revoke", "name=", "Give the parameter “name”"},
      {kCpanel, "revoke", "with_children=1", "Give the parameter “name”"},
      {kCpanel, "revoke", "token_name=ci", "no parameter “token_name”"},
      {kCpanel, "create_limited", "features=email", "Give the parameter “name”"},
      {kCpanel, "create_limited", "name=x&features=email&" + many, "at most 100"},
      {kCpanel, "update", "features=email", "Give the parameter “name”"},
      {kCpanel, "update", "name=none", "There is no API token “none”"},
      {kCpanel, "update", "name=few&features=backups", "The feature “backups”"},
      {kCpanel, "update", "name=few&features=email&full_access=1", "either features or full_access"},
      {kCpanel, "rotate", "overlap=60", "Give the parameter “name”"},
      {kCpanel, "rotate", "name=none", "There is no API token “none”"},
      {kCpanel, "rotate", "name=ci&overlap=soon", "decimal digits"},
      {kCpanel, "get_details", "", "Give the parameter “name”"},
      {kCpanel, "get_details", "name=none", "There is no API token “none”"},
      {kWhm, "api_token_create", "", "Give the parameter “token_name”"},
      {kWhm, "api_token_create", "token_name=a.b", "1 to 50"},
      {kWhm, "api_token_create", "token_name=ci", "conflicting API token"},
      {kWhm, "api_token_create", "token_name=x&acl=passwd", "The privilege “passwd” is not one"},
      {kWhm, "api_token_create", "token_name=x&acl=all", "The privilege “all” is not one"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts%2Ckill-acct", "comma"},
      {kWhm, "api_token_create", "token_name=x&acl=no-such", "The privilege “no-such” is not one"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts&expires_at=1", "lies in the past"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts&whitelist_ip=192.0.2.1/24",
       "neither an address"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts&whitelist-ip-3=192.0.2.1", "no parameter"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts&whitelist_ip=any&whitelist_ip-1=192.0.2.1",
       "“any” is neither"},
      {kWhm, "api_token_create", "token_name=x&acl=list-accts&" + many, "at most 100"},
      {kWhm, "api_token_create", "token_name=x&acls=list-accts", "no parameter “acls”"},
      {kWhm, "api_token_update", "acl=list-accts&new_name=x", "Give the parameter “token_name”"},
      {kWhm, "api_token_update", "token_name=&acl=list-accts", "Give the parameter “token_name”"},
      {kWhm, "api_token_update", "token_name=ci&acl=list-accts&" + many, "at most 100"},
      {kWhm, "api_token_update", "token_name=none&acl=list-accts", "There is no API token “none”"},
      {kWhm, "api_token_update", "token_name=ci&new_name=few&acl=list-accts", "already exists"},
      {kWhm, "api_token_update", "token_name=ci&new_name=&acl=list-accts", "1 to 50"},
      {kWhm, "api_token_update", "token_name=ci&acl=passwd", "The privilege “passwd”"},
      {kWhm, "api_token_update", "token_name=ci&acl=list-accts&expires_at=x", "decimal digits"},
      {kWhm, "api_token_revoke", "", "Give the parameter “token_name”"},
      {kWhm, "api_token_revoke", "token_name=none", "There is no API token “none”"},
      {kWhm, "api_token_revoke", "token_name=ci&token_name-1=none", "There is no API token “none”"},
      {kWhm, "api_token_revoke", "token_name=", "“token_name” is empty"},
      {kWhm, "api_token_revoke", "token_name=ci&token_name-1=", "“token_name-1” is empty"},
      {kWhm, "api_token_revoke", "name=ci", "no parameter “name”"},
      {kWhm, "api_token_rotate", "overlap=60", "Give the parameter “token_name”"},
      {kWhm, "api_token_rotate", "token_name=none", "There is no API token “none”"},
      {kWhm, "api_token_get_details", "", "Give the parameter “token”"},
  };
  Whm fixture;
  for (const char* name : {"ci", "few"}) {
    ck_assert_view_eq(
        failure(fixture.whm("api_token_create", std::string("acl=list-accts&token_name=") + name)), "");
  }
  fixture.caller = Whm::person("shop", kCpanel);
  for (const char* name : {"ci", "few"}) {
    fixture.call(std::string("/execute/Tokens/create_limited?features=email&name=") + name);
  }
  const uint64_t changes = fixture.changes();
  for (const auto& row : rows) {
    fixture.caller = row.service == kWhm ? Whm::person("reseller", kWhm) : Whm::person("shop", kCpanel);
    const std::string why =
        failure(row.service == kWhm ? fixture.whm(row.function, row.parameters)
                                    : fixture.call("/execute/Tokens/" + row.function + "?" + row.parameters));
    ck_assert_msg(why.find(row.words) != std::string::npos, "%s?%s: \"%s\"", row.function.c_str(),
                  row.parameters.c_str(), why.c_str());
    ck_assert_uint_eq(fixture.changes(), changes);
  }
}
END_TEST

START_TEST(accounts_without_tokens_are_told_so) {
  ManageFixture fixture;
  fixture.call("/execute/Tokens/create_limited?features=email&name=ci");
  ck_assert_ok(fixture.admin.set_tokens_enabled(change_at(), "shop", false));
  for (const char* call : {"create_full_access?name=x", "create_limited?name=x&features=email",
                           "rename?name=ci&new_name=x", "update?name=ci&features=dns", "rotate?name=ci"}) {
    ck_assert(failure(fixture.call(std::string("/execute/Tokens/") + call)).find("switched off for") !=
              std::string::npos);
  }
  ck_assert_view_eq(failure(fixture.call("/execute/Tokens/list")), "");
  ck_assert_ok(fixture.admin.set_account_active(change_at(), "shop", false));
  for (const char* call : {"list", "create_full_access?name=x", "revoke?name=ci"}) {
    ck_assert(failure(fixture.call(std::string("/execute/Tokens/") + call)).find("is suspended") !=
              std::string::npos);
  }
  fixture.caller = ManageFixture::person("reseller", kWhm);
  ck_assert(fixture
                .call("/json-api/uapi_cpanel?api.version=1&cpanel.user=shop&cpanel.module=Tokens"
                      "&cpanel.function=create_full_access&name=x")["data"]["uapi"]["errors"][0]
                .get<std::string>()
                .find("is suspended") != std::string::npos);
  fixture.caller = ManageFixture::person("nobody", kCpanel);
  ck_assert(failure(fixture.call("/execute/Tokens/list")).find("no account “nobody”") != std::string::npos);
  ck_assert_uint_eq(fixture.admin.list_tokens("shop").value.size(), 1);
}
END_TEST

START_TEST(accounts_of_others_are_out_of_reach) {
  const struct {
    const char* caller;
    const char* target;
    bool reached;
  } rows[] = {{"reseller", "shop", true},  {"reseller", "reseller", true}, {"reseller", "other", false},
              {"reseller", "root", false}, {"reseller", "none", false},    {"reseller", "", false},
              {"root", "shop", true},      {"root", "other", true},        {"other", "shop", false},
              {"other", "other", false}};
  ManageFixture fixture;
  for (const auto& row : rows) {
    fixture.caller = ManageFixture::person(row.caller, kWhm);
    const TestJson reply = fixture.call(std::string("/json-api/uapi_cpanel?api.version=1&cpanel.module=Tokens"
                                                    "&cpanel.function=list&cpanel.user=") +
                                        row.target);
    ck_assert_msg((reply["data"]["uapi"]["status"] == 1) == row.reached, "%s on %s: %s", row.caller,
                  row.target, reply.dump().c_str());
  }
}
END_TEST

START_TEST(only_plain_requests_of_known_callers_are_served) {
  ManageFixture fixture;
  manage::Request request;
  request.path = "/execute/Tokens/list";
  request.caller = fixture.caller;
  request.now_unix_s = kNow;
  for (const char* method : {"PUT", "DELETE", "get", ""}) {
    request.method = method;
    ck_assert(manage::answer_api(fixture.admin, {}, request).body.find("Use GET or POST") !=
              std::string::npos);
  }
  request.method = "GET";
  ck_assert(manage::answer_api(fixture.admin, {}, request).body.find("\"status\":1") != std::string::npos);
  request.caller.via = Identity::Via::kSession;
  ck_assert(manage::answer_api(fixture.admin, {}, request).body.find("\"status\":0") != std::string::npos);
  request.caller.via = Identity::Via::kToken;  // which one?
  ck_assert(manage::answer_api(fixture.admin, {}, request).body.find("\"status\":0") != std::string::npos);
  request.caller.via = Identity::Via::kServer;
  request.caller.token = "ci";  // a person does not have one
  ck_assert(manage::answer_api(fixture.admin, {}, request).body.find("\"status\":0") != std::string::npos);
}
END_TEST

START_TEST(a_call_that_waited_acts_no_more_as_another) {
  // Its token was verified, and then its body was long in coming.
  ManageFixture fixture;
  const NewToken small = {.account = "shop", .name = "ci", .acls = {"manage-api-tokens", "email"}};
  const auto require_refused = [&](const char* words) {
    const uint64_t entries = fixture.changes();
    for (const char* call : {"list", "get_details?name=ci", "create_limited?name=child&features=email",
                             "rotate?name=ci", "revoke?name=ci"}) {
      const TestJson reply = fixture.call(std::string("/execute/Tokens/") + call);
      ck_assert_json(reply["status"], "0");
      ck_assert_msg(reply["errors"].dump().find(words) != std::string::npos, "%s", reply.dump().c_str());
    }
    ck_assert_uint_eq(fixture.changes(), entries);
  };
  fixture.add_token(small);
  fixture.caller = fixture.with_token("shop", kCpanel, "ci");
  const Identity waiting = fixture.caller;
  ck_assert_ok(fixture.admin.rotate_token(change_at(), "shop", kCpanel, "ci", 0).status);
  require_refused("was rotated");
  ++fixture.caller.secret_serial;
  ck_assert_json(fixture.call("/execute/Tokens/list")["status"], "1");

  ck_assert_ok(fixture.admin.revoke_token(change_at(), "shop", kCpanel, "ci"));
  fixture.add_token({.account = "shop", .name = "ci", .full_access = true});
  fixture.caller = waiting;
  require_refused("another has its name now");

  // Which token and which secret must be said.
  fixture.caller = fixture.with_token("shop", kCpanel, "ci");
  for (auto forget :
       {+[](Identity* who) { who->token_id = 0; }, +[](Identity* who) { who->secret_serial = 0; }}) {
    const Identity whole = fixture.caller;
    forget(&fixture.caller);
    require_refused("not clear who calls");
    fixture.caller = whole;
  }
  ck_assert_json(fixture.call("/execute/Tokens/list")["status"], "1");
}
END_TEST

START_TEST(the_journal_says_who_and_how) {
  ManageFixture fixture;
  const auto actor = [&] { return fixture.admin.read_journal(fixture.changes(), 1).value.front().actor; };
  fixture.call("/execute/Tokens/create_full_access?name=ci");
  ck_assert_view_eq(actor(), "api:shop");
  fixture.caller = fixture.with_token("shop", kCpanel, "ci");
  fixture.call("/execute/Tokens/create_full_access?name=child");
  ck_assert_view_eq(actor(), "api:shop/ci");
  ck_assert_json(fixture.call("/execute/Tokens/get_details?name=child")["data"]["parent"], "\"ci\"");
  fixture.caller = ManageFixture::person("shop", kCpanel);
  fixture.caller.via = Identity::Via::kShell;
  fixture.caller.shell_user = "cli:alice";
  fixture.call("/execute/Tokens/revoke?name=ci&with_children=1");
  ck_assert_view_eq(actor(), "cli:alice as shop");
  ck_assert_uint_eq(fixture.admin.list_tokens("shop").value.size(), 0);
}
END_TEST

START_TEST(what_a_revoked_token_made_is_never_passed_over) {
  ManageFixture fixture;
  fixture.caller = ManageFixture::person("shop", kCpanel);
  fixture.call("/execute/Tokens/create_full_access?name=leaked");
  const std::string gone =
      "#" + std::to_string(fixture.admin.find_token("shop", kCpanel, "leaked").value.id) + ", which is gone";
  fixture.caller = fixture.with_token("shop", kCpanel, "leaked");
  fixture.call("/execute/Tokens/create_full_access?name=nightly");
  ck_assert_int_eq(fixture.call("/execute/Tokens/rename?name=leaked&new_name=other")["status"], 0);

  fixture.caller = ManageFixture::person("shop", kCpanel);
  fixture.call("/execute/Tokens/revoke?name=leaked");
  ck_assert_json(fixture.call("/execute/Tokens/get_details?name=nightly")["data"]["parent"],
                 '"' + gone + '"');
  ck_assert(fixture.page("tokens", {{"account", "shop"}, {"service", "cpanel"}}).dump().find(gone) !=
            std::string::npos);
  // Nobody knows any more what it made, so this is no success; without the children it is, as documented.
  const TestJson refused = fixture.call("/execute/Tokens/revoke?name=leaked&with_children=1");
  ck_assert_int_eq(refused["status"], 0);
  ck_assert(refused["errors"][0].get<std::string>().find("no API token") != std::string::npos);
  ck_assert_json(fixture.call("/execute/Tokens/revoke?name=leaked")["data"], "1");
  ck_assert(fixture.admin.find_token("shop", kCpanel, "nightly").ok());

  // Ending itself, it takes along what it made.
  fixture.call("/execute/Tokens/create_full_access?name=leaked");
  fixture.caller = fixture.with_token("shop", kCpanel, "leaked");
  fixture.call("/execute/Tokens/create_full_access?name=weekly");
  ck_assert_json(fixture.call("/execute/Tokens/revoke?name=leaked")["data"], "1");
  ck_assert(!fixture.admin.find_token("shop", kCpanel, "weekly").ok());
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_api");
  TCase* tcase = tcase_create("manage_api");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, uapi_functions_reply_as_documented);
  tcase_add_test(tcase, whm_functions_reply_as_documented);
  tcase_add_test(tcase, a_full_access_token_can_be_made_to_read_only);
  tcase_add_test(tcase, an_empty_post_with_its_parameters_in_the_query_is_a_call);
  tcase_add_test(tcase, all_is_a_privilege_of_whoever_has_it);
  tcase_add_test(tcase, an_end_of_0_is_never);
  tcase_add_test(tcase, details_are_given_of_the_callers_own_secrets);
  tcase_add_test(tcase, a_revocation_says_how_many_it_took_along);
  tcase_add_test(tcase, whm_parameters_come_in_every_form);
  tcase_add_test(tcase, what_is_omitted_widens_as_documented_and_is_noted);
  tcase_add_test(tcase, refusals_say_why_and_change_nothing);
  tcase_add_test(tcase, accounts_without_tokens_are_told_so);
  tcase_add_test(tcase, accounts_of_others_are_out_of_reach);
  tcase_add_test(tcase, only_plain_requests_of_known_callers_are_served);
  tcase_add_test(tcase, a_call_that_waited_acts_no_more_as_another);
  tcase_add_test(tcase, the_journal_says_who_and_how);
  tcase_add_test(tcase, what_a_revoked_token_made_is_never_passed_over);
  suite_add_tcase(suite, tcase);
  return suite;
}
