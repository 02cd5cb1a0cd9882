// Turns path and parameters of a request into the list of calls that the backend would make.
#include "route.h"

#include <algorithm>
#include <optional>

#include "body.h"
#include "chars.h"
#include "json.h"
#include "names.h"
#include "params.h"
#include "path.h"
#include "route_text.h"
#include "selectors.h"

namespace tokengate {
namespace {

bool is_method(std::string_view method) noexcept {
  return !method.empty() && method.size() <= 32 &&
         std::all_of(method.begin(), method.end(), [](char c) { return chars::is_upper(c) || c == '-'; });
}

constexpr std::string_view kBatchModule = "Batch";
constexpr std::string_view kBatchFunction = "strict";

bool is_batch(std::string_view module, std::string_view function) noexcept {
  return module == kBatchModule && function == kBatchFunction;
}

bool is_wrapper(std::string_view whm_function) noexcept {
  return whm_function == "cpanel" || whm_function == "uapi_cpanel" || whm_function == "batch";
}

// Whether parameters choose what a call of this path does.
bool is_chosen_by_parameters(const Path& path) noexcept {
  if (path.family == PathFamily::kHttp) return false;
  if (path.family == PathFamily::kExecute) return is_batch(path.module, path.function);
  return is_wrapper(path.function);
}

// Builds the Route of one request. The functions that return bool return false once the route is bad.
class Finder {
 public:
  Finder(Service service, const Call& call, Route* route) noexcept
      : service_(service), call_(call), route_(*route), scratch_(call.scratch) {}

  void run() noexcept;

 private:
  bool find(const Path& path) noexcept;
  bool call_whm(std::string_view function, const Parameters& parameters, unsigned depth) noexcept;
  bool call_panel(const Parameters& parameters, unsigned depth) noexcept;
  bool call_uapi_cpanel(const Parameters& parameters, unsigned depth) noexcept;
  bool call_whm_batch(const Parameters& parameters, unsigned depth) noexcept;
  bool call_uapi(std::string_view module, std::string_view function, std::string_view target,
                 const Selected* selected, unsigned depth) noexcept;
  bool call_uapi_command(std::string_view command, std::string_view target, unsigned depth) noexcept;

  bool read_selectors(SelectorSet set, const Parameters& parameters, Selected* selected) noexcept;
  bool read_function(const Selected& selected, std::string_view* module, std::string_view* function) noexcept;
  bool read_target(const Selected& selected, std::string_view* target) noexcept;
  bool check_commands(const Selected& selected) noexcept;
  bool decode(Encoded text, std::string_view* decoded) noexcept;

  bool add(const RoutedCall& call, bool wrapper, unsigned depth) noexcept;
  bool bad(std::string_view reason) noexcept;
  void refuse(std::string_view reason) noexcept;

  Service service_;
  const Call& call_;
  Route& route_;
  Scratch scratch_;
  bool xml_ = false;
  std::string_view refused_;       // why the API is refused, if nothing worse is found
  unsigned leaf_calls_ = 0;        // calls inside wrappers that are no wrappers themselves
  unsigned outermost_inners_ = 0;  // calls directly inside the outermost
};

bool Finder::bad(std::string_view reason) noexcept {
  route_.reason = reason;
  return false;
}

void Finder::refuse(std::string_view reason) noexcept {
  if (refused_.empty()) refused_ = reason;
}

bool Finder::add(const RoutedCall& call, bool wrapper, unsigned depth) noexcept {
  if (depth > kMaxCallDepth) return bad("calls nested too deeply");
  if (depth > 0 && !wrapper && ++leaf_calls_ > kMaxInnerCalls) return bad("too many calls in one request");
  if (route_.count == kMaxRoutedCalls) return bad("too many calls in one request");
  if (depth == 1) ++outermost_inners_;
  route_.calls[route_.count++] = call;
  return true;
}

bool Finder::decode(Encoded text, std::string_view* decoded) noexcept {
  std::optional<std::string_view> result = scratch_.decode(text);
  if (!result) return bad("a parameter that chooses the call is not well encoded");
  *decoded = *result;
  return true;
}

void Finder::run() noexcept {
  Path path = read_path(call_.wire_path, call_.served_path);
  bool good = find(path);
  if (good && refused_.empty()) {
    route_.problem = RouteProblem::kNone;
    write_route_text(call_.wire_path, outermost_inners_, &route_);
    return;
  }
  route_.count = 0;
  if (good) {
    route_.problem = RouteProblem::kRefused;
    route_.reason = refused_;
  }
}

bool Finder::find(const Path& path) noexcept {
  if (!is_method(call_.method)) return bad("a method that is not one word of upper case letters");
  if (call_.length_and_chunked) return bad("both Content-Length and Transfer-Encoding");
  if (!path.problem.empty()) return bad(path.problem);
  if (path.family == PathFamily::kHttp) {
    // WebDAV's COPY and MOVE write there (RFC 4918 10.3). Panel calls have no use for it.
    if (call_.names_another_call) return bad("a header names another method, or a second path");
    return add({Api::kHttp, call_.method, path.function, {}}, false, 0);
  }

  bool whm = service_ == Service::kWhm;
  if (path.family == PathFamily::kExecute && whm) {
    refuse("UAPI is called through uapi_cpanel on this service");
    return true;
  }
  if (path.family != PathFamily::kExecute && !whm && path.function != "cpanel") {
    refuse("WHM API 1 cannot be called on this service");
    return true;
  }
  xml_ = path.family == PathFamily::kXmlApi;
  Parameters parameters;
  if (is_chosen_by_parameters(path)) {
    std::string_view problem = read_parameters(call_, &parameters);
    if (!problem.empty()) return bad(problem);
  }
  if (path.family != PathFamily::kExecute) {
    return whm ? call_whm(path.function, parameters, 0) : call_panel(parameters, 0);
  }
  if (!is_chosen_by_parameters(path)) return call_uapi(path.module, path.function, {}, nullptr, 0);
  Selected selected;
  if (!read_selectors(SelectorSet::kUapiBatch, parameters, &selected)) return false;
  return call_uapi(path.module, path.function, {}, &selected, 0);
}

bool Finder::call_whm(std::string_view function, const Parameters& parameters, unsigned depth) noexcept {
  if (!is_whm1_function(function)) return bad("a command of a batch that names no function");
  bool panel = function == "cpanel", uapi = function == "uapi_cpanel", batch = function == "batch";
  if (!add({Api::kWhm1, {}, function, {}}, panel || uapi || batch, depth)) return false;
  if (panel) return call_panel(parameters, depth + 1);
  if (uapi) return call_uapi_cpanel(parameters, depth + 1);
  return !batch || call_whm_batch(parameters, depth + 1);
}

bool Finder::call_panel(const Parameters& parameters, unsigned depth) noexcept {
  Selected selected;
  std::string_view module, function, target, version = "2";
  if (!read_selectors(xml_ ? SelectorSet::kPanelXml : SelectorSet::kPanelJson, parameters, &selected) ||
      !read_function(selected, &module, &function) || !read_target(selected, &target)) {
    return false;
  }
  if (selected.has(Selector::kVersion) && !decode(selected.value(Selector::kVersion), &version)) return false;
  if (version == "3") return call_uapi(module, function, target, &selected, depth);
  if (version == "1") {
    refuse("API 1 cannot be called with tokens");
  } else if (version != "2") {
    return bad("an API version that does not exist");
  }
  return add({Api::kApi2, module, function, target}, false, depth);
}

bool Finder::call_uapi_cpanel(const Parameters& parameters, unsigned depth) noexcept {
  Selected selected;
  std::string_view module, function, target;
  return read_selectors(SelectorSet::kUapiCpanel, parameters, &selected) &&
         read_function(selected, &module, &function) && read_target(selected, &target) &&
         call_uapi(module, function, target, &selected, depth);
}

bool Finder::call_whm_batch(const Parameters& parameters, unsigned depth) noexcept {
  Selected selected;
  if (!read_selectors(SelectorSet::kWhmBatch, parameters, &selected) || !check_commands(selected))
    return false;
  for (unsigned i = 0; i < selected.command_count; ++i) {
    std::string_view command;
    if (!decode(selected.command(i), &command)) return false;
    size_t mark = std::min(command.find('?'), command.size());
    Parameters arguments;
    arguments.add(Reading::kForm, command.substr(std::min(mark + 1, command.size())));
    if (!call_whm(command.substr(0, mark), arguments, depth)) return false;
  }
  return true;
}

// `selected` holds the commands in case that this is a batch; null if it is known to be none. It is large, so
// the ordinary call does not make one.
bool Finder::call_uapi(std::string_view module, std::string_view function, std::string_view target,
                       const Selected* selected, unsigned depth) noexcept {
  bool batch = is_batch(module, function);
  if (!batch && chars::equals_folded(module, "batch"))
    return bad("a batch in the wrong case or of an unknown kind");
  if (!add({Api::kUapi, module, function, target}, batch, depth)) return false;
  if (!batch) return true;
  if (selected == nullptr) return bad("a batch without a command");
  if (!check_commands(*selected)) return false;
  for (unsigned i = 0; i < selected->command_count; ++i) {
    std::string_view command;
    if (!decode(selected->command(i), &command) || !call_uapi_command(command, target, depth + 1))
      return false;
  }
  return true;
}

// `command`: ["Module","function",{arguments}], where the arguments may be missing.
bool Finder::call_uapi_command(std::string_view command, std::string_view target, unsigned depth) noexcept {
  constexpr std::string_view kShape = "a command of a batch that is not [\"Module\",\"function\",{…}]";
  JsonValue array = read_json(command);
  if (array.kind != JsonValue::kArray) return bad(kShape);
  JsonItems items(array);
  std::string_view no_key;
  JsonValue module, function, arguments, excess;
  if (!items.next(&no_key, &module) || module.kind != JsonValue::kString) return bad(kShape);
  if (!items.next(&no_key, &function) || function.kind != JsonValue::kString) return bad(kShape);
  Parameters parameters;
  if (items.next(&no_key, &arguments)) {
    std::string_view problem = json_object_problem(arguments.raw);
    if (arguments.kind != JsonValue::kObject || items.next(&no_key, &excess)) return bad(kShape);
    if (!problem.empty()) return bad(problem);
    parameters.add(Reading::kJson, arguments.raw);
  }
  std::string_view module_name, function_name;
  if (!decode({module.raw, Encoding::kJson}, &module_name) ||
      !decode({function.raw, Encoding::kJson}, &function_name)) {
    return false;
  }
  if (!is_function_name(module_name) || !is_function_name(function_name)) return bad(kShape);
  if (!is_batch(module_name, function_name)) {
    return call_uapi(module_name, function_name, target, nullptr, depth);
  }
  Selected selected;
  return read_selectors(SelectorSet::kUapiBatch, parameters, &selected) &&
         call_uapi(module_name, function_name, target, &selected, depth);
}

bool Finder::read_selectors(SelectorSet set, const Parameters& parameters, Selected* selected) noexcept {
  select(set, parameters, selected);
  if (!selected->problem.empty()) return bad(selected->problem);
  if (!selected->has(Selector::kApiVersion)) return true;
  std::string_view version;
  if (!decode(selected->value(Selector::kApiVersion), &version)) return false;
  return version == "0" || version == "1" || bad("an api.version that does not exist");
}

bool Finder::read_function(const Selected& selected, std::string_view* module,
                           std::string_view* function) noexcept {
  if (!selected.has(Selector::kModule) || !selected.has(Selector::kFunction)) {
    return bad("the parameters that name module and function are missing");
  }
  if (!decode(selected.value(Selector::kModule), module) ||
      !decode(selected.value(Selector::kFunction), function)) {
    return false;
  }
  return (is_function_name(*module) && is_function_name(*function)) ||
         bad("a module or function that is not a plain name");
}

// On the service cpanel the caller's own account is used whatever the parameter says: real clients send their
// own name, or the word "user". It must be unambiguous all the same.
bool Finder::read_target(const Selected& selected, std::string_view* target) noexcept {
  std::string_view user;
  if (selected.has(Selector::kUser)) {
    if (!decode(selected.value(Selector::kUser), &user)) return false;
    if (!user.empty() && !is_username(user)) return bad("a target that cannot be a username");
  }
  *target = service_ == Service::kWhm ? user : std::string_view();
  return true;
}

bool Finder::check_commands(const Selected& selected) noexcept {
  if (!selected.command_problem.empty()) return bad(selected.command_problem);
  return selected.command_count > 0 || bad("a batch without a command");
}

}  // namespace

bool body_chooses_function(std::string_view wire_path, std::string_view served_path) noexcept {
  auto chooses = [](std::string_view path) {
    // Nearly all paths are others already by their last segment.
    std::string_view last = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
    last.remove_prefix(last.rfind('/') + 1);
    if (last != kBatchFunction && !is_wrapper(last)) return false;
    if (path.starts_with("//")) path.remove_prefix(1);
    Path found = read_path({}, path);
    return found.problem.empty() && is_chosen_by_parameters(found);
  };
  return chooses(served_path) || (wire_path != served_path && chooses(wire_path));
}

size_t scratch_bytes(size_t query_bytes, size_t body_bytes) noexcept {
  return query_bytes > SIZE_MAX - body_bytes ? SIZE_MAX : query_bytes + body_bytes;
}

void find_route(Service service, const Call& call, Route* route) noexcept {
  route->problem = RouteProblem::kBad;
  route->reason = {};
  route->count = 0;
  route->text.clear();
  Finder(service, call, route).run();
}

}  // namespace tokengate
