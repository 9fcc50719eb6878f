#include "aggregator/store/metrics/group.h"

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
