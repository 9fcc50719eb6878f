#include "common/bytes/hash.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

// The vectors of the xxHash specification.
TEST(HashTest, XxHash64IsTheStandards) {
  EXPECT_EQ(XxHash64(""), 0xef46db3751d8e999ULL);
  EXPECT_EQ(XxHash64("a"), 0xd24ec4f1a98c6e5bULL);
  EXPECT_EQ(XxHash64("abc"), 0x44bc2cf5ad770999ULL);
}

}  // namespace
}  // namespace opssight
