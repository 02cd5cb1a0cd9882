// Tokens: create, show, change, rotate, revoke.
#include <algorithm>
#include <set>

#include "acting.h"
#include "address.h"
#include "admin_impl.h"
#include "cursor.h"
#include "hash.h"
#include "lineage.h"
#include "names.h"
#include "policy.h"
#include "token.h"

namespace tokengate {
namespace {

std::string object_name(const std::string& username, Service service, const std::string& name) {
  return username + '/' + std::string(service_name(service)) + '/' + name;
}

void require_token_name(const std::string& name) {
  if (!is_token_name(name)) {
    invalid(quote(name) + " cannot be a token name: 1 to " + std::to_string(kMaxTokenNameBytes) +
            " of A-Za-z0-9_-");
  }
}

void refuse_taken_name(Tables& tables, const WorkingAccount& account, Service service,
                       const std::string& name) {
  if (tables.token_exists(account, service, name)) {
    refuse("the account " + quote(account.username) + " already has a token " + quote(name) +
           " for the service " + std::string(service_name(service)) + "; choose another name");
  }
}

void set_addresses(const std::vector<std::string>& addresses, WorkingToken* token) {
  if (addresses.size() > kMaxAddressRanges) {
    invalid("a token can have " + std::to_string(kMaxAddressRanges) +
            " address ranges at most; use fewer, wider ones");
  }
  token->ranges.clear();
  for (const std::string& text : addresses) {
    uint8_t range[kAddressRangeBytes];
    if (!parse_address_range(text, range)) {
      invalid(quote(text) +
              " is not an address or range: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, with no bits set "
              "beyond the prefix");
    }
    token->ranges.append(reinterpret_cast<const char*>(range), sizeof range);
  }
}

/// The ACLs that a token of `account` is to hold: registered, and possessed now.
void set_acls(Tables& tables, const WorkingAccount& account, const std::vector<std::string>& acls,
              WorkingToken* token) {
  token->acls = AclSet();
  std::string possessed = account.acls[static_cast<size_t>(token->service)].to_bytes();
  for (const std::string& acl : acls) {
    uint8_t number = tables.acl_number(token->service, acl);
    if (!account_possesses(possessed, number)) {
      refuse("the account " + quote(account.username) + " does not possess the ACL " + quote(acl) +
             "; grant it first, or leave it out");
    }
    token->acls.add(number);
  }
}

void set_note(const std::string& note, WorkingToken* token) {
  if (!is_note(note)) {
    invalid("a note is at most " + std::to_string(kMaxNoteBytes) +
            " bytes of UTF-8 without control characters");
  }
  token->note = note;
}

void require_lifetime(const WorkingToken& token) {
  if (token.not_before_unix_s < 0 || token.expires_unix_s < 0) invalid("a time cannot lie before 1970");
  if (token.not_before_unix_s >= token.expires_unix_s) {
    invalid("the token would end before it begins; give a later end, or an earlier begin");
  }
}

/// Gives the token a new secret. Returns its text.
std::string issue_secret(Tables& tables, const RandomSource& random, WorkingToken* token) {
  std::string secret = make_token_text(random);
  if (secret.empty()) throw Failure{{Code::kStore, "OpenSSL gives no random bytes; nothing was changed"}};
  token->digest = sha256(secret);
  tables.require_unused(token->digest);
  return secret;
}

/// Gives the token a secret from elsewhere.
std::string import_secret(Tables& tables, const ActingBounds& bounds, const std::string& secret,
                          WorkingToken* token) {
  if (bounds.token() != nullptr) refuse("a token cannot choose the secret of another");
  if (!is_secret(secret)) {
    invalid("a secret is " + std::to_string(kMinSecretBytes) + " to " + std::to_string(kMaxSecretBytes) +
            " of A-Za-z0-9 and . _ ~ + / = -");
  }
  token->digest = sha256(secret);
  tables.require_unused(token->digest);
  return secret;
}

Token token_of(const std::string& username, const WorkingToken& working, const Tables::AclNames& names) {
  Token token;
  token.id = working.id;
  token.account = username;
  token.service = working.service;
  token.name = working.name;
  token.full_access = working.full_access;
  token.read_only = working.read_only;
  token.acls = Tables::acl_texts(working.acls, names);
  for (size_t at = 0; at < working.ranges.size(); at += kAddressRangeBytes) {
    token.addresses.push_back(
        format_address_range(reinterpret_cast<const uint8_t*>(working.ranges.data()) + at));
  }
  token.created_unix_s = working.created_unix_s;
  token.not_before_unix_s = working.not_before_unix_s;
  token.expires_unix_s = working.expires_unix_s;
  token.note = working.note;
  if (working.has_former) token.former_secret_until_unix_s = working.former_retires_unix_s;
  token.parent_id = working.parent_token_id;
  return token;
}

/// Fills in the parents' names. `tokens` are of one account; a parent is of its children's account and
/// service.
void name_parents(std::span<Token> tokens) {
  std::map<uint64_t, std::string_view> names;
  for (const Token& token : tokens) names.emplace(token.id, token.name);
  for (Token& token : tokens) {
    if (auto parent = names.find(token.parent_id); parent != names.end()) token.parent = parent->second;
  }
}

/// The same for one.
void name_parent(Tables& tables, uint32_t account_id, Token* token) {
  if (token->parent_id == 0) return;
  for (const WorkingToken& other : tables.tokens_of(account_id, token->service)) {
    if (other.id == token->parent_id) token->parent = other.name;
  }
}

/// Puts the change's remark behind the detail.
std::string remarked(const Change& change, std::string detail) {
  if (change.remark.empty()) return detail;
  return detail.empty() ? change.remark : detail + "; " + change.remark;
}

/// What a token may do, for the journal.
std::string rights(const Token& token) {
  std::string text = token.full_access ? "full access" : "acls";
  for (const std::string& acl : token.acls) text += ' ' + acl;
  if (token.read_only) text += "; read-only";
  if (token.not_before_unix_s != 0) text += "; from " + std::to_string(token.not_before_unix_s);
  text += "; expires ";
  text += token.expires_unix_s == kNeverExpires ? "never" : std::to_string(token.expires_unix_s);
  if (!token.addresses.empty()) text += "; addresses";
  for (const std::string& address : token.addresses) text += ' ' + address;
  return text;
}

void apply(Tables& tables, const WorkingAccount& account, const TokenUpdate& update, WorkingToken* token) {
  if (update.acls && update.full_access.value_or(false)) {
    invalid("a token has either full access or ACLs; give one of them");
  }
  if (update.full_access) token->full_access = *update.full_access;
  if (update.acls) {
    set_acls(tables, account, *update.acls, token);
    token->full_access = false;
  }
  if (token->full_access) token->acls = AclSet();
  if (!token->full_access && token->acls.empty()) {
    invalid("a token without full access needs at least one ACL; to end it, revoke it");
  }
  if (update.read_only) token->read_only = *update.read_only;
  if (update.addresses) set_addresses(*update.addresses, token);
  if (update.not_before_unix_s) token->not_before_unix_s = *update.not_before_unix_s;
  if (update.expires_unix_s) token->expires_unix_s = *update.expires_unix_s;
  if (update.note) set_note(*update.note, token);
  require_lifetime(*token);
}

void apply_name(Tables& tables, const WorkingAccount& account, const std::string& new_name,
                WorkingToken* token) {
  require_token_name(new_name);
  refuse_taken_name(tables, account, token->service, new_name);
  tables.erase_token(*token);
  token->name = new_name;
}

}  // namespace

template <class Work>
Status Admin::Impl::change_tokens(const Change& change, Work&& work) {
  return write(change,
               [&](Tables& tables) { work(tables, ActingBounds(tables, change, /*for_change=*/true)); });
}

Result<IssuedToken> Admin::create_token(const Change& change, const NewToken& token) {
  Result<IssuedToken> result;
  result.status = impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    require_token_name(token.name);
    if (token.full_access != token.acls.empty()) {
      invalid("a token has either full access or at least one ACL; give one of them");
    }
    WorkingAccount account = tables.account(token.account);
    if (!account.active) refuse("the account " + quote(token.account) + " is suspended; unsuspend it first");
    if (!account.tokens_enabled) {
      refuse("tokens are switched off for the account " + quote(token.account) + "; switch them on first");
    }
    refuse_taken_name(tables, account, token.service, token.name);
    if (tables.token_count(account.id, token.service) >= kMaxTokensPerAccount) {
      refuse("the account " + quote(token.account) + " has " + std::to_string(kMaxTokensPerAccount) +
             " tokens for the service " + std::string(service_name(token.service)) +
             ", the most that can be made; revoke some first");
    }
    WorkingToken working;
    working.name = token.name;
    working.service = token.service;
    working.account_id = account.id;
    working.created_unix_s = change.now_unix_s;
    working.full_access = token.full_access;
    working.read_only = token.read_only;
    set_acls(tables, account, token.acls, &working);
    set_addresses(token.addresses, &working);
    working.not_before_unix_s = token.not_before_unix_s;
    working.expires_unix_s = token.expires_unix_s;
    set_note(token.note, &working);
    require_lifetime(working);
    if (working.expires_unix_s <= change.now_unix_s)
      invalid("the end of the token lies in the past; give a later one");
    bounds.require_within(tables, account, working);
    working.parent_token_id = bounds.parent_token_id();
    working.id = tables.take_token_id();
    result.value.secret = token.secret.empty() ? issue_secret(tables, impl_->random_, &working)
                                               : import_secret(tables, bounds, token.secret, &working);
    tables.put_token(account, working);
    result.value.token = token_of(account.username, working, tables.acl_names(working.service));
    if (bounds.token() != nullptr) result.value.token.parent = bounds.token()->name;
    tables.journal(change, "token.create", object_name(token.account, token.service, token.name),
                   remarked(change, rights(result.value.token)));
  });
  if (!result.ok()) result.value = {};
  return result;
}

Result<std::vector<Token>> Admin::list_tokens(const std::string& username,
                                              std::optional<Service> service) const {
  Result<std::vector<Token>> result;
  result.status = impl_->look([&](Tables& tables) {
    result.value.clear();
    const Tables::AclNames names[2] = {tables.acl_names(Service::kCpanel), tables.acl_names(Service::kWhm)};
    auto add = [&](const WorkingAccount& account) {
      const size_t before = result.value.size();
      for (const WorkingToken& token : tables.tokens_of(account.id, service)) {
        result.value.push_back(token_of(account.username, token, names[static_cast<size_t>(token.service)]));
      }
      name_parents(std::span(result.value).subspan(before));
    };
    if (!username.empty()) return add(tables.account(username));
    Cursor cursor;
    require(cursor.open(tables.transaction(), Table::kAccountNames));
    StoreError error = cursor.first();
    for (; error == StoreError::kNone; error = cursor.next()) add(tables.account(std::string(cursor.key())));
    if (error != StoreError::kNotFound) throw StoreFailure{error};
  });
  return result;
}

Result<Token> Admin::find_token(const std::string& username, Service service, const std::string& name) const {
  Result<Token> result;
  result.status = impl_->look([&](Tables& tables) {
    WorkingAccount account = tables.account(username);
    result.value = token_of(username, tables.token(account, service, name), tables.acl_names(service));
    name_parent(tables, account.id, &result.value);
  });
  return result;
}

Result<Token> Admin::find_token_by_secret(const std::string& username, Service service,
                                          std::string_view secret) const {
  Result<Token> result;
  const Digest digest = sha256(secret);
  result.status = impl_->look([&](Tables& tables) {
    WorkingAccount account = tables.account(username);
    Bytes value;
    StoreError error = tables.transaction().get(Table::kTokens, token_key(digest), &value);
    if (error == StoreError::kNone) {
      TokenRecord record = tables.token_record(token_key(digest));
      if (equal_constant_time(record.digest, digest) && record.account_id == account.id &&
          record.service == service) {
        WorkingToken token = tables.token(account, service, std::string(record.name));
        result.value = token_of(username, token, tables.acl_names(service));
        return name_parent(tables, account.id, &result.value);
      }
    } else if (error != StoreError::kNotFound) {
      throw StoreFailure{error};
    }
    refuse("the account " + quote(username) + " has no token with this secret for the service " +
           std::string(service_name(service)));
  });
  return result;
}

Result<Token> Admin::find_acting_token(const Change& change) const {
  Result<Token> result;
  if (!change.acting) return {{Code::kInvalid, "no token acts"}, {}};
  result.status = impl_->look([&](Tables& tables) {
    ActingBounds bounds(tables, change, /*for_change=*/false);
    result.value =
        token_of(change.acting->account, *bounds.token(), tables.acl_names(change.acting->service));
  });
  return result;
}

Status Admin::rename_token(const Change& change, const std::string& username, Service service,
                           const std::string& name, const std::string& new_name) {
  return impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    WorkingAccount account = tables.account(username);
    bounds.require_own(account, service);
    WorkingToken token = tables.token(account, service, name);
    bounds.require_within(tables, account, token);
    bounds.require_descendant(tables, token, "rename");
    apply_name(tables, account, new_name, &token);
    tables.put_token(account, token);
    tables.journal(change, "token.rename", object_name(username, service, name),
                   remarked(change, "to " + new_name));
  });
}

Result<Token> Admin::update_token(const Change& change, const std::string& username, Service service,
                                  const std::string& name, const TokenUpdate& update) {
  Result<Token> result;
  result.status = impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    WorkingAccount account = tables.account(username);
    bounds.require_own(account, service);
    WorkingToken token = tables.token(account, service, name);
    bounds.require_within(tables, account, token);
    const WorkingToken before = token;
    apply(tables, account, update, &token);
    bounds.require_within(tables, account, token);
    bounds.require_narrower(tables, before, token);
    const bool renamed = update.name && *update.name != name;
    if (renamed) {
      bounds.require_descendant(tables, token, "rename");
      apply_name(tables, account, *update.name, &token);
    }
    tables.put_token(account, token);
    result.value = token_of(username, token, tables.acl_names(service));
    name_parent(tables, account.id, &result.value);
    std::string detail = (renamed ? "to " + token.name + "; " : std::string()) + rights(result.value);
    tables.journal(change, "token.update", object_name(username, service, name), remarked(change, detail));
  });
  return result;
}

Result<IssuedToken> Admin::rotate_token(const Change& change, const std::string& username, Service service,
                                        const std::string& name, int64_t overlap_s) {
  Result<IssuedToken> result;
  result.status = impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    if (overlap_s < 0 || overlap_s > kNeverExpires - std::max<int64_t>(change.now_unix_s, 0)) {
      invalid("the overlap must be 0 or more seconds, within the range of time");
    }
    WorkingAccount account = tables.account(username);
    bounds.require_own(account, service);
    if (!account.active) refuse("the account " + quote(username) + " is suspended; unsuspend it first");
    WorkingToken token = tables.token(account, service, name);
    bounds.require_within(tables, account, token);
    bounds.require_itself_or_descendant(tables, token, "rotate");
    bool former_runs = token.has_former && change.now_unix_s < token.former_retires_unix_s;
    if (former_runs && overlap_s > 0) {
      refuse("the former secret of this token is still accepted until " +
             std::to_string(token.former_retires_unix_s) +
             "; wait, or rotate with an overlap of 0 to end it now");
    }
    tables.erase_former_secret(&token);
    if (overlap_s > 0) {
      token.has_former = true;
      token.former_digest = token.digest;
      token.former_retires_unix_s = change.now_unix_s + overlap_s;
    } else {
      require(tables.transaction().erase(Table::kTokens, token_key(token.digest)));
    }
    result.value.secret = issue_secret(tables, impl_->random_, &token);
    ++token.secret_serial;
    tables.put_token(account, token);
    result.value.token = token_of(username, token, tables.acl_names(service));
    name_parent(tables, account.id, &result.value.token);
    tables.journal(change, "token.rotate", object_name(username, service, name),
                   remarked(change, "overlap " + std::to_string(overlap_s) + " s"));
  });
  if (!result.ok()) result.value = {};
  return result;
}

Status Admin::revoke_token(const Change& change, const std::string& username, Service service,
                           const std::string& name) {
  return revoke_tokens(change, username, service, {name}, /*with_children=*/false).status;
}

Result<uint64_t> Admin::revoke_tokens(const Change& change, const std::string& username, Service service,
                                      const std::vector<std::string>& names, bool with_children) {
  Result<uint64_t> result;
  result.status = impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    WorkingAccount account = tables.account(username);
    bounds.require_own(account, service);
    std::set<uint64_t> named;
    std::vector<WorkingToken> family;
    bool touches_others = with_children || bounds.token() != nullptr;
    for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
      family.push_back(tables.token(account, service, name));
      named.insert(family.back().id);
      touches_others = touches_others || family.back().parent_token_id != 0;
    }
    if (touches_others) family = tables.tokens_of(account.id, service);
    std::set<uint64_t> makers = named;
    if (!with_children) makers = bounds.not_its_own(tables, named);
    std::set<uint64_t> ended = descendants(family, makers);
    ended.insert(named.begin(), named.end());
    for (const WorkingToken& token : family) {
      if (!ended.contains(token.id)) continue;
      tables.journal(change, "token.revoke", object_name(username, service, token.name),
                     remarked(change, named.contains(token.id) ? "" : "with the token that made it"));
    }
    remove_tokens(tables, account, family, ended);
    result.value = ended.size();
  });
  return result;
}

Result<uint64_t> Admin::revoke_all_tokens(const Change& change, const std::string& username,
                                          std::optional<Service> service) {
  Result<uint64_t> result;
  result.status = impl_->change_tokens(change, [&](Tables& tables, const ActingBounds& bounds) {
    WorkingAccount account = tables.account(username);
    for (Service each : {Service::kCpanel, Service::kWhm}) {
      if (!service || *service == each) bounds.require_own(account, each);
    }
    std::vector<WorkingToken> tokens = tables.tokens_of(account.id, service);
    for (const WorkingToken& token : tokens) tables.erase_token(token);
    result.value = tokens.size();
    tables.journal(change, "token.revoke-all", username,
                   remarked(change, (service ? std::string(service_name(*service)) + ", " : std::string()) +
                                        std::to_string(tokens.size()) + " tokens"));
  });
  return result;
}

Result<uint64_t> Admin::purge_expired_tokens(const Change& change, const std::string& username,
                                             int64_t before_unix_s) {
  Result<uint64_t> result;
  result.status = impl_->change(change, [&](Tables& tables) {
    result.value = 0;
    std::vector<WorkingAccount> accounts;
    if (!username.empty()) {
      accounts.push_back(tables.account(username));
    } else {
      Cursor cursor;
      require(cursor.open(tables.transaction(), Table::kAccounts));
      StoreError error = cursor.first();
      for (; error == StoreError::kNone; error = cursor.next()) {
        accounts.push_back(tables.account(static_cast<uint32_t>(cursor.integer_key())));
      }
      if (error != StoreError::kNotFound) throw StoreFailure{error};
    }
    for (const WorkingAccount& account : accounts) {
      std::vector<WorkingToken> family = tables.tokens_of(account.id, {});
      std::set<uint64_t> ended;
      for (WorkingToken& token : family) {
        if (token.expires_unix_s <= before_unix_s) {
          ended.insert(token.id);
        } else if (token.has_former && token.former_retires_unix_s <= before_unix_s) {
          tables.erase_former_secret(&token);
          tables.put_token(account, token);
        }
      }
      remove_tokens(tables, account, family, ended);
      result.value += ended.size();
    }
    tables.journal(change, "token.purge-expired", username.empty() ? "all accounts" : username,
                   std::to_string(result.value) + " tokens, expired by " + std::to_string(before_unix_s));
  });
  return result;
}

Result<Credentials> Admin::credentials_of(const std::string& username, Service service,
                                          const std::string& name) const {
  Result<Credentials> result;
  result.status = impl_->look([&](Tables& tables) {
    WorkingToken token = tables.token(tables.account(username), service, name);
    result.value.state = Credentials::kPresent;
    result.value.scheme = service == Service::kWhm ? kSchemeWhm : kSchemeCpanel;
    result.value.user.assign(username);
    result.value.digest = token.digest;
  });
  return result;
}

}  // namespace tokengate
