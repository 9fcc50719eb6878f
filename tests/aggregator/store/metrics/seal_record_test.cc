#include "aggregator/store/metrics/seal_record.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(SealRecordTest, ComesBackAndEveryByteCounts) {
  const SealRecord record{.merged = 1ULL << 40,
                          .done = 5,
                          .done_ms = -1,
                          .generation = 3,
                          .series = 1,
                          .samples = 1'000'000'000'000,
                          .histograms = 9,
                          .rules = {7, UINT64_MAX},
                          .jobs = {{"rollup", 4}, {"", 0}}};
  const std::string bytes = EncodeSealRecord(record);
  const auto read = DecodeSealRecord(bytes);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(EncodeSealRecord(*read), bytes);
  EXPECT_EQ(read->merged, record.merged);
  EXPECT_EQ(read->done_ms, -1);
  EXPECT_EQ(read->samples, record.samples);
  EXPECT_EQ(read->rules, record.rules);
  EXPECT_EQ(read->jobs, record.jobs);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] ^= 1;
    EXPECT_FALSE(DecodeSealRecord(bad).has_value()) << i;
    EXPECT_FALSE(DecodeSealRecord(std::string_view(bytes).substr(0, i)).has_value()) << i;
  }
}

}  // namespace
}  // namespace opssight
