// Makes listening sockets.
#include "listen.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace tokengate::daemon {
namespace {

constexpr int kBacklog = 128;

[[noreturn]] void fail(int socket, const std::string& what, const char* cure) {
  int error = errno;
  if (socket >= 0) close(socket);
  throw std::runtime_error(fmt::format("cannot {}: {}; {}", what, std::strerror(error), cure));
}

int new_socket(int family) {
  int made = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) fail(-1, "make a socket", "raise the limit on open files");
  return made;
}

bool is_answered(const sockaddr_un& address) {
  int probe = new_socket(AF_UNIX);
  bool answered = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return answered;
}

}  // namespace

int listen_on_path(const std::string& path, mode_t mode, gid_t group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    throw std::runtime_error(fmt::format("a socket's path has 1 to {} bytes", sizeof address.sun_path - 1));
  }
  path.copy(address.sun_path, path.size());
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode))
      throw std::runtime_error(path + " is there and no socket; name another path");
    if (is_answered(address))
      throw std::runtime_error("a daemon is listening on " + path + " already; stop it first");
    unlink(path.c_str());
  }
  int made = new_socket(AF_UNIX);
  // Nobody gets in before mode and group are right.
  mode_t before = umask(0777);
  int bound = bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0) fail(made, "listen on " + path, "make its folder, and be allowed to write there");
  if (chown(path.c_str(), static_cast<uid_t>(-1), group) != 0 || chmod(path.c_str(), mode) != 0) {
    fail(made, "give " + path + " its group and mode", "be root, or a member of that group");
  }
  if (listen(made, kBacklog) != 0) fail(made, "listen on " + path, "look at the system's log");
  return made;
}

int listen_on_loopback(const std::string& text) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  bool has_port =
      colon != std::string::npos && std::from_chars(text.data() + colon + 1, end, port).ptr == end;
  bool is_v6 = host == "[::1]";
  bool is_v4 = inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1 && ntohl(v4.sin_addr.s_addr) >> 24 == 127;
  if (!has_port || port == 0 || (!is_v4 && !is_v6)) {
    throw std::runtime_error(
        fmt::format("\"{}\" is no loopback address with a port, such as 127.0.0.1:8643", text));
  }
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  int made = new_socket(is_v6 ? AF_INET6 : AF_INET);
  int on = 1;
  setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto* address = is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  if (bind(made, address, is_v6 ? sizeof v6 : sizeof v4) != 0 || listen(made, kBacklog) != 0) {
    fail(made, "listen on " + text, "choose a port that is free");
  }
  return made;
}

}  // namespace tokengate::daemon
