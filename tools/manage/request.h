/// A management request as it came in, who sent it, and the answer. What the front ends (the daemon behind a
/// web server, the command line) hand to manage.h; nothing here knows a socket or a server.
#ifndef TOKENGATE_TOOLS_MANAGE_REQUEST_H_
#define TOKENGATE_TOOLS_MANAGE_REQUEST_H_

#include <cstdint>
#include <string>

#include "tokengate/verify.h"

namespace tokengate::manage {

/// Who sends a request, as the front end has established it. It says who, never what they may do: that is
/// read from the store with each request.
struct Identity {
  /// How the front end knows.
  enum class Via : uint8_t {
    kServer,   ///< the web server authenticated a person
    kToken,    ///< the web server verified a token: `token` names it
    kSession,  ///< a session of the page
    kShell,    ///< whoever runs the command line: `shell_user`
  };

  std::string user;  ///< username of the account
  Service service = Service::kCpanel;
  Via via = Via::kServer;
  std::string token;  ///< the token's name; empty unless via is kToken, and then never
  /// With a token: its id and which of its secrets came, as the web server saw them (Caller in verify.h).
  /// While a request waits for its body, a name can be taken again and a secret replaced. Never 0 then.
  uint64_t token_id = 0;
  uint32_t secret_serial = 0;
  std::string shell_user;  ///< with kShell: such as "cli:alice"; for the journal

  bool is_person() const { return via != Via::kToken; }
};

struct Request {
  std::string method;        ///< GET, HEAD or POST
  std::string path;          ///< as it stood on the wire, without the query
  std::string query;         ///< raw, without the `?`
  std::string content_type;  ///< raw value; empty: none
  std::string body;          ///< whole, after transfer decoding
  Identity caller;
  int64_t now_unix_s = 0;
  bool content_encoded = false;  ///< a Content-Encoding field came with it; its body is never looked into
};

struct Reply {
  int status = 200;
  std::string content_type;
  std::string body;
  bool ok = false;  ///< done as asked; what is refused or fails mostly has status 200 too
};

/// What the admin can set; one value for all requests of a front end.
struct Settings {
  /// A parameter left out that would widen a token (WHM API 1: `acl`, `expires_at`, `whitelist_ip`) refuses
  /// the call instead of widening it.
  bool strict_omission = false;
  int soon_days = 30;  ///< how near the end of a token is marked on the page
};

/// The most that a query or a body may hold, and the most parameters in both.
inline constexpr size_t kMaxParameterBytes = size_t{1} << 20;
inline constexpr size_t kMaxParameters = 1000;

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_REQUEST_H_
