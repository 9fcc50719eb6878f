#include "aggregator/store/store.h"

#include <atomic>
#include <csignal>
#include <fstream>
#include <random>
#include <sys/resource.h>
#include <thread>

#include "common/base/random.h"
#include "common/bytes/endian.h"
#include "tests/aggregator/store/store_testing.h"

namespace opssight {
namespace {

using namespace testing_store;  // NOLINT(google-build-using-namespace)

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : options_(SmallOptions(dir_.path())) { options_.clock = &clock_; }

  void Open() {
    Close();
    signal_ = std::make_unique<FakeSignal>(&disk_);
    gaps_ = std::make_unique<FakeSignal>(&gaps_disk_);
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = *std::move(store);
    const Status started =
        store_->Start({{StoreSignal::kLogs, signal_.get()}, {StoreSignal::kGaps, gaps_.get()}});
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }
  void Close() { store_.reset(); }
  // Stops without the last flush having worked: what a crash leaves, nearly.
  void CloseUnflushed() {
    signal_->SetFailing(true);
    Close();
  }
  std::string All() {
    store_->WaitApplied();
    std::string out;
    for (const std::string& line : signal_->All()) out += line + ", ";
    return out;
  }
  std::string Runs(const std::string& agent) {
    const auto progress = store_->Progress(agent, 1);
    std::string out;
    for (const CommittedRun& run : progress->runs) {
      out += std::to_string(run.first) + "-" + std::to_string(run.last) + " ";
    }
    return out;
  }
  // Until the flusher, which ticks by itself, made it so.
  static void Until(const std::function<bool()>& done) {
    while (!done()) std::this_thread::yield();
  }

  TempDir dir_;
  FakeClock clock_;
  StoreOptions options_;
  FakeDisk disk_;
  FakeDisk gaps_disk_;
  std::unique_ptr<FakeSignal> signal_;
  std::unique_ptr<FakeSignal> gaps_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, StoresOnceAndAnswersByTheAcceptRule) {
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "duplicate");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 5)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("b", 1)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("", 0)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("", 0)), "stored");
  EXPECT_EQ(Runs("a"), "1-2 5-5 ");
  EXPECT_EQ(All(), " 0,  0, a 1, a 2, a 5, b 1, ");
  EXPECT_EQ(store_->stats().duplicates, 1U);
  EXPECT_EQ(store_->stats().committed_batches, 6U);
  for (std::uint64_t seq = 7; seq < 7 + 2 * 14; seq += 2) {
    EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq)), "stored");
  }
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 100)), "expected 3");
  IncomingBatch other = LineBatch("a", 5, 50);
  EXPECT_EQ(SubmitKind(*store_, std::move(other)), "duplicate");
  EXPECT_EQ(store_->stats().conflicts, 1U);
}

TEST_F(StoreTest, ANewWalAndANewMetaBesideOldDaysDeleteNothing) {
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  Close();
  for (const char* name : {"/wal.mdb", "/meta.mdb", "/wal.mdb-lock", "/meta.mdb-lock"}) {
    std::filesystem::remove(dir_.path() + name);
  }
  Open();
  EXPECT_EQ(All(), "a 1, a 2, ");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("b", 1)), "stored") << "above what the days hold";
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(disk_.days.rbegin()->first, 4U) << "2 were there, the gap record, b 1";
  Open();
  EXPECT_EQ(All(), "a 1, a 2, b 1, ");
  const auto gaps = gaps_->All();
  ASSERT_EQ(gaps.size(), 3U) << "one a signal, once";
  EXPECT_NE(gaps.begin()->find("wal.mdb is new"), std::string::npos) << *gaps.begin();
}

TEST_F(StoreTest, AnOlderCopyOfTheWalDeletesNothing) {
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "stored");
  Close();
  std::filesystem::copy_file(dir_.path() + "/wal.mdb", dir_.path() + "/copy");
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 3)), "stored");
  Close();
  std::filesystem::rename(dir_.path() + "/copy", dir_.path() + "/wal.mdb");
  Open();
  EXPECT_EQ(All(), "a 1, a 2, a 3, ");
  // The store submits these itself: until one is there, WaitApplied has nothing to wait for.
  Until([this] { return gaps_->All().size() >= 3; });
  EXPECT_EQ(gaps_->All().size(), 3U) << "one a signal";
}

TEST_F(StoreTest, WhatASignalLostBecomesAGapRecordOfThatSignal) {
  Open();
  signal_->Lose("a day is gone");
  Until([this] { return !gaps_->All().empty(); });
  EXPECT_EQ(gaps_->All(), (std::multiset<std::string>{"gap : a day is gone"}));
}

TEST_F(StoreTest, ALossThatIsNotToldYetOutlivesTheProcess) {
  std::atomic<std::uint64_t> free_bytes{1 << 20};  // Below the reserve: nothing is taken.
  options_.disk_space = [&free_bytes](const std::string&) -> Result<DiskSpace> {
    return DiskSpace{.free_bytes = free_bytes, .total_bytes = 100 << 20};
  };
  Open();
  signal_->Lose("a day is gone");
  Until([this] { return store_->stats().rejected_disk > 0; });
  Close();
  free_bytes = 50 << 20;
  Open();
  Until([this] { return !gaps_->All().empty(); });
  EXPECT_EQ(gaps_->All(), (std::multiset<std::string>{"gap : a day is gone"}));
  Close();
  Open();
  EXPECT_EQ(gaps_->All().size(), 1U) << "told once";
  Close();  // Before free_bytes goes.
}

TEST_F(StoreTest, ACommitThatSaysNoAndIsThereAllTheSameIsAnsweredAsStored) {
  class Liar final : public StoreHooks {
   public:
    void At(StorePoint) override {}
    Status OnCommit() override { return IoError("fake: sync", EIO); }
  } liar;
  options_.hooks = &liar;
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("", 0)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "stored");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "duplicate");
  EXPECT_EQ(All(), " 0, a 1, ") << "handed over once";
  EXPECT_EQ(store_->stats().commit_errors, 2U);
  EXPECT_EQ(store_->stats().committed_batches, 2U);
  Close();  // Before its hooks go.
}

TEST_F(StoreTest, RefusesWhatCannotBeRight) {
  Open();
  options_.batch_bytes_max = 10;
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 0)), "invalid");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", ~0ULL)), "invalid");
  EXPECT_EQ(SubmitKind(*store_, LineBatch(std::string(256, 'a'), 1)), "invalid");
  EXPECT_EQ(store_->stats().rejected_invalid, 3U);
  Open();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "invalid") << "larger than batch_bytes_max";
}

std::shared_ptr<const Layout> UpLayout() {
  return std::make_shared<const Layout>(
      std::vector<LayoutSeries>{{.labels = Labels{{"__name__", "up"}}}});
}

// A row of it, with the layout or without.
IncomingBatch UpBatch(const std::shared_ptr<const Layout>& layout, std::uint64_t seq, bool bring) {
  BatchContents contents;
  contents.metrics.push_back({.layout = layout, .time_ms = 1, .values = {1.0}});
  IncomingBatch batch = Incoming("a", seq, contents);
  if (bring) batch.layouts.push_back(std::make_shared<const LayoutFrame>(FrameOf(*layout)));
  return batch;
}

TEST_F(StoreTest, AMetricBatchMustBringItsLayout) {
  Open();
  const auto layout = UpLayout();
  const auto batch = [&layout](std::uint64_t seq, bool bring) {
    return UpBatch(layout, seq, bring);
  };
  EXPECT_EQ(SubmitKind(*store_, batch(1, false)), "invalid");
  EXPECT_EQ(Runs("a"), "");
  EXPECT_EQ(store_->layouts().Find(layout->id()), nullptr);
  EXPECT_EQ(SubmitKind(*store_, batch(1, true)), "stored");
  EXPECT_EQ(SubmitKind(*store_, batch(2, false)), "stored");
  ASSERT_NE(store_->layouts().Find(layout->id()), nullptr);
  EXPECT_EQ(store_->layouts().Find(layout->id())->id(), layout->id());
  Open();
  const auto found = store_->layouts().Find(layout->id());
  ASSERT_NE(found, nullptr) << "read back from the wal";
  EXPECT_EQ(found->series().front().labels.Get("__name__"), "up");
  EXPECT_EQ(store_->layouts().Find({.high = 1, .low = 2}), nullptr);
}

TEST_F(StoreTest, LayoutsGoOnceNoEntryNeedsThemAndComeAgainWithTheirUser) {
  options_.retention_every_ms = 1000;
  options_.flush_age_ms = 1000 * kMsPerDay;
  const auto layout = UpLayout();
  const auto batch = [&layout](std::uint64_t seq, bool bring) {
    return UpBatch(layout, seq, bring);
  };
  const auto retain = [this] {  // Twice: the first may have begun before the clock moved.
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t runs = store_->stats().retention_runs;
      Until([&] {
        clock_.AdvanceMs(1000);
        return store_->stats().retention_runs > runs;
      });
    }
    EXPECT_EQ(SubmitKind(*store_, LineBatch("", 0)), "stored");  // The committer had a turn.
    EXPECT_EQ(SubmitKind(*store_, LineBatch("", 0)), "stored");
  };
  const auto knows = [&] { return store_->layouts().Find(layout->id()) != nullptr; };
  Open();
  EXPECT_EQ(SubmitKind(*store_, batch(1, true)), "stored");
  clock_.AdvanceMs(5 * kMsPerDay);
  retain();
  EXPECT_TRUE(knows()) << "the wal holds an entry that uses it";
  EXPECT_EQ(SubmitKind(*store_, batch(2, false)), "invalid") << "once a day it is to come along";
  CloseUnflushed();
  Open();
  retain();
  EXPECT_TRUE(knows()) << "replayed: of any day";
  ASSERT_TRUE(store_->FlushNow().has_value());
  retain();
  Until([&] { return !knows(); });
  EXPECT_EQ(store_->stats().layouts, 0U);
  EXPECT_EQ(SubmitKind(*store_, batch(2, false)), "invalid");
  EXPECT_EQ(SubmitKind(*store_, batch(2, true)), "stored");
  EXPECT_TRUE(knows());
  CloseUnflushed();
  Open();
  EXPECT_TRUE(knows());
}

TEST_F(StoreTest, ABatchOfHistogramsOrMetadataAloneIsOfMetrics) {
  store_ = *Store::Open(options_);
  FakeDisk disk;
  FakeSignal metrics(&disk);
  ASSERT_TRUE(store_->Start({{StoreSignal::kMetrics, &metrics}}));
  const auto submit = [this](std::uint64_t seq, const BatchContents& contents) {
    return SubmitKind(*store_, Incoming("a", seq, contents));
  };
  const auto series = std::make_shared<const Labels>(Labels{{"__name__", "h"}});
  EXPECT_EQ(submit(1, {.histograms = {{.series = series}}}), "stored");
  EXPECT_EQ(submit(2, {.metadata = {{.name = "m"}}}), "stored");
  store_->WaitApplied();
  EXPECT_EQ(metrics.All(), (std::multiset<std::string>{"about m", "histogram h"}));
  Close();
}

TEST_F(StoreTest, ReplaysWhatWasNotFlushed) {
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(store_->stats().wal_entries, 0U) << "trimmed";
  EXPECT_EQ(store_->stats().wal_bytes, 0U);
  SubmitAndWait(*store_, LineBatch("a", 2));
  CloseUnflushed();
  Open();
  EXPECT_EQ(store_->stats().replayed_batches, 1U);
  EXPECT_EQ(All(), "a 1, a 2, ");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "duplicate");
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 3)), "stored");
  Open();
  EXPECT_EQ(store_->stats().replayed_batches, 0U) << "a clean stop flushes";
  EXPECT_EQ(All(), "a 1, a 2, a 3, ");
}

TEST_F(StoreTest, StartEndsWhenAllThatWasReplayedIsApplied) {
  Open();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) SubmitAndWait(*store_, LineBatch("a", seq));
  CloseUnflushed();
  FakeSignal slow(&disk_);
  slow.SetWaiting(true);
  auto store = Store::Open(options_);
  ASSERT_TRUE(store.has_value()) << store.error().message;
  std::atomic<bool> started{false};
  std::thread starter([&] {
    EXPECT_TRUE((*store)->Start({{StoreSignal::kLogs, &slow}}).has_value());
    started = true;
  });
  Until([&] { return (*store)->stats().replayed_batches == 3; });
  for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
  EXPECT_FALSE(started);
  slow.SetWaiting(false);
  starter.join();
  EXPECT_EQ(slow.All().size(), 3U);
}

TEST_F(StoreTest, AFlushThatFailsIsTriedAgainAndNothingIsSeenTwice) {
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  signal_->SetFailing(true);
  EXPECT_EQ(store_->FlushNow().error().message, "logs: fake: write: No space left on device");
  SubmitAndWait(*store_, LineBatch("a", 2));
  EXPECT_EQ(All(), "a 1, a 2, ");
  EXPECT_EQ(store_->stats().wal_entries, 2U);
  signal_->SetFailing(false);
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(All(), "a 1, a 2, ");
  EXPECT_EQ(disk_.days.size(), 2U) << "the cut that failed, then what came after";
  EXPECT_EQ(store_->stats().wal_entries, 0U);
}

TEST_F(StoreTest, BatchesSayHowNewTheirRecordsMayBe) {
  options_.future_ms = 1000;
  Open();
  const std::int64_t newest_ms = clock_.WallMs() + 1000;
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1)), "stored");
  store_->WaitApplied();
  EXPECT_EQ(signal_->newest_ms(), newest_ms);
  CloseUnflushed();
  clock_.AdvanceMs(50);
  Open();  // A replay refuses nothing that was taken.
  EXPECT_EQ(signal_->newest_ms(), newest_ms + 50);
}

TEST_F(StoreTest, FlushesByAgeAndBySizeOfTheWal) {
  options_.flush_age_ms = 1000;
  options_.wal_bytes_max = 20'000;
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  clock_.AdvanceMs(1000);
  Until([this] { return store_->stats().flushes == 1; });
  SubmitAndWait(*store_, LineBatch("a", 2, 100'000));
  Until([this] { return store_->stats().flushes == 2; });
  EXPECT_GT(All().size(), 100'000U);
}

TEST_F(StoreTest, AReaderOfTheWalHoldsOfItWhatItSays) {
  Open();
  store_->HoldWal("reader", 0);
  for (std::uint64_t seq = 1; seq <= 12; ++seq) {
    EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq, 250'000)), "stored");
  }
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(store_->stats().wal_entries, 12U);
  const std::uint64_t six = store_->stats().wal_bytes / 2;
  EXPECT_EQ(store_->OldestWithin(UINT64_MAX), 0U);
  const WalPosition oldest = store_->OldestWithin(six);
  EXPECT_GE(oldest, 6U);
  EXPECT_LE(oldest, 6U + 3U) << "a piece is two or three of them";
  store_->HoldWal("reader", oldest);  // Trimmed without another flush.
  Until([&] { return store_->stats().wal_entries == 12 - oldest; });
  const auto left = store_->ReadWal(0, 1);
  ASSERT_TRUE(left.has_value() && !left->empty());
  EXPECT_EQ(left->front().position, oldest + 1);
  Close();
  StoreStats stats;
  std::string aside;
  const auto wal = Wal::Open(dir_.path(), options_.wal_map_bytes, 0, stats, &aside);
  ASSERT_TRUE(wal.has_value());  // It knows of the file where the bytes are.
  EXPECT_EQ((*wal)->OldestWithin(six).value(), 0U);
  EXPECT_EQ((*wal)->OldestWithin(1).value(), 12U);
}

TEST_F(StoreTest, BoundedMemoryIsUnavailableNotGrowth) {
  options_.in_flight_bytes_max = 20'000;
  Open();
  signal_->SetWaiting(true);
  std::uint64_t seq = 0;
  std::string kind = "stored";
  while (kind == "stored" && seq < 1000) kind = SubmitKind(*store_, LineBatch("a", ++seq));
  EXPECT_EQ(kind, "unavailable");
  EXPECT_GT(seq, 5U);
  EXPECT_LT(seq, 40U);
  EXPECT_EQ(store_->stats().rejected_full, 1U);
  signal_->SetWaiting(false);
  store_->WaitApplied();
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq)), "stored");
  Until([this] { return store_->stats().in_flight_bytes == 0; });
}

TEST_F(StoreTest, AFullMapGoesBackToTheSendersAndEndsByItself) {
  options_.wal_map_bytes = 512 << 10;
  Open();
  std::uint64_t seq = 0;
  std::string kind = "stored";
  while (kind == "stored") kind = SubmitKind(*store_, LineBatch("a", ++seq, 40'000));
  EXPECT_EQ(kind, "unavailable");
  EXPECT_EQ(store_->stats().commit_errors, 1U);
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq)), "unavailable") << "not tried so soon";
  EXPECT_EQ(store_->stats().rejected_commit, 1U);
  store_->WaitApplied();
  EXPECT_EQ(signal_->All().size(), seq - 1) << "queries go on";
  ASSERT_TRUE(store_->FlushNow().has_value());
  clock_.AdvanceMs(options_.retry_ms);
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq)), "stored");
  EXPECT_EQ(Runs("a"), "1-" + std::to_string(seq) + " ");
}

// The file cannot grow, as on a full disk: LMDB's write fails (EFBIG).
TEST_F(StoreTest, AFileThatCannotGrowGoesBackToTheSendersAndEndsByItself) {
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = std::filesystem::file_size(dir_.path() + "/wal.mdb") + (64 << 10);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2, 200'000)), "unavailable");
  EXPECT_EQ(Runs("a"), "1-1 ");
  EXPECT_EQ(All(), "a 1, ");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  clock_.AdvanceMs(options_.retry_ms);
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  EXPECT_EQ(All(), "a 1, a 2, ");
  CloseUnflushed();
  Open();
  EXPECT_EQ(All(), "a 1, a 2, ");
}

TEST_F(StoreTest, RefusesBeforeTheDiskIsFull) {
  std::atomic<std::uint64_t> free_bytes{1 << 20};
  options_.disk_space = [&free_bytes](const std::string&) -> Result<DiskSpace> {
    return DiskSpace{.free_bytes = free_bytes, .total_bytes = 100 << 20};
  };
  Open();
  Until([this] { return store_->stats().disk_free_bytes != 0; });
  Until([this] { return SubmitKind(*store_, LineBatch("a", 1)) == "unavailable"; });
  EXPECT_GT(store_->stats().rejected_disk, 0U);
  free_bytes = 3 << 20;  // 2 % of 100 MiB are the reserve.
  Until([this] { return SubmitKind(*store_, LineBatch("a", 2)) == "stored"; });
  Close();  // Before free_bytes goes.
}

TEST_F(StoreTest, RefusesWhileFlushesFailAndTooMuchWaits) {
  options_.wal_bytes_max = 10'000;
  options_.flush_retry_ms = 0;
  Open();
  signal_->SetFailing(true);
  std::uint64_t seq = 0;
  Until(
      [this, &seq] { return SubmitKind(*store_, LineBatch("a", ++seq, 5'000)) == "unavailable"; });
  EXPECT_GT(store_->stats().rejected_flush, 0U);
  signal_->SetFailing(false);
  Until([this, seq] { return SubmitKind(*store_, LineBatch("a", seq)) == "stored"; });
  store_->WaitApplied();
  EXPECT_EQ(signal_->All().size(), seq);
}

TEST_F(StoreTest, RefusesWhileAFlushIsSlowerThanWhatComes) {
  std::atomic<std::uint64_t> free_bytes{50 << 20};
  options_.disk_space = [&free_bytes](const std::string&) -> Result<DiskSpace> {
    return DiskSpace{.free_bytes = free_bytes, .total_bytes = 100 << 20};
  };
  options_.wal_bytes_max = 10'000;
  Open();
  signal_->SetSlow(true);
  std::uint64_t seq = 0;
  Until(
      [this, &seq] { return SubmitKind(*store_, LineBatch("a", ++seq, 5'000)) == "unavailable"; });
  EXPECT_GT(store_->stats().rejected_flush, 0U);
  EXPECT_EQ(store_->stats().flushes, 0U);
  free_bytes = 1 << 20;
  Until([this, seq] {
    EXPECT_EQ(SubmitKind(*store_, LineBatch("a", seq)), "unavailable");
    return store_->stats().rejected_disk > 0;
  });
  free_bytes = 50 << 20;
  signal_->SetSlow(false);
  Until([this, seq] { return SubmitKind(*store_, LineBatch("a", seq)) == "stored"; });
  store_->WaitApplied();
  EXPECT_EQ(signal_->All().size(), seq);
  Close();  // Before free_bytes goes.
}

TEST_F(StoreTest, WhatAReaderHoldsIsNoReasonToRefuse) {
  options_.wal_bytes_max = 10'000;
  Open();
  store_->HoldWal("reader", 0);
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    Until([&] {
      const std::string kind = SubmitKind(*store_, LineBatch("a", seq, 5'000));
      return kind == "stored" || kind == "duplicate";
    });
  }
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(store_->stats().wal_entries, 20U);
}

// Changes the value of a wal entry behind the store's back.
void Damage(const std::string& dir, WalPosition position, std::size_t at_from_end) {
  auto env = Env::Open(dir + "/wal.mdb", {.map_bytes = 16 << 20});
  auto txn = (*env)->BeginWrite();
  const auto table = txn->OpenTable("wal");
  std::string key;
  PutBe(key, position);
  std::string value(**txn->Get(*table, key));
  value[value.size() - at_from_end] = static_cast<char>(value[value.size() - at_from_end] ^ 1);
  ASSERT_TRUE(txn->Put(*table, key, value).has_value());
  ASSERT_TRUE(txn->Commit().has_value());
}

TEST_F(StoreTest, ADamagedEntryIsLeftOutCountedAndSaid) {
  Open();
  for (std::uint64_t seq = 1; seq <= 4; ++seq) SubmitAndWait(*store_, LineBatch("a", seq));
  const std::size_t third_bytes = LineBatch("a", 3).frame.size();
  CloseUnflushed();
  Damage(dir_.path(), 2, 1);                 // In the frame.
  Damage(dir_.path(), 3, third_bytes + 1);   // In the header.
  for (int round = 0; round < 2; ++round) {  // The same after another crash.
    Open();
    EXPECT_EQ(All(), "a 1, a 4, ");
    EXPECT_EQ(store_->stats().corrupt_entries, 2U);
    const auto gaps = gaps_->All();
    EXPECT_EQ(gaps.size(), 6U) << "one a signal and entry";
    EXPECT_EQ(gaps.count("gap a: wal entry 2 damaged (frame fails its checksum): its batch is "
                         "lost"),
              3U);
    if (round == 0) CloseUnflushed();
  }
  ASSERT_TRUE(store_->FlushNow().has_value());
  EXPECT_EQ(store_->stats().wal_entries, 0U);
}

TEST_F(StoreTest, ALostWalFileLosesOnlyWhatWasNotFlushed) {
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  ASSERT_TRUE(store_->FlushNow().has_value());
  SubmitAndWait(*store_, LineBatch("a", 2));
  CloseUnflushed();
  std::ofstream(dir_.path() + "/wal.mdb") << std::string(16384, 'x');
  Open();
  EXPECT_EQ(All(), "a 1, ");
  Until([this] { return gaps_->All().size() == 3; });
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  Open();
  EXPECT_EQ(All(), "a 1, a 2, ");
  EXPECT_EQ(gaps_->All().size(), 3U) << "said once";
}

// Makes the pages that hold the text no leaves any more.
void DamagePages(const std::string& path, const std::string& text) {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kFlagsAt = 10;
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t at = bytes.find(text); at != bytes.npos; at = bytes.find(text, at + 1)) {
    bytes[at / kPage * kPage + kFlagsAt] = 0;
  }
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_F(StoreTest, AWalWithPagesThatCannotBeReadIsSetAsideAndStopsNoStart) {
  Open();
  SubmitAndWait(*store_, LineBatch("a", 1));
  ASSERT_TRUE(store_->FlushNow().has_value());
  SubmitAndWait(*store_, LineBatch("a", 2));
  CloseUnflushed();
  DamagePages(dir_.path() + "/wal.mdb", AgentKey("a", 1));
  Open();
  EXPECT_EQ(All(), "a 1, ");
  Until([this] { return gaps_->All().size() == 3; });
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 2)), "stored");
  Open();
  EXPECT_EQ(All(), "a 1, a 2, ");
}

TEST_F(StoreTest, RetentionGoesByTheClockGiven) {
  options_.logs = {.keep_ms = 1000, .bytes_max = 7};
  Open();
  const std::string first = std::to_string(clock_.WallMs() - 1000) + " 7";
  Until([&] { return signal_->retained() == first; });
  clock_.AdvanceMs(options_.retention_every_ms);
  const std::string second = std::to_string(clock_.WallMs() - 1000) + " 7";
  Until([&] { return signal_->retained() == second; });
  EXPECT_EQ(gaps_->retained(), "") << "kept for ever";
}

TEST_F(StoreTest, StopAnswersEverybody) {
  Open();
  std::atomic<int> answered{0};
  std::thread other([this, &answered] {
    for (std::uint64_t seq = 1; seq <= 500; ++seq) {
      store_->Submit(LineBatch("a", seq), [&answered](const SubmitResult&) { ++answered; });
    }
  });
  store_->Stop();
  other.join();
  EXPECT_EQ(answered, 500);
  EXPECT_EQ(SubmitKind(*store_, LineBatch("a", 1000)), "unavailable");
  EXPECT_EQ(store_->FlushNow().error().code, ErrorCode::kUnavailable);
  store_->Stop();
}

TEST_F(StoreTest, ManyThreadsSubmitWhileOthersFlushAndAsk) {
  Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, t] {
      const std::string agent = "t" + std::to_string(t);
      for (std::uint64_t seq = 1; seq <= 60; ++seq) {
        EXPECT_EQ(SubmitKind(*store_, LineBatch(agent, seq)), "stored");
        (void)store_->Progress(agent, 1);
        if (seq % 20 == 0) {
          EXPECT_TRUE(store_->FlushNow().has_value());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  store_->WaitApplied();
  EXPECT_EQ(signal_->All().size(), 180U);
}

// Random submissions with repeats, lanes, flushes, failures and restarts against a
// model that is a set.
TEST_F(StoreTest, AgreesWithAModel) {
  const char* given = std::getenv("OPS_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("OPS_SEED=" + std::to_string(seed));
  Random random(seed);
  Open();
  std::map<std::string, RunSet> model;
  std::multiset<std::string> expected;
  for (int step = 0; step < 600; ++step) {
    const std::string agent = "a" + std::to_string(random.Below(3));
    RunSet& runs = model.try_emplace(agent).first->second;
    const std::uint64_t choice = random.Below(100);
    if (choice < 90) {
      const auto& committed = runs.runs();
      std::uint64_t seq = 1 + random.Below(60);
      if (!committed.empty() && random.Below(3) != 0) {
        seq = committed[random.Below(committed.size())].last + random.Below(2);
      }
      IncomingBatch batch = LineBatch(agent, seq);
      const RunSet::Answer answer = runs.Accept(seq, batch.hash);
      const std::string kind = SubmitKind(*store_, std::move(batch));
      if (answer.verdict == RunSet::Verdict::kStore) {
        EXPECT_EQ(kind, "stored");
        expected.insert(agent + " " + std::to_string(seq));
      } else if (answer.verdict == RunSet::Verdict::kOutOfOrder) {
        EXPECT_EQ(kind, "expected " + std::to_string(answer.expected));
      } else {
        EXPECT_EQ(kind, "duplicate");
      }
    } else if (choice < 94) {
      EXPECT_TRUE(store_->FlushNow().has_value());
    } else if (choice < 96) {
      signal_->SetFailing(true);
      (void)store_->FlushNow();
      signal_->SetFailing(false);
    } else {
      if (choice < 98) CloseUnflushed();
      Open();
    }
    if (step % 10 == 0) {
      store_->WaitApplied();
      ASSERT_EQ(signal_->All(), expected) << "step " << step;
      ASSERT_EQ(store_->Progress(agent, 1)->runs, runs.runs()) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace opssight
