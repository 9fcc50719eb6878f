#include "aggregator/store/metrics/stored_day.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "aggregator/store/metrics/series_slots.h"
#include "common/base/clock.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr std::int64_t kHoursPerDay = 24;

// Series that can be found, without some. Lost ones have no name: no query sees them.
std::vector<SeriesId> IdsOf(const SeriesIndex& index, const std::vector<SeriesId>& without) {
  std::vector<SeriesId> all = index.Match({});
  std::vector<SeriesId> out;
  std::set_difference(all.begin(), all.end(), without.begin(), without.end(),
                      std::back_inserter(out));
  return out;
}

// At most, of one column.
std::uint64_t SamplesOf(const BlockGroup& group, StoredMetricBlock::Kind kind) {
  // A bucket that moves takes about a byte a histogram and half a sample's memory; one
  // that does not is hardly seen here.
  constexpr std::size_t kLeast = 2048;
  if (kind == StoredMetricBlock::Kind::kHistograms) return std::max(group.body.size(), kLeast);
  std::string_view bytes = group.body;
  const auto rows = GetVarint(bytes);
  return rows && *rows <= kGroupRowsMax ? *rows : kGroupRowsMax;
}

}  // namespace

StoredDay::StoredDay(From from, const TombstoneList& tombstones, std::vector<SeriesId> without)
    : from_(std::move(from)),
      blocks_(from_.day->blocks()),
      series_(from_.day->index().Match({}).size()),
      ids_(IdsOf(from_.day->index(), without)) {
  for (const auto& tombstone : OfDay(tombstones, from_.number)) {
    hidden_.emplace_back(tombstone, from_.day->index().Match(tombstone->matchers));
  }
}

// A block that is bad is left out, as queries do.
Status StoredDay::Damaged(std::uint32_t block, const Status& status) {
  if (status || status.error().code != ErrorCode::kCorrupt) return status;
  damaged_.insert(block);
  return {};
}

Status StoredDay::PlanBlock(std::uint32_t number, DayPlan& plan) const {
  const StoredMetricBlock& block = *(*blocks_)[number];
  OPS_TRY(ReadTxn txn, from_.env->BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
  OPS_TRY(const auto bytes, txn.Get(table, DayFiles::Key(block.cut, block.key_number())));
  if (!bytes) return Corrupt("block OMB1: it is gone");
  OPS_TRY(const std::vector<BlockGroup> groups, ReadBlock(*bytes, false));
  for (const BlockGroup& group : groups) plan.Add(group.runs, SamplesOf(group, block.kind));
  return {};
}

Result<DayPlan> StoredDay::MakePlan(const std::function<bool()>& cancelled) {
  DayPlan plan(ids_);
  const auto end = static_cast<std::uint32_t>(blocks_->size());
  for (std::uint32_t i = 0; i < end; ++i) {
    if ((*blocks_)[i]->cut > from_.cut) continue;
    if (cancelled && cancelled()) return Unavailable("cancelled");
    OPS_RETURN_IF_ERROR(Damaged(i, PlanBlock(i, plan)));
  }
  plan.Finish();
  for (std::uint32_t i = 0; i < end; ++i) {
    if ((*blocks_)[i]->cut <= from_.cut) plan.Name(i, (*blocks_)[i]->summary.runs);
  }
  return plan;
}

void StoredDay::Hide(Gather& out) const {
  for (const auto& entry : hidden_) {
    const Tombstone& tombstone = *entry.first;
    ForEachCommon(entry.second, out.ids(), [&](std::size_t i) {
      out.Hide(i, {.cut = tombstone.cut, .from_ms = tombstone.from_ms, .to_ms = tombstone.to_ms});
    });
  }
}

namespace {

// In a transaction of its own: one that met a damaged page reads no more.
Status ReadInto(Env& env, StoredMetricBlock& block, GroupReader& reader, Gather& out) {
  OPS_TRY(ReadTxn txn, env.BeginRead());
  OPS_TRY(const Table table, txn.OpenTable(DayFiles::kTable));
  OPS_TRY(const auto bytes, txn.Get(table, DayFiles::Key(block.cut, block.key_number())));
  if (!bytes) return Corrupt("block OMB1: it is gone");
  return MetricDays::ReadGroups(*bytes, block, reader, out);
}

}  // namespace

Status StoredDay::ReadPortion(const DayPortion& portion, std::int64_t from_ms, std::int64_t to_ms,
                              const std::function<bool()>& cancelled, std::vector<DaySeries>& out) {
  SampleCount count(std::numeric_limits<std::uint64_t>::max());
  Gather gather(from_ms, to_ms, {.cancelled = cancelled, .samples = count}, Gather::Orders::kKeep);
  const IndexIds all{.index = from_.day->index(), .ids = portion.ids};
  SeriesSlots slots = NumberSeries(std::span(&all, 1));
  const std::shared_ptr<const SeriesIndex> index(from_.day, &from_.day->index());
  OPS_RETURN_IF_ERROR(gather.StartIndex({.ids = portion.ids, .names = index, .name_ids = {}},
                                        std::move(slots.of.front())));
  Hide(gather);
  WalPosition cut = 0;
  GroupReader reader;
  for (const std::uint32_t number : portion.blocks) {
    StoredMetricBlock& block = *(*blocks_)[number];
    if (std::exchange(cut, block.cut) != block.cut) gather.StartLayer(cut);
    if (block.summary.max_ms < from_ms || block.summary.min_ms > to_ms) continue;
    OPS_RETURN_IF_ERROR(Damaged(number, ReadInto(*from_.env, block, reader, gather)));
  }
  OPS_RETURN_IF_ERROR(gather.CheckCancelled());
  out = gather.FinishByIds();
  return {};
}

Status StoredDay::ReadParts(const DayPortion& portion, const OnSeries& fn,
                            const std::function<bool()>& cancelled) {
  const auto times = static_cast<std::int64_t>(portion.samples_max / kRowsMax);
  const std::int64_t parts = std::min(times + 1, kHoursPerDay);
  const std::int64_t hours = (kHoursPerDay + parts - 1) / parts;
  const std::int64_t from_ms = from_.number * kMsPerDay;
  const std::int64_t part_ms = hours * (kMsPerDay / kHoursPerDay);
  std::set<SeriesId> seen;
  std::vector<DaySeries> series;
  for (std::int64_t at = 0; at < kMsPerDay; at += part_ms) {
    const std::int64_t end = std::min(at + part_ms, kMsPerDay);
    OPS_RETURN_IF_ERROR(ReadPortion(portion, from_ms + at, from_ms + end - 1, cancelled, series));
    for (const DaySeries& one : series) seen.insert(one.id);
    if (!series.empty()) OPS_RETURN_IF_ERROR(fn(series));
  }
  given_ += seen.size();
  return {};
}

Status StoredDay::ForEach(const OnSeries& fn, const std::function<bool()>& cancelled) {
  OPS_TRY(const DayPlan plan, MakePlan(cancelled));
  given_ = 0;
  for (const DayPortion& portion : plan.portions()) {
    OPS_RETURN_IF_ERROR(ReadParts(portion, fn, cancelled));
  }
  return {};
}

}  // namespace opssight
