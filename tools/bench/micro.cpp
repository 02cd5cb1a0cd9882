// verify() alone, against the least that a check of a token can cost: the same SHA-256, one look into a hash
// table in memory that holds the same tokens, and two bit tests.
//
// bench_micro export COUNT         prints the first COUNT tokens as `tokengate import` reads them
// bench_micro FOLDER [FLAG…]       measures with the stores FOLDER/1000, FOLDER/1000000, …, each named after
//                                  the number of its tokens; the flags are those of Google Benchmark
#include <benchmark/benchmark.h>
#include <netinet/in.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "acl_set.h"
#include "hash.h"
#include "tokengate/verify.h"

namespace {

using namespace tokengate;

constexpr size_t kSecretBytes = 32;
constexpr uint64_t kTokensPerAccount = 10;
constexpr size_t kDraws = size_t{1} << 20;  // enough that what one request leaves in a cache helps no other
constexpr double kSkew = 0.99;              // of the Zipf distribution: the exponent that YCSB made common
constexpr int64_t kNow = 1'800'000'100;

/// Sebastiano Vigna's splitmix64: a good mix of a counter, so that secrets need not be kept.
uint64_t mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9U;
  value = (value ^ value >> 27) * 0x94D049BB133111EBU;
  return value ^ value >> 31;
}

void write_secret(uint64_t number, char* text) {
  constexpr char kCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  for (size_t i = 0; i < kSecretBytes; i += 8) {
    uint64_t random = mix(number * 4 + i / 8);
    for (size_t j = 0; j < 8; ++j, random >>= 8) text[i + j] = kCharacters[(random & 255) % 36];
  }
}

/// One request, drawn ahead: the value of its Authorization field on a cache line of its own.
class alignas(64) Draw {
 public:
  explicit Draw(uint64_t number) {
    char secret[kSecretBytes];
    write_secret(number, secret);
    int size = std::snprintf(text_, sizeof text_, "cpanel u%" PRIu64 ":%.*s", number / kTokensPerAccount,
                             static_cast<int>(kSecretBytes), secret);
    size_ = static_cast<uint8_t>(size);
  }
  std::string_view authorization() const { return {text_, size_}; }
  std::string_view secret() const { return authorization().substr(size_ - kSecretBytes); }

 private:
  char text_[63];
  uint8_t size_;
};

enum class Choice { kUniform, kSkewed, kUnknown };
constexpr struct {
  Choice choice;
  const char* name;
} kChoices[] = {{Choice::kUniform, "uniform"}, {Choice::kSkewed, "skewed"}, {Choice::kUnknown, "unknown"}};

/// A rank from 0, of `count`, by Zipf's law: the inverse of the continuous distribution, which is near
/// enough.
uint64_t zipf(double uniform, uint64_t count) {
  double s = 1 - kSkew;
  double rank = std::pow(uniform * (std::pow(static_cast<double>(count + 1), s) - 1) + 1, 1 / s);
  return std::min(static_cast<uint64_t>(rank) - 1, count - 1);
}

std::vector<Draw> draw(Choice choice, uint64_t tokens) {
  std::vector<Draw> draws;
  draws.reserve(kDraws);
  for (uint64_t i = 0; i < kDraws; ++i) {
    uint64_t random = mix(~i);
    double uniform = static_cast<double>(random >> 11) * 0x1p-53;
    if (choice == Choice::kUniform) draws.emplace_back(random % tokens);
    if (choice == Choice::kSkewed) draws.emplace_back(zipf(uniform, tokens));
    if (choice == Choice::kUnknown) draws.emplace_back(tokens + i);
  }
  return draws;
}

/// The floor: open addressing, one cache line an entry, the digest's first bytes as the place to begin.
class HashTable {
 public:
  explicit HashTable(uint64_t tokens) {
    while (mask_ + 1 < tokens + tokens / 3) mask_ = mask_ * 2 + 1;
    entries_.resize(mask_ + 1);
    for (uint64_t number = 0; number < tokens; ++number) {
      char secret[kSecretBytes];
      write_secret(number, secret);
      Entry entry;
      entry.digest = sha256({secret, kSecretBytes});
      entry.used = 1;
      entry.token_acls[kAcl / 8] = entry.account_acls[kAcl / 8] = 1 << kAcl % 8;
      uint64_t at = place(entry.digest);
      while (entries_[at].used != 0) at = (at + 1) & mask_;
      entries_[at] = entry;
    }
  }

  bool grants(std::string_view secret) const {
    Digest digest = sha256(secret);
    for (uint64_t at = place(digest); entries_[at].used != 0; at = (at + 1) & mask_) {
      const Entry& entry = entries_[at];
      if (entry.digest == digest) return has(entry.token_acls) && has(entry.account_acls);
    }
    return false;
  }

 private:
  static constexpr uint8_t kAcl = 1;
  struct alignas(64) Entry {
    Digest digest{};
    uint8_t token_acls[15] = {};
    uint8_t account_acls[15] = {};
    uint8_t used = 0;
  };
  static bool has(const uint8_t* acls) { return (acls[kAcl / 8] >> kAcl % 8 & 1) != 0; }
  uint64_t place(const Digest& digest) const {
    uint64_t first;
    std::memcpy(&first, digest.data(), sizeof first);
    return first & mask_;
  }

  uint64_t mask_ = 15;
  std::vector<Entry> entries_;
};

/// One number of tokens: the store, and the floor beside it.
struct Subject {
  Subject(const std::string& store, uint64_t tokens) : verifier(store), reader(verifier), table(tokens) {}
  Verifier verifier;
  Reader reader;
  HashTable table;
};

/// Requests of a web server do not overlap in the processor; without this a loop of them would, and the
/// shorter one more.
void end_request() {
#if defined(__x86_64__)
  __builtin_ia32_lfence();
#endif
}

template <class Check>
void measure(benchmark::State& state, const std::vector<Draw>& draws, bool granted, const Check& check) {
  static size_t at = 0;  // goes on where the last run stopped
  int64_t as_expected = 0;
  for (auto iteration : state) {
    (void)iteration;
    as_expected += check(draws[at++ % kDraws]) == granted ? 1 : 0;
    end_request();
  }
  if (as_expected != state.iterations()) state.SkipWithError("a decision was not the expected one");
}

bool verify(Reader& reader, const Draw& request) {
  Rules rules;
  CredentialFields fields;
  fields.authorization = request.authorization();
  fields.authorization_count = 1;
  Connection connection;
  connection.client.kind = Address::kLocalSocket;
  connection.now_unix_s = kNow;
  Call call;
  call.method = "GET";
  call.wire_path = call.served_path = "/execute/Email/list_pops";
  Credentials credentials = reader.read_credentials(rules, fields);
  return reader.verify(rules, credentials, connection, call).outcome == Outcome::kGranted;
}

/// Drawn when a benchmark first runs, and decided once: what a cold page costs is not what is measured.
const std::vector<Draw>& drawn(std::vector<Draw>* draws, Choice choice, uint64_t tokens, Subject& subject) {
  if (!draws->empty()) return *draws;
  *draws = draw(choice, tokens);
  for (const Draw& request : *draws) {
    benchmark::DoNotOptimize(subject.table.grants(request.secret()));
    benchmark::DoNotOptimize(verify(subject.reader, request));
  }
  return *draws;
}

void add_benchmarks(Subject* subject, uint64_t tokens) {
  for (auto [choice, name] : kChoices) {
    auto draws = std::make_shared<std::vector<Draw>>();
    auto add = [=, choice = choice, name = name](const std::string& what, auto check) {
      benchmark::RegisterBenchmark(
          (what + '/' + name + '/' + std::to_string(tokens)).c_str(), [=](benchmark::State& state) {
            measure(state, drawn(draws.get(), choice, tokens, *subject), choice != Choice::kUnknown, check);
          });
    };
    add("floor", [=](const Draw& request) { return subject->table.grants(request.secret()); });
    add("verify", [=](const Draw& request) { return verify(subject->reader, request); });
  }
}

/// Collects the time of each repetition, and prints them side by side at the end.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      if (run.error_occurred) {
        std::fprintf(stderr, "bench_micro: %s: %s\n", run.benchmark_name().c_str(),
                     run.error_message.c_str());
        failed_ = true;
        continue;
      }
      times_ns_[run.run_name.function_name].push_back(run.GetAdjustedCPUTime());
    }
  }
  void print(const std::vector<uint64_t>& sizes) {
    std::printf("CPU ns a request: median of the repetitions (lowest to highest)\n\n");
    std::printf("| tokens | chosen | floor | verify() | ratio | against %" PRIu64
                " tokens "
                "|\n|---:|---|---:|---:|---:|---:|\n",
                sizes.front());
    for (uint64_t tokens : sizes) {
      for (auto [choice, name] : kChoices) {
        std::string suffix = '/' + std::string(name) + '/';
        std::string here = suffix + std::to_string(tokens);
        double floor = median("floor" + here), own = median("verify" + here);
        double least = median("verify" + suffix + std::to_string(sizes.front()));
        std::printf("| %" PRIu64 " | %s | %s | %s | %.2f | %.2f |\n", tokens, name,
                    text("floor" + here).c_str(), text("verify" + here).c_str(), own / floor, own / least);
      }
    }
  }
  bool failed() const { return failed_; }

 private:
  double median(const std::string& name) {
    std::vector<double>& times = times_ns_[name];
    if (times.empty()) return NAN;
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
  std::string text(const std::string& name) {
    char text[80];
    double middle = median(name);
    const std::vector<double>& times = times_ns_[name];
    if (times.empty()) return "-";
    std::snprintf(text, sizeof text, "%.0f (%.0f to %.0f)", middle, times.front(), times.back());
    return text;
  }

  std::map<std::string, std::vector<double>> times_ns_;
  bool failed_ = false;
};

std::vector<uint64_t> sizes_in(const std::string& folder) {
  std::vector<uint64_t> sizes;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    uint64_t size = std::strtoull(entry.path().filename().c_str(), nullptr, 10);
    if (size > 0) sizes.push_back(size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

/// Each token holds two of its account's six ACLs, and the request needs one of the two.
int print_export(uint64_t count) {
  std::puts("tokengate-export\t1");
  for (uint64_t account = 0; account * kTokensPerAccount < count; ++account) {
    std::printf("account\tu%" PRIu64 "\t\tactive\ton\tdatabases,dns,domains,email,files,ssl\n", account);
  }
  for (uint64_t number = 0; number < count; ++number) {
    char secret[kSecretBytes];
    write_secret(number, secret);
    std::printf("token\tu%" PRIu64 "\tcpanel\tt%" PRIu64 "\t%s\tdns,email\twrite\tnever\n",
                number / kTokensPerAccount, number % kTokensPerAccount,
                to_hex(sha256({secret, kSecretBytes})).c_str());
  }
  std::puts("end");
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && argv[1] == std::string_view("export"))
    return print_export(std::strtoull(argv[2], nullptr, 10));
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_micro export COUNT | bench_micro FOLDER [FLAG…]\n");
    return 2;
  }
  std::vector<uint64_t> sizes = sizes_in(argv[1]);
  std::vector<std::unique_ptr<Subject>> subjects;
  for (uint64_t tokens : sizes) {
    std::string store = argv[1] + ('/' + std::to_string(tokens));
    std::fprintf(stderr, "preparing %" PRIu64 " tokens\n", tokens);
    subjects.push_back(std::make_unique<Subject>(store, tokens));
    if (std::string problem = subjects.back()->verifier.problem(); !problem.empty()) {
      std::fprintf(stderr, "bench_micro: %s\n", problem.c_str());
      return 1;
    }
    add_benchmarks(subjects.back().get(), tokens);
  }
  Table table;
  size_t ran = benchmark::RunSpecifiedBenchmarks(&table);
  if (ran == 0 || sizes.empty()) return 1;
  table.print(sizes);
  return table.failed() ? 1 : 0;
}
