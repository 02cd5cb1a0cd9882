// Reads the meta pages from the file.
#include "meta_pages.h"

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

#include "lmdb_layout.h"

namespace tokengate {

StoreError check_meta_pages(int file) noexcept {
  using namespace lmdb_layout;
  constexpr int kAttempts = 3;  // a writer may get between the two reads
  auto read = [file](auto* value, size_t at) {
    return pread(file, value, sizeof *value, static_cast<off_t>(at)) == static_cast<ssize_t>(sizeof *value);
  };
  auto check_marks = [&](size_t page) {
    uint16_t flags = 0;
    uint32_t magic[2] = {};
    if (!read(&flags, page + kPageFlagsAt) || (flags & kMetaPage) == 0) return StoreError::kDamaged;
    if (!read(&magic, page + kMagicAt) || magic[0] != kMagic[0]) return StoreError::kDamaged;
    return magic[1] == kMagic[1] ? StoreError::kNone : StoreError::kVersion;
  };
  if (StoreError error = check_marks(0); error != StoreError::kNone) return error;
  uint32_t page_bytes = 0;
  uint32_t page_bytes_again = 0;
  if (!read(&page_bytes, kPageSizeAt) || check_marks(page_bytes) != StoreError::kNone ||
      !read(&page_bytes_again, size_t{page_bytes} + kPageSizeAt) || page_bytes != page_bytes_again) {
    return StoreError::kDamaged;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t even = 0;
    uint64_t odd = 0;
    if (!read(&even, kCommitAt) || !read(&odd, size_t{page_bytes} + kCommitAt)) break;
    if (even % 2 == 0 && odd % 2 == 1 && (odd == even + 1 || even == odd + 1)) return StoreError::kNone;
  }
  return StoreError::kDamaged;
}

}  // namespace tokengate
