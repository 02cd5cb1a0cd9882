// Fuzzes the JSON reader, and holds it against another parser: both must call the same texts JSON.
#include "json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fuzz.h"

using namespace tokengate;

namespace {

size_t count_items(JsonValue container) {
  size_t count = 0;
  std::string_view key;
  JsonValue value;
  for (JsonItems items(container); items.next(&key, &value);) ++count;
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Exact copy(std::string_view(reinterpret_cast<const char*>(data), size));
  std::string_view text = copy.view();
  JsonValue value = read_json(text);
  // The other parser skips a byte order mark, ends at NUL, refuses numbers that are no finite double, and
  // nests deeper.
  bool comparable = !text.starts_with("\xef\xbb\xbf") && text.find('\0') == std::string_view::npos;
  bool accepted = comparable && nlohmann::json::accept(text);
  if (value.kind == JsonValue::kInvalid) {
    size_t brackets = static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; }));
    require(!accepted || brackets > kMaxJsonDepth, "refuses what is JSON");
    return 0;
  }
  bool large_number = size > 300 || text.find_first_of("eE") != std::string_view::npos;
  require(accepted || large_number, "accepts what is not JSON");
  if (!accepted || (value.kind != JsonValue::kObject && value.kind != JsonValue::kArray)) return 0;
  if (value.kind == JsonValue::kArray) {
    require(count_items(value) == nlohmann::json::parse(text).size(), "another number of elements");
  } else {
    require(count_items(value) >= nlohmann::json::parse(text).size(), "fewer members");
  }
  return 0;
}
