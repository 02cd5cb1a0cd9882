/// Digests, constant-time comparison and random bytes: the only file of the core that knows OpenSSL.
#ifndef TOKENGATE_HASH_H_
#define TOKENGATE_HASH_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tokengate {

using Digest = std::array<uint8_t, 32>;

/// SHA-256 with a context that is kept, so that a digest costs no allocation and no algorithm look-up.
/// Not thread-safe: one per thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  /// The digest of `parts` one after the other. False, with `*out` unspecified, if OpenSSL fails.
  bool digest(std::span<const std::string_view> parts, Digest* out) noexcept;
  bool digest(std::string_view text, Digest* out) noexcept { return digest({&text, 1}, out); }

 private:
  void* algorithm_ = nullptr;  // EVP_MD, kept because fetching it takes a lock
  void* context_ = nullptr;    // EVP_MD_CTX
};

/// Takes the same time wherever the first difference is.
bool equal_constant_time(const Digest& a, const Digest& b) noexcept;

/// Fills `out` from OpenSSL's private CSPRNG; false if it cannot.
bool random_bytes(std::span<uint8_t> out) noexcept;

std::string to_hex(std::span<const uint8_t> bytes);

}  // namespace tokengate

#endif  // TOKENGATE_HASH_H_
