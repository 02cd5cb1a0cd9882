/// The tokens of an import.
#ifndef TOKENGATE_IMPORT_TOKENS_H_
#define TOKENGATE_IMPORT_TOKENS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "admin_impl.h"
#include "exchange.h"
#include "import_ids.h"
#include "token_sorter.h"

namespace tokengate {

/// Throws.
class ImportTokens {
 public:
  /// `fresh`: no account or token was ever made in the store; `folder` takes what memory does not.
  ImportTokens(Tables& tables, bool fresh, const std::string& folder)
      : tables_(tables), ids_(tables, kNextTokenId, fresh), sorter_(folder) {}

  /// Writes its name, and keeps the rest for put(). `acls` are those that the line names, `number` the
  /// line's.
  void add(uint64_t number, const TokenLine& line, const WorkingAccount& account, const AclSet& acls,
           int64_t now_unix_s);
  /// Writes the records, in the order of their keys. Calls `progress` now and then with the part that is
  /// done, from 0 to 1.
  void put(const std::function<void(double done)>& progress);

  ImportIds& ids() { return ids_; }
  uint64_t count() const { return count_; }

 private:
  Tables& tables_;
  ImportIds ids_;
  TokenSorter sorter_;
  uint64_t count_ = 0;
};

}  // namespace tokengate

#endif  // TOKENGATE_IMPORT_TOKENS_H_
