// What LMDB wrote is sound, each kind of damage is seen, and what passes for sound LMDB can read to its end.
#include "tree_check.h"

#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <vector>

#include "lmdb_table.h"

using namespace tokengate;
using namespace tokengate::lmdb_layout;

namespace {

/// Three levels, with values of all sizes; the largest have pages of their own.
class World {
 public:
  World() {
    std::mt19937_64 random(3);
    for (unsigned i = 0; i < 12'000; ++i) {
      std::string key = "key " + std::to_string(i * 2'654'435'761U) + std::string(random() % 60, 'k');
      table.put(key, std::string(i % 1000 == 0 ? 9000 : random() % 100, 'v'));
    }
    table.commit();
    table.begin(MDB_RDONLY);
    record = table.record();
    commit = table.commit_id();
    file = std::make_unique<FileBytes>(table.file());
    table.commit();
  }
  bool is_sound(std::string_view of) const { return is_sound_tree(file->data(), file->pages(), of, 0); }
  bool is_sound() const { return is_sound(record) && is_sound(main_table_record(file->data(), commit)); }
  char* page(uint64_t number) const { return file->data() + number * kPageBytes; }
  uint64_t root() const { return load<uint64_t>(record.data() + kRootAt); }

  LmdbTable table{0};
  std::string record;
  uint64_t commit = 0;
  std::unique_ptr<FileBytes> file;
};

template <class T>
void store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

char* node(char* page, size_t slot) {
  return page + load<uint16_t>(page + kSlotsAt + 2 * slot);
}

uint64_t child(char* page, size_t slot) {
  return load<uint64_t>(node(page, slot)) & kChildBits;
}

/// Reads the table of a file to its end, forth and with a look-up of each key, in a process of its own.
bool lmdb_survives(const std::string& path) {
  pid_t reader = fork();
  if (reader == 0) {
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    MDB_cursor* cursor = nullptr;
    alarm(20);
    if (mdb_env_create(&env) == MDB_SUCCESS && mdb_env_set_maxdbs(env, 2) == MDB_SUCCESS &&
        mdb_env_open(env, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600) == MDB_SUCCESS &&
        mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == MDB_SUCCESS &&
        mdb_dbi_open(txn, "table", 0, &dbi) == MDB_SUCCESS &&
        mdb_cursor_open(txn, dbi, &cursor) == MDB_SUCCESS) {
      MDB_val key{};
      MDB_val value{};
      unsigned sum = 0;
      for (int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); code == MDB_SUCCESS;
           code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        for (size_t i = 0; i < value.mv_size; ++i) sum += static_cast<const unsigned char*>(value.mv_data)[i];
        mdb_get(txn, dbi, &key, &value);
      }
      _exit(sum == 1 ? 2 : 0);
    }
    _exit(0);
  }
  int status = -1;
  waitpid(reader, &status, 0);
  return WIFEXITED(status);
}

}  // namespace

START_TEST(what_lmdb_wrote_is_sound) {
  World world;
  ck_assert(world.is_sound());
  ck_assert_uint_eq(load<uint16_t>(world.record.data() + kDepthAt), 3);

  LmdbTable empty(0);
  empty.commit();
  empty.begin(MDB_RDONLY);
  FileBytes file(empty.file());
  ck_assert(is_sound_tree(file.data(), file.pages(), empty.record(), 0));
  empty.commit();
}
END_TEST

START_TEST(each_kind_of_damage_is_seen) {
  World world;
  char* root = world.page(world.root());
  char* branch = world.page(child(root, 1));
  char* leaf = world.page(child(branch, 1));
  // Values with pages of their own are few.
  char* large = nullptr;
  for (uint64_t number = 2; number < world.file->pages() && large == nullptr; ++number) {
    char* page = world.page(number);
    if (load<uint64_t>(page) != number || load<uint16_t>(page + kPageFlagsAt) != kLeafPage) continue;
    for (size_t slot = 0; slot < size_t{load<uint16_t>(page + kSlotsEndAt) - kSlotsAt} / 2; ++slot) {
      if (load<uint16_t>(node(page, slot) + kNodeFlagsAt) == kValueElsewhere) large = node(page, slot);
    }
  }
  ck_assert_ptr_nonnull(large);
  char* value = large + kKeyAt + load<uint16_t>(large + kKeySizeAt);
  auto seen = [&](auto* at, auto damage, const char* what) {
    auto* place = reinterpret_cast<char*>(at);
    auto before = load<decltype(damage)>(place);
    store(place, damage);
    ck_assert_msg(!world.is_sound(), "%s", what);
    store(place, before);
    ck_assert(world.is_sound());
  };
  for (char* page : {root, branch, leaf}) {
    seen(page, load<uint64_t>(page) ^ 1, "a page with another number");
    seen(page + kPageFlagsAt, uint16_t{3}, "a branch and a leaf");
    seen(page + kPageFlagsAt, uint16_t{0x22}, "keys without nodes");
    seen(page + kSlotsEndAt, uint16_t{16}, "no slot");
    seen(page + kSlotsEndAt, uint16_t{15}, "fewer than none");
    seen(page + kSlotsEndAt, uint16_t{4096}, "slots to the page's end");
    seen(page + kSlotsEndAt, uint16_t{0xFFFE}, "slots beyond the page");
    seen(page + kNodesBeginAt, uint16_t{0xFFFF}, "nodes beyond the page");
    seen(page + kSlotsAt, uint16_t{4090}, "a node at the page's end");
    seen(page + kSlotsAt, uint16_t{20}, "a node among the slots");
    seen(node(page, 1) + kKeySizeAt, uint16_t{512}, "a key longer than any");
    seen(node(page, 1) + kKeySizeAt, uint16_t{0}, "no key");
  }
  seen(node(branch, 1), world.root(), "a child that is the root");
  seen(node(branch, 1), uint64_t{child(branch, 1)} | uint64_t{1} << 40, "a child beyond the file");
  seen(node(root, 1), child(branch, 1), "a leaf too early");
  seen(large + kNodeFlagsAt, uint16_t{2}, "a value that is a table");
  seen(large + kNodeFlagsAt, uint16_t{4}, "a value of many");
  seen(large + kNodeFlagsAt, uint16_t{0}, "a value larger than the page");
  seen(large, uint32_t{0xFFFF'FFF0}, "a value larger than the file");
  seen(value, uint64_t{world.file->pages()}, "a value beyond the file");
  seen(value, world.root(), "a value on a page of a tree");

  for (size_t at : {kTableFlagsAt, kDepthAt, kRootAt}) {
    std::string changed = world.record;
    changed[at] ^= 4;
    ck_assert_msg(!world.is_sound(changed), "byte %zu", at);
  }
  for (uint64_t root_page : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    std::string changed = world.record;
    store(changed.data() + kRootAt, root_page);
    ck_assert(!world.is_sound(changed));
  }
  std::string fewer = world.record;
  store(fewer.data() + kLeafPagesAt, load<uint64_t>(fewer.data() + kLeafPagesAt) - 1);
  ck_assert(!world.is_sound(fewer));  // so that it ends where pages are counted more than once
  ck_assert(!world.is_sound(world.record + '\0'));
}
END_TEST

START_TEST(what_passes_lmdb_survives) {
  World world;
  const std::string sound(world.file->data(), world.file->size());
  const std::string path = world.table.file() + ".damaged";
  std::mt19937_64 random(5);
  int passed = 0;
  int seen = 0;
  for (int round = 0; round < 3000; ++round) {
    size_t page = (2 + random() % (world.file->pages() - 2)) * kPageBytes;
    for (size_t flips = 1 + random() % 4; flips > 0; --flips) {
      size_t within = random() % 4 == 0 ? random() % kPageBytes : random() % 256;
      flip_bit(world.file->data()[page + within], static_cast<unsigned>(random()));
    }
    if (!world.is_sound()) {
      ++seen;
    } else if (++passed <= 150) {
      std::ofstream(path, std::ios::binary)
          .write(world.file->data(), static_cast<std::streamsize>(sound.size()));
      ck_assert_msg(lmdb_survives(path), "round %d", round);
    }
    std::memcpy(world.file->data() + page, sound.data() + page, kPageBytes);
  }
  ck_assert_int_gt(passed, 150);
  ck_assert_int_gt(seen, 1000);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("tree_check");
  TCase* tcase = tcase_create("tree_check");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, what_lmdb_wrote_is_sound);
  tcase_add_test(tcase, each_kind_of_damage_is_seen);
  tcase_add_test(tcase, what_passes_lmdb_survives);
  suite_add_tcase(suite, tcase);
  return suite;
}
