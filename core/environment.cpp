// Opens a store and keeps it open: files, memory map, tables, reader slots.
#include "environment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
constexpr mode_t kLockMode = 0660;

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

/// Gives a file of a store its mode and group, if it has others; 0 or the system's code. By name: to close
/// another descriptor of the lock file would give up LMDB's locks on it.
int set_mode(const std::string& file, mode_t mode, gid_t group) noexcept {
  struct stat now {};
  if (stat(file.c_str(), &now) != 0) return errno;
  if (now.st_gid != group && chown(file.c_str(), static_cast<uid_t>(-1), group) != 0) return errno;
  if ((now.st_mode & 07777) != mode && chmod(file.c_str(), mode) != 0) return errno;
  return 0;
}

/// Then LMDB reads without its lock file, be it there or not.
bool is_read_only(const std::string& path) noexcept {
  struct statvfs found {};
  return statvfs(path.c_str(), &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
}

/// Whether the content is that of the commit which it is said to be of. Damage to the number of the commit
/// before may make it look like the next one. But each change lets go of pages, and LMDB notes under its
/// number which; only a new file, or a copy that LMDB made, begins with a commit that changed nothing.
StoreError check_number(MDB_env* env, MDB_txn* txn) noexcept {
  constexpr MDB_dbi kFreeTable = 0;
  const uint64_t id = mdb_txn_id(txn);
  MDB_cursor* cursor = nullptr;
  MDB_envinfo info;
  if (id <= 1) return StoreError::kNone;
  if (mdb_env_info(env, &info) != MDB_SUCCESS || id > info.me_last_txnid) return StoreError::kLock;
  if (mdb_cursor_open(txn, kFreeTable, &cursor) != MDB_SUCCESS) return StoreError::kDamaged;
  MDB_val key{};
  bool same = mdb_cursor_get(cursor, &key, nullptr, MDB_LAST) == MDB_SUCCESS && key.mv_size == sizeof id &&
              std::memcmp(key.mv_data, &id, sizeof id) == 0;
  mdb_cursor_close(cursor);
  return same ? StoreError::kNone : StoreError::kDamaged;
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
  system_code_ = mdb_env_create(&env_);
  if (system_code_ != MDB_SUCCESS) return to_error(system_code_);
  mdb_env_set_maxdbs(env_, kTableCount);
  mdb_env_set_maxreaders(env_, kReaderSlots);
  mdb_env_set_mapsize(env_, map_bytes);
  struct stat lock {};
  const bool makes_lock_file = stat(lock_file(path).c_str(), &lock) != 0;
  lacks_lock_ = mode == Mode::kRead && is_read_only(path);
  if (!makes_lock_file && !lacks_lock_ && lock.st_size > 0 && lock.st_size < lmdb_layout::kLeastLockBytes) {
    // From such a size LMDB reckons billions of readers, and in the end unmaps as much memory.
    close();
    return StoreError::kLock;
  }
  // MDB_NOTLS: a kept read transaction belongs to its object, not to the thread that began it.
  unsigned flags = MDB_NOTLS | (mode == Mode::kRead ? MDB_RDONLY : 0);
  system_code_ = mdb_env_open(env_, path.c_str(), flags, kLockMode);
  if (system_code_ != MDB_SUCCESS) {
    StoreError error = to_opening_error(system_code_);
    close();
    return error;
  }
  mdb_filehandle_t handle = -1;
  if (mdb_env_get_fd(env_, &handle) == MDB_SUCCESS && fstat(handle, &file) == 0) {
    data_id_ = {file.st_dev, file.st_ino};
    least_bytes_ = file.st_size;
  }
  if (stat(lock_file(path).c_str(), &lock) == 0) lock_id_ = {lock.st_dev, lock.st_ino};
  if (mode == Mode::kRead) {
    guard_data();
    Map map = map_of(lock_id_, "/lock.mdb");
    if (map.begin != nullptr) lock_guard_.watch(map.begin, map.bytes, true);
  }
  if (!has_sound_readers()) {
    close();
    return StoreError::kLock;
  }
  clear_stale_readers();
  if (StoreError error = check_length(); error != StoreError::kNone) {
    close();
    return error;
  }
  // A lock file that was lost comes back with the maker's umask and would keep the server's workers out.
  if (mode == Mode::kWrite) set_store_modes(path, file.st_gid);
  // Likewise from a reader, which leaves one that was there as `check` has to find it. It may fail: to read
  // it is not needed.
  if (mode == Mode::kRead && makes_lock_file) set_mode(lock_file(path), kLockMode, file.st_gid);
  if (int code = acknowledged_.open(path, data_id_.inode, mode != Mode::kRead, file.st_gid); code != 0) {
    close();
    return to_error(system_code_ = code);
  }
  StoreError error = open_tables(mode == Mode::kCreate);
  if (error == StoreError::kNotFound) error = StoreError::kNoStore;
  if (error == StoreError::kNone && mode != Mode::kCreate) error = check_format();
  if (error == StoreError::kNone && mode == Mode::kWrite) error = take_turn();
  if (lost_pages()) error = StoreError::kDamaged;
  if (error != StoreError::kNone) close();
  return error;
}

/// Mends what a writer left that was killed as it committed (LMDB does, for the next one in turn): with the
/// turn ours, the newest commit is what the data file says, unless somebody was told of a later one. That was
/// lost then, by damage or with a data file overwritten by an older one, and nothing may be built on what is
/// left.
StoreError Environment::take_turn() noexcept {
  Transaction transaction;
  StoreError error = transaction.begin_write(*this);
  if (error != StoreError::kNone) return error;
  if (transaction.id() <= acknowledged_.newest()) return StoreError::kDamaged;
  acknowledged_.set(transaction.id() - 1);
  return StoreError::kNone;
}

/// Whether the lock file has a slot for each reader that it counts. LMDB would look for them, whoever wrote
/// the count, beyond the end of the file: when a transaction begins, and for each of this process when it
/// closes.
bool Environment::has_sound_readers() const noexcept {
  MDB_envinfo info;
  return mdb_env_info(env_, &info) == MDB_SUCCESS && info.me_numreaders <= info.me_maxreaders;
}

/// Begins a transaction.
int Environment::begin(unsigned flags, MDB_txn** txn) noexcept {
  return system_code_ = has_sound_readers() ? mdb_txn_begin(env_, nullptr, flags, txn) : MDB_BAD_RSLOT;
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
      Map map = is_guarded_ ? data_map_ : map_of(data_id_, "/data.mdb");
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
  if (map != nullptr && !(is_sound_tree(map, pages(), main_table_record(map, id), 0) &&
                          is_sound_free_table(map, pages(), id))) {
    return StoreError::kDamaged;
  }
  return check_number(env_, txn);
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
  if (env_ != nullptr) mdb_env_close(env_);  // looks into the lock file once more
  env_ = nullptr;
  lock_guard_.release();
  is_guarded_ = false;
  data_map_ = {};
  acknowledged_.close();
}

bool Environment::is_current() const noexcept {
  struct stat data {};
  struct stat lock {};
  if (env_ == nullptr || stat(data_file(path_).c_str(), &data) != 0) return false;
  const bool has_lock = stat(lock_file(path_).c_str(), &lock) == 0;
  return (has_lock || lacks_lock_) && data_id_ == FileId{data.st_dev, data.st_ino} &&
         lock_id_ == FileId{lock.st_dev, lock.st_ino} && data.st_size >= least_bytes_ &&
         !(lacks_lock_ && !is_read_only(path_)) && acknowledged_.is_current(path_);
}

void Environment::guard_data() noexcept {
  is_guarded_ = true;
  Map map = map_of(data_id_, "/data.mdb");
  if (map.begin != nullptr) guard_.watch(map.begin, map.bytes, false);
  data_map_ = TreeWalk::fits(map.begin, map.bytes) ? map : Map();
}

bool Environment::lost_pages() const noexcept {
  return guard_.was_hit() || lock_guard_.was_hit();
}

Environment::Map Environment::map_of(const FileId& id, const char* name) noexcept {
  // LMDB does not tell, the system does: the one map of this file.
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return {};
  Map found;
  char line[512];
  while (found.begin == nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    void* begin = nullptr;
    void* end = nullptr;
    unsigned long inode = 0;
    // Not by the device, of which some file systems tell stat() another number.
    // NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers fit
    if (std::sscanf(line, "%p-%p %*s %*s %*s %lu", &begin, &end, &inode) == 3 && inode == id.inode &&
        std::strstr(line, name) != nullptr) {
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
  if (has_sound_readers()) mdb_reader_check(env_, &dead);
}

StoreError Environment::copy_to(int descriptor) noexcept {
  // LMDB takes its own snapshot; this one is to see that the lock file names the newest commit.
  Transaction transaction;
  StoreError error = transaction.begin_read(*this);
  if (error != StoreError::kNone) return error;
  return to_error(system_code_ = mdb_env_copyfd2(env_, descriptor, MDB_CP_COMPACT));
}

Environment::Figures Environment::figures() noexcept {
  Figures figures;
  MDB_envinfo info;
  struct stat file {};
  mdb_filehandle_t handle = -1;
  if (mdb_env_info(env_, &info) == MDB_SUCCESS) {
    figures.map_bytes = info.me_mapsize;
    figures.readers_max = info.me_maxreaders;
  }
  if (mdb_env_get_fd(env_, &handle) == MDB_SUCCESS && fstat(handle, &file) == 0) {
    figures.file_bytes = static_cast<uint64_t>(file.st_size);
  }
  if (!has_sound_readers()) return figures;
  // Slots are never given back, only reused; the listing shows those in use, after its heading line.
  mdb_reader_list(
      env_,
      [](const char* line, void* context) {
        if (std::strchr("0123456789 ", line[0]) != nullptr && std::strpbrk(line, "0123456789") != nullptr) {
          ++*static_cast<unsigned*>(context);
        }
        return 0;
      },
      &figures.readers_used);
  return figures;
}

std::string Environment::system_text() const {
  if (found_format_ != 0 && found_format_ != kFormatVersion) return "format " + std::to_string(found_format_);
  return mdb_strerror(system_code_);
}

StoreError set_store_modes(const std::string& path, gid_t group) noexcept {
  int data = set_mode(data_file(path), kDataMode, group);
  int lock = set_mode(lock_file(path), kLockMode, group);
  return to_error(data != 0 ? data : lock);
}

}  // namespace tokengate
