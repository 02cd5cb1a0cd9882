// libmicrohttpd behind the types of http_server.h.
#include "http_server.h"

#include <microhttpd.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

#include "log.h"

namespace tokengate::daemon {
namespace {

constexpr unsigned kMaxConnections = 256;
constexpr unsigned kSilenceSeconds = 20;
/// For the head of a request as libmicrohttpd keeps it, each parameter of the query included: some 80 bytes
/// for one of two characters. Enough for the longest request line that nginx and Apache pass on by default (8
/// KiB); without memory for them, libmicrohttpd closes the connection without an answer. A connection takes
/// of it what its request needs; kept for a second one it would hold all, which libmicrohttpd clears by
/// writing.
constexpr size_t kHeadBytes = size_t{512} * 1024;

bool is_named(const std::string& field, std::string_view name) {
  return field.size() == name.size() && strncasecmp(field.data(), name.data(), name.size()) == 0;
}

}  // namespace

/// One request while it comes in. libmicrohttpd hands it back to us until it is done.
struct HttpServer::Exchange {
  std::string target;  // as it stood on the wire
  HttpRequest request;
  bool begun = false;
  bool too_large = false;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// What libmicrohttpd calls. C stands on both sides: nothing may be thrown through it.
struct Callbacks {
  static void* begin(void*, const char* target, MHD_Connection*) noexcept {
    try {
      auto exchange = std::make_unique<HttpServer::Exchange>();
      exchange->target = target;
      return exchange.release();
    } catch (...) {
      return nullptr;  // and so refused in serve()
    }
  }

  static void end(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode code) noexcept {
    auto* exchange = static_cast<HttpServer::Exchange*>(*context);
    if (exchange != nullptr && code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) {
      log_dropped(*exchange, "the client was silent for too long");
    }
    delete exchange;
    *context = nullptr;
  }

  static void log_dropped(const HttpServer::Exchange& exchange, std::string_view why) noexcept {
    const HttpRequest& request = exchange.request;
    log_line("{} {} dropped: {}", LogWord{request.method}, LogWord{request.path}, why);
  }

  static MHD_Result serve(void* server, MHD_Connection* connection, const char*, const char* method,
                          const char*, const char* piece, size_t* piece_bytes, void** context) noexcept {
    auto* exchange = static_cast<HttpServer::Exchange*>(*context);
    if (exchange == nullptr) return MHD_NO;
    auto* self = static_cast<HttpServer*>(server);
    // It cannot be answered before it is whole: libmicrohttpd has no answer in the middle of a body.
    if (std::chrono::steady_clock::now() - exchange->start > self->longest_request_) {
      log_dropped(*exchange, "it took too long to arrive");
      return MHD_NO;
    }
    try {
      if (!exchange->begun) {
        exchange->begun = true;
        read_head(connection, method, exchange);
        return MHD_YES;
      }
      HttpRequest& request = exchange->request;
      if (*piece_bytes > 0) {
        if (request.body.size() + *piece_bytes > kMaxBodyBytes) exchange->too_large = true;
        if (!exchange->too_large) request.body.append(piece, *piece_bytes);
        *piece_bytes = 0;
        return MHD_YES;
      }
      if (exchange->too_large)
        return answer(connection, {413, {{"Content-Type", "text/plain"}}, "The body is too large.\n"});
      return answer(connection, self->handler_(request));
    } catch (...) {
      return MHD_NO;  // closes the connection
    }
  }

  static void read_head(MHD_Connection* connection, const char* method, HttpServer::Exchange* exchange) {
    HttpRequest& request = exchange->request;
    request.method = method;
    size_t mark = exchange->target.find('?');
    request.path = exchange->target.substr(0, mark);
    if (mark != std::string::npos) request.query = exchange->target.substr(mark + 1);
    MHD_get_connection_values(
        connection, MHD_HEADER_KIND,
        [](void* headers, MHD_ValueKind, const char* name, const char* value) noexcept {
          try {
            static_cast<decltype(HttpRequest::headers)*>(headers)->emplace_back(
                name, value == nullptr ? "" : value);
            return MHD_YES;
          } catch (...) {
            return MHD_NO;
          }
        },
        &request.headers);
    request.peer = peer_of(connection);
  }

  static std::optional<uid_t> peer_of(MHD_Connection* connection) {
    const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_storage address {};
    socklen_t size = sizeof address;
    if (info == nullptr || getsockname(info->connect_fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        address.ss_family != AF_UNIX) {
      return std::nullopt;
    }
    struct ucred peer {};
    size = sizeof peer;
    if (getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.uid;
  }

  static MHD_Result answer(MHD_Connection* connection, const HttpReply& reply) {
    MHD_Response* response = MHD_create_response_from_buffer(
        reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    for (const auto& [name, value] : reply.headers) {
      MHD_add_response_header(response, name.c_str(), value.c_str());
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");  // see kHeadBytes
    MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(reply.status), response);
    MHD_destroy_response(response);
    return queued;
  }
};

bool HttpRequest::has(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return is_named(header.first, name); });
}

const std::string* HttpRequest::header(std::string_view name) const {
  static const std::string kNone;
  const std::string* found = &kNone;
  for (const auto& [field, value] : headers) {
    if (!is_named(field, name)) continue;
    if (found != &kNone) return nullptr;
    found = &value;
  }
  return found;
}

HttpServer::HttpServer(int listening_socket, std::chrono::seconds longest_request, Handler handler)
    : handler_(std::move(handler)), longest_request_(longest_request) {
  server_ = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, nullptr, nullptr,
                             &Callbacks::serve, this,                                  //
                             MHD_OPTION_LISTEN_SOCKET, listening_socket,               //
                             MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,             //
                             MHD_OPTION_CONNECTION_TIMEOUT, kSilenceSeconds,           //
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHeadBytes,           //
                             MHD_OPTION_STRICT_FOR_CLIENT, 1,                          //
                             MHD_OPTION_URI_LOG_CALLBACK, &Callbacks::begin, nullptr,  //
                             MHD_OPTION_NOTIFY_COMPLETED, &Callbacks::end, nullptr, MHD_OPTION_END);
}

HttpServer::~HttpServer() {
  if (server_ != nullptr) MHD_stop_daemon(server_);
}

}  // namespace tokengate::daemon
