#include "common/text/time.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(Rfc3339, ReadsZoneAndFraction) {
  EXPECT_EQ(ParseRfc3339Ns("1970-01-01T00:00:01Z"), 1'000'000'000);
  EXPECT_EQ(ParseRfc3339Ns("1970-01-01T01:00:00.5+01:00"), 500'000'000);
  EXPECT_EQ(ParseRfc3339Ns("1969-12-31T23:00:00.000000001-01:00"), 1);
  EXPECT_EQ(ParseRfc3339Ns("1970-01-01T00:00:00.0000000019Z"), 1);
  EXPECT_EQ(ParseRfc3339Ns("1969-12-31T23:59:60Z"), 0);
  EXPECT_EQ(ParseRfc3339Ns("9999-12-31T23:59:59Z"), std::nullopt);
  EXPECT_EQ(ParseRfc3339Ms("9999-12-31T23:59:59.9999Z"), 253'402'300'799'999);
  EXPECT_EQ(ParseRfc3339Ms("0001-01-01T00:00:00Z"), -62'135'596'800'000);
}

TEST(Rfc3339, RefusesOtherText) {
  for (const char* text :
       {"", "1970", "1970-01-01", "1970-01-01T00:00:00", "1970-02-30T00:00:00Z",
        "1970-13-01T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+0100", "9999-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseRfc3339Ns(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, PrintsWhatItReads) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2016-10-06T00:17:09.669794202Z",
                           "1969-12-31T23:59:59.9Z", "2024-02-29T12:00:00.01Z"}) {
    const auto time_ns = ParseRfc3339Ns(text);
    ASSERT_TRUE(time_ns.has_value()) << text;
    EXPECT_EQ(FormatRfc3339Ns(*time_ns), text);
  }
}

}  // namespace
}  // namespace opssight
