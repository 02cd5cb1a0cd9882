// How tokens are used: what is noted, what is believed of it, and that nothing done to the file does harm.
#include "usage.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "store_fixture.h"
#include "usage_file.h"

using namespace tokengate;

namespace {

constexpr int64_t kDay_s = int64_t{24} * 3600;

Address ipv4(uint8_t last) {
  Address address;
  address.kind = Address::kIp;
  address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, last};
  return address;
}

AclSet acl_set(std::initializer_list<uint8_t> numbers) {
  AclSet set;
  for (uint8_t number : numbers) set.add(number);
  return set;
}

UsageBounds any_bounds() {
  UsageBounds bounds{0, INT64_MAX, {}};
  for (unsigned i = 0; i < 256; ++i) bounds.acls.add(static_cast<uint8_t>(i));
  return bounds;
}

/// A store with three tokens, read by one reader.
class World {
 public:
  World() {
    store.add_account("reseller", {}, {"cpanel-api", "list-accts"});
    store.add_account("shop", {"email", "dns", "backups", "files", "reports"}, {}, "reseller");
    full = store.add_token({.account = "shop", .name = "full", .full_access = true});
    limited = store.add_token({.account = "shop", .name = "ci", .acls = {"email", "dns"}});
    whm =
        store.add_token({.account = "reseller", .service = Service::kWhm, .name = "w", .full_access = true});
    verifier = std::make_unique<Verifier>(store.path());
    reader = std::make_unique<Reader>(*verifier);
  }

  Outcome ask(const std::string& secret, const std::string& path, const std::string& query = {}) {
    std::vector<char> scratch(65536);
    Call call;
    call.method = method;
    call.wire_path = call.served_path = path;
    call.query = query;
    call.scratch = scratch;
    std::string authorization = "Bearer " + secret;
    Credentials credentials = reader->read_credentials(rules, {authorization, 1, {}, 0});
    return reader->verify(rules, credentials, {client, true, kNow}, call).outcome;
  }

  TokenUse use_of(const std::string& user, const std::string& name, Service service = Service::kCpanel,
                  int64_t now = kNow) {
    auto token = store.admin.find_token(user, service, name);
    ck_assert_ok(token.status);
    auto use = store.admin.token_use({token.value}, now);
    ck_assert_ok(use.status);
    return use.value.at(0);
  }
  TokenUse use_of_full() { return use_of("shop", "full"); }

  std::string file() const { return usage_file(store.path()); }
  std::string buffer() const {
    UsageHeader header;
    std::string slot(kUsageSlotBytes, '\0');
    std::ifstream(file()).read(slot.data(), static_cast<std::streamsize>(slot.size()));
    ck_assert(decode_usage_header(slot, &header));
    struct stat now {};
    ck_assert_int_eq(stat(file().c_str(), &now), 0);
    return usage_buffer_file(header, now.st_ino);
  }
  void write(const std::string& bytes, off_t at) const {
    int out = open(file().c_str(), O_WRONLY);
    ck_assert_int_eq(pwrite(out, bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
    close(out);
  }
  /// First with what is mapped as it is, then after the look that happens once a second.
  void assert_decides_as_ever(const char* what) {
    for (int i = 0; i < 2; ++i) {
      Outcome granted = ask(full, "/execute/Email/list_pops");
      Outcome denied = ask(limited, "/execute/Mysql/x");
      ck_assert_msg(granted == Outcome::kGranted && denied == Outcome::kAclDenied, "%s", what);
      ck_assert_msg(verifier->maintain(), "%s", what);
      use_of_full();
      store.admin.stat();
    }
  }
  void any_change() { ck_assert_ok(store.admin.define_acl(change_at(), Service::kCpanel, "any")); }

  StoreFixture store;
  std::string full, limited, whm;
  Rules rules;
  Address client = ipv4(1);
  std::string_view method = "GET";
  std::unique_ptr<Verifier> verifier;
  std::unique_ptr<Reader> reader;
};

std::string texts(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat file {};
  ck_assert_int_eq(stat(path.c_str(), &file), 0);
  return file.st_mode & 07777;
}

}  // namespace

START_TEST(notes_what_was_used) {
  TempFolder folder;
  std::ofstream(folder.path() + "/data.mdb") << "";
  keep_usage_file(folder.path(), {StoreId{7}, 1, 100, kNow});
  auto map = UsageMap::open(usage_file(folder.path()));
  ck_assert_ptr_nonnull(map.get());
  map->record(5, kNow, ipv4(9), {acl_set({0, 63, 64, 255}), false, true});
  map->record(5, kNow + 3, Address{Address::kLocalSocket, {}}, {acl_set({1}), true, false});
  map->record(6, kNow, Address{}, {});
  map->record(0, kNow, ipv4(9), {});           // the header
  map->record(UINT64_MAX, kNow, ipv4(9), {});  // no slot
  map->record(uint64_t{1} << 60, kNow, ipv4(9), {});

  UsageFile file(folder.path(), StoreId{7});
  ck_assert_view_eq(file.problem(), "");
  ck_assert_int_eq(file.since_unix_s(), kNow);
  UsageSlot slot;
  ck_assert(file.read(5, any_bounds(), &slot));
  ck_assert_uint_eq(slot.count, 2);
  ck_assert_int_eq(slot.last_unix_s, kNow + 3);
  ck_assert(slot.last_address.kind == Address::kLocalSocket);
  ck_assert(slot.used.acls == acl_set({0, 1, 63, 64, 255}));
  ck_assert(slot.used.unlisted && slot.used.writes);
  ck_assert(file.read(6, any_bounds(), &slot));
  ck_assert_uint_eq(slot.count, 1);
  ck_assert(slot.last_address.kind == Address::kUnknown);
  ck_assert(!slot.used.unlisted && !slot.used.writes && slot.used.acls.empty());
  ck_assert(file.read(4, any_bounds(), &slot));
  ck_assert_uint_eq(slot.count, 0);
  ck_assert(!file.read(0, any_bounds(), &slot));
  ck_assert(!file.read(UINT64_MAX, any_bounds(), &slot));
}
END_TEST

START_TEST(believes_only_what_can_be) {
  std::string slot(kUsageSlotBytes, '\0');
  uint64_t last = kNow;
  uint64_t count = 3;
  auto put = [&](size_t at, uint64_t word) { std::memcpy(slot.data() + at, &word, sizeof word); };
  put(0, last);
  put(8, count);
  put(32, 0b110);
  UsageBounds bounds{kNow, kNow, acl_set({1, 2})};
  UsageSlot usage;
  ck_assert(decode_usage_slot(slot, bounds, &usage));
  ck_assert(!decode_usage_slot(slot.substr(1), bounds, &usage));
  ck_assert(!decode_usage_slot({}, bounds, &usage));
  for (auto [at, word] : {std::pair<size_t, uint64_t>{0, kNow - 1},
                          {0, kNow + 1},
                          {0, uint64_t{1} << 63},
                          {8, 0},
                          {8, uint64_t{1} << 48},
                          {8, UINT64_MAX},
                          {32, 0b1110},
                          {56, 1}}) {
    std::string good = slot;
    put(at, word);
    ck_assert_msg(!decode_usage_slot(slot, bounds, &usage), "word %zu = %lx", at, word);
    slot = good;
  }
  UsageHeader header;
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    for (char& c : slot) c = static_cast<char>(random());
    ck_assert(!decode_usage_header(slot, &header));
    ck_assert(!decode_usage_slot(slot, bounds, &usage));
  }
}
END_TEST

START_TEST(a_grant_notes_acls_and_writes) {
  World world;
  ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
  TokenUse use = world.use_of_full();
  ck_assert(use.known && !use.unlisted && !use.writes);
  ck_assert_uint_eq(use.count, 1);
  ck_assert_int_eq(use.since_unix_s, kNow);
  ck_assert_int_eq(use.last_unix_s, kNow);
  ck_assert_view_eq(use.last_address, "192.0.2.1");
  ck_assert_view_eq(texts(use.acls), "email");

  // A batch counts once, with the ACLs of all its calls.
  world.client = ipv4(2);
  ck_assert(world.ask(world.full, "/execute/Batch/strict", "command-0=%5B%22Backup%22%2C%22full%22%5D") ==
            Outcome::kGranted);
  use = world.use_of_full();
  ck_assert_uint_eq(use.count, 2);
  ck_assert(use.writes && !use.unlisted);
  ck_assert_view_eq(use.last_address, "192.0.2.2");
  ck_assert_view_eq(texts(use.acls), "backups email files");

  ck_assert(world.ask(world.full, "/execute/Odd/thing") == Outcome::kGranted);
  ck_assert(world.use_of_full().unlisted);
  ck_assert(!world.use_of("shop", "ci").unlisted);
  ck_assert_uint_eq(world.use_of("shop", "ci").count, 0);
}
END_TEST

START_TEST(a_location_with_its_own_acls_notes_these) {
  World world;
  std::vector<std::string_view> required = {"reports"};
  world.rules.required_acls = required;
  ck_assert(world.ask(world.full, "/legacy/x") == Outcome::kGranted);
  ck_assert_view_eq(texts(world.use_of_full().acls), "reports");
  ck_assert(!world.use_of_full().writes);
  world.method = "POST";
  ck_assert(world.ask(world.full, "/legacy/x") == Outcome::kGranted);
  ck_assert(world.use_of_full().writes);
}
END_TEST

START_TEST(a_call_for_another_account_notes_the_callers_acls) {
  World world;
  world.rules.service = Service::kWhm;
  ck_assert(world.ask(world.whm, "/json-api/uapi_cpanel",
                      "cpanel.user=shop&cpanel.module=Email&cpanel.function=list_pops") == Outcome::kGranted);
  TokenUse use = world.use_of("reseller", "w", Service::kWhm);
  ck_assert_view_eq(texts(use.acls), "cpanel-api list-accts");
  ck_assert(!use.writes && !use.unlisted);
  // The last check of all refuses this one.
  ck_assert(world.ask(world.whm, "/json-api/uapi_cpanel",
                      "cpanel.user=reseller&cpanel.module=Email&cpanel.function=list_pops") ==
            Outcome::kTargetDenied);
  ck_assert_uint_eq(world.use_of("reseller", "w", Service::kWhm).count, 1);
}
END_TEST

START_TEST(only_grants_are_noted) {
  World world;
  ck_assert(world.ask(world.limited, "/execute/Mysql/x") == Outcome::kAclDenied);
  ck_assert(world.ask(world.limited, "/execute//x") == Outcome::kBadRoute);
  std::string authorization = "Bearer " + world.limited;
  Caller caller;
  Credentials credentials = world.reader->read_credentials(world.rules, {authorization, 1, {}, 0});
  ck_assert(world.reader->identify(world.rules, credentials, {ipv4(1), true, kNow}, &caller));
  world.rules.records_use = false;
  ck_assert(world.ask(world.limited, "/execute/Email/list_pops") == Outcome::kGranted);
  TokenUse use = world.use_of("shop", "ci");
  ck_assert(use.known);
  ck_assert_uint_eq(use.count, 0);
  // What a refused request would have used is not left over for the next one.
  world.rules.records_use = true;
  ck_assert(
      world.ask(world.limited, "/execute/Batch/strict",
                "command-0=%5B%22ZoneEdit%22%2C%22x%22%5D&command-1=%5B%22Email%22%2C%22add_pop%22%5D") !=
      Outcome::kGranted);
  ck_assert(world.ask(world.limited, "/execute/Email/list_pops") == Outcome::kGranted);
  ck_assert(!world.use_of("shop", "ci").writes);
}
END_TEST

/// The file of slots at `path`, without what its buffer holds.
uint64_t count_in(const std::string& path, uint64_t token_id) {
  std::string slot(kUsageSlotBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(token_id * kUsageSlotBytes));
  file.read(slot.data(), static_cast<std::streamsize>(slot.size()));
  UsageSlot usage;
  ck_assert(file && decode_usage_slot(slot, any_bounds(), &usage));
  return usage.count;
}

START_TEST(notes_go_through_the_buffer) {
  World world;
  uint64_t id = world.store.admin.find_token("shop", Service::kCpanel, "full").value.id;
  std::string buffer = world.buffer();
  struct stat data {
  }, made{};
  ck_assert_int_eq(stat((world.store.path() + "/data.mdb").c_str(), &data), 0);
  ck_assert_int_eq(stat(buffer.c_str(), &made), 0);
  ck_assert_uint_eq(mode_of(buffer), 0660);
  ck_assert_uint_eq(made.st_gid, data.st_gid);

  auto ask = [&] { return world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted; };
  ck_assert(ask() && ask());
  ck_assert_uint_eq(count_in(world.file(), id), 0);
  ck_assert_uint_eq(count_in(buffer, id), 2);
  ck_assert_uint_eq(world.use_of_full().count, 2);

  // About once a second it is brought to the file, and counts there.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  ck_assert(world.verifier->maintain());
  ck_assert_uint_eq(count_in(world.file(), id), 2);
  ck_assert_uint_eq(world.use_of_full().count, 2);
  ck_assert(ask());
  ck_assert_uint_eq(world.use_of_full().count, 3);
  ck_assert_view_eq(texts(world.use_of_full().acls), "email");

  // A second worker shares it; the last to leave brings the rest, and leaves nothing behind.
  {
    Verifier other(world.store.path());
    world.reader.reset();
    world.verifier.reset();
    ck_assert(std::filesystem::exists(buffer));
    ck_assert_uint_eq(count_in(world.file(), id), 2);
  }
  ck_assert(!std::filesystem::exists(buffer));
  ck_assert_uint_eq(count_in(world.file(), id), 3);
}
END_TEST

START_TEST(what_a_killed_worker_leaves_is_not_lost) {
  World world;
  uint64_t id = world.store.admin.find_token("shop", Service::kCpanel, "full").value.id;
  std::string buffer = world.buffer();
  world.reader.reset();
  world.verifier.reset();
  pid_t worker = fork();
  if (worker == 0) {
    world.verifier = std::make_unique<Verifier>(world.store.path());
    world.reader = std::make_unique<Reader>(*world.verifier);
    _exit(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted ? 0 : 1);
  }
  int status = 1;
  ck_assert_int_eq(waitpid(worker, &status, 0), worker);
  ck_assert_int_eq(status, 0);
  ck_assert_uint_eq(count_in(buffer, id), 1);
  ck_assert_uint_eq(world.use_of_full().count, 1);
  { Verifier next(world.store.path()); }
  ck_assert(!std::filesystem::exists(buffer));
  ck_assert_uint_eq(count_in(world.file(), id), 1);
}
END_TEST

START_TEST(a_foreign_file_in_the_buffers_place_is_left_alone) {
  World world;
  std::string buffer = world.buffer();
  world.reader.reset();
  world.verifier.reset();
  auto check_left_alone = [&] {
    uint64_t before = world.use_of_full().count;
    Verifier verifier(world.store.path());
    world.reader = std::make_unique<Reader>(verifier);
    ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
    world.reader.reset();
    ck_assert_uint_eq(world.use_of_full().count, before + 1);  // in usage.map itself
    ck_assert(std::filesystem::exists(std::filesystem::symlink_status(buffer)));
  };
  for (const char* make :
       {"mkdir %1$s", "rmdir %1$s; : > %1$s; chmod 660 %1$s", "rm %1$s; cp %2$s %1$s; chmod 666 %1$s",
        "rm %1$s; cp %2$s %1$s; chmod 660 %1$s; chgrp daemon %1$s",
        "rm %1$s; cp %2$s %1$s; chmod 660 %1$s; ln %1$s %1$s.more", "rm %1$s %1$s.more; ln -s %2$s %1$s"}) {
    char command[1024];
    snprintf(command, sizeof command, make, buffer.c_str(), world.file().c_str());
    ck_assert_int_eq(system(command), 0);  // NOLINT(cert-env33-c): its own command
    check_left_alone();
  }
  std::filesystem::remove(buffer);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  buffer.copy(address.sun_path, sizeof address.sun_path - 1);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(server, reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  close(server);
  check_left_alone();
  std::filesystem::remove(buffer);
}
END_TEST

START_TEST(a_copy_of_a_store_has_a_buffer_of_its_own) {
  World world;
  TempFolder folder;
  std::string copy = folder.path() + "/copy";
  std::filesystem::copy(world.store.path(), copy);
  uint64_t id = world.store.admin.find_token("shop", Service::kCpanel, "full").value.id;
  for (int i = 0; i < 3; ++i) {
    ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
  }
  {
    Verifier verifier(copy);
    world.reader = std::make_unique<Reader>(verifier);
    ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
    world.reader.reset();
  }
  ck_assert_uint_eq(count_in(usage_file(copy), id), 1);
  ck_assert_uint_eq(world.use_of_full().count, 3);
}
END_TEST

START_TEST(a_buffer_that_its_reader_may_not_see_is_told_of) {
  World world;
  ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
  StoreId id{};
  {
    UsageHeader header;
    std::string slot(kUsageSlotBytes, '\0');
    std::ifstream(world.file()).read(slot.data(), static_cast<std::streamsize>(slot.size()));
    ck_assert(decode_usage_header(slot, &header));
    id = header.store_id;
  }
  pid_t child = fork();
  if (child == 0) {
    // Of the files of the store this user may see usage.map alone.
    chmod(world.file().c_str(), 0664);
    std::filesystem::permissions(std::filesystem::path(world.store.path()).parent_path(),
                                 std::filesystem::perms(0755));
    std::filesystem::permissions(world.store.path(), std::filesystem::perms(0755));
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    UsageFile file(world.store.path(), id);
    UsageSlot slot;
    bool told = file.problem().find("the newest notes cannot be read") != std::string::npos;
    _exit(told && !file.read(1, any_bounds(), &slot) ? 0 : 1);
  }
  int status = 1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  if (getuid() == 0) ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_new_file_begins_without_a_past) {
  World world;
  ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
  std::filesystem::remove(world.file());
  world.any_change();
  ck_assert_uint_eq(world.use_of_full().count, 0);
}
END_TEST

START_TEST(a_rotation_keeps_the_record) {
  World world;
  ck_assert(world.ask(world.limited, "/execute/Email/list_pops") == Outcome::kGranted);
  auto rotated = world.store.admin.rotate_token(change_at(), "shop", Service::kCpanel, "ci", 3600);
  ck_assert_ok(rotated.status);
  ck_assert(world.ask(world.limited, "/execute/Email/list_pops") == Outcome::kGranted);
  ck_assert(world.ask(rotated.value.secret, "/execute/Email/list_pops") == Outcome::kGranted);
  ck_assert_uint_eq(world.use_of("shop", "ci").count, 3);
}
END_TEST

START_TEST(the_file_is_made_and_mended_by_changes) {
  World world;
  struct stat data {
  }, usage{};
  ck_assert_int_eq(stat((world.store.path() + "/data.mdb").c_str(), &data), 0);
  ck_assert_int_eq(stat(world.file().c_str(), &usage), 0);
  ck_assert_uint_eq(mode_of(world.file()), 0660);
  ck_assert_uint_eq(usage.st_gid, data.st_gid);
  ck_assert_int_lt(usage.st_blocks * 512, 65536);  // sparse

  auto problem = [&] { return world.store.admin.stat().value.usage_problem; };
  ck_assert_view_eq(problem(), "");
  chmod(world.file().c_str(), 0600);
  ck_assert(problem().find("workers cannot write") != std::string::npos);
  std::filesystem::remove(world.file());
  ck_assert(problem().find("there is no") != std::string::npos);
  ck_assert(!world.use_of_full().known);
  world.any_change();
  ck_assert_view_eq(problem(), "");
  ck_assert_uint_eq(mode_of(world.file()), 0660);
  ck_assert(world.use_of_full().known);

  // A map of another store is about other tokens.
  StoreFixture other;
  std::filesystem::copy_file(usage_file(other.path()), world.file(),
                             std::filesystem::copy_options::overwrite_existing);
  ck_assert(problem().find("not a usage map of this store") != std::string::npos);
  ck_assert(!world.use_of_full().known);
  world.any_change();
  ck_assert_view_eq(problem(), "");

  // What cannot be replaced is told, and keeps no change from being made.
  std::filesystem::remove(world.file());
  std::filesystem::create_directory(world.file());
  world.any_change();
  ck_assert(problem().find("not a plain file") != std::string::npos);
  ck_assert(world.verifier->maintain());
  ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
}
END_TEST

START_TEST(room_grows_ahead_of_tokens_and_workers_follow) {
  World world;
  auto slots = [&] { return world.store.admin.stat().value.usage_slots; };
  uint64_t at_first = slots();
  ck_assert_uint_ge(at_first, 32'768);
  auto map = UsageMap::open(world.file());
  StoreId id{};
  {
    UsageHeader header;
    std::string slot(kUsageSlotBytes, '\0');
    std::ifstream(world.file()).read(slot.data(), static_cast<std::streamsize>(slot.size()));
    ck_assert(decode_usage_header(slot, &header));
    id = header.store_id;
  }
  keep_usage_file(world.store.path(), {id, 1, at_first / 2, kNow});
  ck_assert_uint_eq(slots(), at_first);
  ck_assert(map->is_current());
  keep_usage_file(world.store.path(), {id, at_first / 2, at_first, kNow});
  ck_assert_uint_gt(slots(), at_first);
  ck_assert(!map->is_current());
  map->record(at_first, kNow, ipv4(1), {});  // not yet
  map = UsageMap::open(world.file());
  map->record(at_first, kNow, ipv4(1), {});
  UsageFile file(world.store.path(), id);
  UsageSlot usage;
  ck_assert(file.read(at_first, any_bounds(), &usage));
  ck_assert_uint_eq(usage.count, 1);
}
END_TEST

START_TEST(a_new_token_starts_without_a_past) {
  World world;
  auto token = world.store.admin.find_token("shop", Service::kCpanel, "ci");
  uint64_t next = token.value.id + 2;
  auto map = UsageMap::open(world.file());
  map->record(next, kNow, ipv4(1), {});
  map->record(next + 1, kNow, ipv4(1), {});
  UsageMap::open(world.buffer())->record(next, kNow, ipv4(1), {});
  world.store.add_token({.account = "shop", .name = "new", .full_access = true});
  auto added = world.store.admin.find_token("shop", Service::kCpanel, "new");
  ck_assert_uint_eq(added.value.id, next);
  ck_assert(world.use_of("shop", "new").known);
  ck_assert_uint_eq(world.use_of("shop", "new").count, 0);
}
END_TEST

START_TEST(nothing_done_to_the_file_changes_a_decision) {
  World world;
  auto heals = [&](const char* what) {
    world.any_change();
    ck_assert(world.verifier->maintain());
    uint64_t before = world.use_of_full().count;
    ck_assert(world.ask(world.full, "/execute/Email/list_pops") == Outcome::kGranted);
    TokenUse use = world.use_of_full();
    ck_assert_msg(use.known && use.count == before + 1, "%s", what);
  };
  for (off_t size : {off_t{0}, off_t{1}, off_t{63}, off_t{64}, off_t{100}, off_t{4096}, off_t{5000}}) {
    ck_assert_int_eq(truncate(world.file().c_str(), size), 0);
    world.assert_decides_as_ever("cut short");
    heals("cut short");
  }
  ck_assert_int_eq(truncate(world.file().c_str(), off_t{1} << 42), 0);
  world.assert_decides_as_ever("blown up");
  heals("blown up");

  for (int byte : {0xFF, 0x00, 0x80, int{'x'}}) {
    world.write(std::string(65536, static_cast<char>(byte)), kUsageSlotBytes);
    if (byte != 0) ck_assert(!world.use_of_full().known);
    world.assert_decides_as_ever("slots of junk");
    world.write(std::string(65536, static_cast<char>(byte)), 0);
    world.assert_decides_as_ever("a header of junk");
    heals("a header of junk");
  }

  for (const char* make : {"rm -f %s; mkdir %s", "rmdir %s; mkfifo %s", "rm -f %s; ln -s /dev/zero %s",
                           "rm -f %s; ln -s /proc/self/mem %s", "rm -f %s; : > %s", "rm -f %s; : %s"}) {
    char command[1024];
    snprintf(command, sizeof command, make, world.file().c_str(), world.file().c_str());
    ck_assert_int_eq(system(command), 0);  // NOLINT(cert-env33-c): its own command
    world.assert_decides_as_ever(make);
  }
  heals("removed");
}
END_TEST

START_TEST(nothing_done_to_the_buffer_changes_a_decision) {
  World world;
  std::string buffer = world.buffer();
  for (off_t size : {off_t{0}, off_t{1}, off_t{64}, off_t{5000}, off_t{1} << 42}) {
    ck_assert_int_eq(truncate(buffer.c_str(), size), 0);
    world.assert_decides_as_ever("another length");
    std::filesystem::remove(buffer);
    world.assert_decides_as_ever("removed");
  }
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    std::string junk(65536, '\0');
    for (char& c : junk) c = static_cast<char>(round % 2 == 0 ? 0xFF : random());
    int out = open(buffer.c_str(), O_WRONLY);
    off_t at = round % 4 < 2 ? off_t{kUsageSlotBytes} : 32;  // behind the header, and with its free words
    ck_assert_int_eq(pwrite(out, junk.data(), junk.size(), at), static_cast<ssize_t>(junk.size()));
    close(out);
    world.assert_decides_as_ever("junk");
    std::this_thread::sleep_for(std::chrono::milliseconds(round == 0 ? 1100 : 0));
  }
  // Whoever holds a lock keeps nobody from deciding.
  int lock = open(world.file().c_str(), O_RDONLY);
  int held = open(buffer.c_str(), O_RDONLY);
  ck_assert_int_eq(flock(lock, LOCK_EX), 0);
  world.assert_decides_as_ever("locked");
  close(lock);
  std::filesystem::remove(world.file());
  world.any_change();
  ck_assert_int_eq(flock(held, LOCK_SH), 0);
  world.assert_decides_as_ever("held");
  close(held);
  std::filesystem::remove(buffer);
}
END_TEST

START_TEST(writers_at_once_lose_no_use) {
  World world;
  constexpr int kThreads = 4;
  constexpr int kRequests = 500;
  std::atomic<int> refused{0};
  std::atomic<bool> done{false};
  std::thread keeper([&] {
    while (!done) {
      if (!world.verifier->maintain()) ++refused;
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Reader reader(*world.verifier);
      Rules rules;
      std::string authorization = "Bearer " + world.full;
      for (int i = 0; i < kRequests; ++i) {
        Call call;
        call.method = "GET";
        call.wire_path = call.served_path = t % 2 == 0 ? "/execute/Email/list_pops" : "/execute/Odd/thing";
        Credentials credentials = reader.read_credentials(rules, {authorization, 1, {}, 0});
        Address client = ipv4(static_cast<uint8_t>(t));
        if (reader.verify(rules, credentials, {client, true, kNow + i}, call).outcome != Outcome::kGranted) {
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  TokenUse use = world.use_of("shop", "full", Service::kCpanel, kNow + kRequests);
  ck_assert_uint_eq(use.count, uintmax_t{kThreads} * kRequests);
  ck_assert(use.unlisted && use.writes);
  ck_assert_view_eq(texts(use.acls), "email");

  // And while the file is taken away and comes back.
  std::vector<std::thread> others;
  others.reserve(2);
  std::atomic<bool> stop{false};
  for (int t = 0; t < 2; ++t) {
    others.emplace_back([&] {
      Reader reader(*world.verifier);
      Rules rules;
      std::string authorization = "Bearer " + world.full;
      while (!stop) {
        Call call;
        call.method = "GET";
        call.wire_path = call.served_path = "/execute/Email/list_pops";
        Credentials credentials = reader.read_credentials(rules, {authorization, 1, {}, 0});
        if (reader.verify(rules, credentials, {ipv4(1), true, kNow}, call).outcome != Outcome::kGranted) {
          ++refused;
        }
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) {
      std::filesystem::remove(world.file());
    } else {
      ck_assert_int_eq(truncate(world.file().c_str(), 64), 0);
    }
    world.any_change();
  }
  stop = true;
  for (std::thread& thread : others) thread.join();
  done = true;
  keeper.join();
  ck_assert_int_eq(refused, 0);
}
END_TEST

START_TEST(advice_follows_use) {
  Account account;
  account.acls[0] = {"dns", "email", "files"};
  Token token;
  token.full_access = true;
  token.created_unix_s = kNow - 30 * kDay_s;
  TokenUse use{true, kNow - 30 * kDay_s, 5, kNow - kDay_s, "192.0.2.1", {"email"}, false, false};
  AdviceTerms terms;
  auto advise = [&] { return advise_on_use(account, token, use, terms, kNow); };

  Advice advice = advise();
  ck_assert(advice.kind == Advice::kNarrow);
  ck_assert_view_eq(texts(*advice.update.acls), "email");
  ck_assert(advice.update.read_only == true);
  ck_assert(!advice.update.full_access && !advice.update.addresses && !advice.update.expires_unix_s);

  use.writes = true;
  ck_assert(!advise().update.read_only);
  use.unlisted = true;  // only full access opens what it called
  ck_assert(advise().kind == Advice::kFits);
  use.writes = false;
  ck_assert(advise().kind == Advice::kNarrow && !advise().update.acls && advise().update.read_only == true);
  token.read_only = true;
  ck_assert(advise().kind == Advice::kFits);
  use.unlisted = false;

  token.full_access = false;
  token.acls = {"dns", "email"};
  ck_assert_view_eq(texts(*advise().update.acls), "email");
  use.acls = {"dns", "email"};
  ck_assert(advise().kind == Advice::kFits);
  use.acls = {"dns", "email", "files"};  // from when it could still use files
  ck_assert(advise().kind == Advice::kFits);
  account.acls[0] = {"email"};  // the account could not give dns now
  ck_assert_view_eq(texts(*advise().update.acls), "email");
  account.acls[0] = {"all"};
  token.acls = {"all"};
  ck_assert_view_eq(texts(*advise().update.acls), "dns email files");
  use.acls = {};  // a token needs one at least
  ck_assert(advise().kind == Advice::kFits);

  // Times, to the second.
  use.since_unix_s = kNow - 7 * kDay_s;
  ck_assert(advise().kind == Advice::kFits);
  use.since_unix_s += 1;
  ck_assert(advise().kind == Advice::kTooEarly);
  use.last_unix_s = kNow - 90 * kDay_s;
  ck_assert(advise().kind == Advice::kUnused);
  use.last_unix_s += 1;
  ck_assert(advise().kind == Advice::kTooEarly);
  use.count = 0;
  use.last_unix_s = 0;
  ck_assert(advise().kind == Advice::kNeverUsed);
  use.since_unix_s = kNow - 90 * kDay_s;
  ck_assert(advise().kind == Advice::kUnused);
  use.known = false;
  ck_assert(advise().kind == Advice::kUnknown);
  token.expires_unix_s = kNow;
  ck_assert(advise().kind == Advice::kEnded);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("usage");
  TCase* cases = tcase_create("usage");
  tcase_set_timeout(cases, 120);
  tcase_add_test(cases, notes_what_was_used);
  tcase_add_test(cases, believes_only_what_can_be);
  tcase_add_test(cases, a_grant_notes_acls_and_writes);
  tcase_add_test(cases, a_location_with_its_own_acls_notes_these);
  tcase_add_test(cases, a_call_for_another_account_notes_the_callers_acls);
  tcase_add_test(cases, only_grants_are_noted);
  tcase_add_test(cases, notes_go_through_the_buffer);
  tcase_add_test(cases, what_a_killed_worker_leaves_is_not_lost);
  tcase_add_test(cases, a_foreign_file_in_the_buffers_place_is_left_alone);
  tcase_add_test(cases, a_copy_of_a_store_has_a_buffer_of_its_own);
  tcase_add_test(cases, a_buffer_that_its_reader_may_not_see_is_told_of);
  tcase_add_test(cases, a_new_file_begins_without_a_past);
  tcase_add_test(cases, a_rotation_keeps_the_record);
  tcase_add_test(cases, the_file_is_made_and_mended_by_changes);
  tcase_add_test(cases, room_grows_ahead_of_tokens_and_workers_follow);
  tcase_add_test(cases, a_new_token_starts_without_a_past);
  tcase_add_test(cases, nothing_done_to_the_file_changes_a_decision);
  tcase_add_test(cases, nothing_done_to_the_buffer_changes_a_decision);
  tcase_add_test(cases, writers_at_once_lose_no_use);
  tcase_add_test(cases, advice_follows_use);
  suite_add_tcase(suite, cases);
  return suite;
}
