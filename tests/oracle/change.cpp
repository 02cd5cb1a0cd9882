// Changes a store and the state side by side.
#include "change.h"

#include <algorithm>
#include <iterator>

namespace tokengate::oracle {

using Strings = std::vector<std::string>;

const Strings kUsernames = {"root", "reseller", "shop", "poor", "other", "s.h_op@x", "new1", "new2"};
const Strings kAcls[2] = {
    {"email", "databases", "backups", "files", "dns", "reports", "stats", "admin", "all"},
    {"list-accts", "create-acct", "cpanel-api", "all"}};

const char* const kFirstCatalog =
    "api\tmodule\tfunction\tacl\taccess\n"
    "uapi\tEmail\t*\temail\twrite\n"
    "uapi\tEmail\tlist_pops\temail\tread\n"
    "uapi\tEmail\tfull\temail\tread\n"
    "uapi\tEmail\tfull\tfiles\twrite\n"
    "uapi\tMysql\t*\tdatabases\twrite\n"
    "uapi\tMysql\tthing\t?\tread\n"
    "uapi\tBackup\tfull\tbackups\tread\n"
    "uapi\tBackup\tfull\tfiles\tread\n"
    "uapi\tBatch\tstrict\t*each\twrite\n"
    "uapi\tOdd\tthing\t?\twrite\n"
    "api2\tZoneEdit\tfetchzones\tdns\tread\n"
    "api2\tEmail\t*\temail\twrite\n"
    "whm1\t-\tlistaccts\tlist-accts\tread\n"
    "whm1\t-\tcreateacct\tcreate-acct\twrite\n"
    "whm1\t-\tcreateacct\tlist-accts\tread\n"
    "whm1\t-\treboot\tall\twrite\n"
    "whm1\t-\tmystery\t?\tread\n"
    "whm1\tGroup\tGroup/listed\tlist-accts\tread\n"
    "whm1\t-\tbatch\t*each\twrite\n"
    "whm1\t-\tuapi_cpanel\tcpanel-api\tread\n"
    "whm1\t-\tuapi_cpanel\tlist-accts\tread\n"
    "whm1\t-\tcpanel\tcpanel-api\tread\n"
    "http\tGET\t/v1/reports/*\treports\tread\n"
    "http\tPOST\t/v1/reports\treports\twrite\n"
    "http\tHEAD\t/v1/reports\treports\tread\n"
    "http\tGET\t/v1/reports/list\tstats\tread\n"
    "http\t*\t/v1/*/list\tfiles\twrite\n"
    "http\t*\t/v1/admin/**\tadmin\twrite\n"
    "http\tGET\t/v1/admin/open/*\treports\tread\n"
    "http\tGET\t/\treports\tread\n"
    "http\tGET\t/v1/Files/*/\tfiles\tread\n"
    "http\tGET\t/v1/\xc3\xa4\t?\tread\n";

namespace {

// Leaves most things out, and asks for more elsewhere.
const char* const kSecondCatalog =
    "api\tmodule\tfunction\tacl\taccess\n"
    "uapi\tEmail\t*\tfiles\twrite\n"
    "uapi\tBatch\tstrict\tadmin\tread\n"
    "uapi\tBackup\tfull\tbackups\twrite\n"
    "whm1\t-\tlistaccts\tcreate-acct\twrite\n"
    "whm1\t-\tuapi_cpanel\tcpanel-api\twrite\n"
    "whm1\t-\tcpanel\t?\tread\n"
    "http\t*\t/**\treports\tread\n"
    "http\tPOST\t/v1/reports/*\tadmin\twrite\n";

const Strings kTokenNames = {"ci", "full", "ro", "list", "spare", "all"};
const Strings kRanges = {"192.0.2.0/24",           "198.51.100.7", "2001:db8::/32", "127.0.0.0/8",
                         "::ffff:203.0.113.0/120", "0.0.0.0/0",    "::/0"};

const Change kChange = {"oracle", kNow};

std::set<std::string> set_of(const Strings& names) {
  return {names.begin(), names.end()};
}

/// One change of the store, and of the state if the store took it.
class Changer {
 public:
  Changer(Pair pair, Choices& choices)
      : pair_(pair), choices_(choices), username_(choices.pick(kUsernames)) {}

  Status change() {
    static constexpr Status (Changer::*kChanges[])() = {
        &Changer::create_account, &Changer::create_token,  &Changer::grant,        &Changer::deny,
        &Changer::suspend,        &Changer::switch_tokens, &Changer::rename,       &Changer::set_owner,
        &Changer::delete_account, &Changer::rename_token,  &Changer::update_token, &Changer::rotate_token,
        &Changer::revoke_token,   &Changer::revoke_all,    &Changer::purge,        &Changer::load_catalog,
        &Changer::create_token,   &Changer::deny,          &Changer::update_token};
    return (this->*kChanges[choices_.below(std::size(kChanges))])();
  }

 private:
  Admin& admin() { return pair_.admin; }
  State& state() { return pair_.state; }
  Service service() { return choices_.one_in(2) ? Service::kWhm : Service::kCpanel; }
  static size_t index(Service service) { return service == Service::kWhm ? 1 : 0; }
  AccountState& account() { return state().accounts.at(username_); }

  // A token of the state; if it has none, one that does not exist.
  TokenState* choose_token() {
    if (state().tokens.empty()) return nullptr;
    TokenState* token = &state().tokens[choices_.below(static_cast<unsigned>(state().tokens.size()))];
    username_ = token->account;
    return token;
  }

  Status create_account() {
    NewAccount account{username_, choices_.one_in(2) ? choices_.pick(kUsernames) : "", {}};
    for (size_t i = 0; i < 2; ++i) account.acls[i] = choices_.some(kAcls[i], 3);
    return oracle::create_account(pair_, account);
  }

  Strings ranges() { return choices_.one_in(3) ? choices_.some(kRanges, 3) : Strings(); }
  int64_t not_before() { return choices_.one_in(4) ? kNow + 100 : 0; }
  int64_t expires() { return choices_.one_in(2) ? kNow + (choices_.one_in(2) ? 200 : 1000) : kNeverExpires; }

  Status create_token() {
    NewToken token{.account = username_, .service = service(), .name = choices_.pick(kTokenNames)};
    token.full_access = choices_.one_in(3);
    auto found = state().accounts.find(username_);
    if (!token.full_access && found != state().accounts.end()) {
      const auto& possessed = found->second.acls[index(token.service)];
      token.acls = choices_.some({possessed.begin(), possessed.end()}, 2);
    }
    token.read_only = choices_.one_in(4);
    token.addresses = ranges();
    token.not_before_unix_s = not_before();
    token.expires_unix_s = expires();
    return oracle::create_token(pair_, token);
  }

  Status grant() {
    Service service = this->service();
    Strings acls = choices_.some(kAcls[index(service)], 3);
    Status status = admin().grant_acls(kChange, username_, service, acls);
    if (status.ok()) account().acls[index(service)].insert(acls.begin(), acls.end());
    return status;
  }

  Status deny() {
    Service service = this->service();
    Strings acls = choices_.some(kAcls[index(service)], 3);
    Status status = admin().deny_acls(kChange, username_, service, acls);
    for (const std::string& acl : acls) {
      if (status.ok()) account().acls[index(service)].erase(acl);
    }
    return status;
  }

  Status suspend() {
    bool active = choices_.one_in(2);
    Status status = admin().set_account_active(kChange, username_, active);
    if (status.ok()) account().active = active;
    return status;
  }

  Status switch_tokens() {
    bool enabled = choices_.one_in(2);
    Status status = admin().set_tokens_enabled(kChange, username_, enabled);
    if (status.ok()) account().tokens_enabled = enabled;
    return status;
  }

  Status rename() {
    std::string name = choices_.pick(kUsernames);
    Status status = admin().rename_account(kChange, username_, name);
    if (!status.ok() || name == username_) return status;
    state().accounts[name] = account();
    state().accounts.erase(username_);
    for (auto& [_, account] : state().accounts) {
      if (account.owner == username_) account.owner = name;
    }
    for (TokenState& token : state().tokens) {
      if (token.account == username_) token.account = name;
    }
    return status;
  }

  Status set_owner() {
    std::string owner = choices_.one_in(3) ? "" : choices_.pick(kUsernames);
    Status status = admin().set_account_owner(kChange, username_, owner);
    if (status.ok()) account().owner = owner;
    return status;
  }

  Status delete_account() {
    if (!choices_.one_in(3)) return {Code::kRefused, "rarely"};
    Status status = admin().delete_account(kChange, username_).status;
    if (!status.ok()) return status;
    state().accounts.erase(username_);
    std::erase_if(state().tokens, [&](const TokenState& token) { return token.account == username_; });
    return status;
  }

  Status rename_token() {
    TokenState* token = choose_token();
    if (token == nullptr) return {Code::kRefused, "no token"};
    std::string name = choices_.pick(kTokenNames);
    Status status = admin().rename_token(kChange, username_, token->service, token->name, name);
    if (status.ok()) token->name = name;
    return status;
  }

  Status update_token() {
    TokenState* token = choose_token();
    if (token == nullptr) return {Code::kRefused, "no token"};
    TokenUpdate update;
    if (choices_.one_in(3)) update.full_access = choices_.one_in(2);
    if (choices_.one_in(3)) {
      const auto& possessed = account().acls[index(token->service)];
      update.acls = choices_.some({possessed.begin(), possessed.end()}, 2);
    }
    if (choices_.one_in(3)) update.read_only = choices_.one_in(2);
    if (choices_.one_in(3)) update.addresses = ranges();
    if (choices_.one_in(4)) update.not_before_unix_s = not_before();
    if (choices_.one_in(4)) update.expires_unix_s = choices_.one_in(4) ? kNow : expires();
    Status status = admin().update_token(kChange, username_, token->service, token->name, update).status;
    if (!status.ok()) return status;
    if (update.full_access) token->full_access = *update.full_access;
    if (update.acls) {
      token->acls = set_of(*update.acls);
      token->full_access = false;
    }
    if (token->full_access) token->acls.clear();
    token->read_only = update.read_only.value_or(token->read_only);
    token->ranges = update.addresses.value_or(token->ranges);
    token->not_before = update.not_before_unix_s.value_or(token->not_before);
    token->expires = update.expires_unix_s.value_or(token->expires);
    return status;
  }

  Status rotate_token() {
    TokenState* token = choose_token();
    if (token == nullptr) return {Code::kRefused, "no token"};
    int64_t overlap = int64_t{choices_.below(3)} * 100;
    auto issued = admin().rotate_token(kChange, username_, token->service, token->name, overlap);
    if (!issued.ok()) return issued.status;
    token->former_secret = overlap > 0 ? token->secret : "";
    token->former_until = kNow + overlap;
    token->secret = issued.value.secret;
    pair_.secrets.push_back(token->secret);
    return issued.status;
  }

  Status revoke_token() {
    TokenState* token = choose_token();
    if (token == nullptr) return {Code::kRefused, "no token"};
    Status status = admin().revoke_token(kChange, username_, token->service, token->name);
    if (status.ok()) state().tokens.erase(state().tokens.begin() + (token - state().tokens.data()));
    return status;
  }

  Status revoke_all() {
    if (!choices_.one_in(3)) return {Code::kRefused, "rarely"};
    std::optional<Service> only;
    if (choices_.one_in(2)) only = service();
    Status status = admin().revoke_all_tokens(kChange, username_, only).status;
    if (!status.ok()) return status;
    std::erase_if(state().tokens, [&](const TokenState& token) {
      return token.account == username_ && (!only || token.service == *only);
    });
    return status;
  }

  Status purge() {
    int64_t before = kNow + int64_t{100} * choices_.below(4);
    std::string of = choices_.one_in(2) ? username_ : "";
    Status status = admin().purge_expired_tokens(kChange, of, before).status;
    if (!status.ok()) return status;
    auto concerned = [&](const TokenState& token) { return of.empty() || token.account == of; };
    std::erase_if(state().tokens,
                  [&](const TokenState& token) { return concerned(token) && token.expires <= before; });
    for (TokenState& token : state().tokens) {
      if (concerned(token) && token.former_until <= before) token.former_secret.clear();
    }
    return status;
  }

  Status load_catalog() {
    return oracle::load_catalog(pair_, choices_.one_in(2) ? kSecondCatalog : kFirstCatalog);
  }

  Pair pair_;
  Choices& choices_;
  std::string username_;
};

}  // namespace

Status create_account(Pair pair, const NewAccount& account) {
  auto made = pair.admin.create_account(kChange, account);
  if (made.ok()) {
    pair.state.accounts[account.username] = {
        made.value.id, account.owner, true, true, {set_of(account.acls[0]), set_of(account.acls[1])}};
  }
  return made.status;
}

Status create_token(Pair pair, const NewToken& token) {
  auto made = pair.admin.create_token(kChange, token);
  if (!made.ok()) return made.status;
  pair.state.tokens.push_back({made.value.token.id, token.account, token.service, token.name,
                               made.value.secret, "", 0, token.full_access, token.read_only,
                               set_of(token.acls), token.addresses, token.not_before_unix_s,
                               token.expires_unix_s});
  pair.secrets.push_back(made.value.secret);
  return made.status;
}

Status load_catalog(Pair pair, const std::string& text) {
  auto loaded = pair.admin.load_catalog(kChange, text);
  if (loaded.ok()) pair.state.catalog = text;
  return loaded.status;
}

Status change(Pair pair, Choices& choices) {
  return Changer(pair, choices).change();
}

}  // namespace tokengate::oracle
