/// How the parts of tokengate_manage give up on a request: manage.h's functions catch it and answer with it.
#ifndef TOKENGATE_TOOLS_MANAGE_REFUSED_H_
#define TOKENGATE_TOOLS_MANAGE_REFUSED_H_

#include <string>

#include "tokengate/admin.h"

namespace tokengate::manage {

/// The input that a refusal is about.
enum class Field { kNone, kName, kNewName, kAcls, kExpires, kAddresses, kNote, kMade };

/// Thrown. `text` is one sentence for the caller; it holds no secret.
struct Refused {
  std::string text;
  Field field = Field::kNone;
};

/// Thrown, and caught by repeat(): what the request was judged by is no longer so.
struct Outdated {};

/// Answers a request by `answer()`, anew if somebody else changed the store between what was read for it and
/// its own change: so every rule about what is stored holds at the moment of the change. Those about time
/// hold at the one when the request had arrived.
template <class Answer>
auto repeat(Answer&& answer) {
  constexpr int kAttempts = 20;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    try {
      return answer();
    } catch (const Outdated&) {
    }
  }
  throw Refused{"Others are changing the store all the time; nothing was changed. Try again."};
}

/// Throws unless `status` is kOk.
inline void require_ok(const Status& status) {
  if (status.outdated) throw Outdated{};
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
