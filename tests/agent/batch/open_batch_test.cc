#include "agent/batch/open_batch.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

class OpenBatchTest : public ::testing::Test {
 protected:
  static LogRows Line(const std::shared_ptr<const Labels>& stream, const std::string& text) {
    LogRows rows;
    rows.stream = stream;
    rows.Add(7, text);
    rows.metadata.push_back({.row = 0, .label = {.name = "of", .value = text}});
    return rows;
  }
  static MetricRow Row(std::size_t values) {
    std::vector<LayoutSeries> series;
    for (std::size_t i = 0; i < values; ++i) {
      series.push_back({.labels = Labels{{"__name__", "m" + std::to_string(i)}}});
    }
    return {.layout = std::make_shared<const Layout>(std::move(series)),
            .time_ms = 3,
            .values = std::vector<double>(values, 1.5)};
  }

  const std::shared_ptr<const Labels> stream_ = std::make_shared<const Labels>(Labels{{"a", "1"}});
  BatchOptions options_;
};

TEST_F(OpenBatchTest, IsDueByAgeAndSoonAfterACommit) {
  OpenBatch batch(options_);
  EXPECT_EQ(batch.due_ms(), std::nullopt);
  batch.AddLogs(Line(stream_, "x"), 100);
  batch.AddLogs(Line(stream_, "y"), 900);
  EXPECT_EQ(batch.due_ms(), 1'100);
  batch.AddCommit([](Status) {}, 950);
  EXPECT_EQ(batch.due_ms(), 955);
  batch.AddCommit([](Status) {}, 954);
  EXPECT_EQ(batch.due_ms(), 955);
  batch.Reset();
  EXPECT_EQ(batch.due_ms(), std::nullopt);
  EXPECT_TRUE(batch.empty());
}

TEST_F(OpenBatchTest, IsFullBySize) {
  options_.raw_bytes_max = 10'000;
  OpenBatch batch(options_);
  batch.AddMetrics(Row(1'000), 1);
  EXPECT_FALSE(batch.full());
  batch.AddMetrics(Row(1'000), 1);
  EXPECT_TRUE(batch.full());
}

TEST_F(OpenBatchTest, JoinsPiecesOfOneStream) {
  OpenBatch batch(options_);
  batch.AddLogs(Line(stream_, "one"), 1);
  batch.AddLogs(Line(std::make_shared<const Labels>(Labels{{"b", "2"}}), "other"), 1);
  batch.AddLogs(Line(stream_, "three"), 1);
  const std::vector<LogRows>& logs = batch.batch().contents.logs;
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs[0].text, "onethree");
  EXPECT_EQ(logs[0].rows[1].end, 8U);
  EXPECT_EQ(logs[0].metadata[1].row, 1U);
  EXPECT_EQ(logs[0].metadata[1].label.value, "three");
}

TEST_F(OpenBatchTest, KeepsTheNewestOfTargets) {
  const auto named = [](const std::string& name) {
    TargetsSnapshot targets;
    targets.pools.push_back({.name = name});
    return targets;
  };
  OpenBatch batch(options_);
  batch.AddTargets(named("first"), 1);
  const std::size_t bytes = batch.raw_bytes();
  EXPECT_EQ(bytes, BytesOf(named("first")));
  batch.AddTargets(named("other"), 2);
  EXPECT_EQ(batch.raw_bytes(), bytes);
  EXPECT_EQ(batch.batch().contents.targets->pools[0].name, "other");
  EXPECT_EQ(batch.due_ms(), 1'001);
  std::array<std::uint64_t, 3> dropped{};
  batch.Thin(false, dropped);
  EXPECT_EQ(batch.raw_bytes(), bytes);
  batch.Thin(true, dropped);
  EXPECT_EQ(batch.batch().contents.targets, nullptr);
  EXPECT_EQ(batch.raw_bytes(), 0U);
}

TEST_F(OpenBatchTest, KeepsTheLastPositionOfEachKey) {
  OpenBatch batch(options_);
  batch.AddPosition({.key = "a", .value = "1"}, 1);
  batch.AddPosition({.key = "b", .value = "1"}, 1);
  batch.AddPosition({.key = "a", .value = std::nullopt}, 1);
  ASSERT_EQ(batch.batch().positions.size(), 2U);
  EXPECT_EQ(batch.batch().positions[0].value, std::nullopt);
  EXPECT_EQ(batch.batch().positions[1].value, "1");
}

TEST_F(OpenBatchTest, ThinsToGapsAndLeavesLinesAtFirst) {
  OpenBatch batch(options_);
  std::array<std::uint64_t, 3> dropped{};
  batch.AddMetrics(Row(2), 1);
  batch.AddSpans(std::vector<Span>(3), 1);
  batch.AddHistograms({{.series = stream_, .time_ms = 4}, {.series = stream_, .time_ms = 5}}, 1);
  batch.AddExemplars({{.series = stream_, .time_ms = 6}}, 1);
  batch.AddMetadata({{.name = "m"}}, 1);
  batch.AddLogs(Line(stream_, "x"), 1);
  batch.AddPosition({.key = "a", .value = "1"}, 1);
  batch.Thin(false, dropped);
  EXPECT_EQ(dropped, (std::array<std::uint64_t, 3>{4, 0, 3}));
  EXPECT_TRUE(batch.batch().contents.histograms.empty());
  EXPECT_TRUE(batch.batch().contents.exemplars.empty());
  EXPECT_EQ(batch.batch().contents.metadata.size(), 1U);
  EXPECT_EQ(batch.batch().contents.gaps[0].count, 4U);
  EXPECT_EQ(batch.batch().contents.logs.size(), 1U);
  EXPECT_EQ(batch.batch().contents.gaps.size(), 2U);
  batch.Thin(true, dropped);
  EXPECT_EQ(dropped, (std::array<std::uint64_t, 3>{4, 1, 3}));
  EXPECT_TRUE(batch.batch().contents.logs.empty());
  EXPECT_TRUE(batch.batch().contents.metadata.empty());
  EXPECT_EQ(batch.batch().contents.gaps.size(), 3U);
  EXPECT_EQ(batch.batch().positions.size(), 1U);
  batch.AddLogs(Line(stream_, "y"), 1);
  EXPECT_EQ(batch.batch().contents.logs.size(), 1U);
}

}  // namespace
}  // namespace opssight
