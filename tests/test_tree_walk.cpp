// The walk finds what LMDB finds, in stores of many shapes; and in damaged ones it stays within the map.
#include "tree_walk.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "lmdb_table.h"

using namespace tokengate;

namespace {

using Found = TreeWalk::Found;

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
  FileBytes file(table.file());
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
  FileBytes file(table.file());
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
  FileBytes file(table.file());
  ck_assert(TreeWalk::fits(file.data(), file.size()));
  for (size_t at : {16, 20, 41}) {  // magic number, version, size of pages
    file.data()[at] ^= 1;
    ck_assert(!TreeWalk::fits(file.data(), file.size()));
    file.data()[at] ^= 1;
  }
  ck_assert(!TreeWalk::fits(nullptr, file.size()));
  ck_assert(!TreeWalk::fits(file.data(), lmdb_layout::kPageBytes));
}
END_TEST

START_TEST(a_table_of_another_kind_is_left_to_lmdb) {
  LmdbTable table;
  table.put(1, "one");
  table.commit();
  table.begin(MDB_RDONLY);
  FileBytes file(table.file());
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
  FileBytes file(table.file());
  TreeWalk walk;
  walk.set(file.data(), file.pages(), table.record());
  table.commit();
  constexpr size_t kNumberAt = 0;
  constexpr size_t kFlagsAt = 10;
  for (size_t at : {kNumberAt, kFlagsAt}) {
    int damaged = 0;
    for (size_t page = 2; page < file.pages(); ++page) {
      char& byte = file.data()[page * lmdb_layout::kPageBytes + at];
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
    std::memset(file.data() + page * lmdb_layout::kPageBytes + 16, 0xFF, 64);
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
  FileBytes file(table.file());
  const std::string sound(file.data(), file.size());
  const std::string record = table.record();
  table.commit();
  int damaged = 0;
  int asked = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string changed_record = record;
    for (int flips = 0; flips < 200; ++flips) {
      // The heads of pages matter most, and the record once in a while.
      size_t page = random() % file.pages() * lmdb_layout::kPageBytes;
      size_t within = flips % 2 == 0 ? random() % 64 : random() % lmdb_layout::kPageBytes;
      flip_bit(file.data()[page + within], static_cast<unsigned>(random()));
    }
    if (round % 4 == 0) {
      flip_bit(changed_record[random() % record.size()], static_cast<unsigned>(random()));
    }
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
