// Series in memory: a source for the query languages in tests, and a model to compare
// stores with.
//
//   MemorySeries source;
//   source.Add(Labels{{"__name__", "up"}, {"job", "a"}}, 15'000, 1);
//
// Filling is for one thread; reading is safe on any once it is filled. Cost: a walk over all
// series a Select.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "aggregator/query/source.h"

namespace opssight {

class MemorySeries final : public SeriesSource {
 public:
  // A time that is there already gets the new value. start_ms 0: not known.
  void Add(const Labels& labels, std::int64_t time_ms, double value, std::int64_t start_ms = 0) {
    Point& point = series_[labels][time_ms];
    point = {.value = value, .histogram = nullptr, .start_ms = start_ms};
  }
  void Add(const Labels& labels, std::int64_t time_ms, std::shared_ptr<const Histogram> histogram,
           std::int64_t start_ms = 0) {
    Point& point = series_[labels][time_ms];
    point = {.value = 0, .histogram = std::move(histogram), .start_ms = start_ms};
  }
  void Clear() { series_.clear(); }

  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override {
    std::vector<Series> selected;
    std::uint64_t samples = 0;
    for (const auto& [labels, points] : series_) {
      if (!MatchesAll(matchers, labels)) continue;
      Series series = Cut(labels, points, from_ms, to_ms);
      const std::size_t count = series.samples.size() + series.histograms.size();
      if (count == 0) continue;
      samples += count;
      if (samples > limits.samples_max) return Exhausted("query reads too many samples");
      selected.push_back(std::move(series));
      if (selected.size() > limits.series_max) return Exhausted("query selects too many series");
    }
    return selected;
  }

  // Two series each; without labels where nobody wants them, so that tests see who looks at
  // them all the same.
  Result<std::unique_ptr<SeriesPortions>> SelectPortions(const std::vector<Matcher>& matchers,
                                                         std::int64_t from_ms, std::int64_t to_ms,
                                                         const QueryLimits& limits,
                                                         SeriesLabels labels) const override {
    auto selected = Select(matchers, from_ms, to_ms, limits);
    if (!selected.has_value()) return std::move(selected).error();
    auto portions = std::make_unique<Pairs>();
    for (std::size_t i = 0; i < selected->size(); ++i) {
      Series& series = (*selected)[i];
      if (labels == SeriesLabels::kUnused) series.labels = Labels();
      if (i % 2 == 0) portions->pairs.emplace_back();
      portions->pairs.back().push_back(std::move(series));
    }
    return portions;
  }

  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                           std::int64_t from_ms, std::int64_t to_ms,
                                           const QueryLimits& limits) const override {
    auto selected = Select(matchers, from_ms, to_ms, limits);
    if (!selected.has_value()) return std::move(selected).error();
    std::vector<Labels> labels;
    for (Series& series : *selected) labels.push_back(std::move(series.labels));
    return labels;
  }

 private:
  struct Pairs final : SeriesPortions {
    std::size_t count() const override { return pairs.size(); }
    Result<std::vector<Series>> Read(std::size_t portion) override {
      return std::move(pairs[portion]);
    }
    std::vector<std::vector<Series>> pairs;
  };

  struct Point {
    double value = 0;
    std::shared_ptr<const Histogram> histogram;  // Null: value counts.
    std::int64_t start_ms = 0;
  };
  using Points = std::map<std::int64_t, Point>;

  static Series Cut(const Labels& labels, const Points& points, std::int64_t from_ms,
                    std::int64_t to_ms) {
    Series series = {.labels = labels};
    bool starts = false;
    for (auto it = points.lower_bound(from_ms); it != points.end() && it->first <= to_ms; ++it) {
      const Point& point = it->second;
      starts = starts || point.start_ms != 0;
      if (point.histogram) {
        series.histograms.push_back({.time_ms = it->first, .histogram = point.histogram});
        series.histogram_starts.push_back(point.start_ms);
      } else {
        series.samples.push_back({.time_ms = it->first, .value = point.value});
        series.sample_starts.push_back(point.start_ms);
      }
    }
    if (!starts) {
      series.sample_starts.clear();
      series.histogram_starts.clear();
    }
    return series;
  }

  std::map<Labels, Points> series_;
};

}  // namespace opssight
