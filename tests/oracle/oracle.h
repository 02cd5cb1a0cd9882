/// A second opinion on the whole decision: the table of checks in README, "How a request is decided", once
/// more, with maps, sets and strings, and without a line of the core's code. Slow and plain on purpose.
///
/// It is told what a store holds (State) and what a request means (Request). Reading headers, matching
/// addresses and finding catalog rows it does by itself; what path, query and body mean, whoever built them
/// knows (request.h).
#ifndef TOKENGATE_TESTS_ORACLE_H_
#define TOKENGATE_TESTS_ORACLE_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tokengate/admin.h"
#include "tokengate/verify.h"

namespace tokengate::oracle {

struct AccountState {
  uint32_t id = 0;
  std::string owner;
  bool active = true;
  bool tokens_enabled = true;
  std::set<std::string> acls[2];
};

struct TokenState {
  uint64_t id = 0;
  std::string account;
  Service service = Service::kCpanel;
  std::string name;
  std::string secret;
  std::string former_secret;  ///< empty: none
  int64_t former_until = 0;
  bool full_access = false;
  bool read_only = false;
  std::set<std::string> acls;
  std::vector<std::string> ranges;
  int64_t not_before = 0;
  int64_t expires = kNeverExpires;
};

struct State {
  std::map<std::string, AccountState> accounts;  ///< by username
  std::vector<TokenState> tokens;
  std::set<std::string> acls[2];  ///< that exist
  std::string catalog;            ///< its text
};

/// One call, and those inside it if it is a wrapper.
struct CallMeaning {
  std::string api;
  std::string module;    ///< http: the method; whm1: empty
  std::string function;  ///< http: the decoded path
  std::string target;
  std::vector<CallMeaning> inner = {};
};

enum class Reading {
  kClear,      ///< can be read in one way
  kAmbiguous,  ///< not canonical, or can be read in two ways
  kRefused,    ///< an API that is never called with tokens, or not on this service
};

struct Request {
  // The location.
  Service service = Service::kCpanel;
  uint8_t schemes = kDefaultSchemes;
  uint8_t first_schemes = kDefaultSchemes;  ///< of the location that read the credentials, before a redirect
  bool plain_http = false;
  std::vector<std::string> required_acls;
  // The credentials: the values of all such fields.
  std::vector<std::string> authorization;
  std::vector<std::string> key;
  // The connection.
  std::string client;  ///< an address, `unix` or `unknown`
  bool tls = false;
  int64_t now = 0;
  // The call.
  Reading reading = Reading::kClear;
  CallMeaning call;
  std::string shown_path;  ///< http: the path as the route text shows it
};

struct Verdict {
  Outcome outcome = Outcome::kGranted;
  bool identified = false;
  std::string user, token_name;
  uint64_t token_id = 0;
  uint32_t account_id = 0;
  std::string acl, route;
  bool operator==(const Verdict&) const = default;
};

Verdict judge(const State& state, const Request& request);

}  // namespace tokengate::oracle

#endif  // TOKENGATE_TESTS_ORACLE_H_
