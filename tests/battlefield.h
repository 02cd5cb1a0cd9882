/// What a token with manage-api-tokens and two other ACLs is attacked with, and how it is seen that it came
/// by nothing more: whatever is answered, the store afterwards holds no token that can do more than it, but
/// for those that could before; and no secret that was answered passes verify() for anything more.
#ifndef TOKENGATE_TESTS_BATTLEFIELD_H_
#define TOKENGATE_TESTS_BATTLEFIELD_H_

#include <algorithm>
#include <string>
#include <vector>

#include "address.h"
#include "manage_fixture.h"

namespace tokengate {

inline constexpr Service kWhm = Service::kWhm;
inline constexpr Service kCpanel = Service::kCpanel;
inline constexpr int64_t kEnd = kNow + 86'400;  ///< of the attacker

inline constexpr const char* const kTargets[] = {"new",     "manager", "child",   "equal",
                                                 "bigger1", "bigger2", "bigger3", "elsewhere"};

/// The account `owner` possesses first, second, third and manage-api-tokens in both services.
struct Battlefield : ManageFixture {
  explicit Battlefield(Service service) : service_(service) {
    for (Service each : {kCpanel, kWhm}) {
      for (const char* acl : {"first", "second", "third", "cpanel-api", "list-accts", "manage-api-tokens"}) {
        ck_assert_ok(admin.define_acl(change_at(), each, acl));
      }
    }
    const std::vector<std::string> all = {"first",      "second",     "third",
                                          "cpanel-api", "list-accts", "manage-api-tokens"};
    add_account("owner", all, all, "root");
    add_account("owned", {"first", "third"}, {}, "owner");
    add_token({.account = "owned", .name = "full", .full_access = true});
    restore();
  }

  /// The attacker, one that it made, an equal, one with more in each respect, and one for the other service.
  void restore() {
    ck_assert_ok(admin.revoke_all_tokens(change_at(), "owner", {}).status);
    NewToken token = {.account = "owner",
                      .service = service_,
                      .name = "manager",
                      .acls = {"manage-api-tokens", "first", "second"},
                      .addresses = {"192.0.2.0/24", "2001:db8::/32"},
                      .expires_unix_s = kEnd};
    add_token(token);
    token.name = "child";
    token.acls = {"first"};
    Change by_manager = change_at();
    by_manager.acting = ActingToken{"owner", service_, "manager"};
    ck_assert_ok(admin.create_token(by_manager, token).status);
    token.name = "equal";
    add_token(token);
    token.name = "bigger1";
    token.acls = {"first", "third"};
    add_token(token);
    token.name = "bigger2";
    token.acls = {"first"};
    token.expires_unix_s = kNeverExpires;
    add_token(token);
    token.name = "bigger3";
    token.expires_unix_s = kEnd;
    token.addresses = {};
    add_token(token);
    token.service = service_ == kWhm ? kCpanel : kWhm;
    token.name = "elsewhere";
    add_token(token);
    caller = with_token("owner", service_, "manager");
    before_ = admin.list_tokens().value;
    changes_ = changes();
  }

  static bool within_addresses(const std::vector<std::string>& ranges) {
    return !ranges.empty() && std::all_of(ranges.begin(), ranges.end(), [](const std::string& text) {
      uint8_t inner[kAddressRangeBytes], outer[kAddressRangeBytes];
      if (!parse_address_range(text, inner)) return false;
      for (const char* own : {"192.0.2.0/24", "2001:db8::/32"}) {
        if (parse_address_range(own, outer) && range_within(inner, outer)) return true;
      }
      return false;
    });
  }
  bool is_within(const Token& token) const {
    const auto own = [](const std::string& acl) {
      return acl == "first" || acl == "second" || acl == "manage-api-tokens";
    };
    return token.account == "owner" && token.service == service_ && !token.full_access &&
           std::all_of(token.acls.begin(), token.acls.end(), own) && token.expires_unix_s <= kEnd &&
           within_addresses(token.addresses);
  }
  static bool same(const Token& a, const Token& b) {
    return a.account == b.account && a.service == b.service && a.name == b.name &&
           a.full_access == b.full_access && a.acls == b.acls && a.addresses == b.addresses &&
           a.expires_unix_s == b.expires_unix_s && a.read_only == b.read_only &&
           a.former_secret_until_unix_s == b.former_secret_until_unix_s;
  }

  /// Of tokens that are within: their addresses were the manager's own.
  static bool no_wider(const Token& was, const Token& is) {
    return was.name == is.name && is.expires_unix_s <= was.expires_unix_s &&
           std::includes(was.acls.begin(), was.acls.end(), is.acls.begin(), is.acls.end());
  }

  /// Every secret in the reply, tried on what the attacker may not do.
  void try_secrets(const std::string& reply, const std::string& what) {
    for (size_t at = 0; at + 32 <= reply.size(); ++at) {
      const std::string secret = reply.substr(at, 32);
      if (check_token_text(secret) != TokenTextKind::kOurs) continue;
      ++secrets_;
      struct {
        const char* acl;
        const char* address;
        int64_t now;
        bool granted;
      } const rows[] = {{"first", "192.0.2.1", kNow, true},
                        {"third", "192.0.2.1", kNow, false},
                        {"all", "192.0.2.1", kNow, false},
                        {"first", "198.51.100.1", kNow, false},
                        {"first", "192.0.2.1", kEnd, false}};
      // One environment for a store and process.
      admin = {};
      for (const auto& row : rows) {
        const Outcome outcome = decide(secret, row.acl, row.address, row.now);
        granted_ += outcome == Outcome::kGranted ? 1 : 0;
        ck_assert_msg(row.granted || outcome != Outcome::kGranted, "%s: %s from %s granted", what.c_str(),
                      row.acl, row.address);
      }
      admin = std::move(Admin::open(path(), Admin::Access::kReadWrite).value);
    }
  }
  Outcome decide(const std::string& secret, const char* acl, const char* address, int64_t now) {
    const std::string_view needed[] = {acl};
    Rules rules;
    rules.service = service_;
    rules.required_acls = needed;
    Connection connection;
    connection.tls = true;
    connection.now_unix_s = now;
    uint8_t range[kAddressRangeBytes];
    ck_assert(parse_address_range(address, range));
    connection.client.kind = Address::kIp;
    std::copy_n(range, 16, connection.client.bytes.begin());
    const std::string header = "Bearer " + secret;
    Verifier verifier(path());
    Reader reader(verifier);
    const Credentials credentials =
        reader.read_credentials(rules, {.authorization = header, .authorization_count = 1});
    Call call;
    call.method = "GET";
    call.wire_path = call.served_path = "/x";
    return reader.verify(rules, credentials, connection, call).outcome;
  }

  /// Sends a call; whatever it answers, nobody has more than before.
  void strike(const std::string& target, const std::string& body, const std::string& content_type) {
    const std::string what = target + " " + body;
    const manage::Reply reply = send(target, body, content_type);
    ++attacks_;
    if (changes() == changes_) return;
    ++done_;
    try_secrets(reply.body, what);
    for (const Token& token : admin.list_tokens().value) {
      const auto was =
          std::find_if(before_.begin(), before_.end(), [&](const Token& t) { return t.id == token.id; });
      const bool unchanged = was != before_.end() && same(*was, token);
      ck_assert_msg(unchanged || is_within(token), "%s: %s came to have more", what.c_str(),
                    token.name.c_str());
      // What it did not make gains nothing that would outlive it.
      const bool stranger = was != before_.end() && was->name != "child";
      ck_assert_msg(unchanged || !stranger || no_wider(*was, token), "%s: %s was widened", what.c_str(),
                    token.name.c_str());
    }
    restore();
  }

  Service service_;
  std::vector<Token> before_;
  uint64_t changes_ = 0;
  int attacks_ = 0, done_ = 0, secrets_ = 0, granted_ = 0;
};

}  // namespace tokengate

#endif  // TOKENGATE_TESTS_BATTLEFIELD_H_
