// Tokens: list, find.
#include <map>
#include <span>

#include "address.h"
#include "admin_tokens.h"
#include "cursor.h"
#include "hash.h"

namespace tokengate {
namespace {

/// Fills in the parents' names. `tokens` are of one account.
void name_parents(std::span<Token> tokens) {
  std::map<uint64_t, std::string_view> names;
  for (const Token& token : tokens) names.emplace(token.id, token.name);
  for (Token& token : tokens) {
    if (auto parent = names.find(token.parent_id); parent != names.end()) token.parent = parent->second;
  }
}

}  // namespace

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

void name_parent(Tables& tables, uint32_t account_id, Token* token) {
  if (token->parent_id == 0) return;
  for (const WorkingToken& other : tables.tokens_of(account_id, token->service)) {
    if (other.id == token->parent_id) token->parent = other.name;
  }
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
