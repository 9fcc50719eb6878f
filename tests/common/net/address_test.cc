#include "common/net/address.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(AddressTest, ParsesWhatItWrites) {
  for (const char* text : {"127.0.0.1:9095", "[::1]:9095", "agg.example:1", ":9090"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(AddressTest, SaysWhatIsWrong) {
  for (const char* text : {"", "host", "host:", "host:x", "host:65536", "host:-1", "[::1]", "[::1",
                           "[::1]9", "[host]:1", "::1:9095", "a b:1", "host:1 "}) {
    const auto address = ParseAddress(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_NE(address.error().message.find("write host:port"), std::string::npos);
  }
}

}  // namespace
}  // namespace opssight
