// Rows through MetricsStore: CPU a sample to apply and to flush, bytes a sample on
// disk, memory a series, and queries; then all days are sealed, and the same is asked again.
// Hosts of 524 series of the host mix (metric_mix.h), or of a recording (chunk_bench.cc),
// each at a phase of its own. 5760 rows are a day.
//
//   metrics_store_bench [hosts=200] [rows=480] [recording]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <malloc.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/store/metrics/metrics_store.h"
#include "common/base/clock.h"
#include "common/bytes/endian.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {
namespace {

double CpuNs(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

std::size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

class Layouts final : public LayoutLookup {
 public:
  std::shared_ptr<const Layout> Find(const LayoutId& id) const override {
    const auto it = known.find(id);
    return it == known.end() ? nullptr : it->second;
  }
  std::map<LayoutId, std::shared_ptr<const Layout>> known;
};

std::shared_ptr<const Layout> HostLayout(std::size_t host, std::size_t width) {
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < width; ++i) {
    std::vector<Label> labels = {
        {.name = "__name__", .value = "node_metric_" + std::to_string(i / 8)},
        {.name = "instance", .value = "10.1.2." + std::to_string(host) + ":9100"},
        {.name = "job", .value = "node"},
        {.name = "env", .value = "production"},
        {.name = "region", .value = host % 2 == 0 ? "eu-west-1" : "us-east-1"},
        {.name = "mode", .value = "mode" + std::to_string(i % 8)}};
    series.push_back({.labels = Labels(std::move(labels))});
  }
  return std::make_shared<const Layout>(std::move(series));
}

struct Source {
  std::shared_ptr<const Layout> layout;
  std::vector<MixedSeries> series;
  std::size_t at = 0;  // In the recording.
};

std::vector<std::vector<double>> ReadRecording(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest(bytes);
  const std::size_t width = GetLe<std::uint32_t>(rest).value_or(0);
  std::vector<std::vector<double>> rows;
  while (width != 0 && rest.size() >= 8 * (1 + width)) {
    rest.remove_prefix(8);
    std::vector<double> row(width);
    for (double& value : row) value = *GetLe<double>(rest);
    rows.push_back(std::move(row));
  }
  return rows;
}

void Query(const MetricsStore& store, const char* what, std::vector<Matcher> matchers,
           std::int64_t from_ms, std::int64_t to_ms) {
  double best = 1e300;
  std::size_t samples = 0;
  std::size_t series = 0;
  for (int round = 0; round < 3; ++round) {
    const double start = CpuNs();
    const auto result = store.Select(matchers, from_ms, to_ms, {.samples_max = 1ULL << 40});
    best = std::min(best, CpuNs() - start);
    samples = 0;
    series = result ? result->size() : 0;
    for (std::size_t i = 0; i < series; ++i) samples += (*result)[i].samples.size();
  }
  std::printf("  %-34s %7zu series %10zu samples %8.2f ms, %5.1f ns a sample\n", what, series,
              samples, best / 1e6, best / static_cast<double>(std::max<std::size_t>(1, samples)));
}

Matcher Is(const char* name, const char* value, MatchType type = MatchType::kEqual) {
  return *Matcher::Make(type, name, value);
}

void Queries(const MetricsStore& store, std::int64_t from_ms, std::int64_t to_ms) {
  Query(store, "one metric of all hosts", {Is("__name__", "node_metric_3")}, from_ms, to_ms);
  Query(store, "one series",
        {Is("__name__", "node_metric_3"), Is("instance", "10.1.2.7:9100"), Is("mode", "mode2")},
        from_ms, to_ms);
  Query(store, "one series, its last day",
        {Is("__name__", "node_metric_3"), Is("instance", "10.1.2.7:9100"), Is("mode", "mode2")},
        to_ms - kMsPerDay, to_ms);
  Query(store, "by regular expression",
        {Is("__name__", "node_metric_.*5", MatchType::kRegex), Is("job", "node")}, from_ms, to_ms);
  Query(store, "instant, one metric", {Is("__name__", "node_metric_3")}, to_ms - 300'000, to_ms);
  Query(store, "instant, everything", {}, to_ms - 300'000, to_ms);
  const double start = CpuNs();
  const auto labels = store.SelectLabels({}, from_ms, to_ms, {});
  std::printf("  labels of all: %zu in %.2f ms\n", labels ? labels->size() : 0,
              (CpuNs() - start) / 1e6);
}

void Seal(MetricsStore& store, double samples) {
  const double start = CpuNs();
  const SealTurn turn{.now_ms = INT64_MAX / 2, .spare_bytes = UINT64_MAX};
  int days = 0;
  for (;; ++days) {
    const auto sealed = store.SealDue(turn);
    if (!sealed) std::printf("  seal: %s\n", sealed.error().message.c_str());
    if (!sealed || !*sealed) break;
  }
  std::printf("  sealed %d days: %.1f ns a sample (CPU-s per M samples / 1000), %.3f B a sample\n",
              days, (CpuNs() - start) / samples, static_cast<double>(store.disk_bytes()) / samples);
}

void Run(std::size_t hosts, std::size_t rows, const char* recording) {
  const std::vector<std::vector<double>> recorded =
      recording == nullptr ? std::vector<std::vector<double>>() : ReadRecording(recording);
  const std::size_t width = recorded.empty() ? 524 : recorded[0].size();
  std::string dir = (std::filesystem::temp_directory_path() / "opssight-bench-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) return;
  Layouts layouts;
  std::vector<Source> sources;
  for (std::size_t host = 0; host < hosts; ++host) {
    sources.push_back({.layout = HostLayout(host, width),
                       .series = MakeMix(kHostMix, width, host),
                       .at = recorded.empty() ? 0 : host * 7 % recorded.size()});
    layouts.known[sources.back().layout->id()] = sources.back().layout;
  }
  const std::size_t heap_before = HeapBytes();
  auto store = std::make_unique<MetricsStore>(MetricsOptions{.dir = dir}, layouts);
  if (!store->Recover(0)) return;
  constexpr std::int64_t kStartMs = 20'000 * kMsPerDay + 3'600'000;
  constexpr std::size_t kRowsPerFlush = 120;
  Random jitter(1);
  double apply_ns = 0;
  double flush_ns = 0;
  double heap_full = 0;
  WalPosition position = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t host = 0; host < hosts; ++host) {
      Source& source = sources[host];
      const std::int64_t time_ms =
          kStartMs + static_cast<std::int64_t>(row * 15'000 + host * 70 + jitter.Below(40));
      BatchContents contents;
      MetricRow made{.layout = source.layout, .time_ms = time_ms};
      if (recorded.empty()) {
        for (MixedSeries& one : source.series) made.values.push_back(one.Next());
      } else {
        made.values = recorded[source.at++ % recorded.size()];
      }
      contents.metrics.push_back(std::move(made));
      const auto batch = *DecodedBatch::Decode(EncodeBatch(contents, 0), {});
      const double start = CpuNs(CLOCK_THREAD_CPUTIME_ID);
      store->Apply({.position = ++position}, batch);
      apply_ns += CpuNs(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    if (row % kRowsPerFlush != kRowsPerFlush - 1) continue;
    const std::size_t before = HeapBytes();
    heap_full = static_cast<double>(before - heap_before);
    const double start = CpuNs(CLOCK_THREAD_CPUTIME_ID);
    store->Freeze(position);
    if (!store->Flush(position)) std::printf("flush failed\n");
    store->Publish(position);
    flush_ns += CpuNs(CLOCK_THREAD_CPUTIME_ID) - start;
  }
  const double samples = static_cast<double>(hosts * width * rows);
  const double series = static_cast<double>(hosts * width);
  std::printf("%zu hosts x %zu series x %zu rows%s\n", hosts, width, rows,
              recorded.empty() ? ", host mix" : ", recording");
  std::printf("  apply %.2f + flush %.2f = %.2f ns a sample\n", apply_ns / samples,
              flush_ns / samples, (apply_ns + flush_ns) / samples);
  std::printf("  %.3f B a sample on disk\n", static_cast<double>(store->disk_bytes()) / samples);
  std::printf("  %.0f B a series of heap before a flush (head, its index, the day's index)\n",
              heap_full / series);
  std::printf("  head_bytes says %.0f, day index %.0f B a series\n",
              static_cast<double>(store->head_bytes()) / series,
              static_cast<double>(store->day_index_bytes()) / series);
  const std::int64_t end_ms = kStartMs + static_cast<std::int64_t>(rows) * 15'000;
  Queries(*store, kStartMs, end_ms);
  Seal(*store, samples);
  Queries(*store, kStartMs, end_ms);
  store = std::make_unique<MetricsStore>(MetricsOptions{.dir = dir}, layouts);
  const double start = CpuNs();
  if (!store->Recover(position)) return;
  const auto one = store->Select({Is("__name__", "none")}, kStartMs, end_ms, {});
  std::printf("  open the day and build its index: %.1f ms\n", (CpuNs() - start) / 1e6);
  store.reset();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  const std::size_t hosts = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200;
  const std::size_t rows = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 480;
  opssight::bench::Run(hosts, rows, argc > 3 ? argv[3] : nullptr);
}
