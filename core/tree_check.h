/// Whether LMDB can be let near one of its trees. It follows what pages say of where things are without
/// looking twice: a damaged page ends the process, by a read outside of the map or by an assertion of its
/// own. For small trees, since it looks at all of their pages.
#ifndef TOKENGATE_TREE_CHECK_H_
#define TOKENGATE_TREE_CHECK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lmdb_layout.h"

namespace tokengate {

/// The newest commit, as who writes the file may change it at any time. `map`: TreeWalk::fits() it.
inline uint64_t newest_commit(const void* map) noexcept {
  auto number = [map](size_t page) {
    const char* at = static_cast<const char*>(map) + page * lmdb_layout::kPageBytes + lmdb_layout::kCommitAt;
    return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_SEQ_CST);
  };
  return std::max(number(0), number(1));
}
/// The record of the main table, in which the others' are, as of the commit `commit`; a view into `map`,
/// which TreeWalk::fits().
std::string_view main_table_record(const void* map, uint64_t commit) noexcept;
/// Likewise of the table in which LMDB notes which pages each commit let go of.
std::string_view free_table_record(const void* map, uint64_t commit) noexcept;

/// `record` is of a table with the `flags` that it was made with, in the first `pages` pages of the map,
/// which an open read transaction keeps from changing. What values and keys say is not looked at.
bool is_sound_tree(const void* map, size_t pages, std::string_view record, uint16_t flags) noexcept;
/// The same of the table in which LMDB notes which pages each commit let go of.
bool is_sound_free_table(const void* map, size_t pages, uint64_t commit) noexcept;

/// Whether what is there for the commit is of that commit. Damage to the number of the commit before may make
/// it look like the next one. But each change lets go of pages, and LMDB notes under its number which: the
/// last entry of that table. Only a new file, or a copy that LMDB made, begins with a commit that changed
/// nothing, the first. Reads a page or two, within bounds.
bool is_of_commit(const void* map, size_t pages, uint64_t commit) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_TREE_CHECK_H_
