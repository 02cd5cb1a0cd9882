/// A store as a process has it open: LMDB's environment, its memory map, and the files.
///
/// Everything here is noexcept and answers with a StoreError.
#ifndef TOKENGATE_ENVIRONMENT_H_
#define TOKENGATE_ENVIRONMENT_H_

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "acknowledged.h"
#include "fault_guard.h"
#include "readers.h"
#include "store.h"

struct MDB_env;
struct MDB_txn;

namespace tokengate {

/// What every opener maps: address space, not memory and not disk. Far above any real store, so that growth,
/// which must wait for readers, stays an exception.
inline constexpr uint64_t kDefaultMapBytes = uint64_t{16} << 30;

/// An opened environment. Not to be used across fork(); at most one per path and process.
class Environment {
 public:
  enum class Mode {
    kServe,  ///< to decide, as anybody in the store's group: without LMDB's lock file (see readers.h)
    kRead,   ///< for the owner, whose long reads hold no writer up; for others, as kServe
    kWrite,
    kCreate,
  };

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

  /// Whether the files at the path are still the ones that were opened, and the data file is not cut short;
  /// and a file system that was read-only, on which there are no reader slots, still is.
  bool is_current() const noexcept;

  /// Whether, since it was opened with kServe or kRead, a file turned out to be cut short, or so damaged that
  /// reading went beyond its end: what was read since may be zeros. A writer is ended by SIGBUS instead,
  /// before it can use them.
  bool lost_pages() const noexcept;

  /// After kMapResized, with no transaction active in this process.
  StoreError adopt_size() noexcept;
  /// After kMapFull, likewise: doubles the map.
  StoreError grow() noexcept;
  /// Frees the slots in LMDB's own list of readers, of the owner's, whose processes are gone.
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
  int begin(unsigned flags, MDB_txn** txn) noexcept;
  int begin_in_map(unsigned flags, MDB_txn** txn) noexcept;
  StoreError check_length() noexcept;
  StoreError check_commit(MDB_txn* txn) noexcept;
  size_t pages() const noexcept;

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
  Map map_of_data() const noexcept;
  void guard_data() noexcept;
  StoreError open_readers() noexcept;
  StoreError claim(ReaderSlot* slot) noexcept;
  StoreError look_into(Mode mode, bool makes_lock_file) noexcept;

  bool is_guarded_ = false;
  Map data_map_;  ///< with kServe or kRead, if it is laid out as TreeWalk expects
  FaultGuard guard_;
  FileId data_id_;
  off_t least_bytes_ = 0;
  bool is_serving_ = false;          ///< reads without LMDB's lock file
  bool lacks_readers_ = false;       ///< does so on a file system that is read-only
  Readers readers_;                  ///< open if it is serving and does not lack them
  uint32_t found_format_ = 0;        ///< of the store that open() looked at; 0: it did not come that far
  std::atomic<int> system_code_{0};  // readers of several threads may begin at once
};

/// Makes the folder's files what the server's group needs: data readable, `readers` writable, and nothing for
/// others; LMDB's lock file is the owner's alone.
StoreError set_store_modes(const std::string& path, uid_t user, gid_t group) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_ENVIRONMENT_H_
