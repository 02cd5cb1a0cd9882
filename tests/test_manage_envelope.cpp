// What stands around the replies of the management API: by which paths each envelope is reached, and that it
// is kept when a call is refused before it comes to a function.
#include "manage_fixture.h"

using namespace tokengate;
using manage::Identity;

namespace {

constexpr Service kCpanel = Service::kCpanel;
constexpr Service kWhm = Service::kWhm;

}  // namespace

START_TEST(uapi_is_reached_by_every_path) {
  const struct {
    bool whm;
    const char* target;
    const char* body;
    const char* type;
    const char* around;  ///< JSON pointer of the UAPI result
  } rows[] = {
      {false, "/execute/Tokens/list", "", "", ""},
      {false, "/execute/Tokens/list?", "", "", ""},
      {false, "/execute/Tokens/list/", "", "", ""},
      {false, "//execute/Tokens/list", "", "", ""},
      {false, "/cpsess0123456789/execute/Tokens/list", "", "", ""},
      {false, "//cpsess1/execute/Tokens/list/", "", "", ""},
      {false,
       "/json-api/cpanel?cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list",
       "", "", "/result"},
      {false,
       "/json-api/cpanel/?cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list"
       "&cpanel_jsonapi_user=user",
       "", "", "/result"},
      {false, "//json-api/cpanel",
       "cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list", "", "/result"},
      {false, "/json-api/cpanel",
       "cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list",
       "application/octet-stream", "/result"},
      {false, "/json-api/cpanel?cpanel_jsonapi_apiversion=3",
       "cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list", "", "/result"},
      {false, "/json-api/cpanel",
       R"({"cpanel_jsonapi_apiversion":3,"cpanel_jsonapi_module":"Tokens","cpanel_jsonapi_func":"list"})",
       "application/json", "/result"},
      {true,
       "/json-api/cpanel?cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list"
       "&cpanel_jsonapi_user=shop",
       "", "", "/result"},
      {true, "/json-api/uapi_cpanel?api.version=1&cpanel.user=shop&cpanel.module=Tokens&cpanel.function=list",
       "", "", "/data/uapi"},
      {true, "/json-api/uapi_cpanel",
       "api.version=1&cpanel.user=shop&cpanel.module=Tokens&cpanel.function=list", "application/octet-stream",
       "/data/uapi"},
  };
  ManageFixture fixture;
  fixture.call("/execute/Tokens/create_limited?name=few&features=email");
  const Identity shop = fixture.caller;
  for (const auto& row : rows) {
    fixture.caller = row.whm ? ManageFixture::person("reseller", kWhm) : shop;
    const TestJson reply = fixture.call(row.target, row.body, row.type);
    const TestJson result = reply.value(TestJson::json_pointer(row.around), TestJson());
    ck_assert_msg(result.is_object() && result["status"] == 1 && result["data"][0]["name"] == "few",
                  "%s %s: %s", row.target, row.body, reply.dump().c_str());
  }
}
END_TEST

START_TEST(uapi_envelopes) {
  ManageFixture fixture;
  const std::string list = "&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list";
  ck_assert_view_eq(
      fixture.send("/json-api/cpanel?cpanel_jsonapi_apiversion=3" + list).body,
      R"({"apiversion":3,"func":"list","module":"Tokens","result":{"data":[],"errors":null,"messages":null,)"
      R"("metadata":{"transformed":1},"status":1,"warnings":null}})");
  ck_assert_json(fixture.call("/json-api/cpanel?" + list),
                 R"({"cpanelresult":{"apiversion":2,"func":"list","module":"Tokens",
                     "error":"Could not find function 'list' in module 'Tokens'"}})");
  ck_assert_json(fixture.call("/json-api/cpanel?cpanel_jsonapi_apiversion=1" + list)["cpanelresult"]["error"],
                 "\"API 1 cannot be called with API tokens.\"");
  ck_assert_view_eq(failure(fixture.call("/execute/Tokens/nothing")),
                    "Could not find function 'nothing' in module 'Tokens'");
  ck_assert_view_eq(failure(fixture.call("/execute/Email/list_pops")),
                    "Could not find function 'list_pops' in module 'Email'");
  const manage::Reply xml = fixture.send(
      "/xml-api/"
      "cpanel?cpanel_xmlapi_apiversion=3&cpanel_xmlapi_module=Tokens&cpanel_xmlapi_func=create_limited"
      "&name=few&features=%3Cemail%3E");
  ck_assert_view_eq(xml.content_type, "text/xml; charset=\"utf-8\"");
  ck_assert_view_eq(
      xml.body,
      "<cpanelresult><apiversion>3</apiversion><func>create_limited</func><module>Tokens</module><result>"
      "<data/><errors>The feature “&lt;email&gt;” is not one that the account “shop” has.</errors>"
      "<messages/><metadata/><status>0</status><warnings/></result></cpanelresult>");
  for (const char* nowhere :
       {"/", "", "/execute", "/execute/Tokens", "/execute/Tokens/list/x", "/json-api", "/json-api/",
        "/Execute/Tokens/list", "/cpsess/execute/Tokens/list", "/cpsessx/execute/Tokens/list",
        "///execute/Tokens/list", "/x/execute/Tokens/list", "execute/Tokens/list", "/json-api/a/b",
        "/execute//list"}) {
    ck_assert_int_eq(fixture.send(nowhere).status, 404);
  }
}
END_TEST

START_TEST(whm_envelopes) {
  Whm fixture;
  fixture.whm("api_token_create", "token_name=example&acl=list-accts");
  ck_assert_view_eq(
      fixture.send("/xml-api/api_token_list?api.version=1").body,
      "<result><data><tokens><example><name>example</name><acls><cpanel-api>0</cpanel-api>"
      "<create-acct>0</create-acct><kill-acct>0</kill-acct><list-accts>1</list-accts>"
      "<manage-api-tokens>0</manage-api-tokens></acls><create_time>1800000000</create_time><expires_at/>"
      "<whitelist_ips/><has_full_access>0</has_full_access><readonly>0</readonly><parent/><last_used/"
      "><last_address/><use_count>0</use_count></example></tokens>"
      "</data><metadata><command>api_token_list</command><reason>OK</reason><result>1</result>"
      "<version>1</version></metadata></result>");
  fixture.whm("api_token_update", "token_name=example&acl=list-accts&acl-1=kill-acct");
  ck_assert(
      fixture.send("/xml-api/api_token_list?api.version=1")
          .body.find("<acls><cpanel-api>0</cpanel-api><create-acct>0</create-acct><kill-acct>1</kill-acct>"
                     "<list-accts>1</list-accts><manage-api-tokens>0</manage-api-tokens></acls>") !=
      std::string::npos);
  // Where JSON has a list, the element is repeated.
  ck_assert_view_eq(
      fixture
          .send("/xml-api/api_token_update?api.version=1&token_name=example&acl=list-accts"
                "&acl-1=kill-acct&whitelist_ip=192.0.2.1&whitelist_ip-1=192.0.2.8/29")
          .body,
      "<result><data><name>example</name><acls>kill-acct</acls><acls>list-accts</acls>"
      "<create_time>1800000000</create_time><expires_at/><whitelist_ips>192.0.2.1</whitelist_ips>"
      "<whitelist_ips>192.0.2.8/29</whitelist_ips></data><metadata><command>api_token_update</command>"
      "<reason>OK</reason><result>1</result><version>1</version></metadata></result>");
  fixture.whm("api_token_create", "token_name=1st&acl=list-accts");
  ck_assert(fixture.send("/xml-api/api_token_list?api.version=1")
                .body.find("<tokens><item key=\"1st\"><name>1st</name>") != std::string::npos);
  // The old shape, without api.version.
  const TestJson old = fixture.call("/json-api/api_token_list");
  ck_assert(old["status"] == 1 && old["statusmsg"] == "OK" && old["tokens"].contains("example"));
  ck_assert_json(fixture.call("/json-api/api_token_revoke?token_name=none"),
                 R"({"status":0,"statusmsg":"There is no API token “none”."})");
  ck_assert_view_eq(failure(fixture.whm("reboot")),
                    "Unknown app (\"reboot\") requested for this version (1) of the API.");
  ck_assert(failure(fixture.call("/json-api/api_token_list?api.version=3")).starts_with("Unknown app"));
  ck_assert(!failure(fixture.call("/execute/Tokens/list")).empty());
  fixture.caller = Whm::person("shop", kCpanel);
  ck_assert(!failure(fixture.whm("api_token_list")).empty());
  ck_assert_json(
      fixture.call(
          "/json-api/uapi_cpanel?cpanel.user=shop&cpanel.module=Tokens&cpanel.function=list")["data"]["uapi"]
                                                                                             ["status"],
      "0");
}
END_TEST

namespace {

/// A call of each shape, and the failure in it: `%` stands for the text.
constexpr struct {
  Service service;
  const char* target;
  const char* body;
  const char* failure;
} kShapes[] = {
    {kCpanel, "/execute/Tokens/list", "",
     R"({"data":null,"errors":["%"],"messages":null,"metadata":{},"status":0,"warnings":null})"},
    {kCpanel,
     "//cpsess1/json-api/cpanel/"
     "?cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list",
     "",
     R"({"apiversion":3,"func":"list","module":"Tokens","result":{"data":null,"errors":["%"],"messages":null,)"
     R"("metadata":{},"status":0,"warnings":null}})"},
    {kCpanel, "/json-api/cpanel?cpanel_jsonapi_module=Tokens&cpanel_jsonapi_func=list", "",
     R"({"cpanelresult":{"apiversion":2,"func":"list","module":"Tokens","error":"%"}})"},
    {kCpanel,
     "/xml-api/cpanel?cpanel_xmlapi_apiversion=3&cpanel_xmlapi_module=Tokens&cpanel_xmlapi_func=list", "",
     "<cpanelresult><apiversion>3</apiversion><func>list</func><module>Tokens</module><result><data/>"
     "<errors>%</errors><messages/><metadata/><status>0</status><warnings/></result></cpanelresult>"},
    {kCpanel, "/xml-api/cpanel?cpanel_xmlapi_module=Tokens&cpanel_xmlapi_func=list", "",
     "<cpanelresult><apiversion>2</apiversion><func>list</func><module>Tokens</module><error>%</error>"
     "</cpanelresult>"},
    {kWhm, "/json-api/uapi_cpanel?cpanel.user=shop&cpanel.module=Tokens&cpanel.function=list", "",
     R"({"data":{"uapi":{"data":null,"errors":["%"],"messages":null,"metadata":{},"status":0,"warnings":null}},)"
     R"("metadata":{"command":"uapi_cpanel","reason":"OK","result":1,"version":1}})"},
    {kWhm, "/json-api/api_token_list?api.version=1", "",
     R"({"metadata":{"command":"api_token_list","reason":"%","result":0,"version":1}})"},
    {kWhm, "/json-api/api_token_list", "", R"({"status":0,"statusmsg":"%"})"},
    {kWhm, "/xml-api/api_token_list?api.version=1", "",
     "<result><metadata><command>api_token_list</command><reason>%</reason><result>0</result><version>1</"
     "version>"
     "</metadata></result>"},
    // The body says it too; what it says of this is no change.
    {kCpanel, "/execute/Tokens/create_full_access", "name=x",
     R"({"data":null,"errors":["%"],"messages":null,"metadata":{},"status":0,"warnings":null})"},
    {kWhm, "/json-api/api_token_create?api.version=1", R"({"token_name":"x","acl":["list-accts"]})",
     R"({"metadata":{"command":"api_token_create","reason":"%","result":0,"version":1}})"},
    {kWhm, "/json-api/api_token_create", "token_name=x", R"({"status":0,"statusmsg":"%"})"},
};

std::string with_text(std::string failure, const std::string& text) {
  return failure.replace(failure.find('%'), 1, text);
}

}  // namespace

START_TEST(what_a_call_is_named_cannot_break_its_reply) {
  ManageFixture fixture;
  // A control character, no UTF-8, a lone surrogate's bytes, U+FFFF, and what markup is made of.
  const std::string selectors = "module=T%01%FF%0A&cpanel_%api_func=%ED%A0%80%EF%BF%BF%C3%A4%3C%22%26";
  const std::string fffd = "\xEF\xBF\xBD";
  const auto call = [&](const std::string& form) {
    std::string target =
        "/" + form + "-api/cpanel?cpanel_" + form + "api_apiversion=3&cpanel_" + form + "api_" + selectors;
    return fixture.send(target.replace(target.find("%api"), 1, form)).body;
  };
  const std::string xml = call("xml");
  ck_assert_msg(xml.find("<func>" + fffd + fffd + fffd + fffd + "ä&lt;\"&amp;</func><module>T" + fffd + fffd +
                         "\n</module>") != std::string::npos,
                "%s", xml.c_str());
  const TestJson json = TestJson::parse(call("json"));
  ck_assert_view_eq(json["module"].get<std::string>(), "T\x01" + fffd + "\n");
  ck_assert_view_eq(json["func"].get<std::string>(), fffd + fffd + fffd + "\xEF\xBF\xBF" + "ä<\"&");
  // As a path has it.
  fixture.caller = ManageFixture::person("reseller", kWhm);
  const std::string whm = fixture.send("/xml-api/f\x1b\x80?api.version=1").body;
  ck_assert_msg(whm.find("<command>f" + fffd + fffd + "</command>") != std::string::npos &&
                    whm.find_first_of("\x1b\x80") == std::string::npos,
                "%s", whm.c_str());
}
END_TEST

START_TEST(a_call_that_cannot_be_answered_is_refused_in_its_envelope) {
  ManageFixture fixture;
  fixture.refused_with = 503;
  for (const auto& row : kShapes) {
    fixture.caller = ManageFixture::person(row.service == kWhm ? "reseller" : "shop", row.service);
    const manage::Reply reply = fixture.send(row.target, row.body);
    ck_assert_int_eq(reply.status, 503);
    ck_assert_view_eq(reply.body, with_text(row.failure, "Not now."));
    const bool xml = row.failure[0] == '<';
    ck_assert_view_eq(reply.content_type,
                      xml ? "text/xml; charset=\"utf-8\"" : "application/json; charset=\"utf-8\"");
  }
  // Its version stands where only the body has it.
  ck_assert_view_eq(
      fixture.send("/json-api/api_token_create", "api.version=1&token_name=x").body,
      R"({"metadata":{"command":"api_token_create","reason":"Not now.","result":0,"version":1}})");
  // What cannot be read leaves what the path says.
  ck_assert_view_eq(
      fixture.send("/json-api/api_token_create?api.version=1&token_name=%", "").body,
      R"({"metadata":{"command":"api_token_create","reason":"Not now.","result":0,"version":1}})");
  const manage::Reply nowhere = fixture.send("/json-api/a/b");
  ck_assert_int_eq(nowhere.status, 503);
  ck_assert_view_eq(nowhere.body, R"({"error":"Not now."})");
}
END_TEST

START_TEST(a_compressed_body_is_refused_by_every_call) {
  ManageFixture fixture;
  fixture.add_token({.account = "shop", .name = "ci", .acls = {"email"}});
  fixture.add_token({.account = "reseller", .service = kWhm, .name = "ci", .acls = {"list-accts"}});
  const uint64_t changes = fixture.changes();
  fixture.content_encoded = true;
  const std::string text =
      "These functions take no compressed body: send it as it is, without Content-Encoding.";
  const auto caller_for = [&](Service service) {
    fixture.caller = ManageFixture::person(service == kWhm ? "reseller" : "shop", service);
  };
  // Whatever else the call is, and also if its body is empty, or would pass for a form.
  for (const char* function : {"create_full_access", "create_limited", "get_details", "list", "rename",
                               "revoke", "rotate", "update"}) {
    caller_for(kCpanel);
    for (const char* body : {"", "name=ci", "\x1f\x8b\x08"}) {
      ck_assert_view_eq(failure(fixture.call(std::string("/execute/Tokens/") + function + "?name=ci", body)),
                        text);
    }
  }
  for (const char* function : {"create", "get_details", "list", "revoke", "rotate", "update"}) {
    caller_for(kWhm);
    for (const char* body : {"", "token_name=ci", "\x1f\x8b\x08"}) {
      ck_assert_view_eq(
          failure(fixture.call(std::string("/json-api/api_token_") + function + "?api.version=1", body)),
          text);
    }
  }
  // Its parameters are not looked at, so the path alone chooses the envelope.
  caller_for(kCpanel);
  ck_assert_json(fixture.call("/json-api/cpanel?cpanel_jsonapi_apiversion=3", "\x1f\x8b\x08"),
                 with_text(R"({"cpanelresult":{"apiversion":2,"func":"","module":"","error":"%"}})", text));
  caller_for(kWhm);
  ck_assert_view_eq(fixture.send("/xml-api/api_token_list?api.version=1", "\x1f\x8b\x08").body,
                    with_text("<result><metadata><command>api_token_list</command><reason>%</reason>"
                              "<result>0</result><version>1</version></metadata></result>",
                              text));
  ck_assert_uint_eq(fixture.changes(), changes);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_envelope");
  TCase* tcase = tcase_create("manage_envelope");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, uapi_is_reached_by_every_path);
  tcase_add_test(tcase, uapi_envelopes);
  tcase_add_test(tcase, whm_envelopes);
  tcase_add_test(tcase, what_a_call_is_named_cannot_break_its_reply);
  tcase_add_test(tcase, a_call_that_cannot_be_answered_is_refused_in_its_envelope);
  tcase_add_test(tcase, a_compressed_body_is_refused_by_every_call);
  suite_add_tcase(suite, tcase);
  return suite;
}
