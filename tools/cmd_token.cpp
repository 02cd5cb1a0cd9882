// `tokengate token`: lists tokens, says what they can do, and ends them.
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
  std::string name;
  std::string new_name;
  std::vector<std::string> names;
  std::string service;
  std::string before;
  bool with_children = false;
};

Code list(const Context& context, const Options& options) {
  const Admin admin = context.open_to_read();
  if (!options.user.empty()) find_account_or_suggest(admin, options.user);
  const std::optional<Service> service = parse_service_if_any(options.service);
  std::vector<Token> tokens = value_of(admin.list_tokens(options.user, service));
  if (service) std::erase_if(tokens, [&](const Token& token) { return token.service != *service; });
  const int64_t now = now_unix_s();
  const std::vector<TokenUse> uses = value_of(admin.token_use(tokens, now));
  if (context.json) {
    JsonList json;
    for (size_t i = 0; i < tokens.size(); ++i) json.add(token_json(tokens[i], uses[i]));
    json.end();
  } else {
    print_tokens(tokens, uses, /*with_account=*/options.user.empty(), now);
  }
  return Code::kOk;
}

/// The ACLs of the token that its account does not possess at this moment.
std::vector<std::string> acls_without_effect(const Token& token, const Account& account) {
  const std::vector<std::string>& possessed = account.acls[static_cast<size_t>(token.service)];
  const auto possesses = [&](const std::string& acl) {
    return std::find(possessed.begin(), possessed.end(), acl) != possessed.end();
  };
  std::vector<std::string> missing;
  if (possesses("all")) return missing;
  std::copy_if(token.acls.begin(), token.acls.end(), std::back_inserter(missing), std::not_fn(possesses));
  return missing;
}

void describe_rights(const Token& token, const Account& account) {
  const std::vector<std::string>& possessed = account.acls[static_cast<size_t>(token.service)];
  if (token.full_access) {
    print_line(fmt::format("May call all that {} may call, now and later; at present: {}.", token.account,
                           possessed.empty() ? "nothing" : join(possessed, ", ")));
  } else {
    print_line(fmt::format("May call what needs no more than: {}.", join(token.acls, ", ")));
  }
  const std::vector<std::string> missing = acls_without_effect(token, account);
  if (!missing.empty()) {
    print_line(fmt::format("Without effect, because {} does not possess it: {}.", token.account,
                           join(missing, ", ")));
  }
  print_line(token.read_only ? "Reads only: no function that changes anything."
                             : "Reads and changes, as far as that goes.");
}

void describe_validity(const Token& token, const Account& account, int64_t now) {
  print_line(token.addresses.empty() ? "Accepted from any address."
                                     : fmt::format("Accepted only from {}.", join(token.addresses, ", ")));
  if (token.not_before_unix_s != 0) {
    print_line(fmt::format("Valid from {} ({}).", time_text(token.not_before_unix_s),
                           distance_text(token.not_before_unix_s, now)));
  }
  const bool endless = token.expires_unix_s == kNeverExpires;
  const char* verb = token.expires_unix_s <= now ? "Ended" : "Ends";
  print_line(endless ? std::string("Never ends.")
                     : fmt::format("{} {} ({}).", verb, time_text(token.expires_unix_s),
                                   distance_text(token.expires_unix_s, now)));
  if (token.former_secret_until_unix_s && *token.former_secret_until_unix_s > now) {
    print_line(fmt::format("A former secret is accepted too, until {}.",
                           time_text(*token.former_secret_until_unix_s)));
  }
  if (!account.active) print_line(fmt::format("Refused at present: {} is suspended.", account.username));
  if (!account.tokens_enabled) {
    print_line(fmt::format("Refused at present: tokens are off for {}.", account.username));
  }
}

Code show(const Context& context, const Options& options) {
  const Admin admin = context.open_to_read();
  const Token token =
      find_token_or_suggest(admin, options.user, parse_service_if_any(options.service), options.name);
  const int64_t now = now_unix_s();
  const TokenUse use = value_of(admin.token_use({token}, now)).front();
  if (context.json) {
    print_json(token_json(token, use));
    return Code::kOk;
  }
  const Account account = value_of(admin.find_account(token.account));
  print_line(fmt::format("Token {} (id {}) of {} for the service {}: {}, made {}.", token.name, token.id,
                         token.account, service_name(token.service), token_state(token, now),
                         time_text(token.created_unix_s)));
  describe_rights(token, account);
  describe_validity(token, account, now);
  for (const std::string& sentence : use_sentences(use, now)) print_line(sentence);
  for (const std::string& warning : escape_warnings(token)) print_line("Warning: " + warning);
  if (token.parent_id != 0) {
    print_line(
        fmt::format("Made by {}.", token.parent.empty() ? token_parent(token) : "the token " + token.parent));
  }
  if (!token.note.empty()) print_line("Note: " + token.note);
  return Code::kOk;
}

Code rename(const Context& context, const Options& options) {
  Admin admin = context.open_to_change();
  const Token token =
      find_token_or_suggest(admin, options.user, parse_service_if_any(options.service), options.name);
  require_ok(admin.rename_token(change_now(), options.user, token.service, options.name, options.new_name));
  if (context.json) {
    print_json(token_json(value_of(admin.find_token(options.user, token.service, options.new_name))));
  } else {
    print_line(fmt::format("The token {} of {} is now called {}; its secret stays.", options.name,
                           options.user, options.new_name));
  }
  return Code::kOk;
}

Code revoke(const Context& context, const Options& options) {
  const std::optional<Service> service = parse_service_if_any(options.service);
  Admin admin = context.open_to_change();
  // All names are looked up first, so that a wrong one leaves every token as it is.
  std::vector<std::string> names[2];
  for (const std::string& name : options.names) {
    const Token token = find_token_or_suggest(admin, options.user, service, name);
    names[static_cast<size_t>(token.service)].push_back(token.name);
  }
  uint64_t revoked = 0;
  for (Service each : {Service::kCpanel, Service::kWhm}) {
    const std::vector<std::string>& some = names[static_cast<size_t>(each)];
    if (some.empty()) continue;
    revoked += value_of(admin.revoke_tokens(change_now(), options.user, each, some, options.with_children));
  }
  if (context.json) {
    print_json({{"revoked", revoked}});
  } else {
    print_line(fmt::format("Revoked {} of {}: refused from the next request on.", counted(revoked, "token"),
                           options.user));
  }
  return Code::kOk;
}

Code revoke_all(const Context& context, const Options& options) {
  const std::optional<Service> service = parse_service_if_any(options.service);
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  const uint64_t revoked = value_of(admin.revoke_all_tokens(change_now(), options.user, service));
  if (context.json) {
    print_json({{"revoked", revoked}});
  } else {
    print_line(fmt::format("Revoked {} of {}: refused from the next request on.", counted(revoked, "token"),
                           options.user));
  }
  return Code::kOk;
}

Code purge(const Context& context, const Options& options) {
  const int64_t now = now_unix_s();
  const int64_t before = options.before.empty() ? now : parse_when(options.before, now, DayEdge::kEnd);
  if (before > now) {
    throw Failure(
        Code::kInvalid,
        "--before lies in the future: only tokens that have ended are purged; `tokengate token revoke` "
        "ends others");
  }
  Admin admin = context.open_to_change();
  if (!options.user.empty()) find_account_or_suggest(admin, options.user);
  const uint64_t purged = value_of(admin.purge_expired_tokens(change_now(), options.user, before));
  if (context.json) {
    print_json({{"purged", purged}});
  } else {
    print_line(fmt::format("Removed {} that had ended by {}.", counted(purged, "token"), time_text(before)));
  }
  return Code::kOk;
}

struct KindText {
  const char* name;
  const char* sentence;
};

KindText kind_text(TokenTextKind kind) {
  switch (kind) {
    case TokenTextKind::kOurs:
      return {"ours", "This is the text of a Tokengate token: its check characters are right."};
    case TokenTextKind::kBadCheck:
      return {"bad_check", "The check characters are wrong: mistyped, or not made by Tokengate."};
    case TokenTextKind::kForeign:
      return {"foreign",
              "Not made by Tokengate, but it could be an imported secret: nothing to check it by."};
    case TokenTextKind::kNotAToken:
      return {"not_a_token", "Not a token: 16 to 1024 letters, digits and . _ ~ + / = - are allowed."};
  }
  return {"not_a_token", ""};
}

Code check(const Context& context) {
  std::string text = read_standard_input(4096);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const TokenTextKind kind = check_token_text(text);
  if (context.json) {
    print_json({{"kind", kind_text(kind).name}});
  } else {
    print_line(kind_text(kind).sentence);
  }
  return kind == TokenTextKind::kOurs ? Code::kOk : Code::kRefused;
}

/// A verb for one token or all of an account's; the caller adds the arguments after USER.
CLI::App* add_token_verb(CommandLine& line, CLI::App* noun, const VerbText& text,
                         Code (*body)(const Context&, const Options&),
                         const std::shared_ptr<Options>& options, bool user_required) {
  CLI::App* verb = line.add_verb(noun, text, [=](const Context& context) { return body(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username")->required(user_required);
  return verb;
}

void add_views(CommandLine& line, CLI::App* noun) {
  auto listing = std::make_shared<Options>();
  CLI::App* verb = add_token_verb(
      line, noun,
      {"list", "List tokens", {"tokengate token list", "tokengate token list shop --service cpanel --json"}},
      list, listing, /*user_required=*/false);
  add_service(verb, listing->service, "Only the tokens for this service");

  auto showing = std::make_shared<Options>();
  verb = add_token_verb(line, noun, {"show", "Say what a token can do", {"tokengate token show shop ci"}},
                        show, showing, true);
  add_argument(verb, "NAME", showing->name, "The token's name");
  add_service(verb, showing->service, "Which service it is for, if both have such a token");
}

void add_rename(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_token_verb(
      line, noun,
      {"rename", "Change a token's name; the secret stays", {"tokengate token rename shop ci deploy"}},
      rename, options, true);
  add_argument(verb, "NAME", options->name, "The present name");
  add_argument(verb, "NEW-NAME", options->new_name, "The new name");
  add_service(verb, options->service, "Which service it is for, if both have such a token");
}

void add_ends(CommandLine& line, CLI::App* noun) {
  auto one = std::make_shared<Options>();
  CLI::App* verb = add_token_verb(line, noun,
                                  {"revoke",
                                   "Remove tokens",
                                   {"tokengate token revoke shop ci", "tokengate token revoke shop ci backup",
                                    "tokengate token revoke shop leaked --with-children"}},
                                  revoke, one, true);
  add_arguments(verb, "NAME", one->names, "The tokens' names");
  add_service(verb, one->service, "Which service they are for, if both have such a token");
  add_switch(verb, "--with-children", one->with_children,
             "And every token that was made with one of them, or with such a token");

  auto all = std::make_shared<Options>();
  verb =
      add_token_verb(line, noun,
                     {"revoke-all",
                      "Remove all tokens of an account",
                      {"tokengate token revoke-all shop", "tokengate token revoke-all shop --service whm"}},
                     revoke_all, all, true);
  add_service(verb, all->service, "Only those for this service");

  auto expired = std::make_shared<Options>();
  verb = add_token_verb(
      line, noun,
      {"purge-expired",
       "Remove tokens that have ended",
       {"tokengate token purge-expired", "tokengate token purge-expired shop --before 2026-01-31"}},
      purge, expired, false);
  add_value(verb, "--before", "WHEN", expired->before, "Only those that had ended by then (default: now)");
}

}  // namespace

void add_token_commands(CommandLine& line) {
  CLI::App* noun = line.add_noun("token", "Make, change and end tokens");
  add_token_issue_verbs(line, noun);
  add_views(line, noun);
  add_rename(line, noun);
  add_ends(line, noun);
  add_token_advise_verb(line, noun);
  line.add_verb(noun,
                {"check",
                 "Say whether a text on standard input can be a token, without looking into the store",
                 {"tokengate token check < secret-file"}},
                check);
}

}  // namespace tokengate::cli
