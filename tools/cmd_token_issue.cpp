// `tokengate token create`, `update` and `rotate`: what decides what a token may do, and what hands out
// secrets.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
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
  std::string service;
  std::vector<std::string> acls;
  bool full_access = false;
  bool read_only = false;
  bool read_write = false;
  std::string expires;
  std::string not_before;
  std::vector<std::string> addresses;
  bool any_address = false;
  std::string note;
  bool note_given = false;  ///< an empty note is one too: it removes the old one
  std::string overlap;
};

/// The token's ACLs from `--acl`; a prefix such as `whm:` must be that of the token's service.
std::vector<std::string> parse_token_acls(const Admin& admin, const std::vector<std::string>& names,
                                          Service service) {
  AclsByService acls = parse_acls(admin, names, service);
  const Service other = service == Service::kCpanel ? Service::kWhm : Service::kCpanel;
  const std::vector<std::string>& strays = acls[static_cast<size_t>(other)];
  if (!strays.empty()) {
    throw Failure(
        Code::kInvalid,
        fmt::format("the ACL {} belongs to the service {}, the token to {}: a token has one service "
                    "(--service {})",
                    strays.front(), service_name(other), service_name(service), service_name(other)));
  }
  return acls[static_cast<size_t>(service)];
}

std::vector<std::string> parse_addresses(const std::vector<std::string>& ranges) {
  for (const std::string& range : ranges) {
    if (!canonical_address_range(range).empty()) continue;
    throw Failure(Code::kInvalid,
                  fmt::format("\"{}\" is neither an address nor a range: write 192.0.2.7, 192.0.2.0/24 or "
                              "2001:db8::/32, with no bits set beyond the prefix",
                              range));
  }
  return ranges;
}

int64_t parse_not_before(const std::string& text, int64_t now) {
  const int64_t not_before = parse_when(text, now, DayEdge::kStart);
  if (not_before == kNeverExpires) {
    throw Failure(Code::kInvalid, "--not-before never would make a token that never works");
  }
  return not_before;
}

/// Throws if two options were given that contradict each other.
void require_no_contradiction(const Options& options) {
  const auto refuse_both = [](bool first, bool second, const char* names) {
    if (first && second)
      throw Failure(Code::kInvalid, fmt::format("{} contradict each other: give one", names));
  };
  refuse_both(!options.acls.empty(), options.full_access, "--acl and --full-access");
  refuse_both(options.read_only, options.read_write, "--read-only and --read-write");
  refuse_both(!options.addresses.empty(), options.any_address, "--address and --any-address");
}

/// Hands out a secret: it alone goes to standard output; what people should know goes to standard error.
Code hand_out(const Context& context, const IssuedToken& issued, const std::string& sentence) {
  const Token& token = issued.token;
  const std::vector<std::string> warnings = escape_warnings(token);
  if (context.json) {
    Json json = token_json(token);
    json["secret"] = issued.secret;
    json["warnings"] = warnings;
    print_json(json);
  } else {
    fmt::print(stderr, "{}\n", printable(sentence));
    for (const std::string& warning : warnings) fmt::print(stderr, "Warning: {}\n", printable(warning));
    fmt::print(stderr, "This is the only time that the secret is shown:\n");
    fmt::print(stdout, "{}\n", issued.secret);
  }
  if (std::fflush(stdout) != 0) {
    throw Failure(
        Code::kStore,
        fmt::format("the secret could not be written and is lost; make another with `tokengate token "
                    "rotate {} {} --service {} --overlap 0`",
                    token.account, token.name, service_name(token.service)));
  }
  return Code::kOk;
}

std::string end_text(const Token& token, int64_t now) {
  if (token.expires_unix_s == kNeverExpires) return "never ends";
  return fmt::format("ends {} ({})", time_text(token.expires_unix_s),
                     distance_text(token.expires_unix_s, now));
}

Code create(const Context& context, const Options& options) {
  if (options.acls.empty() && !options.full_access) {
    throw Failure(
        Code::kInvalid,
        "say what the token may call: --acl ACL (repeatable), or --full-access for all that the account "
        "possesses, now and later");
  }
  require_no_contradiction(options);
  const int64_t now = now_unix_s();
  Admin admin = context.open_to_change();
  find_account_or_suggest(admin, options.user);
  NewToken token;
  token.account = options.user;
  token.name = options.name;
  token.service = options.service.empty() ? Service::kCpanel : parse_service(options.service);
  token.acls = parse_token_acls(admin, options.acls, token.service);
  token.full_access = options.full_access;
  token.read_only = options.read_only;
  token.addresses = parse_addresses(options.addresses);
  token.note = options.note;
  if (!options.not_before.empty()) token.not_before_unix_s = parse_not_before(options.not_before, now);
  if (!options.expires.empty()) token.expires_unix_s = parse_when(options.expires, now, DayEdge::kEnd);
  const IssuedToken issued = value_of(admin.create_token(change_now(), token));
  return hand_out(
      context, issued,
      fmt::format("Made the token {} (id {}) of {} for the service {}: {}; {}.", issued.token.name,
                  issued.token.id, issued.token.account, service_name(issued.token.service),
                  token_rights(issued.token), end_text(issued.token, now)));
}

/// The changes that were asked for; throws if there are none.
TokenUpdate parse_update(const Admin& admin, const Options& options, Service service, int64_t now) {
  TokenUpdate update;
  if (!options.acls.empty()) update.acls = parse_token_acls(admin, options.acls, service);
  if (options.full_access) update.full_access = true;
  if (options.read_only || options.read_write) update.read_only = options.read_only;
  if (!options.addresses.empty() || options.any_address)
    update.addresses = parse_addresses(options.addresses);
  if (!options.not_before.empty()) update.not_before_unix_s = parse_not_before(options.not_before, now);
  if (!options.expires.empty()) update.expires_unix_s = parse_when(options.expires, now, DayEdge::kEnd);
  if (options.note_given) update.note = options.note;
  const bool any = update.acls || update.full_access || update.read_only || update.addresses ||
                   update.not_before_unix_s || update.expires_unix_s || update.note;
  if (!any) {
    throw Failure(Code::kInvalid, "say what to change, for example --expires 2026-12-31 or --acl email");
  }
  return update;
}

Code update(const Context& context, const Options& options) {
  require_no_contradiction(options);
  const int64_t now = now_unix_s();
  Admin admin = context.open_to_change();
  const Token token =
      find_token_or_suggest(admin, options.user, parse_service_if_any(options.service), options.name);
  const TokenUpdate changes = parse_update(admin, options, token.service, now);
  const Token updated =
      value_of(admin.update_token(change_now(), options.user, token.service, options.name, changes));
  if (context.json) {
    print_json(token_json(updated));
    return Code::kOk;
  }
  print_line(fmt::format("The token {} of {}: {}; {}.", updated.name, updated.account, token_rights(updated),
                         end_text(updated, now)));
  for (const std::string& warning : escape_warnings(updated)) {
    fmt::print(stderr, "Warning: {}\n", printable(warning));
  }
  return Code::kOk;
}

Code rotate(const Context& context, const Options& options) {
  const int64_t overlap = parse_span(options.overlap);
  Admin admin = context.open_to_change();
  const Token token =
      find_token_or_suggest(admin, options.user, parse_service_if_any(options.service), options.name);
  const std::optional<int64_t>& running = token.former_secret_until_unix_s;
  if (overlap > 0 && running && *running > now_unix_s()) {
    throw Failure(Code::kRefused,
                  fmt::format("the secret before the last rotation is still accepted until {}: wait, or say "
                              "--overlap 0 to end all former ones now",
                              time_text(*running)));
  }
  const IssuedToken issued =
      value_of(admin.rotate_token(change_now(), options.user, token.service, options.name, overlap));
  const std::optional<int64_t>& former = issued.token.former_secret_until_unix_s;
  return hand_out(
      context, issued,
      fmt::format("Made a new secret for the token {} of {}. {}", issued.token.name, issued.token.account,
                  former ? fmt::format("The former one is accepted until {}.", time_text(*former))
                         : std::string("The former one is refused from now on.")));
}

/// What create and update have in common.
void add_limits(CLI::App* verb, Options& options) {
  add_values(verb, "--acl", "ACL", options.acls, "What it may call; repeatable, also as a list with commas");
  add_switch(verb, "--full-access", options.full_access, "All that the account possesses, now and later");
  add_value(
      verb, "--expires", "WHEN", options.expires,
      "When it ends: 2026-12-31 (that day's end), 2026-12-31T18:00, UNIX seconds, +30d, +12h, now, never");
  add_value(verb, "--not-before", "WHEN", options.not_before,
            "From when on it is accepted; a date means that day's start");
  add_values(verb, "--address", "RANGE", options.addresses,
             "Where it may be used from: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32; repeatable");
  add_value(verb, "--note", "TEXT", options.note, "A note for people");
}

void add_create(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      line.add_verb(noun,
                    {"create",
                     "Make a token; its secret is printed once, on standard output",
                     {"tokengate token create shop ci --acl email --expires +90d",
                      "tokengate token create shop backup --acl backups --read-only --address 192.0.2.7",
                      "tokengate token create reseller panel --service whm --full-access",
                      "tokengate token create shop ci --acl email > secret-file"}},
                    [options](const Context& context) { return create(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_argument(verb, "NAME", options->name, "The token's name, unique for the account and service");
  add_limits(verb, *options);
  add_service(verb, options->service, "Which service it is for (default: cpanel)");
  add_switch(verb, "--read-only", options->read_only, "Only functions that change nothing");
}

void add_update(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(
      noun,
      {"update",
       "Change what a token may do, when and from where; the secret stays",
       {"tokengate token update shop ci --acl email,dns", "tokengate token update shop ci --expires now",
        "tokengate token update shop ci --any-address --read-write"}},
      [options](const Context& context) { return update(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_argument(verb, "NAME", options->name, "The token's name");
  add_limits(verb, *options);
  verb->get_option("--note")->each([options](const std::string&) { options->note_given = true; });
  add_service(verb, options->service, "Which service it is for, if both have such a token");
  add_switch(verb, "--read-only", options->read_only, "Only functions that change nothing");
  add_switch(verb, "--read-write", options->read_write, "End --read-only");
  add_switch(verb, "--any-address", options->any_address, "End --address");
}

void add_rotate(CommandLine& line, CLI::App* noun) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(
      noun,
      {"rotate",
       "Make a new secret for a token and keep the former one for a while",
       {"tokengate token rotate shop ci --overlap 24h", "tokengate token rotate shop ci --overlap 0"}},
      [options](const Context& context) { return rotate(context, *options); });
  add_argument(verb, "USER", options->user, "The account's username");
  add_argument(verb, "NAME", options->name, "The token's name");
  add_service(verb, options->service, "Which service it is for, if both have such a token");
  add_value(verb, "--overlap", "SPAN", options->overlap,
            "How long the former secret is still accepted: 0, 15m, 24h, 7d")
      ->required();
}

}  // namespace

void add_token_issue_verbs(CommandLine& line, CLI::App* noun) {
  add_create(line, noun);
  add_update(line, noun);
  add_rotate(line, noun);
}

}  // namespace tokengate::cli
