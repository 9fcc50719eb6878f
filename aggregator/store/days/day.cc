#include "aggregator/store/days/day.h"

#include <chrono>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/text/number.h"

namespace opssight {
namespace {

DayNumber FloorDivide(std::int64_t time, std::int64_t day) {
  return time / day - (time % day < 0 ? 1 : 0);
}

}  // namespace

DayNumber DayOfNs(std::int64_t time_ns) {
  return FloorDivide(time_ns, kNsPerDay);
}
DayNumber DayOfMs(std::int64_t time_ms) {
  return FloorDivide(time_ms, kMsPerDay);
}

std::string DayFileName(char prefix, DayNumber day) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  return fmt::format("{}-{:04}{:02}{:02}.mdb", prefix, static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::optional<DayNumber> ParseDayFileName(char prefix, std::string_view name) {
  if (name.size() != 14 || name[0] != prefix || name[1] != '-' || !name.ends_with(".mdb")) {
    return std::nullopt;
  }
  const auto year = ParseInt<int>(name.substr(2, 4));
  const auto month = ParseInt<unsigned>(name.substr(6, 2));
  const auto day = ParseInt<unsigned>(name.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::vector<DayNumber> DaysToDrop(const std::map<DayNumber, std::uint64_t>& bytes_of_day,
                                  std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  std::uint64_t total = 0;
  for (const auto& entry : bytes_of_day) total += entry.second;
  std::vector<DayNumber> drop;
  for (const auto& [day, bytes] : bytes_of_day) {
    if (day == bytes_of_day.rbegin()->first) break;
    const bool old = (day + 1) * kMsPerDay <= keep_from_ms;
    const bool over = bytes_max != 0 && total > bytes_max;
    if (!old && !over) break;
    drop.push_back(day);
    total -= bytes;
  }
  return drop;
}

}  // namespace opssight
