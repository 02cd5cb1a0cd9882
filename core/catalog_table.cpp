// Keys of the catalog table, and the look-up of a call.
#include "catalog_table.h"

#include <algorithm>
#include <cstring>

#include "chars.h"

namespace tokengate {
namespace {

constexpr char kTags[] = {'u', '2', 'w', 'h'};  // in the order of enum Api

/// A key under construction, on the stack. Too long a key is one that no row can have.
class KeyBuffer {
 public:
  explicit KeyBuffer(Api api) noexcept { push(kTags[static_cast<size_t>(api)]); }
  KeyBuffer& push(char c) noexcept { return append({&c, 1}); }
  KeyBuffer& append(std::string_view part) noexcept {
    if (part.size() > sizeof bytes_ - size_) {
      too_long_ = true;
    } else {
      std::memcpy(bytes_ + size_, part.data(), part.size());
      size_ += part.size();
    }
    return *this;
  }
  /// In small letters.
  KeyBuffer& append_folded(std::string_view part) noexcept {
    size_t size = size_;
    append(part);
    std::transform(bytes_ + size, bytes_ + size_, bytes_ + size, chars::lower);
    return *this;
  }
  size_t size() const noexcept { return size_; }
  void cut(size_t size) noexcept {
    size_ = size;
    too_long_ = false;
  }
  bool too_long() const noexcept { return too_long_; }
  std::string_view view() const noexcept { return {bytes_, size_}; }

 private:
  char bytes_[kMaxCatalogKeyBytes];
  size_t size_ = 0;
  bool too_long_ = false;
};

CatalogMatch to_match(StoreError error) noexcept {
  if (error == StoreError::kNone) return CatalogMatch::kRow;
  return error == StoreError::kNotFound ? CatalogMatch::kNone : CatalogMatch::kDamaged;
}

StoreError read_row(Transaction& transaction, const KeyBuffer& key, CatalogRecord* row) noexcept {
  if (key.too_long()) return StoreError::kNotFound;
  Bytes value;
  StoreError error = transaction.get(Table::kCatalog, key.view(), &value);
  if (error != StoreError::kNone) return error;
  return decode(key.view(), value, row) ? StoreError::kNone : StoreError::kDamaged;
}

StoreError find_function(Transaction& transaction, const RoutedCall& call, CatalogRecord* row) noexcept {
  KeyBuffer key(call.api);
  if (call.api == Api::kWhm1) return read_row(transaction, key.append(call.function), row);
  key.append(call.module).push('\0');
  size_t module_size = key.size();
  StoreError error = read_row(transaction, key.append(call.function), row);
  if (error != StoreError::kNotFound) return error;
  key.cut(module_size);
  return read_row(transaction, key.push('*'), row);
}

/// Of `/dir/` comes `/dir`, and of `/` nothing.
std::string_view without_slash_at_end(std::string_view path) noexcept {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// Takes the first segment off `*rest`, which begins with its slash.
std::string_view next_segment(std::string_view* rest) noexcept {
  rest->remove_prefix(1);
  std::string_view segment = rest->substr(0, rest->find('/'));
  rest->remove_prefix(segment.size());
  return segment;
}

/// Whether a path that fits `pattern` does so letter by letter.
bool is_same_case(std::string_view pattern, std::string_view path) noexcept {
  while (!pattern.empty() && !path.empty()) {
    std::string_view expected = next_segment(&pattern);
    std::string_view segment = next_segment(&path);
    if (expected == "**") return true;
    if (expected != "*" && expected != segment) return false;
  }
  return true;
}

/// Walks the patterns as a tree of segments, most specific first. Branches that no pattern begins with are
/// cut off, so the work is bounded by the number of patterns, whatever the request.
class PatternSearch {
 public:
  PatternSearch(Transaction& transaction, Cursor& cursor, std::string_view method,
                CatalogRecord* row) noexcept
      : transaction_(transaction), cursor_(cursor), method_(method), row_(row) {}

  CatalogMatch find(std::string_view path) noexcept {
    path_ = without_slash_at_end(path);
    walk(path_);
    return is_other_case_ ? CatalogMatch::kOtherCase : to_match(result_);
  }

 private:
  /// Extends the key by one segment of `rest`. True when the search is over: result_ is final.
  bool walk(std::string_view rest) noexcept {
    if (rest.empty() && decide()) return true;
    size_t size = key_.size();
    key_.push('/');
    bool over = false;
    if (!rest.empty()) {
      std::string_view segment = next_segment(&rest);
      // A segment that looks like a wildcard is only ever matched by one.
      bool is_literal = segment != "*" && segment != "**";
      over = (is_literal && descend(segment, rest)) || descend("*", rest);
    }
    if (!over) {
      key_.append("**");
      over = decide();
    }
    key_.cut(size);
    return over;
  }

  bool descend(std::string_view segment, std::string_view rest) noexcept {
    size_t size = key_.size();
    key_.append_folded(segment);
    bool over = begins_a_key() && (result_ != StoreError::kNotFound || walk(rest));
    key_.cut(size);
    return over;
  }

  /// The key is a whole pattern if any row has it. Then that row, or its lack for the method, is the answer.
  bool decide() noexcept {
    size_t size = key_.size();
    key_.push('\0');
    bool is_pattern = begins_a_key();
    if (is_pattern && result_ == StoreError::kNotFound) {
      result_ = read_method(method_);
      if (result_ == StoreError::kNotFound && method_ == "HEAD") result_ = read_method("GET");
      if (result_ == StoreError::kNotFound) result_ = read_method("*");
    }
    key_.cut(size);
    if (result_ == StoreError::kNone) {
      is_other_case_ = !is_same_case(row_->spelling.empty() ? key_.view().substr(1) : row_->spelling, path_);
    }
    return is_pattern;
  }

  StoreError read_method(std::string_view method) noexcept {
    size_t size = key_.size();
    StoreError error = read_row(transaction_, key_.append(method), row_);
    key_.cut(size);
    return error;
  }

  /// Whether some row's key begins as the key does so far; true, with result_ set, if the store fails.
  bool begins_a_key() noexcept {
    if (key_.too_long()) return false;
    StoreError error = cursor_.seek(key_.view());
    if (error == StoreError::kNone) return cursor_.key().starts_with(key_.view());
    if (error == StoreError::kNotFound) return false;
    result_ = error;
    return true;
  }

  Transaction& transaction_;
  Cursor& cursor_;
  std::string_view method_;
  CatalogRecord* row_;
  std::string_view path_;
  bool is_other_case_ = false;
  KeyBuffer key_{Api::kHttp};
  StoreError result_ = StoreError::kNotFound;
};

}  // namespace

std::string catalog_key(Api api, std::string_view module, std::string_view function) {
  std::string key(1, kTags[static_cast<size_t>(api)]);
  if (api == Api::kWhm1) return key.append(function);
  if (api == Api::kHttp) {
    key.append(without_slash_at_end(function));
    std::transform(key.begin(), key.end(), key.begin(), chars::lower);
    return key.append(1, '\0').append(module);
  }
  return key.append(module).append(1, '\0').append(function);
}

bool parse_catalog_key(std::string_view key, Api* api, std::string_view* module,
                       std::string_view* function) noexcept {
  const void* tag = key.empty() ? nullptr : std::memchr(kTags, key[0], sizeof kTags);
  if (tag == nullptr) return false;
  *api = static_cast<Api>(static_cast<const char*>(tag) - kTags);
  key.remove_prefix(1);
  *module = {};
  *function = key;
  if (*api == Api::kWhm1) return true;
  size_t zero = key.find('\0');
  if (zero == std::string_view::npos) return false;
  *module = key.substr(0, zero);
  *function = key.substr(zero + 1);
  if (*api == Api::kHttp) std::swap(*module, *function);
  return true;
}

bool is_catalog_key(std::string_view key) {
  Api api{};
  std::string_view module;
  std::string_view function;
  return parse_catalog_key(key, &api, &module, &function) && catalog_key(api, module, function) == key;
}

CatalogMatch find_catalog_row(Transaction& transaction, Cursor& cursor, const RoutedCall& call,
                              CatalogRecord* row) noexcept {
  if (call.api != Api::kHttp) return to_match(find_function(transaction, call, row));
  if (cursor.bind_again(transaction) != StoreError::kNone) return CatalogMatch::kDamaged;
  return PatternSearch(transaction, cursor, call.module, row).find(call.function);
}

}  // namespace tokengate
