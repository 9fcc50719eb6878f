// CPU of the aggregator's end of a session, without TLS and store: batches of one row
// of 500 series, and of 256 KiB of log lines, from bytes to Submit and Ack.
//
//   session_bench [batches = 20000]
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "aggregator/ingest/session_table.h"
#include "common/base/random.h"
#include "common/bytes/hash.h"

namespace opssight::bench {
namespace {

constexpr std::size_t kSeries = 500;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class YesStore final : public BatchAcceptor {
 public:
  void Submit(IncomingBatch /*batch*/, Done done) override { done({}); }
  Result<AgentProgress> Progress(const std::string& /*id*/, std::uint64_t /*epoch*/) override {
    return AgentProgress{};
  }
};

class YesAuthority final : public EnrolAuthority {
 public:
  Result<Enrolment> Enrol(const EnrolRequest& /*request*/) override { return Enrolment{}; }
  Result<Enrolment> Renew(const std::string& /*id*/, std::string_view /*csr*/) override {
    return Enrolment{};
  }
  AgentCheck Check(const std::string& /*id*/, std::string_view /*fingerprint*/) override {
    return {.epoch = 1};
  }
  Result<std::uint64_t> NewEpoch(const std::string& /*id*/) override { return 2; }
};

struct Sink final : SessionLink {
  void Write(std::string bytes) override { written += bytes.size(); }
  void Pause() override {}
  void Resume() override {}
  void CloseAfterWrites() override { std::abort(); }
  std::size_t written = 0;
};

std::shared_ptr<const Layout> MakeLayout() {
  std::vector<LayoutSeries> series;
  for (std::size_t i = 0; i < kSeries; ++i) {
    series.push_back({.labels = Labels{{"__name__", "node_metric_total"},
                                       {"instance", "web-1:9100"},
                                       {"cpu", std::to_string(i)}}});
  }
  return std::make_shared<const Layout>(std::move(series));
}

std::string Row(const std::shared_ptr<const Layout>& layout, Random& random) {
  MetricRow row{.layout = layout, .time_ms = 1};
  for (std::size_t i = 0; i < kSeries; ++i) {
    row.values.push_back(static_cast<double>(random.Below(1'000'000)));
  }
  return EncodeBatch({.metrics = {std::move(row)}}, 0);
}

std::string Lines(Random& random) {
  LogRows rows{.stream = std::make_shared<const Labels>(Labels{{"job", "app"}})};
  while (rows.text.size() < 256UL << 10) {
    rows.Add(1, fmt::format(R"({{"level":"info","path":"/api/orders","status":{},"id":"{:016x}"}})",
                            200 + random.Below(4), random.Next()));
  }
  return EncodeBatch({.logs = {std::move(rows)}}, 0);
}

void Run(const char* what, const std::string& layout, const std::string& frame, int batches) {
  YesStore store;
  YesAuthority authority;
  LayoutRegistry layouts;
  IngestStats stats;
  std::vector<Completion> completions;
  Sink sink;
  SessionTable table({}, {.acceptor = store,
                          .authority = authority,
                          .layouts = layouts,
                          .stats = stats,
                          .clock = Clock::System(),
                          .post = [&](Completion c) { completions.push_back(std::move(c)); },
                          .on_end = {}});
  table.Open(1, {.certificate = SessionPeer::Certificate::kVerified, .agent_id = "a"}, sink, 0);
  table.Bytes(1, Encode(session::Hello{.epoch = 1, .next_seq = 1}), 0);
  if (!layout.empty()) table.Bytes(1, Encode(session::LayoutBytes{.frame = layout}), 0);
  const std::uint64_t hash = Hash64(frame);
  const double before = CpuSeconds();
  for (int i = 1; i <= batches; ++i) {
    const auto seq = static_cast<std::uint64_t>(i);
    table.Bytes(1, session::EncodeBatchHead(seq, hash, frame.size()), 0);
    table.Bytes(1, frame, 0);
    table.Complete(std::exchange(completions, {}), 0);
  }
  const double seconds = CpuSeconds() - before;
  if (stats.stored != static_cast<std::uint64_t>(batches)) std::abort();
  fmt::print("{}: {} batches of {} bytes, {:.1f} us CPU a batch\n", what, batches, frame.size(),
             seconds * 1e6 / batches);
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  using namespace opssight;
  const int batches = argc > 1 ? std::atoi(argv[1]) : 20'000;
  Random random(1);
  const auto layout = bench::MakeLayout();
  bench::Run("500 series", EncodeLayout(*layout), bench::Row(layout, random), batches);
  bench::Run("256 KiB of lines", "", bench::Lines(random), batches / 10);
}
