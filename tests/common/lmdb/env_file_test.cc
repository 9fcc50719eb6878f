#include "common/lmdb/env_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

class EnvFileTest : public ::testing::Test {
 protected:
  // As LMDB leaves them.
  void MakeFiles(const std::string& name) {
    std::ofstream(dir_ / name) << name;
    std::ofstream(dir_ / (name + "-lock")) << "lock";
  }
  bool Has(const std::string& name) const { return std::filesystem::exists(dir_ / name); }

  TempDir dir_;
};

TEST_F(EnvFileTest, TablesAreMadeAndOpenWithoutAWrite) {
  const std::string path = dir_ / "a.mdb";
  {
    const auto env = Env::Open(path, {.map_bytes = 8 << 20});
    ASSERT_TRUE(env && EnsureTables(**env, {"a", "b"}));
  }
  // A write transaction would be refused.
  const auto env = Env::Open(path, {.map_bytes = 8 << 20, .read_only = true});
  ASSERT_TRUE(env);
  EXPECT_TRUE(EnsureTables(**env, {"a", "b"}));
  EXPECT_FALSE(EnsureTables(**env, {"a", "c"}));
}

TEST_F(EnvFileTest, ARenamedFileLeavesNoLockFile) {
  MakeFiles("a.mdb");
  MakeFiles("b.mdb");
  ASSERT_TRUE(RenameEnvFile(dir_ / "a.mdb", dir_ / "b.mdb"));
  EXPECT_FALSE(Has("a.mdb") || Has("a.mdb-lock") || Has("b.mdb-lock"));
  EXPECT_TRUE(Has("b.mdb"));
  const Status gone = RenameEnvFile(dir_ / "a.mdb", dir_ / "b.mdb");
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message.find(dir_ / "a.mdb"), std::string::npos);
}

TEST_F(EnvFileTest, ASecondFileMovedAsideDoesNotTakeTheFirstOnesPlace) {
  for (const char* expected : {"a.mdb.bad", "a.mdb.bad-2", "a.mdb.bad-3"}) {
    MakeFiles("a.mdb");
    const auto aside = MoveEnvFileAside(dir_ / "a.mdb");
    ASSERT_TRUE(aside) << aside.error().message;
    EXPECT_EQ(*aside, dir_ / expected);
    EXPECT_TRUE(Has(expected));
  }
  EXPECT_FALSE(Has("a.mdb-lock"));
}

TEST_F(EnvFileTest, RemovesBothOrNothing) {
  MakeFiles("a.mdb");
  RemoveEnvFile(dir_ / "a.mdb");
  RemoveEnvFile(dir_ / "a.mdb");
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace opssight
