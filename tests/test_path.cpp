// Which paths are canonical, and which API they belong to.
#include <string>

#include "path.h"
#include "support.h"

using namespace tokengate;

namespace {

struct Good {
  const char* wire;
  const char* served;  // null: the same
  PathFamily family;
  const char* module;
  const char* function;
};

constexpr PathFamily kHttp = PathFamily::kHttp, kExecute = PathFamily::kExecute, kJson = PathFamily::kJsonApi,
                     kXml = PathFamily::kXmlApi;

constexpr Good kGood[] = {
    // Plain paths of any other API.
    {"/", nullptr, kHttp, "", "/"},
    {"/v1/report", nullptr, kHttp, "", "/v1/report"},
    {"/v1/report/", nullptr, kHttp, "", "/v1/report/"},
    {"/a-b_c.d~e", nullptr, kHttp, "", "/a-b_c.d~e"},
    {"/!$&'()*+,=:@", nullptr, kHttp, "", "/!$&'()*+,=:@"},
    {"/.hidden/..x/x..", nullptr, kHttp, "", "/.hidden/..x/x.."},
    {"/a%20b", "/a b", kHttp, "", "/a b"},
    {"/a%2Bb%2bc%40%3A", "/a+b+c@:", kHttp, "", "/a+b+c@:"},
    {"/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/\"<>[]^`{|}", kHttp, "", "/\"<>[]^`{|}"},
    {"/caf%C3%A9", "/caf\xc3\xa9", kHttp, "", "/caf\xc3\xa9"},
    {"/%E2%82%AC/%F0%9F%98%80", "/\xe2\x82\xac/\xf0\x9f\x98\x80", kHttp, "",
     "/\xe2\x82\xac/\xf0\x9f\x98\x80"},
    {"/%F4%8F%BF%BF", "/\xf4\x8f\xbf\xbf", kHttp, "", "/\xf4\x8f\xbf\xbf"},
    {"/%ED%9F%BF%EE%80%80", "/\xed\x9f\xbf\xee\x80\x80", kHttp, "", "/\xed\x9f\xbf\xee\x80\x80"},
    {"/cgi/x", nullptr, kHttp, "", "/cgi/x"},
    {"/scripts2/listaccts", nullptr, kHttp, "", "/scripts2/listaccts"},
    {"/executes/Email/x", nullptr, kHttp, "", "/executes/Email/x"},
    {"/v1/execute/Email/x", nullptr, kHttp, "", "/v1/execute/Email/x"},
    {"/jsonapi/node", nullptr, kHttp, "", "/jsonapi/node"},
    {"/cpses/1", nullptr, kHttp, "", "/cpses/1"},
    // The fixed paths, and what real clients make of them.
    {"/execute/Email/add_pop", nullptr, kExecute, "Email", "add_pop"},
    {"/execute/Email/add_pop/", nullptr, kExecute, "Email", "add_pop"},
    {"//execute/Email/add_pop", nullptr, kExecute, "Email", "add_pop"},
    {"//execute/Email/add_pop", "/execute/Email/add_pop", kExecute, "Email", "add_pop"},
    {"//execute/Email/add_pop/", "/execute/Email/add_pop/", kExecute, "Email", "add_pop"},
    {"/execute/m/f", nullptr, kExecute, "m", "f"},
    {"/execute/Batch/strict", nullptr, kExecute, "Batch", "strict"},
    {"/cpsess1234567890/execute/Email/add_pop", nullptr, kExecute, "Email", "add_pop"},
    {"/cpsess0/json-api/cpanel/", nullptr, kJson, "", "cpanel"},
    {"//cpsess7/xml-api/cpanel", "/cpsess7/xml-api/cpanel", kXml, "", "cpanel"},
    {"/json-api/cpanel", nullptr, kJson, "", "cpanel"},
    {"/json-api/cpanel/", nullptr, kJson, "", "cpanel"},
    {"//json-api/cpanel", nullptr, kJson, "", "cpanel"},
    {"/json-api/listaccts", nullptr, kJson, "", "listaccts"},
    {"/json-api/uapi_cpanel", nullptr, kJson, "", "uapi_cpanel"},
    {"/json-api/batch", nullptr, kJson, "", "batch"},
    {"/json-api/360Monitoring/set_360_agent_polling", nullptr, kJson, "",
     "360Monitoring/set_360_agent_polling"},
    {"/json-api/EcosystemFeatures/is_ready/", nullptr, kJson, "", "EcosystemFeatures/is_ready"},
    {"/xml-api/listaccts", nullptr, kXml, "", "listaccts"},
    {"/xml-api/cpanel", nullptr, kXml, "", "cpanel"},
    {"/json-api/a-b", nullptr, kJson, "", "a-b"},
    {"/json-api/batches", nullptr, kJson, "", "batches"},
    {"/json-api/cpanel_x", nullptr, kJson, "", "cpanel_x"},
};

// Refused, whether they are served as `served` or as they stand.
struct Bad {
  const char* wire;
  const char* served;  // null: the same
};

constexpr Bad kBad[] = {
    {"", ""},
    {"*", nullptr},
    {"v1/report", nullptr},
    {"http://h/v1", nullptr},
    // Another path than the one that is served.
    {"/a", "/b"},
    {"/a", "/a/"},
    {"/a/", "/a"},
    {"/a", "/"},
    {"/a", ""},
    {"/a%20b", "/a%20b"},
    {"/a+b", "/a b"},
    {"/a", "/a?"},
    {"//a", "/a"},
    {"/execute/Email/add_pop", "/execute/Email/list_pops"},
    {"/execute/Email/add_pop", "//execute/Email/add_pop"},
    {"/json-api/cpanel/", "/json-api/cpanel"},
    {"/EXECUTE/Email/add_pop", "/execute/Email/add_pop"},
    // Bytes that do not belong there.
    {"/a b", nullptr},
    {"/a\tb", nullptr},
    {"/a\nb", nullptr},
    {"/a\x7f"
     "b",
     nullptr},
    {"/a\\b", nullptr},
    {"/a;b", nullptr},
    {"/a?b", nullptr},
    {"/a#b", nullptr},
    {"/a\"b", nullptr},
    {"/a<b", nullptr},
    {"/a[b", nullptr},
    {"/a^b", nullptr},
    {"/a`b", nullptr},
    {"/a{b", nullptr},
    {"/a|b", nullptr},
    {"/caf\xc3\xa9", nullptr},
    // Encoded, what may not be encoded.
    {"/%", "/%"},
    {"/%4", "/%4"},
    {"/%zz", "/%zz"},
    {"/%4z", "/%4z"},
    {"/%u0041", "/%u0041"},
    {"/%61", "/a"},
    {"/%5a", "/Z"},
    {"/%30", "/0"},
    {"/%2d", "/-"},
    {"/%2E", "/."},
    {"/a%2eb", "/a.b"},
    {"/%5F", "/_"},
    {"/%7e", "/~"},
    {"/a%2Fb", "/a/b"},
    {"/a%2fb", "/a/b"},
    {"/a%5Cb", "/a\\b"},
    {"/a%3Bb", "/a;b"},
    {"/a%3bb", "/a;b"},
    {"/a%3Fb", "/a?b"},
    {"/a%23b", "/a#b"},
    {"/a%25b", "/a%b"},
    {"/a%252e", "/a%2e"},
    {"/a%01b",
     "/a\x01"
     "b"},
    {"/a%0Ab", "/a\nb"},
    {"/a%1Fb",
     "/a\x1f"
     "b"},
    {"/a%7Fb",
     "/a\x7f"
     "b"},
    {"/a%C2%85b",
     "/a\xc2\x85"
     "b"},
    // UTF-8 that is none.
    {"/%80", "/\x80"},
    {"/%C3", "/\xc3"},
    {"/%C3/", "/\xc3/"},
    {"/%C0%AF", "/\xc0\xaf"},
    {"/%C1%BF", "/\xc1\xbf"},
    {"/%E0%80%AF", "/\xe0\x80\xaf"},
    {"/%E0%9F%BF", "/\xe0\x9f\xbf"},
    {"/%F0%80%80%AF", "/\xf0\x80\x80\xaf"},
    {"/%F0%8F%BF%BF", "/\xf0\x8f\xbf\xbf"},
    {"/%ED%A0%80", "/\xed\xa0\x80"},
    {"/%ED%BF%BF", "/\xed\xbf\xbf"},
    {"/%F4%90%80%80", "/\xf4\x90\x80\x80"},
    {"/%F5%80%80%80", "/\xf5\x80\x80\x80"},
    {"/%E2%82", "/\xe2\x82"},
    {"/%FE%FF", "/\xfe\xff"},
    // Segments.
    {"/.", nullptr},
    {"/..", nullptr},
    {"/./a", nullptr},
    {"/a/.", nullptr},
    {"/a/./b", nullptr},
    {"/a/../b", nullptr},
    {"/a/..", nullptr},
    {"/../", nullptr},
    {"/a/%2e%2e/b", "/b"},
    {"/a/.%2E/b", "/b"},
    {"/a/..%20/b", "/a/.. /b"},
    {"/a/.%20./b", "/a/. ./b"},
    {"/a/%20../b", "/a/ ../b"},
    {"/a/%20.", "/a/ ."},
    {"/a/.../b", nullptr},
    {"//", nullptr},
    {"//", "/"},
    {"//a", nullptr},
    {"///a", nullptr},
    {"/a//b", nullptr},
    {"/a//", nullptr},
    {"/a//", "/a/"},
    // The fixed paths in another shape.
    {"/execute", nullptr},
    {"/execute/", nullptr},
    {"//execute", nullptr},
    {"/execute/Email", nullptr},
    {"/execute/Email/", nullptr},
    {"/execute/Email/x/y", nullptr},
    {"/execute/Email/x/y/", nullptr},
    {"/execute/Email/x//", nullptr},
    {"/execute//Email/x", nullptr},
    {"/execute//x", nullptr},
    {"///execute/Email/x", nullptr},
    {"///execute/Email/x", "/execute/Email/x"},
    {"/execute/Email/add-pop", nullptr},
    {"/execute/Em.ail/x", nullptr},
    {"/execute/Email::x/y", nullptr},
    {"/execute/Email/add_pop,x", nullptr},
    {"/execute/Email/add%5Fpop", "/execute/Email/add_pop"},
    {"/execute/Email/x%20", "/execute/Email/x "},
    {"/execute/Email/x%3Fa", "/execute/Email/x?a"},
    {"/execute/Email/x%00", "/execute/Email/x"},
    {"/execute/Email/%C3%A9", "/execute/Email/\xc3\xa9"},
    {"/execute/../execute/Email/x", "/execute/Email/x"},
    {"/execute/Email/x;jsessionid=1", nullptr},
    {"/json-api", nullptr},
    {"/json-api/", nullptr},
    {"/json-api//cpanel", nullptr},
    {"/json-api/a/b/c", nullptr},
    {"/json-api/cpanel/x", nullptr},
    {"/json-api/cpanel//", nullptr},
    {"/json-api/uapi_cpanel/x", nullptr},
    {"/json-api/batch/x", nullptr},
    {"/json-api/x/batch", nullptr},
    {"/json-api/x/cpanel", nullptr},
    {"/json-api/Batch", nullptr},
    {"/json-api/BATCH", nullptr},
    {"/json-api/Cpanel", nullptr},
    {"/json-api/cPanel", nullptr},
    {"/json-api/uapi-cpanel", nullptr},
    {"/json-api/UAPI_cpanel", nullptr},
    {"/json-api/execute/x", nullptr},
    {"/json-api/json-api/cpanel", nullptr},
    {"/json-api/json_api/listaccts", nullptr},
    {"/json-api/xml-api/listaccts", nullptr},
    {"/json-api/cpsess1/listaccts", nullptr},
    {"/json-api/list.accts", nullptr},
    {"/json-api/listaccts%20", "/json-api/listaccts "},
    {"/json-api/list%61ccts", "/json-api/listaccts"},
    {"/json-api/x%2Fy", "/json-api/x/y"},
    {"/xml-api", nullptr},
    {"/xml-api/a/b", nullptr},
    {"/xml-api/cpanel/x", nullptr},
    // Something that a lax backend could take for a fixed path.
    {"/Execute/Email/x", nullptr},
    {"/EXECUTE/Email/x", nullptr},
    {"/execute./Email/x", nullptr},
    {"/execute%20/Email/x", "/execute /Email/x"},
    {"/%20execute/Email/x", "/ execute/Email/x"},
    {"/Json-Api/cpanel", nullptr},
    {"/JSON-API/cpanel", nullptr},
    {"/Xml-api/cpanel", nullptr},
    {"/json%2Dapi/cpanel", "/json-api/cpanel"},
    {"/%65xecute/Email/x", "/execute/Email/x"},
    {"//Execute/Email/x", nullptr},
    // The session segment.
    {"/cpsess", nullptr},
    {"/cpsess1", nullptr},
    {"/cpsess1/", nullptr},
    {"/cpsess1/v1/report", nullptr},
    {"/cpsess/execute/Email/x", nullptr},
    {"/cpsess1a/execute/Email/x", nullptr},
    {"/cpsess-1/execute/Email/x", nullptr},
    {"/CPSESS1/execute/Email/x", nullptr},
    {"/cpsess1/cpsess2/execute/Email/x", nullptr},
    {"/cpsess1//execute/Email/x", nullptr},
    {"/cpsess1/Execute/Email/x", nullptr},
    {"/cpsess1/execute", nullptr},
    {"/cpsess1/..", nullptr},
    {"/cpsession/x", nullptr},
    {"/v1/cpsess1/../execute/Email/x", nullptr},
};

std::string_view served_of(const char* wire, const char* served) {
  return served == nullptr ? wire : served;
}

START_TEST(accepts_canonical_paths) {
  const Good& row = kGood[_i];
  Path path = read_path(row.wire, served_of(row.wire, row.served));
  ck_assert_msg(path.problem.empty(), "%s: %.*s", row.wire, static_cast<int>(path.problem.size()),
                path.problem.data());
  ck_assert_msg(path.family == row.family, "%s: family %d", row.wire, static_cast<int>(path.family));
  ck_assert_view_eq(path.module, row.module);
  ck_assert_view_eq(path.function, row.function);
}
END_TEST

START_TEST(refuses_all_other_paths) {
  const Bad& row = kBad[_i];
  Path path = read_path(row.wire, served_of(row.wire, row.served));
  ck_assert_msg(!path.problem.empty(), "accepted: \"%s\" served as \"%s\"", row.wire,
                std::string(served_of(row.wire, row.served)).c_str());
}
END_TEST

START_TEST(refuses_nul_in_either_form) {
  using namespace std::string_view_literals;
  ck_assert(!read_path("/a%00b", "/a\0b"sv).problem.empty());
  ck_assert(!read_path("/a\0b"sv, "/a\0b"sv).problem.empty());
  ck_assert(!read_path("", "/a\0b"sv).problem.empty());
}
END_TEST

START_TEST(judges_the_served_path_alone_after_a_redirect) {
  for (const char* good : {"/", "/v1/report/", "/a b", "/caf\xc3\xa9", "/\"[]^{}", "/execute/Email/x",
                           "/json-api/cpanel/", "/cpsess1/xml-api/cpanel"}) {
    ck_assert_msg(read_path("", good).problem.empty(), "%s", good);
  }
  for (const char* bad : {"",
                          "a",
                          "//a",
                          "/a//b",
                          "/../a",
                          "/a/.",
                          "/a;b",
                          "/a\\b",
                          "/a%20b",
                          "/a%",
                          "/a?b",
                          "/a#b",
                          "/a\nb",
                          "/a\x7f",
                          "/\xc0\xaf",
                          "/\xc3",
                          "//json-api/cpanel",
                          "/Execute/Email/x",
                          "/execute/Email/x y",
                          "/execute /Email/x",
                          "/cpsess1/v1"}) {
    ck_assert_msg(!read_path("", bad).problem.empty(), "%s", bad);
  }
}
END_TEST

START_TEST(bounds_names_at_64_bytes) {
  std::string name(64, 'n');
  ck_assert(is_function_name(name));
  ck_assert(is_whm1_function(name));
  ck_assert(is_whm1_function(name + "/" + name));
  ck_assert(read_path("/execute/" + name + "/" + name, "/execute/" + name + "/" + name).problem.empty());
  std::string longer = name + "n";
  ck_assert(!is_function_name(longer));
  ck_assert(!is_whm1_function(longer));
  ck_assert(!is_whm1_function("G/" + longer));
  ck_assert(!is_whm1_function(longer + "/f"));
  ck_assert(!read_path("", "/execute/" + longer + "/f").problem.empty());
  ck_assert(!read_path("", "/execute/M/" + longer).problem.empty());
}
END_TEST

// Every byte, as it stands and encoded, once.
START_TEST(knows_what_to_do_with_every_byte) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kSubDelims = "!$&'()*+,=:@";
  for (int byte = 0; byte < 256; ++byte) {
    char c = static_cast<char>(byte);
    char escape[4];
    (void)snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned>(byte));
    std::string plain = std::string("/x") + c + "x", encoded = std::string("/x") + escape + "x";
    bool unreserved = kUnreserved.find(c) != std::string_view::npos;
    bool delimiter = kSubDelims.find(c) != std::string_view::npos;
    bool good_plain = unreserved || delimiter || c == '/';
    bool must_be_encoded = byte > 0x1f && byte < 0x7f && !unreserved && !delimiter &&
                           std::string_view("/\\;?#%").find(c) == std::string_view::npos;
    ck_assert_msg(read_path(plain, plain).problem.empty() == good_plain, "plain byte %d", byte);
    ck_assert_msg(read_path(encoded, plain).problem.empty() == (delimiter || must_be_encoded),
                  "encoded byte %d", byte);
  }
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("path");
  TCase* tcase = tcase_create("path");
  tcase_add_loop_test(tcase, accepts_canonical_paths, 0, std::size(kGood));
  tcase_add_loop_test(tcase, refuses_all_other_paths, 0, std::size(kBad));
  tcase_add_test(tcase, refuses_nul_in_either_form);
  tcase_add_test(tcase, judges_the_served_path_alone_after_a_redirect);
  tcase_add_test(tcase, bounds_names_at_64_bytes);
  tcase_add_test(tcase, knows_what_to_do_with_every_byte);
  suite_add_tcase(suite, tcase);
  return suite;
}
