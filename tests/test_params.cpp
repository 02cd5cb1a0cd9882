// Decoding, comparing and walking parameters, and recognising names.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "params.h"
#include "support.h"

using namespace tokengate;
using namespace std::string_view_literals;

namespace {

struct DecodeRow {
  std::string_view raw;
  std::string_view decoded;
  Encoding encoding;
  bool good = true;
};

constexpr Encoding kPlain = Encoding::kPlain, kForm = Encoding::kForm, kLoose = Encoding::kLooseForm,
                   kJson = Encoding::kJson;

constexpr DecodeRow kDecode[] = {
    {"a%41+\\n", "a%41+\\n", kPlain},
    {"", "", kForm},
    {"abc", "abc", kForm},
    {"a+b%20c", "a b c", kForm},
    {"%2B%25%26%3D", "+%&=", kForm},
    {"%41%6a%6A", "Ajj", kForm},
    {"%2541", "%41", kForm},
    {"%00x", "\0x"sv, kForm},
    {"%ff\xff", "\xff\xff", kForm},
    {"%", "", kForm, false},
    {"a%4", "", kForm, false},
    {"%4g", "", kForm, false},
    {"%g4", "", kForm, false},
    {"%%41", "", kForm, false},
    {"%u0041", "", kForm, false},
    {"%-1", "", kForm, false},
    {"%+1", "", kForm, false},
    {"% 1", "", kForm, false},
    {"%", "%", kLoose},
    {"a%4", "a%4", kLoose},
    {"%4g%41", "%4gA", kLoose},
    {"%%41+", "%A ", kLoose},
    {"", "", kJson},
    {"a+%41", "a+%41", kJson},
    {R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t", kJson},
    {R"(\u0041\u00e9\u20AC\uD83D\ude00)", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", kJson},
    {R"(\u0000\u007f\u0080\u07ff\u0800\uffff)", "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"sv, kJson},
    {R"(\uDBFF\uDFFF)", "\xf4\x8f\xbf\xbf", kJson},
    // read_json() lets none of these through; the decoder must still not stumble.
    {R"(\)", "", kJson, false},
    {R"(\x)", "", kJson, false},
    {R"(\u12)", "", kJson, false},
    {R"(\uD800)", "", kJson, false},
    {R"(\uD800\u0041)", "", kJson, false},
    {R"(\uDC00)", "", kJson, false},
};

START_TEST(decodes_once) {
  const DecodeRow& row = kDecode[_i];
  std::string raw(row.raw);
  std::vector<char> memory(raw.size());
  Scratch scratch(memory);
  auto decoded = scratch.decode({raw, row.encoding});
  ck_assert_msg(decoded.has_value() == row.good, "%s", raw.c_str());
  if (row.good) ck_assert_view_eq(*decoded, row.decoded);

  // In place, the same.
  Scratch in_place{std::span<char>(raw)};
  decoded = in_place.decode({raw, row.encoding});
  ck_assert(decoded.has_value() == row.good);
  if (row.good) ck_assert_view_eq(*decoded, row.decoded);
}
END_TEST

START_TEST(compares_decoded_bytes) {
  struct Row {
    Encoded a, b;
    bool alike;
  };
  const Row rows[] = {
      {{"Email", kForm}, {"Em%61il", kForm}, true},
      {{"Email", kForm}, {R"(\u0045mail)", kJson}, true},
      {{"2", kPlain}, {"%32", kForm}, true},
      {{"a b", kPlain}, {"a+b", kForm}, true},
      {{"a+b", kJson}, {"a+b", kForm}, false},
      {{"Email", kForm}, {"email", kForm}, false},
      {{"Email", kForm}, {"Email%20", kForm}, false},
      {{"Email", kForm}, {"Emai", kForm}, false},
      {{"", kForm}, {"", kJson}, true},
      {{"", kForm}, {"a", kForm}, false},
      {{"%", kForm}, {"%", kForm}, false},
      {{"a%", kForm}, {"a%", kForm}, false},
  };
  for (const Row& row : rows) {
    ck_assert_msg(decodes_alike(row.a, row.b) == row.alike, "%s", std::string(row.a.raw).c_str());
    ck_assert(decodes_alike(row.b, row.a) == row.alike);
  }
}
END_TEST

START_TEST(scratch_takes_no_more_than_it_has) {
  std::array<char, 4> memory{};
  Scratch scratch(memory);
  ck_assert_view_eq(*scratch.decode({"ab", kForm}), "ab");
  ck_assert(!scratch.decode({"cde", kForm}).has_value());
  ck_assert_view_eq(*scratch.decode({"cd", kForm}), "cd");
  ck_assert(!scratch.decode({"e", kForm}).has_value());
  ck_assert(scratch.decode({"", kForm}).has_value());
  ck_assert_view_eq((std::string_view{memory.data(), 4}), "abcd");

  Scratch none(std::span<char>{});
  ck_assert(!none.decode({"a", kForm}).has_value());
  ck_assert(none.decode({"", kForm}).has_value());
}
END_TEST

START_TEST(decoding_in_place_leaves_the_rest_alone) {
  std::array<char, 16> memory{};
  Scratch scratch(memory);
  std::string_view outer = *scratch.decode({"a=%2541&b=%2542", kForm});
  ck_assert_view_eq(outer, "a=%41&b=%42");
  std::string_view a = outer.substr(2, 3), b = outer.substr(8, 3);
  ck_assert_view_eq(*scratch.decode({a, kForm}), "A");
  ck_assert_view_eq(b, "%42");
  ck_assert_view_eq(*scratch.decode({b, kForm}), "B");
}
END_TEST

START_TEST(walks_form_text) {
  struct Row {
    const char* text;
    std::vector<std::pair<std::string, std::string>> items;
  };
  const Row rows[] = {
      {"", {}},
      {"&", {}},
      {"&&&", {}},
      {"a=1", {{"a", "1"}}},
      {"a=1&b=2", {{"a", "1"}, {"b", "2"}}},
      {"&a=1&&b=2&", {{"a", "1"}, {"b", "2"}}},
      {"a", {{"a", ""}}},
      {"a=", {{"a", ""}}},
      {"=1", {{"", "1"}}},
      {"=", {{"", ""}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"a;b=1", {{"a;b", "1"}}},
      {"?a=1?b=2", {{"?a", "1?b=2"}}},
      {"a%3D1=b%26", {{"a%3D1", "b%26"}}},
  };
  for (const Row& row : rows) {
    FormItems items(row.text);
    std::string_view piece, name, value;
    for (const auto& [expected_name, expected_value] : row.items) {
      ck_assert_msg(items.next(&piece, &name, &value), "%s", row.text);
      ck_assert_view_eq(name, expected_name);
      ck_assert_view_eq(value, expected_value);
    }
    ck_assert_msg(!items.next(&piece, &name, &value), "%s", row.text);
  }
}
END_TEST

START_TEST(finds_names_that_resemble) {
  for (std::string_view name :
       {"api.version"sv,    "api_version"sv,        "api-version"sv,       "API.VERSION"sv,
        "apiversion"sv,     "api+version"sv,        "api%20version"sv,     "+api.version"sv,
        "api.version+"sv,   "api[version"sv,        "api[version]"sv,      "api[version]x"sv,
        "api.version[]"sv,  "api.version[0]"sv,     "api.version[x]"sv,    "api.version[x]y"sv,
        "api.version%00"sv, "api.version%00junk"sv, "api.version]junk"sv,  "api.version0"sv,
        "%61pi.version"sv,  "\"api.version\""sv,    "%C2%A0api.version"sv, "_api_version_"sv,
        "?api.version"sv,   "api..version"sv}) {
    ck_assert_msg(ParamName({name, kForm}).resembles("apiversion"), "%s", std::string(name).c_str());
  }
  for (std::string_view name : {"api"sv, "version"sv, "api.versions"sv, "xapi.version"sv, "api.versio"sv,
                                ""sv, "api.version.x"sv, "x[api.version]"sv, "[]"sv,
                                "[api.version"
                                "x]"sv}) {
    ck_assert_msg(!ParamName({name, kForm}).resembles("apiversion"), "%s", std::string(name).c_str());
  }
  ck_assert(ParamName({"Com-mand_12x", kForm}).resembles_start_of("command"));
  ck_assert(!ParamName({"xcommand", kForm}).resembles_start_of("command"));
}
END_TEST

START_TEST(decodes_names_that_matter) {
  ck_assert_view_eq(ParamName({"%63ommand-0", kForm}).exact(), "command-0");
  ck_assert_view_eq(ParamName({"comm\\u0061nd", kJson}).exact(), "command");
  ck_assert_view_eq(ParamName({std::string(48, 'a'), kForm}).exact(), std::string(48, 'a'));
  ck_assert(ParamName({std::string(49, 'a'), kForm}).exact().empty());
  // Even when it is too long to be one exactly, it can resemble one.
  ck_assert(ParamName({"command" + std::string(100, ' '), kForm}).resembles("command"));
  ck_assert(ParamName({std::string(1000, ' ') + "command", kForm}).resembles("command"));
  ck_assert(ParamName({"command[" + std::string(1000, 'x') + "]", kForm}).resembles("command"));
  ck_assert(!ParamName({std::string(1000, 'x') + "command", kForm}).resembles("command"));
}
END_TEST

START_TEST(knows_malformed_names) {
  for (std::string_view name :
       {"a%"sv, "a%zz"sv, "%00"sv, "a%0a"sv, "a%7f"sv, "a\nb"sv, "\t"sv, "a%2541"sv, "%2525%2541"sv,
        "%25%34%31"sv, "a%25%2541"sv, "%C3%A9"sv, "a\xff"sv, "%C1%A3ommand"sv}) {
    ck_assert_msg(ParamName({name, kForm}).malformed(), "%s", std::string(name).c_str());
  }
  for (std::string_view name :
       {"a"sv, ""sv, "a%20b"sv, "100%25"sv, "%25"sv, "%254"sv, "%25x41"sv, "a.b[0]"sv, "%254x"sv}) {
    ck_assert_msg(!ParamName({name, kForm}).malformed(), "%s", std::string(name).c_str());
  }
  ck_assert(ParamName({R"(a\u0000)", kJson}).malformed());
  ck_assert(ParamName({R"(a\n)", kJson}).malformed());
  ck_assert(ParamName({R"(a\u00e9)", kJson}).malformed());
  ck_assert(!ParamName({R"(a\/\u0041)", kJson}).malformed());
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("params");
  TCase* tcase = tcase_create("params");
  tcase_add_loop_test(tcase, decodes_once, 0, std::size(kDecode));
  tcase_add_test(tcase, compares_decoded_bytes);
  tcase_add_test(tcase, scratch_takes_no_more_than_it_has);
  tcase_add_test(tcase, decoding_in_place_leaves_the_rest_alone);
  tcase_add_test(tcase, walks_form_text);
  tcase_add_test(tcase, finds_names_that_resemble);
  tcase_add_test(tcase, decodes_names_that_matter);
  tcase_add_test(tcase, knows_malformed_names);
  suite_add_tcase(suite, tcase);
  return suite;
}
