// A token with manage-api-tokens and two other ACLs is attacked with what test_manage_attack.cpp's
// combinations do not spell: names and values in odd cases, places and encodings, ends and addresses in every
// notation, and JSON of every shape. Each row goes to each function, for each token; some do something, none
// gives more.
#include <span>

#include "battlefield.h"

using namespace tokengate;

namespace {

/// `$N` stands for the name of the parameter that names a token, `$T` for a token's name, `$A` for the name
/// of the list of ACLs, `$E` for the same with its first character percent-encoded, `$L` for a moment after
/// the attacker's end.
struct Row {
  const char* query;
  const char* body = "";
  const char* content_type = "application/x-www-form-urlencoded";
};

constexpr const char* kJson = "application/json";

constexpr Row kNames[] = {
    {"$N=$T&$A=first"},  // the one that may
    {"$N=$T&ACL=third&FEATURES=third"},
    {"$N=$T&$A=first&Acl=third&Features=third"},
    {"$N=$T&acl=first&acls=third"},
    {"$N=$T&acls=third"},
    {"$N=$T&acl=first&features=third"},
    {"$N=$T&features=first&acl=third"},
    {"$N=$T&privileges=third&feature=third&permission=third"},
    {"$N=$T&$A=first&$A-0=third"},
    {"$N=$T&$A-0=first&$A-0=third"},
    {"$N=$T&$A-0=first&$A-00=third"},
    {"$N=$T&$A-7=third&$A=first"},
    {"$N=$T&$A-18446744073709551616=third"},
    {"$N=$T&$A=first&$A-=third"},
    {"$N=$T&$A=first&$A--1=third"},
    {"$N=$T&$A=first&$A-+1=third"},
    {"$N=$T&$A=first&$A-0-1=third"},
    {"$N=$T&$A=first&$A_1=third&$A1=third"},
    {"$N=$T&$A[]=first&$A[]=third"},
    {"$N=$T&$A[0]=first&$A[1]=third"},
    {"$N=$T&$A.0=first&$A.1=third"},
    {"$N=$T&$A%5B%5D=third&$A=first"},
    {"$N=$T&$E=third"},
    {"$N=$T&$A=first&$E=third"},
    {"$N=$T&$A=first&$E%2D1=third"},
    {"$N=$T&$A=first&%20$A=third&$A%20=third"},
    {"$N=$T&$A=first&$A%00=third"},
    {"$N=$T&full_access=1&$A=first"},
    {"$N=$T&Full_Access=1&has_full_access=1&all=1&$A=first"},
    {"$N=$T&readonly=0&$A=first"},
    {"$N=$T&user=root&account=root&owner=root&parent=bigger2&token=bigger2&$A=first"},
    {"$N=$T&api.user=root&cpanel.user=root&cpanel_jsonapi_user=root&$A=first&$A-1=third"},
    {"$N=$T&api.version=0&$A=first&$A-1=third"},
    {"$N=$T&api.version=2&$A=third"},
    {"$N=$T&$A=first;$A=third"},
    {"$N=$T;$A=third&$A=first"},
    {"$N=$T&$A=first&&&$A=third&"},
    {"$N=$T&=third&$A=first"},
    {"$N=$T&$N=bigger1&$A=first"},
    {"$N=$T&$N-1=bigger1&$A=third"},
    {"$N=$T%00&$A=third"},
    {"$N=MANAGER&$A=first"},
    {"name=$T&token_name=$T&$A=first"},
    {"$N=$T&new_name=other"},
    {"$N=$T&new_name=other&$A=first"},
    {"$N=$T&new_name=manager&$A=third"},
    {"$N=$T&overlap=9007199254740991"},
    {"$N=$T&overlap=60"},
    {"$N=$T"},
};

constexpr Row kValues[] = {
    {"$N=$T&$A=THIRD"},
    {"$N=$T&$A=ALL"},
    {"$N=$T&$A=All&$A-1=first"},
    {"$N=$T&$A=all&$A-1=first"},
    {"$N=$T&$A=*"},
    {"$N=$T&$A=first&$A=%2A"},
    {"$N=$T&$A=first;third"},
    {"$N=$T&$A=first+third"},
    {"$N=$T&$A=first%0Athird"},
    {"$N=$T&$A=first%7Cthird"},
    {"$N=$T&$A=first%00third"},
    {"$N=$T&$A=first%2Cthird"},
    {"$N=$T&$A=+third"},
    {"$N=$T&$A=third+"},
    {"$N=$T&$A=third%00"},
    {"$N=$T&$A=%74hird"},
    {"$N=$T&$A=%2574hird"},
    {"$N=$T&$A=whm:third&$A-1=cpanel:third"},
    {"$N=$T&$A=-first&$A-1=%2Bthird&$A-2=!first"},
    {"$N=$T&$A=second&$A=first&$A=second"},
    {"$N=$T&$A="},
    {"$N=$T&$A"},
    {"$N=$T&$A=&$A=third"},
    {"$N=$T&$A=first&$A-1="},
    {"$N=$T&$A=first&expires_at="},
    {"$N=$T&$A=first&expires_at"},
    {"$N=$T&$A=first&whitelist_ip="},
    {"$N=$T&$A=first&whitelist_ip"},
    {"$N=$T&$A=first&whitelist_ip-0=192.0.2.1&whitelist_ip-1="},
    {"$N=$T&$A=first&readonly="},
    {"$N=$T&full_access="},
    {"$N=&$A=third"},
};

constexpr const char* kEnds[] = {
    "0",
    "00",
    "0.0",
    "-0",
    "%2B0",
    "-1",
    "0x0",
    "0e0",
    "1e300",
    "+0",
    "0+",
    "0%00",
    "never",
    "null",
    "none",
    "infinity",
    "NaN",
    "true",
    "%D9%A0",
    "%EF%BC%90",
    "2099-12-31",
    "$L",
    "0$L",
    "%2B$L",
    "$L.0",
    "9007199254740991",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
};

constexpr const char* kAddresses[] = {
    "any",
    "ANY",
    "*",
    "all",
    "0",
    "0/0",
    "::",
    "::/0",
    "0.0.0.0",
    "0.0.0.0/0",
    "0.0.0.0/00",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "192.0.2.0/23",
    "192.0.2.0/0",
    "192.0.2.1/0",
    "192.0.2.1/23",
    "192.0.2.0/-1",
    "192.0.2.0/24/0",
    "192.0.2.0%2F0",
    "192.0.2.0/255.255.0.0",
    "192.0.2",
    "192.0.2.",
    "192.0.2.*",
    "192.0.2.1-198.51.100.1",
    "198.51.100.1",
    "3325256705",
    "0xC6336401",
    "0306.0063.0144.01",
    "::ffff:198.51.100.1",
    "::ffff:192.0.2.0/119",
    "::ffff:0:0/96",
    "2001:db8::/31",
    "2001:db9::",
    "[2001:db8::1]/0",
    "2001:db8::1%25eth0",
    "192.0.2.1%00",
    "192.0.2.1,198.51.100.1",
    "192.0.2.1+198.51.100.1",
    "192.0.2.1&whitelist_ip=198.51.100.1",
    "192.0.2.1&whitelist_ip-0=0.0.0.0/0",
    "any&whitelist_ip-1=192.0.2.1",
    "192.0.2.1&whitelist_ip-1=any",
    "192.0.2.1&whitelist_ips=any&whitelist-ip=any&Whitelist_Ip=any",
    "192.0.2.1&whitelist_ip[]=any",
};

/// Two places at once.
constexpr Row kPlaces[] = {
    {"$N=$T&$A=first", "$A=third"},
    {"$A=third", "$N=$T&$A=first"},
    {"$N=$T", "$A=first&$A=third"},
    {"$N=$T&$A=first", "$A=first&$A=third"},
    {"$N=$T&$A=first", "$A-1=third"},
    {"$N=$T&$A-0=first", "$A=third&$A-0=first"},
    {"$N=child&$A=first", "$N=$T"},
    {"$N=$T&$A=first&expires_at=1800000100", "expires_at=0"},
    {"$N=$T&$A=first&expires_at=0", "expires_at=1800000100"},
    {"$N=$T&$A=first&whitelist_ip=192.0.2.1", "whitelist_ip=any"},
    {"$N=$T&$A=first&whitelist_ip=192.0.2.1", "whitelist_ip-1=198.51.100.1"},
    {"$N=$T&$A=first", R"({"$A":["first","third"]})", kJson},
    {"$N=$T&$A=first", R"({"$A-1":"third"})", kJson},
    {"$N=$T&$A=first&expires_at=1800000100", R"({"expires_at":0})", kJson},
    {"$N=$T&$A=first&expires_at=1800000100", R"({"expires_at":null})", kJson},
    {"$N=$T&$A=first&whitelist_ip=192.0.2.1", R"({"whitelist_ip":null,"$A-1":"third"})", kJson},
};

/// Bodies: JSON, or what is taken for it, or not.
constexpr Row kBodies[] = {
    {"", R"({"$N":"$T","$A":["first"]})", kJson},
    {"", R"({"$N":"$T","$A":["first","third"]})", kJson},
    {"", R"({"$N":"$T","$A":["first","third"]})", ""},
    {"", R"({"$N":"$T","$A":["first","third"]})"},
    {"", R"({"$N":"$T","$A":["first","third"]})", "text/plain"},
    {"", R"({"$N":"$T","$A":"first","$A":"third"})", kJson},
    {"", R"({"$N":"$T","acl":"first","\u0061cl":"third"})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"$A-1":["third"]})", kJson},
    {"", R"({"$N":"$T","$A":{"third":1}})", kJson},
    {"", R"({"$N":"$T","$A":{"0":"first","1":"third"}})", kJson},
    {"", R"({"$N":"$T","$A":[["first","third"]]})", kJson},
    {"", R"({"$N":"$T","$A":[null,"first"]})", kJson},
    {"", R"({"$N":"$T","$A":["first",true]})", kJson},
    {"", R"({"$N":"$T","$A":["first\u0000","third\u0000"]})", kJson},
    {"", R"({"$N":"$T","$A":["\u0074hird"]})", kJson},
    {"", R"({"$N":"$T","$A":"first,third"})", kJson},
    {"", R"({"$N":"$T","$A":null})", kJson},
    {"", R"({"$N":"$T","$A":[]})", kJson},
    {"", R"({"$N":"$T","$A":""})", kJson},
    {"", R"({"$N":"$T","$A":true})", kJson},
    {"", R"({"$N":"$T","$A":0})", kJson},
    {"", R"({"$N":["$T","bigger1"],"$A":["first"]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":0})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":null})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":false})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":"0"})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":[0]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":[1800000100,0]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":-1})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":1e400})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":1.0e18})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":9007199254740993})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":18446744073709551616})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"expires_at":{}})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":null})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":[]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":["any"]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":["any","192.0.2.1"]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":["192.0.2.1","198.51.100.1"]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":{"0":"any"}})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"whitelist_ip":0})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"full_access":true})", kJson},
    {"", R"({"$N":"$T","full_access":true})", kJson},
    {"", R"({"$N":"$T","full_access":1,"$A":[]})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"readonly":false})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"__proto__":{"$A":["third"]}})", kJson},
    {"", R"({"$N":"$T","$A":["first"],"data":{"$A":["third"]}})", kJson},
    {"", R"({"$N":"$T","$A":["first"]}{"$N":"$T","$A":["third"]})", kJson},
    {"", R"([{"$N":"$T","$A":["third"]}])", kJson},
    {"", R"({"$N":"$T","$A":["first",],})", kJson},
    {"", R"({"$N":"$T",/*"$A":["first"],*/"$A":["third"]})", kJson},
    {"", "\xEF\xBB\xBF{\"$N\":\"$T\",\"$A\":[\"first\",\"third\"]}", kJson},
    {"", "\r\n\t {\"$N\":\"$T\",\"$A\":[\"first\",\"third\"]}", ""},
    {"", "\f{\"$N\":\"$T\",\"$A\":[\"third\"]}", ""},
    {"", R"({"$N":"$T","$A":["third"]})", "application/json;charset=utf-16"},
    {"", R"({"$N":"$T","$A":["third"]})", "application/vnd.api+json"},
    {"", "$N=$T&$A=third", kJson},
    {"", "$N=$T&$A=first\r\n&$A=third"},
    {"", "$N=$T&$A=third", "application/xml"},
    {"$N=$T&$A=first", "--x\r\nContent-Disposition: form-data; name=\"$A\"\r\n\r\nthird\r\n--x--\r\n",
     "multipart/form-data; boundary=x"},
    {"$N=$T&$A=first", "--x\r\nContent-Disposition: form-data; name=\"$A\"\r\n\r\nthird\r\n--x--\r\n", ""},
};

/// The row as a call of this service sends it.
std::string written(Service service, const char* target, std::string text) {
  const bool whm = service == kWhm;
  const struct {
    const char* mark;
    std::string value;
  } marks[] = {{"$N", whm ? "token_name" : "name"},
               {"$T", target},
               {"$A", whm ? "acl" : "features"},
               {"$E", whm ? "%61cl" : "%66eatures"},
               {"$L", std::to_string(kEnd + 1)}};
  for (const auto& [mark, value] : marks) {
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, 2, value);
  }
  return text;
}

void strike_with_all(Service service, const char* first_part, std::initializer_list<const char*> functions) {
  Battlefield field(service);
  const auto strike = [&](const std::string& path, const char* target, const std::string& query,
                          const Row& row) {
    field.strike(path + written(service, target, query), written(service, target, row.body),
                 row.content_type);
  };
  for (const char* function : functions) {
    const std::string path = std::string(first_part) + function + "?api.version=1&";
    for (const char* target : kTargets) {
      for (std::span<const Row> rows : {std::span<const Row>(kNames), std::span<const Row>(kValues),
                                        std::span<const Row>(kPlaces), std::span<const Row>(kBodies)}) {
        for (const Row& row : rows) strike(path, target, row.query, row);
      }
      for (const char* end : kEnds) {
        const std::string query = std::string("$N=$T&expires_at=") + end;
        strike(path, target, query + "&$A=first", {""});
        strike(path, target, query, {""});
        strike(path, target, query + "&$A=first&expires_at=1800000100", {""});
      }
      for (const char* address : kAddresses) {
        const std::string query = std::string("$N=$T&whitelist_ip=") + address;
        strike(path, target, query + "&$A=first", {""});
        strike(path, target, query, {""});
      }
    }
  }
  // Not all is refused: what does something is judged by what it did, and its secrets are tried.
  ck_assert_int_gt(field.attacks_, 10'000);
  ck_assert_int_gt(field.done_, 30);
  ck_assert_int_gt(field.secrets_, 20);
  ck_assert_int_gt(field.granted_, 20);
}

}  // namespace

START_TEST(no_spelling_gives_a_whm_token_more) {
  strike_with_all(kWhm, "/json-api/api_token_", {"create", "update", "rotate", "get_details", "list"});
}
END_TEST

START_TEST(no_spelling_gives_an_account_token_more) {
  strike_with_all(
      kCpanel, "/execute/Tokens/",
      {"create_full_access", "create_limited", "update", "rename", "rotate", "get_details", "list"});
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_attack_forms");
  TCase* tcase = tcase_create("manage_attack_forms");
  tcase_set_timeout(tcase, 300);
  tcase_add_test(tcase, no_spelling_gives_a_whm_token_more);
  tcase_add_test(tcase, no_spelling_gives_an_account_token_more);
  suite_add_tcase(suite, tcase);
  return suite;
}
