// Disks that are full, files that are damaged, processes that are killed.
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/random.h"
#include "tests/agent/spool/spool_fixture.h"

namespace opssight {
namespace {

// No file of this process may grow beyond bytes while it lives.
class FileLimit {
 public:
  explicit FileLimit(std::uint64_t bytes) : before_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit lower = limit_;
    lower.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    (void)signal(SIGXFSZ, before_);
  }

 private:
  sighandler_t before_;
  rlimit limit_{};
};

class SpoolFaultTest : public SpoolFixture {
 protected:
  std::string FileBytes() const {
    std::ifstream file(options_.path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Makes tombstones of what cannot be read.
  static void ReplaceDamaged(Spool& spool, const std::string& reason) {
    for (std::uint64_t seq = 1; seq < spool.next_seq(); ++seq) {
      std::uint64_t damaged = 0;
      if (spool.ReadFrom(seq, 1, &damaged) || damaged == 0) continue;
      spool.Replace(damaged, reason, nullptr);
      MustWrite(spool, {});
    }
  }
};

TEST_F(SpoolFaultTest, AFullDiskIsAnErrorAndThenGoesOn) {
  auto spool = Open();
  std::uint64_t line = 1;
  std::vector<SpoolWrite> failed;
  {
    const FileLimit limit(300 << 10);
    for (;; ++line) {
      failed = {Lines(line, 1, 20'000)};
      if (!spool->Write(failed)) break;
      ASSERT_LT(line, 100U);
    }
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(spool->Write(failed).has_value());
    // What was there can be read meanwhile, once the file is open again.
    MustWrite(*spool, {});
    EXPECT_EQ(SeeAll(*spool).lines.size(), line - 1);
    // And what is acknowledged makes room, at the latest for the second try.
    spool->Remove({{1, line - 2}});
    MustWrite(*spool, {});
    if (!spool->Write(failed)) {
      MustWrite(*spool, failed);
    }
  }
  MustWrite(*spool, {Lines(line + 1, 1, 20'000)});
  EXPECT_GE(spool->stats().counters.commit_failures, 4U);
  EXPECT_EQ(SeeAll(*spool).lines, (std::vector<std::uint64_t>{line - 1, line, line + 1}));
  EXPECT_EQ(PositionOf(*spool, "tail"), std::to_string(line + 1));
}

TEST_F(SpoolFaultTest, AFullMapMakesTheOldestGo) {
  options_.bytes_max = 1 << 20;
  options_.map_slack_bytes = 0;
  options_.map_slack_divisor = 0;  // The map is as large as the cap: it is full before.
  auto spool = Open();
  std::uint64_t failures = 0;
  for (std::uint64_t line = 1; line <= 200; ++line) {
    const std::vector<SpoolWrite> write = {Lines(line, 1, 20'000)};
    for (int tries = 0; !spool->Write(write); ++tries, ++failures) ASSERT_LT(tries, 20);
  }
  EXPECT_GT(failures, 0U);
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.gap_count + seen.lines.size(), 200U);
  EXPECT_GT(seen.lines.size(), 5U);
}

TEST_F(SpoolFaultTest, ADamagedBatchBecomesAGapWithItsCount) {
  SpoolWrite write = Lines(11, 7, 9'000);
  const std::string needle = write.frame.substr(5'000, 64);
  MustWrite(*Open(), {Lines(1, 10), write, Lines(18, 1)});
  const std::size_t at = FileBytes().find(needle);
  ASSERT_NE(at, std::string::npos);
  {
    std::fstream file(options_.path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(needle.size(), '!');
  }
  auto spool = Open();
  EXPECT_EQ(ReadAll(*spool).size(), 1U);
  std::uint64_t damaged = 0;
  const auto none = spool->ReadFrom(2, 1 << 20, &damaged);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(damaged, 2U);
  ReplaceDamaged(*spool, "checksum");
  const Seen seen = SeeAll(*spool);
  EXPECT_EQ(seen.lines.size(), 11U);
  ASSERT_EQ(seen.gaps.size(), 1U);
  EXPECT_EQ(seen.gaps[0].count, 7U);
  EXPECT_EQ(seen.gaps[0].from_ns, 11 * kNsPerSecond);
  EXPECT_EQ(seen.gaps[0].reason, "damaged in the spool (checksum)");
  EXPECT_EQ(spool->stats().counters.damaged, 1U);
}

// Cut anywhere, it opens and goes on: with what is whole, or as a new one that says so.
TEST_F(SpoolFaultTest, ACutFileNeverStopsTheStart) {
  {
    auto spool = Open();
    for (std::uint64_t i = 0; i < 6; ++i) MustWrite(*spool, {Lines(1 + i, 1, 6'000)});
  }
  const std::string whole = FileBytes();
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 60) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directory(dir_);
    std::ofstream(options_.path, std::ios::binary) << whole.substr(0, size);
    auto spool = Open();
    ASSERT_NE(spool, nullptr) << size;
    MustWrite(*spool, {Lines(100, 1)});
    ReplaceDamaged(*spool, "cut");
    const Seen seen = SeeAll(*spool);
    EXPECT_EQ(seen.lines.back(), 100U) << size;
    if (seen.lines.size() < 7 && size != 0) {
      EXPECT_FALSE(seen.gaps.empty()) << size;
    }
  }
}

// A child appends and says what was acknowledged; it is killed at some moment.
TEST_F(SpoolFaultTest, KilledAnywhereNothingAcknowledgedIsLost) {
  constexpr int kRounds = 20;
  Random random(static_cast<std::uint64_t>(getpid()));
  options_.bytes_max = 64 << 20;
  std::uint64_t line = 1;
  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      auto spool = Spool::Open(options_, clock_);
      if (!spool) _exit(1);
      for (std::uint64_t i = line;; ++i) {
        if (i % 5 == 0) (*spool)->Remove({{1, (*spool)->next_seq() - 3}});
        if (!(*spool)->Write(std::vector<SpoolWrite>{Lines(i, 1, 100 + i % 7 * 3'000)})) _exit(2);
        if (write(ends[1], &i, sizeof i) != sizeof i) _exit(3);
      }
    }
    close(ends[1]);
    const std::uint64_t stop_after = 1 + random.Below(40);
    std::uint64_t acknowledged = 0;
    for (std::uint64_t i = 0; i < stop_after; ++i) {
      ASSERT_EQ(read(ends[0], &acknowledged, sizeof acknowledged), 8);
    }
    // Somewhere in the next write or one of those after it.
    for (std::uint64_t spin = random.Below(300'000); spin > 0; --spin) {
      asm volatile("" ::: "memory");
    }
    kill(child, SIGKILL);
    while (read(ends[0], &acknowledged, sizeof acknowledged) == 8) {
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);

    auto spool = Open();
    ASSERT_NE(spool, nullptr);
    const Seen seen = SeeAll(*spool);
    ASSERT_FALSE(seen.lines.empty());
    EXPECT_GE(seen.lines.back(), acknowledged);
    EXPECT_LE(seen.lines.back(), acknowledged + 1);
    EXPECT_EQ(PositionOf(*spool, "tail/"), std::to_string(seen.lines.back()));
    EXPECT_EQ(spool->next_seq(), seen.lines.back() + 1);
    EXPECT_EQ(spool->stats().counters.unreadable, 0U);
    line = seen.lines.back() + 1;
  }
}

}  // namespace
}  // namespace opssight
