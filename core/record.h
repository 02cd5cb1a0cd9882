/// What the store holds, and its byte form: a version byte, fixed-width little-endian fields, then the
/// variable parts. Every record carries a check value over its bytes; one that does not hold, has another
/// version, or whose lengths do not add up, is not decoded: it is damage, and damage never grants.
///
/// Pure. Decoding allocates nothing: a view points into the bytes it was decoded from.
#ifndef TOKENGATE_RECORD_H_
#define TOKENGATE_RECORD_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "acl_set.h"
#include "address.h"
#include "hash.h"
#include "tokengate/admin.h"

namespace tokengate {

inline constexpr uint8_t kRecordVersion = 1;

/// Key of a token: the first 8 bytes of its digest as an integer. The record holds the whole digest, which
/// alone decides; the short key keeps the tree's branch pages dense.
using TokenKey = uint64_t;
TokenKey token_key(const Digest& digest) noexcept;

/// Table tokens: TokenKey -> all that checks 4 to 10 need, of the token and of its account. Whatever changes
/// an account rewrites its tokens in the same transaction.
struct TokenRecord {
  uint64_t token_id = 0;
  uint32_t account_id = 0;
  uint32_t secret_serial = 1;  ///< which of the token's secrets: 1 is the first, each rotation adds one
  Service service = Service::kCpanel;
  bool full_access = false;
  bool read_only = false;
  bool account_active = true;
  bool tokens_enabled = true;
  int64_t not_before_unix_s = 0;
  int64_t expires_unix_s = kNeverExpires;
  int64_t retires_unix_s = kNeverExpires;  ///< end of this secret alone, after a rotation
  Digest digest{};
  std::string_view token_acls;    ///< AclSet bytes
  std::string_view account_acls;  ///< AclSet bytes of the token's service
  std::string_view user;
  std::string_view name;
  std::string_view ranges;  ///< kAddressRangeBytes each
};

/// Table token_names: (account, service, name) -> where the token is, and what no decision needs.
struct TokenNameRecord {
  uint64_t token_id = 0;
  TokenKey key = 0;         ///< of the present secret
  bool has_former = false;  ///< a former secret is still in table tokens
  TokenKey former_key = 0;
  int64_t created_unix_s = 0;
  uint64_t parent_token_id = 0;  ///< the token that made this one; 0: none
  std::string_view note;
};

/// Table accounts: id -> account.
struct AccountRecord {
  bool active = true;
  bool tokens_enabled = true;
  uint32_t owner_id = 0;  ///< 0: none
  int64_t created_unix_s = 0;
  std::string_view acls[2];  ///< AclSet bytes; index is the Service
  std::string_view username;
};

/// Table catalog: what a function needs. In byte form each ACL stands with its name, for messages.
struct CatalogRecord {
  bool wrapper = false;   ///< no ACL of its own: the inner calls decide
  bool unlisted = false;  ///< known, but not what it needs: full access only
  bool read = false;
  std::string_view acls;      ///< entries of: number, length of name, name
  std::string_view spelling;  ///< of a path pattern, if it is not spelt as in the key
};

/// One entry of CatalogRecord::acls, taken off its front. False at the end or when the bytes are not whole.
struct CatalogAcl {
  uint8_t number = 0;
  std::string_view name;
};
bool next_catalog_acl(std::string_view* entries, CatalogAcl* acl) noexcept;
void append_catalog_acl(std::string* entries, const CatalogAcl& acl);

/// Table acls: service and name -> number.
struct AclRecord {
  uint8_t number = 0;
};

/// Table journal: seq -> entry.
struct JournalRecord {
  int64_t time_unix_s = 0;
  std::string_view actor, action, object, detail;
  Digest hash{};
};

std::string encode(const TokenRecord& record);
std::string encode(const TokenNameRecord& record);
std::string encode(const AccountRecord& record);
std::string encode(const JournalRecord& record);

/// False, with `*record` unspecified, if `bytes` is not a whole, undamaged record of this version.
bool decode(std::string_view bytes, TokenRecord* record) noexcept;
bool decode(std::string_view bytes, TokenNameRecord* record) noexcept;
bool decode(std::string_view bytes, AccountRecord* record) noexcept;
bool decode(std::string_view bytes, JournalRecord* record) noexcept;

/// The same for what says nothing of its key: a record that stands under another key is damaged, too.
std::string encode(std::string_view key, const CatalogRecord& record);
std::string encode(std::string_view key, const AclRecord& record);
bool decode(std::string_view key, std::string_view bytes, CatalogRecord* record) noexcept;
bool decode(std::string_view key, std::string_view bytes, AclRecord* record) noexcept;

/// Keys that are not plain integers or names.
std::string token_name_key(uint32_t account_id, Service service, std::string_view name);
std::string token_name_prefix(uint32_t account_id);
std::string token_name_prefix(uint32_t account_id, Service service);
/// The parts of a token_names key; false if it is not one. `*name` views into `key`.
bool parse_token_name_key(std::string_view key, uint32_t* account_id, Service* service,
                          std::string_view* name) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_RECORD_H_
