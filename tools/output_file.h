/// A file that is there whole or not at all: written beside its place, flushed to the disk, renamed. Mode
/// 0600.
#ifndef TOKENGATE_TOOLS_OUTPUT_FILE_H_
#define TOKENGATE_TOOLS_OUTPUT_FILE_H_

#include <string>
#include <string_view>

namespace tokengate::cli {

/// Throws a Failure when something cannot be done.
class OutputFile {
 public:
  /// `-` is standard output. An existing file is refused unless `replace`.
  OutputFile(const std::string& path, bool replace);
  /// Without finish(), nothing remains of it.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  int descriptor() const { return file_; }
  void finish();

 private:
  [[noreturn]] void fail(const char* what) const;

  const std::string path_;
  const bool replace_;
  std::string beside_;  ///< its name while it is being written; empty: standard output, or finished
  int file_ = -1;
};

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_OUTPUT_FILE_H_
