// What the tests of a round share: a sink that remembers, calls with fixed answers, and
// the trees below tests/data that stand for a host's /.
#pragma once

#include <bit>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/collect/host_calls.h"
#include "agent/collect/host_collector.h"
#include "common/text/number.h"
#include "tests/support/null_sink.h"

namespace opssight {

class RecordingSink final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const bool stale = std::bit_cast<std::uint64_t>(row.values[i]) == kStaleNanBits;
      samples[row.layout->series()[i].labels.PrometheusText()] =
          stale ? "stale" : FormatDouble(row.values[i]);
    }
    layouts.push_back(row.layout->id());
    series += row.values.size();
  }

  std::map<std::string, std::string> samples;
  std::vector<LayoutId> layouts;
  std::size_t series = 0;
};

class FakeCalls final : public HostCalls {
 public:
  int Timex(timex& out) override {
    out = {};
    out.status = STA_NANO | STA_PLL;
    out.offset = 1'500'000;
    out.freq = 65'536;
    out.maxerror = 16'000;
    out.tick = 10'000;
    return TIME_OK;
  }
  bool Uname(utsname& out) override {
    out = {};
    std::strcpy(out.sysname, "Linux");
    std::strcpy(out.nodename, "box");
    std::strcpy(out.release, "6.1.0");
    std::strcpy(out.version, "#1 SMP");
    std::strcpy(out.machine, "x86_64");
    std::strcpy(out.domainname, "(none)");
    return true;
  }
  bool Filesystem(const std::string& path, FilesystemUsage& out) override {
    asked.push_back(path);
    if (broken) return false;
    out = {.size_bytes = 1000,
           .free_bytes = 400,
           .available_bytes = 350,
           .files = 100,
           .files_free = 60};
    return true;
  }
  double ZoneOffset(std::int64_t, std::string& name) override {
    name = "UTC";
    return 0;
  }
  std::int64_t SteadyNs() override { return 0; }

  std::vector<std::string> asked;
  bool broken = false;
};

inline HostOptions Fixture(const std::string& tree = "host") {
  return {.host_root = std::string(OPS_SOURCE_DIR) + "/tests/data/" + tree, .host = "h"};
}

inline std::map<std::string, std::string> Collected(HostOptions options) {
  FakeCalls calls;
  HostCollector collector(std::move(options), calls);
  RecordingSink sink;
  collector.Collect(1000, sink);
  return sink.samples;
}

}  // namespace opssight
