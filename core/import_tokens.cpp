// Tokens of a text: names come in order, digests do not, and a tree is quicker to build in order.
#include "import_tokens.h"

#include <algorithm>

namespace tokengate {

void ImportTokens::add(uint64_t number, const TokenLine& line, const WorkingAccount& account,
                       const AclSet& acls, int64_t now_unix_s) {
  WorkingToken token;
  token.name = line.name;
  token.service = line.service;
  token.account_id = account.id;
  token.id = ids_.take(line.id);
  if (line.parent_id != 0 && line.parent_id >= line.id) {
    invalid("the parent " + std::to_string(line.parent_id) +
            " is not older than the token: its id must be below the token's; leave the parent out");
  }
  token.created_unix_s = line.created_unix_s.value_or(now_unix_s);
  token.parent_token_id = ids_.id_of(line.parent_id);
  token.note = line.note;
  token.full_access = line.full_access;
  token.read_only = line.read_only;
  token.acls = acls;
  token.ranges = line.ranges;
  token.not_before_unix_s = line.not_before_unix_s;
  token.expires_unix_s = line.expires_unix_s;
  token.digest = line.digest;
  token.secret_serial = line.secret_serial;
  token.has_former = line.has_former;
  token.former_digest = line.former_digest;
  token.former_retires_unix_s = line.former_until_unix_s;

  sorter_.add(token_key(token.digest), number, Tables::encoded(account, token, Tables::Secret::kPresent));
  if (token.has_former) {
    sorter_.add(token_key(token.former_digest), number,
                Tables::encoded(account, token, Tables::Secret::kFormer));
  }
  std::string key = token_name_key(account.id, token.service, token.name);
  std::string name = Tables::encoded_name(token);
  StoreError error = tables_.transaction().append(Table::kTokenNames, key, name);
  if (error == StoreError::kExists) {
    error = tables_.transaction().insert(Table::kTokenNames, key, name);
  }
  if (error == StoreError::kExists) {
    refuse("the account " + quote(account.username) + " already has a token " + quote(token.name) +
           " for the service " + std::string(service_name(token.service)) + "; choose another name");
  }
  require(error);
  ++count_;
}

void ImportTokens::put(const std::function<void(double done)>& progress) {
  uint64_t done = 0;
  sorter_.for_each([&](TokenKey key, uint64_t line, std::string_view record) {
    StoreError error = tables_.transaction().append(Table::kTokens, key, record);
    if (error == StoreError::kExists) error = tables_.transaction().insert(Table::kTokens, key, record);
    if (error == StoreError::kExists) {
      at_line(line, [] {
        refuse("another token has this secret, or one whose digest begins alike; leave one of them out");
      });
    }
    require(error);
    if (++done % 65536 == 0) progress(double(done) / double(std::max(done, count_)));
  });
}

}  // namespace tokengate
