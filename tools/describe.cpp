// Puts accounts and tokens into words and JSON.
#include "describe.h"

#include <fmt/format.h>

#include <algorithm>

#include "when.h"

namespace tokengate::cli {
namespace {

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

std::string last_used(const TokenUse& use, int64_t now_unix_s) {
  if (!use.known) return "unknown";
  return use.count == 0 ? "never" : distance_text(use.last_unix_s, now_unix_s);
}

}  // namespace

Json account_json(const Account& account) {
  return {{"id", account.id},
          {"username", account.username},
          {"owner", text_or_null(account.owner)},
          {"active", account.active},
          {"tokens_enabled", account.tokens_enabled},
          {"acls", {{"cpanel", account.acls[0]}, {"whm", account.acls[1]}}},
          {"created", account.created_unix_s},
          {"token_count", account.token_count}};
}

Json token_json(const Token& token) {
  const auto time_or_null = [](bool absent, int64_t unix_s) { return absent ? Json() : Json(unix_s); };
  const std::optional<int64_t>& former = token.former_secret_until_unix_s;
  return {{"id", token.id},
          {"account", token.account},
          {"service", service_name(token.service)},
          {"name", token.name},
          {"full_access", token.full_access},
          {"read_only", token.read_only},
          {"acls", token.acls},
          {"addresses", token.addresses},
          {"created", token.created_unix_s},
          {"not_before", time_or_null(token.not_before_unix_s == 0, token.not_before_unix_s)},
          {"expires", time_or_null(token.expires_unix_s == kNeverExpires, token.expires_unix_s)},
          {"note", token.note},
          {"former_secret_until", time_or_null(!former, former.value_or(0))},
          {"parent_id", token.parent_id == 0 ? Json() : Json(token.parent_id)},
          {"parent", text_or_null(token.parent)}};
}

Json use_json(const TokenUse& use) {
  if (!use.known) return {};
  const bool used = use.count > 0;
  return {{"since", use.since_unix_s},
          {"count", use.count},
          {"last", used ? Json(use.last_unix_s) : Json()},
          {"address", used ? Json(use.last_address) : Json()},
          {"acls", use.acls},
          {"unlisted", use.unlisted},
          {"writes", use.writes}};
}

Json token_json(const Token& token, const TokenUse& use) {
  Json json = token_json(token);
  json["use"] = use_json(use);
  return json;
}

std::string account_state(const Account& account) {
  return fmt::format("{}{}", account.active ? "active" : "suspended",
                     account.tokens_enabled ? "" : ", tokens off");
}

std::string token_state(const Token& token, int64_t now_unix_s) {
  if (now_unix_s >= token.expires_unix_s) return "expired";
  return now_unix_s < token.not_before_unix_s ? "not yet valid" : "active";
}

std::string token_rights(const Token& token) {
  return fmt::format("{}{}", token.full_access ? "full access" : join(token.acls, ", "),
                     token.read_only ? " (read only)" : "");
}

std::vector<std::string> use_sentences(const TokenUse& use, int64_t now_unix_s) {
  if (!use.known) return {"Nothing is known of its use."};
  const std::string since =
      fmt::format("since {} ({})", time_text(use.since_unix_s), distance_text(use.since_unix_s, now_unix_s));
  if (use.count == 0) return {fmt::format("Not used {}.", since)};
  std::string what = use.acls.empty() ? "" : join(use.acls, ", ");
  if (use.unlisted) what += fmt::format("{}calls that only full access opens", what.empty() ? "" : " and ");
  return {fmt::format("Last used {} ({}) from {}; {} {}.", time_text(use.last_unix_s),
                      distance_text(use.last_unix_s, now_unix_s), use.last_address,
                      counted(use.count, "time"), since),
          fmt::format("Used for: {}; {}.", what.empty() ? "no single ACL" : what,
                      use.writes ? "it also changed things" : "it only read")};
}

std::vector<std::string> escape_warnings(const Token& token) {
  std::vector<std::string> warnings;
  for (const std::string& acl : token.acls) {
    const std::string_view route = acl_escape_route(token.service, acl);
    if (!route.empty())
      warnings.push_back(fmt::format("the ACL {} can lead past this token's limits: {}", acl, route));
  }
  return warnings;
}

std::string token_parent(const Token& token) {
  if (!token.parent.empty() || token.parent_id == 0) return token.parent;
  return fmt::format("token {}, which is gone", token.parent_id);
}

void print_tokens(const std::vector<Token>& tokens, const std::vector<TokenUse>& uses, bool with_account,
                  int64_t now_unix_s) {
  std::vector<std::string> headings = {"SERVICE", "NAME", "STATE", "ENDS", "LAST USED", "MAY CALL"};
  if (with_account) headings.insert(headings.begin(), "ACCOUNT");
  const bool with_parent =
      std::any_of(tokens.begin(), tokens.end(), [](const Token& token) { return token.parent_id != 0; });
  if (with_parent) headings.push_back("MADE BY");
  Table table(headings);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    std::vector<std::string> cells = {
        std::string(service_name(token.service)), token.name,
        token_state(token, now_unix_s),           time_text(token.expires_unix_s),
        last_used(uses[i], now_unix_s),           token_rights(token)};
    if (with_account) cells.insert(cells.begin(), token.account);
    if (with_parent) cells.push_back(token_parent(token));
    table.add(cells);
  }
  table.print("No tokens.");
}

}  // namespace tokengate::cli
