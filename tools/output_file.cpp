// Files written beside their place and renamed.
#include "output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli.h"

namespace tokengate::cli {

OutputFile::OutputFile(const std::string& path, bool replace) : path_(path), replace_(replace) {
  if (path == "-") {
    file_ = STDOUT_FILENO;
    return;
  }
  struct stat there {};
  if (!replace && lstat(path.c_str(), &there) == 0) {
    throw Failure(Code::kRefused, fmt::format("{} exists; name another file, or say --force", path));
  }
  if (replace && stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    throw Failure(Code::kRefused, fmt::format("{} is not an ordinary file; name another", path));
  }
  beside_ = path + ".XXXXXX";
  file_ = mkostemp(beside_.data(), O_CLOEXEC);  // mode 0600
  if (file_ < 0) {
    beside_.clear();
    fail("make");
  }
}

OutputFile::~OutputFile() {
  if (beside_.empty()) return;
  close(file_);
  unlink(beside_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) fail("write");
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void OutputFile::finish() {
  if (beside_.empty()) return;
  if (fsync(file_) != 0) fail("write");
  // Not even a file that came into being meanwhile is replaced unasked.
  if (renameat2(AT_FDCWD, beside_.c_str(), AT_FDCWD, path_.c_str(), replace_ ? 0 : RENAME_NOREPLACE) != 0) {
    fail("make");
  }
  close(file_);
  beside_.clear();
  std::string folder = std::filesystem::path(path_).parent_path();
  const int opened = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0 || fsync(opened) != 0) fail("write");
  close(opened);
}

void OutputFile::fail(const char* what) const {
  throw Failure(Code::kInvalid, fmt::format("cannot {} {}: {}", what, path_, std::strerror(errno)));
}

}  // namespace tokengate::cli
