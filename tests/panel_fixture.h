/// A store with a reseller, whose token `manager` manages tokens.
#ifndef TOKENGATE_TESTS_PANEL_FIXTURE_H_
#define TOKENGATE_TESTS_PANEL_FIXTURE_H_

#include <string>
#include <utility>

#include "store_fixture.h"

inline constexpr tokengate::Service kWhm = tokengate::Service::kWhm;
inline constexpr int64_t kDay = 86'400;

/// The account `reseller` has the ACLs of the attacks; the token `manager` has manage-api-tokens and two
/// more.
struct Panel : StoreFixture {
  Panel() {
    for (const char* acl : {"manage-api-tokens", "list-accts", "create-acct", "kill-acct", "passwd"}) {
      ck_assert_ok(admin.define_acl(change_at(), kWhm, acl));
    }
    ck_assert_ok(admin.define_acl(change_at(), tokengate::Service::kCpanel, "manage-api-tokens"));
    add_account("reseller", {"email", "manage-api-tokens"},
                {"manage-api-tokens", "list-accts", "create-acct", "kill-acct", "passwd"});
    add_account("other", {"email"}, {"list-accts", "manage-api-tokens"});
    add_token(manager());
  }

  static tokengate::NewToken manager(std::string name = "manager") {
    return {.account = "reseller",
            .service = kWhm,
            .name = std::move(name),
            .acls = {"manage-api-tokens", "list-accts", "create-acct"},
            .addresses = {"192.0.2.0/24", "2001:db8::/32"},
            .not_before_unix_s = kNow - kDay,
            .expires_unix_s = kNow + 30 * kDay};
  }
  /// What `manager` may make.
  static tokengate::NewToken child(std::string name = "child") {
    return {.account = "reseller",
            .service = kWhm,
            .name = std::move(name),
            .acls = {"list-accts"},
            .addresses = {"192.0.2.7"},
            .expires_unix_s = kNow + kDay};
  }
  /// A change that came with a token of reseller.
  static tokengate::Change by(std::string name = "manager", tokengate::Service service = kWhm,
                              int64_t now = kNow) {
    tokengate::Change change = change_at(now);
    change.acting = tokengate::ActingToken{"reseller", service, std::move(name)};
    return change;
  }
  tokengate::Status make(const tokengate::NewToken& token, const tokengate::Change& change = by()) {
    return admin.create_token(change, token).status;
  }
  tokengate::Status make_by(const std::string& name) { return make(child(), by(name)); }
  tokengate::Token find(const std::string& name, tokengate::Service service = kWhm) {
    auto found = admin.find_token("reseller", service, name);
    ck_assert_ok(found.status);
    return found.value;
  }
  bool exists(const std::string& name) { return admin.find_token("reseller", kWhm, name).ok(); }
  uint64_t journal_entries() { return admin.stat().value.journal_entries; }
};

#endif  // TOKENGATE_TESTS_PANEL_FIXTURE_H_
