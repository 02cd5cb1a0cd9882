// One-time links and sessions of the daemon.
#include "sessions.h"

#include <set>

#include "support.h"

using namespace tokengate;
using namespace tokengate::daemon;

namespace {

constexpr int64_t kNow = 1'800'000'000;

Guest guest(const std::string& user, uint32_t id) {
  Guest guest;
  guest.user = user;
  guest.account_id = id;
  return guest;
}

}  // namespace

START_TEST(a_link_opens_a_session_once) {
  Sessions sessions(3600);
  std::string link = sessions.make_link(guest("shop", 7), kNow);
  auto session = sessions.redeem(link, kNow + 1);
  ck_assert(session.has_value());
  ck_assert(!sessions.redeem(link, kNow + 1).has_value());
  const Guest* found = sessions.find(*session, kNow + 2);
  ck_assert_ptr_nonnull(found);
  ck_assert_view_eq(found->user, "shop");
  ck_assert_uint_eq(found->account_id, 7);
}
END_TEST

START_TEST(links_and_sessions_end_in_time) {
  Sessions sessions(3600);
  std::string late = sessions.make_link(guest("shop", 7), kNow);
  ck_assert(!sessions.redeem(late, kNow + kLinkSeconds).has_value());
  std::string link = sessions.make_link(guest("shop", 7), kNow);
  auto session = sessions.redeem(link, kNow + kLinkSeconds - 1);
  ck_assert(session.has_value());
  int64_t begun = kNow + kLinkSeconds - 1;
  ck_assert_ptr_nonnull(sessions.find(*session, begun + 3599));
  ck_assert_ptr_null(sessions.find(*session, begun + 3600));
  ck_assert_ptr_null(sessions.find(*session, begun));
}
END_TEST

START_TEST(only_the_whole_key_opens) {
  Sessions sessions(3600);
  auto session = sessions.redeem(sessions.make_link(guest("shop", 7), kNow), kNow);
  ck_assert(session.has_value());
  ck_assert_uint_eq(session->size(), 43);
  for (size_t i = 0; i < session->size(); ++i) {
    std::string wrong = *session;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    ck_assert_ptr_null(sessions.find(wrong, kNow));
    sessions.end(wrong);
    ck_assert_ptr_nonnull(sessions.find(*session, kNow));
  }
  for (const std::string& wrong :
       {std::string(), session->substr(0, 42), *session + "A", session->substr(0, 11)}) {
    ck_assert_ptr_null(sessions.find(wrong, kNow));
  }
  sessions.end(*session);
  ck_assert_ptr_null(sessions.find(*session, kNow));
}
END_TEST

START_TEST(a_link_is_no_session_and_keys_differ) {
  Sessions sessions(3600);
  std::string link = sessions.make_link(guest("shop", 7), kNow);
  ck_assert_ptr_null(sessions.find(link, kNow));
  std::set<std::string> keys;
  for (int i = 0; i < 500; ++i) keys.insert(sessions.make_link(guest("shop", 7), kNow));
  ck_assert_uint_eq(keys.size(), 500);
}
END_TEST

START_TEST(when_there_are_too_many_the_oldest_goes) {
  Keyring keys(3);
  std::string first = keys.add(guest("a", 1), kNow + 10);
  std::string second = keys.add(guest("b", 2), kNow + 10);
  keys.add(guest("c", 3), kNow + 10);
  keys.add(guest("d", 4), kNow + 10);
  ck_assert_ptr_null(keys.find(first, kNow));
  ck_assert_ptr_nonnull(keys.find(second, kNow));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("sessions");
  TCase* tcase = tcase_create("sessions");
  tcase_add_test(tcase, a_link_opens_a_session_once);
  tcase_add_test(tcase, links_and_sessions_end_in_time);
  tcase_add_test(tcase, only_the_whole_key_opens);
  tcase_add_test(tcase, a_link_is_no_session_and_keys_differ);
  tcase_add_test(tcase, when_there_are_too_many_the_oldest_goes);
  suite_add_tcase(suite, tcase);
  return suite;
}
