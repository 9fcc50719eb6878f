// Series and queries for which rollups must say what samples say: irregular times, gaps,
// resets, stale markers, NaN, infinities; steps, ranges and offsets that are often multiples
// of five minutes or an hour, and sometimes not.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "aggregator/promql/engine/engine.h"
#include "aggregator/query/source.h"

namespace opssight {

class RolledQueries {
 public:
  explicit RolledQueries(std::uint64_t seed) : random_(seed) {}

  struct Made {
    Labels labels;
    std::vector<Sample> samples;
  };
  // One series in [from_ms, to_ms]; number makes its labels its own.
  Made MakeSeries(int number, std::int64_t from_ms, std::int64_t to_ms) {
    static constexpr std::array<const char*, 4> kNames = {"a_total", "b_total", "c", "d"};
    Made made{.labels = Labels{{"__name__", kNames[static_cast<std::size_t>(number) % 4]},
                               {"host", std::to_string(number / 4)}},
              .samples = {}};
    const std::int64_t interval_ms = 1000 * (15 + Below(4) * 60);
    const bool aligned = Below(3) == 0;
    const auto kind = Below(5);
    double value = static_cast<double>(Below(1000));
    std::int64_t at = from_ms + (aligned ? 0 : static_cast<std::int64_t>(Below(300'000)));
    while (at <= to_ms) {
      value = Next(kind, value);
      const auto odd = Below(200);
      double shown = value;
      if (odd == 0) shown = std::bit_cast<double>(kStaleNanBits);
      if (odd == 1) shown = std::numeric_limits<double>::quiet_NaN();
      if (odd == 2 && kind == 2) shown = std::numeric_limits<double>::infinity();
      if (odd == 3) shown = -0.0;
      made.samples.push_back({.time_ms = at, .value = shown});
      at += interval_ms;
      if (!aligned) at += static_cast<std::int64_t>(Below(2000));
      if (Below(300) == 0) at += static_cast<std::int64_t>(Below(8 * 3'600'000));  // A gap.
    }
    return made;
  }

  // Steps from from_ms to to_ms, mostly aligned.
  promql::QueryRequest MakeQuery(std::int64_t from_ms, std::int64_t to_ms) {
    static constexpr std::array<std::int64_t, 6> kSteps = {300, 600, 900, 3600, 7200, 86'400};
    const bool aligned = Below(8) != 0;
    std::int64_t step_ms = kSteps[Below(kSteps.size())] * 1000;
    if (!aligned) step_ms += 1000 * static_cast<std::int64_t>(Below(100));
    const std::int64_t unit_ms = aligned ? (Below(2) == 0 ? 300'000 : 3'600'000) : 1000;
    promql::QueryRequest request;
    request.text = MakeText();
    request.start_ms = (from_ms + static_cast<std::int64_t>(
                                      Below(static_cast<std::uint64_t>((to_ms - from_ms) / 2)))) /
                       unit_ms * unit_ms;
    request.end_ms = request.start_ms;
    if (Below(10) == 0) return request;  // Instant.
    request.step_ms = step_ms;
    request.end_ms += step_ms * static_cast<std::int64_t>(1 + Below(40));
    if (Below(6) == 0) request.lookback_ms = 60'000 * static_cast<std::int64_t>(1 + Below(120));
    return request;
  }

  // What differs between two answers; nothing: they say the same.
  static std::optional<std::string> Compare(
      const tl::expected<promql::QueryResult, promql::QueryError>& want,
      const tl::expected<promql::QueryResult, promql::QueryError>& got) {
    if (want.has_value() != got.has_value()) return "one is an error";
    if (!want.has_value()) return CompareText(want.error().message, got.error().message);
    if (want->value.index() != got->value.index()) return "kinds of results";
    if (want->annotations.Infos("", 0) != got->annotations.Infos("", 0)) return "infos";
    return CompareSeries(SeriesOf(want->value), SeriesOf(got->value));
  }

  std::uint64_t Below(std::uint64_t n) { return random_() % n; }

 private:
  double Next(std::uint64_t kind, double value) {
    switch (kind) {
      case 0:  // A counter.
        return Below(150) == 0 ? static_cast<double>(Below(5))
                               : value + static_cast<double>(Below(50));
      case 1:  // The same with fractions.
        return Below(400) == 0 ? 0.25 : value + static_cast<double>(Below(1000)) / 7;
      case 2:  // A gauge.
        return value + static_cast<double>(Below(2001)) / 100 - 10;
      case 3:
        return Below(50) == 0 ? static_cast<double>(Below(3)) : value;
      default:
        return static_cast<double>(Below(1'000'000)) / 1000 + 1;
    }
  }

  std::string MakeText() {
    static constexpr std::array<const char*, 20> kFunctions = {"sum_over_time",
                                                               "count_over_time",
                                                               "avg_over_time",
                                                               "min_over_time",
                                                               "max_over_time",
                                                               "last_over_time",
                                                               "rate",
                                                               "increase",
                                                               "delta",
                                                               "resets",
                                                               "changes",
                                                               "present_over_time",
                                                               "first_over_time",
                                                               "ts_of_last_over_time",
                                                               "rate",
                                                               "absent_over_time",
                                                               "quantile_over_time",
                                                               "ts_of_first_over_time",
                                                               "stddev_over_time",
                                                               "increase"};
    static constexpr std::array<const char*, 8> kRanges = {"5m", "10m", "1h",  "2h",
                                                           "1d", "90m", "37s", "3h"};
    static constexpr std::array<const char*, 7> kShifts = {
        "", "", "", " offset 1h", " offset 5m", " offset 7s", " @ end()"};
    static constexpr std::array<const char*, 6> kSelectors = {
        "a_total", "b_total", "c", "{__name__=~\"a_total|d\"}", "{host=\"1\"}", "d{host!=\"0\"}"};
    const std::string selector = kSelectors[Below(kSelectors.size())];
    const std::string shift = kShifts[Below(kShifts.size())];
    if (Below(4) == 0) {
      const std::string bare = selector + shift;
      if (Below(3) == 0) return "timestamp(" + bare + ")";
      return Below(2) == 0 ? bare : "sum by (host) (" + bare + ")";
    }
    const std::string function = kFunctions[Below(kFunctions.size())];
    const std::string range = kRanges[Below(kRanges.size())];
    const std::string first = function == "quantile_over_time" ? "0.5, " : "";
    std::string text = fmt::format("{}({}{}[{}]{})", function, first, selector, range, shift);
    if (Below(4) == 0) text = fmt::format("max by (host) ({})", text);
    if (Below(6) == 0) text = fmt::format("max_over_time({}[1h:5m])", text);
    return text;
  }

  static std::optional<std::string> CompareText(const std::string& want, const std::string& got) {
    if (want == got) return std::nullopt;
    return fmt::format("{} and {}", want, got);
  }

  static std::vector<promql::ResultSeries> SeriesOf(
      const decltype(promql::QueryResult::value)& value) {
    if (const auto* vector = std::get_if<promql::VectorResult>(&value))
      return Sorted(vector->series);
    if (const auto* matrix = std::get_if<promql::MatrixResult>(&value))
      return Sorted(matrix->series);
    return {};
  }

  static std::vector<promql::ResultSeries> Sorted(std::vector<promql::ResultSeries> series) {
    std::sort(series.begin(), series.end(), [](const auto& a, const auto& b) {
      return a.labels.PrometheusText() < b.labels.PrometheusText();
    });
    return series;
  }

  static bool Same(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (a == b) return true;
    return std::fabs(a - b) <= 1e-9 * std::max({std::fabs(a), std::fabs(b), 1e-3});
  }

  static std::optional<std::string> CompareSeries(const std::vector<promql::ResultSeries>& want,
                                                  const std::vector<promql::ResultSeries>& got) {
    if (want.size() != got.size()) {
      return fmt::format("{} and {} series", want.size(), got.size());
    }
    for (std::size_t i = 0; i < want.size(); ++i) {
      const std::string labels = want[i].labels.PrometheusText();
      if (labels != got[i].labels.PrometheusText()) return "labels: " + labels;
      if (want[i].points.size() != got[i].points.size()) {
        return fmt::format("{}: {} and {} points", labels, want[i].points.size(),
                           got[i].points.size());
      }
      for (std::size_t k = 0; k < want[i].points.size(); ++k) {
        const promql::Point& a = want[i].points[k];
        const promql::Point& b = got[i].points[k];
        if (a.time_ms != b.time_ms || !Same(a.value, b.value)) {
          return fmt::format("{}: {}@{} and {}@{}", labels, a.value, a.time_ms, b.value, b.time_ms);
        }
      }
    }
    return std::nullopt;
  }

  std::mt19937_64 random_;
};

}  // namespace opssight
