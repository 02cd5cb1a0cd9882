/// Changes to a store through Admin, and to the oracle's state of it if the store took them.
#ifndef TOKENGATE_TESTS_ORACLE_CHANGE_H_
#define TOKENGATE_TESTS_ORACLE_CHANGE_H_

#include <string>
#include <vector>

#include "choices.h"
#include "oracle.h"

namespace tokengate::oracle {

/// The time of all changes.
inline constexpr int64_t kNow = 1'800'000'000;

/// Of accounts that may come to be, and of ACLs by service.
extern const std::vector<std::string> kUsernames;
extern const std::vector<std::string> kAcls[2];

/// What changes together.
struct Pair {
  Admin& admin;
  State& state;
  std::vector<std::string>& secrets;  ///< of all tokens there ever were
};

Status load_catalog(Pair pair, const std::string& text);
Status create_account(Pair pair, const NewAccount& account);
Status create_token(Pair pair, const NewToken& token);

/// A change that `choices` choose; it need not be possible.
Status change(Pair pair, Choices& choices);

/// A catalog with rows of every kind.
extern const char* const kFirstCatalog;

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_CHANGE_H_
