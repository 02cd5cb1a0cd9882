/// The ids that the accounts of an import get, or its tokens.
#ifndef TOKENGATE_IMPORT_IDS_H_
#define TOKENGATE_IMPORT_IDS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "admin_impl.h"
#include "id_set.h"

namespace tokengate {

/// In a store that never had an account or a token, ids are those of the text. In any other each gets a new
/// one. Throws.
class ImportIds {
 public:
  /// `counter` is the key of the next id. `keep`: the ids of the text are all free.
  ImportIds(Tables& tables, std::string_view counter, bool keep)
      : tables_(tables), counter_(counter), keep_(keep) {}

  /// All ids of the text before the first take(), unless they are kept: then new ones are in the order of
  /// these, and known beforehand.
  void announce(std::vector<uint64_t> old_ids);

  /// The id of what a line brings. `old_id` is the one in the line, or 0: all lines have one, or none.
  uint64_t take(uint64_t old_id);
  /// The id of what another line brings, if ids are kept or were announced; 0 if no line has the id `old_id`.
  uint64_t id_of(uint64_t old_id) const;

  /// From the line `next`: above each id of the lines before it.
  void state_next(uint64_t old_id);
  /// Writes the counter, if anything was taken or stated.
  void put_counter();

 private:
  Tables& tables_;
  const std::string_view counter_;
  const bool keep_;
  std::optional<bool> have_ids_;  ///< the lines; nothing: there was none yet
  IdSet old_ids_;
  std::vector<uint64_t> announced_;  ///< ascending
  uint64_t first_ = 0;
  uint64_t next_ = 0;
  uint64_t stated_ = 0;  ///< 0: not
};

}  // namespace tokengate

#endif  // TOKENGATE_IMPORT_IDS_H_
