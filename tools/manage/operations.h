/// What can be done with tokens, and by whom: the one place of these rules for all that can be called. The
/// functions of the APIs and of the page say what they want in these terms, and put the result into their own
/// words.
///
/// Everything here throws Refused, or Outdated if the store changed while an operation read it (repeat() in
/// refused.h). The rules for token callers are the core's (Change::acting); they are not
/// repeated here, except to know what an omitted parameter means.
#ifndef TOKENGATE_TOOLS_MANAGE_OPERATIONS_H_
#define TOKENGATE_TOOLS_MANAGE_OPERATIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "refused.h"
#include "request.h"
#include "tokengate/admin.h"

namespace tokengate::manage {

/// Whose tokens.
struct Scope {
  std::string account;  ///< username
  Service service = Service::kCpanel;
};

/// What a limit is to be when the call does not say it.
enum class Omitted {
  kKept,        ///< as it was; with create(): none
  kEverything,  ///< all that the caller has: WHM API 1
};

/// What a token's name may be, for a sentence: "1 to 50 of …".
std::string token_name_rule();

/// A token as it is to become. What is absent is a matter of Omitted, one by one.
struct TokenRequest {
  std::optional<std::string> name = {};  ///< of a token to be made, or the new one of another
  std::optional<bool> full_access = {};
  std::optional<std::vector<std::string>> acls = {};
  std::optional<bool> read_only = {};
  std::optional<int64_t> expires_unix_s = {};
  std::optional<std::vector<std::string>> addresses = {};
  std::optional<std::string> note = {};
};

class Operations {
 public:
  /// Finds out who calls. Refused if that account does not exist or is suspended, or if the token that the
  /// call came with is gone, not valid now, or may not manage tokens. `channel` begins the actor's name in
  /// the journal: "api", "page".
  Operations(Admin& admin, const Settings& settings, const Request& request, std::string_view channel);

  const Account& caller() const { return caller_; }
  const std::optional<Token>& token() const { return token_; }  ///< that the call came with
  int64_t now_unix_s() const { return request_.now_unix_s; }
  const Request& request() const { return request_; }
  const Settings& settings() const { return settings_; }

  /// The caller's own tokens of the service that it came through.
  Scope own() const { return {caller_.username, request_.caller.service}; }
  /// The tokens of `username`, if the caller may act on them: its own; through whm, the cpanel tokens of
  /// accounts that it owns; with the ACL `all` in whm, all tokens of all accounts.
  Scope of(const std::string& username, Service service) const;
  /// The same through a call of the account's API, which takes rights of its own (uapi_cpanel): `cpanel-api`
  /// and `list-accts`.
  Scope through_whm(const std::string& username) const;
  /// The services whose tokens the caller may manage for itself.
  std::vector<Service> services() const;
  /// Whether the caller, a person with the ACL `suspend-acct` of whm, may suspend the account, switch its
  /// tokens off, and end either: it owns it, or has `all`.
  bool may_administer(const Account& account) const;
  bool may_choose_account() const;
  bool is_administrator() const;  ///< a person with the ACL `all` of whm

  Account account(const std::string& username) const;
  /// That the caller may act on, its own first; with a token that one alone.
  std::vector<Account> accounts() const;
  /// What a token that the caller makes can be given, with `all` spelled out as the ACLs that there are.
  std::vector<std::string> acls_to_give(const Account& account, Service service) const;

  std::vector<Token> list(const Scope& scope) const;
  std::vector<TokenUse> use_of(const std::vector<Token>& tokens) const;  ///< in their order
  /// Nothing if there is none.
  std::optional<Token> find(const Scope& scope, const std::string& name) const;
  std::optional<Token> find_by_secret(const Scope& scope, const std::string& secret) const;

  IssuedToken create(const Scope& scope, TokenRequest wanted, Omitted omitted);
  Token update(const Scope& scope, const std::string& name, TokenRequest wanted, Omitted omitted);
  void rename(const Scope& scope, const std::string& name, const std::string& new_name);
  IssuedToken rotate(const Scope& scope, const std::string& name, int64_t overlap_s);
  /// All or, if one does not exist, none.
  uint64_t revoke(const Scope& scope, const std::vector<std::string>& names, bool with_children);
  uint64_t revoke_all(const Scope& scope);

  void set_active(const std::string& username, bool active);
  void set_tokens_enabled(const std::string& username, bool enabled);

 private:
  bool has(std::string_view acl) const;  ///< the caller, now, with the token that it came with
  Change change(std::string remark = {}) const;
  void require_usable(const Account& account) const;
  void require_administration(const std::string& username) const;
  Token existing(const Scope& scope, const std::string& name) const;
  void require_free(const Scope& scope, const std::string& name, Field field) const;
  void check(const Account& account, Service service, const TokenRequest& wanted, const Token* before) const;
  bool fill_in(const Account& account, const Scope& scope, TokenRequest* wanted, const Token* before) const;

  Admin& admin_;
  const Settings& settings_;
  const Request& request_;
  std::string actor_;
  uint64_t seen_ = 0;  ///< all that is read here is no older than this change
  Account caller_;
  std::optional<Token> token_;
};

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_OPERATIONS_H_
