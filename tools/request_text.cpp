// Reads an HTTP request from text, as far as decisions need it.
#include "request_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "cli.h"

namespace tokengate::cli {
namespace {

/// Takes one line off the front of `*rest`, without its end.
std::string_view take_line(std::string_view* rest) {
  const size_t end = rest->find('\n');
  std::string_view line = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Percent-decoded once, as a server does. What is not well formed stays: its wire form is refused anyway.
std::string decoded_once(std::string_view path) {
  std::string decoded;
  for (size_t i = 0; i < path.size(); ++i) {
    const int high = path[i] == '%' && i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low >= 0) {
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      decoded.push_back(path[i]);
    }
  }
  return decoded;
}

std::optional<size_t> parse_size(std::string_view text, int base) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The content of a chunked body (RFC 9112 7.1); nothing if it is not whole.
std::optional<std::string> dechunked(std::string_view rest) {
  std::string body;
  while (true) {
    const std::string_view line = take_line(&rest);
    const std::optional<size_t> size = parse_size(trim(line.substr(0, line.find(';'))), 16);
    if (!size) return std::nullopt;
    if (*size == 0) return body;
    if (*size > rest.size()) return std::nullopt;
    body.append(rest.substr(0, *size));
    rest.remove_prefix(*size);
    if (!take_line(&rest).empty()) return std::nullopt;
  }
}

}  // namespace

RequestText::RequestText(std::string_view text) {
  read_request_line(take_line(&text));
  for (size_t number = 2; !text.empty(); ++number) {
    const std::string_view line = take_line(&text);
    if (line.empty()) {
      read_body(text);
      return;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line.find_first_of(" \t") < colon) {
      // The line itself is not repeated: it could hold a token.
      throw Failure(Code::kInvalid,
                    fmt::format("line {} of the request is not a header: write `Name: value`", number));
    }
    fields_.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  read_body({});
}

void RequestText::read_request_line(std::string_view line) {
  const size_t method_end = line.find(' ');
  std::string_view target =
      method_end == std::string_view::npos ? std::string_view() : line.substr(method_end + 1);
  const size_t version = target.rfind(' ');
  if (version != std::string_view::npos && target.substr(version + 1).starts_with("HTTP/")) {
    target = target.substr(0, version);
  }
  if (method_end == 0 || target.empty() || target.find(' ') != std::string_view::npos) {
    throw Failure(Code::kInvalid,
                  "the first line is not a request line: write, for example, `GET /execute/Email/list_pops "
                  "HTTP/1.1`");
  }
  method_ = line.substr(0, method_end);
  // The absolute form (RFC 9112 3.2.2): servers serve what follows the authority.
  const size_t scheme_end = target.front() == '/' ? std::string_view::npos : target.find("://");
  if (scheme_end != std::string_view::npos) {
    const size_t path = target.find_first_of("/?", scheme_end + 3);
    target_ = path == std::string_view::npos ? "/" : target.substr(path);
  } else {
    target_ = target;
  }
  const size_t question = target_.find('?');
  wire_path_ = target_.substr(0, question);
  served_path_ = decoded_once(wire_path_);
  if (question != std::string::npos) query_ = target_.substr(question + 1);
}

void RequestText::read_body(std::string_view rest) {
  const auto [length_text, length_count] = field("content-length");
  const auto [encoding, encoding_count] = field("transfer-encoding");
  if (encoding_count > 0) {
    std::optional<std::string> body;
    if (encoding_count == 1 && same_name(encoding, "chunked")) body = dechunked(rest);
    body_state_ = body ? Body::kRead : Body::kUnreadable;
    if (body) body_ = std::move(*body);
  } else if (length_count > 0) {
    const std::optional<size_t> length = parse_size(length_text, 10);
    const bool whole = length_count == 1 && length && *length <= rest.size();
    body_state_ = !whole ? Body::kUnreadable : *length == 0 ? Body::kNone : Body::kRead;
    if (whole) body_ = rest.substr(0, *length);
  } else if (!rest.empty()) {
    body_state_ = Body::kRead;
    body_ = rest;
  }
}

std::pair<std::string_view, unsigned> RequestText::field(std::string_view name) const {
  std::pair<std::string_view, unsigned> found{{}, 0};
  for (const auto& [field_name, value] : fields_) {
    if (!same_name(field_name, name)) continue;
    if (found.second++ == 0) found.first = value;
  }
  return found;
}

CredentialFields RequestText::credential_fields(std::string_view key_header) const {
  CredentialFields fields;
  std::tie(fields.authorization, fields.authorization_count) = field("authorization");
  if (!key_header.empty()) std::tie(fields.key_header, fields.key_header_count) = field(key_header);
  return fields;
}

Call RequestText::call() {
  const auto [type, type_count] = field("content-type");
  scratch_.resize(scratch_bytes(query_.size(), body_.size()));
  Call call;
  call.method = method_;
  call.wire_path = wire_path_;
  call.served_path = served_path_;
  call.query = query_;
  call.body_state = body_state_;
  call.body = body_;
  call.content_type = type;
  call.content_type_repeated = type_count > 1;
  call.content_encoded = field("content-encoding").second > 0;
  call.length_and_chunked = field("content-length").second > 0 && field("transfer-encoding").second > 0;
  call.names_another_call = std::any_of(fields_.begin(), fields_.end(), [](const auto& named) {
    return header_names_another_call(named.first);
  });
  call.scratch = scratch_;
  return call;
}

Address parse_client(const std::string& text) {
  sockaddr_storage storage{};
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (text == "unix") {
    generic->sa_family = AF_UNIX;
  } else if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
  } else {
    throw Failure(Code::kInvalid,
                  fmt::format("\"{}\" is no client address: write 192.0.2.7, 2001:db8::7 or unix", text));
  }
  return Address::from_sockaddr(generic);
}

}  // namespace tokengate::cli
