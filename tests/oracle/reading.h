/// What the oracle reads by itself: credentials out of headers, addresses, the catalog.
#ifndef TOKENGATE_TESTS_ORACLE_READING_H_
#define TOKENGATE_TESTS_ORACLE_READING_H_

#include <set>
#include <string>

#include "oracle.h"

namespace tokengate::oracle {

struct Claim {
  bool malformed = false;
  uint8_t scheme = kSchemeNone;  ///< none: there are no credentials
  std::string user, secret;
};

Claim read_claim(const Request& request);

/// `client`: also `unix` and `unknown`, which lie in no range.
bool is_in_range(const std::string& client, const std::string& range);
bool is_local(const std::string& client);

/// The catalog's word on a function.
struct Row {
  std::set<std::string> acls;
  bool wrapper = false, unlisted = false, read = true;
  bool other_case = false;  ///< a path that is the row's but for capitals
};

Row find_row(const State& state, Service service, const CallMeaning& call);

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_READING_H_
