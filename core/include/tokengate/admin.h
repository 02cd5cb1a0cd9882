/// The write path and every look at the store that is not a decision: what the tools include.
///
/// A store is a folder with an LMDB environment. Every change is one transaction that also appends to the
/// journal, unless it would leave a token or an account as it was: then nothing is written. When a function
/// returns kOk the change is durable and counts from the next request on, in every process. When it returns
/// anything else nothing was changed.
///
/// Functions here may allocate, wait for another writer and flush to disk; not for a request. An Admin is
/// not thread-safe; several processes may each have one. Nothing here throws.
#ifndef TOKENGATE_ADMIN_H_
#define TOKENGATE_ADMIN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokengate/result.h"
#include "tokengate/verify.h"

namespace tokengate {

/// What became of an operation. The values are the command line's exit codes.
enum class Code : int {
  kOk = 0,
  kRefused = 1,  ///< well formed, but not possible now: no such account, name taken, ACL not possessed, …
  kInvalid = 2,  ///< an argument is not of the required form
  kStore = 3,    ///< the store is missing, unreadable, full, damaged, or of another format
};

/// A Code and, unless it is kOk, one sentence for a person that names cause and cure.
struct Status {
  Code code = Code::kOk;
  std::string message;
  bool outdated = false;  ///< kRefused only because of Change::seen: look again, and decide anew
  bool ok() const { return code == Code::kOk; }
};

/// A Status and, if it is kOk, a value.
template <class T>
struct Result {
  Status status;
  T value{};
  bool ok() const { return status.ok(); }
};

/// A token with which a change is asked for.
struct ActingToken {
  std::string account;  ///< username
  Service service = Service::kCpanel;
  std::string name;
  uint64_t id = 0;             ///< Caller::token_id of the decision that let it in; 0: the name alone counts
  uint32_t secret_serial = 0;  ///< likewise, Caller::secret_serial; 0: any secret
};

/// Who makes a change and when: goes into the journal, and is the "now" of every rule about time.
struct Change {
  std::string actor;  ///< such as "cli:root"; at most 128 bytes of printable ASCII
  int64_t now_unix_s = 0;
  /// Bounds the change by what this token is when the change is made. It must still be the one that was let
  /// in, with a secret that is still accepted. It must be valid, not read-only, and may use the ACL
  /// `manage-api-tokens`. It can make, change and end single tokens of its own account and service, and
  /// nothing else; a token that it makes or changes must have nothing, before and after, that it has not
  /// itself: no other ACL, no full access unless it has that, no later end, no address outside one of its
  /// ranges. It gives a new secret only to itself and to its descendants: with the secret of another token it
  /// would outlive its own revocation. It gives a new name, or more than a token had before, only to its
  /// descendants. It can end any token; if that is itself, or no descendant, all descendants of that token
  /// end too. kRefused otherwise.
  std::optional<ActingToken> acting = {};
  std::string remark = {};  ///< ends the journal's detail; printable ASCII
  /// What Admin::last_change() gave before the caller read what this change is based on. If anything has been
  /// changed since, the change is refused, and Status::outdated set.
  std::optional<uint64_t> seen = {};
};

/// The end of a token without an end date.
inline constexpr int64_t kNeverExpires = INT64_MAX;

/// The name of a token: 1 to kMaxTokenNameBytes of `[A-Za-z0-9_-]`.
bool is_token_name(std::string_view text) noexcept;

struct Account {
  uint32_t id = 0;  ///< stable; never reused
  std::string username;
  std::string owner;   ///< username of the owning account, or empty
  bool active = true;  ///< false: suspended
  bool tokens_enabled = true;
  std::vector<std::string> acls[2];  ///< possessed, sorted; index is the Service
  int64_t created_unix_s = 0;
  uint64_t token_count = 0;
};

struct NewAccount {
  std::string username = {};
  std::string owner = {};                 ///< empty: none
  std::vector<std::string> acls[2] = {};  ///< must be registered; index is the Service
};

struct Token {
  uint64_t id = 0;
  std::string account;  ///< username
  Service service = Service::kCpanel;
  std::string name;
  bool full_access = false;
  bool read_only = false;
  std::vector<std::string> acls;       ///< sorted; empty if full access
  std::vector<std::string> addresses;  ///< ranges in canonical text; empty: any address
  int64_t created_unix_s = 0;
  int64_t not_before_unix_s = 0;  ///< 0: at once
  int64_t expires_unix_s = kNeverExpires;
  std::string note;
  /// After a rotation: until when the former secret is accepted too.
  std::optional<int64_t> former_secret_until_unix_s;
  uint64_t parent_id = 0;  ///< id of the token that made it; 0: none
  std::string parent;      ///< that token's name; empty if there is none, or no longer
};

/// The least that a token needs. Exactly one of `acls` and `full_access` must be given.
struct NewToken {
  std::string account = {};
  Service service = Service::kCpanel;
  std::string name = {};               ///< 1 to 50 of `[A-Za-z0-9_-]`, unique per account and service
  std::vector<std::string> acls = {};  ///< each possessed by the account now
  bool full_access = false;
  bool read_only = false;
  std::vector<std::string> addresses = {};  ///< single addresses or CIDR ranges, at most kMaxAddressRanges
  int64_t not_before_unix_s = 0;
  int64_t expires_unix_s = kNeverExpires;  ///< later than now and than not_before
  std::string note = {};                   ///< at most kMaxNoteBytes of UTF-8 without control characters
  /// An imported secret, of the form that verify.h states; empty: one is made. Refused for a token that
  /// another token makes: anybody could know it.
  std::string secret = {};
};

/// Changes to a token; what is absent stays. Setting `acls`, each possessed by the account now or held by the
/// token before, ends full access; setting `full_access` to true drops the ACLs.
struct TokenUpdate {
  std::optional<std::string> name = {};
  std::optional<std::vector<std::string>> acls = {};
  std::optional<bool> full_access = {};
  std::optional<bool> read_only = {};
  std::optional<std::vector<std::string>> addresses = {};
  std::optional<int64_t> not_before_unix_s = {};
  std::optional<int64_t> expires_unix_s = {};  ///< may lie in the past: the token ends now
  std::optional<std::string> note = {};
};

/// The recorded use of a token. A hint for people: it is about this host alone, and the web server's user can
/// write anything into the store's usage map.
struct TokenUse {
  /// False, and nothing else is set, if there is no usage map, or if its values for the token are impossible.
  bool known = false;
  int64_t since_unix_s = 0;       ///< what happened before is not known
  uint64_t count = 0;             ///< granted requests since then; with 0 the rest is not set
  int64_t last_unix_s = 0;        ///< the last of them
  std::string last_address;       ///< where that came from: an address, `unix:`, or `unknown`
  std::vector<std::string> acls;  ///< of the token's service, really needed; sorted
  bool unlisted = false;          ///< it made a call that only full access opens
  bool writes = false;            ///< it made a call that a read-only token may not make
};

/// When a token counts as unused, and when enough is known of it to narrow it.
struct AdviceTerms {
  int64_t unused_s = int64_t{90} * 24 * 3600;  ///< not used for so long: it can go
  int64_t watched_s = int64_t{7} * 24 * 3600;  ///< watched for less: too early to tell what it needs
};

struct Advice {
  enum Kind : uint8_t {
    kEnded,      ///< the token has ended already
    kUnknown,    ///< of its use nothing is known
    kUnused,     ///< not used for AdviceTerms::unused_s: revoke it
    kNeverUsed,  ///< not used yet, but not watched for so long either
    kTooEarly,   ///< used, but watched for less than AdviceTerms::watched_s
    kNarrow,     ///< it was used for less than it may do: `update` would leave it just that
    kFits,       ///< it was used for all that it may do
  };
  Kind kind = kUnknown;
  TokenUpdate update;  ///< with kNarrow: for Admin::update_token()
};

/// A secret that has just been made: the only time it exists outside the client.
struct IssuedToken {
  Token token;
  std::string secret;
};

inline constexpr size_t kMaxAddressRanges = 100;
/// For each service, so that a token of one cannot stop the making of the other's. An import may bring more.
inline constexpr uint64_t kMaxTokensPerAccount = 10'000;
inline constexpr size_t kMaxNoteBytes = 200;
inline constexpr size_t kMaxAclsPerService = 256;

struct AclInfo {
  std::string name;
  std::string escape_route;  ///< why a token that holds it can get round its limits; empty: no known way
};

/// One row of the catalog. `acls` empty with `wrapper`: only the inner calls count. `unlisted`: `?`, which
/// requires full access.
struct CatalogRow {
  std::string api;     ///< uapi, api2, whm1 or http
  std::string module;  ///< module; a method or `*` for http; a group or `*` for whm1 is not part of the call
  std::string function;  ///< function, `*`, or an http path pattern
  std::vector<std::string> acls;
  bool wrapper = false;
  bool unlisted = false;
  bool read = false;  ///< only reads
};

struct CatalogSummary {
  size_t rows = 0;
  size_t functions = 0;
  size_t new_acls = 0;
};

struct JournalEntry {
  uint64_t seq = 0;  ///< dense, from 1
  int64_t time_unix_s = 0;
  std::string actor;
  std::string action;    ///< `token.create`, `account.suspend`, …
  std::string object;    ///< `shop`, `shop/cpanel/ci`, …
  std::string detail;    ///< never a secret
  std::string hash_hex;  ///< SHA-256 over the previous hash and this entry
};

struct StoreStat {
  uint64_t accounts = 0, tokens = 0, acls = 0, catalog_functions = 0, journal_entries = 0;
  uint64_t file_bytes = 0, map_bytes = 0;
  unsigned readers_used = 0, readers_max = 0;  ///< threads of workers
  unsigned format_version = 0;
  std::string store_id;            ///< 32 hex digits, chosen when the store was made
  uint64_t usage_slots = 0;        ///< tokens whose use can be noted
  int64_t usage_since_unix_s = 0;  ///< when the usage map was made
  std::string usage_problem;       ///< one sentence on why use is not noted or not known, and the cure
};

/// What removes a finding.
enum class Remedy : uint8_t {
  kRepair,   ///< repair_store()
  kByHand,   ///< what the finding says
  kRestore,  ///< a backup: the damage is too deep, and repair_store() changes nothing
};

struct Finding {
  std::string text;  ///< one sentence: what is wrong, what it means, what to do
  Remedy remedy = Remedy::kRestore;
  bool is_of_files = false;  ///< of modes, owners and the files beside data.mdb, which a backup does not hold
};

struct CheckReport {
  uint64_t accounts = 0, tokens = 0, journal_entries = 0;  ///< looked at
  uint64_t finding_count = 0;
  std::vector<Finding> findings;  ///< the first kMaxFindings of them
};

inline constexpr size_t kMaxFindings = 1000;

struct RepairReport {
  std::vector<std::string> actions;  ///< one sentence each: what was wrong, and what was done
  std::vector<Finding> left;         ///< what repair leaves
};

struct ImportOptions {
  /// If given, the text is a plain list, and this holds the rights of each of its tokens; its account, its
  /// name and its secret stand in the list.
  std::optional<NewToken> list = {};
  bool dry_run = false;  ///< judges everything, changes nothing
  /// Called now and then with how much is done, from 0 to 1.
  std::function<void(double done)> progress = {};
};

struct ImportSummary {
  uint64_t accounts = 0, tokens = 0;         ///< new ones
  uint64_t acls = 0, catalog_functions = 0;  ///< likewise
};

/// Takes the next part of a text; false if it cannot.
using TextSink = std::function<bool(std::string_view part)>;

struct StoreSpec {
  std::string path = {};   ///< the folder; made if it does not exist, else it must be empty
  std::string group = {};  ///< the web server's group, may read; empty: the folder's own group
};

/// Makes an empty store: folder 2750, data.mdb 0640, readers and usage.map 0660, all of the group; lock.mdb
/// 0600. Both services start with the ACL `all`.
Status create_store(const StoreSpec& spec, const Change& change);

/// Looks at everything in a store, while others use it: every record, what refers to what, ids, the journal's
/// chain, LMDB's pages, the files and their modes. kStore if it cannot be opened at all. Starts a process and
/// waits for it, so that no damage can end this one: not for a program with threads.
Result<CheckReport> check_store(const std::string& path);

/// Repairs what check_store() says it can: records that repeat others are written anew from them; a token
/// whose own record is damaged is revoked, and all of an account whose record is. No right grows, nothing
/// revoked comes back, each action is an entry of the journal, and the journal itself is never repaired.
/// kRefused, with nothing changed, if a finding needs a restore. A dry run changes nothing and reports the
/// same actions.
Result<RepairReport> repair_store(const std::string& path, const Change& change, bool dry_run);

struct RestoreSpec {
  std::string backup = {};  ///< a file that Admin::backup() wrote
  StoreSpec store = {};     ///< where it goes: a folder that is new or empty
  /// The folder of the store as it was after the backup, as far as that can be read; empty: none. What it has
  /// withdrawn since is withdrawn in the restored store too: tokens and secrets that it no longer has, and
  /// rights that its tokens and accounts no longer have.
  std::string withdrawals_from = {};
};

struct RestoreReport {
  uint64_t accounts = 0, tokens = 0;
  uint64_t journal_entries = 0;    ///< of the backup
  int64_t backup_time_unix_s = 0;  ///< of the last of them
  uint64_t withdrawn_tokens = 0;   ///< revoked because the other store no longer has them
  uint64_t narrowed = 0;           ///< tokens and accounts that lost rights or secrets
};

/// Builds a store beside its place, checks it, and renames it there: whole or not at all. A backup with
/// findings is refused. Starts a process, as check_store() does.
Result<RestoreReport> restore_store(const RestoreSpec& spec, const Change& change);

/// Fills `out` with random bytes; false if it cannot. The default everywhere is OpenSSL's private CSPRNG.
using RandomSource = std::function<bool(std::span<uint8_t> out)>;

class Admin {
 public:
  enum class Access { kReadOnly, kReadWrite };

  /// Opens an existing store.
  static Result<Admin> open(const std::string& path, Access access, RandomSource random = {});

  Admin();
  Admin(Admin&&) noexcept;
  Admin& operator=(Admin&&) noexcept;
  ~Admin();

  // ACLs and catalog

  /// Registers an ACL name. kOk too if it exists.
  Status define_acl(const Change& change, Service service, const std::string& name);
  Result<std::vector<AclInfo>> list_acls(Service service) const;

  /// Replaces the catalog with the rows of `tsv`, registering the ACLs it names. Columns
  /// `api module function acl access`, tab-separated, with that header line; `#` starts a comment line;
  /// several rows for one function: all their ACLs; `acl` may be `?` (full access only) or, for a wrapper,
  /// `*each`; `access` is `read` or `write`. ACLs of uapi, api2 and http rows belong to the service cpanel,
  /// those of whm1 rows to whm. A bad row refuses the whole text; the message names line and cause.
  Result<CatalogSummary> load_catalog(const Change& change, std::string_view tsv);
  Result<std::vector<CatalogRow>> list_catalog() const;

  // Accounts. `username` is the present one. kRefused when there is none.

  Result<Account> create_account(const Change& change, const NewAccount& account);
  Result<std::vector<Account>> list_accounts() const;
  Result<Account> find_account(const std::string& username) const;
  /// Adds to what the account possesses. Names must be registered.
  Status grant_acls(const Change& change, const std::string& username, Service service,
                    const std::vector<std::string>& acls);
  /// Takes away. Tokens that hold them keep the name and regain the right if it is granted again.
  Status deny_acls(const Change& change, const std::string& username, Service service,
                   const std::vector<std::string>& acls);
  Status set_account_active(const Change& change, const std::string& username, bool active);
  Status set_tokens_enabled(const Change& change, const std::string& username, bool enabled);
  /// Tokens go on working, under the new name only.
  Status rename_account(const Change& change, const std::string& username, const std::string& new_username);
  /// An empty owner means none. An account cannot come to own itself, directly or through others.
  Status set_account_owner(const Change& change, const std::string& username, const std::string& owner);
  /// Deletes its tokens too. kRefused while it owns accounts. Returns how many tokens went.
  Result<uint64_t> delete_account(const Change& change, const std::string& username);

  // Tokens

  /// kRefused for an account that has kMaxTokensPerAccount for that service already.
  Result<IssuedToken> create_token(const Change& change, const NewToken& token);
  /// All tokens, or those of one account and, if given, one service; sorted by account, service, name.
  Result<std::vector<Token>> list_tokens(const std::string& username = {},
                                         std::optional<Service> service = {}) const;
  Result<Token> find_token(const std::string& username, Service service, const std::string& name) const;
  /// The token whose present or former secret this is, if it is of that account and service; kRefused if not.
  Result<Token> find_token_by_secret(const std::string& username, Service service,
                                     std::string_view secret) const;
  /// `change.acting` as it is now. kRefused if it could manage no token.
  Result<Token> find_acting_token(const Change& change) const;
  /// How `tokens` were used, in their order.
  Result<std::vector<TokenUse>> token_use(const std::vector<Token>& tokens, int64_t now_unix_s) const;
  Status rename_token(const Change& change, const std::string& username, Service service,
                      const std::string& name, const std::string& new_name);
  Result<Token> update_token(const Change& change, const std::string& username, Service service,
                             const std::string& name, const TokenUpdate& update);
  /// Issues a second secret; the first is accepted for `overlap_s` more seconds (0: not at all). kRefused
  /// while an earlier overlap still runs, unless `overlap_s` is 0: that ends all former secrets.
  Result<IssuedToken> rotate_token(const Change& change, const std::string& username, Service service,
                                   const std::string& name, int64_t overlap_s);
  /// kRefused if there is no such token.
  Status revoke_token(const Change& change, const std::string& username, Service service,
                      const std::string& name);
  /// All of `names` or, if one does not exist, none. `with_children`: and all tokens that they made, and
  /// those made by these, and so on. Returns how many. The children of a token that ends without them become
  /// its own maker's, or if it has none keep its id as their parent_id.
  Result<uint64_t> revoke_tokens(const Change& change, const std::string& username, Service service,
                                 const std::vector<std::string>& names, bool with_children);
  /// Of one account and, if given, one service. Returns how many.
  Result<uint64_t> revoke_all_tokens(const Change& change, const std::string& username,
                                     std::optional<Service> service);
  /// Removes tokens, of one account or (empty) of all, that expired at or before `before_unix_s`. Returns how
  /// many.
  Result<uint64_t> purge_expired_tokens(const Change& change, const std::string& username,
                                        int64_t before_unix_s);

  /// The present credentials of a token, without its secret: lets `explain` ask what the token may do.
  Result<Credentials> credentials_of(const std::string& username, Service service,
                                     const std::string& name) const;

  // Text: tools/exchange.md is the manual of its form

  /// Writes all that the store holds but its journal, its id and its secrets (whose digests it writes), in an
  /// order that depends on nothing else.
  Status export_text(const TextSink& sink) const;

  /// Reads what export_text() wrote, or a plain list, in one transaction: all of it or nothing. In a store
  /// that never had an account or a token, ids and numbers become those of the text, so that an export of the
  /// result is the same text again. In any other store new accounts and tokens get new ids, and whatever is
  /// there already is refused. A bad line refuses the whole; the message names line, cause and cure. Memory
  /// is bounded whatever the number of tokens, but for the accounts.
  Result<ImportSummary> import_text(const Change& change, std::string_view text,
                                    const ImportOptions& options = {});

  /// Writes one consistent snapshot of everything, journal and all, to an open file, while others read and
  /// change the store.
  Status backup(int descriptor) const;

  // Journal and figures

  /// The number of the newest entry, 0 if there is none: it grows with each change.
  Result<uint64_t> last_change() const;
  /// Entries with `seq` >= from_seq, in order, at most `limit`.
  Result<std::vector<JournalEntry>> read_journal(uint64_t from_seq, size_t limit) const;
  /// Recomputes the chain. kStore, naming the first bad entry, if it does not hold; else the number of
  /// entries.
  Result<uint64_t> verify_journal() const;
  Result<StoreStat> stat() const;

 private:
  // The parts of repair_store() and restore_store() that are about records. The first returns what was done.
  friend Result<RepairReport> repair_store(const std::string& path, const Change& change, bool dry_run);
  friend Result<RestoreReport> restore_store(const RestoreSpec& spec, const Change& change);
  Result<std::vector<std::string>> repair_records(const Change& change, bool dry_run);
  Result<RestoreReport> finish_restore(const Change& change, const std::string& withdrawals_from);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// What can be told of a token text without a store.
enum class TokenTextKind : uint8_t {
  kOurs,       ///< 32 of A-Z0-9 and the check characters are right
  kBadCheck,   ///< 32 of A-Z0-9, but the check characters are wrong: a typing error, or not issued here
  kForeign,    ///< could be an imported secret: other length or characters, but allowed as a secret
  kNotAToken,  ///< no store can hold it
};
TokenTextKind check_token_text(std::string_view text) noexcept;

/// The least that `token` would need for its recorded use, and whether it is needed at all. Pure.
Advice advise_on_use(const Account& account, const Token& token, const TokenUse& use,
                     const AdviceTerms& terms, int64_t now_unix_s);

/// The text form of `rows`, in their order: Admin::load_catalog() takes it. A heading of whm1 rows is not
/// kept in the store, and is written as `-`.
std::string catalog_text(const std::vector<CatalogRow>& rows);

/// Why a token that holds this ACL can get round its limits; empty if no way is known. Source: the panel's
/// public pages on privileges.
std::string_view acl_escape_route(Service service, std::string_view acl) noexcept;

/// An address or CIDR range in canonical text (`192.0.2.0/24`, `2001:db8::/32`), or empty if it is neither.
/// IPv4-mapped IPv6 becomes IPv4. Bits beyond the prefix must be 0.
std::string canonical_address_range(std::string_view text);

}  // namespace tokengate

#endif  // TOKENGATE_ADMIN_H_
