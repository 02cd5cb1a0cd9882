// What tokens were used for, and what follows from it.
#include <algorithm>

#include "address.h"
#include "admin_impl.h"
#include "usage_file.h"

namespace tokengate {
namespace {

AclSet known_acls(const Tables::AclNames& names) {
  AclSet known;
  for (const auto& [number, name] : names) known.add(number);
  return known;
}

bool holds(const std::vector<std::string>& acls, std::string_view acl) {
  return std::find(acls.begin(), acls.end(), acl) != acls.end();
}

/// What the token would still need if it were to do what it was used for, and no more; empty if its ACLs or
/// its full access must stay as they are.
std::vector<std::string> narrower_acls(const Account& account, const Token& token, const TokenUse& use) {
  if (use.unlisted) return {};
  const std::vector<std::string>& possessed = account.acls[static_cast<size_t>(token.service)];
  bool may_hold_any = token.full_access || holds(token.acls, "all");
  std::vector<std::string> needed;
  for (const std::string& acl : use.acls) {
    bool possesses = holds(possessed, acl) || holds(possessed, "all");
    if (possesses && (may_hold_any || holds(token.acls, acl))) needed.push_back(acl);
  }
  bool narrows = token.full_access || needed != token.acls;
  return narrows ? needed : std::vector<std::string>();
}

}  // namespace

std::optional<uint64_t> Admin::Impl::next_token_id(Tables& tables) {
  try {
    return tables.counter(kNextTokenId).value_or(1);
  } catch (const StoreFailure&) {
    return std::nullopt;
  }
}

void Admin::Impl::keep_usage(Tables& tables, std::optional<uint64_t> first_new_id,
                             const Change& change) const {
  std::optional<uint64_t> next_id = next_token_id(tables);
  if (!next_id) return;
  try {
    keep_usage_file(path_, {tables.store_id(), first_new_id.value_or(*next_id), *next_id, change.now_unix_s});
  } catch (const StoreFailure&) {
    // A store that is damaged can be changed all the same: that is how it is repaired.
  }
}

Result<std::vector<TokenUse>> Admin::token_use(const std::vector<Token>& tokens, int64_t now_unix_s) const {
  Result<std::vector<TokenUse>> result;
  result.status = impl_->look([&](Tables& tables) {
    const Tables::AclNames names[2] = {tables.acl_names(Service::kCpanel), tables.acl_names(Service::kWhm)};
    const AclSet known[2] = {known_acls(names[0]), known_acls(names[1])};
    UsageFile file(impl_->path_, tables.store_id());
    result.value.assign(tokens.size(), TokenUse());
    for (size_t i = 0; i < tokens.size(); ++i) {
      const Token& token = tokens[i];
      auto service = static_cast<size_t>(token.service);
      TokenUse& use = result.value[i];
      UsageBounds bounds{token.created_unix_s - kUsageSlack_s, now_unix_s + kUsageSlack_s, known[service]};
      UsageSlot slot;
      // A map from the future is no map.
      use.known = file.since_unix_s() <= now_unix_s + kUsageSlack_s && file.read(token.id, bounds, &slot);
      if (!use.known) continue;
      use.since_unix_s = std::max(file.since_unix_s(), token.created_unix_s);
      use.count = slot.count;
      if (slot.count == 0) continue;
      use.last_unix_s = slot.last_unix_s;
      use.last_address = format_address(slot.last_address);
      use.acls = Tables::acl_texts(slot.used.acls, names[service]);
      use.unlisted = slot.used.unlisted;
      use.writes = slot.used.writes;
    }
  });
  return result;
}

Advice advise_on_use(const Account& account, const Token& token, const TokenUse& use,
                     const AdviceTerms& terms, int64_t now_unix_s) {
  Advice advice;
  if (token.expires_unix_s <= now_unix_s) {
    advice.kind = Advice::kEnded;
  } else if (!use.known) {
    advice.kind = Advice::kUnknown;
  } else if (now_unix_s - (use.count > 0 ? use.last_unix_s : use.since_unix_s) >= terms.unused_s) {
    advice.kind = Advice::kUnused;
  } else if (use.count == 0) {
    advice.kind = Advice::kNeverUsed;
  } else if (now_unix_s - use.since_unix_s < terms.watched_s) {
    advice.kind = Advice::kTooEarly;
  } else {
    std::vector<std::string> acls = narrower_acls(account, token, use);
    if (!acls.empty()) advice.update.acls = acls;
    if (!use.writes && !token.read_only) advice.update.read_only = true;
    bool narrows = advice.update.acls || advice.update.read_only;
    advice.kind = narrows ? Advice::kNarrow : Advice::kFits;
  }
  return advice;
}

}  // namespace tokengate
