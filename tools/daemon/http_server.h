/// The daemon's HTTP side: sockets, peers, limits. What to answer is the handler's business.
#ifndef TOKENGATE_TOOLS_DAEMON_HTTP_SERVER_H_
#define TOKENGATE_TOOLS_DAEMON_HTTP_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct MHD_Daemon;

namespace tokengate::daemon {

/// The most that a request's body may hold.
inline constexpr size_t kMaxBodyBytes = size_t{256} * 1024;

struct HttpRequest {
  std::string method;
  std::string path;   ///< as it stood on the wire, without the query
  std::string query;  ///< raw, without the `?`
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED); none for TCP.
  std::optional<uid_t> peer;

  /// The value of the field, any case; empty if there is none. Null if there are several: nothing that we
  /// read may repeat.
  const std::string* header(std::string_view name) const;
  bool has(std::string_view name) const;
};

struct HttpReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// Called on the server's own thread, one for each server. Must not throw.
using Handler = std::function<HttpReply(const HttpRequest&)>;

/// Serves a listening socket, which it takes over, until it is destroyed. Requests under way are finished
/// then. At most 256 connections, for one request each, and 20 seconds of silence on each. A request that is
/// not whole `longest_request` after its first line is dropped when its head is complete, or when more of its
/// body comes: a head that never ends is bounded by silence and size alone.
class HttpServer {
 public:
  HttpServer(int listening_socket, std::chrono::seconds longest_request, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  bool is_running() const { return server_ != nullptr; }

 private:
  struct Exchange;
  friend struct Callbacks;

  Handler handler_;
  std::chrono::seconds longest_request_;
  MHD_Daemon* server_ = nullptr;
};

}  // namespace tokengate::daemon

#endif  // TOKENGATE_TOOLS_DAEMON_HTTP_SERVER_H_
