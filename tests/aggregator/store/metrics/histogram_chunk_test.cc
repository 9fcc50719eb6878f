#include "aggregator/store/metrics/histogram_chunk.h"

#include <cmath>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/group.h"
#include "common/base/random.h"
#include "common/model/record.h"

namespace opssight {
namespace {

// A service's latency at schema 3: 40 buckets that grow, 120 scrapes.
std::vector<HistogramPoint> Latencies(std::size_t count, Random& random) {
  Histogram histogram{.schema = 3,
                      .zero_threshold = std::ldexp(1, -128),
                      .positive_spans = {{-20, 30}, {2, 10}},
                      .positive = std::vector<double>(40)};
  std::vector<HistogramPoint> points;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < 40; ++k) {
      const auto seen = static_cast<double>(random.Below(1 + k * (40 - k) / 10));
      histogram.positive[k] += seen;
      histogram.count += seen;
      histogram.sum += seen * std::exp2(static_cast<double>(k) / 8 - 2);
    }
    points.push_back({.time_ms = static_cast<std::int64_t>(15'000 * i),
                      .order = static_cast<std::int64_t>(count - i),
                      .histogram = std::make_shared<const Histogram>(histogram)});
  }
  return points;
}

void ExpectSame(const HistogramPoint& a, const HistogramPoint& b) {
  EXPECT_EQ(a.time_ms, b.time_ms);
  EXPECT_TRUE(SameHistogramLayout(*a.histogram, *b.histogram));
  EXPECT_EQ(a.histogram->hint, b.histogram->hint);
  EXPECT_EQ(a.histogram->count, b.histogram->count);
  EXPECT_EQ(a.histogram->sum, b.histogram->sum);
  EXPECT_EQ(a.histogram->positive, b.histogram->positive);
}

TEST(HistogramChunkTest, WhatIsReadIsWhatWasWritten) {
  Random random(1);
  const auto points = Latencies(120, random);
  const std::string bytes = EncodeHistograms(points, true);
  std::vector<HistogramPoint> read;
  ASSERT_TRUE(DecodeHistograms(bytes, INT64_MIN, INT64_MAX, read));
  ASSERT_EQ(read.size(), points.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    ExpectSame(read[i], points[i]);
    EXPECT_EQ(read[i].order, points[i].order);
  }
  read.clear();
  ASSERT_TRUE(DecodeHistograms(bytes, 15'000, 44'999, read));
  ASSERT_EQ(read.size(), 2U);
  ExpectSame(read[0], points[1]);
  RecordProperty("bytes_a_histogram", static_cast<int>(bytes.size() / points.size()));
  EXPECT_LT(bytes.size() / points.size(), 48U) << "of 40 buckets, 344 bytes raw";
}

TEST(HistogramChunkTest, AnyCutOrFlippedByteIsSafe) {
  Random random(2);
  const std::string bytes = EncodeHistograms(Latencies(5, random), false);
  std::vector<HistogramPoint> read;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeHistograms(std::string_view(bytes).substr(0, size), 0, 1 << 30, read));
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ (1 << random.Below(8)));
    (void)DecodeHistograms(bad, 0, 1 << 30, read);
  }
}

TEST(HistogramChunkTest, WideHistogramsAreFewInAChunk) {
  const Histogram wide{.positive_spans = {{0, 10'000}}, .positive = std::vector<double>(10'000)};
  EXPECT_EQ(HistogramsPerChunk(wide, 240), 104U);
  EXPECT_EQ(HistogramsPerChunk({}, 240), 240U);
}

}  // namespace
}  // namespace opssight
