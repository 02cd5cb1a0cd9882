// Puts decisions and the checks behind them into words and JSON.
#include "decision_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "when.h"

namespace tokengate::cli {
namespace {

/// The name of a check for people; one check can fail in more than one way.
const char* check_name(Outcome failure) {
  switch (failure) {
    case Outcome::kStoreUnavailable:
      return "store";
    case Outcome::kNoCredentials:
    case Outcome::kMalformedCredentials:
      return "credentials";
    case Outcome::kInsecureTransport:
      return "transport";
    case Outcome::kUnknownToken:
      return "token";
    case Outcome::kNotYetValid:
    case Outcome::kExpired:
      return "lifetime";
    case Outcome::kAccountSuspended:
    case Outcome::kTokensDisabled:
      return "account";
    case Outcome::kAddressDenied:
      return "address";
    case Outcome::kBadRoute:
    case Outcome::kApiRefused:
      return "route";
    case Outcome::kAclDenied:
      return "ACLs";
    case Outcome::kTargetDenied:
      return "target";
    case Outcome::kGranted:
      break;
  }
  return "";
}

/// `text` with UNIX seconds in it written as local times.
std::string with_local_times(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string result;
  while (!text.empty()) {
    const auto digits =
        static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
    const bool is_time = digits >= 9 && digits <= 12;
    const size_t taken = std::max<size_t>(digits, 1);
    const std::string piece(text.substr(0, taken));
    result += is_time ? time_text(std::stoll(piece)) : piece;
    text.remove_prefix(taken);
  }
  return result;
}

}  // namespace

Json decision_json(const Decision& decision, std::string_view target, RefusalStyle style) {
  const auto text_or_null = [](std::string_view text) { return text.empty() ? Json() : Json(text); };
  const bool found = !decision.caller.user.empty();
  Json json = {{"outcome", outcome_name(decision.outcome)},
               {"identified", decision.caller_identified},
               {"user", text_or_null(decision.caller.user.view())},
               {"service", found ? Json(service_name(decision.caller.service)) : Json()},
               {"token", text_or_null(decision.caller.token_name.view())},
               {"token_id", found ? Json(decision.caller.token_id) : Json()},
               {"acl", text_or_null(decision.acl.view())},
               {"route", text_or_null(decision.route.view())},
               {"refusal", nullptr}};
  if (decision.outcome != Outcome::kGranted) {
    const Refusal answer = refusal(decision.outcome, style, target);
    json["refusal"] = {{"status", answer.status},
                       {"challenge", answer.challenge},
                       {"content_type", answer.content_type},
                       {"body", answer.body}};
  }
  return json;
}

std::string decision_sentence(const Decision& decision, std::string_view target, RefusalStyle style) {
  std::string sentence(outcome_name(decision.outcome));
  if (!decision.caller.user.empty()) {
    sentence +=
        fmt::format(": token {} of {}", decision.caller.token_name.view(), decision.caller.user.view());
  }
  if (!decision.route.empty()) sentence += fmt::format(", calling {}", decision.route.view());
  if (decision.outcome == Outcome::kAclDenied && !decision.acl.empty()) {
    sentence += fmt::format(", which needs {}", decision.acl.view());
  }
  if (decision.outcome != Outcome::kGranted) {
    sentence += fmt::format(" (HTTP {})", refusal(decision.outcome, style, target).status);
  }
  return sentence;
}

void print_explanation(const Checks& checks, const std::string& sentence, const std::string& advice) {
  for (const Checks::Check& check : checks.all()) {
    const std::string name = check_name(check.failure);
    print_line(fmt::format("{}  {:<12} {}", check.passed ? "passed" : "FAILED", name,
                           name == "lifetime" ? with_local_times(check.detail) : check.detail));
  }
  print_line("");
  print_line(sentence);
  if (!advice.empty()) print_line(advice);
}

Json explanation_json(const Checks& checks, Json decision, const std::string& advice) {
  Json list = Json::array();
  for (const Checks::Check& check : checks.all()) {
    list.push_back({{"check", check_name(check.failure)},
                    {"passed", check.passed},
                    {"outcome", check.passed ? Json() : Json(outcome_name(check.failure))},
                    {"detail", printable(check.detail)}});
  }
  return {{"checks", list},
          {"decision", std::move(decision)},
          {"advice", advice.empty() ? Json() : Json(advice)}};
}

}  // namespace tokengate::cli
