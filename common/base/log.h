// The log front. Lines go to stderr; journald adds the time under systemd.
//
//   OPS_LOG(kWarn, "spool: {}: {}; next try in {} s", path, why, seconds);
//   OPS_LOG_EVERY(10, kWarn, "tail: {}: cannot open: {}", path, why);
//
// Form: "component: what, to which thing: why; what we do now". error = someone
// must act, warn = degraded but handled (and a counter moves with it), info =
// start, stop, configuration and role changes, debug = the rest.
// OPS_LOG_EVERY(seconds, …) lets one line through per place and period and says
// how many it left out. Safe on any thread. spdlog stays behind this header: it
// costs 5 s of compile time a file.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "common/base/result.h"

namespace opssight {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

// "debug", "info", "warn", "error".
Result<LogLevel> ParseLogLevel(std::string_view text);
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
// What a peer or a file said stands in lines: its further lines are indented and its
// other control characters shown as '?', so that nothing can pose as a line of ours.
std::string CleanLogLine(std::string_view line);
void WriteLog(LogLevel level, std::string_view line);

// One per place that uses OPS_LOG_EVERY.
class LogThrottle {
 public:
  // Whether to log now; *left_out is how many calls said no since the last yes.
  bool Allow(std::int64_t period_s, std::uint64_t* left_out);

 private:
  std::atomic<std::int64_t> next_ns_{0};
  std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace opssight

#define OPS_LOG(level, ...)                                                          \
  do {                                                                               \
    if (::opssight::LogEnabled(::opssight::LogLevel::level)) {                       \
      ::opssight::WriteLog(::opssight::LogLevel::level, ::fmt::format(__VA_ARGS__)); \
    }                                                                                \
  } while (false)

#define OPS_LOG_EVERY(period_s, level, ...)                                            \
  do {                                                                                 \
    static ::opssight::LogThrottle ops_throttle;                                       \
    std::uint64_t ops_left_out = 0;                                                    \
    if (::opssight::LogEnabled(::opssight::LogLevel::level) &&                         \
        ops_throttle.Allow(period_s, &ops_left_out)) {                                 \
      std::string ops_line = ::fmt::format(__VA_ARGS__);                               \
      if (ops_left_out != 0) ops_line += ::fmt::format(" ({} similar)", ops_left_out); \
      ::opssight::WriteLog(::opssight::LogLevel::level, ops_line);                     \
    }                                                                                  \
  } while (false)
