/// What the daemon answers: the page, its sessions, and the management API. No sockets, so that it can be
/// tested without any.
#ifndef TOKENGATE_TOOLS_DAEMON_SITE_H_
#define TOKENGATE_TOOLS_DAEMON_SITE_H_

#include <sys/types.h>

#include <mutex>
#include <set>
#include <string>

#include "http_server.h"
#include "manage/request.h"
#include "sessions.h"
#include "tokengate/admin.h"

namespace tokengate::daemon {

struct SiteOptions {
  std::string store;
  std::set<uid_t> web_users;    ///< whose identity headers are believed
  std::set<uid_t> login_users;  ///< who may ask for one-time links
  /// Believe the web server, too, when it names a person without a token (its own authentication).
  bool server_login = false;
  std::string public_url;  ///< of the page, ends in `/`; empty: links hold the path alone
  int64_t session_s = 3600;
  manage::Settings settings;
};

struct Asset;

/// Where a request came in. Links are made at a socket of their own, which no web server connects to: what is
/// asked there cannot have come from a browser.
enum class Listener { kWeb, kLogin };

/// Thread-safe.
class Site {
 public:
  explicit Site(SiteOptions options);

  /// Answers, and writes one line to the log: who, what, how it ended; never a parameter or a key.
  HttpReply answer(Listener listener, const HttpRequest& request, int64_t now_unix_s) noexcept;

 private:
  struct RequestContext;
  HttpReply route(Listener listener, const HttpRequest& request, RequestContext* context);
  static HttpReply page(const HttpRequest& request, const Asset& asset);
  static HttpReply sent(const manage::Reply& reply, RequestContext* context);
  HttpReply page_call(const HttpRequest& request, RequestContext* context, std::string_view name);
  HttpReply log_out(const HttpRequest& request);
  HttpReply api_call(const HttpRequest& request, RequestContext* context);
  HttpReply make_link(const HttpRequest& request, RequestContext* context);
  HttpReply redeem_link(const HttpRequest& request, RequestContext* context);
  bool identify_by_headers(const HttpRequest& request, RequestContext* context) const;
  const Guest* find_guest(const HttpRequest& request, int64_t now_unix_s);
  static void identify_by_session(const Guest& guest, bool check_account, RequestContext* context);
  void end_sessions(const HttpRequest& request);
  static void name_guest(const Guest& guest, manage::Identity::Via via, RequestContext* context);
  Admin& open_store(RequestContext* context, Admin::Access access) const;
  bool is_web_server(const HttpRequest& request) const;

  const SiteOptions options_;
  std::mutex mutex_;  // one request at a time: an environment is opened once in a process
  Sessions sessions_;
};

}  // namespace tokengate::daemon

#endif  // TOKENGATE_TOOLS_DAEMON_SITE_H_
