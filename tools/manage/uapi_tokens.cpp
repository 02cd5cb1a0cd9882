// UAPI, module Tokens: an account's tokens. create_full_access, list, rename and revoke are the panel's; the
// rest is ours.
#include "functions.h"

namespace tokengate::manage {
namespace {

Json issued_json(const IssuedToken& issued) {
  return {{"create_time", issued.token.created_unix_s}, {"token", issued.secret}};
}

/// The panel's fields, then ours.
Json token_json(const Token& token, const TokenUse& use) {
  Json json = {{"name", token.name},
               {"create_time", token.created_unix_s},
               {"expires_at", end_json(token.expires_unix_s)},
               {"has_full_access", token.full_access ? 1 : 0},
               {"features", token.acls},
               {"readonly", token.read_only ? 1 : 0},
               {"whitelist_ips", whitelist_json(token)},
               {"parent", parent_json(token)}};
  add_use(use, &json);
  return json;
}

Json token_json(const Operations& operations, const Token& token) {
  return token_json(token, operations.use_of({token}).front());
}

Outcome create_full_access(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "expires_at", "readonly"});
  TokenRequest wanted;
  wanted.name = params.required("name");
  wanted.full_access = true;
  wanted.expires_unix_s = params.number("expires_at");
  wanted.read_only = params.flag("readonly");
  return {.data = issued_json(operations.create(scope, wanted, Omitted::kKept))};
}

Outcome create_limited(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "features-N", "expires_at", "whitelist_ip-N", "readonly"});
  TokenRequest wanted;
  wanted.name = params.required("name");
  wanted.acls = params.list("features");
  wanted.expires_unix_s = params.number("expires_at");
  wanted.addresses = whitelist(params);
  wanted.read_only = params.flag("readonly");
  return {.data = issued_json(operations.create(scope, wanted, Omitted::kKept))};
}

Outcome list(Operations& operations, const Scope& scope, const Params&) {
  Json tokens = Json::array();
  const std::vector<Token> list = operations.list(scope);
  const std::vector<TokenUse> uses = operations.use_of(list);
  for (size_t i = 0; i < list.size(); ++i) tokens.push_back(token_json(list[i], uses[i]));
  return {.data = tokens, .metadata = {{"transformed", 1}}};
}

Outcome get_details(Operations& operations, const Scope& scope, const Params& params) {
  const std::string name = params.required("name");
  const std::optional<Token> token = operations.find(scope, name);
  if (!token) throw Refused{"There is no API token " + in_quotes(name) + "."};
  return {.data = token_json(operations, *token)};
}

Outcome rename(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "new_name"});
  const std::string name = params.required("name");
  operations.rename(scope, name, params.required("new_name"));
  return {};
}

/// What is left out stays as it is.
Outcome update(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "features-N", "full_access", "expires_at", "whitelist_ip-N", "readonly"});
  TokenRequest wanted;
  wanted.acls = params.list("features");
  wanted.full_access = params.flag("full_access");
  if (wanted.acls && wanted.full_access.value_or(false))
    throw Refused{"Give either features or full_access."};
  wanted.expires_unix_s = params.number("expires_at");
  if (wanted.expires_unix_s == 0) wanted.expires_unix_s = kNeverExpires;
  wanted.addresses = whitelist(params);
  wanted.read_only = params.flag("readonly");
  const Token token = operations.update(scope, params.required("name"), wanted, Omitted::kKept);
  return {.data = token_json(operations, token)};
}

Outcome rotate(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "overlap"});
  const std::string name = params.required("name");
  return {.data = issued_json(operations.rotate(scope, name, params.number("overlap").value_or(0)))};
}

/// As documented, a token that never existed counts as revoked; its children cannot.
Outcome revoke(Operations& operations, const Scope& scope, const Params& params) {
  params.require_known({"name", "with_children"});
  const std::string name = params.required("name");
  const bool with_children = params.flag("with_children").value_or(false);
  if (!with_children && !operations.find(scope, name)) return {.data = 1};
  return {.data = 1, .metadata = also_revoked(operations.revoke(scope, {name}, with_children) - 1)};
}

constexpr struct {
  std::string_view name;
  UapiFunction run;
} kFunctions[] = {
    {"create_full_access", create_full_access},
    {"create_limited", create_limited},
    {"get_details", get_details},
    {"list", list},
    {"rename", rename},
    {"revoke", revoke},
    {"rotate", rotate},
    {"update", update},
};

}  // namespace

UapiFunction find_uapi_function(std::string_view module, std::string_view function) {
  if (module != "Tokens") return nullptr;
  for (const auto& known : kFunctions) {
    if (known.name == function) return known.run;
  }
  return nullptr;
}

}  // namespace tokengate::manage
