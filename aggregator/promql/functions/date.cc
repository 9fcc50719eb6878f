// Parts of a date, in UTC, of seconds since 1970.
#include <chrono>
#include <cmath>
#include <limits>

#include "aggregator/promql/functions/map_floats.h"
#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

namespace {

constexpr std::int64_t kDaySeconds = 86'400;

struct Date {
  std::int64_t day_seconds = 0;  // Of the day.
  std::int64_t days = 0;         // Since 1970.
  std::int64_t year = 0;         // Those of std::chrono end at 32767.
  int month = 1;
  int day = 1;
};

// Whole days to a date, for all 64 bits of seconds: of each 400 years the calendar repeats.
Date DateOf(std::int64_t seconds) {
  constexpr std::int64_t kEraDays = 146'097;
  Date date;
  date.day_seconds = seconds % kDaySeconds;
  date.days = seconds / kDaySeconds;
  if (date.day_seconds < 0) {
    date.day_seconds += kDaySeconds;
    --date.days;
  }
  std::int64_t eras = date.days / kEraDays;
  std::int64_t rest = date.days % kEraDays;
  if (rest < 0) {
    rest += kEraDays;
    --eras;
  }
  const std::chrono::year_month_day ymd{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(rest)))};
  date.year = static_cast<int>(ymd.year()) + eras * 400;
  date.month = static_cast<int>(static_cast<unsigned>(ymd.month()));
  date.day = static_cast<int>(static_cast<unsigned>(ymd.day()));
  return date;
}

bool IsLeap(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int kMonthDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

int DaysOf(int month, std::int64_t year) {
  return month == 2 && IsLeap(year) ? 29 : kMonthDays[month - 1];
}

// What is no number of seconds, or too large to be one, is the least one, as on amd64 in Go.
std::int64_t ToSeconds(double x) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;
  if (!(x > -kLimit && x < kLimit)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(x);
}

template <class Part>
Result<Columns> MapDates(VectorArgs& args, Part&& part) {
  if (args.args.empty()) {
    Column now;
    for (std::size_t step = 0; step < args.steps.count; ++step) {
      now.values.push_back(Seconds(args.steps.At(step)));
    }
    args.args.emplace_back();
    args.args[0].columns.push_back(std::move(now));
  }
  return MapFloats(args, [&part](double x, std::size_t) {
    return static_cast<double>(part(DateOf(ToSeconds(x))));
  });
}

}  // namespace

Result<Columns> Minute(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return date.day_seconds / 60 % 60; });
}
Result<Columns> Hour(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return date.day_seconds / 3600; });
}
Result<Columns> DayOfMonth(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return date.day; });
}
Result<Columns> DayOfWeek(VectorArgs& args) {
  // 1970 began on a Thursday.
  return MapDates(args, [](const Date& date) { return ((date.days + 4) % 7 + 7) % 7; });
}
Result<Columns> DayOfYear(VectorArgs& args) {
  return MapDates(args, [](const Date& date) {
    int days = date.day;
    for (int month = 1; month < date.month; ++month) days += DaysOf(month, date.year);
    return days;
  });
}
Result<Columns> DaysInMonth(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return DaysOf(date.month, date.year); });
}
Result<Columns> Month(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return date.month; });
}
Result<Columns> Year(VectorArgs& args) {
  return MapDates(args, [](const Date& date) { return date.year; });
}

}  // namespace opssight::promql
