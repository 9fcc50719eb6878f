#include "common/config/files.h"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string name = ::testing::TempDir() + "config_files_XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~FilesTest() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  ConfigSources Read(bool main_required = true) {
    return ReadConfigFiles((root_ / "agent.yaml").string(), (root_ / "agent.d").string(),
                           main_required);
  }

  fs::path root_;
};

TEST_F(FilesTest, TheMainFileThenDropInsByName) {
  Write("agent.yaml", "main");
  Write("agent.d/20-b.yaml", "b");
  Write("agent.d/10-a.yaml", "a");
  Write("agent.d/.hidden.yaml", "no");
  Write("agent.d/README", "no");
  Write("agent.d/x.yaml.dpkg-old", "no");
  const ConfigSources sources = Read();
  EXPECT_TRUE(sources.problems.empty()) << sources.problems.ToString();
  std::vector<std::string> texts;
  for (const ConfigFile& file : sources.files) texts.push_back(file.text);
  EXPECT_THAT(texts, ElementsAre("main", "a", "b"));
}

TEST_F(FilesTest, AMissingMainFileIsAProblemWhereItIsRequired) {
  EXPECT_THAT(Read().problems.ToString(), HasSubstr("agent.yaml: No such file"));
  EXPECT_TRUE(Read(false).problems.empty());
}

TEST_F(FilesTest, WhatLooksReadButIsNotIsAProblem) {
  Write("agent.yaml", "");
  Write("agent.d/a.yml", "");
  fs::create_directory(root_ / "agent.d" / "b.yaml");
  ASSERT_EQ(mkfifo((root_ / "agent.d" / "c.yaml").c_str(), 0600), 0);
  const std::string problems = Read().problems.ToString();
  EXPECT_THAT(problems, HasSubstr("a.yml: only *.yaml is read"));
  EXPECT_THAT(problems, HasSubstr("b.yaml is not a regular file"));
  EXPECT_THAT(problems, HasSubstr("c.yaml is not a regular file"));
}

TEST_F(FilesTest, ALargeFileIsRefused) {
  Write("agent.yaml", std::string(5UL << 20, '#'));
  const ConfigSources sources = Read();
  EXPECT_TRUE(sources.files.empty());
  EXPECT_THAT(sources.problems.ToString(), HasSubstr("agent.yaml"));
}

}  // namespace
}  // namespace opssight
