// Addresses and ranges: what is accepted, its one canonical text, the stored bytes, and membership.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <iterator>

#include "address.h"
#include "support.h"
#include "tokengate/admin.h"

using namespace std::string_view_literals;
using tokengate::Address;

namespace {

struct Accepted {
  std::string_view text, canonical;
};

constexpr Accepted kAccepted[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"192.0.2.1/32", "192.0.2.1"},
    {"192.0.2.0/24", "192.0.2.0/24"},
    {"192.0.2.128/25", "192.0.2.128/25"},
    {"10.0.0.0/8", "10.0.0.0/8"},
    {"128.0.0.0/1", "128.0.0.0/1"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0::1", "2001:db8::1"},
    {"2001:0db8:0000:0000:0000:0000:0000:0001/128", "2001:db8::1"},
    {"2001:db8::/32", "2001:db8::/32"},
    {"2001:db8:8000::/33", "2001:db8:8000::/33"},
    {"8000::/1", "8000::/1"},
    {"::/0", "::/0"},
    {"::", "::"},
    {"::1", "::1"},
    {"fe80::/10", "fe80::/10"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::FFFF:c000:0201", "192.0.2.1"},
    {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
    {"::ffff:0:0/96", "0.0.0.0/0"},
    {"::ffff:0.0.0.0/97", "0.0.0.0/1"},
    {"::192.0.2.1", "::192.0.2.1"},  // the deprecated compatible form stays IPv6
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

constexpr std::string_view kRefused[] = {
    ""sv,
    " "sv,
    "/"sv,
    "/24"sv,
    "192.0.2.1/"sv,
    "192.0.2.0/024"sv,
    "192.0.2.0/00"sv,
    "192.0.2.0/+24"sv,
    "192.0.2.0/-1"sv,
    "192.0.2.0/ 24"sv,
    "192.0.2.0/24 "sv,
    " 192.0.2.0/24"sv,
    "192.0.2.0/33"sv,
    "192.0.2.0/4294967320"sv,
    "192.0.2.0/24/24"sv,
    "192.0.2.0/255.255.255.0"sv,
    "192.0.2.0/2a"sv,
    "192.0.2.1/24"sv,  // bits beyond the prefix
    "192.0.2.128/24"sv,
    "192.0.2.1/31"sv,
    "128.0.0.0/0"sv,
    "0.0.0.1/0"sv,
    "192.0.2"sv,
    "192.0.2.1.1"sv,
    "192.0.2.256"sv,
    "192.0.2.01"sv,  // octal to some readers
    "0xc0.0.2.1"sv,
    "3221225985"sv,
    "192.0.2.1:80"sv,
    "192.0.2.*"sv,
    "192.0.2.1-192.0.2.9"sv,
    "192.0.2.1,192.0.2.2"sv,
    "2001:db8::1/129"sv,
    "2001:db8::1/32"sv,
    "2001:db8:8000::/32"sv,
    "2001:db8::1::2"sv,
    "2001:db8"sv,
    "2001:db8:::1"sv,
    "12345::"sv,
    "[2001:db8::1]"sv,
    "fe80::1%eth0"sv,
    "fe80::1%1"sv,
    "::ffff:0:0/95"sv,  // the mapped prefix itself lies beyond /95
    "::ffff:192.0.2.1/24"sv,
    "::1/0"sv,
    "localhost"sv,
    "any"sv,
    "192.0.2.1\0"sv,
    "192.0.2.1\0/24"sv,
    "192.0.2.0/24\0"sv,
    "192.0.2.1\n"sv,
    "\xd9\xa1.0.0.1"sv,  // an Arabic digit
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/0"sv,
    "::/0000000000000000000000000000000000000000000000000000000000000"sv,
};

Address ip(std::string_view text) {
  uint8_t range[tokengate::kAddressRangeBytes];
  ck_assert_msg(tokengate::parse_address_range(text, range) && range[16] == 128, "%s", text.data());
  Address address;
  address.kind = Address::kIp;
  std::memcpy(address.bytes.data(), range, 16);
  return address;
}

START_TEST(accepts_ranges_and_gives_their_canonical_text) {
  for (const Accepted& row : kAccepted) {
    ck_assert_view_eq(tokengate::canonical_address_range(row.text), row.canonical);
    ck_assert_view_eq(tokengate::canonical_address_range(row.canonical), row.canonical);
  }
}
END_TEST

START_TEST(refuses_everything_else_and_leaves_the_range_alone) {
  for (std::string_view text : kRefused) {
    uint8_t range[tokengate::kAddressRangeBytes], untouched[tokengate::kAddressRangeBytes];
    std::memset(range, 0x5a, sizeof range);
    std::memset(untouched, 0x5a, sizeof untouched);
    ck_assert_msg(!tokengate::parse_address_range(text, range), "accepted \"%.*s\"",
                  static_cast<int>(text.size()), text.data());
    ck_assert_mem_eq(range, untouched, sizeof range);
    ck_assert(tokengate::canonical_address_range(text).empty());
  }
}
END_TEST

START_TEST(stores_ipv4_in_its_mapped_form) {
  const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 0, 120};
  uint8_t range[tokengate::kAddressRangeBytes];
  ck_assert(tokengate::parse_address_range("192.0.2.0/24", range));
  ck_assert_mem_eq(range, expected, sizeof range);
}
END_TEST

struct Membership {
  std::string_view range, address;
  bool inside;
};

constexpr Membership kMembership[] = {
    {"192.0.2.0/24", "192.0.2.0", true},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.1.255", false},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/24", "::ffff:192.0.2.7", true},
    {"192.0.2.0/24", "::192.0.2.7", false},
    {"192.0.2.0/24", "2001:db8::192.0.2.7", false},
    {"192.0.2.64/26", "192.0.2.63", false},
    {"192.0.2.64/26", "192.0.2.64", true},
    {"192.0.2.64/26", "192.0.2.127", true},
    {"192.0.2.64/26", "192.0.2.128", false},
    {"192.0.2.6/31", "192.0.2.7", true},
    {"192.0.2.6/31", "192.0.2.8", false},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"128.0.0.0/1", "127.255.255.255", false},
    {"128.0.0.0/1", "255.0.0.1", true},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "::1", true},
    {"::/0", "203.0.113.9", false},
    {"::/80", "0.0.0.0", false},
    {"::/80", "::1:0:0", true},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8:8000::/33", "2001:db8:7fff::", false},
    {"2001:db8:8000::/33", "2001:db8:ffff::", true},
    {"2001:db8::2/127", "2001:db8::3", true},
    {"2001:db8::2/127", "2001:db8::4", false},
    {"2001:db8::1", "2001:db8::1", true},
    {"2001:db8::1", "2001:db8::2", false},
};

START_TEST(decides_membership_on_both_sides_of_each_bound) {
  for (const Membership& row : kMembership) {
    uint8_t range[tokengate::kAddressRangeBytes];
    ck_assert(tokengate::parse_address_range(row.range, range));
    ck_assert_msg(tokengate::range_contains(range, ip(row.address)) == row.inside, "%s in %s",
                  row.address.data(), row.range.data());
  }
}
END_TEST

START_TEST(every_prefix_length_holds_its_first_bits_and_no_more) {
  Address address = ip("a5a5:a5a5:a5a5:a5a5:a5a5:a5a5:a5a5:a5a5");
  for (unsigned prefix = 0; prefix <= 128; ++prefix) {
    uint8_t range[tokengate::kAddressRangeBytes] = {};
    for (unsigned bit = 0; bit < prefix; ++bit) {
      range[bit / 8] |= static_cast<uint8_t>(address.bytes[bit / 8] & (0x80U >> (bit % 8)));
    }
    range[16] = static_cast<uint8_t>(prefix);
    ck_assert(tokengate::range_contains(range, address));
    for (unsigned bit = 0; bit < 128; ++bit) {
      Address other = address;
      other.bytes[bit / 8] ^= static_cast<uint8_t>(0x80U >> (bit % 8));
      ck_assert_msg(tokengate::range_contains(range, other) == (bit >= prefix), "bit %u of /%u", bit, prefix);
    }
  }
}
END_TEST

START_TEST(only_ip_addresses_are_in_a_range) {
  uint8_t all_v4[tokengate::kAddressRangeBytes], all_v6[tokengate::kAddressRangeBytes];
  ck_assert(tokengate::parse_address_range("0.0.0.0/0", all_v4));
  ck_assert(tokengate::parse_address_range("::/0", all_v6));
  for (Address::Kind kind : {Address::kUnknown, Address::kLocalSocket}) {
    for (std::string_view text : {"192.0.2.1"sv, "2001:db8::1"sv}) {
      Address address = ip(text);
      address.kind = kind;
      ck_assert(!tokengate::range_contains(all_v4, address));
      ck_assert(!tokengate::range_contains(all_v6, address));
    }
  }
}
END_TEST

START_TEST(a_damaged_range_holds_nothing_and_has_no_text) {
  uint8_t range[tokengate::kAddressRangeBytes] = {};
  for (unsigned prefix = 129; prefix <= 255; ++prefix) {
    range[16] = static_cast<uint8_t>(prefix);
    ck_assert(!tokengate::range_contains(range, ip("::")));
    ck_assert(tokengate::format_address_range(range).empty());
  }
  ck_assert(tokengate::parse_address_range("192.0.2.1", range));
  range[16] = 95;
  ck_assert(tokengate::format_address_range(range).empty());
}
END_TEST

Address from_ip_text(int family, const char* text) {
  sockaddr_storage storage = {};
  storage.ss_family = static_cast<sa_family_t>(family);
  void* field = family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&storage)->sin_addr)
                                  : &reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr;
  ck_assert_int_eq(inet_pton(family, text, field), 1);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
}

START_TEST(reads_socket_addresses) {
  Address v4 = from_ip_text(AF_INET, "192.0.2.7");
  Address mapped = from_ip_text(AF_INET6, "::ffff:192.0.2.7");
  ck_assert(v4.kind == Address::kIp && mapped.kind == Address::kIp);
  ck_assert(v4.bytes == mapped.bytes);
  ck_assert_view_eq(tokengate::format_address(v4), "192.0.2.7");
  ck_assert_view_eq(tokengate::format_address(mapped), "192.0.2.7");
  ck_assert_view_eq(tokengate::format_address(from_ip_text(AF_INET6, "2001:db8::7")), "2001:db8::7");

  sockaddr_un local = {};
  local.sun_family = AF_UNIX;
  Address socket = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&local));
  ck_assert(socket.kind == Address::kLocalSocket);
  ck_assert_view_eq(tokengate::format_address(socket), "unix:");

  local.sun_family = AF_UNSPEC;
  ck_assert(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&local)).kind == Address::kUnknown);
  ck_assert(Address::from_sockaddr(nullptr).kind == Address::kUnknown);
  ck_assert_view_eq(tokengate::format_address(Address()), "unknown");
}
END_TEST

START_TEST(local_is_loopback_or_a_unix_socket) {
  for (const char* text : {"127.0.0.1", "127.0.0.0", "127.255.255.255"}) {
    ck_assert_msg(from_ip_text(AF_INET, text).is_local(), "%s", text);
  }
  for (const char* text : {"::1", "::ffff:127.0.0.1"}) {
    ck_assert_msg(from_ip_text(AF_INET6, text).is_local(), "%s", text);
  }
  for (const char* text : {"126.255.255.255", "128.0.0.0", "0.0.0.0", "192.168.0.1", "10.0.0.1"}) {
    ck_assert_msg(!from_ip_text(AF_INET, text).is_local(), "%s", text);
  }
  for (const char* text : {"::", "::2", "::127.0.0.1", "1::1", "fe80::1", "::ffff:0:7f00:1"}) {
    ck_assert_msg(!from_ip_text(AF_INET6, text).is_local(), "%s", text);
  }
  Address address = ip("::1");
  address.kind = Address::kUnknown;
  ck_assert(!address.is_local());
  ck_assert(!Address().is_local());
  address.kind = Address::kLocalSocket;
  ck_assert(address.is_local());
}
END_TEST

}  // namespace

Suite* suite() {
  Suite* suite = suite_create("address");
  TCase* tests = tcase_create("address");
  tcase_add_test(tests, accepts_ranges_and_gives_their_canonical_text);
  tcase_add_test(tests, refuses_everything_else_and_leaves_the_range_alone);
  tcase_add_test(tests, stores_ipv4_in_its_mapped_form);
  tcase_add_test(tests, decides_membership_on_both_sides_of_each_bound);
  tcase_add_test(tests, every_prefix_length_holds_its_first_bits_and_no_more);
  tcase_add_test(tests, only_ip_addresses_are_in_a_range);
  tcase_add_test(tests, a_damaged_range_holds_nothing_and_has_no_text);
  tcase_add_test(tests, reads_socket_addresses);
  tcase_add_test(tests, local_is_loopback_or_a_unix_socket);
  suite_add_tcase(suite, tests);
  return suite;
}
