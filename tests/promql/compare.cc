#include "tests/promql/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <fmt/core.h>
#include <re2/re2.h>

#include "aggregator/promql/histogram/histogram_math.h"
#include "common/model/record.h"
#include "common/text/number.h"

namespace opssight::promqltest {

namespace {

using promql::ResultSeries;

constexpr double kEpsilon = 1e-6;

// Index and count of the buckets that are not empty, however the spans lie.
std::vector<std::pair<std::int32_t, double>> FullBuckets(const std::vector<BucketSpan>& spans,
                                                         const std::vector<double>& counts) {
  std::vector<std::pair<std::int32_t, double>> full;
  std::int32_t index = 0;
  std::size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && at < counts.size(); ++i, ++index, ++at) {
      if (counts[at] != 0) full.emplace_back(index, counts[at]);
    }
  }
  return full;
}

bool SameBuckets(const std::vector<BucketSpan>& a_spans, const std::vector<double>& a,
                 const std::vector<BucketSpan>& b_spans, const std::vector<double>& b) {
  const auto left = FullBuckets(a_spans, a);
  const auto right = FullBuckets(b_spans, b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && AlmostEqual(x.second, y.second);
                    });
}

bool SameHistogram(const Value& expected, const Histogram& got) {
  const Histogram& want = *expected.histogram;
  return want.schema == got.schema && (!expected.hint_written || want.hint == got.hint) &&
         AlmostEqual(want.count, got.count) && AlmostEqual(want.sum, got.sum) &&
         want.custom_values == got.custom_values && want.zero_threshold == got.zero_threshold &&
         AlmostEqual(want.zero_count, got.zero_count) &&
         SameBuckets(want.positive_spans, want.positive, got.positive_spans, got.positive) &&
         SameBuckets(want.negative_spans, want.negative, got.negative_spans, got.negative);
}

std::string Text(const Histogram& histogram) {
  static constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  return fmt::format("{} hint {} schema {}", promql::ToString(histogram),
                     kHints[static_cast<std::size_t>(histogram.hint)], histogram.schema);
}

std::string Text(const Value& value) {
  return value.histogram ? Text(*value.histogram) : FormatDouble(value.value);
}

using Points = std::map<std::int64_t, Value>;

Points PointsOf(const ResultSeries& series) {
  Points points;
  for (const promql::Point& point : series.points) points[point.time_ms] = {.value = point.value};
  for (const promql::HistogramPoint& point : series.histograms) {
    points[point.time_ms] = {.histogram = point.histogram};
  }
  return points;
}

std::string ComparePoint(const Value& want, const Value& got) {
  if (want.histogram && got.histogram && SameHistogram(want, *got.histogram)) return "";
  if (!want.histogram && !got.histogram && AlmostEqual(want.value, got.value)) return "";
  return fmt::format("expected {}, got {}", Text(want), Text(got));
}

std::string ComparePoints(const Points& want, const Points& got) {
  for (const auto& [time_ms, value] : want) {
    const auto found = got.find(time_ms);
    if (found == got.end())
      return fmt::format("at {}: expected {}, got nothing", time_ms, Text(value));
    if (std::string why = ComparePoint(value, found->second); !why.empty()) {
      return fmt::format("at {}: {}", time_ms, why);
    }
  }
  for (const auto& [time_ms, value] : got) {
    if (!want.contains(time_ms)) return fmt::format("at {}: unexpected {}", time_ms, Text(value));
  }
  return "";
}

Points ExpectedPoints(const SeriesLine& line, const Range& range) {
  Points points;
  for (std::size_t i = 0; i < line.values.size(); ++i) {
    const std::int64_t time_ms = range.start_ms + static_cast<std::int64_t>(i) * range.step_ms;
    if (line.values[i]) points[time_ms] = *line.values[i];
  }
  return points;
}

// That each series is met once; `same` compares the two. Positions of both come along.
template <class Same>
std::string CompareEach(const EvalCommand& eval, const std::vector<ResultSeries>& series,
                        Same same) {
  std::map<Labels, std::size_t> expected;
  for (std::size_t i = 0; i < eval.series.size(); ++i) expected[eval.series[i].labels] = i;
  std::set<Labels> seen;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Labels& labels = series[i].labels;
    const auto found = expected.find(labels);
    const std::string name = labels.PrometheusText();
    if (found == expected.end()) return "unexpected series " + name;
    if (!seen.insert(labels).second) return "series comes twice: " + name;
    if (eval.ordered && found->second != i) {
      return fmt::format("{} expected at {}, is at {}", name, found->second, i);
    }
    if (std::string why = same(eval.series[found->second], series[i]); !why.empty()) {
      return name + ": " + why;
    }
  }
  for (const auto& [labels, i] : expected) {
    if (!seen.contains(labels)) return "series is missing: " + labels.PrometheusText();
  }
  return "";
}

std::string CompareMatrix(const EvalCommand& eval, const std::vector<ResultSeries>& matrix,
                          const Range& range) {
  if (eval.ordered) return "ordered says nothing of a matrix";
  if (std::string why = CheckSorted(matrix); !why.empty()) return why;
  return CompareEach(eval, matrix, [&](const SeriesLine& want, const ResultSeries& got) {
    return ComparePoints(ExpectedPoints(want, range), PointsOf(got));
  });
}

}  // namespace

bool AlmostEqual(double a, double b) {
  const bool a_stale = std::bit_cast<std::uint64_t>(a) == kStaleNanBits;
  const bool b_stale = std::bit_cast<std::uint64_t>(b) == kStaleNanBits;
  if (a_stale || b_stale) return a_stale && b_stale;
  if ((std::isnan(a) && std::isnan(b)) || a == b) return true;
  constexpr double kLeast = std::numeric_limits<double>::min();
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kLeast) return difference < kEpsilon * kLeast;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

std::string CheckSorted(const std::vector<ResultSeries>& matrix) {
  for (std::size_t i = 1; i < matrix.size(); ++i) {
    if (matrix[i].labels < matrix[i - 1].labels) {
      return "not sorted: " + matrix[i].labels.PrometheusText() + " after " +
             matrix[i - 1].labels.PrometheusText();
    }
  }
  return "";
}

std::string CompareVector(const EvalCommand& eval, const std::vector<ResultSeries>& series) {
  return CompareEach(eval, series, [](const SeriesLine& want, const ResultSeries& got) {
    const Points points = PointsOf(got);
    if (want.values.size() != 1 || !want.values[0]) return std::string("no value expected");
    if (points.size() != 1) return fmt::format("{} points", points.size());
    return ComparePoint(*want.values[0], points.begin()->second);
  });
}

std::string CompareScalar(const EvalCommand& eval, double value) {
  if (!eval.scalar) return "unexpected scalar " + FormatDouble(value);
  return ComparePoint({.value = *eval.scalar}, {.value = value});
}

std::string CompareResult(const EvalCommand& eval, const promql::QueryResult& result) {
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&result.value)) {
    return CompareScalar(eval, scalar->point.value);
  }
  if (const auto* text = std::get_if<promql::StringResult>(&result.value)) {
    if (!eval.string) return "unexpected string " + text->value;
    if (*eval.string == text->value) return "";
    return fmt::format("expected string '{}', got '{}'", *eval.string, text->value);
  }
  if (eval.string || eval.scalar) return "a string or scalar expected, got series";
  if (const auto* vector = std::get_if<promql::VectorResult>(&result.value)) {
    if (eval.range_vector) return "a range vector expected, got an instant one";
    return CompareVector(eval, vector->series);
  }
  const auto& matrix = std::get<promql::MatrixResult>(result.value).series;
  if (!eval.is_range && !eval.range_vector) return "unexpected range vector";
  return CompareMatrix(eval, matrix, eval.range_vector.value_or(eval.range));
}

bool Meets(const Expected& expected, const std::string& text) {
  switch (expected.kind) {
    case Expected::Kind::kAny:
      return true;
    case Expected::Kind::kText:
      return expected.text == text;
    case Expected::Kind::kRegex:
      return re2::RE2::PartialMatch(text, expected.text);
  }
  return false;
}

std::string CompareTexts(std::string_view what, const std::vector<Expected>& expected,
                         const std::vector<std::string>& texts) {
  if (expected.empty()) return "";
  const auto met = [](const Expected& line, const std::string& text) { return Meets(line, text); };
  for (const std::string& text : texts) {
    if (std::none_of(expected.begin(), expected.end(),
                     [&](const Expected& line) { return met(line, text); })) {
      return fmt::format("unexpected {}: {}", what, text);
    }
  }
  for (const Expected& line : expected) {
    if (std::none_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return met(line, text); })) {
      return fmt::format("no {} came that is '{}'", what, line.text);
    }
  }
  return "";
}

}  // namespace opssight::promqltest
