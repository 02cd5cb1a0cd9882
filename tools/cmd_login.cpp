// `tokengate login`: asks the daemon for a link that opens the page once.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

struct Options {
  std::string user;
  std::string service = "cpanel";
  std::string socket = "/run/tokengate/tokengated.sock";
};

/// Sends `text` to the socket and returns all that comes back until the other side closes.
std::string converse(const std::string& path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw Failure(Code::kInvalid, "the socket's path is too long");
  path.copy(address.sun_path, path.size());
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    int error = errno;
    close(connection);
    throw Failure(Code::kStore,
                  fmt::format("cannot reach tokengated on {}: {}; start it, or name its socket with --socket",
                              path, std::strerror(error)));
  }
  std::string answer;
  bool sent = send(connection, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  char piece[4096];
  for (ssize_t got = 0; sent && (got = read(connection, piece, sizeof piece)) > 0;) {
    answer.append(piece, static_cast<size_t>(got));
  }
  close(connection);
  return answer;
}

Json ask(const Options& options) {
  std::string body = Json{{"user", options.user}, {"service", options.service}}.dump();
  // The daemon's socket for links, which no web server connects to.
  std::string answer = converse(options.socket + ".login",
                                fmt::format("POST /link HTTP/1.1\r\nHost: tokengate\r\nConnection: close\r\n"
                                            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                                            body.size(), body));
  size_t head = answer.find("\r\n\r\n");
  Json reply = head == std::string::npos ? Json() : Json::parse(answer.substr(head + 4), nullptr, false);
  if (!reply.is_object() || !reply.contains("ok")) {
    throw Failure(Code::kStore, "what listens on " + options.socket + " is not tokengated");
  }
  if (reply["ok"] != true) throw Failure(Code::kRefused, reply.value("error", "refused"));
  return reply["data"];
}

Code login(const Context& context, const Options& options) {
  parse_service(options.service);
  Json link = ask(options);
  if (context.json) {
    print_json(link);
  } else {
    print_line(link.value("link", ""));
  }
  return Code::kOk;
}

}  // namespace

void add_login_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(line.root(),
                                 {"login",
                                  "Print a link that opens the web page once, within ten minutes",
                                  {"tokengate login shop", "tokengate login reseller --service whm"}},
                                 [options](const Context& context) { return login(context, *options); });
  add_argument(verb, "USER", options->user, "The account that the page will act as");
  add_service(verb, options->service, "The service that the page begins with");
  add_value(verb, "--socket", "PATH", options->socket,
            "The daemon's socket (default: /run/tokengate/tokengated.sock)");
}

}  // namespace tokengate::cli
