// Fuzzes find_route() with whole requests, and holds each route that it accepts against lax backends:
// whatever a backend would make of the same bytes must be among the calls that were found.
//
// Input: one byte of flags, then path, query and Content-Type, each ended by a line feed, then the body.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "route.h"

using namespace tokengate;

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  (void)fprintf(stderr, "broken: %s\n", what);
  abort();
}

// Copied to memory of exactly its size, so that any read beyond it is seen.
struct Exact {
  explicit Exact(std::string_view text) : size(text.size()), bytes(new char[text.size()]) {
    std::copy(text.begin(), text.end(), bytes.get());
  }
  std::string_view view() const { return {bytes.get(), size}; }
  size_t size;
  std::unique_ptr<char[]> bytes;
};

std::string_view take_line(std::string_view* rest) {
  size_t end = std::min(rest->find('\n'), rest->size());
  std::string_view line = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return line;
}

// ---- A model of backends. Nothing in it is shared with the code under test.

struct Backend {
  bool semicolons;  // `;` separates too
  bool folds;       // names: case, trimming, `.` `-` ` ` `[` as `_`, cut at NUL and `]`, and `x[]` is `x`
  bool first_wins;  // of two parameters of one name
  bool body_first;  // which of query and body comes first
};

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string fold(std::string name) {
  name = name.substr(std::min(name.find_first_not_of(" \t\r\n"), name.size()));
  name = name.substr(0, name.find('\0'));
  if (size_t open = name.find('[');
      open != std::string::npos && open > 0 && (name.substr(open) == "[]" || name.substr(open) == "[0]")) {
    name = name.substr(0, open);
  }
  name = name.substr(0, name.find(']'));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '.' || c == '-' || c == ' ' || c == '[') c = '_';
  }
  return name;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void parse(const Backend& backend, std::string_view text, Pairs* pairs) {
  std::string_view separators = backend.semicolons ? "&;" : "&";
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(separators), text.size());
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    size_t equals = piece.find('=');
    std::string name = unescape(piece.substr(0, equals));
    std::string value = equals == std::string_view::npos ? "" : unescape(piece.substr(equals + 1));
    pairs->emplace_back(backend.folds ? fold(name) : name, value);
  }
}

// What `backend` takes for the value of `name`; null if there is none.
const std::string* look_up(const Backend& backend, const Pairs& pairs, const std::string& name) {
  const std::string* found = nullptr;
  std::string wanted = backend.folds ? fold(name) : name;
  for (const auto& [key, value] : pairs) {
    if (key != wanted) continue;
    found = &value;
    if (backend.first_wins) break;
  }
  return found;
}

bool has_call(const Route& route, Api api, std::string_view module, std::string_view function) {
  return std::any_of(route.calls.begin(), route.calls.begin() + route.count, [&](const RoutedCall& call) {
    return call.api == api && call.module == module && call.function == function;
  });
}

void check_panel(const Backend& backend, const Pairs& pairs, const std::string& prefix, const Route& route) {
  const std::string* module = look_up(backend, pairs, prefix + "module");
  const std::string* function = look_up(backend, pairs, prefix + "func");
  const std::string* version = look_up(backend, pairs, prefix + "apiversion");
  const std::string* user = look_up(backend, pairs, prefix + "user");
  require(module != nullptr && function != nullptr, "a backend finds no function");
  Api api = version != nullptr && *version == "3" ? Api::kUapi : Api::kApi2;
  require(version == nullptr || *version == "2" || *version == "3", "a backend finds another API");
  require(has_call(route, api, *module, *function), "a backend finds another function");
  const RoutedCall& inner = route.calls[route.calls[0].api == Api::kWhm1 ? 1 : 0];
  require(inner.target.empty() || (user != nullptr && inner.target == *user),
          "a backend finds another account");
}

void check_uapi_cpanel(const Backend& backend, const Pairs& pairs, const Route& route) {
  const std::string* module = look_up(backend, pairs, "cpanel.module");
  const std::string* function = look_up(backend, pairs, "cpanel.function");
  const std::string* user = look_up(backend, pairs, "cpanel.user");
  require(module != nullptr && function != nullptr, "a backend finds no function");
  require(has_call(route, Api::kUapi, *module, *function), "a backend finds another function");
  require(route.calls[1].target == (user == nullptr ? "" : *user), "a backend finds another account");
}

void check_batch(const Pairs& pairs, const Route& route) {
  for (const auto& [name, value] : pairs) {
    if (!name.starts_with("command")) continue;
    require(has_call(route, Api::kWhm1, "", value.substr(0, value.find('?'))),
            "a backend finds another command");
  }
}

// Only for forms: what is JSON or multipart has another model.
void check_backends(std::string_view path, const Call& call, const Route& route) {
  auto is = [&](std::string_view name) { return path.find(name) != std::string_view::npos; };
  bool json_panel = is("json-api/cpanel"), xml_panel = is("xml-api/cpanel"),
       uapi_cpanel = is("api/uapi_cpanel"), batch = is("api/batch");
  for (unsigned bits = 0; bits < 16; ++bits) {
    Backend backend{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    Pairs pairs;
    if (backend.body_first) parse(backend, call.body, &pairs);
    parse(backend, call.query, &pairs);
    if (!backend.body_first) parse(backend, call.body, &pairs);
    if (json_panel) check_panel(backend, pairs, "cpanel_jsonapi_", route);
    if (xml_panel) check_panel(backend, pairs, "cpanel_xmlapi_", route);
    if (uapi_cpanel) check_uapi_cpanel(backend, pairs, route);
    if (batch) check_batch(pairs, route);
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
  auto flags = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  Exact path(take_line(&rest)), query(take_line(&rest)), type(take_line(&rest)), body(rest);
  Service service = (flags & 1) != 0 ? Service::kWhm : Service::kCpanel;

  Call call;
  call.method = "POST";
  call.served_path = path.view();
  if ((flags & 2) == 0) call.wire_path = path.view();
  call.query = query.view();
  call.content_type = type.view();
  if (body.size > 0) {
    call.body_state = Body::kRead;
    call.body = body.view();
  }
  std::vector<char> scratch(scratch_bytes(query.size, body.size));
  call.scratch = scratch;
  static Route route;
  find_route(service, call, &route);
  check_route(route, service);
  if (route.problem != RouteProblem::kNone) return 0;

  bool chosen = body_chooses_function(path.view());
  bool form = call.body.empty() || (type.view().find("multipart") == std::string_view::npos &&
                                    body.view().find('{') == std::string_view::npos);
  if (chosen && form) check_backends(path.view(), call, route);

  // Less memory may deny, but not change what is found.
  std::string text(route.text.view());
  scratch.resize(scratch.size() / 2);
  scratch.shrink_to_fit();
  call.scratch = scratch;
  find_route(service, call, &route);
  require(route.problem == RouteProblem::kBad || route.text.view() == text, "memory changes the route");
  return 0;
}
