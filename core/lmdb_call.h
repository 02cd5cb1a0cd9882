/// What the files that call LMDB share: its codes and values as ours, and its names of the tables. The one
/// place that includes lmdb.h; for environment.cpp, transaction.cpp and cursor.cpp alone.
#ifndef TOKENGATE_LMDB_CALL_H_
#define TOKENGATE_LMDB_CALL_H_

#include <lmdb.h>

#include <cerrno>

#include "store.h"

namespace tokengate {

struct TableSpec {
  const char* name;
  unsigned flags;
};

// In the order of enum Table.
inline constexpr TableSpec kTables[kTableCount] = {
    {"meta", 0},    {"accounts", MDB_INTEGERKEY}, {"account_names", 0}, {"acls", 0},
    {"catalog", 0}, {"tokens", MDB_INTEGERKEY},   {"token_names", 0},   {"journal", MDB_INTEGERKEY},
};

inline size_t index(Table table) noexcept {
  return static_cast<size_t>(table);
}

/// The one place where LMDB's codes become ours.
inline StoreError to_error(int code) noexcept {
  switch (code) {
    case MDB_SUCCESS:
      return StoreError::kNone;
    case MDB_NOTFOUND:
      return StoreError::kNotFound;
    case MDB_KEYEXIST:
      return StoreError::kExists;
    case MDB_MAP_FULL:
      return StoreError::kMapFull;
    case MDB_MAP_RESIZED:
      return StoreError::kMapResized;
    case MDB_READERS_FULL:
      return StoreError::kReadersFull;
    case MDB_BAD_RSLOT:  // somebody else wrote there
      return StoreError::kLock;
    case MDB_VERSION_MISMATCH:
      return StoreError::kVersion;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INCOMPATIBLE:
      return StoreError::kDamaged;
    case ENOENT:
    case ENOTDIR:
      return StoreError::kNoStore;
    case EACCES:
    case EPERM:
    case EROFS:
      return StoreError::kPermission;
    case ENOSPC:
    case EDQUOT:
    case EIO:  // LMDB says so, too, when only a part of a page found room
      return StoreError::kDiskFull;
    default:
      return StoreError::kSystem;
  }
}

inline MDB_val to_val(Bytes bytes) noexcept {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
inline MDB_val to_val(const uint64_t& key) noexcept {
  return {sizeof key, const_cast<uint64_t*>(&key)};
}
inline Bytes to_bytes(const MDB_val& val) noexcept {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

}  // namespace tokengate

#endif  // TOKENGATE_LMDB_CALL_H_
