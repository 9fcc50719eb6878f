#include "common/base/dir_lock.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

TEST(DirLockTest, KeepsAFolderToOneHolderAndNamesIt) {
  const TempDir dir;
  {
    const auto first = DirLock::Take(dir / "data");
    ASSERT_TRUE(first.has_value()) << first.error().message;
    const auto second = DirLock::Take(dir / "data");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(second.error().message,
                ::testing::HasSubstr("in use by process " + std::to_string(getpid()) + ";"));
  }
  EXPECT_TRUE(DirLock::Take(dir / "data").has_value()) << "freed with its holder";
}

}  // namespace
}  // namespace opssight
