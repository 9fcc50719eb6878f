// Lines through LogsStore: CPU a GB from the decoded batch to the day on disk, raw
// bytes a stored byte, memory, and CPU of line filters over everything.
//
//   log_bench [lines=500000] [streams=20]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <malloc.h>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/store/logs/logs_store.h"
#include "common/base/clock.h"
#include "tests/bench/log_lines.h"

namespace opssight::bench {
namespace {

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

std::size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Totals {
  double raw_bytes = 0;
  double apply_ns = 0;
  double flush_ns = 0;
  std::size_t heap_peak = 0;
  std::string an_id;
};

Totals Fill(LogsStore& store, std::size_t lines, std::size_t streams) {
  LogLines source(streams, 1);
  std::vector<std::shared_ptr<const Labels>> labels;
  for (std::size_t i = 0; i < streams; ++i) {
    labels.push_back(std::make_shared<const Labels>(
        Labels{{"app", LogLines::App(i)}, {"env", "production"}, {"pod", std::to_string(i)}}));
  }
  Totals totals;
  WalPosition position = 0;
  const std::size_t heap_before = HeapBytes();
  const auto flush = [&] {
    const double start = CpuNs();
    store.Freeze(position);
    if (!store.Flush(position)) std::printf("flush failed\n");
    store.Publish(position);
    totals.flush_ns += CpuNs() - start;
  };
  constexpr std::size_t kLinesPerBatch = 600;
  constexpr std::size_t kBatchesPerFlush = 1000;
  for (std::size_t made = 0; made < lines;) {
    std::vector<LogRows> rows;
    for (const auto& one : labels) rows.push_back({.stream = one});
    for (std::size_t i = 0; i < kLinesPerBatch; ++i, ++made) {
      const MadeLine line = source.Next();
      rows[line.stream].Add(line.time_ns, line.line);
      totals.raw_bytes += static_cast<double>(line.line.size());
      if (made < lines / 2) {
        totals.an_id = line.line.substr(line.line.find("request_id") + 13, 36);
      }
    }
    BatchContents contents;
    for (LogRows& one : rows) {
      if (!one.rows.empty()) contents.logs.push_back(std::move(one));
    }
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    if (!batch) return totals;
    const double start = CpuNs();
    store.Apply({.position = ++position}, *batch);
    totals.apply_ns += CpuNs() - start;
    totals.heap_peak = std::max(totals.heap_peak, HeapBytes() - heap_before);
    if (position % kBatchesPerFlush == 0) flush();
  }
  flush();
  return totals;
}

void Query(const LogsStore& store, const char* what, std::vector<LineFilter> filters,
           std::vector<Matcher> matchers, std::uint64_t limit, double raw_bytes) {
  const LineQuery query{.matchers = std::move(matchers),
                        .filters = std::move(filters),
                        .from_ns = 0,
                        .to_ns = INT64_MAX,
                        .backward = true,
                        .limit = limit};
  double best = 1e300;
  std::size_t found = 0;
  for (int round = 0; round < 3; ++round) {
    const double start = CpuNs();
    const auto streams = store.Select(query, {});
    best = std::min(best, CpuNs() - start);
    found = 0;
    for (std::size_t i = 0; streams && i < streams->size(); ++i)
      found += (*streams)[i].lines.size();
    if (!streams) std::printf("  %s: %s\n", what, streams.error().message.c_str());
  }
  std::printf("  %-46s %8zu lines %9.2f ms, %8.2f ms per 1.8 GB\n", what, found, best / 1e6,
              best / 1e6 * 1.8e9 / raw_bytes);
}

void Run(std::size_t lines, std::size_t streams) {
  std::string dir = (std::filesystem::temp_directory_path() / "opssight-bench-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) return;
  LogsStore store({.dir = dir});
  if (!store.Recover(0)) return;
  const Totals totals = Fill(store, lines, streams);
  const double gigabytes = totals.raw_bytes / 1e9;
  const auto disk = static_cast<double>(store.disk_bytes());
  std::printf("%zu lines of %.0f B, %zu streams, %.2f GB\n", lines,
              totals.raw_bytes / static_cast<double>(lines), streams, gigabytes);
  std::printf("  apply %.2f + flush %.2f = %.2f CPU-s a GB\n", totals.apply_ns / 1e9 / gigabytes,
              totals.flush_ns / 1e9 / gigabytes,
              (totals.apply_ns + totals.flush_ns) / 1e9 / gigabytes);
  std::printf("  %.2f raw bytes a stored byte, %.1f B a line on disk\n", totals.raw_bytes / disk,
              disk / static_cast<double>(lines));
  std::printf("  %.1f MB of heap at most\n", static_cast<double>(totals.heap_peak) / 1e6);
  const auto query = [&](const char* what, const std::string& text, std::uint64_t limit,
                         std::vector<Matcher> matchers = {}) {
    Query(store, what, {{.want = true, .text = text}}, std::move(matchers), limit,
          totals.raw_bytes);
  };
  constexpr std::uint64_t kAll = 1ULL << 40;
  query("unique id", totals.an_id, 100);
  query("half of a unique id", totals.an_id.substr(9, 18), 100);
  query("its field and the id", "\"request_id\":\"" + totals.an_id, 100);
  query("absent id", "00000000-1111-4222-8333-444455556666", 100);
  query("absent word", "kernelpanic", 100);
  query("absent user", "\"user_999999\"", 100);
  query("|= \"level\":\"error\", newest 100", "\"level\":\"error\"", 100);
  query("|= permission denied, all", "permission denied", kAll);
  query("|= \"level\":\"error\", one app, all", "\"level\":\"error\"", kAll,
        {*Matcher::Make(MatchType::kEqual, "app", "billing")});
  query("|= a word in no line but in every block's grams", "connection denied", kAll);
  query("one app, newest 1000", "", 1000, {*Matcher::Make(MatchType::kEqual, "app", "billing")});
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  const std::size_t lines = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 500'000;
  const std::size_t streams = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20;
  opssight::bench::Run(lines, streams);
}
