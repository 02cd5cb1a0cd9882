// `tokengate acl`: the names that rights have.
#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

Code list(const Context& context, const std::string& service_text) {
  const std::optional<Service> only = parse_service_if_any(service_text);
  const Admin admin = context.open_to_read();
  Table table({"SERVICE", "ACL", "WARNING"});
  JsonList list;
  for (const Service service : {Service::kCpanel, Service::kWhm}) {
    if (only && *only != service) continue;
    for (const AclInfo& acl : value_of(admin.list_acls(service))) {
      if (context.json) {
        list.add({{"service", service_name(service)},
                  {"name", acl.name},
                  {"escape_route", acl.escape_route.empty() ? Json() : Json(acl.escape_route)}});
      } else {
        table.add({std::string(service_name(service)), acl.name, acl.escape_route});
      }
    }
  }
  if (context.json) {
    list.end();
  } else {
    table.print("No ACLs.");
  }
  return Code::kOk;
}

struct DefineOptions {
  std::vector<std::string> names;
  std::string service = "cpanel";
};

Code define(const Context& context, const DefineOptions& options) {
  const Service unprefixed = parse_service(options.service);
  // All names are read first, so that a wrong one leaves the store as it is.
  std::vector<std::pair<Service, std::string>> acls;
  for (const std::string& name : options.names) acls.push_back(parse_acl_name(name, unprefixed));
  Admin admin = context.open_to_change();
  Json defined = Json::array();
  for (const auto& [service, name] : acls) {
    require_ok(admin.define_acl(change_now(), service, name));
    defined.push_back({{"service", service_name(service)}, {"name", name}});
  }
  if (context.json) {
    print_json(defined);
  } else {
    print_line(fmt::format("Defined {}.", join(options.names, ", ")));
  }
  return Code::kOk;
}

}  // namespace

void add_acl_commands(CommandLine& line) {
  CLI::App* noun = line.add_noun("acl", "List and define ACLs");

  auto service = std::make_shared<std::string>();
  CLI::App* verb = line.add_verb(
      noun,
      {"list", "List the ACLs, with warnings", {"tokengate acl list", "tokengate acl list --service whm"}},
      [service](const Context& context) { return list(context, *service); });
  add_service(verb, *service, "Only the ACLs of this service");

  auto options = std::make_shared<DefineOptions>();
  verb = line.add_verb(noun,
                       {"define",
                        "Define ACLs that no catalog names, for locations that require them",
                        {"tokengate acl define reports", "tokengate acl define whm:maintenance"}},
                       [options](const Context& context) { return define(context, *options); });
  add_arguments(verb, "ACL", options->names, "Names such as reports or whm:maintenance");
  add_service(verb, options->service, "The service of names without a prefix (default: cpanel)");
}

}  // namespace tokengate::cli
