#include "common/base/log.h"

#include <cstdlib>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("opssight",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    made->set_pattern(journal ? "%l %v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return Invalid(fmt::format("log level \"{}\" is none of debug, info, warn, error", text));
}

void SetLogLevel(LogLevel level) {
  Logger().set_level(ToSpdlog(level));
}

bool LogEnabled(LogLevel level) {
  return Logger().should_log(ToSpdlog(level));
}

std::string CleanLogLine(std::string_view line) {
  while (line.ends_with('\n')) line.remove_suffix(1);
  std::string clean;
  clean.reserve(line.size());
  for (const char c : line) {
    if (c == '\n') {
      clean += "\n  ";
    } else {
      clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return clean;
}

void WriteLog(LogLevel level, std::string_view line) {
  const std::string clean = CleanLogLine(line);
  Logger().log(ToSpdlog(level), spdlog::string_view_t(clean.data(), clean.size()));
}

bool LogThrottle::Allow(std::int64_t period_s, std::uint64_t* left_out) {
  const std::int64_t now = Clock::System().SteadyNs();
  std::int64_t next = next_ns_.load(std::memory_order_relaxed);
  if (now < next || !next_ns_.compare_exchange_strong(next, now + period_s * kNsPerSecond)) {
    left_out_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  *left_out = left_out_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace opssight
