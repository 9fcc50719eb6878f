#include "agent/batch/batcher.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <sys/mount.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "common/bytes/hash.h"

namespace opssight {
namespace {

// A batcher over a spool in a folder of its own, used from the test's thread.
class BatcherTest : public ::testing::Test {
 protected:
  BatcherTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-batch-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    spool_options_.path = dir_ + "/spool.mdb";
    spool_options_.bytes_max = 64 << 20;
  }
  ~BatcherTest() override {
    Stop();
    loop_.Stop();
    std::filesystem::remove_all(dir_);
  }

  void Start() {
    auto spool = Spool::Open(spool_options_, Clock::System());
    ASSERT_TRUE(spool.has_value()) << spool.error().message;
    spool_ = *std::move(spool);
    batcher_ = std::make_unique<Batcher>(loop_, Clock::System(), *spool_, options_);
    On([this] { batcher_->OnSpooled([this] { ++spooled_; }); });
  }
  void Stop() {
    if (batcher_ == nullptr) return;
    On([this] {
      batcher_->Stop();
      batcher_.reset();
    });
  }
  // Runs on the loop, and waits for its end.
  void On(const std::function<void()>& task) {
    std::promise<void> done;
    ASSERT_TRUE(loop_.Post([&] {
      loop_.AssertHere();
      task();
      done.set_value();
    }));
    done.get_future().wait();
  }
  Status Committed() {
    auto done = std::make_shared<std::promise<Status>>();
    auto result = done->get_future();
    On([&] { batcher_->Commit([done](Status status) { done->set_value(std::move(status)); }); });
    return result.get();
  }
  BatchStats Stats() {
    BatchStats out;
    On([&] { out = batcher_->stats(); });
    return out;
  }

  void AcceptLine(std::uint64_t number, std::size_t pad = 0) {
    LogRows rows;
    rows.stream = stream_;
    std::string line = "x";
    for (std::uint64_t at = 0; line.size() < pad; ++at) {
      line += static_cast<char>(Hash64(std::to_string(at), number));
    }
    rows.Add(static_cast<std::int64_t>(number) * kNsPerSecond, line);
    std::vector<Position> positions = {{.key = "tail/1", .value = std::to_string(number)}};
    batcher_->AcceptLogs(std::move(rows), std::move(positions));
  }
  void AcceptRow(std::int64_t time_ms, std::size_t values = 1) {
    if (layout_ == nullptr) {
      std::vector<LayoutSeries> series;
      for (std::size_t i = 0; i < values; ++i) {
        series.push_back(
            {.labels =
                 Labels{{"__name__", "m" + std::to_string(i)}, {"instance", "h"}, {"job", "j"}}});
      }
      layout_ = std::make_shared<const Layout>(std::move(series));
    }
    MetricRow row{.layout = layout_, .time_ms = time_ms, .values = {}};
    for (std::size_t i = 0; i < values; ++i) {
      row.values.push_back(
          static_cast<double>(Hash64(std::to_string(i), static_cast<std::uint64_t>(time_ms))));
    }
    batcher_->AcceptMetrics(std::move(row));
  }

  struct Found {
    std::vector<std::uint64_t> lines;
    std::uint64_t rows = 0;
    std::array<std::uint64_t, 3> gaps{};
  };
  Found ReadAll() {
    Found found;
    std::uint64_t damaged = 0;
    const auto batches = spool_->ReadFrom(1, 1UL << 30, &damaged);
    EXPECT_TRUE(batches.has_value()) << batches.error().message;
    for (const SpooledBatch& one : *batches) {
      const auto batch = DecodedBatch::Decode(one.frame, {});
      EXPECT_TRUE(batch.has_value());
      for (const LogRowsView& rows : (*batch)->logs()) {
        for (const std::int64_t ns : rows.times) {
          found.lines.push_back(static_cast<std::uint64_t>(ns / kNsPerSecond));
        }
      }
      for (const MetricRowsView& rows : (*batch)->metrics()) found.rows += rows.times.size();
      for (const Gap& gap : (*batch)->gaps()) {
        found.gaps[static_cast<std::size_t>(gap.signal)] += gap.count;
      }
    }
    return found;
  }
  std::string PositionOf(const std::string& key) {
    const auto positions = spool_->ReadPositions(key);
    return positions->empty() ? "" : positions->front().value.value_or("");
  }

  std::string dir_;
  SpoolOptions spool_options_;
  BatchOptions options_;
  Loop loop_{"batch-test"};
  const std::shared_ptr<const Labels> stream_ = std::make_shared<const Labels>(Labels{{"a", "1"}});
  std::shared_ptr<const Layout> layout_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Batcher> batcher_;
  std::atomic<int> spooled_{0};
};

TEST_F(BatcherTest, CommitMeansItIsOnDiskWithItsPositions) {
  Start();
  On([&] {
    AcceptLine(1);
    AcceptLine(2);
    AcceptRow(5);
  });
  EXPECT_TRUE(Committed().has_value());
  const Found found = ReadAll();
  EXPECT_EQ(found.lines, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(found.rows, 1U);
  EXPECT_EQ(PositionOf("tail/"), "2");
  EXPECT_TRUE(spool_->ReadLayout(layout_->id()).has_value());
  EXPECT_EQ(spool_->Ranges(), (std::vector<SeqRange>{{1, 1}}));  // One batch of it all.
  // Nothing new: answered all the same, without a batch.
  EXPECT_TRUE(Committed().has_value());
  EXPECT_EQ(spool_->next_seq(), 2U);
}

TEST_F(BatcherTest, ClosesByAgeAndTellsItsListener) {
  options_.age_ms_max = 20;
  Start();
  std::promise<void> told;
  On([&] {
    batcher_->OnSpooled([&] { told.set_value(); });
    AcceptLine(1);
  });
  told.get_future().wait();
  EXPECT_EQ(ReadAll().lines, std::vector<std::uint64_t>{1});
  On([&] { batcher_->OnSpooled(nullptr); });
}

TEST_F(BatcherTest, ClosesBySizeAndKeepsTheOrder) {
  options_.raw_bytes_max = 2'000;
  Start();
  On([&] {
    for (std::uint64_t i = 1; i <= 300; ++i) AcceptLine(i, 300);
  });
  EXPECT_TRUE(Committed().has_value());
  const Found found = ReadAll();
  ASSERT_EQ(found.lines.size(), 300U);
  EXPECT_TRUE(std::is_sorted(found.lines.begin(), found.lines.end()));
  EXPECT_GT(spool_->next_seq(), 30U);
  EXPECT_LT(spool_->stats().counters.commits, spool_->next_seq());  // Several in one.
}

// A large request is handed over at once, faster than it is packed: no reason for gaps.
TEST_F(BatcherTest, KeepsABurstLargerThanItsChannel) {
  options_.channel_bytes_max = 100'000;
  options_.open_bytes_max = 100'000;
  options_.raw_bytes_max = 20'000;
  Start();
  auto done = std::make_shared<std::promise<Status>>();
  On([&] {
    for (std::uint64_t i = 1; i <= 2'000; ++i) AcceptLine(i, 2'000);
    for (std::int64_t i = 0; i < 100; ++i) AcceptRow(i, 1'000);
    batcher_->Commit([done](Status status) { done->set_value(std::move(status)); });
  });
  EXPECT_TRUE(done->get_future().get().has_value());
  const Found found = ReadAll();
  EXPECT_EQ(found.lines.size(), 2'000U);
  EXPECT_EQ(found.rows, 100U);
  EXPECT_EQ(found.gaps, (std::array<std::uint64_t, 3>{}));
}

// Where the time for a burst is over, what does not fit is in gap records.
TEST_F(BatcherTest, CountsWhatGoesBeyondABurst) {
  options_.channel_bytes_max = options_.open_bytes_max = 100'000;
  options_.raw_bytes_max = 20'000;
  options_.burst_ms_max = 0;
  Start();
  On([&] {
    for (std::uint64_t i = 1; i <= 2'000; ++i) AcceptLine(i, 2'000);
  });
  // While the packer is behind a commit is refused, and asked for again.
  Status committed = Committed();
  while (!committed && IsRetryable(committed.error().code)) committed = Committed();
  EXPECT_TRUE(committed.has_value());
  const Found found = ReadAll();
  EXPECT_EQ(found.lines.size() + found.gaps[1], 2'000U);
  EXPECT_EQ(Stats().dropped[1], found.gaps[1]);
}

TEST_F(BatcherTest, StopWritesWhatIsOpenAndAnswers) {
  Start();
  Status status = Internal("not called");
  On([&] {
    AcceptLine(1);
    batcher_->Commit([&](Status done) { status = std::move(done); });
    batcher_->Stop();
    Status refused;
    batcher_->Commit([&](Status done) { refused = std::move(done); });
    EXPECT_FALSE(refused.has_value());
    batcher_.reset();
  });
  EXPECT_TRUE(status.has_value());
  EXPECT_EQ(ReadAll().lines, std::vector<std::uint64_t>{1});
}

TEST_F(BatcherTest, RemovesWhenIdleAndDoesWhatIsUrgentAtOnce) {
  options_.remove_delay_ms = 10;
  Start();
  On([&] { AcceptLine(1); });
  ASSERT_TRUE(Committed().has_value());
  std::promise<Status> rebased;
  std::promise<void> removed;
  On([&] {
    spool_->Rebase({.new_epoch = 1}, [&](Status status) {
      loop_.AssertHere();
      rebased.set_value(std::move(status));
    });
  });
  EXPECT_TRUE(rebased.get_future().get().has_value());
  EXPECT_EQ(spool_->epoch(), 1U);
  On([&] {
    batcher_->OnSpooled([&, told = false]() mutable {
      if (!std::exchange(told, spool_->Ranges().empty()) && spool_->Ranges().empty()) {
        removed.set_value();
      }
    });
    spool_->Remove({{1, 1}});
  });
  removed.get_future().wait();
  On([&] { batcher_->OnSpooled(nullptr); });
}

TEST_F(BatcherTest, RefusesBadPositionsAndRowsWithoutValues) {
  Start();
  On([&] {
    std::vector<Position> positions = {{.key = "", .value = "1"},
                                       {.key = std::string(401, 'k'), .value = "1"},
                                       {.key = "fine", .value = "1"}};
    batcher_->AcceptLogs({}, std::move(positions));
    batcher_->AcceptMetrics({});
  });
  EXPECT_TRUE(Committed().has_value());
  EXPECT_EQ(PositionOf("fine"), "1");
  EXPECT_EQ(Stats().positions_refused, 2U);
  EXPECT_EQ(Stats().rows_ignored, 1U);
}

// The disk is full for a while: commits fail, samples become gaps at the bound, lines
// and positions stay together, and all goes on when there is room again.
TEST_F(BatcherTest, GoesOnAfterAFullDisk) {
  options_.retry_ms = 5;
  options_.pending_bytes_max = 150'000;
  options_.channel_bytes_max = 300'000;
  options_.open_bytes_max = 100'000;
  options_.raw_bytes_max = 20'000;
  Start();
  On([&] { AcceptLine(1, 5'000); });
  ASSERT_TRUE(Committed().has_value());

  const sighandler_t before = signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  rlimit lower = limit;
  lower.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &lower);
  std::uint64_t line = 1;
  std::uint64_t rows = 0;
  On([&] { AcceptLine(++line, 5'000); });
  const Status failed = Committed();
  EXPECT_FALSE(failed.has_value());
  EXPECT_TRUE(batcher_->Congested());
  for (int i = 0; i < 100; ++i) {
    On([&] {
      if (i < 20) AcceptLine(++line, 5'000);  // A source that waits when asked to.
      AcceptRow(i, 1'000);
      ++rows;
    });
    if (i % 10 == 0) {
      EXPECT_FALSE(Committed().has_value());
    }
  }
  // The file may be closed for a moment.
  auto position = spool_->ReadPositions("tail/");
  while (!position) position = spool_->ReadPositions("tail/");
  EXPECT_EQ(position->front().value, "1");
  setrlimit(RLIMIT_FSIZE, &limit);
  (void)signal(SIGXFSZ, before);

  Status status = Committed();
  for (int i = 0; i < 1'000 && !status; ++i) status = Committed();
  ASSERT_TRUE(status.has_value()) << status.error().message;
  EXPECT_FALSE(batcher_->Congested());
  const Found found = ReadAll();
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 1; i <= line; ++i) expected.push_back(i);
  EXPECT_EQ(found.lines, expected);
  EXPECT_EQ(found.rows + found.gaps[0], rows);
  EXPECT_GT(found.gaps[0], 0U);
  EXPECT_EQ(Stats().dropped[0], found.gaps[0]);
  EXPECT_EQ(PositionOf("tail/"), std::to_string(line));
}

// A file system of 4 MiB that another program fills.
TEST_F(BatcherTest, WhatIsInMemoryWhenItStopsOnAFullDiskGoesToTheReserve) {
  std::filesystem::create_directory(dir_ + "/disk");
  if (mount("tmpfs", (dir_ + "/disk").c_str(), "tmpfs", 0, "size=4m") != 0) {
    GTEST_SKIP() << "needs root, to mount a file system";
  }
  const std::shared_ptr<void> mounted(nullptr, [this](void*) {
    spool_.reset();
    umount2((dir_ + "/disk").c_str(), MNT_DETACH);
  });
  spool_options_.path = dir_ + "/disk/spool.mdb";
  spool_options_.reserve_bytes = 1 << 20;
  Start();
  On([&] { AcceptLine(1); });
  ASSERT_TRUE(Committed().has_value());
  {
    std::ofstream file(dir_ + "/disk/other", std::ios::binary);
    while (file << std::string(4096, 'x') << std::flush) {
    }
  }
  for (std::uint64_t line = 2; line <= 20; ++line) On([&] { AcceptLine(line, 20'000); });
  EXPECT_FALSE(Committed().has_value());
  EXPECT_TRUE(batcher_->failing());
  Stop();
  EXPECT_FALSE(std::filesystem::exists(spool_options_.path + ".reserve"));
  const Found found = ReadAll();
  EXPECT_EQ(found.lines.size(), 20U);
  EXPECT_EQ(PositionOf("tail/"), "20");
}

}  // namespace
}  // namespace opssight
