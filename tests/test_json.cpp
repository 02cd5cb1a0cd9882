// The strict JSON reader.
#include <string>
#include <vector>

#include "json.h"
#include "support.h"

using namespace tokengate;

namespace {

struct Row {
  const char* text;
  JsonValue::Kind kind;
  const char* raw;  // null: the text
};

constexpr Row kGood[] = {
    {"{}", JsonValue::kObject, nullptr},
    {"[]", JsonValue::kArray, nullptr},
    {" \t\r\n[] \t\r\n", JsonValue::kArray, "[]"},
    {"{\"a\":1,\"b\":[true,false,null]}", JsonValue::kObject, nullptr},
    {"{ \"a\" : 1 , \"b\" : { } }", JsonValue::kObject, nullptr},
    {"{\"\":\"\"}", JsonValue::kObject, nullptr},
    {"\"a\"", JsonValue::kString, "a"},
    {"\"\"", JsonValue::kString, ""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"", JsonValue::kString,
     "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"},
    {"\"\x7f\xc3\xa9\"", JsonValue::kString, "\x7f\xc3\xa9"},
    {"0", JsonValue::kNumber, nullptr},
    {"-0", JsonValue::kNumber, nullptr},
    {"10", JsonValue::kNumber, nullptr},
    {"1.5", JsonValue::kNumber, nullptr},
    {"1e5", JsonValue::kNumber, nullptr},
    {"-1.5E+10", JsonValue::kNumber, nullptr},
    {"1e-1", JsonValue::kNumber, nullptr},
    {"true", JsonValue::kLiteral, nullptr},
    {"false", JsonValue::kLiteral, nullptr},
    {"null", JsonValue::kLiteral, nullptr},
};

constexpr const char* kBad[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\" 1}",
    "{1:1}",
    "{\"a\":1}}",
    "{}{}",
    "[] []",
    "{} x",
    "\"",
    "\"a",
    "\"a\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\",
    "\"\\u",
    "\"\t\"",
    "\"\n\"",
    "\"\x01\"",
    "'a'",
    "00",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "1_0",
    "NaN",
    "Infinity",
    "-Infinity",
    "tru",
    "True",
    "nul",
    "nulll",
    "undefined",
    "// c\n{}",
    "{}/**/",
    "\xef\xbb\xbf{}",
    "\v{}",
    "\"\xc0\xaf\"",
    "\"\xff\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xc3\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800x\"",
    "\"\\uD800\\n\"",
    "\"\\uD800\\u0041\"",
    "\"\\uD800\\uD800\"",
    "\"\\uDE00\\uD83D\"",
    "[\"a\",]",
    "[tru]",
    "{\"a\":tru}",
    "{\"\\x\":1}",
};

START_TEST(accepts_json) {
  const Row& row = kGood[_i];
  JsonValue value = read_json(row.text);
  ck_assert_msg(value.kind == row.kind, "%s: kind %d", row.text, value.kind);
  ck_assert_view_eq(value.raw, row.raw == nullptr ? row.text : row.raw);
}
END_TEST

START_TEST(refuses_what_is_not_json) {
  ck_assert_msg(read_json(kBad[_i]).kind == JsonValue::kInvalid, "accepted: %s", kBad[_i]);
}
END_TEST

START_TEST(refuses_nul_everywhere) {
  using namespace std::string_view_literals;
  for (std::string_view text : {"\0"sv, "{}\0"sv, "\"\0\""sv, "[\0]"sv, "{\"a\0\":1}"sv, "{\0\"a\":1}"sv}) {
    ck_assert(read_json(text).kind == JsonValue::kInvalid);
  }
}
END_TEST

// No prefix of a good text may be read beyond its end, nor be good.
START_TEST(refuses_every_prefix) {
  std::string text = R"({"a\u00e9":[1.5e3,"x\uD83D\uDE00",{"b":null}],"c":true})";
  ck_assert(read_json(text).kind == JsonValue::kObject);
  for (size_t size = 0; size < text.size(); ++size) {
    std::vector<char> exact(text.begin(), text.begin() + static_cast<long>(size));
    ck_assert(read_json({exact.data(), exact.size()}).kind == JsonValue::kInvalid);
  }
}
END_TEST

START_TEST(bounds_nesting) {
  auto nested = [](unsigned depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
  };
  ck_assert(read_json(nested(kMaxJsonDepth, '[', ']')).kind == JsonValue::kArray);
  ck_assert(read_json(nested(kMaxJsonDepth + 1, '[', ']')).kind == JsonValue::kInvalid);
  ck_assert(read_json(std::string(1000000, '[')).kind == JsonValue::kInvalid);
  std::string objects;
  for (unsigned i = 0; i < kMaxJsonDepth; ++i) objects += "{\"a\":";
  ck_assert(read_json(objects + "1" + std::string(kMaxJsonDepth, '}')).kind == JsonValue::kObject);
  ck_assert(read_json("{\"a\":" + objects + "1" + std::string(kMaxJsonDepth + 1, '}')).kind ==
            JsonValue::kInvalid);
}
END_TEST

START_TEST(walks_members_and_elements) {
  std::string_view key;
  JsonValue value;
  JsonItems members(read_json(R"( { "a" : "1" , "b\n":[ 2 ,3 ], "":{} } )"));
  ck_assert(members.next(&key, &value) && value.kind == JsonValue::kString);
  ck_assert_view_eq(key, "a");
  ck_assert_view_eq(value.raw, "1");
  ck_assert(members.next(&key, &value) && value.kind == JsonValue::kArray);
  ck_assert_view_eq(key, "b\\n");
  ck_assert_view_eq(value.raw, "[ 2 ,3 ]");
  JsonValue array = value;
  ck_assert(members.next(&key, &value) && value.kind == JsonValue::kObject);
  ck_assert(key.empty());
  ck_assert(!members.next(&key, &value));
  ck_assert(!members.next(&key, &value));

  JsonItems elements(array);
  ck_assert(elements.next(&key, &value));
  ck_assert_view_eq(value.raw, "2");
  ck_assert(elements.next(&key, &value));
  ck_assert_view_eq(value.raw, "3");
  ck_assert(!elements.next(&key, &value));

  JsonItems none(read_json("{ }"));
  ck_assert(!none.next(&key, &value));
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("json");
  TCase* tcase = tcase_create("json");
  tcase_add_loop_test(tcase, accepts_json, 0, std::size(kGood));
  tcase_add_loop_test(tcase, refuses_what_is_not_json, 0, std::size(kBad));
  tcase_add_test(tcase, refuses_nul_everywhere);
  tcase_add_test(tcase, refuses_every_prefix);
  tcase_add_test(tcase, bounds_nesting);
  tcase_add_test(tcase, walks_members_and_elements);
  suite_add_tcase(suite, tcase);
  return suite;
}
