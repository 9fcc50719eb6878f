// Remote write through the whole store, without the network: requests of 2,000 samples cut
// out of a stream of scrapes wherever they end, as Prometheus' sender makes them, through
// RemoteWrite, wal, head and days. Says CPU a sample (of all threads; making the requests is
// not counted), resident memory, rows a request, bytes a sample on disk.
//
//   remote_write_bench [hosts=200] [rounds=120] [samples_a_request=2000] [v2]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/inputs/remote_write.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/store.h"
#include "common/base/mutex.h"
#include "common/bytes/snappy.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {
namespace {

constexpr std::size_t kSeries = 524;
constexpr std::int64_t kScrapeMs = 15'000;

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double ResidentMb() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * 4096 / 1e6;
}

struct Host {
  std::vector<std::vector<Label>> labels;
  std::vector<MixedSeries> values;
};

Host MakeHost(std::size_t number) {
  Host host{.labels = {}, .values = MakeMix(kHarshMix, kSeries, number + 1)};
  for (std::size_t i = 0; i < kSeries; ++i) {
    host.labels.push_back({{"__name__", "node_metric_number_" + std::to_string(i / 8) + "_total"},
                           {"cluster", "production-eu"},
                           {"device", "device" + std::to_string(i % 8)},
                           {"env", "production"},
                           {"instance", "host-" + std::to_string(number) + ".example.org:9100"},
                           {"job", "node"},
                           {"mode", "mode" + std::to_string(i % 3)},
                           {"region", number % 2 == 0 ? "eu-west-1" : "us-east-1"}});
  }
  return host;
}

// Lets one request through at a time.
class Turn final : public Responder {
 public:
  void Send(HttpResponse response) override {
    MutexLock lock(mutex_);
    if (response.status != 204)
      std::printf("answer %d %s\n", response.status, response.body.c_str());
    done_ = true;
    changed_.NotifyAll();
  }
  bool cancelled() const override { return false; }
  void Wait() {
    MutexLock lock(mutex_);
    while (!done_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool done_ OPS_GUARDED_BY(mutex_) = false;
};

class Sender {
 public:
  Sender(std::size_t size, bool v2) : size_(size), v2_(v2) {}

  void Add(const std::vector<Label>& labels, std::int64_t time_ms, double value) {
    WriteSeriesOut& one = series_.emplace_back();
    for (const Label& label : labels) one.labels.emplace_back(label.name, label.value);
    one.samples = {{.time_ms = time_ms, .value = value}};
    if (series_.size() < size_) return;
    bodies_.push_back(SnappyCompress(v2_ ? EncodeWriteV2(series_) : EncodeWriteV1(series_, {})));
    series_.clear();
  }
  std::vector<std::string> Take() { return std::exchange(bodies_, {}); }

 private:
  const std::size_t size_;
  const bool v2_;
  std::vector<WriteSeriesOut> series_;
  std::vector<std::string> bodies_;
};

double Feed(RemoteWrite& write, std::vector<std::string> bodies, bool v2) {
  const double start = CpuNs();
  std::vector<std::shared_ptr<Turn>> turns;
  for (std::string& body : bodies) {
    HttpRequest request;
    request.method = "POST";
    request.path = RemoteWrite::kPath;
    request.headers = {
        {"content-type", v2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                            : "application/x-protobuf"},
        {"content-encoding", "snappy"}};
    request.body = std::move(body);
    turns.push_back(std::make_shared<Turn>());
    write.Handle(std::move(request), turns.back());
    if (turns.size() >= 4) turns[turns.size() - 4]->Wait();  // As four shards would.
  }
  for (const auto& turn : turns) turn->Wait();
  return CpuNs() - start;
}

int Run(std::size_t hosts_count, std::size_t rounds, std::size_t size, bool v2) {
  const std::string dir = std::filesystem::temp_directory_path() / "remote_write_bench";
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  auto store = Store::Open({.dir = dir});
  if (!store) return 1;
  MetricsStore metrics({.dir = dir}, (*store)->layouts());
  if (!(*store)->Start({{StoreSignal::kMetrics, &metrics}})) return 1;
  RemoteWrite write({}, **store, Clock::System());
  std::vector<Host> hosts;
  for (std::size_t i = 0; i < hosts_count; ++i) hosts.push_back(MakeHost(i));
  Sender sender(size, v2);
  Random random(1);
  const std::int64_t start_ms =
      Clock::System().WallMs() - static_cast<std::int64_t>(rounds) * kScrapeMs;
  double feed_ns = 0;
  double later_ns = 0;  // Without the first rounds, in which layouts are made.
  std::size_t later_rounds = 0;
  double peak_mb = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const std::int64_t phase =
          static_cast<std::int64_t>(i) * kScrapeMs / static_cast<std::int64_t>(hosts.size());
      const std::int64_t time_ms = start_ms + static_cast<std::int64_t>(round) * kScrapeMs + phase +
                                   static_cast<std::int64_t>(random.Below(5));
      for (std::size_t j = 0; j < kSeries; ++j) {
        sender.Add(hosts[i].labels[j], time_ms, hosts[i].values[j].Next());
      }
    }
    const double ns = Feed(write, sender.Take(), v2);
    feed_ns += ns;
    if (round >= rounds / 4) {
      later_ns += ns;
      ++later_rounds;
    }
    peak_mb = std::max(peak_mb, ResidentMb());
  }
  const double a_round = static_cast<double>(hosts_count * kSeries);
  (*store)->WaitApplied();
  const double before = CpuNs();
  const bool flushed = (*store)->FlushNow().has_value();
  const double flush_ns = CpuNs() - before;
  const double samples = a_round * static_cast<double>(rounds);
  std::printf("feed      %7.1f ns CPU a sample, %.1f after the first quarter\n", feed_ns / samples,
              later_ns / (a_round * static_cast<double>(later_rounds)));
  std::printf("flush     %7.1f ns CPU a sample%s\n", flush_ns / samples, flushed ? "" : " FAILED");
  std::printf("disk      %7.3f B a sample\n", static_cast<double>(metrics.disk_bytes()) / samples);
  std::printf("resident  %7.1f MB at most, with what makes the requests\n", peak_mb);
  std::printf("layouts   %7llu\n",
              static_cast<unsigned long long>((*store)->stats().layouts.load()));
  write.Stop();
  (*store)->Stop();
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  const bool v2 = argc > 4 && std::strcmp(argv[4], "v2") == 0;
  return opssight::bench::Run(number(1, 200), number(2, 120), number(3, 2000), v2);
}
