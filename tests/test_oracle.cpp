// The verifier against the oracle: thousands of changes and requests, the same in every run.
// TOKENGATE_ORACLE_ROUNDS asks for more of them, TOKENGATE_ORACLE_SEED for others.
#include <cstdlib>
#include <filesystem>
#include <random>

#include "oracle/world.h"
#include "support.h"

using namespace tokengate;

namespace {

constexpr size_t kBytesPerRound = 1500;

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Each change is flushed, so memory is much quicker than a disk.
class MemoryFolder {
 public:
  MemoryFolder() {
    std::string parent = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    path_ = parent + "/tokengate-test-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) ck_abort_msg("cannot make a temporary folder");
  }
  ~MemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What was found, when the folder is gone again.
struct Played {
  std::string difference;  // empty: none
  oracle::World::Figures figures;
};

Played play(uint64_t rounds, uint64_t seed) {
  std::mt19937_64 random(seed);
  MemoryFolder folder;
  oracle::World world(folder.path());
  Played played;
  for (uint64_t round = 0; round < rounds && played.difference.empty(); ++round) {
    std::string bytes(kBytesPerRound, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    played.difference = world.play(bytes);
    if (!played.difference.empty()) played.difference.insert(0, "round " + std::to_string(round) + ":\n");
  }
  played.figures = world.figures();
  return played;
}

}  // namespace

START_TEST(verifier_and_oracle_agree) {
  Played played = play(number_from_environment("TOKENGATE_ORACLE_ROUNDS", 3000),
                       number_from_environment("TOKENGATE_ORACLE_SEED", 1));
  ck_assert_msg(played.difference.empty(), "%s", played.difference.c_str());

  // Agreement on refusals alone would say little.
  const oracle::World::Figures& figures = played.figures;
  auto count = [&](uint64_t number) { return static_cast<unsigned long long>(number); };
  printf("%llu requests, %llu changes made, %llu refused\n", count(figures.questions), count(figures.changes),
         count(figures.changes_refused));
  for (int i = 0; i < kOutcomeCount; ++i) {
    auto outcome = static_cast<Outcome>(i);
    printf("%s: %llu\n", std::string(outcome_name(outcome)).c_str(), count(figures.outcomes[i]));
    if (outcome == Outcome::kStoreUnavailable) continue;
    ck_assert_msg(figures.outcomes[i] > 0, "no request with the outcome %s",
                  std::string(outcome_name(outcome)).c_str());
  }
  ck_assert_uint_gt(figures.outcomes[static_cast<size_t>(Outcome::kGranted)] * 20, figures.questions);
  ck_assert_uint_gt(figures.changes, figures.changes_refused / 2);
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("oracle");
  TCase* tcase = tcase_create("oracle");
  tcase_set_timeout(tcase, 0);
  tcase_add_test(tcase, verifier_and_oracle_agree);
  suite_add_tcase(suite, tcase);
  return suite;
}
