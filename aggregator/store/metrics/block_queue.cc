#include "aggregator/store/metrics/block_queue.h"

#include <utility>

namespace opssight {

Status BlockQueue::Add(std::span<const SeriesId> ids, std::string_view group, std::int64_t min_ms,
                       std::int64_t max_ms) {
  block_.Add(ids, group, min_ms, max_ms);
  return block_.bytes() < sizes_.block_bytes ? Status() : Close();
}

Status BlockQueue::MayClose() {
  return block_.bytes() < sizes_.block_bytes / 2 ? Status() : Close();
}

Status BlockQueue::Finish() {
  if (!block_.empty()) OPS_RETURN_IF_ERROR(Close());
  return WriteQueued();
}

Status BlockQueue::Close() {
  summaries_.push_back({.number = static_cast<std::uint32_t>(summaries_.size()),
                        .min_ms = block_.min_ms(),
                        .max_ms = block_.max_ms(),
                        .runs = SortedRunsOf(block_.ids())});
  queued_.push_back(block_.Finish());
  queued_bytes_ += queued_.back().size();
  block_ = MetricBlockWriter();
  return queued_bytes_ < sizes_.queued_bytes ? Status() : WriteQueued();
}

Status BlockQueue::WriteQueued() {
  std::vector<DayFiles::Numbered> values;
  const std::size_t first = summaries_.size() - queued_.size();
  for (std::size_t i = 0; i < queued_.size(); ++i) {
    values.push_back(
        {.number = first_number_ + static_cast<std::uint32_t>(first + i), .value = queued_[i]});
  }
  OPS_RETURN_IF_ERROR(write_(values));
  queued_.clear();
  queued_bytes_ = 0;
  return {};
}

}  // namespace opssight
