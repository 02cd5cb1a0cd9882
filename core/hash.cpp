// SHA-256, comparison and random bytes from OpenSSL.

// The one-level SHA256_* functions are marked deprecated in favour of EVP, which in OpenSSL 3.0 frees and
// allocates the algorithm's state at every EVP_DigestInit_ex(): not on a request.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>

namespace tokengate {

Digest sha256(std::span<const std::string_view> parts) noexcept {
  Digest digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  for (std::string_view part : parts) SHA256_Update(&context, part.data(), part.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

bool equal_constant_time(const Digest& a, const Digest& b) noexcept {
  std::array<uint64_t, 4> words_of_a, words_of_b;
  static_assert(sizeof words_of_a == sizeof a);
  std::memcpy(words_of_a.data(), a.data(), sizeof a);
  std::memcpy(words_of_b.data(), b.data(), sizeof b);
  uint64_t difference = 0;
  for (size_t i = 0; i < words_of_a.size(); ++i) difference |= words_of_a[i] ^ words_of_b[i];
  return difference == 0;
}

bool random_bytes(std::span<uint8_t> out) noexcept {
  return RAND_priv_bytes(out.data(), static_cast<int>(out.size())) == 1;
}

std::string to_hex(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace tokengate
