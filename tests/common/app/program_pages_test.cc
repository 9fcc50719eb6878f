#include "common/app/program_pages.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace opssight {
namespace {

// Of mappings of files.
std::size_t ResidentFileKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stoul(line.substr(8));
  }
  return 0;
}

TEST(ProgramPagesTest, TheProgramGoesOnWithoutItsPages) {
  const std::size_t before = ResidentFileKb();
  UnmapProgramPages();
  EXPECT_LT(ResidentFileKb(), before);
  UnmapProgramPages();
  EXPECT_EQ(std::to_string(std::stoul("174")), "174");
}

}  // namespace
}  // namespace opssight
