#include "aggregator/store/metrics/metrics_store.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "aggregator/store/metrics/metric_keys.h"
#include "aggregator/store/metrics/metrics_admin.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/bytes/hash.h"
#include "common/lmdb/env.h"
#include "tests/aggregator/store/metrics/metrics_store_testing.h"

namespace opssight {
namespace {

using namespace testing_metrics;  // NOLINT(google-build-using-namespace)

TEST_F(MetricsStoreTest, AnswersTheSameFromHeadFrozenDiskAndAfterReopening) {
  const auto layout = MakeLayout({kUp, kLoad});
  Apply(layout, 20, {1, 7});
  Apply(layout, 10, {0, 6});
  Apply(layout, kMsPerDay + 1, {1, 9});
  const std::string all =
      "{__name__=\"load\", host=\"a\"} 10=6 20=7 86400001=9; "
      "{__name__=\"up\", host=\"a\"} 10=0 20=1 86400001=1; ";
  EXPECT_EQ(All(), all);
  EXPECT_EQ(store_->samples_applied(), 6U);
  EXPECT_EQ(store_->head_series(), 2U);
  store_->Freeze(3);
  EXPECT_EQ(All(), all);
  ASSERT_TRUE(store_->Flush(3).has_value());
  EXPECT_EQ(All(), all) << "flushed, not yet published: not twice";
  ASSERT_TRUE(store_->Flush(3).has_value()) << "a flush may be tried again";
  store_->Publish(3);
  EXPECT_EQ(All(), all);
  Reopen(3);
  EXPECT_EQ(All(), all);
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/m-19700102.mdb"));
  EXPECT_GT(store_->disk_bytes(), 0U);
}

TEST_F(MetricsStoreTest, TheLastWriteWinsWhereverItStands) {
  const auto both = MakeLayout({kUp, kLoad});
  const auto one = MakeLayout({kUp});
  Apply(both, 10, {1, 1});
  Apply(one, 10, {2});
  EXPECT_EQ(Ask({}, 0, 100).at(kUp.ToString()).at(10), std::bit_cast<Bits>(2.0));
  Apply(both, 10, {3, 3});
  EXPECT_EQ(Ask({}, 0, 100).at(kUp.ToString()).at(10), std::bit_cast<Bits>(3.0));
  Flush(1);
  EXPECT_EQ(Ask({}, 0, 100).at(kUp.ToString()).at(10), std::bit_cast<Bits>(3.0));
  Apply(one, 10, {4});
  EXPECT_EQ(Ask({}, 0, 100).at(kUp.ToString()).at(10), std::bit_cast<Bits>(4.0));
  Flush(2);
  EXPECT_EQ(Ask({}, 0, 100).at(kUp.ToString()).at(10), std::bit_cast<Bits>(4.0));
  const auto twice = MakeLayout({kUp, kLoad, kUp});
  Apply(twice, 10, {5, 6, 7});
  EXPECT_EQ(All(), "{__name__=\"load\", host=\"a\"} 10=6; {__name__=\"up\", host=\"a\"} 10=7; ");
}

TEST_F(MetricsStoreTest, AFlushThatTheWalDidNotRecordIsUndone) {
  const auto layout = MakeLayout({kUp});
  const auto other = MakeLayout({kLoad});
  Apply(layout, 1, {1});
  Flush(1);
  Apply(other, 2, {2});
  Flush(2);
  Reopen(1);
  EXPECT_EQ(All(), "{__name__=\"up\", host=\"a\"} 1=1; ");
  Apply(other, 2, {2});
  Flush(3);
  Reopen(3);
  EXPECT_EQ(All(), "{__name__=\"load\", host=\"a\"} 2=2; {__name__=\"up\", host=\"a\"} 1=1; ");
  EXPECT_EQ(store_->corrupt_blocks(), 0U);
}

TEST_F(MetricsStoreTest, RowsThatCannotBeKeptAreCounted) {
  const auto known = MakeLayout({kUp, kLoad});
  const auto unknown = MakeLayout({kUp});
  layouts_.Add(known);
  store_->Apply({}, BatchOf({{.layout = unknown, .time_ms = 5, .values = {1}}}));
  EXPECT_EQ(store_->unknown_layout_rows(), 1U);
  Apply(known, -1, {1, 2});
  Apply(known, INT64_MAX, {1, 2});
  EXPECT_EQ(store_->refused_rows(), 2U);
  EXPECT_EQ(All(), "");
  Flush(1);
  // A day ahead is taken, more is not: of rows, histograms and exemplars.
  const auto series = std::make_shared<const Labels>(Labels{{"__name__", "ahead"}});
  for (const std::int64_t time_ms : {kMsPerDay, kMsPerDay + 1}) {
    BatchContents contents;
    contents.metrics.push_back({.layout = known, .time_ms = time_ms, .values = {1, 2}});
    contents.histograms.push_back({.series = series, .time_ms = time_ms, .histogram = {.sum = 1}});
    contents.exemplars.push_back({.series = series, .time_ms = time_ms, .value = 1});
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    store_->Apply({.newest_ms = kMsPerDay}, *batch);
  }
  EXPECT_EQ(store_->refused_rows(), 5U);
  EXPECT_EQ(store_->histograms_applied(), 1U);
  EXPECT_EQ(store_->exemplars_applied(), 1U);
}

TEST_F(MetricsStoreTest, LimitsAreErrorsNotHalfAnswers) {
  const auto layout = MakeLayout({kUp, kLoad});
  for (int i = 0; i < 100; ++i) Apply(layout, i, {1, 2});
  for (int round = 0; round < 2; ++round) {
    auto result = store_->Select({}, 0, 1000, {.samples_max = 199});
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kExhausted);
    EXPECT_TRUE(store_->Select({}, 0, 1000, {.samples_max = 200}).has_value());
    result = store_->Select({}, 0, 1000, {.series_max = 1});
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kExhausted);
    EXPECT_FALSE(store_->SelectLabels({}, 0, 1000, {.series_max = 1}).has_value());
    result = store_->Select({}, 0, 1000, {.cancelled = [] { return true; }});
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
    Flush(1);
  }
}

TEST_F(MetricsStoreTest, WhatIsDeletedIsGoneAndWhatComesLaterShows) {
  const auto layout = MakeLayout({kUp, kLoad});
  Apply(layout, 10, {1, 7});
  Apply(layout, 20, {2, 8});
  Flush(1);
  const std::vector<Matcher> up = {Make(MatchType::kEqual, "__name__", "up")};
  ASSERT_TRUE(store_->AddTombstone(up, INT64_MIN, INT64_MAX).has_value());
  const auto names = [&] {
    std::vector<std::string> out;
    const auto found = store_->SelectLabels({}, 0, 100, {});
    for (const Labels& labels : *found) {
      out.emplace_back(labels.Get("__name__"));
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const std::string load = "{__name__=\"load\", host=\"a\"} 10=7 20=8; ";
  const std::vector<std::string> only_load = {"load"};
  EXPECT_EQ(All(), load);
  EXPECT_EQ(names(), only_load);
  Reopen(1);
  EXPECT_EQ(All(), load);
  EXPECT_EQ(store_->tombstones(), 1U);
  for (const bool cleaned : {false, true}) {
    if (cleaned) {
      ASSERT_TRUE(store_->CleanTombstones().has_value());
    }
    EXPECT_EQ(All(), load);
    EXPECT_EQ(names(), only_load);
    EXPECT_EQ(store_->tombstones(), cleaned ? 0U : 1U);
  }
  Reopen(1);
  EXPECT_EQ(All(), load);
  EXPECT_EQ(names(), only_load);
  Apply(MakeLayout({kUp}), 10, {5});
  Flush(2);
  EXPECT_EQ(All(), load + "{__name__=\"up\", host=\"a\"} 10=5; ");
  EXPECT_EQ(names(), (std::vector<std::string>{"load", "up"}));
}

// Its day stays as the newest, and then until all of it is old.
TEST_F(MetricsStoreTest, WhatIsDeletedStaysSoUntilItsDayGoes) {
  const auto layout = MakeLayout({kUp, kLoad});
  Apply(layout, 10, {1, 7});
  Flush(1);
  const std::vector<Matcher> up = {Make(MatchType::kEqual, "__name__", "up")};
  ASSERT_TRUE(store_->AddTombstone(up, 0, 20).has_value());
  const std::string load = "{__name__=\"load\", host=\"a\"} 10=7; ";
  for (const std::int64_t keep_from_ms : {std::int64_t{30}, 5 * kMsPerDay}) {
    ASSERT_TRUE(store_->Retain(keep_from_ms, 0).has_value());
    EXPECT_EQ(All(), load);
    EXPECT_EQ(store_->tombstones(), 1U);
  }
  Apply(MakeLayout({kLoad}), 2 * kMsPerDay, {9});
  Flush(2);
  ASSERT_TRUE(store_->Retain(kMsPerDay - 1, 0).has_value());
  EXPECT_EQ(store_->tombstones(), 1U);
  ASSERT_TRUE(store_->Retain(kMsPerDay, 0).has_value());
  EXPECT_EQ(store_->tombstones(), 0U);
  EXPECT_EQ(All(), "{__name__=\"load\", host=\"a\"} 172800000=9; ");
}

TEST_F(MetricsStoreTest, WithoutRoomNothingIsCleanedOrCopied) {
  spare_bytes_ = 10;
  Reopen(0);
  Apply(MakeLayout({kUp, kLoad}), 10, {1, 7});
  Flush(1);
  const auto file = [&] { return std::filesystem::last_write_time(dir_ + "/m-19700101.mdb"); };
  const auto before = file();
  const std::vector<Matcher> up = {Make(MatchType::kEqual, "__name__", "up")};
  const std::vector<Matcher> none = {Make(MatchType::kEqual, "__name__", "none")};
  ASSERT_TRUE(store_->AddTombstone(none, 0, 20).has_value());
  EXPECT_TRUE(store_->CleanTombstones().has_value()) << "nothing is to be written";
  ASSERT_TRUE(store_->AddTombstone(up, 0, 20).has_value());
  const auto cleaned = store_->CleanTombstones();
  ASSERT_FALSE(cleaned.has_value());
  EXPECT_EQ(cleaned.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(file(), before);
  EXPECT_EQ(All(), "{__name__=\"load\", host=\"a\"} 10=7; ");
  const std::string snapshot = dir_ + "/snapshot";
  std::filesystem::create_directory(snapshot);
  const auto copied = store_->SnapshotInto(snapshot, 10);
  ASSERT_FALSE(copied.has_value());
  EXPECT_EQ(copied.error().code, ErrorCode::kExhausted);
  EXPECT_TRUE(std::filesystem::is_empty(snapshot));
  EXPECT_TRUE(store_->SnapshotInto(snapshot, kMsPerDay).has_value()) << "a second name";
  spare_bytes_ = UINT64_MAX;
  EXPECT_TRUE(store_->CleanTombstones().has_value());
  EXPECT_EQ(store_->tombstones(), 0U);
}

TEST_F(MetricsStoreTest, OfAFileThatWasMovedAsideNothingIsKnown) {
  Apply(MakeLayout({kUp}), 10, {1});
  Apply(MakeLayout({kUp}), kMsPerDay + 10, {1});
  Flush(1);
  Reopen(1);
  EXPECT_EQ(store_->PlacesOf(0, 2 * kMsPerDay).written.size(), 2U);
  std::ofstream(dir_ + "/m-19700101.mdb", std::ios::trunc) << std::string(20'000, 'x');
  EXPECT_EQ(Ask({}, 0, 100).size(), 0U);
  EXPECT_EQ(store_->bad_days(), 1U);
  Apply(MakeLayout({kLoad}), kMsPerDay + 20, {1});
  Flush(2);
  const auto places = store_->PlacesOf(0, 2 * kMsPerDay).written;
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places.begin()->first, 1);
  Apply(MakeLayout({kLoad}), 20, {1});
  Flush(3);
  EXPECT_EQ(store_->PlacesOf(0, 20).written.at(0).first, 3U);
}

class ReadingJob final : public DayJob {
 public:
  std::string_view name() const override { return "reading"; }
  Status Run(DayReader& day, const std::function<bool()>& cancelled) override {
    ++runs;
    return day.ForEach([](std::span<const DaySeries>) { return Status(); }, cancelled);
  }
  int runs = 0;
};

// Whatever page of a day is damaged: its other parts answer, and it is sealed as it is.
TEST_F(MetricsStoreTest, ADamagedPageStopsNothing) {
  const std::string path = dir_ + "/m-19700101.mdb";
  ReadingJob job;
  job_ = &job;
  WalPosition cut = 0;
  for (int flush = 0; flush < 30; ++flush) {
    std::vector<Labels> series;
    for (int i = 0; i < 60; ++i) {
      series.push_back(
          Labels{{"__name__", "m" + std::to_string(flush)}, {"number", std::to_string(i * 7919)}});
    }
    const auto layout = MakeLayout(series);
    for (int row = 0; row < 4; ++row) {
      std::vector<double> values;
      for (int i = 0; i < 60; ++i) values.push_back(row * 0.37 + i * 1.1 * row);
      Apply(layout, flush * 1000 + row, std::move(values));
    }
    Flush(++cut);
  }
  Apply(MakeLayout({kUp}), kMsPerDay + 1, {1});
  Flush(++cut);
  store_.reset();
  std::string whole;
  {
    std::ifstream in(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::size_t left_out = 0;
  std::size_t moved = 0;
  for (std::size_t page = 2; page * 4096 < whole.size(); ++page) {
    SCOPED_TRACE(page);
    store_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().string().find(".bad") != std::string::npos)
        std::filesystem::remove(entry.path());
    }
    std::string damaged = whole;
    damaged.replace(page * 4096, 4096, 4096, '\0');
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << damaged;
    Reopen(cut);
    const auto labels = store_->SelectLabels({}, 0, kMsPerDay - 1, {});
    ASSERT_TRUE(labels.has_value()) << labels.error().message;
    ASSERT_TRUE(store_->SelectStrings("number", {}, 0, kMsPerDay - 1, {}).has_value());
    const auto series = store_->Select({}, 0, kMsPerDay - 1, {});
    ASSERT_TRUE(series.has_value()) << series.error().message;
    ASSERT_TRUE(store_->exemplars().Select({}, 0, kMsPerDay, {}).has_value());
    Status sealed;
    for (int i = 0; i < 3; ++i) {
      const auto done = store_->SealDue({.options = {.retry_ms = 0},
                                         .now_ms = kMsPerDay + 3'600'000,
                                         .spare_bytes = UINT64_MAX,
                                         .cancelled = nullptr});
      sealed = done ? Status() : Status(done.error());
    }
    EXPECT_TRUE(sealed.has_value()) << sealed.error().message;
    left_out += store_->corrupt_blocks() != 0 ? 1 : 0;
    moved += store_->bad_days();
    // A flush to it goes on, to a new file at worst.
    Apply(MakeLayout({kUp}), 5, {5});
    store_->Freeze(cut + 1);
    Status flushed = store_->Flush(cut + 1);
    for (int i = 0; i < 3 && !flushed; ++i) flushed = store_->Flush(cut + 1);
    ASSERT_TRUE(flushed.has_value()) << flushed.error().message;
    store_->Publish(cut + 1);
    const auto up = store_->SelectLabels({Make(MatchType::kEqual, "__name__", "up")}, 0, 100, {});
    ASSERT_TRUE(up.has_value());
    EXPECT_EQ(up->size(), 1U);
  }
  EXPECT_GT(job.runs, 20);
  EXPECT_GT(left_out, 3U);
  EXPECT_GT(moved, 0U);
}

// Days go while others clean, seal and read them.
TEST_F(MetricsStoreTest, DaysGoBesideCleaningAndQueries) {
  std::atomic<bool> done{false};
  std::thread cleaner([&] {
    while (!done.load()) {
      ASSERT_TRUE(store_->CleanTombstones().has_value());
      (void)store_->SelectLabels({}, 0, 100 * kMsPerDay, {});
    }
  });
  const auto layout = MakeLayout({kUp, kLoad});
  layouts_.Add(layout);
  const std::vector<Matcher> up = {Make(MatchType::kEqual, "__name__", "up")};
  for (WalPosition cut = 1; cut <= 40; ++cut) {
    const auto day = static_cast<std::int64_t>(cut / 2);
    Apply(layout, day * kMsPerDay + static_cast<std::int64_t>(cut), {1, 2});
    Flush(cut);
    ASSERT_TRUE(store_->AddTombstone(up, 0, INT64_MAX).has_value());
    if (cut % 3 == 0) {
      ASSERT_TRUE(store_->Retain(day * kMsPerDay, 0).has_value());
    }
  }
  ASSERT_TRUE(store_->Retain(20 * kMsPerDay, 0).has_value());
  done.store(true);
  cleaner.join();
  ASSERT_TRUE(store_->CleanTombstones().has_value());
  EXPECT_EQ(store_->Days().size(), 1U);
  const std::string last = "{__name__=\"load\", host=\"a\"} 1728000040=2; ";
  EXPECT_EQ(All(), last);
  Reopen(40);
  EXPECT_EQ(All(), last);
  EXPECT_EQ(store_->corrupt_blocks(), 0U);
}

TEST_F(MetricsStoreTest, ASnapshotStaysAsItWas) {
  const auto layout = MakeLayout({kUp});
  Apply(layout, 10, {1});
  Apply(layout, 3 * kMsPerDay, {3});
  FakeClock clock(3 * kNsPerDay);
  WalPosition cut = 0;
  MetricsStoreAdmin admin(*store_, clock,
                          {.snapshots_dir = dir_ + "/snapshots",
                           .flush =
                               [&] {
                                 Flush(++cut);
                                 return Status();
                               },
                           .seed = 1});
  const auto name = admin.Snapshot(false);
  ASSERT_TRUE(name.has_value()) << name.error().message;
  EXPECT_EQ(name->substr(0, 17), "19700104T000000Z-");
  const std::string before = All();
  // Days that have a second name are written to, and cleaned.
  Apply(layout, 11, {2});
  Apply(layout, 3 * kMsPerDay + 1, {4});
  ASSERT_TRUE(admin.DeleteSeries({{Make(MatchType::kEqual, "__name__", "up")}}, 0, 10).has_value());
  ASSERT_TRUE(admin.CleanTombstones().has_value());
  EXPECT_EQ(All(), "{__name__=\"up\", host=\"a\"} 11=2 259200000=3 259200001=4; ");
  EXPECT_EQ(std::filesystem::hard_link_count(dir_ + "/m-19700101.mdb"), 1U);
  const std::string dir = dir_;
  store_.reset();
  dir_ = dir + "/snapshots/" + *name;
  Reopen(cut);
  EXPECT_EQ(All(), before);
  dir_ = dir;
}

TEST_F(MetricsStoreTest, TargetsAndMetricsHaveLimits) {
  MetricsOptions options{.dir = dir_, .map_bytes = 64 << 20};
  options.series_per_target_max = 3;
  options.series_per_metric_max = 2;
  store_ = std::make_unique<MetricsStore>(std::move(options), layouts_);
  ASSERT_TRUE(store_->Recover(0).has_value());
  const auto up = [](const std::string& host) {
    return Labels{{"__name__", "up"}, {"host", host}};
  };
  Apply(MakeLayout({up("a"), up("b"), up("c"), up("d")}), 10, {1, 2, 3, 4});  // Too many.
  EXPECT_EQ(store_->limited_samples(), 4U);
  Apply(MakeLayout({up("a"), up("b"), up("c")}), 20, {1, 2, 3});
  Apply(MakeLayout({up("d")}), 30, {4});
  Apply(MakeLayout({up("d"), kLoad, up("b")}), 40, {4, 7, 2});
  store_->Apply({}, BatchOf({}, {{.series = std::make_shared<const Labels>(up("e"))}}));
  EXPECT_EQ(All(),
            "{__name__=\"load\", host=\"a\"} 40=7; {__name__=\"up\", host=\"a\"} 20=1; "
            "{__name__=\"up\", host=\"b\"} 20=2 40=2; ");
  EXPECT_EQ(store_->limited_samples(), 8U);
  EXPECT_EQ(store_->samples_applied(), 4U);
  EXPECT_EQ(store_->Statistics(10).label_pairs, 4U) << "refused series take no memory";
  Flush(1);
  EXPECT_EQ(Ask({}, 0, 100).size(), 3U);
}

TEST_F(MetricsStoreTest, StatisticsAreOfTheHead) {
  Apply(MakeLayout({kUp, kLoad}), 10, {1, 7});
  Apply(MakeLayout({Labels{{"__name__", "up"}, {"host", "bb"}}}), 20, {1});
  const TsdbStatistics stats = store_->Statistics(1);
  using Counts = std::vector<TsdbStatistics::Count>;
  EXPECT_EQ(stats.series, 3U);
  EXPECT_EQ(stats.label_pairs, 4U);
  EXPECT_EQ(stats.chunks, 3U);
  EXPECT_EQ(stats.min_time_ms, 10);
  EXPECT_EQ(stats.max_time_ms, 20);
  EXPECT_EQ(stats.series_by_metric, (Counts{{"up", 2}}));
  EXPECT_EQ(stats.values_by_label, (Counts{{"__name__", 2}}));
  EXPECT_EQ(stats.bytes_by_label, (Counts{{"__name__", 6}}));
  EXPECT_EQ(stats.series_by_label_value, (Counts{{"__name__=up", 2}}));
}

TEST_F(MetricsStoreTest, RetentionIsByAgeAndBySizeAndLeavesTheLastDay) {
  const auto layout = MakeLayout({kUp});
  for (int day = 0; day < 4; ++day) Apply(layout, day * kMsPerDay, {1.0 * day});
  Flush(1);
  ASSERT_TRUE(store_->Retain(kMsPerDay, 0).has_value());
  EXPECT_EQ(Ask({}, 0, 100 * kMsPerDay).at(kUp.ToString()).size(), 3U);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/m-19700101.mdb"));
  ASSERT_TRUE(store_->Retain(0, 1).has_value());
  EXPECT_EQ(Ask({}, 0, 100 * kMsPerDay).at(kUp.ToString()).size(), 1U);
  Apply(layout, 5, {1});  // A day that is gone may come again.
  Flush(2);
  EXPECT_EQ(Ask({}, 0, 10).at(kUp.ToString()).size(), 1U);
}

TEST_F(MetricsStoreTest, LabelsAreThoseOfTheDays) {
  Apply(MakeLayout({kUp}), 1, {1});
  Flush(1);
  Apply(MakeLayout({kLoad}), 3 * kMsPerDay, {1});
  EXPECT_EQ(store_->SelectLabels({}, 0, 10, {}).value(), std::vector<Labels>{kUp});
  EXPECT_EQ(store_->SelectLabels({}, 3 * kMsPerDay + 5, 3 * kMsPerDay + 9, {}).value(),
            std::vector<Labels>{kLoad});
  EXPECT_TRUE(store_->SelectLabels({}, 2 * kMsPerDay, 2 * kMsPerDay + 1, {})->empty());
  EXPECT_EQ(store_->SelectLabels({}, 0, 9 * kMsPerDay, {})->size(), 2U);
}

TEST_F(MetricsStoreTest, IndexesOfDaysThatNobodyWantsAreForgotten) {
  const auto layout = MakeLayout({kUp});
  Apply(layout, 1, {1});
  Flush(1);
  const std::uint64_t one = store_->day_index_bytes();
  EXPECT_GT(one, 0U);
  for (WalPosition cut = 2; cut < 5; ++cut) {
    Apply(layout, kMsPerDay + static_cast<std::int64_t>(cut), {1});
    Flush(cut);
    EXPECT_EQ(store_->day_index_bytes(), 2 * one) << cut;
  }
  Apply(layout, kMsPerDay + 9, {1});
  Flush(5);
  EXPECT_EQ(store_->day_index_bytes(), one);
  EXPECT_EQ(store_->Select({}, 0, 10, {})->size(), 1U) << "it comes back";
  EXPECT_EQ(store_->day_index_bytes(), 2 * one);
}

TEST_F(MetricsStoreTest, UnlabelledSeriesAreTheSameWithoutLabels) {
  Apply(MakeLayout({kUp}), 1, {1});
  Flush(1);
  Apply(MakeLayout({kLoad, kUp}), 2, {7, 2});
  const auto portions = store_->SelectPortions({}, 0, 10, {}, SeriesLabels::kUnused);
  ASSERT_EQ((*portions)->count(), 1U);
  const auto series = (*portions)->Read(0);
  ASSERT_TRUE(series);
  std::multiset<std::size_t> sizes;
  for (const Series& one : *series) {
    EXPECT_TRUE(one.labels.empty());
    sizes.insert(one.samples.size());
  }
  EXPECT_EQ(sizes, (std::multiset<std::size_t>{1, 2}));
}

// Three targets of 90 series, some of them in two, in two days and the head, one sample before
// another that came earlier: in portions the same as at once, in the same order.
class PortionsTest : public MetricsStoreTest {
 protected:
  static constexpr std::int64_t kEnd = 3 * kMsPerDay;  // Portions of so long are small.

  static std::shared_ptr<const Layout> Ninety(int first) {
    std::vector<Labels> series;
    for (int i = first; i < first + 90; ++i) {
      series.push_back(Labels{{"__name__", "m"}, {"n", std::to_string(i)}});
    }
    return MakeLayout(series);
  }

  static std::vector<std::int64_t> TimesOf(const Series& series) {
    std::vector<std::int64_t> times;
    for (const Sample& sample : series.samples) times.push_back(sample.time_ms);
    return times;
  }

  void Fill() {
    const std::vector<double> values(90, 1);
    for (const int first : {0, 80, 160}) Apply(Ninety(first), 10, values);
    Apply(Ninety(80), 5, values);
    Flush(1);
    for (const int first : {80, 240}) Apply(Ninety(first), kMsPerDay + 1, values);
    Flush(2);
    for (const int first : {200, 0, 300}) Apply(Ninety(first), kMsPerDay + 2, values);
  }
};

TEST_F(PortionsTest, TogetherAreWhatSelectGives) {
  Fill();
  ASSERT_TRUE(store_->AddTombstone({Make(MatchType::kEqual, "n", "100")}, 0, 7));
  const auto at_once = store_->Select({}, 0, kEnd, {});
  ASSERT_EQ(at_once->size(), 390U);
  const auto portions = store_->SelectPortions({}, 0, kEnd, {}, SeriesLabels::kWanted);
  ASSERT_EQ((*portions)->count(), 7U) << "of 64";
  std::size_t at = 0;
  for (std::size_t i = 0; i < (*portions)->count(); ++i) {
    const auto series = (*portions)->Read(i);
    ASSERT_TRUE(series) << series.error().message;
    for (const Series& one : *series) {
      const Series& same = at_once->at(at++);
      EXPECT_EQ(one.labels, same.labels);
      EXPECT_EQ(TimesOf(one), TimesOf(same)) << one.labels.ToString();
    }
  }
  EXPECT_EQ(at, at_once->size());
}

TEST_F(PortionsTest, FewSeriesOfLargeIndexesAreTheSame) {
  Fill();
  const std::vector<Matcher> few = {Make(MatchType::kRegex, "n", "100|200|305|0")};
  const Model before = Ask(few, 0, kEnd);
  EXPECT_EQ(before.size(), 4U);
  large_index_bytes_ = 1;
  Reopen(2);
  Apply(Ninety(300), kMsPerDay + 2, std::vector<double>(90, 1));
  Apply(Ninety(200), kMsPerDay + 2, std::vector<double>(90, 1));
  Apply(Ninety(0), kMsPerDay + 2, std::vector<double>(90, 1));
  EXPECT_EQ(Ask(few, 0, kEnd), before);
}

TEST_F(PortionsTest, ShareTheLimitOfSamples) {
  Fill();
  const QueryLimits limits{.samples_max = 200};
  const auto portions = store_->SelectPortions({}, 0, kEnd, limits, SeriesLabels::kWanted);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < (*portions)->count(); ++i) {
    const auto series = (*portions)->Read(i);
    if (series) continue;
    EXPECT_EQ(series.error().code, ErrorCode::kExhausted);
    ++refused;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, (*portions)->count());
}

TEST_F(PortionsTest, ShareTheLimitOfSeries) {
  Fill();
  const auto portions =
      store_->SelectPortions({}, 0, kEnd, {.series_max = 389}, SeriesLabels::kWanted);
  ASSERT_FALSE(portions);
  EXPECT_EQ(portions.error().code, ErrorCode::kExhausted);
}

TEST_F(MetricsStoreTest, AHeadIsRipeOnceItHasRowsEnough) {
  const auto layout = MakeLayout({kUp, kLoad});
  for (std::int64_t row = 0; row < 120; ++row) {
    EXPECT_FALSE(store_->head_ripe());
    Apply(layout, row, {1, 2});
  }
  EXPECT_TRUE(store_->head_ripe());
  Flush(1);
  EXPECT_FALSE(store_->head_ripe());
}

TEST_F(MetricsStoreTest, NamesAndValuesAreThoseOfTheLabelSets) {
  Apply(MakeLayout({kUp}), 1, {1});
  Flush(1);
  Apply(MakeLayout({kLoad, kUp}), 3 * kMsPerDay, {1, 2});
  const std::vector<Matcher> up = {Make(MatchType::kEqual, "__name__", "up")};
  for (const char* name : {"", "__name__", "host", "other"}) {
    for (const auto& matchers : {std::vector<Matcher>(), up}) {
      for (const std::int64_t to_ms : {std::int64_t{10}, 9 * kMsPerDay}) {
        const auto sets = store_->SelectLabels(matchers, 0, to_ms, {});
        EXPECT_EQ(store_->SelectStrings(name, matchers, 0, to_ms, {}).value(),
                  NamesOrValues(*sets, name))
            << name << " " << to_ms;
      }
    }
  }
  EXPECT_TRUE(store_->SelectStrings("host", {}, 2 * kMsPerDay, 2 * kMsPerDay + 1, {})->empty());
  EXPECT_FALSE(store_->SelectStrings("", {}, 0, 9 * kMsPerDay, {.series_max = 1}).has_value());
}

TEST_F(MetricsStoreTest, ABrokenBlockOrListIsLeftOutAndCounted) {
  const auto layout = MakeLayout({kUp});
  const auto other = MakeLayout({kLoad});
  Apply(layout, 1, {1});
  Flush(1);
  Apply(other, 2, {2});
  Flush(2);
  store_.reset();
  const auto corrupt = [&](WalPosition cut, std::uint32_t number) {
    auto env = Env::Open(dir_ + "/m-19700101.mdb", {.map_bytes = 64 << 20, .tables_max = 4});
    ASSERT_TRUE(env.has_value());
    auto txn = (*env)->BeginWrite();
    ASSERT_TRUE(txn.has_value());
    const Table table = txn->OpenTable(DayFiles::kTable).value();
    const std::string key = DayFiles::Key(cut, number);
    std::string value(txn->Get(table, key).value().value());
    value.back() ^= 1;
    ASSERT_TRUE(txn->Put(table, key, value).has_value());
    ASSERT_TRUE(txn->Commit().has_value());
  };
  const std::string up = "{__name__=\"up\", host=\"a\"} 1=1; ";
  const std::string load = "{__name__=\"load\", host=\"a\"} 2=2; ";
  corrupt(1, kSummaryNumber);  // The list can be made again from the blocks.
  Reopen(2);
  EXPECT_EQ(All(), load + up);
  EXPECT_EQ(store_->corrupt_blocks(), 1U);
  store_.reset();
  corrupt(1, kBlockNumber);
  Reopen(2);
  EXPECT_EQ(All(), load);
  store_.reset();
  corrupt(1, kSeriesNumber);  // Its series has no name any more, and keeps its number.
  Reopen(2);
  EXPECT_EQ(All(), load);
  Apply(layout, 5, {5});
  Flush(3);
  Reopen(3);
  EXPECT_EQ(All(), load + "{__name__=\"up\", host=\"a\"} 5=5; ");
  EXPECT_GE(store_->corrupt_blocks(), 2U);
}

// ---- against a model

class Differential : public MetricsStoreTest {
 protected:
  struct Logged {
    WalPosition position;
    std::shared_ptr<const DecodedBatch> batch;
  };

  std::shared_ptr<const Layout> RandomLayout(Random& random) {
    static const std::vector<std::string> kHosts = {"a", "b", "c"};
    const std::string& host = kHosts[random.Below(3)];
    std::vector<Labels> series;
    const std::uint64_t width = random.Below(8) == 0 ? 1 + random.Below(3) : 20 + random.Below(20);
    const std::uint64_t start = random.Below(20);
    for (std::uint64_t i = 0; i < width; ++i) {
      if (random.Below(10) == 0) continue;
      series.push_back(Labels{{"__name__", "m" + std::to_string((start + i) % 40)},
                              {"host", host},
                              {"kind", (start + i) % 3 == 0 ? "x" : "y"}});
    }
    if (series.empty() || random.Below(10) == 0) series.push_back(Labels{{"__name__", "m1"}});
    auto layout = MakeLayout(series);
    layouts_.Add(layout);
    return layout;
  }

  MetricRow RandomRow(Random& random, const std::shared_ptr<const Layout>& layout,
                      std::int64_t& now_ms) {
    now_ms += random.Below(12) == 0 ? 0 : static_cast<std::int64_t>(random.Below(20'000));
    if (random.Below(400) == 0) now_ms += kMsPerDay / 3;
    std::int64_t time_ms = now_ms;
    if (random.Below(15) == 0) time_ms -= static_cast<std::int64_t>(random.Below(kMsPerDay));
    MetricRow row{.layout = layout, .time_ms = std::max<std::int64_t>(0, time_ms)};
    for (std::size_t i = 0; i < layout->series().size(); ++i) {
      const auto kind = random.Below(20);
      double value = static_cast<double>(static_cast<std::uint64_t>(now_ms) * (i + 1) / 1000);
      if (kind == 0) value = random.Unit();
      if (kind == 1) value = std::bit_cast<double>(kStaleNanBits);
      if (kind == 2) value = -0.0;
      row.values.push_back(value);
    }
    return row;
  }

  HistogramRow RandomHistogram(Random& random, std::int64_t now_ms) {
    static const std::vector<std::string> kHosts = {"a", "b", "c"};
    const bool mixed = random.Below(4) == 0;  // A series that has floats as well.
    const std::uint64_t number = random.Below(6);
    const Labels labels{{"__name__", (mixed ? "m" : "h") + std::to_string(number)},
                        {"host", kHosts[random.Below(3)]},
                        {"kind", number % 3 == 0 ? "x" : "y"}};
    labels_.emplace(labels.ToString(), labels);
    Histogram& histogram = histograms_[labels.ToString()];
    if (histogram.positive.empty() || random.Below(20) == 0) {
      histogram = {.schema = static_cast<std::int32_t>(random.Below(9)) - 4};
      if (random.Below(4) == 0) {
        histogram.schema = kCustomBucketsSchema;
        histogram.custom_values = {0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200};
      } else {
        histogram.zero_threshold = 1e-128;
        histogram.negative_spans = {{-3, 1}, {1, 1}};
        histogram.negative = {0, 0};
      }
      histogram.positive_spans = {{0, 2}, {1, 3}};
      histogram.positive = {0, 0, 0, 0, 0};
    }
    for (double& count : histogram.positive) count += static_cast<double>(random.Below(5));
    histogram.count += 10;
    histogram.sum += random.Unit();
    histogram.hint = static_cast<ResetHint>(random.Below(4));
    std::int64_t time_ms = now_ms - static_cast<std::int64_t>(random.Below(3) * 1000);
    if (random.Below(15) == 0) time_ms -= static_cast<std::int64_t>(random.Below(kMsPerDay));
    HistogramRow row{.series = std::make_shared<const Labels>(labels),
                     .time_ms = std::max<std::int64_t>(0, time_ms),
                     .histogram = histogram};
    if (random.Below(30) == 0) {
      row.histogram = {.sum = std::bit_cast<double>(kStaleNanBits)};
    }
    return row;
  }

  // As the store should.
  static void ApplyToModel(const DecodedBatch& batch, const Layouts& layouts, Model& model) {
    for (const MetricRowsView& rows : batch.metrics()) {
      const auto layout = layouts.Find(rows.layout);
      const std::size_t width = layout->series().size();
      for (std::size_t i = 0; i < rows.times.size(); ++i) {
        for (std::size_t k = 0; k < width; ++k) {
          model[layout->series()[k].labels.ToString()][rows.times[i]] =
              std::bit_cast<Bits>(rows.values[i * width + k]);
        }
      }
    }
    for (const HistogramRow& row : batch.histograms()) {
      model[row.series->ToString()][row.time_ms] = BitsOf(row.histogram);
    }
  }

  void Compare(Random& random, std::int64_t now_ms, const std::string& step) {
    std::vector<Matcher> matchers;
    if (random.Below(2) == 0) matchers.push_back(Make(MatchType::kRegex, "host", "a|b.*"));
    if (random.Below(3) == 0) matchers.push_back(Make(MatchType::kNotEqual, "kind", "x"));
    if (random.Below(3) == 0) {
      const std::string name = "m" + std::to_string(random.Below(40));
      matchers.push_back(Make(MatchType::kEqual, "__name__", name));
    }
    const bool whole = random.Below(2) == 0;
    const auto end = static_cast<std::uint64_t>(now_ms) + 1;
    const std::int64_t from = whole ? 0 : static_cast<std::int64_t>(random.Below(end));
    const std::int64_t to =
        whole ? now_ms + kMsPerDay : from + static_cast<std::int64_t>(random.Below(kMsPerDay));
    Model expected;
    for (const auto& [text, samples] : model_) {
      if (!MatchesAll(matchers, labels_.at(text))) continue;
      for (const auto& [time_ms, bits] : samples) {
        if (time_ms >= from && time_ms <= to) expected[text][time_ms] = bits;
      }
    }
    ASSERT_EQ(Ask(matchers, from, to), expected) << step;
    const auto named = store_->SelectLabels(matchers, from, to, {});
    ASSERT_TRUE(named.has_value());
    std::set<std::string> names;
    for (const Labels& labels : *named) EXPECT_TRUE(names.insert(labels.ToString()).second);
    for (const auto& entry : expected) EXPECT_TRUE(names.contains(entry.first)) << entry.first;
    for (const std::string& name : names) {
      // A head that reaches over several days names its series for each of them; series of
      // which a part of a block was deleted are named still.
      EXPECT_TRUE(labels_.contains(name)) << name;
    }
  }

  // All days that are over at now_ms; each time anew.
  void Seal(std::int64_t now_ms, const std::string& step) {
    const SealTurn turn{.options = {.after_ms = 0, .again_after_ms = 0, .retry_ms = 0},
                        .now_ms = now_ms,
                        .spare_bytes = UINT64_MAX};
    for (int i = 0; i < 1000; ++i) {
      const auto sealed = store_->SealDue(turn);
      ASSERT_TRUE(sealed.has_value()) << step << ": " << sealed.error().message;
      if (!*sealed) return;
      ++sealed_;
    }
    FAIL() << step << ": there is always one more day";
  }

  // When all is flushed, as MetricsAdmin does.
  void Delete(Random& random, std::int64_t now_ms, const std::string& step) {
    std::vector<Matcher> matchers;
    if (random.Below(2) == 0) matchers.push_back(Make(MatchType::kEqual, "host", "b"));
    const std::string name = "(m|h)" + std::to_string(random.Below(4)) + ".*";
    matchers.push_back(Make(MatchType::kRegex, "__name__", name));
    const auto end = static_cast<std::uint64_t>(now_ms) + 1;
    const std::int64_t from = random.Below(3) == 0 ? INT64_MIN : std::int64_t(random.Below(end));
    const std::int64_t to = random.Below(2) == 0 ? INT64_MAX : from / 2 + now_ms / 2;
    if (from > to) return;
    ASSERT_TRUE(store_->AddTombstone(matchers, from, to).has_value());
    for (auto it = model_.begin(); it != model_.end();) {
      if (MatchesAll(matchers, labels_.at(it->first))) {
        auto& samples = it->second;
        samples.erase(samples.lower_bound(from), samples.upper_bound(to));
      }
      it = it->second.empty() ? model_.erase(it) : std::next(it);
    }
    Compare(random, now_ms, step + " deleted");
    if (random.Below(2) == 0) return;
    const Status cleaned = store_->CleanTombstones();
    ASSERT_TRUE(cleaned.has_value()) << cleaned.error().message;
    EXPECT_EQ(store_->tombstones(), 0U);
    Compare(random, now_ms, step + " cleaned");
  }

  void Run(std::uint64_t seed, int steps) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::shared_ptr<const Layout>> pool;
    std::vector<Logged> log;
    WalPosition position = 0;
    WalPosition recorded = 0;
    std::int64_t now_ms = 3 * kMsPerDay / 2;
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      if (pool.size() < 3 || random.Below(25) == 0) {
        pool.push_back(RandomLayout(random));
        for (const LayoutSeries& one : pool.back()->series()) {
          labels_.emplace(one.labels.ToString(), one.labels);
        }
      }
      std::vector<MetricRow> rows;
      const auto layout =
          pool[pool.size() - 1 - random.Below(std::min<std::size_t>(4, pool.size()))];
      for (std::uint64_t i = 1 + random.Below(6); i > 0; --i) {
        const bool other = random.Below(5) == 0;
        rows.push_back(RandomRow(random, other ? pool[random.Below(pool.size())] : layout, now_ms));
      }
      std::vector<HistogramRow> histograms;
      if (random.Below(2) == 0) {
        for (std::uint64_t i = random.Below(8); i > 0; --i) {
          // Often at the time of a row that may have the same series.
          const std::int64_t at = random.Below(3) == 0 ? rows.back().time_ms : now_ms;
          histograms.push_back(RandomHistogram(random, at));
        }
      }
      log.push_back(
          {.position = ++position, .batch = BatchOf(std::move(rows), std::move(histograms))});
      store_->Apply({.position = position}, log.back().batch);
      ApplyToModel(*log.back().batch, layouts_, model_);
      const std::string where = "step " + std::to_string(step);
      const auto event = random.Below(40);
      if (event < 2) {
        store_->Freeze(position);
        if (random.Below(3) == 0) Compare(random, now_ms, where + " frozen");
        ASSERT_TRUE(store_->Flush(position).has_value());
        if (random.Below(3) == 0) Compare(random, now_ms, where + " flushed");
        if (random.Below(4) == 0) {  // Beside a flush that is not published.
          Seal(now_ms + static_cast<std::int64_t>(random.Below(2 * kMsPerDay)), where);
          Compare(random, now_ms, where + " flushed and sealed");
        }
        if (random.Below(4) == 0) {  // Killed before the wal knew.
          Restart(recorded, log, random);
        } else {
          recorded = position;
          store_->Publish(position);
          if (random.Below(3) == 0) Delete(random, now_ms, where);
        }
      } else if (event == 2) {
        Restart(recorded, log, random);
      } else if (event == 3) {
        Seal(now_ms + static_cast<std::int64_t>(random.Below(2 * kMsPerDay)), where);
        Compare(random, now_ms, where + " sealed");
      }
      if (random.Below(8) == 0) Compare(random, now_ms, where);
    }
    EXPECT_GT(sealed_, 0);
    EXPECT_EQ(store_->corrupt_blocks(), 0U);
    EXPECT_EQ(store_->unknown_layout_rows(), 0U);
    EXPECT_EQ(store_->refused_rows(), 0U);
  }

  void Restart(WalPosition recorded, const std::vector<Logged>& log, Random& random) {
    Reopen(recorded, random.Below(2) == 0 ? 1 : 256UL << 20);
    for (const Logged& one : log) {
      if (one.position > recorded) store_->Apply({.position = one.position}, one.batch);
    }
  }

  int sealed_ = 0;
  Model model_;
  std::map<std::string, Histogram> histograms_;  // The last of each series.
  std::map<std::string, Labels> labels_;
};

TEST_F(Differential, RandomLayoutsRowsDaysCutsAndCrashes) {
  Run(std::random_device{}(), 1200);
}

TEST_F(Differential, SeedsThatFoundSomething) {
  Run(1, 600);
}

TEST_F(MetricsStoreTest, QueriesRunBesideApplyAndFlush) {
  std::vector<Labels> series;
  for (int i = 0; i < 20; ++i) series.push_back(Labels{{"__name__", "m" + std::to_string(i)}});
  const auto layout = MakeLayout(series);
  layouts_.Add(layout);
  constexpr int kRows = 600;
  std::atomic<int> applied{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      const int before = applied.load();
      const auto result =
          store_->Select({Make(MatchType::kRegex, "__name__", "m1.")}, 0, kRows, {});
      ASSERT_TRUE(result.has_value());
      for (const Series& one : *result) {
        EXPECT_GE(one.samples.size(), static_cast<std::size_t>(before));
        for (std::size_t i = 0; i < one.samples.size(); ++i) {
          EXPECT_EQ(one.samples[i].time_ms, static_cast<std::int64_t>(i)) << "none missing";
        }
      }
    }
  });
  for (int i = 0; i < kRows; ++i) {
    std::vector<double> values(series.size(), i * 0.5);
    store_->Apply({}, BatchOf({{.layout = layout, .time_ms = i, .values = std::move(values)}}));
    applied.store(i + 1);
    if (i % 100 == 99) Flush(static_cast<WalPosition>(i));
  }
  done.store(true);
  reader.join();
}

}  // namespace
}  // namespace opssight
