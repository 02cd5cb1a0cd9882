// SHA-256, comparison and random bytes from OpenSSL.
#include "hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace tokengate {
namespace {

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
EVP_MD* fetch_sha256() { return EVP_MD_fetch(nullptr, "SHA256", nullptr); }
void free_algorithm(void* algorithm) { EVP_MD_free(static_cast<EVP_MD*>(algorithm)); }
#else
EVP_MD* fetch_sha256() { return const_cast<EVP_MD*>(EVP_sha256()); }
void free_algorithm(void*) {}
#endif

}  // namespace

Sha256::Sha256() : algorithm_(fetch_sha256()), context_(EVP_MD_CTX_new()) {
  // The first use allocates inside OpenSSL; have it behind us before the first request.
  Digest ignored;
  digest(std::string_view{}, &ignored);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
  free_algorithm(algorithm_);
}

bool Sha256::digest(std::span<const std::string_view> parts, Digest* out) noexcept {
  if (algorithm_ == nullptr || context_ == nullptr) return false;
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  if (EVP_DigestInit_ex(context, static_cast<const EVP_MD*>(algorithm_), nullptr) != 1) return false;
  for (std::string_view part : parts) {
    if (EVP_DigestUpdate(context, part.data(), part.size()) != 1) return false;
  }
  return EVP_DigestFinal_ex(context, out->data(), nullptr) == 1;
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
