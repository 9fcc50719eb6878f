#include "common/text/utf8.h"

#include <string_view>

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(Utf8Test, TellsCharactersFromBytes) {
  for (const std::string_view good :
       {"", "a", "\x7f", "ä", "€", "\xef\xbf\xbf", "𝄞", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc5z", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace opssight
