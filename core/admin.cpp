// Opening a store, ACLs, journal and figures.

#include <algorithm>
#include <cstring>

#include "admin_impl.h"
#include "cursor.h"
#include "hash.h"
#include "journal.h"
#include "names.h"
#include "usage_file.h"

namespace tokengate {
namespace {

bool is_actor(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
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

Result<uint64_t> Admin::last_change() const {
  Result<uint64_t> result;
  result.status = impl_->look([&](Tables& tables) { result.value = tables.last_change(); });
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

Status Admin::backup(int descriptor) const {
  StoreError error = impl_->environment_.copy_to(descriptor);
  return error == StoreError::kNone ? Status{} : impl_->status_of(error);
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
    StoreId id = tables.store_id();
    stat.store_id = to_hex(id);
    stat.format_version = kFormatVersion;
    UsageFile usage(impl_->path_, id);
    stat.usage_slots = usage.slots();
    stat.usage_since_unix_s = usage.since_unix_s();
    stat.usage_problem = usage.problem();
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
