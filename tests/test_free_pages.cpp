// Data files that end before the last page which LMDB counts: with free pages missing they are whole, with
// others not.
#include "free_pages.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "environment.h"
#include "lmdb_table.h"
#include "store_fixture.h"
#include "store_holder.h"
#include "transaction.h"

using namespace tokengate;
using namespace tokengate::lmdb_layout;

namespace {

constexpr uint64_t kValues = 401;
constexpr uint64_t kStride = 173;  // so that they come in no order
constexpr uint64_t kKept = 20;

/// A store that was filled and emptied, until the last page was one that a transaction took and gave up
/// again.
class World {
 public:
  World() {
    store.admin = {};
    for (int i = 0; i < 40 && std::filesystem::file_size(data()) > last_page * kPageBytes; ++i) {
      if (i % 2 == 0) {
        change([](Transaction& transaction, uint64_t key) {
          return transaction.put(Table::kJournal, key, std::string(1000, 'v'));
        });
      } else {
        change(
            [](Transaction& transaction, uint64_t key) { return transaction.erase(Table::kJournal, key); });
      }
    }
  }

  StoreError open(Environment::Mode mode) const {
    Environment environment;
    StoreError error = environment.open(store.path(), mode);
    Transaction transaction;
    Bytes value;
    if (error == StoreError::kNone) error = transaction.begin_read(environment);
    if (error == StoreError::kNone) error = transaction.get(Table::kJournal, kFirst + kKept - 1, &value);
    return error;
  }
  std::string data() const { return store.path() + "/data.mdb"; }

  StoreFixture store;
  /// Of the newest commit.
  uint64_t commit = 0;
  uint64_t last_page = 0;

 private:
  static constexpr uint64_t kFirst = 1000;

  template <class Work>
  void change(Work&& work) {
    Environment environment;
    ck_assert(environment.open(store.path(), Environment::Mode::kWrite) == StoreError::kNone);
    Transaction transaction;
    ck_assert(transaction.begin_write(environment) == StoreError::kNone);
    commit = transaction.id();
    for (uint64_t i = 0; i < kValues; ++i) {
      uint64_t key = kFirst + kKept + i * kStride % kValues;
      ck_assert(work(transaction, key) == StoreError::kNone);
    }
    for (uint64_t key = kFirst; key < kFirst + kKept; ++key)
      ck_assert(transaction.put(Table::kJournal, key, "kept") == StoreError::kNone);
    ck_assert(transaction.commit() == StoreError::kNone);
    last_page = load<uint64_t>(FileBytes(data()).data() + commit % 2 * kPageBytes + kLastPageAt);
  }
};

START_TEST(a_store_whose_last_pages_are_free_is_whole) {
  World world;
  ck_assert_uint_le(std::filesystem::file_size(world.data()), world.last_page * kPageBytes);
  ck_assert(world.open(Environment::Mode::kRead) == StoreError::kNone);
  ck_assert(world.open(Environment::Mode::kWrite) == StoreError::kNone);
}
END_TEST

/// If all are in use, nothing is said of the file.
START_TEST(without_a_reader_slot_it_is_not_called_damaged) {
  for (bool alive : {false, true}) {
    World world;
    StoreHolder hoarder(world.store.path(), kReaderSlots);
    if (!alive) hoarder.end();
    StoreError expected = alive ? StoreError::kReadersFull : StoreError::kNone;
    ck_assert(world.open(Environment::Mode::kServe) == expected);
    ck_assert(world.open(Environment::Mode::kWrite) == StoreError::kNone);
  }
}
END_TEST

START_TEST(without_a_page_in_use_it_is_damaged) {
  World world;
  FileBytes file(world.data());
  uint64_t end = file.pages();
  while (are_free(file.data(), world.commit, end - 1, world.last_page)) --end;
  std::filesystem::resize_file(world.data(), end * kPageBytes);
  ck_assert(world.open(Environment::Mode::kRead) == StoreError::kNone);
  std::filesystem::resize_file(world.data(), (end - 1) * kPageBytes);
  ck_assert(world.open(Environment::Mode::kRead) == StoreError::kDamaged);
  ck_assert(world.open(Environment::Mode::kWrite) == StoreError::kDamaged);
}
END_TEST

/// As `mdb_copy -n -c` makes it: in the record of the free pages LMDB notes that.
START_TEST(a_copy_of_the_file_alone_is_whole) {
  StoreFixture store;
  store.admin = {};
  TempFolder copy;
  MDB_env* env = nullptr;
  ck_assert_lmdb(mdb_env_create(&env));
  ck_assert_lmdb(mdb_env_open(env, (store.path() + "/data.mdb").c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600));
  ck_assert_lmdb(mdb_env_copy2(env, (copy.path() + "/data.mdb").c_str(), MDB_CP_COMPACT));
  mdb_env_close(env);
  for (Environment::Mode mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
    Environment environment;
    ck_assert(environment.open(copy.path(), mode) == StoreError::kNone);
  }
}
END_TEST

START_TEST(a_damaged_list_frees_nothing) {
  World world;
  FileBytes file(world.data());
  const uint64_t first = file.pages();
  ck_assert(are_free(file.data(), world.commit, first, world.last_page));
  ck_assert(!are_free(file.data(), world.commit, first, world.last_page + 1));
  ck_assert(!are_free(file.data(), world.commit, 2, world.last_page));
  // Whatever a bit of the list's page or its record becomes, nothing outside of the file is read.
  char* record = file.data() + world.commit % 2 * kPageBytes + kFreeTableAt;
  char* page = file.data() + load<uint64_t>(record + kRootAt) * kPageBytes;
  size_t refused = 0;
  for (auto [begin, bytes] : {std::pair{record, kTableRecordBytes}, std::pair{page, kPageBytes}}) {
    for (size_t bit = 0; bit < bytes * 8; ++bit) {
      flip_bit(begin[bit / 8], bit);
      if (!are_free(file.data(), world.commit, first, world.last_page)) ++refused;
      flip_bit(begin[bit / 8], bit);
    }
  }
  ck_assert_uint_gt(refused, 100);
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("free_pages");
  TCase* tcase = tcase_create("free_pages");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_store_whose_last_pages_are_free_is_whole);
  tcase_add_test(tcase, without_a_reader_slot_it_is_not_called_damaged);
  tcase_add_test(tcase, without_a_page_in_use_it_is_damaged);
  tcase_add_test(tcase, a_copy_of_the_file_alone_is_whole);
  tcase_add_test(tcase, a_damaged_list_frees_nothing);
  suite_add_tcase(suite, tcase);
  return suite;
}
