// The walk finds what LMDB finds, in stores of many shapes; and in damaged ones it stays within the map.
#include "tree_walk.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "support.h"

using namespace tokengate;

namespace {

using Found = TreeWalk::Found;

#define ck_assert_lmdb(call) ck_assert_int_eq(call, MDB_SUCCESS)

MDB_val to_val(const uint64_t& key) {
  return {sizeof key, const_cast<uint64_t*>(&key)};
}

/// A table with integer keys in an LMDB file.
class LmdbTable {
 public:
  LmdbTable() {
    ck_assert_lmdb(mdb_env_create(&env_));
    ck_assert_lmdb(mdb_env_set_mapsize(env_, size_t{64} << 20));
    ck_assert_lmdb(mdb_env_set_maxdbs(env_, 2));
    ck_assert_lmdb(mdb_env_open(env_, file().c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0600));
    begin();
    ck_assert_lmdb(mdb_dbi_open(txn_, nullptr, 0, &main_));
    ck_assert_lmdb(mdb_dbi_open(txn_, "table", MDB_CREATE | MDB_INTEGERKEY, &table_));
  }
  ~LmdbTable() { mdb_env_close(env_); }

  void put(uint64_t key, const std::string& value) {
    MDB_val key_val = to_val(key);
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
  std::string file() const { return folder_.path() + "/data"; }

 private:
  TempFolder folder_;
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi main_ = 0;
  MDB_dbi table_ = 0;
};

/// A file's bytes between pages that nobody may touch.
class Bytes {
 public:
  explicit Bytes(const std::string& path) {
    int file = open(path.c_str(), O_RDONLY);
    size_ = static_cast<size_t>(lseek(file, 0, SEEK_END));
    ck_assert_uint_eq(size_ % TreeWalk::kPageBytes, 0);
    all_ = static_cast<char*>(
        mmap(nullptr, size_ + 2 * TreeWalk::kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ck_assert_int_eq(mprotect(data(), size_, PROT_READ | PROT_WRITE), 0);
    ck_assert_int_eq(pread(file, data(), size_, 0), static_cast<ssize_t>(size_));
    close(file);
  }
  ~Bytes() { munmap(all_, size_ + 2 * TreeWalk::kPageBytes); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  char* data() { return all_ + TreeWalk::kPageBytes; }
  size_t size() const { return size_; }
  size_t pages() const { return size_ / TreeWalk::kPageBytes; }

 private:
  char* all_;
  size_t size_;
};

enum class Keys { kSpread, kDense, kClustered, kEdges };
constexpr Keys kKinds[] = {Keys::kSpread, Keys::kDense, Keys::kClustered, Keys::kEdges};

std::vector<uint64_t> make_keys(Keys kind, size_t count, std::mt19937_64& random) {
  std::vector<uint64_t> keys;
  for (size_t i = 0; i < count; ++i) {
    uint64_t key = random();
    if (kind == Keys::kDense) key = 1000 + i;
    if (kind == Keys::kClustered && i % 8 != 0) key = keys[i - i % 8] + i;
    if (kind == Keys::kEdges) key = i % 2 == 0 ? i : UINT64_MAX - i + 1;
    keys.push_back(key);
  }
  return keys;
}

std::string value_of(uint64_t key, size_t largest, std::mt19937_64& random) {
  return std::string(random() % (largest + 1), static_cast<char>(key)) + std::to_string(key);
}

/// Both are asked for the key and its neighbours.
void compare(LmdbTable& table, const TreeWalk& walk, uint64_t key) {
  for (uint64_t asked : {key - 1, key, key + 1}) {
    std::string_view theirs;
    std::string_view ours;
    int code = table.get(asked, &theirs);
    Found found = walk.find(asked, &ours);
    if (found == Found::kAskLmdb) {
      ck_assert_uint_gt(theirs.size(), 2000);  // too large for a page
      continue;
    }
    ck_assert_int_eq(found == Found::kYes, code == MDB_SUCCESS);
    ck_assert_int_eq(found == Found::kNo, code == MDB_NOTFOUND);
    ck_assert(ours == theirs);
  }
}

void compare_all(LmdbTable& table, const std::vector<uint64_t>& keys, std::mt19937_64& random) {
  table.begin(MDB_RDONLY);
  Bytes file(table.file());
  ck_assert(TreeWalk::fits(file.data(), file.size()));
  TreeWalk walk;
  walk.set(file.data(), file.pages(), table.record());
  for (uint64_t key : keys) compare(table, walk, key);
  for (int i = 0; i < 1000; ++i) compare(table, walk, random());
  for (uint64_t key : {uint64_t{0}, UINT64_MAX}) compare(table, walk, key);
  table.commit();
}

}  // namespace

START_TEST(finds_what_lmdb_finds) {
  std::mt19937_64 random(7);
  for (Keys kind : kKinds) {
    for (size_t count : {1, 2, 33, 34, 400, 7000, 50000}) {
      if (count == 50000 && kind != Keys::kSpread) continue;  // one tree of three levels is enough
      size_t largest = count == 400 ? 3000 : count == 50000 ? 60 : 200;
      LmdbTable table;
      std::vector<uint64_t> keys = make_keys(kind, count, random);
      for (uint64_t key : keys) table.put(key, value_of(key, largest, random));
      table.commit();
      compare_all(table, keys, random);

      // Pages that were split, filled again and merged.
      std::shuffle(keys.begin(), keys.end(), random);
      std::sort(keys.begin(), keys.begin() + static_cast<ptrdiff_t>(count / 2));
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
      table.begin();
      for (size_t i = 0; i < keys.size() / 2; ++i) table.erase(keys[i]);
      for (size_t i = 0; i < keys.size() / 4; ++i) table.put(keys[i] + 3, value_of(i, largest, random));
      table.commit();
      compare_all(table, keys, random);
    }
  }
}
END_TEST

START_TEST(an_empty_table_is_left_to_lmdb) {
  LmdbTable table;
  table.commit();
  table.begin(MDB_RDONLY);
  Bytes file(table.file());
  TreeWalk walk;
  walk.set(file.data(), file.pages(), table.record());
  std::string_view value;
  ck_assert(walk.find(1, &value) == Found::kAskLmdb);
  table.commit();
}
END_TEST

START_TEST(another_layout_does_not_fit) {
  LmdbTable table;
  table.commit();
  Bytes file(table.file());
  ck_assert(TreeWalk::fits(file.data(), file.size()));
  for (size_t at : {16, 20, 41}) {  // magic number, version, size of pages
    file.data()[at] ^= 1;
    ck_assert(!TreeWalk::fits(file.data(), file.size()));
    file.data()[at] ^= 1;
  }
  ck_assert(!TreeWalk::fits(nullptr, file.size()));
  ck_assert(!TreeWalk::fits(file.data(), TreeWalk::kPageBytes));
}
END_TEST

START_TEST(a_table_of_another_kind_is_left_to_lmdb) {
  LmdbTable table;
  table.put(1, "one");
  table.commit();
  table.begin(MDB_RDONLY);
  Bytes file(table.file());
  std::string record = table.record();
  table.commit();
  std::string_view value;
  TreeWalk walk;
  walk.set(file.data(), file.pages(), record);
  ck_assert(walk.find(1, &value) == Found::kYes);
  for (auto [at, byte] : {std::pair<size_t, char>{4, '\x0c'}, {4, '\0'}, {6, '\0'}, {6, '\x21'}}) {
    std::string changed = record;
    changed[at] = byte;
    walk.set(file.data(), file.pages(), changed);
    ck_assert(walk.find(1, &value) == Found::kAskLmdb);
  }
  walk.set(file.data(), file.pages(), record + '\0');
  ck_assert(walk.find(1, &value) == Found::kAskLmdb);
  walk.unset();
  ck_assert(walk.find(1, &value) == Found::kAskLmdb);
}
END_TEST

START_TEST(a_page_that_is_not_the_one_asked_for_is_damage) {
  std::mt19937_64 random(13);
  LmdbTable table;
  std::vector<uint64_t> keys = make_keys(Keys::kSpread, 2000, random);
  for (uint64_t key : keys) table.put(key, value_of(key, 100, random));
  table.commit();
  table.begin(MDB_RDONLY);
  Bytes file(table.file());
  TreeWalk walk;
  walk.set(file.data(), file.pages(), table.record());
  table.commit();
  constexpr size_t kNumberAt = 0;
  constexpr size_t kFlagsAt = 10;
  for (size_t at : {kNumberAt, kFlagsAt}) {
    int damaged = 0;
    for (size_t page = 2; page < file.pages(); ++page) {
      char& byte = file.data()[page * TreeWalk::kPageBytes + at];
      byte ^= at == kFlagsAt ? 3 : 1;  // a branch for a leaf
      for (uint64_t key : keys) {
        std::string_view value;
        Found found = walk.find(key, &value);
        ck_assert(found == Found::kYes || found == Found::kDamaged);
        damaged += found == Found::kDamaged;
      }
      byte ^= at == kFlagsAt ? 3 : 1;
    }
    ck_assert_int_ge(damaged, static_cast<int>(2 * keys.size()));  // once for its leaf, once for the root
  }
  // Nodes that would lie behind the page, and for those at the end behind the file.
  for (size_t page = file.pages() - 1; page >= 2; --page) {
    std::memset(file.data() + page * TreeWalk::kPageBytes + 16, 0xFF, 64);
    for (uint64_t key : keys) {
      std::string_view value;
      walk.find(key, &value);
    }
  }
}
END_TEST

// Every read outside of the file's bytes would end the program, and so would a loop without end.
START_TEST(damage_leads_nowhere) {
  std::mt19937_64 random(11);
  LmdbTable table;
  std::vector<uint64_t> keys = make_keys(Keys::kSpread, 20000, random);
  for (uint64_t key : keys) table.put(key, value_of(key, 200, random));
  table.commit();
  table.begin(MDB_RDONLY);
  Bytes file(table.file());
  const std::string sound(file.data(), file.size());
  const std::string record = table.record();
  table.commit();
  int damaged = 0;
  int asked = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string changed_record = record;
    for (int flips = 0; flips < 200; ++flips) {
      // The heads of pages matter most, and the record once in a while.
      size_t page = random() % file.pages() * TreeWalk::kPageBytes;
      size_t within = flips % 2 == 0 ? random() % 64 : random() % TreeWalk::kPageBytes;
      file.data()[page + within] ^= static_cast<char>(1 << random() % 8);
    }
    if (round % 4 == 0) changed_record[random() % record.size()] ^= static_cast<char>(1 << random() % 8);
    TreeWalk walk;
    walk.set(file.data(), file.pages(), changed_record);
    for (int i = 0; i < 40; ++i) {
      std::string_view value;
      Found found = walk.find(i % 2 == 0 ? random() : keys[random() % keys.size()], &value);
      ++asked;
      if (found == Found::kDamaged) ++damaged;
      if (found != Found::kYes) continue;
      ck_assert(value.data() >= file.data());
      ck_assert(value.data() + value.size() <= file.data() + file.size());
    }
    if (round % 20 == 19) std::memcpy(file.data(), sound.data(), sound.size());
  }
  ck_assert_int_gt(damaged, asked / 20);
  ck_assert_int_lt(damaged, asked);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("tree_walk");
  TCase* tcase = tcase_create("tree_walk");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, finds_what_lmdb_finds);
  tcase_add_test(tcase, an_empty_table_is_left_to_lmdb);
  tcase_add_test(tcase, another_layout_does_not_fit);
  tcase_add_test(tcase, a_table_of_another_kind_is_left_to_lmdb);
  tcase_add_test(tcase, a_page_that_is_not_the_one_asked_for_is_damage);
  tcase_add_test(tcase, damage_leads_nowhere);
  suite_add_tcase(suite, tcase);
  return suite;
}
