// An account's tokens as a person changes them: how many, their secrets, their names.
#include "hash.h"
#include "panel_fixture.h"

using namespace tokengate;

START_TEST(an_account_has_many_tokens_but_not_any_number) {
  Panel panel;
  // Each made by the one before, so that each that ends has an heir: one look at all of them for each of them
  // would take minutes.
  std::string text = "tokengate-export\t1\n";
  for (uint64_t i = 1; i < kMaxTokensPerAccount; ++i) {
    const Digest digest = sha256(std::to_string(i));
    text += "token\treseller\twhm\tt" + std::to_string(i) + '\t' + to_hex(digest) +
            "\tlist-accts\tread\tnever\t0\t\t" + std::to_string(kNow) + '\t' + std::to_string(i + 100) +
            '\t' + (i == 1 ? std::string() : std::to_string(i + 99)) + '\n';
  }
  text += "end\n";
  ck_assert_ok(panel.admin.import_text(change_at(), text).status);
  ck_assert_uint_eq(panel.admin.find_account("reseller").value.token_count, kMaxTokensPerAccount);
  ck_assert_fails(panel.make(Panel::child()), Code::kRefused, "10000 tokens");
  ck_assert_fails(panel.make(Panel::child(), change_at()), Code::kRefused, "revoke some");
  // The other service has its own number.
  ck_assert_ok(panel.make({.account = "reseller", .name = "mail", .acls = {"email"}}, change_at()));

  std::vector<std::string> every_other;
  for (uint64_t i = 2; i < 5000; i += 2) every_other.push_back("t" + std::to_string(i));
  auto gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, every_other, false);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, every_other.size());
  ck_assert_view_eq(panel.find("t4999").parent, "t4997");
  ck_assert_ok(panel.make(Panel::child()));
  gone = panel.admin.revoke_tokens(change_at(), "reseller", kWhm, {"t3"}, true);
  ck_assert_ok(gone.status);
  ck_assert_uint_eq(gone.value, kMaxTokensPerAccount - 2 - every_other.size());
  ck_assert(panel.exists("t1") && panel.exists("child") && panel.exists("manager"));
  ck_assert_ok(panel.admin.verify_journal().status);
}
END_TEST

START_TEST(a_secret_leads_to_a_token_of_its_own_account_only) {
  Panel panel;
  auto issued = panel.admin.create_token(change_at(), Panel::child());
  ck_assert_ok(issued.status);
  const std::string& secret = issued.value.secret;
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, secret).value.name, "child");
  for (auto [user, service] : {std::pair("other", kWhm), std::pair("reseller", Service::kCpanel)}) {
    ck_assert_fails(panel.admin.find_token_by_secret(user, service, secret).status, Code::kRefused,
                    "no token");
  }
  for (const char* wrong : {"", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    ck_assert_fails(panel.admin.find_token_by_secret("reseller", kWhm, wrong).status, Code::kRefused,
                    "no token");
  }
  auto second = panel.admin.rotate_token(change_at(), "reseller", kWhm, "child", 60);
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, secret).value.name, "child");
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, second.value.secret).value.name,
                    "child");
}
END_TEST

START_TEST(a_secret_from_elsewhere_is_stored_once_and_never_by_a_token) {
  Panel panel;
  NewToken token = Panel::child("hash");
  const struct {
    std::string secret;
    Code code;
  } rows[] = {{std::string(kMaxSecretBytes + 1, 'a'), Code::kInvalid},
              {std::string(kMinSecretBytes - 1, 'a'), Code::kInvalid},
              {"0123456789abcdef\n0123456789abcdef", Code::kInvalid},
              {std::string(kMaxSecretBytes, 'a'), Code::kOk},
              {std::string(kMaxSecretBytes, 'a'), Code::kRefused}};
  for (const auto& row : rows) {
    token.secret = row.secret;
    ck_assert_int_eq(static_cast<int>(panel.make(token, change_at()).code), static_cast<int>(row.code));
    if (row.code == Code::kOk) token.name = "again";
  }
  ck_assert_view_eq(panel.admin.find_token_by_secret("reseller", kWhm, token.secret).value.name, "hash");
  token.secret = std::string(32, 'b');
  ck_assert_fails(panel.make(token), Code::kRefused, "cannot choose the secret");
}
END_TEST

START_TEST(an_update_can_rename_in_the_same_change) {
  Panel panel;
  panel.add_token(Panel::child());
  panel.add_token(Panel::child("taken"));
  auto update = [&](TokenUpdate update) {
    return panel.admin.update_token(change_at(), "reseller", kWhm, "child", update).status;
  };
  ck_assert_fails(update({.name = "taken", .acls = {{"passwd"}}}), Code::kRefused, "already");
  ck_assert_fails(update({.name = "a b", .acls = {{"passwd"}}}), Code::kInvalid, "token name");
  ck_assert_view_eq(panel.find("child").acls.front(), "list-accts");
  ck_assert_ok(update({.name = "new", .acls = {{"passwd"}}}));
  ck_assert_view_eq(panel.find("new").acls.front(), "passwd");
  ck_assert(!panel.exists("child"));
}
END_TEST

START_TEST(a_remark_ends_the_detail) {
  Panel panel;
  Change change = change_at();
  change.remark = "elevation by omission";
  ck_assert_ok(panel.make(Panel::child(), change));
  auto entries = panel.admin.read_journal(panel.journal_entries(), 1).value;
  ck_assert(entries.front().detail.ends_with("; elevation by omission"));
  change.remark = "a\nb";
  ck_assert_fails(panel.make(Panel::child("x"), change), Code::kInvalid, "remark");
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("tokens");
  TCase* tcase = tcase_create("tokens");
  tcase_add_test(tcase, an_account_has_many_tokens_but_not_any_number);
  tcase_add_test(tcase, a_secret_leads_to_a_token_of_its_own_account_only);
  tcase_add_test(tcase, a_secret_from_elsewhere_is_stored_once_and_never_by_a_token);
  tcase_add_test(tcase, an_update_can_rename_in_the_same_change);
  tcase_add_test(tcase, a_remark_ends_the_detail);
  suite_add_tcase(suite, tcase);
  return suite;
}
