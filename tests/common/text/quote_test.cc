#include "common/text/quote.h"

#include <optional>

namespace opssight {
namespace {

TEST(QuoteGo, EscapesWhatDoesNotPrint) {
  EXPECT_EQ(QuoteGo(""), "\"\"");
  EXPECT_EQ(QuoteGo("a\"b\\c\n\t"), "\"a\\\"b\\\\c\\n\\t\"");
  EXPECT_EQ(QuoteGo(std::string_view("\0\x7f\xff", 3)), "\"\\x00\\x7f\\xff\"");
  EXPECT_EQ(QuoteGo("è\u2028\U000e0001"), "\"è\\u2028\\U000e0001\"");
  EXPECT_EQ(QuoteGoRune('\''), "'\\''");
  EXPECT_EQ(QuoteGoRune('"'), "'\"'");
  EXPECT_EQ(QuoteGoRune(0xffffffff), "'\ufffd'");
  EXPECT_EQ(DescribeRune('x'), "U+0078 'x'");
  EXPECT_EQ(DescribeRune('\n'), "U+000A");
}

TEST(UnquoteGo, ReadsThreeKindsOfQuotes) {
  EXPECT_EQ(UnquoteGo(R"("a\"\x41\101\u00e8\U0001F600'")"), "a\"AAè😀'");
  EXPECT_EQ(UnquoteGo(R"('a\'"b')"), "a'\"b");
  EXPECT_EQ(UnquoteGo("`a\\n\n`"), "a\\n\n");
  EXPECT_EQ(UnquoteGo(R"("\xff")"), "\xff");
  for (const char* bad : {"", "\"", "a", "\"a'", R"("\'")", R"("\400")", R"("\ud800")", R"("\x1")",
                          R"("\q")", "\"\n\"", "`a`b`", R"("a"b")", R"("\)"}) {
    EXPECT_EQ(UnquoteGo(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace opssight
