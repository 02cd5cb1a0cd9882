// Addresses and address ranges: between text, sockaddr and the stored form, and the membership test.
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "tokengate/admin.h"

namespace tokengate {
namespace {

constexpr size_t kAddressBytes = 16;
constexpr unsigned kMaxPrefix = 128;
constexpr unsigned kMappedPrefix = 96;
constexpr uint8_t kMapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const uint8_t* bytes) noexcept {
  return std::memcmp(bytes, kMapped, sizeof kMapped) == 0;
}

// The prefix length after the slash: decimal, one spelling for each value.
bool parse_prefix(std::string_view digits, unsigned max, unsigned* prefix) noexcept {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return false;
  unsigned value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > max) return false;
  *prefix = value;
  return true;
}

bool host_bits_are_zero(const uint8_t* bytes, unsigned prefix) noexcept {
  for (unsigned bit = prefix; bit < kMaxPrefix;) {
    if (bit % 8 == 0) {
      if (bytes[bit / 8] != 0) return false;
      bit += 8;
    } else {
      if ((bytes[bit / 8] & (0xffU >> (bit % 8))) != 0) return false;
      bit += 8 - bit % 8;
    }
  }
  return true;
}

/// Whether the address of 16 bytes lies in the range.
bool holds(const uint8_t range[kAddressRangeBytes], const uint8_t* bytes) noexcept {
  unsigned prefix = range[kAddressBytes];
  if (prefix > kMaxPrefix) return false;
  if (prefix < kMappedPrefix && is_mapped(bytes)) return false;
  unsigned whole = prefix / 8;
  if (std::memcmp(range, bytes, whole) != 0) return false;
  if (prefix % 8 == 0) return true;
  unsigned mask = 0xff00U >> (prefix % 8);
  return ((range[whole] ^ bytes[whole]) & mask & 0xffU) == 0;
}

std::string address_text(const uint8_t* bytes) {
  char text[INET6_ADDRSTRLEN];
  const char* done = is_mapped(bytes) ? inet_ntop(AF_INET, bytes + sizeof kMapped, text, sizeof text)
                                      : inet_ntop(AF_INET6, bytes, text, sizeof text);
  return done == nullptr ? std::string() : std::string(done);
}

}  // namespace

bool parse_address_range(std::string_view text, uint8_t range[kAddressRangeBytes]) noexcept {
  // inet_pton() reads up to a NUL, which must be the end of the text and not a byte within it.
  if (text.size() > kMaxAddressRangeText || text.find('\0') != std::string_view::npos) return false;
  size_t slash = text.find('/');
  std::string_view address = text.substr(0, slash);
  char copy[kMaxAddressRangeText + 1] = {};
  if (!address.empty()) std::memcpy(copy, address.data(), address.size());

  uint8_t bytes[kAddressBytes] = {};
  bool v4 = address.find(':') == std::string_view::npos;
  if (v4) std::memcpy(bytes, kMapped, sizeof kMapped);
  if (inet_pton(v4 ? AF_INET : AF_INET6, copy, v4 ? bytes + sizeof kMapped : bytes) != 1) return false;

  unsigned prefix = kMaxPrefix;
  if (slash != std::string_view::npos) {
    if (!parse_prefix(text.substr(slash + 1), v4 ? 32 : kMaxPrefix, &prefix)) return false;
    if (v4) prefix += kMappedPrefix;
  }
  if (!host_bits_are_zero(bytes, prefix)) return false;
  std::memcpy(range, bytes, kAddressBytes);
  range[kAddressBytes] = static_cast<uint8_t>(prefix);
  return true;
}

std::string format_address_range(const uint8_t range[kAddressRangeBytes]) {
  unsigned prefix = range[kAddressBytes];
  if (prefix > kMaxPrefix) return {};
  std::string text = address_text(range);
  if (prefix == kMaxPrefix) return text;
  // With /95 or shorter the bits of the mapped form lie beyond the prefix, so only a damaged range has them.
  if (is_mapped(range)) {
    if (prefix < kMappedPrefix) return {};
    prefix -= kMappedPrefix;
  }
  return text + "/" + std::to_string(prefix);
}

bool range_contains(const uint8_t range[kAddressRangeBytes], const Address& address) noexcept {
  return address.kind == Address::kIp && holds(range, address.bytes.data());
}

bool range_within(const uint8_t inner[kAddressRangeBytes], const uint8_t outer[kAddressRangeBytes]) noexcept {
  // The first address of a range stands for all of it: no range holds IPv4 addresses and others.
  return inner[kAddressBytes] <= kMaxPrefix && inner[kAddressBytes] >= outer[kAddressBytes] &&
         holds(outer, inner);
}

std::string format_address(const Address& address) {
  switch (address.kind) {
    case Address::kIp:
      return address_text(address.bytes.data());
    case Address::kLocalSocket:
      return "unix:";
    case Address::kUnknown:
      break;
  }
  return "unknown";
}

Address Address::from_sockaddr(const sockaddr* address) noexcept {
  Address result;
  if (address == nullptr) return result;
  switch (address->sa_family) {
    case AF_UNIX:
      result.kind = kLocalSocket;
      break;
    case AF_INET:
      result.kind = kIp;
      std::memcpy(result.bytes.data(), kMapped, sizeof kMapped);
      std::memcpy(result.bytes.data() + sizeof kMapped,
                  reinterpret_cast<const char*>(address) + offsetof(sockaddr_in, sin_addr), 4);
      break;
    case AF_INET6:
      result.kind = kIp;
      std::memcpy(result.bytes.data(),
                  reinterpret_cast<const char*>(address) + offsetof(sockaddr_in6, sin6_addr), kAddressBytes);
      break;
    default:
      break;
  }
  return result;
}

bool Address::is_local() const noexcept {
  static constexpr uint8_t kLoopback[kAddressBytes] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (kind == kLocalSocket) return true;
  if (kind != kIp) return false;
  if (is_mapped(bytes.data())) return bytes[sizeof kMapped] == 127;
  return std::memcmp(bytes.data(), kLoopback, sizeof kLoopback) == 0;
}

std::string canonical_address_range(std::string_view text) {
  uint8_t range[kAddressRangeBytes];
  return parse_address_range(text, range) ? format_address_range(range) : std::string();
}

}  // namespace tokengate
