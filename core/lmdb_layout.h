/// Where things stand in a data file of LMDB's data format 1, for the parts that look at one without LMDB.
#ifndef TOKENGATE_LMDB_LAYOUT_H_
#define TOKENGATE_LMDB_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tokengate::lmdb_layout {

inline constexpr size_t kPageBytes = 4096;  // the one size that is known here

// A page begins with its own number (64 bits), 16 bits without a meaning here, and 16 bits each of flags, of
// where its list of slots ends, and of where its nodes begin. A slot is where in the page a node is, 16 bits.
// Of a value with pages of its own, only the number and the flags count.
inline constexpr size_t kPageFlagsAt = 10;
inline constexpr size_t kSlotsEndAt = 12;
inline constexpr size_t kNodesBeginAt = 14;
inline constexpr size_t kSlotsAt = 16;
inline constexpr uint16_t kBranchPage = 1;
inline constexpr uint16_t kLeafPage = 2;
inline constexpr uint16_t kValuePage = 4;
inline constexpr uint16_t kMetaPage = 8;

// A node has 48 bits of a value's size and flags, or in a branch page of a child's number, then 16 bits of
// the key's size, the key, and the value.
inline constexpr size_t kNodeFlagsAt = 4;
inline constexpr size_t kKeySizeAt = 6;
inline constexpr size_t kKeyAt = 8;
inline constexpr uint64_t kChildBits = 0xFFFF'FFFF'FFFF;
inline constexpr uint16_t kValueElsewhere = 1;  // on pages of its own, the first of which it names
inline constexpr uint16_t kTableRecord = 2;     // in the main table

// The two meta pages that a file begins with; commits take turns.
inline constexpr size_t kMagicAt = 16;
inline constexpr uint32_t kMagic[2] = {0xBEEFC0DE, 1};
inline constexpr size_t kPageSizeAt = 40;
inline constexpr size_t kFreeTableAt = 40;  // the page size is a part of its record
inline constexpr size_t kMainTableAt = 88;
inline constexpr size_t kLastPageAt = 136;
inline constexpr size_t kCommitAt = 144;

// What LMDB notes of a table.
inline constexpr size_t kTableRecordBytes = 48;
inline constexpr size_t kTableFlagsAt = 4;
inline constexpr size_t kDepthAt = 6;
inline constexpr size_t kBranchPagesAt = 8;
inline constexpr size_t kLeafPagesAt = 16;
inline constexpr size_t kRootAt = 40;
inline constexpr uint16_t kIntegerKeys = 8;
// In the record of the free pages also how the program that made the file had it open: at a fixed address, or
// as a file without a folder (mdb_copy -n, mdb_load -n).
inline constexpr uint16_t kOpenedWith = 0x4001;
inline constexpr unsigned kMostDepth = 32;  // LMDB's own bound
inline constexpr size_t kMostKeyBytes = 511;

template <class T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace tokengate::lmdb_layout

#endif  // TOKENGATE_LMDB_LAYOUT_H_
