// SHA-256, comparison and random bytes from OpenSSL.

// The one-level SHA256_* functions are marked deprecated in favour of EVP, which in OpenSSL 3.0 frees and
// allocates the algorithm's state at every EVP_DigestInit_ex(): not on a request.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

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
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
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
