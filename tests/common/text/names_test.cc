#include "common/text/names.h"

namespace opssight {
namespace {

TEST(NamesTest, Plain) {
  for (const char* name : {"a", "_", "A9_"}) EXPECT_TRUE(IsPlainLabelName(name)) << name;
  for (const char* name : {"", "9a", "a-b", "a:b", "\u00e9"}) {
    EXPECT_FALSE(IsPlainLabelName(name)) << name;
  }
  EXPECT_TRUE(IsPlainMetricName("a:b"));
  EXPECT_FALSE(IsPlainMetricName("a.b"));
}

}  // namespace
}  // namespace opssight
