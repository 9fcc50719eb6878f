#include "common/codec/otlp/exponential.h"

namespace opssight::otlp {
namespace {

TEST(ExponentialTest, CoarserJoinsPairs) {
  ExponentialHistogram histogram{
      .scale = 3, .positive = {.offset = -3, .counts = {1, 2, 3, 4, 5}}, .negative = {}};
  Coarsen(histogram, 2);  // Buckets -3 to 1 become -2 to 0.
  EXPECT_EQ(histogram.positive.offset, -2);
  EXPECT_EQ(histogram.positive.counts, (std::vector<double>{1, 5, 9}));
  Coarsen(histogram, -40);
  EXPECT_EQ(histogram.positive.offset, -1);
  EXPECT_EQ(histogram.positive.counts, (std::vector<double>{6, 9}));
}

TEST(ExponentialTest, FitsScaleAndBuckets) {
  ExponentialHistogram fine{.scale = 20, .positive = {.offset = 4096, .counts = {1, 1}}};
  EXPECT_TRUE(FitScale(fine, 10));
  EXPECT_EQ(fine.scale, 8);
  EXPECT_EQ(fine.positive.offset, 1);
  ExponentialHistogram wide{.scale = 0,
                            .positive = {.offset = 0, .counts = std::vector<double>(64, 1)}};
  EXPECT_TRUE(FitScale(wide, 16));
  EXPECT_EQ(wide.scale, -2);
  EXPECT_EQ(wide.positive.counts, std::vector<double>(16, 4));
  ExponentialHistogram coarse{.scale = -5};
  EXPECT_FALSE(FitScale(coarse, 16));
  ExponentialHistogram padded{.scale = 1, .positive = {.offset = 5, .counts = {0, 0, 7, 0}}};
  EXPECT_TRUE(FitScale(padded, 16));
  EXPECT_EQ(padded.positive.offset, 7);
  EXPECT_EQ(padded.positive.counts, (std::vector<double>{7}));
}

TEST(ExponentialTest, AddsAtTheCoarserScale) {
  ExponentialHistogram to{.scale = 1,
                          .zero_count = 1,
                          .count = 4,
                          .sum = 2,
                          .positive = {.offset = 0, .counts = {1, 2}}};
  EXPECT_TRUE(AddTo(to,
                    {.scale = 2,
                     .zero_count = 1,
                     .count = 2,
                     .sum = 1,
                     .positive = {.offset = 4, .counts = {1, 0, 1}},
                     .negative = {.offset = -1, .counts = {9}}},
                    100));
  EXPECT_EQ(to.scale, 1);
  EXPECT_EQ(to.positive.offset, 0);
  EXPECT_EQ(to.positive.counts, (std::vector<double>{1, 2, 1, 1}));
  EXPECT_EQ(to.negative.counts, (std::vector<double>{9}));
  EXPECT_EQ(to.count, 6);
  EXPECT_EQ(to.zero_count, 2);
  EXPECT_EQ(to.sum, 3);
}

TEST(ExponentialTest, FarBucketsTakeNoMemory) {
  ExponentialHistogram to{.scale = 8, .positive = {.offset = -2'000'000'000, .counts = {1}}};
  const ExponentialHistogram far{.scale = 8, .positive = {.offset = 2'000'000'000, .counts = {1}}};
  EXPECT_FALSE(AddTo(to, far, 320));
  ExponentialHistogram near{.scale = 8, .positive = {.offset = 0, .counts = {1}}};
  EXPECT_TRUE(AddTo(near, {.scale = 8, .positive = {.offset = 100'000, .counts = {1}}}, 320));
  EXPECT_LE(near.buckets(), 320U);
}

TEST(ExponentialTest, NativeHasSpansAroundGaps) {
  const Histogram native =
      ToNative({.scale = 2,
                .zero_count = 3,
                .count = 10,
                .sum = 5,
                .positive = {.offset = -1, .counts = {1, 0, 0, 2, 0, 0, 0, 4}}});
  EXPECT_EQ(native.schema, 2);
  EXPECT_EQ(native.zero_threshold, 1e-128);
  EXPECT_EQ(native.positive_spans,
            (std::vector<BucketSpan>{{.offset = 0, .length = 4}, {.offset = 3, .length = 1}}));
  EXPECT_EQ(native.positive, (std::vector<double>{1, 0, 0, 2, 4}));
  EXPECT_TRUE(CheckHistogram(native, 100));
}

TEST(ExponentialTest, CustomBounds) {
  const Histogram custom = ToCustom({1, 2, 3}, {0, 5, 0, 7}, 12, 30);
  EXPECT_EQ(custom.schema, kCustomBucketsSchema);
  EXPECT_EQ(custom.positive_spans, (std::vector<BucketSpan>{{.offset = 1, .length = 3}}));
  EXPECT_EQ(custom.positive, (std::vector<double>{5, 0, 7}));
  EXPECT_TRUE(CheckHistogram(custom, 100));
}

}  // namespace
}  // namespace opssight::otlp
