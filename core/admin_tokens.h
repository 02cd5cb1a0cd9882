/// What the files about tokens share: admin_tokens.cpp makes and changes them, admin_revoke.cpp ends them,
/// and admin_token_views.cpp shows them.
#ifndef TOKENGATE_ADMIN_TOKENS_H_
#define TOKENGATE_ADMIN_TOKENS_H_

#include <string>
#include <utility>

#include "acting.h"
#include "admin_impl.h"

namespace tokengate {

/// A token as it is shown, without its parent's name.
Token token_of(const std::string& username, const WorkingToken& working, const Tables::AclNames& names);
/// Fills in the parent's name. A parent is of its children's account and service.
void name_parent(Tables& tables, uint32_t account_id, Token* token);

/// What the journal calls a token.
inline std::string object_name(const std::string& username, Service service, const std::string& name) {
  return username + '/' + std::string(service_name(service)) + '/' + name;
}

/// Puts the change's remark behind the detail.
inline std::string remarked(const Change& change, std::string detail) {
  if (change.remark.empty()) return detail;
  return detail.empty() ? change.remark : detail + "; " + change.remark;
}

template <class Work>
Status Admin::Impl::change_tokens(const Change& change, Work&& work) {
  return write(change,
               [&](Tables& tables) { work(tables, ActingBounds(tables, change, /*for_change=*/true)); });
}

}  // namespace tokengate

#endif  // TOKENGATE_ADMIN_TOKENS_H_
