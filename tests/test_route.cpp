// Which calls a request makes: routes of every kind, and everything that could be read in two ways.
#include <memory>
#include <string>
#include <vector>

#include "route.h"
#include "support.h"

using namespace tokengate;
using namespace std::string_literals;

namespace {

struct Request {
  Service service = Service::kCpanel;
  std::string path;
  std::string query = {};
  std::string body = "-";  // "-": none
  std::string content_type = {};
  std::string method = "GET";
};

constexpr Service kCpanel = Service::kCpanel, kWhm = Service::kWhm;
constexpr const char *kBad = "bad", *kRefused = "refused";

std::unique_ptr<char[]> exact_copy(const std::string& text) {
  auto copy =
      std::make_unique<char[]>(text.size());  // not terminated: a sanitizer sees any read beyond the end
  std::copy(text.begin(), text.end(), copy.get());
  return copy;
}

// The problem, or all calls: "whm1 uapi_cpanel | uapi Email add_pop @shop".
std::string calls_of(const Route& route) {
  if (route.problem == RouteProblem::kBad) return kBad;
  if (route.problem == RouteProblem::kRefused) return kRefused;
  std::string text;
  for (unsigned i = 0; i < route.count; ++i) {
    const RoutedCall& call = route.calls[i];
    if (i > 0) text += " | ";
    text += api_name(call.api);
    if (!call.module.empty()) text += " " + std::string(call.module);
    text += " " + std::string(call.function);
    if (!call.target.empty()) text += " @" + std::string(call.target);
  }
  return text;
}

struct Found {
  std::string calls;
  std::string text;
  std::string reason;
};

Found find(const Request& request, size_t scratch_missing = 0) {
  auto path = exact_copy(request.path), query = exact_copy(request.query), body = exact_copy(request.body);
  Call call;
  call.method = request.method;
  call.wire_path = call.served_path = {path.get(), request.path.size()};
  call.query = {query.get(), request.query.size()};
  if (request.body != "-") {
    call.body_state = Body::kRead;
    call.body = {body.get(), request.body.size()};
    call.content_type = request.content_type;
  }
  size_t needed = scratch_bytes(call.query.size(), call.body.size());
  std::vector<char> scratch(needed - std::min(needed, scratch_missing), 's');
  call.scratch = scratch;
  Route route;
  find_route(request.service, call, &route);
  ck_assert((route.problem == RouteProblem::kNone) == (route.count > 0));
  ck_assert((route.problem == RouteProblem::kNone) == route.reason.empty());
  ck_assert((route.problem == RouteProblem::kNone) == !route.text.empty());
  return {calls_of(route), std::string(route.text.view()), std::string(route.reason)};
}

void expect(const Request& request, const std::string& calls) {
  Found found = find(request);
  ck_assert_msg(found.calls == calls, "%s?%s body %s: \"%s\" (%s), expected \"%s\"", request.path.c_str(),
                request.query.c_str(), request.body.c_str(), found.calls.c_str(), found.reason.c_str(),
                calls.c_str());
}

std::string escape(std::string_view text) {
  std::string escaped;
  char hex[4];
  for (char c : text) {
    if (isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-') {
      escaped += c;
    } else {
      (void)snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      escaped += hex;
    }
  }
  return escaped;
}

std::string command(std::string_view text) {
  return "command=" + escape(text);
}

// ---- Paths alone

struct PathRow {
  Service service;
  const char* path;
  const char* calls;
  const char* text;
};

constexpr PathRow kPaths[] = {
    {kCpanel, "/execute/Email/add_pop", "uapi Email add_pop", "uapi Email add_pop"},
    {kCpanel, "//cpsess9/execute/Email/add_pop/", "uapi Email add_pop", "uapi Email add_pop"},
    {kWhm, "/execute/Email/add_pop", kRefused, ""},
    {kWhm, "/execute/Batch/strict", kRefused, ""},
    {kWhm, "/execute/Email", kBad, ""},
    {kWhm, "/json-api/listaccts", "whm1 listaccts", "whm1 listaccts"},
    {kWhm, "/xml-api/listaccts/", "whm1 listaccts", "whm1 listaccts"},
    {kWhm, "/json-api/360Monitoring/set_360_agent_polling", "whm1 360Monitoring/set_360_agent_polling",
     "whm1 360Monitoring/set_360_agent_polling"},
    {kWhm, "/json-api/360Monitoring/set_360_agent_polling/", "whm1 360Monitoring/set_360_agent_polling",
     "whm1 360Monitoring/set_360_agent_polling"},
    {kCpanel, "/json-api/listaccts", kRefused, ""},
    {kCpanel, "/json-api/uapi_cpanel", kRefused, ""},
    {kCpanel, "/json-api/batch", kRefused, ""},
    {kCpanel, "/xml-api/batch", kRefused, ""},
    {kCpanel, "/json-api/EcosystemFeatures/is_ready", kRefused, ""},
    {kCpanel, "/json-api", kBad, ""},
    {kCpanel, "/json-api/cpanel", kBad, ""},
    {kWhm, "/json-api/cpanel", kBad, ""},
    {kWhm, "/json-api/uapi_cpanel", kBad, ""},
    {kWhm, "/json-api/batch", kBad, ""},
    {kCpanel, "/execute/Batch/strict", kBad, ""},
    {kCpanel, "/execute/batch/strict", kBad, ""},
    {kCpanel, "/execute/BATCH/strict", kBad, ""},
    {kCpanel, "/execute/Batch/Strict", kBad, ""},
    {kCpanel, "/execute/Batch/other", kBad, ""},
    {kCpanel, "/execute/Batches/strict", "uapi Batches strict", "uapi Batches strict"},
    {kCpanel, "/v1/report", "http GET /v1/report", "http GET /v1/report"},
    {kWhm, "/v1/report", "http GET /v1/report", "http GET /v1/report"},
    {kWhm, "/scripts2/x", "http GET /scripts2/x", "http GET /scripts2/x"},
    {kCpanel, "/", "http GET /", "http GET /"},
    {kCpanel, "/a//b", kBad, ""},
};

START_TEST(paths_alone) {
  const PathRow& row = kPaths[_i];
  Found found = find({row.service, row.path});
  ck_assert_view_eq(found.calls, row.calls);
  ck_assert_view_eq(found.text, row.text);
}
END_TEST

START_TEST(http_routes_are_decoded_to_match_and_encoded_to_read) {
  Call call;
  call.method = "PROPFIND";
  call.wire_path = "/a%20b/caf%C3%A9";
  call.served_path = "/a b/caf\xc3\xa9";
  Route route;
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(calls_of(route), "http PROPFIND /a b/caf\xc3\xa9");
  ck_assert_view_eq(route.text.view(), "http PROPFIND /a%20b/caf%C3%A9");
  call.wire_path = {};
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(route.text.view(), "http PROPFIND /a%20b/caf%C3%A9");
  std::string longer = "/" + std::string(1000, 'x');
  call.wire_path = call.served_path = longer;
  find_route(kCpanel, call, &route);
  ck_assert(route.calls[0].function == longer);
  ck_assert_uint_eq(route.text.view().size(), kMaxRouteTextBytes);
}
END_TEST

START_TEST(methods_are_words_of_upper_case) {
  for (const char* path : {"/v1", "/execute/Email/x"}) {
    for (const std::string& good : {"GET"s, "M-SEARCH"s, "X"s, std::string(32, 'A')}) {
      Request request{kCpanel, path};
      request.method = good;
      ck_assert(find(request).calls != kBad);
    }
    for (const std::string& bad :
         {""s, "get"s, "Get"s, "GET "s, "GE\tT"s, "GET1"s, "G_T"s, "*"s, "G\0T"s, std::string(33, 'A')}) {
      Request request{kCpanel, path};
      request.method = bad;
      expect(request, kBad);
    }
  }
}
END_TEST

// ---- Parameters that choose, in the query

struct QueryRow {
  Service service;
  const char* path;
  const char* query;
  const char* calls;
};

#define PANEL "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops"
#define PANEL_CALL "api2 Email listpops"
#define UAPI_CPANEL "cpanel.user=shop&cpanel.module=Email&cpanel.function=list_pops"
#define UAPI_CPANEL_CALLS "whm1 uapi_cpanel | uapi Email list_pops @shop"

constexpr const char *kJsonPanel = "/json-api/cpanel", *kXmlPanel = "/xml-api/cpanel",
                     *kUapiCpanel = "/json-api/uapi_cpanel", *kWhmBatch = "/json-api/batch",
                     *kUapiBatch = "/execute/Batch/strict";

constexpr QueryRow kQueries[] = {
    // API 2 and UAPI of the account itself.
    {kCpanel, kJsonPanel, PANEL, PANEL_CALL},
    {kCpanel, "//json-api/cpanel/", PANEL, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=2", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=3", "uapi Email listpops"},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=%33", "uapi Email listpops"},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=1", kRefused},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=0", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=4", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=02", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=2.0", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=+2", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=2%00", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=33", kBad},
    {kCpanel, kXmlPanel, "cpanel_xmlapi_module=Email&cpanel_xmlapi_func=listpops", PANEL_CALL},
    {kCpanel, kXmlPanel,
     "cpanel_xmlapi_module=Email&cpanel_xmlapi_func=listpops&cpanel_xmlapi_apiversion=3&cpanel_xmlapi_user=x",
     "uapi Email listpops"},
    // The service cpanel acts on the caller alone, whatever the parameter says.
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_user=user", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_user=", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_user=a&cpanel_jsonapi_user=a", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_user=a&cpanel_jsonapi_user=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_user=a%20b", kBad},
    // Missing and malformed.
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_func=listpops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=&cpanel_jsonapi_func=listpops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=list%20pops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops+", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=list%2", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=list%00pops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email&cpanel_jsonapi_func=list%2561", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Em%C1%A1il&cpanel_jsonapi_func=listpops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=../Email&cpanel_jsonapi_func=listpops", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email::X&cpanel_jsonapi_func=listpops", kBad},
    // Decoded exactly once.
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=%45mail&cpanel%5Fjsonapi_func=list%70ops", PANEL_CALL},
    {kCpanel, kJsonPanel, "%63panel_jsonapi_module=Email&cpanel_jsonapi_func=listpops", PANEL_CALL},
    // Twice.
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_module=Email", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_module=Em%61il", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_module=Ftp", kBad},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Ftp&" PANEL, kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func=", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func=listpops%20", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=2&cpanel_jsonapi_apiversion=3", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=3&cpanel_jsonapi_apiversion=%33",
     "uapi Email listpops"},
    {kCpanel, kJsonPanel, PANEL "&%63panel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&api.version=1&api.version=1", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&api.version=1&api.version=0", kBad},
    {kCpanel, kJsonPanel, PANEL "&api.version=0", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&api.version=2", kBad},
    // A bad route outranks a refused API.
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_apiversion=1&cpanel_jsonapi_func=x", kBad},
    // Names that a lax backend could take for a selector.
    {kCpanel, kJsonPanel, PANEL "&Cpanel_Jsonapi_Func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&CPANEL_JSONAPI_FUNC=listpops", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel.jsonapi.func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel-jsonapi-func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel%20jsonapi%20func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel[jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&+cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&%20cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&%C2%A0cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func+=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func[]=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func%5B%5D=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func[0]=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func[x]y=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func%00=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func%00x=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func]x=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func-0=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_func%0a=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel%255Fjsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&%2563panel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&?cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, "?" PANEL, kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_version=3", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_jsonapi_anything=3", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_xmlapi_module=Email", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_xmlapi_func=delpop", kBad},
    {kCpanel, kXmlPanel, "cpanel_xmlapi_module=Email&cpanel_xmlapi_func=x&cpanel_jsonapi_func=y", kBad},
    {kCpanel, kXmlPanel, PANEL, kBad},
    {kCpanel, kJsonPanel, PANEL "&xmlin=%3Ccpanelaction%3E", kBad},
    {kCpanel, kJsonPanel, PANEL "&api_version=0", kBad},
    {kCpanel, kJsonPanel, PANEL "&api.version[]=0", kBad},
    // Semicolons, and what HTML makes of an ampersand.
    {kCpanel, kJsonPanel, PANEL ";cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a;cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;c;cpanel_jsonapi_func", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;CPANEL.jsonapi-func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;%63panel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;+cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b&amp;cpanel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a=b;c=d", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&a=b%3Bcpanel_jsonapi_func=delpop", PANEL_CALL},
    // Malformed names of any parameter.
    {kCpanel, kJsonPanel, PANEL "&a%=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&a%zz=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&%u0063panel_jsonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&a%00=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&a%0d=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&a%2541=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&caf%C3%A9=b", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_json%C1%A1pi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&cpanel_j%C5%BFonapi_func=delpop", kBad},
    {kCpanel, kJsonPanel, PANEL "&%EF%BD%83panel_jsonapi_func=delpop", kBad},
    {kCpanel, "/execute/Email/x", "a=b#c", "uapi Email x"},
    // What is nothing to us.
    {kCpanel, kJsonPanel, "&&" PANEL "&&=x&=", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&arg-0=a&arg-1=b&cafe=100%&x=%00%zz", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&command=%2Fbin%2Fls&command-0=x&Command[]=y&linekey=1", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL "&cpanel.user=root&cpanel.module=x&user=root&module=Ftp&func=x", PANEL_CALL},
    {kCpanel, "/execute/Email/add_pop", PANEL "&command=x&a%00%=b", "uapi Email add_pop"},
    {kWhm, "/json-api/listaccts", PANEL "&command=x&api.version=1&api.version=0", "whm1 listaccts"},
    {kCpanel, "/v1/report", "command=x&a%00=%", "http GET /v1/report"},
    // Through WHM.
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop", "whm1 cpanel | api2 Email listpops @shop"},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop&cpanel_jsonapi_apiversion=3&api.version=1",
     "whm1 cpanel | uapi Email listpops @shop"},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop&cpanel_jsonapi_apiversion=1", kRefused},
    {kWhm, kJsonPanel, PANEL, "whm1 cpanel | api2 Email listpops"},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=", "whm1 cpanel | api2 Email listpops"},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop&cpanel_jsonapi_user=other", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop&cpanel_jsonapi_user=", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=.shop", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=sh/op", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop%00", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop%2C", kBad},
    {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=a.b%40c%2Bd-e_f",
     "whm1 cpanel | api2 Email listpops @a.b@c+d-e_f"},
    {kWhm, kXmlPanel, "cpanel_xmlapi_module=Email&cpanel_xmlapi_func=x&cpanel_xmlapi_user=shop",
     "whm1 cpanel | api2 Email x @shop"},
    {kWhm, kUapiCpanel, UAPI_CPANEL, UAPI_CPANEL_CALLS},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&api.version=1", UAPI_CPANEL_CALLS},
    {kWhm, "/xml-api/uapi_cpanel", UAPI_CPANEL, UAPI_CPANEL_CALLS},
    {kWhm, kUapiCpanel, "cpanel.module=Email&cpanel.function=list_pops",
     "whm1 uapi_cpanel | uapi Email list_pops"},
    {kWhm, kUapiCpanel, "cpanel.user=shop&cpanel.module=Email", kBad},
    {kWhm, kUapiCpanel, "cpanel.user=shop&cpanel.function=x", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.user=shop", UAPI_CPANEL_CALLS},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.user=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.module=Ftp", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.function=x", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel_user=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel[user]=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel[user][]=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel-user=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&Cpanel.User=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.user.=other", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel.api=2", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&cpanel=x", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&" PANEL, kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL "&user=other&module=x&cpanelx=y&command=z", UAPI_CPANEL_CALLS},
    // Batches.
    {kWhm, kWhmBatch, "command=listaccts", "whm1 batch | whm1 listaccts"},
    {kWhm, "/xml-api/batch", "command=listaccts%3Fa%3Db", "whm1 batch | whm1 listaccts"},
    {kWhm, kWhmBatch, "command=listaccts&command=version&api.version=1&abort_on_error=1",
     "whm1 batch | whm1 listaccts | whm1 version"},
    {kWhm, kWhmBatch, "command-1=listaccts&command-0=version&command-10=x",
     "whm1 batch | whm1 listaccts | whm1 version | whm1 x"},
    {kWhm, kWhmBatch, "command-0=listaccts&command-0=list%61ccts", "whm1 batch | whm1 listaccts"},
    {kWhm, kWhmBatch, "command-0=listaccts&command-0=version", kBad},
    {kWhm, kWhmBatch, "command-0=listaccts&comm%61nd-0=version", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command=listaccts", "whm1 batch | whm1 listaccts | whm1 listaccts"},
    {kWhm, kWhmBatch, "abort_on_error=1", kBad},
    {kWhm, kWhmBatch, "command=", kBad},
    {kWhm, kWhmBatch, "command", kBad},
    {kWhm, kWhmBatch, "command=%3Flistaccts", kBad},
    {kWhm, kWhmBatch, "command=listaccts%26x%3Dy", kBad},
    {kWhm, kWhmBatch, "command=listaccts?x=y", "whm1 batch | whm1 listaccts"},
    {kWhm, kWhmBatch, "command=+listaccts", kBad},
    {kWhm, kWhmBatch, "command=listaccts%20", kBad},
    {kWhm, kWhmBatch, "command=listaccts%00", kBad},
    {kWhm, kWhmBatch, "command=/listaccts", kBad},
    {kWhm, kWhmBatch, "command=list%2561ccts", kBad},
    {kWhm, kWhmBatch, "command=360Monitoring%2Fx%3Fa%3Db", "whm1 batch | whm1 360Monitoring/x"},
    {kWhm, kWhmBatch, "command=json-api%2Flistaccts", kBad},
    {kWhm, kWhmBatch, "command=%2Fjson-api%2Flistaccts", kBad},
    {kWhm, kWhmBatch, "command=Batch%3Fcommand%3Dkillacct", kBad},
    {kWhm, kWhmBatch, "command=uapi-cpanel", kBad},
    {kWhm, kWhmBatch, "command=listaccts%", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command[]=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command[0]=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&Command=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command_0=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command.0=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command0=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command-=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command-x=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&command--1=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&commands=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&+command=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&a=b;command=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts;command=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&%2563ommand=killacct", kBad},
    {kWhm, kWhmBatch, "command=listaccts&api.version=1&api.version=0", kBad},
    {kWhm, kWhmBatch,
     "command=cpanel%3Fcpanel_jsonapi_module%3DEmail%26cpanel_jsonapi_func%3Dx%26cpanel_jsonapi_user%3Dshop",
     "whm1 batch | whm1 cpanel | api2 Email x @shop"},
    {kWhm, "/xml-api/batch", "command=cpanel%3Fcpanel_xmlapi_module%3DEmail%26cpanel_xmlapi_func%3Dx",
     "whm1 batch | whm1 cpanel | api2 Email x"},
    {kWhm, "/xml-api/batch", "command=cpanel%3Fcpanel_jsonapi_module%3DEmail%26cpanel_jsonapi_func%3Dx",
     kBad},
    {kWhm, kWhmBatch,
     "command=listaccts&command=cpanel%3Fcpanel_jsonapi_module%3DEmail%26cpanel_jsonapi_func%3Dx%26cpanel_"
     "jsonapi_apiversion%3D1",
     kRefused},
    {kWhm, kWhmBatch,
     "command=cpanel%3Fcpanel_jsonapi_module%3DEmail%26cpanel_jsonapi_func%3Dx%26cpanel_jsonapi_apiversion%"
     "3D1&command=",
     kBad},
    // An inner call is not told by the parameters around it.
    {kWhm, kWhmBatch, "command=uapi_cpanel&" UAPI_CPANEL, kBad},
    {kCpanel, kUapiBatch, "command=%5B%22Email%22,%22list_pops%22,%7B%7D%5D",
     "uapi Batch strict | uapi Email list_pops"},
    {kCpanel, kUapiBatch, "command=[\"Email\",\"list_pops\"]", "uapi Batch strict | uapi Email list_pops"},
    {kCpanel, kUapiBatch, "command=Email", kBad},
    {kCpanel, kUapiBatch, "command=", kBad},
};

START_TEST(parameters_in_the_query) {
  const QueryRow& row = kQueries[_i];
  expect({row.service, row.path, row.query}, row.calls);
}
END_TEST

// ---- The same parameters in a body, under every type that real clients give it

START_TEST(a_form_counts_whatever_its_type) {
  for (const char* type :
       {"", "application/x-www-form-urlencoded", "application/octet-stream", "text/plain", "x",
        "application/x-www-form-urlencoded; charset=UTF-8", "text/xml; charset=\"iso-8859-1\""}) {
    for (const QueryRow& row : kQueries) {
      if (std::string_view(row.calls) == "uapi Email add_pop" ||
          std::string_view(row.calls) == "whm1 listaccts" ||
          std::string_view(row.calls).starts_with("http")) {
        continue;  // nothing is chosen by parameters there
      }
      expect({row.service, row.path, "", row.query, type}, row.calls);
    }
  }
}
END_TEST

struct BodyRow {
  Service service;
  const char* path;
  const char* query;
  const char* body;
  const char* content_type;
  const char* calls;
};

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"
#define PART(NAME, VALUE) "--B\r\nContent-Disposition: form-data; name=" NAME "\r\n\r\n" VALUE "\r\n"
#define MULTIPART "multipart/form-data; boundary=B"
#define JSON_PANEL R"("cpanel_jsonapi_module":"Email","cpanel_jsonapi_func":"listpops")"

constexpr BodyRow kBodies[] = {
    // Query and body together.
    {kCpanel, kJsonPanel, "cpanel_jsonapi_module=Email", "cpanel_jsonapi_func=listpops", FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, PANEL, FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "", FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func=delpop", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func=delpop", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func=delpop", "image/png", kBad},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_apiversion=1", "", kRefused},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func[]=delpop", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "\ncpanel_jsonapi_func=delpop", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b\r\n", FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "a=b\r\ncpanel_jsonapi_func=delpop", FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, "", PANEL "\r\n", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL,
     "\xef\xbb\xbf"
     "cpanel_jsonapi_func=delpop",
     FORM, kBad},
    {kCpanel, kJsonPanel, PANEL,
     "\xef\xbb\xbf"
     "a=b",
     FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, "--&cpanel_jsonapi_func=delpop", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, "--&a=b", FORM, PANEL_CALL},
    {kWhm, kWhmBatch, "command=listaccts", "command=killacct", "",
     "whm1 batch | whm1 listaccts | whm1 killacct"},
    {kWhm, kWhmBatch, "command-0=listaccts", "command-0=killacct", "", kBad},
    {kWhm, kWhmBatch, "", "command=listaccts&api.version=1", "application/octet-stream",
     "whm1 batch | whm1 listaccts"},
    {kWhm, kUapiCpanel, "api.version=1", UAPI_CPANEL, "", UAPI_CPANEL_CALLS},
    {kWhm, kUapiCpanel, UAPI_CPANEL, "cpanel.user=other", "", kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL, "api.version=0&api.version=1", "", kBad},
    // Character sets.
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=utf-16", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=ibm037", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=utf-7", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; CHARSET = \"IBM037\"", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=utf-8; charset=ibm037", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset*=utf-8", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset:utf-8", kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=\"utf-8", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM "; charset=us-ascii", PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "a=b", FORM ";charset=UTF-8;x=y", PANEL_CALL},
    // JSON.
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL "}", JSON, PANEL_CALL},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL "}", "", PANEL_CALL},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL "}", FORM, PANEL_CALL},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL "}", "application/vnd.x+json; charset=utf-8", PANEL_CALL},
    {kCpanel, kJsonPanel, "", "\r\n {\n  " JSON_PANEL ",\n  \"note\": \"100% & more; x\"\n}\n", "text/json",
     PANEL_CALL},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":3}", JSON,
     "uapi Email listpops"},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":\"3\"}", JSON,
     "uapi Email listpops"},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_apiversion=3", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":3}",
     JSON, "uapi Email listpops"},
    {kCpanel, kJsonPanel, "cpanel_jsonapi_apiversion=3", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":3.0}",
     JSON, kBad},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":3.0}", JSON, kBad},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":3e0}", JSON, kBad},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":null}", JSON, kBad},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL ",\"cpanel_jsonapi_apiversion\":[3]}", JSON, kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":5,"cpanel_jsonapi_func":"x"})", JSON, kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":["Email"],"cpanel_jsonapi_func":"x"})", JSON, kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":{"a":"Email"},"cpanel_jsonapi_func":"x"})", JSON,
     kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":true,"cpanel_jsonapi_func":"x"})", JSON, kBad},
    {kCpanel, kJsonPanel, "",
     R"({"cpanel_jsonapi\u005fmodule":"\u0045mail","cpanel_jsonapi_func":"listpops"})", JSON, PANEL_CALL},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":"Email%20","cpanel_jsonapi_func":"listpops"})",
     JSON, kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":"Em%61il","cpanel_jsonapi_func":"listpops"})", JSON,
     kBad},
    {kCpanel, kJsonPanel, "", R"({"cpanel_jsonapi_module":"Em\u0000ail","cpanel_jsonapi_func":"listpops"})",
     JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"cpanel_jsonapi_func":"delpop"})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"cpanel_jsonapi_func":"delpop"})", "", kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"cpanel_jsonapi_func":"listpops"})", JSON, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, R"({"CPANEL_jsonapi_func":"delpop"})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"cpanel_jsonapi_func\u0000":"delpop"})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"cpanel_jsonapi_func":"listpops","cpanel_jsonapi_func":"listpops"})",
     JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":1,"a":1})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":1,"\u0061":2})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":1,"A":2,"b":{"a":1,"a":2}})", JSON, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "{}", JSON, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, "[]", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "[]", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "null", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "\"a=b\"", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "{\"a\":1", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "{\"a\":1", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "{\"a\":1}&cpanel_jsonapi_func=delpop", "", kBad},
    {kCpanel, kJsonPanel, PANEL, "{\"a\":1,}", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "{\"a\":1}{\"cpanel_jsonapi_func\":\"delpop\"}", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "\xef\xbb\xbf{}", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func=listpops", "application/problem+json", kBad},
    // A form hidden in JSON.
    {kCpanel, kJsonPanel, PANEL, R"({"a":"&cpanel_jsonapi_func=delpop&"})", JSON, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":"&cpanel_jsonapi_func=delpop&"})", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":"& Cpanel-jsonapi[func]=delpop&"})", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":";cpanel_jsonapi_func=delpop&"})", FORM, kBad},
    {kCpanel, kJsonPanel, PANEL, R"({"a":"&b=c&d;e=f"})", FORM, PANEL_CALL},
    {kWhm, kWhmBatch, "", R"({"command":"listaccts","a":"&command=killacct&"})", "", kBad},
    {kWhm, kWhmBatch, "", R"({"command":"createacct?user=x&api.version=1&plan=y"})", JSON,
     "whm1 batch | whm1 createacct"},
    {kWhm, kWhmBatch, "", R"({"command":["listaccts","version?a=b"],"api.version":1})", JSON,
     "whm1 batch | whm1 listaccts | whm1 version"},
    {kWhm, kWhmBatch, "", R"({"command":[],"api.version":1})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":["listaccts",["version"]]})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":["listaccts",5]})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":{"0":"listaccts"}})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":null})", JSON, kBad},
    {kWhm, kWhmBatch, "command=listaccts", R"({"command":{"0":"killacct"}})", JSON, kBad},
    {kWhm, kWhmBatch, "command=listaccts", R"({"command-0":5})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command-0":"listaccts","command-1":"version"})", JSON,
     "whm1 batch | whm1 listaccts | whm1 version"},
    {kWhm, kWhmBatch, "", R"({"command-0":["listaccts","version"]})", JSON, kBad},
    {kWhm, kWhmBatch, "command-0=listaccts", R"({"command-0":"version"})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":"listaccts","commands":"killacct"})", JSON, kBad},
    {kWhm, kWhmBatch, "", R"({"command":"listaccts","api.version":1,"api_version":0})", JSON, kBad},
    {kWhm, kUapiCpanel, "",
     R"({"cpanel.user":"shop","cpanel.module":"Email","cpanel.function":"list_pops","api.version":1})", JSON,
     UAPI_CPANEL_CALLS},
    {kWhm, kUapiCpanel, UAPI_CPANEL, R"({"cpanel":{"user":"other"}})", JSON, kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL, R"({"Cpanel":1})", JSON, kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL, R"({"cpanel.user":"other"})", "", kBad},
    {kCpanel, kUapiBatch, "", R"({"command":["[\"Email\",\"list_pops\",{}]","[\"Ftp\",\"list_ftp\"]"]})",
     JSON, "uapi Batch strict | uapi Email list_pops | uapi Ftp list_ftp"},
    {kCpanel, kUapiBatch, "", R"({"command":[["Email","list_pops",{}]]})", JSON, kBad},
    {kCpanel, kJsonPanel, "", "{" JSON_PANEL R"(,"command":{"a":["b"]}})", JSON, PANEL_CALL},
    // Multipart: the selectors come from the query.
    {kCpanel, kJsonPanel, PANEL,
     PART("\"dir\"", "/home") PART("\"file-0\"; filename=\"a.png\"", "\x89PNG\x1a%&=;\xff") "--B--\r\n",
     MULTIPART, PANEL_CALL},
    {kCpanel, "/json-api/cpanel/", PANEL, PART("\"a\"; filename*=UTF-8''x.txt", "b") "--B--\r\n", MULTIPART,
     PANEL_CALL},
    {kCpanel, kJsonPanel, "",
     PART("\"cpanel_jsonapi_module\"", "Email") PART("\"cpanel_jsonapi_func\"", "listpops") "--B--\r\n",
     MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel_jsonapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel_jsonapi_func\"", "delpop") "--B--\r\n",
     "Multipart/Form-Data; boundary=B", kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel_jsonapi_func\"", "delpop") "--B--\r\n", "", kBad},
    {kCpanel, kJsonPanel, PANEL, PART("cpanel_jsonapi_func", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("'cpanel_jsonapi_func'", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"Cpanel-Jsonapi.Func[]\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel\\_jsonapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel%5Fjsonapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"%63panel_jsonapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\r\n \"cpanel_jsonapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"x\"; NAME = \"cpanel_jsonapi_func\"", "delpop") "--B--\r\n",
     MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"x\"; name*=UTF-8''cpanel_jsonapi_func", "delpop") "--B--\r\n",
     MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL,
     PART("\"x\"; name*0=\"cpanel_json\"; name*1=\"api_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"=?UTF-8?B?Y3BhbmVsX2pzb25hcGlfZnVuYw==?=\"", "delpop") "--B--\r\n",
     MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"cpanel_xmlapi_func\"", "delpop") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"api.version\"", "0") "--B--\r\n", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"file\"", "name: web\nkind: Pod\napiVersion: v1\n") "--B--\r\n",
     MULTIPART, PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL, PART("\"file\"", "<input name=command value=x>") "--B--\r\n", MULTIPART,
     PANEL_CALL},
    {kCpanel, kJsonPanel, PANEL,
     "--=B\r\nContent-Disposition: form-data; name=\"cpanel_jsonapi_func\"\r\n\r\ndelpop\r\n--=B--\r\n", "",
     kBad},
    {kCpanel, kJsonPanel, PANEL,
     "--=B\r\nContent-Disposition: form-data; name=\"cpanel_jsonapi_func\"\r\n\r\ndelpop\r\n--=B--\r\n", FORM,
     kBad},
    {kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func=delpop", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, "a=b&cpanel_jsonapi_func=delpop", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, "\r\ncpanel_jsonapi_func=delpop", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, "{}", MULTIPART, kBad},
    {kCpanel, kJsonPanel, PANEL, "{}", "application/json, multipart/form-data", kBad},
    {kCpanel, kJsonPanel, PANEL, PART("\"a\"", "b") "--B--\r\n",
     "multipart/form-data; boundary=B; charset=ibm037", kBad},
    {kWhm, kWhmBatch, "command=listaccts", PART("\"command\"", "killacct") "--B--\r\n", MULTIPART, kBad},
    {kWhm, kWhmBatch, "command=listaccts", PART("\"command-7\"", "killacct") "--B--\r\n", MULTIPART, kBad},
    {kWhm, kWhmBatch, "command=listaccts", PART("\"abort_on_error\"", "1") "--B--\r\n", MULTIPART,
     "whm1 batch | whm1 listaccts"},
    {kWhm, kUapiCpanel, UAPI_CPANEL, PART("\"cpanel.user\"", "other") "--B--\r\n", MULTIPART, kBad},
    {kWhm, kUapiCpanel, UAPI_CPANEL, PART("\"domain\"", "example.com") "--B--\r\n", MULTIPART,
     UAPI_CPANEL_CALLS},
};

START_TEST(parameters_in_the_body) {
  const BodyRow& row = kBodies[_i];
  expect({row.service, row.path, row.query, row.body, row.content_type, "POST"}, row.calls);
}
END_TEST

START_TEST(a_fragment_makes_a_query_bad) {
  expect({kCpanel, kJsonPanel, PANEL "&a=b#&cpanel_jsonapi_apiversion=3"}, kBad);
  expect({kCpanel, kJsonPanel, PANEL "#"}, kBad);
  expect({kCpanel, kJsonPanel, PANEL, "a=b#c"}, PANEL_CALL);
}
END_TEST

START_TEST(multipart_names_reach_128_bytes) {
  auto body = [](size_t distance) {
    return PART("\"a\"", "b") "--B\r\nContent-Disposition: form-data; name=" +
           std::string(distance - 1, ',') + "cpanel_jsonapi_func\r\n\r\ndelpop\r\n--B--\r\n";
  };
  for (size_t distance : {1, 2, 60, 127, 128}) {
    expect({kCpanel, kJsonPanel, PANEL, body(distance), MULTIPART}, kBad);
  }
  expect({kCpanel, kJsonPanel, PANEL, body(130), MULTIPART}, PANEL_CALL);
}
END_TEST

START_TEST(multipart_names_are_reached_over_any_number_of_blanks) {
  for (const char* filler : {" ", "\t", "\r\n ", "\"", "' ", "\\"}) {
    std::string name;
    for (int i = 0; i < 500; ++i) name += filler;
    std::string body = "--B\r\nContent-Disposition: form-data; name=" + name +
                       "cpanel_jsonapi_func\r\n\r\ndelpop\r\n--B--\r\n";
    expect({kCpanel, kJsonPanel, PANEL, body, MULTIPART}, kBad);
  }
}
END_TEST

START_TEST(bounds_the_members_of_a_json_body) {
  auto object = [](unsigned members) {
    std::string text = "{\"a\":0";
    for (unsigned i = 1; i < members; ++i) text += ",\"m" + std::to_string(i) + "\":" + std::to_string(i);
    return text + "}";
  };
  expect({kCpanel, kJsonPanel, PANEL, object(512), "application/json"}, PANEL_CALL);
  expect({kCpanel, kJsonPanel, PANEL, object(513), "application/json"}, kBad);
}
END_TEST

START_TEST(nul_bytes_make_a_body_bad) {
  expect({kCpanel, kJsonPanel, PANEL, "cpanel_jsonapi_func\0=delpop"s, ""}, kBad);
  expect({kCpanel, kJsonPanel, PANEL, "\0cpanel_jsonapi_func=delpop"s, ""}, kBad);
  expect({kCpanel, kJsonPanel, PANEL, "{\0}"s, ""}, kBad);
  // UTF-16, with and without a byte order mark.
  expect({kCpanel, kJsonPanel, PANEL, "\xff\xfe{\0}\0"s, "application/json"}, kBad);
  expect({kCpanel, kJsonPanel, PANEL, "\xfe\xff\0a\0=\0b"s, ""}, kBad);
  expect({kCpanel, kJsonPanel, PANEL, "a\0=\0b\0"s, ""}, kBad);
}
END_TEST

START_TEST(a_body_that_cannot_be_judged_is_bad_where_it_counts) {
  struct Row {
    const char* name;
    void (*spoil)(Call*);
    bool everywhere;  // bad also where no parameter chooses
  };
  const Row rows[] = {
      {"unread", [](Call* call) { call->body_state = Body::kUnread; }, false},
      {"unreadable", [](Call* call) { call->body_state = Body::kUnreadable; }, false},
      {"encoded", [](Call* call) { call->content_encoded = true; }, false},
      {"two types", [](Call* call) { call->content_type_repeated = true; }, false},
      {"length and chunked", [](Call* call) { call->length_and_chunked = true; }, true},
  };
  for (const Row& row : rows) {
    for (const char* path : {kJsonPanel, "/execute/Email/list_pops", "/v1/report"}) {
      char memory[256];
      Call call;
      call.method = "POST";
      call.wire_path = call.served_path = path;
      call.query = PANEL;
      call.scratch = memory;
      row.spoil(&call);
      Route route;
      find_route(kCpanel, call, &route);
      bool bad = row.everywhere || path == kJsonPanel;
      ck_assert_msg((route.problem == RouteProblem::kBad) == bad, "%s on %s", row.name, path);
    }
  }
}
END_TEST

// ---- Calls within calls

START_TEST(inner_calls_are_decoded_once_a_layer) {
  std::string inner = "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=add%5Fpop";
  expect({kWhm, kWhmBatch, command(inner)}, "whm1 batch | whm1 uapi_cpanel | uapi Email add_pop @shop");
  // One layer of encoding too many.
  expect({kWhm, kWhmBatch, "command=" + escape(escape(inner))}, kBad);
  expect({kWhm, kWhmBatch,
          command("uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=add%255Fpop")},
         kBad);

  std::string strict = R"(["Ema\u0069l","add_pop",{"email":"a&b=c;d","x":["%"]}])";
  expect({kCpanel, kUapiBatch, command(strict)}, "uapi Batch strict | uapi Email add_pop");
  std::string whole =
      "uapi_cpanel?cpanel.user=shop&cpanel.module=Batch&cpanel.function=strict&command=" + escape(strict) +
      "&command-0=" + escape(R"(["Ftp","list_ftp"])");
  std::string calls =
      "whm1 uapi_cpanel | uapi Batch strict @shop | uapi Email add_pop @shop | uapi Ftp list_ftp @shop";
  expect({kWhm, kUapiCpanel, whole.substr(whole.find('?') + 1)}, calls);
  expect({kWhm, kWhmBatch, command(whole) + "&command=version"}, "whm1 batch | " + calls + " | whm1 version");
  std::string panel =
      "cpanel_jsonapi_user=shop&cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Batch&cpanel_jsonapi_func="
      "strict&";
  expect({kCpanel, kJsonPanel, panel + command(strict)}, "uapi Batch strict | uapi Email add_pop");
  expect({kWhm, kJsonPanel, panel + command(strict)},
         "whm1 cpanel | uapi Batch strict @shop | uapi Email add_pop @shop");
  // A batch inside a batch takes its commands from its own arguments.
  std::string nested =
      R"(["Batch","strict",{"command":["[\"Email\",\"list_pops\"]","[\"Ftp\",\"list_ftp\",{}]"]}])";
  expect({kCpanel, kUapiBatch, command(nested)},
         "uapi Batch strict | uapi Batch strict | uapi Email list_pops | uapi Ftp list_ftp");
  expect({kCpanel, kUapiBatch, command(R"(["Batch","strict",{"command":"[\"Email\",\"list_pops\"]"}])")},
         "uapi Batch strict | uapi Batch strict | uapi Email list_pops");
  expect({kWhm, kWhmBatch, command("batch?" + command(inner) + "&" + command("version"))},
         "whm1 batch | whm1 batch | whm1 uapi_cpanel | uapi Email add_pop @shop | whm1 version");
}
END_TEST

START_TEST(inner_calls_are_judged_like_outer_ones) {
  for (const char* bad :
       {"",
        "?",
        "listaccts&x",
        " listaccts",
        "listaccts ",
        "list accts",
        "a/b/c",
        "/listaccts",
        "json-api/listaccts",
        "batch",
        "batch?",
        "batch?command=",
        "batch?x=y",
        "uapi_cpanel",
        "uapi_cpanel?cpanel.user=shop",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=x&cpanel.function=y",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=x&cpanel_user=other",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=x;cpanel.function=y",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=x&a%00=b",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Email&cpanel.function=x&api.version=7",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=Batch&cpanel.function=strict",
        "uapi_cpanel?cpanel.user=shop&cpanel.module=batch&cpanel.function=strict&command=x",
        "cpanel?cpanel_jsonapi_module=Email",
        "cpanel?cpanel_xmlapi_module=Email&cpanel_xmlapi_func=x",
        "cpanel?cpanel_jsonapi_module=Email&cpanel_jsonapi_func=x&cpanel_jsonapi_apiversion=9",
        "BATCH?command=x"}) {
    expect({kWhm, kWhmBatch, command("version") + "&" + command(bad)}, kBad);
  }
  for (const char* bad :
       {"",
        "[]",
        "{}",
        "[\"Email\"]",
        "[\"Email\",\"x\",{},{}]",
        "[\"Email\",\"x\",[]]",
        "[\"Email\",\"x\",null]",
        "[\"Email\",\"x\",\"{}\"]",
        "[\"Email\",5]",
        "[5,\"x\"]",
        "[[\"Email\"],\"x\"]",
        "[\"\",\"x\"]",
        "[\"Email\",\"\"]",
        "[\"Em ail\",\"x\"]",
        "[\"Email\",\"x\\u0000\"]",
        "[\"Email\",\"x\"",
        "[\"Email\",\"x\"]x",
        "[\"Email\",\"x\"][]",
        "\"Email\"",
        "Email",
        "[\"Email\",\"x\",{\"a\":1,\"a\":2}]",
        "[\"batch\",\"strict\",{}]",
        "[\"Batch\",\"x\",{}]",
        "[\"Batch\",\"strict\"]",
        "[\"Batch\",\"strict\",{}]",
        "[\"Batch\",\"strict\",{\"command\":[]}]",
        "[\"Batch\",\"strict\",{\"command\":[[\"Email\",\"x\"]]}]",
        "[\"Batch\",\"strict\",{\"command\":\"[\\\"Email\\\"]\"}]",
        "[\"Batch\",\"strict\",{\"command\":\"[\\\"Email\\\",\\\"x\\\"]\",\"Command\":\"y\"}]",
        "['Email','x']",
        "[\"Email\",\"x\",]",
        "\xef\xbb\xbf[\"Email\",\"x\"]",
        "[\"Email\",\"x\",{\"a\":}]"}) {
    expect({kCpanel, kUapiBatch, command("[\"Ftp\",\"x\"]") + "&" + command(bad)}, kBad);
  }
  expect({kCpanel, kUapiBatch, command(" [ \"Email\" , \"x\" , { } ] ")}, "uapi Batch strict | uapi Email x");
}
END_TEST

std::string nested_batch(unsigned wrappers, const std::string& leaf) {
  std::string text = leaf;
  for (unsigned i = 0; i < wrappers; ++i) text = "batch?" + command(text);
  return text.substr(text.find('?') + 1);
}

START_TEST(bounds_the_depth) {
  expect({kWhm, kWhmBatch, nested_batch(1, "version")}, "whm1 batch | whm1 version");
  expect({kWhm, kWhmBatch, nested_batch(3, "version")},
         "whm1 batch | whm1 batch | whm1 batch | whm1 version");
  expect({kWhm, kWhmBatch, nested_batch(4, "version")}, kBad);
  expect({kWhm, kWhmBatch, nested_batch(2, "uapi_cpanel?" UAPI_CPANEL)},
         "whm1 batch | whm1 batch | " UAPI_CPANEL_CALLS);
  expect({kWhm, kWhmBatch, nested_batch(3, "uapi_cpanel?" UAPI_CPANEL)}, kBad);
  std::string strict =
      "uapi_cpanel?cpanel.user=a&cpanel.module=Batch&cpanel.function=strict&" + command("[\"M\",\"f\"]");
  expect({kWhm, kWhmBatch, nested_batch(1, strict)},
         "whm1 batch | whm1 uapi_cpanel | uapi Batch strict @a | uapi M f @a");
  expect({kWhm, kWhmBatch, nested_batch(2, strict)}, kBad);
}
END_TEST

START_TEST(bounds_the_number_of_calls) {
  auto times = [](unsigned count, const std::string& part) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) text += (i > 0 ? "&" : "") + part;
    return text;
  };
  Found found = find({kWhm, kWhmBatch, times(kMaxInnerCalls, "command=version")});
  ck_assert_view_eq(found.text, "whm1 batch: 100 calls");
  expect({kWhm, kWhmBatch, times(kMaxInnerCalls + 1, "command=version")}, kBad);
  // Over several batches, too.
  std::string half = "command=" + escape("batch?" + times(50, "command=version"));
  ck_assert(find({kWhm, kWhmBatch, half + "&" + half}).calls != kBad);
  expect({kWhm, kWhmBatch, half + "&" + half + "&command=version"}, kBad);
  // Wrappers count apart, and have a bound of their own.
  std::string wrapped = command("uapi_cpanel?" UAPI_CPANEL);
  ck_assert(find({kWhm, kWhmBatch, times(kMaxInnerCalls, wrapped)}).calls != kBad);
  std::string twice =
      command("uapi_cpanel?cpanel.module=Batch&cpanel.function=strict&" + command("[\"M\",\"f\"]"));
  ck_assert(find({kWhm, kWhmBatch, times(85, twice)}).calls != kBad);  // 1 + 85 * 3 = 256
  expect({kWhm, kWhmBatch, times(86, twice)}, kBad);
  // Where commands are not called, there may be any number of them.
  expect({kCpanel, kJsonPanel, PANEL "&" + times(1000, "command=x")}, PANEL_CALL);
}
END_TEST

START_TEST(texts_of_wrappers) {
  struct Row {
    Service service;
    std::string path, query, text;
  };
  const Row rows[] = {
      {kWhm, kUapiCpanel, UAPI_CPANEL, "whm1 uapi_cpanel: uapi Email list_pops for shop"},
      {kWhm, kJsonPanel, PANEL "&cpanel_jsonapi_user=shop", "whm1 cpanel: api2 Email listpops for shop"},
      {kWhm, kJsonPanel, PANEL, "whm1 cpanel: api2 Email listpops"},
      {kWhm, kWhmBatch, "command=a&command=b&command=c", "whm1 batch: 3 calls"},
      {kWhm, kWhmBatch, "command=version", "whm1 batch: whm1 version"},
      {kWhm, kWhmBatch, command("uapi_cpanel?" UAPI_CPANEL), "whm1 batch: whm1 uapi_cpanel"},
      {kWhm, kWhmBatch, nested_batch(2, "version") + "&command=x", "whm1 batch: 2 calls"},
      {kCpanel, kUapiBatch, command("[\"Email\",\"x\"]"), "uapi Batch strict: uapi Email x"},
      {kCpanel, kUapiBatch, command("[\"Email\",\"x\"]") + "&" + command("[\"Email\",\"y\"]"),
       "uapi Batch strict: 2 calls"},
      {kCpanel, kJsonPanel, PANEL, "api2 Email listpops"},
  };
  for (const Row& row : rows) ck_assert_view_eq(find({row.service, row.path, row.query}).text, row.text);
}
END_TEST

// ---- Scratch and contracts

START_TEST(scratch_bytes_suffice_and_less_denies) {
  // All of the query is a value that has to be kept.
  std::string inner = "command=" + escape("batch?command=" + escape("uapi_cpanel?" UAPI_CPANEL));
  Request request{kWhm, kWhmBatch, inner};
  ck_assert(find(request).calls != kBad);
  ck_assert_uint_eq(scratch_bytes(10, 20), 30);
  ck_assert_uint_eq(scratch_bytes(SIZE_MAX, 1), SIZE_MAX);
  ck_assert_uint_eq(scratch_bytes(1, SIZE_MAX), SIZE_MAX);
  size_t denied = 0;
  for (size_t missing = 1; missing <= inner.size(); ++missing) {
    std::string calls = find(request, missing).calls;
    ck_assert(calls == kBad || calls == find(request).calls);
    denied += calls == kBad ? 1 : 0;
  }
  ck_assert_uint_gt(denied, inner.size() / 2);
  // Without any memory, calls that no parameter chooses are found all the same.
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/execute/Email/x";
  Route route;
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(calls_of(route), "uapi Email x");
  call.wire_path = call.served_path = kJsonPanel;
  call.query = PANEL;
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(calls_of(route), kBad);
}
END_TEST

START_TEST(tells_where_the_body_is_needed) {
  for (const char* path :
       {"/json-api/cpanel", "/json-api/cpanel/", "//json-api/cpanel", "/cpsess1/json-api/cpanel",
        "//cpsess1/xml-api/cpanel/", "/xml-api/cpanel", "/json-api/uapi_cpanel", "/xml-api/uapi_cpanel",
        "/json-api/batch", "/xml-api/batch/", "/execute/Batch/strict", "/execute/Batch/strict/"}) {
    ck_assert_msg(body_chooses_function(path, path), "%s", path);
    ck_assert_msg(body_chooses_function({}, path), "%s", path);  // behind an internal redirect
    // A path in need of a look at either form needs the body, whatever becomes of the difference.
    ck_assert_msg(body_chooses_function(path, "/v1") && body_chooses_function("/v1", path), "%s", path);
  }
  for (const char* path :
       {"", "/", "/v1", "/execute/Email/x", "/json-api/listaccts", "/json-api/x/batch", "json-api/cpanel",
        "/execute/Batch/other", "/json-api", "///json-api/cpanel", "/JSON-api/cpanel"}) {
    ck_assert_msg(!body_chooses_function(path, path) && !body_chooses_function({}, path), "%s", path);
  }
}
END_TEST

// What body_chooses_function() denies can never be chosen by a body: such routes are found without one, or
// are bad.
START_TEST(never_needs_a_body_that_it_did_not_ask_for) {
  for (const PathRow& row : kPaths) {
    if (body_chooses_function(row.path, row.path)) continue;
    Request with_body{row.service, row.path, "", "command=x&" PANEL, ""};
    ck_assert_view_eq(find(with_body).calls, row.calls);
  }
}
END_TEST

START_TEST(a_second_path_is_bad_unless_a_panel_call_ignores_it) {
  Call call;
  call.method = "COPY";
  call.names_another_call = true;
  Route route;
  call.wire_path = call.served_path = "/v1/files/a";
  find_route(kCpanel, call, &route);
  ck_assert(route.problem == RouteProblem::kBad);
  ck_assert_view_eq(route.reason, "a header names another method, or a second path");
  call.wire_path = call.served_path = "/execute/Email/x";
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(calls_of(route), "uapi Email x");
}
END_TEST

START_TEST(a_route_is_filled_anew) {
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/v1";
  Route route;
  find_route(kCpanel, call, &route);
  ck_assert_view_eq(route.text.view(), "http GET /v1");
  call.wire_path = "/v2";
  find_route(kCpanel, call, &route);
  ck_assert(route.problem == RouteProblem::kBad && route.count == 0 && route.text.empty() &&
            !route.reason.empty());
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("route");
  TCase* tcase = tcase_create("route");
  tcase_add_loop_test(tcase, paths_alone, 0, std::size(kPaths));
  tcase_add_test(tcase, http_routes_are_decoded_to_match_and_encoded_to_read);
  tcase_add_test(tcase, methods_are_words_of_upper_case);
  tcase_add_loop_test(tcase, parameters_in_the_query, 0, std::size(kQueries));
  tcase_add_test(tcase, a_form_counts_whatever_its_type);
  tcase_add_loop_test(tcase, parameters_in_the_body, 0, std::size(kBodies));
  tcase_add_test(tcase, a_fragment_makes_a_query_bad);
  tcase_add_test(tcase, multipart_names_reach_128_bytes);
  tcase_add_test(tcase, multipart_names_are_reached_over_any_number_of_blanks);
  tcase_add_test(tcase, bounds_the_members_of_a_json_body);
  tcase_add_test(tcase, nul_bytes_make_a_body_bad);
  tcase_add_test(tcase, a_body_that_cannot_be_judged_is_bad_where_it_counts);
  tcase_add_test(tcase, inner_calls_are_decoded_once_a_layer);
  tcase_add_test(tcase, inner_calls_are_judged_like_outer_ones);
  tcase_add_test(tcase, bounds_the_depth);
  tcase_add_test(tcase, bounds_the_number_of_calls);
  tcase_add_test(tcase, texts_of_wrappers);
  tcase_add_test(tcase, scratch_bytes_suffice_and_less_denies);
  tcase_add_test(tcase, tells_where_the_body_is_needed);
  tcase_add_test(tcase, never_needs_a_body_that_it_did_not_ask_for);
  tcase_add_test(tcase, a_second_path_is_bad_unless_a_panel_call_ignores_it);
  tcase_add_test(tcase, a_route_is_filled_anew);
  suite_add_tcase(suite, tcase);
  return suite;
}
