// `tokengate journal`: who changed what, and whether the record of it is whole.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "cmd.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

constexpr uint64_t kNewest = 50;  ///< how many entries `show` shows of itself
constexpr size_t kBatch = 1000;   ///< how many are read at a time: a journal may be larger than memory

struct ShowOptions {
  uint64_t from = 0;   ///< 0: wherever the newest begin
  uint64_t limit = 0;  ///< 0: not given
};

Json entry_json(const JournalEntry& entry) {
  return {{"seq", entry.seq},       {"time", entry.time_unix_s}, {"actor", entry.actor},
          {"action", entry.action}, {"object", entry.object},    {"detail", entry.detail},
          {"hash", entry.hash_hex}};
}

Code show(const Context& context, const ShowOptions& options) {
  const Admin admin = context.open_to_read();
  uint64_t from = options.from;
  uint64_t left = options.limit;
  if (from == 0) {
    const uint64_t entries = value_of(admin.stat()).journal_entries;
    if (left == 0) left = kNewest;
    from = entries > left ? entries - left + 1 : 1;
  } else if (left == 0) {
    left = std::numeric_limits<uint64_t>::max();
  }
  JsonList json;
  while (left > 0) {
    const std::vector<JournalEntry> batch =
        value_of(admin.read_journal(from, static_cast<size_t>(std::min<uint64_t>(left, kBatch))));
    if (batch.empty()) break;
    Table table({"SEQ", "TIME", "ACTOR", "ACTION", "OBJECT", "DETAIL"});
    for (const JournalEntry& entry : batch) {
      if (context.json) {
        json.add(entry_json(entry));
      } else {
        table.add({std::to_string(entry.seq), time_text(entry.time_unix_s), entry.actor, entry.action,
                   entry.object, entry.detail});
      }
    }
    if (!context.json) table.print("");
    from = batch.back().seq + 1;
    left -= batch.size();
  }
  if (context.json) json.end();
  return Code::kOk;
}

Code verify(const Context& context) {
  const Admin admin = context.open_to_read();
  const uint64_t entries = value_of(admin.verify_journal());
  if (context.json) {
    print_json({{"entries", entries}, {"whole", true}});
  } else {
    print_line(fmt::format("The journal is whole: {} in an unbroken chain.",
                           entries == 1 ? "1 entry" : fmt::format("{} entries", entries)));
  }
  return Code::kOk;
}

}  // namespace

void add_journal_commands(CommandLine& line) {
  CLI::App* noun = line.add_noun("journal", "Every change: who, when, what");

  auto options = std::make_shared<ShowOptions>();
  CLI::App* verb =
      line.add_verb(noun,
                    {"show",
                     "Show the newest changes, or those from a number on",
                     {"tokengate journal show", "tokengate journal show --from 1 --limit 20 --json"}},
                    [options](const Context& context) { return show(context, *options); });
  verb->add_option("--from", options->from, "Start with this entry; without it the newest are shown")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->add_option("--limit", options->limit, "At most so many (default: 50, or all with --from)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);

  line.add_verb(
      noun, {"verify", "Recompute the chain and say whether it holds", {"tokengate journal verify"}}, verify);
}

}  // namespace tokengate::cli
