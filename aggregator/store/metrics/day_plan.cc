#include "aggregator/store/metrics/day_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace opssight {

DayPlan::DayPlan(std::vector<SeriesId> ids)
    : ids_(std::move(ids)),
      parents_(ids_.size()),
      sizes_(ids_.size(), 1),
      samples_(ids_.size(), 0),
      portion_of_(ids_.size(), kNone) {
  std::iota(parents_.begin(), parents_.end(), 0U);
}

// Nearly all of the ids are wanted, so the place is close to the id.
std::uint32_t DayPlan::PositionOf(SeriesId id) const {
  if (id < ids_.size() && ids_[id] == id) return id;
  const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (it == ids_.end() || *it != id) return kNone;
  return static_cast<std::uint32_t>(it - ids_.begin());
}

std::uint32_t DayPlan::RootOf(std::uint32_t position) {
  while (parents_[position] != position) {
    parents_[position] = parents_[parents_[position]];
    position = parents_[position];
  }
  return position;
}

// The smaller position stays the root: targets keep the order of their first series.
void DayPlan::Join(std::uint32_t a, std::uint32_t b) {
  a = RootOf(a);
  b = RootOf(b);
  if (a == b || sizes_[a] + sizes_[b] > kTargetSeries) return;
  if (b < a) std::swap(a, b);
  parents_[b] = a;
  sizes_[a] += sizes_[b];
}

void DayPlan::Add(const IdRuns& runs, std::uint64_t samples) {
  std::uint32_t first = kNone;
  for (const IdRun& run : runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const std::uint32_t at = PositionOf(run.first + i);
      if (at == kNone) continue;
      samples_[at] += samples;
      if (first == kNone) {
        first = at;
      } else {
        Join(first, at);
      }
    }
  }
}

void DayPlan::Finish() {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;  // Root, position.
  for (std::uint32_t at = 0; at < ids_.size(); ++at) {
    if (samples_[at] != 0) order.emplace_back(RootOf(at), at);
  }
  std::sort(order.begin(), order.end());
  std::uint64_t samples = kPortionSamples;
  for (const auto& [root, at] : order) {
    if (samples + samples_[at] > kPortionSamples || portions_.back().ids.size() == kPortionSeries) {
      portions_.emplace_back();
      samples = 0;
    }
    samples += samples_[at];
    DayPortion& portion = portions_.back();
    portion.ids.push_back(ids_[at]);
    portion.samples_max = std::max(portion.samples_max, samples_[at]);
    portion_of_[at] = static_cast<std::uint32_t>(portions_.size() - 1);
  }
  for (DayPortion& portion : portions_) std::sort(portion.ids.begin(), portion.ids.end());
}

void DayPlan::Name(std::uint32_t block, const IdRuns& runs) {
  for (const IdRun& run : runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const std::uint32_t at = PositionOf(run.first + i);
      if (at == kNone || portion_of_[at] == kNone) continue;
      std::vector<std::uint32_t>& blocks = portions_[portion_of_[at]].blocks;
      if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
    }
  }
}

}  // namespace opssight
