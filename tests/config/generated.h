// Generated files of packaging/config must be what the tables produce now. To write
// them anew: OPS_WRITE_GENERATED=1 <the test program>.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace opssight {

inline void ExpectGenerated(const std::string& name, const std::string& text,
                            const std::string& test) {
  const std::filesystem::path path =
      std::filesystem::path(OPS_SOURCE_DIR) / "packaging" / "config" / name;
  if (std::getenv("OPS_WRITE_GENERATED") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(path) << text;
  }
  std::ifstream file(path);
  const std::string kept{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(kept == text) << path << " is not what the settings' tables say. Write it anew:\n"
                            << "  OPS_WRITE_GENERATED=1 build/dev/tests/" << test << "\n";
}

}  // namespace opssight
