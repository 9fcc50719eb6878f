#include "aggregator/store/logs/log_head.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace opssight {
namespace {

std::string Render(const std::vector<LogStreamLines>& streams) {
  std::string out;
  for (const LogStreamLines& stream : streams) {
    out += std::string(stream.stream.Get("app")) + ":";
    for (const LogLine& line : stream.lines) {
      out += " " + std::to_string(line.time_ns) + "=" + line.line;
    }
    out += "\n";
  }
  return out;
}

struct Query {
  std::vector<LineFilter> filters;
  bool backward = false;
  std::uint64_t limit = 100;
  std::string app_regex = ".*";
};

std::string Select(const LogHead& head, const Query& asked) {
  LineQuery query{.matchers = {*Matcher::Make(MatchType::kRegex, "app", asked.app_regex)},
                  .filters = asked.filters,
                  .from_ns = 0,
                  .to_ns = 1000,
                  .backward = asked.backward,
                  .limit = asked.limit};
  LineCollector collector(query);
  std::uint64_t piece = 0;
  for (const auto& block : head.blocks()) {
    const Status status = SelectFromBlock(block->head, block->bytes, query, {}, piece++, collector);
    if (!status) return status.error().message;
  }
  head.Select(query, piece, collector);
  return Render(collector.Finish());
}

LogHead Filled(std::size_t block_raw_bytes) {
  LogHead head(block_raw_bytes);
  const Labels a{{"app", "a"}, {"x", "y"}};
  const Labels b{{"app", "b"}, {"x", "y"}};
  head.Append(a, 30, "late", {});
  head.Append(a, 10, "early", {});
  head.Append(a, 10, "early too", {});
  head.Append(b, 20, "between", {});
  head.Append(a, 2000, "out of range", {});
  return head;
}

TEST(LogHeadTest, AnswersInTimeOrderAndOfEqualTimesInOrderOfArrival) {
  for (const std::size_t block_raw_bytes : {1UL, 12UL, 1'000'000UL}) {
    const LogHead head = Filled(block_raw_bytes);
    EXPECT_EQ(Select(head, {}), "a: 10=early 10=early too 30=late\nb: 20=between\n");
    EXPECT_EQ(Select(head, {.backward = true}),
              "a: 30=late 10=early too 10=early\nb: 20=between\n");
  }
}

TEST(LogHeadTest, TheLimitIsOverAllStreams) {
  const LogHead head = Filled(1'000'000);
  EXPECT_EQ(Select(head, {.backward = true, .limit = 2}), "a: 30=late\nb: 20=between\n");
  EXPECT_EQ(Select(head, {.limit = 1}), "a: 10=early\n");
  EXPECT_EQ(Select(head, {.limit = 0}), "");
}

TEST(LogHeadTest, FiltersLinesAndStreams) {
  const LogHead head = Filled(1);
  EXPECT_EQ(Select(head, {.filters = {{.want = true, .text = "early"}}}),
            "a: 10=early 10=early too\n");
  EXPECT_EQ(
      Select(head, {.filters = {{.want = true, .text = "early"}, {.want = false, .text = "too"}}}),
      "a: 10=early\n");
  EXPECT_EQ(Select(head, {.app_regex = "b|c"}), "b: 20=between\n");
}

TEST(LogHeadTest, BlocksAnswerLikeTheHeadTheyCameFrom) {
  LogHead head = Filled(12);
  const std::string before = Select(head, {.backward = true});
  const auto blocks = head.TakeBlocks();
  EXPECT_EQ(head.lines(), 0U);
  LineQuery query{
      .matchers = {}, .filters = {}, .from_ns = 0, .to_ns = 1000, .backward = true, .limit = 100};
  LineCollector collector(query);
  std::uint64_t piece = 0;
  for (const auto& block : blocks) {
    ASSERT_TRUE(
        SelectFromBlock(block->head, block->bytes, query, {}, piece++, collector).has_value());
  }
  EXPECT_EQ(Render(collector.Finish()), before);
}

TEST(LogHeadTest, SealingSomeKeepsAnswersAndEmptiesTheOpenLines) {
  LogHead head(100);
  for (int i = 0; i < 40; ++i) {
    const Labels labels{{"app", "a" + std::to_string(i % 20)}, {"x", "y"}};
    head.Append(labels, i, "line " + std::to_string(i), {});
  }
  const std::string before = Select(head, {});
  std::size_t rounds = 0;
  for (; head.open_bytes() != 0 && rounds < 40; ++rounds) head.SealSome();
  EXPECT_GT(rounds, 1U);
  EXPECT_LT(rounds, 40U);
  EXPECT_EQ(Select(head, {}), before);
  head.Append(Labels{{"app", "a0"}, {"x", "y"}}, 50, "after", {});
  EXPECT_LE(head.TakeBlocks().size(), 2 * rounds + 1);
  EXPECT_EQ(head.bytes(), 0U);
}

TEST(LogHeadTest, LinesWithoutBytesFillABlockToo) {
  LogHead head(1000);
  for (int i = 0; i < 1000; ++i) head.Append(Labels{{"app", "a"}}, i, "", {});
  EXPECT_GT(head.blocks().size(), 10U);
  EXPECT_LT(head.open_bytes(), 1000U);
}

TEST(LogHeadTest, ACancelledQueryStops) {
  const LogHead head = Filled(1);
  const MemoryBlock& block = *head.blocks().front();
  LineQuery query{
      .matchers = {}, .filters = {}, .from_ns = 0, .to_ns = 1000, .backward = true, .limit = 1};
  LineCollector collector(query);
  const Status status = SelectFromBlock(block.head, block.bytes, query,
                                        {.cancelled = [] { return true; }}, 0, collector);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
}

TEST(LineCollectorTest, KeepsTheSameLinesAsSortingAll) {
  LineQuery query{
      .matchers = {}, .filters = {}, .from_ns = 0, .to_ns = 100'000, .backward = true, .limit = 7};
  LineCollector collector(query);
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const std::int64_t time = i * 7919 % 10'007;
    times.push_back(time);
    if (collector.Wants(time, "x"))
      collector.Add(Labels(), 0, static_cast<std::uint64_t>(i),
                    {.time_ns = time, .line = "x", .metadata = {}});
  }
  std::sort(times.rbegin(), times.rend());
  const auto streams = collector.Finish();
  ASSERT_EQ(streams.size(), 1U);
  ASSERT_EQ(streams[0].lines.size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(streams[0].lines[i].time_ns, times[i]);
  EXPECT_FALSE(collector.WantsPiece(0, times[6] - 1));
  EXPECT_TRUE(collector.WantsPiece(0, times[6]));
}

}  // namespace
}  // namespace opssight
