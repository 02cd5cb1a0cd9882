/// Which tokens were made by which. A token that another makes names its maker, which is older and of the
/// same account and service. When the maker ends, its own maker takes its place; if it had none, the token
/// goes on naming it.
#ifndef TOKENGATE_LINEAGE_H_
#define TOKENGATE_LINEAGE_H_

#include <cstdint>
#include <set>
#include <vector>

#include "admin_impl.h"

namespace tokengate {

/// The ids of what the tokens `makers` made, directly or through others, without their own. `family`: all
/// tokens of their account and service, or of their account.
std::set<uint64_t> descendants(const std::vector<WorkingToken>& family, const std::set<uint64_t>& makers);

/// Ends those of `family` whose ids are in `ended`. The children of each become its maker's, so that a token
/// still answers for all that came of it.
void remove_tokens(Tables& tables, const WorkingAccount& account, const std::vector<WorkingToken>& family,
                   const std::set<uint64_t>& ended);

}  // namespace tokengate

#endif  // TOKENGATE_LINEAGE_H_
