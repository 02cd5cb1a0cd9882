/// Management of tokens: one request in, at most one change of the store, one reply out. What the daemon and
/// the command line include, with request.h.
///
/// The reply is always whole and in the envelope of the API that was called. Nothing here throws, logs, or
/// knows the time or the environment, except for the time zone (TZ) in which the page means its dates. Rights
/// are read from the store within each request; a change that fails has changed nothing. As thread-safe as
/// the Admin: one caller at a time.
#ifndef TOKENGATE_TOOLS_MANAGE_MANAGE_H_
#define TOKENGATE_TOOLS_MANAGE_MANAGE_H_

#include <string_view>

#include "request.h"
#include "tokengate/admin.h"

namespace tokengate::manage {

/// Answers a call of UAPI or WHM API 1: `/execute/…`, `/json-api/…`, `/xml-api/…`, with all that clients put
/// around them (README.md in this folder). Also for any other path: then the reply says so, with status 404.
Reply answer_api(Admin& admin, const Settings& settings, const Request& request) noexcept;

/// The answer to a call of such an API that the front end cannot have answered: `status`, and `text`, one
/// sentence, in the envelope in which the call would have been answered. Needs no store.
Reply refuse_api(const Request& request, int status, std::string_view text) noexcept;

/// Answers a call of the page: `name` is what follows `/tokengate/api/` in the path; the body is a JSON
/// object, and so is the reply: `{"ok":true,"data":…}` or `{"ok":false,"error":"one
/// sentence","field":"name"}`, with status 200, and 404 for a name that does not exist. page_api.cpp lists
/// the names, what each takes and what it gives. `login` and `logout` are the daemon's own and are not among
/// them. The caller of this has checked that the page itself sends (headers, origin).
Reply answer_page(Admin& admin, const Settings& settings, const Request& request,
                  std::string_view name) noexcept;

}  // namespace tokengate::manage

#endif  // TOKENGATE_TOOLS_MANAGE_MANAGE_H_
