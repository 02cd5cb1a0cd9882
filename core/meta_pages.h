/// A look at LMDB's two meta pages before LMDB gets to see them.
#ifndef TOKENGATE_META_PAGES_H_
#define TOKENGATE_META_PAGES_H_

namespace tokengate {

/// What LMDB believes of the two meta pages, which are written in turn, without looking twice. With another
/// page size it would read beyond the file; and of the two it takes the one with the larger number for the
/// newest commit, and after damage to a number would go back to an older one.
bool has_sound_meta_pages(int file) noexcept;

}  // namespace tokengate

#endif  // TOKENGATE_META_PAGES_H_
