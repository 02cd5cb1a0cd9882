// Making an empty store.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "admin_impl.h"
#include "hash.h"
#include "usage_file.h"

namespace tokengate {
namespace {

/// The group of the new store's files: the named one, or the folder's own.
Status find_group(const StoreSpec& spec, gid_t* group) {
  if (!spec.group.empty()) {
    const struct group* entry = getgrnam(spec.group.c_str());
    if (entry == nullptr) {
      return {Code::kInvalid, "there is no group " + quote(spec.group) +
                                  "; name the group that the web server's workers run in, such as www-data"};
    }
    *group = entry->gr_gid;
    return {};
  }
  struct stat folder {};
  *group = stat(spec.path.c_str(), &folder) == 0 ? folder.st_gid : getegid();
  return {};
}

}  // namespace

Status prepare_folder(const StoreSpec& spec, gid_t* group) {
  if (spec.path.empty()) return {Code::kInvalid, "name the folder of the store"};
  if (mkdir(spec.path.c_str(), 0750) != 0 && errno != EEXIST) {
    return {Code::kStore, "cannot make the folder " + spec.path + ": " + std::strerror(errno) +
                              "; its parent must exist and be writable"};
  }
  struct stat folder {};
  if (lstat(spec.path.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)) {
    return {Code::kStore, spec.path + " is not a folder; name a folder of the store's own"};
  }
  // Whoever owns the folder can replace what is in it.
  if (folder.st_uid != geteuid()) {
    return {Code::kRefused, spec.path + " belongs to another user; name a new folder, or be its owner"};
  }
  struct stat data {};
  if (stat((spec.path + "/data.mdb").c_str(), &data) == 0) {
    return {Code::kRefused, spec.path + " already holds a store; use it, or name another folder"};
  }
  // What follows changes the folder's mode: never that of a folder with other uses.
  std::error_code unreadable;
  if (!std::filesystem::is_empty(spec.path, unreadable) || unreadable) {
    return {Code::kRefused, spec.path + " is not empty; name a folder of the store's own"};
  }
  if (Status status = find_group(spec, group); !status.ok()) return status;
  if (chown(spec.path.c_str(), static_cast<uid_t>(-1), *group) != 0 ||
      chmod(spec.path.c_str(), kFolderMode) != 0) {
    return {Code::kStore, "cannot give the folder " + spec.path + " its group and mode: " +
                              std::strerror(errno) + "; be its owner and a member of the group, or root"};
  }
  return {};
}

Status create_store(const StoreSpec& spec, const Change& change) {
  gid_t group = 0;
  if (Status status = prepare_folder(spec, &group); !status.ok()) return status;
  {
    Environment environment;
    // LMDB gives both files one mode; until each has its own, nobody else gets in.
    mode_t before = umask(0077);
    StoreError error = environment.open(spec.path, Environment::Mode::kCreate);
    umask(before);
    if (error == StoreError::kNone) error = set_store_modes(spec.path, geteuid(), group);
    StoreId store_id{};
    if (error == StoreError::kNone && !random_bytes(store_id)) error = StoreError::kSystem;
    if (error == StoreError::kNone) {
      try {
        Transaction transaction;
        require(transaction.begin_write(environment));
        Tables tables(transaction);
        uint32_t format = kFormatVersion;
        require(transaction.put(Table::kMeta, kFormatKey,
                                Bytes(reinterpret_cast<const char*>(&format), sizeof format)));
        require(transaction.put(Table::kMeta, kStoreIdKey,
                                Bytes(reinterpret_cast<const char*>(store_id.data()), store_id.size())));
        bool added = false;
        for (Service service : {Service::kCpanel, Service::kWhm}) tables.define_acl(service, "all", &added);
        tables.journal(change, "store.create", to_hex(store_id));
        keep_usage_file(spec.path, {store_id, 1, 1, change.now_unix_s});
        require(transaction.commit());
      } catch (const StoreFailure& failure) {
        error = failure.error;
      }
    }
    if (error == StoreError::kNoStore) {
      return {Code::kStore, "no file can be made in " + spec.path + "; name a folder on an ordinary disk"};
    }
    if (error != StoreError::kNone) {
      return {Code::kStore, describe(error, spec.path, environment.system_text())};
    }
  }
  return {};
}

}  // namespace tokengate
