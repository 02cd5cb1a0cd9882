/// A set of ACLs of one service, by their numbers in the store's registry.
#ifndef TOKENGATE_ACL_SET_H_
#define TOKENGATE_ACL_SET_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tokengate {

/// The number of the ACL `all` in every service of every store.
inline constexpr uint8_t kAclAll = 0;

class AclSet {
 public:
  static constexpr size_t kMaxBytes = 32;

  bool has(uint8_t acl) const noexcept { return (words_[acl >> 6] >> (acl & 63) & 1) != 0; }
  void add(uint8_t acl) noexcept { words_[acl >> 6] |= uint64_t{1} << (acl & 63); }
  void remove(uint8_t acl) noexcept { words_[acl >> 6] &= ~(uint64_t{1} << (acl & 63)); }
  void keep_only(const AclSet& others) noexcept {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= others.words_[i];
  }
  bool empty() const noexcept { return words_ == decltype(words_){}; }
  bool operator==(const AclSet&) const = default;
  /// Whether it has every ACL of `other`.
  bool contains(const AclSet& other) const noexcept {
    for (size_t i = 0; i < words_.size(); ++i) {
      if ((other.words_[i] & ~words_[i]) != 0) return false;
    }
    return true;
  }
  /// ACL n is bit n % 64 of word n / 64.
  const std::array<uint64_t, kMaxBytes / 8>& words() const noexcept { return words_; }

  /// Little-endian bytes without trailing zeros.
  std::string to_bytes() const {
    std::string bytes;
    for (size_t i = 0; i < kMaxBytes; ++i) bytes.push_back(static_cast<char>(words_[i / 8] >> (i % 8 * 8)));
    while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
    return bytes;
  }
  /// Bytes beyond kMaxBytes are ignored.
  static AclSet from_bytes(std::string_view bytes) noexcept {
    AclSet set;
    for (size_t i = 0; i < bytes.size() && i < kMaxBytes; ++i) {
      set.words_[i / 8] |= uint64_t{static_cast<uint8_t>(bytes[i])} << (i % 8 * 8);
    }
    return set;
  }

 private:
  std::array<uint64_t, kMaxBytes / 8> words_{};
};

/// Whether a set that is still in its byte form has an ACL: the request path does not unpack sets.
inline bool acl_bytes_have(std::string_view bytes, uint8_t acl) noexcept {
  size_t i = acl / 8;
  return i < bytes.size() && (static_cast<uint8_t>(bytes[i]) >> (acl % 8) & 1) != 0;
}

}  // namespace tokengate

#endif  // TOKENGATE_ACL_SET_H_
