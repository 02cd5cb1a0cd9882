// Which row a call falls under, in a real store.
#include "catalog_table.h"

#include <cstring>

#include "catalog.h"
#include "environment.h"
#include "store_fixture.h"

using namespace tokengate;

namespace {

/// Loads `tsv` and looks calls up in it.
class Lookup {
 public:
  explicit Lookup(const std::string& rows) {
    std::string tsv = "api\tmodule\tfunction\tacl\taccess\n" + rows;
    ck_assert_ok(fixture_.admin.load_catalog(change_at(), tsv).status);
    fixture_.admin = {};
    ck_assert(environment_.open(fixture_.path(), Environment::Mode::kRead) == StoreError::kNone);
    ck_assert(transaction_.begin_read(environment_) == StoreError::kNone);
    ck_assert(cursor_.open(transaction_, Table::kCatalog) == StoreError::kNone);
  }
  ~Lookup() {
    cursor_.close();
    transaction_.abort();
  }

  /// The first ACL of the row, `?`, `*each`, "none" or "other case".
  std::string acl(Api api, std::string_view module, std::string_view function) {
    CatalogRecord row;
    RoutedCall call;
    call.api = api;
    call.module = module;
    call.function = function;
    CatalogMatch match = find_catalog_row(transaction_, cursor_, call, &row);
    if (match == CatalogMatch::kNone) return "none";
    if (match == CatalogMatch::kOtherCase) return "other case";
    ck_assert(match == CatalogMatch::kRow);
    if (row.wrapper) return "*each";
    if (row.unlisted) return "?";
    CatalogAcl first;
    ck_assert(next_catalog_acl(&row.acls, &first));
    return std::string(first.name);
  }

 private:
  StoreFixture fixture_;
  Environment environment_;
  Transaction transaction_;
  Cursor cursor_;
};

}  // namespace

START_TEST(a_function_has_its_own_row_or_the_modules) {
  Lookup lookup(
      "uapi\tEmail\t*\temail\twrite\nuapi\tEmail\tlist_pops\tlook\tread\nuapi\tEmail\todd\t?\twrite\n"
      "uapi\tBatch\tstrict\t*each\twrite\napi2\tEmail\tfetch\told\tread\nwhm1\tx\tlistaccts\tlist-"
      "accts\tread\n"
      "whm1\tx\tGroup/f\tgrouped\tread\n");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "Email", "list_pops"), "look");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "Email", "add_pop"), "email");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "Email", "odd"), "?");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "Batch", "strict"), "*each");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "email", "list_pops"), "none");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "Emai", "list_pops"), "none");
  ck_assert_view_eq(lookup.acl(Api::kUapi, "EmailX", "list_pops"), "none");
  ck_assert_view_eq(lookup.acl(Api::kApi2, "Email", "list_pops"), "none");
  ck_assert_view_eq(lookup.acl(Api::kApi2, "Email", "fetch"), "old");
  ck_assert_view_eq(lookup.acl(Api::kWhm1, "", "listaccts"), "list-accts");
  ck_assert_view_eq(lookup.acl(Api::kWhm1, "", "Group/f"), "grouped");
  ck_assert_view_eq(lookup.acl(Api::kWhm1, "", "f"), "none");
  ck_assert_view_eq(lookup.acl(Api::kUapi, std::string(3000, 'M'), "f"), "none");
}
END_TEST

START_TEST(paths_fall_under_the_most_specific_pattern) {
  Lookup lookup(
      "http\tGET\t/\troot\tread\n"
      "http\tGET\t/v1/reports\tlist\tread\n"
      "http\tGET\t/v1/reports/*\tone\tread\n"
      "http\tGET\t/v1/reports/new\tform\tread\n"
      "http\tPOST\t/v1/reports\tadd\twrite\n"
      "http\t*\t/v1/**\trest\twrite\n"
      "http\tGET\t/v1/*/lines\tlines\tread\n"
      "http\tGET\t/v10\tten\tread\n"
      "http\tGET\t/v1-a\tdash\tread\n"
      "http\tGET\t/dir/\tslash\tread\n"
      "http\tGET\t/Users/Me\tme\tread\n"
      "http\tPUT\t/users/me\tchange\twrite\n"
      "http\t*\t/users/*\tusers\twrite\n"
      "http\t*\t/Upper/**\tupper\twrite\n"
      "http\tHEAD\t/head\thead\tread\n"
      "http\tGET\t/head\tget\tread\n"
      "http\tGET\t/a/*/c\tac\tread\n"
      "http\tGET\t/a/b/**\tab\tread\n");
  struct {
    const char* method;
    const char* path;
    const char* acl;
  } const rows[] = {
      {"GET", "/", "root"},
      {"GET", "/v1/reports", "list"},
      {"GET", "/v1/reports/new", "form"},
      {"GET", "/v1/reports/7", "one"},
      {"GET", "/v1/reports/", "list"},
      {"GET", "/v1/reports/7/", "one"},
      {"GET", "/v1/reports/new/", "form"},
      {"GET", "/v1/reports/7/x", "rest"},
      {"POST", "/v1/reports", "add"},
      {"HEAD", "/v1/reports", "list"},
      {"HEAD", "/head", "head"},
      {"GET", "/head", "get"},
      {"GET", "/v1/accounts/lines", "lines"},
      {"GET", "/v1/", "rest"},
      {"PUT", "/v1/anything/else", "rest"},
      {"GET", "/v1", "rest"},
      {"GET", "/v10", "ten"},
      {"GET", "/v1-a", "dash"},
      {"GET", "/dir/", "slash"},
      {"GET", "/dir", "slash"},
      {"GET", "/DIR/", "other case"},
      {"GET", "/V1/reports", "other case"},
      {"GET", "/v1/Reports/7", "other case"},
      {"GET", "/v1/reports/NEW", "other case"},
      {"PUT", "/V1/anything", "other case"},
      {"PUT", "/v1/Anything", "rest"},
      {"POST", "/V1/reports/7", "none"},
      {"GET", "/Users/Me", "me"},
      {"GET", "/Users/Me/", "me"},
      {"GET", "/users/me", "other case"},
      {"PUT", "/users/me", "change"},
      {"PUT", "/Users/Me", "other case"},
      {"GET", "/users/You", "users"},
      {"GET", "/users/ME", "other case"},
      {"GET", "/Users/You", "other case"},
      {"GET", "/Upper/Below", "upper"},
      {"GET", "/Upper", "upper"},
      {"GET", "/Upper/", "upper"},
      {"GET", "/upper/x", "other case"},
      {"GET", "/v1/*", "rest"},
      {"GET", "/v1/reports/*", "one"},
      {"GET", "/v1/reports/**", "one"},
      {"GET", "/a/b/c", "ab"},
      {"GET", "/a/x/c", "ac"},
      {"GET", "/a/b", "ab"},
      {"GET", "/a", "none"},
      {"GET", "/nothing", "none"},
      // The pattern that fits has no row for the method: a wider one does not step in.
      {"DELETE", "/v1/reports", "none"},
      {"POST", "/v1/reports/7", "none"},
      {"POST", "/v1/reports/new", "none"},
      {"get", "/v1/reports", "none"},
  };
  for (const auto& row : rows) {
    std::string acl = lookup.acl(Api::kHttp, row.method, row.path);
    ck_assert_msg(acl == row.acl, "%s %s: %s, not %s", row.method, row.path, acl.c_str(), row.acl);
  }
}
END_TEST

START_TEST(long_and_deep_paths_are_only_paths_without_a_row) {
  Lookup lookup("http\tGET\t/a/**\tdeep\tread\nhttp\tGET\t/*/*/*/*/*/x\tx\tread\n");
  std::string deep = "/a";
  for (int i = 0; i < 400; ++i) deep += "/b";
  ck_assert_view_eq(lookup.acl(Api::kHttp, "GET", deep), "deep");
  ck_assert_view_eq(lookup.acl(Api::kHttp, "GET", "/" + std::string(1000, 'a')), "none");
  ck_assert_view_eq(lookup.acl(Api::kHttp, "GET", "/1/2/3/4/5/x"), "x");
  ck_assert_view_eq(lookup.acl(Api::kHttp, std::string(600, 'G'), "/a/b"), "none");
}
END_TEST

START_TEST(keys_round_trip) {
  struct {
    Api api;
    const char* module;
    const char* function;
  } const rows[] = {{Api::kUapi, "Email", "add_pop"},
                    {Api::kApi2, "ZoneEdit", "*"},
                    {Api::kWhm1, "", "Group/f"},
                    {Api::kHttp, "GET", "/v1/*"}};
  for (const auto& row : rows) {
    Api api{};
    std::string_view module;
    std::string_view function;
    std::string key = catalog_key(row.api, row.module, row.function);
    ck_assert(parse_catalog_key(key, &api, &module, &function));
    ck_assert(api == row.api);
    ck_assert_view_eq(module, row.module);
    ck_assert_view_eq(function, row.function);
  }
  Api api{};
  std::string_view part;
  ck_assert(!parse_catalog_key("", &api, &part, &part));
  ck_assert(!parse_catalog_key("xEmail", &api, &part, &part));
  ck_assert(!parse_catalog_key("uEmail", &api, &part, &part));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("catalog_table");
  TCase* tcase = tcase_create("catalog_table");
  tcase_add_test(tcase, a_function_has_its_own_row_or_the_modules);
  tcase_add_test(tcase, paths_fall_under_the_most_specific_pattern);
  tcase_add_test(tcase, long_and_deep_paths_are_only_paths_without_a_row);
  tcase_add_test(tcase, keys_round_trip);
  suite_add_tcase(suite, tcase);
  return suite;
}
