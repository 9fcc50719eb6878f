#include "agent/collect/top_processes.h"

#include <algorithm>
#include <unistd.h>
#include <utility>
#include <vector>

#include "agent/collect/fields.h"

namespace opssight {

// "1 (name with ) and blanks) S …" (proc(5)).
bool ParseProcessStat(std::string_view text, ProcessStat& out) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return false;
  const Fields fields(Trim(text.substr(close + 1)));
  double user = 0, system = 0, pages = 0;
  if (fields.size() < 22 || !Number(fields[11], user) || !Number(fields[12], system) ||
      !Number(fields[19], out.start_ticks) || !Number(fields[21], pages)) {
    return false;
  }
  constexpr double kUserHz = 100;
  out.name = text.substr(open + 1, close - open - 1);
  out.key = std::string(Trim(text.substr(0, open))) + ":" + std::string(fields[19]);
  out.cpu_s = (user + system) / kUserHz;
  out.rss_bytes = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
  return true;
}

bool IsPid(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

namespace {

template <class Less, class Value>
void AddLeading(std::vector<ProcessStat>& stats, std::size_t count, Less less,
                std::string_view name, MetricType type, Value value, FrameBuilder& out) {
  const auto end = stats.begin() + static_cast<std::ptrdiff_t>(std::min(count, stats.size()));
  std::partial_sort(stats.begin(), end, stats.end(), less);
  // By key, so that the layout stays while the same processes lead.
  std::sort(stats.begin(), end, [](const auto& a, const auto& b) { return a.key < b.key; });
  for (auto it = stats.begin(); it != end; ++it) {
    const std::string_view key = it->key;
    out.Add(name, {{"name", it->name}, {"pid", key.substr(0, key.find(':'))}}, type, value(*it));
  }
}

}  // namespace

void TopProcesses::Add(HostFiles& files, FrameBuilder& out) {
  ++round_;
  std::vector<ProcessStat> stats;
  std::vector<std::string> pids = files.List("/proc");
  for (const std::string& pid : pids) {
    if (!IsPid(pid)) continue;
    const auto text = files.ReadOnce("/proc/" + pid, "stat");
    ProcessStat stat;
    if (!text || !ParseProcessStat(*text, stat)) continue;  // It ended meanwhile.
    Seen& seen = seen_[stat.key];
    stat.cpu_since_s = seen.round == 0 ? 0 : stat.cpu_s - seen.cpu_s;
    seen = {.cpu_s = stat.cpu_s, .round = round_};
    stats.push_back(std::move(stat));
  }
  std::erase_if(seen_, [this](const auto& entry) { return entry.second.round != round_; });
  AddLeading(
      stats, count_, [](const auto& a, const auto& b) { return a.cpu_since_s > b.cpu_since_s; },
      "process_cpu_seconds_total", MetricType::kCounter,
      [](const auto& stat) { return stat.cpu_s; }, out);
  AddLeading(
      stats, count_, [](const auto& a, const auto& b) { return a.rss_bytes > b.rss_bytes; },
      "process_resident_memory_bytes", MetricType::kGauge,
      [](const auto& stat) { return stat.rss_bytes; }, out);
}

}  // namespace opssight
