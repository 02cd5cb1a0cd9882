// The management daemon `tokengated`: options, sockets, signals. site.cpp has what it answers.
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <stdexcept>
#include <vector>

#include "http_server.h"
#include "listen.h"
#include "log.h"
#include "site.h"

namespace {

using namespace tokengate;
using namespace tokengate::daemon;

struct Options {
  std::string store = "/var/lib/tokengate";
  std::string socket = "/run/tokengate/tokengated.sock";
  std::string socket_mode = "0660";
  std::string socket_group = "www-data";
  std::string listen;
  std::vector<std::string> web_users = {"www-data"};
  std::string public_url;
  int request_seconds = 60;
  int session_minutes = 60;
  int soon_days = 30;
  bool server_login = false;
  bool strict_omission = false;
};

void add_options(CLI::App& app, Options* options) {
  app.add_option("--store", options->store, "Folder of the store")
      ->envname("TOKENGATE_STORE")
      ->capture_default_str();
  app.add_option("--socket", options->socket, "Unix socket that the web server connects to")
      ->capture_default_str();
  app.add_option("--socket-mode", options->socket_mode, "Its mode")->capture_default_str();
  app.add_option("--socket-group", options->socket_group, "Its group: the web server's")
      ->capture_default_str();
  app.add_option("--listen", options->listen,
                 "Also listen on this loopback address and port; only for the page, with one-time links");
  app.add_option("--web-user", options->web_users,
                 "User that the web server's workers run as, and whose identity headers are believed")
      ->capture_default_str();
  app.add_option("--public-url", options->public_url,
                 "Where browsers find the page: https://HOST/tokengate/");
  app.add_flag("--server-login", options->server_login,
               "Believe the web server when it names a person that it authenticated itself, without a token");
  app.add_option("--request-seconds", options->request_seconds, "How long a request may take to arrive")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--session-minutes", options->session_minutes, "How long a session of the page lasts")
      ->check(CLI::Range(1, 24 * 60))
      ->capture_default_str();
  app.add_option("--soon-days", options->soon_days, "How near its end a token is marked on the page")
      ->check(CLI::Range(0, 3650))
      ->capture_default_str();
  app.add_flag("--strict-omission", options->strict_omission,
               "Refuse API calls that would widen a token by leaving a parameter out");
}

uid_t user_id(const std::string& name) {
  const struct passwd* user = getpwnam(name.c_str());
  if (user == nullptr)
    throw std::runtime_error("there is no user \"" + name + "\"; name the web server's with --web-user");
  return user->pw_uid;
}

gid_t group_id(const std::string& name) {
  const struct group* group = getgrnam(name.c_str());
  if (group == nullptr) {
    throw std::runtime_error("there is no group \"" + name + "\"; name the web server's with --socket-group");
  }
  return group->gr_gid;
}

mode_t parse_mode(const std::string& text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos) {
    throw std::runtime_error("\"" + text + "\" is no mode; give octal digits, such as 0660");
  }
  return static_cast<mode_t>(std::stoul(text, nullptr, 8));
}

SiteOptions site_options(const Options& options) {
  SiteOptions site;
  site.store = options.store;
  for (const std::string& name : options.web_users) site.web_users.insert(user_id(name));
  site.login_users = {0, geteuid()};
  site.server_login = options.server_login;
  site.public_url = options.public_url;
  if (!site.public_url.empty() && !site.public_url.ends_with("/tokengate/")) {
    throw std::runtime_error("--public-url must end in /tokengate/, where the page is");
  }
  site.session_s = int64_t{options.session_minutes} * 60;
  site.settings = {.strict_omission = options.strict_omission, .soon_days = options.soon_days};
  return site;
}

/// Serves until a signal says otherwise.
void serve(const Options& options) {
  Site site(site_options(options));
  // Not needed until a request comes, but better known now.
  Result<Admin> store = Admin::open(options.store, Admin::Access::kReadWrite);
  if (!store.ok()) throw std::runtime_error(store.status.message);
  store.value = {};

  sigset_t ending;
  sigemptyset(&ending);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // the servers' threads inherit it
  signal(SIGPIPE, SIG_IGN);

  Handler handler = [&site](const HttpRequest& request) {
    return site.answer(Listener::kWeb, request, std::time(nullptr));
  };
  const std::chrono::seconds longest(options.request_seconds);
  HttpServer server(
      listen_on_path(options.socket, parse_mode(options.socket_mode), group_id(options.socket_group)),
      longest, handler);
  std::optional<HttpServer> page;
  if (!options.listen.empty()) page.emplace(listen_on_loopback(options.listen), longest, handler);
  const std::string login_socket = options.socket + ".login";
  HttpServer login(listen_on_path(login_socket, 0600, getegid()), longest,
                   [&site](const HttpRequest& request) {
                     return site.answer(Listener::kLogin, request, std::time(nullptr));
                   });
  if (!server.is_running() || !login.is_running() || (page && !page->is_running()))
    throw std::runtime_error("the HTTP server does not start");

  log_line("serving {} on {}{}", options.store, options.socket,
           options.listen.empty() ? "" : " and " + options.listen);
  int signal = 0;
  sigwait(&ending, &signal);
  unlink(options.socket.c_str());
  unlink(login_socket.c_str());
  log_line("ended by signal {}", signal);
}

}  // namespace

// What is outside of its two blocks throws only if an option is named wrongly.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  CLI::App app(
      "Management of API tokens: the API that scripts call, and the web page. Runs behind nginx or Apache "
      "httpd.",
      "tokengated");
  app.set_version_flag("--version", TOKENGATE_VERSION);
  Options options;
  add_options(app, &options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Code::kInvalid);
  }
  try {
    serve(options);
  } catch (const std::exception& problem) {
    log_line("{}", problem.what());
    return static_cast<int>(Code::kStore);
  }
  return 0;
}
