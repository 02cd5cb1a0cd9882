/// The journal: every change as an entry of a hash chain, in the same transaction as the change.
#ifndef TOKENGATE_JOURNAL_H_
#define TOKENGATE_JOURNAL_H_

#include <cstdint>
#include <string_view>

#include "hash.h"
#include "record.h"
#include "transaction.h"

namespace tokengate {

/// The hash of an entry: SHA-256 over the previous entry's hash (zeros before the first), then seq and time
/// as 8 little-endian bytes each, then actor, action, object and detail, each after its length in 4
/// little-endian bytes. `record.hash` is not read.
Digest journal_hash(const Digest& previous, uint64_t seq, const JournalRecord& record);

/// Appends `record` as the next entry; fills in its hash. `transaction` is a write transaction.
StoreError append_journal(Transaction& transaction, JournalRecord record);

}  // namespace tokengate

#endif  // TOKENGATE_JOURNAL_H_
