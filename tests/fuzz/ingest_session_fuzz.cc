// An enrolled agent that sends anything: the session answers or ends, and keeps its
// books. The store says yes to all, at once.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/ingest/session_table.h"
#include "common/base/log.h"

namespace opssight {
namespace {

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
  void CloseAfterWrites() override { closed = true; }
  std::size_t written = 0;
  bool closed = false;
};

}  // namespace
}  // namespace opssight

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;
  SetLogLevel(LogLevel::kError);
  if (size < 1) return 0;
  const bool established = (data[0] & 1) != 0;
  std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + data[0] / 2;
  YesStore store;
  YesAuthority authority;
  LayoutRegistry layouts;
  IngestStats stats;
  FakeClock clock;
  std::vector<Completion> completions;
  Sink sink;
  SessionTable table({.limits = {.bytes_max = 1 << 20}},
                     {.acceptor = store,
                      .authority = authority,
                      .layouts = layouts,
                      .stats = stats,
                      .clock = clock,
                      .post = [&](Completion c) { completions.push_back(std::move(c)); },
                      .on_end = {}});
  table.Open(1, {.certificate = SessionPeer::Certificate::kVerified, .agent_id = "a"}, sink, 0);
  if (established) table.Bytes(1, Encode(session::Hello{.epoch = 1, .next_seq = 1}), 0);
  for (; !stream.empty() && !sink.closed; stream.remove_prefix(std::min(piece, stream.size()))) {
    table.Bytes(1, stream.substr(0, piece), 0);
    table.Complete(std::exchange(completions, {}), 0);
  }
  table.Closed(1, "end", 0);
  table.Complete(std::exchange(completions, {}), 0);
  const std::uint64_t answered = stats.stored + stats.nacks[2] + stats.nacks[4];
  const std::uint64_t unanswered = stats.batches - answered;  // Batch 0 ends a session.
  if (table.inflight_batches() != 0 || stats.sessions != 0 || unanswered > 1) std::abort();
  return 0;
}
