// `tokengate account`: the owners of tokens, and what they possess.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cmd.h"
#include "describe.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

struct Options {
  std::string user;
  std::string second;  ///< the new name, or the owner
  std::vector<std::string> acls;
  std::string service = "cpanel";
  bool yes = false;
};

using SharedOptions = std::shared_ptr<Options>;

AclsByService possessed(const Account& account) {
  return {account.acls[0], account.acls[1]};
}

/// Ends a command that changed an account: its new state in JSON, or the sentence.
Code report(const Context& context, const Admin& admin, const std::string& user, std::string_view sentence) {
  if (context.json) {
    print_json(account_json(value_of(admin.find_account(user))));
  } else {
    print_line(sentence);
  }
  return Code::kOk;
}

Code create(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  AclsByService acls = parse_acls(admin, options.acls, parse_service(options.service));
  if (!options.second.empty()) find_account_or_suggest(admin, options.second);
  NewAccount account{options.user, options.second, {std::move(acls[0]), std::move(acls[1])}};
  const Account made = value_of(admin.create_account(change_now(), account));
  return report(context, admin, made.username,
                fmt::format("Made the account {} (id {}), which possesses {}.", made.username, made.id,
                            acl_list_text(possessed(made))));
}

Code list(const Context& context) {
  const Admin admin = context.open_to_read();
  const std::vector<Account> accounts = value_of(admin.list_accounts());
  if (context.json) {
    JsonList json;
    for (const Account& account : accounts) json.add(account_json(account));
    json.end();
    return Code::kOk;
  }
  Table table({"USER", "STATE", "OWNER", "TOKENS", "POSSESSES"});
  for (const Account& account : accounts) {
    table.add({account.username, account_state(account), account.owner, std::to_string(account.token_count),
               acl_list_text(possessed(account))});
  }
  table.print("No accounts. `tokengate account create USER --acl ACL` makes one.");
  return Code::kOk;
}

Code show(const Context& context, const std::string& user) {
  const Admin admin = context.open_to_read();
  const Account account = find_account_or_suggest(admin, user);
  const std::vector<Token> tokens = value_of(admin.list_tokens(user));
  const int64_t now = now_unix_s();
  const std::vector<TokenUse> uses = value_of(admin.token_use(tokens, now));
  if (context.json) {
    Json json = account_json(account);
    json["tokens"] = Json::array();
    for (size_t i = 0; i < tokens.size(); ++i) json["tokens"].push_back(token_json(tokens[i], uses[i]));
    print_json(json);
    return Code::kOk;
  }
  print_line(fmt::format("Account {} (id {}): {}, made {}{}.", account.username, account.id,
                         account_state(account), time_text(account.created_unix_s),
                         account.owner.empty() ? "" : ", owned by " + account.owner));
  print_line(fmt::format("Possesses {}.", acl_list_text(possessed(account))));
  if (!tokens.empty()) print_line("");
  print_tokens(tokens, uses, /*with_account=*/false, now);
  return Code::kOk;
}

Code grant(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  const AclsByService acls = parse_acls(admin, options.acls, parse_service(options.service));
  for (const Service service : {Service::kCpanel, Service::kWhm}) {
    const std::vector<std::string>& names = acls[static_cast<size_t>(service)];
    if (!names.empty()) require_ok(admin.grant_acls(change_now(), options.user, service, names));
  }
  return report(context, admin, options.user,
                fmt::format("{} now possesses {}.", options.user,
                            acl_list_text(possessed(value_of(admin.find_account(options.user))))));
}

/// How many tokens of the account name an ACL that it no longer possesses.
size_t count_holders(const Admin& admin, const std::string& user, const AclsByService& acls) {
  const std::vector<Token> tokens = value_of(admin.list_tokens(user));
  return static_cast<size_t>(std::count_if(tokens.begin(), tokens.end(), [&](const Token& token) {
    const std::vector<std::string>& gone = acls[static_cast<size_t>(token.service)];
    return std::any_of(gone.begin(), gone.end(), [&](const std::string& acl) {
      return std::find(token.acls.begin(), token.acls.end(), acl) != token.acls.end();
    });
  }));
}

Code deny(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  const AclsByService acls = parse_acls(admin, options.acls, parse_service(options.service));
  for (const Service service : {Service::kCpanel, Service::kWhm}) {
    const std::vector<std::string>& names = acls[static_cast<size_t>(service)];
    if (!names.empty()) require_ok(admin.deny_acls(change_now(), options.user, service, names));
  }
  const size_t holders = count_holders(admin, options.user, acls);
  std::string sentence = fmt::format("{} now possesses {}.", options.user,
                                     acl_list_text(possessed(value_of(admin.find_account(options.user)))));
  if (holders > 0) {
    sentence += fmt::format(" {} still list{} what was taken away: without effect until it is granted again.",
                            counted(holders, "token"), holders == 1 ? "s" : "");
  }
  return report(context, admin, options.user, sentence);
}

Code set_active(const Context& context, const std::string& user, bool active) {
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, user);
  require_ok(admin.set_account_active(change_now(), user, active));
  return report(context, admin, user,
                active ? fmt::format("{} is active: its tokens work again.", user)
                       : fmt::format("{} is suspended: its tokens are refused from now on.", user));
}

Code set_tokens(const Context& context, const std::string& user, bool enabled) {
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, user);
  require_ok(admin.set_tokens_enabled(change_now(), user, enabled));
  return report(context, admin, user,
                enabled ? fmt::format("Tokens are on for {}.", user)
                        : fmt::format("Tokens are off for {}: they are refused from now on.", user));
}

Code rename(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  require_ok(admin.rename_account(change_now(), options.user, options.second));
  return report(context, admin, options.second,
                fmt::format("{} is now called {}. Clients that send the username must send the new one.",
                            options.user, options.second));
}

Code set_owner(const Context& context, const Options& options) {
  if (options.second.empty() == !options.yes) {
    throw Failure(Code::kInvalid, "say who the owner is: a username, or --none");
  }
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  if (!options.second.empty()) find_account_or_suggest(admin, options.second);
  require_ok(admin.set_account_owner(change_now(), options.user, options.second));
  return report(context, admin, options.user,
                options.second.empty() ? fmt::format("{} has no owner.", options.user)
                                       : fmt::format("{} is owned by {}.", options.user, options.second));
}

Code remove(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  const Account account = find_account_or_suggest(admin, options.user);
  if (!options.yes) {
    throw Failure(
        Code::kInvalid,
        fmt::format("this deletes {} and its {} for good: say --yes to do it, or use `tokengate account "
                    "suspend {}`",
                    account.username, counted(account.token_count, "token"), account.username));
  }
  const uint64_t tokens = value_of(admin.delete_account(change_now(), options.user));
  if (context.json) {
    print_json({{"deleted", options.user}, {"tokens", tokens}});
  } else {
    print_line(fmt::format("Deleted {} and {}.", options.user, counted(tokens, "token")));
  }
  return Code::kOk;
}

/// The verbs that change ACLs take the same arguments.
void add_acl_verb(CommandLine& line, CLI::App* noun, const VerbText& text,
                  Code (*body)(const Context&, const Options&)) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(noun, text, [=](const Context& context) { return body(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_arguments(verb, "ACL,--acl", options->acls, "Names such as email or whm:list-accts");
  add_service(verb, options->service, "The service of names without a prefix (default: cpanel)");
}

/// The verbs that switch something for one account.
void add_switch_verb(CommandLine& line, CLI::App* noun, const VerbText& text,
                     Code (*body)(const Context&, const std::string&, bool), bool on) {
  auto user = std::make_shared<std::string>();
  CLI::App* verb =
      line.add_verb(noun, text, [=](const Context& context) { return body(context, *user, on); });
  add_argument(verb, "USER", *user, "The account's username");
}

void add_create(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      line.add_verb(noun,
                    {"create",
                     "Make an account",
                     {"tokengate account create shop --acl email,dns",
                      "tokengate account create reseller --acl whm:list-accts --acl whm:suspend-acct",
                      "tokengate account create shop --acl email --owner reseller"}},
                    [options](const Context& context) { return create(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_values(verb, "--acl", "ACL", options->acls,
             "What it possesses: email, or whm:list-accts; repeatable, also as a list with commas");
  add_service(verb, options->service, "The service of ACLs without a prefix (default: cpanel)");
  add_value(verb, "--owner", "USER", options->second, "The account that owns it (a reseller)");
}

void add_views(CommandLine& line, CLI::App* noun) {
  line.add_verb(
      noun, {"list", "List the accounts", {"tokengate account list", "tokengate account list --json"}}, list);
  auto user = std::make_shared<std::string>();
  CLI::App* verb =
      line.add_verb(noun, {"show", "Show an account and its tokens", {"tokengate account show shop"}},
                    [user](const Context& context) { return show(context, *user); });
  add_argument(verb, "USER", *user, "The account's username");
}

void add_rename_and_owner(CommandLine& line, CLI::App* noun) {
  auto renaming = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(noun,
                                 {"rename",
                                  "Change a username; tokens go on working under the new one only",
                                  {"tokengate account rename shop shop2"}},
                                 [renaming](const Context& context) { return rename(context, *renaming); });
  add_argument(verb, "USER", renaming->user, "The present username");
  add_argument(verb, "NEW-USER", renaming->second, "The new username");

  auto owning = std::make_shared<Options>();
  verb = line.add_verb(
      noun,
      {"set-owner",
       "Say which account owns another",
       {"tokengate account set-owner shop reseller", "tokengate account set-owner shop --none"}},
      [owning](const Context& context) { return set_owner(context, *owning); });
  add_argument(verb, "USER", owning->user, "The account's username");
  add_argument(verb, "OWNER", owning->second, "The owner's username")->required(false);
  add_switch(verb, "--none", owning->yes, "It has no owner");
}

void add_delete(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(
      noun, {"delete", "Delete an account and its tokens", {"tokengate account delete shop --yes"}},
      [options](const Context& context) { return remove(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_switch(verb, "--yes", options->yes, "Really delete it");
}

}  // namespace

void add_account_commands(CommandLine& line) {
  CLI::App* noun = line.add_noun("account", "The owners of tokens");
  add_create(line, noun);
  add_views(line, noun);
  add_acl_verb(
      line, noun,
      {"grant",
       "Add to what an account possesses",
       {"tokengate account grant shop email dns", "tokengate account grant reseller whm:list-accts"}},
      grant);
  add_acl_verb(line, noun,
               {"deny",
                "Take away from what an account possesses",
                {"tokengate account deny shop dns", "tokengate account deny reseller whm:list-accts"}},
               deny);
  add_switch_verb(line, noun,
                  {"suspend", "Refuse all tokens of an account", {"tokengate account suspend shop"}},
                  set_active, false);
  add_switch_verb(line, noun, {"unsuspend", "End a suspension", {"tokengate account unsuspend shop"}},
                  set_active, true);
  add_rename_and_owner(line, noun);
  add_switch_verb(line, noun,
                  {"tokens-on", "Let an account use tokens", {"tokengate account tokens-on shop"}},
                  set_tokens, true);
  add_switch_verb(line, noun,
                  {"tokens-off",
                   "Refuse an account's tokens without suspending it",
                   {"tokengate account tokens-off shop"}},
                  set_tokens, false);
  add_delete(line, noun);
}

}  // namespace tokengate::cli
