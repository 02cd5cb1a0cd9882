// Any text as an address range: no crash, and one canonical form that reads back as the same range.
#include "address.h"

#include <cstring>
#include <string>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tokengate;
  uint8_t range[kAddressRangeBytes], again[kAddressRangeBytes];
  if (!parse_address_range({reinterpret_cast<const char*>(data), size}, range)) return 0;

  std::string text = format_address_range(range);
  require(parse_address_range(text, again) && std::memcmp(range, again, sizeof range) == 0, "another range");
  require(format_address_range(again) == text, "another text");

  // A range holds its own first address; nothing else may depend on more than the address's bytes.
  Address address;
  address.kind = Address::kIp;
  std::memcpy(address.bytes.data(), range, address.bytes.size());
  bool v6_range_at_v4_address = range[16] < 96 && format_address(address).find(':') == std::string::npos;
  require(range_contains(range, address) != v6_range_at_v4_address, "its own address");
  return 0;
}
