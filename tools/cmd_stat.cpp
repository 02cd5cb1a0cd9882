// `tokengate stat`: the store in figures.
#include <fmt/format.h>

#include "cmd.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

std::string size_text(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double size = static_cast<double>(bytes);
  const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  const char** unit = units;
  size /= 1024;
  while (size >= 1024 && unit + 1 < std::end(units)) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, *unit);
}

Code stat(const Context& context) {
  const Admin admin = context.open_to_read();
  const StoreStat stat = value_of(admin.stat());
  if (context.json) {
    print_json({{"store", context.store_path},
                {"store_id", stat.store_id},
                {"format_version", stat.format_version},
                {"accounts", stat.accounts},
                {"tokens", stat.tokens},
                {"acls", stat.acls},
                {"catalog_functions", stat.catalog_functions},
                {"journal_entries", stat.journal_entries},
                {"file_bytes", stat.file_bytes},
                {"map_bytes", stat.map_bytes},
                {"readers_used", stat.readers_used},
                {"readers_max", stat.readers_max},
                {"usage_slots", stat.usage_slots},
                {"usage_since", stat.usage_since_unix_s == 0 ? Json() : Json(stat.usage_since_unix_s)},
                {"usage_problem", stat.usage_problem.empty() ? Json() : Json(stat.usage_problem)}});
    return Code::kOk;
  }
  const auto line = [](std::string_view name, const std::string& value) {
    print_line(fmt::format("{:<18} {}", name, value));
  };
  line("Store", context.store_path);
  line("Id", stat.store_id);
  line("Format", std::to_string(stat.format_version));
  line("Accounts", std::to_string(stat.accounts));
  line("Tokens", std::to_string(stat.tokens));
  line("ACLs", std::to_string(stat.acls));
  line("Catalog functions", std::to_string(stat.catalog_functions));
  line("Journal entries", std::to_string(stat.journal_entries));
  line("File", size_text(stat.file_bytes));
  line("Room to grow to", size_text(stat.map_bytes));
  line("Readers", fmt::format("{} of {}", stat.readers_used, stat.readers_max));
  line("Use of tokens", stat.usage_problem.empty()
                            ? fmt::format("noted since {}, room for {}", time_text(stat.usage_since_unix_s),
                                          counted(stat.usage_slots, "token"))
                            : stat.usage_problem);
  return Code::kOk;
}

}  // namespace

void add_stat_command(CommandLine& line) {
  line.add_verb(line.root(),
                {"stat", "Show the store in figures", {"tokengate stat", "tokengate stat --json"}}, stat);
}

}  // namespace tokengate::cli
