// Days that are over: merged, done jobs on, taken series out of, while anything else goes on
// or ends.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <set>
#include <sys/resource.h>
#include <thread>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/metric_keys.h"
#include "common/lmdb/env.h"
#include "tests/aggregator/store/metrics/metrics_store_testing.h"

namespace opssight {
namespace {

using namespace testing_metrics;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kOver = kMsPerDay + kHourMs;  // Day 0 is due.

// Writes down what it was given.
class NotingJob final : public DayJob {
 public:
  std::string_view name() const override { return "noting"; }
  Status Run(DayReader& day, const std::function<bool()>& cancelled) override {
    ++runs;
    if (failing) return IoError("job: write", ENOSPC);
    samples = 0;
    cut = day.cut();
    number = day.day();
    names.clear();
    return day.ForEach(
        [&](std::span<const DaySeries> series) -> Status {
          std::vector<SeriesId> ids;
          std::vector<Labels> labels;
          for (const DaySeries& one : series) {
            ids.push_back(one.id);
            samples += one.samples.size() + one.histograms.size();
          }
          day.index().AppendLabels(ids, labels);
          for (const Labels& one : labels) names.insert(one.ToString());
          return {};
        },
        cancelled);
  }
  int runs = 0;
  bool failing = false;
  std::size_t samples = 0;
  WalPosition cut = 0;
  DayNumber number = -1;
  std::set<std::string> names;
};

class MetricSealTest : public MetricsStoreTest {
 protected:
  Result<bool> SealAt(std::int64_t now_ms, std::uint64_t spare_bytes = UINT64_MAX) {
    return store_->SealDue({.now_ms = now_ms, .spare_bytes = spare_bytes, .cancelled = cancelled_});
  }
  bool Sealed(std::int64_t now_ms) {
    const auto sealed = SealAt(now_ms);
    EXPECT_TRUE(sealed.has_value()) << sealed.error().message;
    return sealed && *sealed;
  }
  // Flushes of day 0 and a row of day 1.
  void Fill(WalPosition flushes = 4) {
    for (WalPosition cut = 1; cut <= flushes; ++cut) {
      for (int i = 0; i < 20; ++i) {
        const auto time_ms = static_cast<std::int64_t>(cut) * 1000 + i;
        Apply(both_, time_ms, {1.0 * i, 2.0 * static_cast<double>(cut)});
      }
      Flush(cut);
    }
    Apply(both_, kMsPerDay + 5, {1, 2});
    Flush(flushes + 1);
  }
  const SealRecord& SealOf(std::size_t day) { return (infos_ = store_->Days())[day].seal; }
  bool LeftBeside() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().string().find(".seal") != std::string::npos) return true;
    }
    return false;
  }

  const std::shared_ptr<const Layout> both_ = MakeLayout({kUp, kLoad});
  std::function<bool()> cancelled_;
  std::vector<MetricDayInfo> infos_;
};

TEST_F(MetricSealTest, ADayIsSealedOnceItIsOverAndAgainAfterLateSamples) {
  Fill();
  const std::string before = All();
  EXPECT_FALSE(Sealed(kOver - 1));
  EXPECT_TRUE(Sealed(kOver));
  EXPECT_FALSE(Sealed(kOver)) << "day 1 is not over";
  EXPECT_EQ(All(), before);
  EXPECT_EQ(SealOf(0).merged, 4U);
  EXPECT_EQ(SealOf(0).generation, 1U);
  EXPECT_EQ(SealOf(0).samples, 160U);
  EXPECT_EQ(SealOf(0).series, 2U);
  EXPECT_EQ(SealOf(1).merged, 0U);
  Reopen(5);
  EXPECT_EQ(All(), before);
  EXPECT_FALSE(Sealed(kOver));
  Apply(both_, 7, {7, 7});
  Flush(6);
  const std::string later = All();
  EXPECT_FALSE(Sealed(kOver + kHourMs - 1)) << "not more than once an hour";
  EXPECT_TRUE(Sealed(kOver + kHourMs));
  EXPECT_EQ(All(), later);
  EXPECT_EQ(SealOf(0).merged, 6U);
  EXPECT_EQ(SealOf(0).generation, 2U);
  EXPECT_EQ(SealOf(0).samples, 162U);
  Reopen(6);
  EXPECT_EQ(All(), later);
  EXPECT_EQ(store_->corrupt_blocks(), 0U);
}

TEST_F(MetricSealTest, AJobIsDoneOnceForWhatIsWritten) {
  NotingJob job;
  job_ = &job;
  Reopen(0);
  Fill();
  job.failing = true;
  EXPECT_FALSE(SealAt(kOver).has_value());
  EXPECT_EQ(SealOf(0).generation, 1U) << "merged it is";
  EXPECT_FALSE(Sealed(kOver)) << "not at once again";
  job.failing = false;
  EXPECT_TRUE(Sealed(kOver + 10 * 60'000));
  EXPECT_EQ(job.runs, 2);
  EXPECT_EQ(job.samples, 160U);
  EXPECT_EQ(job.number, 0);
  EXPECT_EQ(job.cut, 4U);
  EXPECT_EQ(job.names, (std::set<std::string>{kLoad.ToString(), kUp.ToString()}));
  EXPECT_EQ(SealOf(0).generation, 1U) << "not merged twice for it";
  Reopen(5);
  EXPECT_FALSE(Sealed(kOver + kMsPerDay / 2));
  Apply(both_, 7, {7, 7});
  Flush(6);
  EXPECT_TRUE(Sealed(kOver + kMsPerDay / 2));
  EXPECT_EQ(job.runs, 3);
  EXPECT_EQ(job.samples, 162U);
  EXPECT_EQ(job.cut, 6U);
}

TEST_F(MetricSealTest, WhereverItIsKilledEachSampleIsThereOnce) {
  NotingJob job;
  job_ = &job;
  const std::string dir = dir_;
  std::vector<std::string> copies;
  at_ = [&](SealPoint) {  // What a process that ends here leaves.
    copies.push_back(dir + "-" + std::to_string(copies.size()));
    std::filesystem::copy(dir, copies.back());
  };
  Reopen(0);
  Fill();
  ASSERT_TRUE(store_->AddTombstone({Make(MatchType::kEqual, "__name__", "up")}, 1000, 1005));
  const std::string before = All();
  EXPECT_TRUE(Sealed(kOver));
  ASSERT_EQ(copies.size(), 3U);
  EXPECT_EQ(All(), before);
  at_ = nullptr;
  for (const std::string& copy : copies) {
    SCOPED_TRACE(copy);
    dir_ = copy;
    Reopen(5);
    EXPECT_FALSE(LeftBeside());
    EXPECT_EQ(All(), before);
    EXPECT_TRUE(Sealed(kOver)) << "the rest is done";
    EXPECT_EQ(All(), before);
    EXPECT_EQ(SealOf(0).jobs.at("noting"), 4U);
    ASSERT_TRUE(store_->CleanTombstones().has_value());
    Reopen(5);
    EXPECT_EQ(All(), before);
    store_.reset();
    meta_.reset();
    std::filesystem::remove_all(copy);
  }
  EXPECT_EQ(job.runs, 4);
  dir_ = dir;
}

TEST_F(MetricSealTest, WithoutRoomTheDayStaysAsItIs) {
  Fill();
  const std::string before = All();
  const auto full = SealAt(kOver, 10);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kExhausted);
  EXPECT_FALSE(LeftBeside());
  EXPECT_FALSE(Sealed(kOver + 10 * 60'000 - 1));
  // A disk that is full all the same.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit limit = unlimited;
  limit.rlim_cur = 8192;
  setrlimit(RLIMIT_FSIZE, &limit);
  const auto failed = SealAt(kOver + 10 * 60'000);
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, ErrorCode::kIo) << failed.error().message;
  EXPECT_FALSE(LeftBeside());
  EXPECT_EQ(All(), before);
  EXPECT_EQ(SealOf(0).merged, 0U);
  EXPECT_TRUE(Sealed(kOver + kHourMs));
  EXPECT_EQ(All(), before);
}

TEST_F(MetricSealTest, WhatIsCancelledLeavesNothing) {
  Fill();
  const std::string before = All();
  cancelled_ = [] { return true; };
  const auto sealed = SealAt(kOver);
  ASSERT_FALSE(sealed.has_value());
  EXPECT_EQ(sealed.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(LeftBeside());
  EXPECT_EQ(All(), before);
  EXPECT_EQ(SealOf(0).merged, 0U);
}

TEST_F(MetricSealTest, ADamagedDayIsNotWrittenAnewAndItsJobsAreDone) {
  NotingJob job;
  job_ = &job;
  Reopen(0);
  Fill();
  store_.reset();
  {
    auto env = Env::Open(dir_ + "/m-19700101.mdb", {.map_bytes = 64 << 20, .tables_max = 4});
    ASSERT_TRUE(env.has_value());
    auto txn = (*env)->BeginWrite();
    ASSERT_TRUE(txn.has_value());
    const Table table = txn->OpenTable(DayFiles::kTable).value();
    const std::string key = DayFiles::Key(2, kBlockNumber);
    std::string value(txn->Get(table, key).value().value());
    value.back() ^= 1;
    ASSERT_TRUE(txn->Put(table, key, value).has_value());
    ASSERT_TRUE(txn->Commit().has_value());
  }
  Reopen(5);
  const std::string before = All();
  EXPECT_TRUE(Sealed(kOver));
  EXPECT_FALSE(Sealed(kOver + kHourMs));
  EXPECT_EQ(store_->unmerged_days(), 1U);
  EXPECT_EQ(SealOf(0).merged, 0U);
  EXPECT_EQ(SealOf(0).done, 4U);
  EXPECT_EQ(job.runs, 1);
  EXPECT_EQ(job.samples, 120U);
  EXPECT_FALSE(LeftBeside());
  EXPECT_EQ(All(), before);
}

TEST_F(MetricSealTest, ASnapshotOfASealedDayStaysAsItWas) {
  Fill();
  EXPECT_TRUE(Sealed(kOver));
  const std::string before = All();
  const std::string dir = dir_;
  const std::string snapshot = dir + "-snapshot";
  std::filesystem::create_directory(snapshot);
  ASSERT_TRUE(store_->SnapshotInto(snapshot, kMsPerDay + 5).has_value());
  Apply(both_, 7, {7, 7});
  Flush(6);
  EXPECT_TRUE(Sealed(kOver + kHourMs));
  dir_ = snapshot;
  Reopen(5);
  EXPECT_EQ(All(), before);
  store_.reset();
  meta_.reset();
  std::filesystem::remove_all(snapshot);
  dir_ = dir;
}

TEST_F(MetricSealTest, WhatWasDeletedIsNotBroughtBack) {
  Fill();
  ASSERT_TRUE(store_->AddTombstone({Make(MatchType::kEqual, "__name__", "up")}, 0, INT64_MAX));
  const std::string before = All();
  EXPECT_TRUE(Sealed(kOver));
  EXPECT_EQ(All(), before);
  ASSERT_TRUE(store_->CleanTombstones().has_value());
  EXPECT_EQ(All(), before);
  Reopen(5);
  EXPECT_EQ(All(), before);
  const auto names = store_->SelectLabels({}, 0, 10, {});
  EXPECT_EQ(*names, std::vector<Labels>{kLoad});
}

TEST_F(MetricSealTest, RulesTakeSeriesOutOfDays) {
  rules_.push_back(
      {.id = 1, .matchers = {Make(MatchType::kEqual, "__name__", "up")}, .keep_ms = 7 * kMsPerDay});
  rules_.push_back({.id = 2,
                    .matchers = {Make(MatchType::kEqual, "__name__", "none")},
                    .keep_ms = 2 * kMsPerDay});
  NotingJob job;
  job_ = &job;
  Reopen(0);
  Fill();
  const std::string before = All();
  EXPECT_TRUE(Sealed(kOver));
  EXPECT_FALSE(Sealed(3 * kMsPerDay - 1 - kMsPerDay));
  EXPECT_TRUE(Sealed(3 * kMsPerDay)) << "the second rule, which finds nothing; and day 1";
  while (Sealed(3 * kMsPerDay)) continue;
  EXPECT_EQ(All(), before);
  EXPECT_EQ(SealOf(0).generation, 1U);
  EXPECT_FALSE(Sealed(8 * kMsPerDay - 1) && Sealed(8 * kMsPerDay - 1));
  EXPECT_TRUE(Sealed(8 * kMsPerDay));
  EXPECT_EQ(SealOf(0).generation, 2U);
  EXPECT_EQ(SealOf(0).series, 1U);
  EXPECT_EQ(store_->expired_series(), 1U);
  EXPECT_FALSE(Sealed(8 * kMsPerDay));
  const auto up = Ask({Make(MatchType::kEqual, "__name__", "up")}, 0, 9 * kMsPerDay);
  EXPECT_EQ(up.at(kUp.ToString()).size(), 1U) << "that of day 1";
  const auto load = Ask({Make(MatchType::kEqual, "__name__", "load")}, 0, 9 * kMsPerDay);
  EXPECT_EQ(load.at(kLoad.ToString()).size(), 81U);
  EXPECT_EQ(*store_->SelectLabels({}, 0, 10, {}), std::vector<Labels>{kLoad});
  Reopen(5);
  EXPECT_FALSE(Sealed(8 * kMsPerDay)) << "it remembers";
  EXPECT_EQ(job.runs, 2) << "once a day, not for the rule";
}

TEST_F(MetricSealTest, AQueryBesideItMissesNothing) {
  layouts_.Add(both_);
  std::atomic<int> applied{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      const auto before = static_cast<std::size_t>(applied.load());
      const auto result = store_->Select({}, 0, kMsPerDay, {});
      ASSERT_TRUE(result.has_value());
      for (const Series& one : *result) {
        ASSERT_GE(one.samples.size(), before);
        for (std::size_t i = 0; i < one.samples.size(); ++i) {
          ASSERT_EQ(one.samples[i].time_ms, static_cast<std::int64_t>(i)) << "none missing";
        }
      }
      ASSERT_TRUE(before == 0 || result->size() == 2);
    }
  });
  std::int64_t now_ms = kOver;
  for (int i = 0; i < 600; ++i) {
    Apply(both_, i, {i * 0.5, 1});
    applied.store(i + 1);
    if (i % 30 != 29) continue;
    Flush(static_cast<WalPosition>(i));
    EXPECT_TRUE(Sealed(now_ms));
    now_ms += kHourMs;
  }
  done.store(true);
  reader.join();
  EXPECT_EQ(SealOf(0).generation, 20U);
}

TEST_F(MetricSealTest, MoreSamplesThanFitAPortionComeInParts) {
  NotingJob job;
  job_ = &job;
  Reopen(0);
  const auto one = MakeLayout({kUp});
  layouts_.Add(one);
  constexpr std::int64_t kRows = 250'000;
  for (std::int64_t i = 0; i < kRows;) {
    std::vector<MetricRow> rows;
    for (int k = 0; k < 10'000; ++k, ++i) {
      rows.push_back({.layout = one, .time_ms = i * 300, .values = {static_cast<double>(i)}});
    }
    store_->Apply({}, BatchOf(std::move(rows)));
  }
  Flush(1);
  EXPECT_TRUE(Sealed(kOver));
  EXPECT_EQ(job.samples, static_cast<std::size_t>(kRows));
  EXPECT_EQ(SealOf(0).samples, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(SealOf(0).series, 1U);
  const auto series = store_->Select({}, 0, kMsPerDay, {});
  ASSERT_EQ(series->size(), 1U);
  ASSERT_EQ((*series)[0].samples.size(), static_cast<std::size_t>(kRows));
  for (std::size_t i = 0; i < series->front().samples.size(); ++i) {
    ASSERT_EQ(series->front().samples[i].value, static_cast<double>(i));
  }
}

}  // namespace
}  // namespace opssight
