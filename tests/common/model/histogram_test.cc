#include "common/model/histogram.h"

#include <cmath>

namespace opssight {
namespace {

Histogram Good() {
  return {.schema = 3,
          .zero_threshold = 0.001,
          .zero_count = 2,
          .count = 12,
          .sum = 18.4,
          .positive_spans = {{.offset = -2, .length = 2}, {.offset = 1, .length = 1}},
          .positive = {1, 2, 3}};
}

TEST(CheckHistogramTest, WhatIsOne) {
  EXPECT_TRUE(CheckHistogram(Histogram(), 10));
  EXPECT_TRUE(CheckHistogram(Good(), 10));
  EXPECT_TRUE(CheckHistogram({.schema = kCustomBucketsSchema,
                              .count = 3,
                              .positive_spans = {{.offset = 0, .length = 3}},
                              .positive = {1, 1, 1},
                              .custom_values = {1, 2}},
                             10));
}

TEST(CheckHistogramTest, WhatIsNone) {
  const auto refused = [](auto change) {
    Histogram histogram = Good();
    change(histogram);
    const Status status = CheckHistogram(histogram, 10);
    return status ? std::string("taken") : status.error().message;
  };
  EXPECT_THAT(refused([](auto& h) { h.schema = 9; }), testing::HasSubstr("unknown schema 9"));
  EXPECT_THAT(refused([](auto& h) { h.positive.push_back(1); }),
              testing::HasSubstr("spans need 3 buckets, have 4 buckets"));
  EXPECT_THAT(refused([](auto& h) { h.positive_spans[1].offset = -1; }),
              testing::HasSubstr("span number 2 with offset -1"));
  EXPECT_THAT(refused([](auto& h) { h.positive_spans[1].length = UINT32_MAX; }),
              testing::HasSubstr("spans need"));
  EXPECT_THAT(refused([](auto& h) { h.positive_spans[1].offset = INT32_MAX; }),
              testing::HasSubstr("index is above 2^31"));
  EXPECT_THAT(refused([](auto& h) { h.positive[1] = -1; }), testing::HasSubstr("is negative"));
  EXPECT_THAT(refused([](auto& h) { h.positive[1] = NAN; }), testing::HasSubstr("is negative"));
  EXPECT_THAT(refused([](auto& h) { h.zero_count = -1; }), testing::HasSubstr("negative count"));
  EXPECT_THAT(refused([](auto& h) { h.custom_values = {1}; }), testing::HasSubstr("custom bounds"));
  EXPECT_THAT(refused([](auto& h) { h.positive.resize(20); }), testing::HasSubstr("limit 10"));
}

TEST(CheckHistogramTest, CustomBucketsThatAreNone) {
  const auto refused = [](auto change) {
    Histogram histogram{.schema = kCustomBucketsSchema,
                        .count = 2,
                        .positive_spans = {{.offset = 1, .length = 2}},
                        .positive = {1, 1},
                        .custom_values = {1, 2}};
    change(histogram);
    const Status status = CheckHistogram(histogram, 10);
    return status ? std::string("taken") : status.error().message;
  };
  EXPECT_EQ(refused([](auto&) {}), "taken");
  EXPECT_THAT(refused([](auto& h) { h.custom_values = {2, 1}; }), testing::HasSubstr("increasing"));
  EXPECT_THAT(refused([](auto& h) { h.custom_values = {1, HUGE_VAL}; }), testing::HasSubstr("Inf"));
  EXPECT_THAT(refused([](auto& h) { h.zero_count = 1; }), testing::HasSubstr("zero count"));
  EXPECT_THAT(refused([](auto& h) { h.negative = {1}; }), testing::HasSubstr("negative buckets"));
  EXPECT_THAT(refused([](auto& h) { h.custom_values = {1}; }), testing::HasSubstr("insufficient"));
}

}  // namespace
}  // namespace opssight
