#include "aggregator/store/replay.h"

#include <algorithm>

#include <fmt/core.h>

#include "aggregator/store/wal_entry.h"
#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kReadBytes = 4UL << 20;
constexpr std::int64_t kAnnounceSeconds = 5;

struct Context {
  const BatchLimits& limits;
  ByteBudget& budget;
  StoreStats& stats;
  std::int64_t now_ms;
  std::int64_t newest_ms;
  std::int64_t last_created_ms;  // Of the last sound entry: a damaged one came after it.
  ReplayFor what;

  ByteBudget::Ticket Take(std::size_t bytes) const {
    return what == ReplayFor::kStart ? budget.Take(bytes) : budget.TakeAnyway(bytes);
  }
};

std::shared_ptr<const DecodedBatch> DecodeOwn(const std::string& frame) {
  auto batch = DecodedBatch::Decode(frame, {});
  OPS_CHECK(batch.has_value(), "store: own batch: {}", batch.error().message);
  return *batch;
}

HandedBatch Damaged(const Wal::RawEntry& entry, const std::string& agent_id, const std::string& why,
                    Context& context) {
  ++context.stats.corrupt_entries;
  OPS_LOG(kError, "store: wal entry {} of agent '{}': {}; left out, a gap record says so",
          entry.position, agent_id, why);
  const std::string frame = EncodeLossNotice(
      agent_id, std::min(context.last_created_ms, context.now_ms), context.now_ms,
      fmt::format("wal entry {} damaged ({}): its batch is lost", entry.position, why));
  HandedBatch handed{.origin = {.position = entry.position, .agent_id = agent_id},
                     .batch = DecodeOwn(frame),
                     .frame_bytes = entry.value.size()};
  handed.ticket = context.Take(BytesUnderWay(frame, *handed.batch));
  return handed;
}

HandedBatch ToHanded(const Wal::RawEntry& entry, Context& context) {
  const auto view = DecodeWalEntry(entry.value);
  if (!view) return Damaged(entry, "", view.error().message, context);
  const std::string agent_id(view->agent_id);
  if (!view->FrameIntact()) return Damaged(entry, agent_id, "frame fails its checksum", context);
  auto batch = DecodedBatch::Decode(view->frame, context.limits);
  if (!batch) return Damaged(entry, agent_id, batch.error().message, context);
  context.last_created_ms = (*batch)->created_ms();
  ++context.stats.replayed_batches;
  return {
      .origin = {.position = entry.position, .agent_id = agent_id, .newest_ms = context.newest_ms},
      .batch = *batch,
      .frame_bytes = view->frame.size(),
      .ticket = context.Take(BytesUnderWay(view->frame, **batch))};
}

}  // namespace

std::string EncodeLossNotice(const std::string& stream, std::int64_t from_ms, std::int64_t to_ms,
                             const std::string& reason, std::span<const Signal> signals) {
  BatchContents contents;
  for (const Signal signal : signals) {
    contents.gaps.push_back({.signal = signal,
                             .stream = stream,
                             .from_ns = from_ms * kNsPerMs,
                             .to_ns = to_ms * kNsPerMs,
                             .count = 0,
                             .reason = reason});
  }
  return EncodeBatch(contents, to_ms);
}

std::size_t BytesUnderWay(std::string_view frame, const DecodedBatch& batch) {
  constexpr std::size_t kOverhead = 512;
  return frame.size() + batch.raw_bytes() + kOverhead;
}

Status Replay(const StoreOptions& options, Wal& wal, ApplyWorkers& workers, ByteBudget& budget,
              StoreStats& stats, ReplayFor what) {
  const std::int64_t now_ms = options.clock->WallMs();
  Context context{.limits = options.batch_limits,
                  .budget = budget,
                  .stats = stats,
                  .now_ms = now_ms,
                  .newest_ms = now_ms + options.future_ms,
                  .last_created_ms = now_ms,
                  .what = what};
  const bool announce = what == ReplayFor::kStart;
  std::uint64_t done = 0;
  for (WalPosition at = workers.last();;) {
    OPS_TRY(const auto entries, wal.ReadAfter(at, kReadBytes));
    if (entries.empty()) break;
    for (const Wal::RawEntry& entry : entries) {
      std::vector<HandedBatch> one;
      one.push_back(ToHanded(entry, context));
      workers.HandOver(std::move(one));
    }
    at = entries.back().position;
    done += entries.size();
    if (announce) {
      OPS_LOG_EVERY(kAnnounceSeconds, kInfo, "store: replay: {} of {} batches", done,
                    stats.wal_entries.load());
    }
  }
  if (announce && done != 0) OPS_LOG(kInfo, "store: replay: all {} batches", done);
  return {};
}

}  // namespace opssight
