#include "aggregator/store/metrics/gather.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"

namespace opssight {

Status SampleCount::Add(std::uint64_t samples) {
  const std::uint64_t count = count_.fetch_add(samples, std::memory_order_relaxed) + samples;
  if (count <= max_) return {};
  return Exhausted(
      fmt::format("query reads more than {} samples; narrow its time or its series", max_));
}

Status Gather::CheckCancelled() const {
  if (limits_.cancelled && limits_.cancelled()) return Unavailable("query cancelled");
  return {};
}

Status Gather::StartIndex(SelectedSeries series, std::vector<std::uint32_t> slots) {
  OPS_CHECK(series.ids.size() == slots.size(), "gather: {} series, {} slots", series.ids.size(),
            slots.size());
  OPS_RETURN_IF_ERROR(CheckCancelled());
  indexes_.push_back(std::move(series.names));
  slot_of_ = std::move(slots);
  hidden_.clear();
  const auto index_number = static_cast<std::uint32_t>(indexes_.size() - 1);
  const std::vector<SeriesId>& name_ids = series.NameIds();
  for (std::size_t i = 0; i < slot_of_.size(); ++i) {
    if (slot_of_[i] >= slots_.size()) slots_.resize(std::max(slot_of_.size(), slot_of_[i] + 1UL));
    Slot& slot = slots_[slot_of_[i]];
    if (slot.index != kNoIndex) continue;
    slot.index = index_number;
    slot.id = name_ids[i];
  }
  ids_ = std::move(series.ids);
  return {};
}

Status Gather::Count(std::uint64_t samples) {
  samples_ += samples;
  return limits_.samples.Add(samples);
}

Status Gather::Add(std::size_t i, std::vector<HistogramPoint> points) {
  std::vector<Histograms::Entry>& entries = histograms_[slot_of_[i]].entries;
  const auto hidden = hidden_.find(i);
  for (HistogramPoint& point : points) {
    if (hidden != hidden_.end() && IsHidden(hidden->second, point.time_ms)) continue;
    // A sample is 16 bytes: a histogram counts as the samples that take as much.
    const Histogram& histogram = *point.histogram;
    OPS_RETURN_IF_ERROR(Count(1 + (histogram.positive.size() + histogram.negative.size()) / 2));
    entries.push_back({.layer = layer_, .point = std::move(point)});
  }
  return {};
}

// A series with floats and histograms: of both at one time the one written last stays.
void Gather::MarkMixed() {
  for (const auto& [slot, histograms] : histograms_) {
    if (!slots_[slot].samples.empty() && !histograms.entries.empty()) MarkDisordered(slots_[slot]);
  }
}

bool Gather::NeedsOrders() {
  MarkMixed();
  return left_out_orders_ && disordered_;
}

bool Gather::IsHidden(const std::vector<Hidden>& ranges, std::int64_t time_ms) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Hidden& range) {
    return cut_ <= range.cut && time_ms >= range.from_ms && time_ms <= range.to_ms;
  });
}

Status Gather::Add(std::size_t i, std::span<const std::int64_t> times,
                   std::span<const double> values, std::span<const std::int64_t> orders,
                   bool strict) {
  const auto hidden = hidden_.empty() ? hidden_.end() : hidden_.find(i);
  if (hidden == hidden_.end()) return AddShown(i, times, values, orders, strict);
  std::vector<std::int64_t> shown_times;
  std::vector<double> shown_values;
  std::vector<std::int64_t> shown_orders;
  for (std::size_t k = 0; k < times.size(); ++k) {
    if (IsHidden(hidden->second, times[k])) continue;
    shown_times.push_back(times[k]);
    shown_values.push_back(values[k]);
    if (!orders.empty()) shown_orders.push_back(orders[k]);
  }
  return AddShown(i, shown_times, shown_values, shown_orders, strict);
}

// For what is there, `count` samples from first_ms to last_ms, and what may follow at their
// pace, but not too far: one growth instead of three.
std::size_t Gather::RoomFor(const std::vector<Sample>& samples, std::int64_t first_ms,
                            std::int64_t last_ms, std::size_t count) const {
  constexpr std::size_t kPartsMore = 4;
  const std::size_t needed = samples.size() + count;
  std::size_t more = 0;
  if (last_ms > first_ms && to_ms_ > last_ms) {
    const double parts =
        static_cast<double>(to_ms_ - last_ms) / static_cast<double>(last_ms - first_ms);
    more =
        static_cast<std::size_t>(static_cast<double>(count) * std::min<double>(parts, kPartsMore)) +
        1;
  }
  return std::max(needed + more, samples.capacity() + samples.capacity() / 2);
}

Status Gather::AddShown(std::size_t i, std::span<const std::int64_t> times,
                        std::span<const double> values, std::span<const std::int64_t> orders,
                        bool strict) {
  const auto begin = std::lower_bound(times.begin(), times.end(), from_ms_) - times.begin();
  const auto end = std::upper_bound(times.begin(), times.end(), to_ms_) - times.begin();
  if (begin >= end) return {};
  OPS_RETURN_IF_ERROR(Count(static_cast<std::uint64_t>(end - begin)));
  Slot& slot = slots_[slot_of_[i]];
  std::vector<Sample>& samples = slot.samples;
  const auto first = static_cast<std::size_t>(begin);
  const auto last = static_cast<std::size_t>(end);
  const bool keeps = keep_orders_ && !orders.empty();
  parts_.push_back({.slot = slot_of_[i],
                    .begin = static_cast<std::uint32_t>(samples.size()),
                    .layer = layer_,
                    .orders = keeps ? orders_.size() : kNoOrders});
  if (keeps) orders_.insert(orders_.end(), orders.begin() + begin, orders.begin() + end);
  left_out_orders_ |= !orders.empty() && !keeps;
  if (!samples.empty() && samples.back().time_ms >= times[first]) MarkDisordered(slot);
  if (!strict) MarkDisordered(slot);
  if (samples.capacity() - samples.size() < last - first) {
    samples.reserve(RoomFor(samples, times[first], times[last - 1], last - first));
  }
  const std::size_t before = samples.size();
  samples.resize(before + (last - first));
  Sample* const out = samples.data() + before;
  for (std::size_t k = first; k < last; ++k) {
    out[k - first] = {.time_ms = times[k], .value = values[k]};
  }
  return {};
}

Status Gather::Add(std::size_t i, const GroupReader& group, const GroupColumn& column) {
  if (column.count == 0) return {};
  const auto values = std::span(column.values).subspan(column.first, column.count);
  const bool strict = group.strictly_ascending();
  if (column.dense) {
    const auto times = std::span(group.times()).subspan(column.first, column.count);
    const std::span<const std::int64_t> orders = group.orders();
    return Add(i, times, values,
               orders.empty() ? orders : orders.subspan(column.first, column.count), strict);
  }
  sparse_times_.resize(column.count);
  sparse_orders_.resize(group.orders().empty() ? 0 : column.count);
  for (std::size_t k = 0; k < column.count; ++k) {
    const auto row = static_cast<std::size_t>(column.positions[k]);
    sparse_times_[k] = group.times()[row];
    if (!sparse_orders_.empty()) sparse_orders_[k] = group.orders()[row];
  }
  return Add(i, sparse_times_, values, sparse_orders_, strict);
}

void Gather::Sort(Slot& slot, std::span<const Part> parts, Histograms* histograms) const {
  struct Key {
    std::int64_t time_ms;
    std::uint32_t layer;
    std::int64_t order;
    double value;
    const std::shared_ptr<const Histogram>* histogram;  // Null: a float.
  };
  std::vector<Key> keys;
  keys.reserve(slot.samples.size());
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const Part& of = parts[part];
    const std::size_t end = part + 1 < parts.size() ? parts[part + 1].begin : slot.samples.size();
    for (std::size_t i = of.begin; i < end; ++i) {
      keys.push_back({.time_ms = slot.samples[i].time_ms,
                      .layer = of.layer,
                      .order = of.orders == kNoOrders ? 0 : orders_[of.orders + i - of.begin],
                      .value = slot.samples[i].value,
                      .histogram = nullptr});
    }
  }
  if (histograms != nullptr) {
    for (const Histograms::Entry& entry : histograms->entries) {
      keys.push_back({.time_ms = entry.point.time_ms,
                      .layer = entry.layer,
                      .order = entry.point.order,
                      .value = 0,
                      .histogram = &entry.point.histogram});
    }
  }
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.time_ms != b.time_ms) return a.time_ms < b.time_ms;
    return a.layer != b.layer ? a.layer < b.layer : a.order < b.order;
  });
  slot.samples.clear();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i + 1 < keys.size() && keys[i + 1].time_ms == keys[i].time_ms) continue;
    if (keys[i].histogram != nullptr) {
      histograms->settled.push_back({.time_ms = keys[i].time_ms, .histogram = *keys[i].histogram});
    } else {
      slot.samples.push_back({.time_ms = keys[i].time_ms, .value = keys[i].value});
    }
  }
}

void Gather::SortDisordered() {
  MarkMixed();
  for (auto& [slot, histograms] : histograms_) {
    if (slots_[slot].samples.empty()) Sort(slots_[slot], {}, &histograms);
  }
  if (!disordered_) return;
  std::stable_sort(parts_.begin(), parts_.end(),
                   [](const Part& a, const Part& b) { return a.slot < b.slot; });
  for (std::size_t from = 0; from < parts_.size();) {
    std::size_t to = from;
    while (to < parts_.size() && parts_[to].slot == parts_[from].slot) ++to;
    Slot& slot = slots_[parts_[from].slot];
    const auto mixed = histograms_.find(parts_[from].slot);
    if (slot.disordered) {
      Sort(slot, std::span(parts_).subspan(from, to - from),
           mixed == histograms_.end() ? nullptr : &mixed->second);
    }
    from = to;
  }
}

std::vector<Series> Gather::Finish(SeriesLabels labels_wanted) {
  SortDisordered();
  std::vector<Series> out;
  out.reserve(slots_.size());
  std::vector<SeriesId> ids;
  std::vector<Labels> labels;
  // Slots of one index stand together, in the order in which the indexes came.
  for (std::size_t from = 0; from < slots_.size();) {
    const std::uint32_t index = slots_[from].index;
    ids.clear();
    labels.clear();
    const std::size_t first = out.size();
    for (; from < slots_.size() && slots_[from].index == index; ++from) {
      Slot& slot = slots_[from];
      const auto of = histograms_.find(static_cast<std::uint32_t>(from));
      const bool has_histograms = of != histograms_.end() && !of->second.settled.empty();
      if (slot.samples.empty() && !has_histograms) continue;
      ids.push_back(slot.id);
      out.push_back({.labels = {}, .samples = std::move(slot.samples)});
      if (has_histograms) out.back().histograms = std::move(of->second.settled);
    }
    if (ids.empty() || labels_wanted == SeriesLabels::kUnused) continue;
    indexes_[index]->AppendLabels(ids, labels);
    for (std::size_t i = 0; i < labels.size(); ++i) out[first + i].labels = std::move(labels[i]);
  }
  return out;
}

std::vector<DaySeries> Gather::FinishByIds() {
  SortDisordered();
  std::vector<DaySeries> out;
  out.reserve(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto of = histograms_.find(static_cast<std::uint32_t>(i));
    DaySeries series{.id = slots_[i].id, .samples = std::move(slots_[i].samples)};
    if (of != histograms_.end()) series.histograms = std::move(of->second.settled);
    if (!series.samples.empty() || !series.histograms.empty()) out.push_back(std::move(series));
  }
  return out;
}

}  // namespace opssight
