// Byte forms of the store's records and keys.
#include "record.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

namespace tokengate {
namespace {

static_assert(std::endian::native == std::endian::little, "byte forms are little-endian");

// Every record: version, kind, two bytes of the kind's own, four of padding, then the check value.
constexpr size_t kCheckOffset = 8;
constexpr size_t kHeadBytes = 16;

// Far above any record but a journal entry. Where LMDB's page is damaged, a record may seem to have 4 GiB,
// and whoever reads it for its check value would be gone for a long time.
constexpr size_t kMostBytes = size_t{64} << 10;

enum class Kind : uint8_t {
  kToken = 'T',
  kTokenName = 'N',
  kAccount = 'A',
  kCatalog = 'C',
  kAcl = 'L',
  kJournal = 'J'
};

template <class T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint64_t mix(uint64_t state, uint64_t word) noexcept {
  return std::rotl((state ^ word) * 0x9E3779B97F4A7C15U, 29);
}

/// What a check value is to know of the key.
uint64_t seed_of(std::string_view key) noexcept {
  uint64_t seed = key.size();
  for (; !key.empty(); key.remove_prefix(std::min(key.size(), sizeof(uint64_t)))) {
    uint64_t word = 0;
    std::memcpy(&word, key.data(), std::min(key.size(), sizeof word));
    seed = mix(seed, word);
  }
  return seed;
}

/// Mixes all bytes but the check value itself. Each step is a bijection of the state, so any change within
/// one 8-byte word always shows; more than that shows but for one chance in 2^64. Two states take turns, as a
/// multiplication takes its time and the processor can do them side by side. Not a defence against somebody
/// who may write the store: that is what its permissions are for.
uint64_t check_value(std::string_view bytes, uint64_t seed) noexcept {
  uint64_t even = mix(bytes.size(), load<uint64_t>(bytes.data()));
  uint64_t odd = ~bytes.size() ^ seed;
  size_t at = kHeadBytes;
  for (; at + 16 <= bytes.size(); at += 16) {
    even = mix(even, load<uint64_t>(bytes.data() + at));
    odd = mix(odd, load<uint64_t>(bytes.data() + at + 8));
  }
  uint64_t rest[2] = {};
  if (at < bytes.size()) std::memcpy(rest, bytes.data() + at, bytes.size() - at);
  return mix(mix(even, rest[0]), mix(odd, rest[1]));
}

/// `own1_bits`: those that may be set in the first byte of the kind's own. Whatever has no meaning must be 0:
/// it may have one in a store that is not ours to read.
bool is_whole(std::string_view bytes, Kind kind, uint8_t own1_bits, uint64_t seed = 0) noexcept {
  return bytes.size() >= kHeadBytes && (kind == Kind::kJournal || bytes.size() <= kMostBytes) &&
         static_cast<uint8_t>(bytes[0]) == kRecordVersion && bytes[1] == static_cast<char>(kind) &&
         (static_cast<uint8_t>(bytes[2]) & ~own1_bits) == 0 && load<uint32_t>(bytes.data() + 4) == 0 &&
         load<uint64_t>(bytes.data() + kCheckOffset) == check_value(bytes, seed);
}

class Writer {
 public:
  Writer(Kind kind, uint8_t own1, uint8_t own2) {
    bytes_.push_back(static_cast<char>(kRecordVersion));
    bytes_.push_back(static_cast<char>(kind));
    bytes_.push_back(static_cast<char>(own1));
    bytes_.push_back(static_cast<char>(own2));
    bytes_.resize(kHeadBytes);
  }
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view part) { bytes_.append(part); }
  void digest(const Digest& digest) {
    bytes_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  std::string finish(uint64_t seed = 0) {
    uint64_t check = check_value(bytes_, seed);
    std::memcpy(bytes_.data() + kCheckOffset, &check, sizeof check);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

/// Reads forward; once something is missing, everything after it is missing too.
class Parser {
 public:
  explicit Parser(std::string_view bytes) noexcept : rest_(bytes.substr(kHeadBytes)) {}
  template <class T>
  T number() noexcept {
    static_assert(std::is_integral_v<T>);
    std::string_view part = text(sizeof(T));
    return part.size() == sizeof(T) ? load<T>(part.data()) : T{};
  }
  std::string_view text(size_t size) noexcept {
    if (size > rest_.size()) {
      whole_ = false;
      return {};
    }
    std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  void digest(Digest* digest) noexcept {
    std::string_view part = text(digest->size());
    if (part.size() == digest->size()) std::memcpy(digest->data(), part.data(), part.size());
  }
  std::string_view rest() const noexcept { return rest_; }
  bool at_end() const noexcept { return whole_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool whole_ = true;
};

enum TokenFlag : uint8_t { kFullAccess = 1, kReadOnly = 2, kAccountActive = 4, kTokensEnabled = 8 };
enum AccountFlag : uint8_t { kActive = 1, kEnabled = 2 };
enum CatalogFlag : uint8_t { kWrapper = 1, kUnlisted = 2, kRead = 4, kSpelling = 8 };

uint8_t flag(bool set, uint8_t bit) {
  return set ? bit : 0;
}

bool is_service(uint8_t value) noexcept {
  return value <= static_cast<uint8_t>(Service::kWhm);
}

}  // namespace

TokenKey token_key(const Digest& digest) noexcept {
  TokenKey key;
  std::memcpy(&key, digest.data(), sizeof key);
  return key;
}

std::string encode(const TokenRecord& record) {
  uint8_t flags = flag(record.full_access, kFullAccess) | flag(record.read_only, kReadOnly) |
                  flag(record.account_active, kAccountActive) | flag(record.tokens_enabled, kTokensEnabled);
  Writer writer(Kind::kToken, flags, static_cast<uint8_t>(record.service));
  writer.number(record.token_id);
  writer.number(record.not_before_unix_s);
  writer.number(record.expires_unix_s);
  writer.number(record.retires_unix_s);
  writer.number(record.account_id);
  writer.number(record.secret_serial);
  writer.digest(record.digest);
  writer.number(static_cast<uint8_t>(record.token_acls.size()));
  writer.number(static_cast<uint8_t>(record.account_acls.size()));
  writer.number(static_cast<uint8_t>(record.user.size()));
  writer.number(static_cast<uint8_t>(record.name.size()));
  writer.number(static_cast<uint8_t>(record.ranges.size() / kAddressRangeBytes));
  writer.text(record.token_acls);
  writer.text(record.account_acls);
  writer.text(record.user);
  writer.text(record.name);
  writer.text(record.ranges);
  return writer.finish();
}

bool decode(std::string_view bytes, TokenRecord* record) noexcept {
  if (!is_whole(bytes, Kind::kToken, kFullAccess | kReadOnly | kAccountActive | kTokensEnabled) ||
      !is_service(static_cast<uint8_t>(bytes[3])))
    return false;
  auto flags = static_cast<uint8_t>(bytes[2]);
  record->full_access = (flags & kFullAccess) != 0;
  record->read_only = (flags & kReadOnly) != 0;
  record->account_active = (flags & kAccountActive) != 0;
  record->tokens_enabled = (flags & kTokensEnabled) != 0;
  record->service = static_cast<Service>(bytes[3]);
  Parser parser(bytes);
  record->token_id = parser.number<uint64_t>();
  record->not_before_unix_s = parser.number<int64_t>();
  record->expires_unix_s = parser.number<int64_t>();
  record->retires_unix_s = parser.number<int64_t>();
  record->account_id = parser.number<uint32_t>();
  record->secret_serial = parser.number<uint32_t>();
  parser.digest(&record->digest);
  auto token_acl_bytes = parser.number<uint8_t>();
  auto account_acl_bytes = parser.number<uint8_t>();
  auto user_bytes = parser.number<uint8_t>();
  auto name_bytes = parser.number<uint8_t>();
  auto range_count = parser.number<uint8_t>();
  record->token_acls = parser.text(token_acl_bytes);
  record->account_acls = parser.text(account_acl_bytes);
  record->user = parser.text(user_bytes);
  record->name = parser.text(name_bytes);
  record->ranges = parser.text(range_count * kAddressRangeBytes);
  return parser.at_end();
}

std::string encode(const TokenNameRecord& record) {
  Writer writer(Kind::kTokenName, record.has_former ? 1 : 0, 0);
  writer.number(record.token_id);
  writer.number(record.key);
  writer.number(record.former_key);
  writer.number(record.created_unix_s);
  writer.number(record.parent_token_id);
  writer.number(static_cast<uint16_t>(record.note.size()));
  writer.text(record.note);
  return writer.finish();
}

bool decode(std::string_view bytes, TokenNameRecord* record) noexcept {
  if (!is_whole(bytes, Kind::kTokenName, 1) || bytes[3] != 0) return false;
  record->has_former = bytes[2] != 0;
  Parser parser(bytes);
  record->token_id = parser.number<uint64_t>();
  record->key = parser.number<uint64_t>();
  record->former_key = parser.number<uint64_t>();
  record->created_unix_s = parser.number<int64_t>();
  record->parent_token_id = parser.number<uint64_t>();
  record->note = parser.text(parser.number<uint16_t>());
  return parser.at_end();
}

std::string encode(const AccountRecord& record) {
  Writer writer(Kind::kAccount, flag(record.active, kActive) | flag(record.tokens_enabled, kEnabled), 0);
  writer.number(record.owner_id);
  writer.number(record.created_unix_s);
  for (std::string_view acls : record.acls) {
    writer.number(static_cast<uint8_t>(acls.size()));
    writer.text(acls);
  }
  writer.number(static_cast<uint8_t>(record.username.size()));
  writer.text(record.username);
  return writer.finish();
}

bool decode(std::string_view bytes, AccountRecord* record) noexcept {
  if (!is_whole(bytes, Kind::kAccount, kActive | kEnabled) || bytes[3] != 0) return false;
  record->active = (bytes[2] & kActive) != 0;
  record->tokens_enabled = (bytes[2] & kEnabled) != 0;
  Parser parser(bytes);
  record->owner_id = parser.number<uint32_t>();
  record->created_unix_s = parser.number<int64_t>();
  for (std::string_view& acls : record->acls) acls = parser.text(parser.number<uint8_t>());
  record->username = parser.text(parser.number<uint8_t>());
  return parser.at_end();
}

std::string encode(std::string_view key, const CatalogRecord& record) {
  Writer writer(Kind::kCatalog,
                flag(record.wrapper, kWrapper) | flag(record.unlisted, kUnlisted) | flag(record.read, kRead) |
                    flag(!record.spelling.empty(), kSpelling),
                0);
  if (!record.spelling.empty()) {
    writer.number(static_cast<uint16_t>(record.spelling.size()));
    writer.text(record.spelling);
  }
  writer.text(record.acls);
  return writer.finish(seed_of(key));
}

bool decode(std::string_view key, std::string_view bytes, CatalogRecord* record) noexcept {
  constexpr uint8_t kFlags = kWrapper | kUnlisted | kRead | kSpelling;
  if (!is_whole(bytes, Kind::kCatalog, kFlags, seed_of(key)) || bytes[3] != 0) return false;
  record->wrapper = (bytes[2] & kWrapper) != 0;
  record->unlisted = (bytes[2] & kUnlisted) != 0;
  record->read = (bytes[2] & kRead) != 0;
  Parser parser(bytes);
  bool is_spelt = (bytes[2] & kSpelling) != 0;
  record->spelling = is_spelt ? parser.text(parser.number<uint16_t>()) : std::string_view();
  if (is_spelt && record->spelling.empty()) return false;
  record->acls = parser.rest();
  std::string_view entries = record->acls;
  CatalogAcl acl;
  while (next_catalog_acl(&entries, &acl)) {
  }
  // A record that asks for nothing, and is neither a wrapper nor unlisted, would be open to every token.
  return entries.empty() && (record->wrapper || record->unlisted || !record->acls.empty());
}

bool next_catalog_acl(std::string_view* entries, CatalogAcl* acl) noexcept {
  if (entries->size() < 2) return false;
  size_t name_bytes = static_cast<uint8_t>((*entries)[1]);
  if (name_bytes == 0 || entries->size() < 2 + name_bytes) return false;
  acl->number = static_cast<uint8_t>((*entries)[0]);
  acl->name = entries->substr(2, name_bytes);
  entries->remove_prefix(2 + name_bytes);
  return true;
}

void append_catalog_acl(std::string* entries, const CatalogAcl& acl) {
  entries->push_back(static_cast<char>(acl.number));
  entries->push_back(static_cast<char>(acl.name.size()));
  entries->append(acl.name);
}

std::string encode(std::string_view key, const AclRecord& record) {
  return Writer(Kind::kAcl, record.number, 0).finish(seed_of(key));
}

bool decode(std::string_view key, std::string_view bytes, AclRecord* record) noexcept {
  if (!is_whole(bytes, Kind::kAcl, 0xFF, seed_of(key)) || bytes[3] != 0 || bytes.size() != kHeadBytes) {
    return false;
  }
  record->number = static_cast<uint8_t>(bytes[2]);
  return true;
}

std::string encode(const JournalRecord& record) {
  Writer writer(Kind::kJournal, 0, 0);
  writer.number(record.time_unix_s);
  writer.digest(record.hash);
  for (std::string_view part : {record.actor, record.action, record.object, record.detail}) {
    writer.number(static_cast<uint32_t>(part.size()));
    writer.text(part);
  }
  return writer.finish();
}

bool decode(std::string_view bytes, JournalRecord* record) noexcept {
  if (!is_whole(bytes, Kind::kJournal, 0) || bytes[3] != 0) return false;
  Parser parser(bytes);
  record->time_unix_s = parser.number<int64_t>();
  parser.digest(&record->hash);
  for (std::string_view* part : {&record->actor, &record->action, &record->object, &record->detail}) {
    *part = parser.text(parser.number<uint32_t>());
  }
  return parser.at_end();
}

// Account ids are big-endian in keys, so that an account's tokens lie together and in order of id.
std::string token_name_prefix(uint32_t account_id) {
  std::string key;
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(account_id >> shift));
  return key;
}

std::string token_name_prefix(uint32_t account_id, Service service) {
  return token_name_prefix(account_id) + static_cast<char>(service);
}

std::string token_name_key(uint32_t account_id, Service service, std::string_view name) {
  return token_name_prefix(account_id, service).append(name);
}

bool parse_token_name_key(std::string_view key, uint32_t* account_id, Service* service,
                          std::string_view* name) noexcept {
  if (key.size() < 6 || !is_service(static_cast<uint8_t>(key[4]))) return false;
  *account_id = 0;
  for (size_t i = 0; i < 4; ++i) *account_id = *account_id << 8 | static_cast<uint8_t>(key[i]);
  *service = static_cast<Service>(key[4]);
  *name = key.substr(5);
  return true;
}

}  // namespace tokengate
