#include "agent/spool/state.h"

#include <gtest/gtest.h>

#include "agent/spool/gaps.h"
#include "agent/spool/record.h"

namespace opssight {
namespace {

TEST(NumberingTest, CountsWhatIsLeftFromOne) {
  Numbering numbering;
  for (int i = 0; i < 20; ++i) numbering.Take();
  RangeSet live;
  live.Add({5, 6});
  live.Add({10, 12});
  numbering.Renumber(live);
  EXPECT_EQ(numbering.SeqOf(5), 1U);
  EXPECT_EQ(numbering.SeqOf(6), 2U);
  EXPECT_EQ(numbering.SeqOf(10), 3U);
  EXPECT_EQ(numbering.SeqOf(12), 5U);
  EXPECT_EQ(numbering.next_seq(), 6U);
  EXPECT_EQ(numbering.KeysOf({2, 4}), (std::vector<SeqRange>{{6, 6}, {10, 11}}));
  EXPECT_EQ(numbering.KeyOf(6), std::nullopt);
  EXPECT_EQ(numbering.Take(), 21U);
  EXPECT_EQ(numbering.SeqOf(21), 6U);
  EXPECT_EQ(numbering.KeyOf(6), 21U);
  EXPECT_EQ(numbering.KeyOf(0), std::nullopt);
}

TEST(SpoolStateTest, DecodesWhatItEncodedAndRefusesEveryCut) {
  SpoolState state{.epoch = 3, .wants_epoch = false, .fork_key = 0, .file_inode = 77};
  for (int i = 0; i < 9; ++i) state.numbering.Take();
  RangeSet live;
  live.Add({4, 9});
  state.numbering.Renumber(live);
  state.tombs.Add({4, 5});
  const std::string bytes = state.Encode();
  const auto decoded = SpoolState::Decode(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->epoch, 3U);
  EXPECT_EQ(decoded->numbering, state.numbering);
  EXPECT_EQ(decoded->tombs, state.tombs);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(SpoolState::Decode(bytes.substr(0, size)).has_value()) << size;
  }
}

TEST(SpoolRecordTest, NoticesEachDamagedByte) {
  const std::string frame = "a frame";
  const std::string bytes =
      EncodeRecord({.tombstone = true,
                    .original_hash = 5,
                    .summary = {.counts = {1, 2, 3}, .from_ns = 4, .to_ns = 9},
                    .layouts = {{.high = 1, .low = 2}},
                    .frame = frame});
  const auto record = DecodeRecord(bytes);
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(FrameIsWhole(*record));
  EXPECT_EQ(record->original_hash, 5U);
  EXPECT_EQ(record->summary.counts[2], 3U);
  EXPECT_EQ(record->layouts.front().low, 2U);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    const auto read = DecodeRecord(bad);
    EXPECT_FALSE(read.has_value() && FrameIsWhole(*read)) << i;
  }
}

TEST(GapCollectorTest, SumsByStreamAndIsBounded) {
  GapCollector gaps(2);
  for (int i = 0; i < 10; ++i) {
    gaps.Add({.signal = Signal::kLogs,
              .stream = std::to_string(i % 5),
              .from_ns = i,
              .to_ns = i,
              .count = 1,
              .reason = "r"});
  }
  EXPECT_EQ(gaps.gaps(), (std::vector<Gap>{{Signal::kLogs, "", 2, 9, 6, "r"},
                                           {Signal::kLogs, "0", 0, 5, 2, "r"},
                                           {Signal::kLogs, "1", 1, 6, 2, "r"}}));
  for (int i = 0; i < 100; ++i) {
    gaps.Add({.signal = Signal::kLogs, .count = 1, .reason = std::to_string(i)});
  }
  EXPECT_LE(gaps.gaps().size(), 5U);
}

}  // namespace
}  // namespace opssight
