// HistogramHead holds the newest native histograms, series by series, beside the rows
// of a MetricsHead: up to 30 as they came, then coded (histogram_chunk.h). A new layout of
// a series' buckets begins a new chunk.
//
// One thread writes (HeadWriter); any thread takes a View, which does not change.
// Memory: about 300 B and 8 B a bucket for the newest, then some 50 B and 1 B a bucket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/store/metrics/histogram_chunk.h"
#include "aggregator/store/metrics/id_set.h"
#include "common/base/mutex.h"

namespace opssight {

class HistogramHead {
 public:
  struct Chunk {
    std::string bytes;
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
  };
  // Of one series, in the order they came.
  struct View {
    std::vector<std::shared_ptr<const Chunk>> chunks;
    std::vector<HistogramPoint> open;
    std::int64_t min_ms = INT64_MAX;
    std::int64_t max_ms = INT64_MIN;
    bool shared = false;  // The series has floats in this head as well.
  };

  // Writer only. Returns bytes of memory gained or lost.
  std::ptrdiff_t Append(SeriesId id, HistogramPoint point) OPS_EXCLUDES(mutex_);
  void MarkShared(SeriesId id) OPS_EXCLUDES(mutex_);  // Of a series that is here, or nothing.

  bool empty() const OPS_EXCLUDES(mutex_);
  std::size_t size() const OPS_EXCLUDES(mutex_);
  std::vector<SeriesId> Ids() const OPS_EXCLUDES(mutex_);  // Ascending.
  View Take(SeriesId id) const OPS_EXCLUDES(mutex_);       // Empty: not here.
  // The first and the last of all; the wrong way round where there are none.
  std::pair<std::int64_t, std::int64_t> times() const OPS_EXCLUDES(mutex_);
  // The series of ids (ascending) with something in [from_ms, to_ms], as positions in ids.
  std::vector<std::size_t> Overlapping(std::span<const SeriesId> ids, std::int64_t from_ms,
                                       std::int64_t to_ms) const OPS_EXCLUDES(mutex_);

 private:
  std::ptrdiff_t Close(SeriesId id) OPS_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::map<SeriesId, View> series_ OPS_GUARDED_BY(mutex_);
};

// All of a view in [from_ms, to_ms] by time; of one time in the order they came.
// False: its chunks are broken.
bool PointsOf(const HistogramHead::View& view, std::int64_t from_ms, std::int64_t to_ms,
              std::vector<HistogramPoint>& out);

// The points (ascending; of one time the last counts) as chunks.
using EmitHistograms =
    std::function<void(std::string_view chunk, std::int64_t min_ms, std::int64_t max_ms)>;
void HistogramChunksOf(std::vector<HistogramPoint> points, bool keep_orders,
                       const EmitHistograms& emit);

}  // namespace opssight
