// Digests, comparison, random bytes.
#include "hash.h"

#include <set>

#include "support.h"

using namespace tokengate;

START_TEST(digests_match_the_standards_examples) {
  // FIPS 180-4 examples, as published by NIST.
  ck_assert_view_eq(to_hex(sha256("abc")),
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ck_assert_view_eq(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

START_TEST(digest_of_parts_is_the_digest_of_the_whole) {
  const std::string_view pieces[] = {"a", "", "bc"};
  ck_assert(equal_constant_time(sha256("abc"), sha256(pieces)));
}
END_TEST

START_TEST(any_single_bit_makes_digests_unequal) {
  Digest a{};
  for (size_t bit = 0; bit < a.size() * 8; ++bit) {
    Digest b = a;
    b[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    ck_assert(!equal_constant_time(a, b));
  }
  ck_assert(equal_constant_time(a, Digest{}));
}
END_TEST

START_TEST(random_bytes_do_not_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    std::array<uint8_t, 16> bytes{};
    ck_assert(random_bytes(bytes));
    ck_assert(seen.insert(to_hex(bytes)).second);
  }
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("hash");
  TCase* tcase = tcase_create("hash");
  tcase_add_test(tcase, digests_match_the_standards_examples);
  tcase_add_test(tcase, digest_of_parts_is_the_digest_of_the_whole);
  tcase_add_test(tcase, any_single_bit_makes_digests_unequal);
  tcase_add_test(tcase, random_bytes_do_not_repeat);
  suite_add_tcase(suite, tcase);
  return suite;
}
