// Reads and writes times: dates, spans, UNIX seconds.
#include "when.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "cli.h"
#include "tokengate/admin.h"

namespace tokengate::cli {
namespace {

constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour, kWeek = 7 * kDay;
constexpr int64_t kLastSecond = 253402300799;  ///< 9999-12-31T23:59:59Z

[[noreturn]] void fail(std::string_view text, std::string_view why) {
  throw Failure(Code::kInvalid, fmt::format("\"{}\" {}", text, why));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<int64_t> number(std::string_view digits) {
  int64_t value = 0;
  if (!all_digits(digits)) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

int64_t unit_seconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return kMinute;
    case 'h':
      return kHour;
    case 'd':
      return kDay;
    case 'w':
      return kWeek;
    default:
      return 0;
  }
}

/// A number with its unit, at most `kLastSecond`.
std::optional<int64_t> seconds_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const int64_t unit = unit_seconds(text.back());
  const std::optional<int64_t> n = number(text.substr(0, text.size() - 1));
  if (unit == 0 || !n || *n > kLastSecond / unit) return std::nullopt;
  return *n * unit;
}

/// Takes `digits` digits, then `after` (unless it is 0), off the front of `*rest`.
bool take(std::string_view* rest, size_t digits, char after, int* value) {
  const std::optional<int64_t> n = number(rest->substr(0, digits));
  if (rest->size() < digits || !n) return false;
  rest->remove_prefix(digits);
  *value = static_cast<int>(*n);
  if (after == 0) return true;
  if (rest->empty() || rest->front() != after) return false;
  rest->remove_prefix(1);
  return true;
}

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

/// A date, and a time of day if there is one. `rest` is left with what follows: a zone or nothing.
struct Clock {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  bool has_time = false;
  std::string_view rest;
};

std::optional<Clock> read_clock(std::string_view text) {
  Clock clock;
  if (!take(&text, 4, '-', &clock.year) || !take(&text, 2, '-', &clock.month) ||
      !take(&text, 2, 0, &clock.day)) {
    return std::nullopt;
  }
  if (!text.empty() && (text.front() == 'T' || text.front() == ' ')) {
    text.remove_prefix(1);
    clock.has_time = true;
    if (!take(&text, 2, ':', &clock.hour) || !take(&text, 2, 0, &clock.minute)) return std::nullopt;
    if (!text.empty() && text.front() == ':') {
      text.remove_prefix(1);
      if (!take(&text, 2, 0, &clock.second)) return std::nullopt;
    }
  }
  clock.rest = text;
  return clock;
}

/// Seconds east of UTC; nothing if `zone` is not `Z`, `+HH:MM` or `-HH:MM`.
std::optional<int64_t> zone_offset(std::string_view zone) {
  if (zone == "Z") return 0;
  if (zone.empty() || (zone.front() != '+' && zone.front() != '-')) return std::nullopt;
  const int64_t sign = zone.front() == '-' ? -1 : 1;
  int hours = 0;
  int minutes = 0;
  zone.remove_prefix(1);
  if (!take(&zone, 2, ':', &hours) || !take(&zone, 2, 0, &minutes) || !zone.empty()) return std::nullopt;
  if (hours > 14 || minutes > 59) return std::nullopt;
  return sign * (hours * kHour + minutes * kMinute);
}

int64_t clock_seconds(const std::string& text, const Clock& clock) {
  if (clock.month < 1 || clock.month > 12 || clock.day < 1 ||
      clock.day > days_in_month(clock.year, clock.month)) {
    fail(text, "names a day that does not exist");
  }
  if (clock.hour > 23 || clock.minute > 59 || clock.second > 59) {
    fail(text, "names a time of day that does not exist");
  }
  std::tm fields{};
  fields.tm_year = clock.year - 1900;
  fields.tm_mon = clock.month - 1;
  fields.tm_mday = clock.day;
  fields.tm_hour = clock.hour;
  fields.tm_min = clock.minute;
  fields.tm_sec = clock.second;
  if (!clock.rest.empty()) {
    const std::optional<int64_t> offset = zone_offset(clock.rest);
    if (!offset || !clock.has_time) fail(text, "ends in something that is no time zone: say Z or +01:00");
    return timegm(&fields) - *offset;
  }
  fields.tm_isdst = -1;
  const int64_t seconds = std::mktime(&fields);
  // mktime moves a time that the change to summer time skips; a silent hour more or less is no end date.
  if (fields.tm_hour != clock.hour || fields.tm_min != clock.minute) {
    fail(text,
         "names a local time that the change of the clocks skips: say another, or add a zone such as Z");
  }
  return seconds;
}

}  // namespace

int64_t parse_when(const std::string& text, int64_t now_unix_s, DayEdge edge) {
  if (text == "never") return kNeverExpires;
  if (text == "now") return now_unix_s;
  int64_t result = 0;
  if (!text.empty() && text.front() == '+') {
    const std::optional<int64_t> span = seconds_of(text.substr(1));
    if (!span) fail(text, "is not a span from now: write one such as +30d, +12h or +15m");
    result = now_unix_s + *span;
  } else if (all_digits(text)) {
    const std::optional<Clock> date =
        text.size() == 8 ? read_clock(text.substr(0, 4) + "-" + text.substr(4, 2) + "-" + text.substr(6))
                         : std::nullopt;
    // As UNIX seconds it would lie in the 1970s, which nobody means who writes 20261231.
    if (date && date->year >= 1970 && date->year < 2200 && date->month <= 12 && date->day <= 31) {
      fail(text, fmt::format("could be a date or UNIX seconds: write a date as {}-{}-{}", text.substr(0, 4),
                             text.substr(4, 2), text.substr(6)));
    }
    const std::optional<int64_t> seconds = number(text);
    if (!seconds || *seconds > kLastSecond)
      fail(text, "is too large for UNIX seconds: are these milliseconds?");
    result = *seconds;
  } else {
    std::optional<Clock> clock = read_clock(text);
    if (!clock) fail(text, fmt::format("is not a time: write {}", kWhenForms));
    if (!clock->has_time && edge == DayEdge::kEnd) {
      clock->hour = 23;
      clock->minute = clock->second = 59;
    }
    result = clock_seconds(text, *clock);
  }
  if (result < 0 || result > kLastSecond) fail(text, "lies outside the years 1970 to 9999");
  return result;
}

int64_t parse_span(const std::string& text) {
  if (text == "0") return 0;
  const std::optional<int64_t> span = seconds_of(text);
  if (!span) fail(text, "is not a length of time: write 0, or a number with its unit such as 15m, 24h or 7d");
  return *span;
}

std::string time_text(int64_t unix_s) {
  if (unix_s == kNeverExpires) return "never";
  const std::time_t time = unix_s;
  std::tm fields{};
  char text[64];
  if (localtime_r(&time, &fields) == nullptr) return std::to_string(unix_s);
  if (std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &fields) == 0) return std::to_string(unix_s);
  const long offset_minutes = fields.tm_gmtoff / kMinute;
  return fmt::format("{}{}{:02}:{:02}", text, offset_minutes < 0 ? '-' : '+', std::abs(offset_minutes) / 60,
                     std::abs(offset_minutes) % 60);
}

std::string distance_text(int64_t unix_s, int64_t now_unix_s) {
  const bool past = unix_s < now_unix_s;
  const int64_t distance = past ? now_unix_s - unix_s : unix_s - now_unix_s;
  if (distance == 0) return "now";
  const struct {
    int64_t seconds;
    const char* name;
  } kUnits[] = {{kDay, "day"}, {kHour, "hour"}, {kMinute, "minute"}, {1, "second"}};
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& candidate) { return distance >= candidate.seconds; });
  const int64_t n = distance / unit->seconds;
  const std::string amount = fmt::format("{} {}{}", n, unit->name, n == 1 ? "" : "s");
  return past ? amount + " ago" : "in " + amount;
}

}  // namespace tokengate::cli
