// Keeps a store and the oracle's state in step.
#include "world.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <filesystem>
#include <stdexcept>

#include "../usage_leftover.h"
#include "change.h"

namespace tokengate::oracle {
namespace {

// The same secrets each time, so that an input means the same each time.
RandomSource seeded_random(uint64_t seed) {
  return [state = seed](std::span<uint8_t> out) mutable {
    for (uint8_t& byte : out) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<uint8_t>(state >> 56);
    }
    return true;
  };
}

Address address_of(const std::string& text) {
  sockaddr_storage storage{};
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  if (text == "unknown") return Address::from_sockaddr(nullptr);
  if (text == "unix") {
    generic->sa_family = AF_UNIX;
  } else if (inet_pton(AF_INET, text.c_str(), &reinterpret_cast<sockaddr_in*>(generic)->sin_addr) == 1) {
    generic->sa_family = AF_INET;
  } else {
    inet_pton(AF_INET6, text.c_str(), &reinterpret_cast<sockaddr_in6*>(generic)->sin6_addr);
    generic->sa_family = AF_INET6;
  }
  return Address::from_sockaddr(generic);
}

std::string describe(const Verdict& verdict) {
  return fmt::format("{}, identified {}, user \"{}\" ({}), token \"{}\" ({}), ACL \"{}\", route \"{}\"",
                     outcome_name(verdict.outcome), verdict.identified, verdict.user, verdict.account_id,
                     verdict.token_name, verdict.token_id, verdict.acl, verdict.route);
}

void must(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message);
}

}  // namespace

World::World(std::string folder) : folder_(std::move(folder)) {
  must(create_store({folder_ + "/first", ""}, {"oracle", kNow}));
  auto opened = Admin::open(folder_ + "/first", Admin::Access::kReadWrite, seeded_random(1));
  must(opened.status);
  admin_ = std::move(opened.value);
  for (size_t i = 0; i < 2; ++i) {
    state_.acls[i].insert(kAcls[i].begin(), kAcls[i].end());
    for (const std::string& acl : kAcls[i]) {
      must(admin_.define_acl({"oracle", kNow}, i == 0 ? Service::kCpanel : Service::kWhm, acl));
    }
  }
  Pair pair{admin_, state_, secrets_};
  must(load_catalog(pair, kFirstCatalog));
  must(create_account(pair, {"root", "", {{"all", "email"}, {"all", "list-accts", "cpanel-api"}}}));
  must(create_account(pair, {"reseller", "", {{"email"}, {"list-accts", "cpanel-api", "create-acct"}}}));
  must(create_account(
      pair, {"shop", "reseller", {{"email", "dns", "files", "backups", "reports", "stats", "admin"}, {}}}));
  must(create_account(pair, {"other", "", {{"email"}, {"list-accts", "cpanel-api"}}}));
  must(create_account(pair, {"poor", "", {{"email", "reports"}, {}}}));
  for (const char* user : {"shop", "root", "poor"}) {
    must(create_token(pair, {.account = user, .name = "full", .full_access = true}));
    must(create_token(pair, {.account = user, .name = "ro", .full_access = true, .read_only = true}));
    must(create_token(pair, {.account = user, .name = "ci", .acls = {"email"}}));
  }
  must(create_token(pair, {.account = "shop",
                           .name = "list",
                           .acls = {"email", "dns", "files", "reports", "backups", "stats", "admin"},
                           .addresses = {"192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "127.0.0.0/8"},
                           .not_before_unix_s = kNow,
                           .expires_unix_s = kNow + 1000}));
  for (const char* user : {"reseller", "root", "other"}) {
    must(
        create_token(pair, {.account = user, .service = Service::kWhm, .name = "full", .full_access = true}));
    must(create_token(
        pair,
        {.account = user, .service = Service::kWhm, .name = "list", .acls = {"list-accts", "cpanel-api"}}));
  }
  for (Service service : {Service::kCpanel, Service::kWhm}) {
    must(create_token(pair, {.account = "root", .service = service, .name = "all", .acls = {"all"}}));
  }
  admin_ = Admin();
  // Mostly a hole, which each copy would fill; a store makes a new one.
  std::filesystem::remove(folder_ + "/first/usage.map");
  first_state_ = state_;
  first_secrets_ = secrets_;
}

World::~World() {
  close();
  remove(folder_);
}

/// On a busy machine not all is out of memory when a store is closed.
void World::remove(const std::string& folder) {
  remove_usage_buffers(folder);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void World::close() {
  reader_.reset();
  verifier_.reset();
  admin_ = Admin();
}

void World::reset() {
  if (!changed_) return;
  changed_ = false;
  close();
  if (resets_ > 0) remove(fmt::format("{}/{}", folder_, resets_));
  std::string path = fmt::format("{}/{}", folder_, ++resets_);
  std::filesystem::copy(folder_ + "/first", path, std::filesystem::copy_options::recursive);
  auto opened = Admin::open(path, Admin::Access::kReadWrite, seeded_random(2));
  must(opened.status);
  admin_ = std::move(opened.value);
  verifier_ = std::make_unique<Verifier>(path);
  reader_ = std::make_unique<Reader>(*verifier_);
  state_ = first_state_;
  secrets_ = first_secrets_;
}

std::string World::play(std::string_view bytes) {
  reset();
  Choices choices(bytes);
  for (int step = 0; choices.are_left() && step < 64; ++step) {
    if (choices.one_in(4)) {
      changed_ = true;
      Status status = change({admin_, state_, secrets_}, choices);
      if (status.code == Code::kStore) return "a change failed: " + status.message;
      ++(status.ok() ? figures_.changes : figures_.changes_refused);
    } else if (std::string difference = ask(choices); !difference.empty()) {
      return difference;
    }
  }
  return {};
}

std::string World::ask(Choices& choices) {
  BuiltRequest built = build_request(choices, state_, secrets_, kUsernames);
  const Request& meaning = built.meaning;
  std::vector<std::string_view> required(meaning.required_acls.begin(), meaning.required_acls.end());
  Rules rules;
  rules.service = meaning.service;
  rules.schemes = meaning.schemes;
  rules.plain_http = meaning.plain_http;
  rules.required_acls = required;
  CredentialFields fields;
  fields.authorization_count = static_cast<unsigned>(meaning.authorization.size());
  if (!meaning.authorization.empty()) fields.authorization = meaning.authorization[0];
  fields.key_header_count = static_cast<unsigned>(meaning.key.size());
  if (!meaning.key.empty()) fields.key_header = meaning.key[0];
  Connection connection{address_of(meaning.client), meaning.tls, meaning.now};
  std::vector<char> scratch(scratch_bytes(built.query.size(), built.body.size()));
  Call call{built.method,
            built.wire_path,
            built.served_path,
            built.query,
            built.body_state,
            built.body,
            built.content_type,
            built.content_type_repeated,
            built.content_encoded,
            built.length_and_chunked,
            /*names_another_call=*/false,
            scratch};
  Rules first_rules = rules;
  first_rules.schemes = meaning.first_schemes;
  Decision decision =
      reader_->verify(rules, reader_->read_credentials(first_rules, fields), connection, call);
  Verdict seen{decision.outcome,
               decision.caller_identified,
               std::string(decision.caller.user.view()),
               std::string(decision.caller.token_name.view()),
               decision.caller.token_id,
               decision.caller.account_id,
               std::string(decision.acl.view()),
               std::string(decision.route.view())};
  Verdict expected = judge(state_, meaning);
  ++figures_.questions;
  ++figures_.outcomes[static_cast<size_t>(seen.outcome)];
  if (seen == expected) return {};
  return describe(built) + "verifier: " + describe(seen) + "\noracle:   " + describe(expected);
}

}  // namespace tokengate::oracle
