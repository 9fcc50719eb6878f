#include "aggregator/store/spans/spans_store.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "common/base/log.h"

namespace opssight {
namespace {

Result<SpanBlockHead> ReadHead(std::string_view block) {
  return ReadSpanBlockHead(block);
}

Status AddFromBlock(const TraceId& id, std::string_view block, const QueryLimits& limits,
                    std::vector<Span>& out) {
  if (limits.cancelled && limits.cancelled()) return Unavailable("query: the client has gone");
  OPS_TRY(std::vector<Span> spans, ReadTraceOfBlock(block, id));
  std::move(spans.begin(), spans.end(), std::back_inserter(out));
  if (out.size() <= limits.trace_spans_max) return {};
  return Exhausted(fmt::format("query: the trace has more than {} spans", limits.trace_spans_max));
}

// By start; of spans with the same id the first stays (a client that sends again).
void SortAndDropRepeats(std::vector<Span>& spans) {
  std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return std::tie(a.start_ns, a.span_id) < std::tie(b.start_ns, b.span_id);
  });
  std::set<SpanId> seen;
  std::erase_if(spans, [&](const Span& span) { return !seen.insert(span.span_id).second; });
}

}  // namespace

SpansStore::SpansStore(SpansOptions options)
    : options_(std::move(options)),
      days_({.files = {.dir = options_.dir,
                       .prefix = 't',
                       .map_bytes = options_.map_bytes,
                       .transaction_bytes_max = options_.transaction_bytes_max}},
            &ReadHead) {}

Status SpansStore::Recover(WalPosition flushed) {
  return days_.Recover(flushed);
}

void SpansStore::Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) {
  if (batch->spans().empty()) return;
  MutexLock lock(mutex_);
  for (const Span& span : batch->spans()) {
    if (!origin.TimeFitsNs(span.start_ns)) {
      ++refused_;
      OPS_LOG_EVERY(60, kWarn, "spans: {}: a time before 1970 or too far ahead; not stored",
                    Quoted(span.name));
      continue;
    }
    head_.try_emplace(DayOfNs(span.start_ns), options_.block_spans, options_.block_bytes)
        .first->second.Append(span);
  }
}

void SpansStore::Freeze(WalPosition) {
  MutexLock lock(mutex_);
  SpanDayBlocks::Frozen frozen;
  for (auto& entry : head_) frozen[entry.first] = entry.second.TakeBlocks();
  head_.clear();
  days_.Freeze(std::move(frozen));
}

Status SpansStore::Flush(WalPosition cut) {
  return days_.Flush(cut);
}

void SpansStore::Publish(WalPosition cut) {
  days_.Publish(cut);
}

Result<std::vector<Span>> SpansStore::Trace(const TraceId& id, const QueryLimits& limits) const {
  std::vector<Span> out;
  SpanDayBlocks::Snapshot disk;
  SpanMemoryBlocks memory;
  {
    MutexLock lock(mutex_);
    disk = days_.Take();
    if (disk.frozen != nullptr) {
      for (const auto& entry : *disk.frozen) {
        memory.insert(memory.end(), entry.second.begin(), entry.second.end());
      }
    }
    for (const auto& entry : head_) {
      const SpanMemoryBlocks& sealed = entry.second.blocks();
      memory.insert(memory.end(), sealed.begin(), sealed.end());
      entry.second.Trace(id, out);
    }
  }
  for (const auto& block : memory) {
    if (block->head.MayHold(id)) OPS_RETURN_IF_ERROR(AddFromBlock(id, block->bytes, limits, out));
  }
  for (const DayNumber day : days_.Days()) {
    if (limits.cancelled && limits.cancelled()) return Unavailable("query: the client has gone");
    OPS_RETURN_IF_ERROR(
        days_.ForEach(disk, day, [&](const SpanBlockHead& head, const auto& read) -> Status {
          if (!head.MayHold(id)) return {};
          OPS_TRY(const std::string_view block, read());
          return AddFromBlock(id, block, limits, out);
        }));
  }
  SortAndDropRepeats(out);
  return out;
}

Status SpansStore::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  return days_.Retain(keep_from_ms, bytes_max);
}

std::uint64_t SpansStore::disk_bytes() const {
  return days_.disk_bytes();
}

std::uint64_t SpansStore::head_bytes() const {
  std::uint64_t bytes = days_.frozen_bytes();
  MutexLock lock(mutex_);
  for (const auto& entry : head_) bytes += entry.second.bytes();
  return bytes;
}

}  // namespace opssight
