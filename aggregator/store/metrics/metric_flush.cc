// Flush of MetricDays: a frozen head to the days its rows belong to. For each day
// first the series it has not seen, then the blocks, then their list; all under keys
// of the cut, so that doing it again writes the same.
#include <algorithm>
#include <set>
#include <utility>

#include "aggregator/store/metrics/block_queue.h"
#include "aggregator/store/metrics/metric_days.h"
#include "aggregator/store/metrics/metric_keys.h"
#include "aggregator/store/metrics/target_groups.h"
#include "common/base/clock.h"

namespace opssight {

struct FrozenHistograms {
  SeriesId id = 0;  // In the head's index.
  HistogramHead::View view;
};

struct FrozenTargets {
  struct Target {
    std::vector<std::shared_ptr<const MiniGroup>> minis;
    std::shared_ptr<const std::vector<SeriesId>> series;
    bool shared = false;
    std::vector<std::int64_t> apart;  // Where it is shared: times of rows not to be joined.
  };
  std::vector<Target> list;
  std::vector<FrozenHistograms> histograms;
  std::vector<StoredExemplar> exemplars;
};

namespace {

Error BrokenHistograms() {
  return Internal("metrics: histograms in memory are broken");
}

Status FindTimesApart(FrozenTargets& targets) {
  std::vector<Arrival> histograms;
  for (const FrozenHistograms& one : targets.histograms) {
    if (!one.view.shared) continue;
    std::vector<HistogramPoint> points;
    if (!PointsOf(one.view, INT64_MIN, INT64_MAX, points)) return BrokenHistograms();
    for (const HistogramPoint& point : points) {
      histograms.push_back({.time_ms = point.time_ms, .order = point.order});
    }
  }
  std::vector<std::size_t> shared;
  std::vector<SharedMinis> minis;
  for (std::size_t i = 0; i < targets.list.size(); ++i) {
    if (!targets.list[i].shared) continue;
    shared.push_back(i);
    minis.push_back(&targets.list[i].minis);
  }
  std::vector<std::vector<std::int64_t>> apart = TimesApart(minis, histograms);
  for (std::size_t i = 0; i < shared.size(); ++i) {
    targets.list[shared[i]].apart = std::move(apart[i]);
  }
  return {};
}

bool HasRowsIn(const FrozenTargets::Target& target, std::int64_t from_ms, std::int64_t to_ms) {
  return std::any_of(target.minis.begin(), target.minis.end(), [&](const auto& mini) {
    return mini->max_ms >= from_ms && mini->min_ms < to_ms;
  });
}

Status AddDaysOf(const HistogramHead::View& view, std::set<DayNumber>& days) {
  if (DayOfMs(view.min_ms) == DayOfMs(view.max_ms)) {
    days.insert(DayOfMs(view.min_ms));
    return {};
  }
  std::vector<HistogramPoint> points;
  if (!PointsOf(view, INT64_MIN, INT64_MAX, points)) return BrokenHistograms();
  for (const HistogramPoint& point : points) days.insert(DayOfMs(point.time_ms));
  return {};
}

// The days of the rows; a mini may reach over several.
Result<std::set<DayNumber>> DaysOf(const FrozenTargets& targets) {
  std::set<DayNumber> days;
  GroupReader reader;
  for (const FrozenTargets::Target& target : targets.list) {
    for (const auto& mini : target.minis) {
      if (DayOfMs(mini->min_ms) == DayOfMs(mini->max_ms)) {
        days.insert(DayOfMs(mini->min_ms));
        continue;
      }
      if (!reader.Open(mini->bytes)) return Internal("metrics: a group in memory is broken");
      for (const std::int64_t time_ms : reader.times()) days.insert(DayOfMs(time_ms));
    }
  }
  for (const FrozenHistograms& one : targets.histograms) {
    OPS_RETURN_IF_ERROR(AddDaysOf(one.view, days));
  }
  for (const StoredExemplar& one : targets.exemplars) days.insert(DayOfMs(one.point.time_ms));
  return days;
}

Status WriteList(DayFiles& files, DayNumber day, WalPosition cut, std::uint32_t number,
                 const std::vector<BlockSummary>& summaries) {
  const std::string list = WriteSummaries(summaries);
  return files.WriteNumbered(day, cut, {{.number = number, .value = list}});
}

// Those of the day, with their ids in its index.
std::vector<StoredExemplar> ExemplarsOf(DayNumber day, std::span<const StoredExemplar> exemplars,
                                        SeriesCopier& copier) {
  std::vector<StoredExemplar> out;
  std::vector<SeriesId> ids;
  for (const StoredExemplar& one : exemplars) {
    if (DayOfMs(one.point.time_ms) != day) continue;
    out.push_back(one);
    ids.push_back(one.id);
  }
  ids = copier.Map(ids);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].id = ids[i];
  return out;
}

}  // namespace

BlockQueue MetricDays::QueueTo(DayNumber number, WalPosition cut, std::uint32_t first_number) {
  return {
      first_number,
      {.block_bytes = options_.block_bytes, .queued_bytes = options_.files.transaction_bytes_max},
      [this, number, cut](const std::vector<DayFiles::Numbered>& blocks) {
        return files_.WriteNumbered(number, cut, blocks);
      }};
}

Status MetricDays::LogSeries(DayNumber number, WalPosition cut, MetricDay& day) {
  const std::size_t size = day.index().size();
  if (size > kDaySeriesMax) return Exhausted("metrics: more than 2^30 series in a day");
  while (day.logged_ < size) {
    std::vector<std::string> pieces;
    std::vector<DayFiles::Numbered> values;
    std::size_t next = day.logged_;
    constexpr std::size_t kPiecesAtOnce = 64;
    while (next < size && pieces.size() < kPiecesAtOnce) {
      const std::size_t count = std::min(kSeriesPerPiece, size - next);
      pieces.push_back(WriteSeriesPiece(day.index(), static_cast<SeriesId>(next), count));
      values.push_back({.number = kSeriesNumber + static_cast<std::uint32_t>(next)});
      next += count;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) values[i].value = pieces[i];
    OPS_RETURN_IF_ERROR(files_.WriteNumbered(number, cut, values));
    day.logged_ = next;
  }
  return {};
}

Result<std::vector<BlockSummary>> MetricDays::FlushHistograms(
    DayNumber number, WalPosition cut, const std::vector<const FrozenHistograms*>& histograms,
    const std::vector<SeriesId>& ids) {
  if (histograms.empty()) return std::vector<BlockSummary>();
  const std::int64_t from_ms = number * kMsPerDay;
  BlockQueue queue = QueueTo(number, cut, kHistogramBlockNumber);
  Status status;
  for (std::size_t i = 0; i < histograms.size() && status; ++i) {
    std::vector<HistogramPoint> points;
    if (!PointsOf(histograms[i]->view, from_ms, from_ms + kMsPerDay - 1, points)) {
      return BrokenHistograms();
    }
    const auto emit = [&](std::string_view chunk, std::int64_t min_ms, std::int64_t max_ms) {
      if (status) status = queue.Add(std::span(ids).subspan(i, 1), chunk, min_ms, max_ms);
    };
    HistogramChunksOf(std::move(points), histograms[i]->view.shared, emit);
  }
  OPS_RETURN_IF_ERROR(status);
  OPS_RETURN_IF_ERROR(queue.Finish());
  OPS_RETURN_IF_ERROR(WriteList(files_, number, cut, kHistogramSummaryNumber, queue.summaries()));
  return queue.summaries();
}

Result<MetricDay::Exemplars> MetricDays::FlushExemplars(DayNumber number, WalPosition cut,
                                                        const MetricDay& day,
                                                        std::span<const StoredExemplar> exemplars) {
  std::size_t before = 0;
  for (const StoredExemplarPiece& one : day.exemplars()) {
    if (one.cut != cut) before += one.piece.count;
  }
  const std::size_t room = options_.exemplars_max - std::min(before, options_.exemplars_max);
  if (exemplars.size() > room) {
    dropped_.fetch_add(exemplars.size() - room, std::memory_order_relaxed);
    exemplars = exemplars.first(room);
  }
  MetricDay::Exemplars out;
  for (std::size_t at = 0; at < exemplars.size(); at += kExemplarsPerPiece) {
    const auto some = exemplars.subspan(at, std::min(kExemplarsPerPiece, exemplars.size() - at));
    const std::string bytes = WriteExemplars(some);
    const auto key = kExemplarNumber + static_cast<std::uint32_t>(out.size());
    OPS_RETURN_IF_ERROR(files_.WriteNumbered(number, cut, {{.number = key, .value = bytes}}));
    OPS_TRY(const ExemplarPiece piece, ReadExemplarHead(bytes));
    out.push_back({.cut = cut, .number = key, .piece = piece});
  }
  return out;
}

Status MetricDays::FlushDay(DayNumber number, WalPosition cut, const MetricsHead& head,
                            const FrozenTargets& targets) {
  if (files_.IsLinked(number)) {
    if (const Status own = files_.Rewrite(number); !own) return files_.Failed(number, own.error());
  }
  OPS_RETURN_IF_ERROR(files_.WriteNumbered(number, cut, {}));
  ForgetMoved();  // A query may have met it since.
  NoteWritten(number, cut);
  auto loaded = Load(number);
  if (!loaded) return files_.Failed(number, loaded.error());
  const std::shared_ptr<MetricDay> day = *std::move(loaded);
  if (day == nullptr) return Internal("metrics: a day is gone while it is written");
  if (day->broken()) {
    return files_.Failed(number, Corrupt(files_.Path(number) + ": parts of it cannot be read"));
  }
  const std::int64_t from_ms = number * kMsPerDay;
  const std::int64_t to_ms = from_ms + kMsPerDay;
  SeriesCopier copier(head.index(), day->index());
  std::vector<std::vector<SeriesId>> ids(targets.list.size());
  for (std::size_t i = 0; i < targets.list.size(); ++i) {
    if (HasRowsIn(targets.list[i], from_ms, to_ms)) ids[i] = copier.Map(*targets.list[i].series);
  }
  std::vector<const FrozenHistograms*> histograms;
  std::vector<SeriesId> histogram_ids;
  for (const FrozenHistograms& one : targets.histograms) {
    if (one.view.max_ms < from_ms || one.view.min_ms >= to_ms) continue;
    histograms.push_back(&one);
    histogram_ids.push_back(one.id);
  }
  histogram_ids = copier.Map(histogram_ids);
  const std::vector<StoredExemplar> exemplars = ExemplarsOf(number, targets.exemplars, copier);
  OPS_RETURN_IF_ERROR(LogSeries(number, cut, *day));
  BlockQueue queue = QueueTo(number, cut, kBlockNumber);
  Status status;
  std::vector<SeriesId> group_ids;
  for (std::size_t i = 0; i < targets.list.size() && status; ++i) {
    if (ids[i].empty()) continue;
    const auto emit = [&](std::span<const std::uint32_t> columns, std::string_view group,
                          std::int64_t min_ms, std::int64_t max_ms) {
      if (!status) return;
      group_ids.clear();
      for (const std::uint32_t column : columns) group_ids.push_back(ids[i][column]);
      status = queue.Add(group_ids, group, min_ms, max_ms);
    };
    GroupsOf(targets.list[i].minis, ids[i].size(),
             {.from_ms = from_ms,
              .to_ms = to_ms,
              .keep_orders = targets.list[i].shared,
              .apart = targets.list[i].apart},
             emit);
  }
  OPS_RETURN_IF_ERROR(status);
  OPS_RETURN_IF_ERROR(queue.Finish());
  OPS_RETURN_IF_ERROR(WriteList(files_, number, cut, kSummaryNumber, queue.summaries()));
  MetricDay::Blocks blocks;
  for (const BlockSummary& summary : queue.summaries()) {
    blocks.push_back(
        std::make_shared<StoredMetricBlock>(cut, StoredMetricBlock::Kind::kFloats, summary));
  }
  OPS_TRY(const std::vector<BlockSummary> summaries,
          FlushHistograms(number, cut, histograms, histogram_ids));
  for (const BlockSummary& summary : summaries) {
    blocks.push_back(
        std::make_shared<StoredMetricBlock>(cut, StoredMetricBlock::Kind::kHistograms, summary));
  }
  OPS_TRY(const MetricDay::Exemplars pieces, FlushExemplars(number, cut, *day, exemplars));
  day->SetExemplars(cut, pieces);
  day->SetBlocks(cut, std::move(blocks));
  return {};
}

// What is known of a file that was moved aside is not so of the one in its place.
void MetricDays::ForgetMoved() {
  const std::vector<DayNumber> moved = files_.TakeMoved();
  if (moved.empty()) return;
  MutexLock lock(mutex_);
  for (const DayNumber day : moved) {
    loaded_.erase(day);
    states_.erase(day);
  }
}

Status MetricDays::Flush(WalPosition cut, const MetricsHead& head) {
  MutexLock write_lock(write_mutex_);
  OPS_RETURN_IF_ERROR(files_.DropLeftovers());
  ForgetMoved();
  FrozenTargets targets;
  for (const auto& target : head.Targets()) {
    const HeadTarget::View view = target->Take();
    if (view.series == nullptr) continue;
    targets.list.push_back({.minis = MinisOf(view), .series = view.series, .shared = view.shared});
  }
  for (const SeriesId id : head.histograms().Ids()) {
    targets.histograms.push_back({.id = id, .view = head.histograms().Take(id)});
  }
  OPS_RETURN_IF_ERROR(FindTimesApart(targets));
  targets.exemplars = head.exemplars().All();
  OPS_TRY(const std::set<DayNumber> days, DaysOf(targets));
  Status status;
  for (const DayNumber day : days) {
    {
      MutexLock lock(mutex_);
      writing_ = day;
    }
    status = FlushDay(day, cut, head, targets);
    if (!status) break;
  }
  MutexLock lock(mutex_);
  writing_.reset();
  EvictUnused();
  return status;
}

}  // namespace opssight
