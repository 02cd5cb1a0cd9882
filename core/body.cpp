// Decides in which ways a request's body can be read as parameters.
#include "body.h"

#include <algorithm>
#include <array>

#include "chars.h"
#include "json.h"

namespace tokengate {
namespace {

constexpr size_t kMaxMembers = 512;

// Whether each `charset` in a Content-Type is one in which ASCII bytes are ASCII characters.
bool is_charset_plain(std::string_view content_type) noexcept {
  constexpr std::string_view kWord = "charset";
  for (size_t at = chars::find_folded(content_type, kWord); at != std::string_view::npos;
       at = chars::find_folded(content_type, kWord, at)) {
    at += kWord.size();
    std::string_view value = content_type.substr(at);
    auto skip_blanks = [&] { value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size())); };
    skip_blanks();
    if (!value.starts_with('=')) return false;
    value.remove_prefix(1);
    skip_blanks();
    if (value.starts_with('"')) {
      value = value.substr(1, value.find('"', 1) - 1);
    } else {
      value = value.substr(0, value.find_first_of(" \t;,"));
    }
    if (!chars::equals_folded(value, "utf-8") && !chars::equals_folded(value, "us-ascii") &&
        !chars::equals_folded(value, "iso-8859-1")) {
      return false;
    }
  }
  return true;
}

bool contains(std::string_view content_type, std::string_view lower_case) noexcept {
  return chars::find_folded(content_type, lower_case) != std::string_view::npos;
}

}  // namespace

std::string_view json_object_problem(std::string_view text) noexcept {
  JsonValue value = read_json(text);
  if (value.kind == JsonValue::kInvalid) return "a JSON text that is not valid";
  if (value.kind != JsonValue::kObject) return "a JSON text that is not an object";
  std::array<uint64_t, kMaxMembers> seen;
  size_t count = 0;
  std::string_view key;
  JsonValue member;
  for (JsonItems items(value); items.next(&key, &member);) {
    if (count == kMaxMembers) return "a JSON object with too many members";
    uint64_t hash = hash_of({key, Encoding::kJson});
    if (std::find(seen.begin(), seen.begin() + count, hash) != seen.begin() + count) {
      return "a JSON object with two members of one name";
    }
    seen[count++] = hash;
  }
  return {};
}

std::string_view read_parameters(const Call& call, Parameters* parameters) noexcept {
  if (call.content_encoded) return "an encoded body where the body can choose the call";
  if (call.content_type_repeated) return "two Content-Type fields where the body can choose the call";
  // Some end the query at `#`, and some do not.
  if (call.query.find('#') != std::string_view::npos) return "a fragment where the query can choose the call";
  parameters->add(Reading::kForm, call.query);
  switch (call.body_state) {
    case Body::kNone:
      return {};
    case Body::kUnread:
    case Body::kUnreadable:
      return "a body that was not read, or is too large, where it can choose the call";
    case Body::kRead:
      break;
  }
  if (call.body.empty()) return {};
  if (!is_charset_plain(call.content_type)) return "a body in a character set that is not accepted here";
  if (call.body.starts_with("\xef\xbb\xbf")) return "a body that begins with a byte order mark";

  bool multipart = contains(call.content_type, "multipart");
  size_t first = call.body.find_first_not_of(" \t\r\n\v\f");
  char first_byte = first == std::string_view::npos ? '\0' : call.body[first];
  if (contains(call.content_type, "json") || first_byte == '{' || first_byte == '[') {
    if (multipart) return "a body that could be JSON or multipart";
    std::string_view problem = json_object_problem(call.body);
    if (!problem.empty()) return problem;
    parameters->add(Reading::kJson, read_json(call.body).raw);
    parameters->add(Reading::kLooseForm, call.body);
  } else if (multipart) {
    parameters->add(Reading::kMultipart, call.body);
    parameters->add(Reading::kLooseForm, call.body);
  } else {
    parameters->add(Reading::kForm, call.body);
    if (call.body.substr(std::min(first, call.body.size())).starts_with("--")) {
      parameters->add(Reading::kMultipart, call.body);
    }
  }
  return {};
}

}  // namespace tokengate
