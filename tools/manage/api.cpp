// Finds which function a request calls and as whom, runs it, and puts the result into the envelope of that
// API.
#include <algorithm>
#include <exception>

#include "functions.h"
#include "manage.h"

namespace tokengate::manage {
namespace {

/// A path, taken apart. An empty `family` is no path of an API.
struct ApiPath {
  std::string_view family;  ///< execute, json-api or xml-api
  std::string_view first;   ///< the module, or the function
  std::string_view second;  ///< execute: the function
};

std::string_view take_segment(std::string_view* path) {
  const std::string_view segment = path->substr(0, path->find('/'));
  path->remove_prefix(std::min(segment.size() + 1, path->size()));
  return segment;
}

bool is_session_prefix(std::string_view segment) {
  return segment.starts_with("cpsess") && segment.size() > 6 &&
         segment.find_first_not_of("0123456789", 6) == std::string_view::npos;
}

/// Clients double the first slash, end in one, and put their session in front.
ApiPath take_apart(std::string_view path) {
  if (!path.starts_with('/')) return {};
  path.remove_prefix(path.starts_with("//") ? 2 : 1);
  if (path.ends_with('/')) path.remove_suffix(1);
  std::string_view segment = take_segment(&path);
  if (is_session_prefix(segment)) segment = take_segment(&path);
  ApiPath parts = {segment, take_segment(&path), {}};
  const bool execute = parts.family == "execute";
  if (execute) parts.second = take_segment(&path);
  if (!execute && parts.family != "json-api" && parts.family != "xml-api") return {};
  return path.empty() && !parts.first.empty() && (!execute || !parts.second.empty()) ? parts : ApiPath{};
}

std::string unknown_function(const Called& called) {
  return "Could not find function '" + called.function + "' in module '" + called.module + "'";
}

Outcome run_uapi(Operations& operations, const Scope& scope, const Called& called, const Params& params) {
  UapiFunction function = find_uapi_function(called.module, called.function);
  return function ? function(operations, scope, params) : Outcome::failure(unknown_function(called));
}

/// One request, as far as it is understood.
class ApiCall {
 public:
  ApiCall(Admin& admin, const Settings& settings, const Request& request)
      : admin_(admin), settings_(settings), request_(request), path_(take_apart(request.path)) {}

  Reply answer() {
    if (path_.family.empty()) return json_reply({{"error", "There is no such API here."}}, 404);
    called_.xml = path_.family == "xml-api";
    Outcome outcome;
    try {
      outcome = repeat([this] { return run(); });
    } catch (const Refused& refused) {
      outcome = Outcome::failure(refused.text);
    }
    return enveloped(called_, outcome);
  }

 private:
  bool whm() const { return request_.caller.service == Service::kWhm; }

  Outcome run() {
    // The shape first, so that even what is wrong with the parameters is said in it.
    if (path_.family == "execute") {
      called_ = {Shape::kUapi, called_.xml, std::string(path_.first), std::string(path_.second)};
    } else if (path_.first == "cpanel") {
      called_.shape = Shape::kApi2;
    } else if (path_.first == "uapi_cpanel") {
      called_.shape = Shape::kUapiInWhm;
    } else {
      called_.function = path_.first;
    }
    if (request_.method != "GET" && request_.method != "POST") throw Refused{"Use GET or POST."};
    if (request_.caller.via == Identity::Via::kSession)
      throw Refused{"A session of the page is for the page only."};
    const Params params = Params::read(request_);
    switch (called_.shape) {
      case Shape::kUapi:
        return run_execute(params);
      case Shape::kApi2:
        return run_panel(params);
      case Shape::kUapiInWhm:
        return run_uapi_cpanel(params);
      default:
        return run_whm(params);
    }
  }

  Outcome run_execute(const Params& params) {
    if (whm())
      throw Refused{"Call the functions of an account through /json-api/uapi_cpanel on this service."};
    Operations operations(admin_, settings_, request_, "api");
    return run_uapi(operations, operations.own(), called_, params);
  }

  /// The function is named by parameters. On the account's own service their user means nothing.
  Outcome run_panel(const Params& params) {
    const std::string prefix = called_.xml ? "cpanel_xmlapi_" : "cpanel_jsonapi_";
    called_.module = params.one(prefix + "module").value_or("");
    called_.function = params.one(prefix + "func").value_or("");
    const std::string version = params.one(prefix + "apiversion").value_or("2");
    if (version == "3") called_.shape = Shape::kUapiWrapped;
    Operations operations(admin_, settings_, request_, "api");
    const Scope scope =
        whm() ? operations.through_whm(params.one(prefix + "user").value_or("")) : operations.own();
    if (version == "1") throw Refused{"API 1 cannot be called with API tokens."};
    if (version != "3") throw Refused{unknown_function(called_)};
    return run_uapi(operations, scope, called_, params);
  }

  Outcome run_uapi_cpanel(const Params& params) {
    called_.module = params.one("cpanel.module").value_or("");
    called_.function = params.one("cpanel.function").value_or("");
    if (!whm()) throw Refused{"WHM API 1 is not available on this service."};
    Operations operations(admin_, settings_, request_, "api");
    return run_uapi(operations, operations.through_whm(params.one("cpanel.user").value_or("")), called_,
                    params);
  }

  Outcome run_whm(const Params& params) {
    const std::string version = params.one("api.version").value_or("0");
    if (version == "0") called_.shape = Shape::kWhm0;
    if (!whm()) throw Refused{"WHM API 1 is not available on this service."};
    WhmFunction function = find_whm_function(called_.function);
    if (function == nullptr || (version != "0" && version != "1")) {
      throw Refused{"Unknown app (\"" + called_.function + "\") requested for this version (" +
                    (version == "0"   ? "0"
                     : version == "1" ? "1"
                                      : "?") +
                    ") of the API."};
    }
    Operations operations(admin_, settings_, request_, "api");
    return function(operations, params);
  }

  Admin& admin_;
  const Settings& settings_;
  const Request& request_;
  const ApiPath path_;
  Called called_;
};

}  // namespace

Reply answer_api(Admin& admin, const Settings& settings, const Request& request) noexcept {
  try {
    return ApiCall(admin, settings, request).answer();
  } catch (const std::exception&) {
    return {500, {}, {}};
  }
}

}  // namespace tokengate::manage
