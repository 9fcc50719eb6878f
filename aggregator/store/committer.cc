#include "aggregator/store/committer.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/replay.h"
#include "aggregator/store/wal_entry.h"
#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kLayoutsTrimmedAtOnce = 1000;

SubmitResult Failed(Error error) {
  return {.kind = SubmitResult::Kind::kError, .error = std::move(error)};
}

Layouts::Day Today(const Clock& clock) {
  return static_cast<Layouts::Day>(std::max<std::int64_t>(0, clock.WallMs()) / kMsPerDay);
}

}  // namespace

Committer::Committer(const StoreOptions& options, Parts parts)
    : options_(options), parts_(parts), window_(options.window_min_ms, options.window_max_ms) {}

void Committer::Start(WalPosition next) {
  OPS_CHECK(!thread_.joinable(), "store: the committer was started twice");
  next_ = next;
  days_.Start(next - 1);
  thread_ = std::thread([this] { Run(); });
}

void Committer::At(StorePoint point) const {
  if (options_.hooks != nullptr) options_.hooks->At(point);
}

std::optional<Error> Committer::Check(const IncomingBatch& batch) const {
  OPS_CHECK(batch.decoded != nullptr, "store: a batch that was not decoded");
  if (batch.agent_id.size() > kAgentIdBytesMax) {
    return Invalid(fmt::format("store: agent id of {} bytes", batch.agent_id.size()));
  }
  if (batch.frame.size() > options_.batch_bytes_max) {
    return Invalid(fmt::format("store: batch of {} bytes; at most {} are taken", batch.frame.size(),
                               options_.batch_bytes_max));
  }
  // The last number would leave none for the batch after it.
  constexpr std::uint64_t kSeqMax = std::numeric_limits<std::uint64_t>::max() - 1;
  if (!batch.agent_id.empty() && (batch.seq == 0 || batch.seq > kSeqMax)) {
    return Invalid(
        fmt::format("store: batch {} of agent {}: no such number", batch.seq, batch.agent_id));
  }
  return std::nullopt;
}

// Whether anything is taken at present.
std::optional<Error> Committer::CheckOpen() {
  switch (refusal_.load()) {
    case Refusal::kNone:
      break;
    case Refusal::kDiskLow:
      ++parts_.stats.rejected_disk;
      return Unavailable("store: " + options_.dir + ": disk space below the reserve");
    case Refusal::kFlushBehind:
      ++parts_.stats.rejected_flush;
      return Unavailable("store: days are written too slowly, and twice the limit waits for it");
  }
  if (options_.clock->SteadyNs() < refuse_until_ns_.load()) {
    ++parts_.stats.rejected_commit;
    return Unavailable("store: the last commit failed; trying again soon");
  }
  return std::nullopt;
}

void Committer::Submit(IncomingBatch batch, BatchAcceptor::Done done) {
  if (auto error = Check(batch)) {
    ++parts_.stats.rejected_invalid;
    return done(Failed(*std::move(error)));
  }
  if (auto error = CheckOpen()) return done(Failed(*std::move(error)));
  auto ticket = parts_.budget.TryTake(BytesUnderWay(batch.frame, *batch.decoded));
  if (ticket == nullptr) {
    ++parts_.stats.rejected_full;
    return done(Failed(Unavailable(fmt::format("store: {} bytes are under way already",
                                               parts_.stats.in_flight_bytes.load()))));
  }
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      queue_bytes_ += batch.frame.size();
      queue_.push_back({.batch = std::move(batch),
                        .done = std::move(done),
                        .ticket = std::move(ticket),
                        .result = {}});
      if (queue_.size() == 1 || queue_bytes_ >= options_.group_bytes_max) changed_.NotifyOne();
      return;
    }
  }
  ++parts_.stats.rejected_stopping;
  done(Failed(Unavailable("store: stopping")));
}

void Committer::TrimLayouts(WalPosition gone) {
  MutexLock lock(mutex_);
  gone_ = gone;
  changed_.NotifyOne();
}

void Committer::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

// False: stopped, and nothing waits any more. The group may be empty (layouts to trim).
bool Committer::TakeGroup(std::vector<Pending>& group) {
  MutexLock lock(mutex_);
  while (queue_.empty() && !gone_ && unused_.empty() && !stopping_) changed_.Wait(mutex_);
  while (!queue_.empty() && !stopping_ && queue_bytes_ < options_.group_bytes_max) {
    const std::int64_t wait_ns = window_.DueNs() - Clock::System().SteadyNs();
    if (wait_ns <= 0) break;
    changed_.WaitFor(mutex_, wait_ns);
  }
  for (std::size_t bytes = 0; !queue_.empty() && bytes < options_.group_bytes_max;) {
    bytes += queue_.front().batch.frame.size();
    queue_bytes_ -= queue_.front().batch.frame.size();
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !group.empty() || !stopping_;
}

void Committer::Run() {
  std::vector<Pending> group;
  while (TakeGroup(group)) {
    if (!group.empty()) {
      window_.Started(Clock::System().SteadyNs(), group.size());
      Commit(group);
      group.clear();
    }
    TrimSomeLayouts();
  }
}

void Committer::Commit(std::vector<Pending>& group) {
  if (!in_sync_) Resync();
  if (!in_sync_) return Fail(group, Unavailable("store: the wal cannot be read"));
  Decided decided = Decide(group);
  Written written = Written::kYes;
  if (!decided.stored.empty()) {
    written = Write(group, decided);
    if (written == Written::kNo) return;
    At(StorePoint::kCommitted);
  }
  Count(group, decided);
  if (!decided.stored.empty() && written == Written::kYes) {
    HandOver(group, decided);  // First: who was answered may count on its being queued.
    At(StorePoint::kHandedOver);
  }
  for (Pending& pending : group) pending.done(std::move(pending.result));
}

// kNo: nothing of the group is kept, and its senders know.
Committer::Written Committer::Write(std::vector<Pending>& group, Decided& decided) {
  const std::int64_t start_ns = Clock::System().SteadyNs();
  Status written = parts_.wal.Commit(decided.group);
  if (written && options_.hooks != nullptr) written = options_.hooks->OnCommit();
  if (!written) {
    ++parts_.stats.commit_errors;
    Resync();
    // One transaction, and nobody else's entries: where the first is, all are.
    if (in_sync_ && next_ > decided.group.entries.front().position) {
      OPS_LOG_EVERY(10, kWarn, "store: {}; but its {} batches are on disk", written.error().message,
                    decided.stored.size());
      return Written::kAfterAll;
    }
    OPS_LOG_EVERY(10, kError, "store: {}; {} batches go back to their senders, next try in {} ms",
                  written.error().message, group.size(), options_.retry_ms);
    Fail(group, Unavailable(written.error().message));
    return Written::kNo;
  }
  next_ += decided.group.entries.size();
  days_.Committed(next_ - 1, Today(*options_.clock));
  parts_.runs.Install(std::move(decided.runs));
  for (const LayoutId& layout : decided.layouts) parts_.layouts.Written(layout, decided.today);
  const std::int64_t took_ns = Clock::System().SteadyNs() - start_ns;
  parts_.stats.commit_us += static_cast<std::uint64_t>(took_ns / kNsPerUs);
  return Written::kYes;
}

Committer::Decided Committer::Decide(std::vector<Pending>& group) {
  Decided decided{.today = Today(*options_.clock)};
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (KnowsLayouts(group[i].batch, decided.today)) {
      Accept(group[i], i, decided);
    } else {
      group[i].result = Failed(Invalid("store: the batch uses a layout that did not come with it"));
    }
  }
  for (const auto& entry : decided.runs) {
    decided.group.agents.emplace_back(entry.first, entry.second.Encode());
  }
  return decided;
}

// Who sends brings every layout along, at least once a day; this holds that promise up for
// replay: what was used today or yesterday outlives the entry.
bool Committer::KnowsLayouts(const IncomingBatch& batch, Layouts::Day today) const {
  std::unordered_set<LayoutId> brought;
  for (const auto& layout : batch.layouts) brought.insert(layout->id);
  const std::vector<MetricRowsView>& metrics = batch.decoded->metrics();
  return std::all_of(metrics.begin(), metrics.end(), [&](const MetricRowsView& rows) {
    return brought.contains(rows.layout) ||
           parts_.layouts.UsedSince(rows.layout, std::max(today, 1U) - 1);
  });
}

void Committer::Accept(Pending& pending, std::size_t index, Decided& decided) {
  const IncomingBatch& batch = pending.batch;
  if (!batch.agent_id.empty()) {
    const std::string key = AgentKey(batch.agent_id, batch.epoch);
    auto at = decided.runs.find(key);
    RunSet runs = at == decided.runs.end() ? parts_.runs.Find(key) : at->second;
    const RunSet::Answer answer = runs.Accept(batch.seq, batch.hash);
    switch (answer.verdict) {
      case RunSet::Verdict::kStore:
        break;
      case RunSet::Verdict::kConflict:
        ++parts_.stats.conflicts;
        [[fallthrough]];
      case RunSet::Verdict::kDuplicate:
        pending.result.kind = SubmitResult::Kind::kDuplicate;
        return;
      case RunSet::Verdict::kOutOfOrder:
        pending.result.kind = SubmitResult::Kind::kOutOfOrder;
        pending.result.expected = answer.expected;
        return;
    }
    decided.runs.insert_or_assign(key, std::move(runs));
  }
  decided.group.entries.push_back(
      {.position = next_ + decided.group.entries.size(), .batch = &batch});
  decided.stored.push_back(index);
  AddLayouts(batch, decided);
}

void Committer::AddLayouts(const IncomingBatch& batch, Decided& decided) {
  for (const auto& layout : batch.layouts) {
    const LayoutId& id = layout->id;
    if (!parts_.layouts.NeedsWrite(id, decided.today)) continue;
    if (!decided.layouts.insert(id).second) continue;
    decided.group.layouts.emplace_back(id, Layouts::ValueOf(*layout, decided.today));
  }
}

void Committer::Count(const std::vector<Pending>& group, const Decided& decided) {
  StoreStats& stats = parts_.stats;
  for (const Pending& pending : group) {
    if (pending.result.kind == SubmitResult::Kind::kDuplicate) ++stats.duplicates;
    if (pending.result.kind == SubmitResult::Kind::kOutOfOrder) ++stats.out_of_order;
    if (pending.result.kind == SubmitResult::Kind::kError) ++stats.rejected_invalid;
  }
  if (decided.stored.empty()) return;
  ++stats.commits;
  stats.committed_batches += decided.stored.size();
  for (const std::size_t index : decided.stored) {
    stats.committed_bytes += group[index].batch.frame.size();
  }
}

void Committer::HandOver(std::vector<Pending>& group, const Decided& decided) {
  std::vector<HandedBatch> handed;
  handed.reserve(decided.stored.size());
  const std::int64_t newest_ms = options_.clock->WallMs() + options_.future_ms;
  for (std::size_t i = 0; i < decided.stored.size(); ++i) {
    Pending& pending = group[decided.stored[i]];
    handed.push_back({.origin = {.position = decided.group.entries[i].position,
                                 .agent_id = std::move(pending.batch.agent_id),
                                 .newest_ms = newest_ms},
                      .batch = std::move(pending.batch.decoded),
                      .frame_bytes = pending.batch.frame.size(),
                      .ticket = std::move(pending.ticket)});
  }
  parts_.workers.HandOver(std::move(handed));
}

void Committer::Fail(std::vector<Pending>& group, const Error& error) {
  refuse_until_ns_ = options_.clock->SteadyNs() + options_.retry_ms * kNsPerMs;
  for (Pending& pending : group) {
    pending.ticket.reset();
    pending.done(Failed(error));
  }
}

// Memory as the wal has it. Entries of the failed group that are there after all
// were handed to nobody yet.
void Committer::Resync() {
  Status status = parts_.runs.Load(parts_.wal, parts_.stats);
  if (status) status = parts_.layouts.Load();
  if (status) {
    status = Replay(options_, parts_.wal, parts_.workers, parts_.budget, parts_.stats,
                    ReplayFor::kResync);
  }
  in_sync_ = status.has_value();
  if (in_sync_) {
    next_ = parts_.workers.last() + 1;
    days_.Committed(next_ - 1, Today(*options_.clock));
  } else {
    OPS_LOG_EVERY(10, kError, "store: {}; nothing is taken until it can be read",
                  status.error().message);
  }
}

// A piece of them. One day of grace: between "known today" and the commit there may be
// midnight.
void Committer::TrimSomeLayouts() {
  std::optional<WalPosition> gone;
  {
    MutexLock lock(mutex_);
    gone.swap(gone_);
  }
  if (gone) {
    unused_before_ = std::max(days_.Oldest(*gone, Today(*options_.clock)), 1U) - 1;
    unused_ = parts_.layouts.UnusedBefore(unused_before_);
  }
  if (unused_.empty()) return;
  const std::size_t left = unused_.size() - std::min(unused_.size(), kLayoutsTrimmedAtOnce);
  const Status trimmed = parts_.layouts.Trim(std::span(unused_).subspan(left), unused_before_);
  unused_.resize(trimmed ? left : 0);
  if (trimmed) return;
  OPS_LOG_EVERY(60, kWarn, "store: trim layouts: {}; tried again with the next retention",
                trimmed.error().message);
}

}  // namespace opssight
