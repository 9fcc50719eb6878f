#include "aggregator/store/logs/logs_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr const char* kTable = "blocks";

std::int64_t DayOf(std::int64_t time_ns) {
  const std::int64_t day = time_ns / kNsPerDay;
  return time_ns % kNsPerDay < 0 ? day - 1 : day;
}

std::string KeyOf(WalPosition cut, std::uint32_t number) {
  std::string key;
  PutBe(key, cut);
  PutBe(key, number);
  return key;
}

// "l-20260131.mdb" -> its day.
std::optional<std::int64_t> DayOfName(std::string_view name) {
  if (name.size() != 14 || !name.starts_with("l-") || !name.ends_with(".mdb")) return std::nullopt;
  const auto year = ParseInt<int>(name.substr(2, 4));
  const auto month = ParseInt<unsigned>(name.substr(6, 2));
  const auto day = ParseInt<unsigned>(name.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

}  // namespace

std::string LogsStore::PathOf(DayNumber day) const {
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  return fmt::format("{}/l-{:04}{:02}{:02}.mdb", options_.dir, static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

Result<std::shared_ptr<Env>> LogsStore::OpenDay(DayNumber day) {
  OPS_TRY(std::unique_ptr<Env> env,
          Env::Open(PathOf(day), {.map_bytes = options_.map_bytes, .tables_max = 4}));
  return std::shared_ptr<Env>(std::move(env));
}

Status LogsStore::Recover(WalPosition flushed) {
  std::error_code error;
  std::filesystem::create_directories(options_.dir, error);
  if (error) return IoError("logs: create " + options_.dir, error.value());
  std::map<DayNumber, Day> days;
  for (std::filesystem::directory_iterator it(options_.dir, error), end; it != end && !error;
       it.increment(error)) {
    const auto number = DayOfName(it->path().filename().string());
    if (!number) continue;
    OPS_TRY(Day day, RecoverDay(*number, flushed));
    days.emplace(*number, std::move(day));
  }
  if (error) return IoError("logs: list " + options_.dir, error.value());
  MutexLock lock(mutex_);
  days_ = std::move(days);
  return {};
}

Result<LogsStore::Day> LogsStore::RecoverDay(DayNumber number, WalPosition flushed) {
  Day day;
  OPS_TRY(day.env, OpenDay(number));
  auto blocks = std::make_shared<std::vector<StoredBlock>>();
  OPS_TRY(WriteTxn txn, day.env->BeginWrite());
  OPS_TRY(const Table table, txn.OpenTable(kTable));
  {
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.First());
    while (at) {
      std::string_view key = at->first;
      const auto cut = GetBe<WalPosition>(key);
      auto head = ReadBlockHead(at->second);
      if (!cut || *cut > flushed) {
        OPS_RETURN_IF_ERROR(cursor.Delete());  // Of a flush that a crash cut short.
      } else if (!head) {
        ++corrupt_blocks_;
        OPS_LOG(kWarn, "logs: {}: {}; left out", PathOf(number), head.error().message);
      } else {
        blocks->push_back({.key = std::string(at->first), .head = *std::move(head)});
      }
      OPS_TRY(at, cursor.Next());
    }
  }
  OPS_RETURN_IF_ERROR(txn.Commit());
  day.blocks = std::move(blocks);
  return day;
}

void LogsStore::Apply(const BatchOrigin&, std::shared_ptr<const DecodedBatch> batch) {
  MutexLock lock(mutex_);
  for (const LogRowsView& rows : batch->logs()) {
    std::vector<Label> labels;
    for (const auto& [name, value] : rows.labels) {
      labels.push_back({.name = std::string(name), .value = std::string(value)});
    }
    const Labels stream(std::move(labels));
    std::map<std::uint32_t, std::vector<Label>> metadata;
    for (const LogRowsView::Metadata& entry : rows.metadata) {
      metadata[entry.row].push_back(
          {.name = std::string(entry.name), .value = std::string(entry.value)});
    }
    for (std::size_t i = 0; i < rows.times.size(); ++i) {
      const DayNumber day = DayOf(rows.times[i]);
      LogHead& head = head_.try_emplace(day, options_.block_raw_bytes).first->second;
      const auto with = metadata.find(static_cast<std::uint32_t>(i));
      head.Append(stream, rows.times[i], rows.Line(i),
                  with == metadata.end() ? std::vector<Label>() : with->second);
    }
  }
}

void LogsStore::Freeze(WalPosition) {
  MutexLock lock(mutex_);
  auto frozen = std::make_shared<Frozen>();
  for (auto& entry : head_) (*frozen)[entry.first] = entry.second.TakeBlocks();
  head_.clear();
  frozen_ = std::move(frozen);
}

Status LogsStore::Flush(WalPosition cut) {
  const Snapshot snapshot = Take();
  if (snapshot.frozen == nullptr) return {};
  for (const auto& entry : *snapshot.frozen) {
    OPS_RETURN_IF_ERROR(FlushDay(entry.first, entry.second, cut));
  }
  return {};
}

Status LogsStore::FlushDay(DayNumber number, const std::vector<MemoryBlock>& blocks,
                           WalPosition cut) {
  std::shared_ptr<Env> env;
  {
    MutexLock lock(mutex_);
    env = days_[number].env;
  }
  if (env == nullptr) {
    OPS_TRY(env, OpenDay(number));
    MutexLock lock(mutex_);
    days_[number] = {.env = env, .blocks = std::make_shared<const std::vector<StoredBlock>>()};
  }
  for (std::size_t next = 0; next < blocks.size();) {
    OPS_TRY(WriteTxn txn, env->BeginWrite());
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    for (std::size_t bytes = 0; next < blocks.size() && bytes < options_.transaction_bytes_max;
         ++next) {
      OPS_RETURN_IF_ERROR(
          txn.Put(table, KeyOf(cut, static_cast<std::uint32_t>(next)), blocks[next].bytes));
      bytes += blocks[next].bytes.size();
    }
    OPS_RETURN_IF_ERROR(txn.Commit());
  }
  return {};
}

void LogsStore::Publish(WalPosition cut) {
  MutexLock lock(mutex_);
  if (frozen_ == nullptr) return;
  for (const auto& entry : *frozen_) {
    Day& day = days_[entry.first];
    auto blocks = std::make_shared<std::vector<StoredBlock>>();
    if (day.blocks != nullptr) *blocks = *day.blocks;
    for (std::size_t i = 0; i < entry.second.size(); ++i) {
      blocks->push_back(
          {.key = KeyOf(cut, static_cast<std::uint32_t>(i)), .head = entry.second[i].head});
    }
    day.blocks = std::move(blocks);
  }
  frozen_ = nullptr;
}

LogsStore::Snapshot LogsStore::Take() const {
  MutexLock lock(mutex_);
  return {.days = days_, .frozen = frozen_};
}

Status LogsStore::SelectDay(const Day& day, const LineQuery& query, const QueryLimits& limits,
                            std::uint64_t& piece, LineCollector& out) const {
  if (day.env == nullptr || day.blocks == nullptr || day.blocks->empty()) return {};
  OPS_TRY(ReadTxn txn, day.env->BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(kTable));
  for (const StoredBlock& block : *day.blocks) {
    ++piece;
    if (!out.WantsPiece(block.head.min_ns, block.head.max_ns)) continue;
    OPS_TRY(const auto bytes, txn.Get(table, block.key));
    if (!bytes) continue;
    const Status status = SelectFromBlock(block.head, *bytes, query, limits, piece, out);
    if (status) continue;
    if (status.error().code != ErrorCode::kCorrupt) return status;
    ++corrupt_blocks_;
    OPS_LOG_EVERY(60, kWarn, "logs: {}: {}; left out", day.env->path(), status.error().message);
  }
  return {};
}

Result<std::vector<LogStreamLines>> LogsStore::Select(const LineQuery& query,
                                                      const QueryLimits& limits) const {
  LineCollector collector(query);
  Snapshot snapshot;
  {
    // The head and the lists of one moment: a line is in exactly one of them.
    MutexLock lock(mutex_);
    snapshot = {.days = days_, .frozen = frozen_};
    constexpr std::uint64_t kHeadPieces = 1ULL << 62;  // After all that is flushed.
    for (const auto& entry : head_) {
      OPS_RETURN_IF_ERROR(entry.second.Select(query, limits, kHeadPieces, collector));
    }
  }
  std::uint64_t piece = 0;
  for (const auto& entry : snapshot.days) {
    OPS_RETURN_IF_ERROR(SelectDay(entry.second, query, limits, piece, collector));
  }
  if (snapshot.frozen != nullptr) {
    for (const auto& entry : *snapshot.frozen) {
      for (const MemoryBlock& block : entry.second) {
        OPS_RETURN_IF_ERROR(
            SelectFromBlock(block.head, block.bytes, query, limits, ++piece, collector));
      }
    }
  }
  return collector.Finish();
}

Result<std::vector<Labels>> LogsStore::SelectStreams(const std::vector<Matcher>& matchers,
                                                     std::int64_t from_ns, std::int64_t to_ns,
                                                     const QueryLimits&) const {
  std::vector<Labels> out;
  const auto add = [&](const BlockHead& head) {
    for (const BlockStream& stream : head.streams) {
      if (stream.max_ns < from_ns || stream.min_ns > to_ns) continue;
      if (MatchesAll(matchers, stream.labels)) out.push_back(stream.labels);
    }
  };
  MutexLock lock(mutex_);
  for (const auto& entry : head_) {
    if (entry.first >= DayOf(from_ns) && entry.first <= DayOf(to_ns)) {
      entry.second.Streams(matchers, out);
    }
  }
  if (frozen_ != nullptr) {
    for (const auto& entry : *frozen_) {
      for (const MemoryBlock& block : entry.second) add(block.head);
    }
  }
  for (const auto& entry : days_) {
    if (entry.second.blocks == nullptr) continue;
    for (const StoredBlock& block : *entry.second.blocks) add(block.head);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void LogsStore::DropDay(DayNumber day) {
  {
    MutexLock lock(mutex_);
    days_.erase(day);  // A query that has it reads on; the file goes with its last user.
  }
  std::error_code error;
  std::filesystem::remove(PathOf(day), error);
  std::filesystem::remove(PathOf(day) + "-lock", error);
}

Status LogsStore::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  for (const auto& entry : Take().days) {
    if ((entry.first + 1) * kMsPerDay <= keep_from_ms) DropDay(entry.first);
  }
  while (bytes_max != 0 && disk_bytes() > bytes_max) {
    const std::map<DayNumber, Day> days = Take().days;
    if (days.size() < 2) break;  // Never the only day: it is being written.
    DropDay(days.begin()->first);
  }
  return {};
}

std::uint64_t LogsStore::disk_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& entry : Take().days) {
    if (entry.second.env != nullptr) bytes += entry.second.env->used_bytes();
  }
  return bytes;
}

std::uint64_t LogsStore::head_bytes() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& entry : head_) bytes += entry.second.bytes();
  return bytes;
}

}  // namespace opssight
