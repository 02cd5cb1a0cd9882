// What each outcome is called, how much it matters, and what a client is answered.
#include "tokengate/result.h"

#include <array>
#include <cstddef>

namespace tokengate {
namespace {

constexpr std::string_view kJson = "application/json; charset=\"utf-8\"";
constexpr std::string_view kXml = "text/xml; charset=\"utf-8\"";

// How a refusal is wrapped. An envelope's text is `before`, the sentence, and so on: a sentence stands in it
// once or twice, and needs no escaping in any of them.
struct Envelope {
  std::string_view content_type;
  std::array<std::string_view, 4> parts;  // the sentence stands between them; empty parts end it
};

enum EnvelopeIndex : uint8_t {
  kHttp,
  kUapi,
  kPanelJson,
  kPanelXml,
  kWhmJson,
  kWhmXml,
  kDeniedJson,
  kDeniedXml
};
constexpr size_t kEnvelopeCount = 8;

constexpr std::array<Envelope, kEnvelopeCount> kEnvelopes = {{
    {kJson, {R"({"error":")", R"("})"}},
    {kJson,
     {R"({"status":0,"data":null,"errors":[")", R"("],"messages":null,"warnings":null,"metadata":{}})"}},
    {kJson,
     {R"({"cpanelresult":{"apiversion":2,"error":")", R"(","event":{"result":0,"reason":")",
      R"("},"data":{"reason":")", R"(","result":"0"},"type":"text"}})"}},
    {kXml,
     {R"(<?xml version="1.0" encoding="utf-8"?><cpanelresult><apiversion>2</apiversion><error>)",
      "</error><event><result>0</result><reason>", "</reason></event><data><reason>",
      "</reason><result>0</result></data><type>text</type></cpanelresult>"}},
    {kJson, {R"({"metadata":{"reason":")", R"(","result":0,"version":1}})"}},
    {kXml,
     {R"(<?xml version="1.0" encoding="utf-8"?><result><metadata><reason>)",
      "</reason><result>0</result><version>1</version></metadata></result>"}},
    // What panel clients know as the answer to refused credentials, on every API; mind the strings "2" and
    // "0".
    {kJson,
     {R"({"cpanelresult":{"apiversion":"2","error":")", R"(","data":{"reason":")",
      R"(","result":"0"},"type":"text"}})"}},
    {kXml,
     {R"(<?xml version="1.0" encoding="utf-8"?><cpanelresult><apiversion>2</apiversion><error>)",
      "</error><data><reason>", "</reason><result>0</result></data><type>text</type></cpanelresult>"}},
}};

constexpr std::string_view kBadCredentials = "The credentials are missing, not valid, or no longer valid.";

struct OutcomeRow {
  std::string_view name;
  Severity severity;
  int status;
  std::string_view sentence;
};

constexpr std::array<OutcomeRow, kOutcomeCount> kOutcomes = {{
    {"granted", Severity::kInfo, 500, "The server could not complete the request."},
    {"store_unavailable", Severity::kError, 503, "Tokens cannot be checked at the moment."},
    {"no_credentials", Severity::kInfo, 401, kBadCredentials},
    {"malformed_credentials", Severity::kInfo, 401, kBadCredentials},
    {"insecure_transport", Severity::kWarning, 403, "Tokens are accepted over TLS only."},
    {"unknown_token", Severity::kWarning, 401, kBadCredentials},
    {"not_yet_valid", Severity::kWarning, 401, kBadCredentials},
    {"expired", Severity::kWarning, 401, kBadCredentials},
    {"account_suspended", Severity::kWarning, 403, "The account is suspended."},
    {"tokens_disabled", Severity::kWarning, 403, "API tokens are switched off for the account."},
    {"address_denied", Severity::kWarning, 403, "The token may not be used from this address."},
    {"bad_route", Severity::kInfo, 400, "The request is malformed or ambiguous."},
    {"api_refused", Severity::kInfo, 403, "This API cannot be called with a token here."},
    {"acl_denied", Severity::kWarning, 403,
     "The token or its account does not have the right to make this call."},
    {"target_denied", Severity::kWarning, 403, "The account to act on is missing, or may not be acted on."},
}};

constexpr std::string_view kAccessDenied = "Access denied";

struct Body {
  std::array<char, 512> bytes{};
  size_t size = 0;
  constexpr void append(std::string_view text) {
    for (char c : text) bytes[size++] = c;
  }
};

constexpr Body build_body(const Envelope& envelope, std::string_view sentence) {
  Body body;
  for (size_t i = 0; i < envelope.parts.size() && !envelope.parts[i].empty(); ++i) {
    if (i > 0) body.append(sentence);
    body.append(envelope.parts[i]);
  }
  return body;
}

// All bodies there are: one for each envelope and outcome, and at the end "Access denied" for each envelope.
constexpr auto kBodies = [] {
  std::array<std::array<Body, kOutcomeCount + 1>, kEnvelopeCount> bodies{};
  for (size_t e = 0; e < kEnvelopeCount; ++e) {
    for (size_t o = 0; o < kOutcomeCount; ++o)
      bodies[e][o] = build_body(kEnvelopes[e], kOutcomes[o].sentence);
    bodies[e][kOutcomeCount] = build_body(kEnvelopes[e], kAccessDenied);
  }
  return bodies;
}();

// Whether `path` begins with `segment` as a whole segment.
bool has_segment(std::string_view path, std::string_view segment) noexcept {
  if (!path.starts_with(segment)) return false;
  return path.size() == segment.size() || path[segment.size()] == '/' || path[segment.size()] == '?';
}

std::string_view without_session(std::string_view path) noexcept {
  constexpr std::string_view kPrefix = "/cpsess";
  if (!path.starts_with(kPrefix)) return path;
  size_t end = path.find_first_not_of("0123456789", kPrefix.size());
  return end == std::string_view::npos || end == kPrefix.size() ? path : path.substr(end);
}

EnvelopeIndex envelope_of(std::string_view path) noexcept {
  if (path.starts_with("//")) path.remove_prefix(1);
  path = without_session(path);
  if (has_segment(path, "/execute")) return kUapi;
  if (has_segment(path, "/json-api/cpanel")) return kPanelJson;
  if (has_segment(path, "/xml-api/cpanel")) return kPanelXml;
  if (has_segment(path, "/json-api")) return kWhmJson;
  if (has_segment(path, "/xml-api")) return kWhmXml;
  return kHttp;
}

// In the style of panels these all look alike: who is refused learns neither that a token exists nor whose it
// is.
bool looks_like_bad_credentials(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kNoCredentials:
    case Outcome::kMalformedCredentials:
    case Outcome::kUnknownToken:
    case Outcome::kNotYetValid:
    case Outcome::kExpired:
    case Outcome::kAccountSuspended:
    case Outcome::kTokensDisabled:
    case Outcome::kAddressDenied:
      return true;
    case Outcome::kGranted:
    case Outcome::kStoreUnavailable:
    case Outcome::kInsecureTransport:
    case Outcome::kBadRoute:
    case Outcome::kApiRefused:
    case Outcome::kAclDenied:
    case Outcome::kTargetDenied:
      break;
  }
  return false;
}

EnvelopeIndex denied_envelope(EnvelopeIndex envelope) noexcept {
  switch (envelope) {
    case kHttp:
      return kHttp;
    case kPanelXml:
    case kWhmXml:
    case kDeniedXml:
      return kDeniedXml;
    case kUapi:
    case kPanelJson:
    case kWhmJson:
    case kDeniedJson:
      break;
  }
  return kDeniedJson;
}

// A value that is no outcome is a defect; it must not be called "granted" in a log.
size_t index_of(Outcome outcome) noexcept {
  auto index = static_cast<size_t>(outcome);
  return index < kOutcomes.size() ? index : static_cast<size_t>(Outcome::kStoreUnavailable);
}

}  // namespace

std::string_view outcome_name(Outcome outcome) noexcept {
  return kOutcomes[index_of(outcome)].name;
}

Severity outcome_severity(Outcome outcome) noexcept {
  return kOutcomes[index_of(outcome)].severity;
}

Refusal refusal(Outcome outcome, RefusalStyle style, std::string_view path) noexcept {
  size_t index = index_of(outcome);
  int status = kOutcomes[index].status;
  EnvelopeIndex envelope = envelope_of(path);
  if (style == RefusalStyle::kPanel) {
    if (looks_like_bad_credentials(outcome)) {
      status = 403;
      envelope = denied_envelope(envelope);
      index = kOutcomeCount;
    } else if (outcome == Outcome::kAclDenied && envelope != kHttp) {
      status = 200;
    }
  }
  const Body& body = kBodies[envelope][index];
  return {status, status == 401, kEnvelopes[envelope].content_type, {body.bytes.data(), body.size}};
}

}  // namespace tokengate
