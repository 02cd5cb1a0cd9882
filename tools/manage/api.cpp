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

/// What the path alone tells. Parameters may say more: read_selectors().
Called called_by(const ApiPath& path) {
  const bool xml = path.family == "xml-api";
  if (path.family == "execute") return {Shape::kUapi, xml, std::string(path.first), std::string(path.second)};
  if (path.first == "cpanel") return {Shape::kApi2, xml, {}, {}};
  if (path.first == "uapi_cpanel") return {Shape::kUapiInWhm, xml, {}, {}};
  return {Shape::kWhm1, xml, {}, std::string(path.first)};
}

/// One request, as far as it is understood.
class ApiCall {
 public:
  explicit ApiCall(const Request& request)
      : request_(request), path_(take_apart(request.path)), called_(called_by(path_)) {}

  Reply answer(Admin& admin, const Settings& settings) {
    if (path_.family.empty()) return json_reply({{"error", "There is no such API here."}}, false, 404);
    Outcome outcome;
    try {
      outcome = repeat([&] { return run(admin, settings); });
    } catch (const Refused& refused) {
      outcome = Outcome::failure(refused.text);
    }
    return enveloped(called_, outcome);
  }

  Reply refuse(int status, const std::string& text) {
    if (path_.family.empty()) return json_reply({{"error", text}}, false, status);
    try {
      read_selectors(Params::read(request_));
    } catch (const Refused&) {  // NOLINT(bugprone-empty-catch): then its path says what it is
    }
    Reply reply = enveloped(called_, Outcome::failure(text));
    reply.status = status;
    return reply;
  }

 private:
  bool whm() const { return request_.caller.service == Service::kWhm; }

  /// Which function, of which version of its API: before all else, so that what is wrong is said in its
  /// envelope.
  void read_selectors(const Params& params) {
    called_ = called_by(path_);
    switch (called_.shape) {
      case Shape::kApi2:
        called_.module = params.one(panel_prefix() + "module").value_or("");
        called_.function = params.one(panel_prefix() + "func").value_or("");
        version_ = params.one(panel_prefix() + "apiversion").value_or("2");
        if (version_ == "3") called_.shape = Shape::kUapiWrapped;
        break;
      case Shape::kUapiInWhm:
        called_.module = params.one("cpanel.module").value_or("");
        called_.function = params.one("cpanel.function").value_or("");
        break;
      case Shape::kWhm1:
        version_ = params.one("api.version").value_or("0");
        if (version_ == "0") called_.shape = Shape::kWhm0;
        break;
      default:
        break;
    }
  }

  std::string panel_prefix() const { return called_.xml ? "cpanel_xmlapi_" : "cpanel_jsonapi_"; }

  Outcome run(Admin& admin, const Settings& settings) {
    if (request_.method != "GET" && request_.method != "POST") throw Refused{"Use GET or POST."};
    if (request_.caller.via == Identity::Via::kSession)
      throw Refused{"A session of the page is for the page only."};
    const Params params = Params::read(request_);
    read_selectors(params);
    Operations operations(admin, settings, request_, "api");
    switch (called_.shape) {
      case Shape::kUapi:
        return run_execute(operations, params);
      case Shape::kApi2:
      case Shape::kUapiWrapped:
        return run_panel(operations, params);
      case Shape::kUapiInWhm:
        return run_uapi_cpanel(operations, params);
      case Shape::kWhm1:
      case Shape::kWhm0:
        return run_whm(operations, params);
    }
    return {};
  }

  Outcome run_execute(Operations& operations, const Params& params) {
    if (whm())
      throw Refused{"Call the functions of an account through /json-api/uapi_cpanel on this service."};
    return run_uapi(operations, operations.own(), called_, params);
  }

  /// On the account's own service the parameter for the user means nothing.
  Outcome run_panel(Operations& operations, const Params& params) {
    const Scope scope =
        whm() ? operations.through_whm(params.one(panel_prefix() + "user").value_or("")) : operations.own();
    if (version_ == "1") throw Refused{"API 1 cannot be called with API tokens."};
    if (version_ != "3") throw Refused{unknown_function(called_)};
    return run_uapi(operations, scope, called_, params);
  }

  Outcome run_uapi_cpanel(Operations& operations, const Params& params) {
    if (!whm()) throw Refused{"WHM API 1 is not available on this service."};
    return run_uapi(operations, operations.through_whm(params.one("cpanel.user").value_or("")), called_,
                    params);
  }

  Outcome run_whm(Operations& operations, const Params& params) {
    if (!whm()) throw Refused{"WHM API 1 is not available on this service."};
    WhmFunction function = find_whm_function(called_.function);
    if (function == nullptr || (version_ != "0" && version_ != "1")) {
      throw Refused{"Unknown app (\"" + called_.function + "\") requested for this version (" +
                    (version_ == "0"   ? "0"
                     : version_ == "1" ? "1"
                                       : "?") +
                    ") of the API."};
    }
    return function(operations, params);
  }

  const Request& request_;
  const ApiPath path_;
  Called called_;
  std::string version_;  ///< of the API, where parameters name it
};

}  // namespace

Reply answer_api(Admin& admin, const Settings& settings, const Request& request) noexcept {
  try {
    return ApiCall(request).answer(admin, settings);
  } catch (const std::exception&) {
    return {500, {}, {}};
  }
}

Reply refuse_api(const Request& request, int status, std::string_view text) noexcept {
  try {
    return ApiCall(request).refuse(status, std::string(text));
  } catch (const std::exception&) {
    return {500, {}, {}};
  }
}

}  // namespace tokengate::manage
