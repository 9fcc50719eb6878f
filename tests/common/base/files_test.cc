#include "common/base/files.h"

#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace opssight {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-files-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(FilesTest, ReadsBackWhatWasWrittenWithTheModeAskedFor) {
  const std::string path = dir_ + "/key";
  ASSERT_TRUE(WriteFileDurably(path, "old and longer", 0644).has_value());
  ASSERT_TRUE(WriteFileDurably(path, "new", 0600).has_value());
  EXPECT_EQ(ReadFile(path, 3).value(), "new");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(FilesTest, SaysWhatIsWrong) {
  EXPECT_EQ(ReadFile(dir_ + "/none", 10).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(WriteFileDurably(dir_ + "/big", "0123456789", 0644).has_value());
  EXPECT_EQ(ReadFile(dir_ + "/big", 9).error().code, ErrorCode::kExhausted);
  EXPECT_EQ(ReadFile(dir_, 10).error().code, ErrorCode::kIo);
  EXPECT_EQ(WriteFileDurably(dir_ + "/no/folder", "x", 0644).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace opssight
