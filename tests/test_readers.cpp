// What readers say of themselves in the file `readers`, and what becomes of it when somebody else writes
// there.
#include "readers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "environment.h"
#include "store_fixture.h"
#include "store_holder.h"
#include "transaction.h"

using namespace tokengate;

namespace {

constexpr size_t kFileBytes = kReaderSlots * kReaderSlotBytes;
constexpr uint64_t kKey = 0x8000'0000'0000'0000;  // of table tokens

class World {
 public:
  World() {
    store.admin = {};  // a process opens a store once to change it
    ck_assert(writer.open(path, Environment::Mode::kWrite) == StoreError::kNone);
  }

  /// Makes a commit that writes a page of each tree anew.
  void commit(Bytes value) {
    Transaction transaction;
    ck_assert(transaction.begin_write(writer) == StoreError::kNone);
    ck_assert(transaction.put(Table::kTokens, kKey, value) == StoreError::kNone);
    ck_assert(transaction.commit() == StoreError::kNone);
  }
  void write_readers(const std::string& bytes) const {
    int file = open((path + "/readers").c_str(), O_RDWR);
    ck_assert_int_eq(pwrite(file, bytes.data(), bytes.size(), 0), bytes.size());
    close(file);
  }

  StoreFixture store;
  const std::string path = store.path();
  Environment writer;
};

START_TEST(what_is_read_is_not_used_again) {
  World world;
  world.commit("first");
  Environment environment;
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
  Transaction reader;
  ck_assert(reader.begin_read(environment) == StoreError::kNone);
  Bytes value;
  ck_assert(reader.get(Table::kTokens, kKey, &value) == StoreError::kNone);
  ck_assert(reader.is_intact());
  std::atomic<int> commits{0};
  std::atomic<bool> let_go{false};
  std::atomic<bool> waited{false};
  std::thread writing([&] {
    using Clock = std::chrono::steady_clock;
    Clock::time_point before;
    for (int i = 0; i < 3; ++i) {
      before = Clock::now();
      world.commit("later " + std::to_string(i));
      ++commits;
    }
    // However slow the machine: the third waited for the reader, or for as long as any waits.
    waited = let_go.load() || Clock::now() - before >= std::chrono::seconds(1);
  });
  while (commits.load() < 2) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  if (commits.load() == 2) ck_assert_view_eq(value, "first");
  // Of a writer that does not wait, it could not be said.
  ck_assert(!reader.is_intact());
  let_go = true;
  reader.reset();
  writing.join();
  ck_assert(waited);
  ck_assert(reader.renew() == StoreError::kNone);
  ck_assert(reader.get(Table::kTokens, kKey, &value) == StoreError::kNone);
  ck_assert_view_eq(value, "later 2");
  ck_assert(reader.is_intact());
}
END_TEST

/// Nor does what the dead said.
START_TEST(a_reader_that_is_stuck_holds_changes_up_for_a_moment_only) {
  World world;
  StoreHolder stuck(world.path, 1);
  for (int i = 0; i < 5; ++i) world.commit(std::to_string(i));
  stuck.end();
  ck_assert_uint_eq(count_readers(world.path), 0);
  for (int i = 0; i < 50; ++i) world.commit(std::to_string(i));
}
END_TEST

START_TEST(slots_are_counted_and_end_with_their_process) {
  World world;
  ck_assert_uint_eq(count_readers(world.path), 0);
  {
    StoreHolder some(world.path, 3);
    ck_assert_uint_eq(count_readers(world.path), 3);
    StoreHolder others(world.path, 5);
    ck_assert_uint_eq(count_readers(world.path), 8);
  }
  ck_assert_uint_eq(count_readers(world.path), 0);
  Readers readers;
  ck_assert_int_eq(readers.open(world.path), 0);
  int one = -1;
  int other = -1;
  ck_assert_int_eq(readers.claim(&one), 0);
  ck_assert_int_eq(readers.claim(&other), 0);
  ck_assert_int_ne(one, other);
  ck_assert_uint_eq(count_readers(world.path), 2);
  readers.release(one);
  int again = -1;
  ck_assert_int_eq(readers.claim(&again), 0);
  ck_assert_int_eq(again, one);
  readers.release(one);
  readers.release(other);
  ck_assert_uint_eq(count_readers(world.path), 0);
}
END_TEST

START_TEST(without_a_free_slot_nobody_reads) {
  World world;
  StoreHolder all(world.path, kReaderSlots - 2);  // to open the store takes two
  Environment environment;
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
  Readers readers;
  ck_assert_int_eq(readers.open(world.path), 0);
  int slot = -1;
  ck_assert_int_eq(readers.claim(&slot), 0);
  ck_assert_int_eq(readers.claim(&slot), 0);
  ck_assert_int_eq(readers.claim(&slot), EAGAIN);
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kReadersFull);
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kReadersFull);
  all.end();
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
}
END_TEST

START_TEST(a_file_that_was_cut_or_replaced_is_noticed_and_made_whole) {
  World world;
  Environment environment;
  for (size_t bytes : {size_t{0}, size_t{100}, kFileBytes - 1}) {
    ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
    ck_assert(environment.is_current());
    std::filesystem::resize_file(world.path + "/readers", bytes);
    ck_assert(!environment.is_current());
    // What it says meanwhile is lost, and nobody ends by that.
    Transaction transaction;
    ck_assert(transaction.begin_read(environment) == StoreError::kNone);
    transaction.abort();
    world.commit("more");
  }
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
  ck_assert_uint_eq(std::filesystem::file_size(world.path + "/readers"), kFileBytes);
  std::filesystem::remove(world.path + "/readers");
  ck_assert(!environment.is_current());
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNoReaders);
  // Nothing that waits takes its place.
  ck_assert_int_eq(mkfifo((world.path + "/readers").c_str(), 0660), 0);
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kSystem);
  world.commit("more");
}
END_TEST

START_TEST(nonsense_in_it_changes_nothing) {
  World world;
  Environment environment;
  ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
  Transaction reader;
  ck_assert(reader.begin_read(environment) == StoreError::kNone);
  std::mt19937_64 random(7);  // NOLINT: the same each time
  for (int fill : {0x00, 0xFF, 0x01, -1}) {
    std::string bytes(kFileBytes, static_cast<char>(fill));
    if (fill < 0)
      for (char& byte : bytes) byte = static_cast<char>(random());
    reader.reset();
    world.write_readers(bytes);
    world.commit(std::to_string(fill));
    ck_assert(reader.renew() == StoreError::kNone);
    Bytes value;
    ck_assert(reader.get(Table::kTokens, kKey, &value) == StoreError::kNone);
    ck_assert_view_eq(value, std::to_string(fill));
    ck_assert(reader.is_intact());
  }
}
END_TEST

/// LMDB trusts what is in it with its own memory.
START_TEST(a_lock_file_that_others_may_write_is_not_touched) {
  World world;
  world.writer.close();
  for (mode_t mode : {0620, 0602, 0660, 0666}) {
    ck_assert_int_eq(chmod((world.path + "/lock.mdb").c_str(), mode), 0);
    int lock = open((world.path + "/lock.mdb").c_str(), O_RDWR);
    const std::string garbage(8192, '\xA5');
    ck_assert_int_eq(pwrite(lock, garbage.data(), garbage.size(), 0), garbage.size());
    Environment environment;
    ck_assert(environment.open(world.path, Environment::Mode::kWrite) == StoreError::kLock);
    ck_assert(environment.open(world.path, Environment::Mode::kRead) == StoreError::kNone);
    ck_assert(environment.open(world.path, Environment::Mode::kServe) == StoreError::kNone);
    std::string after(garbage.size(), '\0');
    ck_assert_int_eq(pread(lock, after.data(), after.size(), 0), after.size());
    ck_assert(after == garbage);
    close(lock);
  }
  std::filesystem::remove(world.path + "/lock.mdb");
  Environment environment;
  ck_assert(environment.open(world.path, Environment::Mode::kWrite) == StoreError::kNone);
}
END_TEST

/// One of the owner's own that is garbled is told from a damaged store.
START_TEST(a_lock_file_without_its_marks_is_named) {
  constexpr off_t kMagicAt = 0;
  constexpr off_t kFormatAt = 4;
  for (off_t at : {kMagicAt, kFormatAt}) {
    World world;
    const uint32_t zero = 0;
    int lock = open((world.path + "/lock.mdb").c_str(), O_RDWR);
    ck_assert_int_eq(pwrite(lock, &zero, sizeof zero, at), sizeof zero);
    pid_t child = fork();  // this process has it open
    if (child == 0) {
      Environment environment;
      _exit(environment.open(world.path, Environment::Mode::kRead) == StoreError::kLock ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
  }
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("readers");
  TCase* tcase = tcase_create("readers");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, what_is_read_is_not_used_again);
  tcase_add_test(tcase, a_reader_that_is_stuck_holds_changes_up_for_a_moment_only);
  tcase_add_test(tcase, slots_are_counted_and_end_with_their_process);
  tcase_add_test(tcase, without_a_free_slot_nobody_reads);
  tcase_add_test(tcase, a_file_that_was_cut_or_replaced_is_noticed_and_made_whole);
  tcase_add_test(tcase, nonsense_in_it_changes_nothing);
  tcase_add_test(tcase, a_lock_file_that_others_may_write_is_not_touched);
  tcase_add_test(tcase, a_lock_file_without_its_marks_is_named);
  suite_add_tcase(suite, tcase);
  return suite;
}
