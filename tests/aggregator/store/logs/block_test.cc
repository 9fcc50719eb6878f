#include "aggregator/store/logs/block.h"

#include <limits>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "tests/aggregator/store/logs/log_block_fixture.h"

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

// "app time line metadata" a row.
Result<std::string> Render(std::string_view block) {
  std::string out;
  OPS_TRY(const BlockHead head, ReadBlockHead(block));
  OPS_TRY(BlockRows rows, BlockRows::Open(head, block));
  for (const BlockStream& stream : head.streams) {
    for (std::size_t row = stream.first_row; row < stream.first_row + stream.rows; ++row) {
      OPS_TRY(const std::string line, rows.Line(row));
      OPS_TRY(const std::vector<Label> metadata, rows.Metadata(row));
      out += std::string(stream.labels.Get("app")) + " " + std::to_string(rows.times_ns()[row]) +
             " " + line;
      for (const Label& label : metadata) out += " " + label.name + "=" + label.value;
      out += "\n";
    }
  }
  // The filter is not needed for the lines.
  OPS_RETURN_IF_ERROR(BlockMayContain(head, block, {TextKeys("any")}));
  return out;
}

TEST(BlockTest, ReadsBackWhatWasWritten) {
  const auto rows = Render(SmallBlock());
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  EXPECT_EQ(*rows, "a 10 first\na 20  trace_id=ff\nb 5 third k=v l=w\n");
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
  const std::string block = writer.Finish();
  const auto head = ReadBlockHead(block);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->streams[0].max_ns, kMax);
  auto rows = BlockRows::Open(*head, block);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->times_ns(), (std::vector<std::int64_t>{kMin, 0, kMax}));
  EXPECT_EQ(*rows->Line(1), bytes);
}

TEST(BlockTest, EveryFlippedByteAndEveryTruncationIsNoticed) {
  const std::string block = SmallBlock();
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string bad = block;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    // The checksum of all columns is for those who copy blocks; queries use the parts'.
    const bool of_all_columns = i >= 16 && i < 24;
    EXPECT_EQ(Render(bad).has_value(), of_all_columns) << "byte " << i;
    EXPECT_FALSE(Render(block.substr(0, i)).has_value()) << "cut at " << i;
  }
}

TEST(BlockTest, ARandomBlockRoundTrips) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    BlockWriter writer;
    std::string expected;
    const std::uint64_t streams = 1 + random.Below(5);
    for (std::uint64_t s = 0; s < streams; ++s) {
      const std::string app(1, static_cast<char>('a' + s));
      writer.Stream(Labels{{"app", app}});
      for (std::uint64_t i = 0, n = random.Below(seed % 3 == 0 ? 600 : 30); i < n; ++i) {
        const auto time = static_cast<std::int64_t>(random.Below(1'000'000)) * 1'000'000;
        const std::string line = RandomLine(random);
        writer.Add({.time_ns = time, .line = line, .metadata = {}});
        expected += app + " " + std::to_string(time) + " " + line + "\n";
      }
    }
    if (writer.rows() == 0) continue;
    const auto rows = Render(writer.Finish());
    ASSERT_TRUE(rows.has_value()) << "seed " << seed << ": " << rows.error().message;
    ASSERT_EQ(*rows, expected) << "seed " << seed;
  }
}

TEST(BlockTest, ColumnsWithOneOddValueRoundTrip) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> kColumns = {
      {"12", {"-0", "012", "+1", "1e3", "99999999999999999999", "-7", "1.0", ""}},
      {"0.25", {"-0.00", ".5", "5.", "1.250", "00.1", "7", "123456789012345.678901"}},
      {"2025-02-28T23:59:59.999Z",
       {"2025-02-30T00:00:00.000Z", "2025-02-28T24:00:00.000Z", "2025-02-28 23:59:59.999Z",
        "2025-02-28T23:59:60.000Z", "0001-01-01T00:00:00.000Z", "2025-02-28T23:59:59.99Z", ""}},
      {"f47ac10b-58cc-4372-a567-0e02b2c3d479",
       {"F47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b-58cc-4372-a567_0e02b2c3d479",
        "f47ac10b58cc4372a5670e02b2c3d479", "f47ac10b-58cc-4372-a567-0e02b2c3d47"}},
      {"user_00017", {"user_17", "user_", "User_00018", "user_00017x", "user_-0017"}},
      {"45ms", {"045ms", "45", "ms", "4.5ms", "-45ms"}}};
  for (const auto& [usual, odd_ones] : kColumns) {
    for (const std::string& odd : odd_ones) {
      BlockWriter writer;
      writer.Stream(Labels{{"app", "a"}});
      std::string expected;
      for (std::size_t i = 0; i < 40; ++i) {
        std::string value = usual;
        for (char& c : value) {  // Different ones of the same form.
          if (c >= '1' && c <= '8' && i % 3 != 0) c = static_cast<char>('1' + (i * 7) % 8);
        }
        if (i == 20) value = odd;
        const std::string line = "{\"v\":\"" + value + "\"}";
        writer.Add({.time_ns = 5, .line = line, .metadata = {}});
        expected += "a 5 " + line + "\n";
      }
      const auto rows = Render(writer.Finish());
      ASSERT_TRUE(rows.has_value()) << rows.error().message;
      ASSERT_EQ(*rows, expected);
    }
  }
}

// Whatever the text and wherever it begins and ends: the columns find it in the lines
// that contain it and in no other, and the filter never says no to such a block.
TEST(BlockTest, ContainsAndTheFilterAgreeWithLookingAtAllLines) {
  std::size_t skipped = 0;
  std::size_t absent = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    Random random(seed);
    std::vector<std::string> lines;
    const std::uint64_t count = 1 + random.Below(seed % 4 == 0 ? 700 : 40);
    BlockWriter writer;
    writer.Stream(Labels{{"app", "a"}});
    while (lines.size() < count) {
      lines.push_back(RandomLine(random));
      writer.Add({.time_ns = static_cast<std::int64_t>(lines.size()),
                  .line = lines.back(),
                  .metadata = {}});
    }
    const std::string block = writer.Finish();
    const auto head = ReadBlockHead(block);
    ASSERT_TRUE(head.has_value());
    auto rows = BlockRows::Open(*head, block);
    ASSERT_TRUE(rows.has_value());
    for (int i = 0; i < 150; ++i) {
      const std::string needle = RandomNeedle(random, lines);
      std::vector<std::uint8_t> expected;
      bool any = false;
      for (const std::string& line : lines) {
        expected.push_back(line.find(needle) != std::string::npos ? 1 : 0);
        any = any || expected.back() != 0;
      }
      const auto contains = rows->Contains(needle);
      ASSERT_TRUE(contains.has_value()) << contains.error().message;
      ASSERT_EQ(*contains, expected) << "seed " << seed << " needle <" << needle << ">";
      const auto may = BlockMayContain(*head, block, {TextKeys(needle)});
      ASSERT_TRUE(may.has_value()) << may.error().message;
      ASSERT_TRUE(!any || *may) << "seed " << seed << " needle <" << needle << ">";
      absent += any ? 0 : 1;
      skipped += *may ? 0 : 1;
    }
  }
  EXPECT_GT(skipped, absent / 4);
}

TEST(BlockTest, ATextWithManyWaysToLieInALineIsStillFound) {
  std::string line = "{";
  for (int i = 0; i < 100; ++i) line += std::string(i == 0 ? "" : ",") + "\"\":\"\"";
  line += "}";
  std::string needle;
  for (int i = 0; i < 60; ++i) needle += "\"\":\"\",";
  BlockWriter writer;
  writer.Stream(Labels{{"app", "a"}});
  for (int i = 0; i < 3; ++i) writer.Add({.time_ns = i, .line = line, .metadata = {}});
  writer.Add({.time_ns = 4, .line = "{}", .metadata = {}});
  const std::string block = writer.Finish();
  auto rows = BlockRows::Open(*ReadBlockHead(block), block);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(*rows->Contains(needle), (std::vector<std::uint8_t>{1, 1, 1, 0}));
}

TEST(BlockTest, ABlockThatOpensToMoreThanTheLimitIsRefused) {
  BlockWriter writer;
  writer.Stream(Labels{{"app", "a"}});
  for (int i = 0; i < 1000; ++i) {
    writer.Add(
        {.time_ns = i, .line = std::string(1000, static_cast<char>('a' + i % 3)), .metadata = {}});
  }
  const std::string block = writer.Finish();
  const BlockLimits limits{.decoded_bytes_max = 8'000};
  const auto head = ReadBlockHead(block, limits);
  ASSERT_TRUE(head.has_value());
  const auto rows = BlockRows::Open(*head, block, limits);
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace opssight
