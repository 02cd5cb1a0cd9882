// The rules, each on both sides of its bound.
#include "policy.h"

#include "support.h"

using namespace tokengate;

namespace {

Address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  Address address;
  address.kind = Address::kIp;
  address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
  return address;
}

Connection from(const Address& client, bool tls) {
  Connection connection;
  connection.client = client;
  connection.tls = tls;
  return connection;
}

const std::string kHasAll("\x01", 1);    // number 0
const std::string kHasThree("\x08", 1);  // number 3

}  // namespace

START_TEST(credentials_need_a_transport_that_hides_them) {
  Rules rules;
  Address local_socket;
  local_socket.kind = Address::kLocalSocket;
  ck_assert(check_transport(rules, from(ipv4(192, 0, 2, 1), true)) == Outcome::kGranted);
  ck_assert(check_transport(rules, from(ipv4(127, 9, 9, 9), false)) == Outcome::kGranted);
  ck_assert(check_transport(rules, from(local_socket, false)) == Outcome::kGranted);
  ck_assert(check_transport(rules, from(ipv4(192, 0, 2, 1), false)) == Outcome::kInsecureTransport);
  ck_assert(check_transport(rules, from(ipv4(128, 0, 0, 1), false)) == Outcome::kInsecureTransport);
  ck_assert(check_transport(rules, from(Address{}, false)) == Outcome::kInsecureTransport);
  rules.plain_http = true;
  ck_assert(check_transport(rules, from(ipv4(192, 0, 2, 1), false)) == Outcome::kGranted);
}
END_TEST

START_TEST(scheme_service_and_username_must_fit_the_token) {
  struct {
    Service location, token;
    Scheme scheme;
    const char* user;
    Outcome outcome;
  } const rows[] = {
      {Service::kCpanel, Service::kCpanel, kSchemeCpanel, "shop", Outcome::kGranted},
      {Service::kCpanel, Service::kCpanel, kSchemeBearer, "", Outcome::kGranted},
      {Service::kCpanel, Service::kCpanel, kSchemeKeyHeader, "", Outcome::kGranted},
      {Service::kCpanel, Service::kCpanel, kSchemeBasic, "shop", Outcome::kGranted},
      {Service::kCpanel, Service::kCpanel, kSchemeBasic, "other", Outcome::kUnknownToken},
      {Service::kCpanel, Service::kCpanel, kSchemeCpanel, "Shop", Outcome::kUnknownToken},
      {Service::kCpanel, Service::kCpanel, kSchemeCpanel, "sho", Outcome::kUnknownToken},
      {Service::kCpanel, Service::kCpanel, kSchemeWhm, "shop", Outcome::kUnknownToken},
      {Service::kCpanel, Service::kWhm, kSchemeWhm, "shop", Outcome::kUnknownToken},
      {Service::kWhm, Service::kCpanel, kSchemeCpanel, "shop", Outcome::kUnknownToken},
      {Service::kWhm, Service::kWhm, kSchemeCpanel, "shop", Outcome::kUnknownToken},
      {Service::kWhm, Service::kWhm, kSchemeWhm, "shop", Outcome::kGranted},
      {Service::kWhm, Service::kWhm, kSchemeBearer, "", Outcome::kGranted},
  };
  for (const auto& row : rows) {
    Rules rules;
    rules.service = row.location;
    TokenRecord token;
    token.service = row.token;
    token.user = "shop";
    Credentials credentials;
    credentials.scheme = row.scheme;
    credentials.user.assign(row.user);
    ck_assert_msg(check_token(rules, credentials, token) == row.outcome, "row %td", &row - rows);
  }
}
END_TEST

START_TEST(a_lifetime_includes_its_begin_and_excludes_its_end) {
  TokenRecord token;
  token.not_before_unix_s = 100;
  token.expires_unix_s = 200;
  ck_assert(check_lifetime(token, 99) == Outcome::kNotYetValid);
  ck_assert(check_lifetime(token, 100) == Outcome::kGranted);
  ck_assert(check_lifetime(token, 199) == Outcome::kGranted);
  ck_assert(check_lifetime(token, 200) == Outcome::kExpired);
  token.retires_unix_s = 150;
  ck_assert(check_lifetime(token, 149) == Outcome::kGranted);
  ck_assert(check_lifetime(token, 150) == Outcome::kExpired);
  // A clock before the epoch, or far ahead.
  ck_assert(check_lifetime(token, -1) == Outcome::kNotYetValid);
  ck_assert(check_lifetime(token, INT64_MAX) == Outcome::kExpired);
}
END_TEST

START_TEST(suspended_comes_before_switched_off) {
  TokenRecord token;
  ck_assert(check_account(token) == Outcome::kGranted);
  token.tokens_enabled = false;
  ck_assert(check_account(token) == Outcome::kTokensDisabled);
  token.account_active = false;
  ck_assert(check_account(token) == Outcome::kAccountSuspended);
}
END_TEST

START_TEST(an_address_must_be_in_one_of_the_ranges) {
  TokenRecord token;
  ck_assert(check_address(token, ipv4(192, 0, 2, 1)) == Outcome::kGranted);
  ck_assert(check_address(token, Address{}) == Outcome::kGranted);
  std::string ranges;
  for (Address of : {ipv4(192, 0, 2, 0), ipv4(198, 51, 100, 7)}) {
    ranges.append(reinterpret_cast<const char*>(of.bytes.data()), of.bytes.size());
    ranges.push_back(static_cast<char>(of.bytes[12] == 192 ? 120 : 128));
  }
  token.ranges = ranges;
  ck_assert(check_address(token, ipv4(192, 0, 2, 255)) == Outcome::kGranted);
  ck_assert(check_address(token, ipv4(198, 51, 100, 7)) == Outcome::kGranted);
  ck_assert(check_address(token, ipv4(198, 51, 100, 8)) == Outcome::kAddressDenied);
  ck_assert(check_address(token, ipv4(192, 0, 3, 0)) == Outcome::kAddressDenied);
  ck_assert(check_address(token, Address{}) == Outcome::kAddressDenied);
}
END_TEST

START_TEST(an_acl_must_be_possessed_by_the_account_and_held_by_the_token) {
  struct {
    std::string_view account, token;
    bool full_access, may;
  } const rows[] = {
      {kHasThree, kHasThree, false, true}, {kHasThree, "", true, true}, {kHasThree, "", false, false},
      {"", kHasThree, false, false},       {"", "", true, false},       {kHasAll, kHasThree, false, true},
      {kHasAll, "", true, true},           {kHasAll, "", false, false}, {kHasAll, kHasAll, false, true},
      {kHasThree, kHasAll, false, false},  {"", kHasAll, true, false},
  };
  for (const auto& row : rows) {
    TokenRecord token;
    token.account_acls = row.account;
    token.token_acls = row.token;
    token.full_access = row.full_access;
    ck_assert_msg(token_may_use(token, 3) == row.may, "row %td", &row - rows);
  }
}
END_TEST

START_TEST(an_unlisted_function_needs_full_access_and_on_whm_all) {
  TokenRecord token;
  token.account_acls = kHasThree;
  ck_assert(!token_may_call_unlisted(token));
  token.full_access = true;
  ck_assert(token_may_call_unlisted(token));
  token.service = Service::kWhm;
  ck_assert(!token_may_call_unlisted(token));
  token.account_acls = kHasAll;
  ck_assert(token_may_call_unlisted(token));
  token.full_access = false;
  ck_assert(!token_may_call_unlisted(token));
  token.token_acls = kHasAll;
  ck_assert(token_may_call_unlisted(token));
}
END_TEST

START_TEST(an_account_is_acted_on_by_itself_its_owner_and_all) {
  TokenRecord caller;
  caller.account_id = 5;
  AccountRecord target;
  ck_assert(caller_may_act_on(caller, 5, target));
  ck_assert(!caller_may_act_on(caller, 6, target));
  target.owner_id = 7;
  ck_assert(!caller_may_act_on(caller, 6, target));
  target.owner_id = 5;
  ck_assert(caller_may_act_on(caller, 6, target));
  target.owner_id = 7;
  caller.account_acls = kHasThree;
  ck_assert(!caller_may_act_on(caller, 6, target));
  caller.account_acls = kHasAll;
  ck_assert(caller_may_act_on(caller, 6, target));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("policy");
  TCase* tcase = tcase_create("policy");
  tcase_add_test(tcase, credentials_need_a_transport_that_hides_them);
  tcase_add_test(tcase, scheme_service_and_username_must_fit_the_token);
  tcase_add_test(tcase, a_lifetime_includes_its_begin_and_excludes_its_end);
  tcase_add_test(tcase, suspended_comes_before_switched_off);
  tcase_add_test(tcase, an_address_must_be_in_one_of_the_ranges);
  tcase_add_test(tcase, an_acl_must_be_possessed_by_the_account_and_held_by_the_token);
  tcase_add_test(tcase, an_unlisted_function_needs_full_access_and_on_whm_all);
  tcase_add_test(tcase, an_account_is_acted_on_by_itself_its_owner_and_all);
  suite_add_tcase(suite, tcase);
  return suite;
}
