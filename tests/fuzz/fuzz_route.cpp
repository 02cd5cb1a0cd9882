// Fuzzes find_route() with whole requests, and holds each route that it accepts against lax backends:
// whatever a backend would make of the same bytes must be among the calls that were found.
//
// Input: one byte of flags, then path, query and Content-Type, each ended by a line feed, then the body. The
// flags: service, a path that is not on the wire, a line with the method in front, and that the served path
// is the one on the wire decoded, or one more line, behind the path.
#include "route.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "chars.h"
#include "fuzz.h"
#include "lax_backend.h"

using namespace tokengate;

namespace {

enum Flag : uint8_t { kWhm = 1, kRedirected = 2, kOwnServedPath = 4, kOwnMethod = 8, kDecoded = 64 };

std::string decoded_once(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    int value = text[i] == '%' ? chars::percent_value(text.substr(i)) : -1;
    result += value < 0 ? text[i] : static_cast<char>(value);
    if (value >= 0) i += 2;
  }
  return result;
}

bool has_call(const Route& route, const lax_backend::Call& wanted) {
  return std::any_of(route.calls.begin(), route.calls.begin() + route.count, [&](const RoutedCall& call) {
    return api_name(call.api) == wanted.api && call.module == wanted.module &&
           call.function == wanted.function && call.target == wanted.target;
  });
}

void check_backends(std::string_view path, const Call& call, Service service, const Route& route) {
  lax_backend::Request request{service == Service::kWhm, std::string(call.method), std::string(path),
                               std::string(call.content_type), std::string(call.body)};
  request.target += '?' + std::string(call.query);
  // Some read no JSON, some no multipart: they find nothing there, and do nothing.
  bool form = call.content_type.empty() && call.body.find_first_of("{-") == std::string_view::npos;
  for (const lax_backend::Calls& calls : lax_backend::run(request)) {
    require(!calls.empty() || !form, "a backend finds no function");
    for (const lax_backend::Call& found : calls)
      require(has_call(route, found), "a backend finds another function");
  }
}

// ---- What holds for every route

bool is_name(std::string_view text, std::string_view others, size_t limit) {
  return !text.empty() && text.size() <= limit && std::all_of(text.begin(), text.end(), [&](char c) {
    return isalnum(static_cast<unsigned char>(c)) != 0 || others.find(c) != std::string_view::npos;
  });
}

void check_call(const RoutedCall& call, Service service) {
  if (call.api == Api::kHttp) {
    require(call.function.starts_with('/') && call.function.find('%') == std::string_view::npos, "http path");
    require(is_name(call.module, "-", 32), "http method");
    require(call.function.find("/../") == std::string_view::npos &&
                call.function.find("//") == std::string_view::npos,
            "http path");
    return;
  }
  if (call.api == Api::kWhm1) {
    require(is_name(call.function, "_-/", 129) && call.module.empty() && service == Service::kWhm,
            "whm1 call");
    return;
  }
  require(is_name(call.module, "_", 64) && is_name(call.function, "_", 64), "function name");
  require(call.target.empty() || (service == Service::kWhm && is_name(call.target, "._@+-", kMaxUserBytes)),
          "target");
}

void check_route(const Route& route, Service service) {
  require((route.problem == RouteProblem::kNone) == (route.count > 0), "count");
  require((route.problem == RouteProblem::kNone) == !route.text.empty(), "text");
  require((route.problem == RouteProblem::kNone) == route.reason.empty(), "reason");
  require(route.count <= kMaxRoutedCalls, "bound");
  for (char c : route.text.view()) require(c >= ' ' && c < 0x7f, "printable text");
  for (unsigned i = 0; i < route.count; ++i) check_call(route.calls[i], service);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto flags = static_cast<uint8_t>(rest.front());
  rest.remove_prefix(1);
  Exact method((flags & kOwnMethod) != 0 ? take_until('\n', &rest) : "POST");
  Exact path(take_until('\n', &rest));
  Exact served((flags & kOwnServedPath) != 0 ? std::string(take_until('\n', &rest))
               : (flags & kDecoded) != 0     ? decoded_once(path.view())
                                             : std::string(path.view()));
  Exact query(take_until('\n', &rest)), type(take_until('\n', &rest)), body(rest);
  Service service = (flags & kWhm) != 0 ? Service::kWhm : Service::kCpanel;

  Call call;
  call.method = method.view();
  call.served_path = served.view();
  if ((flags & kRedirected) == 0) call.wire_path = path.view();
  call.query = query.view();
  call.content_type = type.view();
  if (body.size() > 0) {
    call.body_state = Body::kRead;
    call.body = body.view();
  }
  std::vector<char> scratch(scratch_bytes(query.size(), body.size()));
  call.scratch = scratch;
  static Route route;
  find_route(service, call, &route);
  check_route(route, service);
  if (route.problem != RouteProblem::kNone) return 0;

  // A server hands on either of the two.
  check_backends(served.view(), call, service, route);
  if (!call.wire_path.empty() && call.wire_path != call.served_path) {
    check_backends(call.wire_path, call, service, route);
  }

  // Less memory may deny, but not change what is found.
  std::string text(route.text.view());
  scratch.resize(scratch.size() / 2);
  scratch.shrink_to_fit();
  call.scratch = scratch;
  find_route(service, call, &route);
  require(route.problem == RouteProblem::kBad || route.text.view() == text, "memory changes the route");
  return 0;
}
