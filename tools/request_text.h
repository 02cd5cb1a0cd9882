/// An HTTP request as text -> what the verifier is asked about. For `verify` and `explain`, which read one
/// request where a web server would have read it.
#ifndef TOKENGATE_TOOLS_REQUEST_TEXT_H_
#define TOKENGATE_TOOLS_REQUEST_TEXT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokengate/verify.h"

namespace tokengate::cli {

/// Owns the bytes that call() and credential_fields() view into.
class RequestText {
 public:
  /// Parses a request line, header lines and, after an empty line, a body. Lines end in CR LF or LF. The
  /// version may be missing; nothing but the request line is needed. Without a Content-Length or
  /// Transfer-Encoding the body is all that follows the empty line. Throws a Failure that names the bad line.
  explicit RequestText(std::string_view text);
  RequestText(const RequestText&) = delete;
  RequestText& operator=(const RequestText&) = delete;

  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }

  /// `key_header`: the header that may hold a bare token; empty: none.
  CredentialFields credential_fields(std::string_view key_header) const;

  /// Valid as long as this object.
  Call call();

 private:
  void read_request_line(std::string_view line);
  void read_body(std::string_view rest);
  /// The value of the first such field, and how many there are.
  std::pair<std::string_view, unsigned> field(std::string_view name) const;

  std::string method_, target_, wire_path_, served_path_, query_, body_;
  std::vector<std::pair<std::string, std::string>> fields_;
  Body body_state_ = Body::kNone;
  std::vector<char> scratch_;
};

/// The address of the client: an IPv4 or IPv6 address, or `unix` for a Unix socket. Throws a Failure.
Address parse_client(const std::string& text);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_REQUEST_TEXT_H_
