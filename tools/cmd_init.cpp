// `tokengate init`: makes an empty store.
#include <fmt/format.h>

#include <memory>

#include "cmd.h"
#include "print.h"

namespace tokengate::cli {
namespace {

Code init(const Context& context, const std::string& group) {
  require_ok(create_store({context.store_path, group}, change_now()));
  if (context.json) {
    print_json({{"store", context.store_path}, {"group", group.empty() ? Json() : Json(group)}});
    return Code::kOk;
  }
  print_line(fmt::format("Made an empty store in {}, readable by {}.", context.store_path,
                         group.empty() ? "the folder's own group" : "the group " + group));
  print_line("Next: tokengate catalog load --panel, then tokengate account create USER --acl ACL");
  return Code::kOk;
}

}  // namespace

void add_init_command(CommandLine& line) {
  auto group = std::make_shared<std::string>(default_group());
  CLI::App* verb =
      line.add_verb(line.root(),
                    {"init",
                     "Make an empty store",
                     {"tokengate init --group www-data", "tokengate init --store /srv/tokengate"}},
                    [group](const Context& context) { return init(context, *group); });
  add_value(verb, "--group", "GROUP", *group,
            "The web server's group, which may read the store (default: www-data, if root makes it)");
}

}  // namespace tokengate::cli
