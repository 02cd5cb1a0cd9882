// Tokens: revoke, with what came of them, and remove what has expired.
#include <set>

#include "admin_tokens.h"
#include "cursor.h"
#include "lineage.h"

namespace tokengate {

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

}  // namespace tokengate
