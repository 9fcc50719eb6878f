#include "aggregator/store/days/day_files.h"

#include <csignal>
#include <filesystem>
#include <memory>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

class DayFilesTest : public ::testing::Test {
 protected:
  DayFilesTest() {
    EXPECT_TRUE(files_.Recover(0).has_value());
    const std::string value(50'000, 'v');
    EXPECT_TRUE(
        files_.Write(1, 1, 2, [&](std::size_t) { return std::string_view(value); }).has_value());
    std::filesystem::create_hard_link(path_, dir_.path() + "/second");
  }
  std::size_t FilesOfDays() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      count += entry.path().filename().string().starts_with("x-") ? 1 : 0;
    }
    return count;
  }

  TempDir dir_;
  const std::string path_ = dir_.path() + "/x-19700102.mdb";
  std::uint64_t free_bytes_ = UINT64_MAX;
  DayFiles files_{{.dir = dir_.path(),
                   .map_bytes = 64 << 20,
                   .free_bytes = [this](const std::string&) { return free_bytes_; }}};
};

TEST_F(DayFilesTest, WithoutRoomNoCopyIsBegun) {
  free_bytes_ = 100'000;
  const Status full = files_.Rewrite(1);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kExhausted);
  EXPECT_NE(full.error().message.find("no room on the disk"), std::string::npos);
  EXPECT_EQ(FilesOfDays(), 2U) << "and its lock file";
  EXPECT_TRUE(files_.IsLinked(1));
  free_bytes_ = 300'000;
  EXPECT_TRUE(files_.Rewrite(1).has_value());
  EXPECT_FALSE(files_.IsLinked(1));
}

// A disk that fills up meanwhile.
TEST_F(DayFilesTest, ACopyThatFailsDoesNotStay) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit limit = unlimited;
  limit.rlim_cur = 40'960;
  setrlimit(RLIMIT_FSIZE, &limit);
  const Status failed = files_.Rewrite(1);
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, ErrorCode::kIo) << failed.error().message;
  EXPECT_EQ(FilesOfDays(), 2U);
  EXPECT_TRUE(files_.IsLinked(1));
  EXPECT_TRUE(files_.Rewrite(1).has_value());
}

}  // namespace
}  // namespace opssight
