// Makes up requests: who asks, from where and how; what they call is made up in call.cpp.
#include "request.h"

#include <fmt/format.h>

#include "draft.h"

namespace tokengate::oracle {
namespace {

using Strings = std::vector<std::string>;

std::string base64(const std::string& text) {
  const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (size_t i = 0; i < text.size(); i += 3) {
    unsigned group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      result += i + j > text.size() ? '=' : digits[group >> (18 - 6 * j) & 63];
    }
  }
  return result;
}

class Builder {
 public:
  Builder(Choices& choices, const State& state, const Strings& secrets, const Strings& usernames)
      : choices_(choices), state_(state), secrets_(secrets), usernames_(usernames) {}

  BuiltRequest build() {
    choose_location();
    choose_credentials();
    choose_connection();
    choose_call(choices_, usernames_, &draft_);
    if (choices_.one_in(4)) spoil(choices_, &draft_);
    write_paths(choices_, &draft_);
    return std::move(draft_.request);
  }

 private:
  Request& meaning() { return draft_.request.meaning; }
  bool whm() const { return draft_.request.meaning.service == Service::kWhm; }

  void choose_location() {
    meaning().service = choices_.one_in(2) ? Service::kWhm : Service::kCpanel;
    if (choices_.one_in(8)) meaning().schemes = static_cast<uint8_t>(choices_.below(32));
    meaning().first_schemes = meaning().schemes;
    if (choices_.one_in(12)) meaning().first_schemes = static_cast<uint8_t>(choices_.below(32));
    meaning().plain_http = choices_.one_in(4);
    if (choices_.one_in(5)) {
      meaning().required_acls = choices_.some({"reports", "email", "list-accts", "all", "no-such-acl"}, 3);
    }
  }

  // ---- Credentials

  void choose_credentials() {
    std::string secret = "NOSUCHTOKENNOSUCHTOKENNOSUCHTOKE";
    std::string user = choices_.pick(usernames_);
    if (!secrets_.empty() && !choices_.one_in(16)) secret = choices_.pick(secrets_);
    for (const TokenState& token : state_.tokens) {
      if (token.secret != secret && token.former_secret != secret) continue;
      if (!choices_.one_in(12)) user = token.account;
      if (!choices_.one_in(12)) meaning().service = token.service;
    }
    if (choices_.one_in(20)) secret = distorted(secret);
    if (choices_.one_in(16)) user = choices_.pick({"", "Shop", "-x", "a b", "root\t"});
    if ((meaning().first_schemes & kSchemeKeyHeader) != 0 && choices_.one_in(2)) {
      meaning().key.assign(choices_.one_in(12) ? 2 : 1, secret + choices_.pick({"", "\r", " \t"}));
      if (!choices_.one_in(8)) return;
    }
    meaning().authorization.push_back(authorization(user, secret));
    if (choices_.one_in(24)) meaning().authorization.push_back(meaning().authorization[0]);
    if (choices_.one_in(48)) meaning().authorization.clear();
  }

  std::string distorted(std::string secret) {
    switch (choices_.below(6)) {
      case 0:
        return secret.substr(0, 15);
      case 1:
        return secret + std::string(1024, 'A');
      case 2:
        secret[choices_.below(static_cast<unsigned>(secret.size()))] ^= 1;
        return secret;
      case 3:
        return secret + ":";
      case 4:
        return ' ' + secret;
      default:
        return choices_.bytes(40);
    }
  }

  std::string authorization(const std::string& user, const std::string& secret) {
    if (choices_.one_in(32)) return choices_.bytes(80);
    std::string scheme =
        whm() ? choices_.pick({"whm", "WHM", "Bearer"}) : choices_.pick({"cpanel", "CPanel", "bearer"});
    if (choices_.one_in(8))
      scheme = choices_.pick({"Basic", "cpanel", "whm", "webmail", "2083", "", "bearerx"});
    std::string value = user + ":" + secret;
    if (scheme.starts_with("B") || scheme.starts_with("b")) value = secret;
    if (scheme == "Basic") value = base64(user + ":" + secret);
    if (choices_.one_in(32)) value = choices_.pick({"", ":", "shop:", "c2hvcDo", "c2hvcDp=", "===="});
    std::string before = choices_.one_in(16) ? choices_.pick({" ", "\t", "\n"}) : "";
    std::string between = choices_.one_in(16) ? choices_.pick({"  ", "\t", "", " \t", "\tx "}) : " ";
    std::string after = choices_.one_in(8) ? choices_.pick({"\r", "\r\n", " ", "\t\t", "x", "\0"}) : "";
    return before + scheme + between + value + after;
  }

  void choose_connection() {
    meaning().client = choices_.pick({"192.0.2.1", "127.0.0.1", "192.0.3.0", "198.51.100.7", "198.51.100.8",
                                      "2001:db8::1", "2001:db9::1", "::1", "::ffff:192.0.2.9",
                                      "::ffff:127.0.0.1", "203.0.113.5", "128.0.0.0", "unix", "unknown"});
    meaning().tls = !choices_.one_in(6);
    // Around the moments at which tokens of the world begin and end.
    const std::vector<int> offsets = {0, 0, 0, 0, 99, 100, 199, 200, 999, 1000, -1, 50};
    meaning().now = 1'800'000'000 + choices_.pick(offsets);
    if (choices_.one_in(64)) meaning().now = choices_.one_in(2) ? INT64_MAX : INT64_MIN;
  }

  Choices& choices_;
  const State& state_;
  const Strings& secrets_;
  const Strings& usernames_;
  Draft draft_;
};

std::string visible(const std::string& text) {
  std::string result;
  for (char c : text) {
    bool plain = c >= ' ' && c < 0x7f && c != '\\';
    result += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return result;
}

}  // namespace

BuiltRequest build_request(Choices& choices, const State& state, const Strings& secrets,
                           const Strings& usernames) {
  return Builder(choices, state, secrets, usernames).build();
}

std::string describe(const BuiltRequest& request) {
  const Request& meaning = request.meaning;
  std::string text = fmt::format(
      "{} {} (serves {}) ?{}\nbody state {}, type \"{}\": {}\ntwo types {}, encoded {}, length and chunked "
      "{}\n",
      visible(request.method), visible(request.wire_path), visible(request.served_path),
      visible(request.query), static_cast<int>(request.body_state), visible(request.content_type),
      visible(request.body), request.content_type_repeated, request.content_encoded,
      request.length_and_chunked);
  for (const std::string& value : meaning.authorization) text += "Authorization: " + visible(value) + "\n";
  for (const std::string& value : meaning.key) text += "key: " + visible(value) + "\n";
  text += fmt::format(
      "service {}, schemes {} (at first {}), plain HTTP {}, requires [{}]; client {}, TLS {}, now {}; "
      "reading {}\n",
      service_name(meaning.service), meaning.schemes, meaning.first_schemes, meaning.plain_http,
      fmt::join(meaning.required_acls, " "), meaning.client, meaning.tls, meaning.now,
      static_cast<int>(meaning.reading));
  return text;
}

}  // namespace tokengate::oracle
