// Flush of MetricDays: a frozen head to the days its rows belong to. For each day
// first the series it has not seen, then the blocks, then their list; all under keys
// of the cut, so that doing it again writes the same.
#include <algorithm>
#include <set>
#include <utility>

#include "aggregator/store/metrics/metric_days.h"
#include "aggregator/store/metrics/metric_keys.h"
#include "aggregator/store/metrics/target_groups.h"
#include "common/base/clock.h"

namespace opssight {

struct FrozenTargets {
  struct Target {
    std::vector<std::shared_ptr<const MiniGroup>> minis;
    std::shared_ptr<const std::vector<SeriesId>> series;
    bool shared = false;
  };
  std::vector<Target> list;
};

namespace {

bool HasRowsIn(const FrozenTargets::Target& target, std::int64_t from_ms, std::int64_t to_ms) {
  return std::any_of(target.minis.begin(), target.minis.end(), [&](const auto& mini) {
    return mini->max_ms >= from_ms && mini->min_ms < to_ms;
  });
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
  return days;
}

// Blocks on their way to the file, written when there are some MiB of them.
class BlockQueue {
 public:
  BlockQueue(DayFiles& files, DayNumber day, WalPosition cut, const MetricDaysOptions& options)
      : files_(files), day_(day), cut_(cut), options_(options) {}

  Status Add(std::span<const SeriesId> ids, std::string_view group, std::int64_t min_ms,
             std::int64_t max_ms) {
    block_.Add(ids, group, min_ms, max_ms);
    if (block_.bytes() < options_.block_bytes) return {};
    Close();
    return pending_bytes_ < options_.files.transaction_bytes_max ? Status() : Write();
  }

  Status Finish() {
    if (!block_.empty()) Close();
    return Write();
  }
  const std::vector<BlockSummary>& summaries() const { return summaries_; }

 private:
  void Close() {
    summaries_.push_back({.number = static_cast<std::uint32_t>(summaries_.size()),
                          .min_ms = block_.min_ms(),
                          .max_ms = block_.max_ms(),
                          .runs = SortedRunsOf(block_.ids())});
    pending_.push_back(block_.Finish());
    pending_bytes_ += pending_.back().size();
    block_ = MetricBlockWriter();
  }
  Status Write() {
    std::vector<DayFiles::Numbered> values;
    const std::size_t first = summaries_.size() - pending_.size();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      values.push_back(
          {.number = kBlockNumber + static_cast<std::uint32_t>(first + i), .value = pending_[i]});
    }
    OPS_RETURN_IF_ERROR(files_.WriteNumbered(day_, cut_, values));
    pending_.clear();
    pending_bytes_ = 0;
    return {};
  }

  DayFiles& files_;
  const DayNumber day_;
  const WalPosition cut_;
  const MetricDaysOptions& options_;
  MetricBlockWriter block_;
  std::vector<std::string> pending_;
  std::size_t pending_bytes_ = 0;
  std::vector<BlockSummary> summaries_;
};

Status WriteLists(DayFiles& files, DayNumber day, WalPosition cut,
                  const std::vector<BlockSummary>& summaries) {
  const std::string list = WriteSummaries(summaries);
  return files.WriteNumbered(day, cut, {{.number = kSummaryNumber, .value = list}});
}

}  // namespace

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

Status MetricDays::FlushDay(DayNumber number, WalPosition cut, const MetricsHead& head,
                            const FrozenTargets& targets) {
  OPS_RETURN_IF_ERROR(files_.WriteNumbered(number, cut, {}));
  OPS_TRY(const std::shared_ptr<MetricDay> day, Load(number));
  if (day == nullptr) return Internal("metrics: a day is gone while it is written");
  const std::int64_t from_ms = number * kMsPerDay;
  const std::int64_t to_ms = from_ms + kMsPerDay;
  SeriesCopier copier(head.index(), day->index());
  std::vector<std::vector<SeriesId>> ids(targets.list.size());
  for (std::size_t i = 0; i < targets.list.size(); ++i) {
    if (HasRowsIn(targets.list[i], from_ms, to_ms)) ids[i] = copier.Map(*targets.list[i].series);
  }
  OPS_RETURN_IF_ERROR(LogSeries(number, cut, *day));
  BlockQueue queue(files_, number, cut, options_);
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
    GroupsOf(targets.list[i].minis, ids[i].size(), targets.list[i].shared, from_ms, to_ms, emit);
  }
  OPS_RETURN_IF_ERROR(status);
  OPS_RETURN_IF_ERROR(queue.Finish());
  OPS_RETURN_IF_ERROR(WriteLists(files_, number, cut, queue.summaries()));
  MetricDay::Blocks blocks;
  for (const BlockSummary& summary : queue.summaries()) {
    blocks.push_back(std::make_shared<StoredMetricBlock>(cut, summary));
  }
  day->SetBlocks(cut, std::move(blocks));
  return {};
}

Status MetricDays::Flush(WalPosition cut, const MetricsHead& head) {
  OPS_RETURN_IF_ERROR(files_.DropLeftovers());
  FrozenTargets targets;
  for (const auto& target : head.Targets()) {
    const HeadTarget::View view = target->Take();
    if (view.series == nullptr) continue;
    targets.list.push_back({.minis = MinisOf(view), .series = view.series, .shared = view.shared});
  }
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
  return status;
}

}  // namespace opssight
