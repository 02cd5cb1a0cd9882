/// What the parts of the write path share. Inside, a failure is thrown; change() and look() at the edge turn
/// it into a Status.
#ifndef TOKENGATE_ADMIN_IMPL_H_
#define TOKENGATE_ADMIN_IMPL_H_

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acl_set.h"
#include "environment.h"
#include "record.h"
#include "route.h"
#include "tokengate/admin.h"
#include "transaction.h"
#include "usage.h"

namespace tokengate {

/// Thrown within the write path.
struct Failure {
  Status status;
};
struct StoreFailure {
  StoreError error;
};

[[noreturn]] void refuse(std::string message);   ///< Code::kRefused
[[noreturn]] void invalid(std::string message);  ///< Code::kInvalid

/// Throws unless kNone.
void require(StoreError error);

/// "quoted" for messages, with bytes that do not print made visible.
std::string quote(std::string_view text);

/// Keys of table meta: 16 bytes, and two counters.
inline constexpr std::string_view kStoreIdKey = "store_id";
inline constexpr std::string_view kNextAccountId = "next_account_id";
inline constexpr std::string_view kNextTokenId = "next_token_id";

/// An account as it is being worked on; owns its texts.
struct WorkingAccount {
  uint32_t id = 0;
  std::string username;
  bool active = true;
  bool tokens_enabled = true;
  uint32_t owner_id = 0;
  int64_t created_unix_s = 0;
  AclSet acls[2];
  bool operator==(const WorkingAccount&) const = default;
};

/// A token as it is being worked on: the name record and the record of each of its secrets.
struct WorkingToken {
  std::string name;
  Service service = Service::kCpanel;
  uint32_t account_id = 0;
  uint64_t id = 0;
  int64_t created_unix_s = 0;
  uint64_t parent_token_id = 0;
  std::string note;
  bool full_access = false;
  bool read_only = false;
  AclSet acls;
  std::string ranges;  ///< kAddressRangeBytes each
  int64_t not_before_unix_s = 0;
  int64_t expires_unix_s = kNeverExpires;
  Digest digest{};
  uint32_t secret_serial = 1;  ///< of the present secret; the former one's is one less
  bool has_former = false;
  Digest former_digest{};
  int64_t former_retires_unix_s = 0;
  bool operator==(const WorkingToken&) const = default;
};

/// The tables in terms of accounts, tokens and ACL names, within one transaction. Throws.
class Tables {
 public:
  explicit Tables(Transaction& transaction) : transaction_(transaction) {}
  Transaction& transaction() { return transaction_; }

  // ACL registry
  using AclNames = std::map<uint8_t, std::string>;
  AclNames acl_names(Service service);
  std::optional<uint8_t> find_acl(Service service, const std::string& name);
  /// Refuses a name that is not registered.
  uint8_t acl_number(Service service, const std::string& name);
  /// Registers it if need be. `*added` is set if so.
  uint8_t define_acl(Service service, const std::string& name, bool* added);
  AclSet acl_set(Service service, const std::vector<std::string>& names);
  static std::vector<std::string> acl_texts(const AclSet& set, const AclNames& names);

  // Accounts
  WorkingAccount account(const std::string& username);
  WorkingAccount account(uint32_t id);
  bool account_exists(const std::string& username);
  uint32_t add_account(const WorkingAccount& account);  ///< gives it its id
  void put_account(const WorkingAccount& account);
  static std::string encoded(const WorkingAccount& account);
  static WorkingAccount joined(uint32_t id, const AccountRecord& record);
  /// Brings what the account's token records repeat of it up to date.
  void refresh_tokens_of(const WorkingAccount& account);

  // Tokens
  std::vector<WorkingToken> tokens_of(uint32_t account_id, std::optional<Service> service);
  uint64_t token_count(uint32_t account_id, std::optional<Service> service);
  /// From a key and value of table token_names.
  WorkingToken token_at(Bytes key, Bytes value);
  WorkingToken token(const WorkingAccount& account, Service service, const std::string& name);
  bool token_exists(const WorkingAccount& account, Service service, const std::string& name);
  uint64_t take_token_id();
  /// Writes the name record and the record of each secret.
  void put_token(const WorkingAccount& account, const WorkingToken& token);
  /// From its records. `former` counts only if `names` says that there is one.
  static WorkingToken joined(uint32_t account_id, Service service, std::string_view name,
                             const TokenNameRecord& names, const TokenRecord& present,
                             const TokenRecord& former);
  /// The record of the present secret, or of the former one.
  enum class Secret : uint8_t { kPresent, kFormer };
  static std::string encoded(const WorkingAccount& account, const WorkingToken& token, Secret secret);
  static std::string encoded_name(const WorkingToken& token);
  /// Refuses a digest that is in use.
  void require_unused(const Digest& digest);
  void erase_token(const WorkingToken& token);
  void erase_former_secret(WorkingToken* token);
  /// As a decision sees it; its views hold until something is written.
  TokenRecord token_record(TokenKey key);

  /// The next id of a kind, of which there is none in a store that never gave one.
  std::optional<uint64_t> counter(std::string_view counter);
  void set_counter(std::string_view counter, uint64_t next);
  StoreId store_id();

  uint64_t last_change();
  void journal(const Change& change, std::string_view action, std::string_view object,
               std::string_view detail = {});

 private:
  uint64_t take_number(std::string_view counter);
  WorkingToken working_token(uint32_t account_id, Service service, std::string_view name, Bytes value);

  Transaction& transaction_;
};

/// Whose ACLs the catalog's rows of `api` name.
Service acl_service(Api api);
/// Replaces the catalog, registering the ACLs it names; the whole of it as rows.
CatalogSummary put_catalog(Tables& tables, const std::vector<CatalogRow>& rows);
std::vector<CatalogRow> catalog_rows(Tables& tables);

/// Of a store's folder: setgid, so that files made later get the server's group too.
inline constexpr mode_t kFolderMode = 02750;

/// Makes the folder of a new store if need be, and gives it its group and mode. Refuses one that has another
/// use.
Status prepare_folder(const StoreSpec& spec, gid_t* group);

class Admin::Impl {
 public:
  Impl(std::string path, RandomSource random) : path_(std::move(path)), random_(std::move(random)) {}

  /// Runs `work(Tables&)` in one write transaction, again in a larger map if that was full. Nothing of it
  /// remains unless the result is kOk. Refused if a token acts in it.
  template <class Work>
  Status change(const Change& change, Work&& work);
  /// The same with `work(Tables&, const ActingBounds&)`, for changes of tokens, in which a token may act:
  /// `work` keeps it within the bounds.
  template <class Work>
  Status change_tokens(const Change& change, Work&& work);
  /// Runs `work(Tables&)` on one snapshot.
  template <class Work>
  Status look(Work&& work);

  Status status_of(StoreError error) const;
  Status check_change(const Change& change) const;
  template <class Work>
  Status write(const Change& change, Work&& work);
  /// The usage map gets room for the tokens that there will be; `first_new_id` as next_token_id() was before.
  void keep_usage(Tables& tables, std::optional<uint64_t> first_new_id, const Change& change) const;
  /// Nothing if it is damaged.
  static std::optional<uint64_t> next_token_id(Tables& tables);

  const std::string path_;
  const RandomSource random_;
  Environment environment_;
  bool writable_ = false;
};

template <class Work>
Status Admin::Impl::change(const Change& change, Work&& work) {
  if (change.acting) return {Code::kRefused, "a token can manage tokens only, and those one by one"};
  return write(change, std::forward<Work>(work));
}

template <class Work>
Status Admin::Impl::write(const Change& change, Work&& work) {
  if (Status status = check_change(change); !status.ok()) return status;
  for (;;) {
    try {
      Transaction transaction;
      require(transaction.begin_write(environment_));
      Tables tables(transaction);
      if (change.seen && *change.seen != tables.last_change()) {
        return {Code::kRefused, "the store was changed meanwhile; look again", /*outdated=*/true};
      }
      std::optional<uint64_t> first_new_id = next_token_id(tables);
      work(tables);
      keep_usage(tables, first_new_id, change);
      require(transaction.commit());
      return {};
    } catch (const Failure& failure) {
      return failure.status;
    } catch (const StoreFailure& failure) {
      StoreError error = failure.error;
      if (error == StoreError::kMapFull) error = environment_.grow();
      if (error == StoreError::kMapResized) error = environment_.adopt_size();
      if (error != StoreError::kNone) return status_of(error);
    } catch (const std::exception& problem) {
      return {Code::kStore, std::string("unexpected error: ") + problem.what()};
    }
  }
}

template <class Work>
Status Admin::Impl::look(Work&& work) {
  for (;;) {
    Transaction transaction;
    // What was found in pages that were used again meanwhile means nothing.
    auto answer = [&](Status status) {
      return transaction.is_intact() ? std::move(status) : status_of(StoreError::kOvertaken);
    };
    try {
      require(transaction.begin_read(environment_));
      Tables tables(transaction);
      work(tables);
      return answer(environment_.lost_pages() ? status_of(StoreError::kDamaged) : Status{});
    } catch (const Failure& failure) {
      return answer(failure.status);
    } catch (const StoreFailure& failure) {
      if (failure.error != StoreError::kMapResized) return answer(status_of(failure.error));
      transaction.abort();
      StoreError error = environment_.adopt_size();
      if (error != StoreError::kNone) return status_of(error);
    } catch (const std::exception& problem) {
      return answer({Code::kStore, std::string("unexpected error: ") + problem.what()});
    }
  }
}

}  // namespace tokengate

#endif  // TOKENGATE_ADMIN_IMPL_H_
