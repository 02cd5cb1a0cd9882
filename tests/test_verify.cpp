// The whole decision against a real store: every outcome, their order, and changes seen at once.
#include "tokengate/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "catalog_table.h"
#include "hash.h"
#include "raw_change.h"
#include "readers.h"
#include "store_fixture.h"
#include "transaction.h"

using namespace tokengate;

namespace {

Address address(uint8_t last, bool loopback = false) {
  Address address;
  address.kind = Address::kIp;
  address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, last};
  if (loopback) address.bytes[12] = 127;
  return address;
}

/// A request as the cases need it; asks a reader for the decision.
struct Ask {
  Rules rules;
  Connection connection{address(1), true, kNow};
  Call call;
  std::string authorization;
  std::vector<char> scratch = std::vector<char>(65536);

  Ask(std::string authorization_value, std::string_view path)
      : authorization(std::move(authorization_value)) {
    call.method = "GET";
    call.wire_path = call.served_path = path;
  }
  Decision of(Reader& reader, Observer* observer = nullptr) {
    call.scratch = scratch;
    Credentials credentials =
        reader.read_credentials(rules, {authorization, authorization.empty() ? 0U : 1U, {}, 0});
    return reader.verify(rules, credentials, connection, call, observer);
  }
};

#define ck_assert_outcome(decision_expression, expected)                  \
  do {                                                                    \
    const Outcome outcome_ = (decision_expression).outcome;               \
    ck_assert_msg(outcome_ == (expected), "%s: %s", #decision_expression, \
                  std::string(outcome_name(outcome_)).c_str());           \
  } while (0)

/// A store with a shop, a reseller that owns it, and root; and a reader on it.
class World {
 public:
  World() {
    store.add_account("root", {}, {"all"});
    store.add_account("reseller", {"email"}, {"list-accts", "cpanel-api", "create-acct"});
    store.add_account("shop", {"email", "dns", "backups", "reports"}, {}, "reseller");
    store.add_account("stranger", {"email"});
    secret = store.add_token({.account = "shop", .name = "ci", .acls = {"email", "dns"}});
    full = store.add_token({.account = "shop", .name = "full", .full_access = true});
    reading = store.add_token({.account = "shop", .name = "ro", .full_access = true, .read_only = true});
    whm = store.add_token(
        {.account = "reseller", .service = Service::kWhm, .name = "w", .acls = {"list-accts", "cpanel-api"}});
    whm_root =
        store.add_token({.account = "root", .service = Service::kWhm, .name = "r", .full_access = true});
    open();
  }
  Ask shop(const std::string& path) const { return {"cpanel shop:" + secret, keep(path)}; }
  Ask with(const std::string& secret_text, const std::string& path) const {
    return {"Bearer " + secret_text, keep(path)};
  }
  Ask on_whm(const std::string& secret_text, const std::string& path, const std::string& query = {}) const {
    Ask ask = with(secret_text, path);
    ask.rules.service = Service::kWhm;
    ask.call.query = keep(query);
    return ask;
  }

  /// Writes to the store what no command would.
  void change(const RawChange& change) {
    close();
    change_raw(store.path(), change);
    open();
  }
  /// An environment may be closed under others of its process no more than be opened beside them.
  void close() {
    reader.reset();
    verifier.reset();
    store.admin = {};
  }
  void open() {
    verifier = std::make_unique<Verifier>(store.path());
    reader = std::make_unique<Reader>(*verifier);
  }

  StoreFixture store;
  std::string secret, full, reading, whm, whm_root;
  std::unique_ptr<Verifier> verifier;
  std::unique_ptr<Reader> reader;

 private:
  std::string_view keep(const std::string& text) const {
    kept_.push_back(std::make_unique<std::string>(text));
    return *kept_.back();
  }
  mutable std::vector<std::unique_ptr<std::string>> kept_;
};

}  // namespace

START_TEST(grants_what_token_and_account_allow) {
  World world;
  Decision decision = world.shop("/execute/Email/list_pops").of(*world.reader);
  ck_assert_outcome(decision, Outcome::kGranted);
  ck_assert(decision.caller_identified);
  ck_assert_view_eq(decision.caller.user.view(), "shop");
  ck_assert_view_eq(decision.caller.token_name.view(), "ci");
  ck_assert_uint_eq(decision.caller.token_id, 1);
  ck_assert(decision.caller.service == Service::kCpanel);
  ck_assert_view_eq(decision.acl.view(), "email");
  ck_assert_view_eq(decision.route.view(), "uapi Email list_pops");
}
END_TEST

START_TEST(every_outcome_is_reached) {
  World world;
  Reader& reader = *world.reader;
  std::string mail = "/execute/Email/list_pops";
  ck_assert_outcome(Ask("", mail).of(reader), Outcome::kNoCredentials);
  ck_assert_outcome(Ask("cpanel shop", mail).of(reader), Outcome::kMalformedCredentials);
  ck_assert_outcome(Ask("cpanel shop:" + std::string(32, 'A'), mail).of(reader), Outcome::kUnknownToken);
  ck_assert_outcome(Ask("cpanel other:" + world.secret, mail).of(reader), Outcome::kUnknownToken);
  ck_assert_outcome(Ask("whm shop:" + world.secret, mail).of(reader), Outcome::kUnknownToken);
  ck_assert_outcome(world.on_whm(world.secret, "/json-api/listaccts").of(reader), Outcome::kUnknownToken);

  Ask plain = world.shop(mail);
  plain.connection.tls = false;
  ck_assert_outcome(plain.of(reader), Outcome::kInsecureTransport);

  std::string timed = world.store.add_token({.account = "shop",
                                             .name = "timed",
                                             .acls = {"email"},
                                             .not_before_unix_s = kNow + 10,
                                             .expires_unix_s = kNow + 20});
  Ask later = world.with(timed, mail);
  ck_assert_outcome(later.of(reader), Outcome::kNotYetValid);
  later.connection.now_unix_s = kNow + 10;
  ck_assert_outcome(later.of(reader), Outcome::kGranted);
  later.connection.now_unix_s = kNow + 20;
  ck_assert_outcome(later.of(reader), Outcome::kExpired);

  std::string placed = world.store.add_token(
      {.account = "shop", .name = "placed", .acls = {"email"}, .addresses = {"192.0.2.8/30"}});
  Ask from = world.with(placed, mail);
  ck_assert_outcome(from.of(reader), Outcome::kAddressDenied);
  from.connection.client = address(9);
  ck_assert_outcome(from.of(reader), Outcome::kGranted);

  ck_assert_outcome(world.shop("/execute/Email").of(reader), Outcome::kBadRoute);
  ck_assert_outcome(world.shop("/json-api/listaccts").of(reader), Outcome::kApiRefused);
  ck_assert_outcome(world.shop("/execute/Mysql/list").of(reader), Outcome::kAclDenied);
  ck_assert_outcome(world.shop("/execute/Nothing/known").of(reader), Outcome::kAclDenied);
  ck_assert_outcome(world.with(world.full, "/execute/Nothing/known").of(reader), Outcome::kGranted);
  ck_assert_outcome(world
                        .on_whm(world.whm, "/json-api/uapi_cpanel",
                                "cpanel.user=stranger&cpanel.module=Email&cpanel.function=list_pops")
                        .of(reader),
                    Outcome::kTargetDenied);

  ck_assert_ok(world.store.admin.set_tokens_enabled(change_at(), "shop", false));
  ck_assert_outcome(world.shop(mail).of(reader), Outcome::kTokensDisabled);
  ck_assert_ok(world.store.admin.set_account_active(change_at(), "shop", false));
  ck_assert_outcome(world.shop(mail).of(reader), Outcome::kAccountSuspended);

  std::filesystem::rename(world.store.path() + "/data.mdb", world.store.path() + "/away");
  world.verifier->maintain();
  ck_assert_outcome(world.shop(mail).of(reader), Outcome::kStoreUnavailable);
  ck_assert(!world.verifier->problem().empty());
}
END_TEST

START_TEST(of_two_reasons_the_earlier_decides) {
  World world;
  Reader& reader = *world.reader;
  // All reasons at once, then taken away one by one from the front.
  std::string secret = world.store.add_token({.account = "shop",
                                              .name = "all-wrong",
                                              .acls = {"email"},
                                              .addresses = {"198.51.100.1"},
                                              .not_before_unix_s = kNow + 10});
  ck_assert_ok(world.store.admin.set_tokens_enabled(change_at(), "shop", false));
  ck_assert_ok(world.store.admin.set_account_active(change_at(), "shop", false));
  Ask ask("cpanel nobody", "/execute/Email");
  ask.connection.tls = false;
  ck_assert_outcome(ask.of(reader), Outcome::kMalformedCredentials);
  ask.authorization = "cpanel nobody:" + secret;
  ck_assert_outcome(ask.of(reader), Outcome::kInsecureTransport);
  ask.connection.tls = true;
  ck_assert_outcome(ask.of(reader), Outcome::kUnknownToken);
  ask.authorization = "cpanel shop:" + secret;
  ck_assert_outcome(ask.of(reader), Outcome::kNotYetValid);
  ask.connection.now_unix_s = kNow + 10;
  ck_assert_outcome(ask.of(reader), Outcome::kAccountSuspended);
  ck_assert_ok(world.store.admin.set_account_active(change_at(), "shop", true));
  ck_assert_outcome(ask.of(reader), Outcome::kTokensDisabled);
  ck_assert_ok(world.store.admin.set_tokens_enabled(change_at(), "shop", true));
  ck_assert_outcome(ask.of(reader), Outcome::kAddressDenied);
  ask.connection.client.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 198, 51, 100, 1};
  ck_assert_outcome(ask.of(reader), Outcome::kBadRoute);
  ask.call.wire_path = ask.call.served_path = "/json-api/listaccts";
  ck_assert_outcome(ask.of(reader), Outcome::kApiRefused);
  ask.call.wire_path = ask.call.served_path = "/execute/Mysql/x";
  ck_assert_outcome(ask.of(reader), Outcome::kAclDenied);
  ask.call.wire_path = ask.call.served_path = "/execute/Email/x";
  ck_assert_outcome(ask.of(reader), Outcome::kGranted);
}
END_TEST

START_TEST(every_acl_of_a_function_is_needed) {
  World world;
  std::string secret = world.store.add_token({.account = "shop", .name = "b", .acls = {"backups"}});
  Decision decision = world.with(secret, "/execute/Backup/full").of(*world.reader);
  ck_assert_outcome(decision, Outcome::kAclDenied);
  ck_assert_view_eq(decision.acl.view(), "files");
  ck_assert_ok(world.store.admin.grant_acls(change_at(), "shop", Service::kCpanel, {"files"}));
  ck_assert_outcome(world.with(secret, "/execute/Backup/full").of(*world.reader), Outcome::kAclDenied);
  ck_assert_outcome(world.with(world.full, "/execute/Backup/full").of(*world.reader), Outcome::kGranted);
}
END_TEST

START_TEST(a_read_only_token_only_reads) {
  World world;
  ck_assert_outcome(world.with(world.reading, "/execute/Email/list_pops").of(*world.reader),
                    Outcome::kGranted);
  ck_assert_outcome(world.with(world.reading, "/execute/Email/add_pop").of(*world.reader),
                    Outcome::kAclDenied);
  // Unlisted counts as writing.
  ck_assert_outcome(world.with(world.reading, "/execute/No/thing").of(*world.reader), Outcome::kAclDenied);
  ck_assert_outcome(world.with(world.reading, "/v1/reports/7").of(*world.reader), Outcome::kGranted);
  Ask post = world.with(world.reading, "/v1/reports");
  post.call.method = "POST";
  ck_assert_outcome(post.of(*world.reader), Outcome::kAclDenied);
  // Within a batch too.
  Ask batch = world.with(world.reading, "/execute/Batch/strict");
  batch.call.query = "command=%5B%22Email%22%2C%22add_pop%22%5D";
  ck_assert_outcome(batch.of(*world.reader), Outcome::kAclDenied);
  batch.call.query = "command=%5B%22Email%22%2C%22list_pops%22%5D";
  ck_assert_outcome(batch.of(*world.reader), Outcome::kGranted);
  // A read-only server-level token: within a batch, each call must read.
  std::string root = world.store.add_token(
      {.account = "root", .service = Service::kWhm, .name = "ro", .full_access = true, .read_only = true});
  ck_assert_outcome(world.on_whm(root, "/json-api/batch", "command=listaccts").of(*world.reader),
                    Outcome::kGranted);
  ck_assert_outcome(
      world.on_whm(root, "/json-api/batch", "command=listaccts&command-1=reboot").of(*world.reader),
      Outcome::kAclDenied);
}
END_TEST

START_TEST(a_wrapper_is_granted_if_every_inner_call_is) {
  World world;
  struct {
    const char* commands;
    Outcome outcome;
  } const rows[] = {
      {"command=%5B%22Email%22%2C%22add_pop%22%5D&command-1=%5B%22Email%22%2C%22list_pops%22%5D",
       Outcome::kGranted},
      {"command=%5B%22Email%22%2C%22add_pop%22%5D&command-1=%5B%22Mysql%22%2C%22x%22%5D",
       Outcome::kAclDenied},
      {"command=%5B%22Mysql%22%2C%22x%22%5D&command-1=%5B%22Email%22%2C%22add_pop%22%5D",
       Outcome::kAclDenied},
      {"", Outcome::kBadRoute},
  };
  for (const auto& row : rows) {
    Ask ask = world.shop("/execute/Batch/strict");
    ask.call.query = row.commands;
    ck_assert_outcome(ask.of(*world.reader), row.outcome);
  }
}
END_TEST

START_TEST(the_owner_acts_on_its_accounts_within_what_they_possess) {
  World world;
  struct {
    const std::string& secret;
    const char* path;
    const char* query;
    Outcome outcome;
  } const rows[] = {
      {world.whm, "/json-api/listaccts", "", Outcome::kGranted},
      {world.whm, "/json-api/createacct", "", Outcome::kAclDenied},  // possessed, but not held
      {world.whm, "/json-api/mystery", "", Outcome::kAclDenied},
      {world.whm_root, "/json-api/mystery", "", Outcome::kGranted},
      {world.whm_root, "/json-api/reboot", "", Outcome::kGranted},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.user=shop&cpanel.module=Email&cpanel.function=add_pop",
       Outcome::kGranted},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.user=reseller&cpanel.module=Email&cpanel.function=add_pop",
       Outcome::kGranted},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.user=shop&cpanel.module=Mysql&cpanel.function=x",
       Outcome::kTargetDenied},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.user=nobody&cpanel.module=Email&cpanel.function=x",
       Outcome::kTargetDenied},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.module=Email&cpanel.function=x", Outcome::kTargetDenied},
      {world.whm, "/json-api/uapi_cpanel", "cpanel.user=shop&cpanel.module=Odd&cpanel.function=thing",
       Outcome::kAclDenied},
      {world.whm_root, "/json-api/uapi_cpanel", "cpanel.user=shop&cpanel.module=Odd&cpanel.function=thing",
       Outcome::kGranted},
      {world.whm_root, "/json-api/uapi_cpanel", "cpanel.user=shop&cpanel.module=Mysql&cpanel.function=x",
       Outcome::kTargetDenied},
      {world.whm_root, "/json-api/uapi_cpanel", "cpanel.user=stranger&cpanel.module=Email&cpanel.function=x",
       Outcome::kGranted},
      {world.whm, "/json-api/cpanel",
       "cpanel_jsonapi_user=shop&cpanel_jsonapi_module=ZoneEdit&cpanel_jsonapi_func=fetchzones",
       Outcome::kGranted},
      {world.whm, "/json-api/batch",
       "command=uapi_cpanel%3Fcpanel.user%3Dstranger%26cpanel.module%3DEmail%26cpanel.function%3Dx",
       Outcome::kTargetDenied},
  };
  for (const auto& row : rows) {
    Outcome outcome = world.on_whm(row.secret, row.path, row.query).of(*world.reader).outcome;
    ck_assert_msg(outcome == row.outcome, "%s?%s: %s", row.path, row.query,
                  std::string(outcome_name(outcome)).c_str());
  }
}
END_TEST

START_TEST(a_location_can_name_its_acls) {
  World world;
  const std::string_view reports[] = {"reports"};
  const std::string_view unknown[] = {"no-such-acl"};
  auto outcome = [&](const std::string& secret, std::span<const std::string_view> acls, const char* path,
                     const char* method = "GET") {
    Ask ask = world.with(secret, path);
    ask.rules.required_acls = acls;
    ask.call.method = method;
    return ask.of(*world.reader).outcome;
  };
  ck_assert(outcome(world.full, reports, "/anything/at/all") == Outcome::kGranted);
  ck_assert(outcome(world.secret, reports, "/anything/at/all") == Outcome::kAclDenied);
  ck_assert(outcome(world.full, unknown, "/anything/at/all") == Outcome::kAclDenied);
  ck_assert(outcome(world.reading, reports, "/x") == Outcome::kGranted);
  ck_assert(outcome(world.reading, reports, "/x", "HEAD") == Outcome::kGranted);
  ck_assert(outcome(world.reading, reports, "/x", "POST") == Outcome::kAclDenied);
  // Panel calls stay panel calls: shape, and what a read-only token may do.
  ck_assert(outcome(world.full, reports, "/execute/Email") == Outcome::kBadRoute);
  ck_assert(outcome(world.full, reports, "/execute/Mysql/x") == Outcome::kGranted);
  ck_assert(outcome(world.reading, reports, "/execute/Mysql/x") == Outcome::kAclDenied);
  ck_assert(outcome(world.full, reports, "/a/../b") == Outcome::kBadRoute);
}
END_TEST

START_TEST(the_next_decision_sees_every_change) {
  World world;
  Reader& reader = *world.reader;
  Admin& admin = world.store.admin;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(admin.deny_acls(change_at(), "shop", Service::kCpanel, {"email"}));
  ck_assert_outcome(mail.of(reader), Outcome::kAclDenied);
  ck_assert_ok(admin.grant_acls(change_at(), "shop", Service::kCpanel, {"email"}));
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(
      admin.update_token(change_at(), "shop", Service::kCpanel, "ci", {.expires_unix_s = kNow}).status);
  ck_assert_outcome(mail.of(reader), Outcome::kExpired);
  ck_assert_ok(
      admin.update_token(change_at(), "shop", Service::kCpanel, "ci", {.expires_unix_s = kNow + 1}).status);
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(admin
                   .load_catalog(change_at(),
                                 "api\tmodule\tfunction\tacl\taccess\n"
                                 "uapi\tEmail\t*\tdatabases\twrite\n")
                   .status);
  ck_assert_outcome(mail.of(reader), Outcome::kAclDenied);
  ck_assert_ok(admin.load_catalog(change_at(), kTestCatalog).status);
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(admin.rename_account(change_at(), "shop", "store"));
  ck_assert_outcome(mail.of(reader), Outcome::kUnknownToken);
  mail.authorization = "cpanel store:" + world.secret;
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(admin.revoke_token(change_at(), "store", Service::kCpanel, "ci"));
  ck_assert_outcome(mail.of(reader), Outcome::kUnknownToken);
  ck_assert_outcome(world.with(world.full, "/execute/Email/x").of(reader), Outcome::kGranted);
  ck_assert_ok(admin.delete_account(change_at(), "store").status);
  ck_assert_outcome(world.with(world.full, "/execute/Email/x").of(reader), Outcome::kUnknownToken);
}
END_TEST

START_TEST(a_rotated_secret_overlaps_for_as_long_as_it_was_told) {
  World world;
  auto issued = world.store.admin.rotate_token(change_at(), "shop", Service::kCpanel, "ci", 100);
  ck_assert_ok(issued.status);
  Ask former = world.shop("/execute/Email/list_pops");
  Ask present = world.with(issued.value.secret, "/execute/Email/list_pops");
  Decision decision = former.of(*world.reader);
  ck_assert_outcome(decision, Outcome::kGranted);
  ck_assert_uint_eq(decision.caller.secret_serial, 1);
  decision = present.of(*world.reader);
  ck_assert_outcome(decision, Outcome::kGranted);
  ck_assert_uint_eq(decision.caller.token_id, 1);
  ck_assert_uint_eq(decision.caller.secret_serial, 2);
  former.connection.now_unix_s = present.connection.now_unix_s = kNow + 99;
  ck_assert_outcome(former.of(*world.reader), Outcome::kGranted);
  former.connection.now_unix_s = present.connection.now_unix_s = kNow + 100;
  ck_assert_outcome(former.of(*world.reader), Outcome::kExpired);
  ck_assert_outcome(present.of(*world.reader), Outcome::kGranted);
  // A revocation ends both.
  former.connection.now_unix_s = kNow;
  ck_assert_ok(world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
  ck_assert_outcome(former.of(*world.reader), Outcome::kUnknownToken);
  ck_assert_outcome(present.of(*world.reader), Outcome::kUnknownToken);
}
END_TEST

START_TEST(identify_tells_who_and_never_grants_a_call) {
  World world;
  Rules rules;
  Connection connection{address(1), true, kNow};
  Credentials credentials = world.reader->read_credentials(rules, {"cpanel shop:" + world.secret, 1, {}, 0});
  Caller caller;
  ck_assert(world.reader->identify(rules, credentials, connection, &caller));
  ck_assert_view_eq(caller.user.view(), "shop");
  caller.user.assign("untouched");
  connection.tls = false;
  ck_assert(!world.reader->identify(rules, credentials, connection, &caller));
  ck_assert_view_eq(caller.user.view(), "untouched");
  // Kept credentials are judged under the rules of the location they come to.
  connection.tls = true;
  rules.schemes = kSchemeBearer;
  ck_assert(!world.reader->identify(rules, credentials, connection, &caller));
}
END_TEST

START_TEST(the_whole_digest_decides_not_the_key_alone) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  Digest digest = sha256(world.secret);
  world.change([&](Transaction& transaction) {
    Bytes value;
    TokenRecord record;
    ck_assert(transaction.get(Table::kTokens, token_key(digest), &value) == StoreError::kNone);
    std::string bytes(value);
    ck_assert(decode(bytes, &record));
    record.digest.back() ^= 1;
    ck_assert(transaction.put(Table::kTokens, token_key(digest), encode(record)) == StoreError::kNone);
  });
  ck_assert_outcome(mail.of(*world.reader), Outcome::kUnknownToken);
}
END_TEST

START_TEST(damage_in_no_table_is_a_grant) {
  const std::string one_call = "cpanel.user=shop&cpanel.module=Email&cpanel.function=list_pops";
  const std::string listed = catalog_key(Api::kUapi, "Email", "list_pops");
  const std::string acl = std::string(1, static_cast<char>(Service::kCpanel)) + "email";
  const uint64_t shop_id = 3;
  const std::string_view required[] = {"email"};

  auto mail_after = [&](auto change, bool required_by_location = false) {
    World world;
    Ask ask = world.shop("/execute/Email/list_pops");
    if (required_by_location) ask.rules.required_acls = required;
    ck_assert_outcome(ask.of(*world.reader), Outcome::kGranted);
    change_raw_elsewhere(world.store.path(), change);
    ck_assert_outcome(ask.of(*world.reader), Outcome::kStoreUnavailable);
  };
  auto target_after = [&](auto change) {
    World world;
    Ask ask = world.on_whm(world.whm, "/json-api/uapi_cpanel", one_call);
    ck_assert_outcome(ask.of(*world.reader), Outcome::kGranted);
    change_raw_elsewhere(world.store.path(), change);
    ck_assert_outcome(ask.of(*world.reader), Outcome::kStoreUnavailable);
  };
  mail_after([&](Transaction& t) { t.put(Table::kCatalog, listed, "no record"); });
  mail_after([&](Transaction& t) { t.put(Table::kAcls, acl, "two bytes and more"); }, true);
  target_after([&](Transaction& t) { t.put(Table::kAccountNames, "shop", Bytes("\3\0\0\0\0\0\0\0+", 9)); });
  target_after([&](Transaction& t) { t.put(Table::kAccountNames, "shop", Bytes("\2\0\0\0\0\0\0\0", 8)); });
  target_after([&](Transaction& t) { t.put(Table::kAccounts, shop_id, "no record"); });
  target_after([&](Transaction& t) { t.put(Table::kCatalog, listed, "no record"); });
}
END_TEST

START_TEST(a_damaged_record_is_never_a_grant) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  world.close();
  // Flip one bit of every occurrence of the user's name within records: check values no longer hold.
  std::string path = world.store.path() + "/data.mdb";
  FILE* file = fopen(path.c_str(), "r+b");
  ck_assert_ptr_nonnull(file);
  std::string bytes(std::filesystem::file_size(path), '\0');
  ck_assert_uint_eq(fread(bytes.data(), 1, bytes.size(), file), bytes.size());
  for (size_t at = bytes.find("shopci"); at != std::string::npos; at = bytes.find("shopci", at + 1)) {
    fseek(file, static_cast<long>(at), SEEK_SET);
    fputc('S', file);
  }
  fclose(file);
  world.open();
  ck_assert_outcome(mail.of(*world.reader), Outcome::kStoreUnavailable);
}
END_TEST

START_TEST(a_store_that_appears_or_is_replaced_is_opened) {
  World world;
  TempFolder folder;
  Verifier verifier(folder.path() + "/later");
  Reader reader(verifier);
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(reader), Outcome::kStoreUnavailable);
  ck_assert(verifier.problem().find("tokengate init") != std::string::npos);
  ck_assert(!verifier.maintain());
  world.store.admin = {};
  std::filesystem::copy(world.store.path(), folder.path() + "/later");
  ck_assert(verifier.maintain());
  ck_assert_view_eq(verifier.problem(), "");
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_ok(create_store({folder.path() + "/empty", ""}, change_at()));
  std::filesystem::rename(folder.path() + "/empty/data.mdb", folder.path() + "/later/data.mdb");
  ck_assert(verifier.maintain());
  ck_assert_outcome(mail.of(reader), Outcome::kUnknownToken);
  std::filesystem::remove_all(folder.path() + "/later");
  ck_assert(!verifier.maintain());
  ck_assert_outcome(mail.of(reader), Outcome::kStoreUnavailable);
}
END_TEST

START_TEST(nothing_of_a_replaced_store_remains) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  world.store.admin = {};
  TempFolder folder;
  // Two stores of as many commits, so that the numbers of their newest ones are the same.
  std::string served = folder.path() + "/served", other = folder.path() + "/other";
  for (const std::string& path : {served, other}) {
    std::filesystem::copy(world.store.path(), path);
    Admin admin = std::move(Admin::open(path, Admin::Access::kReadWrite).value);
    std::string acl = path == served ? "email" : "databases";
    ck_assert_ok(admin
                     .load_catalog(change_at(),
                                   "api\tmodule\tfunction\tacl\taccess\nuapi\tEmail\t*\t" + acl + "\twrite\n")
                     .status);
  }
  Verifier verifier(served);
  Reader reader(verifier);
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  ck_assert_outcome(mail.of(reader), Outcome::kGranted);
  std::filesystem::rename(other + "/data.mdb", served + "/data.mdb");
  ck_assert(verifier.maintain());
  ck_assert_outcome(mail.of(reader), Outcome::kAclDenied);
}
END_TEST

START_TEST(a_change_that_changes_nothing_takes_nothing_down) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_ok(world.store.admin.define_acl(change_at(), Service::kCpanel, "email"));
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  ck_assert_ok(world.store.admin.purge_expired_tokens(change_at(), "", 0).status);
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
}
END_TEST

START_TEST(a_damaged_meta_page_brings_no_older_state_back) {
  // LMDB has two meta pages, written in turn; the one with the larger number (a 64-bit word) counts. One
  // flipped bit makes the older one the larger, or the newer one the smaller.
  constexpr off_t kNumber[] = {144, 4096 + 144};
  for (bool lower : {false, true}) {
    for (int bit : {0, 1, 2, 16}) {
      World world;
      Ask mail = world.shop("/execute/Email/list_pops");
      ck_assert_ok(world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
      world.reader.reset();
      world.verifier.reset();
      world.store.admin = Admin();
      int data = open((world.store.path() + "/data.mdb").c_str(), O_RDWR);
      uint64_t numbers[2] = {};
      for (int i : {0, 1}) ck_assert_int_eq(pread(data, &numbers[i], 8, kNumber[i]), 8);
      int newer = numbers[0] < numbers[1] ? 1 : 0;
      int hit = lower ? newer : 1 - newer;
      numbers[hit] ^= uint64_t{1} << bit;
      ck_assert_int_eq(pwrite(data, &numbers[hit], 8, kNumber[hit]), 8);
      close(data);
      // A writer would build on it.
      auto writer = Admin::open(world.store.path(), Admin::Access::kReadWrite);
      Verifier verifier(world.store.path());
      Reader reader(verifier);
      ck_assert(mail.of(reader).outcome != Outcome::kGranted);
    }
  }
}
END_TEST

/// Does something in the midst of each decision.
struct Interruption : Observer {
  explicit Interruption(std::function<void()> action) : act(std::move(action)) {}
  void checked(Outcome failure, bool passed, std::string_view detail) override {
    (void)passed;
    (void)detail;
    if (failure == Outcome::kUnknownToken) act();
  }
  std::function<void()> act;
};

/// Pages that a decision reads are used again by writers if what it said in `readers` is wiped out.
START_TEST(a_decision_in_a_snapshot_that_is_gone_is_made_again) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  auto change = [&](int commits) {
    const std::string nothing(kReaderSlots * kReaderSlotBytes, '\0');
    int readers = open((world.store.path() + "/readers").c_str(), O_RDWR);
    ck_assert_int_eq(pwrite(readers, nothing.data(), nothing.size(), 0), nothing.size());
    close(readers);
    ck_assert_ok(world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
    for (int i = 1; i < commits; ++i)
      ck_assert_ok(world.store.admin.define_acl(change_at(), Service::kCpanel, "acl" + std::to_string(i)));
  };
  bool changed = false;
  Interruption once([&] {
    if (!std::exchange(changed, true)) change(4);
  });
  ck_assert_outcome(mail.of(*world.reader, &once), Outcome::kUnknownToken);
  ck_assert(changed);
  ck_assert(world.verifier->maintain());
  // For ever is too long.
  Ask full = world.with(world.full, "/execute/Email/list_pops");
  int times = 0;
  Interruption always([&] {
    for (int i = 0; i < 2; ++i)
      ck_assert_ok(
          world.store.admin.define_acl(change_at(), Service::kCpanel, "more" + std::to_string(times++)));
  });
  ck_assert_outcome(full.of(*world.reader, &always), Outcome::kStoreUnavailable);
  ck_assert_int_eq(times, 6);
  ck_assert_outcome(full.of(*world.reader), Outcome::kGranted);
}
END_TEST

START_TEST(an_older_page_that_looks_like_the_next_commit_is_none) {
  // The second lowest bit of a number says so, if it is not set.
  constexpr off_t kNumber[] = {144, 4096 + 144};
  for (bool is_open : {false, true}) {
    World world;
    Ask mail = world.shop("/execute/Email/list_pops");
    int data = open((world.store.path() + "/data.mdb").c_str(), O_RDWR);
    uint64_t numbers[2] = {};
    int older = 0;
    auto look = [&] {
      for (int i : {0, 1}) ck_assert_int_eq(pread(data, &numbers[i], 8, kNumber[i]), 8);
      older = numbers[0] < numbers[1] ? 0 : 1;
    };
    // The older one will be the one that is the newer one now.
    for (look(); (numbers[1 - older] & 2) != 0; look()) {
      ck_assert_ok(world.store.admin.define_acl(change_at(), Service::kCpanel,
                                                "acl" + std::to_string(numbers[older])));
    }
    ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
    ck_assert_ok(world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
    look();
    if (!is_open) {
      world.reader.reset();
      world.verifier.reset();
      world.store.admin = Admin();
    }
    numbers[older] ^= 2;
    ck_assert_uint_eq(numbers[older], numbers[1 - older] + 1);
    ck_assert_int_eq(pwrite(data, &numbers[older], 8, kNumber[older]), 8);
    close(data);
    if (is_open) {
      for (int i = 0; i < 2; ++i) {
        ck_assert_outcome(mail.of(*world.reader), Outcome::kStoreUnavailable);
        world.verifier->maintain();
      }
      ck_assert_fails(world.store.admin.define_acl(change_at(), Service::kCpanel, "more"), Code::kStore, "");
      world.reader.reset();
      world.verifier.reset();
      world.store.admin = Admin();
    }
    ck_assert_fails(Admin::open(world.store.path(), Admin::Access::kReadWrite).status, Code::kStore,
                    "damaged");
    ck_assert_fails(Admin::open(world.store.path(), Admin::Access::kReadOnly).status, Code::kStore,
                    "damaged");
    Verifier verifier(world.store.path());
    Reader reader(verifier);
    ck_assert_outcome(mail.of(reader), Outcome::kStoreUnavailable);
  }
}
END_TEST

START_TEST(a_writer_that_died_as_it_committed_takes_nothing_down) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  std::string path = world.store.path();
  // As it is left: the commit is in the data file, LMDB's lock file does not say so, and nobody was told.
  auto word = [&](const char* file, off_t offset, uint64_t* value, bool write) {
    int opened = open((path + file).c_str(), O_RDWR);
    ssize_t done =
        write ? pwrite(opened, value, sizeof *value, offset) : pread(opened, value, sizeof *value, offset);
    ck_assert_int_eq(done, sizeof *value);
    close(opened);
  };
  uint64_t before = 0;
  word("/lock.mdb", 48, &before, false);
  ck_assert_ok(world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "ci"));
  uint64_t acknowledged = 0;
  word("/acknowledged", 0, &acknowledged, false);
  ck_assert_uint_eq(acknowledged, before + 1);
  word("/acknowledged", 0, &before, true);
  word("/lock.mdb", 48, &before, true);
  for (int look = 0; look < 5; ++look) ck_assert(world.verifier->maintain());
  ck_assert_outcome(mail.of(*world.reader), Outcome::kUnknownToken);
}
END_TEST

START_TEST(a_data_file_cut_short_under_readers_is_damage_and_no_crash) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  std::string data = world.store.path() + "/data.mdb";
  std::string whole = world.store.path() + "/whole";
  std::filesystem::copy_file(data, whole);
  std::filesystem::resize_file(data, 0);
  for (int i = 0; i < 3; ++i) ck_assert_outcome(mail.of(*world.reader), Outcome::kStoreUnavailable);
  ck_assert(!world.verifier->maintain());
  ck_assert_outcome(mail.of(*world.reader), Outcome::kStoreUnavailable);
  std::filesystem::rename(whole, data);
  ck_assert(world.verifier->maintain());
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  std::filesystem::resize_file(world.store.path() + "/acknowledged", 0);
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
  ck_assert(world.verifier->maintain());
  ck_assert_outcome(mail.of(*world.reader), Outcome::kGranted);
}
END_TEST

START_TEST(a_damaged_page_size_is_no_crash) {
  for (off_t page : {0, 1}) {
    for (off_t byte : {40, 41, 42, 43}) {
      World world;
      Ask mail = world.shop("/execute/Email/list_pops");
      world.reader.reset();
      world.verifier.reset();
      world.store.admin = {};
      int data = open((world.store.path() + "/data.mdb").c_str(), O_RDWR);
      ck_assert_int_eq(pwrite(data, "\x21", 1, page * 4096 + byte), 1);
      close(data);
      Verifier verifier(world.store.path());
      Reader reader(verifier);
      ck_assert_outcome(mail.of(reader), Outcome::kStoreUnavailable);
    }
  }
}
END_TEST

START_TEST(a_data_file_that_leads_beyond_its_end_is_damage_and_no_crash) {
  World world;
  Ask mail = world.shop("/execute/Email/list_pops");
  world.reader.reset();
  world.verifier.reset();
  world.store.admin = {};
  // In each page of a tree, after the head of 16 bytes, come the places of its entries: send them all far
  // away.
  int data = open((world.store.path() + "/data.mdb").c_str(), O_RDWR);
  auto pages = static_cast<off_t>(std::filesystem::file_size(world.store.path() + "/data.mdb")) / 4096;
  for (off_t page = 2; page < pages; ++page) {
    uint16_t head[2] = {};  // flags (branch 1, leaf 2), end of the places
    ck_assert_int_eq(pread(data, head, sizeof head, page * 4096 + 10), sizeof head);
    if ((head[0] & 3) == 0 || head[1] <= 16 || head[1] > 4096) continue;
    std::string away(head[1] - 16U, '\xF8');
    ck_assert_int_eq(pwrite(data, away.data(), away.size(), page * 4096 + 16), away.size());
  }
  close(data);
  Verifier verifier(world.store.path());
  Reader reader(verifier);
  ck_assert_outcome(mail.of(reader), Outcome::kStoreUnavailable);
  ck_assert(!verifier.maintain());
  ck_assert_fails(Admin::open(world.store.path(), Admin::Access::kReadOnly).status, Code::kStore, "store");
}
END_TEST

START_TEST(threads_decide_while_a_writer_changes_and_the_store_is_reopened) {
  World world;
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  std::atomic<unsigned> decided{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Reader reader(*world.verifier);
      Ask mail("Bearer " + world.full, "/execute/Email/list_pops");
      Ask denied("Bearer " + world.secret, "/execute/Mysql/x");
      do {
        Outcome granted = mail.of(reader).outcome;
        Outcome refused = denied.of(reader).outcome;
        // Only while the store is being reopened may it be away.
        if (granted != Outcome::kGranted && granted != Outcome::kStoreUnavailable) ++wrong;
        if (refused != Outcome::kAclDenied && refused != Outcome::kStoreUnavailable) ++wrong;
        ++decided;
      } while (!stop);
    });
  }
  std::string path = world.store.path();
  for (int i = 0; i < 60; ++i) {
    std::string secret =
        world.store.add_token({.account = "shop", .name = "n" + std::to_string(i), .acls = {"email"}});
    ck_assert_outcome(world.with(secret, "/execute/Email/x").of(*world.reader), Outcome::kGranted);
    ck_assert_ok(
        world.store.admin.revoke_token(change_at(), "shop", Service::kCpanel, "n" + std::to_string(i)));
    ck_assert_outcome(world.with(secret, "/execute/Email/x").of(*world.reader), Outcome::kUnknownToken);
    if (i % 10 == 9) {
      std::filesystem::rename(path + "/data.mdb", path + "/away");
      ck_assert(!world.verifier->maintain());
      std::filesystem::rename(path + "/away", path + "/data.mdb");
      ck_assert(world.verifier->maintain());
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  ck_assert_uint_eq(wrong, 0);
  ck_assert_uint_ge(decided, threads.size());
}
END_TEST

START_TEST(an_observer_hears_each_check_and_changes_nothing) {
  struct Recorder : Observer {
    void checked(Outcome failure, bool passed, std::string_view detail) override {
      heard += std::string(passed ? "+" : "-") + std::string(outcome_name(failure)) + " ";
      ck_assert(!detail.empty());
    }
    std::string heard;
  };
  World world;
  Recorder recorder;
  Ask mail = world.shop("/execute/Email/list_pops");
  ck_assert_outcome(mail.of(*world.reader, &recorder), Outcome::kGranted);
  ck_assert_view_eq(recorder.heard,
                    "+store_unavailable +no_credentials +insecure_transport +unknown_token +expired "
                    "+account_suspended +address_denied +bad_route +acl_denied ");
  Recorder refused;
  ck_assert_outcome(world.shop("/execute/Mysql/x").of(*world.reader, &refused), Outcome::kAclDenied);
  ck_assert(refused.heard.ends_with("-acl_denied "));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("verify");
  TCase* tcase = tcase_create("verify");
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, grants_what_token_and_account_allow);
  tcase_add_test(tcase, every_outcome_is_reached);
  tcase_add_test(tcase, of_two_reasons_the_earlier_decides);
  tcase_add_test(tcase, every_acl_of_a_function_is_needed);
  tcase_add_test(tcase, a_read_only_token_only_reads);
  tcase_add_test(tcase, a_wrapper_is_granted_if_every_inner_call_is);
  tcase_add_test(tcase, the_owner_acts_on_its_accounts_within_what_they_possess);
  tcase_add_test(tcase, a_location_can_name_its_acls);
  tcase_add_test(tcase, the_next_decision_sees_every_change);
  tcase_add_test(tcase, a_rotated_secret_overlaps_for_as_long_as_it_was_told);
  tcase_add_test(tcase, identify_tells_who_and_never_grants_a_call);
  tcase_add_test(tcase, the_whole_digest_decides_not_the_key_alone);
  tcase_add_test(tcase, damage_in_no_table_is_a_grant);
  tcase_add_test(tcase, a_damaged_record_is_never_a_grant);
  tcase_add_test(tcase, a_store_that_appears_or_is_replaced_is_opened);
  tcase_add_test(tcase, nothing_of_a_replaced_store_remains);
  tcase_add_test(tcase, a_change_that_changes_nothing_takes_nothing_down);
  tcase_add_test(tcase, a_damaged_meta_page_brings_no_older_state_back);
  tcase_add_test(tcase, a_decision_in_a_snapshot_that_is_gone_is_made_again);
  tcase_add_test(tcase, an_older_page_that_looks_like_the_next_commit_is_none);
  tcase_add_test(tcase, a_writer_that_died_as_it_committed_takes_nothing_down);
  tcase_add_test(tcase, a_data_file_cut_short_under_readers_is_damage_and_no_crash);
  tcase_add_test(tcase, a_damaged_page_size_is_no_crash);
  tcase_add_test(tcase, a_data_file_that_leads_beyond_its_end_is_damage_and_no_crash);
  tcase_add_test(tcase, threads_decide_while_a_writer_changes_and_the_store_is_reopened);
  tcase_add_test(tcase, an_observer_hears_each_check_and_changes_nothing);
  suite_add_tcase(suite, tcase);
  return suite;
}
