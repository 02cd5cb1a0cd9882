// Repairs what can be repaired without guessing: all of it in one transaction, each action an entry of the
// journal.
#include <sys/stat.h>

#include <limits>

#include "admin_impl.h"
#include "inspection.h"

namespace tokengate {

Result<std::vector<std::string>> Admin::repair_records(const Change& change, bool dry_run) {
  Result<std::vector<std::string>> result;
  auto inspect = [&](Tables& tables) {
    result.value.clear();
    Inspection inspection(tables, std::numeric_limits<size_t>::max());
    inspection.run();
    for (const Fault& fault : inspection.faults()) {
      if (fault.finding.remedy == Remedy::kRestore) refuse("nothing is repaired: " + fault.finding.text);
    }
    for (const Fault& fault : inspection.faults()) {
      if (fault.finding.remedy != Remedy::kRepair) continue;
      if (!dry_run) {
        fault.repair(tables);
        tables.journal(change, "store.repair", fault.object, fault.action);
      }
      result.value.push_back(fault.action);
    }
    if (result.value.empty()) throw Failure{{}};
  };
  result.status = dry_run ? impl_->look(inspect) : impl_->change(change, inspect);
  return result;
}

Result<RepairReport> repair_store(const std::string& path, const Change& change, bool dry_run) {
  Result<RepairReport> result;
  Result<CheckReport> before = check_store(path);
  result.status = before.status;
  if (!before.ok()) return result;
  for (const Finding& finding : before.value.findings) {
    if (finding.remedy != Remedy::kRestore) continue;
    result.status = {Code::kRefused, "nothing is repaired: " + finding.text};
    return result;
  }
  {
    // Opening it to change sets the modes of the files.
    Result<Admin> admin = Admin::open(path, dry_run ? Admin::Access::kReadOnly : Admin::Access::kReadWrite);
    result.status = admin.status;
    if (!admin.ok()) return result;
    Result<std::vector<std::string>> actions = admin.value.repair_records(change, dry_run);
    result.status = actions.status;
    if (!actions.ok()) return result;
    result.value.actions = std::move(actions.value);
  }
  for (const Finding& finding : before.value.findings) {
    if (finding.remedy == Remedy::kRepair && finding.is_of_files) {
      result.value.actions.push_back(finding.text);
    }
  }
  struct stat folder {};
  if (!dry_run && stat(path.c_str(), &folder) == 0 && (folder.st_mode & 07777) != kFolderMode) {
    chmod(path.c_str(), kFolderMode);
  }
  Result<CheckReport> after = dry_run ? std::move(before) : check_store(path);
  result.status = after.status;
  for (Finding& finding : after.value.findings) {
    if (!dry_run || finding.remedy != Remedy::kRepair) result.value.left.push_back(std::move(finding));
  }
  return result;
}

}  // namespace tokengate
