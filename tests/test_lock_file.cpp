// A lock file that somebody wrote to, which every reader of a store may, as other processes have it open:
// with nobody there, LMDB makes it anew.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "store_fixture.h"
#include "store_holder.h"
#include "tokengate/verify.h"

using namespace tokengate;

namespace {

// Where LMDB has the number of slots that were ever used, and the slots.
constexpr off_t kReadersAt = 56;
constexpr off_t kSlotsAt = 128;

class World {
 public:
  World() {
    store.admin = {};  // a process opens a store once
    lock_ = open(lock_path().c_str(), O_RDWR);
    ck_assert_int_ge(lock_, 0);
  }
  ~World() { close(lock_); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::string lock_path() const { return store.path() + "/lock.mdb"; }
  template <class T>
  T read(off_t at) const {
    T value{};
    ck_assert_int_eq(pread(lock_, &value, sizeof value, at), sizeof value);
    return value;
  }
  template <class T>
  void write(off_t at, const T& value) const {
    ck_assert_int_eq(pwrite(lock_, &value, sizeof value, at), sizeof value);
  }

  StoreFixture store;

 private:
  int lock_ = -1;
};

/// Whether it has a snapshot to decide in.
bool can_read(Reader& reader) {
  Connection connection;
  connection.tls = true;
  return reader.verify({}, Credentials{}, connection, {}).outcome != Outcome::kStoreUnavailable;
}

START_TEST(more_readers_than_there_are_slots_are_refused) {
  World world;
  StoreHolder other(world.store.path());
  Verifier verifier(world.store.path());
  Reader reader(verifier);
  ck_assert(can_read(reader));
  const auto readers = world.read<uint32_t>(kReadersAt);
  for (uint32_t wrong : {kReaderSlots + 1, 10'000'000U, 0x7FFF'FFFFU, 0xFFFF'FFFFU}) {
    world.write(kReadersAt, wrong);
    ck_assert(!verifier.maintain());
    ck_assert(!can_read(reader));
    ck_assert(verifier.problem().find("lock file") != std::string::npos);
    Environment environment;
    ck_assert(environment.open(world.store.path(), Environment::Mode::kWrite) == StoreError::kLock);
    world.write(kReadersAt, readers);
    ck_assert(verifier.maintain());
    ck_assert(can_read(reader));
  }
}
END_TEST

START_TEST(a_count_of_readers_is_looked_at_by_those_who_have_the_store_open) {
  World world;
  StoreHolder other(world.store.path());
  Environment environment;
  ck_assert(environment.open(world.store.path(), Environment::Mode::kWrite) == StoreError::kNone);
  const auto readers = world.read<uint32_t>(kReadersAt);
  world.write(kReadersAt, uint32_t{10'000'000});
  {
    Transaction transaction;
    ck_assert(transaction.begin_read(environment) == StoreError::kLock);
    ck_assert(transaction.begin_write(environment) == StoreError::kLock);
    environment.clear_stale_readers();
    ck_assert_uint_eq(environment.figures().readers_used, 0);
  }
  world.write(kReadersAt, readers);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
}
END_TEST

/// LMDB would reckon with billions of readers and, as it closes the store, unmap 256 GiB.
START_TEST(a_file_too_short_for_a_reader_is_refused) {
  World world;
  StoreHolder other(world.store.path());
  for (size_t bytes : {0, 1, 64, 128, 191}) {
    std::filesystem::resize_file(world.lock_path(), bytes);
    for (auto mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
      Environment environment;
      ck_assert(environment.open(world.store.path(), mode) == StoreError::kLock);
    }
  }
}
END_TEST

START_TEST(a_file_that_is_no_lock_file_is_told_from_a_damaged_store) {
  constexpr off_t kMagicAt = 0;
  constexpr off_t kFormatAt = 4;
  for (off_t at : {kMagicAt, kFormatAt}) {
    World world;
    StoreHolder other(world.store.path());
    world.write(at, uint32_t{0});
    for (auto mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
      Environment environment;
      ck_assert(environment.open(world.store.path(), mode) == StoreError::kLock);
    }
  }
}
END_TEST

/// Whether a process ends by itself that opens the store, looks at the readers, and takes a snapshot or makes
/// a change.
bool survives_use(const std::string& path, Environment::Mode mode) {
  pid_t child = fork();
  if (child == 0) {
    alarm(10);
    {
      Environment environment;
      Transaction transaction;
      if (environment.open(path, mode) == StoreError::kNone) {
        environment.figures();
        if (mode == Environment::Mode::kRead) {
          transaction.begin_read(environment);
        } else if (transaction.begin_write(environment) == StoreError::kNone) {
          transaction.put(Table::kMeta, "key", "value");
          transaction.commit();
        }
      }
    }
    _exit(0);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  return WIFEXITED(status);
}

START_TEST(no_word_of_it_ends_a_process) {
  // The locks are left alone: whoever holds them makes others wait.
  constexpr off_t kReaderLockAt = 8;
  constexpr off_t kWriterLockAt = 64;
  constexpr off_t kEnd = kSlotsAt + off_t{4} * 64;
  for (off_t at = 0; at < kEnd; at += 4) {
    if ((at >= kReaderLockAt && at < kReaderLockAt + 40) || (at >= kWriterLockAt && at < kWriterLockAt + 40))
      continue;
    World world;
    StoreHolder other(world.store.path(), 2);
    for (uint32_t wrong : {0U, 1U, kReaderSlots, kReaderSlots + 1, 0x7FFF'FFFFU, 0xFFFF'FFFFU}) {
      world.write(at, wrong);
      for (auto mode : {Environment::Mode::kRead, Environment::Mode::kWrite})
        ck_assert_msg(survives_use(world.store.path(), mode), "%u at %ld", wrong, static_cast<long>(at));
    }
  }
}
END_TEST

START_TEST(a_reader_whose_slot_was_overwritten_gets_another) {
  World world;
  StoreHolder other(world.store.path());
  Verifier verifier(world.store.path());
  Reader reader(verifier);
  ck_assert(can_read(reader));
  world.write(kSlotsAt, std::array<char, 4096>{});
  ck_assert(!can_read(reader));
  ck_assert(verifier.maintain());
  ck_assert(can_read(reader));
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("lock_file");
  TCase* tcase = tcase_create("lock_file");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, more_readers_than_there_are_slots_are_refused);
  tcase_add_test(tcase, a_count_of_readers_is_looked_at_by_those_who_have_the_store_open);
  tcase_add_test(tcase, a_file_too_short_for_a_reader_is_refused);
  tcase_add_test(tcase, a_file_that_is_no_lock_file_is_told_from_a_damaged_store);
  tcase_add_test(tcase, no_word_of_it_ends_a_process);
  tcase_add_test(tcase, a_reader_whose_slot_was_overwritten_gets_another);
  suite_add_tcase(suite, tcase);
  return suite;
}
