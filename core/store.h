/// One LMDB environment: the only part of the core that calls LMDB. tree_walk.h knows the layout of its
/// pages, too.
///
/// Everything here is noexcept and answers with a StoreError. Byte views handed out point into the memory
/// map and hold until the transaction they were read in is reset, committed or aborted.
#ifndef TOKENGATE_STORE_H_
#define TOKENGATE_STORE_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "acknowledged.h"
#include "fault_guard.h"
#include "tree_walk.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

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
  kDiskFull,     ///< or failing
  kDamaged,      ///< LMDB or a record's check value says so
  kLock,         ///< the lock file leads to another snapshot than the newest
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

/// What every opener maps: address space, not memory and not disk. Far above any real store, so that growth,
/// which must wait for readers, stays an exception.
inline constexpr uint64_t kDefaultMapBytes = uint64_t{16} << 30;

/// Reader slots of the lock file: more than the worker threads of a large host. Fixed by whoever opens first,
/// so it is the same for every opener.
inline constexpr unsigned kReaderSlots = 4096;

/// An opened environment. Not to be used across fork(); at most one per path and process.
class Environment {
 public:
  enum class Mode { kRead, kWrite, kCreate };

  Environment() noexcept = default;
  ~Environment() { close(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// Opens the store in the folder `path`. kCreate makes the files and the empty tables in a folder that
  /// exists; the others refuse a folder without a store. Makes system calls.
  StoreError open(const std::string& path, Mode mode, uint64_t map_bytes = kDefaultMapBytes) noexcept;
  /// No transaction may be open.
  void close() noexcept;
  bool is_open() const noexcept { return env_ != nullptr; }

  /// Whether the files at the path are still the ones that were opened, and the data file is not cut short.
  bool is_current() const noexcept;

  /// Whether a file was found cut short, or damaged so that something beyond its end was looked for, since it
  /// was opened with kRead: what was read since may be zeros. A writer ends instead, by SIGBUS, before it
  /// builds on them.
  bool lost_pages() const noexcept;

  /// After kMapResized, with no transaction active in this process.
  StoreError adopt_size() noexcept;
  /// After kMapFull, likewise: doubles the map.
  StoreError grow() noexcept;
  /// Frees the reader slots of processes that are gone.
  void clear_stale_readers() noexcept;

  /// Writes the newest commit as a data file, without its free pages, while others read and write. Takes as
  /// long as the disk does, and keeps the pages of its snapshot from being reused meanwhile.
  StoreError copy_to(int descriptor) noexcept;

  struct Figures {
    uint64_t file_bytes = 0, map_bytes = 0;
    unsigned readers_used = 0, readers_max = 0;
  };
  Figures figures() noexcept;

  /// The system's or LMDB's code behind the last kSystem, as text; or, of a store of another format, which.
  std::string system_text() const;

 private:
  friend class Transaction;
  friend class Cursor;
  StoreError open_tables(bool create) noexcept;
  StoreError check_format() noexcept;
  StoreError take_turn() noexcept;
  bool is_cut_short(off_t file_bytes) noexcept;

  MDB_env* env_ = nullptr;
  Acknowledged acknowledged_;
  std::array<unsigned, kTableCount> tables_{};
  unsigned main_table_ = 0;  ///< LMDB's own, of the tables
  std::string path_;
  struct FileId {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileId&) const = default;
  };
  /// Where LMDB has mapped a file; empty if that cannot be told.
  struct Map {
    void* begin = nullptr;
    size_t bytes = 0;
  };
  static Map map_of(const FileId& id, const char* name) noexcept;
  void guard_data() noexcept;

  bool is_guarded_ = false;
  Map data_map_;  ///< with kRead, if it is laid out as TreeWalk expects
  FaultGuard guard_;
  FaultGuard lock_guard_;  // every user of the store may cut that file
  FileId data_id_;
  FileId lock_id_;
  off_t least_bytes_ = 0;
  uint32_t found_format_ = 0;        ///< of the store that open() looked at; 0: it did not come that far
  std::atomic<int> system_code_{0};  // readers of several threads may begin at once
};

/// Tells apart what two snapshots of one Transaction hold: equal means the same content. Of the commit itself
/// that would not be true alone: its number comes from the lock file, and another store begins to count anew.
struct SnapshotId {
  uint64_t opening = 0;  ///< how often the transaction was begun; 0: never
  uint64_t commit = 0;
  uint64_t newest = 0;  ///< the newest commit in the data file, which only the store's owner can write
  bool operator==(const SnapshotId&) const = default;
};

/// A transaction; aborted at the end of its scope unless committed. A read transaction can be kept: reset()
/// between uses lets go of its snapshot but not of its reader slot, and renew() takes the newest snapshot
/// without a lock and without a system call.
///
/// Which snapshot that is, LMDB reads from the lock file, which every worker of every server may write, and
/// which a replaced data file leaves behind. So begin_read() and renew() answer kLock unless the snapshot is
/// at least as new as the newest acknowledged commit, and not newer than what the data file had before it was
/// taken.
class Transaction {
 public:
  Transaction() noexcept = default;
  ~Transaction() { abort(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  StoreError begin_read(Environment& environment) noexcept;
  /// Waits for another writer.
  StoreError begin_write(Environment& environment) noexcept;
  bool is_begun() const noexcept { return txn_ != nullptr; }
  /// Of the commit that is seen; for a write transaction, of the one that it will be. Counts up by one.
  uint64_t id() const noexcept;
  /// Of a read transaction.
  SnapshotId snapshot() const noexcept { return {opening_, id(), newest_}; }
  void reset() noexcept;
  StoreError renew() noexcept;
  StoreError commit() noexcept;
  void abort() noexcept;

  StoreError get(Table table, Bytes key, Bytes* value) noexcept;
  StoreError get(Table table, uint64_t key, Bytes* value) noexcept;
  StoreError put(Table table, Bytes key, Bytes value) noexcept;
  StoreError put(Table table, uint64_t key, Bytes value) noexcept;
  /// kExists if the key is there.
  StoreError insert(Table table, Bytes key, Bytes value) noexcept;
  StoreError insert(Table table, uint64_t key, Bytes value) noexcept;
  /// An insert that costs no search and leaves full pages, for keys that come in order. kExists if the table
  /// has this key or one above it.
  StoreError append(Table table, Bytes key, Bytes value) noexcept;
  StoreError append(Table table, uint64_t key, Bytes value) noexcept;
  /// kNotFound if it is not.
  StoreError erase(Table table, Bytes key) noexcept;
  StoreError erase(Table table, uint64_t key) noexcept;
  StoreError clear(Table table) noexcept;
  StoreError count(Table table, uint64_t* entries) noexcept;

 private:
  friend class Cursor;
  uint64_t newest_in_file() noexcept;
  void set_walk() noexcept;

  MDB_txn* txn_ = nullptr;
  Environment* environment_ = nullptr;
  uint64_t opening_ = 0;
  uint64_t newest_ = 0;   ///< in the data file when it was looked at last; 0: not yet, or that failed
  bool walking_ = false;  ///< a snapshot is held, and tokens_ is for it
  SnapshotId walked_;     ///< what tokens_ was set for, in which map
  const void* walked_map_ = nullptr;
  TreeWalk tokens_;
};

/// A walk over a table in key order. Must be gone, or closed, before its transaction ends; one on a kept read
/// transaction can be kept too, and bound again after each renew().
class Cursor {
 public:
  Cursor() noexcept = default;
  ~Cursor() { close(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  StoreError open(Transaction& transaction, Table table) noexcept;
  /// Allocates nothing.
  StoreError bind_again(Transaction& transaction) noexcept;
  void close() noexcept;

  // Each moves and fills key() and value(); kNotFound past the end.
  StoreError first() noexcept;
  StoreError last() noexcept;
  StoreError next() noexcept;
  StoreError seek(Bytes least) noexcept;  ///< the first key >= least
  StoreError seek(uint64_t least) noexcept;

  Bytes key() const noexcept { return key_; }
  Bytes value() const noexcept { return value_; }
  uint64_t integer_key() const noexcept;

 private:
  StoreError move(int operation) noexcept;

  MDB_cursor* cursor_ = nullptr;
  Bytes key_, value_;
};

/// Makes the folder's files what the server's group needs: data readable, lock writable, nothing for others.
StoreError set_store_modes(const std::string& path, gid_t group) noexcept;

/// One sentence with cause and cure. `system_text` is used for kSystem and kVersion.
std::string describe(StoreError error, const std::string& path, const std::string& system_text);

}  // namespace tokengate

#endif  // TOKENGATE_STORE_H_
