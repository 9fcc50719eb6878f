#include "aggregator/store/metrics/group.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

TEST(GroupTest, DenseSparseAndMissingColumnsComeBack) {
  const std::vector<std::int64_t> times = {1000, 1015, 1030, 1030, 1045};
  const std::vector<std::int64_t> orders = {4, 5, 7, 6, 8};
  GroupWriter writer(times, orders);
  ChunkHint hint = 0;
  const std::vector<double> dense = {1, 2, 3, 4, 5.5};
  const std::vector<std::int64_t> positions = {1, 4};
  const std::vector<double> sparse = {7, 8};
  writer.AddDense(dense, hint);
  writer.AddNone();
  writer.AddSparse(positions, sparse, hint);
  const std::string bytes = writer.Finish();
  GroupReader reader;
  ASSERT_TRUE(reader.Open(bytes));
  EXPECT_EQ(reader.times(), times);
  EXPECT_EQ(reader.orders(), orders);
  EXPECT_FALSE(reader.strictly_ascending());
  ASSERT_EQ(reader.columns(), 3U);
  GroupColumn column;
  ASSERT_TRUE(reader.Read(0, column));
  EXPECT_TRUE(column.dense);
  EXPECT_EQ(std::vector<double>(column.values.begin(), column.values.begin() + 5), dense);
  ASSERT_TRUE(reader.Read(1, column));
  EXPECT_EQ(column.count, 0U);
  ASSERT_TRUE(reader.Read(2, column));
  EXPECT_FALSE(column.dense);
  ASSERT_EQ(column.count, 2U);
  EXPECT_EQ(column.positions[1], 4);
  EXPECT_EQ(column.values[1], 8);
}

// The rows in a range of times, of each way in which a column is coded.
TEST(GroupTest, NarrowedGivesTheSameValuesOfTheRange) {
  constexpr std::size_t kRows = 60;
  std::vector<std::int64_t> times;
  std::array<std::vector<double>, 5> columns;
  Random random(3);
  for (std::size_t i = 0; i < kRows; ++i) {
    times.push_back(1000 + 10 * static_cast<std::int64_t>(i));
    const auto at = static_cast<double>(i);
    columns[0].push_back(7);
    columns[1].push_back(at * 1000 + static_cast<double>(random.Below(900)));
    columns[2].push_back(std::floor(at / 9) * 0.25);
    columns[3].push_back(random.Unit());
    columns[4].push_back(i == 30 ? 1e300 : at / 100);
  }
  GroupWriter writer(times, {});
  for (const std::vector<double>& values : columns) {
    ChunkHint hint = 0;
    writer.AddDense(values, hint);
  }
  const std::string bytes = writer.Finish();
  GroupReader reader;
  ASSERT_TRUE(reader.Open(bytes));
  struct Case {
    std::int64_t from_ms, to_ms;
    std::size_t first, count;
  };
  const std::vector<Case> cases = {{0, 5000, 0, kRows},    {1000, 1590, 0, kRows},
                                   {1301, 1400, 31, 10},   {1590, 9000, 59, 1},
                                   {2000, 3000, kRows, 0}, {0, 999, 0, 0}};
  for (const Case& one : cases) {
    reader.Narrow(one.from_ms, one.to_ms);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      GroupColumn column;
      ASSERT_TRUE(reader.Read(k, column));
      ASSERT_EQ(column.first, one.first);
      ASSERT_EQ(column.count, one.count);
      for (std::size_t i = one.first; i < one.first + one.count; ++i) {
        EXPECT_EQ(column.values[i], columns[k][i]) << "column " << k << " row " << i;
      }
    }
  }
}

TEST(GroupTest, CutOrChangedBytesAreRefusedOrReadToSomething) {
  std::vector<std::int64_t> times;
  for (int i = 0; i < 40; ++i) times.push_back(i * 15'000 + i % 3);
  GroupWriter writer(times, {});
  ChunkHint hint = 0;
  for (int column = 0; column < 20; ++column) {
    std::vector<double> values;
    for (int i = 0; i < 40; ++i) values.push_back(i * column * 0.5);
    writer.AddDense(values, hint);
  }
  const std::string bytes = writer.Finish();
  GroupReader reader;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(reader.Open(std::string_view(bytes).substr(0, size)));
  }
  Random random(1);
  GroupColumn column;
  for (int i = 0; i < 3000; ++i) {
    std::string changed = bytes;
    changed[random.Below(changed.size())] ^= static_cast<char>(1 << random.Below(8));
    if (!reader.Open(changed)) continue;
    for (std::size_t k = 0; k < reader.columns(); ++k) reader.Read(k, column);
  }
}

}  // namespace
}  // namespace opssight
