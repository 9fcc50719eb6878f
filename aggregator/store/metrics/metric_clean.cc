// What MetricDays does to days that are written: taking out what tombstones hide, and
// snapshots. A block is written anew under its key, in its place in the order of cuts, so
// that a crash leaves old blocks and new ones, and the tombstones hide the rest.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "aggregator/store/metrics/metric_days.h"
#include "aggregator/store/metrics/metric_keys.h"
#include "common/base/clock.h"

namespace opssight {
namespace {

// What is to be taken out of one block: ranges by series.
using Cuts = std::map<SeriesId, std::vector<const Tombstone*>>;

bool Hides(const std::vector<const Tombstone*>& by, std::int64_t time_ms) {
  return std::any_of(by.begin(), by.end(), [time_ms](const Tombstone* one) {
    return time_ms >= one->from_ms && time_ms <= one->to_ms;
  });
}

// Appends the column without what is hidden, where something is left of it.
bool CopyShown(const GroupReader& group, const GroupColumn& column,
               const std::vector<const Tombstone*>* by, GroupWriter& out) {
  std::vector<std::int64_t> positions;
  std::vector<double> values;
  for (std::size_t k = 0; k < column.count; ++k) {
    const auto row = column.dense ? static_cast<std::int64_t>(k) : column.positions[k];
    if (by != nullptr && Hides(*by, group.times()[static_cast<std::size_t>(row)])) continue;
    positions.push_back(row);
    values.push_back(column.values[k]);
  }
  if (positions.empty()) return false;
  ChunkHint hint = 0;
  if (positions.size() == group.times().size()) {
    out.AddDense(values, hint);
  } else {
    out.AddSparse(positions, values, hint);
  }
  return true;
}

// The group without what is hidden; empty: nothing is left. ids: of its columns; then of
// those that are left.
Result<std::string> CleanFloats(const BlockGroup& from, const Cuts& cuts,
                                std::vector<SeriesId>& ids) {
  GroupReader group;
  if (!group.Open(from.body) || group.columns() < ids.size()) {
    return Corrupt("block OMB1: a group");
  }
  GroupWriter out(group.times(), group.orders());
  GroupColumn column;
  std::vector<SeriesId> left;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!group.Read(i, column)) return Corrupt("block OMB1: a column");
    const auto by = cuts.find(ids[i]);
    if (CopyShown(group, column, by == cuts.end() ? nullptr : &by->second, out)) {
      left.push_back(ids[i]);
    }
  }
  ids = std::move(left);
  return ids.empty() ? std::string() : out.Finish();
}

Result<std::string> CleanHistograms(const BlockGroup& from,
                                    const std::vector<const Tombstone*>& by) {
  std::vector<HistogramPoint> points;
  if (!DecodeHistograms(from.body, INT64_MIN, INT64_MAX, points)) {
    return Corrupt("block OMB1: histograms");
  }
  // Orders that were kept are kept; where none were, all are 0.
  const bool orders = std::any_of(points.begin(), points.end(),
                                  [](const HistogramPoint& point) { return point.order != 0; });
  points.erase(
      std::remove_if(points.begin(), points.end(),
                     [&](const HistogramPoint& point) { return Hides(by, point.time_ms); }),
      points.end());
  return points.empty() ? std::string() : EncodeHistograms(points, orders);
}

std::vector<SeriesId> IdsOf(const BlockGroup& group) {
  std::vector<SeriesId> ids;
  for (const IdRun& run : group.runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) ids.push_back(run.first + i);
  }
  return ids;
}

// The block without what is hidden. Groups that have nothing of it stay byte for byte.
Result<MetricBlockWriter> CleanBlock(std::string_view bytes, StoredMetricBlock::Kind kind,
                                     const Cuts& cuts) {
  OPS_TRY(const std::vector<BlockGroup> groups, ReadBlock(bytes, true));
  MetricBlockWriter out;
  for (const BlockGroup& group : groups) {
    const std::vector<SeriesId> ids = IdsOf(group);
    const auto hit =
        std::find_if(ids.begin(), ids.end(), [&cuts](SeriesId id) { return cuts.contains(id); });
    if (hit == ids.end()) {
      out.Add(ids, group.body, group.min_ms, group.max_ms);
      continue;
    }
    std::vector<SeriesId> left = ids;
    OPS_TRY(const std::string body, kind == StoredMetricBlock::Kind::kHistograms
                                        ? CleanHistograms(group, cuts.at(*hit))
                                        : CleanFloats(group, cuts, left));
    if (!body.empty()) out.Add(left, body, group.min_ms, group.max_ms);
  }
  return out;
}

using Matched = std::vector<std::pair<const Tombstone*, std::vector<SeriesId>>>;

Cuts CutsOf(const StoredMetricBlock& block, const Matched& matched) {
  Cuts cuts;
  for (const auto& entry : matched) {
    const Tombstone& tombstone = *entry.first;
    const std::vector<SeriesId>& ids = entry.second;
    const BlockSummary& summary = block.summary;
    if (block.cut > tombstone.cut) continue;
    if (summary.max_ms < tombstone.from_ms || summary.min_ms > tombstone.to_ms) continue;
    ForEachIn(summary.runs, ids,
              [&](std::size_t i, std::uint32_t) { cuts[ids[i]].push_back(&tombstone); });
  }
  return cuts;
}

Result<MetricBlockWriter> ReadCleaned(Env& env, const StoredMetricBlock& block, const Cuts& cuts) {
  OPS_TRY(ReadTxn txn, env.BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
  OPS_TRY(const auto bytes, txn.Get(table, DayFiles::Key(block.cut, block.key_number())));
  if (!bytes) return Corrupt("block OMB1: it is gone");
  return CleanBlock(*bytes, block.kind, cuts);
}

// Takes those of b out of a. Both ascending.
std::vector<SeriesId> Without(const std::vector<SeriesId>& a, const std::vector<SeriesId>& b) {
  std::vector<SeriesId> out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

std::vector<SeriesId> Common(const IdRuns& runs, const std::vector<SeriesId>& ids) {
  std::vector<SeriesId> out;
  ForEachIn(runs, ids, [&](std::size_t i, std::uint32_t) { out.push_back(ids[i]); });
  return out;
}

}  // namespace

Status MetricDays::CleanDay(DayNumber number, const TombstoneList& tombstones) {
  OPS_TRY(const std::shared_ptr<MetricDay> day, Load(number));
  if (day == nullptr) return {};
  Matched matched;
  for (const auto& one : tombstones) {
    matched.emplace_back(one.get(), day->index().Match(one->matchers));
  }
  ++cleans_[number];
  const auto is_hit = [&](const auto& block) { return !CutsOf(*block, matched).empty(); };
  const std::shared_ptr<const MetricDay::Blocks> all = day->blocks();
  if (std::none_of(all->begin(), all->end(), is_hit)) return {};
  OPS_RETURN_IF_ERROR(CheckRoom(number, SpareBytes()));
  if (files_.IsLinked(number)) OPS_RETURN_IF_ERROR(files_.Rewrite(number));
  OPS_TRY(const std::shared_ptr<Env> env, files_.Open(number));
  if (env == nullptr) return {};
  MetricDay::Blocks blocks;
  std::set<std::pair<WalPosition, StoredMetricBlock::Kind>> changed;
  for (const auto& block : *all) {
    const Cuts cuts = CutsOf(*block, matched);
    if (cuts.empty()) {
      blocks.push_back(block);
      continue;
    }
    auto cleaned = ReadCleaned(*env, *block, cuts);
    if (!cleaned && cleaned.error().code != ErrorCode::kCorrupt) return cleaned.error();
    if (!cleaned) {  // Queries leave it out as well.
      LeaveOut(env->path(), cleaned.error());
      blocks.push_back(block);
      continue;
    }
    OPS_RETURN_IF_ERROR(files_.WriteNumbered(
        number, block->cut, {{.number = block->key_number(), .value = cleaned->Finish()}}));
    changed.emplace(block->cut, block->kind);
    if (cleaned->empty()) continue;
    blocks.push_back(
        std::make_shared<StoredMetricBlock>(block->cut, block->kind,
                                            BlockSummary{.number = block->summary.number,
                                                         .min_ms = cleaned->min_ms(),
                                                         .max_ms = cleaned->max_ms(),
                                                         .runs = SortedRunsOf(cleaned->ids())}));
  }
  return changed.empty() ? Status() : WriteCleaned(number, *day, std::move(blocks), changed);
}

Status MetricDays::WriteCleaned(
    DayNumber number, MetricDay& day, MetricDay::Blocks blocks,
    const std::set<std::pair<WalPosition, StoredMetricBlock::Kind>>& changed) {
  for (const auto& entry : changed) {
    const WalPosition cut = entry.first;
    const StoredMetricBlock::Kind kind = entry.second;
    std::vector<BlockSummary> summaries;
    for (const auto& block : blocks) {
      if (block->cut == cut && block->kind == kind) {
        summaries.push_back(block->summary);
      }
    }
    const std::uint32_t list =
        kind == StoredMetricBlock::Kind::kHistograms ? kHistogramSummaryNumber : kSummaryNumber;
    const std::string bytes = WriteSummaries(summaries);
    OPS_RETURN_IF_ERROR(files_.WriteNumbered(
        number, cut,
        {{.number = list, .value = bytes}, {.number = kCleanedNumber, .value = "cleaned"}}));
  }
  day.MarkCleaned();
  day.ReplaceBlocks(std::move(blocks));
  return files_.Rewrite(number);
}

Status MetricDays::Clean(const TombstoneList& tombstones) {
  {
    MutexLock lock(write_mutex_);
    OPS_RETURN_IF_ERROR(files_.SyncNames());  // Of days that need none of it any more.
  }
  Status first;  // Of one that cannot be cleaned; the others are.
  for (const DayNumber day : files_.Days()) {
    const TombstoneList some = OfDay(tombstones, day);
    if (some.empty()) continue;
    MutexLock lock(write_mutex_);  // Flushes come between days.
    Status cleaned = CleanDay(day, some);
    if (first && !cleaned) {
      first = std::move(cleaned).error().At("metrics: clean " + files_.Path(day));
    }
  }
  return first;
}

Status MetricDays::SnapshotInto(const std::string& dir, DayNumber copy_from) {
  MutexLock lock(write_mutex_);
  for (const DayNumber day : files_.Days()) {
    const bool copy = day >= copy_from;
    Status made = copy ? CheckRoom(day, SpareBytes()) : Status();
    if (made) made = files_.SnapshotInto(dir, day, copy);
    if (!made) return std::move(made).error().At("metrics: copy " + files_.Path(day));
  }
  return {};
}

Result<std::vector<SeriesId>> MetricDays::SelectIds(const MetricDay& day,
                                                    const std::vector<Matcher>& matchers,
                                                    WalPosition published,
                                                    const TombstoneList& tombstones) const {
  std::vector<SeriesId> ids = day.index().Match(matchers);
  const std::shared_ptr<const MetricDay::Blocks> blocks = day.blocks();
  published = std::max(published, day.merged());
  if (day.cleaned()) {
    std::vector<SeriesId> gone = ids;
    for (const auto& block : *blocks) {
      if (block->cut <= published) gone = Without(gone, Common(block->summary.runs, gone));
    }
    ids = Without(ids, gone);
  }
  for (const auto& tombstone : tombstones) {
    std::vector<SeriesId> hidden = day.index().Match(tombstone->matchers);
    for (const auto& block : *blocks) {
      const BlockSummary& summary = block->summary;
      const bool all = block->cut <= tombstone->cut && summary.min_ms >= tombstone->from_ms &&
                       summary.max_ms <= tombstone->to_ms;
      if (all || block->cut > published) continue;
      hidden = Without(hidden, Common(summary.runs, hidden));
    }
    ids = Without(ids, hidden);
  }
  return ids;
}

}  // namespace opssight
