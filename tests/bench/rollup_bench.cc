// A year of samples through MetricsStore and its rollups: CPU to roll a day up, bytes a
// bucket on disk, and queries of the year with rollups and without. One host's series of the
// host mix (metric_mix.h), eight a metric.
//
//   rollup_bench [days=365] [series=104] [interval s=60]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/promql/engine/engine.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/rollup/rolled_source.h"
#include "common/base/clock.h"
#include "common/codec/batch/batch.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {
namespace {

constexpr std::int64_t kStartMs = 20'000 * kMsPerDay;
constexpr std::int64_t kHourMs = 3'600'000;

double CpuMs(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class OneLayout final : public LayoutLookup {
 public:
  explicit OneLayout(std::size_t width) {
    std::vector<LayoutSeries> series;
    for (std::size_t i = 0; i < width; ++i) {
      std::vector<Label> labels = {
          {.name = "__name__", .value = "node_metric_" + std::to_string(i / 8) + "_total"},
          {.name = "instance", .value = "10.1.2.3:9100"},
          {.name = "job", .value = "node"},
          {.name = "mode", .value = "mode" + std::to_string(i % 8)},
          {.name = "n", .value = std::to_string(i / 8)}};  // What is left of a name by rate.
      series.push_back({.labels = Labels(std::move(labels))});
    }
    layout = std::make_shared<const Layout>(std::move(series));
  }
  std::shared_ptr<const Layout> Find(const LayoutId&) const override { return layout; }
  std::shared_ptr<const Layout> layout;
};

// The job, with what it costs.
class TimedJob final : public DayJob {
 public:
  explicit TimedJob(RollupStore& store) : store_(store) {}
  std::string_view name() const override { return store_.name(); }
  Status Run(DayReader& day, const std::function<bool()>& cancelled) override {
    const double start = CpuMs(CLOCK_THREAD_CPUTIME_ID);
    Status done = store_.Run(day, cancelled);
    cpu_ms += CpuMs(CLOCK_THREAD_CPUTIME_ID) - start;
    return done;
  }
  double cpu_ms = 0;

 private:
  RollupStore& store_;
};

struct Asked {
  double ms = 1e300;
  std::size_t series = 0;
  std::string error;
};

Asked Ask(const RolledSource& source, bool rollups, const promql::QueryRequest& request) {
  const promql::Engine engine({.rollups = rollups});
  Asked asked;
  for (int round = 0; round < 3; ++round) {
    const double start = CpuMs();
    const auto result = engine.Run(source, request);
    asked.ms = std::min(asked.ms, CpuMs() - start);
    if (!result.has_value()) asked.error = result.error().message;
    if (result.has_value()) {
      asked.series = std::get<promql::MatrixResult>(result->value).series.size();
    }
  }
  return asked;
}

void Query(const RolledSource& source, const std::string& text, std::int64_t step_ms,
           std::int64_t end_ms) {
  const promql::QueryRequest request = {.text = text,
                                        .start_ms = kStartMs + kMsPerDay,
                                        .end_ms = end_ms,
                                        .step_ms = step_ms,
                                        .limits = {.samples_max = 1ULL << 40}};
  const Asked with = Ask(source, true, request);
  const Asked without = Ask(source, false, request);
  std::printf("  %-58s step %3lld h %5zu series %9.1f ms CPU, from samples %9.1f: %5.0f x%s%s\n",
              text.c_str(), static_cast<long long>(step_ms / kHourMs), with.series, with.ms,
              without.ms, without.ms / with.ms,
              with.error.empty() ? "" : ", failed: ", with.error.c_str());
}

void Run(std::size_t days, std::size_t width, std::int64_t interval_ms) {
  std::string dir = (std::filesystem::temp_directory_path() / "opssight-bench-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) return;
  const OneLayout layouts(width);
  RollupStore rollups({.dir = dir});
  TimedJob job(rollups);
  auto store = std::make_unique<MetricsStore>(MetricsOptions{.dir = dir}, layouts);
  store->AddDayJob(job);
  if (!rollups.Open() || !store->Recover(0)) return;
  const RolledSource source(*store, rollups);
  std::vector<MixedSeries> series = MakeMix(kHostMix, width, 1);
  Random jitter(1);
  WalPosition position = 0;
  for (std::size_t day = 0; day < days; ++day) {
    const std::int64_t day_ms = kStartMs + static_cast<std::int64_t>(day) * kMsPerDay;
    BatchContents contents;
    for (std::int64_t at = 0; at < kMsPerDay; at += interval_ms) {
      MetricRow row{.layout = layouts.layout,
                    .time_ms = day_ms + at + static_cast<std::int64_t>(jitter.Below(40))};
      for (MixedSeries& one : series) row.values.push_back(one.Next());
      contents.metrics.push_back(std::move(row));
      if (contents.metrics.size() < 240 && at + interval_ms < kMsPerDay) continue;
      const auto batch = *DecodedBatch::Decode(EncodeBatch(contents, 0), {});
      store->Apply({.position = ++position}, batch);
      contents = {};
    }
    store->Freeze(position);
    if (!store->Flush(position)) std::printf("flush failed\n");
    store->Publish(position);
    const auto sealed =
        store->SealDue({.now_ms = day_ms + 2 * kMsPerDay, .spare_bytes = UINT64_MAX});
    if (!sealed || !*sealed) std::printf("seal failed\n");
  }
  const double samples = static_cast<double>(rollups.samples());
  const double buckets = static_cast<double>(days * width) * (288 + 24);
  std::printf("%zu days x %zu series each %lld s: %.1f M samples, %.3f B a sample\n", days, width,
              static_cast<long long>(interval_ms / 1000), samples / 1e6,
              static_cast<double>(store->disk_bytes()) / samples);
  std::printf("  rolled up: %.3f CPU-s per M samples; %.2f B a bucket on disk, %.3f a sample\n",
              job.cpu_ms * 1e3 / samples, static_cast<double>(rollups.disk_bytes()) / buckets,
              static_cast<double>(rollups.disk_bytes()) / samples);
  const std::int64_t end_ms = kStartMs + static_cast<std::int64_t>(days) * kMsPerDay;
  const std::string all = "{job=\"node\"}";
  Query(source, "sum(rate(" + all + "[1h]))", kHourMs, end_ms);
  Query(source, "sum(rate(" + all + "[1d]))", 24 * kHourMs, end_ms);
  Query(source, "sum(rate(" + all + "[5m]))", kHourMs, end_ms);
  Query(source, "avg(avg_over_time(" + all + "[1d]))", 24 * kHourMs, end_ms);
  Query(source, "max(max_over_time(node_metric_3_total[7d]))", 24 * kHourMs, end_ms);
  Query(source, "sum(" + all + ")", 6 * kHourMs, end_ms);
  Query(source, "rate(node_metric_3_total{mode=\"mode2\"}[1h])", kHourMs, end_ms);
  store = nullptr;
  std::error_code error;
  std::filesystem::remove_all(dir, error);
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) -> std::size_t {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  opssight::bench::Run(number(1, 365), number(2, 104),
                       static_cast<std::int64_t>(number(3, 60)) * 1000);
  return 0;
}
