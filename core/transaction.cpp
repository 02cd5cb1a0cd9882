// Which snapshot is seen, what is read from it, and what is written.
#include "transaction.h"

#include <algorithm>

#include "environment.h"
#include "lmdb_call.h"
#include "tree_check.h"

namespace tokengate {
namespace {

template <class Key>
StoreError get_value(MDB_txn* txn, unsigned table, const Key& key, Bytes* value) noexcept {
  MDB_val key_val = to_val(key);
  MDB_val value_val;
  int code = mdb_get(txn, table, &key_val, &value_val);
  if (code == MDB_SUCCESS) *value = to_bytes(value_val);
  return to_error(code);
}

template <class Key>
StoreError put_value(MDB_txn* txn, unsigned table, const Key& key, Bytes value, unsigned flags) noexcept {
  MDB_val key_val = to_val(key);
  MDB_val value_val = to_val(value);
  return to_error(mdb_put(txn, table, &key_val, &value_val, flags));
}

template <class Key>
StoreError erase_key(MDB_txn* txn, unsigned table, const Key& key) noexcept {
  MDB_val key_val = to_val(key);
  return to_error(mdb_del(txn, table, &key_val, nullptr));
}

}  // namespace

uint64_t Transaction::newest_in_file() noexcept {
  MDB_envinfo info;  // of the data file itself
  return mdb_env_info(environment_->env_, &info) == MDB_SUCCESS ? info.me_last_txnid : 0;
}

StoreError Transaction::begin_read(Environment& environment) noexcept {
  int code = environment.begin(MDB_RDONLY, &txn_);
  if (code == MDB_READERS_FULL) {
    environment.clear_stale_readers();
    code = environment.begin(MDB_RDONLY, &txn_);
  }
  environment_ = &environment;
  if (code != MDB_SUCCESS) {
    txn_ = nullptr;
    return to_error(code);
  }
  reset();
  ++opening_;
  newest_ = 0;
  StoreError error = renew();
  if (error != StoreError::kNone) abort();
  return error;
}

StoreError Transaction::begin_write(Environment& environment) noexcept {
  int code = environment.begin(0, &txn_);
  if (code != MDB_SUCCESS) txn_ = nullptr;
  environment_ = &environment;
  // Nobody else commits now, so the lock file must name the newest commit: writing on top of an older one
  // would undo what came after it.
  MDB_envinfo info;
  if (code == MDB_SUCCESS) code = mdb_env_info(environment.env_, &info);
  if (code == MDB_SUCCESS && id() != info.me_last_txnid + 1) {
    abort();
    return StoreError::kLock;
  }
  return to_error(environment.system_code_ = code);
}

uint64_t Transaction::id() const noexcept {
  return mdb_txn_id(txn_);
}

/// The root of the tree of tokens is the same for as long as the content is, and the map where it was.
void Transaction::set_walk() noexcept {
  const Environment::Map& map = environment_->data_map_;
  if (walked_ == snapshot() && walked_map_ == map.begin) return;
  walked_ = snapshot();
  walked_map_ = map.begin;
  tokens_.unset();
  Bytes record;
  if (map.begin == nullptr || find_record(Table::kTokens, &record) != StoreError::kNone) return;
  // A process may map the file twice, and this be the other map.
  auto offset = reinterpret_cast<uintptr_t>(record.data()) - reinterpret_cast<uintptr_t>(map.begin);
  if (offset >= map.bytes) return;
  tokens_.set(map.begin, environment_->pages(), record);
}

StoreError Transaction::find_record(Table table, Bytes* record) noexcept {
  return get_value(txn_, environment_->main_table_, Bytes(kTables[index(table)].name), record);
}

StoreError Transaction::check_small_tables() noexcept {
  const void* map = environment_->data_map_.begin;
  if (map == nullptr) return StoreError::kNone;
  for (Table table : {Table::kMeta, Table::kAcls, Table::kCatalog}) {
    Bytes record;
    StoreError error = find_record(table, &record);
    if (error != StoreError::kNone) return error;
    auto flags = static_cast<uint16_t>(kTables[index(table)].flags);
    if (!is_sound_tree(map, environment_->pages(), record, flags)) return StoreError::kDamaged;
  }
  return StoreError::kNone;
}

void Transaction::reset() noexcept {
  walking_ = false;
  mdb_txn_reset(txn_);
}

StoreError Transaction::renew() noexcept {
  uint64_t acknowledged = environment_->acknowledged_.newest();
  int code = mdb_txn_renew(txn_);
  // A number above what the data file was known to have: there was a commit since, or the lock file runs
  // ahead of one that is still being written, and LMDB has taken the commit before last for it. So the file
  // is asked first, and LMDB once more. Commits take longer than that, so a few rounds are plenty.
  constexpr int kRounds = 16;
  for (int round = 0; code == MDB_SUCCESS && id() > newest_; ++round) {
    reset();
    if (round == kRounds) return StoreError::kLock;
    newest_ = newest_in_file();
    code = mdb_txn_renew(txn_);
  }
  if (code != MDB_SUCCESS) return to_error(code);
  newest_ = newest_in_file();  // less than it was if the file is not there any more
  if (id() < acknowledged || id() > newest_) {
    reset();
    return StoreError::kLock;
  }
  set_walk();
  walking_ = true;
  return StoreError::kNone;
}

StoreError Transaction::commit() noexcept {
  uint64_t id = this->id();
  walking_ = false;
  int code = mdb_txn_commit(txn_);
  txn_ = nullptr;  // gone whatever the result
  // LMDB makes no commit of a transaction that wrote nothing: its id will be the next one's.
  MDB_envinfo info;
  if (code == MDB_SUCCESS && mdb_env_info(environment_->env_, &info) == MDB_SUCCESS) {
    environment_->acknowledged_.raise(std::min<uint64_t>(id, info.me_last_txnid));
  }
  return to_error(environment_->system_code_ = code);
}

void Transaction::abort() noexcept {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
  txn_ = nullptr;
  walking_ = false;
}

StoreError Transaction::get(Table table, Bytes key, Bytes* value) noexcept {
  return get_value(txn_, environment_->tables_[index(table)], key, value);
}
StoreError Transaction::get(Table table, uint64_t key, Bytes* value) noexcept {
  if (table == Table::kTokens && walking_) {
    switch (tokens_.find(key, value)) {
      case TreeWalk::Found::kYes:
        return StoreError::kNone;
      case TreeWalk::Found::kNo:
        return StoreError::kNotFound;
      case TreeWalk::Found::kDamaged:
        return StoreError::kDamaged;
      case TreeWalk::Found::kAskLmdb:
        break;
    }
  }
  return get_value(txn_, environment_->tables_[index(table)], key, value);
}

StoreError Transaction::put(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, 0);
}
StoreError Transaction::put(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, 0);
}
StoreError Transaction::insert(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_NOOVERWRITE);
}
StoreError Transaction::insert(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_NOOVERWRITE);
}
StoreError Transaction::append(Table table, Bytes key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_APPEND);
}
StoreError Transaction::append(Table table, uint64_t key, Bytes value) noexcept {
  return put_value(txn_, environment_->tables_[index(table)], key, value, MDB_APPEND);
}
StoreError Transaction::erase(Table table, Bytes key) noexcept {
  return erase_key(txn_, environment_->tables_[index(table)], key);
}
StoreError Transaction::erase(Table table, uint64_t key) noexcept {
  return erase_key(txn_, environment_->tables_[index(table)], key);
}

StoreError Transaction::clear(Table table) noexcept {
  return to_error(mdb_drop(txn_, environment_->tables_[index(table)], 0));
}

StoreError Transaction::count(Table table, uint64_t* entries) noexcept {
  MDB_stat stat;
  int code = mdb_stat(txn_, environment_->tables_[index(table)], &stat);
  if (code == MDB_SUCCESS) *entries = stat.ms_entries;
  return to_error(code);
}

}  // namespace tokengate
