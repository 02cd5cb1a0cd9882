// The store's tables in terms of accounts, tokens and ACL names.
#include <algorithm>
#include <cstring>

#include "admin_impl.h"
#include "cursor.h"
#include "journal.h"
#include "names.h"

namespace tokengate {
namespace {

std::string acl_key(Service service, std::string_view name) {
  return std::string(1, static_cast<char>(service)).append(name);
}

Bytes bytes_of(const uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

uint64_t number_of(Bytes bytes) {
  uint64_t number = 0;
  if (bytes.size() != sizeof number) throw StoreFailure{StoreError::kDamaged};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

template <class Record>
Record decoded(Bytes bytes) {
  Record record;
  if (!decode(bytes, &record)) throw StoreFailure{StoreError::kDamaged};
  return record;
}

}  // namespace

void refuse(std::string message) {
  throw Failure{{Code::kRefused, std::move(message)}};
}

void invalid(std::string message) {
  throw Failure{{Code::kInvalid, std::move(message)}};
}

void require(StoreError error) {
  if (error != StoreError::kNone) throw StoreFailure{error};
}

std::string quote(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (char c : text.substr(0, 80)) {
    auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7F || c == '"' || c == '\\') {
      quoted.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + (text.size() > 80 ? "…\"" : "\"");
}

Tables::AclNames Tables::acl_names(Service service) {
  AclNames names;
  Cursor cursor;
  require(cursor.open(transaction_, Table::kAcls));
  std::string prefix = acl_key(service, {});
  StoreError error = cursor.seek(prefix);
  for (; error == StoreError::kNone && cursor.key().starts_with(prefix); error = cursor.next()) {
    AclRecord record;
    if (!decode(cursor.key(), cursor.value(), &record)) throw StoreFailure{StoreError::kDamaged};
    names.emplace(record.number, cursor.key().substr(1));
  }
  if (error != StoreError::kNone && error != StoreError::kNotFound) throw StoreFailure{error};
  return names;
}

std::optional<uint8_t> Tables::find_acl(Service service, const std::string& name) {
  if (!is_acl_name(name)) return {};
  std::string key = acl_key(service, name);
  Bytes value;
  StoreError error = transaction_.get(Table::kAcls, key, &value);
  if (error == StoreError::kNotFound) return {};
  require(error);
  AclRecord record;
  if (!decode(key, value, &record)) throw StoreFailure{StoreError::kDamaged};
  return record.number;
}

uint8_t Tables::acl_number(Service service, const std::string& name) {
  std::optional<uint8_t> number = find_acl(service, name);
  if (!number) {
    refuse("there is no ACL " + quote(name) + " in the service " + std::string(service_name(service)) +
           "; see `tokengate acl list`, or add it with a catalog or `tokengate acl define`");
  }
  return *number;
}

uint8_t Tables::define_acl(Service service, const std::string& name, bool* added) {
  *added = false;
  if (!is_acl_name(name)) {
    invalid(quote(name) + " cannot be an ACL name: 1 to " + std::to_string(kMaxAclNameBytes) +
            " of A-Za-z0-9._-, beginning with a letter or digit");
  }
  if (name == "catalog") {
    invalid(
        "\"catalog\" cannot be an ACL name: in a location's requirement it stands for the catalog itself");
  }
  if (std::optional<uint8_t> number = find_acl(service, name)) return *number;
  AclNames names = acl_names(service);
  // Names are never taken away, so numbers are dense.
  if (names.size() >= kMaxAclsPerService) {
    refuse("the service " + std::string(service_name(service)) + " already has " +
           std::to_string(kMaxAclsPerService) + " ACLs, the most it can have; use fewer, wider ones");
  }
  AclRecord record{static_cast<uint8_t>(names.size())};
  std::string key = acl_key(service, name);
  require(transaction_.insert(Table::kAcls, key, encode(key, record)));
  *added = true;
  return record.number;
}

AclSet Tables::acl_set(Service service, const std::vector<std::string>& names) {
  AclSet set;
  for (const std::string& name : names) set.add(acl_number(service, name));
  return set;
}

std::vector<std::string> Tables::acl_texts(const AclSet& set, const AclNames& names) {
  std::vector<std::string> texts;
  for (const auto& [number, name] : names) {
    if (set.has(number)) texts.push_back(name);
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

WorkingAccount Tables::account(const std::string& username) {
  Bytes value;
  StoreError error = StoreError::kNotFound;
  if (is_username(username)) error = transaction_.get(Table::kAccountNames, username, &value);
  if (error == StoreError::kNotFound) {
    refuse("there is no account " + quote(username) + "; see `tokengate account list`");
  }
  require(error);
  WorkingAccount named = account(static_cast<uint32_t>(number_of(value)));
  // An entry of the names has no check value of its own.
  if (named.username != username) throw StoreFailure{StoreError::kDamaged};
  return named;
}

WorkingAccount Tables::account(uint32_t id) {
  Bytes value;
  StoreError error = transaction_.get(Table::kAccounts, uint64_t{id}, &value);
  if (error == StoreError::kNotFound) error = StoreError::kDamaged;
  require(error);
  return joined(id, decoded<AccountRecord>(value));
}

WorkingAccount Tables::joined(uint32_t id, const AccountRecord& record) {
  WorkingAccount account;
  account.id = id;
  account.username = record.username;
  account.active = record.active;
  account.tokens_enabled = record.tokens_enabled;
  account.owner_id = record.owner_id;
  account.created_unix_s = record.created_unix_s;
  for (size_t i = 0; i < 2; ++i) account.acls[i] = AclSet::from_bytes(record.acls[i]);
  return account;
}

bool Tables::account_exists(const std::string& username) {
  Bytes value;
  StoreError error = transaction_.get(Table::kAccountNames, username, &value);
  if (error == StoreError::kNotFound) return false;
  require(error);
  return true;
}

uint32_t Tables::add_account(const WorkingAccount& account) {
  WorkingAccount added = account;
  uint64_t id = take_number(kNextAccountId);
  if (id > UINT32_MAX) refuse("this store has no account id left");
  added.id = static_cast<uint32_t>(id);
  require(transaction_.insert(Table::kAccountNames, added.username, bytes_of(id)));
  put_account(added);
  return added.id;
}

void Tables::put_account(const WorkingAccount& account) {
  require(transaction_.put(Table::kAccounts, uint64_t{account.id}, encoded(account)));
}

std::string Tables::encoded(const WorkingAccount& account) {
  std::string acls[2] = {account.acls[0].to_bytes(), account.acls[1].to_bytes()};
  AccountRecord record;
  record.active = account.active;
  record.tokens_enabled = account.tokens_enabled;
  record.owner_id = account.owner_id;
  record.created_unix_s = account.created_unix_s;
  record.acls[0] = acls[0];
  record.acls[1] = acls[1];
  record.username = account.username;
  return encode(record);
}

void Tables::refresh_tokens_of(const WorkingAccount& account) {
  for (const WorkingToken& token : tokens_of(account.id, {})) put_token(account, token);
}

std::vector<WorkingToken> Tables::tokens_of(uint32_t account_id, std::optional<Service> service) {
  std::vector<WorkingToken> tokens;
  std::string prefix = service ? token_name_prefix(account_id, *service) : token_name_prefix(account_id);
  Cursor cursor;
  require(cursor.open(transaction_, Table::kTokenNames));
  StoreError error = cursor.seek(prefix);
  for (; error == StoreError::kNone && cursor.key().starts_with(prefix); error = cursor.next()) {
    tokens.push_back(token_at(cursor.key(), cursor.value()));
  }
  if (error != StoreError::kNone && error != StoreError::kNotFound) throw StoreFailure{error};
  return tokens;
}

WorkingToken Tables::token_at(Bytes key, Bytes value) {
  uint32_t account_id = 0;
  Service service{};
  std::string_view name;
  if (!parse_token_name_key(key, &account_id, &service, &name)) throw StoreFailure{StoreError::kDamaged};
  return working_token(account_id, service, name, value);
}

WorkingToken Tables::token(const WorkingAccount& account, Service service, const std::string& name) {
  Bytes value;
  StoreError error = StoreError::kNotFound;
  if (is_token_name(name)) {
    error = transaction_.get(Table::kTokenNames, token_name_key(account.id, service, name), &value);
  }
  if (error == StoreError::kNotFound) {
    refuse("the account " + quote(account.username) + " has no token " + quote(name) + " for the service " +
           std::string(service_name(service)) + "; see `tokengate token list " + account.username + "`");
  }
  require(error);
  return working_token(account.id, service, name, value);
}

bool Tables::token_exists(const WorkingAccount& account, Service service, const std::string& name) {
  Bytes value;
  StoreError error = transaction_.get(Table::kTokenNames, token_name_key(account.id, service, name), &value);
  if (error == StoreError::kNotFound) return false;
  require(error);
  return true;
}

TokenRecord Tables::token_record(TokenKey key) {
  Bytes value;
  StoreError error = transaction_.get(Table::kTokens, key, &value);
  if (error == StoreError::kNotFound) error = StoreError::kDamaged;
  require(error);
  return decoded<TokenRecord>(value);
}

WorkingToken Tables::working_token(uint32_t account_id, Service service, std::string_view name, Bytes value) {
  auto names = decoded<TokenNameRecord>(value);
  TokenRecord present = token_record(names.key);
  TokenRecord former;
  if (names.has_former) former = token_record(names.former_key);
  return joined(account_id, service, name, names, present, former);
}

WorkingToken Tables::joined(uint32_t account_id, Service service, std::string_view name,
                            const TokenNameRecord& names, const TokenRecord& present,
                            const TokenRecord& former) {
  WorkingToken token;
  token.name = name;
  token.service = service;
  token.account_id = account_id;
  token.id = names.token_id;
  token.created_unix_s = names.created_unix_s;
  token.parent_token_id = names.parent_token_id;
  token.note = names.note;
  token.full_access = present.full_access;
  token.read_only = present.read_only;
  token.acls = AclSet::from_bytes(present.token_acls);
  token.ranges = present.ranges;
  token.not_before_unix_s = present.not_before_unix_s;
  token.expires_unix_s = present.expires_unix_s;
  token.digest = present.digest;
  token.secret_serial = present.secret_serial;
  token.has_former = names.has_former;
  if (names.has_former) {
    token.former_digest = former.digest;
    token.former_retires_unix_s = former.retires_unix_s;
  }
  return token;
}

uint64_t Tables::take_token_id() {
  return take_number(kNextTokenId);
}

uint64_t Tables::take_number(std::string_view name) {
  uint64_t next = counter(name).value_or(1);
  set_counter(name, next + 1);
  return next;
}

uint64_t Tables::token_count(uint32_t account_id, std::optional<Service> service) {
  const std::string prefix =
      service ? token_name_prefix(account_id, *service) : token_name_prefix(account_id);
  uint64_t count = 0;
  Cursor cursor;
  require(cursor.open(transaction_, Table::kTokenNames));
  StoreError error = cursor.seek(prefix);
  for (; error == StoreError::kNone && cursor.key().starts_with(prefix); error = cursor.next()) ++count;
  if (error != StoreError::kNone && error != StoreError::kNotFound) throw StoreFailure{error};
  return count;
}

std::optional<uint64_t> Tables::counter(std::string_view counter) {
  Bytes value;
  StoreError error = transaction_.get(Table::kMeta, counter, &value);
  if (error == StoreError::kNotFound) return {};
  require(error);
  return number_of(value);
}

void Tables::set_counter(std::string_view counter, uint64_t next) {
  require(transaction_.put(Table::kMeta, counter, bytes_of(next)));
}

std::string Tables::encoded(const WorkingAccount& account, const WorkingToken& token, Secret secret) {
  std::string token_acls = token.acls.to_bytes();
  std::string account_acls = account.acls[static_cast<size_t>(token.service)].to_bytes();
  TokenRecord record;
  record.token_id = token.id;
  record.account_id = account.id;
  record.service = token.service;
  record.full_access = token.full_access;
  record.read_only = token.read_only;
  record.account_active = account.active;
  record.tokens_enabled = account.tokens_enabled;
  record.not_before_unix_s = token.not_before_unix_s;
  record.expires_unix_s = token.expires_unix_s;
  record.digest = token.digest;
  record.secret_serial = token.secret_serial;
  record.token_acls = token_acls;
  record.account_acls = account_acls;
  record.user = account.username;
  record.name = token.name;
  record.ranges = token.ranges;
  if (secret == Secret::kFormer) {
    record.digest = token.former_digest;
    record.secret_serial = token.secret_serial - 1;
    record.retires_unix_s = token.former_retires_unix_s;
  }
  return encode(record);
}

std::string Tables::encoded_name(const WorkingToken& token) {
  TokenNameRecord record;
  record.token_id = token.id;
  record.key = token_key(token.digest);
  record.has_former = token.has_former;
  record.former_key = token.has_former ? token_key(token.former_digest) : 0;
  record.created_unix_s = token.created_unix_s;
  record.parent_token_id = token.parent_token_id;
  record.note = token.note;
  return encode(record);
}

void Tables::put_token(const WorkingAccount& account, const WorkingToken& token) {
  require(
      transaction_.put(Table::kTokens, token_key(token.digest), encoded(account, token, Secret::kPresent)));
  if (token.has_former) {
    require(transaction_.put(Table::kTokens, token_key(token.former_digest),
                             encoded(account, token, Secret::kFormer)));
  }
  require(transaction_.put(Table::kTokenNames, token_name_key(account.id, token.service, token.name),
                           encoded_name(token)));
}

void Tables::require_unused(const Digest& digest) {
  Bytes value;
  StoreError error = transaction_.get(Table::kTokens, token_key(digest), &value);
  if (error == StoreError::kNotFound) return;
  require(error);
  refuse("another token has this secret, or one whose digest begins alike; use another secret");
}

void Tables::erase_token(const WorkingToken& token) {
  require(transaction_.erase(Table::kTokens, token_key(token.digest)));
  if (token.has_former) require(transaction_.erase(Table::kTokens, token_key(token.former_digest)));
  require(
      transaction_.erase(Table::kTokenNames, token_name_key(token.account_id, token.service, token.name)));
}

void Tables::erase_former_secret(WorkingToken* token) {
  if (!token->has_former) return;
  require(transaction_.erase(Table::kTokens, token_key(token->former_digest)));
  token->has_former = false;
}

StoreId Tables::store_id() {
  StoreId id;
  Bytes value;
  require(transaction_.get(Table::kMeta, kStoreIdKey, &value));
  if (value.size() != id.size()) throw StoreFailure{StoreError::kDamaged};
  std::memcpy(id.data(), value.data(), id.size());
  return id;
}

uint64_t Tables::last_change() {
  Cursor cursor;
  require(cursor.open(transaction_, Table::kJournal));
  const StoreError error = cursor.last();
  if (error == StoreError::kNotFound) return 0;
  require(error);
  return cursor.integer_key();
}

void Tables::journal(const Change& change, std::string_view action, std::string_view object,
                     std::string_view detail) {
  JournalRecord record;
  record.time_unix_s = change.now_unix_s;
  record.actor = change.actor;
  record.action = action;
  record.object = object;
  record.detail = detail;
  require(append_journal(transaction_, record));
}

}  // namespace tokengate
