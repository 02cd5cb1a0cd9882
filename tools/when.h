/// Times as people write and read them.
#ifndef TOKENGATE_TOOLS_WHEN_H_
#define TOKENGATE_TOOLS_WHEN_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tokengate::cli {

/// What help says about every option that takes a time.
inline constexpr const char* kWhenForms =
    "2026-12-31, 2026-12-31T18:00, UNIX seconds, +30d, +12h, +15m, now or never";

/// Which moment of it a bare date means.
enum class DayEdge { kStart, kEnd };

/// Parses `never` (kNeverExpires), `now`, a local date (its 00:00:00 or 23:59:59), a local date and time, one
/// with `Z` or an offset such as `+01:00`, UNIX seconds, or a span from now. Throws a Failure with cause and
/// cure for anything else, a day that does not exist, and a time before 1970 or after 9999.
int64_t parse_when(const std::string& text, int64_t now_unix_s, DayEdge edge);

/// Parses a length of time: `0`, or a number with its unit (`90s`, `15m`, `24h`, `7d`, `2w`), as seconds.
int64_t parse_span(const std::string& text);

/// `2026-12-31T23:59:59+01:00`, local time (ISO 8601); "never" for kNeverExpires.
std::string time_text(int64_t unix_s);

/// "in 3 days", "5 hours ago", "now".
std::string distance_text(int64_t unix_s, int64_t now_unix_s);

}  // namespace tokengate::cli

#endif  // TOKENGATE_TOOLS_WHEN_H_
