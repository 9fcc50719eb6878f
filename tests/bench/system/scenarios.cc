#include "tests/bench/system/scenarios.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <fmt/core.h>

#include "common/base/clock.h"

namespace opssight::bench {

void Step(const std::string& what) {
  std::fprintf(stderr, "   %s\n", what.c_str());
}

std::int64_t StartOfDataNs() {
  constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;
  const std::int64_t today_ns = Clock::System().WallNs() / (24 * kHourNs) * (24 * kHourNs);
  return today_ns - 14 * kHourNs;
}

MemoryWatch::MemoryWatch(pid_t pid)
    : thread_([this, pid] {
        while (!stop_) {
          peak_ = std::max(peak_.load(), MemoryBytes(pid, "RssAnon"));
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
      }) {}

MemoryWatch::~MemoryWatch() {
  stop_ = true;
  thread_.join();
}

void PeakFigure(const std::string& key, pid_t pid, const MemoryWatch& watch) {
  Figure(key, static_cast<double>(MemoryBytes(pid, "VmHWM")) / 1e6,
         fmt::format("resident, with pages of mapped files; anonymous at most {:.0f} MB",
                     static_cast<double>(watch.peak()) / 1e6));
}

double QueryCpuMs(AggregatorProcess& server, const std::string& path, const Query& query,
                  const std::string& text, std::size_t count) {
  constexpr int kTimes = 20;
  const double before = CpuSeconds(server.pid());
  for (int i = 0; i < kTimes; ++i) {
    const std::string body = server.Get(path, query);
    std::size_t found = 0;
    for (std::size_t at = body.find(text); at != std::string::npos; at = body.find(text, at + 1)) {
      ++found;
    }
    if (found != count) {
      Fail(fmt::format("{} {}: {} times {}, not {}: {}", path, query.front().second, found, text,
                       count, body.substr(0, 400)));
    }
  }
  return (CpuSeconds(server.pid()) - before) * 1e3 / kTimes;
}

}  // namespace opssight::bench
