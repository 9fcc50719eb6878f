#include "tests/faults/world.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/bytes/hash.h"
#include "common/text/number.h"
#include "tests/faults/read_back.h"
#include "tests/support/http.h"

namespace opssight::faults {
namespace {

constexpr std::chrono::seconds kAnswerLimit{120};
constexpr std::chrono::seconds kDrainLimit{180};
constexpr std::int64_t kOpenBatchMs = 1'500;  // batch.age_max and some.

std::uint64_t Seed() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("OPS_SEED");
    const auto given = text != nullptr ? ParseInt<std::uint64_t>(text) : std::nullopt;
    return given ? *given : static_cast<std::uint64_t>(Clock::System().WallNs()) % 1'000'000'007;
  }();
  return seed;
}

ProgramOptions PlacesOf(const WorldOptions& options, const TempDir& dir) {
  const auto or_own = [&](const std::string& given, const char* own) {
    return given.empty() ? dir / own : given;
  };
  return {.folder = dir / "work",
          .agent_dir = or_own(options.agent_dir, "agent"),
          .aggregator_dir = or_own(options.aggregator_dir, "aggregator"),
          .agent_yaml = options.agent_yaml,
          .aggregator_yaml = options.aggregator_yaml};
}

}  // namespace

bool Long() {
  const char* form = std::getenv("OPS_FAULTS");
  return form != nullptr && std::string(form) == "long";
}

int Rounds(int in_short, int in_long) {
  return Long() ? in_long : in_short;
}

World::World(WorldOptions options)
    : options_(std::move(options)),
      random_(Hash64(options_.name, Seed())),
      programs_(std::make_unique<Programs>(PlacesOf(options_, dir_))) {
  Say(fmt::format("OPS_SEED={}", Seed()));
}

World::~World() {
  programs_->agent().Kill();  // Before the generators, which wait for its answers.
  programs_->aggregator().Kill();
}

void World::Say(const std::string& what) const {
  std::fputs(fmt::format("[{}] {}\n", options_.name, what).c_str(), stdout);
  std::fflush(stdout);
}

void World::Load(const LoadOptions& options) {
  base_ns_ = Clock::System().WallMs() * kNsPerMs;
  const auto source = [&](SourceKind kind, const char* name) {
    return Source{.kind = kind, .name = name, .base_ns = base_ns_, .pad_bytes = options.pad_bytes};
  };
  if (options.lines > 0) {
    const LogFileOptions log{.dir = programs_->options().folder,
                             .lines_per_second = options.lines,
                             .rotate_after = options.rotate_after};
    for (const char* name : {"cri1", "cri2", "cri3"}) {
      generators_.push_back(StartLogFile(source(SourceKind::kCri, name), log));
    }
    generators_.push_back(StartLogFile(source(SourceKind::kDocker, "docker1"), log));
    generators_.push_back(StartLogFile(source(SourceKind::kFile, "file1"), log));
  }
  const int port = programs_->otlp_port();
  if (options.spans > 0) {
    generators_.push_back(StartOtlp(source(SourceKind::kSpans, "spans1"),
                                    {.port = port, .records_per_second = options.spans}));
  }
  if (options.points > 0) {
    generators_.push_back(StartOtlp(source(SourceKind::kMetrics, "points1"),
                                    {.port = port, .records_per_second = options.points}));
  }
}

std::uint64_t World::emitted() const {
  std::uint64_t sum = 0;
  for (const auto& generator : generators_) sum += generator->emitted();
  return sum;
}

Status World::BothRun() {
  for (Program* program : {&programs_->agent(), &programs_->aggregator()}) {
    if (!program->running()) {
      return Error{ErrorCode::kInternal,
                   fmt::format("{} ended by itself, status {}\n{}", program->name(),
                               program->Wait(), program->LogTail())};
    }
  }
  return {};
}

Status World::Pass(std::int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return BothRun();
}

Status World::PassBetween(std::int64_t least_ms, std::int64_t most_ms) {
  return Pass(least_ms + static_cast<std::int64_t>(
                             random_.Below(static_cast<std::uint64_t>(most_ms - least_ms) + 1)));
}

Status World::StopGenerators() {
  for (const auto& generator : generators_) {
    if (!generator->Stop(kAnswerLimit)) {
      return Error{ErrorCode::kInternal,
                   fmt::format("{}: {}\n{}", generator->source().name, generator->failure(),
                               programs_->agent().LogTail())};
    }
  }
  return {};
}

bool World::Drained() const {
  for (const char* name :
       {"opssight_spool_batches", "opssight_batch_channel_bytes", "opssight_batch_pending_bytes"}) {
    if (programs_->AgentMetric(name).value_or(1) != 0) return false;
  }
  return programs_->AggregatorMetric("opssight_store_in_flight_bytes").value_or(1) == 0;
}

// All read, all sent, all applied. What the open batch holds is seen in none of these,
// so it is looked at again after the time such a batch may stay open.
Status World::Drain() {
  for (const auto& generator : generators_) {
    const Source& source = generator->source();
    if (!source.log()) continue;
    if (!WaitFor(kDrainLimit,
                 [&] { return HasLine(programs_->url(), source, generator->emitted()); })) {
      Say(fmt::format("{}: its last line, {}, does not come", source.name, generator->emitted()));
    }
  }
  for (int i = 0; i < 2; ++i) {
    if (!WaitFor(kDrainLimit, [this] { return Drained(); })) {
      return Error{ErrorCode::kUnavailable, "the spool does not become empty\n" +
                                                programs_->agent().LogTail() +
                                                programs_->aggregator().LogTail()};
    }
    OPS_RETURN_IF_ERROR(Pass(kOpenBatchMs));
  }
  return {};
}

Status World::CheckAll(const char* when) {
  std::string problems;
  in_gaps_ = 0;
  for (const auto& generator : generators_) {
    OPS_TRY(const Evidence evidence, ReadBack(programs_->url(), generator->source(),
                                              generator->emitted(), generator->retried()));
    const Verdict verdict = Check(evidence);
    Say(fmt::format(
        "{:<8} {:>8} emitted {:>8} found {:>6} in gap records {:>3} duplicates "
        "{:>3} lost{}",
        verdict.source, verdict.emitted, verdict.found, verdict.in_gaps, verdict.duplicates,
        verdict.unexplained, verdict.problems.empty() ? "" : "  WRONG"));
    in_gaps_ += verdict.in_gaps;
    for (const std::string& problem : verdict.problems) problems += "\n  " + problem;
    if (verdict.problems.empty()) continue;
    for (const GapRecord& gap : evidence.gaps) {
      problems +=
          fmt::format("\n  gap {}..{} x{} {}", gap.from_ns, gap.to_ns, gap.count, gap.reason);
    }
  }
  OPS_TRY(const std::vector<GapRecord> nameless, NamelessGaps(programs_->url(), base_ns_));
  for (const GapRecord& gap : nameless) {
    problems += fmt::format("\n  a gap of no stream: {} records, {}", gap.count, gap.reason);
  }
  if (problems.empty()) return {};
  return Error{ErrorCode::kInternal,
               fmt::format("{}:{}\n{}{}", when, problems, programs_->agent().LogTail(),
                           programs_->aggregator().LogTail())};
}

Status World::Prove() {
  OPS_RETURN_IF_ERROR(BothRun());
  OPS_RETURN_IF_ERROR(StopGenerators());
  OPS_RETURN_IF_ERROR(programs_->WaitForAggregator(kAnswerLimit));
  OPS_RETURN_IF_ERROR(Drain());
  std::string counts;
  for (const auto& [what, count] : counts_) counts += fmt::format(", {} {}", count, what);
  Say(fmt::format("{} records{}", emitted(), counts));
  const Status first = CheckAll("as it runs");
  programs_->aggregator().Kill();
  OPS_RETURN_IF_ERROR(programs_->aggregator().Start());
  OPS_RETURN_IF_ERROR(programs_->WaitForAggregator(kAnswerLimit));
  const Status second = CheckAll("after kill -9 of the aggregator");
  return first ? second : first;
}

}  // namespace opssight::faults
