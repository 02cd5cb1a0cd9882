/// A decision in words and in JSON, with or without the checks that led to it.
#ifndef TOKENGATE_TOOLS_DECISION_TEXT_H_
#define TOKENGATE_TOOLS_DECISION_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "print.h"
#include "tokengate/verify.h"

namespace tokengate::cli {

/// Collects the checks as they are made.
class Checks : public Observer {
 public:
  struct Check {
    Outcome failure;
    bool passed;
    std::string detail;
  };

  void checked(Outcome failure, bool passed, std::string_view detail) override {
    checks_.push_back({failure, passed, std::string(detail)});
  }
  const std::vector<Check>& all() const { return checks_; }

 private:
  std::vector<Check> checks_;
};

/// `target`: the request's target, which decides the envelope of a refusal.
Json decision_json(const Decision& decision, std::string_view target, RefusalStyle style);

/// "granted: token ci of shop, calling uapi Email list_pops", or the outcome with what is known and the HTTP
/// status.
std::string decision_sentence(const Decision& decision, std::string_view target, RefusalStyle style);

/// One line a check, then the decision and, unless it is empty, the advice.
void print_explanation(const Checks& checks, const std::string& sentence, const std::string& advice);
Json explanation_json(const Checks& checks, Json decision, const std::string& advice);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_DECISION_TEXT_H_
