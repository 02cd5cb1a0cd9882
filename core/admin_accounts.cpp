// Accounts: every change of one reaches its tokens in the same transaction.
#include "admin_impl.h"
#include "cursor.h"
#include "names.h"

namespace tokengate {
namespace {

void require_username(const std::string& username) {
  if (!is_username(username)) {
    invalid(quote(username) + " cannot be a username: 1 to " + std::to_string(kMaxUserBytes) +
            " of A-Za-z0-9._@+-, beginning with a letter, digit or _");
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string service_and(Service service, const std::vector<std::string>& acls) {
  return std::string(service_name(service)) + ": " + joined(acls);
}

std::string description_of(const NewAccount& account) {
  std::string text = account.owner.empty() ? "" : "owner " + account.owner;
  for (Service service : {Service::kCpanel, Service::kWhm}) {
    const std::vector<std::string>& acls = account.acls[static_cast<size_t>(service)];
    if (!acls.empty()) text += (text.empty() ? "" : "; ") + service_and(service, acls);
  }
  return text;
}

/// For people. `names` are the ACL names of both services.
Account account_of(Tables& tables, const WorkingAccount& working, const Tables::AclNames (&names)[2]) {
  Account account;
  account.id = working.id;
  account.username = working.username;
  if (working.owner_id != 0) account.owner = tables.account(working.owner_id).username;
  account.active = working.active;
  account.tokens_enabled = working.tokens_enabled;
  account.created_unix_s = working.created_unix_s;
  for (size_t i = 0; i < 2; ++i) account.acls[i] = Tables::acl_texts(working.acls[i], names[i]);
  account.token_count = tables.token_count(working.id, {});
  return account;
}

/// Changes one account by `edit(WorkingAccount&)` and carries it into its tokens. Whether that changed
/// anything.
template <class Edit>
bool edit_account(Tables& tables, const std::string& username, Edit&& edit) {
  WorkingAccount account = tables.account(username);
  const WorkingAccount before = account;
  edit(account);
  if (account == before) return false;
  tables.put_account(account);
  tables.refresh_tokens_of(account);
  return true;
}

void refuse_ownership_loop(Tables& tables, const WorkingAccount& account, const WorkingAccount& owner) {
  for (WorkingAccount above = owner;; above = tables.account(above.owner_id)) {
    if (above.id == account.id) {
      refuse(quote(owner.username) + " cannot own " + quote(account.username) +
             ": that account would come to own itself");
    }
    if (above.owner_id == 0) return;
  }
}

}  // namespace

Result<Account> Admin::create_account(const Change& change, const NewAccount& account) {
  Result<Account> result;
  result.status = impl_->change(change, [&](Tables& tables) {
    require_username(account.username);
    if (tables.account_exists(account.username)) {
      refuse("there already is an account " + quote(account.username) + "; choose another username");
    }
    WorkingAccount working;
    working.username = account.username;
    working.created_unix_s = change.now_unix_s;
    if (!account.owner.empty()) working.owner_id = tables.account(account.owner).id;
    Tables::AclNames names[2];
    for (Service service : {Service::kCpanel, Service::kWhm}) {
      auto i = static_cast<size_t>(service);
      working.acls[i] = tables.acl_set(service, account.acls[i]);
      names[i] = tables.acl_names(service);
    }
    working.id = tables.add_account(working);
    tables.journal(change, "account.create", account.username, description_of(account));
    result.value = account_of(tables, working, names);
  });
  return result;
}

Result<std::vector<Account>> Admin::list_accounts() const {
  Result<std::vector<Account>> result;
  result.status = impl_->look([&](Tables& tables) {
    result.value.clear();
    const Tables::AclNames names[2] = {tables.acl_names(Service::kCpanel), tables.acl_names(Service::kWhm)};
    Cursor cursor;
    require(cursor.open(tables.transaction(), Table::kAccountNames));
    StoreError error = cursor.first();
    for (; error == StoreError::kNone; error = cursor.next()) {
      result.value.push_back(account_of(tables, tables.account(std::string(cursor.key())), names));
    }
    if (error != StoreError::kNotFound) throw StoreFailure{error};
  });
  return result;
}

Result<Account> Admin::find_account(const std::string& username) const {
  Result<Account> result;
  result.status = impl_->look([&](Tables& tables) {
    const Tables::AclNames names[2] = {tables.acl_names(Service::kCpanel), tables.acl_names(Service::kWhm)};
    result.value = account_of(tables, tables.account(username), names);
  });
  return result;
}

Status Admin::grant_acls(const Change& change, const std::string& username, Service service,
                         const std::vector<std::string>& acls) {
  return impl_->change(change, [&](Tables& tables) {
    const bool changed = edit_account(tables, username, [&](WorkingAccount& account) {
      for (const std::string& acl : acls) {
        account.acls[static_cast<size_t>(service)].add(tables.acl_number(service, acl));
      }
    });
    if (changed) tables.journal(change, "account.grant", username, service_and(service, acls));
  });
}

Status Admin::deny_acls(const Change& change, const std::string& username, Service service,
                        const std::vector<std::string>& acls) {
  return impl_->change(change, [&](Tables& tables) {
    const bool changed = edit_account(tables, username, [&](WorkingAccount& account) {
      for (const std::string& acl : acls) {
        account.acls[static_cast<size_t>(service)].remove(tables.acl_number(service, acl));
      }
    });
    if (changed) tables.journal(change, "account.deny", username, service_and(service, acls));
  });
}

Status Admin::set_account_active(const Change& change, const std::string& username, bool active) {
  return impl_->change(change, [&](Tables& tables) {
    if (edit_account(tables, username, [&](WorkingAccount& account) { account.active = active; })) {
      tables.journal(change, active ? "account.unsuspend" : "account.suspend", username);
    }
  });
}

Status Admin::set_tokens_enabled(const Change& change, const std::string& username, bool enabled) {
  return impl_->change(change, [&](Tables& tables) {
    if (edit_account(tables, username, [&](WorkingAccount& account) { account.tokens_enabled = enabled; })) {
      tables.journal(change, enabled ? "account.tokens-on" : "account.tokens-off", username);
    }
  });
}

Status Admin::rename_account(const Change& change, const std::string& username,
                             const std::string& new_username) {
  return impl_->change(change, [&](Tables& tables) {
    require_username(new_username);
    if (tables.account_exists(new_username)) {
      refuse("there already is an account " + quote(new_username) + "; choose another username");
    }
    WorkingAccount account = tables.account(username);
    account.username = new_username;
    uint64_t id = account.id;
    Transaction& transaction = tables.transaction();
    require(transaction.erase(Table::kAccountNames, username));
    require(transaction.insert(Table::kAccountNames, new_username,
                               Bytes(reinterpret_cast<const char*>(&id), sizeof id)));
    tables.put_account(account);
    tables.refresh_tokens_of(account);
    tables.journal(change, "account.rename", username, "to " + new_username);
  });
}

Status Admin::set_account_owner(const Change& change, const std::string& username, const std::string& owner) {
  return impl_->change(change, [&](Tables& tables) {
    WorkingAccount account = tables.account(username);
    account.owner_id = 0;
    if (!owner.empty()) {
      WorkingAccount owner_account = tables.account(owner);
      refuse_ownership_loop(tables, account, owner_account);
      account.owner_id = owner_account.id;
    }
    tables.put_account(account);
    tables.journal(change, "account.set-owner", username, owner.empty() ? "none" : owner);
  });
}

Result<uint64_t> Admin::delete_account(const Change& change, const std::string& username) {
  Result<uint64_t> result;
  result.status = impl_->change(change, [&](Tables& tables) {
    WorkingAccount account = tables.account(username);
    Cursor cursor;
    require(cursor.open(tables.transaction(), Table::kAccounts));
    for (StoreError error = cursor.first();; error = cursor.next()) {
      if (error == StoreError::kNotFound) break;
      require(error);
      AccountRecord other;
      if (!decode(cursor.value(), &other)) throw StoreFailure{StoreError::kDamaged};
      if (other.owner_id == account.id) {
        refuse(quote(username) + " owns the account " + quote(other.username) +
               "; give that another owner first, or delete it");
      }
    }
    cursor.close();
    std::vector<WorkingToken> tokens = tables.tokens_of(account.id, {});
    for (const WorkingToken& token : tokens) tables.erase_token(token);
    require(tables.transaction().erase(Table::kAccountNames, username));
    require(tables.transaction().erase(Table::kAccounts, uint64_t{account.id}));
    tables.journal(change, "account.delete", username, std::to_string(tokens.size()) + " tokens");
    result.value = tokens.size();
  });
  return result;
}

}  // namespace tokengate
