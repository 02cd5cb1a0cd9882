// Models of backends. Each is lax in one way, or in all of them.
#include "lax_backend.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lax_backend {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string unescaped(const std::string& text, bool plus_is_blank) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      result += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      result += text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return result;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string trimmed(const std::string& text, const char* what) {
  size_t first = text.find_first_not_of(what);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(what) + 1 - first);
}

std::vector<std::string> split(const std::string& text, const std::string& separators) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (separators.find(c) == std::string::npos) {
      parts.back() += c;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

// ---- Paths

struct PathReader {
  bool decodes_twice = false, merges_slashes = false, resolves_dots = false, cuts_parameters = false;
  bool folds_case = false, takes_backslashes = false, ends_at_nul = false, trims_segments = false;
};

std::vector<std::string> segments_of(const PathReader& reader, const std::string& raw) {
  std::string path = unescaped(raw, false);
  if (reader.decodes_twice) path = unescaped(path, false);
  if (reader.ends_at_nul) path = path.substr(0, path.find('\0'));
  std::vector<std::string> segments;
  std::vector<std::string> parts =
      split(path.substr(std::min<size_t>(path.size(), 1)), reader.takes_backslashes ? "/\\" : "/");
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string segment = parts[i];
    if (reader.cuts_parameters) segment = segment.substr(0, segment.find(';'));
    if (reader.trims_segments && !trimmed(segment, ". ").empty()) segment = trimmed(segment, ". \t");
    bool last = i + 1 == parts.size();
    if (segment.empty() && !last && (segments.empty() || reader.merges_slashes)) continue;
    if (reader.resolves_dots && segment == ".") continue;
    if (reader.resolves_dots && segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else {
      segments.push_back(segment);
    }
  }
  return segments;
}

std::vector<PathReader> path_readers() {
  PathReader all{true, true, true, true, true, true, true, true};
  std::vector<PathReader> readers = {{}, all};
  for (bool PathReader::*lax :
       {&PathReader::decodes_twice, &PathReader::merges_slashes, &PathReader::resolves_dots,
        &PathReader::cuts_parameters, &PathReader::folds_case, &PathReader::takes_backslashes,
        &PathReader::ends_at_nul, &PathReader::trims_segments}) {
    readers.emplace_back().*lax = true;
    readers.push_back(all);
    readers.back().*lax = false;
  }
  return readers;
}

// ---- Parameters

enum class BodyReader { kForm, kByType, kByContent };

struct ParameterReader {
  bool semicolons;  // separate as `&` does
  bool folds;  // names: case, blanks around, `.` `-` ` ` `[` as `_`, an end at NUL and `]`, and `x[]` is `x`
  bool first_wins;  // of two parameters of one name
  bool body_first;  // which of query and body comes first
  BodyReader body;
};

std::string folded(std::string name) {
  name = name.substr(std::min(name.find_first_not_of(" \t\r\n"), name.size()));
  name = name.substr(0, name.find('\0'));
  if (size_t open = name.find('[');
      open != std::string::npos && open > 0 && (name.substr(open) == "[]" || name.substr(open) == "[0]")) {
    name = name.substr(0, open);
  }
  name = lower(name.substr(0, name.find(']')));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  for (char& c : name) {
    if (c == '.' || c == '-' || c == ' ' || c == '[') c = '_';
  }
  return name;
}

class Parameters {
 public:
  explicit Parameters(const ParameterReader& reader) : reader_(reader) {}

  void read_form(const std::string& text) {
    for (const std::string& piece : split(text, reader_.semicolons ? "&;" : "&")) {
      size_t equals = piece.find('=');
      add(unescaped(piece.substr(0, equals), true),
          equals == std::string::npos ? "" : unescaped(piece.substr(equals + 1), true));
    }
  }

  // Members of inner objects go by `outer.inner`.
  void read_json(const std::string& text);

  void read_multipart(const std::string& text, const std::string& content_type) {
    size_t at = lower(content_type).find("boundary=");
    std::string boundary = at == std::string::npos ? text.substr(0, text.find_first_of("\r\n"))
                                                   : "--" + trimmed(content_type.substr(at + 9), "\" ");
    if (boundary.empty()) return;
    for (size_t begin = text.find(boundary); begin != std::string::npos;) {
      size_t end = text.find(boundary, begin + boundary.size());
      read_part(text.substr(begin, end == std::string::npos ? end : end - begin));
      begin = end;
    }
  }

  void read_body(const std::string& text, const std::string& content_type) {
    std::string type = reader_.body == BodyReader::kByType ? lower(content_type) : "";
    char first = trimmed(text, " \t\r\n").empty() ? '\0' : trimmed(text, " \t\r\n")[0];
    if (reader_.body == BodyReader::kByContent && first == '{') type = "json";
    if (reader_.body == BodyReader::kByContent && text.starts_with("--")) type = "multipart";
    if (type.find("json") != std::string::npos) {
      read_json(text);
    } else if (type.find("multipart") != std::string::npos) {
      read_multipart(text, content_type);
    } else {
      read_form(text);
    }
  }

  void add(const std::string& name, const std::string& value) {
    pairs_.emplace_back(reader_.folds ? folded(name) : name, value);
  }

  // Null if there is none.
  const std::string* find(const std::string& name) const {
    const std::string* found = nullptr;
    for (const auto& [key, value] : pairs_) {
      if (key != (reader_.folds ? folded(name) : name)) continue;
      found = &value;
      if (reader_.first_wins) break;
    }
    return found;
  }

  std::string get(const std::string& name) const {
    const std::string* value = find(name);
    return value == nullptr ? "" : *value;
  }

  const Pairs& all() const { return pairs_; }

 private:
  void read_part(const std::string& part) {
    size_t head_end = part.find("\r\n\r\n"), skip = 4;
    if (head_end == std::string::npos) head_end = part.find("\n\n"), skip = 2;
    if (head_end == std::string::npos) return;
    std::string head = part.substr(0, head_end);
    size_t name = lower(head).find(" name=");
    if (name == std::string::npos) return;
    std::string value = head.substr(name + 6);
    value = value.starts_with('"') ? value.substr(1, value.find('"', 1) - 1)
                                   : value.substr(0, value.find_first_of("; \r\n"));
    add(value, trimmed(part.substr(head_end + skip), "\r\n"));
  }

  ParameterReader reader_;
  Pairs pairs_;
};

// Walks through JSON text; keeps the order of members, and those of one name.
class JsonWalk : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonWalk(Parameters& parameters) : parameters_(parameters) {}
  bool null() override { return value(""); }
  bool boolean(bool is) override { return value(is ? "1" : "0"); }
  bool number_integer(number_integer_t number) override { return value(std::to_string(number)); }
  bool number_unsigned(number_unsigned_t number) override { return value(std::to_string(number)); }
  bool number_float(number_float_t /*number*/, const string_t& text) override { return value(text); }
  bool string(string_t& text) override { return value(text); }
  bool binary(binary_t& /*bytes*/) override { return true; }
  bool start_object(size_t /*size*/) override { return names_.emplace_back(), true; }
  bool key(string_t& name) override { return names_.back() = name, true; }
  bool end_object() override { return names_.pop_back(), true; }
  bool start_array(size_t /*size*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

 private:
  bool value(const std::string& text) {
    std::string path;
    for (const std::string& name : names_) path += (path.empty() ? "" : ".") + name;
    parameters_.add(path, text);
    return true;
  }

  Parameters& parameters_;
  std::vector<std::string> names_;
};

void Parameters::read_json(const std::string& text) {
  JsonWalk walk(*this);
  nlohmann::json::sax_parse(text, &walk, nlohmann::json::input_format_t::json, false);
}

// ---- Calls

class Backend {
 public:
  Backend(const ParameterReader& reader, bool whm, bool xml) : reader_(reader), whm_(whm), xml_(xml) {}

  Calls take() { return std::move(calls_); }

  void call_whm(const std::string& function, const Parameters& parameters, int depth) {
    if (depth > 8) return;
    std::string word = reader_.folds ? folded(function) : function;
    calls_.push_back({"whm1", "", function, ""});
    if (word == "cpanel") call_panel(parameters);
    if (word == "uapi_cpanel") {
      call_uapi(parameters.get("cpanel.module"), parameters.get("cpanel.function"),
                parameters.get("cpanel.user"), parameters, 0);
    }
    if (word != "batch") return;
    for (const auto& [name, value] : parameters.all()) {
      if (!name.starts_with("command")) continue;
      size_t mark = std::min(value.find('?'), value.size());
      Parameters arguments(reader_);
      arguments.read_form(value.substr(std::min(mark + 1, value.size())));
      call_whm(value.substr(0, mark), arguments, depth + 1);
    }
  }

  void call_panel(const Parameters& parameters) {
    std::string prefix = xml_ ? "cpanel_xmlapi_" : "cpanel_jsonapi_";
    std::string module = parameters.get(prefix + "module"), function = parameters.get(prefix + "func");
    std::string version = parameters.get(prefix + "apiversion");
    std::string target = whm_ ? parameters.get(prefix + "user") : "";
    if (version == "3") return call_uapi(module, function, target, parameters, 0);
    if (module.empty() && function.empty()) return;
    calls_.push_back({version == "1" ? "api1" : "api2", module, function, target});
  }

  void call_uapi(const std::string& module, const std::string& function, const std::string& target,
                 const Parameters& parameters, int depth) {
    if (depth > 8 || (module.empty() && function.empty())) return;
    calls_.push_back({"uapi", module, function, target});
    bool batch = reader_.folds ? lower(module) == "batch" && lower(function) == "strict"
                               : module == "Batch" && function == "strict";
    if (!batch) return;
    for (const auto& [name, value] : parameters.all()) {
      if (!name.starts_with("command")) continue;
      nlohmann::json command = nlohmann::json::parse(value, nullptr, false);
      if (!command.is_array() || command.size() < 2 || !command[0].is_string() || !command[1].is_string())
        continue;
      Parameters arguments(reader_);
      if (command.size() > 2) arguments.read_json(command[2].dump());
      call_uapi(command[0], command[1], target, arguments, depth + 1);
    }
  }

 private:
  ParameterReader reader_;
  bool whm_, xml_;
  Calls calls_;
};

std::string joined(const std::vector<std::string>& segments, size_t from) {
  std::string path;
  for (size_t i = from; i < segments.size(); ++i) path += (i > from ? "/" : "") + segments[i];
  return path;
}

// Where a request leads to, before its parameters are looked at.
struct Place {
  std::vector<std::string> segments;
  std::string api;  // the fixed name that the path begins with; empty: none
  size_t after;     // the index of the segment behind it
  bool panel;       // `cpanel` follows
  // NOLINTNEXTLINE(modernize-use-nullptr): takes the compiler's own code for a 0
  auto operator<=>(const Place&) const = default;
};

Place find_place(PathReader reader, const std::string& path) {
  Place place{segments_of(reader, path), "", 0, false};
  std::vector<std::string> words = place.segments;
  if (reader.folds_case) std::transform(words.begin(), words.end(), words.begin(), lower);
  size_t at = !words.empty() && words[0].starts_with("cpsess") ? 1 : 0;
  if (at >= words.size() || (words[at] != "execute" && words[at] != "json-api" && words[at] != "xml-api")) {
    // Whether `/a ` is `/a` is for whoever writes the catalog of such a backend, as the case of letters is.
    reader.trims_segments = false;
    place.segments = segments_of(reader, path);
    return place;
  }
  place.api = words[at];
  place.after = at + 1;
  place.panel = joined(words, at + 1).starts_with("cpanel");
  if (place.segments.back().empty()) place.segments.pop_back();
  return place;
}

Calls call(const Request& request, const Place& place, const std::string& query,
           const ParameterReader& reader) {
  if (place.api.empty()) return {{"http", request.method, "/" + joined(place.segments, 0), ""}};
  Parameters parameters(reader);
  if (reader.body_first) parameters.read_body(request.body, request.content_type);
  parameters.read_form(query);
  if (!reader.body_first) parameters.read_body(request.body, request.content_type);
  Backend backend(reader, request.whm, place.api == "xml-api");
  if (place.api == "execute") {
    std::string module = place.after < place.segments.size() ? place.segments[place.after] : "";
    backend.call_uapi(module, joined(place.segments, place.after + 1), "", parameters, 0);
  } else if (!request.whm && place.panel) {
    backend.call_panel(parameters);
  } else {
    backend.call_whm(joined(place.segments, place.after), parameters, 0);
  }
  return backend.take();
}

}  // namespace

std::set<Calls> run(const Request& request) {
  size_t mark = std::min(request.target.find('?'), request.target.size());
  std::string query = request.target.substr(std::min(mark + 1, request.target.size()));
  std::set<Place> places;
  for (const PathReader& reader : path_readers())
    places.insert(find_place(reader, request.target.substr(0, mark)));
  std::set<Calls> found;
  for (const Place& place : places) {
    for (unsigned bits = 0; bits < 16; ++bits) {
      for (BodyReader body : {BodyReader::kForm, BodyReader::kByType, BodyReader::kByContent}) {
        ParameterReader reader{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, body};
        found.insert(call(request, place, query, reader));
        if (request.body.empty()) break;
      }
      if (place.api.empty()) break;
    }
  }
  return found;
}

std::string text_of(const Call& call) {
  return call.api + (call.module.empty() ? "" : " " + call.module) + " " + call.function +
         (call.target.empty() ? "" : " for " + call.target);
}

}  // namespace lax_backend
