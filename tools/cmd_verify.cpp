// `tokengate verify` and `explain`: the decision on one request, and the way there.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "advice.h"
#include "cmd.h"
#include "decision_text.h"
#include "print.h"
#include "request_text.h"
#include "when.h"

namespace tokengate::cli {
namespace {

constexpr size_t kMaxRequestBytes = size_t{16} << 20;

struct Options {
  std::string service;
  std::vector<std::string> schemes = {"cpanel", "whm", "bearer"};
  std::string header;
  std::vector<std::string> required;
  std::string client = "127.0.0.1";
  bool tls = false;
  bool plain_http = false;
  std::string now;
  std::string refusals = "standard";
  std::string account;
  std::string token;
  std::string request;
};

/// The location that the request is judged for. `rules()` views into this object.
class Location {
 public:
  Location(const Options& options, Service service) : required_(options.required) {
    for (const std::string& name : required_) required_views_.emplace_back(name);
    rules_.service = service;
    rules_.plain_http = options.plain_http;
    rules_.records_use = false;
    rules_.schemes = options.header.empty() ? kSchemeNone : kSchemeKeyHeader;
    for (const std::string& name : options.schemes) {
      const Scheme scheme = scheme_from_name(name);
      if (scheme == kSchemeNone) {
        throw Failure(Code::kInvalid,
                      fmt::format("there is no scheme \"{}\": say cpanel, whm, bearer or basic", name));
      }
      rules_.schemes |= scheme;
    }
    rules_.required_acls = required_views_;
  }
  Location(const Location&) = delete;
  Location& operator=(const Location&) = delete;

  Rules& rules() { return rules_; }

 private:
  std::vector<std::string> required_;
  std::vector<std::string_view> required_views_;
  Rules rules_;
};

RefusalStyle parse_refusals(const std::string& name) {
  if (name == "standard") return RefusalStyle::kStandard;
  if (name == "panel") return RefusalStyle::kPanel;
  throw Failure(Code::kInvalid,
                fmt::format("there is no kind of refusals \"{}\": say standard or panel", name));
}

Code exit_code(Outcome outcome) {
  if (outcome == Outcome::kGranted) return Code::kOk;
  return outcome == Outcome::kStoreUnavailable ? Code::kStore : Code::kRefused;
}

Connection connection_of(const Options& options) {
  Connection connection;
  connection.client = parse_client(options.client);
  connection.tls = options.tls;
  const int64_t now = now_unix_s();
  connection.now_unix_s = options.now.empty() ? now : parse_when(options.now, now, DayEdge::kStart);
  return connection;
}

void report_store_problem(const Verifier& verifier) {
  const std::string problem = verifier.problem();
  if (!problem.empty()) print_note(problem);
}

Code verify(const Context& context, const Options& options) {
  const RefusalStyle style = parse_refusals(options.refusals);
  const Service service = options.service.empty() ? Service::kCpanel : parse_service(options.service);
  Location location(options, service);
  const Connection connection = connection_of(options);
  RequestText request(read_standard_input(kMaxRequestBytes));

  Verifier verifier(context.store_path);
  Reader reader(verifier);
  const Credentials credentials =
      reader.read_credentials(location.rules(), request.credential_fields(options.header));
  const Decision decision = reader.verify(location.rules(), credentials, connection, request.call());
  if (context.json) {
    print_json(decision_json(decision, request.target(), style));
  } else {
    print_line(decision_sentence(decision, request.target(), style));
  }
  report_store_problem(verifier);
  return exit_code(decision.outcome);
}

Code explain(const Context& context, const Options& options) {
  if (options.account.empty() != options.token.empty()) {
    throw Failure(Code::kInvalid, "--account and --token go together: they name the token to ask about");
  }
  if (!options.request.empty() && options.account.empty()) {
    throw Failure(Code::kInvalid, "--request carries no credentials: say whose with --account and --token");
  }
  const RefusalStyle style = parse_refusals(options.refusals);
  const Connection connection = connection_of(options);
  std::optional<Service> service = parse_service_if_any(options.service);
  std::optional<Credentials> named;
  if (!options.account.empty()) {
    // Closed again before the verifier opens the store: LMDB allows one environment of a store in a process.
    const Admin admin = context.open_to_read();
    service = find_token_or_suggest(admin, options.account, service, options.token).service;
    named = value_of(admin.credentials_of(options.account, *service, options.token));
  }
  Location location(options, service.value_or(Service::kCpanel));
  RequestText request(options.request.empty() ? read_standard_input(kMaxRequestBytes) : options.request);
  Checks checks;
  Decision decision;
  {
    Verifier verifier(context.store_path);
    Reader reader(verifier);
    if (named) location.rules().schemes |= named->scheme;
    const Credentials credentials =
        named ? *named : reader.read_credentials(location.rules(), request.credential_fields(options.header));
    decision = reader.verify(location.rules(), credentials, connection, request.call(), &checks);
    report_store_problem(verifier);
  }
  const std::string advice = advice_for(context, decision);
  if (context.json) {
    print_json(explanation_json(checks, decision_json(decision, request.target(), style), advice));
  } else {
    print_explanation(checks, decision_sentence(decision, request.target(), style), advice);
  }
  return exit_code(decision.outcome);
}

void add_location(CLI::App* verb, Options& options) {
  add_service(verb, options.service, "The service of the location (default: cpanel, or the token's)");
  add_values(verb, "--schemes", "SCHEME", options.schemes,
             "Schemes that are on: cpanel, whm, bearer, basic (default: the first three)");
  add_value(verb, "--header", "NAME", options.header, "A header that may hold a bare token");
  add_values(verb, "--require", "ACL", options.required, "ACLs that the location requires, repeatable");
  add_value(verb, "--client", "ADDRESS", options.client,
            "The client's address, or unix (default: 127.0.0.1)");
  add_switch(verb, "--tls", options.tls, "The connection is TLS");
  add_switch(verb, "--plain-http", options.plain_http, "The location takes credentials over plain HTTP");
  add_value(verb, "--now", "WHEN", options.now, "Decide as if it were then");
  add_value(verb, "--refusals", "standard|panel", options.refusals, "Which answers the location gives");
}

}  // namespace

void add_verify_commands(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = line.add_verb(line.root(),
                                 {"verify",
                                  "Decide on one request, read from standard input",
                                  {"printf 'GET /execute/Email/list_pops HTTP/1.1\\nAuthorization: cpanel "
                                   "shop:%s\\n' \"$TOKEN\" | tokengate verify",
                                   "tokengate verify --service whm --client 192.0.2.7 --tls < request.txt"}},
                                 [options](const Context& context) { return verify(context, *options); });
  add_location(verb, *options);

  auto asked = std::make_shared<Options>();
  verb = line.add_verb(
      line.root(),
      {"explain",
       "Decide on one request and show each check, without a secret if a token is named",
       {"tokengate explain --account shop --token ci --request \"GET /execute/Email/list_pops\"",
        "tokengate explain < request.txt"}},
      [asked](const Context& context) { return explain(context, *asked); });
  add_location(verb, *asked);
  add_value(verb, "--account", "USER", asked->account, "Whose token; its secret is not needed");
  add_value(verb, "--token", "NAME", asked->token, "The token's name");
  add_value(verb, "--request", "LINE", asked->request,
            "The request line, such as \"GET /execute/Email/list_pops\"; without it standard input is read");
}

}  // namespace tokengate::cli
