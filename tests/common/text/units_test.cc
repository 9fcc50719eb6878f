#include "common/text/units.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(UnitsTest, DurationsReadAsInPrometheus) {
  EXPECT_EQ(ParsePromDurationMs("1h30m"), 5'400'000);
  EXPECT_EQ(ParsePromDurationMs("500ms"), 500);
  EXPECT_EQ(ParsePromDurationMs("168h"), 7LL * 86'400'000);
  EXPECT_EQ(ParsePromDurationMs("1y2w3d4h5m6s7ms"),
            ((365LL + 14 + 3) * 86'400 + 4 * 3600 + 5 * 60 + 6) * 1000 + 7);
  EXPECT_EQ(ParsePromDurationMs("0"), 0);
  EXPECT_EQ(ParsePromDurationMs("0s"), 0);
}

TEST(UnitsTest, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "10", "-1s", "1.5s", "1m1h", "1s1s", "1 s", "s", "1S", "1h ", "1us",
                           "300000000y", "9223372036854775808ms", "106751991167d300d"}) {
    EXPECT_EQ(ParsePromDurationMs(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, DurationsPrintWithDaysAsTheLargestUnit) {
  EXPECT_EQ(FormatDurationMs(0), "0s");
  EXPECT_EQ(FormatDurationMs(5'400'000), "1h30m");
  EXPECT_EQ(FormatDurationMs(7LL * 86'400'000), "7d");
  EXPECT_EQ(FormatDurationMs(1'001), "1s1ms");
  EXPECT_EQ(FormatPromDurationMs(0), "0s");
  EXPECT_EQ(FormatPromDurationMs(14LL * 86'400'000), "2w");
  EXPECT_EQ(FormatPromDurationMs(8LL * 86'400'000), "8d");
  EXPECT_EQ(FormatPromDurationMs(365LL * 86'400'000), "1y");
  for (const std::int64_t ms : {1LL, 59'999LL, 86'400'001LL, 31'536'000'123LL}) {
    EXPECT_EQ(ParsePromDurationMs(FormatDurationMs(ms)), ms);
  }
}

TEST(UnitsTest, SizesArePowersOf1024) {
  EXPECT_EQ(ParseByteSize("512MiB"), 512ULL << 20);
  EXPECT_EQ(ParseByteSize("10GB"), 10ULL << 30);
  EXPECT_EQ(ParseByteSize("1000"), 1000U);
  EXPECT_EQ(ParseByteSize("1000B"), 1000U);
  EXPECT_EQ(ParseByteSize("15EiB"), 15ULL << 60);
  for (const char* text : {"", "MiB", "1.5GiB", "-1", "1 MiB", "1mb", "1KiBx", "16EiB", "1i"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, SizesPrintInTheLargestUnitThatDivides) {
  EXPECT_EQ(FormatByteSize(0), "0B");
  EXPECT_EQ(FormatByteSize(1500), "1500B");
  EXPECT_EQ(FormatByteSize(1ULL << 30), "1GiB");
  EXPECT_EQ(FormatByteSize(1536ULL << 10), "1536KiB");
  EXPECT_EQ(ParseByteSize(FormatByteSize(3ULL << 61)), 3ULL << 61);
}

}  // namespace
}  // namespace opssight
