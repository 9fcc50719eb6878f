// CPU of the whole process and memory from records to the spool: JSON log lines as
// a tailed file gives them, and rows of 500 series, through batcher, packer and
// LMDB, with an acknowledging reader behind.
//
//   spool_bench [MB of lines = 200] [rows = 4000]
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <sys/resource.h>

#include <fmt/core.h>

#include "agent/batch/batcher.h"
#include "common/base/random.h"

namespace opssight::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string StatusLine(const char* name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name, 0) == 0) return line.substr(line.find_first_not_of(" \t", 8));
  }
  return "?";
}

std::string LogLine(Random& random, std::uint64_t number) {
  static constexpr const char* kPaths[] = {"/api/orders", "/api/users/login", "/health",
                                           "/api/cart"};
  static constexpr const char* kLevels[] = {"info", "info", "info", "warn", "error"};
  return fmt::format(
      R"({{"timestamp":"2026-01-01T10:{:02}:{:02}.{:03}Z","level":"{}","service":"checkout","message":"request completed","method":"GET","path":"{}","status":{},"duration_ms":{},"request_id":"{:016x}{:016x}","user_id":{},"host":"web-{}","bytes":{}}})",
      number / 60'000 % 60, number / 1'000 % 60, number % 1'000, kLevels[random.Below(5)],
      kPaths[random.Below(4)], random.Below(20) == 0 ? 500 : 200, random.Below(900), random.Next(),
      random.Next(), random.Below(100'000), random.Below(20), random.Below(50'000));
}

class Bench {
 public:
  Bench() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-bench-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    auto spool = Spool::Open({.path = dir_ + "/spool.mdb"}, Clock::System());
    if (!spool) std::abort();
    spool_ = *std::move(spool);
    batcher_ = std::make_unique<Batcher>(loop_, Clock::System(), *spool_, BatchOptions{});
  }
  ~Bench() {
    On([this] {
      batcher_->Stop();
      batcher_.reset();
    });
    loop_.Stop();
    std::filesystem::remove_all(dir_);
  }

  void On(const std::function<void()>& task) {
    std::promise<void> done;
    loop_.Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Commit() {
    std::promise<Status> done;
    loop_.Post(
        [&] { batcher_->Commit([&](Status status) { done.set_value(std::move(status)); }); });
    if (!done.get_future().get()) std::abort();
  }
  // Reads everything as a sender would, and acknowledges it.
  void Drain() {
    On([this] {
      std::uint64_t damaged = 0;
      for (std::uint64_t seq = 1;;) {
        const auto batches = spool_->ReadFrom(seq, 256 << 10, &damaged);
        if (!batches || batches->empty()) break;
        seq = batches->back().seq + 1;
      }
      spool_->Remove({{1, spool_->next_seq() - 1}});
    });
  }

  Batcher& batcher() { return *batcher_; }
  SpoolStats stats() const { return spool_->stats(); }
  BatchStats batch_stats() {
    BatchStats out;
    On([&] { out = batcher_->stats(); });
    return out;
  }

 private:
  std::string dir_;
  Loop loop_{"bench"};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Batcher> batcher_;
};

void Report(const std::string& what, Bench& bench) {
  const SpoolStats spool = bench.stats();
  const BatchStats batch = bench.batch_stats();
  fmt::print("{}: {} batches, ratio {:.1f}, {} commits, file {:.1f} MB, RssAnon {}, RssFile {}\n",
             what, batch.batches,
             static_cast<double>(batch.raw_bytes) / static_cast<double>(batch.frame_bytes),
             spool.counters.commits, static_cast<double>(spool.file_bytes) / 1e6,
             StatusLine("RssAnon"), StatusLine("RssFile"));
}

void Logs(std::uint64_t megabytes) {
  Bench bench;
  const auto stream = std::make_shared<const Labels>(Labels{{"app", "checkout"}, {"host", "h"}});
  Random random(1);
  std::uint64_t bytes = 0;
  std::uint64_t number = 0;
  double making = 0;
  const double start = CpuSeconds();
  for (std::uint64_t round = 0; bytes < megabytes * 1'000'000; ++round) {
    // 64 KB at once, as a tailer reads.
    const double before = CpuSeconds();
    LogRows rows;
    rows.stream = stream;
    while (rows.text.size() < 64'000) {
      rows.Add(static_cast<std::int64_t>(number), LogLine(random, number));
      ++number;
    }
    making += CpuSeconds() - before;
    bytes += rows.text.size();
    bench.On([&] {
      std::vector<Position> positions = {{.key = "tail/1", .value = std::to_string(bytes)}};
      bench.batcher().AcceptLogs(std::move(rows), std::move(positions));
    });
    if (round % 64 == 63) {
      bench.Commit();
      bench.Drain();
    }
  }
  bench.Commit();
  const double cpu = CpuSeconds() - start - making;
  fmt::print("lines: {:.2f} CPU-s per GB raw ({} MB, {} lines; making them not counted)\n",
             cpu / (static_cast<double>(bytes) / 1e9), bytes / 1'000'000, number);
  Report("lines", bench);
}

void Metrics(std::uint64_t rows) {
  constexpr std::size_t kSeries = 500;
  Bench bench;
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < kSeries; ++i) {
    series.push_back(
        {.labels = Labels{{"__name__", fmt::format("node_metric_{}", i)}, {"job", "node"}}});
  }
  const auto layout = std::make_shared<const Layout>(std::move(series));
  Random random(2);
  std::vector<double> values(kSeries, 1e6);
  double making = 0;
  const double start = CpuSeconds();
  for (std::uint64_t i = 0; i < rows; ++i) {
    const double before = CpuSeconds();
    for (std::size_t at = 0; at < kSeries; at += 2)
      values[at] += static_cast<double>(random.Below(1000));
    MetricRow row{
        .layout = layout, .time_ms = static_cast<std::int64_t>(i * 15'000), .values = values};
    making += CpuSeconds() - before;
    bench.On([&] { bench.batcher().AcceptMetrics(std::move(row)); });
    if (i % 100 == 99) {
      bench.Commit();
      bench.Drain();
    }
  }
  bench.Commit();
  const double cpu = CpuSeconds() - start - making;
  fmt::print("metrics: {:.1f} ns of CPU a sample, full batches ({} rows of {} series)\n",
             cpu * 1e9 / static_cast<double>(rows * kSeries), rows, kSeries);
  Report("metrics", bench);
}

// One row a transaction, as an idle host does every 15 s.
void SingleRounds(std::uint64_t rounds) {
  constexpr std::size_t kSeries = 500;
  Bench bench;
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < kSeries; ++i) {
    series.push_back({.labels = Labels{{"__name__", fmt::format("node_metric_{}", i)}}});
  }
  const auto layout = std::make_shared<const Layout>(std::move(series));
  const double start = CpuSeconds();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    MetricRow row{.layout = layout,
                  .time_ms = static_cast<std::int64_t>(i),
                  .values = std::vector<double>(kSeries, static_cast<double>(i))};
    bench.On([&] { bench.batcher().AcceptMetrics(std::move(row)); });
    bench.Commit();
    bench.Drain();
  }
  fmt::print("single rounds: {:.0f} us of CPU a round of {} series, committed and acknowledged\n",
             (CpuSeconds() - start) * 1e6 / static_cast<double>(rounds), kSeries);
  Report("single rounds", bench);
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  const std::uint64_t megabytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200;
  const std::uint64_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 4'000;
  opssight::bench::SingleRounds(200);
  opssight::bench::Metrics(rows);
  opssight::bench::Logs(megabytes);
  return 0;
}
