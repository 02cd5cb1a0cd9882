// WHM API 1, api_token_*: the caller's own tokens for the service whm. api_token_rotate is ours.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>

#include "functions.h"

namespace tokengate::manage {
namespace {

/// A full-access token has what its account has now.
std::vector<std::string> privileges(const Operations& operations, const Token& token) {
  return token.full_access ? operations.caller().acls[static_cast<size_t>(token.service)] : token.acls;
}

Json details(const Operations& operations, const Token& token) {
  return {{"name", token.name},
          {"acls", privileges(operations, token)},
          {"create_time", token.created_unix_s},
          {"expires_at", end_json(token.expires_unix_s)},
          {"whitelist_ips", whitelist_json(token)}};
}

/// Each privilege of the account or the token, and whether it is the token's.
Json privilege_map(const Operations& operations, const Token& token) {
  const std::vector<std::string> held = privileges(operations, token);
  std::vector<std::string> all = operations.caller().acls[static_cast<size_t>(token.service)];
  all.insert(all.end(), held.begin(), held.end());
  std::sort(all.begin(), all.end());
  Json map = Json::object();
  for (const std::string& acl : all) map[acl] = std::binary_search(held.begin(), held.end(), acl) ? 1 : 0;
  return map;
}

/// What create and update take alike. 0 is a time that never comes.
TokenRequest limits(const Params& params) {
  TokenRequest wanted;
  wanted.acls = params.list("acl");
  wanted.expires_unix_s = params.number("expires_at");
  if (wanted.expires_unix_s == 0) wanted.expires_unix_s = kNeverExpires;
  wanted.addresses = whitelist(params);
  return wanted;
}

Outcome create(Operations& operations, const Params& params) {
  params.require_known({"token_name", "acl-N", "expires_at", "whitelist_ip-N"});
  TokenRequest wanted = limits(params);
  wanted.name = params.required("token_name");
  const IssuedToken issued = operations.create(operations.own(), wanted, Omitted::kEverything);
  Json data = details(operations, issued.token);
  data["token"] = issued.secret;
  return {.data = data};
}

Outcome list(Operations& operations, const Params&) {
  Json tokens = Json::object();
  const std::vector<Token> list = operations.list(operations.own());
  const std::vector<TokenUse> uses = operations.use_of(list);
  for (size_t i = 0; i < list.size(); ++i) {
    const Token& token = list[i];
    Json json = details(operations, token);
    json["acls"] = privilege_map(operations, token);
    json["has_full_access"] = token.full_access ? 1 : 0;
    json["readonly"] = token.read_only ? 1 : 0;
    json["parent"] = parent_json(token);
    add_use(uses[i], &json);
    tokens[token.name] = json;
  }
  return {.data = {{"tokens", tokens}}};
}

/// As documented, an unknown secret is no error: the reply has no data.
Outcome get_details(Operations& operations, const Params& params) {
  const std::optional<Token> token = operations.find_by_secret(operations.own(), params.required("token"));
  return {.data = token ? details(operations, *token) : Json()};
}

Outcome update(Operations& operations, const Params& params) {
  params.require_known({"token_name", "new_name", "acl-N", "expires_at", "whitelist_ip-N"});
  TokenRequest wanted = limits(params);
  wanted.name = params.one("new_name");
  const Token token =
      operations.update(operations.own(), params.required("token_name"), wanted, Omitted::kEverything);
  return {.data = details(operations, token)};
}

Outcome rotate(Operations& operations, const Params& params) {
  params.require_known({"token_name", "overlap"});
  const std::string name = params.required("token_name");
  const IssuedToken issued = operations.rotate(operations.own(), name, params.number("overlap").value_or(0));
  Json data = details(operations, issued.token);
  data["token"] = issued.secret;
  return {.data = data};
}

Outcome revoke(Operations& operations, const Params& params) {
  params.require_known({"token_name-N", "with_children"});
  const std::optional<std::vector<std::string>> names = params.list("token_name");
  if (!names) throw Refused{"Give the parameter “token_name”."};
  const uint64_t revoked =
      operations.revoke(operations.own(), *names, params.flag("with_children").value_or(false));
  return {.metadata = also_revoked(revoked - names->size())};
}

constexpr struct {
  std::string_view name;
  WhmFunction run;
} kFunctions[] = {
    {"api_token_create", create}, {"api_token_get_details", get_details}, {"api_token_list", list},
    {"api_token_revoke", revoke}, {"api_token_rotate", rotate},           {"api_token_update", update},
};

}  // namespace

WhmFunction find_whm_function(std::string_view function) {
  for (const auto& known : kFunctions) {
    if (known.name == function) return known.run;
  }
  return nullptr;
}

std::optional<std::vector<std::string>> whitelist(const Params& params) {
  std::optional<std::vector<std::string>> ranges = params.list("whitelist_ip");
  if (ranges && ranges->size() == 1 && ranges->front() == "any") ranges->clear();
  return ranges;
}

Json also_revoked(uint64_t others) {
  Json metadata = Json::object();
  if (others > 0) metadata["also_revoked"] = others;
  return metadata;
}

Json end_json(int64_t expires_unix_s) {
  return expires_unix_s == kNeverExpires ? Json() : Json(expires_unix_s);
}

Json parent_json(const Token& token) {
  if (token.parent_id == 0) return nullptr;
  return token.parent.empty() ? "#" + std::to_string(token.parent_id) + ", which is gone" : token.parent;
}

void add_use(const TokenUse& use, Json* json) {
  const bool used = use.known && use.count > 0;
  (*json)["last_used"] = used ? Json(use.last_unix_s) : Json();
  (*json)["last_address"] = used ? Json(use.last_address) : Json();
  (*json)["use_count"] = use.known ? Json(use.count) : Json();
}

std::string expanded_range(const std::string& range) {
  const size_t slash = std::min(range.find('/'), range.size());
  unsigned char bytes[16];
  if (inet_pton(AF_INET6, range.substr(0, slash).c_str(), bytes) != 1) return range;
  std::string text;
  for (size_t i = 0; i < sizeof bytes; i += 2) {
    char group[6];
    std::snprintf(group, sizeof group, "%s%02x%02x", i == 0 ? "" : ":", bytes[i], bytes[i + 1]);
    text += group;
  }
  return text + range.substr(slash);
}

Json whitelist_json(const Token& token) {
  if (token.addresses.empty()) return nullptr;
  Json ranges = Json::array();
  for (const std::string& range : token.addresses) ranges.push_back(expanded_range(range));
  return ranges;
}

}  // namespace tokengate::manage
