/// What a store is to all who use one: its tables, its format, and what can be wrong with it.
///
/// environment.h opens one, transaction.h reads and changes it, cursor.h walks over a table. Only those three
/// call LMDB (through lmdb_call.h); tree_walk.h and meta_pages.h know the layout of its pages.
#ifndef TOKENGATE_STORE_H_
#define TOKENGATE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tokengate {

using Bytes = std::string_view;

enum class StoreError : uint8_t {
  kNone,
  kNotFound,     ///< no such key
  kExists,       ///< insert of a key that is there
  kNoStore,      ///< no folder, no data file, or no store in it
  kPermission,   ///< the files' modes do not let this user in
  kVersion,      ///< of another format version, or made by a foreign program
  kMapFull,      ///< the map must grow: close the transaction, grow(), try again
  kMapResized,   ///< another process grew it: close all transactions, adopt_size(), try again
  kReadersFull,  ///< no reader slot is free
  kNoReaders,    ///< the file of the reader slots is missing
  kOvertaken,    ///< commits came faster than a reader that is not the owner may be behind: try again
  kDiskFull,     ///< or failing
  kDamaged,      ///< LMDB or a record's check value says so
  kCatalog,      ///< the catalog is not the one that was loaded
  kLock,         ///< the lock file is damaged, or leads to another snapshot than the newest
  kLibrary,      ///< the LMDB library at run time is of a version with races in its locks
  kSystem,       ///< anything else; see system_code
};

/// The named databases.
enum class Table : uint8_t {
  kMeta,          ///< name -> bytes: format version, store id, next ids
  kAccounts,      ///< account id -> AccountRecord
  kAccountNames,  ///< username -> account id
  kAcls,          ///< service, name -> number
  kCatalog,       ///< catalog_key() -> CatalogRecord
  kTokens,        ///< TokenKey -> TokenRecord
  kTokenNames,    ///< account id, service, name -> TokenNameRecord
  kJournal,       ///< seq -> JournalRecord
};
inline constexpr size_t kTableCount = 8;

/// The format that this version reads and writes, in table meta under this key as 4 little-endian bytes. It
/// covers the tables, their keys, and the byte forms in record.h.
///
/// The rule: a store of another format is refused, never guessed at. Whatever changes what is written, so
/// that a version before would misread it or this one misread what was written before, raises this number and
/// kRecordVersion, and either upgrades stores of all formats before when they are opened to be changed, or
/// leaves them to export and import; tests/data keeps a store of each format from the first on, and
/// tests/test_format.cpp says that each is read or upgraded. (Until the first release, format 1 itself may
/// change.)
inline constexpr uint32_t kFormatVersion = 1;
inline constexpr std::string_view kFormatKey = "format";

/// One sentence with cause and cure. `system_text` is used for kSystem and kVersion.
std::string describe(StoreError error, const std::string& path, const std::string& system_text);

}  // namespace tokengate

#endif  // TOKENGATE_STORE_H_
