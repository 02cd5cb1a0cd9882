// Builds and writes the replies of the APIs.
#include "envelope.h"

#include <pugixml.hpp>
#include <sstream>

namespace tokengate::manage {
namespace {

Json uapi_result(const Outcome& outcome) {
  return {{"data", outcome.data},         {"errors", outcome.ok ? Json() : Json::array({outcome.text})},
          {"messages", nullptr},          {"metadata", outcome.metadata},
          {"status", outcome.ok ? 1 : 0}, {"warnings", nullptr}};
}

/// Not of a WHM call: a WHM reply without data has no such member.
Json whm_reply(const std::string& function, const Outcome& outcome) {
  Json reply = Json::object();
  if (!outcome.data.is_null()) reply["data"] = outcome.data;
  reply["metadata"] = {{"command", function},
                       {"reason", outcome.ok ? "OK" : outcome.text},
                       {"result", outcome.ok ? 1 : 0},
                       {"version", 1}};
  reply["metadata"].update(outcome.metadata);
  return reply;
}

Json api2_reply(const Called& called, const Outcome& outcome) {
  Json result = {{"apiversion", 2}, {"func", called.function}, {"module", called.module}};
  if (!outcome.ok) result["error"] = outcome.text;
  if (outcome.ok) {
    result["event"] = {{"result", 1}};
    result["data"] = outcome.data;
  }
  return {{"cpanelresult", result}};
}

/// The old shape differs from function to function; the functions here never had one, so this is its common
/// part.
Json whm0_reply(const Outcome& outcome) {
  Json reply = {{"status", outcome.ok ? 1 : 0}, {"statusmsg", outcome.ok ? "OK" : outcome.text}};
  if (outcome.data.is_object()) reply.update(outcome.data);
  reply.update(outcome.metadata);
  return reply;
}

Json reply_of(const Called& called, const Outcome& outcome) {
  switch (called.shape) {
    case Shape::kUapi:
      return uapi_result(outcome);
    case Shape::kUapiWrapped:
      return {{"apiversion", 3},
              {"func", called.function},
              {"module", called.module},
              {"result", uapi_result(outcome)}};
    case Shape::kUapiInWhm:
      return whm_reply("uapi_cpanel", {.data = {{"uapi", uapi_result(outcome)}}});
    case Shape::kApi2:
      return api2_reply(called, outcome);
    case Shape::kWhm1:
      return whm_reply(called.function, outcome);
    case Shape::kWhm0:
      return whm0_reply(outcome);
  }
  return nullptr;
}

/// What a call repeats of itself can be any bytes: with U+FFFD where they are no UTF-8.
std::string json_text(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

bool is_xml_name(const std::string& text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || !is_letter(text[0])) return false;
  for (char c : text) {
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.') return false;
  }
  return true;
}

/// With U+FFFD for each character that XML 1.0 cannot hold in any way (2.2, Char). `text` is UTF-8.
std::string xml_text(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string possible;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text[0];
    const bool is_control = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    const bool is_none = text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF");
    if (is_none) text.remove_prefix(2);
    if (is_control || is_none) {
      possible += kReplacement;
    } else {
      possible += c;
    }
  }
  return possible;
}

/// A name that cannot be an element's becomes an attribute.
pugi::xml_node add_element(pugi::xml_node parent, const std::string& name) {
  if (is_xml_name(name)) return parent.append_child(name.c_str());
  pugi::xml_node element = parent.append_child("item");
  element.append_attribute("key") = xml_text(name).c_str();
  return element;
}

/// An object becomes an element for each member, a list a repeated element, null an empty one.
void add_value(pugi::xml_node parent, const std::string& name, const Json& value) {
  if (value.is_array()) {
    for (const Json& element : value) add_value(parent, name, element);
    return;
  }
  pugi::xml_node element = add_element(parent, name);
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) add_value(element, key, member);
  } else if (!value.is_null()) {
    element.text().set(xml_text(value.is_string() ? value.get<std::string>() : value.dump()).c_str());
  }
}

Reply xml_reply(const Json& json, bool ok, const char* root) {
  pugi::xml_document document;
  // API 2's replies have their root as their one member.
  const bool own_root = json.size() == 1 && json.contains("cpanelresult");
  add_value(document, own_root ? "cpanelresult" : root, own_root ? json["cpanelresult"] : json);
  std::ostringstream text;
  document.save(text, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return {200, "text/xml; charset=\"utf-8\"", text.str(), ok};
}

}  // namespace

Reply json_reply(const Json& json, bool ok, int status) {
  return {status, "application/json; charset=\"utf-8\"", json_text(json), ok};
}

Reply enveloped(const Called& called, const Outcome& outcome) {
  const Json json = reply_of(called, outcome);
  if (!called.xml) return json_reply(json, outcome.ok);
  return xml_reply(Json::parse(json_text(json)), outcome.ok,
                   called.shape == Shape::kUapiWrapped ? "cpanelresult" : "result");
}

}  // namespace tokengate::manage
