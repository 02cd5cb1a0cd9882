// What the page asks for: a name and a JSON object, answered with a JSON object. The table of names is at the
// end.
//
// `scope` below stands for `account?, service?`: whose tokens; the caller's own if absent.
// `id`, beside each `name`, is the token's that was shown under it: another of that name is refused.
//   session {}                     -> user, service, services, via, token, administrator, can_choose_account,
//                                     now_unix_s, utc_offset_s, time_zone, soon_days, max_addresses,
//                                     max_note_bytes, name_rule
//   account {scope}                -> user, owner, service, active, tokens_enabled, may_administer, acls:
//                                     name, group, description, warning of each that a new token can be given
//   tokens {scope}                 -> tokens
//   create {scope, name, full_access | acls, expires_on, addresses, read_only, note}  -> token, secret
//   update {scope, name, id, …}    -> token; what is absent stays; new_name renames
//   rename {scope, name, id, new_name}             -> token
//   rotate {scope, name, id, overlap_s}            -> token, secret
//   revoke {scope, tokens: [{name, id}], with_children, made?}                        -> revoked
//     made: the ids of all that these tokens were shown to have made; if there are others, nothing is revoked
//   revoke_all {scope}             -> revoked
//   accounts {}                    -> accounts
//   set_active {account, active}, set_tokens_enabled {account, enabled}               -> nothing
// Times are UNIX seconds, null for never. `expires_on` is a day, YYYY-MM-DD, of which it means the last
// second here, or null.
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <exception>
#include <set>

#include "acl_words.h"
#include "functions.h"
#include "manage.h"

namespace tokengate::manage {
namespace {

// What the input says. A member of the wrong type is a mistake of the page's, not of a person's.

const Json* member(const Json& input, const char* name) {
  auto found = input.find(name);
  return found == input.end() || found->is_null() ? nullptr : &*found;
}

[[noreturn]] void wrong_type(const char* name) {
  throw Refused{std::string("The member “") + name + "” is missing, or not of the right type."};
}

std::optional<std::string> text_if_any(const Json& input, const char* name) {
  const Json* value = member(input, name);
  if (value == nullptr) return {};
  if (!value->is_string()) wrong_type(name);
  return value->get<std::string>();
}

std::string text(const Json& input, const char* name) {
  std::optional<std::string> value = text_if_any(input, name);
  if (!value) wrong_type(name);
  return *value;
}

std::optional<bool> flag_if_any(const Json& input, const char* name) {
  const Json* value = member(input, name);
  if (value == nullptr) return {};
  if (!value->is_boolean()) wrong_type(name);
  return value->get<bool>();
}

bool flag(const Json& input, const char* name) {
  std::optional<bool> value = flag_if_any(input, name);
  if (!value) wrong_type(name);
  return *value;
}

std::optional<std::vector<std::string>> texts_if_any(const Json& input, const char* name) {
  const Json* value = member(input, name);
  if (value == nullptr) return {};
  if (!value->is_array()) wrong_type(name);
  std::vector<std::string> texts;
  for (const Json& element : *value) {
    if (!element.is_string()) wrong_type(name);
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

uint64_t id_of(const Json& value) {
  if (!value.is_number_unsigned()) wrong_type("id");
  return value.get<uint64_t>();
}

/// The name of the token that `input` means, by name and id. Operations, and the change too, see no older
/// store than this does: a name that is taken over afterwards makes all of it be done anew.
std::string token_name(const Operations& operations, const Scope& scope, const Json& input) {
  std::string name = text(input, "name");
  const Json* id = member(input, "id");
  if (id == nullptr) wrong_type("id");
  const std::optional<Token> token = operations.find(scope, name);
  if (token && token->id != id_of(*id)) {
    throw Refused{in_quotes(name) + " is another token by now; reload the page.", Field::kName};
  }
  return name;
}

/// The last second of a day in the server's time zone.
int64_t end_of_day(const std::string& day) {
  std::tm wanted{};
  const char* rest = day.size() == 10 ? strptime(day.c_str(), "%Y-%m-%d", &wanted) : nullptr;
  wanted.tm_hour = 23;
  wanted.tm_min = 59;
  wanted.tm_sec = 59;
  wanted.tm_isdst = -1;
  std::tm found = wanted;
  const std::time_t time = rest != nullptr && *rest == '\0' ? std::mktime(&found) : -1;
  // A day that does not exist becomes another one.
  if (time < 0 || found.tm_mday != wanted.tm_mday || found.tm_mon != wanted.tm_mon) {
    throw Refused{in_quotes(day) + " is not a day: write it as 2026-12-31.", Field::kExpires};
  }
  return time;
}

Scope scope_of(const Operations& operations, const Json& input) {
  const Scope own = operations.own();
  const std::string service = text_if_any(input, "service").value_or(std::string(service_name(own.service)));
  if (service != "cpanel" && service != "whm") wrong_type("service");
  return operations.of(text_if_any(input, "account").value_or(own.account),
                       service == "whm" ? Service::kWhm : Service::kCpanel);
}

TokenRequest token_request_of(const Json& input) {
  TokenRequest wanted;
  wanted.full_access = flag_if_any(input, "full_access");
  wanted.acls = texts_if_any(input, "acls");
  if (wanted.full_access.value_or(false)) wanted.acls.reset();
  wanted.read_only = flag_if_any(input, "read_only");
  wanted.addresses = texts_if_any(input, "addresses");
  wanted.note = text_if_any(input, "note");
  // Absent is not null here: null is never.
  if (input.contains("expires_on")) {
    const std::optional<std::string> day = text_if_any(input, "expires_on");
    wanted.expires_unix_s = day ? end_of_day(*day) : kNeverExpires;
  }
  return wanted;
}

// What the output says.

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json token_json(const Token& token, const TokenUse& use) {
  const bool used = use.known && use.count > 0;
  Json json = {{"name", token.name},
               {"id", token.id},
               {"account", token.account},
               {"service", service_name(token.service)},
               {"full_access", token.full_access},
               {"read_only", token.read_only},
               {"acls", token.acls},
               {"addresses", token.addresses},
               {"created_unix_s", token.created_unix_s},
               {"not_before_unix_s", token.not_before_unix_s},
               {"expires_unix_s", end_json(token.expires_unix_s)},
               {"last_used_unix_s", used ? Json(use.last_unix_s) : Json()},
               {"last_address", used ? Json(use.last_address) : Json()},
               {"use_count", use.known ? Json(use.count) : Json()},
               {"note", token.note},
               {"parent", parent_json(token)},
               {"parent_id", token.parent_id == 0 ? Json() : Json(token.parent_id)},
               {"former_secret_until_unix_s", nullptr}};
  if (token.former_secret_until_unix_s)
    json["former_secret_until_unix_s"] = *token.former_secret_until_unix_s;
  return json;
}

Json token_json(const Operations& operations, const Token& token) {
  return token_json(token, operations.use_of({token}).front());
}

Json issued_json(const Operations& operations, const IssuedToken& issued) {
  return {{"token", token_json(operations, issued.token)}, {"secret", issued.secret}};
}

/// The name of the zone that local times are in, as browsers know it.
std::string time_zone() {
  if (const char* zone = std::getenv("TZ"); zone != nullptr && *zone != '\0')
    return *zone == ':' ? zone + 1 : zone;
  char target[256];
  const ssize_t size = readlink("/etc/localtime", target, sizeof target);
  const std::string_view path(target, size > 0 ? static_cast<size_t>(size) : 0);
  constexpr std::string_view kFolder = "zoneinfo/";
  const size_t at = path.find(kFolder);
  return at == std::string_view::npos ? "UTC" : std::string(path.substr(at + kFolder.size()));
}

int64_t utc_offset_s(int64_t now_unix_s) {
  const std::time_t now = now_unix_s;
  std::tm local{};
  localtime_r(&now, &local);
  return local.tm_gmtoff;
}

const char* via_name(Identity::Via via) {
  switch (via) {
    case Identity::Via::kToken:
      return "token";
    case Identity::Via::kSession:
      return "session";
    case Identity::Via::kServer:
    case Identity::Via::kShell:
      break;
  }
  return "server";
}

// The functions.

Json session(Operations& operations, const Json&) {
  const Identity& who = operations.request().caller;
  Json services = Json::array();
  for (Service service : operations.services()) services.push_back(service_name(service));
  return {{"user", who.user},
          {"service", service_name(who.service)},
          {"services", services},
          {"via", via_name(who.via)},
          {"token", text_or_null(who.token)},
          {"administrator", operations.is_administrator()},
          {"can_choose_account", operations.may_choose_account()},
          {"now_unix_s", operations.now_unix_s()},
          {"utc_offset_s", utc_offset_s(operations.now_unix_s())},
          {"time_zone", time_zone()},
          {"soon_days", operations.settings().soon_days},
          {"max_addresses", kMaxAddressRanges},
          {"max_note_bytes", kMaxNoteBytes},
          {"name_rule", token_name_rule()}};
}

Json account(Operations& operations, const Json& input) {
  const Scope scope = scope_of(operations, input);
  const Account account = operations.account(scope.account);
  Json acls = Json::array();
  for (const std::string& acl : operations.acls_to_give(account, scope.service)) {
    const AclWords words = acl_words(scope.service, acl);
    acls.push_back({{"name", acl},
                    {"group", words.group},
                    {"description", words.description},
                    {"warning", acl_escape_route(scope.service, acl)}});
  }
  return {{"user", account.username},
          {"owner", text_or_null(account.owner)},
          {"service", service_name(scope.service)},
          {"active", account.active},
          {"tokens_enabled", account.tokens_enabled},
          {"may_administer", operations.may_administer(account)},
          {"acls", acls}};
}

Json tokens(Operations& operations, const Json& input) {
  const std::vector<Token> tokens = operations.list(scope_of(operations, input));
  Json list = Json::array();
  const std::vector<TokenUse> uses = operations.use_of(tokens);
  for (size_t i = 0; i < tokens.size(); ++i) list.push_back(token_json(tokens[i], uses[i]));
  return {{"tokens", list}};
}

Json create(Operations& operations, const Json& input) {
  TokenRequest wanted = token_request_of(input);
  wanted.name = text(input, "name");
  return issued_json(operations, operations.create(scope_of(operations, input), wanted, Omitted::kKept));
}

Json update(Operations& operations, const Json& input) {
  const Scope scope = scope_of(operations, input);
  TokenRequest wanted = token_request_of(input);
  wanted.name = text_if_any(input, "new_name");
  const Token token = operations.update(scope, token_name(operations, scope, input), wanted, Omitted::kKept);
  return {{"token", token_json(operations, token)}};
}

Json rename(Operations& operations, const Json& input) {
  const Scope scope = scope_of(operations, input);
  const std::string new_name = text(input, "new_name");
  operations.rename(scope, token_name(operations, scope, input), new_name);
  const std::optional<Token> token = operations.find(scope, new_name);
  return {{"token", token ? token_json(operations, *token) : Json()}};
}

Json rotate(Operations& operations, const Json& input) {
  const Json* overlap = member(input, "overlap_s");
  if (overlap == nullptr || !overlap->is_number_integer()) wrong_type("overlap_s");
  const Scope scope = scope_of(operations, input);
  return issued_json(operations,
                     operations.rotate(scope, token_name(operations, scope, input), overlap->get<int64_t>()));
}

/// Refuses if the tokens `named` made any that are in neither set, directly or through others.
void require_known_children(const std::vector<Token>& family, const std::set<uint64_t>& named,
                            const std::set<uint64_t>& known) {
  // A token is younger than its maker, but the list is in the order of names.
  std::set<uint64_t> line = named;
  for (size_t before = 0; before != line.size();) {
    before = line.size();
    for (const Token& token : family) {
      if (line.contains(token.parent_id)) line.insert(token.id);
    }
  }
  std::string names;
  for (const Token& token : family) {
    const bool is_new = line.contains(token.id) && !named.contains(token.id) && !known.contains(token.id);
    if (is_new && names.size() < 200) names += (names.empty() ? "" : ", ") + in_quotes(token.name);
  }
  if (names.empty()) return;
  throw Refused{"Nothing was revoked: what it would end made more meanwhile, " + names + ".", Field::kMade};
}

Json revoke(Operations& operations, const Json& input) {
  const Scope scope = scope_of(operations, input);
  const Json* tokens = member(input, "tokens");
  if (tokens == nullptr || !tokens->is_array() || tokens->empty()) wrong_type("tokens");
  std::vector<std::string> names;
  std::set<uint64_t> named;
  for (const Json& token : *tokens) {
    if (!token.is_object()) wrong_type("tokens");
    names.push_back(token_name(operations, scope, token));
    named.insert(id_of(token.at("id")));
  }
  if (const Json* made = member(input, "made")) {
    if (!made->is_array()) wrong_type("made");
    std::set<uint64_t> known;
    for (const Json& id : *made) known.insert(id_of(id));
    require_known_children(operations.list(scope), named, known);
  }
  return {{"revoked", operations.revoke(scope, names, flag(input, "with_children"))}};
}

Json revoke_all(Operations& operations, const Json& input) {
  return {{"revoked", operations.revoke_all(scope_of(operations, input))}};
}

Json accounts(Operations& operations, const Json&) {
  Json list = Json::array();
  for (const Account& account : operations.accounts()) {
    list.push_back({{"user", account.username},
                    {"owner", text_or_null(account.owner)},
                    {"active", account.active},
                    {"tokens_enabled", account.tokens_enabled},
                    {"token_count", account.token_count},
                    {"may_administer", operations.may_administer(account)}});
  }
  return {{"accounts", list}};
}

Json set_active(Operations& operations, const Json& input) {
  operations.set_active(text(input, "account"), flag(input, "active"));
  return nullptr;
}

Json set_tokens_enabled(Operations& operations, const Json& input) {
  operations.set_tokens_enabled(text(input, "account"), flag(input, "enabled"));
  return nullptr;
}

constexpr struct {
  std::string_view name;
  Json (*run)(Operations& operations, const Json& input);
} kFunctions[] = {
    {"account", account},       {"accounts", accounts},
    {"create", create},         {"rename", rename},
    {"revoke", revoke},         {"revoke_all", revoke_all},
    {"rotate", rotate},         {"session", session},
    {"set_active", set_active}, {"set_tokens_enabled", set_tokens_enabled},
    {"tokens", tokens},         {"update", update},
};

const char* field_name(Field field) {
  switch (field) {
    case Field::kNone:
      break;
    case Field::kName:
      return "name";
    case Field::kNewName:
      return "new_name";
    case Field::kAcls:
      return "acls";
    case Field::kExpires:
      return "expires_on";
    case Field::kAddresses:
      return "addresses";
    case Field::kNote:
      return "note";
    case Field::kMade:
      return "made";
  }
  return nullptr;
}

Reply page_refusal(const Refused& refused, int status = 200) {
  Json json = {{"ok", false}, {"error", refused.text}};
  if (const char* field = field_name(refused.field)) json["field"] = field;
  return json_reply(json, false, status);
}

}  // namespace

Reply answer_page(Admin& admin, const Settings& settings, const Request& request,
                  std::string_view name) noexcept {
  try {
    for (const auto& function : kFunctions) {
      if (function.name != name) continue;
      try {
        const Json input = request.body.size() <= kMaxParameterBytes
                               ? Json::parse(request.body, nullptr, /*allow_exceptions=*/false)
                               : Json();
        if (!input.is_object()) throw Refused{"The request is not a JSON object."};
        return repeat([&] {
          Operations operations(admin, settings, request, "page");
          return json_reply({{"ok", true}, {"data", function.run(operations, input)}}, true);
        });
      } catch (const Refused& refused) {
        return page_refusal(refused);
      }
    }
    return page_refusal({"There is no such function."}, 404);
  } catch (const std::exception&) {
    return {500, {}, {}};
  }
}

}  // namespace tokengate::manage
