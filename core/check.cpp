// Looking a store over, in a child process: LMDB trusts its pages, and a damaged one can end the process that
// reads it.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "admin_impl.h"
#include "cursor.h"
#include "inspection.h"
#include "usage_file.h"

namespace tokengate {
namespace {

constexpr unsigned kTries = 3;

/// What the store's owner, its group and all others may do at the least and at the most.
struct FileRule {
  const char* name;
  mode_t least;
  mode_t most;
  enum { kIsNeeded, kIsOptional, kIsMade } missing;  ///< kIsMade: by a repair
  bool is_lock = false;
};
constexpr FileRule kFiles[] = {{"", 0750, 0750, FileRule::kIsNeeded},
                               {"/data.mdb", 0640, 0640, FileRule::kIsNeeded},
                               {"/lock.mdb", 0600, 0600, FileRule::kIsOptional, true},
                               {"/readers", 0660, 0660, FileRule::kIsMade},
                               {"/acknowledged", 0640, 0640, FileRule::kIsOptional}};

void inspect_files(const std::string& path, CheckReport* report) {
  auto add = [&](Remedy remedy, std::string text) {
    ++report->finding_count;
    report->findings.push_back({std::move(text), remedy, true});
  };
  struct stat folder {};
  if (stat(path.c_str(), &folder) != 0) return;
  for (const FileRule& rule : kFiles) {
    std::string name = path + rule.name;
    struct stat file {};
    if (lstat(name.c_str(), &file) != 0) {
      if (errno == ENOENT && rule.missing == FileRule::kIsMade) {
        add(Remedy::kRepair,
            name + " is missing, so that no server reads the store; `tokengate repair` makes it");
      } else if (rule.missing != FileRule::kIsOptional) {
        add(Remedy::kByHand, name + " cannot be looked at: " + std::strerror(errno));
      }
      continue;
    }
    mode_t mode = file.st_mode & 0777;
    if (rule.is_lock && (mode & 022) != 0) {
      add(Remedy::kByHand, name +
                               " may be written by others, who could lead every command astray by it; stop "
                               "all servers, commands and daemons that use the store, and remove the file");
    } else if ((mode & ~rule.most) != 0 || (mode & rule.least) != rule.least) {
      char text[64];
      std::snprintf(text, sizeof text, "%04o, and should have %04o", unsigned{mode}, unsigned{rule.most});
      add(Remedy::kRepair, name + " has the mode " + text + "; `tokengate repair` sets it");
    }
    if (file.st_uid != folder.st_uid) {
      add(Remedy::kByHand,
          name + " belongs to another user than the store's folder, who can change it; chown it");
    }
    if (file.st_gid != folder.st_gid) {
      add(Remedy::kByHand,
          name +
              " is of another group than the store's folder, so that servers may not be able "
              "to read it; chgrp it");
    }
  }
}

/// Of which tokens usage.map says what cannot be, whatever the time is. The store is sound.
std::vector<uint64_t> tokens_of_impossible_use(Tables& tables, UsageFile* usage) {
  AclSet known[2];
  for (Service service : {Service::kCpanel, Service::kWhm}) {
    for (const auto& [number, name] : tables.acl_names(service))
      known[static_cast<size_t>(service)].add(number);
  }
  struct Named {
    uint64_t id;
    int64_t created_unix_s;
    Service service;
  };
  std::vector<Named> tokens;
  Cursor cursor;
  require(cursor.open(tables.transaction(), Table::kTokenNames));
  for (StoreError error = cursor.first(); error == StoreError::kNone; error = cursor.next()) {
    uint32_t account = 0;
    Service service{};
    std::string_view name;
    TokenNameRecord record;
    if (!parse_token_name_key(cursor.key(), &account, &service, &name) || !decode(cursor.value(), &record))
      continue;
    if (record.token_id < usage->slots()) tokens.push_back({record.token_id, record.created_unix_s, service});
  }
  // In the order of the file.
  std::sort(tokens.begin(), tokens.end(), [](const Named& a, const Named& b) { return a.id < b.id; });
  std::vector<uint64_t> found;
  for (const Named& token : tokens) {
    UsageBounds bounds{token.created_unix_s - kUsageSlack_s, INT64_MAX,
                       known[static_cast<size_t>(token.service)]};
    UsageSlot slot;
    if (!usage->read(token.id, bounds, &slot)) found.push_back(token.id);
  }
  return found;
}

/// The hint of how tokens are used: nothing in it decides anything, so nothing that is wrong with it is
/// damage to the store.
void inspect_usage(const std::string& path, Tables& tables, CheckReport* report) {
  Bytes value;
  StoreId id{};
  if (tables.transaction().get(Table::kMeta, kStoreIdKey, &value) != StoreError::kNone ||
      value.size() != id.size())
    return;
  std::copy(value.begin(), value.end(), id.begin());
  UsageFile usage(path, id);
  auto add = [report](std::string text) {
    ++report->finding_count;
    report->findings.push_back({std::move(text), Remedy::kByHand, true});
  };
  bool is_sound = report->finding_count == 0;
  if (!usage.problem().empty()) add("how tokens are used is not noted: " + usage.problem());
  if (!is_sound || !usage.is_readable()) return;
  std::vector<uint64_t> found = tokens_of_impossible_use(tables, &usage);
  if (found.empty()) return;
  add(usage_file(path) + " says what cannot be of how " + std::to_string(found.size()) +
      (found.size() == 1 ? " token is" : " tokens are") + " used, the first with the id " +
      std::to_string(found.front()) +
      ": shown as unknown, and of no weight for any decision. Ask whether a clock was wrong or somebody else "
      "wrote that, and "
      "remove the file to begin afresh");
}

/// The child's part: everything, to standard text. Lines: a letter and what it stands for.
std::string inspect(const std::string& path) {
  std::string text;
  Environment environment;
  StoreError error = environment.open(path, Environment::Mode::kRead);
  CheckReport report;
  // The lock file may name an older commit for the instant in which another process commits.
  for (unsigned tries = 0; error == StoreError::kNone && tries < kTries; ++tries) {
    Transaction transaction;
    error = transaction.begin_read(environment);
    if (error == StoreError::kMapResized) error = environment.adopt_size();
    if (error == StoreError::kLock) usleep(100'000);
    if (error != StoreError::kNone || !transaction.is_begun()) continue;
    Tables tables(transaction);
    Inspection inspection(tables, kMaxFindings);
    inspection.run();
    report = inspection.report();
    inspect_usage(path, tables, &report);
    // Reads all pages once more, and counts them against those that are free.
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    StoreError copied = environment.copy_to(nowhere);
    close(nowhere);
    // What was found may be of pages that were used again meanwhile.
    if (copied == StoreError::kOvertaken || !transaction.is_intact()) {
      if (tries + 1 == kTries) error = StoreError::kOvertaken;
      continue;
    }
    if (copied != StoreError::kNone) {
      ++report.finding_count;
      report.findings.push_back({"the pages of data.mdb do not add up: the file is damaged; restore a backup",
                                 Remedy::kRestore, false});
    }
    break;
  }
  if (error != StoreError::kNone) {
    return "E" + describe(error, path, environment.system_text()) + "\n";
  }
  inspect_files(path, &report);
  for (const Finding& finding : report.findings) {
    text.append(finding.is_of_files ? "f" : "F")
        .append(1, static_cast<char>('0' + static_cast<int>(finding.remedy)));
    text.append(finding.text).append("\n");
  }
  text += "R" + std::to_string(report.accounts) + " " + std::to_string(report.tokens) + " " +
          std::to_string(report.journal_entries) + " " + std::to_string(report.finding_count) + "\n";
  return text;
}

[[noreturn]] void run_child(const std::string& path, int pipe) {
  // LMDB's assertions and a core dump would tell nobody anything.
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nowhere, STDERR_FILENO);
  rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
  std::string text;
  try {
    text = inspect(path);
  } catch (const StoreFailure& failure) {
    text = "E" + describe(failure.error, path, "") + "\n";
  } catch (...) {
    text = "Eout of memory\n";
  }
  for (size_t done = 0; done < text.size();) {
    ssize_t n = write(pipe, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) _exit(1);
    if (n > 0) done += static_cast<size_t>(n);
  }
  _exit(0);
}

/// Reads the child's lines. False if they do not end as they should: it did not come that far.
bool read_report(std::string_view text, Result<CheckReport>* result) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("E")) {
      result->status = {Code::kStore, std::string(line.substr(1))};
      return true;
    }
    bool is_of_files = line.starts_with("f");
    if ((is_of_files || line.starts_with("F")) && line.size() > 2) {
      result->value.findings.push_back(
          {std::string(line.substr(2)), static_cast<Remedy>(line[1] - '0'), is_of_files});
    }
    if (line.starts_with("R")) {
      CheckReport& report = result->value;
      const char* at = line.data() + 1;
      for (uint64_t* number :
           {&report.accounts, &report.tokens, &report.journal_entries, &report.finding_count}) {
        at = std::from_chars(at, line.data() + line.size(), *number).ptr + 1;
      }
      return true;
    }
  }
  return false;
}

}  // namespace

Result<CheckReport> check_store(const std::string& path) {
  Result<CheckReport> result;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    result.status = {Code::kStore, std::string("cannot make a pipe: ") + std::strerror(errno)};
    return result;
  }
  pid_t child = fork();
  if (child == 0) run_child(path, ends[1]);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = read(ends[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0) {
    result.status = {Code::kStore, std::string("cannot start a process: ") + std::strerror(errno)};
  } else if (!read_report(text, &result)) {
    std::string how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an error";
    result.value = {};
    result.value.finding_count = 1;
    result.value.findings.push_back(
        {"reading the store ends with " + how + ": LMDB's own pages are damaged; restore a backup",
         Remedy::kRestore, false});
  }
  return result;
}

}  // namespace tokengate
