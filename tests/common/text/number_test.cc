#include "common/text/number.h"

#include <limits>

#include <gtest/gtest.h>

#include "common/text/base64.h"

namespace opssight {
namespace {

TEST(NumberTest, DoublesPrintShortestAsGoDoes) {
  const auto f = [](double value, const char* text) { EXPECT_EQ(FormatDouble(value), text); };
  f(0.1, "0.1");
  f(-0.0, "-0");
  f(100, "100");
  f(1e20, "100000000000000000000");
  f(1e21, "1e+21");
  f(0.000001, "0.000001");
  f(0.0000001, "1e-07");
  f(1.7976931348623157e308, "1.7976931348623157e+308");
  f(std::numeric_limits<double>::infinity(), "+Inf");
  f(-std::numeric_limits<double>::infinity(), "-Inf");
  f(std::numeric_limits<double>::quiet_NaN(), "NaN");
}

TEST(NumberTest, ParsesWholeTextsOnly) {
  EXPECT_EQ(ParseInt<int>("42"), 42);
  EXPECT_EQ(ParseInt<int>("42 "), std::nullopt);
  EXPECT_EQ(ParseInt<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(ParseInt<unsigned>("ff", 16), 255U);
  EXPECT_EQ(ParseDouble("+1.5e3"), 1500.0);
  EXPECT_EQ(ParseDouble("-Inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(ParseDouble("nan").has_value());
  EXPECT_EQ(ParseDouble("1x"), std::nullopt);
  EXPECT_EQ(ParseDouble("+-1"), std::nullopt);
  EXPECT_EQ(ParseDouble(""), std::nullopt);
}

TEST(Base64Test, RoundTripsAndTakesBothAlphabets) {
  for (const std::string bytes : {"", "f", "fo", "foo", "\xff\xfe\xfd\xfc"}) {
    EXPECT_EQ(ParseBase64(Base64(bytes)), bytes);
    EXPECT_EQ(ParseHex(Hex(bytes)), bytes);
  }
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(ParseBase64("__79_A"), ParseBase64("//79/A=="));
  EXPECT_EQ(ParseBase64("a"), std::nullopt);
  EXPECT_EQ(ParseBase64("a*bc"), std::nullopt);
  EXPECT_EQ(ParseHex("abc"), std::nullopt);
}

TEST(NumberTest, OtherFormatsOfGo) {
  const auto fixed = [](double value) {
    std::string out;
    AppendFixed(value, out);
    return out;
  };
  EXPECT_EQ(fixed(1e21), "1000000000000000000000");
  EXPECT_EQ(fixed(1e200), "1" + std::string(200, '0'));
  EXPECT_EQ(fixed(-1.5e300), "-15" + std::string(299, '0'));
  EXPECT_EQ(fixed(9007199254740994), "9007199254740994");
  EXPECT_EQ(fixed(1.2345678901234568e17), "123456789012345680");
  EXPECT_EQ(FormatDouble(-1.2345678901234567e20), "-123456789012345670000");
  EXPECT_EQ(fixed(-1e-7), "-0.0000001");
  EXPECT_EQ(fixed(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(FormatGoG(100'000), "100000");
  EXPECT_EQ(FormatGoG(1'234'567), "1.234567e+06");
  EXPECT_EQ(FormatGoG(0.0001), "0.0001");
  EXPECT_EQ(FormatGoG(0.00001), "1e-05");
  EXPECT_EQ(FormatGoG(0), "0");
}

}  // namespace
}  // namespace opssight
