// CPU of a round of this host's metrics, beside prometheus-node-exporter's CPU for a
// scrape of its own (it must be installed; without it ours is printed alone).
//
//   collect_bench [rounds = 500] [scrapes = 200]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>

#include "agent/collect/host_collector.h"
#include "agent/collect/top_processes.h"
#include "common/base/clock.h"
#include "tests/support/http.h"
#include "tests/support/null_sink.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace opssight::bench {
namespace {

class CountingSink final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override { series += row.values.size(); }
  std::size_t series = 0;
};

double CpuMs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

std::string StatusLine(const std::string& pid, const std::string& name) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return line.substr(line.find_first_not_of(" \t", name.size()));
  }
  return "?";
}

void OurRounds(int rounds) {
  HostCollector collector({.host = "bench"});
  CountingSink warm;
  collector.Collect(1, warm);
  std::vector<double> ms;
  CountingSink sink;
  const double start = CpuMs();
  for (int round = 0; round < rounds; ++round) {
    const double before = CpuMs();
    collector.Collect(round, sink);
    ms.push_back(CpuMs() - before);
  }
  const double total = CpuMs() - start;
  std::sort(ms.begin(), ms.end());
  fmt::print(
      "agent/collect: {} series a round, CPU us a round: mean {:.0f}, min {:.0f}, median "
      "{:.0f}, p99 {:.0f}; {} files held open, {}\n",
      sink.series / static_cast<std::size_t>(rounds), total / rounds * 1e3, ms.front() * 1e3,
      ms[ms.size() / 2] * 1e3, ms[ms.size() * 99 / 100] * 1e3, collector.open_files(),
      StatusLine("self", "VmRSS:"));
}

double ProcessCpuMs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ProcessStat stat;
  return ParseProcessStat(text, stat) ? stat.cpu_s * 1e3 : 0;
}

void ExporterScrapes(int scrapes) {
  const TempDir dir;
  const std::string address = fmt::format("127.0.0.1:{}", FreePort());
  auto process = Process::Start({"prometheus-node-exporter", "--web.listen-address=" + address},
                                {.output = dir / "log"});
  if (!process) {
    fmt::print("prometheus-node-exporter: {}\n", process.error().message);
    return;
  }
  const std::string url = "http://" + address + "/metrics";
  HttpAnswer answer;
  const bool up = WaitFor(std::chrono::seconds(20), [&] {
    answer = HttpGet(url);
    return answer.status == 200 || !process->running();
  });
  if (!up || answer.status != 200) {
    fmt::print("prometheus-node-exporter: does not answer; not installed?\n");
    return;
  }
  const std::string pid = std::to_string(process->pid());
  const double before = ProcessCpuMs(pid);
  for (int scrape = 0; scrape < scrapes; ++scrape) answer = HttpGet(url);
  const double took = ProcessCpuMs(pid) - before;
  std::size_t series = 0;
  for (std::size_t at = 0; at < answer.body.size(); at = answer.body.find('\n', at) + 1) {
    series += answer.body[at] != '#';
  }
  fmt::print("prometheus-node-exporter: {} series a scrape, CPU us a scrape: mean {:.0f}; {}\n",
             series, took / scrapes * 1e3, StatusLine(pid, "VmRSS:"));
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  opssight::bench::OurRounds(argc > 1 ? std::atoi(argv[1]) : 500);        // NOLINT(cert-err34-c)
  opssight::bench::ExporterScrapes(argc > 2 ? std::atoi(argv[2]) : 200);  // NOLINT(cert-err34-c)
}
