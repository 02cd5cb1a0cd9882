/// Network addresses and ranges of them: text, the 17 bytes that a token record holds, and membership.
/// Pure; any thread. Address itself is declared in verify.h, canonical_address_range in admin.h.
#ifndef TOKENGATE_ADDRESS_H_
#define TOKENGATE_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tokengate/verify.h"

namespace tokengate {

/// A range as it is stored: 16 address bytes, IPv4 in its mapped form, bits beyond the prefix 0; then the
/// prefix length, 0 to 128. `192.0.2.0/24` is ::ffff:192.0.2.0 with 120.
inline constexpr size_t kAddressRangeBytes = 17;

/// The longest text parse_address_range() looks at: an IPv6 address with an IPv4 tail, and `/128`.
inline constexpr size_t kMaxAddressRangeText = 49;

/// Reads an address or a CIDR range (RFC 4632 section 3.1, RFC 4291 section 2.3). `text` may be any bytes.
/// Refused: anything that inet_pton() refuses, zone identifiers, blanks, a prefix length with a sign or
/// leading zeros, and bits beyond the prefix that are not 0. An IPv4-mapped range of /96 or longer becomes
/// the IPv4 range. False, with `range` untouched, if refused.
bool parse_address_range(std::string_view text, uint8_t range[kAddressRangeBytes]) noexcept;

/// The canonical text of a range: dotted IPv4, or IPv6 as RFC 5952 has it; without a prefix length when it
/// holds one address. Empty if the prefix length is above 128.
std::string format_address_range(const uint8_t range[kAddressRangeBytes]);

/// Whether `address` lies in `range`. False for an address that is not kIp, and for a damaged range (prefix
/// length above 128). An IPv6 range holds no IPv4 address: `::/0` is every IPv6 address, `0.0.0.0/0` every
/// IPv4 address.
bool range_contains(const uint8_t range[kAddressRangeBytes], const Address& address) noexcept;

/// Whether every address of `inner` lies in `outer`, by the rule of range_contains(). False if one is
/// damaged.
bool range_within(const uint8_t inner[kAddressRangeBytes], const uint8_t outer[kAddressRangeBytes]) noexcept;

/// For people: `192.0.2.1`, `2001:db8::1`, `unix:` for a Unix socket, `unknown`.
std::string format_address(const Address& address);

}  // namespace tokengate

#endif  // TOKENGATE_ADDRESS_H_
