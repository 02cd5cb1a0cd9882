// Judges requests with the core alone: one request in JSON a line on standard input, one answer a line on
// standard output. Used by t/vectors.t, which holds the answers against those of the servers.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokengate/result.h"
#include "tokengate/verify.h"

namespace {

using nlohmann::json;

/// JSON holds bytes as U+0000 to U+00FF; its parser gives UTF-8.
std::string bytes_of(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto c = static_cast<unsigned char>(utf8[i]);
    if (c >= 0xC0 && i + 1 < utf8.size()) {
      c = static_cast<unsigned char>((c & 0x03) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3F));
    }
    bytes.push_back(static_cast<char>(c));
  }
  return bytes;
}

std::string text(const json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string() : bytes_of(found->get<std::string>());
}

std::vector<std::string> texts(const json& object, const char* key) {
  std::vector<std::string> values;
  if (auto found = object.find(key); found != object.end()) {
    for (const json& value : *found) values.push_back(bytes_of(value.get<std::string>()));
  }
  return values;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// What a server makes of a path: decoded once, a doubled leading slash merged.
std::string served_path(const std::string& wire) {
  std::string served;
  for (size_t i = wire.starts_with("//") ? 1 : 0; i < wire.size(); ++i) {
    int high = wire[i] == '%' && i + 2 < wire.size() ? hex_value(wire[i + 1]) : -1;
    int low = high >= 0 ? hex_value(wire[i + 2]) : -1;
    if (low >= 0) {
      served.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    } else {
      served.push_back(wire[i]);
    }
  }
  return served;
}

tokengate::Address address_of(const std::string& text) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    return tokengate::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&six));
  }
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    return tokengate::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&four));
  }
  return {};
}

/// The rules of a location, with what they point to.
class Location {
 public:
  explicit Location(const json& settings) : required_(texts(settings, "require")) {
    if (text(settings, "service") == "whm") rules_.service = tokengate::Service::kWhm;
    rules_.plain_http = text(settings, "plain_http") == "on";
    if (settings.contains("schemes")) {
      rules_.schemes = tokengate::kSchemeNone;
      for (const std::string& name : texts(settings, "schemes"))
        rules_.schemes |= tokengate::scheme_from_name(name);
    }
    if (settings.contains("key_header")) rules_.schemes |= tokengate::kSchemeKeyHeader;
    required_views_.assign(required_.begin(), required_.end());
    rules_.required_acls = required_views_;
  }
  Location(const Location&) = delete;
  Location& operator=(const Location&) = delete;
  const tokengate::Rules& rules() const { return rules_; }

 private:
  std::vector<std::string> required_;
  std::vector<std::string_view> required_views_;
  tokengate::Rules rules_;
};

tokengate::Credentials read_credentials(tokengate::Reader& reader, const tokengate::Rules& rules,
                                        const json& request) {
  std::vector<std::string> authorization = texts(request, "authorization");
  std::vector<std::string> keys = texts(request, "keys");
  tokengate::CredentialFields fields;
  fields.authorization_count = static_cast<unsigned>(authorization.size());
  if (!authorization.empty()) fields.authorization = authorization[0];
  fields.key_header_count = static_cast<unsigned>(keys.size());
  if (!keys.empty()) fields.key_header = keys[0];
  return reader.read_credentials(rules, fields);
}

/// `redirected`: the target is not the one on the wire.
tokengate::Decision decide(tokengate::Reader& reader, const tokengate::Rules& rules,
                           const tokengate::Credentials& credentials, const json& request,
                           const std::string& target, bool redirected) {
  std::string wire = target.substr(0, target.find('?'));
  std::string query = wire.size() < target.size() ? target.substr(wire.size() + 1) : "";
  std::string served = served_path(wire);
  std::string method = text(request, "method");
  std::string body = text(request, "body");
  std::vector<std::string> content_types = texts(request, "content_type");
  tokengate::Call call;
  call.method = method;
  if (!redirected) call.wire_path = wire;
  call.served_path = served;
  call.query = query;
  if (!body.empty()) {
    if (!tokengate::body_chooses_function(wire, served)) {
      call.body_state = tokengate::Body::kUnread;
    } else if (body.size() > request.value("max_body", size_t{1} << 20)) {
      call.body_state = tokengate::Body::kUnreadable;
    } else {
      call.body_state = tokengate::Body::kRead;
      call.body = body;
    }
  }
  if (!content_types.empty()) call.content_type = content_types[0];
  call.content_type_repeated = content_types.size() > 1;
  call.content_encoded = request.value("content_encoded", false);
  call.length_and_chunked = request.value("length_and_chunked", false);
  call.names_another_call = request.value("names_another_call", false);
  std::vector<char> scratch(tokengate::scratch_bytes(query.size(), body.size()));
  call.scratch = scratch;

  tokengate::Connection connection;
  connection.client = address_of(text(request, "client"));
  connection.now_unix_s = std::time(nullptr);
  return reader.verify(rules, credentials, connection, call);
}

json answer_to(const tokengate::Decision& decision, const json& settings, const tokengate::Rules& rules,
               const std::string& target) {
  json answer = {{"outcome", tokengate::outcome_name(decision.outcome)},
                 {"acl", decision.acl.view()},
                 {"route", decision.route.view()},
                 {"user", decision.caller.user.view()},
                 {"token", decision.caller.token_name.view()},
                 {"service", tokengate::service_name(decision.caller.service)}};
  if (decision.outcome != tokengate::Outcome::kGranted) {
    bool panel = text(settings, "refusals") == "panel";
    tokengate::Refusal refusal = tokengate::refusal(
        decision.outcome, panel ? tokengate::RefusalStyle::kPanel : tokengate::RefusalStyle::kStandard,
        target);
    answer["status"] = refusal.status;
    answer["content_type"] = refusal.content_type;
    answer["body"] = refusal.body;
    if (refusal.challenge) {
      answer["challenge"] = tokengate::challenge(rules.schemes, settings.value("realm", "api"));
    }
  }
  return answer;
}

/// A request that comes through another location is judged there first, and its credentials are what was read
/// there.
json judge(tokengate::Reader& reader, const json& request) {
  bool redirected = request.contains("through");
  const json& entry_settings = redirected ? request["through"] : request;
  Location entry(entry_settings);
  tokengate::Credentials credentials = read_credentials(reader, entry.rules(), request);
  std::string target = text(entry_settings, "target");
  tokengate::Decision decision = decide(reader, entry.rules(), credentials, request, target, false);
  if (!redirected || decision.outcome != tokengate::Outcome::kGranted) {
    return answer_to(decision, entry_settings, entry.rules(), target);
  }
  Location location(request);
  target = text(request, "target");
  decision = decide(reader, location.rules(), credentials, request, target, true);
  return answer_to(decision, request, location.rules(), target);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: vectors STORE <requests >answers\n";
    return 2;
  }
  tokengate::Verifier verifier(argv[1]);
  tokengate::Reader reader(verifier);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << judge(reader, json::parse(line)).dump() << '\n';
  return 0;
}
