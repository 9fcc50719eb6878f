#include "aggregator/store/metrics/histogram_head.h"

#include <algorithm>
#include <utility>

#include "aggregator/store/metrics/target_groups.h"

namespace opssight {
namespace {

constexpr std::size_t kOpenHistogramsMax = 30;

std::ptrdiff_t BytesOf(const HistogramPoint& point) {
  const Histogram& histogram = *point.histogram;
  const std::size_t numbers = histogram.positive.size() + histogram.negative.size() +
                              histogram.custom_values.size() + histogram.positive_spans.size() +
                              histogram.negative_spans.size();
  return static_cast<std::ptrdiff_t>(sizeof(HistogramPoint) + sizeof(Histogram) +
                                     numbers * sizeof(double));
}

void SortByTime(std::vector<HistogramPoint>& points) {
  std::stable_sort(
      points.begin(), points.end(),
      [](const HistogramPoint& a, const HistogramPoint& b) { return a.time_ms < b.time_ms; });
}

}  // namespace

std::ptrdiff_t HistogramHead::Append(SeriesId id, HistogramPoint point) {
  std::ptrdiff_t gained = 0;
  bool close = false;
  {
    MutexLock lock(mutex_);
    const View& view = series_[id];
    if (view.chunks.empty() && view.open.empty()) gained += sizeof(View) + sizeof(SeriesId);
    close = !view.open.empty() &&
            (!SameHistogramLayout(*view.open.front().histogram, *point.histogram) ||
             view.open.size() >= HistogramsPerChunk(*point.histogram, kOpenHistogramsMax));
  }
  if (close) gained += Close(id);
  gained += BytesOf(point);
  MutexLock lock(mutex_);
  View& view = series_[id];
  view.min_ms = std::min(view.min_ms, point.time_ms);
  view.max_ms = std::max(view.max_ms, point.time_ms);
  view.open.push_back(std::move(point));
  return gained;
}

// Codes what is open, without the lock.
std::ptrdiff_t HistogramHead::Close(SeriesId id) {
  std::vector<HistogramPoint> open;
  {
    MutexLock lock(mutex_);
    open = series_[id].open;
  }
  SortByTime(open);
  auto chunk = std::make_shared<const Chunk>(Chunk{.bytes = EncodeHistograms(open, true),
                                                   .min_ms = open.front().time_ms,
                                                   .max_ms = open.back().time_ms});
  std::ptrdiff_t gained = static_cast<std::ptrdiff_t>(sizeof(Chunk) + chunk->bytes.capacity());
  for (const HistogramPoint& point : open) gained -= BytesOf(point);
  MutexLock lock(mutex_);
  View& view = series_[id];
  view.chunks.push_back(std::move(chunk));
  view.open.clear();
  return gained;
}

void HistogramHead::MarkShared(SeriesId id) {
  MutexLock lock(mutex_);
  if (const auto it = series_.find(id); it != series_.end()) it->second.shared = true;
}

bool HistogramHead::empty() const {
  MutexLock lock(mutex_);
  return series_.empty();
}

std::size_t HistogramHead::size() const {
  MutexLock lock(mutex_);
  return series_.size();
}

std::vector<SeriesId> HistogramHead::Ids() const {
  std::vector<SeriesId> ids;
  MutexLock lock(mutex_);
  ids.reserve(series_.size());
  for (const auto& [id, view] : series_) ids.push_back(id);
  return ids;
}

HistogramHead::View HistogramHead::Take(SeriesId id) const {
  MutexLock lock(mutex_);
  const auto it = series_.find(id);
  return it == series_.end() ? View() : it->second;
}

std::pair<std::int64_t, std::int64_t> HistogramHead::times() const {
  std::pair<std::int64_t, std::int64_t> times(INT64_MAX, INT64_MIN);
  MutexLock lock(mutex_);
  for (const auto& entry : series_) {
    times.first = std::min(times.first, entry.second.min_ms);
    times.second = std::max(times.second, entry.second.max_ms);
  }
  return times;
}

std::vector<std::size_t> HistogramHead::Overlapping(std::span<const SeriesId> ids,
                                                    std::int64_t from_ms,
                                                    std::int64_t to_ms) const {
  std::vector<std::size_t> out;
  MutexLock lock(mutex_);
  for (const auto& [id, view] : series_) {
    if (view.max_ms < from_ms || view.min_ms > to_ms) continue;
    const auto it = std::lower_bound(ids.begin(), ids.end(), id);
    if (it != ids.end() && *it == id) out.push_back(static_cast<std::size_t>(it - ids.begin()));
  }
  return out;
}

bool PointsOf(const HistogramHead::View& view, std::int64_t from_ms, std::int64_t to_ms,
              std::vector<HistogramPoint>& out) {
  for (const auto& chunk : view.chunks) {
    if (chunk->max_ms < from_ms || chunk->min_ms > to_ms) continue;
    if (!DecodeHistograms(chunk->bytes, from_ms, to_ms, out)) return false;
  }
  std::copy_if(view.open.begin(), view.open.end(), std::back_inserter(out),
               [&](const HistogramPoint& point) {
                 return point.time_ms >= from_ms && point.time_ms <= to_ms;
               });
  SortByTime(out);
  return true;
}

void HistogramChunksOf(std::vector<HistogramPoint> points, bool keep_orders,
                       const EmitHistograms& emit) {
  std::vector<HistogramPoint> unique;
  for (HistogramPoint& point : points) {
    if (!unique.empty() && unique.back().time_ms == point.time_ms) unique.pop_back();
    unique.push_back(std::move(point));
  }
  for (std::size_t from = 0; from < unique.size();) {
    const Histogram& first = *unique[from].histogram;
    const std::size_t rows_max = HistogramsPerChunk(first, kStoredRowsMax);
    std::size_t to = from + 1;
    while (to < unique.size() && to - from < rows_max &&
           SameHistogramLayout(first, *unique[to].histogram)) {
      ++to;
    }
    const auto chunk = std::span<const HistogramPoint>(unique).subspan(from, to - from);
    emit(EncodeHistograms(chunk, keep_orders), chunk.front().time_ms, chunk.back().time_ms);
    from = to;
  }
}

}  // namespace opssight
