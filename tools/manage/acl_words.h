/// ACLs in plain words, for the page.
#ifndef TOKENGATE_TOOLS_MANAGE_ACL_WORDS_H_
#define TOKENGATE_TOOLS_MANAGE_ACL_WORDS_H_

#include <string_view>

#include "tokengate/verify.h"

namespace tokengate::manage {

struct AclWords {
  std::string_view group = "Other";
  std::string_view description = {};
};

/// Of an ACL of the shipped catalog; of any other, group "Other" and no description.
AclWords acl_words(Service service, std::string_view acl) noexcept;

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_ACL_WORDS_H_
