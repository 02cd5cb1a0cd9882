/// Bounds on a token that manages tokens: what it makes or changes may have nothing that it does not have
/// itself. Judged within the transaction of the change, on the token as it is there.
#ifndef TOKENGATE_ACTING_H_
#define TOKENGATE_ACTING_H_

#include <optional>
#include <set>
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

  /// Refuses tokens that did not come of the acting one; `verb` says what it cannot do, for the message.
  /// Under another name, the acting token or a maker of it would escape whoever ends it together with its
  /// children.
  void require_descendant(Tables& tables, const WorkingToken& token, std::string_view verb) const;
  /// The same, but the acting token itself will do: a new secret must end with the token that gave it.
  void require_itself_or_descendant(Tables& tables, const WorkingToken& token, std::string_view verb) const;
  /// Refuses what gives a token more than it had, unless it came of the acting one: it would keep that when
  /// the acting one is ended.
  void require_narrower(Tables& tables, const WorkingToken& before, const WorkingToken& after) const;
  /// Those of `ids`, which are of the acting token's account and service, that did not come of it: itself,
  /// its makers, strangers. If it ends them, what they made ends too, which would else be left without a
  /// maker. None if no token acts.
  std::set<uint64_t> not_its_own(Tables& tables, std::set<uint64_t> ids) const;

  /// For the record of a token that is made; 0 if no token acts.
  uint64_t parent_token_id() const { return token_ ? token_->id : 0; }
  /// The acting token, if any.
  const WorkingToken* token() const { return token_ ? &*token_ : nullptr; }

 private:
  /// The ids of what came of the acting token.
  std::set<uint64_t> offspring(Tables& tables) const;

  int64_t now_unix_s_;
  std::optional<WorkingAccount> account_;
  std::optional<WorkingToken> token_;
};

}  // namespace tokengate

#endif  // TOKENGATE_ACTING_H_
