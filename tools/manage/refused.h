/// How the parts of tokengate_manage give up on a request: manage.h's functions catch it and answer with it.
#ifndef TOKENGATE_TOOLS_MANAGE_REFUSED_H_
#define TOKENGATE_TOOLS_MANAGE_REFUSED_H_

#include <string>

#include "tokengate/admin.h"

namespace tokengate::manage {

/// The input that a refusal is about.
enum class Field { kNone, kName, kNewName, kAcls, kExpires, kAddresses, kNote };

/// Thrown. `text` is one sentence for the caller; it holds no secret.
struct Refused {
  std::string text;
  Field field = Field::kNone;
};

/// Throws unless `status` is kOk.
inline void require_ok(const Status& status) {
  if (!status.ok()) throw Refused{status.message};
}

template <class T>
T value_of(Result<T> result) {
  require_ok(result.status);
  return std::move(result.value);
}

/// `“text”` for a sentence: control characters and bytes beyond ASCII as `?`, and cut when long.
std::string in_quotes(std::string_view text);

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_REFUSED_H_
