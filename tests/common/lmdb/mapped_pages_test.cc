#include "common/lmdb/mapped_pages.h"

#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

constexpr std::size_t kMapBytes = 1UL << 20;

// A file of kMapBytes, mapped.
class MappedPagesTest : public ::testing::Test {
 protected:
  MappedPagesTest() {
    const std::string path = dir_.path() + "/file";
    std::ofstream(path) << std::string(kMapBytes, 'x');
    fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
    at_ = static_cast<char*>(mmap(nullptr, kMapBytes, PROT_READ, MAP_SHARED, fd_, 0));
  }
  ~MappedPagesTest() override {
    munmap(at_, kMapBytes);
    close(fd_);
  }
  bool TouchAll() const {
    bool all = true;
    for (std::size_t i = 0; i < kMapBytes; i += 4096) all = all && at_[i] == 'x';
    return all;
  }
  // As the kernel counts it.
  std::size_t ResidentKb() const {
    std::ifstream smaps("/proc/self/smaps");
    bool ours = false;
    for (std::string line; std::getline(smaps, line);) {
      if (line.find(dir_.path()) != std::string::npos) ours = true;
      if (ours && line.starts_with("Rss:")) return std::stoul(line.substr(4));
    }
    return SIZE_MAX;
  }

  TempDir dir_;
  int fd_ = -1;
  char* at_ = nullptr;
};

TEST_F(MappedPagesTest, UnmapsWhatWasTouchedAndNothingIsLost) {
  MappedPages pages(fd_, kMapBytes, 100);
  ASSERT_TRUE(pages.found());
  EXPECT_TRUE(TouchAll());
  ASSERT_EQ(ResidentKb(), kMapBytes >> 10);
  pages.Touched(99);
  EXPECT_EQ(ResidentKb(), kMapBytes >> 10) << "below the limit";
  pages.Touched(1);
  EXPECT_EQ(ResidentKb(), 0U);
  EXPECT_TRUE(TouchAll());
}

TEST_F(MappedPagesTest, AMappingOfAnotherSizeIsLeftAlone) {
  MappedPages pages(fd_, 2 * kMapBytes, 1);
  EXPECT_FALSE(pages.found());
  EXPECT_TRUE(TouchAll());
  pages.Touched(1);
  EXPECT_EQ(ResidentKb(), kMapBytes >> 10);
}

}  // namespace
}  // namespace opssight
