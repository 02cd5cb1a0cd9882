// Parameters of the management API: every form that clients send, and what could be read in two ways.
#include "manage/params.h"

#include "manage/refused.h"
#include "store_fixture.h"

using namespace tokengate::manage;

namespace {

constexpr const char* kForm = "application/x-www-form-urlencoded";

Params read(const std::string& query, const std::string& body = {}, const std::string& type = kForm) {
  Request request;
  request.query = query;
  request.body = body;
  request.content_type = type;
  return Params::read(request);
}

/// What `run` is refused for; empty if it is not.
template <class Run>
std::string refusal(Run&& run) {
  try {
    run();
  } catch (const Refused& refused) {
    return refused.text;
  }
  return {};
}

/// "a|b", "(none)" if absent, or "!" and the text of the refusal.
std::string acls(const std::string& query, const std::string& body = {}, const std::string& type = kForm) {
  try {
    const auto list = read(query, body, type).list("acl");
    if (!list) return "(none)";
    std::string text;
    for (const std::string& acl : *list) text += (text.empty() ? "" : "|") + acl;
    return text;
  } catch (const Refused& refused) {
    return "!" + refused.text;
  }
}

}  // namespace

START_TEST(lists_come_in_every_form) {
  const struct {
    const char* query;
    const char* body;
    const char* type;
    const char* list;
  } rows[] = {
      {"acl-0=a&acl-1=b", "", "", "a|b"},
      {"acl=a&acl-1=b", "", "", "a|b"},
      {"acl=a&acl=b", "", "", "a|b"},
      {"acl=a&acl=a", "", "", "a"},
      {"acl=all", "", "", "all"},
      {"", "acl-0=a&acl-7=b", kForm, "a|b"},
      {"", "acl=a&acl=b", "application/octet-stream", "a|b"},
      {"", "acl=a&acl=b", "", "a|b"},
      {"", "acl=a&acl=b", "text/plain", "a|b"},
      {"", R"({"acl":["a","b"]})", "application/json", "a|b"},
      {"", R"({"acl":["a","b"]})", "Application/JSON; charset=utf-8", "a|b"},
      {"", R"( {"acl":["a","b"]})", "application/octet-stream", "a|b"},
      {"", R"({"acl":"a"})", "application/json", "a"},
      {"", R"({"acl":["a"],"acl-1":"b"})", "application/json", "a|b"},
      {"acl=a", "acl=a", kForm, "a"},
      {"acl-0=a", "acl-1=b", kForm, "a|b"},
      {"%61cl=%61%2dx", "", "", "a-x"},
      {"acl=a&&acl=b&", "", "", "a|b"},
      {"", "", "", "(none)"},
      {"acls=a&acl-=b&acl-x=c&aclx=d&acl[]=e", "", "", "(none)"},
      // Refused
      {"acl=a%2Cb", "", "", "!“acl” holds a comma"},
      {"acl=a,b", "", "", "!“acl” holds a comma"},
      {"", R"({"acl":"a,b"})", "application/json", "!“acl” holds a comma"},
      {"acl=", "", "", "!“acl” is empty"},
      {"acl", "", "", "!“acl” is empty"},
      {"", R"({"acl":[]})", "application/json", "!“acl” is an empty list"},
      {"", R"({"acl":null})", "application/json", "!“acl” is null"},
      {"", R"({"acl":["a"],"acl-1":null})", "application/json", "!“acl-1” is null"},
      {"", R"({"acl":[null]})", "application/json", "!“acl” is neither"},
      {"acl=a", R"({"acl":null})", "application/json", "!“acl” stands in the query"},
      {"acl=a", "acl=b", kForm, "!“acl” stands in the query"},
      {"acl=a", "acl=a&acl=b", kForm, "!“acl” stands in the query"},
      {"acl=a", R"({"acl":["a","b"]})", "application/json", "!“acl” stands in the query"},
      {"acl=%", "", "", "!A “%” without"},
      {"acl=%4", "", "", "!A “%” without"},
      {"acl=%zz", "", "", "!A “%” without"},
      {"acl=a%00b", "", "", "!A NUL byte"},
      {"", "{\"acl\":\"a\\u0000b\"}", "application/json", "!A NUL byte"},
      {"", R"({"acl":"a","acl":"b"})", "application/json", "!A name stands twice"},
      {"", R"({"acl":{"a":1}})", "application/json", "!“acl” is neither"},
      {"", R"({"acl":[["a"]]})", "application/json", "!“acl” is neither"},
      {"", R"({"acl":1.5})", "application/json", "!“acl” is neither"},
      {"", R"(["acl"])", "application/json", "!The body is not a JSON object"},
      {"", R"({"acl":"a"} x)", "application/json", "!The body is not a JSON object"},
      {"", "acl=a", "application/json", "!The body is not a JSON object"},
      {"", "--x\r\n", "multipart/form-data; boundary=x", "!These functions take no multipart"},
      {"", "--x\r\n", "Multipart/Form-Data; boundary=x", "!These functions take no multipart"},
  };
  for (const auto& row : rows) {
    const std::string list = acls(row.query, row.body, row.type);
    const bool right = row.list[0] == '!' ? list.starts_with(row.list) : list == row.list;
    ck_assert_msg(right, "?%s %s: %s, not %s", row.query, row.body, list.c_str(), row.list);
  }
}
END_TEST

START_TEST(single_values_are_single) {
  ck_assert_view_eq(read("name=a+b%2B").one("name").value(), "a b+");
  ck_assert_view_eq(read("name=a&name=a").one("name").value(), "a");
  ck_assert_view_eq(read("name=a=b").one("name").value(), "a=b");
  ck_assert(!read("Name=a").one("name"));
  ck_assert(!read("", R"({"name":null})", "application/json").one("name"));
  ck_assert(refusal([] {
              read("", R"({"nam":null})", "application/json").require_known({"name"});
            }).starts_with("There is no parameter “nam”"));
  ck_assert(refusal([] { (void)read("name=a&name=b").one("name"); }).starts_with("“name” is given twice"));
  ck_assert(refusal([] { (void)read("").required("name"); }).starts_with("Give the parameter “name”"));
  ck_assert(refusal([] { (void)read("name=").required("name"); }).starts_with("Give the parameter “name”"));
  ck_assert_view_eq(read("", R"({"name":7})", "application/json").one("name").value(), "7");
}
END_TEST

START_TEST(numbers_are_whole_and_decimal) {
  const struct {
    const char* text;
    int64_t number;  ///< -1: refused
  } rows[] = {
      {"0", 0},
      {"1609372800", 1609372800},
      {"9007199254740991", 9007199254740991},
      {"007", 7},
      {"", -1},
      {"-1", -1},
      {"%2B1", -1},
      {"1.0", -1},
      {"1e9", -1},
      {"0x10", -1},
      {"9007199254740992", -1},
      {"99999999999999999999", -1},
      {"1+", -1},
      {"2026-12-31", -1},
      {"never", -1},
      {"%D9%A1", -1},
  };
  for (const auto& row : rows) {
    int64_t number = -1;
    const std::string why = refusal([&] { number = *read(std::string("n=") + row.text).number("n"); });
    ck_assert_msg(number == row.number && why.empty() == (row.number >= 0), "%s: %s", row.text, why.c_str());
  }
  ck_assert(!read("").number("n"));
}
END_TEST

START_TEST(flags_are_0_or_1) {
  ck_assert(*read("f=1").flag("f") && !*read("f=0").flag("f") && !read("").flag("f"));
  ck_assert(*read("", R"({"f":true})", "application/json").flag("f"));
  for (const char* bad : {"f=", "f=yes", "f=true", "f=2", "f=1&f=0"}) {
    ck_assert(!refusal([&] { (void)read(bad).flag("f"); }).empty());
  }
}
END_TEST

START_TEST(a_slip_of_the_pen_is_no_omission) {
  const auto check = [](const std::string& query) {
    return refusal([&] {
      read(query).require_known({"token_name", "acl-N", "expires_at", "whitelist_ip-N"});
    });
  };
  for (const char* good : {"token_name=a&acl=b&acl-3=c&expires_at=0&whitelist_ip-0=d", "api.version=1",
                           "cpanel_jsonapi_module=Tokens&cpanel_xmlapi_func=x&cpanel.user=shop"}) {
    ck_assert_view_eq(check(good), "");
  }
  for (const char* bad : {"expire_at=1", "expires_at-0=1", "token_name-1=a", "whitelist-ip-3=a", "acls=a",
                          "acl[]=a", "acl%5B0%5D=a", "ACL=a", "acl-=a", "acl-a=a", "=a", "acl%00=a"}) {
    ck_assert_msg(!check(bad).empty(), "%s", bad);
  }
}
END_TEST

START_TEST(there_are_limits) {
  std::string many;
  for (size_t i = 0; i <= kMaxParameters; ++i) many += "acl-" + std::to_string(i) + "=a&";
  ck_assert(refusal([&] { (void)read(many); }).find("more than 1000") != std::string::npos);
  ck_assert(refusal([&] { (void)read(many, many); }).find("more than 1000") != std::string::npos);
  // Counted before they are compared with each other.
  std::string flood;
  while (flood.size() + 2 <= kMaxParameterBytes) flood += "a&";
  ck_assert(refusal([&] { (void)read(flood, flood); }).find("more than 1000") != std::string::npos);
  const std::string large = "a=" + std::string(kMaxParameterBytes, 'a');
  ck_assert(refusal([&] { (void)read("", large); }).find("larger than") != std::string::npos);
  ck_assert(refusal([&] { (void)read(large); }).find("larger than") != std::string::npos);
}
END_TEST

START_TEST(quotes_hold_nothing_that_does_not_print) {
  ck_assert_view_eq(in_quotes("a\n\x1b\xff"), "“a???”");
  ck_assert_uint_lt(in_quotes(std::string(500, 'a')).size(), 100);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("manage_params");
  TCase* tcase = tcase_create("manage_params");
  tcase_add_test(tcase, lists_come_in_every_form);
  tcase_add_test(tcase, single_values_are_single);
  tcase_add_test(tcase, numbers_are_whole_and_decimal);
  tcase_add_test(tcase, flags_are_0_or_1);
  tcase_add_test(tcase, a_slip_of_the_pen_is_no_omission);
  tcase_add_test(tcase, there_are_limits);
  tcase_add_test(tcase, quotes_hold_nothing_that_does_not_print);
  suite_add_tcase(suite, tcase);
  return suite;
}
