// Kills a process that changes a store, with SIGKILL at random moments, again and again, while others verify.
// Whatever was acknowledged must be in the store, nothing may be there by half, the journal must hold, and no
// dead secret may ever be granted. Prints the secrets of a token that stays and of one that is revoked, for a
// server on the same store, and one line of figures; exits 0 only if nothing was wrong.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kill_model.h"
#include "tokengate/admin.h"
#include "tokengate/verify.h"
#include "usage_leftover.h"

using namespace kill_model;
using namespace tokengate;

namespace {

constexpr const char* kCatalog = "api\tmodule\tfunction\tacl\taccess\nuapi\tEmail\t*\temail\twrite\n";
constexpr const char* kSteadyAccount = "steady";  // nothing changes it: for servers beside
constexpr unsigned kReaderThreads = 2;
constexpr int kKillsPerReader = 25;   // a reader is killed too, after so many writers
constexpr int kKillsPerJournal = 40;  // the whole chain is recomputed after so many
constexpr double kShortestUs = 30, kLongestUs = 40000;

Shared* shared = nullptr;

// NOLINTNEXTLINE(cert-dcl50-cpp): the compiler checks the arguments
__attribute__((format(printf, 1, 2))) void wrong(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char text[300];
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (shared->wrong.fetch_add(1) < 20) std::fprintf(stderr, "wrong: %s\n", text);
}

Change change_now() {
  return {"test", std::time(nullptr)};
}

[[noreturn]] void give_up(const Status& status) {
  std::fprintf(stderr, "%s\n", status.message.c_str());
  std::exit(1);
}

/// Chooses a change that is possible, describes it in next(), makes it and reports it. False if it failed.
bool change_something(Admin& admin, SecretSource& secrets, std::mt19937_64& random) {
  uint64_t at = shared->sequence;
  Model& next = shared->next(at);
  next.copy_from(shared->present(at));
  next.changes.fetch_add(1);
  size_t slot = random() % kSlots;
  size_t account = account_of(slot);
  Model::Slot& token = next.slots[slot];
  Model::Account& owner = next.accounts[account];
  const std::string user = account_name(account);
  const std::string name = token_name(slot);
  Status status;
  auto make = [&](auto&& call) {
    shared->begin();
    status = call();
  };
  bool issues = !token.present || random() % 3 == 0;
  // A suspended account gets no new secrets: wake it up first.
  switch (issues && !owner.active ? 0 : random() % 16) {
    case 0:
      owner.active = !owner.active;
      make([&] { return admin.set_account_active(change_now(), user, owner.active); });
      break;
    case 1:
      owner.has_acl = !owner.has_acl;
      make([&] {
        return owner.has_acl ? admin.grant_acls(change_now(), user, Service::kCpanel, {"email"})
                             : admin.deny_acls(change_now(), user, Service::kCpanel, {"email"});
      });
      break;
    case 2:
      for (size_t i = account; i < kSlots; i += kAccounts) next.slots[i].present = false;
      make([&] { return admin.revoke_all_tokens(change_now(), user, std::nullopt).status; });
      break;
    default:
      if (issues) {
        bool rotates = token.present;
        token.generation.fetch_add(1);
        token.present = true;
        secrets.start(slot, token.generation);
        NewToken wanted;
        wanted.account = user;
        wanted.name = name;
        wanted.full_access = true;
        make([&] {
          return rotates ? admin.rotate_token(change_now(), user, Service::kCpanel, name, 0).status
                         : admin.create_token(change_now(), wanted).status;
        });
      } else {
        token.present = false;
        make([&] { return admin.revoke_token(change_now(), user, Service::kCpanel, name); });
      }
  }
  if (!status.ok()) {
    wrong("a change that is possible was refused: %s", status.message.c_str());
    return false;
  }
  shared->settle_done();
  shared->acknowledged.fetch_add(1);
  return true;
}

/// How the store differs from the model; empty if it does not.
std::string difference(Admin& admin, const Model& model) {
  auto accounts = admin.list_accounts();
  auto tokens = admin.list_tokens();
  auto stat = admin.stat();
  if (!accounts.ok()) return accounts.status.message;
  if (!tokens.ok()) return tokens.status.message;
  if (!stat.ok()) return stat.status.message;
  if (accounts.value.size() != kAccounts + 1) return "the number of accounts";
  for (size_t i = 0; i < kAccounts; ++i) {
    for (const Account& account : accounts.value) {
      if (account.username != account_name(i)) continue;
      if (account.active != model.accounts[i].active) return account.username + " is active or not";
      if (account.acls[0].empty() == model.accounts[i].has_acl) return "the ACLs of " + account.username;
    }
  }
  std::array<bool, kSlots> found{};
  for (const Token& token : tokens.value) {
    if (token.account != kSteadyAccount) found[std::stoul(token.name.substr(5))] = true;
  }
  for (size_t i = 0; i < kSlots; ++i) {
    if (found[i] != model.slots[i].present) return token_name(i) + (found[i] ? " exists" : " is missing");
  }
  if (stat.value.journal_entries != model.changes) {
    return "the journal has " + std::to_string(stat.value.journal_entries) + " entries, not " +
           std::to_string(model.changes);
  }
  return {};
}

/// After a kill: the store must hold the present state, or all of the change that was in doubt.
bool settle(Admin& admin) {
  // The next write mends what a killed writer left in the lock file; only then is the state final.
  if (Status status = admin.define_acl(change_now(), Service::kCpanel, "email"); !status.ok()) {
    wrong("after a kill nothing can be changed: %s", status.message.c_str());
    return false;
  }
  uint64_t at = shared->sequence;
  std::string to_present = difference(admin, shared->present(at));
  if (!Shared::in_doubt(at)) {
    if (!to_present.empty()) wrong("an acknowledged change is lost: %s", to_present.c_str());
    return to_present.empty();
  }
  std::string to_next = difference(admin, shared->next(at));
  if (to_next.empty()) {
    shared->settle_done();
    shared->done_in_doubt.fetch_add(1);
    return true;
  }
  if (!to_present.empty()) {
    wrong("neither before nor after: %s; %s", to_present.c_str(), to_next.c_str());
    return false;
  }
  if (shared->seen_done == at) {
    wrong("a change that a reader saw is gone: %s", to_next.c_str());
    return false;
  }
  shared->settle_undone();
  shared->undone_in_doubt.fetch_add(1);
  return true;
}

Admin open_for_change(const std::string& store, SecretSource& secrets) {
  auto opened = Admin::open(store, Admin::Access::kReadWrite,
                            [&secrets](std::span<uint8_t> out) { return secrets(out); });
  if (!opened.ok()) wrong("the store cannot be opened: %s", opened.status.message.c_str());
  return std::move(opened.value);
}

/// A writer's life: settle what the one before left, then change until killed.
void write_until_killed(const std::string& store, uint64_t seed, bool whole_journal) {
  std::mt19937_64 random(seed);
  SecretSource secrets;
  Admin admin = open_for_change(store, secrets);
  if (shared->wrong > 0 || !settle(admin)) return;
  if (whole_journal) {
    auto entries = admin.verify_journal();
    if (!entries.ok()) wrong("%s", entries.status.message.c_str());
    shared->journals_verified.fetch_add(1);
  }
  while (shared->wrong == 0 && change_something(admin, secrets, random)) {
  }
}

/// One request with a secret whose fate is known, or known to be in doubt.
void check_one(Reader& reader, std::mt19937_64& random) {
  uint64_t before = shared->sequence;
  const Model& present = shared->present(before);
  const Model& next = Shared::in_doubt(before) ? shared->next(before) : present;
  size_t slot = random() % kSlots;
  // Mostly the newest secret; else an older one.
  uint32_t newest = next.slots[slot].generation;
  uint32_t generation = newest > 1 && random() % 4 == 0 ? 1 + random() % newest : newest;
  bool dead = present.is_dead(slot, generation);
  Outcome from = present.outcome(slot, generation);
  Outcome to = next.outcome(slot, generation);
  bool seen_done = shared->seen_done == before;
  if (shared->sequence != before) return;

  std::string authorization = "cpanel " + account_name(account_of(slot)) + ":" + secret_of(slot, generation);
  Rules rules;
  CredentialFields fields;
  fields.authorization = authorization;
  fields.authorization_count = 1;
  Connection connection;
  connection.tls = true;
  connection.now_unix_s = std::time(nullptr);
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/execute/Email/list_pops";
  uint64_t at_start = shared->sequence;
  Outcome outcome = reader.verify(rules, reader.read_credentials(rules, fields), connection, call).outcome;
  shared->checks.fetch_add(1, std::memory_order_relaxed);
  if (outcome == Outcome::kGranted) {
    shared->grants.fetch_add(1, std::memory_order_relaxed);
    if (dead) wrong("%s generation %u is dead and was granted", token_name(slot).c_str(), generation);
  }
  if (outcome == Outcome::kStoreUnavailable) {
    shared->unavailable.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (at_start != before || shared->sequence != before) return;
  if (outcome != from && outcome != to) {
    wrong("%s generation %u: %s, not %s or %s", token_name(slot).c_str(), generation,
          std::string(outcome_name(outcome)).c_str(), std::string(outcome_name(from)).c_str(),
          std::string(outcome_name(to)).c_str());
  } else if (from != to && outcome == to) {
    shared->seen_done = before;
  } else if (from != to && seen_done) {
    wrong("%s generation %u: a change that was seen is seen no more", token_name(slot).c_str(), generation);
  }
}

void read_until_stopped(const std::string& store, uint64_t seed) {
  Verifier verifier(store);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kReaderThreads; ++i) {
    threads.emplace_back([&verifier, seed, i] {
      std::mt19937_64 random(seed + i);
      Reader reader(verifier);
      while (!shared->stop) check_one(reader, random);
    });
  }
  while (!shared->stop) {
    verifier.maintain();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  for (std::thread& thread : threads) thread.join();
}

/// Makes the store, with every account and no token but the steady ones, and brings the model in line with
/// it.
void make_store(const std::string& store, const std::string& group) {
  if (Status made = create_store({store, group}, change_now()); !made.ok()) give_up(made);
  SecretSource secrets;
  Admin admin = open_for_change(store, secrets);
  if (auto loaded = admin.load_catalog(change_now(), kCatalog); !loaded.ok()) give_up(loaded.status);
  for (size_t i = 0; i < kAccounts; ++i) {
    auto account = admin.create_account(change_now(), {account_name(i), "", {{"email"}, {}}});
    if (!account.ok()) give_up(account.status);
  }
  auto steady = admin.create_account(change_now(), {kSteadyAccount, "", {{"email"}, {}}});
  if (!steady.ok()) give_up(steady.status);
  for (const char* name : {"kept", "revoked"}) {
    NewToken wanted;
    wanted.account = kSteadyAccount;
    wanted.name = name;
    wanted.full_access = true;
    secrets.start(kSlots + static_cast<size_t>(name[0]), 1);
    auto issued = admin.create_token(change_now(), wanted);
    if (!issued.ok()) give_up(issued.status);
    std::printf("%s %s\n", name, issued.value.secret.c_str());
  }
  Status revoked = admin.revoke_token(change_now(), kSteadyAccount, Service::kCpanel, "revoked");
  if (!revoked.ok()) give_up(revoked);
  auto stat = admin.stat();
  if (!stat.ok()) give_up(stat.status);
  shared->models[0].changes = stat.value.journal_entries;
}

template <class Work>
pid_t in_child(Work&& work) {
  std::fflush(nullptr);
  pid_t child = fork();
  if (child < 0) std::abort();
  if (child > 0) return child;
  work();
  std::fflush(nullptr);
  _exit(0);
}

void end(pid_t child, int signal) {
  if (signal != 0) kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) != signal)
    wrong("a process ended by signal %d", WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) wrong("a process ended with %d", WEXITSTATUS(status));
}

void run(const std::string& store, int kills, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(std::log(kShortestUs), std::log(kLongestUs));
  auto start_reader = [&] { return in_child([&] { read_until_stopped(store, random()); }); };
  pid_t reader = start_reader();
  pid_t victim = start_reader();
  for (int i = 1; i <= kills && shared->wrong == 0; ++i) {
    bool whole_journal = i % kKillsPerJournal == 0;
    uint64_t writer_seed = random();
    pid_t writer = in_child([&] { write_until_killed(store, writer_seed, whole_journal); });
    std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(std::exp(exponent(random))));
    end(writer, SIGKILL);
    if (i % kKillsPerReader == 0) {
      end(victim, SIGKILL);
      victim = start_reader();
    }
  }
  shared->stop = true;
  end(reader, 0);
  end(victim, 0);
  end(in_child([&] {
        SecretSource secrets;
        Admin admin = open_for_change(store, secrets);
        if (shared->wrong > 0 || !settle(admin)) return;
        auto entries = admin.verify_journal();
        if (!entries.ok()) wrong("%s", entries.status.message.c_str());
        shared->journals_verified.fetch_add(1);
      }),
      0);
}

}  // namespace

int main(int argc, char** argv) {
  auto kills = static_cast<int>(argc > 1 ? std::strtol(argv[1], nullptr, 10) : 200);
  std::string store = argc > 2 ? argv[2] : "";
  std::string group = argc > 3 ? argv[3] : "";
  uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : std::random_device{}();
  if (kills <= 0 || argc > 5) {
    std::fprintf(stderr, "Usage: kill_writer [KILLS [STORE [GROUP [SEED]]]]\nSTORE is made, and stays.\n");
    return 2;
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  shared = new (memory) Shared;
  std::string folder;
  if (store.empty()) {
    folder = (std::filesystem::temp_directory_path() / "tokengate-kill-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) return 1;
    store = folder + "/store";
  }
  // The environment belongs to one process: this one never opens it.
  end(in_child([&] { make_store(store, group); }), 0);
  if (shared->wrong == 0) run(store, kills, seed);
  std::printf(
      "%d writers killed, seed %ju: %ju changes acknowledged, %ju in doubt found done and %ju undone; "
      "%ju requests decided, %ju granted, %ju for want of a store refused; %ju times the whole journal "
      "verified; %ju wrong\n",
      kills, static_cast<uintmax_t>(seed), uintmax_t{shared->acknowledged}, uintmax_t{shared->done_in_doubt},
      uintmax_t{shared->undone_in_doubt}, uintmax_t{shared->checks}, uintmax_t{shared->grants},
      uintmax_t{shared->unavailable}, uintmax_t{shared->journals_verified}, uintmax_t{shared->wrong});
  bool right = shared->wrong == 0 && shared->unavailable == 0;
  if (!folder.empty()) {
    remove_usage_buffers(folder);
    std::filesystem::remove_all(folder);
  }
  return right ? 0 : 1;
}
