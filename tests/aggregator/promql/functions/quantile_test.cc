#include "aggregator/promql/functions/quantile.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace opssight::promql {
namespace {

TEST(QuantileTest, InterpolatesAndRanksNanLowest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values = {4, 1, 0};
  EXPECT_DOUBLE_EQ(QuantileOf(0.8, values), 2.8);
  EXPECT_EQ(QuantileOf(-0.1, values), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(QuantileOf(1.1, values), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(QuantileOf(nan, values)));
  values = {1, nan, 0};
  EXPECT_DOUBLE_EQ(QuantileOf(0.8, values), 0.6);
  EXPECT_TRUE(std::isnan(QuantileOf(0.2, values)));
  values.clear();
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, values)));
}

}  // namespace
}  // namespace opssight::promql
