// A strict reader of JSON text.
#include "json.h"

#include "chars.h"

namespace tokengate {
namespace {

// Reads forward through `text`. Each read_ function returns false where the text is not JSON.
class Cursor {
 public:
  Cursor(std::string_view text, size_t at) noexcept : text_(text), at_(at) {}

  size_t at() const noexcept { return at_; }
  bool at_end() const noexcept { return at_ == text_.size(); }

  void skip_blanks() noexcept {
    while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }

  bool take(char c) noexcept {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }

  bool read_value(unsigned depth, JsonValue* value) noexcept;
  bool read_string(std::string_view* raw) noexcept;

 private:
  char peek() const noexcept { return text_[at_]; }
  bool read_escape() noexcept;
  bool read_hex4(unsigned* value) noexcept;
  bool read_number() noexcept;
  bool read_digits() noexcept;
  bool read_container(bool object, unsigned depth) noexcept;
  bool take_word(std::string_view word) noexcept;

  std::string_view text_;
  size_t at_;
};

bool Cursor::read_value(unsigned depth, JsonValue* value) noexcept {
  if (at_end()) return false;
  size_t begin = at_;
  bool good = false;
  switch (peek()) {
    case '"':
      value->kind = JsonValue::kString;
      return read_string(&value->raw);
    case '{':
    case '[':
      value->kind = peek() == '{' ? JsonValue::kObject : JsonValue::kArray;
      good = read_container(peek() == '{', depth);
      break;
    case 't':
    case 'f':
    case 'n':
      value->kind = JsonValue::kLiteral;
      good = take_word("true") || take_word("false") || take_word("null");
      break;
    default:
      value->kind = JsonValue::kNumber;
      good = read_number();
  }
  value->raw = text_.substr(begin, at_ - begin);
  return good;
}

bool Cursor::read_container(bool object, unsigned depth) noexcept {
  if (depth == kMaxJsonDepth) return false;
  char close = object ? '}' : ']';
  ++at_;
  skip_blanks();
  if (take(close)) return true;
  for (;;) {
    std::string_view key;
    JsonValue value;
    if (object) {
      if (!read_string(&key)) return false;
      skip_blanks();
      if (!take(':')) return false;
      skip_blanks();
    }
    if (!read_value(depth + 1, &value)) return false;
    skip_blanks();
    if (take(close)) return true;
    if (!take(',')) return false;
    skip_blanks();
  }
}

bool Cursor::read_string(std::string_view* raw) noexcept {
  if (!take('"')) return false;
  size_t begin = at_;
  while (!at_end()) {
    if (peek() == '"') {
      *raw = text_.substr(begin, at_ - begin);
      ++at_;
      return true;
    }
    if (peek() == '\\') {
      if (!read_escape()) return false;
      continue;
    }
    if (static_cast<unsigned char>(peek()) < 0x20) return false;
    size_t length = chars::utf8_length(text_.substr(at_));
    if (length == 0) return false;
    at_ += length;
  }
  return false;
}

bool Cursor::read_escape() noexcept {
  ++at_;
  if (at_end()) return false;
  if (!take('u')) {
    bool known = std::string_view("\"\\/bfnrt").find(peek()) != std::string_view::npos;
    ++at_;
    return known;
  }
  unsigned unit = 0;
  if (!read_hex4(&unit)) return false;
  if (unit >= 0xdc00 && unit <= 0xdfff) return false;
  if (unit < 0xd800 || unit > 0xdbff) return true;
  return take('\\') && take('u') && read_hex4(&unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

bool Cursor::read_hex4(unsigned* value) noexcept {
  *value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    int digit = at_end() ? -1 : chars::hex_value(peek());
    if (digit < 0) return false;
    *value = *value * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

bool Cursor::read_number() noexcept {
  take('-');
  if (!take('0') && !read_digits()) return false;
  if (take('.') && !read_digits()) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    return read_digits();
  }
  return true;
}

bool Cursor::read_digits() noexcept {
  size_t begin = at_;
  while (!at_end() && chars::is_digit(peek())) ++at_;
  return at_ > begin;
}

bool Cursor::take_word(std::string_view word) noexcept {
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

}  // namespace

JsonValue read_json(std::string_view text) noexcept {
  Cursor cursor(text, 0);
  JsonValue value;
  cursor.skip_blanks();
  bool good = cursor.read_value(0, &value);
  cursor.skip_blanks();
  return good && cursor.at_end() ? value : JsonValue{};
}

JsonItems::JsonItems(JsonValue container) noexcept
    : text_(container.raw), at_(1), object_(container.kind == JsonValue::kObject) {}

bool JsonItems::next(std::string_view* key, JsonValue* value) noexcept {
  Cursor cursor(text_, at_);
  cursor.skip_blanks();
  cursor.take(',');
  cursor.skip_blanks();
  *key = {};
  if (object_) {
    if (!cursor.read_string(key)) return false;
    cursor.skip_blanks();
    cursor.take(':');
    cursor.skip_blanks();
  }
  if (!cursor.read_value(1, value)) return false;
  at_ = cursor.at();
  return true;
}

}  // namespace tokengate
