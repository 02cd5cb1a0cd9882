// Flips bits of a store's data file, before it is opened and while it is being read, and asks for decisions.
// None may be a grant that the sound store would not give, no process may hang, and none that opens a damaged
// file may end; one that has the file open while it is damaged may, in LMDB's own code, which trusts its
// pages, but the next one that opens this file may not. Prints one line of figures; exits 0 only if that
// holds.
//
//   flip_bits [ROUNDS [SEED]]
//
// Damage is drawn from the seed. The test of every build gives one, so that it damages the same each time:
// a failure then is of the change that was made, and not of bits that nobody had flipped before. New bits are
// for longer runs, whose seed is another each time unless it is given; it is printed, to find the same again.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "kill_model.h"
#include "required.h"
#include "tokengate/admin.h"
#include "tokengate/verify.h"
#include "usage_leftover.h"

using namespace tokengate;

namespace {

constexpr unsigned kHangSeconds = 20;
constexpr int64_t kNow = 1'800'000'000;
constexpr int kTokens = 600;  // enough for trees of two levels
constexpr size_t kPageBytes = 4096;

struct Ask {
  std::string authorization;
  std::string path;
  Outcome sound = Outcome::kStoreUnavailable;  // what the undamaged store answers
};

/// In memory shared with the children.
struct Counters {
  std::atomic<uint64_t> same{0}, refused{0}, wrong{0}, asked_for{0};
};
Counters* counters = nullptr;

constexpr const char* kCatalog =
    "api\tmodule\tfunction\tacl\taccess\n"
    "uapi\tEmail\t*\temail\twrite\n"
    "uapi\tEmail\tlist_pops\temail\tread\n"
    "uapi\tFtp\t*\tftp\twrite\n"
    "http\tGET\t/v1/reports/*\treports\tread\n";

/// Tokens of every kind of limit, and the requests that show them.
std::vector<Ask> make_store(const std::string& store) {
  Change change{"test", kNow};
  required(create_store({store, ""}, change));
  // The same secrets each time, so that a seed finds the same again.
  kill_model::SecretSource secrets;
  Admin admin = required(Admin::open(store, Admin::Access::kReadWrite,
                                     [&secrets](std::span<uint8_t> out) { return secrets(out); }));
  required(admin.load_catalog(change, kCatalog));
  required(admin.create_account(change, {"shop", "", {{"email", "reports"}, {}}}));
  required(admin.create_account(change, {"idle", "", {{"email", "ftp"}, {}}}));
  std::vector<Ask> asks;
  for (int i = 0; i < kTokens; ++i) {
    NewToken token;
    token.account = i % 7 == 0 ? "idle" : "shop";
    token.name = "token" + std::to_string(i);
    token.read_only = i % 3 == 0;
    if (i % 2 == 0) {
      token.acls = {"email"};
    } else {
      token.full_access = true;
    }
    if (i % 5 == 0) token.addresses = {"192.0.2.0/24"};
    if (i % 11 == 0) token.not_before_unix_s = change.now_unix_s + 86400;
    std::string secret = required(admin.create_token(change, token)).secret;
    if (i % 13 == 0) required(admin.revoke_token(change, token.account, Service::kCpanel, token.name));
    if (i % 4 != 0) continue;
    for (const char* path : {"/execute/Email/list_pops", "/execute/Email/add_pop", "/execute/Ftp/list_ftp",
                             "/v1/reports/1", "/execute/Any/thing"}) {
      asks.push_back({"cpanel " + token.account + ":" + secret, path});
    }
  }
  required(admin.set_account_active(change, "idle", false));
  return asks;
}

Outcome decide(Reader& reader, const Ask& ask) {
  Rules rules;
  CredentialFields fields;
  fields.authorization = ask.authorization;
  fields.authorization_count = 1;
  Connection connection;
  connection.tls = true;
  connection.now_unix_s = kNow;
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = ask.path;
  return reader.verify(rules, reader.read_credentials(rules, fields), connection, call).outcome;
}

void ask_all(Reader& reader, const std::vector<Ask>& asks) {
  for (const Ask& ask : asks) {
    Outcome outcome = decide(reader, ask);
    if (outcome == ask.sound) {
      ++counters->same;
    } else if (outcome != Outcome::kGranted) {
      ++counters->refused;
    } else {
      ++counters->wrong;
      std::fprintf(stderr, "wrong: %s was granted, not %s\n", ask.path.c_str(),
                   std::string(outcome_name(ask.sound)).c_str());
    }
  }
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Flips 1 to 8 bits within one page, the meta pages more often than their share.
void flip(int file, const std::vector<char>& sound, std::mt19937_64& random) {
  size_t pages = sound.size() / kPageBytes;
  size_t page = random() % 8 == 0 ? random() % 2 : random() % pages;
  // Half of the time in the page's head, where its structure is.
  size_t span = random() % 2 == 0 ? 256 : kPageBytes;
  for (size_t flips = 1 + random() % 8; flips > 0; --flips) {
    size_t at = page * kPageBytes + random() % span;
    char byte = 0;
    if (pread(file, &byte, 1, static_cast<off_t>(at)) != 1) continue;
    byte = static_cast<char>(byte ^ 1 << random() % 8);
    if (pwrite(file, &byte, 1, static_cast<off_t>(at)) != 1) std::abort();
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto rounds = static_cast<int>(argc > 1 ? std::strtol(argv[1], nullptr, 10) : 500);
  uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::mt19937_64 random(seed);
  void* memory = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  std::string folder = (std::filesystem::temp_directory_path() / "tokengate-flip-XXXXXX").string();
  if (rounds <= 0 || memory == MAP_FAILED || mkdtemp(folder.data()) == nullptr) return 2;
  counters = new (memory) Counters;
  const std::string store = folder + "/store";
  const std::string data = store + "/data.mdb";

  std::vector<Ask> asks = make_store(store);
  const std::vector<char> sound = read_file(data);
  {
    Verifier verifier(store);
    Reader reader(verifier);
    for (Ask& ask : asks) ask.sound = decide(reader, ask);
  }

  int ended = 0;
  int ended_open = 0;
  int hung = 0;
  // What a process of its own does within its time; 0, or the signal that ended it.
  auto signal_in_child = [](auto&& act) {
    pid_t child = fork();
    if (child == 0) {
      alarm(kHangSeconds);
      act();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  };
  for (int round = 0; round < rounds; ++round) {
    std::ofstream(data, std::ios::binary).write(sound.data(), static_cast<std::streamsize>(sound.size()));
    bool live = round % 2 == 1;
    uint64_t round_seed = random();
    auto count = [&](int signal, bool was_open) {
      if (signal == 0) return;
      signal == SIGALRM ? ++hung : was_open ? ++ended_open : ++ended;
      std::fprintf(stderr, "round %d, seed %ju, %s: signal %d\n", round, uintmax_t{round_seed},
                   was_open ? "while open" : "before", signal);
    };
    int signal = signal_in_child([&] {
      std::mt19937_64 own(round_seed);
      int file = open(data.c_str(), O_RDWR | O_CLOEXEC);
      if (!live) flip(file, sound, own);
      Verifier verifier(store);
      Reader reader(verifier);
      if (live) flip(file, sound, own);
      ask_all(reader, asks);
      verifier.maintain();
      ask_all(reader, asks);
    });
    count(signal, live);
    if (!live || signal == 0) continue;
    count(signal_in_child([&] {
            Verifier verifier(store);
            Reader reader(verifier);
            ask_all(reader, asks);
          }),
          false);
  }
  std::printf(
      "%d damaged files, seed %ju: %ju decisions as before, %ju refusals more, %ju wrong grants, "
      "%d processes ended, %d that had the file open, %d hung\n",
      rounds, uintmax_t{seed}, uintmax_t{counters->same}, uintmax_t{counters->refused},
      uintmax_t{counters->wrong}, ended, ended_open, hung);
  remove_usage_buffers(folder);
  std::filesystem::remove_all(folder);
  return counters->wrong == 0 && ended == 0 && hung == 0 ? 0 : 1;
}
