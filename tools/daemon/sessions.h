/// How a browser gets in without a password: a link that works once, then a session. All in memory: when the
/// daemon ends, so do they. Not thread-safe. Times are UNIX seconds, handed in.
#ifndef TOKENGATE_TOOLS_DAEMON_SESSIONS_H_
#define TOKENGATE_TOOLS_DAEMON_SESSIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tokengate/verify.h"

namespace tokengate::daemon {

inline constexpr int64_t kLinkSeconds = 600;

/// Who a link or a session is for. The id tells a renamed account from another that took its name.
struct Guest {
  std::string user;
  uint32_t account_id = 0;
  Service service = Service::kCpanel;
};

/// Things that are had for a key of ours: 43 characters of `A-Za-z0-9_-`, 256 random bits, of which 64 find
/// the entry and the rest, compared in constant time, open it. When there are too many, the oldest goes.
class Keyring {
 public:
  explicit Keyring(size_t most) : most_(most) {}

  /// Empty if the system gives no randomness.
  std::string add(const Guest& guest, int64_t ends_unix_s);
  /// Null if there is no such key, or it has ended. Valid until the next call of add() or remove().
  const Guest* find(std::string_view key, int64_t now_unix_s);
  void remove(std::string_view key);

 private:
  struct Entry {
    std::string secret;
    Guest guest;
    int64_t ends_unix_s = 0;
    uint64_t order = 0;
  };

  size_t most_;
  uint64_t added_ = 0;
  std::map<std::string, Entry, std::less<>> entries_;
};

class Sessions {
 public:
  explicit Sessions(int64_t session_s) : session_s_(session_s) {}

  /// The key of a new link, good for kLinkSeconds.
  std::string make_link(const Guest& guest, int64_t now_unix_s);
  /// The key of a new session, if the link is good; it is not afterwards.
  std::optional<std::string> redeem(std::string_view link, int64_t now_unix_s);
  const Guest* find(std::string_view session, int64_t now_unix_s) {
    return sessions_.find(session, now_unix_s);
  }
  void end(std::string_view session) { sessions_.remove(session); }

  int64_t session_s() const { return session_s_; }

 private:
  int64_t session_s_;
  Keyring links_{1000};
  Keyring sessions_{10000};
};

}  // namespace tokengate::daemon

#endif  // TOKENGATE_TOOLS_DAEMON_SESSIONS_H_
