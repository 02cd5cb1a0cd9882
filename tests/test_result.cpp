// Names, severities and refusals: every outcome, both styles, every envelope.
#include <set>
#include <string>

#include "json.h"
#include "support.h"
#include "tokengate/verify.h"

using namespace tokengate;

namespace {

constexpr RefusalStyle kStandard = RefusalStyle::kStandard, kPanel = RefusalStyle::kPanel;
constexpr std::string_view kJson = "application/json; charset=\"utf-8\"",
                           kXml = "text/xml; charset=\"utf-8\"";

struct Row {
  const char* name;
  int standard;
  int panel;
  Outcome outcome;
  Severity severity;
  bool denied;  // the panel style answers "Access denied"
};

constexpr Row kRows[] = {
    {"granted", 500, 500, Outcome::kGranted, Severity::kInfo, false},
    {"store_unavailable", 503, 503, Outcome::kStoreUnavailable, Severity::kError, false},
    {"no_credentials", 401, 403, Outcome::kNoCredentials, Severity::kInfo, true},
    {"malformed_credentials", 401, 403, Outcome::kMalformedCredentials, Severity::kInfo, true},
    {"insecure_transport", 403, 403, Outcome::kInsecureTransport, Severity::kWarning, false},
    {"unknown_token", 401, 403, Outcome::kUnknownToken, Severity::kWarning, true},
    {"not_yet_valid", 401, 403, Outcome::kNotYetValid, Severity::kWarning, true},
    {"expired", 401, 403, Outcome::kExpired, Severity::kWarning, true},
    {"account_suspended", 403, 403, Outcome::kAccountSuspended, Severity::kWarning, true},
    {"tokens_disabled", 403, 403, Outcome::kTokensDisabled, Severity::kWarning, true},
    {"address_denied", 403, 403, Outcome::kAddressDenied, Severity::kWarning, true},
    {"bad_route", 400, 400, Outcome::kBadRoute, Severity::kInfo, false},
    {"api_refused", 403, 403, Outcome::kApiRefused, Severity::kInfo, false},
    {"acl_denied", 403, 200, Outcome::kAclDenied, Severity::kWarning, false},
    {"target_denied", 403, 403, Outcome::kTargetDenied, Severity::kWarning, false},
};
static_assert(std::size(kRows) == kOutcomeCount);

constexpr const char* kPaths[] = {"/execute/Email/add_pop", "/json-api/cpanel",      "/json-api/listaccts",
                                  "/xml-api/cpanel",        "/xml-api/listaccts",    "/v1/report",
                                  "/cpsess1/execute/M/f",   "//json-api/cpanel/?a=b"};

START_TEST(names_and_statuses) {
  const Row& row = kRows[_i];
  ck_assert_int_eq(static_cast<int>(row.outcome), _i);
  ck_assert_view_eq(outcome_name(row.outcome), row.name);
  ck_assert(outcome_severity(row.outcome) == row.severity);
  for (const char* path : kPaths) {
    Refusal standard = refusal(row.outcome, kStandard, path), panel = refusal(row.outcome, kPanel, path);
    ck_assert_int_eq(standard.status, row.standard);
    ck_assert_int_eq(panel.status, path == kPaths[5] && row.outcome == Outcome::kAclDenied ? 403 : row.panel);
    ck_assert(standard.challenge == (standard.status == 401));
    ck_assert(!panel.challenge);
    ck_assert((panel.body.find("Access denied") != std::string_view::npos) == row.denied);
    ck_assert(standard.body.find("Access denied") == std::string_view::npos);
    ck_assert(!standard.body.empty() && !panel.body.empty());
  }
}
END_TEST

START_TEST(an_unknown_outcome_is_no_grant) {
  auto unknown = static_cast<Outcome>(200);
  ck_assert_view_eq(outcome_name(unknown), "store_unavailable");
  ck_assert_int_eq(refusal(unknown, kStandard, "/").status, 503);
  ck_assert_int_eq(refusal(unknown, kPanel, "/json-api/x").status, 503);
}
END_TEST

START_TEST(all_401_look_alike) {
  for (const char* path : kPaths) {
    for (RefusalStyle style : {kStandard, kPanel}) {
      Refusal first = refusal(Outcome::kNoCredentials, style, path);
      for (Outcome outcome : {Outcome::kMalformedCredentials, Outcome::kUnknownToken, Outcome::kNotYetValid,
                              Outcome::kExpired}) {
        Refusal other = refusal(outcome, style, path);
        ck_assert_int_eq(other.status, first.status);
        ck_assert(other.challenge == first.challenge);
        ck_assert_view_eq(other.content_type, first.content_type);
        ck_assert_view_eq(other.body, first.body);
      }
    }
  }
}
END_TEST

START_TEST(other_outcomes_have_sentences_of_their_own) {
  std::set<std::string> bodies;
  for (const Row& row : kRows) bodies.emplace(refusal(row.outcome, kStandard, "/v1").body);
  ck_assert_uint_eq(bodies.size(), kOutcomeCount - 4);
}
END_TEST

START_TEST(json_bodies_are_compact_json) {
  for (const Row& row : kRows) {
    for (const char* path : kPaths) {
      for (RefusalStyle style : {kStandard, kPanel}) {
        Refusal answer = refusal(row.outcome, style, path);
        bool xml = std::string_view(path).find("xml") != std::string_view::npos;
        ck_assert_view_eq(answer.content_type, xml ? kXml : kJson);
        if (xml) {
          ck_assert(answer.body.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><"));
          continue;
        }
        ck_assert_msg(read_json(answer.body).kind == JsonValue::kObject, "%s",
                      std::string(answer.body).c_str());
        ck_assert(answer.body.find("\": ") == std::string_view::npos &&
                  answer.body.find(", \"") == std::string_view::npos);
      }
    }
  }
}
END_TEST

// One body of each envelope, whole.
START_TEST(envelopes_are_those_of_the_apis) {
  struct Envelope {
    const char* path;
    RefusalStyle style;
    Outcome outcome;
    const char* body;
  };
  const Envelope rows[] = {
      {"/v1/report", kStandard, Outcome::kBadRoute, R"({"error":"The request is malformed or ambiguous."})"},
      {"/execute/Email/x", kStandard, Outcome::kBadRoute,
       R"({"status":0,"data":null,"errors":["The request is malformed or ambiguous."],"messages":null,"warnings":null,"metadata":{}})"},
      {"/json-api/cpanel", kStandard, Outcome::kBadRoute,
       R"({"cpanelresult":{"apiversion":2,"error":"The request is malformed or ambiguous.","event":{"result":0,"reason":"The request is malformed or ambiguous."},"data":{"reason":"The request is malformed or ambiguous.","result":"0"},"type":"text"}})"},
      {"/json-api/listaccts", kStandard, Outcome::kBadRoute,
       R"({"metadata":{"reason":"The request is malformed or ambiguous.","result":0,"version":1}})"},
      {"/xml-api/cpanel", kStandard, Outcome::kBadRoute,
       "<?xml version=\"1.0\" encoding=\"utf-8\"?><cpanelresult><apiversion>2</apiversion>"
       "<error>The request is malformed or ambiguous.</error><event><result>0</result>"
       "<reason>The request is malformed or ambiguous.</reason></event>"
       "<data><reason>The request is malformed or "
       "ambiguous.</reason><result>0</result></data><type>text</type></cpanelresult>"},
      {"/xml-api/listaccts", kStandard, Outcome::kBadRoute,
       "<?xml version=\"1.0\" encoding=\"utf-8\"?><result><metadata>"
       "<reason>The request is malformed or "
       "ambiguous.</reason><result>0</result><version>1</version></metadata></result>"},
      {"/v1/report", kPanel, Outcome::kExpired, R"({"error":"Access denied"})"},
      {"/execute/Email/x", kPanel, Outcome::kExpired,
       R"({"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}})"},
      {"/json-api/listaccts", kPanel, Outcome::kNoCredentials,
       R"({"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}})"},
      {"/xml-api/listaccts", kPanel, Outcome::kUnknownToken,
       "<?xml version=\"1.0\" encoding=\"utf-8\"?><cpanelresult><apiversion>2</apiversion><error>Access "
       "denied</error>"
       "<data><reason>Access denied</reason><result>0</result></data><type>text</type></cpanelresult>"},
  };
  for (const Envelope& row : rows)
    ck_assert_view_eq(refusal(row.outcome, row.style, row.path).body, row.body);
}
END_TEST

START_TEST(finds_the_envelope_by_the_beginning_of_the_path) {
  struct Prefix {
    const char* path;
    const char* start;
  };
  const char *uapi = "{\"status\"", *panel = "{\"cpanelresult\"", *whm = "{\"metadata\"",
             *http = "{\"error\"", *panel_xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><cpanelresult>",
             *whm_xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><result>";
  const Prefix rows[] = {
      {"/execute/a/b", uapi},
      {"/execute", uapi},
      {"/execute?x", uapi},
      {"//execute/a/b", uapi},
      {"/cpsess12/execute/a/b", uapi},
      {"//cpsess12/execute/a/b", uapi},
      {"/json-api/cpanel", panel},
      {"/json-api/cpanel/", panel},
      {"/json-api/cpanel?x=y", panel},
      {"/cpsess1/json-api/cpanel", panel},
      {"/json-api/cpanelx", whm},
      {"/json-api/uapi_cpanel", whm},
      {"/json-api/batch?x", whm},
      {"/json-api", whm},
      {"/json-api/", whm},
      {"/xml-api/cpanel", panel_xml},
      {"//xml-api/cpanel/?x", panel_xml},
      {"/xml-api/x", whm_xml},
      {"/xml-api", whm_xml},
      {"/", http},
      {"", http},
      {"execute/a/b", http},
      {"/executes", http},
      {"/Execute/a/b", http},
      {"/json-apix", http},
      {"///execute/a/b", http},
      {"/cpsess/execute/a/b", http},
      {"/cpsess1", http},
      {"/cpsess1x/execute", http},
      {"/v1/execute/a/b", http},
      {"?", http},
      {"\xff\n", http},
  };
  for (const Prefix& row : rows) {
    ck_assert_msg(refusal(Outcome::kBadRoute, kStandard, row.path).body.starts_with(row.start), "%s",
                  row.path);
  }
}
END_TEST

START_TEST(reflects_nothing_of_the_request) {
  Refusal plain = refusal(Outcome::kAclDenied, kPanel, "/json-api/cpanel");
  Refusal loaded = refusal(Outcome::kAclDenied, kPanel, "/json-api/cpanel?x=<script>\"&secret");
  ck_assert_ptr_eq(plain.body.data(), loaded.body.data());
  ck_assert_uint_eq(plain.body.size(), loaded.body.size());
}
END_TEST

START_TEST(a_line_of_the_log_says_what_is_known) {
  Decision decision;
  decision.outcome = Outcome::kNoCredentials;
  ck_assert_view_eq(
      refusal_line(decision, false, 0).view(),
      "tokengate: refused outcome=no_credentials account=- token=- id=- service=- acl=- route=\"-\"");
  decision.outcome = Outcome::kAclDenied;
  decision.caller.user.assign("shop");
  decision.caller.token_name.assign("ci");
  decision.caller.token_id = 17;
  decision.acl.assign("email");
  decision.route.assign("uapi Email add_pop");
  ck_assert_view_eq(
      refusal_line(decision, true, 3).view(),
      "tokengate: would refuse outcome=acl_denied account=shop token=ci id=17 service=cpanel acl=email "
      "route=\"uapi Email add_pop\" suppressed=3");
}
END_TEST

START_TEST(the_longest_line_of_the_log_is_whole) {
  Decision decision;
  decision.outcome = Outcome::kMalformedCredentials;
  decision.caller.user.assign(std::string(kMaxUserBytes, 'u'));
  decision.caller.token_name.assign(std::string(kMaxTokenNameBytes, 't'));
  decision.caller.token_id = UINT64_MAX;
  decision.acl.assign(std::string(kMaxAclNameBytes, 'a'));
  decision.route.assign(std::string(kMaxRouteTextBytes, 'r'));
  ck_assert(refusal_line(decision, true, UINT32_MAX).view().ends_with("r\" suppressed=4294967295"));
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("result");
  TCase* tcase = tcase_create("result");
  tcase_add_loop_test(tcase, names_and_statuses, 0, std::size(kRows));
  tcase_add_test(tcase, an_unknown_outcome_is_no_grant);
  tcase_add_test(tcase, all_401_look_alike);
  tcase_add_test(tcase, other_outcomes_have_sentences_of_their_own);
  tcase_add_test(tcase, json_bodies_are_compact_json);
  tcase_add_test(tcase, envelopes_are_those_of_the_apis);
  tcase_add_test(tcase, finds_the_envelope_by_the_beginning_of_the_path);
  tcase_add_test(tcase, reflects_nothing_of_the_request);
  tcase_add_test(tcase, a_line_of_the_log_says_what_is_known);
  tcase_add_test(tcase, the_longest_line_of_the_log_is_whole);
  suite_add_tcase(suite, tcase);
  return suite;
}
