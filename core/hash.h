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

/// SHA-256 (FIPS 180-4) of `parts` one after the other. Allocates nothing; any thread.
Digest sha256(std::span<const std::string_view> parts) noexcept;
inline Digest sha256(std::string_view text) noexcept {
  return sha256({&text, 1});
}

/// Takes the same time wherever the first difference is.
bool equal_constant_time(const Digest& a, const Digest& b) noexcept;

/// Fills `out` from OpenSSL's private CSPRNG; false if it cannot.
bool random_bytes(std::span<uint8_t> out) noexcept;

std::string to_hex(std::span<const uint8_t> bytes);

}  // namespace tokengate

#endif  // TOKENGATE_HASH_H_
