// Rows are given back for the very call and the very content that they were kept for, and no other.
#include "catalog_cache.h"

#include "support.h"

using namespace tokengate;

namespace {

constexpr SnapshotId kSnapshot = {1, 7, 7};

RoutedCall call(Api api, std::string_view module, std::string_view function) {
  RoutedCall call;
  call.api = api;
  call.module = module;
  call.function = function;
  return call;
}

CatalogRecord row(std::string_view acls) {
  CatalogRecord row;
  row.acls = acls;
  return row;
}

/// Looks first, as keep() demands.
void keep(CatalogCache& cache, const RoutedCall& call, const CatalogRecord& row) {
  CatalogRecord found;
  ck_assert(!cache.find(kSnapshot, call, &found));
  cache.keep(call, row);
}

bool has(CatalogCache& cache, const RoutedCall& call, const SnapshotId& snapshot = kSnapshot) {
  CatalogRecord found;
  return cache.find(snapshot, call, &found);
}

}  // namespace

START_TEST(calls_of_other_modules_are_others_wherever_they_are_kept) {
  CatalogCache cache;
  keep(cache, call(Api::kUapi, "M1000", "list"), row("\1\5email"));
  for (int i = 1001; i < 3000; ++i) {
    ck_assert(!has(cache, call(Api::kUapi, "M" + std::to_string(i), "list")));
  }
}
END_TEST

START_TEST(gives_back_the_row_that_was_kept) {
  CatalogCache cache;
  CatalogRecord kept = row("\1\5email");
  kept.read = true;
  RoutedCall list_pops = call(Api::kUapi, "Email", "list_pops");
  keep(cache, list_pops, kept);
  CatalogRecord found;
  found.wrapper = found.unlisted = true;
  ck_assert(cache.find(kSnapshot, list_pops, &found));
  ck_assert_view_eq(found.acls, "\1\5email");
  ck_assert(found.read && !found.wrapper && !found.unlisted);
  kept = CatalogRecord();
  kept.unlisted = true;
  RoutedCall odd = call(Api::kWhm1, "", "odd");
  keep(cache, odd, kept);
  ck_assert(cache.find(kSnapshot, odd, &found));
  ck_assert(found.acls.empty() && found.unlisted && !found.read);
  // Its own copy: what the views were of may change.
  std::string acls = "\2\5files";
  RoutedCall other = call(Api::kUapi, "Fileman", "list");
  keep(cache, other, row(acls));
  acls.assign(acls.size(), '!');
  ck_assert(cache.find(kSnapshot, other, &found));
  ck_assert_view_eq(found.acls, "\2\5files");
}
END_TEST

START_TEST(another_call_is_another_row) {
  CatalogCache cache;
  keep(cache, call(Api::kUapi, "Email", "list_pops"), row("\1\5email"));
  ck_assert(!has(cache, call(Api::kApi2, "Email", "list_pops")));
  ck_assert(!has(cache, call(Api::kUapi, "Emai", "llist_pops")));
  ck_assert(!has(cache, call(Api::kUapi, "Emaill", "ist_pops")));
  ck_assert(!has(cache, call(Api::kUapi, "Email", "list_pop")));
  ck_assert(!has(cache, call(Api::kUapi, "Email", "list_popss")));
  ck_assert(!has(cache, call(Api::kUapi, "", "")));
  ck_assert(has(cache, call(Api::kUapi, "Email", "list_pops")));
  // Calls that fall on one place, whatever the cache makes of them, are still told apart.
  for (int i = 0; i < 10'000; ++i) {
    std::string function = "f" + std::to_string(i);
    keep(cache, call(Api::kUapi, "Email", function), row(function));
    CatalogRecord found;
    ck_assert(cache.find(kSnapshot, call(Api::kUapi, "Email", function), &found));
    ck_assert_view_eq(found.acls, function);
  }
}
END_TEST

START_TEST(other_content_is_another_catalog) {
  RoutedCall list_pops = call(Api::kUapi, "Email", "list_pops");
  for (SnapshotId other : {SnapshotId{2, 7, 7}, SnapshotId{1, 8, 7}, SnapshotId{1, 7, 8}, SnapshotId{}}) {
    CatalogCache cache;
    keep(cache, list_pops, row("\1\5email"));
    ck_assert(has(cache, list_pops));
    ck_assert(!has(cache, list_pops, other));
    // Nor does the first content's row come back with its name.
    ck_assert(!has(cache, list_pops));
  }
}
END_TEST

START_TEST(what_is_too_long_is_not_kept) {
  CatalogCache cache;
  for (size_t size = 1; size < 300; ++size) {
    std::string path(size, 'x');
    keep(cache, call(Api::kHttp, "GET", path), row("\1\5email"));
    CatalogRecord found;
    if (cache.find(kSnapshot, call(Api::kHttp, "GET", path), &found)) {
      ck_assert_view_eq(found.acls, "\1\5email");
    } else {
      ck_assert_uint_gt(size, 64);
    }
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("catalog_cache");
  TCase* tcase = tcase_create("catalog_cache");
  tcase_add_test(tcase, gives_back_the_row_that_was_kept);
  tcase_add_test(tcase, calls_of_other_modules_are_others_wherever_they_are_kept);
  tcase_add_test(tcase, another_call_is_another_row);
  tcase_add_test(tcase, other_content_is_another_catalog);
  tcase_add_test(tcase, what_is_too_long_is_not_kept);
  suite_add_tcase(suite, tcase);
  return suite;
}
