#include "common/bytes/snappy.h"

#include "common/bytes/crc32c.h"

namespace opssight {
namespace {

TEST(SnappyTest, ComesBackAsItWent) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'x')}) {
    std::string out = "before";
    ASSERT_TRUE(SnappyDecompress(SnappyCompress(text), 100'000, out));
    EXPECT_EQ(out, text);
  }
}

TEST(SnappyTest, ABombIsRefusedByWhatItDeclares) {
  std::string out = "before";
  const std::string bomb("\xff\xff\xff\xff\x0f\x00", 6);  // 4 GiB.
  const Status status = SnappyDecompress(bomb, 32UL << 20, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(out, "");
}

TEST(SnappyTest, OtherBytesAreCorrupt) {
  std::string out;
  for (const std::string_view bytes :
       {std::string_view(""), std::string_view("\x05zz"), std::string_view("\xff")}) {
    const Status status = SnappyDecompress(bytes, 1000, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().message, "snappy: corrupt input");
  }
}

TEST(Crc32cTest, KnownValues) {  // RFC 3720 B.4
  EXPECT_EQ(Crc32c(""), 0U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

}  // namespace
}  // namespace opssight
