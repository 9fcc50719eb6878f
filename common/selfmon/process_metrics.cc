#include "common/selfmon/process_metrics.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/text/number.h"

namespace opssight {
namespace {

// Fields of /proc/<pid>/stat after the name's ")", from 0 (proc(5) counts from 3).
enum StatField : std::size_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreads = 17,
  kStartTicks = 19,
  kVirtualBytes = 20,
  kResidentPages = 21,
};

constexpr std::size_t kFileBytesMax = 1UL << 20;  // /proc/stat on many cores.

std::vector<std::string_view> SplitAtSpaces(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

void Refresh(const std::string& proc, const KernelUnits& units, double boot_seconds,
             ProcessUsage& usage) {
  ProcessUsage now = usage;
  if (ParseProcessStat(ReadFile(proc + "/self/stat", kFileBytesMax).value_or(""), units, now)) {
    now.start_seconds += boot_seconds;
    usage = now;
  }
  std::error_code error;
  std::filesystem::directory_iterator it(proc + "/self/fd", error);
  double count = 0;
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) ++count;
  if (!error) usage.open_fds = count - 1;  // Less the one that reads the folder.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = static_cast<double>(limit.rlim_cur);
}

}  // namespace

KernelUnits KernelUnits::Here() {
  return {.ticks_per_second = sysconf(_SC_CLK_TCK), .page_bytes = sysconf(_SC_PAGESIZE)};
}

Status ParseProcessStat(std::string_view text, KernelUnits units, ProcessUsage& usage) {
  const std::size_t name_end = text.rfind(')');  // The name may hold spaces and ")".
  if (name_end == std::string_view::npos) return Invalid("process stat: no name");
  const std::vector<std::string_view> fields = SplitAtSpaces(text.substr(name_end + 1));
  if (fields.size() <= kResidentPages) return Invalid("process stat: too few fields");
  const auto number = [&fields](std::size_t i) { return ParseDouble(fields[i]); };
  const auto user = number(kUserTicks), system = number(kSystemTicks), start = number(kStartTicks);
  const auto memory = number(kVirtualBytes), pages = number(kResidentPages);
  const auto threads = number(kThreads);
  if (!user || !system || !start || !memory || !pages || !threads) {
    return Invalid("process stat: a field is no number");
  }
  const auto ticks = static_cast<double>(units.ticks_per_second);
  usage.cpu_seconds = (*user + *system) / ticks;
  usage.start_seconds = *start / ticks;
  usage.virtual_bytes = *memory;
  usage.resident_bytes = *pages * static_cast<double>(units.page_bytes);
  usage.threads = *threads;
  return {};
}

Result<double> ParseBootSeconds(std::string_view proc_stat) {
  const std::vector<std::string_view> words = SplitAtSpaces(proc_stat);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "btime") continue;
    if (const auto seconds = ParseDouble(words[i + 1])) return *seconds;
    break;
  }
  return Invalid("/proc/stat has no btime");
}

void AddProcessMetrics(Registry& registry, std::string proc) {
  const auto usage = std::make_shared<ProcessUsage>();
  const double boot =
      ParseBootSeconds(ReadFile(proc + "/stat", kFileBytesMax).value_or("")).value_or(0);
  const KernelUnits units = KernelUnits::Here();
  registry.AddRefresh(
      [proc = std::move(proc), units, boot, usage] { Refresh(proc, units, boot, *usage); });
  const auto add = [&](std::string name, std::string help, MetricType type,
                       double ProcessUsage::*field) {
    registry.AddCallback(std::move(name), std::move(help), type,
                         [usage, field] { return (*usage).*field; });
  };
  add("process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
      MetricType::kCounter, &ProcessUsage::cpu_seconds);
  add("process_resident_memory_bytes", "Memory resident, in bytes.", MetricType::kGauge,
      &ProcessUsage::resident_bytes);
  add("process_virtual_memory_bytes", "Address space, in bytes.", MetricType::kGauge,
      &ProcessUsage::virtual_bytes);
  add("process_start_time_seconds", "Start of the process, in seconds since 1970-01-01 UTC.",
      MetricType::kGauge, &ProcessUsage::start_seconds);
  add("process_open_fds", "Open file descriptors.", MetricType::kGauge, &ProcessUsage::open_fds);
  add("process_max_fds", "Most file descriptors allowed.", MetricType::kGauge,
      &ProcessUsage::max_fds);
  add("process_threads", "Threads.", MetricType::kGauge, &ProcessUsage::threads);
}

}  // namespace opssight
