/// Looks at everything in a store and says what is wrong. Check tells it, repair also acts on it: so they
/// cannot disagree.
#ifndef TOKENGATE_INSPECTION_H_
#define TOKENGATE_INSPECTION_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "admin_impl.h"
#include "id_set.h"

namespace tokengate {

/// Something that is wrong. Its repair only ever takes rights away, or repeats what an undamaged record of
/// the account says.
struct Fault {
  Finding finding;
  std::string object;                   ///< of the journal's entry
  std::string action;                   ///< what was wrong, and what `repair` does
  std::function<void(Tables&)> repair;  ///< with Remedy::kRepair
};

class Inspection {
 public:
  /// Keeps at most `most_faults`, and counts the others.
  Inspection(Tables& tables, size_t most_faults) : tables_(tables), most_faults_(most_faults) {}

  /// Reads every record once or twice. Changes nothing.
  void run();

  CheckReport report() const;
  const std::vector<Fault>& faults() const { return faults_; }

 private:
  using Act = std::function<void(Tables&)>;
  void add(Remedy remedy, std::string text);
  void add_repairable(std::string object, const std::string& problem, const std::string& action, Act act);
  /// Calls `visit(key, value)` for every entry of a table.
  using Visit = std::function<void(Bytes key, Bytes value)>;
  void walk(Table table, std::string_view name, bool integer_keys, const Visit& visit);

  void inspect_meta();
  void inspect_registry();
  void inspect_accounts();
  void inspect_owners();
  void inspect_account_names();
  void inspect_catalog();
  void inspect_token_names();
  void inspect_token_name(Bytes key, Bytes value);
  void inspect_tokens();
  void inspect_strays();
  void inspect_counters();
  void inspect_journal();

  struct NamedToken;
  bool read_secret(const NamedToken& named, TokenKey key, TokenRecord* record, Bytes* bytes) const;
  bool is_of_another(const NamedToken& named, TokenKey key) const;
  void remove_token(const NamedToken& named, const std::string& problem);
  void compare_token(const NamedToken& named, const WorkingAccount& account);
  void rebuild_name(const std::string& key, const std::vector<TokenKey>& secrets);

  Tables& tables_;
  const size_t most_faults_;
  std::vector<Fault> faults_;
  CheckReport report_;

  AclSet registered_[2];
  Tables::AclNames acl_names_[2];
  std::map<uint32_t, WorkingAccount> accounts_;  ///< as they will be once repaired
  std::map<std::string, uint32_t, std::less<>> ids_by_name_;
  IdSet token_ids_;
  std::set<std::string, std::less<>> unreadable_names_;               ///< keys of table token_names
  std::set<TokenKey> settled_;                                        ///< of records already spoken of
  std::map<std::string, std::vector<TokenKey>, std::less<>> strays_;  ///< by the key of the name they lack
};

}  // namespace tokengate

#endif  // TOKENGATE_INSPECTION_H_
