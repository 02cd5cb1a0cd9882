/// A strict reader of JSON text (RFC 8259): it checks everything and keeps nothing. Allocates nothing;
/// nesting is bounded. Whoever reads on finds a value again by its raw text.
#ifndef TOKENGATE_JSON_H_
#define TOKENGATE_JSON_H_

#include <cstdint>
#include <string_view>

namespace tokengate {

inline constexpr unsigned kMaxJsonDepth = 32;  ///< arrays and objects within each other

struct JsonValue {
  enum Kind : uint8_t { kInvalid, kObject, kArray, kString, kNumber, kLiteral };
  Kind kind = kInvalid;
  /// kString: what is between the quotes, still escaped; else the whole value. A view of the text read.
  std::string_view raw;
};

/// Reads `text`, which must be one value and nothing else but blanks. kInvalid if it is not JSON: also for
/// malformed UTF-8, lone surrogates in escapes, a byte order mark, and nesting deeper than kMaxJsonDepth.
JsonValue read_json(std::string_view text) noexcept;

/// Walks the members of an object, or the elements of an array, that read_json() has accepted.
class JsonItems {
 public:
  explicit JsonItems(JsonValue container) noexcept;
  /// The next item; false after the last. `*key` is still escaped; for arrays it is empty.
  bool next(std::string_view* key, JsonValue* value) noexcept;

 private:
  std::string_view text_;
  size_t at_;
  bool object_;
};

}  // namespace tokengate

#endif  // TOKENGATE_JSON_H_
