#include "tests/promql/script.h"

#include <bit>
#include <string>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/model/record.h"
#include "common/text/number.h"
#include "tests/promql/classic_histograms.h"

namespace opssight::promqltest {
namespace {

// "1 3 _ h2": numbers, gaps, histograms by their counts.
std::string Short(const Values& values) {
  std::string text;
  for (const auto& value : values) {
    if (!text.empty()) text += ' ';
    if (!value) {
      text += '_';
    } else if (value->histogram) {
      text += "h" + FormatDouble(value->histogram->count);
    } else if (std::bit_cast<std::uint64_t>(value->value) == kStaleNanBits) {
      text += "stale";
    } else {
      text += FormatDouble(value->value);
    }
  }
  return text;
}

struct SeriesCase {
  std::string_view line;
  std::string_view metric;
  std::string_view values;
};

TEST(SeriesLineTest, MetricAndValues) {
  const SeriesCase cases[] = {
      {"m 1 2 3", "m", "1 2 3"},
      {"m{a=\"b\", c='d',} 1x2", "m{a=\"b\", c=\"d\"}", "1 1 1"},
      {"{} 1+2x2", "{}", "1 3 5"},
      {"{a=\"x}y\"} 5-2x2", "{a=\"x}y\"}", "5 3 1"},
      {"m -1-2x1 _ _x2 0x1", "m", "-1 -3 _ _ _ 0 0"},
      {"m NaN Inf -Inf +Inf stale 1e-3 1.5e+2x1", "m", "NaN +Inf -Inf +Inf stale 0.001 150 150"},
      {"m {{count:2}} {{count:2 sum:1 buckets:[1 1]}}+{{count:3 buckets:[1 2]}}x2", "m",
       "h2 h2 h5 h8"},
      {"m {{}}x1", "m", "h0 h0"},
  };
  for (const SeriesCase& one : cases) {
    const auto line = ParseSeriesLine(one.line);
    ASSERT_TRUE(line.has_value()) << one.line << ": " << line.error().message;
    EXPECT_EQ(line->labels.PrometheusText(), one.metric) << one.line;
    EXPECT_EQ(Short(line->values), one.values) << one.line;
  }
}

TEST(SeriesLineTest, QuotedMetricName) {
  const auto line = ParseSeriesLine("{\"my.metric\", \"a b\"=\"c\"} 1");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->labels.Get("__name__"), "my.metric");
  EXPECT_EQ(line->labels.Get("a b"), "c");
}

TEST(SeriesLineTest, StartTimestamps) {
  const auto line = ParseSeriesLine("m{a=\"b\"}@st _ -30s-1mx2 0 1ms _x2");
  ASSERT_TRUE(line.has_value()) << line.error().message;
  EXPECT_TRUE(line->starts_line);
  std::string text;
  for (const auto& start : line->starts) text += start ? fmt::format("{} ", *start) : "_ ";
  EXPECT_EQ(text, "_ -30000 -90000 -150000 0 1 _ _ ");
}

TEST(SeriesLineTest, HistogramKeys) {
  const auto line = ParseSeriesLine(
      "m {{schema:-53 sum:-1.5 count:7 z_bucket:2 z_bucket_w:0.001 custom_values:[1 2.5] "
      "buckets:[1 2] offset:-3 n_buckets:[4] n_offset:1 counter_reset_hint:gauge}}");
  ASSERT_TRUE(line.has_value()) << line.error().message;
  const Value& value = line->values.at(0).value();
  const Histogram& histogram = *value.histogram;
  EXPECT_TRUE(value.hint_written);
  EXPECT_EQ(histogram.schema, -53);
  EXPECT_EQ(histogram.sum, -1.5);
  EXPECT_EQ(histogram.zero_count, 2);
  EXPECT_EQ(histogram.zero_threshold, 0.001);
  EXPECT_THAT(histogram.custom_values, testing::ElementsAre(1, 2.5));
  EXPECT_THAT(histogram.positive, testing::ElementsAre(1, 2));
  EXPECT_EQ(histogram.positive_spans.at(0), (BucketSpan{.offset = -3, .length = 2}));
  EXPECT_EQ(histogram.negative_spans.at(0), (BucketSpan{.offset = 1, .length = 1}));
  EXPECT_EQ(histogram.hint, ResetHint::kGauge);
}

TEST(SeriesLineTest, Wrong) {
  for (const std::string_view line :
       {"", "5", "m{a} 1", "m{a=\"b} 1", "m 1x", "m 1+2", "m 1,2", "m x5", "m {{count:1",
        "m {{what:1}}", "m {{counter_reset_hint:maybe}}", "m 1+{{count:1}}x2", "m 1x99999999999",
        "m@st 5"}) {
    EXPECT_FALSE(ParseSeriesLine(line).has_value()) << line;
  }
}

TEST(ScriptTest, Commands) {
  const auto script = ParseScript(R"(
# Says nothing.
load_with_nhcb 5m
  m 1 2
  # Ends the block, as an empty line does.
clear

eval instant at 1m sum(m)
  expect warn msg: PromQL warning: x (1:5)
  expect no_info
  {} 3

eval range from 0 to 1m step 30s m
  m 1 2 _

eval_fail instant at 0 m[
)");
  ASSERT_TRUE(script.has_value()) << script.error().message;
  ASSERT_EQ(script->size(), 5U);
  const auto& load = std::get<LoadCommand>((*script)[0].what);
  EXPECT_EQ(load.step_ms, 300'000);
  EXPECT_TRUE(load.with_nhcb);
  EXPECT_EQ(load.series.size(), 1U);
  const auto& instant = std::get<EvalCommand>((*script)[2].what);
  EXPECT_EQ((*script)[2].line, 8U);
  EXPECT_EQ(instant.query, "sum(m)");
  EXPECT_EQ(instant.range.start_ms, 60'000);
  EXPECT_EQ(instant.warn.at(0).text, "PromQL warning: x (1:5)");
  EXPECT_TRUE(instant.no_info);
  const auto& range = std::get<EvalCommand>((*script)[3].what);
  EXPECT_TRUE(range.is_range);
  EXPECT_EQ(range.range.step_ms, 30'000);
  EXPECT_EQ(std::get<EvalCommand>((*script)[4].what).fail.size(), 1U);
}

TEST(ScriptTest, ExpectLines) {
  const auto script = ParseScript(R"(eval instant at 50 "x"
  expect string "a\"b"

eval instant at 1m m[1m]
  expect range vector from 10s to 1m step 10s
  m 1 2 3

eval instant at 0 1
  expect ordered
  expect fail regex: a|b
  0x10
)");
  EXPECT_FALSE(script.has_value());  // 0x10 is no number here.
  const auto good = ParseScript("eval instant at 50 \"x\"\n expect string `a\"b`\n");
  ASSERT_TRUE(good.has_value()) << good.error().message;
  const auto& eval = std::get<EvalCommand>(good->at(0).what);
  EXPECT_EQ(eval.string, "a\"b");
  EXPECT_EQ(eval.range.start_ms, 50'000);
}

TEST(ScriptTest, WrongSaysTheLine) {
  for (const std::string_view text :
       {"\nevil instant m\n", "load\n  m 1", "load 5m\n  m 1x\n",
        "eval instant at 0 m\n expect fail\n expect fail\n",
        "eval instant at 0 m\n expect warn\n expect no_warn\n",
        "eval instant at 0 m\n expect nothing\n", "eval instant at 0 m\n m 1 2\n"}) {
    const auto script = ParseScript(text);
    ASSERT_FALSE(script.has_value()) << text;
    EXPECT_THAT(script.error().message, testing::StartsWith("line ")) << text;
  }
}

TEST(ClassicHistogramsTest, BecomeNative) {
  ClassicHistograms classic;
  const auto add = [&](std::string_view name, std::string le, double value) {
    classic.Add(Labels{{"__name__", std::string(name)}, {"a", "b"}, {"le", std::move(le)}}, 7,
                {.value = value});
  };
  add("m_bucket", "1", 2);
  add("m_bucket", "2.5", 5);
  add("m_bucket", "+Inf", 6);
  add("m_count", "", 6);
  add("m_sum", "", 12);
  add("other", "1", 12);
  const auto made = classic.Convert();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].labels.PrometheusText(), "m{a=\"b\"}");
  EXPECT_EQ(made[0].time_ms, 7);
  EXPECT_EQ(made[0].histogram->count, 6);
  EXPECT_EQ(made[0].histogram->sum, 12);
  EXPECT_THAT(made[0].histogram->custom_values, testing::ElementsAre(1, 2.5));
  EXPECT_THAT(made[0].histogram->positive, testing::ElementsAre(2, 3, 1));
}

}  // namespace
}  // namespace opssight::promqltest
