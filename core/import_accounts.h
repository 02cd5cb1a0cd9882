/// The accounts of an import, and those of the store that its tokens name.
#ifndef TOKENGATE_IMPORT_ACCOUNTS_H_
#define TOKENGATE_IMPORT_ACCOUNTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "admin_impl.h"
#include "exchange.h"
#include "import_ids.h"

namespace tokengate {

/// Throws.
class ImportAccounts {
 public:
  /// `fresh`: no account or token was ever made in the store.
  ImportAccounts(Tables& tables, bool fresh) : tables_(tables), ids_(tables, kNextAccountId, fresh) {}

  /// Refuses a username that there is. `acls` are those that the line names.
  void add(const AccountLine& line, const AclSet (&acls)[2], int64_t now_unix_s);
  /// Writes what was added. Refuses an owner that there is not, and accounts that would own themselves.
  void put();
  /// An account that was added, or of the store. It stays where it is.
  const WorkingAccount& named(std::string_view username);

  ImportIds& ids() { return ids_; }
  uint64_t count() const { return added_.size(); }

 private:
  struct Added {
    std::string username;
    std::string owner;
  };
  void refuse_ownership_loops() const;

  Tables& tables_;
  ImportIds ids_;
  std::unordered_map<std::string, WorkingAccount> accounts_;
  std::vector<Added> added_;
  const WorkingAccount* last_ = nullptr;  ///< that was asked for
};

}  // namespace tokengate

#endif  // TOKENGATE_IMPORT_ACCOUNTS_H_
