#include "aggregator/store/metrics/metrics_store.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/metrics/head_reader.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::int64_t kTimeMaxMs = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

constexpr std::string_view kBadTime = "a time before 1970, after 9999 or too far ahead";

bool TimeFits(const BatchOrigin& origin, std::int64_t time_ms) {
  return origin.TimeFitsMs(time_ms) && time_ms <= kTimeMaxMs;
}

// Of a portion, so that its samples are a few MB at the usual pace.
std::size_t PortionSeries(std::int64_t from_ms, std::int64_t to_ms) {
  constexpr double kSamples = 128 << 10;
  constexpr double kPaceMs = 15'000;
  constexpr double kLeast = 64;  // A target's series stand together: do not tear them apart.
  const double range_ms = static_cast<double>(to_ms) - static_cast<double>(from_ms);
  const double each = std::max(0.0, range_ms) / kPaceMs + 1;
  return static_cast<std::size_t>(std::max(kLeast, kSamples / each));
}

}  // namespace

MetricsStore::MetricsStore(MetricsOptions options, const LayoutLookup& layouts)
    : layouts_(layouts),
      series_per_target_max_(options.series_per_target_max),
      exemplars_head_max_(options.exemplars_head_max),
      head_rows_ripe_(options.head_rows_ripe),
      meta_(options.meta),
      metadata_({.families_max = options.metadata_max, .bytes_max = options.metadata_bytes_max}),
      days_({.files = {.dir = options.dir,
                       .prefix = 'm',
                       .map_bytes = options.map_bytes,
                       .transaction_bytes_max = options.transaction_bytes_max},
             .block_bytes = options.block_bytes,
             .index_bytes_max = options.day_index_bytes_max,
             .index_large_bytes = options.day_index_large_bytes,
             .exemplars_max = options.exemplars_day_max,
             .rules = std::move(options.rules),
             .spare_bytes = std::move(options.spare_bytes),
             .at = std::move(options.at)}),
      writer_(options.series_per_metric_max == 0 ? SeriesIndex::kNoLimit
                                                 : options.series_per_metric_max),
      head_(writer_.head()) {}

Status MetricsStore::Recover(WalPosition flushed) {
  OPS_RETURN_IF_ERROR(days_.Recover(flushed));
  OPS_RETURN_IF_ERROR(metadata_.Load(meta_));
  OPS_RETURN_IF_ERROR(tombstones_.Load(meta_));
  MutexLock lock(mutex_);
  published_ = flushed;
  return {};
}

void MetricsStore::Refuse(const LayoutId& layout, std::size_t rows, std::string_view why) {
  refused_.fetch_add(rows, std::memory_order_relaxed);
  OPS_LOG_EVERY(60, kWarn, "metrics: {} rows of layout {}: {}; not stored", rows, ToHex(layout),
                why);
}

void MetricsStore::ApplyRows(const BatchOrigin& origin, const MetricRowsView& rows) {
  std::shared_ptr<const Layout> layout;
  std::size_t width = writer_.WidthOf(rows.layout);
  if (width == 0) {
    layout = layouts_.Find(rows.layout);
    if (layout == nullptr) {
      unknown_.fetch_add(rows.times.size(), std::memory_order_relaxed);
      OPS_LOG_EVERY(60, kWarn, "metrics: {} rows of unknown layout {}; not stored",
                    rows.times.size(), ToHex(rows.layout));
      return;
    }
    width = layout->series().size();
  }
  if (width == 0 || rows.values.size() != rows.times.size() * width) {
    Refuse(rows.layout, rows.times.size(), "not as long as their layout");
    return;
  }
  if (series_per_target_max_ != 0 && width > series_per_target_max_) {
    CountLimited(rows.values.size(), "series_per_target_max");
    return;
  }
  const auto fits = [&origin](std::int64_t time_ms) { return TimeFits(origin, time_ms); };
  if (std::all_of(rows.times.begin(), rows.times.end(), fits)) {
    AppendRows(rows, layout.get(), 0, rows.times.size());
    return;
  }
  for (std::size_t i = 0; i < rows.times.size(); ++i) {
    if (!fits(rows.times[i])) {
      Refuse(rows.layout, 1, kBadTime);
      continue;
    }
    AppendRows(rows, layout.get(), i, 1);
  }
}

void MetricsStore::AppendRows(const MetricRowsView& rows, const Layout* layout, std::size_t first,
                              std::size_t count) {
  const std::size_t width = rows.values.size() / rows.times.size();
  const std::uint64_t limited =
      writer_.Append(rows.layout, layout, rows.times.subspan(first, count),
                     rows.values.subspan(first * width, count * width));
  samples_.fetch_add(count * width - limited, std::memory_order_relaxed);
  if (limited != 0) CountLimited(limited, "series_per_metric_max");
}

void MetricsStore::CountLimited(std::uint64_t samples, std::string_view limit) {
  limited_.fetch_add(samples, std::memory_order_relaxed);
  OPS_LOG_EVERY(60, kWarn, "metrics: {} samples above {}; not stored", samples, limit);
}

void MetricsStore::ApplyHistograms(const BatchOrigin& origin,
                                   const std::vector<HistogramRow>& rows) {
  for (const HistogramRow& row : rows) {
    if (TimeFits(origin, row.time_ms)) {
      if (writer_.AppendHistogram(row)) {
        histograms_.fetch_add(1, std::memory_order_relaxed);
      } else {
        CountLimited(1, "series_per_metric_max");
      }
      continue;
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    OPS_LOG_EVERY(60, kWarn, "metrics: a histogram of {}: {}; not stored", row.series->ToString(),
                  kBadTime);
  }
}

void MetricsStore::ApplyExemplars(const BatchOrigin& origin,
                                  const std::vector<Exemplar>& exemplars) {
  for (const Exemplar& exemplar : exemplars) {
    if (!TimeFits(origin, exemplar.time_ms)) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      OPS_LOG_EVERY(60, kWarn, "metrics: an exemplar of {}: {}; not stored",
                    exemplar.series->ToString(), kBadTime);
      continue;
    }
    switch (writer_.AppendExemplar(exemplar, exemplars_head_max_)) {
      case HeadWriter::Kept::kYes:
        exemplars_.fetch_add(1, std::memory_order_relaxed);
        break;
      case HeadWriter::Kept::kFull:
        dropped_exemplars_.fetch_add(1, std::memory_order_relaxed);
        break;
      case HeadWriter::Kept::kRepeated:
        break;
    }
  }
}

void MetricsStore::Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) {
  if (!batch->metadata().empty()) metadata_.Add(batch->metadata());
  if (batch->metrics().empty() && batch->histograms().empty() && batch->exemplars().empty()) return;
  MutexLock lock(apply_mutex_);
  for (const MetricRowsView& rows : batch->metrics()) ApplyRows(origin, rows);
  ApplyHistograms(origin, batch->histograms());
  ApplyExemplars(origin, batch->exemplars());
}

void MetricsStore::Freeze(WalPosition) {
  MutexLock apply_lock(apply_mutex_);
  HeadPtr frozen = writer_.Freeze();
  MutexLock lock(mutex_);
  OPS_CHECK(frozen_ == nullptr, "metrics: frozen again before the last was published");
  series_before_ = frozen->series();
  if (!frozen->empty()) frozen_ = std::move(frozen);
  head_ = writer_.head();
}

Status MetricsStore::Flush(WalPosition cut) {
  // What came after the freeze goes too: it will only be said again.
  metadata_.Flush();
  const Snapshot snapshot = Take();
  return snapshot.frozen == nullptr ? Status() : days_.Flush(cut, *snapshot.frozen);
}

void MetricsStore::Publish(WalPosition cut) {
  HeadPtr dropped;  // Freed outside the lock.
  MutexLock lock(mutex_);
  published_ = cut;
  dropped.swap(frozen_);
}

Status MetricsStore::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  OPS_RETURN_IF_ERROR(days_.Retain(keep_from_ms, bytes_max));
  // By the days that are left, not by age: a day goes as a whole, and the newest never.
  return tombstones_.DropAllBut(days_.DaysIn(INT64_MIN, INT64_MAX));
}

Result<bool> MetricsStore::SealDue(const SealTurn& turn) {
  const WalPosition published = Take().published;
  const auto tombstones = tombstones_.All();
  return days_.SealDue(
      {.turn = turn, .published = published, .tombstones = *tombstones, .jobs = jobs_});
}

Status MetricsStore::AddTombstone(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                  std::int64_t to_ms) {
  return tombstones_.Add(
      {.matchers = matchers, .from_ms = from_ms, .to_ms = to_ms, .cut = Take().published});
}

Status MetricsStore::CleanTombstones() {
  const auto tombstones = tombstones_.All();
  if (tombstones->empty()) return {};
  OPS_RETURN_IF_ERROR(days_.Clean(*tombstones));
  return tombstones_.Remove(*tombstones);
}

Status MetricsStore::SnapshotInto(const std::string& dir, std::int64_t now_ms) {
  OPS_RETURN_IF_ERROR(days_.SnapshotInto(dir, DayOfMs(now_ms)));
  // Last: its note of the newest cut then covers all that was copied.
  return meta_ == nullptr ? Status() : meta_->CopyTo(dir + "/meta.mdb");
}

MetricsStore::Snapshot MetricsStore::Take() const {
  MutexLock lock(mutex_);
  return {.head = head_, .frozen = frozen_, .published = published_};
}

std::uint64_t MetricsStore::head_bytes() const {
  const Snapshot snapshot = Take();
  std::uint64_t bytes = snapshot.head->bytes() + snapshot.head->index().bytes();
  if (snapshot.frozen == nullptr) return bytes;
  bytes += snapshot.frozen->bytes();
  if (&snapshot.frozen->index() != &snapshot.head->index()) {
    bytes += snapshot.frozen->index().bytes();
  }
  return bytes;
}

bool MetricsStore::head_ripe() const {
  const Snapshot snapshot = Take();
  const std::uint64_t series = snapshot.head->series();
  return series != 0 && snapshot.head->samples() / series >= head_rows_ripe_;
}

TsdbStatistics MetricsStore::Statistics(std::size_t top) const {
  const Snapshot snapshot = Take();
  TsdbStatistics out;
  snapshot.head->index().Statistics(top, out);
  std::int64_t min_ms = INT64_MAX;
  std::int64_t max_ms = INT64_MIN;
  for (const HeadPtr& head : {snapshot.frozen, snapshot.head}) {
    if (head == nullptr) continue;
    const auto see = [&](std::size_t chunks, std::int64_t from_ms, std::int64_t to_ms) {
      out.chunks += chunks;
      min_ms = std::min(min_ms, from_ms);
      max_ms = std::max(max_ms, to_ms);
    };
    for (const auto& target : head->Targets()) {
      const HeadTarget::View view = target->Take();
      const std::size_t columns = view.series == nullptr ? 0 : view.series->size();
      see(columns * (view.minis.size() + (view.open_rows > 0 ? 1 : 0)), view.min_ms, view.max_ms);
    }
    for (const SeriesId id : head->histograms().Ids()) {
      const HistogramHead::View view = head->histograms().Take(id);
      see(view.chunks.size() + (view.open.empty() ? 0 : 1), view.min_ms, view.max_ms);
    }
  }
  if (min_ms <= max_ms) {
    out.min_time_ms = min_ms;
    out.max_time_ms = max_ms;
  }
  return out;
}

std::uint64_t MetricsStore::head_series() const {
  MutexLock lock(mutex_);
  return std::max(head_->series(), series_before_);
}

Result<SelectedParts> MetricsStore::PartsOf(const std::vector<Matcher>& matchers,
                                            std::int64_t from_ms, std::int64_t to_ms) const {
  SelectedParts parts;
  if (from_ms > to_ms) return parts;
  const Snapshot snapshot = Take();
  const auto tombstones = tombstones_.All();
  for (const DayNumber day : days_.DaysIn(from_ms, to_ms)) {
    OPS_TRY(auto part,
            days_.Select(day, matchers, from_ms, to_ms, snapshot.published, *tombstones));
    if (part != nullptr) parts.push_back(std::move(part));
  }
  for (const HeadPtr& head : {snapshot.frozen, snapshot.head}) {
    if (head == nullptr) continue;
    auto part = SelectHead(head, matchers, from_ms, to_ms);
    if (part != nullptr) parts.push_back(std::move(part));
  }
  return parts;
}

Result<std::vector<Series>> MetricsStore::Select(const std::vector<Matcher>& matchers,
                                                 std::int64_t from_ms, std::int64_t to_ms,
                                                 const QueryLimits& limits) const {
  OPS_TRY(SelectedParts parts, PartsOf(matchers, from_ms, to_ms));
  OPS_TRY(const auto selection,
          Selection::Make(std::move(parts), {.from_ms = from_ms, .to_ms = to_ms}, limits));
  return selection->count() == 0 ? std::vector<Series>() : selection->Read(0);
}

Result<std::unique_ptr<SeriesPortions>> MetricsStore::SelectPortions(
    const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
    const QueryLimits& limits, SeriesLabels labels) const {
  OPS_TRY(SelectedParts parts, PartsOf(matchers, from_ms, to_ms));
  return Selection::Make(std::move(parts),
                         {.from_ms = from_ms,
                          .to_ms = to_ms,
                          .labels = labels,
                          .portion_series = PortionSeries(from_ms, to_ms)},
                         limits);
}

Result<std::vector<SeriesExemplars>> MetricsStore::Exemplars::Select(
    const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
    const QueryLimits& limits) const {
  ExemplarAnswer answer;
  if (from_ms > to_ms) return answer.Finish();
  const Snapshot snapshot = store_.Take();
  for (const DayNumber day : store_.days_.DaysIn(from_ms, to_ms)) {
    OPS_RETURN_IF_ERROR(store_.days_.SelectExemplars(day, matchers, from_ms, to_ms,
                                                     snapshot.published, limits, answer));
  }
  for (const HeadPtr& head : {snapshot.frozen, snapshot.head}) {
    if (head == nullptr || head->exemplars().empty()) continue;
    const std::vector<SeriesId> ids = head->index().Match(matchers);
    OPS_RETURN_IF_ERROR(AddExemplars(head->index(), ids,
                                     head->exemplars().Find(ids, from_ms, to_ms), from_ms, to_ms,
                                     limits, answer));
  }
  return answer.Finish();
}

Status MetricsStore::EachIndex(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                               std::int64_t to_ms, const QueryLimits& limits,
                               const SeeIds& see) const {
  if (from_ms > to_ms) return {};
  // Whole days, of those that there may be.
  const std::int64_t day_from_ms = DayOfMs(std::max<std::int64_t>(from_ms, 0)) * kMsPerDay;
  const std::int64_t day_to_ms = (DayOfMs(std::min(to_ms, kTimeMaxMs)) + 1) * kMsPerDay - 1;
  const auto cancelled = [&]() -> Status {
    if (limits.cancelled && limits.cancelled()) return Unavailable("query cancelled");
    return {};
  };
  const auto tombstones = tombstones_.All();
  const Snapshot snapshot = Take();
  for (const DayNumber number : days_.DaysIn(from_ms, to_ms)) {
    OPS_RETURN_IF_ERROR(cancelled());
    OPS_TRY(const std::shared_ptr<MetricDay> day, days_.Load(number));
    if (day == nullptr) continue;
    OPS_TRY(std::vector<SeriesId> ids,
            days_.SelectIds(*day, matchers, snapshot.published, *tombstones));
    OPS_RETURN_IF_ERROR(see(day->index(), std::move(ids)));
  }
  for (const HeadPtr& head : {snapshot.frozen, snapshot.head}) {
    if (head == nullptr) continue;
    OPS_RETURN_IF_ERROR(cancelled());
    const std::vector<SeriesId> matched = head->index().Match(matchers);
    std::vector<SeriesId> ids;
    for (const auto& target : head->Targets()) {
      const HeadTarget::View view = target->Take();
      if (view.runs == nullptr || view.min_ms > day_to_ms || view.max_ms < day_from_ms) {
        continue;
      }
      ForEachIn(*view.runs, matched,
                [&](std::size_t i, std::uint32_t) { ids.push_back(matched[i]); });
    }
    for (const std::size_t i : head->histograms().Overlapping(matched, day_from_ms, day_to_ms)) {
      ids.push_back(matched[i]);
    }
    OPS_RETURN_IF_ERROR(see(head->index(), std::move(ids)));
  }
  return {};
}

Result<std::vector<Labels>> MetricsStore::SelectLabels(const std::vector<Matcher>& matchers,
                                                       std::int64_t from_ms, std::int64_t to_ms,
                                                       const QueryLimits& limits) const {
  std::vector<Labels> out;
  std::unordered_set<Hash128> seen;
  const auto add = [&](const SeriesIndex& index, std::vector<SeriesId> ids) -> Status {
    const std::vector<Hash128> keys = index.Keys(ids);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (seen.insert(keys[i]).second) ids[kept++] = ids[i];
    }
    ids.resize(kept);
    if (seen.size() > limits.series_max) {
      return Exhausted(
          fmt::format("query selects more than {} series; select fewer", limits.series_max));
    }
    index.AppendLabels(ids, out);
    return {};
  };
  OPS_RETURN_IF_ERROR(EachIndex(matchers, from_ms, to_ms, limits, add));
  return out;
}

Result<std::set<std::string>> MetricsStore::SelectStrings(std::string_view name,
                                                          const std::vector<Matcher>& matchers,
                                                          std::int64_t from_ms, std::int64_t to_ms,
                                                          const QueryLimits& limits) const {
  std::set<std::string> out;
  const auto add = [&](const SeriesIndex& index, const std::vector<SeriesId>& ids) -> Status {
    index.AddStrings(name, ids, out);
    if (out.size() <= limits.series_max) return {};
    return Exhausted(fmt::format("query finds more than {} names or values; select fewer series",
                                 limits.series_max));
  };
  OPS_RETURN_IF_ERROR(EachIndex(matchers, from_ms, to_ms, limits, add));
  return out;
}

}  // namespace opssight
