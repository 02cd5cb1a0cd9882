// `tokengate uapi` and `tokengate whmapi1`: the panel's command-line tools of these names, for the functions
// that manage tokens. The call goes through the management API, as if it had come over the network.
#include <fmt/format.h>

#include <cctype>
#include <cstdio>
#include <memory>

#include "cmd.h"
#include "manage/manage.h"
#include "print.h"
#include "yaml.h"

namespace tokengate::cli {
namespace {

struct Options {
  std::string user = login_name();
  std::string output = "yaml";
  std::string module;
  std::string function;
  std::vector<std::string> arguments;
};

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

/// As a parameter of a form (RFC 3986 2.1). What is percent-encoded already, as the panel's tools want it,
/// stays.
std::string form_text(std::string_view text) {
  const auto is_hex = [&](size_t i) {
    return i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  std::string encoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool kept = is_unreserved(text[i]) || (text[i] == '%' && is_hex(i + 1) && is_hex(i + 2));
    encoded += kept ? std::string(1, text[i]) : fmt::format("%{:02X}", static_cast<unsigned char>(text[i]));
  }
  return encoded;
}

/// A secret is read from standard input: an argument can be seen by every user of the machine.
std::string value_text(const std::string& name, const std::string& value) {
  if (name != "token") return value;
  if (value != "-") {
    throw Failure(Code::kInvalid,
                  "a token must not be an argument: say token=- and give it on standard input");
  }
  std::string text = read_standard_input(4096);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string form_of(const std::vector<std::string>& arguments) {
  std::string form;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Failure(Code::kInvalid, fmt::format("write arguments as NAME=VALUE; \"{}\" is not", argument));
    }
    const std::string name = argument.substr(0, equals);
    form += fmt::format("&{}={}", form_text(name), form_text(value_text(name, argument.substr(equals + 1))));
  }
  return form;
}

void print_reply(const std::string& body, const std::string& output) {
  std::string text = body + "\n";
  if (output == "jsonpretty") text = Json::parse(body).dump(3) + "\n";
  if (output == "yaml") text = yaml_text(Json::parse(body));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Code call(const Context& context, const Options& options, Service service) {
  const std::string& output = context.json ? "json" : options.output;
  if (output != "json" && output != "jsonpretty" && output != "xml" && output != "yaml") {
    throw Failure(Code::kInvalid, "--output is one of json, jsonpretty, xml and yaml");
  }
  const std::string family = output == "xml" ? "xml" : "json";
  const Change change = change_now();
  manage::Request request;
  request.method = "POST";
  request.path = fmt::format("/{}-api/{}", family, service == Service::kWhm ? options.function : "cpanel");
  request.body =
      service == Service::kWhm
          ? "api.version=1"
          : fmt::format("cpanel_{0}api_apiversion=3&cpanel_{0}api_module={1}&cpanel_{0}api_func={2}", family,
                        form_text(options.module), form_text(options.function));
  request.body += form_of(options.arguments);
  request.caller.user = options.user;
  request.caller.service = service;
  request.caller.via = manage::Identity::Via::kShell;
  request.caller.shell_user = change.actor;
  request.now_unix_s = change.now_unix_s;
  Admin admin = context.open_to_change();
  const manage::Reply reply = manage::answer_api(admin, {}, request);
  if (reply.status != 200) {
    throw Failure(Code::kInvalid, fmt::format("there is no function \"{}\"", options.function));
  }
  print_reply(reply.body, output);
  return reply.ok ? Code::kOk : Code::kRefused;
}

void add_common(CLI::App* verb, Options& options) {
  // One value each, whatever is in it: a comma is for the function to judge.
  verb->add_option("NAME=VALUE", options.arguments,
                   "The function's parameters, percent-encoded where need be")
      ->type_name("");
  add_value(verb, "--user", "USER", options.user,
            "The account whose tokens they are (default: your login name)");
  add_value(verb, "--output", "FORM", options.output, "yaml (default), json, jsonpretty or xml");
}

}  // namespace

void add_uapi_commands(CommandLine& line) {
  auto uapi = std::make_shared<Options>();
  CLI::App* verb =
      line.add_verb(line.root(),
                    {"uapi",
                     "Call a function of UAPI, as the panel's tool of this name does",
                     {"tokengate uapi --user=shop Tokens list --output=json",
                      "tokengate uapi --user=shop Tokens create_full_access name=ci",
                      "tokengate uapi --user=shop Tokens create_limited name=ci features=email"}},
                    [uapi](const Context& context) { return call(context, *uapi, Service::kCpanel); });
  add_argument(verb, "MODULE", uapi->module, "Tokens");
  add_argument(verb, "FUNCTION", uapi->function, "Such as list");
  add_common(verb, *uapi);

  auto whm = std::make_shared<Options>();
  verb = line.add_verb(line.root(),
                       {"whmapi1",
                        "Call a function of WHM API 1, as the panel's tool of this name does",
                        {"tokengate whmapi1 api_token_list --output=jsonpretty",
                         "tokengate whmapi1 --user=reseller api_token_create token_name=ci acl-0=list-accts",
                         "tokengate whmapi1 api_token_get_details token=- < secret-file"}},
                       [whm](const Context& context) { return call(context, *whm, Service::kWhm); });
  add_argument(verb, "FUNCTION", whm->function, "Such as api_token_list");
  add_common(verb, *whm);
}

}  // namespace tokengate::cli
