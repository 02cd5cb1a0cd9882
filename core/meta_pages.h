/// A look at LMDB's two meta pages before LMDB gets to see them.
#ifndef TOKENGATE_META_PAGES_H_
#define TOKENGATE_META_PAGES_H_

#include "store.h"

namespace tokengate {

/// The marks of the two meta pages, which are written in turn, and the fields that LMDB trusts unchecked:
/// with a wrong page size it would read beyond the file; and it takes the page with the larger number for the
/// newest commit, so that damage to a number would take it back to an older one. kVersion: of another data
/// format; kDamaged: anything else that LMDB must not be let near.
StoreError check_meta_pages(int file) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_META_PAGES_H_
