// Accounts of a text: all are known before the first is written, since owners may come later.
#include "import_accounts.h"

#include <algorithm>
#include <map>

#include "id_set.h"

namespace tokengate {

void ImportAccounts::add(const AccountLine& line, const AclSet (&acls)[2], int64_t now_unix_s) {
  std::string username(line.username);
  WorkingAccount account;
  account.username = username;
  account.active = line.active;
  account.tokens_enabled = line.tokens_enabled;
  account.created_unix_s = line.created_unix_s.value_or(now_unix_s);
  account.acls[0] = acls[0];
  account.acls[1] = acls[1];
  if (tables_.account_exists(username) || accounts_.contains(username)) {
    refuse("there already is an account " + quote(username) +
           "; leave this line out if its tokens are to go there, or choose another username");
  }
  uint64_t id = ids_.take(line.id);
  if (id > UINT32_MAX) refuse("this store has no account id left");
  account.id = static_cast<uint32_t>(id);
  added_.push_back({username, std::string(line.owner)});
  accounts_.emplace(username, std::move(account));
}

void ImportAccounts::put() {
  for (const auto& [username, owner] : added_) {
    if (!owner.empty()) accounts_.at(username).owner_id = named(owner).id;
  }
  refuse_ownership_loops();
  std::map<uint32_t, const WorkingAccount*> by_id;
  for (const auto& [username, owner] : added_) {
    const WorkingAccount& account = accounts_.at(username);
    by_id.emplace(account.id, &account);
    uint64_t id = account.id;
    require(tables_.transaction().insert(Table::kAccountNames, username,
                                         Bytes(reinterpret_cast<const char*>(&id), sizeof id)));
  }
  for (const auto& [id, account] : by_id) {
    require(tables_.transaction().append(Table::kAccounts, uint64_t{id}, Tables::encoded(*account)));
  }
}

void ImportAccounts::refuse_ownership_loops() const {
  std::unordered_map<uint32_t, uint32_t> owners;
  for (const auto& [username, owner] : added_) {
    const WorkingAccount& account = accounts_.at(username);
    owners.emplace(account.id, account.owner_id);
  }
  // Accounts that were there before have no owner among the new ones. `settled` end in none.
  IdSet settled;
  for (const auto& [username, owner] : added_) {
    std::vector<uint32_t> path;
    uint32_t id = accounts_.at(username).id;
    for (auto found = owners.find(id); found != owners.end(); found = owners.find(id)) {
      if (!settled.add(id)) break;
      path.push_back(id);
      id = found->second;
    }
    if (std::find(path.begin(), path.end(), id) != path.end()) {
      refuse("the account " + quote(username) + " would come to own itself, through its owners");
    }
  }
}

const WorkingAccount& ImportAccounts::named(std::string_view username) {
  if (last_ != nullptr && last_->username == username) return *last_;
  auto found = accounts_.find(std::string(username));
  if (found == accounts_.end()) {
    WorkingAccount account = tables_.account(std::string(username));
    found = accounts_.emplace(account.username, std::move(account)).first;
  }
  last_ = &found->second;
  return *last_;
}

}  // namespace tokengate
