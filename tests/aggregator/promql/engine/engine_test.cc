// What the scripts of tests/promql do not look at: limits, cancellation, kinds of errors,
// names taken off at once, results that do not depend on threads, times at the borders.
#include "aggregator/promql/engine/engine.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/memory_series.h"

namespace opssight::promql {
namespace {

constexpr std::int64_t kSecond = 1000;

std::string Text(const ResultSeries& series) {
  std::string text = series.labels.PrometheusText() + ":";
  for (const Point& point : series.points) {
    text += fmt::format(" {}@{}", point.value, point.time_ms / kSecond);
  }
  for (const HistogramPoint& point : series.histograms) {
    text += fmt::format(" h{}@{}", point.histogram->count, point.time_ms / kSecond);
  }
  return text;
}

struct TextOf {
  std::vector<std::string> operator()(const ScalarResult& result) const {
    return {fmt::format("{}@{}", result.point.value, result.point.time_ms / kSecond)};
  }
  std::vector<std::string> operator()(const StringResult& result) const { return {result.value}; }
  std::vector<std::string> operator()(const VectorResult& result) const {
    return All(result.series);
  }
  std::vector<std::string> operator()(const MatrixResult& result) const {
    return All(result.series);
  }
  static std::vector<std::string> All(const std::vector<ResultSeries>& series) {
    std::vector<std::string> texts;
    for (const ResultSeries& one : series) texts.push_back(Text(one));
    return texts;
  }
};

// Series a_total and b_total of hosts 0 and 1 with a value each 10 s from 0 to 100 s: 0 1 2 …
// times the host's number + 1; c of host 0 from 60 s on.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    for (const int host : {0, 1}) {
      for (const char* name : {"a_total", "b_total"}) {
        Labels labels{{"__name__", name}, {"host", std::to_string(host)}};
        for (int i = 0; i <= 10; ++i) source_.Add(labels, i * 10 * kSecond, i * (host + 1));
      }
    }
    for (int i = 6; i <= 10; ++i) {
      source_.Add(Labels{{"__name__", "c"}, {"host", "0"}}, i * 10 * kSecond, 100);
    }
  }

  QueryRequest Instant(std::string text, std::int64_t at_s) {
    return {.text = std::move(text), .start_ms = at_s * kSecond, .end_ms = at_s * kSecond};
  }
  QueryRequest Range(std::string text, std::int64_t from_s, std::int64_t to_s,
                     std::int64_t step_s) {
    return {.text = std::move(text),
            .start_ms = from_s * kSecond,
            .end_ms = to_s * kSecond,
            .step_ms = step_s * kSecond};
  }
  // The answer's lines, or "kind: message".
  std::vector<std::string> Run(const QueryRequest& request) {
    const auto result = Engine(options_).Run(source_, request);
    if (!result.has_value()) {
      return {fmt::format("{}: {}", static_cast<int>(result.error().kind), result.error().message)};
    }
    stats_ = result->stats;
    annotations_ = result->annotations;
    return std::visit(TextOf(), result->value);
  }
  static std::vector<std::string> Failure(QueryErrorKind kind, std::string_view message) {
    return {fmt::format("{}: {}", static_cast<int>(kind), message)};
  }

  MemorySeries source_;
  EngineOptions options_;
  QueryStats stats_;
  Annotations annotations_;
};

using Lines = std::vector<std::string>;

TEST_F(EngineTest, AnswersEachKindOfExpression) {
  EXPECT_EQ(Run(Instant("1 + 2", 7)), Lines{"3@7"});
  EXPECT_EQ(Run(Instant("\"x\"", 7)), Lines{"x"});
  EXPECT_EQ(Run(Instant("c", 65)), Lines{"c{host=\"0\"}: 100@65"});
  EXPECT_EQ(Run(Instant("c[20s]", 75)), Lines{"c{host=\"0\"}: 100@60 100@70"});
  EXPECT_EQ(Run(Instant("c[20s:5s]", 70)), Lines{"c{host=\"0\"}: 100@60 100@65 100@70"});
  EXPECT_EQ(Run(Range("c", 50, 70, 10)), Lines{"c{host=\"0\"}: 100@60 100@70"});
  EXPECT_EQ(Run(Range("time()", 50, 70, 10)), Lines{"{}: 50@50 60@60 70@70"});
}

TEST_F(EngineTest, RangeQueriesAreOfScalarsAndInstantVectors) {
  EXPECT_EQ(Run(Range("c[1m]", 0, 10, 1)),
            Failure(QueryErrorKind::kBadData,
                    "invalid expression type \"range vector\" for range query, must be Scalar or "
                    "instant Vector"));
  EXPECT_EQ(Run(Range("\"c\"", 0, 10, 1)),
            Failure(QueryErrorKind::kBadData,
                    "invalid expression type \"string\" for range query, must be Scalar or "
                    "instant Vector"));
}

TEST_F(EngineTest, WhatCannotBePlannedIsBadData) {
  EXPECT_EQ(Run(Instant("rate(c[step()])", 10)),
            Failure(QueryErrorKind::kBadData, "duration must be greater than 0"));
  EXPECT_EQ(Run(Instant("rate(c[1m / step()])", 10)),
            Failure(QueryErrorKind::kBadData, "division by zero"));
  EXPECT_EQ(Run(Instant("c offset (10 ^ 300)", 10)),
            Failure(QueryErrorKind::kBadData, "duration is out of range"));
}

TEST_F(EngineTest, NamesGoAtOnceUnlessTheyMayStayToTheEnd) {
  const auto both = Instant("-{__name__=~\"._total\",host=\"0\"}", 50);
  EXPECT_EQ(Run(both), Failure(QueryErrorKind::kExecution,
                               "vector cannot contain metrics with the same labelset"));
  EXPECT_EQ(Run(Instant("sum by (__name__) (-c)", 70)), Lines{"{}: -100@70"});
  options_.delayed_name_removal = true;
  EXPECT_EQ(Run(both), Failure(QueryErrorKind::kExecution,
                               "vector cannot contain metrics with the same labelset"));
  EXPECT_EQ(Run(Instant("label_replace(-c, \"name\", \"$1\", \"__name__\", \"(.*)\")", 70)),
            (Lines{"{host=\"0\", name=\"c\"}: -100@70"}));
}

TEST_F(EngineTest, JoinsManyToOneOverChangingSeries) {
  EXPECT_EQ(Run(Range("a_total + on () group_left c", 50, 70, 10)),
            (Lines{"{host=\"0\"}: 106@60 107@70", "{host=\"1\"}: 112@60 114@70"}));
  EXPECT_EQ(Run(Range("c unless on (host) (a_total > 6)", 50, 80, 10)),
            Lines{"c{host=\"0\"}: 100@60"});
  EXPECT_EQ(Run(Instant("a_total + on () b_total", 50)).front().substr(0, 57),
            "1: found duplicate series for the match group {} on the r");
  EXPECT_EQ(Run(Instant("a_total * on () c", 70)),
            Failure(QueryErrorKind::kExecution,
                    "multiple matches for labels: many-to-one matching must be explicit "
                    "(group_left/group_right)"));
}

TEST_F(EngineTest, StepInvariantPartsAreEvaluatedOnce) {
  EXPECT_EQ(Run(Range("sum(a_total @ 50)", 0, 60, 30)), Lines{"{}: 15@0 15@30 15@60"});
  const std::uint64_t at_one_step = stats_.samples_total;
  EXPECT_EQ(at_one_step, 2U);
}

TEST_F(EngineTest, SamplesInMemoryAreLimited) {
  const std::string message =
      "query processing would load too many samples into memory in query execution";
  auto request = Range("a_total", 0, 100, 1);
  request.limits.samples_max = 1000;
  EXPECT_EQ(Run(request).size(), 2U);
  EXPECT_EQ(stats_.samples_peak, 202U);
  request.limits.samples_max = 150;
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
  request.text = "1";
  request.limits.samples_max = 100;
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
  request = Instant("count_over_time(vector(1)[100y:1ms])", 0);
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
}

TEST_F(EngineTest, WhatFunctionsMakeIsLimited) {
  const std::string message =
      "query processing would load too many samples into memory in query execution";
  const std::string text(3000, 'x');
  auto request = Instant("label_replace(a_total, \"x\", \"" + text + "\", \"\", \"\")", 50);
  request.limits.samples_max = 1000;
  EXPECT_EQ(Run(request).size(), 2U);
  request.limits.samples_max = 300;
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
  // Copies in a join.
  request = Instant("count(a_total * on() group_left(x) label_replace(vector(1), \"x\", \"" + text +
                        "\", \"\", \"\"))",
                    50);
  request.limits.samples_max = 300;
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
  // A column for each quantile, and a quantile for each step.
  options_.parse.experimental_functions = true;
  for (const char* bound : {"1", "+Inf"}) {
    source_.Add(Labels{{"__name__", "h_bucket"}, {"le", bound}}, 0, 10);
  }
  request = Range("histogram_quantiles(h_bucket, \"q\", time() / 1000)", 0, 100, 1);
  request.limits.samples_max = 20'000;
  EXPECT_EQ(Run(request).size(), 101U);
  request.limits.samples_max = 5'000;
  EXPECT_EQ(Run(request), Failure(QueryErrorKind::kExecution, message));
}

TEST_F(EngineTest, MemoryOfInputsIsGivenBack) {
  auto request = Range("sum(a_total) + sum(a_total) + sum(a_total) + sum(a_total)", 0, 100, 1);
  Run(request);
  // Two series and their sum beside the sum of the left side, and some.
  EXPECT_LT(stats_.samples_peak, 101U * 6);
}

TEST_F(EngineTest, TellsCancelledFromLate) {
  auto request = Instant("sum(a_total)", 50);
  request.limits.cancelled = [] { return true; };
  EXPECT_EQ(Run(request),
            Failure(QueryErrorKind::kCanceled, "query was canceled in expression evaluation"));
  request.timed_out = [] { return true; };
  EXPECT_EQ(Run(request),
            Failure(QueryErrorKind::kTimeout, "query timed out in expression evaluation"));
}

TEST_F(EngineTest, TimesAtTheBordersDoNotWrapRound) {
  const std::int64_t max = std::numeric_limits<std::int64_t>::max();
  const std::int64_t min = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t at : {min, min + 1, max - 1, max}) {
    for (const char* text :
         {"a_total", "rate(a_total[1y])", "rate(a_total[1y] offset 200y)",
          "rate(a_total[1y] offset -200y)", "sum_over_time(a_total[10m:1m])",
          "increase(a_total[5m] anchored)", "increase(a_total[5m] smoothed)", "a_total smoothed",
          "timestamp(a_total)", "a_total @ start() offset 290y"}) {
      EngineOptions options;
      options.parse.extended_range_selectors = true;
      const auto result =
          Engine(options).Run(source_, {.text = text, .start_ms = at, .end_ms = at});
      EXPECT_TRUE(result.has_value()) << text << " at " << at << result.error().message;
    }
  }
}

TEST_F(EngineTest, AnnotationsSayWhere) {
  Run(Range("sum(rate(c[1m]))", 60, 100, 10));
  EXPECT_EQ(annotations_.Infos("sum(rate(c[1m]))", 0),
            Lines{"PromQL info: metric might not be a counter, name does not end in "
                  "_total/_sum/_count/_bucket: \"c\" (1:10)"});
}

TEST(EngineThreadsTest, DoNotChangeTheAnswer) {
  MemorySeries source;
  for (int i = 0; i < 500; ++i) {
    Labels labels{{"__name__", i % 7 == 0 ? "odd" : "x_total"},
                  {"group", std::to_string(i % 13)},
                  {"i", std::to_string(i)}};
    for (int t = 0; t < 120; ++t) {
      if ((i * t) % 11 != 3) source.Add(labels, t * 15 * kSecond, (i * t) % 101 + t);
    }
  }
  for (const char* text : {"sum by (group) (rate({i!=\"\"}[5m]))", "topk by (group) (2, x_total)",
                           "x_total / on (i) group_left sum by (i) (x_total)",
                           "quantile by (group) (0.9, avg_over_time(x_total[3m]))"}) {
    std::vector<std::vector<std::string>> answers;
    for (const unsigned threads : {1U, 4U}) {
      EngineOptions options;
      options.threads = threads;
      const auto result = Engine(options).Run(
          source, {.text = text, .start_ms = 0, .end_ms = 1800 * kSecond, .step_ms = 5 * kSecond});
      ASSERT_TRUE(result.has_value()) << result.error().message;
      answers.push_back(std::visit(TextOf(), result->value));
      for (const std::string& info : result->annotations.Infos(text, 0)) {
        answers.back().push_back(info);
      }
    }
    EXPECT_EQ(answers[0], answers[1]) << text;
    EXPECT_FALSE(answers[0].empty()) << text;
  }
}

}  // namespace
}  // namespace opssight::promql
