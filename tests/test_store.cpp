// The LMDB layer with a real LMDB: opening, modes, growth by another process, killed readers.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cursor.h"
#include "environment.h"
#include "store_fixture.h"
#include "transaction.h"

using namespace tokengate;

namespace {

constexpr uint64_t kSmallMap = 1 << 20;

/// An environment with the format key set, as create_store() leaves it.
std::string make_environment(const TempFolder& folder, uint64_t map_bytes = kSmallMap) {
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kCreate, map_bytes) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
  uint32_t format = kFormatVersion;
  Bytes value(reinterpret_cast<const char*>(&format), sizeof format);
  ck_assert(transaction.put(Table::kMeta, kFormatKey, value) == StoreError::kNone);
  ck_assert(transaction.commit() == StoreError::kNone);
  return folder.path();
}

/// Runs `work` in a child process and waits; it must return true.
template <class Work>
void in_child(Work&& work) {
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) _exit(work() ? 0 : 1);
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %d", status);
}

bool put_many(const std::string& path, uint64_t map_bytes, int count) {
  Environment environment;
  if (environment.open(path, Environment::Mode::kWrite, map_bytes) != StoreError::kNone) return false;
  Transaction transaction;
  if (transaction.begin_write(environment) != StoreError::kNone) return false;
  std::string value(1000, 'v');
  for (int i = 1; i <= count; ++i) {
    if (transaction.put(Table::kJournal, static_cast<uint64_t>(i), value) != StoreError::kNone) return false;
  }
  return transaction.commit() == StoreError::kNone;
}

}  // namespace

START_TEST(a_missing_store_is_named_and_nothing_is_made) {
  TempFolder folder;
  Environment environment;
  for (Environment::Mode mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
    ck_assert(environment.open(folder.path() + "/none", mode) == StoreError::kNoStore);
    ck_assert(environment.open(folder.path(), mode) == StoreError::kNoStore);
    ck_assert(!environment.is_open());
  }
  ck_assert(std::filesystem::is_empty(folder.path()));
}
END_TEST

START_TEST(a_foreign_file_is_refused) {
  TempFolder folder;
  std::ofstream(folder.path() + "/data.mdb") << std::string(8192, 'x');
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kRead) == StoreError::kDamaged);
  ck_assert(environment.open(folder.path(), Environment::Mode::kWrite) == StoreError::kDamaged);
}
END_TEST

START_TEST(a_data_file_that_was_cut_is_damage_and_no_crash) {
  TempFolder folder;
  std::string path = make_environment(folder);
  in_child([&] { return put_many(path, 64 * kSmallMap, 2000); });
  auto whole = std::filesystem::file_size(path + "/data.mdb");
  // Whole pages and parts of pages, down to the two that LMDB itself asks for, and below.
  for (uintmax_t size : {whole - 4096, whole / 2, uintmax_t{12288}, uintmax_t{8192}, uintmax_t{5000}}) {
    std::filesystem::resize_file(path + "/data.mdb", size);
    for (Environment::Mode mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
      Environment environment;
      ck_assert_msg(environment.open(path, mode) != StoreError::kNone, "%ju bytes", size);
    }
  }
}
END_TEST

START_TEST(another_format_version_is_refused) {
  TempFolder folder;
  make_environment(folder);
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kWrite) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
  ck_assert(transaction.put(Table::kMeta, kFormatKey, std::string_view("\2\0\0\0", 4)) == StoreError::kNone);
  ck_assert(transaction.commit() == StoreError::kNone);
  environment.close();
  ck_assert(environment.open(folder.path(), Environment::Mode::kRead) == StoreError::kVersion);
}
END_TEST

START_TEST(put_insert_get_erase) {
  TempFolder folder;
  make_environment(folder);
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kWrite) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
  Bytes value;
  ck_assert(transaction.get(Table::kAcls, "a", &value) == StoreError::kNotFound);
  ck_assert(transaction.erase(Table::kAcls, "a") == StoreError::kNotFound);
  ck_assert(transaction.insert(Table::kAcls, "a", "1") == StoreError::kNone);
  ck_assert(transaction.insert(Table::kAcls, "a", "2") == StoreError::kExists);
  ck_assert(transaction.put(Table::kAcls, "a", "3") == StoreError::kNone);
  ck_assert(transaction.get(Table::kAcls, "a", &value) == StoreError::kNone);
  ck_assert_view_eq(value, "3");
  ck_assert(transaction.put(Table::kTokens, uint64_t{300}, "x") == StoreError::kNone);
  ck_assert(transaction.put(Table::kTokens, uint64_t{2}, "y") == StoreError::kNone);
  {
    Cursor cursor;
    ck_assert(cursor.open(transaction, Table::kTokens) == StoreError::kNone);
    ck_assert(cursor.first() == StoreError::kNone);
    ck_assert_uint_eq(cursor.integer_key(), 2);
    ck_assert(cursor.seek(uint64_t{3}) == StoreError::kNone);
    ck_assert_uint_eq(cursor.integer_key(), 300);
    ck_assert(cursor.next() == StoreError::kNotFound);
    ck_assert(cursor.seek(uint64_t{301}) == StoreError::kNotFound);
  }
  ck_assert(transaction.clear(Table::kTokens) == StoreError::kNone);
  uint64_t count = 9;
  ck_assert(transaction.count(Table::kTokens, &count) == StoreError::kNone);
  ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(what_was_not_committed_is_not_there) {
  TempFolder folder;
  make_environment(folder);
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kWrite) == StoreError::kNone);
  {
    Transaction transaction;
    ck_assert(transaction.begin_write(environment) == StoreError::kNone);
    ck_assert(transaction.put(Table::kAcls, "a", "1") == StoreError::kNone);
  }
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kNone);
  Bytes value;
  ck_assert(transaction.get(Table::kAcls, "a", &value) == StoreError::kNotFound);
}
END_TEST

START_TEST(a_kept_transaction_sees_another_process_commit) {
  TempFolder folder;
  std::string path = make_environment(folder);
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kNone);
  Cursor cursor;
  ck_assert(cursor.open(transaction, Table::kJournal) == StoreError::kNone);
  Bytes value;
  ck_assert(transaction.get(Table::kJournal, uint64_t{1}, &value) == StoreError::kNotFound);
  in_child([&] { return put_many(path, kSmallMap, 1); });
  ck_assert(transaction.get(Table::kJournal, uint64_t{1}, &value) == StoreError::kNotFound);
  transaction.reset();
  ck_assert(transaction.renew() == StoreError::kNone);
  ck_assert(cursor.bind_again(transaction) == StoreError::kNone);
  ck_assert(transaction.get(Table::kJournal, uint64_t{1}, &value) == StoreError::kNone);
  ck_assert(cursor.first() == StoreError::kNone);
}
END_TEST

START_TEST(growth_by_another_process_is_adopted) {
  TempFolder folder;
  std::string path = make_environment(folder);
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe, kSmallMap) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kNone);
  transaction.reset();
  in_child([&] { return put_many(path, 64 * kSmallMap, 5000); });
  ck_assert(transaction.renew() == StoreError::kMapResized);
  ck_assert(environment.adopt_size() == StoreError::kNone);
  ck_assert(transaction.renew() == StoreError::kNone);
  Bytes value;
  ck_assert(transaction.get(Table::kJournal, uint64_t{5000}, &value) == StoreError::kNone);
}
END_TEST

START_TEST(a_map_that_moves_under_a_kept_transaction_is_followed) {
  constexpr uint64_t kToken = 0x8000'0000'0000'0000;
  TempFolder folder;
  std::string path = make_environment(folder);
  {
    Environment writer;
    ck_assert(writer.open(path, Environment::Mode::kWrite, kSmallMap) == StoreError::kNone);
    Transaction transaction;
    ck_assert(transaction.begin_write(writer) == StoreError::kNone);
    ck_assert(transaction.put(Table::kTokens, kToken, Bytes("token")) == StoreError::kNone);
    ck_assert(transaction.commit() == StoreError::kNone);
  }
  // A hole above the map, to which the system moves it; both are larger than any other hole.
  constexpr uint64_t kLargeMap = 1024 * kSmallMap;
  constexpr size_t kHoleBytes = 2 * kLargeMap;
  void* hole = mmap(nullptr, kHoleBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ck_assert_ptr_ne(hole, MAP_FAILED);
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe, kLargeMap) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kNone);
  Bytes before;
  ck_assert(transaction.get(Table::kTokens, kToken, &before) == StoreError::kNone);
  transaction.reset();
  munmap(hole, kHoleBytes);
  ck_assert(environment.adopt_size() == StoreError::kNone);
  ck_assert(transaction.renew() == StoreError::kNone);
  Bytes after;
  ck_assert(transaction.get(Table::kTokens, kToken, &after) == StoreError::kNone);
  ck_assert_view_eq(after, "token");
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // which know better where a map goes
  ck_assert_ptr_ne(before.data(), after.data());
#endif
}
END_TEST

std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

START_TEST(a_commit_that_failed_is_not_taken_for_the_next_one) {
  constexpr uint64_t kToken = 0x8000'0000'0000'0000;
  TempFolder folder;
  std::string path = make_environment(folder);
  auto put = [&](Bytes value, bool more) {
    in_child([&] {
      Environment environment;
      Transaction transaction;
      return environment.open(path, Environment::Mode::kWrite, kSmallMap) == StoreError::kNone &&
             transaction.begin_write(environment) == StoreError::kNone &&
             (!more || transaction.put(Table::kJournal, uint64_t{1}, value) == StoreError::kNone) &&
             transaction.put(Table::kTokens, kToken, value) == StoreError::kNone &&
             transaction.commit() == StoreError::kNone;
    });
  };
  auto write_file = [&](const char* file, const std::string& bytes) {
    int opened = open((path + file).c_str(), O_RDWR);
    ck_assert_int_eq(pwrite(opened, bytes.data(), bytes.size(), 0), bytes.size());
    close(opened);
  };
  put("first", false);
  const std::string before = file_bytes(path + "/data.mdb");
  const std::string acknowledged = file_bytes(path + "/acknowledged").substr(0, sizeof(uint64_t));
  put("second", false);
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe, kSmallMap) == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_read(environment) == StoreError::kNone);
  uint64_t id = transaction.id();
  transaction.reset();
  Transaction held;
  ck_assert(held.begin_read(environment) == StoreError::kNone);
  ck_assert(held.is_intact());
  // As if the disk had failed the second, which nobody was told of.
  write_file("/acknowledged", acknowledged);
  write_file("/data.mdb", before);
  put("third", true);
  ck_assert(!held.is_intact());
  ck_assert(transaction.renew() == StoreError::kNone);
  ck_assert_uint_eq(transaction.id(), id);
  ck_assert(transaction.is_intact());
  Bytes value;
  ck_assert(transaction.get(Table::kTokens, kToken, &value) == StoreError::kNone);
  ck_assert_view_eq(value, "third");
}
END_TEST

START_TEST(what_was_acknowledged_is_looked_at_again_once_it_can_be_read) {
  TempFolder folder;
  std::string path = make_environment(folder);
  std::filesystem::resize_file(path + "/acknowledged", 0);  // its first writer had no room
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe, kSmallMap) == StoreError::kNone);
  ck_assert(environment.is_current());
  in_child([&] { return put_many(path, kSmallMap, 1); });
  ck_assert(!environment.is_current());
}
END_TEST

START_TEST(a_full_map_is_told_and_can_grow) {
  TempFolder folder;
  make_environment(folder);
  Environment environment;
  ck_assert(environment.open(folder.path(), Environment::Mode::kWrite, kSmallMap) == StoreError::kNone);
  std::string value(1000, 'v');
  StoreError error = StoreError::kNone;
  {
    Transaction transaction;
    ck_assert(transaction.begin_write(environment) == StoreError::kNone);
    for (uint64_t i = 1; i < 5000 && error == StoreError::kNone; ++i) {
      error = transaction.put(Table::kJournal, i, value);
    }
  }
  ck_assert(error == StoreError::kMapFull);
  for (int i = 0; i < 4; ++i) ck_assert(environment.grow() == StoreError::kNone);
  Transaction transaction;
  ck_assert(transaction.begin_write(environment) == StoreError::kNone);
  for (uint64_t i = 1; i < 5000; ++i) {
    ck_assert(transaction.put(Table::kJournal, i, value) == StoreError::kNone);
  }
  ck_assert(transaction.commit() == StoreError::kNone);
}
END_TEST

START_TEST(a_replaced_or_shortened_data_file_is_noticed) {
  TempFolder folder;
  TempFolder other;
  std::string path = make_environment(folder);
  make_environment(other);
  Environment environment;
  ck_assert(environment.open(path, Environment::Mode::kServe) == StoreError::kNone);
  ck_assert(environment.is_current());
  std::filesystem::rename(other.path() + "/data.mdb", path + "/data.mdb");
  ck_assert(!environment.is_current());
  ck_assert(environment.open(path, Environment::Mode::kServe) == StoreError::kNone);
  ck_assert(environment.is_current());
  std::filesystem::resize_file(path + "/data.mdb", 8192);
  ck_assert(!environment.is_current());
  std::filesystem::remove(path + "/data.mdb");
  ck_assert(!environment.is_current());
}
END_TEST

START_TEST(a_store_on_a_read_only_file_system_stays_open) {
  if (geteuid() != 0) return;
  for (bool has_readers : {true, false}) {
    TempFolder folder;
    const std::string path = make_environment(folder);
    if (!has_readers) unlink((path + "/readers").c_str());
    in_child([&] {
      const char* place = path.c_str();
      // A mount of this process's own; not every machine lets it have one.
      if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount(place, place, nullptr, MS_BIND, nullptr) != 0) {
        return true;
      }
      if (mount(nullptr, place, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) return false;
      Environment environment;
      if (environment.open(path, Environment::Mode::kServe) != StoreError::kNone) return false;
      if (!environment.is_current()) return false;
      if (mount(nullptr, place, nullptr, MS_REMOUNT | MS_BIND, nullptr) != 0) return false;
      // Others may write now, and would not see this reader.
      return !environment.is_current();
    });
  }
}
END_TEST

START_TEST(store_files_have_the_modes_that_protect_them) {
  umask(0077);  // whatever the caller's
  StoreFixture fixture;
  const std::pair<const char*, mode_t> kModes[] = {
      {"", 02750}, {"/data.mdb", 0640}, {"/lock.mdb", 0600}, {"/readers", 0660}, {"/acknowledged", 0640}};
  for (const auto& [name, mode] : kModes) {
    struct stat file {};
    ck_assert_int_eq(stat((fixture.path() + name).c_str(), &file), 0);
    ck_assert_msg((file.st_mode & 07777) == mode, "%s: %o", name, file.st_mode & 07777);
  }
}
END_TEST

START_TEST(files_that_were_lost_come_back_as_they_were) {
  constexpr uid_t kUser = 1000;
  constexpr gid_t kGroup = 33;
  StoreFixture fixture;
  fixture.admin = {};
  const bool root = geteuid() == 0;
  auto check_file = [&](const char* name, mode_t mode) {
    struct stat file {};
    ck_assert_int_eq(stat((fixture.path() + name).c_str(), &file), 0);
    ck_assert_int_eq(file.st_mode & 07777, mode);
    if (root) ck_assert_uint_eq(file.st_gid, kGroup);
  };
  if (root) ck_assert_int_eq(chown((fixture.path() + "/data.mdb").c_str(), kUser, kGroup), 0);
  umask(0077);
  for (auto mode : {Environment::Mode::kRead, Environment::Mode::kWrite}) {
    ck_assert_int_eq(unlink((fixture.path() + "/lock.mdb").c_str()), 0);
    Environment environment;
    ck_assert(environment.open(fixture.path(), mode) == StoreError::kNone);
    check_file("/lock.mdb", 0600);
    struct stat file {};
    ck_assert_int_eq(stat((fixture.path() + "/lock.mdb").c_str(), &file), 0);
    if (root) ck_assert_uint_eq(file.st_uid, kUser);
  }
  ck_assert_int_eq(unlink((fixture.path() + "/readers").c_str()), 0);
  {
    Environment environment;
    ck_assert(environment.open(fixture.path(), Environment::Mode::kServe) == StoreError::kNoReaders);
    ck_assert(environment.open(fixture.path(), Environment::Mode::kWrite) == StoreError::kNone);
  }
  check_file("/readers", 0660);
}
END_TEST

START_TEST(a_user_of_the_group_can_read_and_not_write) {
  if (geteuid() != 0) return;  // only root can become somebody else
  constexpr gid_t kGroup = 33;
  StoreFixture fixture;
  for (const char* file : {"", "/data.mdb", "/lock.mdb", "/readers", "/acknowledged", "/usage.map"}) {
    ck_assert_int_eq(chown((fixture.path() + file).c_str(), 0, kGroup), 0);
  }
  ck_assert_int_eq(chmod(fixture.path().c_str(), 02750), 0);
  ck_assert_int_eq(chmod(std::filesystem::path(fixture.path()).parent_path().c_str(), 0755), 0);
  fixture.admin = {};
  in_child([&] {
    if (setgid(kGroup) != 0 || setuid(65534) != 0) return false;
    Environment environment;
    if (environment.open(fixture.path(), Environment::Mode::kWrite) != StoreError::kPermission) return false;
    for (const char* file : {"/data.mdb", "/acknowledged", "/lock.mdb"}) {
      if (open((fixture.path() + file).c_str(), O_RDWR) >= 0) return false;
    }
    for (const char* file : {"/readers", "/usage.map"}) {
      if (open((fixture.path() + file).c_str(), O_RDWR) < 0) return false;
    }
    if (open((fixture.path() + "/lock.mdb").c_str(), O_RDONLY) >= 0) return false;
    return environment.open(fixture.path(), Environment::Mode::kServe) == StoreError::kNone &&
           environment.open(fixture.path(), Environment::Mode::kRead) == StoreError::kNone;
  });
  for (auto mode : {Environment::Mode::kServe, Environment::Mode::kRead}) {
    in_child([&] {
      if (setgid(65534) != 0 || setuid(65534) != 0) return false;
      Environment environment;
      return environment.open(fixture.path(), mode) == StoreError::kPermission;
    });
  }
}
END_TEST

START_TEST(who_is_not_of_the_group_reaches_nothing) {
  if (geteuid() != 0) return;  // only root can become somebody else
  StoreFixture fixture;
  fixture.admin = {};
  std::vector<std::string> paths = {fixture.path()};
  for (const auto& file : std::filesystem::directory_iterator(fixture.path())) paths.push_back(file.path());
  ck_assert_uint_eq(paths.size(), 6);  // data.mdb, lock.mdb, readers, acknowledged, usage.map
  ck_assert_int_eq(chmod(std::filesystem::path(fixture.path()).parent_path().c_str(), 0755), 0);
  in_child([&] {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return false;
    auto is_denied = [](int result) { return result < 0 && errno == EACCES; };
    for (const std::string& path : paths) {
      if (!is_denied(open(path.c_str(), O_RDONLY)) || !is_denied(unlink(path.c_str()))) return false;
      if (path != paths[0] && !is_denied(open(path.c_str(), O_WRONLY))) return false;
    }
    return is_denied(open((paths[0] + "/new").c_str(), O_WRONLY | O_CREAT, 0600));
  });
  // Nor does the files' own mode let anybody in, if the folder is opened.
  ck_assert_int_eq(chmod(fixture.path().c_str(), 0755), 0);
  in_child([&] {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return false;
    for (size_t i = 1; i < paths.size(); ++i) {
      if (open(paths[i].c_str(), O_RDONLY) >= 0 || open(paths[i].c_str(), O_WRONLY) >= 0) return false;
    }
    return true;
  });
}
END_TEST

START_TEST(a_reader_that_may_not_know_what_was_acknowledged_does_not_read) {
  if (geteuid() != 0) return;  // only root can become somebody else
  StoreFixture fixture;
  for (const char* file : {"", "/data.mdb", "/readers"}) {
    ck_assert_int_eq(chmod((fixture.path() + file).c_str(), 0777), 0);
  }
  ck_assert_int_eq(chmod(std::filesystem::path(fixture.path()).parent_path().c_str(), 0755), 0);
  ck_assert_int_eq(chmod((fixture.path() + "/acknowledged").c_str(), 0600), 0);
  fixture.admin = {};
  in_child([&] {
    if (setgid(65534) != 0 || setuid(65534) != 0) return false;
    Environment environment;
    return environment.open(fixture.path(), Environment::Mode::kServe) == StoreError::kPermission;
  });
}
END_TEST

START_TEST(every_error_has_a_sentence_with_the_path) {
  for (int error = 1; error <= static_cast<int>(StoreError::kSystem); ++error) {
    std::string text = describe(static_cast<StoreError>(error), "/some/store", "the reason");
    ck_assert_msg(text.find("/some/store") != std::string::npos, "%d: %s", error, text.c_str());
  }
}
END_TEST

START_TEST(check_store_path_names_what_is_wrong) {
  StoreFixture fixture;
  ck_assert_view_eq(check_store_path(fixture.path(), 0, 0), "");
  ck_assert(check_store_path("/nowhere/at/all", 0, 0).find("tokengate init") != std::string::npos);
  if (geteuid() != 0) return;
  ck_assert(check_store_path(fixture.path(), 65534, 65534).find("cannot be entered") != std::string::npos);
  chmod(fixture.path().c_str(), 0755);
  ck_assert(check_store_path(fixture.path(), 65534, 65534).find("cannot be read") != std::string::npos);
  chmod((fixture.path() + "/data.mdb").c_str(), 0644);
  ck_assert(check_store_path(fixture.path(), 65534, 65534).find("read and written") != std::string::npos);
  chmod((fixture.path() + "/readers").c_str(), 0666);
  std::string acknowledged = fixture.path() + "/acknowledged";
  std::string text = check_store_path(fixture.path(), 65534, 65534);
  ck_assert_msg(text.find(acknowledged + " cannot be read") != std::string::npos, "%s", text.c_str());
  unlink(acknowledged.c_str());
  ck_assert_view_eq(check_store_path(fixture.path(), 65534, 65534), "");
  unlink((fixture.path() + "/readers").c_str());
  ck_assert(check_store_path(fixture.path(), 65534, 65534).find("tokengate repair") != std::string::npos);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("store");
  TCase* tcase = tcase_create("store");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, a_missing_store_is_named_and_nothing_is_made);
  tcase_add_test(tcase, a_foreign_file_is_refused);
  tcase_add_test(tcase, a_data_file_that_was_cut_is_damage_and_no_crash);
  tcase_add_test(tcase, another_format_version_is_refused);
  tcase_add_test(tcase, put_insert_get_erase);
  tcase_add_test(tcase, what_was_not_committed_is_not_there);
  tcase_add_test(tcase, a_kept_transaction_sees_another_process_commit);
  tcase_add_test(tcase, growth_by_another_process_is_adopted);
  tcase_add_test(tcase, a_map_that_moves_under_a_kept_transaction_is_followed);
  tcase_add_test(tcase, a_commit_that_failed_is_not_taken_for_the_next_one);
  tcase_add_test(tcase, what_was_acknowledged_is_looked_at_again_once_it_can_be_read);
  tcase_add_test(tcase, a_full_map_is_told_and_can_grow);
  tcase_add_test(tcase, a_replaced_or_shortened_data_file_is_noticed);
  tcase_add_test(tcase, a_store_on_a_read_only_file_system_stays_open);
  tcase_add_test(tcase, store_files_have_the_modes_that_protect_them);
  tcase_add_test(tcase, files_that_were_lost_come_back_as_they_were);
  tcase_add_test(tcase, a_user_of_the_group_can_read_and_not_write);
  tcase_add_test(tcase, who_is_not_of_the_group_reaches_nothing);
  tcase_add_test(tcase, a_reader_that_may_not_know_what_was_acknowledged_does_not_read);
  tcase_add_test(tcase, every_error_has_a_sentence_with_the_path);
  tcase_add_test(tcase, check_store_path_names_what_is_wrong);
  suite_add_tcase(suite, tcase);
  return suite;
}
