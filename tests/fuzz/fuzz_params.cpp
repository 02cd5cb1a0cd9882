// Fuzzes the reader of management parameters: nothing that it gives is outside what it promises, and the same
// parameters read in another form give the same.
//
// Input: content type, query and body, with a line feed after each of the first two.
#include <string>
#include <vector>

#include "fuzz.h"
#include "manage/params.h"
#include "manage/refused.h"

using namespace tokengate::manage;

namespace {

const char* const kNames[] = {"acl", "a", "name", "expires_at", "readonly", "api.version"};

Params read(std::string_view type, std::string_view query, std::string_view body) {
  Request request;
  request.content_type = type;
  request.query = query;
  request.body = body;
  return Params::read(request);
}

/// What `look` gives as text, or the refusal.
template <class Look>
std::string told(Look&& look) {
  try {
    return look();
  } catch (const Refused& refused) {
    require(!refused.text.empty(), "refused without a word");
    for (char c : refused.text)
      require(static_cast<unsigned char>(c) >= 0x20, "a control character in a text");
    return "refused: " + refused.text;
  }
}

/// All that can be asked of `params`.
std::string all_of(const Params& params) {
  std::string text;
  for (const char* name : kNames) {
    text += told([&] { return params.one(name).value_or("none") + '|'; });
    text += told([&] {
      const std::string value = params.required(name);
      require(!value.empty() && value.find('\0') == std::string::npos, "required, and empty or with a NUL");
      return value + '|';
    });
    text += told([&] {
      std::string values;
      std::vector<std::string> list = params.list(name).value_or(std::vector<std::string>());
      for (const std::string& value : list) {
        require(!value.empty() && value.find(',') == std::string::npos,
                "a list with an empty or double value");
        values += value + ',';
      }
      std::sort(list.begin(), list.end());
      require(std::adjacent_find(list.begin(), list.end()) == list.end(), "a value stands twice in a list");
      return values + '|';
    });
    text += told([&] { return std::to_string(params.flag(name).value_or(false)) + '|'; });
    text += told([&] {
      const int64_t number = params.number(name).value_or(0);
      require(number >= 0 && number < int64_t{1} << 53, "a number beyond what was promised");
      return std::to_string(number) + '|';
    });
  }
  return text + told([&] {
           params.require_known({"acl-N", "name"});
           return std::string("known");
         });
}

std::string encoded(std::string_view text) {
  std::string form;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    form += '%';
    form += "0123456789ABCDEF"[byte >> 4];
    form += "0123456789abcdef"[byte & 15];
  }
  return form;
}

/// The list is the same if each value is numbered, in the query as in the body.
void renumber(const Params& params) {
  std::string form;
  std::vector<std::string> values;
  try {
    values = params.list("acl").value_or(std::vector<std::string>());
  } catch (const Refused&) {
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    form += (i == 0 ? "acl-" : "&acl-") + std::to_string(i) + '=' + encoded(values[i]);
  }
  if (values.empty()) return;
  require(read("", form, "").list("acl") == values, "another list when it is numbered in the query");
  require(read("", "", form).list("acl") == values, "another list when it is numbered in the body");
  require(read("", form, form).list("acl") == values, "another list when it stands in both");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view type = take_until('\n', &rest);
  const std::string_view query = take_until('\n', &rest);
  try {
    const Params params = read(type, query, rest);
    const std::string all = all_of(params);
    require(all == all_of(read(type, query, rest)), "another reading the second time");
    // A form is one wherever it stands.
    if (rest.empty() && query.find('{') == std::string_view::npos) {
      require(all == all_of(read("application/x-www-form-urlencoded", "", query)),
              "another reading as a body");
    }
    renumber(params);
  } catch (const Refused& refused) {
    require(!refused.text.empty(), "refused without a word");
  }
  return 0;
}
