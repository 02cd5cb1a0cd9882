/// What goes to standard output and standard error: text that cannot disturb a terminal, tables, JSON.
#ifndef TOKENGATE_TOOLS_PRINT_H_
#define TOKENGATE_TOOLS_PRINT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tokengate::cli {

/// Keeps the order of its members: people read it too.
using Json = nlohmann::ordered_json;

/// `text` with control characters, bytes that are not UTF-8, and characters that reorder a line written as
/// `\xNN`: safe on a terminal and one line long.
std::string printable(std::string_view text);

std::string join(const std::vector<std::string>& words, std::string_view separator);

/// "1 token", "2 tokens".
std::string counted(uint64_t n, std::string_view noun);

/// One line on standard output, or on standard error with "tokengate: " in front. Not for secrets.
void print_line(std::string_view text);
void print_note(std::string_view text);

/// One JSON value on one line.
void print_json(const Json& value);

/// Rows under headings, each column as wide as its widest cell. Cells may hold any bytes.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  void add(const std::vector<std::string>& cells);
  /// Writes the table, or `if_empty` when there is no row.
  void print(std::string_view if_empty) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A JSON array with one element a line, written as it comes: a long listing is never held in memory.
class JsonList {
 public:
  void add(const Json& element);
  void end();

 private:
  bool empty_ = true;
};

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_PRINT_H_
