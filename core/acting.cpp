// What a token that manages tokens may do: never more than it could do itself.
#include "acting.h"

#include <algorithm>

#include "lineage.h"
#include "names.h"
#include "policy.h"

namespace tokengate {
namespace {

/// Why the token cannot manage tokens now; empty if it can.
std::string_view problem_of(const TokenRecord& record, const Change& change, bool for_change) {
  switch (check_lifetime(record, change.now_unix_s)) {
    case Outcome::kGranted:
      break;
    case Outcome::kNotYetValid:
      return "is not valid yet";
    default:
      return "has expired";
  }
  if (!record.account_active) return "belongs to an account that is suspended";
  if (!record.tokens_enabled) return "belongs to an account whose tokens are switched off";
  return for_change && record.read_only ? "only reads: it cannot change anything" : "";
}

bool may_manage(Tables& tables, const TokenRecord& record) {
  std::optional<uint8_t> acl = tables.find_acl(record.service, std::string(kManagingAcl));
  return acl && token_may_use(record, *acl);
}

/// Whether the secret that the call came with has been replaced, and is no longer accepted beside the new
/// one.
bool is_replaced(uint32_t secret_serial, const WorkingToken& token, int64_t now_unix_s) {
  if (secret_serial == 0 || secret_serial == token.secret_serial) return false;
  return secret_serial != token.secret_serial - 1 || !token.has_former ||
         now_unix_s >= token.former_retires_unix_s;
}

/// The stored ranges, one by one.
template <class Test>
bool any_range(const std::string& ranges, Test&& test) {
  for (size_t at = 0; at < ranges.size(); at += kAddressRangeBytes) {
    if (test(reinterpret_cast<const uint8_t*>(ranges.data()) + at)) return true;
  }
  return false;
}

/// The first range of `inner` that lies in none of `outer`, as text; empty if there is none. An empty list of
/// ranges means every address.
std::string range_outside(const std::string& inner, const std::string& outer) {
  if (outer.empty()) return {};
  if (inner.empty()) return "every address";
  std::string outside;
  any_range(inner, [&](const uint8_t* range) {
    if (any_range(outer, [&](const uint8_t* other) { return range_within(range, other); })) return false;
    outside = format_address_range(range);
    return true;
  });
  return outside;
}

/// Whether `after` may do anything, ever, that `before`, the same token, may not.
bool is_widened(const WorkingToken& before, const WorkingToken& after, int64_t now_unix_s) {
  const bool more_acls = !before.full_access && (after.full_access || !before.acls.contains(after.acls));
  const bool earlier = std::max(after.not_before_unix_s, now_unix_s) < before.not_before_unix_s;
  return more_acls || earlier || after.expires_unix_s > before.expires_unix_s ||
         (before.read_only && !after.read_only) || !range_outside(after.ranges, before.ranges).empty();
}

}  // namespace

ActingBounds::ActingBounds(Tables& tables, const Change& change, bool for_change)
    : now_unix_s_(change.now_unix_s) {
  if (!change.acting) return;
  const ActingToken& acting = *change.acting;
  const std::string who = "the token " + quote(acting.name) + ", with which this call came,";
  if (!tables.account_exists(acting.account)) refuse(who + " is gone: its account was renamed or deleted");
  account_ = tables.account(acting.account);
  if (!is_token_name(acting.name) || !tables.token_exists(*account_, acting.service, acting.name)) {
    refuse(who + " is gone: it was revoked or renamed");
  }
  token_ = tables.token(*account_, acting.service, acting.name);
  if (acting.id != 0 && acting.id != token_->id) refuse(who + " is gone: another has its name now");
  if (is_replaced(acting.secret_serial, *token_, change.now_unix_s)) {
    refuse(who + " was rotated: the secret of the call is no longer accepted");
  }
  const TokenRecord record = tables.token_record(token_key(token_->digest));
  if (std::string_view problem = problem_of(record, change, for_change); !problem.empty()) {
    refuse(who + " " + std::string(problem));
  }
  if (!may_manage(tables, record)) {
    refuse(who + " cannot manage tokens: that needs the ACL " + quote(kManagingAcl) +
           ", held by it and possessed by its account");
  }
}

void ActingBounds::require_own(const WorkingAccount& account, Service service) const {
  if (!token_) return;
  if (account.id != token_->account_id || service != token_->service) {
    refuse("a token manages the tokens of its own account and service only: the token " +
           quote(token_->name) + " those of " + quote(account_->username) + " for the service " +
           std::string(service_name(token_->service)));
  }
}

void ActingBounds::require_within(Tables& tables, const WorkingAccount& account,
                                  const WorkingToken& token) const {
  if (!token_) return;
  require_own(account, token.service);
  const std::string may_not =
      "the token " + quote(token_->name) + " cannot manage a token with more than it has itself: ";
  if (token.full_access && !token_->full_access) refuse(may_not + "it does not have full access");
  const bool holds_all =
      token_->acls.has(kAclAll) && account_->acls[static_cast<size_t>(token_->service)].has(kAclAll);
  if (!token_->full_access && !holds_all) {
    for (const auto& [number, name] : tables.acl_names(token.service)) {
      if (token.acls.has(number) && !token_->acls.has(number)) {
        refuse(may_not + "it does not hold the ACL " + quote(name));
      }
    }
  }
  if (token.expires_unix_s > token_->expires_unix_s) {
    refuse(may_not + "it ends at " + std::to_string(token_->expires_unix_s) + " (UNIX time) itself");
  }
  if (std::max(token.not_before_unix_s, now_unix_s_) < token_->not_before_unix_s) {
    refuse(may_not + "it begins at " + std::to_string(token_->not_before_unix_s) + " (UNIX time) itself");
  }
  if (std::string outside = range_outside(token.ranges, token_->ranges); !outside.empty()) {
    refuse(may_not + "it is not accepted from " + outside);
  }
}

std::set<uint64_t> ActingBounds::offspring(Tables& tables) const {
  return descendants(tables.tokens_of(token_->account_id, token_->service), {token_->id});
}

void ActingBounds::require_descendant(Tables& tables, const WorkingToken& token,
                                      std::string_view verb) const {
  if (!token_ || offspring(tables).contains(token.id)) return;
  refuse("the token " + quote(token_->name) + " cannot " + std::string(verb) + ' ' +
         (token.id == token_->id ? "itself" : quote(token.name) + ", which it did not make") +
         "; the account's owner can");
}

void ActingBounds::require_itself_or_descendant(Tables& tables, const WorkingToken& token,
                                                std::string_view verb) const {
  if (token_ && token.id != token_->id) require_descendant(tables, token, verb);
}

void ActingBounds::require_narrower(Tables& tables, const WorkingToken& before,
                                    const WorkingToken& after) const {
  if (token_ && is_widened(before, after, now_unix_s_)) require_descendant(tables, before, "widen");
}

std::set<uint64_t> ActingBounds::not_its_own(Tables& tables, std::set<uint64_t> ids) const {
  if (!token_) return {};
  const std::set<uint64_t> own = offspring(tables);
  std::erase_if(ids, [&](uint64_t id) { return own.contains(id); });
  return ids;
}

}  // namespace tokengate
