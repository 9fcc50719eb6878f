// The process_* metrics that every Prometheus client exports, from /proc/self.
//
// Three small files and one folder of /proc a writing, on the thread that writes.
// A value that cannot be read keeps the last one; at first 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct ProcessUsage {
  double cpu_seconds = 0;
  double start_seconds = 0;  // Since 1970-01-01 UTC.
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_fds = 0;
  double max_fds = 0;
  double threads = 0;
};

// How the kernel counts; of this machine by default.
struct KernelUnits {
  std::int64_t ticks_per_second = 100;
  std::int64_t page_bytes = 4096;
  static KernelUnits Here();
};

// /proc/<pid>/stat; start_seconds is since boot.
Status ParseProcessStat(std::string_view text, KernelUnits units, ProcessUsage& usage);
// "btime 1767225600" of /proc/stat.
Result<double> ParseBootSeconds(std::string_view proc_stat);

// proc is where procfs is mounted.
void AddProcessMetrics(Registry& registry, std::string proc = "/proc");

}  // namespace opssight
