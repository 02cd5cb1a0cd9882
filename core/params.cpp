// Finds, decodes and compares parameters.
#include "params.h"

#include <algorithm>
#include <functional>

#include "chars.h"

namespace tokengate {

int Decoder::next() noexcept {
  if (pending_count_ > 0) return pending_[--pending_count_];
  if (at_ >= text_.raw.size()) return kEnd;
  switch (text_.encoding) {
    case Encoding::kForm:
    case Encoding::kLooseForm:
      return next_form();
    case Encoding::kJson:
      return next_json();
    case Encoding::kPlain:
      break;
  }
  return static_cast<unsigned char>(text_.raw[at_++]);
}

int Decoder::next_form() noexcept {
  char c = text_.raw[at_];
  if (c == '+') c = ' ';
  if (c == '%') {
    int value = chars::percent_value(text_.raw.substr(at_));
    if (value >= 0) {
      at_ += 3;
      return value;
    }
    if (text_.encoding == Encoding::kForm) return kInvalid;
  }
  ++at_;
  return static_cast<unsigned char>(c);
}

// Four hexadecimal digits. They are there: read_json() has seen them; without them the result is no
// character.
unsigned Decoder::read_unit() noexcept {
  unsigned unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    int digit = at_ < text_.raw.size() ? chars::hex_value(text_.raw[at_]) : -1;
    if (digit < 0) return 0xdfff;
    unit = unit * 16 + static_cast<unsigned>(digit);
  }
  return unit;
}

int Decoder::next_json() noexcept {
  char c = text_.raw[at_++];
  if (c != '\\') return static_cast<unsigned char>(c);
  if (at_ == text_.raw.size()) return kInvalid;
  char escape = text_.raw[at_++];
  if (escape != 'u') {
    constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
    size_t index = kNames.find(escape);
    return index == std::string_view::npos ? kInvalid : static_cast<unsigned char>(kBytes[index]);
  }
  unsigned code = read_unit();
  if (code >= 0xd800 && code <= 0xdbff && text_.raw.substr(at_).starts_with("\\u")) {
    at_ += 2;
    unsigned low = read_unit();
    if (low < 0xdc00 || low > 0xdfff) return kInvalid;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code >= 0xd800 && code <= 0xdfff) return kInvalid;
  if (code < 0x80) return static_cast<int>(code);
  auto tail = [&](unsigned shift) { return static_cast<unsigned char>(0x80 | ((code >> shift) & 0x3f)); };
  pending_[pending_count_++] = tail(0);
  if (code < 0x800) return static_cast<int>(0xc0 | (code >> 6));
  pending_[pending_count_++] = tail(6);
  if (code < 0x10000) return static_cast<int>(0xe0 | (code >> 12));
  pending_[pending_count_++] = tail(12);
  return static_cast<int>(0xf0 | (code >> 18));
}

uint64_t hash_of(Encoded text) noexcept {
  uint64_t hash = 0xcbf29ce484222325;
  Decoder decoder(text);
  for (int byte = decoder.next(); byte >= 0; byte = decoder.next()) {
    hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
  }
  return hash;
}

bool decodes_alike(Encoded a, Encoded b) noexcept {
  Decoder left(a), right(b);
  for (;;) {
    int byte = left.next();
    if (byte != right.next() || byte == Decoder::kInvalid) return false;
    if (byte == Decoder::kEnd) return true;
  }
}

bool Scratch::holds(std::string_view text) const noexcept {
  // std::less orders any two pointers, also those into different objects.
  std::less<const char*> less;
  return !memory_.empty() && !less(text.data(), memory_.data()) &&
         less(text.data(), memory_.data() + memory_.size());
}

std::optional<std::string_view> Scratch::decode(Encoded text) noexcept {
  if (text.raw.empty()) return std::string_view();
  bool in_place = holds(text.raw);
  size_t begin = in_place ? static_cast<size_t>(text.raw.data() - memory_.data()) : used_;
  if (!in_place && text.raw.size() > memory_.size() - used_) return std::nullopt;
  char* out = memory_.data() + begin;
  size_t size = 0;
  Decoder decoder(text);
  int byte = decoder.next();
  for (; byte >= 0; byte = decoder.next()) out[size++] = static_cast<char>(byte);
  if (byte == Decoder::kInvalid) return std::nullopt;
  if (!in_place) used_ += size;
  return std::string_view(out, size);
}

bool FormItems::next(std::string_view* piece, std::string_view* name, std::string_view* value) noexcept {
  while (rest_.starts_with('&')) rest_.remove_prefix(1);
  if (rest_.empty()) return false;
  *piece = rest_.substr(0, rest_.find('&'));
  rest_.remove_prefix(piece->size());
  size_t equals = piece->find('=');
  *name = piece->substr(0, equals);
  *value = equals == std::string_view::npos ? std::string_view() : piece->substr(equals + 1);
  return true;
}

ParamName::ParamName(Encoded name) noexcept {
  Decoder decoder(name);
  bool too_long = false;
  int escape = 0;  // how much of a leftover "%XX" has been seen
  for (int byte = decoder.next(); byte != Decoder::kEnd; byte = decoder.next()) {
    if (byte == Decoder::kInvalid) {
      malformed_ = true;
      break;
    }
    char c = static_cast<char>(byte);
    if (chars::is_control(c) || !chars::is_ascii(c)) malformed_ = true;
    if (c == '%') {
      escape = 1;
    } else if (escape > 0 && chars::hex_value(c) >= 0) {
      if (++escape == 3) malformed_ = true;
    } else {
      escape = 0;
    }

    if (exact_size_ < kMaxBytes) {
      exact_[exact_size_++] = c;
    } else {
      too_long = true;
    }
    if (c == '[') core_before_open_ = std::min(core_before_open_, core_size_);
    if (c == ']' || c == '\0') core_before_close_ = std::min(core_before_close_, core_size_);
    if (!chars::is_alnum(c)) continue;
    if (core_size_ < kMaxBytes) {
      core_[core_size_++] = chars::lower(c);
    } else {
      core_complete_ = false;
    }
  }
  if (too_long) exact_size_ = 0;
}

bool ParamName::resembles(std::string_view letters) const noexcept {
  auto matches = [&](std::string_view candidate) {
    if (!candidate.starts_with(letters)) return false;
    candidate.remove_prefix(letters.size());
    return std::all_of(candidate.begin(), candidate.end(), chars::is_digit);
  };
  return (core_complete_ && matches(core())) ||
         (core_before_open_ != SIZE_MAX && matches(core().substr(0, core_before_open_))) ||
         (core_before_close_ != SIZE_MAX && matches(core().substr(0, core_before_close_)));
}

}  // namespace tokengate
