// Appends to the journal's hash chain.
#include "journal.h"
#include "cursor.h"

#include <array>

namespace tokengate {
namespace {

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

Digest journal_hash(const Digest& previous, uint64_t seq, const JournalRecord& record) {
  const std::string_view texts[] = {record.actor, record.action, record.object, record.detail};
  std::array<uint32_t, 4> sizes{};
  for (size_t i = 0; i < sizes.size(); ++i) sizes[i] = static_cast<uint32_t>(texts[i].size());
  const std::array<std::string_view, 11> parts = {bytes_of(previous),
                                                  bytes_of(seq),
                                                  bytes_of(record.time_unix_s),
                                                  bytes_of(sizes[0]),
                                                  texts[0],
                                                  bytes_of(sizes[1]),
                                                  texts[1],
                                                  bytes_of(sizes[2]),
                                                  texts[2],
                                                  bytes_of(sizes[3]),
                                                  texts[3]};
  return sha256(parts);
}

StoreError append_journal(Transaction& transaction, JournalRecord record) {
  uint64_t seq = 1;
  Digest previous{};
  {
    Cursor cursor;
    StoreError error = cursor.open(transaction, Table::kJournal);
    if (error != StoreError::kNone) return error;
    error = cursor.last();
    if (error == StoreError::kNone) {
      JournalRecord last;
      if (!decode(cursor.value(), &last)) return StoreError::kDamaged;
      seq = cursor.integer_key() + 1;
      previous = last.hash;
    } else if (error != StoreError::kNotFound) {
      return error;
    }
  }
  record.hash = journal_hash(previous, seq, record);
  return transaction.insert(Table::kJournal, seq, encode(record));
}

}  // namespace tokengate
