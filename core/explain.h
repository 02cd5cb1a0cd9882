/// The values that each check compared, in words, for an Observer.
#ifndef TOKENGATE_EXPLAIN_H_
#define TOKENGATE_EXPLAIN_H_

#include <string>

#include "record.h"
#include "route.h"
#include "tokengate/verify.h"

namespace tokengate {

/// Tells an observer, if there is one, about each check. Without one it costs a look at a pointer: the words
/// are not made.
class Report {
 public:
  explicit Report(Observer* observer) noexcept : observer_(observer) {}

  /// `failure` is what the outcome is if `result` is not kGranted; `words` are made of `values`. Returns
  /// whether the check passed.
  template <class Words, class... Values>
  bool check(Outcome failure, Outcome result, Words words, const Values&... values) const noexcept {
    bool passed = result == Outcome::kGranted;
    if (observer_ != nullptr) [[unlikely]]
      tell(passed ? failure : result, passed, words, values...);
    return passed;
  }

 private:
  /// Apart, so that checks without an observer need no room for the words.
  template <class Words, class... Values>
  [[gnu::noinline, gnu::cold]] void tell(Outcome outcome, bool passed, Words words,
                                         const Values&... values) const noexcept {
    observer_->checked(outcome, passed, words(values...));
  }

  Observer* observer_;
};

// Where the words differ by it, `outcome` is that of the check.

std::string store_words(Outcome outcome);
std::string credentials_words(Outcome outcome);
std::string transport_words(const Rules& rules, const Connection& connection);
/// `token` is filled if `caller` names one.
std::string token_words(Outcome outcome, const Rules& rules, const Credentials& credentials,
                        const TokenRecord& token, const Caller& caller);
std::string lifetime_words(const TokenRecord& token, const Connection& connection);
std::string account_words(const TokenRecord& token);
std::string address_words(const TokenRecord& token, const Connection& connection);
std::string route_words(Outcome outcome, const Route& route);
std::string acl_words(Outcome outcome, const TokenRecord& token, const Decision& decision);
std::string target_words(Outcome outcome, const Decision& decision);

}  // namespace tokengate

#endif  // TOKENGATE_EXPLAIN_H_
