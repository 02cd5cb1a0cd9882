// Tokens: create, change, rotate.
#include "admin_tokens.h"

#include <algorithm>

#include "address.h"
#include "hash.h"
#include "names.h"
#include "policy.h"
#include "token.h"

namespace tokengate {
namespace {

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

/// The ACLs that a token of `account` is to hold: registered, and possessed now, or held by it before.
/// Without effect while the account does not possess them, those of a token need not go with its next change.
void set_acls(Tables& tables, const WorkingAccount& account, const std::vector<std::string>& acls,
              WorkingToken* token) {
  AclSet wanted;
  const std::string possessed = account.acls[static_cast<size_t>(token->service)].to_bytes();
  for (const std::string& acl : acls) {
    uint8_t number = tables.acl_number(token->service, acl);
    if (!account_possesses(possessed, number) && !token->acls.has(number)) {
      refuse("the account " + quote(account.username) + " does not possess the ACL " + quote(acl) +
             "; grant it first, or leave it out");
    }
    wanted.add(number);
  }
  token->acls = wanted;
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
    result.value = token_of(username, token, tables.acl_names(service));
    name_parent(tables, account.id, &result.value);
    if (token == before) return;
    tables.put_token(account, token);
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

}  // namespace tokengate
