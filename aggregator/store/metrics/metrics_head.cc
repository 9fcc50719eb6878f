#include "aggregator/store/metrics/metrics_head.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace opssight {

std::vector<std::shared_ptr<const HeadTarget>> MetricsHead::Targets() const {
  MutexLock lock(mutex_);
  return {targets_.begin(), targets_.end()};
}

bool MetricsHead::empty() const {
  if (!histograms_.empty() || !exemplars_.empty()) return false;
  MutexLock lock(mutex_);
  return targets_.empty();
}

static_assert(kNoColumn == SeriesIndex::kNoSeries, "a refused series has no column");

HeadWriter::HeadWriter(std::uint64_t series_per_metric_max)
    : series_per_metric_max_(series_per_metric_max),
      index_(std::make_shared<SeriesIndex>()),
      head_(std::make_shared<MetricsHead>(index_)) {}

std::size_t HeadWriter::WidthOf(const LayoutId& id) const {
  const auto it = layouts_.find(id);
  return it == layouts_.end() ? 0 : it->second.ids.size();
}

HeadWriter::LayoutState& HeadWriter::StateOf(const LayoutId& id, const Layout* layout) {
  const auto it = layouts_.find(id);
  if (it != layouts_.end()) return it->second;
  OPS_CHECK(layout != nullptr, "metrics: layout {} was not given", ToHex(id));
  LayoutState& state = layouts_[id];
  state.ids = index_->Intern(layout->series(), series_per_metric_max_);
  state.refused =
      static_cast<std::uint32_t>(std::count(state.ids.begin(), state.ids.end(), kNoColumn));
  // Of a series that a layout has twice the last value counts.
  std::vector<SeriesId> sorted = state.ids;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    std::unordered_map<SeriesId, std::size_t> last;  // kNoColumn too: it stays what it is.
    for (std::size_t i = 0; i < state.ids.size(); ++i) last[state.ids[i]] = i;
    for (std::size_t i = 0; i < state.ids.size(); ++i) {
      if (last[state.ids[i]] != i) state.ids[i] = kNoColumn;
    }
  }
  return state;
}

// The target that has at least half of the series, or a new one.
std::uint32_t HeadWriter::ChooseTarget(const std::vector<SeriesId>& ids) {
  std::unordered_map<std::uint32_t, std::size_t> owned;
  for (const SeriesId id : ids) {
    if (id != kNoColumn && owners_[id].target != kNoColumn) ++owned[owners_[id].target];
  }
  for (const auto& [target, count] : owned) {
    if (count * 2 < ids.size()) continue;
    if (targets_[target]->columns() + ids.size() - count <= kColumnsMax) return target;
  }
  // Targets that are scraped together would all be full at one moment: their first groups are
  // of 30, 25, ... 10 rows.
  constexpr std::size_t kPhases = 5;
  auto target =
      std::make_shared<HeadTarget>(kOpenRowsMax - targets_.size() % kPhases * OpenRows::kPieceRows);
  targets_.push_back(target);
  MutexLock lock(head_->mutex_);
  head_->targets_.push_back(std::move(target));
  return static_cast<std::uint32_t>(targets_.size() - 1);
}

std::uint32_t HeadWriter::ColumnIn(std::uint32_t target, SeriesId id,
                                   std::vector<SeriesId>& added) {
  if (!histograms_.empty() && histograms_.contains(id)) {
    targets_[target]->MarkShared();
    head_->histograms_.MarkShared(id);
  }
  Owner& owner = owners_[id];
  if (owner.target == target) return owner.column;
  const auto next = static_cast<std::uint32_t>(targets_[target]->columns() + added.size());
  if (owner.target == kNoColumn) {
    owner = {.target = target, .column = next};
    added.push_back(id);
    head_->series_.fetch_add(1, std::memory_order_relaxed);
    return next;
  }
  targets_[owner.target]->MarkShared();
  targets_[target]->MarkShared();
  const std::uint64_t key = static_cast<std::uint64_t>(target) << 32 | id;
  const auto [it, is_new] = second_columns_.try_emplace(key, next);
  if (is_new) added.push_back(id);
  return it->second;
}

// Finds the columns of a layout in the current head.
void HeadWriter::Place(LayoutState& state) {
  if (owners_.size() < index_->size()) owners_.resize(index_->size());
  state.target = ChooseTarget(state.ids);
  state.head = head_number_;
  LayoutColumns columns;
  columns.reserve(state.ids.size());
  std::vector<SeriesId> added;
  for (const SeriesId id : state.ids) {
    columns.push_back(id == kNoColumn ? kNoColumn : ColumnIn(state.target, id, added));
  }
  state.layout = targets_[state.target]->AddLayout(std::move(columns), added);
}

std::uint64_t HeadWriter::Append(const LayoutId& id, const Layout* layout,
                                 std::span<const std::int64_t> times,
                                 std::span<const double> values) {
  LayoutState& state = StateOf(id, layout);
  const std::size_t width = state.ids.size();
  OPS_CHECK(values.size() == times.size() * width, "metrics: {} values in {} rows of {}",
            values.size(), times.size(), width);
  if (state.refused == width) return values.size();
  if (state.head != head_number_) Place(state);
  HeadTarget& target = *targets_[state.target];
  std::ptrdiff_t gained = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    gained +=
        target.Append(state.layout, times[i], next_order_++, values.subspan(i * width, width));
  }
  head_->bytes_.fetch_add(static_cast<std::uint64_t>(gained), std::memory_order_relaxed);
  head_->samples_.fetch_add(values.size(), std::memory_order_relaxed);
  return state.refused * times.size();
}

bool HeadWriter::AppendHistogram(const HistogramRow& row) {
  const SeriesId id = index_->Intern(*row.series, series_per_metric_max_);
  if (id == SeriesIndex::kNoSeries) return false;
  const bool is_new = histograms_.insert(id).second;
  const std::ptrdiff_t gained = head_->histograms_.Append(
      id, {.time_ms = row.time_ms,
           .order = next_order_++,
           .histogram = std::make_shared<const Histogram>(row.histogram)});
  head_->bytes_.fetch_add(static_cast<std::uint64_t>(gained), std::memory_order_relaxed);
  if (!is_new) return true;
  head_->series_.fetch_add(1, std::memory_order_relaxed);
  if (id >= owners_.size() || owners_[id].target == kNoColumn) return true;
  head_->histograms_.MarkShared(id);
  targets_[owners_[id].target]->MarkShared();  // Others that have it are marked already.
  return true;
}

HeadWriter::Kept HeadWriter::AppendExemplar(const Exemplar& exemplar, std::size_t exemplars_max) {
  if (head_->exemplars_.size() >= exemplars_max) return Kept::kFull;
  StoredExemplar one{
      .id = index_->Intern(*exemplar.series, series_per_metric_max_),
      .point = {.time_ms = exemplar.time_ms, .value = exemplar.value, .labels = exemplar.labels}};
  if (one.id == SeriesIndex::kNoSeries) return Kept::kFull;
  if (exemplar_repeats_.Repeats(one)) return Kept::kRepeated;
  head_->bytes_.fetch_add(BytesOf(one), std::memory_order_relaxed);
  head_->exemplars_.Add(std::move(one));
  return Kept::kYes;
}

std::shared_ptr<const MetricsHead> HeadWriter::Freeze() {
  constexpr std::uint64_t kHeadsUnseen = 8;  // A layout may skip so many.
  constexpr std::size_t kSpareSeries = 10'000;
  std::shared_ptr<const MetricsHead> frozen = head_;
  std::size_t live = 0;
  for (auto it = layouts_.begin(); it != layouts_.end();) {
    if (it->second.head + kHeadsUnseen < head_number_) {
      it = layouts_.erase(it);
    } else {
      live += it->second.ids.size();
      ++it;
    }
  }
  live += histograms_.size();
  if (index_->size() > 2 * live + kSpareSeries) {
    index_ = std::make_shared<SeriesIndex>();
    layouts_.clear();
    owners_.clear();
    exemplar_repeats_.Clear();
  }
  std::fill(owners_.begin(), owners_.end(), Owner());
  targets_.clear();
  second_columns_.clear();
  histograms_.clear();
  ++head_number_;
  head_ = std::make_shared<MetricsHead>(index_);
  return frozen;
}

}  // namespace opssight
