#include "aggregator/store/logs/logs_store.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

class LogsStoreTest : public ::testing::Test {
 protected:
  LogsStoreTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-logs-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Reopen(0);
  }
  ~LogsStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  // As after a crash: what was not flushed is gone, flushed is what the wal recorded.
  void Reopen(WalPosition flushed) {
    store_.reset();
    store_ = std::make_unique<LogsStore>(
        LogsOptions{.dir = dir_, .block_raw_bytes = 20, .map_bytes = 8 << 20});
    const Status status = store_->Recover(flushed);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void Apply(std::int64_t time_ns, std::string_view line) {
    LogRows rows{.stream = std::make_shared<const Labels>(Labels{{"app", "a"}, {"x", "y"}})};
    rows.Add(time_ns, line);
    BatchContents contents;
    contents.logs.push_back(std::move(rows));
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    store_->Apply({.position = ++position_, .newest_ms = newest_ms_}, *batch);
  }
  void Flush(WalPosition cut) {
    store_->Freeze(cut);
    const Status status = store_->Flush(cut);
    ASSERT_TRUE(status.has_value()) << status.error().message;
    store_->Publish(cut);
  }
  std::string All(bool backward = false, std::uint64_t limit = 100) {
    const auto streams = store_->Select({.matchers = {},
                                         .filters = {},
                                         .from_ns = 0,
                                         .to_ns = 100 * kNsPerDay,
                                         .backward = backward,
                                         .limit = limit},
                                        {});
    if (!streams) return streams.error().message;
    std::string out;
    for (const LogStreamLines& stream : *streams) {
      for (const LogLine& line : stream.lines) out += line.line + " ";
    }
    return out;
  }

  std::string dir_;
  std::unique_ptr<LogsStore> store_;
  WalPosition position_ = 0;
  std::int64_t newest_ms_ = INT64_MAX;
};

TEST_F(LogsStoreTest, LinesOfAWrongClockMakeNoDay) {
  newest_ms_ = kMsPerDay;
  Apply(kNsPerDay, "tomorrow");
  Apply(kNsPerDay + kNsPerMs, "later");
  Apply(INT64_MAX, "never");
  Apply(-1, "before");
  Flush(1);
  EXPECT_EQ(All(), "tomorrow ");
  EXPECT_EQ(store_->refused_records(), 3U);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/l-19691231.mdb"));
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/l-22620411.mdb"));
}

TEST_F(LogsStoreTest, AnswersTheSameFromHeadFrozenDiskAndAfterReopening) {
  Apply(2, "two");
  Apply(1, "one");
  Apply(kNsPerDay + 1, "tomorrow");
  const std::string all = "one two tomorrow ";
  EXPECT_EQ(All(), all);
  store_->Freeze(3);
  EXPECT_EQ(All(), all);
  ASSERT_TRUE(store_->Flush(3).has_value());
  EXPECT_EQ(All(), all) << "flushed, not yet published: not twice";
  store_->Publish(3);
  EXPECT_EQ(All(), all);
  EXPECT_EQ(store_->head_bytes(), 0U);
  Reopen(3);
  EXPECT_EQ(All(), all);
  EXPECT_EQ(All(true, 2), "tomorrow two ");
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/l-19700102.mdb"));
}

TEST_F(LogsStoreTest, AFlushThatTheWalDidNotRecordIsUndone) {
  Apply(1, "kept");
  Flush(1);
  Apply(2, "replayed");
  Flush(2);
  Reopen(1);  // The crash came before the wal recorded cut 2.
  EXPECT_EQ(All(), "kept ");
  Apply(2, "replayed");
  Flush(3);
  EXPECT_EQ(All(), "kept replayed ");
}

TEST_F(LogsStoreTest, AFlushMayBeTriedAgain) {
  Apply(1, "once");
  store_->Freeze(1);
  ASSERT_TRUE(store_->Flush(1).has_value());
  ASSERT_TRUE(store_->Flush(1).has_value());
  store_->Publish(1);
  EXPECT_EQ(All(), "once ");
}

TEST_F(LogsStoreTest, LinesComeInWhileOthersAreFlushed) {
  Apply(1, "frozen");
  store_->Freeze(1);
  Apply(2, "new");
  EXPECT_EQ(All(), "frozen new ");
  ASSERT_TRUE(store_->Flush(1).has_value());
  store_->Publish(1);
  EXPECT_EQ(All(), "frozen new ");
}

TEST_F(LogsStoreTest, RetentionIsByAgeAndBySizeAndLeavesTheLastDay) {
  for (std::int64_t day = 0; day < 4; ++day) {
    Apply(day * kNsPerDay, "day" + std::to_string(day));
  }
  Flush(1);
  ASSERT_TRUE(store_->Retain(kMsPerDay, 0).has_value());
  EXPECT_EQ(All(), "day1 day2 day3 ");
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/l-19700101.mdb"));
  ASSERT_TRUE(store_->Retain(0, 1).has_value());
  EXPECT_EQ(All(), "day3 ");
}

TEST_F(LogsStoreTest, OpenLinesAboveTheirLimitBecomeABlock) {
  store_ = std::make_unique<LogsStore>(LogsOptions{
      .dir = dir_, .block_raw_bytes = 10'000, .open_bytes_max = 100, .map_bytes = 8 << 20});
  ASSERT_TRUE(store_->Recover(0).has_value());
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    Apply(1 + i + (i % 2) * kNsPerDay, "line");
    expected += "line ";
  }
  EXPECT_EQ(All(), expected);
  EXPECT_EQ(All(true), expected);
  Flush(position_);
  EXPECT_EQ(All(), expected);
}

TEST_F(LogsStoreTest, StreamsOfATimeRange) {
  Apply(1, "x");
  Flush(1);
  const auto streams = store_->SelectStreams({}, 0, 10, {});
  ASSERT_TRUE(streams.has_value());
  ASSERT_EQ(streams->size(), 1U);
  EXPECT_EQ(streams->front().Get("app"), "a");
  EXPECT_TRUE(store_->SelectStreams({}, 5, 10, {})->empty());
}

}  // namespace
}  // namespace opssight
