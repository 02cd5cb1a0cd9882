// Which snapshot is seen, what is read from it, and what is written.
#include "transaction.h"

#include <algorithm>
#include <atomic>

#include "environment.h"
#include "lmdb_call.h"
#include "tree_check.h"

namespace tokengate {
namespace {

/// With no reader that it knows of, LMDB's commit `id` uses pages again that commit `id - kReusedAfter`
/// needed, and earlier ones.
constexpr uint64_t kReusedAfter = 3;

/// What was read before it was read before what is read after it.
void finish_reads() noexcept {
#ifndef __SANITIZE_THREAD__  // which knows no fences, and nothing of other processes
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
}

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
  const void* map = environment_->data_map_.begin;
  if (map != nullptr) return newest_commit(map);
  MDB_envinfo info;  // of the data file itself
  return mdb_env_info(environment_->env_, &info) == MDB_SUCCESS ? info.me_last_txnid : 0;
}

StoreError Transaction::begin_read(Environment& environment) noexcept {
  environment_ = &environment;
  if (environment.readers_.is_open()) {
    StoreError error = environment.claim(&slot_);
    if (error != StoreError::kNone) return error;
  }
  int code = environment.begin(MDB_RDONLY, &txn_);
  if (code == MDB_READERS_FULL) {
    environment.clear_stale_readers();
    code = environment.begin(MDB_RDONLY, &txn_);
  }
  if (code != MDB_SUCCESS) {
    txn_ = nullptr;
    slot_.release();
    return to_error(code);
  }
  reset();
  ++opening_;
  StoreError error = renew();
  if (error != StoreError::kNone) abort();
  return error;
}

StoreError Transaction::begin_write(Environment& environment) noexcept {
  StoreError error = take_turn(environment);
  if (error != StoreError::kNone) return error;
  // LMDB knows nothing of the readers there: it uses the pages again that went with the commit before last,
  // or earlier, which who reads the one before that, or an earlier one, still needs.
  int code = id() <= kReusedAfter ? 0 : wait_for_readers(environment.path_, id() - kReusedAfter + 1);
  if (code != 0) {
    abort();
    return to_error(environment.system_code_ = code);
  }
  environment.acknowledged_.begin(id());
  return StoreError::kNone;
}

StoreError Transaction::take_turn(Environment& environment) noexcept {
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

/// Whether the content is that of the snapshot's commit.
bool Transaction::is_what_it_says() noexcept {
  const Environment::Map& map = environment_->data_map_;
  return map.begin == nullptr || is_of_commit(map.begin, environment_->pages(), id());
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
  slot_.let_go();
}

StoreError Transaction::renew() noexcept {
  const bool serves = environment_->is_serving_;
  const uint64_t acknowledged = environment_->acknowledged_.newest();
  // If a commit came in between, pages may have been used again before they were held; the next but one is
  // written over what LMDB reads as it takes a snapshot; and a lock file may run ahead of the data file.
  // Commits take longer than this, so a few rounds are plenty.
  constexpr int kRounds = 16;
  for (int round = 0;; ++round) {
    if (round == kRounds) return serves ? StoreError::kOvertaken : StoreError::kLock;
    failures_ = environment_->acknowledged_.failures();
    newest_ = newest_in_file();
    slot_.hold(newest_);
    int code = mdb_txn_renew(txn_);
    // A commit that is seen for the first time may still be on its way into the page that LMDB has read.
    if (code == MDB_SUCCESS && walked_ != snapshot()) {
      finish_reads();
      mdb_txn_reset(txn_);
      code = mdb_txn_renew(txn_);
    }
    if (code != MDB_SUCCESS) {
      slot_.let_go();
      return to_error(code);
    }
    const bool is_newest = serves ? id() == newest_ : id() <= newest_;
    const bool is_sound = walked_ == snapshot() || is_what_it_says();
    finish_reads();
    if (is_newest && failures_ == environment_->acknowledged_.failures() && newest_in_file() == newest_) {
      if (is_sound) break;
      reset();
      return StoreError::kDamaged;
    }
    reset();
  }
  if (id() < acknowledged) {
    reset();
    return serves ? StoreError::kDamaged : StoreError::kLock;
  }
  set_walk();
  walking_ = true;
  return StoreError::kNone;
}

bool Transaction::is_intact() noexcept {
  if (txn_ == nullptr || !environment_->is_serving_) return true;
  finish_reads();
  return newest_in_file() - id() < kReusedAfter - 1 && environment_->acknowledged_.failures() == failures_;
}

StoreError Transaction::commit() noexcept {
  uint64_t id = this->id();
  walking_ = false;
  environment_->acknowledged_.attempt(id);
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
  slot_.release();
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
