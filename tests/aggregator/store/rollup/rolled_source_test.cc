// Rollups in the store: random series through head, days, sealing, and random queries, which
// must answer the same with rollups and without.
#include "aggregator/store/rollup/rolled_source.h"

#include <bit>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "aggregator/promql/engine/engine.h"
#include "common/codec/batch/batch.h"
#include "tests/support/rolled_queries.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

constexpr DayNumber kFirst = 20'000;
constexpr std::int64_t kFirstMs = kFirst * kMsPerDay;
constexpr std::int64_t kHour = 3'600'000;

class Layouts final : public LayoutLookup {
 public:
  std::shared_ptr<const Layout> Find(const LayoutId& id) const override {
    const auto it = known_.find(id);
    return it == known_.end() ? nullptr : it->second;
  }
  std::shared_ptr<const Layout> Add(const Labels& labels) {
    std::vector<LayoutSeries> series;
    series.push_back({.labels = labels});
    auto layout = std::make_shared<const Layout>(std::move(series));
    known_[layout->id()] = layout;
    return layout;
  }

 private:
  std::map<LayoutId, std::shared_ptr<const Layout>> known_;
};

class RolledSourceTest : public ::testing::Test {
 protected:
  RolledSourceTest() { Reopen(0); }

  void Close() {
    source_ = nullptr;
    store_ = nullptr;
    rollups_ = nullptr;
  }
  void Reopen(WalPosition flushed) {
    Close();
    rollups_ = std::make_unique<RollupStore>(RollupOptions{.dir = dir_.path(),
                                                           .buffer_bytes = buffer_bytes_,
                                                           .transaction_bytes_max = 20'000,
                                                           .map_bytes = 256UL << 20,
                                                           .committed = committed_});
    ASSERT_TRUE(rollups_->Open().has_value());
    MetricsOptions options{.dir = dir_.path(), .block_bytes = 8000, .map_bytes = 256UL << 20};
    options.rules = rules_;
    store_ = std::make_unique<MetricsStore>(std::move(options), layouts_);
    store_->AddDayJob(*rollups_);
    ASSERT_TRUE(store_->Recover(flushed).has_value());
    source_ = std::make_unique<RolledSource>(*store_, *rollups_);
  }

  void Apply(const Labels& labels, const std::vector<Sample>& samples) {
    const auto layout = layouts_.Add(labels);
    BatchContents contents;
    for (const Sample& sample : samples) {
      contents.metrics.push_back(
          {.layout = layout, .time_ms = sample.time_ms, .values = {sample.value}});
      if (contents.metrics.size() == 5000) Submit(contents);
    }
    Submit(contents);
  }
  void Submit(BatchContents& contents) {
    const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
    ASSERT_TRUE(batch.has_value());
    store_->Apply({}, *batch);
    contents = {};
  }
  void Flush() {
    const WalPosition cut = ++cut_;
    store_->Freeze(cut);
    ASSERT_TRUE(store_->Flush(cut).has_value());
    store_->Publish(cut);
  }
  // Seals all days that are over at now.
  void Seal(std::int64_t now_ms) {
    for (;;) {
      const auto done = store_->SealDue(Turn(now_ms));
      ASSERT_TRUE(done.has_value()) << done.error().message;
      if (!*done) return;
    }
  }
  static SealTurn Turn(std::int64_t now_ms) {
    return {.options = {.again_after_ms = 0, .retry_ms = 0},
            .now_ms = now_ms,
            .spare_bytes = UINT64_MAX,
            .cancelled = [] { return false; }};
  }

  void ExpectSameAnswers(RolledQueries& queries, int count, std::int64_t to_ms) {
    const promql::Engine engine({.parse = {.experimental_functions = true}});
    for (int i = 0; i < count; ++i) {
      const promql::QueryRequest request = queries.MakeQuery(kFirstMs, to_ms);
      const auto differs =
          RolledQueries::Compare(engine.Run(*store_, request), engine.Run(*source_, request));
      EXPECT_FALSE(differs.has_value())
          << request.text << " from " << request.start_ms << " to " << request.end_ms << " step "
          << request.step_ms << ": " << *differs;
    }
  }
  std::string Ask(const std::string& text, std::int64_t start_ms, std::int64_t end_ms,
                  std::int64_t step_ms) {
    const auto result =
        promql::Engine(promql::EngineOptions())
            .Run(*source_,
                 {.text = text, .start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms});
    if (!result.has_value()) return result.error().message;
    std::string out;
    for (const auto& series : std::get<promql::MatrixResult>(result->value).series) {
      for (const auto& point : series.points) out += fmt::format("{} ", point.value);
    }
    return out;
  }
  // The warnings of an instant query.
  std::vector<std::string> WarningsOf(const std::string& text, std::int64_t time_ms) {
    const auto result = promql::Engine(promql::EngineOptions())
                            .Run(*source_, {.text = text, .start_ms = time_ms, .end_ms = time_ms});
    if (!result.has_value()) return {result.error().message};
    return result->annotations.Warnings(text, 0);
  }
  // The first day's blocks hold as many samples as its record says.
  void ExpectWhole(std::int64_t resolution_ms) {
    const auto days = ReadRollupDays(rollups_->files(), resolution_ms, kFirst, kFirst);
    ASSERT_TRUE(days.has_value());
    ASSERT_EQ(1U, days->size());
    RollupReader reader(rollups_->files(), all_, limits_);
    std::uint64_t samples = 0;
    const auto count = [&](SeriesId, DayNumber, const DayBuckets& buckets) -> Status {
      for (const DayBucket& one : buckets) samples += one.bucket.count;
      return {};
    };
    ASSERT_TRUE(reader.Read(resolution_ms, {kFirst}, {}, count).has_value());
    EXPECT_EQ(days->begin()->second.samples, samples);
  }
  // A counter from 0 on, one more each minute, over days.
  void ApplyCounter(int days) { ApplyMinutes(counter_, days * 24 * 60); }
  void ApplyMinutes(const Labels& labels, int minutes) {
    std::vector<Sample> samples;
    for (int i = 0; i < minutes; ++i) {
      samples.push_back({.time_ms = kFirstMs + i * 60'000, .value = static_cast<double>(i)});
    }
    Apply(labels, samples);
  }
  void ApplyHistogram(const Labels& labels, std::int64_t time_ms) {
    BatchContents contents;
    Histogram histogram;
    histogram.count = 3;
    histogram.sum = 4;
    histogram.zero_count = 3;
    contents.histograms.push_back({.series = std::make_shared<const Labels>(labels),
                                   .time_ms = time_ms,
                                   .histogram = histogram});
    Submit(contents);
  }
  // How many samples each of the first day's hours has of a host's series.
  std::string CountsOf(const std::string& host) {
    return Ask("count_over_time(up_total{host=\"" + host + "\"}[6h])", kFirstMs + 6 * kHour,
               kFirstMs + kMsPerDay - 6 * kHour, 6 * kHour);
  }
  std::size_t LabelSets(const std::vector<Matcher>& matchers) {
    const auto labels =
        source_->SelectLabels(matchers, kFirstMs, kFirstMs + kMsPerDay - 1, limits_);
    return labels ? labels->size() : SIZE_MAX;
  }

  const std::vector<Matcher> all_;
  const QueryLimits limits_;
  const Labels counter_{{"__name__", "up_total"}, {"host", "a"}};
  const Labels other_{{"__name__", "up_total"}, {"host", "b"}};
  const Matcher is_a_ = *Matcher::Make(MatchType::kEqual, "host", "a");
  const Matcher is_b_ = *Matcher::Make(MatchType::kEqual, "host", "b");
  std::vector<MetricRule> rules_;
  TempDir dir_;
  std::size_t buffer_bytes_ = 30'000;
  std::function<void()> committed_;
  Layouts layouts_;
  WalPosition cut_ = 0;
  std::unique_ptr<RollupStore> rollups_;
  std::unique_ptr<MetricsStore> store_;
  std::unique_ptr<RolledSource> source_;
};

TEST_F(RolledSourceTest, AnswersAreThoseOfSamples) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    RolledQueries queries(seed);
    const std::int64_t to_ms = kFirstMs + 4 * kMsPerDay - kHour;
    for (int i = 0; i < 10; ++i) {
      const auto made = queries.MakeSeries(i, kFirstMs, to_ms);
      Apply(made.labels, made.samples);
    }
    if (seed % 2 == 1) Flush();
    // Some days are rolled up, the last not; then late samples; then nothing is.
    Flush();
    Seal(kFirstMs + 3 * kMsPerDay + 2 * kHour);
    ExpectSameAnswers(queries, 120, to_ms);
    for (int i = 0; i < 3; ++i) {
      const auto late =
          queries.MakeSeries(i, kFirstMs + kMsPerDay + kHour, kFirstMs + kMsPerDay + 5 * kHour);
      Apply(late.labels, late.samples);
    }
    ExpectSameAnswers(queries, 40, to_ms);
    Flush();
    ExpectSameAnswers(queries, 40, to_ms);
    Seal(kFirstMs + 5 * kMsPerDay);
    ExpectSameAnswers(queries, 60, to_ms);
    Reopen(cut_);
    ExpectSameAnswers(queries, 40, to_ms);
  }
  EXPECT_GT(source_->rolled_selects(), 5U);
  EXPECT_EQ(0U, rollups_->damaged_days());
}

TEST_F(RolledSourceTest, DaysWithoutSamplesAnswerFromRollups) {
  ApplyCounter(3);
  Flush();
  Seal(kFirstMs + 4 * kMsPerDay);
  const std::int64_t end_ms = kFirstMs + 3 * kMsPerDay;
  const std::string rates = Ask("increase(up_total[6h])", kFirstMs + 6 * kHour, end_ms, 6 * kHour);
  const std::string thin = Ask("increase(up_total[361m])", kFirstMs + 7 * kHour, end_ms, 6 * kHour);
  ASSERT_TRUE(store_->Retain(kFirstMs + 2 * kMsPerDay, 0).has_value());
  EXPECT_EQ(1U, store_->Days().size());
  EXPECT_EQ(rates, Ask("increase(up_total[6h])", kFirstMs + 6 * kHour, end_ms, 6 * kHour));
  // Not aligned: from real samples, thinner; a counter that only grows says the same.
  const std::string thinned =
      Ask("increase(up_total[361m])", kFirstMs + 7 * kHour, end_ms, 6 * kHour);
  EXPECT_NEAR(std::stod(thin), std::stod(thinned), 3);
  EXPECT_EQ(1U, source_->thinned_selects());
  const auto labels = source_->SelectLabels({}, kFirstMs, kFirstMs + kHour, {});
  ASSERT_TRUE(labels.has_value());
  EXPECT_EQ(1U, labels->size());
  // What comes late into a day that retention took makes no rollup worse.
  Apply(counter_, {{.time_ms = kFirstMs + 1000, .value = 7}});
  Flush();
  Seal(kFirstMs + 5 * kMsPerDay);
  EXPECT_EQ(1U, rollups_->kept_days());
  EXPECT_EQ(rates, Ask("increase(up_total[6h])", kFirstMs + 6 * kHour, end_ms, 6 * kHour));
}

// Warnings come where samples are missing of what is asked for, and nowhere else.
TEST_F(RolledSourceTest, AnswersOfFewerSamplesSaySo) {
  ApplyCounter(3);
  const Labels rare{{"__name__", "rare"}};
  Apply(rare, {{.time_ms = kFirstMs + kHour + 60'000, .value = 1},
               {.time_ms = kFirstMs + kHour + 120'000, .value = 2},
               {.time_ms = kFirstMs + 2 * kHour + 1000, .value = 3}});
  const Labels ended{{"__name__", "ended"}};
  Apply(ended,
        {{.time_ms = kFirstMs + kHour + 60'000, .value = 1},
         {.time_ms = kFirstMs + kHour + 120'000, .value = std::bit_cast<double>(kStaleNanBits)}});
  Flush();
  Seal(kFirstMs + 4 * kMsPerDay);
  const std::int64_t off_ms = kFirstMs + 3 * kHour + 150'000;  // In the middle of a bucket.
  EXPECT_TRUE(WarningsOf("count_over_time(up_total[1h])", off_ms).empty());
  ASSERT_TRUE(store_->Retain(kFirstMs + 2 * kMsPerDay, 0).has_value());
  ASSERT_EQ(1U, store_->Days().size());
  const auto warning = [](const std::string& of, const std::string& before,
                          const std::string& place) {
    return "PromQL warning: samples of " + of + " before " + before +
           "T00:00:00Z are kept as rollups of 5m only; the answer is approximate (" + place + ")";
  };
  struct Case {
    std::string text;
    std::int64_t time_ms;
    std::vector<std::string> warnings;
  };
  const std::vector<Case> cases = {
      {"count_over_time(up_total[1h])", kFirstMs + 3 * kHour, {}},
      {"up_total", kFirstMs + 3 * kHour, {}},
      {"count_over_time(up_total[1h])", off_ms, {warning("up_total", "2024-10-05", "1:17")}},
      {"up_total", off_ms, {warning("up_total", "2024-10-05", "1:1")}},
      {"sum(up_total)", off_ms, {warning("up_total", "2024-10-05", "1:5")}},
      // No bucket knows the function.
      {"irate(up_total[1h])", kFirstMs + 3 * kHour, {warning("up_total", "2024-10-05", "1:7")}},
      {"up_total + up_total",
       off_ms,
       {warning("up_total", "2024-10-05", "1:1"), warning("up_total", "2024-10-05", "1:12")}},
      {"sum({host=\"a\"})", off_ms, {warning("{host=\"a\"}", "2024-10-05", "1:5")}},
      {"count_over_time(up_total[30h])",
       off_ms + 26 * kHour,
       {warning("up_total", "2024-10-06", "1:17")}},
      {"count_over_time(up_total[1h:1m])", off_ms, {warning("up_total", "2024-10-05", "1:17")}},
      // Nothing is left to answer with.
      {"count_over_time(up_total[1m])", off_ms, {warning("up_total", "2024-10-05", "1:17")}},
      // Buckets name all of its samples.
      {"count_over_time(rare[1h])", off_ms, {}},
      {"rare", off_ms, {}},
      // Its marker stands at its bucket's end.
      {"ended", kFirstMs + kHour + 150'000, {warning("ended", "2024-10-05", "1:1")}},
      // Samples are there.
      {"count_over_time(up_total[1h])", off_ms + 2 * kMsPerDay, {}},
      {"count_over_time(none[1h])", off_ms, {}},
  };
  for (const Case& one : cases)
    EXPECT_EQ(one.warnings, WarningsOf(one.text, one.time_ms)) << one.text;
  // Hours answer where five minutes are gone.
  rollups_->Retain((FirstDayOf(MonthOfDay(kFirst) + 1) + 400) * kMsPerDay);
  EXPECT_TRUE(WarningsOf("count_over_time(up_total[1h])", kFirstMs + 3 * kHour).empty());
  const auto hours = WarningsOf("count_over_time(up_total[1h])", off_ms);
  ASSERT_EQ(1U, hours.size());
  EXPECT_NE(std::string::npos, hours[0].find("kept as rollups of 1h only")) << hours[0];
}

TEST_F(RolledSourceTest, DeletedBucketsAreGone) {
  ApplyCounter(3);
  Apply(Labels{{"__name__", "up_total"}, {"host", "b"}},
        {{.time_ms = kFirstMs + kHour, .value = 1}, {.time_ms = kFirstMs + 2 * kHour, .value = 3}});
  Flush();
  Seal(kFirstMs + 4 * kMsPerDay);
  ASSERT_TRUE(store_->Retain(kFirstMs + kMsPerDay, 0).has_value());  // The first has no samples.
  const auto matcher = *Matcher::Make(MatchType::kEqual, "host", "a");
  const std::int64_t from_ms = kFirstMs + 5 * kHour + 1;
  const std::int64_t to_ms = kFirstMs + 30 * kHour;
  ASSERT_TRUE(rollups_->Delete({matcher}, from_ms, to_ms).has_value());
  ASSERT_TRUE(store_->AddTombstone({matcher}, from_ms, to_ms).has_value());
  const std::string counts = Ask("count_over_time(up_total{host=\"a\"}[1h])", kFirstMs + kHour,
                                 kFirstMs + 32 * kHour, kHour);
  EXPECT_EQ("60 60 60 60 60 60 60 ", counts);
  EXPECT_EQ("1 2 ", Ask("count_over_time(up_total{host=\"b\"}[2h])", kFirstMs + kHour,
                        kFirstMs + 3 * kHour, kHour)
                        .substr(0, 4));
  // Made anew it is without them as well.
  Apply(counter_, {{.time_ms = kFirstMs + 40 * kHour + 1, .value = 2401}});
  Flush();
  Seal(kFirstMs + 5 * kMsPerDay);
  EXPECT_EQ(counts, Ask("count_over_time(up_total{host=\"a\"}[1h])", kFirstMs + kHour,
                        kFirstMs + 32 * kHour, kHour));
  // All of it: nothing names it any more.
  ASSERT_TRUE(rollups_->Delete({matcher}, 0, INT64_MAX / 2).has_value());
  const auto labels = source_->SelectLabels({matcher}, kFirstMs, kFirstMs + kHour, {});
  ASSERT_TRUE(labels.has_value());
  EXPECT_TRUE(labels->empty());
}

// Whatever comes late to a day that retention took: its rollups stay.
TEST_F(RolledSourceTest, SamplesOfAGoneDayTakeNoRollups) {
  enum class Before { kNothing, kDeleteNone, kDeleteOther, kDropFine };
  struct Case {
    Before before;
    int late_minutes;  // 0: an exemplar.
  };
  const std::vector<Case> cases = {
      {Before::kNothing, 1},     {Before::kNothing, 1440},  {Before::kNothing, 0},
      {Before::kDeleteNone, 1},  {Before::kDeleteNone, 0},  {Before::kDeleteOther, 1},
      {Before::kDeleteOther, 0}, {Before::kDropFine, 1440}, {Before::kDropFine, 0},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(one.before) << " " << one.late_minutes);
    Close();
    std::filesystem::remove_all(dir_.path());
    Reopen(cut_);
    ApplyCounter(2);
    ApplyMinutes(other_, 600);
    Flush();
    Seal(kFirstMs + 3 * kMsPerDay);
    ASSERT_TRUE(store_->Retain(kFirstMs + kMsPerDay, 0).has_value());
    const Matcher none = *Matcher::Make(MatchType::kEqual, "host", "none");
    if (one.before == Before::kDeleteNone) {
      ASSERT_TRUE(rollups_->Delete({none}, 0, INT64_MAX).has_value());
    }
    if (one.before == Before::kDeleteOther) {
      ASSERT_TRUE(rollups_->Delete({is_b_}, 0, INT64_MAX).has_value());
    }
    if (one.before == Before::kDropFine) {
      rollups_->Retain((FirstDayOf(MonthOfDay(kFirst) + 1) + 400) * kMsPerDay);
    }
    const std::string counts = CountsOf("a");
    EXPECT_EQ("360 360 360 ", counts.substr(0, 12));
    if (one.late_minutes != 0) {
      ApplyMinutes(other_, one.late_minutes);
    } else {
      BatchContents contents;
      contents.exemplars.push_back({.series = std::make_shared<const Labels>(other_),
                                    .time_ms = kFirstMs + 1000,
                                    .value = 1});
      Submit(contents);
    }
    Flush();
    Seal(kFirstMs + 4 * kMsPerDay);
    EXPECT_EQ(2U, store_->Days().size());
    EXPECT_EQ(1U, rollups_->kept_days());
    EXPECT_EQ(counts, CountsOf("a"));
    ASSERT_TRUE(store_->Retain(kFirstMs + kMsPerDay, 0).has_value());
    EXPECT_EQ(counts, CountsOf("a"));
    EXPECT_EQ(one.before == Before::kDropFine ? 0U : 1U, rollups_->files().Months(kFineMs).size());
  }
}

// A target whose samples lie before and behind gone days hides none of these.
TEST_F(RolledSourceTest, LateSamplesHideNoGoneDay) {
  ApplyCounter(4);
  Flush();
  Seal(kFirstMs + 5 * kMsPerDay);
  ASSERT_TRUE(store_->Retain(kFirstMs + 3 * kMsPerDay, 0).has_value());
  ASSERT_EQ(1U, store_->Days().size());
  const std::int64_t end_ms = kFirstMs + 3 * kMsPerDay;
  const auto aligned = [&] {
    return Ask("count_over_time(up_total[6h])", kFirstMs + 6 * kHour, end_ms, 6 * kHour);
  };
  const auto thin = [&] {
    return Ask("count_over_time(up_total[361m])", kFirstMs + 7 * kHour, end_ms, 6 * kHour);
  };
  const std::string want = aligned();
  const std::string want_thin = thin();
  EXPECT_EQ(12 * 4U, want.size()) << want;
  Apply(counter_, {{.time_ms = kFirstMs + 60'000, .value = 1},
                   {.time_ms = kFirstMs + 4 * kMsPerDay + 1, .value = 5760}});
  for (const bool flushed : {false, true}) {
    if (flushed) {
      Flush();
      EXPECT_EQ(3U, store_->Days().size());
    }
    EXPECT_EQ(want, aligned());
    EXPECT_EQ(want_thin, thin());
    EXPECT_EQ(1U, WarningsOf("count_over_time(up_total[361m])", kFirstMs + 30 * kHour).size());
    EXPECT_EQ(1U, LabelSets({is_a_}));
  }
  // It is there itself, beside what buckets name.
  EXPECT_EQ("2 ", Ask("count_over_time(up_total[2m])", kFirstMs + 60'001, kFirstMs + 60'001, 1));
}

// Series that a rule of retention took keep their buckets when the day is made anew, be they
// the fewer or the more.
TEST_F(RolledSourceTest, BucketsOfExpiredSeriesStay) {
  for (const bool more : {false, true}) {
    Close();
    std::filesystem::remove_all(dir_.path());
    rules_ = {{.id = 1, .matchers = {is_b_}, .keep_ms = 3 * kMsPerDay}};
    Reopen(cut_);
    ApplyMinutes(counter_, more ? 600 : 1440);
    ApplyMinutes(other_, more ? 1440 : 600);
    ApplyHistogram(Labels{{"__name__", "h"}, {"host", "b"}}, kFirstMs + 5);
    Apply(counter_, {{.time_ms = kFirstMs + 2 * kMsPerDay, .value = 1}});
    Flush();
    Seal(kFirstMs + 2 * kMsPerDay);
    const std::string other = CountsOf("b");
    Seal(kFirstMs + 5 * kMsPerDay);  // The rule.
    ASSERT_EQ(2U, store_->expired_series()) << "with the histogram";
    Apply(counter_, {{.time_ms = kFirstMs + 7 * kHour + 1, .value = 420}});
    Flush();
    const std::string with_late = more ? "240 " : "361 ";
    EXPECT_EQ(with_late, CountsOf("a").substr(4, 4));
    Seal(kFirstMs + 6 * kMsPerDay);
    EXPECT_EQ(0U, rollups_->kept_days());
    ExpectWhole(kFineMs);
    ExpectWhole(kCoarseMs);
    ASSERT_TRUE(store_->Retain(kFirstMs + 2 * kMsPerDay, 0).has_value());
    EXPECT_EQ(other, CountsOf("b"));
    EXPECT_EQ(with_late, CountsOf("a").substr(4, 4));
    EXPECT_EQ(1U, LabelSets({is_b_})) << "nothing is left of its histogram";
  }
}

TEST_F(RolledSourceTest, DeletedSeriesAreNotTakenOver) {
  ApplyCounter(2);
  ApplyMinutes(other_, 1440);
  Flush();
  Seal(kFirstMs + 3 * kMsPerDay);
  ASSERT_TRUE(rollups_->Delete({is_b_}, 0, kFirstMs + 12 * kHour).has_value());
  ASSERT_TRUE(store_->AddTombstone({is_b_}, 0, INT64_MAX).has_value());
  const auto days = ReadRollupDays(rollups_->files(), kFineMs, kFirst, kFirst + 1);
  EXPECT_TRUE(days->at(kFirst).edited);
  EXPECT_FALSE(days->at(kFirst + 1).edited) << "nothing of it was there";
  ASSERT_TRUE(rollups_->Delete({is_b_}, 0, INT64_MAX).has_value());
  Apply(counter_, {{.time_ms = kFirstMs + 1, .value = 0}});
  Flush();
  Seal(kFirstMs + 4 * kMsPerDay);
  ExpectWhole(kFineMs);
  ExpectWhole(kCoarseMs);
  ASSERT_TRUE(store_->Retain(kFirstMs + kMsPerDay, 0).has_value());
  EXPECT_EQ("", CountsOf("b"));
  EXPECT_EQ(0U, LabelSets({is_b_}));
  EXPECT_EQ("361 360 360 ", CountsOf("a"));
}

// Of native histograms a rollup knows only that they were: no more, once all are deleted.
TEST_F(RolledSourceTest, DeletedHistogramsAreNotNamed) {
  ApplyCounter(2);
  ApplyHistogram(Labels{{"__name__", "h"}, {"host", "b"}}, kFirstMs + 5 * kHour);
  Flush();
  Seal(kFirstMs + 3 * kMsPerDay);
  ASSERT_TRUE(store_->Retain(kFirstMs + kMsPerDay, 0).has_value());
  EXPECT_EQ(1U, LabelSets({is_b_}));
  ASSERT_TRUE(rollups_->Delete({is_b_}, kFirstMs, kFirstMs + kMsPerDay - 2).has_value());
  EXPECT_EQ(1U, LabelSets({is_b_})) << "they may be behind it";
  ASSERT_TRUE(rollups_->Delete({is_b_}, kFirstMs, kFirstMs + kMsPerDay - 1).has_value());
  EXPECT_EQ(0U, LabelSets({is_b_}));
  EXPECT_EQ(1U, LabelSets({is_a_}));
  EXPECT_EQ("60 ", Ask("count_over_time({host=~\".\"}[1h])", kFirstMs + 6 * kHour,
                       kFirstMs + 6 * kHour, 1));
}

TEST_F(RolledSourceTest, HistogramsAreAnsweredBySamples) {
  ApplyCounter(1);
  ApplyHistogram(counter_, kFirstMs + 5 * kHour + 7);
  Flush();
  Seal(kFirstMs + 2 * kMsPerDay);
  EXPECT_EQ("60 60 60 60 60 61 60 ",
            Ask("count_over_time(up_total[1h])", kFirstMs + kHour, kFirstMs + 7 * kHour, kHour));
  EXPECT_EQ(1U, source_->refused_selects());
}

TEST_F(RolledSourceTest, DamageIsLeftOutAndCounted) {
  ApplyCounter(2);
  Flush();
  Seal(kFirstMs + 3 * kMsPerDay);
  const std::string want =
      Ask("count_over_time(up_total[1h])", kFirstMs + kHour, kFirstMs + 7 * kHour, kHour);
  {
    const auto env = *rollups_->files().Find(kCoarseMs, MonthOfDay(kFirst));
    WriteTxn txn = *env->BeginWrite();
    const Table table = *txn.OpenTable(RollupFiles::kBlocks);
    std::string key;
    std::string value;
    {
      Cursor cursor = *txn.OpenCursor(table);
      const auto first = *cursor.First();
      key = first->first;
      value = first->second;
    }
    value[value.size() / 2] ^= 1;
    ASSERT_TRUE(txn.Put(table, key, value).has_value());
    ASSERT_TRUE(txn.Commit().has_value());
  }
  // Samples answer, now and from then on.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(want,
              Ask("count_over_time(up_total[1h])", kFirstMs + kHour, kFirstMs + 7 * kHour, kHour));
  }
  EXPECT_EQ(1U, rollups_->damaged_days());
  // A file that is no database is put aside.
  Reopen(cut_);
  rollups_->Retain(0);
  const std::string path = dir_.path() + "/r1h-202410.mdb";
  ASSERT_TRUE(std::filesystem::exists(path));
  std::ofstream(path, std::ios::binary | std::ios::trunc) << std::string(20'000, 'x');
  EXPECT_EQ(want,
            Ask("count_over_time(up_total[1h])", kFirstMs + kHour, kFirstMs + 7 * kHour, kHour));
  EXPECT_EQ(1U, rollups_->bad_files());
}

TEST_F(RolledSourceTest, MonthsGoWhenTheyAreOld) {
  ApplyCounter(1);
  Flush();
  Seal(kFirstMs + 2 * kMsPerDay);
  EXPECT_EQ(1U, rollups_->files().Months(kFineMs).size());
  const DayNumber month_end = FirstDayOf(MonthOfDay(kFirst) + 1);
  rollups_->Retain((month_end + 400) * kMsPerDay - 1);
  EXPECT_EQ(1U, rollups_->files().Months(kFineMs).size());
  rollups_->Retain((month_end + 400) * kMsPerDay);
  EXPECT_EQ(0U, rollups_->files().Months(kFineMs).size());
  EXPECT_EQ(1U, rollups_->files().Months(kCoarseMs).size());
}

TEST_F(RolledSourceTest, MonthsAndTheirDays) {
  EXPECT_EQ(1970 * 12, MonthOfDay(0));
  EXPECT_EQ(1970 * 12, MonthOfDay(30));
  EXPECT_EQ(1970 * 12 + 1, MonthOfDay(31));
  EXPECT_EQ(31, FirstDayOf(1970 * 12 + 1));
  EXPECT_EQ(20'000, FirstDayOf(MonthOfDay(20'000)) + 3);  // 2024-10-04.
}

// Killed after each of its transactions while a day is made anew: what is there is the old
// or the new, and the next one makes the new.
TEST_F(RolledSourceTest, AKillLeavesTheOldOrTheNew) {
  for (int i = 0; i < 60; ++i) {
    std::vector<Sample> samples;
    for (int k = 0; k < 1440; ++k) {
      samples.push_back({.time_ms = kFirstMs + k * 60'000, .value = static_cast<double>(k * i)});
    }
    Apply(Labels{{"__name__", "m" + std::to_string(i % 7)}, {"i", std::to_string(i)}}, samples);
  }
  Flush();
  Seal(kFirstMs + 2 * kMsPerDay);
  Apply(Labels{{"__name__", "m0"}, {"i", "new"}},
        {{.time_ms = kFirstMs + 22 * kHour + 5, .value = 1'000'000}});
  Flush();
  Close();
  int killed = 0;
  for (bool done = false; !done; ++killed) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      committed_ = [left = killed]() mutable {
        if (left-- == 0) (void)kill(getpid(), SIGKILL);
      };
      Reopen(cut_);
      (void)store_->SealDue(Turn(kFirstMs + 3 * kMsPerDay));
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    done = WIFEXITED(status);
    Reopen(cut_);
    ExpectWhole(kFineMs);
    ExpectWhole(kCoarseMs);
    Close();
  }
  EXPECT_GT(killed, 10);
  Reopen(cut_);
  Seal(kFirstMs + 4 * kMsPerDay);
  const auto days = ReadRollupDays(rollups_->files(), kFineMs, kFirst, kFirst);
  EXPECT_EQ(61U, days->begin()->second.series);
  EXPECT_EQ("61 ", Ask("count(count_over_time({__name__=~\"m.\"}[1h]))", kFirstMs + 23 * kHour,
                       kFirstMs + 23 * kHour, 1));
  EXPECT_EQ(0U, rollups_->damaged_days());
}

}  // namespace
}  // namespace opssight
