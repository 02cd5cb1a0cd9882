/// What a request calls: its path and, where they choose the function, its parameters -> a list of calls.
/// Pure: no store, no clock, no allocation. The rule behind everything here: the backend must run what was
/// judged, so a request that it could read in another way is refused.
#ifndef TOKENGATE_ROUTE_H_
#define TOKENGATE_ROUTE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "tokengate/verify.h"

namespace tokengate {

inline constexpr unsigned kMaxInnerCalls = 100;   ///< calls inside wrappers, in one request
inline constexpr unsigned kMaxCallDepth = 3;      ///< wrappers within wrappers
inline constexpr unsigned kMaxRoutedCalls = 256;  ///< inner calls and the wrappers around them

enum class Api : uint8_t { kUapi, kApi2, kWhm1, kHttp };

/// "uapi", "api2", "whm1" or "http": as in the catalog.
std::string_view api_name(Api api) noexcept;

/// One function call found in a request. Views are of the request or of its scratch.
struct RoutedCall {
  Api api = Api::kHttp;
  std::string_view module;    ///< uapi, api2: the module; whm1: empty; http: the method
  std::string_view function;  ///< uapi, api2: the function; whm1: `f` or `Group/f`; http: the decoded path
  /// The account that is acted on; empty for whm1 and http calls, and on the service cpanel (there it is the
  /// caller itself). On the service whm an empty one means that the request names none:
  /// Outcome::kTargetDenied.
  std::string_view target;
};

enum class RouteProblem : uint8_t {
  kNone,
  kBad,      ///< Outcome::kBadRoute
  kRefused,  ///< Outcome::kApiRefused
};

struct Route {
  RouteProblem problem = RouteProblem::kBad;
  /// Why, for people: a constant phrase such as "a dot segment in the path". Never holds request bytes.
  std::string_view reason;
  /// The calls to judge, the outermost first, at least one when there is no problem. All must be allowed.
  unsigned count = 0;
  std::array<RoutedCall, kMaxRoutedCalls> calls;
  /// Canonical text of the outermost and, for a wrapper around a single call, the inner one: printable ASCII.
  /// `uapi Email add_pop`, `api2 ZoneEdit fetchzones`, `whm1 listaccts`, `http GET /v1/report`,
  /// `whm1 uapi_cpanel: uapi Email add_pop for shop`, `whm1 batch: 3 calls`. Empty when there is a problem.
  Text<kMaxRouteTextBytes> text;
};

/// Finds the route of `call` on a location that serves `service`. Fills `*route` whatever happens.
void find_route(Service service, const Call& call, Route* route) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_ROUTE_H_
