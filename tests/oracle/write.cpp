// Writes requests down: parameters as forms and JSON, and the two forms of a path.
#include <fmt/format.h>

#include <algorithm>

#include "draft.h"

namespace tokengate::oracle {
namespace {

std::string encoded(Choices& choices, const std::string& text) {
  const char* format = choices.one_in(2) ? "%{:02X}" : "%{:02x}";
  bool eager = choices.one_in(8);
  std::string result;
  for (char c : text) {
    bool plain = isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
    if (plain && !(eager && choices.one_in(4))) {
      result += c;
    } else {
      result += c == ' ' && eager ? "+" : fmt::format(fmt::runtime(format), static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::string decoded_once(const std::string& path) {
  std::string result;
  for (size_t i = 0; i < path.size(); ++i) {
    bool escape = path[i] == '%' && i + 2 < path.size() &&
                  isxdigit(static_cast<unsigned char>(path[i + 1])) != 0 &&
                  isxdigit(static_cast<unsigned char>(path[i + 2])) != 0;
    result += escape ? static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16)) : path[i];
    if (escape) i += 2;
  }
  return result;
}

}  // namespace

std::string form(Choices& choices, const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += encoded(choices, name) + '=' + encoded(choices, value);
  }
  return text;
}

std::string json_string(Choices& choices, const std::string& text) {
  bool eager = choices.one_in(8);
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (eager && choices.one_in(4)) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string json_object(Choices& choices, const Fields& fields) {
  std::vector<std::string> names;
  for (const auto& field : fields) {
    if (std::find(names.begin(), names.end(), field.first) == names.end()) names.push_back(field.first);
  }
  std::string text = "{";
  for (const std::string& name : names) {
    std::vector<std::string> values;
    for (const auto& [other, value] : fields) {
      if (other == name) values.push_back(json_string(choices, value));
    }
    bool number = name.ends_with("version") && values[0].size() == 3 && isdigit(values[0][1]) != 0;
    std::string value = values[0];
    if (number && choices.one_in(2)) value = values[0].substr(1, 1);
    if (values.size() > 1 || (name == "command" && choices.one_in(2))) {
      value = fmt::format("[{}]", fmt::join(values, ","));
    }
    text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", json_string(choices, name), value);
  }
  return text + "}";
}

void write_paths(Choices& choices, Draft* draft) {
  BuiltRequest& request = draft->request;
  request.wire_path = draft->path;
  request.served_path = decoded_once(draft->path);
  if (draft->serves_another) request.served_path += choices.pick({"x", "/x", "/"});
  // A server that merges slashes, and an internal redirect, where only the served path counts.
  if (draft->fixed_path && request.served_path.starts_with("//") && choices.one_in(2))
    request.served_path.erase(0, 1);
  bool redirected = request.meaning.reading != Reading::kAmbiguous &&
                    !request.served_path.starts_with("//") && choices.one_in(6);
  if (redirected) request.wire_path.clear();
  request.meaning.shown_path = draft->path;
}

}  // namespace tokengate::oracle
