/// Bounds on a token that manages tokens: what it makes or touches may have nothing that it has not itself.
/// Judged within the transaction of the change, on the token as it is there.
#ifndef TOKENGATE_ACTING_H_
#define TOKENGATE_ACTING_H_

#include <optional>
#include <string>
#include <string_view>

#include "admin_impl.h"

namespace tokengate {

/// The ACL, of either service, that a token needs to manage tokens.
inline constexpr std::string_view kManagingAcl = "manage-api-tokens";

/// The bounds of one change; none if no token acts in it.
class ActingBounds {
 public:
  /// Refuses if the acting token is gone, is not valid now, may not manage tokens, or (with `for_change`)
  /// only reads; and if its account is suspended or has its tokens switched off.
  ActingBounds(Tables& tables, const Change& change, bool for_change);

  /// Refuses tokens of another account or service than the acting token's.
  void require_own(const WorkingAccount& account, Service service) const;
  /// The same, and refuses if `token` has anything that the acting token has not: an ACL, full access, a
  /// later end, an earlier begin than both now and the acting token's, an address.
  void require_within(Tables& tables, const WorkingAccount& account, const WorkingToken& token) const;

  /// Refuses tokens but the acting one and those that came of it: one that it gives a secret to must end with
  /// it.
  void require_offspring(Tables& tables, const WorkingToken& token) const;

  /// For the record of a token that is made; 0 if no token acts.
  uint64_t parent_token_id() const { return token_ ? token_->id : 0; }
  /// The acting token, if any.
  const WorkingToken* token() const { return token_ ? &*token_ : nullptr; }

 private:
  int64_t now_unix_s_;
  std::optional<WorkingAccount> account_;
  std::optional<WorkingToken> token_;
};

}  // namespace tokengate

#endif  // TOKENGATE_ACTING_H_
