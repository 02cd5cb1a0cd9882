/// Reading and changing a store.
///
/// Everything here is noexcept and answers with a StoreError. Byte views handed out point into the memory
/// map and hold until the transaction they were read in is reset, committed or aborted.
#ifndef TOKENGATE_TRANSACTION_H_
#define TOKENGATE_TRANSACTION_H_

#include <cstdint>

#include "readers.h"
#include "store.h"
#include "tree_walk.h"

struct MDB_txn;

namespace tokengate {

class Environment;

/// Identifies the content of a snapshot of one Transaction: equal ids mean equal content. The number of the
/// commit alone would not do: another store counts anew.
struct SnapshotId {
  uint64_t opening = 0;  ///< how often the transaction was begun; 0: never
  uint64_t commit = 0;
  uint64_t newest = 0;  ///< the newest commit in the data file; with a lock file it may be another
  /// How many commits had failed: one that did may have been seen, and its number comes again.
  uint64_t failures = 0;
  bool operator==(const SnapshotId&) const = default;
};

/// A transaction; aborted at the end of its scope unless committed. A read transaction can be kept: reset()
/// between uses lets go of its snapshot but not of its reader slot, and renew() takes the newest snapshot
/// without a lock and without a system call.
///
/// With Mode::kServe that is what the data file has, and what the snapshot needs is held in a slot of
/// `readers`. Otherwise LMDB reads from its lock file which it is, which a replaced data file leaves behind.
/// begin_read() and renew() answer kLock, or kDamaged, unless the snapshot is at least as new as the newest
/// acknowledged commit, and not newer than what the data file had before it was taken.
class Transaction {
 public:
  Transaction() noexcept = default;
  ~Transaction() { abort(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  StoreError begin_read(Environment& environment) noexcept;
  /// Waits for another writer, and a second at most for readers.
  StoreError begin_write(Environment& environment) noexcept;
  /// Likewise, to see what is there and to write nothing: waits for no reader.
  StoreError take_turn(Environment& environment) noexcept;
  bool is_begun() const noexcept { return txn_ != nullptr; }
  /// The number of the commit that is seen or, in a write transaction, of the one that it will make; each is
  /// one more than the last.
  uint64_t id() const noexcept;
  /// Of a read transaction.
  SnapshotId snapshot() const noexcept { return {opening_, id(), newest_, failures_}; }
  void reset() noexcept;
  StoreError renew() noexcept;
  /// Whether all that was read in the snapshot was of it, which with Mode::kServe is to be asked before
  /// anything comes of that: pages are used again by the third commit after a snapshot, if its slot was not
  /// waited for, or not believed in. False also if they might have been.
  bool is_intact() noexcept;
  StoreError commit() noexcept;
  void abort() noexcept;

  /// kDamaged if LMDB would fail on a page of a table that decisions read. Left out are accounts, which
  /// commands look at, and tokens, which TreeWalk reads without LMDB.
  StoreError check_small_tables() noexcept;

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
  bool is_what_it_says() noexcept;
  StoreError find_record(Table table, Bytes* record) noexcept;

  MDB_txn* txn_ = nullptr;
  Environment* environment_ = nullptr;
  ReaderSlot slot_;
  uint64_t opening_ = 0;
  uint64_t newest_ = 0;    ///< in the data file when the snapshot was taken
  uint64_t failures_ = 0;  ///< likewise, of the file `acknowledged`
  bool walking_ = false;   ///< a snapshot is held, and tokens_ is for it
  SnapshotId walked_;      ///< what tokens_ was set for, in which map
  const void* walked_map_ = nullptr;
  TreeWalk tokens_;
};

}  // namespace tokengate

#endif  // TOKENGATE_TRANSACTION_H_
