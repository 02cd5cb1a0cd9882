/// What backends that are lax in one way or another would make of a request: each way of reading paths,
/// parameters and bodies that is known of panel servers and their frameworks. Shares nothing with the core.
#ifndef TOKENGATE_TESTS_LAX_BACKEND_H_
#define TOKENGATE_TESTS_LAX_BACKEND_H_

#include <set>
#include <string>
#include <vector>

namespace lax_backend {

struct Request {
  bool whm = false;
  std::string method;
  std::string target;  ///< path and query as they came
  std::string content_type;
  std::string body;
};

struct Call {
  std::string api;       ///< uapi, api1, api2, whm1 or http
  std::string module;    ///< http: the method
  std::string function;  ///< http: the path, decoded
  std::string target;    ///< the account that is acted on, on whm
  // NOLINTNEXTLINE(modernize-use-nullptr): takes the compiler's own code for a 0
  auto operator<=>(const Call&) const = default;
};

/// The outermost call first; none if the backend finds nothing to call.
using Calls = std::vector<Call>;

/// What each backend would call; each different answer once.
std::set<Calls> run(const Request& request);

/// `uapi Email list_pops for shop`.
std::string text_of(const Call& call);

}  // namespace lax_backend

#endif  // TOKENGATE_TESTS_LAX_BACKEND_H_
