// Looks at a store's files without opening it, for a server's configuration test.
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <vector>

#include "store.h"
#include "tokengate/verify.h"

namespace tokengate {
namespace {

/// The groups that a worker of this user and group is in.
std::vector<gid_t> groups_of(uid_t uid, gid_t gid) {
  std::vector<gid_t> groups = {gid};
  const struct passwd* user = getpwuid(uid);
  if (user == nullptr) return groups;
  int count = 64;
  groups.resize(static_cast<size_t>(count));
  while (getgrouplist(user->pw_name, gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<size_t>(count));
  }
  groups.resize(static_cast<size_t>(count));
  return groups;
}

/// Whether the mode bits give the user all of `wanted` (4 read, 2 write, 1 search).
bool allows(const struct stat& file, uid_t uid, const std::vector<gid_t>& groups, unsigned wanted) {
  if (uid == 0) return true;
  unsigned shift = 0;
  if (file.st_uid == uid) {
    shift = 6;
  } else if (std::find(groups.begin(), groups.end(), file.st_gid) != groups.end()) {
    shift = 3;
  }
  return (file.st_mode >> shift & wanted) == wanted;
}

/// Workers need none on a file system that is read-only.
std::string no_readers(const std::string& store_path) {
  struct statvfs found {};
  const bool is_read_only = statvfs(store_path.c_str(), &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
  return is_read_only ? "" : describe(StoreError::kNoReaders, store_path, "");
}

}  // namespace

std::string check_store_path(const std::string& store_path, unsigned worker_uid, unsigned worker_gid) {
  struct Part {
    std::string path;
    unsigned wanted;
    const char* need;
  };
  const Part parts[] = {{store_path, 1, "entered"},
                        {store_path + "/data.mdb", 4, "read"},
                        {store_path + "/readers", 6, "read and written"},
                        {store_path + "/acknowledged", 4, "read"}};
  std::vector<gid_t> groups = groups_of(worker_uid, worker_gid);
  auto problem_of = [&](const Part& part) -> std::string {
    struct stat file {};
    if (stat(part.path.c_str(), &file) != 0) {
      if (errno == ENOENT && &part == std::end(parts) - 2) return no_readers(store_path);
      // A store is whole without its last file, which the next change makes.
      if (errno == ENOENT && &part == std::end(parts) - 1) return {};
      return "there is no store at " + store_path + " (" + part.path + ": " + std::strerror(errno) +
             "); make one with `tokengate init --store " + store_path + "`";
    }
    if (&part == parts && !S_ISDIR(file.st_mode)) {
      return store_path + " is not a folder; name the folder that `tokengate init` made";
    }
    if (!allows(file, worker_uid, groups, part.wanted)) {
      return part.path + " cannot be " + part.need + " by the server's workers (uid " +
             std::to_string(worker_uid) + ", gid " + std::to_string(worker_gid) +
             "); give the store's folder and files their group, as `tokengate init --group` does";
    }
    return {};
  };
  for (const Part& part : parts) {
    if (std::string problem = problem_of(part); !problem.empty()) return problem;
  }
  return {};
}

}  // namespace tokengate
