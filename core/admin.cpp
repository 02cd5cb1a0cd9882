// Making and opening a store, ACLs, journal and figures.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "admin_impl.h"
#include "hash.h"
#include "journal.h"
#include "names.h"

namespace tokengate {
namespace {

constexpr std::string_view kStoreIdKey = "store_id";
constexpr mode_t kFolderMode = 02750;  // setgid: files made later get the server's group too

bool is_actor(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

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

/// Makes the folder if need be and gives it its group and mode.
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

JournalEntry entry_of(uint64_t seq, const JournalRecord& record) {
  JournalEntry entry;
  entry.seq = seq;
  entry.time_unix_s = record.time_unix_s;
  entry.actor = record.actor;
  entry.action = record.action;
  entry.object = record.object;
  entry.detail = record.detail;
  entry.hash_hex = to_hex(record.hash);
  return entry;
}

/// Calls `visit(seq, record)` for each entry from `from_seq` on until it returns false. Entries out of order
/// or not decodable end the walk; returns the seq that should have come next.
template <class Visit>
uint64_t walk_journal(Transaction& transaction, uint64_t from_seq, Visit&& visit) {
  Cursor cursor;
  require(cursor.open(transaction, Table::kJournal));
  uint64_t expected = from_seq;
  StoreError error = cursor.seek(from_seq);
  for (; error == StoreError::kNone; error = cursor.next()) {
    JournalRecord record;
    if (cursor.integer_key() != expected || !decode(cursor.value(), &record)) {
      throw Failure{{Code::kStore, "journal entry " + std::to_string(expected) +
                                       " is missing or damaged; restore the store from a backup"}};
    }
    if (!visit(expected, record)) return expected;
    ++expected;
  }
  if (error != StoreError::kNotFound) throw StoreFailure{error};
  return expected;
}

}  // namespace

Status Admin::Impl::status_of(StoreError error) const {
  return {Code::kStore, describe(error, path_, environment_.system_text())};
}

Status Admin::Impl::check_change(const Change& change) const {
  if (!writable_) return {Code::kStore, "the store was opened for reading only"};
  if (!is_actor(change.actor)) return {Code::kInvalid, "the actor must be 1 to 128 printable characters"};
  if (!change.remark.empty() && !is_actor(change.remark)) {
    return {Code::kInvalid, "the remark must be at most 128 printable characters"};
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
    if (error == StoreError::kNone) error = set_store_modes(spec.path, group);
    std::array<uint8_t, 16> store_id{};
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

Result<Admin> Admin::open(const std::string& path, Access access, RandomSource random) {
  if (!random) random = [](std::span<uint8_t> out) { return random_bytes(out); };
  Result<Admin> result;
  if (path.empty()) {
    result.status = {Code::kInvalid, "name the folder of the store"};
    return result;
  }
  auto impl = std::make_unique<Impl>(path, std::move(random));
  impl->writable_ = access == Access::kReadWrite;
  StoreError error =
      impl->environment_.open(path, impl->writable_ ? Environment::Mode::kWrite : Environment::Mode::kRead);
  if (error != StoreError::kNone) {
    result.status = impl->status_of(error);
    return result;
  }
  result.value.impl_ = std::move(impl);
  return result;
}

Admin::Admin() = default;
Admin::Admin(Admin&&) noexcept = default;
Admin& Admin::operator=(Admin&&) noexcept = default;
Admin::~Admin() = default;

Status Admin::define_acl(const Change& change, Service service, const std::string& name) {
  return impl_->change(change, [&](Tables& tables) {
    bool added = false;
    tables.define_acl(service, name, &added);
    if (added) tables.journal(change, "acl.define", std::string(service_name(service)) + '/' + name);
  });
}

Result<std::vector<AclInfo>> Admin::list_acls(Service service) const {
  Result<std::vector<AclInfo>> result;
  result.status = impl_->look([&](Tables& tables) {
    result.value.clear();
    for (const auto& [number, name] : tables.acl_names(service)) {
      result.value.push_back({name, std::string(acl_escape_route(service, name))});
    }
    std::sort(result.value.begin(), result.value.end(),
              [](const AclInfo& a, const AclInfo& b) { return a.name < b.name; });
  });
  return result;
}

Result<std::vector<JournalEntry>> Admin::read_journal(uint64_t from_seq, size_t limit) const {
  Result<std::vector<JournalEntry>> result;
  result.status = impl_->look([&](Tables& tables) {
    result.value.clear();
    if (limit == 0) return;
    walk_journal(tables.transaction(), std::max<uint64_t>(from_seq, 1),
                 [&](uint64_t seq, const JournalRecord& record) {
                   result.value.push_back(entry_of(seq, record));
                   return result.value.size() < limit;
                 });
  });
  return result;
}

Result<uint64_t> Admin::verify_journal() const {
  Result<uint64_t> result;
  result.status = impl_->look([&](Tables& tables) {
    Digest previous{};
    result.value =
        walk_journal(tables.transaction(), 1,
                     [&](uint64_t seq, const JournalRecord& record) {
                       if (journal_hash(previous, seq, record) != record.hash) {
                         throw Failure{{Code::kStore, "the hash of journal entry " + std::to_string(seq) +
                                                          " does not hold: it or one before it was altered"}};
                       }
                       previous = record.hash;
                       return true;
                     }) -
        1;
  });
  return result;
}

Result<StoreStat> Admin::stat() const {
  Result<StoreStat> result;
  result.status = impl_->look([&](Tables& tables) {
    StoreStat& stat = result.value;
    Transaction& transaction = tables.transaction();
    require(transaction.count(Table::kAccounts, &stat.accounts));
    require(transaction.count(Table::kTokenNames, &stat.tokens));
    require(transaction.count(Table::kAcls, &stat.acls));
    require(transaction.count(Table::kCatalog, &stat.catalog_functions));
    require(transaction.count(Table::kJournal, &stat.journal_entries));
    Bytes id;
    require(transaction.get(Table::kMeta, kStoreIdKey, &id));
    stat.store_id = to_hex({reinterpret_cast<const uint8_t*>(id.data()), id.size()});
    stat.format_version = kFormatVersion;
  });
  if (result.ok()) {
    Environment::Figures figures = impl_->environment_.figures();
    result.value.file_bytes = figures.file_bytes;
    result.value.map_bytes = figures.map_bytes;
    result.value.readers_used = figures.readers_used;
    result.value.readers_max = figures.readers_max;
  }
  return result;
}

}  // namespace tokengate
