// `tokengate check`, `repair`, `backup` and `restore`.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "cmd.h"
#include "output_file.h"
#include "print.h"
#include "when.h"

namespace tokengate::cli {
namespace {

const char* remedy_text(Remedy remedy) {
  switch (remedy) {
    case Remedy::kRepair:
      return "repair";
    case Remedy::kByHand:
      return "by hand";
    case Remedy::kRestore:
      break;
  }
  return "restore";
}

Json findings_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"finding", printable(finding.text)}, {"remedy", remedy_text(finding.remedy)}});
  }
  return list;
}

void print_findings(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) print_line(fmt::format("{}.", finding.text));
}

Code check(const Context& context) {
  const CheckReport report = value_of(check_store(context.store_path));
  const Code code = report.finding_count == 0 ? Code::kOk : Code::kRefused;
  if (context.json) {
    print_json({{"accounts", report.accounts},
                {"tokens", report.tokens},
                {"journal_entries", report.journal_entries},
                {"finding_count", report.finding_count},
                {"findings", findings_json(report.findings)}});
    return code;
  }
  print_findings(report.findings);
  if (report.finding_count > report.findings.size()) {
    print_line(fmt::format("And {} more.", report.finding_count - report.findings.size()));
  }
  print_line(
      fmt::format("{}, {}, {}: {}.", counted(report.accounts, "account"), counted(report.tokens, "token"),
                  report.journal_entries == 1 ? "1 journal entry"
                                              : fmt::format("{} journal entries", report.journal_entries),
                  report.finding_count == 0 ? "all is well" : counted(report.finding_count, "finding")));
  return code;
}

Code repair(const Context& context, bool dry_run) {
  const RepairReport report = value_of(repair_store(context.store_path, change_now(), dry_run));
  const Code code = report.left.empty() ? Code::kOk : Code::kRefused;
  if (context.json) {
    Json actions = Json::array();
    for (const std::string& action : report.actions) actions.push_back(printable(action));
    print_json({{"actions", actions}, {"left", findings_json(report.left)}, {"dry_run", dry_run}});
    return code;
  }
  for (const std::string& action : report.actions) print_line(fmt::format("{}.", action));
  print_findings(report.left);
  print_line(fmt::format(
      "{} {}; {}.", dry_run ? "Would repair" : "Repaired", counted(report.actions.size(), "thing"),
      report.left.empty() ? "nothing is left" : fmt::format("{} left", report.left.size())));
  return code;
}

struct BackupOptions {
  std::string file;
  bool force = false;
};

Code backup(const Context& context, const BackupOptions& options) {
  if (options.file == "-" && isatty(STDOUT_FILENO) == 1) {
    throw Failure(Code::kInvalid, "a backup is not for a terminal: name a file, or redirect standard output");
  }
  const Admin admin = context.open_to_read();
  OutputFile output(options.file, options.force);
  require_ok(admin.backup(output.descriptor()));
  output.finish();
  if (options.file != "-") print_note(fmt::format("wrote {}", options.file));
  return Code::kOk;
}

Code restore(const Context& context, RestoreSpec spec) {
  spec.store.path = context.store_path;
  const RestoreReport report = value_of(restore_store(spec, change_now()));
  if (spec.withdrawals_from.empty()) {
    print_note(
        "whatever was changed after the backup is undone: tokens revoked since are accepted again. If the "
        "store "
        "as it was last can still be read, restore with --withdrawals-from; else see its journal, or what "
        "you "
        "know, and revoke them again before servers use this store");
  }
  if (context.json) {
    print_json({{"accounts", report.accounts},
                {"tokens", report.tokens},
                {"journal_entries", report.journal_entries},
                {"backup_time", report.backup_time_unix_s},
                {"revoked", report.withdrawn_tokens},
                {"narrowed", report.narrowed}});
    return Code::kOk;
  }
  print_line(fmt::format("Restored {} and {} as of {}, journal entry {}, to {}.",
                         counted(report.accounts, "account"), counted(report.tokens, "token"),
                         time_text(report.backup_time_unix_s), report.journal_entries, context.store_path));
  if (!spec.withdrawals_from.empty()) {
    print_line(fmt::format("Revoked {} and narrowed {} that {} has no longer.",
                           counted(report.withdrawn_tokens, "token"), counted(report.narrowed, "right"),
                           spec.withdrawals_from));
  }
  return Code::kOk;
}

}  // namespace

void add_recovery_commands(CommandLine& line) {
  line.add_verb(line.root(),
                {"check",
                 "Look at every record of the store, while it is in use; exit code 1 if anything is wrong",
                 {"tokengate check", "tokengate check --json"}},
                check);

  auto dry_run = std::make_shared<bool>(false);
  CLI::App* verb = line.add_verb(line.root(),
                                 {"repair",
                                  "Repair what check finds, if that needs no guessing",
                                  {"tokengate repair --dry-run", "tokengate repair"}},
                                 [dry_run](const Context& context) { return repair(context, *dry_run); });
  add_switch(verb, "--dry-run", *dry_run, "Tell what would be done, change nothing");

  auto out = std::make_shared<BackupOptions>();
  verb = line.add_verb(line.root(),
                       {"backup",
                        "Write a copy of the store, journal and all, while it is in use",
                        {"tokengate backup /var/backups/tokengate-$(date +%F).mdb",
                         "tokengate backup - | age -r age1… > tokengate.age"}},
                       [out](const Context& context) { return backup(context, *out); });
  add_argument(verb, "FILE", out->file, "Where to; - for standard output");
  add_switch(verb, "--force", out->force, "Replace the file if it exists");

  auto spec = std::make_shared<RestoreSpec>();
  spec->store.group = default_group();
  verb = line.add_verb(
      line.root(),
      {"restore",
       "Make a store of a backup, in a new folder. While servers run: restore beside the old one and rename "
       "both; they "
       "follow within a second",
       {"tokengate restore backup.mdb --store /var/lib/tokengate.new --withdrawals-from /var/lib/tokengate",
        "mv /var/lib/tokengate /var/lib/tokengate.old && mv /var/lib/tokengate.new /var/lib/tokengate"}},
      [spec](const Context& context) { return restore(context, *spec); });
  add_argument(verb, "FILE", spec->backup, "What backup wrote");
  add_value(verb, "--group", "GROUP", spec->store.group,
            "The web server's group, which may read the store (default: www-data, if root makes it)");
  add_value(verb, "--withdrawals-from", "DIR", spec->withdrawals_from,
            "The store as it was last: what it has revoked or narrowed since the backup stays so");
}

}  // namespace tokengate::cli
