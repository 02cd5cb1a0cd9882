// Finds the parameters that choose the function, in every reading of query and body.
#include "selectors.h"

#include <algorithm>
#include <span>

#include "chars.h"
#include "json.h"
#include "multipart.h"

namespace tokengate {
namespace {

struct Rule {
  std::string_view name;
  std::string_view letters;  // the name's letters and digits, for ParamName
  Selector selector;
};

constexpr Rule kApiVersionRule = {"api.version", "apiversion", Selector::kApiVersion};
constexpr std::array<Rule, 5> kPanelJsonRules = {
    {{"cpanel_jsonapi_module", "cpaneljsonapimodule", Selector::kModule},
     {"cpanel_jsonapi_func", "cpaneljsonapifunc", Selector::kFunction},
     {"cpanel_jsonapi_apiversion", "cpaneljsonapiapiversion", Selector::kVersion},
     {"cpanel_jsonapi_user", "cpaneljsonapiuser", Selector::kUser},
     kApiVersionRule}};
constexpr std::array<Rule, 5> kPanelXmlRules = {
    {{"cpanel_xmlapi_module", "cpanelxmlapimodule", Selector::kModule},
     {"cpanel_xmlapi_func", "cpanelxmlapifunc", Selector::kFunction},
     {"cpanel_xmlapi_apiversion", "cpanelxmlapiapiversion", Selector::kVersion},
     {"cpanel_xmlapi_user", "cpanelxmlapiuser", Selector::kUser},
     kApiVersionRule}};
constexpr std::array<Rule, 4> kUapiCpanelRules = {{{"cpanel.module", "cpanelmodule", Selector::kModule},
                                                   {"cpanel.function", "cpanelfunction", Selector::kFunction},
                                                   {"cpanel.user", "cpaneluser", Selector::kUser},
                                                   kApiVersionRule}};
constexpr std::array<Rule, 1> kWhmBatchRules = {{kApiVersionRule}};

std::span<const Rule> rules_of(SelectorSet set) noexcept {
  switch (set) {
    case SelectorSet::kPanelJson:
      return kPanelJsonRules;
    case SelectorSet::kPanelXml:
      return kPanelXmlRules;
    case SelectorSet::kUapiCpanel:
      return kUapiCpanelRules;
    case SelectorSet::kWhmBatch:
      return kWhmBatchRules;
    case SelectorSet::kUapiBatch:
      break;
  }
  return {};
}

constexpr std::string_view kCommand = "command";

bool is_command(std::string_view name) noexcept {
  if (!name.starts_with(kCommand)) return false;
  name.remove_prefix(kCommand.size());
  return name.empty() || (name.size() > 1 && name.front() == '-' &&
                          std::all_of(name.begin() + 1, name.end(), chars::is_digit));
}

// `name` is a command: whether it is `command-N`, of which there is one, and not `command`, which may repeat.
bool is_numbered(const ParamName& name) noexcept {
  return name.exact().size() > kCommand.size();
}

// Names of these beginnings choose functions and nothing else; so does `xmlin`, an old form that holds a
// whole call, and an object `cpanel`, which some backends read as `cpanel.…`. Where they are no selectors,
// refuse them.
bool is_reserved(SelectorSet set, const ParamName& name) noexcept {
  if (set == SelectorSet::kWhmBatch || set == SelectorSet::kUapiBatch) return false;
  if (name.resembles_start_of("cpaneljsonapi") || name.resembles_start_of("cpanelxmlapi")) return true;
  if (set != SelectorSet::kUapiCpanel) return name.resembles("xmlin");
  return name.resembles("cpanel") || chars::starts_with_folded(name.exact(), "cpanel.");
}

// Collects into a Selected.
class Collector {
 public:
  Collector(SelectorSet set, Selected* selected) noexcept : set_(set), selected_(selected) {}

  void read_form(std::string_view text) noexcept;
  void read_loose_form(std::string_view text) noexcept;
  void read_multipart(std::string_view text) noexcept;
  void read_json_object(std::string_view text) noexcept;

 private:
  void problem(std::string_view reason) noexcept {
    if (selected_->problem.empty()) selected_->problem = reason;
  }
  void command_problem(std::string_view reason) noexcept {
    if (selected_->command_problem.empty()) selected_->command_problem = reason;
  }
  void refuse(NameMatch match, std::string_view reason) noexcept;
  void check_semicolons(std::string_view piece) noexcept;
  void add_selector(Selector selector, Encoded value) noexcept;
  void add_command(const ParamName& name, Encoded value) noexcept;
  void add_json_member(std::string_view key, const JsonValue& value) noexcept;

  SelectorSet set_;
  Selected* selected_;
};

// A match where no selector may be.
void Collector::refuse(NameMatch match, std::string_view reason) noexcept {
  switch (match.kind) {
    case NameMatch::kOther:
      break;
    case NameMatch::kSelector:
    case NameMatch::kLookalike:
      problem(reason);
      break;
    case NameMatch::kCommand:
    case NameMatch::kCommandLookalike:
      command_problem(reason);
      break;
  }
}

// Some backends split parameters at `;` too.
void Collector::check_semicolons(std::string_view piece) noexcept {
  for (size_t at = piece.find(';'); at != std::string_view::npos; at = piece.find(';', at + 1)) {
    std::string_view name = piece.substr(at + 1);
    name = name.substr(0, name.find_first_of(";="));
    refuse(match_name(set_, ParamName({name, Encoding::kLooseForm})),
           "a parameter that chooses the call after a semicolon");
  }
}

void Collector::add_selector(Selector selector, Encoded value) noexcept {
  auto index = static_cast<size_t>(selector);
  if (!selected_->present[index]) {
    selected_->present[index] = true;
    selected_->values[index] = value;
  } else if (!decodes_alike(selected_->values[index], value)) {
    problem("a parameter that chooses the call stands twice with different values");
  }
}

void Collector::add_command(const ParamName& name, Encoded value) noexcept {
  uint64_t hash = name.hash();
  if (is_numbered(name)) {
    for (unsigned i = 0; i < selected_->command_count; ++i) {
      if (selected_->commands[i].name_hash != hash) continue;
      if (!decodes_alike(selected_->command(i), value)) {
        command_problem("a numbered command stands twice with different values");
      }
      return;
    }
  }
  if (selected_->command_count == kMaxInnerCalls) {
    command_problem("too many commands in a batch");
    return;
  }
  selected_->commands[selected_->command_count++] = {value.raw.data(), value.raw.size(), value.encoding,
                                                     hash};
}

void Collector::read_form(std::string_view text) noexcept {
  std::string_view piece, raw_name, raw_value;
  for (FormItems items(text); items.next(&piece, &raw_name, &raw_value);) {
    ParamName name({raw_name, Encoding::kForm});
    if (name.malformed()) problem("a malformed parameter name");
    NameMatch match = match_name(set_, name);
    if (match.kind == NameMatch::kSelector) {
      add_selector(match.selector, {raw_value, Encoding::kForm});
    } else if (match.kind == NameMatch::kCommand) {
      add_command(name, {raw_value, Encoding::kForm});
    } else {
      refuse(match, "a parameter that resembles one which chooses the call");
    }
    check_semicolons(piece);
  }
}

void Collector::read_loose_form(std::string_view text) noexcept {
  std::string_view piece, raw_name, raw_value;
  bool first = true;
  for (FormItems items(text); items.next(&piece, &raw_name, &raw_value); first = false) {
    check_semicolons(piece);
    // The text of a JSON object begins with its brace, which is part of no name that anyone would look for.
    if (first && raw_name.find_first_not_of(" \t\r\n") == raw_name.find('{')) continue;
    NameMatch match = match_name(set_, ParamName({raw_name, Encoding::kLooseForm}));
    // It chooses no function, and is found in the inner calls of honest batches.
    if (match.selector == Selector::kApiVersion) continue;
    refuse(match, "a parameter that chooses the call, hidden in a body of another format");
  }
}

void Collector::read_multipart(std::string_view text) noexcept {
  refuse(find_in_multipart(set_, text), "a parameter that chooses the call in a multipart body");
}

void Collector::read_json_object(std::string_view text) noexcept {
  std::string_view key;
  JsonValue value;
  for (JsonItems items({JsonValue::kObject, text}); items.next(&key, &value);) add_json_member(key, value);
}

void Collector::add_json_member(std::string_view key, const JsonValue& value) noexcept {
  constexpr std::string_view kWrongType = "a JSON value of the wrong type chooses the call";
  ParamName name({key, Encoding::kJson});
  if (name.malformed()) problem("a malformed parameter name");
  NameMatch match = match_name(set_, name);
  if (match.kind == NameMatch::kSelector) {
    bool version = match.selector == Selector::kVersion || match.selector == Selector::kApiVersion;
    if (value.kind == JsonValue::kString) {
      add_selector(match.selector, {value.raw, Encoding::kJson});
    } else if (value.kind == JsonValue::kNumber && version) {
      add_selector(match.selector, {value.raw, Encoding::kPlain});
    } else {
      problem(kWrongType);
    }
  } else if (match.kind == NameMatch::kCommand) {
    if (value.kind == JsonValue::kString) return add_command(name, {value.raw, Encoding::kJson});
    if (value.kind != JsonValue::kArray) return command_problem(kWrongType);
    std::string_view no_key;
    JsonValue element;
    for (JsonItems items(value); items.next(&no_key, &element);) {
      if (element.kind != JsonValue::kString) return command_problem(kWrongType);
      add_command(name, {element.raw, Encoding::kJson});
    }
  } else {
    refuse(match, "a parameter that resembles one which chooses the call");
  }
}

}  // namespace

NameMatch match_name(SelectorSet set, const ParamName& name) noexcept {
  for (const Rule& rule : rules_of(set)) {
    if (name.exact() == rule.name) return {NameMatch::kSelector, rule.selector};
    if (name.resembles(rule.letters)) return {NameMatch::kLookalike, rule.selector};
  }
  if (is_reserved(set, name)) return {NameMatch::kLookalike, Selector::kFunction};
  if (is_command(name.exact())) return {NameMatch::kCommand, {}};
  if (name.resembles_start_of(kCommand)) return {NameMatch::kCommandLookalike, {}};
  return {};
}

NameMatch match_start(SelectorSet set, const ParamName& name) noexcept {
  for (const Rule& rule : rules_of(set)) {
    if (name.resembles_start_of(rule.letters)) return {NameMatch::kLookalike, rule.selector};
  }
  if (is_reserved(set, name)) return {NameMatch::kLookalike, Selector::kFunction};
  if (name.resembles_start_of(kCommand)) return {NameMatch::kCommandLookalike, {}};
  return {};
}

void select(SelectorSet set, const Parameters& parameters, Selected* selected) noexcept {
  Collector collector(set, selected);
  for (unsigned i = 0; i < parameters.count; ++i) {
    const Reading& reading = parameters.readings[i];
    switch (reading.kind) {
      case Reading::kForm:
        collector.read_form(reading.text);
        break;
      case Reading::kLooseForm:
        collector.read_loose_form(reading.text);
        break;
      case Reading::kMultipart:
        collector.read_multipart(reading.text);
        break;
      case Reading::kJson:
        collector.read_json_object(reading.text);
        break;
    }
  }
}

}  // namespace tokengate
