/// Which pages at the end of a data file are free, and so need not be there: LMDB does not write a page that
/// the transaction which took it gave up again, but counts it.
#ifndef TOKENGATE_FREE_PAGES_H_
#define TOKENGATE_FREE_PAGES_H_

#include <cstddef>
#include <cstdint>

namespace tokengate {

/// Whether the list of free pages has all from `first` to `last`. `map` is of a data file which
/// TreeWalk::fits() and has `first` whole pages; an open read transaction keeps the commit `commit` from
/// changing. False if the list is damaged.
bool are_free(const void* map, uint64_t commit, uint64_t first, uint64_t last) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_FREE_PAGES_H_
