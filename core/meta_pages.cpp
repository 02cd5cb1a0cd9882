// Reads the meta pages from the file.
#include "meta_pages.h"

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "lmdb_layout.h"

namespace tokengate {

bool has_sound_meta_pages(int file) noexcept {
  using namespace lmdb_layout;
  constexpr int kAttempts = 3;  // a writer may get between the two reads
  auto read = [file](auto* value, size_t at) {
    return pread(file, value, sizeof *value, static_cast<off_t>(at)) == static_cast<ssize_t>(sizeof *value);
  };
  uint32_t magic[2] = {};
  uint32_t page_bytes = 0;
  uint32_t page_bytes_again = 0;
  if (!read(&magic, kMagicAt)) return false;
  if (std::memcmp(magic, kMagic, sizeof magic) != 0) return true;  // LMDB finds that, and says it better
  if (!read(&page_bytes, kPageSizeAt) || !read(&page_bytes_again, size_t{page_bytes} + kPageSizeAt))
    return false;
  if (page_bytes != page_bytes_again) return false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t even = 0;
    uint64_t odd = 0;
    if (!read(&even, kCommitAt) || !read(&odd, size_t{page_bytes} + kCommitAt)) return false;
    if (even % 2 == 0 && odd % 2 == 1 && (odd == even + 1 || even == odd + 1)) return true;
  }
  return false;
}

}  // namespace tokengate
