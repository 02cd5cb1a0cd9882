// From a request to its answer: who is it, what is asked, who answers.
#include "site.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "assets.h"
#include "log.h"
#include "manage/manage.h"

namespace tokengate::daemon {
namespace {

using nlohmann::json;

constexpr std::string_view kPage = "/tokengate/";
constexpr std::string_view kPageCalls = "/tokengate/api/";
constexpr std::string_view kCookie = "__Secure-tokengate";
constexpr std::string_view kStoreAway = "The token store cannot be used now; the server's log says why.";

// No script, style or request but our own, and nobody's frame.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";

HttpReply plain(int status, std::string_view text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::string(text) + '\n'};
}

HttpReply page_reply(int status, const json& body) {
  return {status, {{"Content-Type", "application/json"}}, body.dump()};
}

HttpReply page_refusal(int status, std::string_view error) {
  return page_reply(status, {{"ok", false}, {"error", error}});
}

void protect(HttpReply* reply) {
  auto& headers = reply->headers;
  headers.emplace_back("Cache-Control", "no-store");
  headers.emplace_back("Content-Security-Policy", kContentPolicy);
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("X-Frame-Options", "DENY");
}

/// Calls that change nothing; a change that is asked of a store opened for them is refused.
Admin::Access access_of(std::string_view call) {
  for (std::string_view reading : {"login", "session", "account", "accounts", "tokens", "list", "get_details",
                                   "api_token_list", "api_token_get_details"}) {
    if (call == reading) return Admin::Access::kReadOnly;
  }
  return Admin::Access::kReadWrite;
}

/// The values of our cookie: a neighbouring host can set one of the same name besides.
std::vector<std::string_view> cookies_of(const HttpRequest& request) {
  const std::string* cookies = request.header("Cookie");
  std::vector<std::string_view> found;
  std::string_view rest = cookies == nullptr ? std::string_view() : *cookies;
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (!pair.starts_with(kCookie) || pair.substr(kCookie.size(), 1) != "=") continue;
    found.push_back(pair.substr(kCookie.size() + 1));
  }
  return found;
}

/// Whether a call comes from our own page: a form or an image of another site can send neither the field nor
/// the type, and its scripts are not allowed to (Fetch standard, CORS-safelisted request headers). A browser
/// also says itself where a request comes from.
bool comes_from_the_page(const HttpRequest& request) {
  const std::string* mark = request.header("X-Tokengate-Page");
  const std::string* type = request.header("Content-Type");
  const std::string* site = request.header("Sec-Fetch-Site");
  return mark != nullptr && *mark == "1" && type != nullptr && type->starts_with("application/json") &&
         site != nullptr && (site->empty() || *site == "same-origin");
}

/// Whom the page takes itself to be signed in as. The browser's tabs share one session: what is asked in one
/// must not be done as whoever signed in by another.
constexpr std::string_view kAs = "X-Tokengate-As";

std::string as_text(const manage::Identity& caller) {
  return fmt::format("{}/{}", caller.user, service_name(caller.service));
}

/// Why the caller cannot have meant this call; empty if it can. Only the question who it is may come without
/// a name.
std::string why_not_meant(const HttpRequest& request, const manage::Identity& caller, std::string_view name) {
  const std::string* as = request.header(kAs);
  if (name == "session" && !request.has(kAs)) return {};
  const std::string now = as_text(caller);
  if (as != nullptr && *as == now) return {};
  return fmt::format("You are signed in as {} now. Nothing was done; reload the page.", now);
}

/// A number that the web server wrote, from 1 on; 0 if the field is missing, repeated, or anything else.
template <class Number>
Number number_of(const HttpRequest& request, std::string_view name) {
  const std::string* text = request.header(name);
  Number number = 0;
  if (text == nullptr) return 0;
  const char* end = text->data() + text->size();
  auto [stop, error] = std::from_chars(text->data(), end, number);
  return error == std::errc() && stop == end ? number : 0;
}

/// A browser that knows a token, from its dialog for user and password, sends it along by itself with
/// whatever another site makes it ask; and says of that whose it is. What is no browser says nothing.
bool is_another_sites_doing(const HttpRequest& request) {
  const std::string* site = request.header("Sec-Fetch-Site");
  return request.has("Sec-Fetch-Site") && (site == nullptr || (*site != "same-origin" && *site != "none"));
}

/// A link that is clicked in a mail comes from no site, but is not the user's own doing either. And a browser
/// that says no more than the origin of a form says at least that.
bool is_another_hosts_doing(const HttpRequest& request) {
  const std::string* mode = request.header("Sec-Fetch-Mode");
  if (mode == nullptr || *mode == "navigate") return true;
  if (!request.has("Origin")) return false;
  const std::string* origin = request.header("Origin");
  const std::string* host = request.header("Host");
  if (origin == nullptr || host == nullptr || host->empty()) return true;
  return *origin != "https://" + *host && *origin != "http://" + *host;
}

/// What the web server says of a caller: of each the username and the service, of a token three more headers.
/// One of the three is enough: a caller with a token must never pass for a person.
bool names_token(const HttpRequest& request) {
  return request.has(kTokenHeader) || request.has(kTokenIdHeader) || request.has(kSecretSerialHeader);
}

/// The first of the fields of such a caller that is missing, repeated or malformed; empty if there is none.
std::string_view unusable_field(const HttpRequest& request, bool with_token) {
  for (std::string_view name : {kUserHeader, kServiceHeader, kTokenHeader}) {
    if (name == kTokenHeader && !with_token) return {};
    if (const std::string* text = request.header(name); text == nullptr || text->empty()) return name;
  }
  if (number_of<uint64_t>(request, kTokenIdHeader) == 0) return kTokenIdHeader;
  if (number_of<uint32_t>(request, kSecretSerialHeader) == 0) return kSecretSerialHeader;
  return {};
}

const char* via_name(manage::Identity::Via via) {
  switch (via) {
    case manage::Identity::Via::kServer:
      return "server";
    case manage::Identity::Via::kToken:
      return "token";
    case manage::Identity::Via::kSession:
      return "session";
    case manage::Identity::Via::kShell:
      return "shell";
  }
  return "-";
}

}  // namespace

/// A request being answered: what is known of its sender.
struct Site::RequestContext {
  int64_t now_unix_s = 0;
  bool identified = false;
  manage::Identity caller;
  bool refused = false;  ///< though with status 200
  /// Opened for each request once its sender is known: a store that was replaced is followed, and none is
  /// held open in between.
  Result<Admin> store{{Code::kStore, "the store was not opened"}, {}};
};

/// One request at a time; whatever is thrown, its store is closed before the next one's is opened.
struct Turn {
  std::lock_guard<std::mutex> lock;
  Result<Admin>& store;
  ~Turn() { store = {}; }
};

/// Thrown: the store cannot be used. The log says why.
struct StoreAway {};

Site::Site(SiteOptions options) : options_(std::move(options)), sessions_(options_.session_s) {}

HttpReply Site::answer(Listener listener, const HttpRequest& request, int64_t now_unix_s) noexcept {
  try {
    RequestContext context;
    context.now_unix_s = now_unix_s;
    HttpReply reply;
    {
      Turn turn{std::lock_guard(mutex_), context.store};
      try {
        reply = route(listener, request, &context);
      } catch (const StoreAway&) {
        reply = page_refusal(503, kStoreAway);
      }
    }
    protect(&reply);
    const manage::Identity& caller = context.caller;
    const bool known = context.identified;
    log_line("{} {} status={} ok={:d} user={} service={} via={} token={}", LogWord{request.method},
             LogWord{request.path}, reply.status, reply.status < 400 && !context.refused,
             LogWord{known ? std::string_view(caller.user) : ""}, known ? service_name(caller.service) : "-",
             known ? via_name(caller.via) : "-", LogWord{known ? std::string_view(caller.token) : ""});
    return reply;
  } catch (const std::exception& problem) {
    log_line("{}", problem.what());
    return {500, {}, {}};
  }
}

HttpReply Site::route(Listener listener, const HttpRequest& request, RequestContext* context) {
  std::string_view path = request.path;
  if (listener == Listener::kWeb && path.starts_with(kPage)) {
    const Asset* asset = find_asset(path.substr(kPage.size()));
    if (asset != nullptr) return page(request, *asset);
  }
  if (listener == Listener::kLogin) return make_link(request, context);
  if (path == "/tokengate") return {308, {{"Location", std::string(kPage)}}, {}};
  if (path.starts_with(kPageCalls)) return page_call(request, context, path.substr(kPageCalls.size()));
  if (path.starts_with(kPage)) return plain(404, "There is no such page.");
  return api_call(request, context);
}

Admin& Site::open_store(RequestContext* context, Admin::Access access) const {
  context->store = Admin::open(options_.store, access);
  if (context->store.ok()) return context->store.value;
  log_line("{}", context->store.status.message);
  throw StoreAway{};
}

HttpReply Site::page(const HttpRequest& request, const Asset& asset) {
  if (request.method != "GET" && request.method != "HEAD") return plain(405, "This page is only read.");
  return {200, {{"Content-Type", std::string(asset.content_type)}}, std::string(asset.content)};
}

HttpReply Site::sent(const manage::Reply& reply, RequestContext* context) {
  context->refused = !reply.ok;
  return {reply.status, {{"Content-Type", reply.content_type}}, reply.body};
}

HttpReply Site::page_call(const HttpRequest& request, RequestContext* context, std::string_view name) {
  if (request.method != "POST") return page_refusal(405, "Calls of the page are POST requests.");
  if (!comes_from_the_page(request)) return page_refusal(403, "This is not a request of the page itself.");
  const bool by_headers = identify_by_headers(request, context);
  const Guest* guest = by_headers ? nullptr : find_guest(request, context->now_unix_s);
  if (by_headers || guest != nullptr) {
    // A session ends even while the store cannot be opened.
    if (name != "logout") open_store(context, access_of(name));
    if (guest != nullptr) identify_by_session(*guest, name != "logout", context);
  }
  if (!context->identified && name != "login") return page_refusal(401, "Nobody is signed in.");
  if (context->identified) {
    const std::string problem = why_not_meant(request, context->caller, name);
    if (!problem.empty()) return page_refusal(409, problem);
  }
  if (name == "login") return redeem_link(request, context);
  if (name == "logout") return log_out(request);
  const manage::Reply reply =
      manage::answer_page(context->store.value, options_.settings,
                          {request.method, request.path, request.query, "application/json", request.body,
                           context->caller, context->now_unix_s},
                          name);
  return sent(reply, context);
}

/// Whose session the request came with; null if that is nobody's, or not clear.
const Guest* Site::find_guest(const HttpRequest& request, int64_t now_unix_s) {
  const Guest* found = nullptr;
  for (std::string_view cookie : cookies_of(request)) {
    const Guest* guest = sessions_.find(cookie, now_unix_s);
    if (found != nullptr && guest != nullptr && found != guest) return nullptr;
    if (guest != nullptr) found = guest;
  }
  return found;
}

void Site::end_sessions(const HttpRequest& request) {
  for (std::string_view cookie : cookies_of(request)) sessions_.end(cookie);
}

HttpReply Site::log_out(const HttpRequest& request) {
  end_sessions(request);
  HttpReply reply = page_reply(200, {{"ok", true}, {"data", json::object()}});
  reply.headers.emplace_back(
      "Set-Cookie",
      fmt::format("{}=; Path={}; Max-Age=0; Secure; HttpOnly; SameSite=Strict", kCookie, kPage));
  return reply;
}

/// Scripts come with a token, through the web server. What a browser sends along by itself, a cookie or the
/// login of a person, counts for nothing here: another site could have made it send the request.
HttpReply Site::api_call(const HttpRequest& request, RequestContext* context) {
  const std::string_view path = request.path;
  const bool known = identify_by_headers(request, context);
  const Admin::Access access = access_of(path.substr(path.rfind('/') + 1));
  if (is_another_sites_doing(request) ||
      (access == Admin::Access::kReadWrite && is_another_hosts_doing(request))) {
    return plain(403, "The management API answers no call that another site or a link made a browser send.");
  }
  if (!known || context->caller.via != manage::Identity::Via::kToken) {
    std::string text =
        "The management API is reached through the web server, which verifies the token first.";
    std::string_view field = unusable_field(request, true);
    if (is_web_server(request) && !field.empty()) {
      text += fmt::format(" It has to send {} once, with a value of Tokengate's.", field);
    }
    return plain(403, text);
  }
  const std::string* type = request.header("Content-Type");
  const manage::Request call = {
      request.method, request.path,    request.query,       type == nullptr ? "" : *type,
      request.body,   context->caller, context->now_unix_s, request.has("Content-Encoding")};
  if (type == nullptr)
    return sent(manage::refuse_api(call, 400, "There is more than one Content-Type."), context);
  try {
    Admin& store = open_store(context, access);
    return sent(manage::answer_api(store, options_.settings, call), context);
  } catch (const StoreAway&) {
    return sent(manage::refuse_api(call, 503, kStoreAway), context);
  }
}

bool Site::is_web_server(const HttpRequest& request) const {
  return request.peer.has_value() && options_.web_users.contains(*request.peer);
}

bool Site::identify_by_headers(const HttpRequest& request, RequestContext* context) const {
  if (!is_web_server(request)) return false;
  const bool with_token = names_token(request);
  if (!with_token && !options_.server_login) return false;
  if (!unusable_field(request, with_token).empty()) return false;
  const std::string& service = *request.header(kServiceHeader);
  if (service != "cpanel" && service != "whm") return false;
  manage::Identity& caller = context->caller;
  caller.user = *request.header(kUserHeader);
  caller.service = service == "whm" ? Service::kWhm : Service::kCpanel;
  caller.via = with_token ? manage::Identity::Via::kToken : manage::Identity::Via::kServer;
  if (with_token) {
    caller.token = *request.header(kTokenHeader);
    caller.token_id = number_of<uint64_t>(request, kTokenIdHeader);
    caller.secret_serial = number_of<uint32_t>(request, kSecretSerialHeader);
  }
  context->identified = true;
  return true;
}

void Site::identify_by_session(const Guest& guest, bool check_account, RequestContext* context) {
  if (check_account) {
    Result<Account> account = context->store.value.find_account(guest.user);
    if (!account.ok() || account.value.id != guest.account_id) return;
  }
  name_guest(guest, manage::Identity::Via::kSession, context);
}

void Site::name_guest(const Guest& guest, manage::Identity::Via via, RequestContext* context) {
  context->caller = {};
  context->caller.user = guest.user;
  context->caller.service = guest.service;
  context->caller.via = via;
  context->identified = true;
}

/// `tokengate login` asks for it, as root or as the daemon's own user.
HttpReply Site::make_link(const HttpRequest& request, RequestContext* context) {
  if (request.method != "POST" || !request.peer.has_value() ||
      !options_.login_users.contains(*request.peer)) {
    return page_refusal(403, "Only the store's owner may make links, on this host.");
  }
  json wanted = json::parse(request.body, nullptr, false);
  if (!wanted.is_object() || !wanted["user"].is_string() || !wanted["service"].is_string()) {
    return page_refusal(400, "A link needs a user and a service.");
  }
  Guest guest{.user = wanted["user"]};
  guest.service = wanted["service"] == "whm" ? Service::kWhm : Service::kCpanel;
  name_guest(guest, manage::Identity::Via::kShell, context);
  Result<Account> account = open_store(context, Admin::Access::kReadOnly).find_account(guest.user);
  if (!account.ok()) return page_refusal(404, account.status.message);
  guest.account_id = account.value.id;
  std::string key = sessions_.make_link(guest, context->now_unix_s);
  if (key.empty()) return page_refusal(500, "The system gave no random bytes.");
  std::string base = options_.public_url.empty() ? std::string(kPage) : options_.public_url;
  return page_reply(200,
                    {{"ok", true}, {"data", {{"link", base + "#login=" + key}, {"seconds", kLinkSeconds}}}});
}

HttpReply Site::redeem_link(const HttpRequest& request, RequestContext* context) {
  json wanted = json::parse(request.body, nullptr, false);
  std::optional<std::string> session;
  if (wanted.is_object() && wanted["key"].is_string()) {
    session = sessions_.redeem(wanted["key"].get<std::string>(), context->now_unix_s);
  }
  if (!session) {
    context->refused = true;
    return page_refusal(
        200, "This link does not work, or no longer: links work once, for ten minutes. Make a new one.");
  }
  end_sessions(request);
  if (const Guest* guest = sessions_.find(*session, context->now_unix_s)) {
    name_guest(*guest, manage::Identity::Via::kSession, context);
  }
  HttpReply reply = page_reply(200, {{"ok", true}, {"data", json::object()}});
  reply.headers.emplace_back(
      "Set-Cookie", fmt::format("{}={}; Path={}; Max-Age={}; Secure; HttpOnly; SameSite=Strict", kCookie,
                                *session, kPage, sessions_.session_s()));
  return reply;
}

}  // namespace tokengate::daemon
