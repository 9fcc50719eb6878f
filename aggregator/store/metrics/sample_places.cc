// Where a MetricsStore has samples of a time, without reading them.
#include <algorithm>

#include "aggregator/store/metrics/metrics_store.h"
#include "common/base/clock.h"

namespace opssight {
namespace {

using Spans = std::vector<std::pair<std::int64_t, std::int64_t>>;

// Those that meet become one.
Spans Joined(Spans spans) {
  std::sort(spans.begin(), spans.end());
  Spans out;
  for (const auto& span : spans) {
    if (!out.empty() && span.first <= out.back().second) {
      out.back().second = std::max(out.back().second, span.second);
    } else {
      out.push_back(span);
    }
  }
  return out;
}

void AddSpans(const MetricsHead& head, std::int64_t from_ms, std::int64_t to_ms, Spans& out) {
  const auto add = [&](std::int64_t min_ms, std::int64_t max_ms) {
    if (min_ms <= max_ms && max_ms >= from_ms && min_ms <= to_ms) out.emplace_back(min_ms, max_ms);
  };
  for (const auto& target : head.Targets()) {
    const auto [min_ms, max_ms] = target->times();
    add(min_ms, max_ms);
  }
  const auto [min_ms, max_ms] = head.histograms().times();
  add(min_ms, max_ms);
}

}  // namespace

bool SamplePlaces::IsUnflushed(DayNumber day) const {
  const std::int64_t from_ms = day * kMsPerDay;
  const std::int64_t to_ms = from_ms + kMsPerDay - 1;
  return std::any_of(unflushed.begin(), unflushed.end(), [&](const auto& span) {
    return span.first <= to_ms && span.second >= from_ms;
  });
}

SamplePlaces MetricsStore::PlacesOf(std::int64_t from_ms, std::int64_t to_ms) const {
  SamplePlaces places;
  // First what is in memory: what a flush takes away meanwhile is in a file then.
  const Snapshot snapshot = Take();
  Spans spans;
  for (const HeadPtr& head : {snapshot.frozen, snapshot.head}) {
    if (head != nullptr) AddSpans(*head, from_ms, to_ms, spans);
  }
  places.unflushed = Joined(std::move(spans));
  places.written = days_.Written(from_ms, to_ms);
  return places;
}

}  // namespace opssight
