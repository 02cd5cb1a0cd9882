// Reads the parameters of a call.
#include "params.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "refused.h"

namespace tokengate::manage {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxNumber = (int64_t{1} << 53) - 1;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i] == '+' ? ' ' : text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        throw Refused{"A “%” without two hexadecimal digits stands in the parameters."};
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') throw Refused{"A NUL byte stands in the parameters."};
    plain.push_back(c);
  }
  return plain;
}

/// Content types in any case (RFC 9110 8.3.1).
bool has_type(std::string_view content_type, std::string_view type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return std::equal(content_type.begin(), content_type.end(), type.begin(), type.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool begins_like_json(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '{';
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What the form that a value has in JSON is as a parameter.
std::string scalar_text(const std::string& name, const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number_integer()) return value.dump();
  if (!value.is_string()) throw Refused{in_quotes(name) + " is neither a text nor a whole number."};
  std::string text = value.get<std::string>();
  if (text.find('\0') != std::string::npos) throw Refused{"A NUL byte stands in the parameters."};
  return text;
}

/// Of two members with one name readers may take either.
Json parse_object(const std::string& text) {
  std::vector<std::set<std::string>> names;
  bool twice = false;
  const auto note = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
      twice = true;
    return true;
  };
  Json json = Json::parse(text, note, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) throw Refused{"The body is not a JSON object."};
  if (twice) throw Refused{"A name stands twice in the JSON object."};
  return json;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string plain;
  for (char c : text.substr(0, 80)) plain.push_back(c >= ' ' && c < 0x7f ? c : '?');
  return "“" + plain + (text.size() > 80 ? "…”" : "”");
}

std::vector<Params::Param> Params::read_form(std::string_view text) {
  std::vector<Param> params;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    params.push_back(
        {decoded(pair.substr(0, equals)), decoded(pair.substr(std::min(equals + 1, pair.size())))});
  }
  return params;
}

std::vector<Params::Param> Params::read_json(const std::string& text) {
  std::vector<Param> params;
  const Json object = parse_object(text);
  for (const auto& [name, value] : object.items()) {
    if (value.is_null()) {
      params.push_back({name, "", /*is_null=*/true});
      continue;
    }
    if (!value.is_array()) {
      params.push_back({name, scalar_text(name, value)});
      continue;
    }
    // As a form could not say it: nothing would be left of the parameter, and its absence means something
    // else.
    if (value.empty()) throw Refused{in_quotes(name) + " is an empty list: give values, or leave it out."};
    for (const Json& element : value) params.push_back({name, scalar_text(name, element)});
  }
  return params;
}

Params Params::read(const Request& request) {
  if (request.content_encoded) {
    throw Refused{"These functions take no compressed body: send it as it is, without Content-Encoding."};
  }
  if (request.query.size() > kMaxParameterBytes || request.body.size() > kMaxParameterBytes) {
    throw Refused{"The parameters are larger than " + std::to_string(kMaxParameterBytes) + " bytes."};
  }
  Params params;
  params.params_ = read_form(request.query);
  std::vector<Param> in_body;
  if (!request.body.empty()) {
    if (request.content_type.find("ultipart/") != std::string::npos) {
      throw Refused{"These functions take no multipart body: send a form or JSON."};
    }
    const bool json = has_type(request.content_type, "application/json") || begins_like_json(request.body);
    in_body = json ? read_json(request.body) : read_form(request.body);
  }
  // Before they are held against each other: that takes the product of their numbers.
  if (params.params_.size() + in_body.size() > kMaxParameters) {
    throw Refused{"There are more than " + std::to_string(kMaxParameters) + " parameters."};
  }
  const auto values_of = [](const std::vector<Param>& all, const std::string& name) {
    std::vector<std::string_view> values;
    for (const Param& param : all) {
      if (param.name == name) values.push_back(param.value);
    }
    return values;
  };
  const std::vector<Param> in_query = params.params_;
  for (Param& param : in_body) {
    const std::vector<std::string_view> there = values_of(in_query, param.name);
    if (there.empty()) {
      params.params_.push_back(std::move(param));
    } else if (there != values_of(in_body, param.name)) {
      throw Refused{in_quotes(param.name) + " stands in the query and, with another value, in the body."};
    }
  }
  return params;
}

std::optional<std::string> Params::one(std::string_view name) const {
  std::optional<std::string> value;
  for (const Param& param : params_) {
    if (param.name != name || param.is_null) continue;
    if (value && *value != param.value)
      throw Refused{in_quotes(name) + " is given twice, with different values."};
    value = param.value;
  }
  return value;
}

std::string Params::required(std::string_view name) const {
  std::optional<std::string> value = one(name);
  if (!value || value->empty()) throw Refused{"Give the parameter " + in_quotes(name) + "."};
  return *value;
}

bool Params::stands_for(std::string_view given, std::string_view name) {
  if (!given.starts_with(name)) return false;
  const std::string_view rest = given.substr(name.size());
  return rest.empty() || (rest[0] == '-' && is_digits(rest.substr(1)));
}

std::optional<std::vector<std::string>> Params::list(std::string_view name) const {
  std::vector<std::string> values;
  for (const Param& param : params_) {
    if (!stands_for(param.name, name)) continue;
    if (param.is_null) throw Refused{in_quotes(param.name) + " is null: give values, or leave it out."};
    if (param.value.empty())
      throw Refused{in_quotes(param.name) + " is empty: give a value, or leave it out."};
    if (param.value.find(',') != std::string::npos) {
      throw Refused{in_quotes(param.name) + " holds a comma: give each value by itself, as " +
                    in_quotes(std::string(name) + "-0") + ", " + in_quotes(std::string(name) + "-1") +
                    " and so on."};
    }
    if (std::find(values.begin(), values.end(), param.value) == values.end()) values.push_back(param.value);
  }
  if (values.empty()) return {};
  return values;
}

std::optional<bool> Params::flag(std::string_view name) const {
  const std::optional<std::string> value = one(name);
  if (!value) return {};
  if (*value != "0" && *value != "1") throw Refused{in_quotes(name) + " must be 0 or 1."};
  return *value == "1";
}

std::optional<int64_t> Params::number(std::string_view name) const {
  const std::optional<std::string> value = one(name);
  if (!value) return {};
  int64_t number = 0;
  bool good = is_digits(*value) && value->size() <= 16;
  for (char c : good ? *value : std::string()) number = number * 10 + (c - '0');
  if (!good || number > kMaxNumber) {
    throw Refused{in_quotes(name) + " must be a whole number of decimal digits, not " + in_quotes(*value) +
                  "."};
  }
  return number;
}

void Params::require_known(std::initializer_list<std::string_view> names) const {
  for (const Param& param : params_) {
    const std::string_view given = param.name;
    if (given.starts_with("api.") || given.starts_with("cpanel.") || given.starts_with("cpanel_jsonapi_") ||
        given.starts_with("cpanel_xmlapi_")) {
      continue;
    }
    const auto is = [given](std::string_view name) {
      return name.ends_with("-N") ? stands_for(given, name.substr(0, name.size() - 2)) : given == name;
    };
    if (std::any_of(names.begin(), names.end(), is)) continue;
    std::string known;
    for (std::string_view name : names) known += (known.empty() ? "" : ", ") + std::string(name);
    throw Refused{"There is no parameter " + in_quotes(given) +
                  " here; nothing was changed. Known: " + known + "."};
  }
}

}  // namespace tokengate::manage
