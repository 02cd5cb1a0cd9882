// Opens a store and keeps it open: files, memory map, tables, readers.
#include "environment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "free_pages.h"
#include "lmdb_call.h"
#include "lmdb_layout.h"
#include "meta_pages.h"
#include "transaction.h"
#include "tree_check.h"

namespace tokengate {
namespace {

constexpr mode_t kDataMode = 0640;
constexpr mode_t kLockMode = 0600;

std::string data_file(const std::string& path) {
  return path + "/data.mdb";
}
std::string lock_file(const std::string& path) {
  return path + "/lock.mdb";
}

/// LMDB 0.9.26 brought races with its robust mutexes (ITS#9278), and 0.9.32 took them back (ITS#10095).
bool is_racy_library() noexcept {
  int major = 0;
  int minor = 0;
  int patch = 0;
  mdb_version(&major, &minor, &patch);
  return major == 0 && minor == 9 && patch >= 26 && patch <= 31;
}

/// Gives a file of a store its mode and owners, if it has others; 0 or the system's code. By name: to close
/// another descriptor of the lock file would give up LMDB's locks on it.
int set_mode(const std::string& file, mode_t mode, uid_t user, gid_t group) noexcept {
  struct stat now {};
  if (stat(file.c_str(), &now) != 0) return errno;
  if ((now.st_uid != user || now.st_gid != group) && chown(file.c_str(), user, group) != 0) return errno;
  if ((now.st_mode & 07777) != mode && chmod(file.c_str(), mode) != 0) return errno;
  return 0;
}

bool is_read_only(const std::string& path) noexcept {
  struct statvfs found {};
  return statvfs(path.c_str(), &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
}

/// Whether LMDB's lock file is, or will be, this process's to use.
bool may_lock(const std::string& path) noexcept {
  struct stat lock {};
  const bool exists = stat(lock_file(path).c_str(), &lock) == 0;
  return faccessat(AT_FDCWD, (exists ? lock_file(path) : path).c_str(), R_OK | W_OK, AT_EACCESS) == 0;
}

/// Whether others than root and the store's owner may write LMDB's lock file. Then its locks are not to be
/// touched: they lead to memory that whoever writes there may choose.
bool others_may_lock(const std::string& path) noexcept {
  struct stat lock {};
  struct stat data {};
  if (stat(lock_file(path).c_str(), &lock) != 0) return false;
  const bool is_owners = lock.st_uid == 0 || lock.st_uid == geteuid() ||
                         (stat(data_file(path).c_str(), &data) == 0 && lock.st_uid == data.st_uid);
  return !is_owners || (lock.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/// is_of_commit(), asked of LMDB.
bool lmdb_is_of_commit(MDB_txn* txn) noexcept {
  constexpr MDB_dbi kFreeTable = 0;
  const uint64_t id = mdb_txn_id(txn);
  MDB_cursor* cursor = nullptr;
  if (id <= 1) return true;
  if (mdb_cursor_open(txn, kFreeTable, &cursor) != MDB_SUCCESS) return false;
  MDB_val key{};
  bool same = mdb_cursor_get(cursor, &key, nullptr, MDB_LAST) == MDB_SUCCESS && key.mv_size == sizeof id &&
              std::memcmp(key.mv_data, &id, sizeof id) == 0;
  mdb_cursor_close(cursor);
  return same;
}

/// Whether LMDB may be let near the data file.
StoreError check_data_file(const std::string& path) noexcept {
  int file = open(data_file(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return to_error(errno);
  StoreError error = check_meta_pages(file);
  close(file);
  return error;
}

/// What mdb_env_open() has to say of a store whose data file was looked at: what it finds wrong now, it finds
/// in the lock file. EINVAL: that is empty, and in use.
StoreError to_opening_error(int code) noexcept {
  bool is_lock = code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == EINVAL;
  return is_lock ? StoreError::kLock : to_error(code);
}

}  // namespace

StoreError Environment::open(const std::string& path, Mode mode, uint64_t map_bytes) noexcept {
  close();
  path_ = path;
  found_format_ = 0;
  struct stat file {};
  // LMDB would make the files of an empty folder; only kCreate may.
  if (mode != Mode::kCreate && stat(data_file(path).c_str(), &file) != 0)
    return to_error(system_code_ = errno);
  if (mode != Mode::kCreate && file.st_size == 0) return StoreError::kNoStore;

  if (mode != Mode::kCreate) {
    StoreError error = check_data_file(path);
    if (error != StoreError::kNone) return error;
  }
  if (is_racy_library()) return StoreError::kLibrary;
  const bool reads = mode == Mode::kServe || mode == Mode::kRead;
  is_serving_ = mode == Mode::kServe || (mode == Mode::kRead && (!may_lock(path) || others_may_lock(path)));
  if (!is_serving_ && others_may_lock(path)) return StoreError::kLock;
  if (is_serving_) {
    StoreError error = open_readers();
    // The cure begins with the lock file.
    if (error == StoreError::kNoReaders && mode == Mode::kRead && others_may_lock(path))
      return StoreError::kLock;
    if (error != StoreError::kNone) return error;
  }
  struct stat lock {};
  const bool makes_lock_file = !is_serving_ && stat(lock_file(path).c_str(), &lock) != 0;
  system_code_ = mdb_env_create(&env_);
  if (system_code_ != MDB_SUCCESS) return to_error(system_code_);
  mdb_env_set_maxdbs(env_, kTableCount);
  mdb_env_set_mapsize(env_, map_bytes);
  // MDB_NOTLS: a kept read transaction belongs to its object, not to the thread that began it.
  const unsigned flags = MDB_NOTLS | (reads ? MDB_RDONLY : 0) | (is_serving_ ? MDB_NOLOCK : 0);
  system_code_ = mdb_env_open(env_, path.c_str(), flags, kLockMode);
  StoreError error =
      system_code_ == MDB_SUCCESS ? look_into(mode, makes_lock_file) : to_opening_error(system_code_);
  if (error != StoreError::kNone) close();
  return error;
}

/// Opens the reader slots, without which only what nobody can change is read.
StoreError Environment::open_readers() noexcept {
  int code = readers_.open(path_);
  // A file system that failed may not say that it is read-only.
  lacks_readers_ = code == EROFS || (code != 0 && is_read_only(path_));
  if (code == 0 || lacks_readers_) return StoreError::kNone;
  return code == ENOENT ? StoreError::kNoReaders : to_error(system_code_ = code);
}

StoreError Environment::claim(ReaderSlot* slot) noexcept {
  int code = slot->claim(readers_);
  if (code == 0) return StoreError::kNone;
  return code == EAGAIN ? StoreError::kReadersFull : to_error(system_code_ = code);
}

/// The part of open() that reads the store.
StoreError Environment::look_into(Mode mode, bool makes_lock_file) noexcept {
  mdb_filehandle_t handle = -1;
  struct stat file {};
  if (mdb_env_get_fd(env_, &handle) == MDB_SUCCESS && fstat(handle, &file) == 0) {
    data_id_ = {file.st_dev, file.st_ino};
    least_bytes_ = file.st_size;
  }
  const bool reads = mode == Mode::kServe || mode == Mode::kRead;
  if (reads) guard_data();
  ReaderSlot slot;
  if (readers_.is_open()) {
    MDB_envinfo info;
    if (StoreError error = claim(&slot); error != StoreError::kNone) return error;
    if (mdb_env_info(env_, &info) == MDB_SUCCESS) slot.hold(info.me_last_txnid);
  }
  clear_stale_readers();
  StoreError error = check_length();
  if (error != StoreError::kNone) return error;
  // A file that was lost comes back with the maker's umask and would keep the server's workers out.
  if (mode == Mode::kWrite) set_store_modes(path_, file.st_uid, file.st_gid);
  // Without it no server would read the store.
  if (!reads) {
    int code = make_readers_file(path_, file.st_uid, file.st_gid);
    if (code != 0) return to_error(system_code_ = code);
  }
  // Likewise from a reader, which leaves one that was there as `check` has to find it.
  if (mode == Mode::kRead && makes_lock_file) set_mode(lock_file(path_), kLockMode, file.st_uid, file.st_gid);
  if (int code = acknowledged_.open(path_, data_id_.inode, !reads, file.st_gid); code != 0)
    return to_error(system_code_ = code);
  error = open_tables(mode == Mode::kCreate);
  if (error == StoreError::kNotFound) error = StoreError::kNoStore;
  if (error == StoreError::kNone && mode != Mode::kCreate) error = check_format();
  if (error == StoreError::kNone && mode == Mode::kWrite) error = take_turn();
  return lost_pages() ? StoreError::kDamaged : error;
}

/// Mends what a writer left that was killed as it committed (LMDB does, for the next one in turn): with the
/// turn ours, the newest commit is what the data file says, unless somebody was told of a later one. That was
/// lost then, by damage or with a data file overwritten by an older one, and nothing may be built on what is
/// left.
StoreError Environment::take_turn() noexcept {
  Transaction transaction;
  StoreError error = transaction.take_turn(*this);
  if (error != StoreError::kNone) return error;
  if (transaction.id() <= acknowledged_.newest()) return StoreError::kDamaged;
  acknowledged_.set(transaction.id() - 1);
  return StoreError::kNone;
}

/// Begins a transaction.
int Environment::begin(unsigned flags, MDB_txn** txn) noexcept {
  return system_code_ = mdb_txn_begin(env_, nullptr, flags, txn);
}

/// Likewise, also if another process has grown the map since this one took its size.
int Environment::begin_in_map(unsigned flags, MDB_txn** txn) noexcept {
  int code = begin(flags, txn);
  if (code == MDB_MAP_RESIZED) {
    // Of a size that cannot be mapped, nothing is mapped any more.
    if (adopt_size() != StoreError::kNone) return system_code_;
    code = begin(flags, txn);
  }
  return code;
}

/// kDamaged if pages that the newest commit counts on are missing from the file. Reading one would end the
/// process with SIGBUS.
StoreError Environment::check_length() noexcept {
  // Keeps the commit's list of free pages as it is.
  MDB_txn* txn = nullptr;
  if (int code = begin_in_map(MDB_RDONLY, &txn); code != MDB_SUCCESS) return to_error(code);
  MDB_envinfo info;
  MDB_stat stat;
  mdb_filehandle_t handle = -1;
  struct stat file {};
  bool is_short = true;
  // The size is asked last: a writer extends the file before it counts on more pages.
  if (mdb_env_info(env_, &info) == MDB_SUCCESS && mdb_env_stat(env_, &stat) == MDB_SUCCESS &&
      mdb_env_get_fd(env_, &handle) == MDB_SUCCESS && fstat(handle, &file) == 0) {
    uint64_t whole_pages = static_cast<uint64_t>(file.st_size) / stat.ms_psize;
    is_short = whole_pages <= info.me_last_pgno;
    if (is_short) {
      Map map = is_guarded_ ? data_map_ : map_of_data();
      is_short = !TreeWalk::fits(map.begin, map.bytes) ||
                 !are_free(map.begin, info.me_last_txnid, whole_pages, info.me_last_pgno);
    }
  }
  mdb_txn_abort(txn);
  return is_short ? StoreError::kDamaged : StoreError::kNone;
}

/// Of the data map that there is a file for.
size_t Environment::pages() const noexcept {
  MDB_envinfo info;
  if (mdb_env_info(env_, &info) != MDB_SUCCESS) return 0;
  return std::min(data_map_.bytes / lmdb_layout::kPageBytes, info.me_last_pgno + 1);
}

StoreError Environment::check_format() noexcept {
  Transaction transaction;
  StoreError error = transaction.begin_read(*this);
  if (error == StoreError::kNone) error = transaction.check_small_tables();
  if (error != StoreError::kNone) return error;
  Bytes value;
  error = transaction.get(Table::kMeta, kFormatKey, &value);
  if (error == StoreError::kNotFound) return StoreError::kVersion;
  if (error != StoreError::kNone) return error;
  uint32_t version = 0;
  if (value.size() != sizeof version) return StoreError::kVersion;
  std::memcpy(&version, value.data(), sizeof version);
  found_format_ = version;
  return version == kFormatVersion ? StoreError::kNone : StoreError::kVersion;
}

/// Whether LMDB may be let near what `txn` sees.
StoreError Environment::check_commit(MDB_txn* txn) noexcept {
  const void* map = data_map_.begin;
  const uint64_t id = mdb_txn_id(txn);
  MDB_envinfo info;
  if (mdb_env_info(env_, &info) != MDB_SUCCESS || id > info.me_last_txnid) return StoreError::kLock;
  if (map == nullptr) return lmdb_is_of_commit(txn) ? StoreError::kNone : StoreError::kDamaged;
  const bool is_sound = is_sound_tree(map, pages(), main_table_record(map, id), 0) &&
                        is_sound_free_table(map, pages(), id) && is_of_commit(map, pages(), id);
  return is_sound ? StoreError::kNone : StoreError::kDamaged;
}

StoreError Environment::open_tables(bool create) noexcept {
  // LMDB looks first which commit is the newest and then what it has. With two more made in between, that
  // looks like damage.
  constexpr int kTries = 3;
  MDB_txn* txn = nullptr;
  int code = MDB_SUCCESS;
  for (int tries = 1;; ++tries) {
    code = begin_in_map(create ? 0 : MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS) return to_error(code);
    StoreError error = create ? StoreError::kNone : check_commit(txn);
    if (error == StoreError::kNone) break;
    mdb_txn_abort(txn);
    if (tries == kTries) return error;
  }
  for (size_t i = 0; i < kTableCount && code == MDB_SUCCESS; ++i) {
    code = mdb_dbi_open(txn, kTables[i].name, kTables[i].flags | (create ? MDB_CREATE : 0), &tables_[i]);
  }
  if (code == MDB_SUCCESS) code = mdb_dbi_open(txn, nullptr, 0, &main_table_);
  if (code != MDB_SUCCESS) {
    mdb_txn_abort(txn);
    return to_error(system_code_ = code);
  }
  // Only a committed transaction keeps the handles.
  return to_error(system_code_ = mdb_txn_commit(txn));
}

void Environment::close() noexcept {
  guard_.release();
  if (env_ != nullptr) mdb_env_close(env_);
  env_ = nullptr;
  readers_.close();
  is_guarded_ = false;
  data_map_ = {};
  acknowledged_.close();
}

bool Environment::is_current() const noexcept {
  struct stat data {};
  if (env_ == nullptr || stat(data_file(path_).c_str(), &data) != 0) return false;
  const bool has_readers = lacks_readers_ ? is_read_only(path_) || Readers().open(path_) == EROFS
                                          : !is_serving_ || readers_.is_current(path_);
  return has_readers && data_id_ == FileId{data.st_dev, data.st_ino} && data.st_size >= least_bytes_ &&
         acknowledged_.is_current(path_);
}

void Environment::guard_data() noexcept {
  is_guarded_ = true;
  Map map = map_of_data();
  if (map.begin != nullptr) guard_.watch(map.begin, map.bytes, false);
  data_map_ = TreeWalk::fits(map.begin, map.bytes) ? map : Map();
}

bool Environment::lost_pages() const noexcept {
  return guard_.was_hit();
}

Environment::Map Environment::map_of_data() const noexcept {
  // LMDB does not tell, the system does: the one map of this file.
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return {};
  Map found;
  bool is_same_device = false;
  char line[512];
  while (!is_same_device && std::fgets(line, sizeof line, maps) != nullptr) {
    void* begin = nullptr;
    void* end = nullptr;
    unsigned major = 0;
    unsigned minor = 0;
    unsigned long inode = 0;
    // NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers fit
    if (std::sscanf(line, "%p-%p %*s %*s %x:%x %lu", &begin, &end, &major, &minor, &inode) != 5 ||
        inode != data_id_.inode || std::strstr(line, "/data.mdb") == nullptr) {
      continue;
    }
    // Some file systems tell stat() another number of the device, so the first must do if no other is better.
    is_same_device = makedev(major, minor) == data_id_.device;
    if (is_same_device || found.begin == nullptr) {
      found = {begin, static_cast<size_t>(static_cast<char*>(end) - static_cast<char*>(begin))};
    }
  }
  std::fclose(maps);
  return found;
}

StoreError Environment::adopt_size() noexcept {
  guard_.release();  // the map may move
  system_code_ = mdb_env_set_mapsize(env_, 0);
  if (system_code_ == MDB_SUCCESS && is_guarded_) guard_data();
  return to_error(system_code_);
}

StoreError Environment::grow() noexcept {
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return to_error(system_code_ = mdb_env_set_mapsize(env_, info.me_mapsize * 2));
}

void Environment::clear_stale_readers() noexcept {
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

StoreError Environment::copy_to(int descriptor) noexcept {
  // LMDB takes its own snapshot; this one is to see that it is the newest commit, and to hold its pages.
  Transaction transaction;
  StoreError error = transaction.begin_read(*this);
  if (error != StoreError::kNone) return error;
  error = to_error(system_code_ = mdb_env_copyfd2(env_, descriptor, MDB_CP_COMPACT));
  return transaction.is_intact() ? error : StoreError::kOvertaken;
}

Environment::Figures Environment::figures() noexcept {
  Figures figures;
  MDB_envinfo info;
  struct stat file {};
  if (mdb_env_info(env_, &info) == MDB_SUCCESS) figures.map_bytes = info.me_mapsize;
  mdb_filehandle_t handle = -1;
  if (mdb_env_get_fd(env_, &handle) == MDB_SUCCESS && fstat(handle, &file) == 0) {
    figures.file_bytes = static_cast<uint64_t>(file.st_size);
  }
  figures.readers_used = count_readers(path_);
  figures.readers_max = kReaderSlots;
  return figures;
}

std::string Environment::system_text() const {
  if (found_format_ != 0 && found_format_ != kFormatVersion) return "format " + std::to_string(found_format_);
  return mdb_strerror(system_code_);
}

StoreError set_store_modes(const std::string& path, uid_t user, gid_t group) noexcept {
  int data = set_mode(data_file(path), kDataMode, user, group);
  int lock = set_mode(lock_file(path), kLockMode, user, group);
  int readers = make_readers_file(path, user, group);
  return to_error(data != 0 ? data : lock != 0 ? lock : readers);
}

}  // namespace tokengate
