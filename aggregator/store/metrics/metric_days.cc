#include "aggregator/store/metrics/metric_days.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/metrics/metric_keys.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

struct DayKey {
  WalPosition cut = 0;
  std::uint32_t number = 0;
};

std::optional<DayKey> ParseKey(std::string_view key) {
  const auto cut = GetBe<WalPosition>(key);
  const auto number = GetBe<std::uint32_t>(key);
  if (!cut || !number || !key.empty()) return std::nullopt;
  return DayKey{.cut = *cut, .number = *number};
}

using Kind = StoredMetricBlock::Kind;

constexpr std::uint32_t kBlocksMax = 1U << 30;  // Of a kind in a cut.

std::uint32_t BaseOf(Kind kind) {
  return kind == Kind::kHistograms ? kHistogramBlockNumber : kBlockNumber;
}

SelectedSeries NamedByDay(const std::shared_ptr<MetricDay>& day, std::vector<SeriesId> ids) {
  std::shared_ptr<const SeriesIndex> names(day, &day->index());
  return {.ids = std::move(ids), .names = std::move(names), .name_ids = {}};
}

// So that the day's index need not be held.
SelectedSeries NamedByThemselves(const SeriesIndex& index, std::vector<SeriesId> ids) {
  auto names = std::make_shared<SeriesIndex>();
  std::vector<Labels> labels;
  index.AppendLabels(ids, labels);
  std::vector<SeriesId> name_ids;
  for (const Labels& one : labels) name_ids.push_back(names->Intern(one));
  return {.ids = std::move(ids), .names = std::move(names), .name_ids = std::move(name_ids)};
}

// A group of histograms is a chunk of one series.
Status ReadHistograms(const BlockGroup& group, Gather& out) {
  Status status;
  ForEachIn(group.runs, out.ids(), [&](std::size_t i, std::uint32_t) {
    if (!status) return;
    std::vector<HistogramPoint> points;
    if (!DecodeHistograms(group.body, out.from_ms(), out.to_ms(), points)) {
      status = Corrupt("block OMB1: histograms");
    } else {
      status = out.Add(i, std::move(points));
    }
  });
  return status;
}

}  // namespace

std::uint32_t StoredMetricBlock::key_number() const {
  return BaseOf(kind) + summary.number;
}

std::shared_ptr<const MetricDay::Blocks> MetricDay::blocks() const {
  MutexLock lock(mutex_);
  return blocks_;
}

void MetricDay::SetBlocks(WalPosition cut, Blocks added) {
  MutexLock lock(mutex_);
  auto blocks = std::make_shared<Blocks>();
  blocks->reserve(blocks_->size() + added.size());
  std::copy_if(blocks_->begin(), blocks_->end(), std::back_inserter(*blocks),
               [cut](const auto& block) { return block->cut != cut; });
  blocks->insert(blocks->end(), std::make_move_iterator(added.begin()),
                 std::make_move_iterator(added.end()));
  blocks_ = std::move(blocks);
}

void MetricDay::AddBlocks(Blocks added) {
  MutexLock lock(mutex_);
  auto blocks = std::make_shared<Blocks>(*blocks_);
  blocks->insert(blocks->end(), std::make_move_iterator(added.begin()),
                 std::make_move_iterator(added.end()));
  blocks_ = std::move(blocks);
}

MetricDay::Exemplars MetricDay::exemplars() const {
  MutexLock lock(mutex_);
  return exemplars_;
}

void MetricDay::AddExemplars(const StoredExemplarPiece& piece) {
  MutexLock lock(mutex_);
  exemplars_.push_back(piece);
}

void MetricDay::SetExemplars(WalPosition cut, const Exemplars& pieces) {
  MutexLock lock(mutex_);
  exemplars_.erase(
      std::remove_if(exemplars_.begin(), exemplars_.end(),
                     [cut](const StoredExemplarPiece& piece) { return piece.cut == cut; }),
      exemplars_.end());
  exemplars_.insert(exemplars_.end(), pieces.begin(), pieces.end());
}

void MetricDay::ReplaceBlocks(Blocks blocks) {
  auto all = std::make_shared<const Blocks>(std::move(blocks));
  MutexLock lock(mutex_);
  blocks_ = std::move(all);
}

void MetricDays::LeaveOut(const std::string& path, const Error& why) {
  corrupt_.fetch_add(1, std::memory_order_relaxed);
  OPS_LOG_EVERY(60, kWarn, "metrics: {}: {}; left out of answers", path, why.message);
}

std::vector<DayNumber> MetricDays::DaysIn(std::int64_t from_ms, std::int64_t to_ms) const {
  std::vector<DayNumber> days = files_.Days();
  days.erase(
      std::remove_if(days.begin(), days.end(),
                     [&](DayNumber day) { return day < DayOfMs(from_ms) || day > DayOfMs(to_ms); }),
      days.end());
  return days;
}

Result<std::shared_ptr<MetricDay>> MetricDays::Load(DayNumber day) {
  MutexLock lock(mutex_);
  return LoadLocked(day);
}

Result<MetricDays::Taken> MetricDays::Take(DayNumber number) {
  MutexLock lock(mutex_);
  OPS_TRY(std::shared_ptr<MetricDay> day, LoadLocked(number));
  OPS_TRY(std::shared_ptr<Env> env, files_.Open(number));
  if (day == nullptr || env == nullptr) return Taken();
  return Taken{.day = std::move(day), .env = std::move(env)};
}

Result<std::shared_ptr<MetricDay>> MetricDays::LoadLocked(DayNumber day) {
  if (const auto it = loaded_.find(day); it != loaded_.end()) {
    it->second.used = ++uses_;
    return it->second.day;
  }
  OPS_TRY(const std::shared_ptr<Env> env, files_.Open(day));
  if (env == nullptr) return std::shared_ptr<MetricDay>();
  OPS_TRY(std::shared_ptr<MetricDay> read, Read(*env, files_.ValidUpTo(day)));
  loaded_[day] = {.day = read, .used = ++uses_};
  Evict();
  return read;
}

void MetricDays::Evict() {
  std::size_t bytes = 0;
  for (const auto& entry : loaded_) bytes += entry.second.day->index().bytes();
  while (bytes > options_.index_bytes_max) {
    auto oldest = loaded_.end();
    for (auto it = loaded_.begin(); it != loaded_.end(); ++it) {
      if (it->first == writing_ || it->second.used == uses_) continue;  // uses_: just loaded.
      if (oldest == loaded_.end() || it->second.used < oldest->second.used) oldest = it;
    }
    if (oldest == loaded_.end()) return;
    bytes -= oldest->second.day->index().bytes();
    loaded_.erase(oldest);
  }
}

// At a flush: days that are over, and that no query wants, take no memory.
void MetricDays::EvictUnused() {
  const std::uint64_t since = uses_at_flush_.front();
  std::erase_if(loaded_, [since](const auto& entry) { return entry.second.used <= since; });
  std::rotate(uses_at_flush_.begin(), uses_at_flush_.begin() + 1, uses_at_flush_.end());
  uses_at_flush_.back() = uses_;
}

std::uint64_t MetricDays::index_bytes() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& entry : loaded_) bytes += entry.second.day->index().bytes();
  return bytes;
}

Result<std::shared_ptr<MetricDay>> MetricDays::Read(Env& env, WalPosition valid_up_to) {
  auto day = std::make_shared<MetricDay>();
  if (const Status read = ReadEntries(env, valid_up_to, *day); !read) {
    if (read.error().code != ErrorCode::kCorrupt) return read.error();
    Break(env.path(), read.error(), *day);
  }
  // Series of a lost piece of the log are in blocks still: their ids are taken.
  const std::size_t known = day->index().size();
  std::size_t end = known;
  const std::shared_ptr<const MetricDay::Blocks> held = day->blocks();
  for (const auto& block : *held) {
    for (const IdRun& run : block->summary.runs) {
      end = std::max<std::size_t>(end, run.first + run.count);
    }
  }
  if (end - known > kLostSeriesMax) {
    Break(env.path(), Corrupt("the log of series is missing"), *day);
    return day;
  }
  day->index().PadTo(static_cast<SeriesId>(end));
  day->left_out_ |= end != known;
  day->logged_ = day->index().size();
  return day;
}

// What was read of it answers on; the first flush to it moves the file aside.
void MetricDays::Break(const std::string& path, const Error& why, MetricDay& day) {
  day.left_out_ = true;
  day.broken_ = true;
  LeaveOut(path, why);
}

Status MetricDays::ReadEntries(Env& env, WalPosition valid_up_to, MetricDay& day) {
  OPS_TRY(ReadTxn txn, env.BeginRead());
  const auto table = txn.OpenTable(DayFiles::kTable);
  if (!table) return table.error().code == ErrorCode::kNotFound ? Status() : table.error();
  OPS_TRY(Cursor cursor, txn.OpenCursor(*table));
  OPS_TRY(auto at, cursor.First());
  while (at) {
    const auto key = ParseKey(at->first);
    if (!key) {
      day.left_out_ = true;
      LeaveOut(env.path(), Corrupt("a key of another kind"));
      OPS_TRY(at, cursor.Next());
      continue;
    }
    const DayKey here = *key;
    if (here.cut > valid_up_to) break;
    if (here.number >= kBlockNumber) {
      OPS_TRY(at, cursor.Seek(DayFiles::Key(here.cut + 1, 0)));
      continue;
    }
    if (here.number >= kSeriesNumber) {
      if (const Status status = ReadSeriesPiece(at->second, day.index()); !status) {
        day.left_out_ = true;
        LeaveOut(env.path(), status.error());
      }
      OPS_TRY(at, cursor.Next());
      continue;
    }
    if (here.number >= kExemplarNumber) {
      if (const auto piece = ReadExemplarHead(at->second)) {
        day.AddExemplars({.cut = here.cut, .number = here.number, .piece = *piece});
      } else {
        LeaveOut(env.path(), piece.error());
      }
      OPS_TRY(at, cursor.Next());
      continue;
    }
    if (here.number == kSealNumber) {
      const auto seal = DecodeSealRecord(at->second);
      if (seal) {
        day.merged_ = seal->merged;
      } else {
        LeaveOut(env.path(), seal.error());
      }
      OPS_TRY(at, cursor.Next());
      continue;
    }
    if (here.number == kCleanedNumber) {
      day.MarkCleaned();
      OPS_TRY(at, cursor.Next());
      continue;
    }
    const auto kind = here.number == kHistogramSummaryNumber ? Kind::kHistograms : Kind::kFloats;
    OPS_TRY(MetricDay::Blocks blocks,
            BlocksOf(txn, *table, here.cut, kind, at->second, env.path()));
    day.AddBlocks(std::move(blocks));
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

// Out of the list of the cut's blocks, or out of the blocks where it is bad.
Result<MetricDay::Blocks> MetricDays::BlocksOf(ReadTxn& txn, Table table, WalPosition cut,
                                               Kind kind, std::string_view list,
                                               const std::string& path) {
  auto summaries = ReadSummaries(list);
  if (!summaries) {
    LeaveOut(path, summaries.error());
    OPS_TRY(Cursor scan, txn.OpenCursor(table));
    return ScanBlocks(scan, cut, kind);
  }
  MetricDay::Blocks blocks;
  for (BlockSummary& summary : *summaries) {
    blocks.push_back(std::make_shared<StoredMetricBlock>(cut, kind, std::move(summary)));
  }
  return blocks;
}

Result<MetricDay::Blocks> MetricDays::ScanBlocks(Cursor& cursor, WalPosition cut, Kind kind) {
  MetricDay::Blocks blocks;
  const std::uint32_t base = BaseOf(kind);
  OPS_TRY(auto at, cursor.Seek(DayFiles::Key(cut, base)));
  while (at) {
    const auto key = ParseKey(at->first);
    if (!key || key->cut != cut || key->number - base >= kBlocksMax) break;
    BlockSummary summary{
        .number = key->number - base, .min_ms = INT64_MAX, .max_ms = INT64_MIN, .runs = {}};
    std::vector<SeriesId> ids;
    if (const auto groups = ReadBlock(at->second, true)) {
      for (const BlockGroup& group : *groups) {
        summary.min_ms = std::min(summary.min_ms, group.min_ms);
        summary.max_ms = std::max(summary.max_ms, group.max_ms);
        for (const IdRun& run : group.runs) {
          for (std::uint32_t i = 0; i < run.count; ++i) ids.push_back(run.first + i);
        }
      }
      summary.runs = SortedRunsOf(ids);
      blocks.push_back(std::make_shared<StoredMetricBlock>(cut, kind, std::move(summary)));
    }
    OPS_TRY(at, cursor.Next());
  }
  return blocks;
}

Status MetricDays::ReadGroups(std::string_view bytes, StoredMetricBlock& block, GroupReader& reader,
                              Gather& out) {
  const bool verified = block.verified.load(std::memory_order_relaxed);
  OPS_TRY(const std::vector<BlockGroup> groups, ReadBlock(bytes, !verified));
  block.verified.store(true, std::memory_order_relaxed);
  GroupColumn values;
  for (const BlockGroup& group : groups) {
    if (group.max_ms < out.from_ms() || group.min_ms > out.to_ms()) continue;
    if (!Meets(group.runs, out.ids())) continue;
    if (block.kind == Kind::kHistograms) {
      OPS_RETURN_IF_ERROR(ReadHistograms(group, out));
      continue;
    }
    if (!reader.Open(group.body)) return Corrupt("block OMB1: a group");
    reader.Narrow(out.from_ms(), out.to_ms());
    Status status;
    ForEachIn(group.runs, out.ids(), [&](std::size_t i, std::uint32_t column) {
      if (!status) return;
      if (column >= reader.columns() || !reader.Read(column, values)) {
        status = Corrupt("block OMB1: a column");
      } else {
        status = out.Add(i, reader, values);
      }
    });
    OPS_RETURN_IF_ERROR(status);
  }
  return {};
}

class MetricDays::Part final : public SelectedPart {
 public:
  // What a tombstone takes: of these ids, ascending.
  struct Taking {
    Gather::Hidden range;
    std::vector<SeriesId> ids;
  };
  Part(MetricDays& days, std::shared_ptr<Env> env, SelectedSeries series, MetricDay::Blocks blocks,
       std::vector<Taking> takings)
      : SelectedPart(std::move(series)),
        days_(days),
        env_(std::move(env)),
        blocks_(std::move(blocks)),
        takings_(std::move(takings)) {}

  std::size_t pieces() const override { return blocks_.size(); }
  const IdRuns& RunsOf(std::size_t piece) const override { return blocks_[piece]->summary.runs; }

  Status Read(std::span<const std::uint32_t> pieces, Gather& out) const override {
    for (const Taking& taking : takings_) {
      ForEachCommon(taking.ids, out.ids(), [&](std::size_t i) { out.Hide(i, taking.range); });
    }
    constexpr std::size_t kBlocksPerTxn = 64;  // Reads are short: a long one keeps old pages.
    std::optional<ReadTxn> txn;
    WalPosition cut = 0;
    GroupReader reader;
    for (std::size_t read = 0; read < pieces.size(); ++read) {
      StoredMetricBlock& block = *blocks_[pieces[read]];
      if (std::exchange(cut, block.cut) != block.cut) out.StartLayer(cut);
      if (!txn || read % kBlocksPerTxn == 0) {
        OPS_RETURN_IF_ERROR(out.CheckCancelled());
        txn.reset();
        OPS_TRY(ReadTxn begun, env_->BeginRead());
        txn.emplace(std::move(begun));
      }
      const Status status = ReadPiece(*txn, block, reader, out);
      if (status) continue;
      if (status.error().code != ErrorCode::kCorrupt) return status;
      txn.reset();  // One that met a damaged page reads no more.
      days_.LeaveOut(env_->path(), status.error());
    }
    return {};
  }

 private:
  static Status ReadPiece(ReadTxn& txn, StoredMetricBlock& block, GroupReader& reader,
                          Gather& out) {
    OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
    OPS_TRY(const auto bytes, txn.Get(table, DayFiles::Key(block.cut, block.key_number())));
    if (!bytes) return Corrupt("block OMB1: it is gone");
    return ReadGroups(*bytes, block, reader, out);
  }

  MetricDays& days_;
  const std::shared_ptr<Env> env_;
  const MetricDay::Blocks blocks_;
  const std::vector<Taking> takings_;
};

Result<std::unique_ptr<SelectedPart>> MetricDays::Select(DayNumber number,
                                                         const std::vector<Matcher>& matchers,
                                                         std::int64_t from_ms, std::int64_t to_ms,
                                                         WalPosition published,
                                                         const TombstoneList& tombstones) {
  OPS_TRY(Taken taken, Take(number));
  if (taken.day == nullptr) return std::unique_ptr<SelectedPart>();
  const MetricDay& day = *taken.day;
  published = std::max(published, day.merged());
  const std::shared_ptr<const MetricDay::Blocks> all = day.blocks();
  MetricDay::Blocks blocks;
  std::copy_if(all->begin(), all->end(), std::back_inserter(blocks), [&](const auto& block) {
    return block->cut <= published && block->summary.max_ms >= from_ms &&
           block->summary.min_ms <= to_ms;
  });
  // What is asked for now is in the head more often than not: no look at a million series.
  if (blocks.empty()) return std::unique_ptr<SelectedPart>();
  std::vector<SeriesId> ids = day.index().Match(matchers);
  if (ids.empty()) return std::unique_ptr<SelectedPart>();
  std::vector<Part::Taking> takings;
  for (const auto& tombstone : OfDay(tombstones, number)) {
    takings.push_back(
        {.range = {.cut = tombstone->cut, .from_ms = tombstone->from_ms, .to_ms = tombstone->to_ms},
         .ids = day.index().Match(tombstone->matchers)});
  }
  // A query over a month would else hold the indexes of all its days.
  constexpr std::size_t kFew = 16;  // One series in so many.
  const bool apart = DayOfMs(to_ms) - DayOfMs(from_ms) > 1 &&
                     ids.size() <= day.index().size() / kFew &&
                     day.index().bytes() >= options_.index_large_bytes;
  SelectedSeries series = apart ? NamedByThemselves(day.index(), std::move(ids))
                                : NamedByDay(taken.day, std::move(ids));
  return std::make_unique<Part>(*this, std::move(taken.env), std::move(series), std::move(blocks),
                                std::move(takings));
}

namespace {

Result<std::vector<StoredExemplar>> ReadPiece(Env& env, const StoredExemplarPiece& piece) {
  OPS_TRY(ReadTxn txn, env.BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
  OPS_TRY(const auto bytes, txn.Get(table, DayFiles::Key(piece.cut, piece.number)));
  if (!bytes) return Corrupt("block OME1: gone");
  return ReadExemplars(*bytes);
}

}  // namespace

Status MetricDays::SelectExemplars(DayNumber number, const std::vector<Matcher>& matchers,
                                   std::int64_t from_ms, std::int64_t to_ms, WalPosition published,
                                   const QueryLimits& limits, ExemplarAnswer& out) {
  OPS_TRY(const Taken taken, Take(number));
  const auto& [day, env] = taken;
  if (day == nullptr) return {};
  const MetricDay::Exemplars pieces = day->exemplars();
  if (pieces.empty()) return {};
  const std::vector<SeriesId> ids = day->index().Match(matchers);
  if (ids.empty()) return {};
  for (const StoredExemplarPiece& at : pieces) {
    if (at.cut > published || at.piece.max_ms < from_ms || at.piece.min_ms > to_ms) continue;
    if (limits.cancelled && limits.cancelled()) return Unavailable("query cancelled");
    const auto read = ReadPiece(*env, at);
    if (!read && read.error().code != ErrorCode::kCorrupt) return read.error();
    if (!read) {
      LeaveOut(env->path(), read.error());
      continue;
    }
    OPS_RETURN_IF_ERROR(AddExemplars(day->index(), ids, *read, from_ms, to_ms, limits, out));
  }
  return {};
}

Status AddExemplars(const SeriesIndex& index, std::span<const SeriesId> ids,
                    std::span<const StoredExemplar> exemplars, std::int64_t from_ms,
                    std::int64_t to_ms, const QueryLimits& limits, ExemplarAnswer& out) {
  std::vector<SeriesId> wanted;
  std::vector<const ExemplarPoint*> points;
  for (const StoredExemplar& one : exemplars) {
    if (one.point.time_ms < from_ms || one.point.time_ms > to_ms) continue;
    if (!std::binary_search(ids.begin(), ids.end(), one.id)) continue;
    wanted.push_back(one.id);
    points.push_back(&one.point);
  }
  std::vector<Labels> labels;
  index.AppendLabels(wanted, labels);
  for (std::size_t i = 0; i < points.size(); ++i) out.Add(labels[i], *points[i]);
  if (out.size() <= limits.samples_max) return {};
  return Exhausted(fmt::format("query reads more than {} exemplars; narrow its time or its series",
                               limits.samples_max));
}

Status MetricDays::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  // Whoever writes to a day must not make it anew, without its series.
  MutexLock write_lock(write_mutex_);
  for (const DayNumber day : DaysToDrop(files_.BytesOfDays(), keep_from_ms, bytes_max)) {
    // First the file: what a query loads until then is forgotten after it.
    files_.Drop(day);
    MutexLock lock(mutex_);
    loaded_.erase(day);
    states_.erase(day);
  }
  return {};
}

}  // namespace opssight
