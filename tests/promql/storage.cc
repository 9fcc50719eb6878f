#include "tests/promql/storage.h"

#include <cstddef>
#include <utility>

#include "aggregator/promql/histogram/histogram_math.h"
#include "common/model/record.h"
#include "tests/promql/classic_histograms.h"

namespace opssight::promqltest {

namespace {

bool SameLayout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.custom_values == b.custom_values;
}

// previous: the histogram right before, null where a float or nothing is.
ResetHint HintAsStored(const Histogram& histogram, const Histogram* previous) {
  if (histogram.hint == ResetHint::kGauge) return ResetHint::kGauge;
  const bool goes_on = previous != nullptr && previous->hint != ResetHint::kGauge &&
                       histogram.hint != ResetHint::kReset && SameLayout(histogram, *previous) &&
                       !promql::DetectReset(histogram, *previous);
  return goes_on ? ResetHint::kNotReset : ResetHint::kUnknown;
}

}  // namespace

void Storage::Clear() {
  series_.clear();
  source_.Clear();
}

Status Storage::Load(const LoadCommand& load) {
  std::map<Labels, const SeriesLine*> starts;
  ClassicHistograms classic;
  for (const SeriesLine& line : load.series) {
    if (line.starts_line) {
      starts[line.labels] = &line;
      continue;
    }
    const auto found = starts.find(line.labels);
    const SeriesLine* of = found == starts.end() ? nullptr : found->second;
    if (of != nullptr && of->starts.size() != line.values.size()) {
      return Invalid("an @st line is not as long as its series: " + line.labels.PrometheusText());
    }
    Points& points = series_[line.labels];
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      if (!line.values[i]) continue;
      const std::int64_t time_ms = static_cast<std::int64_t>(i) * load.step_ms;
      const bool known = of != nullptr && of->starts[i].has_value();
      points[time_ms] = {.value = *line.values[i],
                         .start_ms = known ? time_ms + *of->starts[i] : 0};
      if (load.with_nhcb) classic.Add(line.labels, time_ms, *line.values[i]);
    }
  }
  for (auto& made : classic.Convert()) {
    series_[made.labels][made.time_ms] = {.value = {.histogram = std::move(made.histogram)}};
  }
  source_.Clear();
  for (const auto& [labels, points] : series_) Refill(labels, points);
  return {};
}

void Storage::Refill(const Labels& labels, const Points& points) {
  std::shared_ptr<const Histogram> previous;
  for (const auto& [time_ms, point] : points) {
    if (!point.value.histogram) {
      // A stale marker among histograms is one of them, and ends what can be compared.
      source_.Add(labels, time_ms, point.value.value, point.start_ms);
      previous = nullptr;
      continue;
    }
    Histogram stored = *point.value.histogram;
    stored.hint = HintAsStored(stored, previous.get());
    previous = point.value.histogram;
    source_.Add(labels, time_ms, std::make_shared<const Histogram>(std::move(stored)),
                point.start_ms);
  }
}

}  // namespace opssight::promqltest
