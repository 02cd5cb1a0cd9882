// The catalog's text form: good rows, every kind of bad row with its message, the way back, and what the
// shipped catalogs promise.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "catalog.h"
#include "support.h"

using namespace std::string_literals;
using tokengate::CatalogRow;
using Rows = std::vector<CatalogRow>;

namespace {

const std::string kHeader = "api\tmodule\tfunction\tacl\taccess\n";
const std::string kSource = TOKENGATE_SOURCE_DIR;

// `text` with its bars made tabs: tables are easier to read with bars.
std::string tabs(std::string text) {
  std::replace(text.begin(), text.end(), '|', '\t');
  return text;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

std::string shown(const CatalogRow& row) {
  std::string acls = join(row.acls);
  return row.api + "|" + row.module + "|" + row.function + "|" + acls + (row.wrapper ? "*each" : "") +
         (row.unlisted ? "?" : "") + (row.read ? "|read" : "|write");
}

Rows parsed(const std::string& text) {
  auto result = tokengate::parse_catalog(text);
  ck_assert_msg(result.ok(), "%s", result.status.message.c_str());
  return result.value;
}

// The message for `text`, which must be refused.
std::string refusal(const std::string& text) {
  auto result = tokengate::parse_catalog(text);
  ck_assert_msg(!result.ok(), "accepted: %s", text.c_str());
  ck_assert_int_eq(static_cast<int>(result.status.code), static_cast<int>(tokengate::Code::kInvalid));
  ck_assert(result.value.empty());
  return result.status.message;
}

std::string segments(size_t count) {
  std::string pattern;
  for (size_t i = 0; i < count; ++i) pattern += "/s";
  return pattern;
}

START_TEST(reads_rows_of_every_api) {
  // The row that comes out is the row that went in.
  const std::string rows[] = {
      "uapi|Email|add_pop|email|write",
      "uapi|Email|*|email|write",
      "uapi|cPAddons|list|A.b_c-9|read",
      "uapi|" + std::string(64, 'm') + "|" + std::string(64, 'f') + "|" + std::string(64, 'a') + "|read",
      "uapi|Email|x|?|read",
      "uapi|Email|x|all|write",
      "uapi|Batch|strict|*each|read",
      "uapi|Batch|strict|email|write",
      "api2|ZoneEdit|fetchzones|dns|read",
      "api2|ZoneEdit|*|?|write",
      "whm1|Account Management|listaccts|list-accts|read",
      "whm1|Spam Protection (Greylisting)|x|?|write",
      "whm1|-|batch|*each|read",
      "whm1|API Execution|batch|*each|write",
      "whm1|-|360Monitoring/set_360-agent|all|write",
      "whm1|Schl\xc3\xbcssel|_x|?|write",
      "whm1|" + std::string(128, 'h') + "|" + std::string(64, 'g') + "/" + std::string(64, 'f') + "|a|read",
      "http|GET|/|a|read",
      "http|*|/**|a|read",
      "http|GET|/v1/reports|reports|read",
      "http|GET|/v1/reports/|reports|read",
      "http|PATCH|/v1/*/x/*|a|write",
      "http|VERSION-CONTROL|/v1/*/**|a|write",
      "http|" + std::string(32, 'M') + "|/v1|a|write",
      "http|GET|/a b/caf\xc3\xa9/\xf0\x9f\x98\x80|a|read",
      "http|GET|/v1/.../..x/.well-known/~u/a:b@c,d+e=f!$&'()|a|read",
      "http|GET|/" + std::string(tokengate::kMaxPatternBytes - 1, 'p') + "|a|read",
      "http|GET|" + segments(32) + "|a|read",
      "http|GET|" + segments(31) + "/|a|read",
  };
  for (const std::string& row : rows) {
    Rows found = parsed(kHeader + tabs(row) + "\n");
    ck_assert_uint_eq(found.size(), 1);
    ck_assert_view_eq(shown(found[0]), row);
  }
}
END_TEST

START_TEST(skips_comments_empty_lines_and_a_byte_order_mark) {
  const std::string row = tabs("uapi|Email|*|email|write");
  const std::string texts[] = {
      kHeader + row,
      kHeader + row + "\n",
      "\xef\xbb\xbf" + kHeader + row + "\n",
      "# a\ttab, \xc3\xa9\n\n#\n" + kHeader + "\n\n# x\n" + row + "\n\n#",
      "#\r\n" + tabs("api|module|function|acl|access\r\n\r\n") + row + "\r\n",
  };
  for (const std::string& text : texts) {
    Rows found = parsed(text);
    ck_assert_uint_eq(found.size(), 1);
    ck_assert_view_eq(shown(found[0]), "uapi|Email|*|email|write");
  }
  ck_assert(parsed(kHeader).empty());
}
END_TEST

START_TEST(unites_the_rows_of_a_function) {
  struct {
    std::string text, expected;
  } cases[] = {
      {"uapi|E|f|b|read\nuapi|E|f|a|read\nuapi|E|f|b|read\n", "uapi|E|f|a,b|read"},
      {"uapi|E|f|a|read\nuapi|E|f|b|write\n", "uapi|E|f|a,b|write"},
      {"uapi|E|f|a|write\nuapi|E|f|b|read\n", "uapi|E|f|a,b|write"},
      {"uapi|E|f|?|read\nuapi|E|f|?|write\n", "uapi|E|f|?|write"},
      {"whm1|One|f|a|read\nwhm1|Two|f|b|read\n", "whm1|One|f|a,b|read"},
      {"whm1|-|batch|*each|read\nwhm1|-|batch|*each|read\n", "whm1|-|batch|*each|read"},
      {"http|GET|/x|a|read\nhttp|GET|/x|b|read\n", "http|GET|/x|a,b|read"},
  };
  for (const auto& [text, expected] : cases) {
    Rows found = parsed(kHeader + tabs(text));
    ck_assert_uint_eq(found.size(), 1);
    ck_assert_view_eq(shown(found[0]), expected);
  }
}
END_TEST

START_TEST(keeps_different_functions_apart_and_in_order) {
  Rows found = parsed(kHeader + tabs("uapi|E|f|a|read\napi2|E|f|b|read\nuapi|E|*|c|write\nuapi|e|f|d|read\n"
                                     "whm1|E|f|e|read\nwhm1|E|E/f|g|read\nhttp|GET|/x|h|read\n"
                                     "http|*|/x|i|read\nhttp|GET|/x/y|j|read\nuapi|E|f|z|read\n"));
  std::string acls;
  for (const CatalogRow& row : found) acls += join(row.acls) + " ";
  ck_assert_view_eq(std::string_view(acls), "a,z b c d e g h i j ");
}
END_TEST

START_TEST(names_line_and_cause_of_the_first_bad_row) {
  const std::string good = "uapi|Email|*|email|write\n";
  struct {
    std::string text, message;
  } cases[] = {
      {good + "# x\nuapi|Email|x|email|reed\nnonsense",
       "line 4: access is \"reed\", must be \"read\" or \"write\""},
      {"uapi|Email|x|email|Read", "line 2: access is \"Read\", must be"},
      {"uapi|Email|x|email|", "line 2: access is \"\", must be"},
      {"uapi|Email|x|email|read ", "line 2: access is \"read \", must be"},
      {"uapi|Email|x|email", "line 2: 4 cells, must be 5: api, module"},
      {"uapi|Email|x|email|read|", "line 2: 6 cells, must be 5"},
      {"uapi|Email||x|email|read", "line 2: 6 cells, must be 5"},
      {"uapi Email x email read", "line 2: 1 cell, must be 5"},
      {" ", "line 2: 1 cell, must be 5"},
      {" # x", "line 2: 1 cell, must be 5"},
      {"|||||||||||||", "line 2: 14 cells, must be 5"},
      {"UAPI|Email|x|email|read",
       "line 2: api is \"UAPI\", must be \"uapi\", \"api2\", \"whm1\" or \"http\""},
      {"|Email|x|email|read", "line 2: api is \"\", must be"},
      {"api|module|function|acl|access", "line 2: api is \"api\", must be"},
      {"uapi|*|x|email|read", "line 2: module is \"*\", must be one module: only the function can be"},
      {"uapi||x|email|read", "line 2: module is \"\", must be 1 to 64"},
      {"uapi|E-mail|x|email|read", "line 2: module is \"E-mail\", must be 1 to 64"},
      {"api2|Email |x|email|read", "line 2: module is \"Email \", must be 1 to 64"},
      {"api2|" + std::string(65, 'm') + "|x|a|read",
       "line 2: module is \"" + std::string(60, 'm') + "...\","},
      {"uapi|Email||email|read", "line 2: function is \"\", must be 1 to 64"},
      {"uapi|Email|add_*|email|read", "line 2: function is \"add_*\", must be 1 to 64"},
      {"uapi|Email|**|email|read", "line 2: function is \"**\", must be 1 to 64"},
      {"uapi|Email|a/b|email|read", "line 2: function is \"a/b\", must be 1 to 64"},
      {"uapi|Email|" + std::string(65, 'f') + "|email|read", "line 2: function is"},
      {"uapi|Email|\xc3\xa9|email|read", "line 2: function is \"??\", must be 1 to 64"},
      {"whm1||x|a|read", "line 2: module is \"\", must be a heading"},
      {"whm1|" + std::string(129, 'h') + "|x|a|read", "line 2: module is"},
      {"whm1|-|*|a|read", "line 2: function is \"*\", must be a function or Group/function"},
      {"whm1|-||a|read", "line 2: function is \"\", must be a function or"},
      {"whm1|-|/f|a|read", "line 2: function is \"/f\", must be a function or"},
      {"whm1|-|G/|a|read", "line 2: function is \"G/\", must be a function or"},
      {"whm1|-|G/H/f|a|read", "line 2: function is \"G/H/f\", must be a function or"},
      {"whm1|-|a.b|a|read", "line 2: function is \"a.b\", must be a function or"},
      {"whm1|-|" + std::string(65, 'f') + "|a|read", "line 2: function is"},
      {"http|get|/x|a|read", "line 2: module is \"get\", must be a method in capitals"},
      {"http||/x|a|read", "line 2: module is \"\", must be a method"},
      {"http|G T|/x|a|read", "line 2: module is \"G T\", must be a method"},
      {"http|-*|/x|a|read", "line 2: module is \"-*\", must be a method"},
      {"http|" + std::string(33, 'M') + "|/x|a|read", "line 2: module is"},
      {"http|GET||a|read", "line 2: function is \"\", must be a path pattern that starts with \"/\""},
      {"http|GET|x|a|read", "line 2: function is \"x\", must be a path pattern that starts"},
      {"http|GET|*|a|read", "line 2: function is \"*\", must be a path pattern that starts"},
      {"http|GET|**|a|read", "line 2: function is \"**\", must be a path pattern that starts"},
      {"http|GET| /x|a|read", "line 2: function is \" /x\", must be a path pattern that starts"},
      {"http|GET|https://example.org/x|a|read",
       "line 2: function is \"https://example.org/x\", must be a path"},
      {"http|GET|//|a|read", "line 2: function is \"//\", must have no empty segment"},
      {"http|GET|//x|a|read", "line 2: function is \"//x\", must have no empty segment"},
      {"http|GET|/x/Y|a|read\nhttp|PUT|/x/y|a|read\nhttp|GET|/x/y|b|read",
       "line 4: function is \"/x/y\", but line 2 says \"/x/Y\"; paths that differ in capitals or in a slash"},
      {"http|GET|/x/|a|read\nhttp|GET|/x|a|read", "line 3: function is \"/x\", but line 2 says \"/x/\""},
      {"http|GET|/x//y|a|read", "line 2: function is \"/x//y\", must have no empty segment"},
      {"http|GET|/x//|a|read", "line 2: function is \"/x//\", must have no empty segment"},
      {"http|GET|/.|a|read", "line 2: function is \"/.\", must have no \".\" or \"..\" segment"},
      {"http|GET|/x/./y|a|read", "line 2: function is \"/x/./y\", must have no \".\""},
      {"http|GET|/x/..|a|read", "line 2: function is \"/x/..\", must have no \".\""},
      {"http|GET|/x*|a|read",
       "line 2: function is \"/x*\", must have \"*\" and \"**\" as whole segments only"},
      {"http|GET|/x/***|a|read", "line 2: function is \"/x/***\", must have \"*\" and"},
      {"http|GET|/x/**y|a|read", "line 2: function is \"/x/**y\", must have \"*\" and"},
      {"http|GET|/**/x|a|read", "line 2: function is \"/**/x\", must have \"**\" as its last segment only"},
      {"http|GET|/x/**/|a|read", "line 2: function is \"/x/**/\", must have \"**\" as its last"},
      {"http|GET|/x%2Fy|a|read", "line 2: function is \"/x%2Fy\", must be written decoded"},
      {"http|GET|/x;y|a|read", "line 2: function is \"/x;y\", must be written decoded"},
      {"http|GET|/x\\y|a|read", "line 2: function is \"/x\\y\", must be written decoded"},
      {"http|GET|/x?y|a|read", "line 2: function is \"/x?y\", must be written decoded"},
      {"http|GET|/x#y|a|read", "line 2: function is \"/x#y\", must be written decoded"},
      {"http|GET|/x |a|read", "line 2: function is \"/x \", must not end in a blank"},
      {"http|GET|/" + std::string(tokengate::kMaxPatternBytes, 'p') + "|a|read", "line 2: function is"},
      {"http|GET|" + segments(33) + "|a|read", "line 2: function is"},
      {"http|GET|" + segments(32) + "/|a|read", "line 2: function is"},
      {"uapi|Email|x||read", "line 2: acl is \"\", must be an ACL name"},
      {"uapi|Email|x|-email|read", "line 2: acl is \"-email\", must be an ACL name"},
      {"uapi|Email|x|e mail|read", "line 2: acl is \"e mail\", must be an ACL name"},
      {"uapi|Email|x|email,dns|read", "line 2: acl is \"email,dns\", must be an ACL name"},
      {"uapi|Email|x|*|read", "line 2: acl is \"*\", must be an ACL name"},
      {"uapi|Email|x|??|read", "line 2: acl is \"??\", must be an ACL name"},
      {"uapi|Email|x|" + std::string(65, 'a') + "|read", "line 2: acl is"},
      {"uapi|Email|x|*each|read",
       "line 2: acl is \"*each\", which only \"uapi Batch strict\" and \"whm1 batch\""},
      {"uapi|Batch|*|*each|read", "line 2: acl is \"*each\", which only"},
      {"uapi|batch|strict|*each|read", "line 2: acl is \"*each\", which only"},
      {"api2|Batch|strict|*each|read", "line 2: acl is \"*each\", which only"},
      {"whm1|Batch|strict|*each|read", "line 2: acl is \"*each\", which only"},
      {"whm1|-|G/batch|*each|read", "line 2: acl is \"*each\", which only"},
      {"http|GET|/batch|*each|read", "line 2: acl is \"*each\", which only"},
      {"uapi|E|f|a|read\n\nuapi|E|f|?|read",
       "line 4: acl is \"?\", but line 2 says \"a\" for the same function"},
      {"uapi|E|f|?|read\nuapi|E|f|a|read",
       "line 3: acl is \"a\", but line 2 says \"?\" for the same function"},
      {"whm1|A|f|?|read\nwhm1|B|f|a|read", "line 3: acl is \"a\", but line 2 says \"?\""},
      {"whm1|A|batch|*each|read\nwhm1|A|batch|a|read", "line 3: acl is \"a\", but line 2 says \"*each\""},
      {"whm1|A|batch|?|read\nwhm1|A|batch|*each|read", "line 3: acl is \"*each\", but line 2 says \"?\""},
      {"uapi|Email|x|email\r|read", "line 2: a control character (code 13)"},
      {"uapi|Email|x|email|read\r\r", "line 2: a control character (code 13)"},
      {"# x\ruapi|Email|x|email|read", "line 2: a control character (code 13)"},
      {"# \x1b[2J", "line 2: a control character (code 27)"},
      {"uapi|Email|x|email|read\0"s, "line 2: a control character (code 0)"},
      {"uapi|Email|x|em\x7f|read", "line 2: a control character (code 127)"},
      {"# \xff", "line 2: not valid UTF-8"},
      {"whm1|\xc0\xaf|x|a|read", "line 2: not valid UTF-8"},
      {"http|GET|/\xed\xa0\x80|a|read", "line 2: not valid UTF-8"},
      {"http|GET|/\xf4\x90\x80\x80|a|read", "line 2: not valid UTF-8"},
      {"http|GET|/\xe2\x82|a|read", "line 2: not valid UTF-8"},
  };
  for (const auto& [text, start] : cases) {
    std::string message = refusal(kHeader + tabs(text));
    ck_assert_msg(message.starts_with(start), "\"%s\", expected \"%s...\"", message.c_str(), start.c_str());
    ck_assert_msg(message.size() < 240, "too long: %s", message.c_str());
  }
}
END_TEST

START_TEST(wants_the_header_first) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf", "\xef\xbb\xbf\n"}) {
    ck_assert(refusal(text).starts_with("the catalog is empty"));
  }
  const std::string mark = "\xef\xbb\xbf";
  for (const std::string& header :
       {"uapi|Email|*|email|write"s, "api|module|function|acl"s, "API|module|function|acl|access"s,
        "api|module|function|acl|access|"s, "api|module|function|acl|access|note"s,
        " api|module|function|acl|access"s, "api,module,function,acl,access"s,
        "api|function|module|acl|access"s, mark + "api|module|function|acl|access"s}) {
    ck_assert(refusal("# x\n" + tabs(header) + "\n").starts_with("line 2: not the header line"));
  }
  ck_assert(refusal("\xff\xfe\x61\0p\0i\0"s).starts_with("line 1: a control character (code 0)"));
}
END_TEST

START_TEST(takes_a_hundred_thousand_rows_and_no_more) {
  std::string text = kHeader;
  for (size_t i = 0; i < tokengate::kMaxCatalogRows; ++i) {
    text += "http\tGET\t/f" + std::to_string(i) + "\ta\tread\n";
  }
  ck_assert_uint_eq(parsed(text).size(), tokengate::kMaxCatalogRows);
  ck_assert(refusal(text + "http\tGET\t/x\ta\tread\n").starts_with("line 100002: row 100001 of the catalog"));
}
END_TEST

START_TEST(writes_what_it_reads) {
  const std::string text = kHeader + tabs(
                                         "uapi|E|f|a|read\nuapi|E|f|b|read\nuapi|E|*|?|write\n"
                                         "whm1|A heading|batch|*each|read\nhttp|*|/v1/**|c|write\n");
  ck_assert_view_eq(tokengate::catalog_text(parsed(text)), std::string_view(text));
  ck_assert_view_eq(tokengate::catalog_text({}), kHeader);

  // What a store gives back for whm1, and a row that would otherwise vanish.
  CatalogRow row{"whm1", "", "f", {}, false, false, false};
  ck_assert_view_eq(tokengate::catalog_text({row}), kHeader + tabs("whm1|-|f|?|write\n"));
}
END_TEST

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  ck_assert_msg(file.good(), "cannot read %s", path.c_str());
  return {std::istreambuf_iterator<char>(file), {}};
}

Rows shipped(const char* name) {
  return parsed(read_file(kSource + "/tools/catalog/" + name));
}

// The rows of the panel catalog by "api module function".
std::map<std::string, CatalogRow> panel() {
  std::map<std::string, CatalogRow> rows;
  for (CatalogRow& row : shipped("panel.tsv")) {
    std::string key = row.api + " " + (row.api == "whm1" ? "" : row.module + " ") + row.function;
    rows.emplace(key, std::move(row));
  }
  return rows;
}

// The row a uapi or api2 call falls under: its own, else the module's `*`; null if there is neither.
const CatalogRow* find_row(const std::map<std::string, CatalogRow>& rows, const std::string& call) {
  auto row = rows.find(call);
  if (row == rows.end()) row = rows.find(call.substr(0, call.rfind(' ')) + " *");
  return row == rows.end() ? nullptr : &row->second;
}

START_TEST(the_shipped_catalogs_parse_and_survive_the_round_trip) {
  for (const char* name : {"panel.tsv", "http-example.tsv"}) {
    Rows rows = shipped(name);
    Rows again = parsed(tokengate::catalog_text(rows));
    ck_assert_uint_gt(rows.size(), 5);
    ck_assert_uint_eq(rows.size(), again.size());
    for (size_t i = 0; i < rows.size(); ++i) ck_assert_view_eq(shown(again[i]), shown(rows[i]));
  }
}
END_TEST

START_TEST(the_panel_catalog_is_sorted_and_each_line_says_something_new) {
  std::istringstream file(read_file(kSource + "/tools/catalog/panel.tsv"));
  std::string previous;
  bool header_seen = false;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (header_seen) ck_assert_msg(previous < line, "%s", line.c_str());
    if (header_seen) previous = line;
    header_seen = true;
  }
}
END_TEST

START_TEST(the_panel_catalog_covers_every_listed_function) {
  const std::map<std::string, CatalogRow> rows = panel();
  std::istringstream file(read_file(kSource + "/tests/data/panel_functions.tsv"));
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#' || line == tabs("api|module|function")) continue;
    std::string call = line;
    std::replace(call.begin(), call.end(), '\t', ' ');
    const CatalogRow* row = find_row(rows, call);
    ck_assert_msg(row != nullptr && !row->unlisted, "%s has no row", line.c_str());
    ++count;
  }
  ck_assert_uint_eq(count, 607);
}
END_TEST

START_TEST(the_panel_catalog_holds_the_privileges_of_whm_functions) {
  const std::map<std::string, CatalogRow> rows = panel();
  size_t whm_functions =
      std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.second.api == "whm1"; });
  ck_assert_uint_eq(whm_functions, 626);
  for (const char* expected :
       {"whm1|Account Management|listaccts|list-accts|read",
        "whm1|Account Creation|createacct|create-acct|write", "whm1|API Execution|batch|*each|read",
        "whm1|API Execution|cpanel|cpanel-api|read",
        "whm1|API Execution|uapi_cpanel|cpanel-api,list-accts|read",
        "whm1|System Information|reboot|all|write",
        "whm1|API Token Management|api_token_create|manage-api-tokens|write",
        "whm1|360 Monitoring|360Monitoring/set_360_agent_polling|?|write",
        "whm1|Session|create_user_session|create-user-session|write", "uapi|Batch|strict|*each|read"}) {
    bool found =
        std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return shown(row.second) == expected; });
    ck_assert_msg(found, "no row %s", expected);
  }
}
END_TEST

// Functions with which a token could get round its limits, and the ACL that must stand before each.
START_TEST(the_panel_catalog_keeps_escape_routes_behind_their_own_acls) {
  struct {
    const char *function, *acl;
  } cases[] = {
      {"uapi Session *", "sessions"},
      {"uapi Variables get_session_information", "sessions"},
      {"uapi Variables *", "sessions"},
      {"uapi Integration *", "sessions"},
      {"uapi Sitejet get_sso_link", "sessions"},
      {"uapi Sitejet *", "sessions"},
      {"uapi Tokens *", "manage-api-tokens"},
      {"uapi TwoFactorAuth *", "two-factor"},
      {"uapi ExternalAuthentication *", "external-login"},
      {"uapi Team *", "team"},
      {"uapi Sitejet get_api_token", "sessions"},
      {"uapi SiteQuality get_app_token", "sessions"},
      {"uapi Chrome get_dom", "sessions"},
      {"uapi VersionControlDeployment create", "git"},
      {"uapi LangPHP php_ini_set_user_content", "php"},
      {"uapi WordPressInstanceManager change_admin_password", "passwords"},
      {"uapi Fileman get_file_content", "files"},
      {"uapi UserManager *", "users"},
      {"uapi UserManager *", "passwords"},
      {"uapi UserManager change_password", "passwords"},
      {"uapi ContactInformation *", "contact"},
      {"uapi ServiceProxy *", "service-proxy"},
      {"uapi SSL show_key", "private-keys"},
      {"uapi SSL *", "private-keys"},
      {"uapi DNSSEC export_zone_key", "private-keys"},
      {"uapi EmailAuth fetch_dkim_private_keys", "private-keys"},
      {"uapi GPG export_secret_key", "private-keys"},
      {"uapi Email store_filter", "email-forwarding"},
      {"uapi Email *", "email-forwarding"},
      {"api2 Email *", "email-forwarding"},
      {"api2 SSH *", "ssh"},
      {"api2 Cron *", "cron"},
      {"api2 SSL fetchinfo", "private-keys"},
  };
  const std::map<std::string, CatalogRow> rows = panel();
  for (const auto& [function, acl] : cases) {
    const CatalogRow* row = find_row(rows, function);
    ck_assert_msg(row != nullptr, "no row for %s", function);
    bool needed = std::find(row->acls.begin(), row->acls.end(), acl) != row->acls.end();
    ck_assert_msg(needed, "%s does not need %s", function, acl);
    ck_assert_msg(!row->read, "%s is marked read", function);
  }
}
END_TEST

START_TEST(nothing_that_changes_or_reveals_counts_as_reading_in_the_panel_catalog) {
  for (const auto& [key, row] : panel()) {
    if (!row.read) continue;
    ck_assert_msg(row.function != "*", "%s", key.c_str());
    for (const char* verb :
         {"add",    "change",   "clear",  "create",  "delete",  "disable",   "edit",  "enable",  "generate",
          "import", "install_", "passwd", "rebuild", "remove",  "rename",    "reset", "restart", "revoke",
          "save",   "set",      "start",  "store",   "suspend", "terminate", "update"}) {
      ck_assert_msg(!row.function.starts_with(verb), "%s is marked read", key.c_str());
    }
    for (const char* thing :
         {"login_url", "login_link", "private", "secret_key", "access_hash", "sso", "app_token"}) {
      ck_assert_msg(row.function.find(thing) == std::string::npos, "%s is marked read", key.c_str());
    }
  }
}
END_TEST

START_TEST(the_page_on_catalogs_names_every_acl_of_the_panel_catalog) {
  const std::string page = read_file(kSource + "/tools/catalog/README.md");
  for (const auto& [key, row] : panel()) {
    if (row.api == "whm1") continue;
    for (const std::string& acl : row.acls) {
      ck_assert_msg(page.find("| `" + acl + "` |") != std::string::npos, "no line for %s", acl.c_str());
    }
  }
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("catalog");
  TCase* text = tcase_create("text");
  tcase_set_timeout(text, 60);
  tcase_add_test(text, reads_rows_of_every_api);
  tcase_add_test(text, skips_comments_empty_lines_and_a_byte_order_mark);
  tcase_add_test(text, unites_the_rows_of_a_function);
  tcase_add_test(text, keeps_different_functions_apart_and_in_order);
  tcase_add_test(text, names_line_and_cause_of_the_first_bad_row);
  tcase_add_test(text, wants_the_header_first);
  tcase_add_test(text, takes_a_hundred_thousand_rows_and_no_more);
  tcase_add_test(text, writes_what_it_reads);
  suite_add_tcase(suite, text);

  TCase* files = tcase_create("shipped");
  tcase_set_timeout(files, 60);
  tcase_add_test(files, the_shipped_catalogs_parse_and_survive_the_round_trip);
  tcase_add_test(files, the_panel_catalog_is_sorted_and_each_line_says_something_new);
  tcase_add_test(files, the_panel_catalog_covers_every_listed_function);
  tcase_add_test(files, the_panel_catalog_holds_the_privileges_of_whm_functions);
  tcase_add_test(files, the_panel_catalog_keeps_escape_routes_behind_their_own_acls);
  tcase_add_test(files, nothing_that_changes_or_reveals_counts_as_reading_in_the_panel_catalog);
  tcase_add_test(files, the_page_on_catalogs_names_every_acl_of_the_panel_catalog);
  suite_add_tcase(suite, files);
  return suite;
}
