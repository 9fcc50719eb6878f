#include "aggregator/promql/histogram/histogram_math.h"

#include <cmath>
#include <limits>

namespace opssight::promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Histogram Exponential(std::int32_t schema, std::int32_t offset, std::vector<double> counts) {
  Histogram histogram;
  histogram.schema = schema;
  histogram.positive_spans = {
      {.offset = offset, .length = static_cast<std::uint32_t>(counts.size())}};
  for (const double count : counts) histogram.count += count;
  histogram.sum = histogram.count;
  histogram.positive = std::move(counts);
  return histogram;
}

Histogram Custom(std::vector<double> bounds, std::vector<double> counts) {
  Histogram histogram = Exponential(kCustomBucketsSchema, 0, std::move(counts));
  histogram.custom_values = std::move(bounds);
  return histogram;
}

// Of the scripts' {{schema:0 sum:123.75 count:34 z_bucket:1 z_bucket_w:0.001 …}}.
Histogram BothSides() {
  Histogram histogram = Exponential(0, 0, {2, 4, 8, 16});
  histogram.negative_spans = {{.offset = 0, .length = 2}};
  histogram.negative = {1, 2};
  histogram.zero_count = 1;
  histogram.zero_threshold = 0.001;
  histogram.count = 34;
  histogram.sum = 123.75;
  return histogram;
}

TEST(HistogramMath, Text) {
  EXPECT_EQ(ToString(Exponential(0, 0, {3, 1, 0, 2})),
            "{count:6, sum:6, (0.5,1]:3, (1,2]:1, (4,8]:2}");
  EXPECT_EQ(ToString(BothSides()),
            "{count:34, sum:123.75, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:1, (0.5,1]:2, (1,2]:4, "
            "(2,4]:8, (4,8]:16}");
  EXPECT_EQ(ToString(Custom({5, 10}, {1, 2, 3})),
            "{count:6, sum:6, [-Inf,5]:1, (5,10]:2, (10,+Inf]:3}");
}

TEST(HistogramMath, BoundsEndWhereDoublesDo) {
  const auto last = [](std::int32_t schema, std::int32_t index) {
    return AllBuckets(Exponential(schema, index, {1})).back();
  };
  EXPECT_EQ(last(0, 1024).upper, std::numeric_limits<double>::max());
  EXPECT_EQ(last(0, 1025).upper, kInf);
  EXPECT_EQ(last(3, 8 * 1024).upper, std::numeric_limits<double>::max());
  EXPECT_EQ(last(-4, 64).upper, std::numeric_limits<double>::max());
  EXPECT_EQ(last(2, 2).upper, std::sqrt(2));
  EXPECT_EQ(last(2, -3).lower, 0.5);
}

TEST(HistogramMath, MergesLayouts) {
  struct Line {
    Histogram to, from;
    std::string sum;
  };
  Histogram wide_zero = Exponential(0, 2, {7});
  wide_zero.zero_threshold = 1.5;
  const std::vector<Line> lines = {
      {Exponential(0, 0, {1, 2}), Exponential(0, 0, {1, 2}),
       "{count:6, sum:6, (0.5,1]:2, (1,2]:4}"},
      {Exponential(0, 0, {1}), Exponential(0, 3, {2}), "{count:3, sum:3, (0.5,1]:1, (4,8]:2}"},
      {Exponential(1, 0, {1, 1, 1}), Exponential(0, 0, {1, 2}),
       "{count:6, sum:6, (0.5,1]:2, (1,2]:4}"},
      // The zero bucket grows to where the bucket that it would cut ends.
      {Exponential(0, 0, {1, 2, 4}), wide_zero, "{count:14, sum:14, [-2,2]:3, (2,4]:11}"},
      {Custom({1, 2, 4}, {1, 2, 3, 4}), Custom({1, 4}, {1, 1, 1}),
       "{count:13, sum:13, [-Inf,1]:2, (1,4]:6, (4,+Inf]:5}"},
  };
  for (const Line& line : lines) {
    Histogram sum = line.to;
    Histogram compensated = line.to;
    Histogram compensation = line.to;
    Scale(compensation, 0);
    EXPECT_FALSE(Merge(sum, line.from, 1, nullptr).incompatible);
    EXPECT_EQ(ToString(sum), line.sum);
    Merge(compensated, line.from, 1, &compensation);
    AddCompensation(compensated, compensation);
    EXPECT_EQ(ToString(compensated), line.sum);
    Merge(sum, line.from, -1, nullptr);
    Merge(sum, line.to, -1, nullptr);
    Compact(sum);
    EXPECT_TRUE(sum.positive.empty()) << ToString(sum);
  }
  Histogram exponential = Exponential(0, 0, {1});
  EXPECT_TRUE(Merge(exponential, Custom({1}, {1}), 1, nullptr).incompatible);
}

TEST(HistogramMath, FindsResets) {
  EXPECT_FALSE(DetectReset(Exponential(0, 0, {1, 2}), Exponential(0, 0, {1, 1})));
  EXPECT_TRUE(DetectReset(Exponential(0, 0, {0, 3}), Exponential(0, 0, {1, 1})));
  EXPECT_TRUE(DetectReset(Exponential(0, 0, {9}), Exponential(0, 1, {1})));
  EXPECT_FALSE(DetectReset(Exponential(0, 0, {9}), Exponential(1, 0, {9})));
  EXPECT_TRUE(DetectReset(Exponential(1, 0, {9}), Exponential(0, 0, {1})));
  EXPECT_FALSE(DetectReset(Custom({1, 4}, {3, 3, 3}), Custom({1, 2, 4}, {1, 1, 1, 1})));
  EXPECT_TRUE(DetectReset(Custom({1, 4}, {0, 9, 3}), Custom({1, 2, 4}, {1, 1, 1, 1})));
}

TEST(HistogramMath, QuantilesAndFractions) {
  const Histogram histogram = Exponential(0, 0, {12});
  EXPECT_NEAR(Quantile(0.5, histogram, nullptr), std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(Fraction(-kInf, std::sqrt(0.5), histogram, nullptr), 0.5, 1e-12);
  EXPECT_EQ(Quantile(0.5, Custom({5, 10}, {2, 2, 0}), nullptr), 5);
  EXPECT_EQ(Quantile(1, Custom({5, 10}, {1, 1, 8}), nullptr), 10);
  EXPECT_EQ(Fraction(0, 7.5, Custom({5, 10}, {2, 2, 0}), nullptr), 0.75);
  Histogram nans = histogram;
  nans.count = 15;
  nans.sum = std::nan("");
  NanNotes notes;
  EXPECT_EQ(Quantile(0.8, nans, &notes), 1);
  EXPECT_TRUE(notes.result_skewed && !notes.result_nan);
  notes = {};
  EXPECT_TRUE(std::isnan(Quantile(0.81, nans, &notes)));
  EXPECT_TRUE(notes.result_nan && !notes.result_skewed);
}

TEST(HistogramMath, Trims) {
  struct Line {
    Histogram from;
    double bound;
    bool keep_lower;
    double count, sum;
  };
  const Histogram custom = Custom({5, 10, 15, 20}, {1, 6, 4, 3, 1});
  const std::vector<Line> lines = {
      {BothSides(), 0, false, 30.5, 120.20840280171308},
      {BothSides(), 0, true, 3.5, -3.53578390593273768},
      {BothSides(), std::sqrt(2), true, 8, 0.2570938865989847},
      {BothSides(), -kInf, false, 34, 123.75},
      {BothSides(), kInf, false, 0, 0},
      {custom, 13, true, 9.4, 75.1},
      {custom, 13, false, 5.6, 94.9},
      {custom, 50, true, 14, 150},
      {Custom({5}, {1, 100}), -10, false, 100, 500},
      {Custom({5}, {1, 100}), 2, false, 100.6, 502.1},
      {Custom({-5}, {1, 100}), -10, true, 1, -10},
      {Custom({}, {100}), 10, true, 0, 0},
      {Custom({}, {100}), 10, false, 0, 0},
  };
  for (const Line& line : lines) {
    const Histogram trimmed = Trim(line.from, line.bound, line.keep_lower);
    EXPECT_NEAR(trimmed.count, line.count, 1e-9) << ToString(line.from) << " " << line.bound;
    EXPECT_NEAR(trimmed.sum, line.sum, 1e-9) << ToString(line.from) << " " << line.bound;
  }
}

TEST(HistogramMath, CustomBoundsAreClosedAbove) {
  EXPECT_EQ(ToString(Custom({-5, 0, 5}, {1, 2, 3, 4})),
            "{count:10, sum:10, [-Inf,-5]:1, (-5,0]:2, (0,5]:3, (5,+Inf]:4}");
}

TEST(HistogramMath, HostileOffsetsDoNotOverflow) {
  Histogram histogram = Exponential(0, std::numeric_limits<std::int32_t>::max(), {1});
  histogram.positive_spans.push_back(
      {.offset = std::numeric_limits<std::int32_t>::max(), .length = 1});
  histogram.positive.push_back(1);
  EXPECT_EQ(AllBuckets(histogram).size(), 2U);
  Histogram sum = histogram;
  Merge(sum, Exponential(-4, -5, {1}), 1, nullptr);
  Compact(sum);
  EXPECT_EQ(sum.count, 2);
  EXPECT_EQ(sum.positive.size(), 3U);
}

}  // namespace
}  // namespace opssight::promql
