#include "aggregator/store/logs/logs_store.h"

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::uint64_t kHeadPiece = 1ULL << 62;  // After all that is in blocks.

Result<BlockHead> ReadHead(std::string_view block) {
  return ReadBlockHead(block);
}

Labels StreamOf(const LogRowsView& rows) {
  std::vector<Label> labels;
  labels.reserve(rows.labels.size());
  for (const auto& [name, value] : rows.labels) {
    labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  return Labels(std::move(labels));
}

void AddStreams(const BlockHead& head, const std::vector<Matcher>& matchers, std::int64_t from_ns,
                std::int64_t to_ns, std::vector<Labels>& out) {
  for (const BlockStream& stream : head.streams) {
    if (stream.max_ns < from_ns || stream.min_ns > to_ns) continue;
    if (MatchesAll(matchers, stream.labels)) out.push_back(stream.labels);
  }
}

}  // namespace

LogsStore::LogsStore(LogsOptions options)
    : options_(std::move(options)),
      days_({.files = {.dir = options_.dir,
                       .prefix = 'l',
                       .map_bytes = options_.map_bytes,
                       .transaction_bytes_max = options_.transaction_bytes_max}},
            &ReadHead) {}

Status LogsStore::Recover(WalPosition flushed) {
  return days_.Recover(flushed);
}

void LogsStore::Refuse(const Labels& stream) {
  ++refused_;
  OPS_LOG_EVERY(60, kWarn, "logs: a line of {}: a time before 1970 or too far ahead; not stored",
                stream.ToString());
}

void LogsStore::Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) {
  for (const LogRowsView& rows : batch->logs()) {
    const Labels stream = StreamOf(rows);
    auto metadata = rows.metadata.begin();
    MutexLock lock(mutex_);
    for (std::size_t i = 0; i < rows.times.size(); ++i) {
      std::vector<Label> of_row;
      for (; metadata != rows.metadata.end() && metadata->row <= i; ++metadata) {
        of_row.push_back(
            {.name = std::string(metadata->name), .value = std::string(metadata->value)});
      }
      if (!origin.TimeFitsNs(rows.times[i])) {
        Refuse(stream);
        continue;
      }
      LogHead& head =
          head_.try_emplace(DayOfNs(rows.times[i]), options_.block_raw_bytes).first->second;
      head.Append(stream, rows.times[i], rows.Line(i), std::move(of_row));
    }
    KeepOpenBytes();
  }
}

void LogsStore::KeepOpenBytes() {
  for (;;) {
    LogHead* largest = nullptr;
    std::size_t bytes = 0;
    for (auto& entry : head_) {
      bytes += entry.second.open_bytes();
      if (largest == nullptr || entry.second.open_bytes() > largest->open_bytes()) {
        largest = &entry.second;
      }
    }
    if (bytes <= options_.open_bytes_max || largest == nullptr) return;
    largest->SealSome();
  }
}

void LogsStore::Freeze(WalPosition) {
  MutexLock lock(mutex_);
  LogDayBlocks::Frozen frozen;
  for (auto& entry : head_) frozen[entry.first] = entry.second.TakeBlocks();
  head_.clear();
  days_.Freeze(std::move(frozen));
}

Status LogsStore::Flush(WalPosition cut) {
  return days_.Flush(cut);
}

void LogsStore::Publish(WalPosition cut) {
  days_.Publish(cut);
}

LogsStore::Pieces LogsStore::TakePieces() const {
  Pieces pieces{.disk = days_.Take(), .memory = {}};
  if (pieces.disk.frozen != nullptr) {
    for (const auto& entry : *pieces.disk.frozen) {
      pieces.memory.insert(pieces.memory.end(), entry.second.begin(), entry.second.end());
    }
  }
  for (const auto& entry : head_) {
    const MemoryBlocks& sealed = entry.second.blocks();
    pieces.memory.insert(pieces.memory.end(), sealed.begin(), sealed.end());
  }
  return pieces;
}

Result<std::vector<LogStreamLines>> LogsStore::Select(const LineQuery& query,
                                                      const QueryLimits& limits) const {
  LineCollector collector(query);
  Pieces pieces;
  {
    MutexLock lock(mutex_);
    pieces = TakePieces();
    for (const auto& entry : head_) entry.second.Select(query, kHeadPiece, collector);
  }
  // In the direction asked for, so that what comes later can be passed by.
  if (query.backward) {
    OPS_RETURN_IF_ERROR(SelectFromMemory(pieces.memory, query, limits, collector));
    OPS_RETURN_IF_ERROR(SelectFromDisk(pieces.disk, query, limits, collector));
  } else {
    OPS_RETURN_IF_ERROR(SelectFromDisk(pieces.disk, query, limits, collector));
    OPS_RETURN_IF_ERROR(SelectFromMemory(pieces.memory, query, limits, collector));
  }
  return collector.Finish();
}

Status LogsStore::SelectFromMemory(const MemoryBlocks& blocks, const LineQuery& query,
                                   const QueryLimits& limits, LineCollector& collector) const {
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    const std::size_t i = query.backward ? blocks.size() - 1 - n : n;
    const MemoryBlock& block = *blocks[i];
    OPS_RETURN_IF_ERROR(
        SelectFromBlock(block.head, block.bytes, query, limits, kHeadPiece / 2 + i, collector));
  }
  return {};
}

Status LogsStore::SelectFromDisk(const LogDayBlocks::Snapshot& disk, const LineQuery& query,
                                 const QueryLimits& limits, LineCollector& collector) const {
  constexpr unsigned kBlockBits = 24;  // Of a piece's number; the rest is the day's.
  std::vector<DayNumber> days = days_.Days();
  if (query.backward) std::reverse(days.begin(), days.end());
  for (const DayNumber day : days) {
    if (!collector.WantsPiece(day * kNsPerDay, (day + 1) * kNsPerDay - 1)) continue;
    const std::uint64_t first = static_cast<std::uint64_t>(day + (1LL << 30)) << kBlockBits;
    std::uint64_t seen = 0;
    const auto select = [&](const BlockHead& head, const auto& read) -> Status {
      const std::uint64_t n = seen++;
      if (!collector.WantsPiece(head.min_ns, head.max_ns)) return {};
      OPS_TRY(const std::string_view block, read());
      const std::uint64_t piece = query.backward ? first + (1UL << kBlockBits) - 1 - n : first + n;
      return SelectFromBlock(head, block, query, limits, piece, collector);
    };
    OPS_RETURN_IF_ERROR(days_.ForEach(disk, day, select, query.backward));
  }
  return {};
}

Result<std::vector<Labels>> LogsStore::SelectStreams(const std::vector<Matcher>& matchers,
                                                     std::int64_t from_ns, std::int64_t to_ns,
                                                     const QueryLimits& limits) const {
  std::vector<Labels> out;
  Pieces pieces;
  {
    MutexLock lock(mutex_);
    pieces = TakePieces();
    for (const auto& entry : head_) {
      if (entry.first < DayOfNs(from_ns) || entry.first > DayOfNs(to_ns)) continue;
      entry.second.Streams(matchers, out);
    }
  }
  for (const auto& block : pieces.memory) AddStreams(block->head, matchers, from_ns, to_ns, out);
  for (const DayNumber day : days_.Days()) {
    if (day < DayOfNs(from_ns) || day > DayOfNs(to_ns)) continue;
    if (limits.cancelled && limits.cancelled()) return Unavailable("query: the client has gone");
    OPS_RETURN_IF_ERROR(
        days_.ForEach(pieces.disk, day, [&](const BlockHead& head, const auto&) -> Status {
          AddStreams(head, matchers, from_ns, to_ns, out);
          return {};
        }));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > limits.series_max) return Exhausted("query: more streams than the limit");
  return out;
}

Status LogsStore::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  return days_.Retain(keep_from_ms, bytes_max);
}

std::uint64_t LogsStore::disk_bytes() const {
  return days_.disk_bytes();
}

std::uint64_t LogsStore::head_bytes() const {
  std::uint64_t bytes = days_.frozen_bytes();
  MutexLock lock(mutex_);
  for (const auto& entry : head_) bytes += entry.second.bytes();
  return bytes;
}

}  // namespace opssight
