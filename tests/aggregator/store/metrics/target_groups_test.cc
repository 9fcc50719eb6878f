#include "aggregator/store/metrics/target_groups.h"

#include <map>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/group.h"

namespace opssight {
namespace {

// A target of four columns: layout 0 has all, layouts 1 to 4 one each, 5 the first two.
class TargetGroupsTest : public ::testing::Test {
 protected:
  TargetGroupsTest() {
    target_.AddLayout({0, 1, 2, 3}, {10, 11, 12, 13});
    for (std::uint32_t i = 0; i < 4; ++i) target_.AddLayout({i}, {});
    target_.AddLayout({0, 1}, {});
  }
  void Append(std::uint32_t layout, std::int64_t time_ms, const std::vector<double>& values) {
    target_.Append(layout, time_ms, ++order_, values);
  }
  std::string Groups(std::span<const std::int64_t> apart = {}) {
    std::string out;
    GroupsOf(MinisOf(target_.Take()), 4,
             {.from_ms = 0, .to_ms = 1000, .keep_orders = !apart.empty(), .apart = apart},
             [&](std::span<const std::uint32_t> columns, std::string_view bytes, std::int64_t,
                 std::int64_t) {
               GroupReader group;
               ASSERT_TRUE(group.Open(bytes));
               out += std::to_string(group.times().size()) + " rows";
               GroupColumn column;
               for (std::size_t i = 0; i < columns.size(); ++i) {
                 ASSERT_TRUE(group.Read(i, column));
                 out += column.dense ? ", " : ", some ";
                 for (std::size_t k = 0; k < column.count; ++k) {
                   out += (k == 0 ? "" : " ") + std::to_string(static_cast<int>(column.values[k]));
                 }
               }
             });
    return out;
  }

  HeadTarget target_;
  std::int64_t order_ = 0;
};

TEST_F(TargetGroupsTest, PartsOfARowAreJoined) {
  Append(0, 5, {1, 2, 3, 4});
  Append(1, 7, {11});
  Append(2, 7, {12});
  Append(3, 7, {13});
  Append(0, 9, {21, 22, 23, 24});
  Append(4, 7, {14});
  EXPECT_EQ(Groups(), "3 rows, 1 11 21, 2 12 22, 3 13 23, 4 14 24");
}

TEST_F(TargetGroupsTest, OfAValueThatCameTwiceTheLastStays) {
  Append(0, 5, {1, 2, 3, 4});
  Append(5, 5, {7, 8});
  Append(1, 5, {9});
  EXPECT_EQ(Groups(), "1 rows, 9, 8, 3, 4");
  // In another mini than the first.
  for (std::size_t i = 0; i < 2 * kOpenRowsMax; ++i) Append(2, 5, {static_cast<double>(i)});
  EXPECT_EQ(Groups(), "1 rows, 9, 59, 3, 4");
}

TEST_F(TargetGroupsTest, RowsThatStayApartKeepTheirOrders) {
  Append(0, 5, {1, 2, 3, 4});
  Append(5, 5, {7, 8});
  Append(1, 6, {5});
  Append(2, 6, {6});
  const std::vector<std::int64_t> apart = {5};
  EXPECT_EQ(Groups(apart), "3 rows, some 7 5, some 8 6, some 3, some 4");
}

TEST_F(TargetGroupsTest, RowsBetweenThoseOfAnotherAreFound) {
  HeadTarget other;
  other.AddLayout({0}, {10});
  const auto at = [&](std::int64_t time_ms, std::int64_t order) {
    other.Append(0, time_ms, order, std::vector<double>{1});
  };
  Append(1, 5, {1});  // Orders 1 and 2; the other's is before.
  Append(2, 5, {1});
  at(5, 0);
  Append(1, 6, {1});  // 3 to 5; the other's in between.
  Append(2, 6, {1});
  Append(3, 6, {1});
  at(6, 4);
  Append(1, 7, {1});  // 6 and 7; a histogram before the last of them.
  Append(2, 7, {1});
  Append(1, 8, {1});  // 8 and 9; after them.
  Append(2, 8, {1});
  const auto minis = MinisOf(target_.Take());
  const auto others = MinisOf(other.Take());
  const std::vector<SharedMinis> targets = {&minis, &others};
  const std::vector<Arrival> histograms = {{.time_ms = 7, .order = 6}, {.time_ms = 8, .order = 20}};
  const auto apart = TimesApart(targets, histograms);
  EXPECT_EQ(apart[0], (std::vector<std::int64_t>{6, 7}));
  EXPECT_EQ(apart[1], (std::vector<std::int64_t>{6}));
}

}  // namespace
}  // namespace opssight
