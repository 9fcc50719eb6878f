// The cases of rotation, truncation, deletion and restart that collectors are known to
// get wrong; the numbers are those of the list of classic bugs (fluent-bit, Vector,
// Promtail, OpenTelemetry issues).
#include <gmock/gmock.h>

#include "tests/agent/tail/tail_world.h"

namespace opssight {
namespace {

constexpr char kApp[] = "/var/log/app.log";

class Rotation : public TailWorld {
 protected:
  Rotation() { Follow({"/var/log/*.log"}); }
  // app.log.1 -> app.log.2, app.log -> app.log.1, and a new app.log.
  void Rotate(bool create = true) {
    for (int i = 8; i >= 1; --i) {
      const std::string from = fmt::format("{}.{}", kApp, i);
      if (std::filesystem::exists(Real(from))) Rename(from, fmt::format("{}.{}", kApp, i + 1));
      if (std::filesystem::exists(Real(from + ".gz"))) {
        Rename(from + ".gz", fmt::format("{}.{}.gz", kApp, i + 1));
      }
    }
    Rename(kApp, std::string(kApp) + ".1");
    if (create) Append(kApp, "");
  }
};

TEST_F(Rotation, Case1RotatedTwiceWhileBehind) {
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 20));
  Rotate();
  Append(kApp, Numbers(21, 30));
  Rotate();
  Append(kApp, Numbers(31, 40));
  Rotate();
  Append(kApp, Numbers(41, 50));
  Pass(2'000);
  sink.congested = false;
  Pass(20'000);
  EXPECT_EQ(Lines(), NumberLines(1, 50));
  EXPECT_TRUE(sink.gaps.empty());
}

TEST_F(Rotation, Case2LastLinesAfterTheRename) {
  Append(kApp, Numbers(1, 10));
  Start();
  std::ofstream writer(Real(kApp), std::ios::app);
  Rotate();
  writer << Numbers(11, 15) << std::flush;
  Pass(1'000);
  Append(kApp, Numbers(16, 20));
  Pass(1'000);
  writer << Numbers(21, 22) << std::flush;  // Still the old file; the new one is being read.
  Pass(1'000);
  Append(kApp, Numbers(23, 30));
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 30));
  EXPECT_EQ(stats().files_open, 1U);
}

TEST_F(Rotation, Case3RotatedNameMatchesTheGlob) {
  options.files[0].globs = {"/var/log/*"};
  Append(kApp, Numbers(1, 5));
  Append("/var/log/other.log.1", "old\n");  // Nothing is other.log: a file like any other.
  Start();
  Rotate();
  Append(kApp, Numbers(6, 9));
  Pass(70'000);
  Rename(std::string(kApp) + ".1", "/var/log/app-before");  // A name nobody foresees.
  Pass(70'000);
  Restart();
  Pass(70'000);
  EXPECT_EQ(Lines("filename", kApp), NumberLines(1, 9));
  EXPECT_EQ(Lines("filename", "/var/log/app-before"), std::vector<std::string>{});
  EXPECT_EQ(Lines("filename", "/var/log/other.log.1"), std::vector<std::string>{"old"});
}

TEST_F(Rotation, Case4RestartResumes) {
  Append(kApp, Numbers(1, 10) + "line 1");
  Start();
  Restart();
  Append(kApp, "1\n" + Numbers(12, 20));
  Restart();
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 20));
}

TEST_F(Rotation, Case5RotatedWhileDown) {
  Append(kApp, Numbers(1, 10));
  Start();
  Stop();
  Append(kApp, Numbers(11, 20));
  Rotate();
  Append(kApp, Numbers(21, 30));
  Rotate();
  Append(kApp, Numbers(31, 40));
  Start();
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 40));
}

TEST_F(Rotation, Case5RotatedWhileDownByDate) {
  Append(kApp, Numbers(1, 10));
  Append(std::string(kApp) + "-20251231", "before the agent came\n");
  Start();
  Stop();
  Append(kApp, Numbers(11, 20));
  Rename(kApp, std::string(kApp) + "-20260101");
  Append(kApp, Numbers(21, 30));
  Start();
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 30));
}

// Renamed between its opening and the listing of older files: seen under both names. A
// second link is that moment, held still.
TEST_F(Rotation, RenamedWhileItIsOpenedAfterARestart) {
  Append(kApp, Numbers(1, 10));
  Start();
  Stop();
  Append(kApp, Numbers(11, 20));
  Link(kApp, std::string(kApp) + ".1");
  Start();
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 20));
  Remove(kApp);  // The rest of the rename.
  Append(kApp, Numbers(21, 30));
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 30));
}

TEST_F(Rotation, RenamedWhileItIsOpenedForTheFirstTime) {
  Append("/var/log/other.log", "");
  Start();
  Append(kApp, Numbers(1, 10));
  Link(kApp, std::string(kApp) + ".1");
  Pass(20'000);
  EXPECT_EQ(Lines(), NumberLines(1, 10));
}

TEST_F(Rotation, RenamedWhileItIsOpenedAsTheNext) {
  Append(kApp, Numbers(1, 10));
  Start();
  Rotate();
  Rename(std::string(kApp) + ".1", std::string(kApp) + ".3");
  Append(kApp, Numbers(11, 20));
  Link(kApp, std::string(kApp) + ".2");
  Append(std::string(kApp) + ".1", Numbers(21, 30));  // Newer than what was opened.
  Pass(1'000);
  Remove(kApp);
  Append(kApp, Numbers(31, 40));
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 40));
}

TEST_F(Rotation, Case6CopyTruncateWhileRunning) {
  Append(kApp, Numbers(1, 100));
  Start();
  Append(kApp, Numbers(101, 110));
  CopyTruncate(kApp);
  Append(kApp, Numbers(111, 115));
  Pass(1'000);
  Append(kApp, Numbers(116, 120));
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 120));
  EXPECT_EQ(stats().copies_found, 1U);
  EXPECT_TRUE(sink.gaps.empty());
}

TEST_F(Rotation, Case6CopyTruncateGrownPastTheOffset) {
  Append(kApp, Numbers(1, 5));
  Start();
  CopyTruncate(kApp);
  Append(kApp, Numbers(6, 50));
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 50));
}

TEST_F(Rotation, Case7CopyTruncateWhileDownGrownPastTheOffset) {
  Append(kApp, Numbers(1, 5));
  Start();
  Stop();
  Append(kApp, Numbers(6, 9));
  CopyTruncate(kApp);
  Append(kApp, Numbers(10, 50));
  Start();
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 50));
}

TEST_F(Rotation, Case8WriterWithoutAppendLeavesAHole) {
  std::FILE* writer = nullptr;
  MakeDir("/var/log");
  writer = std::fopen(Real(kApp).c_str(), "w");
  std::fputs(Numbers(1, 50).c_str(), writer);
  std::fflush(writer);
  Start();
  CopyTruncate(kApp);
  std::fputs(Numbers(51, 60).c_str(), writer);
  std::fclose(writer);
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 60));
  EXPECT_GT(stats().nul_bytes, 0U);
}

TEST_F(Rotation, Case9InodeIsUsedAgain) {
  Append(kApp, Numbers(1, 10));
  Start();
  Stop();
  Remove(kApp);
  Append(kApp, Numbers(11, 40));  // ext4 gives out the same inode.
  Start();
  Pass(1'000);
  EXPECT_EQ(Lines(), NumberLines(1, 40));
}

TEST_F(Rotation, Case10SameFirstKilobyte) {
  const std::string head(2'000, '#');
  Append("/var/log/a.log", head + "\n" + Numbers(1, 10));
  Append("/var/log/b.log", head + "\n" + Numbers(1, 10));
  Start();
  Append("/var/log/a.log", Numbers(11, 20));
  Restart();
  std::vector<std::string> a = NumberLines(1, 20);
  a.insert(a.begin(), head);
  EXPECT_EQ(Lines("filename", "/var/log/a.log"), a);
  // Emptied and written again with the same head, past the offset.
  Truncate("/var/log/b.log");
  Append("/var/log/b.log", head + "\n" + Numbers(101, 150));
  Pass(1'000);
  EXPECT_EQ(Lines("filename", "/var/log/b.log").size(), 1U + 10 + 1 + 50);
}

TEST_F(Rotation, Case11ShortFilesAndNoNewlineYet) {
  Append(kApp, "a");
  Append("/var/log/empty.log", "");
  Start();
  EXPECT_TRUE(Lines().empty());
  Append(kApp, "b\n");
  Append("/var/log/empty.log", "x\n");
  Pass(1'000);
  EXPECT_THAT(Lines(), testing::UnorderedElementsAre("ab", "x"));
}

TEST_F(Rotation, Case12DeletedWhileCongestedIsBounded) {
  options.deleted_bytes_max = 1'000;
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 500));
  Pass(1'000);
  Remove(kApp);
  Append(kApp, Numbers(501, 510));
  Pass(10'000);
  EXPECT_EQ(stats().deleted_unread_bytes, 0U);
  sink.congested = false;
  Pass(10'000);
  EXPECT_EQ(stats().files_open, 1U);
  std::vector<std::string> expected = NumberLines(1, 10);
  for (const std::string& line : NumberLines(501, 510)) expected.push_back(line);
  EXPECT_EQ(Lines(), expected);
  ASSERT_EQ(sink.gaps.size(), 1U);
  EXPECT_NEAR(static_cast<double>(sink.gaps[0].count), 490, 150);
  EXPECT_THAT(sink.gaps[0].stream, testing::HasSubstr("/var/log/app.log"));
}

TEST_F(Rotation, DeletedFileIsReadToItsEnd) {
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 500));
  Pass(500);
  Remove(kApp);
  Pass(1'000);
  sink.congested = false;
  Pass(10'000);
  EXPECT_EQ(Lines(), NumberLines(1, 500));
  EXPECT_EQ(stats().files_open, 0U);
  EXPECT_TRUE(sink.gaps.empty());
  Pass(40'000);
  tailer->Flush();
  EXPECT_EQ(Known(), 0U);  // Gone and read: forgotten.
}

TEST_F(Rotation, Case13DeletedAndMadeAgainAtOnce) {
  Append(kApp, Numbers(1, 10));
  Start();
  Append(kApp, Numbers(11, 12));
  Remove(kApp);
  Append(kApp, Numbers(13, 20));
  Pass(10'000);
  EXPECT_EQ(Lines(), NumberLines(1, 20));
  EXPECT_EQ(stats().files_open, 1U);
}

TEST_F(Rotation, Case14RollingUnderLoad) {
  options.turn_bytes = 4'096;
  options.tick_bytes = 8'192;
  Append(kApp, "");
  Start();
  int line = 0;
  for (int round = 0; round < 60; ++round) {
    Append(kApp, Numbers(line + 1, line + 500));
    line += 500;
    if (round % 3 == 0) tailer->Tick(now);  // Behind: rolled three times a look.
    if (round % 8 == 7) Pass(250);          // Within the eight files that are kept.
    Rotate();
  }
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, line));
}

TEST_F(Rotation, Case26CompressedMiddleFileIsReadOnce) {
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 20));
  Rotate();
  Append(kApp, Numbers(21, 30));
  Rotate();
  Gzip(std::string(kApp) + ".2");
  Gzip(std::string(kApp) + ".1");
  Append(kApp, Numbers(31, 40));
  Pass(1'000);
  sink.congested = false;
  Pass(70'000);
  Restart();
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 40));
}

TEST_F(Rotation, Case26CompressedWhileDown) {
  Append(kApp, Numbers(1, 1'000));
  Start();
  Stop();
  Append(kApp, Numbers(1'001, 1'010));
  Rotate();
  Gzip(std::string(kApp) + ".1");
  Append(kApp, Numbers(1'011, 1'020));
  Start();
  Pass(70'000);
  Restart();
  Pass(70'000);
  EXPECT_EQ(Lines(), NumberLines(1, 1'020));
}

TEST_F(Rotation, Case29LastLineWithoutNewlineAtDelete) {
  Append(kApp, Numbers(1, 3) + "the end");
  Start();
  Remove(kApp);
  Pass(1'000);
  EXPECT_EQ(Lines().size(), 3U);  // It may still grow.
  Pass(10'000);
  ASSERT_EQ(Lines().size(), 4U);
  EXPECT_EQ(Lines().back(), "the end");
  EXPECT_EQ(stats().files_open, 0U);
}

TEST_F(Rotation, Case29LastLineWithoutNewlineAtRotation) {
  Append(kApp, "a\nhalf");
  Start();
  Rotate();
  Append(kApp, "b\n");
  Pass(10'000);
  EXPECT_EQ(Lines(), (std::vector<std::string>{"a", "half", "b"}));
}

TEST_F(Rotation, SymlinkIsLedElsewhere) {
  options.files[0].globs = {"/var/log/current"};
  Append("/data/one", Numbers(1, 5));
  MakeDir("/var/log");
  std::filesystem::create_symlink("/data/one", Real("/var/log/current"));  // Inside host_root.
  Start();
  EXPECT_EQ(Lines(), NumberLines(1, 5));
  Append("/data/one", Numbers(6, 7));
  Append("/data/two", Numbers(8, 9));
  Remove("/var/log/current");
  std::filesystem::create_symlink("../../data/two", Real("/var/log/current"));
  Pass(10'000);
  Append("/data/two", Numbers(10, 11));
  Pass(10'000);
  EXPECT_EQ(Lines(), NumberLines(1, 11));
}

TEST_F(Rotation, LinkedDirectoryAndDirectoryThatComesLater) {
  options.files[0].globs = {"/srv/*/log/*.log"};
  Start();
  Append("/data/x/log/a.log", Numbers(1, 3));
  MakeDir("/srv");
  std::filesystem::create_symlink("/data/x", Real("/srv/x"));
  Pass(11'000);
  EXPECT_EQ(Lines(), NumberLines(1, 3));
}

TEST_F(Rotation, StartAtEndOnlyForWhatIsThereAtTheFirstStart) {
  options.start_at = TailOptions::StartAt::kEnd;
  Append(kApp, Numbers(1, 10));
  Start();
  Append(kApp, Numbers(11, 12));
  Append("/var/log/new.log", "first\n");
  Pass(11'000);
  Stop();
  Append("/var/log/newer.log", "first too\n");
  Append(kApp, Numbers(13, 13));
  Start();
  Pass(1'000);
  EXPECT_EQ(Lines("filename", kApp), NumberLines(11, 13));
  EXPECT_EQ(Lines("filename", "/var/log/new.log").size(), 1U);
  EXPECT_EQ(Lines("filename", "/var/log/newer.log").size(), 1U);
}

TEST_F(Rotation, EmptiedWithoutACopyIsAGap) {
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 100));
  Pass(1'000);
  Truncate(kApp);
  Pass(1'000);
  sink.congested = false;
  Append(kApp, Numbers(101, 110));
  Pass(1'000);
  EXPECT_EQ(Lines().size(), 20U);
  ASSERT_EQ(sink.gaps.size(), 1U);
  EXPECT_NEAR(static_cast<double>(sink.gaps[0].count), 90, 20);  // From the bytes.
  EXPECT_EQ(stats().truncations, 1U);
}

TEST_F(Rotation, GoneWhileDownWithUnreadLinesIsAGap) {
  Append(kApp, Numbers(1, 10));
  Start();
  sink.congested = true;
  Append(kApp, Numbers(11, 100));
  Pass(1'000);
  sink.congested = false;
  sink.calls_max = sink.calls.size();  // Nothing more is read …
  Append("/var/log/b.log", "");
  Stop();  // … but the size is known.
  sink.calls_max = ~std::size_t{0};
  Remove(kApp);
  Start();
  Pass(60'000);
  ASSERT_EQ(sink.gaps.size(), 1U);
  EXPECT_EQ(sink.gaps[0].reason, "file was gone when the agent started");
}

}  // namespace
}  // namespace opssight
