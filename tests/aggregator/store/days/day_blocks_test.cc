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
                        .days_cached = 1,
                        .read_ms_max = 100,
                        .clock = &clock_},
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

  // What TakeLosses says, by day.
  std::string Losses() {
    std::string out;
    for (const SignalLoss& loss : blocks_->TakeLosses()) {
      out += std::to_string(loss.from_ms / kMsPerDay) + "-" +
             std::to_string(loss.to_ms / kMsPerDay) + " ";
    }
    return out;
  }

  FakeClock clock_;
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

TEST_F(DayBlocksTest, AFileThatIsNoDatabaseAnyMoreHoldsUpOneFlushOnly) {
  Flush(5, 1, {"a:1"});
  Flush(6, 2, {"b:2"});
  EXPECT_EQ(Read(1), "a=a:1 ");
  for (const std::string bad : {".bad", ".bad-2"}) {
    Reopen(6);
    std::ofstream(dir_ + "/x-19700102.mdb", std::ios::trunc) << std::string(20'000, 'x');
    Freeze(1, {"c:3"});
    EXPECT_EQ(blocks_->Flush(7).error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(Losses(), "1-1 ");
    EXPECT_EQ(Losses(), "") << "once";
    EXPECT_TRUE(std::filesystem::exists(dir_ + "/x-19700102.mdb" + bad)) << "none is overwritten";
    const Status again = blocks_->Flush(7);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    blocks_->Publish(7);
    EXPECT_EQ(Read(1), "c=c:3 ");
    EXPECT_EQ(Read(2), "b=b:2 ");
  }
}

TEST_F(DayBlocksTest, PagesDamagedInAnOpenFileHoldUpAFlushOrTwo) {
  Flush(5, 1, {"a:1", "b:2"});
  EXPECT_EQ(Read(1), "a=a:1 b=b:2 ");
  const Blocks::Snapshot before = blocks_->Take();
  {
    std::fstream file(dir_ + "/x-19700102.mdb", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 4096);  // All but the meta pages.
    const auto size = std::filesystem::file_size(dir_ + "/x-19700102.mdb");
    file << std::string(size - 2 * 4096, '\0');
  }
  Freeze(1, {"c:3"});
  // LMDB may call it an error of the transaction first; the file is then opened anew.
  Status flushed = blocks_->Flush(7);
  EXPECT_FALSE(flushed.has_value());
  EXPECT_EQ(Read(before, 1), "");
  for (int i = 0; i < 2 && !flushed; ++i) flushed = blocks_->Flush(7);
  ASSERT_TRUE(flushed.has_value()) << flushed.error().message;
  EXPECT_EQ(Losses(), "1-1 ");
  blocks_->Publish(7);
  EXPECT_EQ(Read(1), "c=c:3 ") << "nothing that was known of the other file";
}

TEST_F(DayBlocksTest, AQueryLeavesOutAFileThatIsNoDatabaseAnyMore) {
  Flush(5, 1, {"a:1"});
  Flush(6, 2, {"b:2"});
  Reopen(6);
  std::ofstream(dir_ + "/x-19700102.mdb", std::ios::trunc) << std::string(20'000, 'x');
  EXPECT_EQ(Read(1), "");
  EXPECT_EQ(Read(2), "b=b:2 ");
  EXPECT_EQ(Losses(), "1-1 ");
}

TEST_F(DayBlocksTest, TheNewestCutIsThatOfAnyDay) {
  EXPECT_EQ(blocks_->NewestCut().value(), 0U);
  Flush(5, 1, {"a:1"});
  Flush(9, 3, {"b:2"});
  Flush(8, 2, {"b:2"});
  std::ofstream(dir_ + "/x-19700110.mdb", std::ios::trunc) << std::string(20'000, 'x');
  blocks_.reset();
  EXPECT_EQ(DayFiles({.dir = dir_, .prefix = 'x', .map_bytes = 8 << 20}).NewestCut().value(), 9U);
  EXPECT_EQ(DayFiles({.dir = dir_ + "/none", .prefix = 'x'}).NewestCut().value(), 0U);
}

TEST_F(DayBlocksTest, ALongQueryDoesNotKeepFreePagesFromBeingUsed) {
  const std::string large(200'000, 'x');
  const auto bytes_after = [&](std::int64_t ms_a_block) {
    Reopen(0);
    std::filesystem::remove(dir_ + "/x-19700102.mdb");
    Reopen(0);
    Flush(1, 1, std::vector<std::string>(20, "a:1"));
    const Blocks::Snapshot snapshot = blocks_->Take();
    const Status status =
        blocks_->ForEach(snapshot, 1, [&](const std::string&, const auto& read) -> Status {
          OPS_TRY(const std::string_view bytes, read());
          EXPECT_EQ(bytes, "a:1");
          clock_.AdvanceMs(ms_a_block);
          Freeze(1, {large});
          return blocks_->Flush(2);  // The same keys again: their pages become free.
        });
    EXPECT_TRUE(status.has_value()) << status.error().message;
    return std::filesystem::file_size(dir_ + "/x-19700102.mdb");
  };
  EXPECT_LT(bytes_after(200) * 2, bytes_after(0)) << "read_ms_max is 100";
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
