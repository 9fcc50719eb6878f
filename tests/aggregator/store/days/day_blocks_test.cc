#include "aggregator/store/days/day_blocks.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/file_limit.h"

namespace opssight {
namespace {

// A block here is "head:rest"; one that starts with '!' is damaged.
Result<std::string> ReadHead(std::string_view block) {
  if (block.starts_with('!')) return Corrupt("damaged");
  return std::string(block.substr(0, block.find(':')));
}
using Blocks = DayBlocks<std::string>;

class DayBlocksTest : public ::testing::Test {
 protected:
  DayBlocksTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-days-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Reopen(0);
  }
  ~DayBlocksTest() override {
    blocks_.reset();
    std::filesystem::remove_all(dir_);
  }
  void Reopen(WalPosition flushed) {
    blocks_.reset();
    blocks_ = std::make_unique<Blocks>(
        Blocks::Options{.files = {.dir = dir_, .prefix = 'x', .map_bytes = 8 << 20},
                        .days_cached = 1},
        &ReadHead);
    const Status status = blocks_->Recover(flushed);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void Freeze(DayNumber day, const std::vector<std::string>& blocks) {
    Blocks::Frozen frozen;
    for (const std::string& bytes : blocks) {
      frozen[day].push_back(std::make_shared<const Blocks::MemoryBlock>(
          Blocks::MemoryBlock{.bytes = bytes, .head = ReadHead(bytes).value_or("?")}));
    }
    blocks_->Freeze(std::move(frozen));
  }
  void Flush(WalPosition cut, DayNumber day, const std::vector<std::string>& blocks) {
    Freeze(day, blocks);
    const Status status = blocks_->Flush(cut);
    ASSERT_TRUE(status.has_value()) << status.error().message;
    blocks_->Publish(cut);
  }
  std::string Read(const Blocks::Snapshot& snapshot, DayNumber day) {
    std::string out;
    const Status status =
        blocks_->ForEach(snapshot, day, [&](const std::string& head, const auto& read) -> Status {
          OPS_TRY(const std::string_view bytes, read());
          out += head + "=" + std::string(bytes) + " ";
          return {};
        });
    return status ? out : status.error().message;
  }
  std::string Read(DayNumber day) { return Read(blocks_->Take(), day); }

  std::string dir_;
  std::unique_ptr<Blocks> blocks_;
};

TEST_F(DayBlocksTest, ShowsWhatIsPublishedAlsoAfterReopening) {
  Flush(5, 1, {"a:1", "b:2"});
  EXPECT_EQ(Read(1), "a=a:1 b=b:2 ");
  Flush(9, 1, {"c:3"});
  EXPECT_EQ(Read(1), "a=a:1 b=b:2 c=c:3 ");
  Reopen(9);
  EXPECT_EQ(Read(1), "a=a:1 b=b:2 c=c:3 ");
  EXPECT_EQ(Read(2), "");
}

TEST_F(DayBlocksTest, ASnapshotHoldsEachBlockOnceWhateverIsPublishedAfterIt) {
  for (const bool cached : {false, true}) {
    Reopen(0);
    Flush(5, 1, {"a:1"});
    if (cached) {
      EXPECT_EQ(Read(1), "a=a:1 ");
    }
    Freeze(1, {"b:2"});
    const Blocks::Snapshot before = blocks_->Take();
    ASSERT_TRUE(blocks_->Flush(9).has_value());
    EXPECT_EQ(Read(before, 1), "a=a:1 ");
    blocks_->Publish(9);
    EXPECT_EQ(Read(before, 1), "a=a:1 ");
    ASSERT_NE(before.frozen, nullptr);
    EXPECT_EQ(before.frozen->at(1).front()->bytes, "b:2");
    EXPECT_EQ(blocks_->Take().frozen, nullptr);
    EXPECT_EQ(Read(1), "a=a:1 b=b:2 ");
  }
}

TEST_F(DayBlocksTest, LeftoversOfAnUnrecordedCutGoInWhateverDayTheyAre) {
  Flush(5, 1, {"a:1"});
  Flush(9, 2, {"b:2"});
  Flush(10, 1, {"c:3"});
  Reopen(5);
  EXPECT_EQ(Read(1), "a=a:1 ");
  EXPECT_EQ(Read(2), "");
  Flush(9, 2, {"b:2"});
  EXPECT_EQ(Read(2), "b=b:2 ");
}

TEST_F(DayBlocksTest, LeftoversOnAFullDiskAreLeftOutAndGoBeforeTheNextFlush) {
  Flush(5, 1, {"a:1"});
  Flush(9, 2, {"b:2"});
  Flush(9, 1, {"c:3"});
  {
    const FileLimit full(8192);  // The meta pages.
    Reopen(5);
    EXPECT_EQ(Read(1), "a=a:1 ");
    EXPECT_EQ(Read(2), "");
    Freeze(1, {"d:4"});
    EXPECT_FALSE(blocks_->Flush(12).has_value());
    EXPECT_EQ(Read(1), "a=a:1 ");
  }
  ASSERT_TRUE(blocks_->Flush(12).has_value());
  blocks_->Publish(12);
  EXPECT_EQ(Read(1), "a=a:1 d=d:4 ");
  EXPECT_EQ(Read(2), "") << "also where the flush wrote nothing";
  Reopen(12);
  EXPECT_EQ(Read(1), "a=a:1 d=d:4 ");
}

TEST_F(DayBlocksTest, RecordsOfManyDaysDoNotKeepManyFilesOpen) {
  const auto open_files = [this] {
    std::set<std::string> files;
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto path = std::filesystem::read_symlink(fd.path(), gone);
      if (path.extension() == ".mdb" && path.parent_path() == dir_) files.insert(path);
    }
    return files.size();
  };
  Blocks::Frozen frozen;
  constexpr DayNumber kDays = 80;
  for (DayNumber day = 0; day < kDays; ++day) {
    frozen[day].push_back(std::make_shared<const Blocks::MemoryBlock>(
        Blocks::MemoryBlock{.bytes = "a:" + std::to_string(day), .head = "a"}));
  }
  blocks_->Freeze(std::move(frozen));
  ASSERT_TRUE(blocks_->Flush(1).has_value());
  blocks_->Publish(1);
  EXPECT_EQ(open_files(), 64U);
  for (DayNumber day = 0; day < kDays; ++day) {
    EXPECT_EQ(Read(day), "a=a:" + std::to_string(day) + " ");
  }
  EXPECT_EQ(open_files(), 64U);
}

TEST_F(DayBlocksTest, ADamagedBlockIsLeftOutAndCounted) {
  Flush(5, 1, {"a:1", "!b", "c:3"});
  EXPECT_EQ(Read(1), "a=a:1 c=c:3 ");
  EXPECT_EQ(blocks_->corrupt_blocks(), 1U);
}

TEST_F(DayBlocksTest, AFileThatIsNoDatabaseIsMovedAsideAndStopsNothing) {
  Flush(5, 1, {"a:1"});
  Flush(6, 2, {"b:2"});
  blocks_.reset();
  std::ofstream(dir_ + "/x-19700102.mdb", std::ios::trunc) << std::string(20'000, 'x');
  Reopen(6);
  EXPECT_EQ(Read(1), "");
  EXPECT_EQ(Read(2), "b=b:2 ");
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/x-19700102.mdb.bad"));
  Flush(7, 1, {"d:4"});
  EXPECT_EQ(Read(1), "d=d:4 ");
}

TEST_F(DayBlocksTest, RetentionUnlinksDaysAndLateRecordsMakeThemAnew) {
  Flush(5, 1, {"a:1"});
  Flush(6, 2, {"b:2"});
  EXPECT_EQ(Read(1), "a=a:1 ");
  ASSERT_TRUE(blocks_->Retain(2 * kMsPerDay, 0).has_value());
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/x-19700102.mdb"));
  EXPECT_EQ(Read(1), "");
  Flush(7, 1, {"late:3"});
  EXPECT_EQ(Read(1), "late=late:3 ");
}

}  // namespace
}  // namespace opssight
