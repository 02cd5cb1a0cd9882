// Building a store from a backup.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "admin_impl.h"
#include "cursor.h"
#include "journal.h"

namespace tokengate {
namespace {

namespace fs = std::filesystem;

Status trouble(const std::string& what, const std::string& path) {
  return {Code::kStore,
          "cannot " + what + " " + path + ": " + std::strerror(errno) + "; nothing was restored"};
}

/// A folder beside the store's place; gone with all that is in it unless it was moved there.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& place) : path_(place + ".restoring-XXXXXX") {
    made_ = mkdtemp(path_.data()) != nullptr;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (made_) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  bool is_made() const { return made_; }
  const std::string& path() const { return path_; }

  Status move_to(const std::string& place) {
    // Over an empty folder too, but over nothing else.
    if (rename(path_.c_str(), place.c_str()) != 0) return trouble("put the restored store in", place);
    made_ = false;
    std::string above = fs::path(place).parent_path();
    int folder = open(above.empty() ? "." : above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool safe = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0) close(folder);
    return safe ? Status{} : trouble("flush", above);
  }

 private:
  std::string path_;
  bool made_ = false;
};

Status copy_file(const std::string& from, const std::string& to) {
  int in = open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0) return {Code::kInvalid, "cannot open " + from + ": " + std::strerror(errno)};
  int out = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  std::string buffer(1 << 20, '\0');
  ssize_t n = out < 0 ? -1 : 1;
  while (n > 0 && (n = read(in, buffer.data(), buffer.size())) > 0) {
    for (ssize_t done = 0; done < n;) {
      ssize_t put = write(out, buffer.data() + done, static_cast<size_t>(n - done));
      if (put < 0) {
        n = -1;
        break;
      }
      done += put;
    }
  }
  Status status = n < 0 || fsync(out) != 0 ? trouble("copy the backup to", to) : Status{};
  close(in);
  if (out >= 0) close(out);
  return status;
}

/// The store as it was after the backup, as far as it can be read.
class LaterStore {
 public:
  explicit LaterStore(const std::string& path) {
    StoreError error = environment_.open(path, Environment::Mode::kRead);
    if (error == StoreError::kNone) error = transaction_.begin_read(environment_);
    if (error != StoreError::kNone) {
      throw Failure{{Code::kStore, describe(error, path, environment_.system_text())}};
    }
  }

  Bytes id() {
    Bytes value;
    require(transaction_.get(Table::kMeta, kStoreIdKey, &value));
    return value;
  }

  /// False if it has no such secret, or the secret's record cannot be read.
  bool find(const Digest& digest, uint64_t token_id, TokenRecord* record) {
    Bytes value;
    return transaction_.get(Table::kTokens, token_key(digest), &value) == StoreError::kNone &&
           decode(value, record) && record->digest == digest && record->token_id == token_id;
  }

  bool find(uint32_t account_id, AccountRecord* record) {
    Bytes value;
    return transaction_.get(Table::kAccounts, uint64_t{account_id}, &value) == StoreError::kNone &&
           decode(value, record);
  }

 private:
  Environment environment_;
  Transaction transaction_;
};

/// Leaves the account no more than it had later. True if that took something away.
bool narrow(WorkingAccount* account, const AccountRecord& later) {
  WorkingAccount before = *account;
  account->active = account->active && later.active;
  account->tokens_enabled = account->tokens_enabled && later.tokens_enabled;
  for (size_t i = 0; i < 2; ++i) account->acls[i].keep_only(AclSet::from_bytes(later.acls[i]));
  return account->active != before.active || account->tokens_enabled != before.tokens_enabled ||
         !(account->acls[0] == before.acls[0]) || !(account->acls[1] == before.acls[1]);
}

/// Likewise. `later` is the record of its present secret.
bool narrow(WorkingToken* token, const TokenRecord& later) {
  WorkingToken before = *token;
  if (!later.full_access) {
    AclSet held = AclSet::from_bytes(later.token_acls);
    if (token->full_access) token->acls = held;
    token->acls.keep_only(held);
    token->full_access = false;
  }
  token->read_only = token->read_only || later.read_only;
  token->not_before_unix_s = std::max(token->not_before_unix_s, later.not_before_unix_s);
  token->expires_unix_s = std::min({token->expires_unix_s, later.expires_unix_s, later.retires_unix_s});
  // Ranges cannot be cut out of each other in general; those that were set last hold.
  if (!later.ranges.empty()) token->ranges = later.ranges;
  return token->full_access != before.full_access || !(token->acls == before.acls) ||
         token->read_only != before.read_only || token->not_before_unix_s != before.not_before_unix_s ||
         token->expires_unix_s != before.expires_unix_s || token->ranges != before.ranges;
}

void withdraw(Tables& tables, LaterStore& later, const Change& change, RestoreReport* report) {
  std::vector<WorkingAccount> accounts;
  {
    Bytes id;
    require(tables.transaction().get(Table::kMeta, kStoreIdKey, &id));
    if (id != later.id())
      refuse("the other store is not a later state of the one in the backup: their ids differ");
    Cursor cursor;
    require(cursor.open(tables.transaction(), Table::kAccounts));
    StoreError error = cursor.first();
    for (; error == StoreError::kNone; error = cursor.next()) {
      accounts.push_back(tables.account(static_cast<uint32_t>(cursor.integer_key())));
    }
    if (error != StoreError::kNotFound) throw StoreFailure{error};
  }
  for (WorkingAccount& account : accounts) {
    AccountRecord account_later;
    bool known = later.find(account.id, &account_later);
    bool narrowed = known && narrow(&account, account_later);
    if (narrowed) {
      tables.put_account(account);
      tables.journal(change, "store.restore-narrow", account.username, "to what it had later");
      ++report->narrowed;
    }
    for (WorkingToken& token : tables.tokens_of(account.id, {})) {
      std::string object =
          account.username + '/' + std::string(service_name(token.service)) + '/' + token.name;
      TokenRecord record;
      if (!known || !later.find(token.digest, token.id, &record)) {
        tables.erase_token(token);
        tables.journal(change, "token.revoke", object, "the later store does not have it");
        ++report->withdrawn_tokens;
        continue;
      }
      bool changed = narrow(&token, record);
      if (token.has_former) {
        TokenRecord former;
        if (!later.find(token.former_digest, token.id, &former)) {
          tables.erase_former_secret(&token);
          changed = true;
        }
      }
      if (changed) {
        tables.journal(change, "store.restore-narrow", object, "to what it had later");
        ++report->narrowed;
      }
      if (changed || narrowed) tables.put_token(account, token);
    }
  }
}

}  // namespace

Result<RestoreReport> Admin::finish_restore(const Change& change, const std::string& withdrawals_from) {
  Result<RestoreReport> result;
  result.status = impl_->change(change, [&](Tables& tables) {
    RestoreReport& report = result.value = {};
    {
      Cursor cursor;
      require(cursor.open(tables.transaction(), Table::kJournal));
      require(cursor.last());
      JournalRecord last;
      if (!decode(cursor.value(), &last)) throw StoreFailure{StoreError::kDamaged};
      report.journal_entries = cursor.integer_key();
      report.backup_time_unix_s = last.time_unix_s;
    }
    tables.journal(change, "store.restore", "backup",
                   "with " + std::to_string(report.journal_entries) + " journal entries");
    if (!withdrawals_from.empty()) {
      LaterStore later(withdrawals_from);
      withdraw(tables, later, change, &report);
    }
    require(tables.transaction().count(Table::kAccounts, &report.accounts));
    require(tables.transaction().count(Table::kTokenNames, &report.tokens));
  });
  return result;
}

Result<RestoreReport> restore_store(const RestoreSpec& spec, const Change& change) {
  Result<RestoreReport> result;
  auto fail = [&](Status status) {
    result.status = std::move(status);
    result.value = {};
    return result;
  };
  std::string place = spec.store.path;
  while (place.size() > 1 && place.back() == '/') place.pop_back();
  if (place.empty()) return fail({Code::kInvalid, "name the folder of the store"});
  struct stat there {};
  bool exists = lstat(place.c_str(), &there) == 0;
  std::error_code unreadable;
  if (exists && (!S_ISDIR(there.st_mode) || !fs::is_empty(place, unreadable) || unreadable)) {
    return fail(
        {Code::kRefused, place + " is in use; restore into a new folder beside it, and then rename them"});
  }

  TemporaryFolder folder(place);
  if (!folder.is_made()) return fail(trouble("make a folder beside", place));
  gid_t group = 0;
  if (Status status = prepare_folder({folder.path(), spec.store.group}, &group); !status.ok())
    return fail(status);
  if (spec.store.group.empty() && exists) group = there.st_gid;
  if (chown(folder.path().c_str(), static_cast<uid_t>(-1), group) != 0 ||
      chmod(folder.path().c_str(), kFolderMode) != 0) {
    return fail(trouble("give its group to", folder.path()));
  }
  if (Status status = copy_file(spec.backup, folder.path() + "/data.mdb"); !status.ok()) return fail(status);
  Result<CheckReport> checked = check_store(folder.path());
  if (!checked.ok()) {
    return fail(
        {Code::kRefused, spec.backup + " is no backup that can be restored: " + checked.status.message});
  }
  for (const Finding& finding : checked.value.findings) {
    if (finding.is_of_files) continue;  // made and set below
    return fail({Code::kRefused, spec.backup + " is damaged, and nothing was restored: " + finding.text});
  }
  {
    Result<Admin> admin = Admin::open(folder.path(), Admin::Access::kReadWrite);
    if (!admin.ok()) return fail(admin.status);
    result = admin.value.finish_restore(change, spec.withdrawals_from);
    if (!result.ok()) return fail(result.status);
  }
  if (StoreError error = set_store_modes(folder.path(), geteuid(), group); error != StoreError::kNone) {
    return fail({Code::kStore, describe(error, folder.path(), "")});
  }
  if (Status status = folder.move_to(place); !status.ok()) return fail(status);
  return result;
}

}  // namespace tokengate
