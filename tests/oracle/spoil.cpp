// Spoils requests: each of these things alone makes a route ambiguous.
#include <fmt/format.h>

#include <algorithm>

#include "draft.h"

namespace tokengate::oracle {
namespace {

void set_body(const std::string& body, Draft* draft) {
  draft->request.body = body;
  draft->request.body_state = Body::kRead;
}

void spoil_path(Choices& choices, Draft* draft) {
  switch (choices.below(8)) {
    case 0:
      draft->path +=
          choices.pick({";",   ";x=1", "%3b", "%3B", "\\", "%5C", "%00", "%0a",  "\x7f", " ",      "%2f",
                        "%2F", "%3f",  "%23", "%25", "%",  "%4",  "%zz", "\xff", "%ff",  "%C2%80", "?"});
      return;
    case 1:
      draft->path += choices.pick({"/.", "/..", "/./", "/../x", "/%2e", "/.%2E", "/ ..", "/..."});
      return;
    case 2:
      draft->path += "//x";
      return;
    case 3: {  // encoding of what needs none
      size_t at = draft->path.find_first_of("abcdefghijklmnopqrstuvwxyz");
      if (at == std::string::npos) draft->path += "%61";
      if (at != std::string::npos)
        draft->path.replace(at, 1, fmt::format("%{:02x}", static_cast<unsigned char>(draft->path[at])));
      return;
    }
    case 4:
      draft->serves_another = true;
      return;
    case 5:
      draft->path = draft->path.substr(std::min(draft->path.find_first_not_of('/'), draft->path.size()));
      return;
    case 6:
      draft->path = choices.pick({"/cpsess/", "/cpsessx/", "///", "/cpsess1/cpsess2/", "/CPSESS1/"}) +
                    draft->path.substr(1);
      return;
    default:
      draft->path = choices.pick(
          {"/Execute/Email/list_pops", "/execute", "/execute/Email", "/execute/Email/a/b", "/json-API/cpanel",
           "/json-api", "/json-api/", "/json-api/Batch", "/xml-api/a/b", "/json-api/a/b/c",
           "/.execute/Email/list_pops", "/json-api/uapi-cpanel", "/execute/Email/list-pops"});
  }
}

void spoil_parameters(Choices& choices, Draft* draft) {
  auto in_query = [&](const std::string& piece) {
    draft->request.query += (draft->request.query.empty() ? "" : "&") + piece;
  };
  std::string other =
      draft->selector == "command" ? "command-9=x&command-9=y" : draft->selector + "=other_one";
  std::string alike = draft->selector;
  switch (choices.below(10)) {
    case 0:
      return in_query(other);
    case 1:
      alike[0] = static_cast<char>(alike[0] - 'a' + 'A');
      return in_query(alike + "=x");
    case 2:
      return in_query(alike + choices.pick({"%5B%5D", "[]", "%00", "%20", "[0]", ".", "%2500"}) + "=x");
    case 3:
      return in_query("a=b;" + alike + "=x");
    case 4:
      draft->request.content_encoded = true;
      return;
    case 5:
      draft->request.body_state = choices.one_in(2) ? Body::kUnreadable : Body::kUnread;
      return;
    case 6:
      return in_query("a#b");
    case 7:
      draft->request.content_type_repeated = true;
      return;
    case 8:
      if (draft->request.body.empty()) set_body("a=b", draft);
      draft->request.content_type = choices.pick(
          {"text/plain; charset=utf-16", "text/plain;charset=\"ebcdic\"", "application/json; charset=UTF-7"});
      return;
    default:
      if (!draft->request.body.empty()) {
        draft->request.body = "\xef\xbb\xbf" + draft->request.body;
      } else {
        set_body("--b\r\nContent-Disposition: form-data; name=\"" + alike + "\"\r\n\r\nx\r\n--b--\r\n",
                 draft);
        draft->request.content_type = "multipart/form-data; boundary=b";
      }
  }
}

}  // namespace

void spoil(Choices& choices, Draft* draft) {
  draft->request.meaning.reading = Reading::kAmbiguous;
  unsigned kinds = draft->chosen ? 3 : 2;
  switch (choices.below(kinds)) {
    case 0:
      return spoil_path(choices, draft);
    case 1:
      if (choices.one_in(2)) {
        draft->request.length_and_chunked = true;
      } else {
        draft->request.method = choices.pick({"get", "", "GE T", "G\n"});
      }
      return;
    default:
      return spoil_parameters(choices, draft);
  }
}

}  // namespace tokengate::oracle
