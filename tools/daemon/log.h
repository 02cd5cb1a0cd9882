/// The daemon's log: lines on standard error.
#ifndef TOKENGATE_TOOLS_DAEMON_LOG_H_
#define TOKENGATE_TOOLS_DAEMON_LOG_H_

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace tokengate::daemon {

/// Whatever a client may have written into it, it stays one word.
struct LogWord {
  std::string_view text;
};

/// Writes a line. What cannot be written, on a full disk or without memory, is lost: a change that was made
/// must still be answered.
template <class... Args>
void log_line(fmt::format_string<Args...> format, Args&&... args) noexcept {
  try {
    std::string line = "tokengated: " + fmt::format(format, std::forward<Args>(args)...) + '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is nowhere to tell it
  }
}

}  // namespace tokengate::daemon

template <>
struct fmt::formatter<tokengate::daemon::LogWord> {
  static constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }

  static auto format(tokengate::daemon::LogWord word, fmt::format_context& context) {
    auto out = context.out();
    for (char c : word.text.substr(0, 128)) *out++ = c > 0x20 && c < 0x7F && c != '"' ? c : '_';
    if (word.text.empty()) *out++ = '-';
    return out;
  }
};

#endif  // TOKENGATE_TOOLS_DAEMON_LOG_H_
