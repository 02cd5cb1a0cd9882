// One LMDB cursor.
#include "cursor.h"

#include <cstring>

#include "environment.h"
#include "lmdb_call.h"
#include "transaction.h"

namespace tokengate {

StoreError Cursor::open(Transaction& transaction, Table table) noexcept {
  close();
  int code = mdb_cursor_open(transaction.txn_, transaction.environment_->tables_[index(table)], &cursor_);
  if (code != MDB_SUCCESS) cursor_ = nullptr;
  return to_error(code);
}

StoreError Cursor::bind_again(Transaction& transaction) noexcept {
  return to_error(mdb_cursor_renew(transaction.txn_, cursor_));
}

void Cursor::close() noexcept {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  cursor_ = nullptr;
}

StoreError Cursor::move(int operation) noexcept {
  MDB_val key = to_val(key_);
  MDB_val value;
  int code = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_SUCCESS) {
    key_ = to_bytes(key);
    value_ = to_bytes(value);
  }
  return to_error(code);
}

StoreError Cursor::first() noexcept {
  return move(MDB_FIRST);
}
StoreError Cursor::last() noexcept {
  return move(MDB_LAST);
}
StoreError Cursor::next() noexcept {
  return move(MDB_NEXT);
}

StoreError Cursor::seek(Bytes least) noexcept {
  key_ = least;
  return move(MDB_SET_RANGE);
}

StoreError Cursor::seek(uint64_t least) noexcept {
  return seek(Bytes(reinterpret_cast<const char*>(&least), sizeof least));
}

uint64_t Cursor::integer_key() const noexcept {
  uint64_t key = 0;
  if (key_.size() == sizeof key) std::memcpy(&key, key_.data(), sizeof key);
  return key;
}

}  // namespace tokengate
