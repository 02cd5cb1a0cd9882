// LMDB behind the types of store.h.
#include "store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tokengate {
namespace {

struct TableSpec {
  const char* name;
  unsigned flags;
};

// In the order of enum Table.
constexpr TableSpec kTables[kTableCount] = {
    {"meta", 0},    {"accounts", MDB_INTEGERKEY}, {"account_names", 0}, {"acls", 0},
    {"catalog", 0}, {"tokens", MDB_INTEGERKEY},   {"token_names", 0},   {"journal", MDB_INTEGERKEY},
};

constexpr mode_t kDataMode = 0640;
constexpr mode_t kLockMode = 0660;

std::string data_file(const std::string& path) {
  return path + "/data.mdb";
}
std::string lock_file(const std::string& path) {
  return path + "/lock.mdb";
}

/// The one place where LMDB's codes become ours.
StoreError to_error(int code) noexcept {
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

MDB_val to_val(Bytes bytes) noexcept {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
MDB_val to_val(const uint64_t& key) noexcept {
  return {sizeof key, const_cast<uint64_t*>(&key)};
}
Bytes to_bytes(const MDB_val& val) noexcept {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

template <class Key>
StoreError get_value(MDB_txn* txn, unsigned table, const Key& key, Bytes* value) noexcept {
  MDB_val key_val = to_val(key);
  MDB_val value_val;
  int code = mdb_get(txn, table, &key_val, &value_val);
  if (code == MDB_SUCCESS) *value = to_bytes(value_val);
  return to_error(code);
}

template <class Key>
StoreError put_value(MDB_txn* txn, unsigned table, const Key& key, Bytes value, unsigned flags) noexcept {
  MDB_val key_val = to_val(key);
  MDB_val value_val = to_val(value);
  return to_error(mdb_put(txn, table, &key_val, &value_val, flags));
}

template <class Key>
StoreError erase_key(MDB_txn* txn, unsigned table, const Key& key) noexcept {
  MDB_val key_val = to_val(key);
  return to_error(mdb_del(txn, table, &key_val, nullptr));
}

/// LMDB 0.9.26 brought races with its robust mutexes (ITS#9278), and 0.9.32 took them back (ITS#10095).
bool is_racy_library() noexcept {
  int major = 0;
  int minor = 0;
  int patch = 0;
  mdb_version(&major, &minor, &patch);
  return major == 0 && minor == 9 && patch >= 26 && patch <= 31;
}

/// What LMDB believes of the two meta pages, which are written in turn, without looking twice. With another
/// page size it would read beyond the file; and of the two it takes the one with the larger number for the
/// newest commit, and after damage to a number would go back to an older one.
bool has_sound_meta_pages(int file) noexcept {
  // Of LMDB's data format 1.
  constexpr off_t kMagicAt = 16;
  constexpr uint32_t kMagic[2] = {0xBEEFC0DE, 1};
  constexpr off_t kPageSizeAt = 40;  // 32 bits
  constexpr off_t kNumberAt = 144;   // 64 bits
  constexpr int kAttempts = 3;       // a writer may get between the two reads
  auto read = [file](auto* value, off_t at) {
    return pread(file, value, sizeof *value, at) == static_cast<ssize_t>(sizeof *value);
  };
  uint32_t magic[2] = {};
  uint32_t page_bytes = 0;
  uint32_t page_bytes_again = 0;
  if (!read(&magic, kMagicAt)) return false;
  if (std::memcmp(magic, kMagic, sizeof magic) != 0) return true;  // LMDB finds that, and says it better
  if (!read(&page_bytes, kPageSizeAt) || !read(&page_bytes_again, off_t{page_bytes} + kPageSizeAt))
    return false;
  if (page_bytes != page_bytes_again) return false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t even = 0;
    uint64_t odd = 0;
    if (!read(&even, kNumberAt) || !read(&odd, off_t{page_bytes} + kNumberAt)) return false;
    if (even % 2 == 0 && odd % 2 == 1 && (odd == even + 1 || even == odd + 1)) return true;
  }
  return false;
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

/// kDamaged if LMDB must not be let near the data file.
StoreError check_meta_pages(const std::string& path) noexcept {
  int file = open(data_file(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return to_error(errno);
  bool sound = has_sound_meta_pages(file);
  close(file);
  return sound ? StoreError::kNone : StoreError::kDamaged;
}

size_t index(Table table) noexcept {
  return static_cast<size_t>(table);
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
    StoreError error = check_meta_pages(path);
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
  // MDB_NOTLS: a kept read transaction belongs to its object, not to the thread that began it.
  unsigned flags = MDB_NOTLS | (mode == Mode::kRead ? MDB_RDONLY : 0);
  system_code_ = mdb_env_open(env_, path.c_str(), flags, kLockMode);
  if (system_code_ != MDB_SUCCESS) {
    StoreError error = to_error(system_code_);
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
  if (is_cut_short(file.st_size)) {
    close();
    return StoreError::kDamaged;
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
  clear_stale_readers();
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

/// Whether pages that the newest commit counts on are missing from the file. Reading one would end the
/// process with SIGBUS.
bool Environment::is_cut_short(off_t file_bytes) noexcept {
  MDB_envinfo info;
  MDB_stat stat;
  if (mdb_env_info(env_, &info) != MDB_SUCCESS || mdb_env_stat(env_, &stat) != MDB_SUCCESS) return true;
  return static_cast<uint64_t>(file_bytes) < (info.me_last_pgno + 1) * stat.ms_psize;
}

StoreError Environment::check_format() noexcept {
  Transaction transaction;
  StoreError error = transaction.begin_read(*this);
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

StoreError Environment::open_tables(bool create) noexcept {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_, nullptr, create ? 0 : MDB_RDONLY, &txn);
  if (code == MDB_MAP_RESIZED) {
    adopt_size();
    code = mdb_txn_begin(env_, nullptr, create ? 0 : MDB_RDONLY, &txn);
  }
  if (code != MDB_SUCCESS) return to_error(system_code_ = code);
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
  return env_ != nullptr && stat(data_file(path_).c_str(), &data) == 0 &&
         stat(lock_file(path_).c_str(), &lock) == 0 && data_id_ == FileId{data.st_dev, data.st_ino} &&
         lock_id_ == FileId{lock.st_dev, lock.st_ino} && data.st_size >= least_bytes_ &&
         acknowledged_.is_current(path_);
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
  mdb_reader_check(env_, &dead);
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

uint64_t Transaction::newest_in_file() noexcept {
  MDB_envinfo info;  // of the data file itself
  return mdb_env_info(environment_->env_, &info) == MDB_SUCCESS ? info.me_last_txnid : 0;
}

StoreError Transaction::begin_read(Environment& environment) noexcept {
  int code = mdb_txn_begin(environment.env_, nullptr, MDB_RDONLY, &txn_);
  if (code == MDB_READERS_FULL) {
    environment.clear_stale_readers();
    code = mdb_txn_begin(environment.env_, nullptr, MDB_RDONLY, &txn_);
  }
  environment.system_code_ = code;
  environment_ = &environment;
  if (code != MDB_SUCCESS) {
    txn_ = nullptr;
    return to_error(code);
  }
  reset();
  ++opening_;
  newest_ = 0;
  StoreError error = renew();
  if (error != StoreError::kNone) abort();
  return error;
}

StoreError Transaction::begin_write(Environment& environment) noexcept {
  int code = mdb_txn_begin(environment.env_, nullptr, 0, &txn_);
  if (code != MDB_SUCCESS) txn_ = nullptr;
  environment_ = &environment;
  // Nobody else commits now, so the lock file must name the newest commit: writing on top of an older one
  // would undo what came after it.
  MDB_envinfo info;
  if (code == MDB_SUCCESS) code = mdb_env_info(environment.env_, &info);
  if (code == MDB_SUCCESS && id() != info.me_last_txnid + 1) {
    abort();
    return StoreError::kLock;
  }
  return to_error(environment.system_code_ = code);
}

uint64_t Transaction::id() const noexcept {
  return mdb_txn_id(txn_);
}

/// The root of the tree of tokens is the same for as long as the content is, and the map where it was.
void Transaction::set_walk() noexcept {
  const Environment::Map& map = environment_->data_map_;
  if (walked_ == snapshot() && walked_map_ == map.begin) return;
  walked_ = snapshot();
  walked_map_ = map.begin;
  tokens_.unset();
  MDB_envinfo info;
  Bytes record;
  if (map.begin == nullptr || mdb_env_info(environment_->env_, &info) != MDB_SUCCESS ||
      get_value(txn_, environment_->main_table_, Bytes(kTables[index(Table::kTokens)].name), &record) !=
          StoreError::kNone) {
    return;
  }
  // A process may map the file twice, and this be the other map.
  auto offset = reinterpret_cast<uintptr_t>(record.data()) - reinterpret_cast<uintptr_t>(map.begin);
  if (offset >= map.bytes) return;
  tokens_.set(map.begin, std::min(map.bytes / TreeWalk::kPageBytes, info.me_last_pgno + 1), record);
}

void Transaction::reset() noexcept {
  walking_ = false;
  mdb_txn_reset(txn_);
}

StoreError Transaction::renew() noexcept {
  uint64_t acknowledged = environment_->acknowledged_.newest();
  int code = mdb_txn_renew(txn_);
  // A number above what the data file was known to have: there was a commit since, or the lock file runs
  // ahead of one that is still being written, and LMDB has taken the commit before last for it. So the file
  // is asked first, and LMDB once more. Commits take longer than that, so a few rounds are plenty.
  constexpr int kRounds = 16;
  for (int round = 0; code == MDB_SUCCESS && id() > newest_; ++round) {
    reset();
    if (round == kRounds) return StoreError::kLock;
    newest_ = newest_in_file();
    code = mdb_txn_renew(txn_);
  }
  if (code != MDB_SUCCESS) return to_error(code);
  newest_ = newest_in_file();  // less than it was if the file is not there any more
  if (id() < acknowledged || id() > newest_) {
    reset();
    return StoreError::kLock;
  }
  set_walk();
  walking_ = true;
  return StoreError::kNone;
}

StoreError Transaction::commit() noexcept {
  uint64_t id = this->id();
  walking_ = false;
  int code = mdb_txn_commit(txn_);
  txn_ = nullptr;  // gone whatever the result
  // LMDB makes no commit of a transaction that wrote nothing: its id will be the next one's.
  MDB_envinfo info;
  if (code == MDB_SUCCESS && mdb_env_info(environment_->env_, &info) == MDB_SUCCESS) {
    environment_->acknowledged_.raise(std::min<uint64_t>(id, info.me_last_txnid));
  }
  return to_error(environment_->system_code_ = code);
}

void Transaction::abort() noexcept {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
  txn_ = nullptr;
  walking_ = false;
}

StoreError Transaction::get(Table table, Bytes key, Bytes* value) noexcept {
  return get_value(txn_, environment_->tables_[index(table)], key, value);
}
StoreError Transaction::get(Table table, uint64_t key, Bytes* value) noexcept {
  if (table == Table::kTokens && walking_) {
    switch (tokens_.find(key, value)) {
      case TreeWalk::Found::kYes:
        return StoreError::kNone;
      case TreeWalk::Found::kNo:
        return StoreError::kNotFound;
      case TreeWalk::Found::kDamaged:
        return StoreError::kDamaged;
      case TreeWalk::Found::kAskLmdb:
        break;
    }
  }
  return get_value(txn_, environment_->tables_[index(table)], key, value);
}

StoreError Transaction::put(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, 0);
}
StoreError Transaction::put(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, 0);
}
StoreError Transaction::insert(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_NOOVERWRITE);
}
StoreError Transaction::insert(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_NOOVERWRITE);
}
StoreError Transaction::append(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_APPEND);
}
StoreError Transaction::append(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_APPEND);
}
StoreError Transaction::erase(Table table, Bytes key) noexcept {
  return erase_key(txn_, environment_->tables_[index(table)], key);
}
StoreError Transaction::erase(Table table, uint64_t key) noexcept {
  return erase_key(txn_, environment_->tables_[index(table)], key);
}

StoreError Transaction::clear(Table table) noexcept {
  return to_error(mdb_drop(txn_, environment_->tables_[index(table)], 0));
}

StoreError Transaction::count(Table table, uint64_t* entries) noexcept {
  MDB_stat stat;
  int code = mdb_stat(txn_, environment_->tables_[index(table)], &stat);
  if (code == MDB_SUCCESS) *entries = stat.ms_entries;
  return to_error(code);
}

StoreError Cursor::open(Transaction& transaction, Table table) noexcept {
  close();
  int code = mdb_cursor_open(transaction.txn_, transaction.environment_->tables_[index(table)], &cursor_);
  if (code != MDB_SUCCESS) cursor_ = nullptr;
  return to_error(code);
}

StoreError Cursor::bind_again(Transaction& transaction) noexcept {
  return to_error(mdb_cursor_renew(transaction.txn_, cursor_));
}

void Cursor::close() noexcept {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  cursor_ = nullptr;
}

StoreError Cursor::move(int operation) noexcept {
  MDB_val key = to_val(key_);
  MDB_val value;
  int code = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_SUCCESS) {
    key_ = to_bytes(key);
    value_ = to_bytes(value);
  }
  return to_error(code);
}

StoreError Cursor::first() noexcept {
  return move(MDB_FIRST);
}
StoreError Cursor::last() noexcept {
  return move(MDB_LAST);
}
StoreError Cursor::next() noexcept {
  return move(MDB_NEXT);
}

StoreError Cursor::seek(Bytes least) noexcept {
  key_ = least;
  return move(MDB_SET_RANGE);
}

StoreError Cursor::seek(uint64_t least) noexcept {
  return seek(Bytes(reinterpret_cast<const char*>(&least), sizeof least));
}

uint64_t Cursor::integer_key() const noexcept {
  uint64_t key = 0;
  if (key_.size() == sizeof key) std::memcpy(&key, key_.data(), sizeof key);
  return key;
}

StoreError set_store_modes(const std::string& path, gid_t group) noexcept {
  int data = set_mode(data_file(path), kDataMode, group);
  int lock = set_mode(lock_file(path), kLockMode, group);
  return to_error(data != 0 ? data : lock);
}

std::string describe(StoreError error, const std::string& path, const std::string& system_text) {
  switch (error) {
    case StoreError::kNone:
      return {};
    case StoreError::kNotFound:
    case StoreError::kExists:
      return "the store at " + path + " does not hold what it should; check it or restore a backup";
    case StoreError::kNoStore:
      return "there is no store at " + path + "; make one with `tokengate init --store " + path + "`";
    case StoreError::kPermission:
      return "no permission for the store at " + path +
             "; to change it be its owner, and to read it be in its group, with data.mdb readable and "
             "lock.mdb writable for that group";
    case StoreError::kVersion:
      return "the store at " + path + " is of " +
             (system_text.starts_with("format ") ? system_text : "another format") +
             ", and this version of Tokengate reads format " + std::to_string(kFormatVersion) +
             "; `tokengate export` it with the version that made it, and import the text here into a new "
             "store";
    case StoreError::kMapFull:
    case StoreError::kMapResized:
      return "the memory map of the store at " + path + " could not grow; raise the limit on address space";
    case StoreError::kReadersFull:
      return "all reader slots of the store at " + path + " are in use; stop some of its readers";
    case StoreError::kDiskFull:
      return "no space is left on the disk of the store at " + path + ", or it fails; nothing was changed";
    case StoreError::kDamaged:
      return "the store at " + path + " is damaged, or its data.mdb is not a store; restore it from a backup";
    case StoreError::kLock:
      return "the lock file of the store at " + path +
             " does not name its newest commit; a change made with " +
             "`tokengate` as the store's owner mends that; if it is refused, stop everything that uses the "
             "store " +
             "and remove " + lock_file(path);
    case StoreError::kLibrary:
      return "the store at " + path + " is not opened: this LMDB has races in its lock handling; install " +
             "0.9.25 or older, or 0.9.32 or newer";
    case StoreError::kSystem:
      break;
  }
  return "cannot use the store at " + path + ": " + system_text;
}

}  // namespace tokengate
