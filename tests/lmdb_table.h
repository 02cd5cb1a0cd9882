/// A table that LMDB itself wrote, and the bytes of its file, for tests of what reads them without LMDB.
#ifndef TOKENGATE_TESTS_LMDB_TABLE_H_
#define TOKENGATE_TESTS_LMDB_TABLE_H_

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "lmdb_layout.h"
#include "support.h"

#define ck_assert_lmdb(call) ck_assert_int_eq(call, MDB_SUCCESS)

inline MDB_val to_val(const uint64_t& key) {
  return {sizeof key, const_cast<uint64_t*>(&key)};
}

/// A table in an LMDB file, with integer keys or others.
class LmdbTable {
 public:
  explicit LmdbTable(unsigned flags = MDB_INTEGERKEY) {
    ck_assert_lmdb(mdb_env_create(&env_));
    ck_assert_lmdb(mdb_env_set_mapsize(env_, size_t{64} << 20));
    ck_assert_lmdb(mdb_env_set_maxdbs(env_, 2));
    ck_assert_lmdb(mdb_env_open(env_, file().c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0600));
    begin();
    ck_assert_lmdb(mdb_dbi_open(txn_, nullptr, 0, &main_));
    ck_assert_lmdb(mdb_dbi_open(txn_, "table", MDB_CREATE | flags, &table_));
  }
  ~LmdbTable() { mdb_env_close(env_); }

  void put(uint64_t key, const std::string& value) {
    put({reinterpret_cast<const char*>(&key), sizeof key}, value);
  }
  void put(std::string_view key, const std::string& value) {
    MDB_val key_val{key.size(), const_cast<char*>(key.data())};
    MDB_val value_val{value.size(), const_cast<char*>(value.data())};
    ck_assert_lmdb(mdb_put(txn_, table_, &key_val, &value_val, 0));
  }
  void erase(uint64_t key) {
    MDB_val key_val = to_val(key);
    ck_assert_lmdb(mdb_del(txn_, table_, &key_val, nullptr));
  }
  void begin(unsigned flags = 0) { ck_assert_lmdb(mdb_txn_begin(env_, nullptr, flags, &txn_)); }
  void commit() { ck_assert_lmdb(mdb_txn_commit(txn_)); }

  int get(uint64_t key, std::string_view* value) {
    MDB_val key_val = to_val(key);
    MDB_val value_val{};
    int code = mdb_get(txn_, table_, &key_val, &value_val);
    if (code == MDB_SUCCESS) *value = {static_cast<const char*>(value_val.mv_data), value_val.mv_size};
    return code;
  }
  std::string record() {
    MDB_val key_val{5, const_cast<char*>("table")};
    MDB_val value_val{};
    ck_assert_lmdb(mdb_get(txn_, main_, &key_val, &value_val));
    return {static_cast<const char*>(value_val.mv_data), value_val.mv_size};
  }
  uint64_t commit_id() { return mdb_txn_id(txn_); }
  std::string file() const { return folder_.path() + "/data"; }

 private:
  TempFolder folder_;
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi main_ = 0;
  MDB_dbi table_ = 0;
};

/// Flips the bit `bit` % 8.
inline void flip_bit(char& byte, unsigned bit) {
  byte = static_cast<char>(byte ^ 1 << bit % 8);
}

/// A file's bytes between pages that nobody may touch.
class FileBytes {
 public:
  explicit FileBytes(const std::string& path) {
    int file = open(path.c_str(), O_RDONLY);
    size_ = static_cast<size_t>(lseek(file, 0, SEEK_END));
    ck_assert_uint_eq(size_ % tokengate::lmdb_layout::kPageBytes, 0);
    all_ = static_cast<char*>(mmap(nullptr, size_ + 2 * tokengate::lmdb_layout::kPageBytes, PROT_NONE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ck_assert_int_eq(mprotect(data(), size_, PROT_READ | PROT_WRITE), 0);
    ck_assert_int_eq(pread(file, data(), size_, 0), static_cast<ssize_t>(size_));
    close(file);
  }
  ~FileBytes() { munmap(all_, size_ + 2 * tokengate::lmdb_layout::kPageBytes); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  char* data() { return all_ + tokengate::lmdb_layout::kPageBytes; }
  size_t size() const { return size_; }
  size_t pages() const { return size_ / tokengate::lmdb_layout::kPageBytes; }

 private:
  char* all_;
  size_t size_;
};

#endif  // TOKENGATE_TESTS_LMDB_TABLE_H_
