/// Walking over a table of a store.
///
/// Everything here is noexcept and answers with a StoreError. Byte views handed out hold as long as the
/// transaction's.
#ifndef TOKENGATE_CURSOR_H_
#define TOKENGATE_CURSOR_H_

#include <cstdint>

#include "store.h"

struct MDB_cursor;

namespace tokengate {

class Transaction;

/// A walk over a table in key order. Must be gone, or closed, before its transaction ends; one on a kept read
/// transaction can be kept too, and bound again after each renew().
class Cursor {
 public:
  Cursor() noexcept = default;
  ~Cursor() { close(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  StoreError open(Transaction& transaction, Table table) noexcept;
  /// Allocates nothing.
  StoreError bind_again(Transaction& transaction) noexcept;
  void close() noexcept;

  // Each moves and fills key() and value(); kNotFound past the end.
  StoreError first() noexcept;
  StoreError last() noexcept;
  StoreError next() noexcept;
  StoreError seek(Bytes least) noexcept;  ///< the first key >= least
  StoreError seek(uint64_t least) noexcept;

  Bytes key() const noexcept { return key_; }
  Bytes value() const noexcept { return value_; }
  uint64_t integer_key() const noexcept;

 private:
  StoreError move(int operation) noexcept;

  MDB_cursor* cursor_ = nullptr;
  Bytes key_, value_;
};

}  // namespace tokengate

#endif  // TOKENGATE_CURSOR_H_
