#include <memory>
#include <optional>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/codec/batch/batch.h"
#include "tests/bench/system/corpus.h"
#include "tests/bench/system/fleet.h"
#include "tests/bench/system/scenarios.h"

namespace opssight::bench {
namespace {

constexpr std::size_t kStreams = 20;
constexpr std::size_t kBatchBytes = 256UL << 10;  // As agents close them.
constexpr std::int64_t kLineEveryNs = 20'000'000;

// What one agent tails: lines 20 ms apart.
class TailedFile {
 public:
  TailedFile(std::size_t stream, std::int64_t start_ns)
      : lines_(stream),
        labels_(std::make_shared<const Labels>(lines_.StreamLabels())),
        next_ns_(start_ns) {}

  Outgoing Next() {
    LogRows rows;
    rows.stream = labels_;
    while (rows.text.size() < kBatchBytes) {
      rows.Add(next_ns_, lines_.Next(next_ns_));
      next_ns_ += kLineEveryNs;
    }
    bytes_ += rows.text.size();
    count_ += rows.rows.size();
    BatchContents contents;
    contents.logs.push_back(std::move(rows));
    return {.layout = {}, .batch = EncodeBatch(contents, next_ns_ / 1'000'000)};
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t count() const { return count_; }
  std::int64_t end_ns() const { return next_ns_; }
  const std::string& last_request_id() const { return lines_.last_request_id(); }

 private:
  LogLines lines_;
  const std::shared_ptr<const Labels> labels_;
  std::int64_t next_ns_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
};

class LogsRun {
 public:
  LogsRun(const Place& place, std::size_t megabytes)
      : bytes_each_(megabytes * 1'000'000 / kStreams),
        dir_(place.dir + "/logs"),
        server_(place.program, dir_) {
    for (std::size_t i = 0; i < kStreams; ++i) files_.emplace_back(i, StartOfDataNs());
  }

  void Go() {
    Step(fmt::format("logs: {} agents send {} MB", kStreams, bytes_each_ * kStreams / 1'000'000));
    server_.Start();
    auto fleet = std::make_unique<Fleet>(server_, kStreams, dir_ + "/agents");
    const double before = CpuSeconds(server_.pid());
    std::optional<MemoryWatch> watch(server_.pid());
    const LoadResult result =
        fleet->Run({.next = [this](std::size_t agent) { return Next(agent); }});
    const double sent_cpu = CpuSeconds(server_.pid()) - before;
    PeakFigure("logs_peak", server_.pid(), *watch);
    watch.reset();
    fleet.reset();
    Step("stop, which flushes");
    const double cpu = server_.Stop() - before;
    Report(result, sent_cpu, cpu);
    Ask();
  }

 private:
  std::optional<Outgoing> Next(std::size_t agent) {
    if (files_[agent].bytes() >= bytes_each_) return {};
    Outgoing next = files_[agent].Next();
    // Of some line in the middle: what is searched for.
    if (wanted_.empty() && agent == kStreams / 2 && files_[agent].bytes() >= bytes_each_ / 2) {
      wanted_ = files_[agent].last_request_id();
    }
    return next;
  }
  void Report(const LoadResult& result, double sent_cpu, double cpu) {
    double raw = 0;
    double lines = 0;
    for (const TailedFile& file : files_) {
      raw += static_cast<double>(file.bytes());
      lines += static_cast<double>(file.count());
    }
    Figure("logs_cpu", cpu / raw * 1e9,
           fmt::format("of it {:.2f} until the last acknowledgement; {:.0f} MB/s (wall, client "
                       "beside it), {} told to wait",
                       sent_cpu / raw * 1e9, raw / 1e6 / result.seconds, result.retries));
    const auto disk = static_cast<double>(DiskBytes(server_.data_dir(), "l-"));
    Figure("logs_ratio", raw / disk,
           fmt::format("{:.2f} M lines of {:.0f} B, {:.1f} B each on disk; on the wire 1:{:.1f}",
                       lines / 1e6, raw / lines, disk / lines,
                       raw / static_cast<double>(result.wire_bytes)));
  }
  void Ask() {
    Step("start again, ask");
    server_.Start();
    const std::string start = std::to_string(StartOfDataNs());
    const std::string end = std::to_string(files_.front().end_ns() + 60 * kNsPerSecond);
    const auto search = [&](const std::string& text, std::size_t count) {
      return QueryCpuMs(server_, "/loki/api/v1/query_range",
                        {{"query", fmt::format("{{job=\"containers\"}} |= \"{}\"", text)},
                         {"start", start},
                         {"end", end},
                         {"limit", "100"}},
                        "request_id", count);
    };
    Figure("logs_id", search(wanted_, 1), "|= over all lines of all streams, no field named");
    Figure("logs_absent", search("6b9f0e52-absent-4c1d", 0), "the same, for what is not there");
    server_.Stop();
  }

  const std::size_t bytes_each_;
  const std::string dir_;
  AggregatorProcess server_;
  std::vector<TailedFile> files_;
  std::string wanted_;
};

}  // namespace

void RunLogs(const Place& place, std::size_t megabytes) {
  LogsRun(place, megabytes).Go();
}

}  // namespace opssight::bench
