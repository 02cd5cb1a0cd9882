// `tokengate token advise`: what tokens could do without, from what they were used for.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "cmd.h"
#include "describe.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

constexpr int64_t kDay_s = int64_t{24} * 3600;
constexpr int kMostDays = 36500;

struct Options {
  std::string user;
  std::string name;
  std::string service;
  unsigned unused_days = 90;
  unsigned watched_days = 7;
};

/// A token, how it was used, and what follows from that.
struct Case {
  Token token;
  TokenUse use;
  Advice advice;
};

const char* kind_name(Advice::Kind kind) {
  switch (kind) {
    case Advice::kEnded:
      return "ended";
    case Advice::kUnknown:
      return "unknown";
    case Advice::kUnused:
      return "unused";
    case Advice::kNeverUsed:
      return "never_used";
    case Advice::kTooEarly:
      return "too_early";
    case Advice::kNarrow:
      return "narrow";
    case Advice::kFits:
      return "fits";
  }
  return "unknown";
}

/// The command that follows the advice; empty if nothing is to be done.
std::string command_for(const Case& found) {
  const Token& token = found.token;
  const auto command = [&](const char* verb, const std::string& change) {
    return fmt::format("tokengate token {} {} {} --service {}{}", verb, token.account, token.name,
                       service_name(token.service), change);
  };
  if (found.advice.kind == Advice::kUnused) return command("revoke", "");
  if (found.advice.kind != Advice::kNarrow) return {};
  const TokenUpdate& update = found.advice.update;
  return command("update", (update.acls ? " --acl " + join(*update.acls, ",") : std::string()) +
                               (update.read_only ? " --read-only" : ""));
}

std::vector<Case> find_cases(const Admin& admin, const Options& options, int64_t now) {
  const std::optional<Service> service = parse_service_if_any(options.service);
  std::vector<Token> tokens;
  std::map<std::string, Account> accounts;
  if (options.user.empty()) {
    for (Account& account : value_of(admin.list_accounts())) accounts.emplace(account.username, account);
  } else {
    accounts.emplace(options.user, find_account_or_suggest(admin, options.user));
  }
  if (options.name.empty()) {
    tokens = value_of(admin.list_tokens(options.user, service));
    if (service) std::erase_if(tokens, [&](const Token& token) { return token.service != *service; });
  } else {
    tokens = {find_token_or_suggest(admin, options.user, service, options.name)};
  }
  const std::vector<TokenUse> uses = value_of(admin.token_use(tokens, now));
  const AdviceTerms terms{options.unused_days * kDay_s, options.watched_days * kDay_s};
  std::vector<Case> cases;
  for (size_t i = 0; i < tokens.size(); ++i) {
    // Made since the accounts were listed.
    const auto account = accounts.find(tokens[i].account);
    if (account == accounts.end()) continue;
    cases.push_back({tokens[i], uses[i], advise_on_use(account->second, tokens[i], uses[i], terms, now)});
  }
  return cases;
}

Json case_json(const Case& found) {
  const std::string command = command_for(found);
  const TokenUpdate& update = found.advice.update;
  return {{"id", found.token.id},
          {"account", found.token.account},
          {"service", service_name(found.token.service)},
          {"name", found.token.name},
          {"advice", kind_name(found.advice.kind)},
          {"use", use_json(found.use)},
          {"acls", update.acls ? Json(*update.acls) : Json()},
          {"read_only", update.read_only ? Json(*update.read_only) : Json()},
          {"command", command.empty() ? Json() : Json(command)}};
}

std::string verdict(const Case& found, const Options& options) {
  switch (found.advice.kind) {
    case Advice::kEnded:
      return "It has ended; `tokengate token purge-expired` removes such tokens.";
    case Advice::kUnknown:
      return "Nothing is known of its use; see `tokengate stat`.";
    case Advice::kUnused:
      return fmt::format("Not used for {} or more; if nothing needs it:",
                         counted(options.unused_days, "day"));
    case Advice::kNeverUsed:
      return fmt::format("Never used, but not watched for {} either.", counted(options.unused_days, "day"));
    case Advice::kTooEarly:
      return fmt::format("Watched for less than {}: too early to tell what it needs.",
                         counted(options.watched_days, "day"));
    case Advice::kNarrow:
      return "It may do more than it was seen to do; to leave it just that:";
    case Advice::kFits:
      return found.use.unlisted ? "It called what only full access opens, and so needs what it has."
                                : "It was used for all that it may do.";
  }
  return {};
}

void print_case(const Case& found, const Options& options, int64_t now) {
  print_line(fmt::format("{} {} ({}), may call: {}", found.token.account, found.token.name,
                         service_name(found.token.service), token_rights(found.token)));
  for (const std::string& line : use_sentences(found.use, now)) print_line("  " + line);
  print_line("  " + verdict(found, options));
  const std::string command = command_for(found);
  if (!command.empty()) print_line("    " + command);
}

/// Those without a proposal, when all were asked for, in one line.
void print_rest(const std::vector<Case>& cases, size_t shown) {
  std::string parts;
  const struct {
    Advice::Kind kind;
    const char* words;
  } kKinds[] = {{Advice::kFits, "used for all that they may do"},
                {Advice::kTooEarly, "watched too briefly"},
                {Advice::kNeverUsed, "never used so far"},
                {Advice::kUnknown, "not known"},
                {Advice::kEnded, "ended"}};
  for (const auto& row : kKinds) {
    const auto n = std::count_if(cases.begin(), cases.end(),
                                 [&](const Case& found) { return found.advice.kind == row.kind; });
    if (n > 0) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", n, row.words);
  }
  if (shown == 0) print_line("Nothing to propose.");
  if (!parts.empty()) print_line(fmt::format("Without a proposal: {}.", parts));
}

Code advise(const Context& context, const Options& options) {
  const Admin admin = context.open_to_read();
  const int64_t now = now_unix_s();
  const std::vector<Case> cases = find_cases(admin, options, now);
  if (context.json) {
    JsonList json;
    for (const Case& found : cases) json.add(case_json(found));
    json.end();
    return Code::kOk;
  }
  size_t shown = 0;
  for (const Case& found : cases) {
    if (options.name.empty() && command_for(found).empty()) continue;
    print_case(found, options, now);
    ++shown;
  }
  if (options.name.empty()) print_rest(cases, shown);
  print_line("This goes by what was seen on this host alone, and is a hint: what runs rarely may need more.");
  return Code::kOk;
}

}  // namespace

void add_token_advise_verb(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(noun,
                                 {"advise",
                                  "Propose smaller rights, and an end, from what tokens were used for",
                                  {"tokengate token advise", "tokengate token advise shop ci",
                                   "tokengate token advise --unused-days 30 --json"}},
                                 [options](const Context& context) { return advise(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username (default: all)")->required(false);
  add_argument(verb, "NAME", options->name, "The token's name (default: all)")->required(false);
  add_service(verb, options->service, "Only tokens for this service");
  verb->add_option("--unused-days", options->unused_days,
                   "Propose to revoke what was not used for so many days (default: 90)")
      ->type_name("N")
      ->check(CLI::Range(0, kMostDays));
  verb->add_option("--watched-days", options->watched_days,
                   "Propose smaller rights of what was watched for so many days (default: 7)")
      ->type_name("N")
      ->check(CLI::Range(0, kMostDays));
}

}  // namespace tokengate::cli
