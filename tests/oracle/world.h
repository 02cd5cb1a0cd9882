/// A real store and the oracle's idea of it, changed side by side and asked the same questions.
#ifndef TOKENGATE_TESTS_ORACLE_WORLD_H_
#define TOKENGATE_TESTS_ORACLE_WORLD_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "choices.h"
#include "oracle.h"
#include "request.h"

namespace tokengate::oracle {

class World {
 public:
  /// Works in `folder`, which exists, is empty, and is better in memory: each change is flushed to it.
  explicit World(std::string folder);
  ~World();

  /// Begins from the same store as the last time, and lets `bytes` choose what is changed and what is asked.
  /// Empty if verifier and oracle agreed on everything, else what they differed in.
  std::string play(std::string_view bytes);

  struct Figures {
    uint64_t questions = 0;
    uint64_t changes = 0;  ///< that were made
    uint64_t changes_refused = 0;
    std::array<uint64_t, kOutcomeCount> outcomes{};
  };
  const Figures& figures() const { return figures_; }

 private:
  void reset();
  void close();
  static void remove(const std::string& folder);
  std::string ask(Choices& choices);

  std::string folder_;
  unsigned resets_ = 0;
  bool changed_ = true;
  State first_state_, state_;
  std::vector<std::string> first_secrets_, secrets_;  // of all tokens there ever were
  Admin admin_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<Reader> reader_;
  Figures figures_;
};

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_WORLD_H_
