#include "common/bytes/zstd.h"

#include <gtest/gtest.h>

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

TEST(ZstdTest, RoundTripsAndAppends) {
  const std::string text(100'000, 'x');
  std::string out = "before";
  ASSERT_TRUE(ZstdDecompress(ZstdCompress(text), text.size(), out).has_value());
  EXPECT_EQ(out, "before" + text);
}

TEST(ZstdTest, RefusesABombByItsDeclaredSize) {
  std::string out;
  const auto status = ZstdDecompress(ZstdCompress(std::string(100'000, 'x')), 99'999, out);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(status.error().message, "zstd: frame of 100000 bytes, limit 99999");
}

TEST(ZstdTest, RefusesEveryTruncation) {
  const std::string frame = ZstdCompress("some text, some text, some text");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    std::string out = "kept";
    EXPECT_FALSE(ZstdDecompress(frame.substr(0, size), 1000, out).has_value()) << size;
    EXPECT_EQ(out, "kept");
  }
}

TEST(EndianTest, ReadsNoFurtherThanTheEnd) {
  std::string bytes;
  PutBe<std::uint32_t>(bytes, 0x01020304);
  EXPECT_EQ(bytes, std::string("\x01\x02\x03\x04"));
  PutLe<std::uint16_t>(bytes, 0x0506);
  std::string_view rest = bytes;
  EXPECT_EQ(GetBe<std::uint32_t>(rest), 0x01020304U);
  EXPECT_EQ(GetLe<std::uint32_t>(rest), std::nullopt);
  EXPECT_EQ(GetLe<std::uint16_t>(rest), 0x0506U);
  EXPECT_TRUE(rest.empty());
}

TEST(HashTest, MatchesXxh3TestVectors) {
  // From the xxHash reference: XXH3_64bits of no bytes, seed 0.
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2ULL);
  EXPECT_EQ(ToHex(HashOf128("")), "99aa06d3014798d86001c324468d497f");
}

}  // namespace
}  // namespace opssight
