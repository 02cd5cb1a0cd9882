// `tokengate catalog`: which ACLs a function needs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cmd.h"
#include "panel_catalog.h"
#include "print.h"

namespace tokengate::cli {
namespace {

constexpr size_t kMaxCatalogBytes = size_t{64} << 20;

Service service_of(const CatalogRow& row) {
  return row.api == "whm1" ? Service::kWhm : Service::kCpanel;
}

std::string needs_text(const CatalogRow& row) {
  if (row.unlisted) return "full access";
  return row.wrapper && row.acls.empty() ? "what the inner calls need" : join(row.acls, " and ");
}

Code load(const Context& context, const std::string& file, bool panel) {
  if (panel == !file.empty()) {
    throw Failure(Code::kInvalid, "say what to load: a file, - for standard input, or --panel");
  }
  std::string text;
  if (file == "-") {
    text = read_standard_input(kMaxCatalogBytes);
  } else if (!panel) {
    text = read_file(file, kMaxCatalogBytes);
  }
  Admin admin = context.open_to_change();
  const CatalogSummary summary = value_of(admin.load_catalog(change_now(), panel ? kPanelCatalog : text));
  if (context.json) {
    print_json({{"rows", summary.rows}, {"functions", summary.functions}, {"new_acls", summary.new_acls}});
  } else {
    print_line(fmt::format("Loaded {} for {}, with {}.", counted(summary.rows, "row"),
                           counted(summary.functions, "function"), counted(summary.new_acls, "new ACL")));
  }
  return Code::kOk;
}

struct ShowOptions {
  std::string service;
  std::string acl;
};

Code show(const Context& context, const ShowOptions& options) {
  const std::optional<Service> service = parse_service_if_any(options.service);
  const Admin admin = context.open_to_read();
  Table table({"API", "MODULE", "FUNCTION", "NEEDS", "ACCESS"});
  JsonList list;
  for (const CatalogRow& row : value_of(admin.list_catalog())) {
    if (service && service_of(row) != *service) continue;
    if (!options.acl.empty() && std::find(row.acls.begin(), row.acls.end(), options.acl) == row.acls.end()) {
      continue;
    }
    const char* access = row.read ? "read" : "write";
    if (context.json) {
      list.add({{"api", row.api},
                {"module", row.module},
                {"function", row.function},
                {"acls", row.acls},
                {"wrapper", row.wrapper},
                {"unlisted", row.unlisted},
                {"access", access}});
    } else {
      table.add({row.api, row.module, row.function, needs_text(row), access});
    }
  }
  if (context.json) {
    list.end();
  } else {
    table.print("No such rows. `tokengate catalog load` brings a catalog in.");
  }
  return Code::kOk;
}

Code export_text(const Context& context) {
  if (context.json) return show(context, {});
  const Admin admin = context.open_to_read();
  fmt::print(stdout, "{}", catalog_text(value_of(admin.list_catalog())));
  return Code::kOk;
}

}  // namespace

void add_catalog_commands(CommandLine& line) {
  CLI::App* noun = line.add_noun("catalog", "Say which ACLs a function needs");

  auto file = std::make_shared<std::string>();
  auto panel = std::make_shared<bool>(false);
  CLI::App* verb = line.add_verb(noun,
                                 {"load",
                                  "Replace the catalog with the rows of a file",
                                  {"tokengate catalog load --panel", "tokengate catalog load reports.tsv",
                                   "tokengate catalog export | grep -v backups | tokengate catalog load -"}},
                                 [=](const Context& context) { return load(context, *file, *panel); });
  add_argument(verb, "FILE", *file, "Tab-separated: api module function acl access; - for standard input")
      ->required(false);
  add_switch(verb, "--panel", *panel, "Load the shipped catalog of a hosting panel's functions");

  auto options = std::make_shared<ShowOptions>();
  verb = line.add_verb(noun,
                       {"show",
                        "Show the catalog",
                        {"tokengate catalog show --service whm", "tokengate catalog show --acl email"}},
                       [options](const Context& context) { return show(context, *options); });
  add_service(verb, options->service, "Only the functions of this service");
  add_value(verb, "--acl", "ACL", options->acl, "Only the functions that need this ACL");

  line.add_verb(
      noun,
      {"export", "Print the catalog as text that load takes", {"tokengate catalog export > catalog.tsv"}},
      export_text);
}

}  // namespace tokengate::cli
