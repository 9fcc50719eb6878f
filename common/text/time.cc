#include "common/text/time.h"

#include <chrono>

#include <fmt/core.h>

namespace opssight {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes exactly `count` digits off the front.
std::optional<int> TakeDigits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// Since 1970-01-01 UTC.
struct Instant {
  std::int64_t seconds = 0;
  std::int64_t fraction_ns = 0;  // Not negative.
};

std::optional<Instant> Parse(std::string_view text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !Take(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !Take(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day || !(Take(text, 'T') || Take(text, 't') || Take(text, ' '))) return std::nullopt;
  const auto hour = TakeDigits(text, 2);
  if (!hour || !Take(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || !Take(text, ':')) return std::nullopt;
  const auto second = TakeDigits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;

  std::int64_t fraction = 0;
  if (Take(text, '.')) {
    std::int64_t unit = kNs / 10;
    if (text.empty() || !IsDigit(text.front())) return std::nullopt;
    while (!text.empty() && IsDigit(text.front())) {
      fraction += unit * (text.front() - '0');
      unit /= 10;
      text.remove_prefix(1);
    }
  }

  std::int64_t offset_s = 0;
  if (!Take(text, 'Z') && !Take(text, 'z')) {
    const bool west = !text.empty() && text.front() == '-';
    if (!Take(text, west ? '-' : '+')) return std::nullopt;
    const auto zone_hour = TakeDigits(text, 2);
    if (!zone_hour || !Take(text, ':')) return std::nullopt;
    const auto zone_minute = TakeDigits(text, 2);
    if (!zone_minute || *zone_hour > 23 || *zone_minute > 59) return std::nullopt;
    offset_s = (west ? -1 : 1) * (*zone_hour * 3600 + *zone_minute * 60);
  }
  if (!text.empty()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return Instant{.seconds = days * 86'400 + *hour * 3600 + *minute * 60 + *second - offset_s,
                 .fraction_ns = fraction};
}

}  // namespace

std::optional<std::int64_t> ParseRfc3339Ns(std::string_view text) {
  const auto instant = Parse(text);
  std::int64_t time_ns = 0;
  if (!instant || __builtin_mul_overflow(instant->seconds, kNs, &time_ns) ||
      __builtin_add_overflow(time_ns, instant->fraction_ns, &time_ns)) {
    return std::nullopt;
  }
  return time_ns;
}

std::optional<std::int64_t> ParseRfc3339Ms(std::string_view text) {
  const auto instant = Parse(text);
  if (!instant) return std::nullopt;
  return instant->seconds * 1000 + instant->fraction_ns / 1'000'000;
}

std::string FormatRfc3339Ns(std::int64_t time_ns) {
  std::int64_t seconds = time_ns / kNs;
  std::int64_t fraction = time_ns % kNs;
  if (fraction < 0) {
    fraction += kNs;
    --seconds;
  }
  std::int64_t days = seconds / 86'400;
  std::int64_t rest = seconds % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  rest / 3600, rest / 60 % 60, rest % 60);
  if (fraction != 0) {
    text += fmt::format(".{:09}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  text += 'Z';
  return text;
}

}  // namespace opssight
