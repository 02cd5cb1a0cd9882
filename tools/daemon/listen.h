/// The sockets that the daemon listens on.
#ifndef TOKENGATE_TOOLS_DAEMON_LISTEN_H_
#define TOKENGATE_TOOLS_DAEMON_LISTEN_H_

#include <sys/types.h>

#include <string>

namespace tokengate::daemon {

/// A listening socket at `path`, of this mode and group. A socket that a dead daemon left behind is replaced,
/// one that answers is not. Throws std::runtime_error with cause and cure.
int listen_on_path(const std::string& path, mode_t mode, gid_t group);

/// A listening socket on `address`, "127.0.0.1:PORT" or "[::1]:PORT"; other than loopback addresses are
/// refused. Throws likewise.
int listen_on_loopback(const std::string& address);

}  // namespace tokengate::daemon

#endif  // TOKENGATE_TOOLS_DAEMON_LISTEN_H_
