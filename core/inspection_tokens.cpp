// Tokens: each name against the records of its secrets, and each record against its name and its account.
#include <cstring>

#include "inspection.h"
#include "names.h"

namespace tokengate {
namespace {

std::string object_name(const std::string& account, Service service, std::string_view name) {
  return account + '/' + std::string(service_name(service)) + '/' + std::string(name);
}

/// Removes an entry, which another act may have removed before.
template <class Key>
void erase_if_there(Tables& tables, Table table, const Key& key) {
  StoreError error = tables.transaction().erase(table, key);
  if (error != StoreError::kNotFound) require(error);
}

std::string key_text(TokenKey key) {
  return to_hex({reinterpret_cast<const uint8_t*>(&key), sizeof key});
}

}  // namespace

/// A name whose record can be read, and whose account exists.
struct Inspection::NamedToken {
  std::string key;  ///< of table token_names
  uint32_t account_id = 0;
  Service service{};
  std::string_view name;
  TokenNameRecord names;
  TokenRecord present, former;
  Bytes present_bytes, former_bytes;
  std::string text;  ///< shop/cpanel/ci
};

void Inspection::inspect_token_names() {
  walk(Table::kTokenNames, "token_names", false,
       [&](Bytes key, Bytes value) { inspect_token_name(key, value); });
}

void Inspection::inspect_token_name(Bytes key, Bytes value) {
  ++report_.tokens;
  NamedToken named;
  named.key = key;
  bool readable = parse_token_name_key(key, &named.account_id, &named.service, &named.name) &&
                  is_token_name(named.name) && decode(value, &named.names);
  if (!readable) {
    unreadable_names_.insert(named.key);
    return;
  }
  auto account = accounts_.find(named.account_id);
  named.text = object_name(
      account == accounts_.end() ? "account " + std::to_string(named.account_id) : account->second.username,
      named.service, named.name);
  if (account == accounts_.end()) return remove_token(named, "belongs to no readable account");
  if (!token_ids_.add(named.names.token_id) || named.names.token_id == 0) {
    add(Remedy::kByHand,
        "the token " + quote(named.text) + " has the id " + std::to_string(named.names.token_id) +
            ", which is no id or another token's too, so that logs cannot tell them apart; revoke "
            "it and create it again");
  }
  if (!read_secret(named, named.names.key, &named.present, &named.present_bytes) ||
      named.present.retires_unix_s != kNeverExpires) {
    return remove_token(named, "has a secret whose record is missing or damaged, or not its own");
  }
  compare_token(named, account->second);
}

/// False if there is no record of the secret, or it is not one of this token.
bool Inspection::read_secret(const NamedToken& named, TokenKey key, TokenRecord* record, Bytes* bytes) const {
  return tables_.transaction().get(Table::kTokens, key, bytes) == StoreError::kNone &&
         decode(*bytes, record) && token_key(record->digest) == key &&
         record->token_id == named.names.token_id && record->account_id == named.account_id &&
         record->service == named.service && record->name == named.name;
}

/// Whether the record can be read and is of a token with another name.
bool Inspection::is_of_another(const NamedToken& named, TokenKey key) const {
  TokenRecord record;
  Bytes bytes;
  return tables_.transaction().get(Table::kTokens, key, &bytes) == StoreError::kNone &&
         decode(bytes, &record) &&
         (record.account_id != named.account_id || record.service != named.service ||
          record.name != named.name);
}

/// With all its secrets, but for those whose records are another token's.
void Inspection::remove_token(const NamedToken& named, const std::string& problem) {
  std::vector<TokenKey> secrets;
  for (TokenKey key : {named.names.key, named.names.has_former ? named.names.former_key : named.names.key}) {
    if (is_of_another(named, key) || !settled_.insert(key).second) continue;
    secrets.push_back(key);
  }
  add_repairable(named.text, "the token " + quote(named.text) + " " + problem, "revokes it",
                 [key = named.key, secrets](Tables& tables) {
                   for (TokenKey secret : secrets) erase_if_there(tables, Table::kTokens, secret);
                   erase_if_there(tables, Table::kTokenNames, key);
                 });
}

/// What the token's records hold against what they should.
void Inspection::compare_token(const NamedToken& named, const WorkingAccount& account) {
  NamedToken now = named;
  std::vector<std::pair<std::string, std::string>> problems;
  std::optional<TokenKey> drop;
  if (now.names.has_former) {
    TokenKey key = now.names.former_key;
    if (key == now.names.key || !read_secret(now, key, &now.former, &now.former_bytes) ||
        now.former.retires_unix_s == kNeverExpires) {
      now.names.has_former = false;
      problems.emplace_back("has a former secret whose record is missing or damaged, or not its own",
                            "ends that secret");
      if (key != now.names.key && !is_of_another(now, key) && settled_.insert(key).second) drop = key;
    }
  }
  if (now.names.parent_token_id != 0 && now.names.parent_token_id >= now.names.token_id) {
    problems.emplace_back("names a parent that is not older than itself", "leaves it without a parent");
    now.names.parent_token_id = 0;
  }
  if (!is_note(now.names.note)) {
    problems.emplace_back("has a note that is not text", "removes the note");
    now.names.note = {};
  }
  WorkingToken token =
      Tables::joined(now.account_id, now.service, now.name, now.names, now.present, now.former);
  AclSet held = token.acls;
  token.acls.keep_only(registered_[static_cast<size_t>(token.service)]);
  if (!(token.acls == held)) {
    problems.emplace_back("holds ACLs that are not registered", "takes those away");
  } else if (Tables::encoded(account, token, Tables::Secret::kPresent) != now.present_bytes ||
             (token.has_former &&
              Tables::encoded(account, token, Tables::Secret::kFormer) != now.former_bytes)) {
    problems.emplace_back(
        "does not repeat what its account's record says, or its two secrets differ in rights",
        "writes it anew from the account");
  }
  for (const auto& [problem, action] : problems) {
    add_repairable(named.text, "the token " + quote(named.text) + " " + problem, action,
                   [account, token, drop](Tables& tables) {
                     if (drop) erase_if_there(tables, Table::kTokens, *drop);
                     tables.put_token(account, token);
                   });
  }
}

void Inspection::inspect_tokens() {
  walk(Table::kTokens, "tokens", true, [&](Bytes key_bytes, Bytes value) {
    TokenKey key = 0;
    std::memcpy(&key, key_bytes.data(), sizeof key);
    if (settled_.contains(key)) return;
    auto remove = [&](const std::string& problem) {
      add_repairable("secret " + key_text(key),
                     "the secret whose digest begins with " + key_text(key) + " " + problem, "revokes it",
                     [key](Tables& tables) { erase_if_there(tables, Table::kTokens, key); });
    };
    TokenRecord record;
    if (!decode(value, &record) || token_key(record.digest) != key || !is_token_name(record.name)) {
      return remove("has a damaged record");
    }
    if (!accounts_.contains(record.account_id)) return remove("belongs to no readable account");
    std::string name_key = token_name_key(record.account_id, record.service, record.name);
    Bytes name_value;
    TokenNameRecord names;
    StoreError error = tables_.transaction().get(Table::kTokenNames, name_key, &name_value);
    if (error != StoreError::kNone || !decode(name_value, &names)) {
      strays_[name_key].push_back(key);
    } else if (names.key != key && !(names.has_former && names.former_key == key)) {
      remove("is accepted, but no token lists it");
    }
  });
}

/// Secrets that are accepted, but by no name that could be shown or revoked; and names that cannot be read.
void Inspection::inspect_strays() {
  for (const auto& [key, secrets] : strays_) {
    rebuild_name(key, secrets);
    unreadable_names_.erase(key);
  }
  for (const std::string& key : unreadable_names_) {
    add_repairable("name " + quote(key),
                   "a token's name, " + quote(key) + ", has a damaged record and no secret", "removes it",
                   [key](Tables& tables) { erase_if_there(tables, Table::kTokenNames, key); });
  }
}

/// One present secret, and at most one former one of the same token, are unambiguous; all else is revoked.
void Inspection::rebuild_name(const std::string& key, const std::vector<TokenKey>& secrets) {
  NamedToken named;
  named.key = key;
  parse_token_name_key(named.key, &named.account_id, &named.service, &named.name);
  const WorkingAccount& account = accounts_.at(named.account_id);
  std::string text = object_name(account.username, named.service, named.name);
  unsigned present = 0;
  unsigned former = 0;
  for (TokenKey secret : secrets) {
    TokenRecord record;
    Bytes bytes;
    if (tables_.transaction().get(Table::kTokens, secret, &bytes) != StoreError::kNone ||
        !decode(bytes, &record)) {
      continue;
    }
    if (record.retires_unix_s == kNeverExpires) {
      ++present;
      named.present = record;
      named.names.key = secret;
    } else {
      ++former;
      named.former = record;
      named.names.former_key = secret;
    }
  }
  named.names.token_id = named.present.token_id;
  named.names.has_former = former == 1;
  bool clear = present == 1 && former <= 1 && named.names.token_id != 0 &&
               (former == 0 || named.former.token_id == named.names.token_id) &&
               token_ids_.add(named.names.token_id);
  const std::string problem = "the token " + quote(text) + " is accepted, but its name is missing or damaged";
  if (!clear) {
    return add_repairable(text, problem + ", and its secrets contradict each other", "revokes it",
                          [key, secrets](Tables& tables) {
                            for (TokenKey secret : secrets) erase_if_there(tables, Table::kTokens, secret);
                            erase_if_there(tables, Table::kTokenNames, key);
                          });
  }
  WorkingToken token =
      Tables::joined(named.account_id, named.service, named.name, named.names, named.present, named.former);
  token.acls.keep_only(registered_[static_cast<size_t>(token.service)]);
  add_repairable(text, problem, "gives it the name back, without note, parent and time of creation",
                 [account, token](Tables& tables) { tables.put_token(account, token); });
}

}  // namespace tokengate
