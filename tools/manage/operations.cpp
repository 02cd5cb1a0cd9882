// The rules of managing tokens.
#include "operations.h"

#include <algorithm>

namespace tokengate::manage {
namespace {

constexpr std::string_view kAll = "all";
constexpr std::string_view kSuspending = "suspend-acct";
constexpr const char* kByOmission = "elevation by omission";

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string>& acls_of(const Account& account, Service service) {
  return account.acls[static_cast<size_t>(service)];
}

bool possesses(const Account& account, Service service, std::string_view acl) {
  return contains(acls_of(account, service), acl) || contains(acls_of(account, service), kAll);
}

void require_name(const std::string& name, Field field) {
  if (is_token_name(name)) return;
  throw Refused{"An API token's name is " + token_name_rule() + ", which " + in_quotes(name) + " is not.",
                field};
}

/// What WHM calls "every privilege that the caller has".
std::vector<std::string> held(const Account& account, Service service, const std::optional<Token>& token) {
  if (!token || token->full_access) return acls_of(account, service);
  std::vector<std::string> acls = token->acls;
  std::erase_if(acls, [&](const std::string& acl) { return !possesses(account, service, acl); });
  return acls;
}

/// Whether what `wanted` says of ACLs is more than the token may do before.
bool widens_acls(const TokenRequest& wanted, const Token& before) {
  if (before.full_access) return false;
  return !std::all_of(wanted.acls->begin(), wanted.acls->end(),
                      [&](const std::string& acl) { return contains(before.acls, acl); });
}

bool widens_addresses(const TokenRequest& wanted, const Token& before) {
  if (before.addresses.empty()) return false;
  return wanted.addresses->empty() ||
         !std::all_of(wanted.addresses->begin(), wanted.addresses->end(),
                      [&](const std::string& range) { return contains(before.addresses, range); });
}

}  // namespace

std::string token_name_rule() {
  return "1 to " + std::to_string(kMaxTokenNameBytes) + " of A-Z a-z 0-9 _ -";
}

Operations::Operations(Admin& admin, const Settings& settings, const Request& request,
                       std::string_view channel)
    : admin_(admin), settings_(settings), request_(request) {
  const Identity& who = request.caller;
  const bool names_token = !who.token.empty() && who.token_id != 0 && who.secret_serial != 0;
  if (who.is_person() ? !who.token.empty() : !names_token) throw Refused{"It is not clear who calls."};
  actor_ = std::string(channel) + ":" + who.user + (who.is_person() ? "" : "/" + who.token);
  if (who.via == Identity::Via::kShell) actor_ = who.shell_user.substr(0, 60) + " as " + who.user;
  seen_ = value_of(admin.last_change());
  Result<Account> found = admin.find_account(who.user);
  if (found.status.code == Code::kRefused)
    throw Refused{"There is no account " + in_quotes(who.user) + " in the store."};
  caller_ = value_of(std::move(found));
  if (!who.is_person()) token_ = value_of(admin.find_acting_token(change()));
  if (!caller_.active) throw Refused{"The account " + in_quotes(who.user) + " is suspended."};
}

Change Operations::change(std::string remark) const {
  const Identity& who = request_.caller;
  Change change = {actor_, request_.now_unix_s};
  if (!who.is_person()) {
    change.acting = ActingToken{who.user, who.service, who.token, who.token_id, who.secret_serial};
  }
  change.remark = std::move(remark);
  change.seen = seen_;
  return change;
}

bool Operations::has(std::string_view acl) const {
  const Service service = request_.caller.service;
  if (!possesses(caller_, service, acl)) return false;
  if (!token_ || token_->full_access || contains(token_->acls, acl)) return true;
  return contains(token_->acls, kAll) && contains(acls_of(caller_, service), kAll);
}

std::vector<Service> Operations::services() const {
  if (request_.caller.service == Service::kCpanel) return {Service::kCpanel};
  if (token_) return {Service::kWhm};
  return {Service::kCpanel, Service::kWhm};
}

bool Operations::may_administer(const Account& account) const {
  if (token_ || request_.caller.service != Service::kWhm || account.id == caller_.id) return false;
  return has(kSuspending) && (account.owner == caller_.username || has(kAll));
}

bool Operations::is_administrator() const {
  return request_.caller.service == Service::kWhm && !token_ && has(kAll);
}

bool Operations::may_choose_account() const {
  return request_.caller.service == Service::kWhm && !token_ && accounts().size() > 1;
}

Account Operations::account(const std::string& username) const {
  if (username == caller_.username) return caller_;
  Result<Account> found = admin_.find_account(username);
  // The same words whether there is none or it is not the caller's.
  const bool is_owned = found.ok() && request_.caller.service == Service::kWhm &&
                        (found.value.owner == caller_.username || has(kAll));
  if (is_owned) return std::move(found.value);
  if (found.status.code == Code::kStore) require_ok(found.status);
  throw Refused{"There is no account " + in_quotes(username) + " that you may act on."};
}

std::vector<Account> Operations::accounts() const {
  std::vector<Account> accounts = {caller_};
  if (token_ || request_.caller.service != Service::kWhm) return accounts;
  for (Account& account : value_of(admin_.list_accounts())) {
    const bool is_owned = account.owner == caller_.username || has(kAll);
    if (is_owned && account.id != caller_.id) accounts.push_back(std::move(account));
  }
  return accounts;
}

Scope Operations::of(const std::string& username, Service service) const {
  const bool own = username == caller_.username;
  account(username);
  const std::vector<Service> mine = services();
  const bool fits = own ? std::find(mine.begin(), mine.end(), service) != mine.end()
                        : service == Service::kCpanel || has(kAll);
  if (!fits || (token_ && !own)) {
    throw Refused{"You may not manage the tokens of " + in_quotes(username) + " for the service " +
                  std::string(service_name(service)) + "."};
  }
  return {username, service};
}

Scope Operations::through_whm(const std::string& username) const {
  if (username.empty() || request_.caller.service != Service::kWhm) {
    throw Refused{"User parameter is invalid or was not supplied"};
  }
  account(username);
  for (std::string_view acl : {"cpanel-api", "list-accts"}) {
    if (!has(acl))
      throw Refused{"That takes the privilege " + in_quotes(acl) + ", which you do not have here."};
  }
  return {username, Service::kCpanel};
}

std::vector<std::string> Operations::acls_to_give(const Account& account, Service service) const {
  const bool own = account.id == caller_.id && service == request_.caller.service;
  std::vector<std::string> acls = held(account, service, own ? token_ : std::nullopt);
  if (!contains(acls, kAll)) return acls;
  acls.clear();
  for (AclInfo& acl : value_of(admin_.list_acls(service))) acls.push_back(std::move(acl.name));
  std::sort(acls.begin(), acls.end());
  return acls;
}

std::vector<Token> Operations::list(const Scope& scope) const {
  return value_of(admin_.list_tokens(scope.account, scope.service));
}

std::vector<TokenUse> Operations::use_of(const std::vector<Token>& tokens) const {
  return value_of(admin_.token_use(tokens, request_.now_unix_s));
}

std::optional<Token> Operations::find(const Scope& scope, const std::string& name) const {
  Result<Token> found = admin_.find_token(scope.account, scope.service, name);
  if (found.status.code == Code::kStore) require_ok(found.status);
  if (!found.ok()) return {};
  return std::move(found.value);
}

std::optional<Token> Operations::find_by_secret(const Scope& scope, const std::string& secret) const {
  Result<Token> found = admin_.find_token_by_secret(scope.account, scope.service, secret);
  if (found.status.code == Code::kStore) require_ok(found.status);
  if (!found.ok()) return {};
  return std::move(found.value);
}

Token Operations::existing(const Scope& scope, const std::string& name) const {
  std::optional<Token> token = find(scope, name);
  if (!token) throw Refused{"There is no API token " + in_quotes(name) + ".", Field::kName};
  return std::move(*token);
}

void Operations::require_free(const Scope& scope, const std::string& name, Field field) const {
  require_name(name, field);
  if (find(scope, name))
    throw Refused{"A conflicting API token named " + in_quotes(name) + " already exists.", field};
}

void Operations::require_usable(const Account& account) const {
  if (!account.active) throw Refused{"The account " + in_quotes(account.username) + " is suspended."};
  if (!account.tokens_enabled) {
    throw Refused{"API tokens are switched off for the account " + in_quotes(account.username) + "."};
  }
}

/// Says what is wrong with a request in a caller's words; the core would say it too.
void Operations::check(const Account& account, Service service, const TokenRequest& wanted,
                       const Token* before) const {
  for (const std::string& acl : wanted.acls.value_or(std::vector<std::string>())) {
    const bool kept = before != nullptr && contains(before->acls, acl);
    if (!kept && !possesses(account, service, acl)) {
      throw Refused{(service == Service::kWhm ? "The privilege " : "The feature ") + in_quotes(acl) +
                        " is not one that the account " + in_quotes(account.username) + " has.",
                    Field::kAcls};
    }
  }
  if (wanted.acls && wanted.acls->empty() && !wanted.full_access.value_or(false)) {
    throw Refused{"Give the token at least one permission.", Field::kAcls};
  }
  if (wanted.expires_unix_s && *wanted.expires_unix_s <= request_.now_unix_s &&
      (before == nullptr || before->expires_unix_s != *wanted.expires_unix_s)) {
    throw Refused{"The end of the token lies in the past.", Field::kExpires};
  }
  if (wanted.note && wanted.note->size() > kMaxNoteBytes) {
    throw Refused{"A note has at most " + std::to_string(kMaxNoteBytes) + " bytes.", Field::kNote};
  }
  if (!wanted.addresses) return;
  if (wanted.addresses->size() > kMaxAddressRanges) {
    throw Refused{"A token takes at most " + std::to_string(kMaxAddressRanges) + " addresses and ranges.",
                  Field::kAddresses};
  }
  for (const std::string& range : *wanted.addresses) {
    if (!canonical_address_range(range).empty()) continue;
    throw Refused{in_quotes(range) +
                      " is neither an address nor a range: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, "
                      "with no bits "
                      "set beyond the prefix.",
                  Field::kAddresses};
  }
}

/// Puts what the caller has where the request says nothing. Whether that widens a token: a new one by its
/// ACLs, another by any limit.
bool Operations::fill_in(const Account& account, const Scope& scope, TokenRequest* wanted,
                         const Token* before) const {
  bool widened = false;
  if (!wanted->acls && !wanted->full_access && (before == nullptr || !before->full_access)) {
    wanted->acls = held(account, scope.service, token_);
    widened = before == nullptr || widens_acls(*wanted, *before);
  }
  if (!wanted->expires_unix_s) {
    wanted->expires_unix_s = token_ ? token_->expires_unix_s : kNeverExpires;
    widened = widened || (before != nullptr && *wanted->expires_unix_s > before->expires_unix_s);
  }
  if (!wanted->addresses) {
    wanted->addresses = token_ ? token_->addresses : std::vector<std::string>();
    widened = widened || (before != nullptr && widens_addresses(*wanted, *before));
  }
  return widened;
}

IssuedToken Operations::create(const Scope& scope, TokenRequest wanted, Omitted omitted) {
  const Account account = this->account(scope.account);
  require_usable(account);
  require_free(scope, wanted.name.value_or(""), Field::kName);
  check(account, scope.service, wanted, nullptr);
  bool widened = false;
  if (omitted == Omitted::kEverything) {
    widened = fill_in(account, scope, &wanted, nullptr);
  } else if (!wanted.acls && !wanted.full_access.value_or(false)) {
    throw Refused{"Say what the token may do.", Field::kAcls};
  } else {
    // A token's own end and addresses are the widest that it can give.
    if (!wanted.expires_unix_s) wanted.expires_unix_s = token_ ? token_->expires_unix_s : kNeverExpires;
    if (!wanted.addresses) wanted.addresses = token_ ? token_->addresses : std::vector<std::string>();
  }
  if (widened && settings_.strict_omission) {
    throw Refused{
        "Name the privileges: without any, the token would get all that you have, which is switched off "
        "here.",
        Field::kAcls};
  }
  NewToken token;
  token.account = scope.account;
  token.service = scope.service;
  token.name = *wanted.name;
  token.full_access = wanted.full_access.value_or(false);
  if (!token.full_access) token.acls = wanted.acls.value_or(std::vector<std::string>());
  if (!token.full_access && token.acls.empty()) {
    throw Refused{"The account " + in_quotes(scope.account) + " has nothing that a token could be given.",
                  Field::kAcls};
  }
  token.read_only = wanted.read_only.value_or(false);
  token.addresses = *wanted.addresses;
  token.expires_unix_s = *wanted.expires_unix_s;
  token.note = wanted.note.value_or("");
  return value_of(admin_.create_token(change(widened ? kByOmission : ""), token));
}

Token Operations::update(const Scope& scope, const std::string& name, TokenRequest wanted, Omitted omitted) {
  const Account account = this->account(scope.account);
  require_usable(account);
  const Token before = existing(scope, name);
  if (wanted.name && *wanted.name != name) require_free(scope, *wanted.name, Field::kNewName);
  check(account, scope.service, wanted, &before);
  const bool widened = omitted == Omitted::kEverything && fill_in(account, scope, &wanted, &before);
  if (widened && settings_.strict_omission) {
    throw Refused{
        "Give acl, expires_at and whitelist_ip too: what is left out would be widened to all that you have, "
        "which is switched off here."};
  }
  TokenUpdate update;
  update.name = wanted.name;
  // Taking full access away without saying what remains is refused there, not passed over here.
  update.full_access = wanted.full_access;
  if (!wanted.full_access.value_or(false)) update.acls = wanted.acls;
  update.read_only = wanted.read_only;
  update.addresses = wanted.addresses;
  update.expires_unix_s = wanted.expires_unix_s;
  update.note = wanted.note;
  return value_of(
      admin_.update_token(change(widened ? kByOmission : ""), scope.account, scope.service, name, update));
}

void Operations::rename(const Scope& scope, const std::string& name, const std::string& new_name) {
  require_usable(account(scope.account));
  existing(scope, name);
  require_free(scope, new_name, Field::kNewName);
  require_ok(admin_.rename_token(change(), scope.account, scope.service, name, new_name));
}

IssuedToken Operations::rotate(const Scope& scope, const std::string& name, int64_t overlap_s) {
  require_usable(account(scope.account));
  existing(scope, name);
  return value_of(admin_.rotate_token(change(), scope.account, scope.service, name, overlap_s));
}

uint64_t Operations::revoke(const Scope& scope, const std::vector<std::string>& names, bool with_children) {
  for (const std::string& name : names) {
    if (with_children && !find(scope, name)) {
      throw Refused{
          "There is no API token " + in_quotes(name) +
              ", so what it may have made is not known; nothing was revoked. The list of tokens says "
              "what made each.",
          Field::kName};
    }
    existing(scope, name);
  }
  return value_of(admin_.revoke_tokens(change(), scope.account, scope.service, names, with_children));
}

uint64_t Operations::revoke_all(const Scope& scope) {
  return value_of(admin_.revoke_all_tokens(change(), scope.account, scope.service));
}

void Operations::require_administration(const std::string& username) const {
  if (may_administer(account(username))) return;
  throw Refused{"You may not suspend " + in_quotes(username) +
                " or switch its tokens: that takes an account that you own, and the privilege " +
                in_quotes(kSuspending) + '.'};
}

void Operations::set_active(const std::string& username, bool active) {
  require_administration(username);
  require_ok(admin_.set_account_active(change(), username, active));
}

void Operations::set_tokens_enabled(const std::string& username, bool enabled) {
  require_administration(username);
  require_ok(admin_.set_tokens_enabled(change(), username, enabled));
}

}  // namespace tokengate::manage
