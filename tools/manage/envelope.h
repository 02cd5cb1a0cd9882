/// What each API puts around its replies, and the two forms in which they are written.
#ifndef TOKENGATE_TOOLS_MANAGE_ENVELOPE_H_
#define TOKENGATE_TOOLS_MANAGE_ENVELOPE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "request.h"

namespace tokengate::manage {

/// Keeps the order of members. Texts are UTF-8.
using Json = nlohmann::ordered_json;

/// Whose envelope a reply gets.
enum class Shape {
  kUapi,         ///< the result by itself: /execute/…
  kUapiWrapped,  ///< with apiversion, module, func around it: /json-api/cpanel, version 3
  kUapiInWhm,    ///< the result within a WHM API 1 reply: /json-api/uapi_cpanel
  kApi2,
  kWhm1,
  kWhm0,  ///< WHM API 1 called without api.version=1
};

/// What was called, as far as a reply repeats it.
struct Called {
  Shape shape = Shape::kWhm1;
  bool xml = false;
  std::string module;    ///< empty for WHM API 1
  std::string function;  ///< for kUapiInWhm, the function of the module
};

/// What came of it: data, or one sentence on why not.
// NOLINTNEXTLINE(bugprone-exception-escape): a null does not throw
struct Outcome {
  bool ok = true;
  Json data = nullptr;
  std::string text = {};           ///< of a failure
  Json metadata = Json::object();  ///< what the reply's metadata holds besides its usual members

  static Outcome failure(std::string text) { return {false, nullptr, std::move(text)}; }
};

Reply enveloped(const Called& called, const Outcome& outcome);

/// One JSON value as a reply: compact, so that clients that look for `"status":1` find it.
Reply json_reply(const Json& json, bool ok, int status = 200);

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_ENVELOPE_H_
