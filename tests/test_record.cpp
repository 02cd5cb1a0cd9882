// Byte forms: what goes in comes out, and nothing damaged does.
#include "record.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "support.h"

using namespace tokengate;

namespace {

const std::string kRanges(2 * kAddressRangeBytes, '\7');

TokenRecord sample_token() {
  TokenRecord record;
  record.token_id = 0x1122334455667788;
  record.account_id = 77;
  record.secret_serial = 0x99AABBCC;
  record.service = Service::kWhm;
  record.read_only = true;
  record.tokens_enabled = false;
  record.not_before_unix_s = 5;
  record.expires_unix_s = 1'900'000'000;
  record.retires_unix_s = 1'800'000'000;
  for (size_t i = 0; i < record.digest.size(); ++i) record.digest[i] = static_cast<uint8_t>(i * 7);
  record.token_acls = "\x05\x01";
  record.account_acls = "\xFF";
  record.user = "shop";
  record.name = "ci";
  record.ranges = kRanges;
  return record;
}

template <class Record>
bool decode_at(std::string_view key, std::string_view bytes, Record* record) {
  if constexpr (std::is_same_v<Record, CatalogRecord> || std::is_same_v<Record, AclRecord>) {
    return decode(key, bytes, record);
  } else {
    return decode(bytes, record);
  }
}

/// Bytes that end where nothing can be read any more.
class AtTheEdge {
 public:
  explicit AtTheEdge(const std::string& bytes) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    ck_assert_uint_le(bytes.size(), page);
    map_ = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ck_assert_ptr_ne(map_, MAP_FAILED);
    ck_assert_int_eq(mprotect(map_ + page, page, PROT_NONE), 0);
    begin_ = map_ + page - bytes.size();
    std::memcpy(begin_, bytes.data(), bytes.size());
  }
  /// As if there were so many.
  std::string_view claiming(size_t size) const { return {begin_, size}; }

 private:
  char* map_;
  char* begin_;
};

/// Whatever byte of `bytes` is changed, cut off or added, the record no longer decodes.
template <class Record>
void require_damage_is_seen(const std::string& bytes, const std::string& key = {}) {
  Record record;
  ck_assert(decode_at(key, bytes, &record));
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ck_assert_msg(!decode_at(key, damaged, &record), "bit %zu", bit);
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    ck_assert(!decode_at(key, bytes.substr(0, size), &record));
  ck_assert(!decode_at(key, bytes + '\0', &record));
}

}  // namespace

START_TEST(token_records_round_trip) {
  TokenRecord in = sample_token();
  std::string bytes = encode(in);
  TokenRecord out;
  ck_assert(decode(bytes, &out));
  ck_assert_uint_eq(out.token_id, in.token_id);
  ck_assert_uint_eq(out.account_id, in.account_id);
  ck_assert_uint_eq(out.secret_serial, in.secret_serial);
  ck_assert(out.service == in.service && out.full_access == in.full_access && out.read_only == in.read_only);
  ck_assert(out.account_active == in.account_active && out.tokens_enabled == in.tokens_enabled);
  ck_assert_int_eq(out.not_before_unix_s, in.not_before_unix_s);
  ck_assert_int_eq(out.expires_unix_s, in.expires_unix_s);
  ck_assert_int_eq(out.retires_unix_s, in.retires_unix_s);
  ck_assert(out.digest == in.digest);
  ck_assert_view_eq(out.token_acls, in.token_acls);
  ck_assert_view_eq(out.account_acls, in.account_acls);
  ck_assert_view_eq(out.user, in.user);
  ck_assert_view_eq(out.name, in.name);
  ck_assert_view_eq(out.ranges, in.ranges);
}
END_TEST

START_TEST(each_token_flag_has_its_own_bit) {
  bool TokenRecord::*const flags[] = {&TokenRecord::full_access, &TokenRecord::read_only,
                                      &TokenRecord::account_active, &TokenRecord::tokens_enabled};
  for (auto flag : flags) {
    TokenRecord in = sample_token();
    in.full_access = in.read_only = in.account_active = in.tokens_enabled = false;
    in.*flag = true;
    std::string bytes = encode(in);
    TokenRecord out;
    ck_assert(decode(bytes, &out));
    for (auto other : flags) ck_assert(out.*other == (other == flag));
  }
}
END_TEST

START_TEST(the_longest_token_record_fits) {
  TokenRecord in = sample_token();
  std::string acls(AclSet::kMaxBytes, '\xFF');
  std::string user(kMaxUserBytes, 'u');
  std::string name(kMaxTokenNameBytes, 'n');
  std::string ranges(100 * kAddressRangeBytes, '\1');
  in.token_acls = in.account_acls = acls;
  in.user = user;
  in.name = name;
  in.ranges = ranges;
  std::string bytes = encode(in);
  TokenRecord out;
  ck_assert(decode(bytes, &out));
  ck_assert(out.user == user && out.name == name && out.ranges == ranges && out.token_acls == acls);
}
END_TEST

START_TEST(damage_anywhere_in_a_record_is_seen) {
  require_damage_is_seen<TokenRecord>(encode(sample_token()));
  TokenNameRecord name;
  name.token_id = 9;
  name.note = "for the build machine";
  require_damage_is_seen<TokenNameRecord>(encode(name));
  AccountRecord account;
  account.username = "shop";
  account.acls[0] = "\x03";
  require_damage_is_seen<AccountRecord>(encode(account));
  std::string acls;
  append_catalog_acl(&acls, {3, "email"});
  append_catalog_acl(&acls, {9, "files"});
  CatalogRecord row;
  row.acls = acls;
  require_damage_is_seen<CatalogRecord>(encode("uEmail", row), "uEmail");
  require_damage_is_seen<AclRecord>(encode("email", AclRecord{3}), "email");
  JournalRecord entry;
  entry.actor = "cli:root";
  entry.action = "token.create";
  require_damage_is_seen<JournalRecord>(encode(entry));
}
END_TEST

START_TEST(a_size_that_no_record_has_is_refused_unread) {
  auto require_refused = [](const std::string& bytes, auto record, std::string_view key = {}) {
    AtTheEdge edge(bytes);
    ck_assert(decode_at(key, edge.claiming(bytes.size()), &record));
    for (size_t size : {size_t{64} * 1024 + 1, size_t{UINT32_MAX}})
      ck_assert(!decode_at(key, edge.claiming(size), &record));
  };
  require_refused(encode(sample_token()), TokenRecord());
  require_refused(encode(TokenNameRecord()), TokenNameRecord());
  require_refused(encode(AccountRecord()), AccountRecord());
  CatalogRecord row;
  row.wrapper = true;
  require_refused(encode("key", row), CatalogRecord(), "key");
  require_refused(encode("key", AclRecord()), AclRecord(), "key");
}
END_TEST

START_TEST(what_says_nothing_of_its_key_is_bound_to_it) {
  const std::string key("uEmail\0add_pop", 14);
  CatalogRecord row;
  row.unlisted = true;
  AclRecord acl{7};
  std::string row_bytes = encode(key, row);
  std::string acl_bytes = encode(key, acl);
  for (size_t bit = 0; bit < key.size() * 8; ++bit) {
    std::string other = key;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    ck_assert_msg(!decode(other, row_bytes, &row) && !decode(other, acl_bytes, &acl), "bit %zu", bit);
  }
  ck_assert(!decode(key + '\0', row_bytes, &row) && !decode(key.substr(1), row_bytes, &row));
  ck_assert(decode(key, row_bytes, &row) && decode(key, acl_bytes, &acl) && acl.number == 7);
}
END_TEST

START_TEST(one_kind_of_record_is_not_another) {
  AccountRecord account;
  account.username = "shop";
  std::string bytes = encode(account);
  TokenRecord token;
  CatalogRecord row;
  ck_assert(!decode(bytes, &token) && !decode({}, bytes, &row));
}
END_TEST

START_TEST(a_catalog_record_that_asks_for_nothing_is_damage) {
  CatalogRecord row;
  CatalogRecord out;
  ck_assert(!decode("k", encode("k", row), &out));
  row.wrapper = true;
  ck_assert(decode("k", encode("k", row), &out));
  row.wrapper = false;
  row.unlisted = true;
  ck_assert(decode("k", encode("k", row), &out));
}
END_TEST

START_TEST(acl_sets_keep_every_number) {
  for (unsigned acl = 0; acl < 256; ++acl) {
    AclSet set;
    set.add(static_cast<uint8_t>(acl));
    std::string bytes = set.to_bytes();
    ck_assert_uint_eq(bytes.size(), acl / 8 + 1);
    ck_assert(AclSet::from_bytes(bytes) == set);
    for (unsigned other = 0; other < 256; ++other) {
      ck_assert(acl_bytes_have(bytes, static_cast<uint8_t>(other)) == (other == acl));
      ck_assert(set.has(static_cast<uint8_t>(other)) == (other == acl));
    }
    set.remove(static_cast<uint8_t>(acl));
    ck_assert(set.empty() && set.to_bytes().empty());
  }
}
END_TEST

START_TEST(token_name_keys_round_trip_and_sort_by_account) {
  uint32_t id = 0;
  Service service{};
  std::string_view name;
  std::string key = token_name_key(0x01020304, Service::kWhm, "ci");
  ck_assert(parse_token_name_key(key, &id, &service, &name));
  ck_assert_uint_eq(id, 0x01020304);
  ck_assert(service == Service::kWhm);
  ck_assert_view_eq(name, "ci");
  ck_assert(key.starts_with(token_name_prefix(0x01020304)));
  ck_assert(key.starts_with(token_name_prefix(0x01020304, Service::kWhm)));
  ck_assert(!key.starts_with(token_name_prefix(0x01020304, Service::kCpanel)));
  ck_assert(token_name_prefix(255) < token_name_prefix(256));
  ck_assert(!parse_token_name_key(std::string_view("\0\0\0\1\0", 5), &id, &service, &name));
  ck_assert(!parse_token_name_key(std::string_view("\0\0\0\1\2x", 6), &id, &service, &name));
}
END_TEST

Suite* suite() {
  Suite* suite = suite_create("record");
  TCase* tcase = tcase_create("record");
  tcase_add_test(tcase, token_records_round_trip);
  tcase_add_test(tcase, each_token_flag_has_its_own_bit);
  tcase_add_test(tcase, the_longest_token_record_fits);
  tcase_add_test(tcase, damage_anywhere_in_a_record_is_seen);
  tcase_add_test(tcase, a_size_that_no_record_has_is_refused_unread);
  tcase_add_test(tcase, what_says_nothing_of_its_key_is_bound_to_it);
  tcase_add_test(tcase, one_kind_of_record_is_not_another);
  tcase_add_test(tcase, a_catalog_record_that_asks_for_nothing_is_damage);
  tcase_add_test(tcase, acl_sets_keep_every_number);
  tcase_add_test(tcase, token_name_keys_round_trip_and_sort_by_account);
  suite_add_tcase(suite, tcase);
  return suite;
}
