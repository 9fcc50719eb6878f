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

constexpr std::size_t kAgents = 20;
constexpr std::size_t kTracesPerBatch = 64;
constexpr std::int64_t kTraceEveryNs = 10'000'000;

std::string Hex(const TraceId& id) {
  std::string text;
  for (const std::uint8_t byte : id) text += fmt::format("{:02x}", byte);
  return text;
}

class TracesRun {
 public:
  TracesRun(const Place& place, std::size_t traces)
      : traces_each_((traces + kAgents - 1) / kAgents),
        dir_(place.dir + "/traces"),
        server_(place.program, dir_) {
    for (std::size_t i = 0; i < kAgents; ++i) agents_.push_back({.traces = Traces(i + 1)});
  }

  void Go() {
    Step(fmt::format("traces: {} agents send {} traces", kAgents, kAgents * traces_each_));
    server_.Start();
    auto fleet = std::make_unique<Fleet>(server_, kAgents, dir_ + "/agents");
    const double before = CpuSeconds(server_.pid());
    std::optional<MemoryWatch> watch(server_.pid());
    const LoadResult result =
        fleet->Run({.next = [this](std::size_t agent) { return Next(agent); }});
    const double sent_cpu = CpuSeconds(server_.pid()) - before;
    PeakFigure("spans_peak", server_.pid(), *watch);
    watch.reset();
    fleet.reset();
    Step("stop, which flushes");
    const double cpu = server_.Stop() - before;
    const auto spans = static_cast<double>(kAgents * traces_each_ * kSpansPerTrace);
    Figure("spans_cpu", cpu / spans * 1e6,
           fmt::format("of it {:.2f} until the last acknowledgement; {:.2f} M spans/s (wall), {} "
                       "told to wait",
                       sent_cpu / spans * 1e6, spans / 1e6 / result.seconds, result.retries));
    const auto disk = static_cast<double>(DiskBytes(server_.data_dir(), "t-"));
    Figure(
        "spans_bytes", disk / spans,
        fmt::format("{:.1f} B each on the wire", static_cast<double>(result.wire_bytes) / spans));
    Step("start again, ask");
    server_.Start();
    Figure("spans_by_id",
           QueryCpuMs(server_, "/api/traces/" + Hex(wanted_), {{"limit", "20"}},
                      "\"operationName\"", kSpansPerTrace),
           "Jaeger JSON of a trace of 8 spans");
    server_.Stop();
  }

 private:
  struct Agent {
    Traces traces;
    std::size_t sent = 0;
  };

  std::optional<Outgoing> Next(std::size_t number) {
    Agent& agent = agents_[number];
    if (agent.sent == traces_each_) return {};
    BatchContents contents;
    std::int64_t time_ns = 0;
    for (std::size_t i = 0; i < kTracesPerBatch && agent.sent < traces_each_; ++i) {
      time_ns = StartOfDataNs() + static_cast<std::int64_t>(agent.sent++) * kTraceEveryNs;
      agent.traces.Next(time_ns, contents.spans);
      if (number == kAgents / 2 && agent.sent == traces_each_ / 2) {
        wanted_ = agent.traces.last_trace_id();
      }
    }
    return Outgoing{.layout = {}, .batch = EncodeBatch(contents, time_ns / 1'000'000)};
  }

  const std::size_t traces_each_;
  const std::string dir_;
  AggregatorProcess server_;
  std::vector<Agent> agents_;
  TraceId wanted_{};
};

}  // namespace

void RunTraces(const Place& place, std::size_t traces) {
  TracesRun(place, traces).Go();
}

}  // namespace opssight::bench
