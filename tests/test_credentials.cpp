// Header values -> credentials.
#include "credentials.h"

#include "support.h"

using namespace tokengate;

namespace {

constexpr uint8_t kAll = kSchemeCpanel | kSchemeWhm | kSchemeBearer | kSchemeBasic | kSchemeKeyHeader;
const std::string kSecret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

struct Row {
  const char* what;
  std::string authorization;
  Credentials::State state;
  const char* user = "";
  Scheme scheme = kSchemeNone;
};

Credentials::State parse(uint8_t schemes, std::string_view value, ParsedCredentials* parsed) {
  return parse_credentials(schemes, {value, 1, {}, 0}, parsed);
}

}  // namespace

START_TEST(reads_what_real_clients_send) {
  const Row rows[] = {
      {"lower case", "cpanel shop:" + kSecret, Credentials::kPresent, "shop", kSchemeCpanel},
      {"upper case scheme", "WHM root:" + kSecret, Credentials::kPresent, "root", kSchemeWhm},
      {"mixed case scheme", "cPanel shop:" + kSecret, Credentials::kPresent, "shop", kSchemeCpanel},
      {"two blanks", "cpanel  shop:" + kSecret, Credentials::kPresent, "shop", kSchemeCpanel},
      {"leading blank", " cpanel shop:" + kSecret, Credentials::kPresent, "shop", kSchemeCpanel},
      {"trailing CR", "whm root:" + kSecret + "\r", Credentials::kPresent, "root", kSchemeWhm},
      {"trailing CR LF", "whm root:" + kSecret + "\r\n", Credentials::kPresent, "root", kSchemeWhm},
      {"trailing tab, blank", "whm root:" + kSecret + "\t ", Credentials::kPresent, "root", kSchemeWhm},
      {"Bearer", "Bearer " + kSecret, Credentials::kPresent, "", kSchemeBearer},
      {"bearer with b64token bytes", "bearer abcdEF01._~+/-==", Credentials::kPresent, "", kSchemeBearer},
      {"Basic", "Basic c2hvcDpBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWjAxMjM0NQ==", Credentials::kPresent, "shop",
       kSchemeBasic},
      {"nothing", "", Credentials::kAbsent},
      {"blanks", " \t\r\n", Credentials::kAbsent},
      {"webmail", "webmail shop:" + kSecret, Credentials::kAbsent},
      {"a port number as scheme", "2087 root:" + kSecret, Credentials::kAbsent},
      {"another scheme", "Digest username=\"x\"", Credentials::kAbsent},
      {"a prefix of a scheme", "cpan shop:" + kSecret, Credentials::kAbsent},
      {"scheme alone", "cpanel", Credentials::kMalformed},
      {"scheme and blank", "cpanel ", Credentials::kMalformed},
      {"tab for the blank", "cpanel\tshop:" + kSecret, Credentials::kMalformed},
      {"something behind a tab", "cpanel\tx shop:" + kSecret, Credentials::kMalformed},
      {"no colon", "cpanel " + kSecret, Credentials::kMalformed},
      {"no user", "cpanel :" + kSecret, Credentials::kMalformed},
      {"no secret", "cpanel shop:", Credentials::kMalformed},
      {"blank after the colon", "cpanel shop: " + kSecret, Credentials::kMalformed},
      {"second colon", "cpanel shop:x:" + kSecret, Credentials::kMalformed},
      {"two joined by a proxy", "Bearer " + kSecret + ", Bearer " + kSecret, Credentials::kMalformed},
      {"comma at the end", "Bearer " + kSecret + ",", Credentials::kMalformed},
      {"quoted", "Bearer \"" + kSecret + "\"", Credentials::kMalformed},
      {"user with a blank", "cpanel sh op:" + kSecret, Credentials::kMalformed},
      {"user not ASCII", "cpanel sh\xC3\xB6p:" + kSecret, Credentials::kMalformed},
      {"NUL in the secret", "Bearer " + kSecret + std::string(1, '\0'), Credentials::kMalformed},
      {"line break inside", "whm root:" + kSecret + "\r\n" + kSecret, Credentials::kMalformed},
      {"Basic not base64", "Basic !!!!", Credentials::kMalformed},
      {"Basic unpadded", "Basic c2hvcDpBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWjAxMjM0NQ", Credentials::kMalformed},
      {"Basic with left-over bits",
       "Basic c2hvcDpBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWjAxMjM0NR==", Credentials::kMalformed},
      {"Basic padding inside", "Basic c2hv====cDpB", Credentials::kMalformed},
      {"Basic empty", "Basic ", Credentials::kMalformed},
      {"Basic too long", "Basic " + std::string(4000, 'A'), Credentials::kMalformed},
  };
  for (const Row& row : rows) {
    ParsedCredentials parsed;
    Credentials::State state = parse(kAll, row.authorization, &parsed);
    ck_assert_msg(state == row.state, "%s: state %d", row.what, state);
    if (state != Credentials::kPresent) continue;
    ck_assert_view_eq(parsed.user, row.user);
    ck_assert_msg(parsed.scheme == row.scheme, "%s", row.what);
    if (row.scheme != kSchemeBearer) ck_assert_view_eq(parsed.secret, kSecret);
  }
}
END_TEST

START_TEST(lengths_at_their_bounds) {
  struct {
    size_t user, secret;
    Credentials::State state;
  } const rows[] = {
      {kMaxUserBytes, kMaxSecretBytes, Credentials::kPresent},
      {kMaxUserBytes + 1, kMaxSecretBytes, Credentials::kMalformed},
      {kMaxUserBytes, kMaxSecretBytes + 1, Credentials::kMalformed},
      {1, kMinSecretBytes, Credentials::kPresent},
      {1, kMinSecretBytes - 1, Credentials::kMalformed},
      {100000, 100000, Credentials::kMalformed},
  };
  for (const auto& row : rows) {
    ParsedCredentials parsed;
    std::string value = "cpanel " + std::string(row.user, 'u') + ":" + std::string(row.secret, 's');
    ck_assert_int_eq(parse(kAll, value, &parsed), row.state);
  }
}
END_TEST

START_TEST(the_longest_basic_value_fits) {
  // base64 of 64 times 'u', ':', 1024 times 's'; one byte more must not fit.
  std::string encoded;
  for (int i = 0; i < 21; ++i) encoded += "dXV1";
  encoded += "dTpz";
  for (int i = 0; i < 341; ++i) encoded += "c3Nz";
  ParsedCredentials parsed;
  ck_assert_int_eq(parse(kAll, "Basic " + encoded, &parsed), Credentials::kPresent);
  ck_assert_uint_eq(parsed.user.size(), kMaxUserBytes);
  ck_assert_uint_eq(parsed.secret.size(), kMaxSecretBytes);
  ck_assert_int_eq(parse(kAll, "Basic " + encoded + "cw==", &parsed), Credentials::kMalformed);
}
END_TEST

START_TEST(a_scheme_that_is_off_is_no_credentials) {
  ParsedCredentials parsed;
  ck_assert_int_eq(parse(kSchemeBearer, "cpanel shop:" + kSecret, &parsed), Credentials::kAbsent);
  ck_assert_int_eq(parse(kDefaultSchemes, "Basic !!!!", &parsed), Credentials::kAbsent);
  ck_assert_int_eq(parse(0, "Bearer " + kSecret, &parsed), Credentials::kAbsent);
}
END_TEST

START_TEST(exactly_one_set_of_credentials) {
  ParsedCredentials parsed;
  std::string bearer = "Bearer " + kSecret;
  auto state = [&](uint8_t schemes, const CredentialFields& fields) {
    return parse_credentials(schemes, fields, &parsed);
  };
  ck_assert_int_eq(state(kAll, {{}, 0, kSecret, 1}), Credentials::kPresent);
  ck_assert_view_eq(parsed.secret, kSecret);
  ck_assert_int_eq(parsed.scheme, kSchemeKeyHeader);
  ck_assert_int_eq(state(kAll, {bearer, 2, {}, 0}), Credentials::kMalformed);
  ck_assert_int_eq(state(kAll, {{}, 0, kSecret, 2}), Credentials::kMalformed);
  ck_assert_int_eq(state(kAll, {bearer, 1, kSecret, 1}), Credentials::kMalformed);
  // Credentials of a scheme that is off belong to somebody else.
  ck_assert_int_eq(state(kSchemeKeyHeader, {bearer, 1, kSecret, 1}), Credentials::kPresent);
  ck_assert_int_eq(state(kDefaultSchemes, {bearer, 1, kSecret, 1}), Credentials::kPresent);
  ck_assert_int_eq(parsed.scheme, kSchemeBearer);
  ck_assert_int_eq(state(kAll, {{}, 0, "short", 1}), Credentials::kMalformed);
  ck_assert_int_eq(state(kAll, {bearer, 0, {}, 0}), Credentials::kAbsent);
}
END_TEST

START_TEST(the_challenge_is_one_and_quotes_its_realm) {
  ck_assert_view_eq(challenge(kDefaultSchemes, "api"), "Bearer realm=\"api\"");
  ck_assert_view_eq(challenge(kDefaultSchemes | kSchemeBasic, "api"), "Basic realm=\"api\"");
  ck_assert_view_eq(challenge(kSchemeCpanel | kSchemeWhm, "api"), "cpanel realm=\"api\"");
  ck_assert_view_eq(challenge(kSchemeWhm, "api"), "whm realm=\"api\"");
  ck_assert_view_eq(challenge(kSchemeKeyHeader, "a \"b\" \\c"), "Bearer realm=\"a \\\"b\\\" \\\\c\"");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("credentials");
  TCase* tcase = tcase_create("credentials");
  tcase_add_test(tcase, reads_what_real_clients_send);
  tcase_add_test(tcase, lengths_at_their_bounds);
  tcase_add_test(tcase, the_longest_basic_value_fits);
  tcase_add_test(tcase, a_scheme_that_is_off_is_no_credentials);
  tcase_add_test(tcase, the_challenge_is_one_and_quotes_its_realm);
  tcase_add_test(tcase, exactly_one_set_of_credentials);
  suite_add_tcase(suite, tcase);
  return suite;
}
