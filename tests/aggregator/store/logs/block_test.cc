#include "aggregator/store/logs/block.h"

#include <limits>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

std::string SmallBlock() {
  BlockWriter writer;
  writer.Stream(Labels{{"app", "a"}, {"env", "p"}});
  writer.Add({.time_ns = 10, .line = "first", .metadata = {}});
  writer.Add({.time_ns = 20, .line = "", .metadata = {{"trace_id", "ff"}}});
  writer.Stream(Labels{{"app", "b"}, {"env", "p"}});
  writer.Add({.time_ns = 5, .line = "third", .metadata = {{"k", "v"}, {"l", "w"}}});
  return writer.Finish();
}

// "{labels} time line metadata" a row.
std::string Render(const BlockRows& rows) {
  std::string out;
  for (const BlockStream& stream : rows.head().streams) {
    for (std::size_t row = stream.first_row; row < stream.first_row + stream.rows; ++row) {
      out += std::string(stream.labels.Get("app")) + " " + std::to_string(rows.time_ns(row)) + " " +
             std::string(rows.line(row));
      for (const Label& label : rows.metadata(row)) out += " " + label.name + "=" + label.value;
      out += "\n";
    }
  }
  return out;
}

TEST(BlockTest, ReadsBackWhatWasWritten) {
  const auto rows = BlockRows::Read(SmallBlock());
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  EXPECT_EQ(Render(*rows), "a 10 first\na 20  trace_id=ff\nb 5 third k=v l=w\n");
}

TEST(BlockTest, TheHeadSaysStreamsAndTimes) {
  const auto head = ReadBlockHead(SmallBlock());
  ASSERT_TRUE(head.has_value());
  ASSERT_EQ(head->streams.size(), 2U);
  EXPECT_EQ(head->rows, 3U);
  EXPECT_EQ(head->raw_bytes, 10U);
  EXPECT_EQ(head->min_ns, 5);
  EXPECT_EQ(head->max_ns, 20);
  EXPECT_EQ(head->streams[1].first_row, 2U);
}

TEST(BlockTest, KeepsExtremeTimesAndAnyBytes) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  BlockWriter writer;
  writer.Stream(Labels());
  const std::string bytes("\0\n\xff", 3);
  for (const std::int64_t time : {kMin, std::int64_t{0}, kMax}) {
    writer.Add({.time_ns = time, .line = bytes, .metadata = {}});
  }
  const auto rows = BlockRows::Read(writer.Finish());
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->time_ns(0), kMin);
  EXPECT_EQ(rows->time_ns(2), kMax);
  EXPECT_EQ(rows->line(1), bytes);
  EXPECT_EQ(rows->head().streams[0].max_ns, kMax);
}

TEST(BlockTest, EveryFlippedByteAndEveryTruncationIsNoticed) {
  const std::string block = SmallBlock();
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string bad = block;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    EXPECT_FALSE(BlockRows::Read(bad).has_value()) << "byte " << i;
    EXPECT_FALSE(BlockRows::Read(block.substr(0, i)).has_value()) << "cut at " << i;
  }
}

TEST(BlockTest, ARandomBlockRoundTrips) {
  Random random(42);
  for (int round = 0; round < 20; ++round) {
    BlockWriter writer;
    std::string expected;
    const std::uint64_t streams = 1 + random.Below(5);
    for (std::uint64_t s = 0; s < streams; ++s) {
      const std::string app(1, static_cast<char>('a' + s));
      writer.Stream(Labels{{"app", app}});
      for (std::uint64_t i = 0, n = random.Below(50); i < n; ++i) {
        const auto time = static_cast<std::int64_t>(random.Below(1'000'000));
        const std::string line(random.Below(30), static_cast<char>('A' + random.Below(26)));
        writer.Add({.time_ns = time, .line = line, .metadata = {}});
        expected += app + " " + std::to_string(time) + " " + line + "\n";
      }
    }
    if (writer.rows() == 0) continue;
    const auto rows = BlockRows::Read(writer.Finish());
    ASSERT_TRUE(rows.has_value()) << rows.error().message;
    EXPECT_EQ(Render(*rows), expected);
  }
}

}  // namespace
}  // namespace opssight
