#include "aggregator/store/meta_table.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace opssight {
namespace {

constexpr MetaOptions kSmall{.map_bytes = 1 << 20};

class MetaTableTest : public ::testing::Test {
 protected:
  MetaTableTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-meta-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~MetaTableTest() override { std::filesystem::remove_all(dir_); }

  MetaTable Open(const std::string& name) {
    auto env = OpenMeta(dir_, kSmall);
    EXPECT_TRUE(env.has_value()) << env.error().message;
    auto table = MetaTable::Open(*env, name);
    EXPECT_TRUE(table.has_value()) << table.error().message;
    return *std::move(table);
  }
  static std::string All(const MetaTable& table, std::string_view prefix = {}) {
    std::string out;
    const auto entries = table.List(prefix);
    for (const auto& [key, value] : *entries) out += key + "=" + value + " ";
    return out;
  }

  std::string dir_;
};

TEST_F(MetaTableTest, KeepsWhatWasPut) {
  {
    MetaTable table = Open("tokens");
    ASSERT_TRUE(table.Put("b", "2").has_value());
    ASSERT_TRUE(table.Put("a", "1").has_value());
    ASSERT_TRUE(table.Put("a/x", "3").has_value());
    EXPECT_FALSE(*table.Delete("none"));
  }
  MetaTable table = Open("tokens");
  EXPECT_EQ(All(table), "a=1 a/x=3 b=2 ");
  EXPECT_EQ(All(table, "a"), "a=1 a/x=3 ");
  EXPECT_EQ(**table.Get("b"), "2");
  EXPECT_FALSE(table.Get("c")->has_value());
  EXPECT_TRUE(*table.Delete("a"));
  EXPECT_EQ(All(table), "a/x=3 b=2 ");
}

TEST_F(MetaTableTest, AnUpdateIsAllOrNothing) {
  MetaTable table = Open("tokens");
  ASSERT_TRUE(table.Put("uses", "1").has_value());
  const Status undone = table.Update([](MetaTable::Edit& edit) -> Status {
    OPS_RETURN_IF_ERROR(edit.Put("uses", "0"));
    return Invalid("no");
  });
  EXPECT_EQ(undone.error().message, "no");
  EXPECT_EQ(All(table), "uses=1 ");
  ASSERT_TRUE(table
                  .Update([](MetaTable::Edit& edit) -> Status {
                    OPS_TRY(const auto uses, edit.Get("uses"));
                    OPS_RETURN_IF_ERROR(edit.Put("uses", *uses + "1"));
                    return edit.Put("by", "agent");
                  })
                  .has_value());
  EXPECT_EQ(All(table), "by=agent uses=11 ");
}

TEST_F(MetaTableTest, AFullMapFailsOnceAndHeals) {
  MetaTable table = Open("t");
  ASSERT_TRUE(table.Put("k", "v").has_value());
  const Status too_much = table.Update([](MetaTable::Edit& edit) -> Status {
    for (int i = 0; i < 4; ++i) {
      OPS_RETURN_IF_ERROR(edit.Put("big" + std::to_string(i), std::string(400 << 10, 'x')));
    }
    return {};
  });
  EXPECT_EQ(too_much.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(All(table), "k=v ");
  ASSERT_TRUE(table.Put("l", "w").has_value());
  EXPECT_EQ(All(table), "k=v l=w ");
}

TEST_F(MetaTableTest, RefusesWhatDoesNotFit) {
  MetaTable table = Open("t");
  EXPECT_EQ(table.Put("", "v").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(table.Put(std::string(512, 'k'), "v").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(table.Put("k", std::string((1 << 20) + 1, 'v')).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(table.Get("").error().code, ErrorCode::kInvalid);
}

TEST_F(MetaTableTest, ADamagedFileStopsTheStartButOthersAreSetAside) {
  std::ofstream(dir_ + "/meta.mdb") << std::string(8192, 'x');
  EXPECT_EQ(OpenMeta(dir_, kSmall).error().code, ErrorCode::kCorrupt);
  std::string aside;
  const auto env = OpenOrSetAside(dir_ + "/meta.mdb", {.map_bytes = 1 << 20}, {"t"}, 7, &aside);
  ASSERT_TRUE(env.has_value()) << env.error().message;
  EXPECT_EQ(aside, dir_ + "/meta.mdb.damaged-7");
  EXPECT_TRUE(std::filesystem::exists(aside));
}

}  // namespace
}  // namespace opssight
