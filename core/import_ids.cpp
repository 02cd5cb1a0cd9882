// Old ids to new ones.
#include "import_ids.h"

#include <algorithm>

namespace tokengate {

void ImportIds::announce(std::vector<uint64_t> old_ids) {
  announced_ = std::move(old_ids);
  std::sort(announced_.begin(), announced_.end());
}

uint64_t ImportIds::take(uint64_t old_id) {
  if (!have_ids_) {
    have_ids_ = old_id != 0;
    first_ = next_ = tables_.counter(counter_).value_or(1);
  }
  if (*have_ids_ != (old_id != 0)) {
    invalid("either all lines of a kind have an id, or none; give this one an id, or none");
  }
  if (old_id != 0 && !old_ids_.add(old_id)) {
    refuse("the id " + std::to_string(old_id) + " stands in an earlier line too; each needs its own");
  }
  uint64_t next = next_++;
  if (old_id == 0) return next;
  return keep_ || !announced_.empty() ? id_of(old_id) : next;
}

uint64_t ImportIds::id_of(uint64_t old_id) const {
  if (keep_) return old_id;
  auto found = std::lower_bound(announced_.begin(), announced_.end(), old_id);
  if (found == announced_.end() || *found != old_id) return 0;
  return first_ + static_cast<uint64_t>(found - announced_.begin());
}

void ImportIds::state_next(uint64_t old_id) {
  if (old_id <= old_ids_.most()) {
    refuse("the next id " + std::to_string(old_id) + " is not above the id " +
           std::to_string(old_ids_.most()) + " of an earlier line");
  }
  stated_ = old_id;
}

void ImportIds::put_counter() {
  if (!have_ids_ && (!keep_ || stated_ == 0)) return;
  if (keep_) next_ = std::max({stated_, next_, old_ids_.most() + 1});
  tables_.set_counter(counter_, next_);
}

}  // namespace tokengate
