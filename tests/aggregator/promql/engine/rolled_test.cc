// Rollups against samples: whatever is asked, the answers are the same.
#include "aggregator/promql/engine/rolled.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/query/rollup.h"
#include "tests/support/memory_series.h"
#include "tests/support/rolled_queries.h"

namespace opssight::promql {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// Samples in memory, put into buckets when they are asked for.
class Folded final : public SeriesSource, public RollupSource {
 public:
  void Add(const RolledQueries::Made& made) {
    for (const Sample& sample : made.samples)
      samples_.Add(made.labels, sample.time_ms, sample.value);
  }
  const SeriesSource& samples() const { return samples_; }
  std::uint64_t asked() const { return asked_; }
  SlotQuery last_asked() const { return last_; }
  void Decline() { decline_ = true; }
  void Thin(std::vector<Thinning> thinnings) { thinnings_ = std::move(thinnings); }

  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override {
    if (limits.thinned) {
      for (const Thinning& thinning : thinnings_) limits.thinned(thinning);
    }
    return samples_.Select(matchers, from_ms, to_ms, limits);
  }
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                           std::int64_t from_ms, std::int64_t to_ms,
                                           const QueryLimits& limits) const override {
    return samples_.SelectLabels(matchers, from_ms, to_ms, limits);
  }
  const RollupSource* rollups() const override { return this; }

  std::vector<std::int64_t> Resolutions() const override { return {kHour, 5 * kMinute}; }
  Result<std::optional<std::vector<RolledSeries>>> SelectSlots(
      const std::vector<Matcher>& matchers, const SlotQuery& query,
      const QueryLimits& limits) const override {
    ++asked_;
    last_ = query;
    if (decline_) return std::optional<std::vector<RolledSeries>>();
    EXPECT_EQ(0, query.width_ms % query.resolution_ms);
    EXPECT_EQ(0, query.first_end_ms % query.resolution_ms);
    OPS_TRY(const std::vector<Series> all,
            samples_.Select(matchers, query.first_end_ms - query.width_ms + 1, query.last_end_ms(),
                            limits));
    std::vector<RolledSeries> out;
    for (const Series& series : all) out.push_back(Fold(series, query));
    return std::optional<std::vector<RolledSeries>>(std::move(out));
  }

 private:
  // First into buckets of the resolution, then these into slots, as a store does.
  static RolledSeries Fold(const Series& series, const SlotQuery& query) {
    std::map<std::int64_t, TimeBucket> buckets;
    for (const Sample& sample : series.samples) {
      const std::int64_t resolution = query.resolution_ms;
      AddSample(sample, buckets[(sample.time_ms + resolution - 1) / resolution * resolution]);
    }
    std::map<std::uint64_t, TimeBucket> slots;
    for (const auto& [end_ms, bucket] : buckets) {
      if (const auto slot = query.SlotOf(end_ms)) JoinBucket(bucket, slots[*slot]);
    }
    RolledSeries rolled{.labels = series.labels, .slots = {}};
    for (const auto& [slot, bucket] : slots)
      rolled.slots.push_back({.slot = slot, .bucket = bucket});
    return rolled;
  }

  MemorySeries samples_;
  bool decline_ = false;
  std::vector<Thinning> thinnings_;
  mutable std::uint64_t asked_ = 0;
  mutable SlotQuery last_;
};

TEST(RolledTest, SaysWhatSamplesSay) {
  std::uint64_t answered = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    RolledQueries queries(seed);
    const std::int64_t from_ms = 20'000 * kDay;
    Folded source;
    for (int i = 0; i < 12; ++i) source.Add(queries.MakeSeries(i, from_ms, from_ms + 4 * kDay));
    const Engine engine({.parse = {.experimental_functions = true}});
    for (int i = 0; i < 150; ++i) {
      const QueryRequest request = queries.MakeQuery(from_ms, from_ms + 4 * kDay);
      const auto differs = RolledQueries::Compare(engine.Run(source.samples(), request),
                                                  engine.Run(source, request));
      EXPECT_FALSE(differs.has_value())
          << "seed " << seed << ": " << request.text << " from " << request.start_ms << " to "
          << request.end_ms << " step " << request.step_ms << " lookback " << request.lookback_ms
          << ": " << *differs;
    }
    answered += source.asked();
  }
  EXPECT_GT(answered, 400U);
}

TEST(RolledTest, TakesTheCoarsestThatFits) {
  Folded source;
  RolledQueries queries(1);
  source.Add(queries.MakeSeries(0, 0, kDay));
  const Engine engine{EngineOptions()};
  struct Case {
    const char* text;
    std::int64_t start_ms;
    std::int64_t step_ms;
    std::int64_t resolution_ms;  // 0: not asked.
    std::int64_t width_ms;
    std::int64_t spacing_ms;
  };
  const std::vector<Case> cases = {
      {"rate(a_total[1h])", kHour, kHour, kHour, kHour, kHour},
      {"rate(a_total[2h])", 5 * kHour, 12 * kHour, kHour, 2 * kHour, 12 * kHour},
      {"rate(a_total[3h])", 5 * kHour, 2 * kHour, kHour, kHour, kHour},
      {"rate(a_total[5m])", kHour, kHour, 5 * kMinute, 5 * kMinute, kHour},
      {"rate(a_total[1h] offset 5m)", kHour, kHour, 5 * kMinute, kHour, kHour},
      {"rate(a_total[1h])", kHour + 1, kHour, 0, 0, 0},
      {"rate(a_total[61m])", kHour, kHour, 0, 0, 0},
      {"rate(a_total[1h])", kHour, 7 * kMinute, 0, 0, 0},
      {"irate(a_total[1h])", kHour, kHour, 0, 0, 0},
      {"a_total", kHour, kHour, kHour, kHour, kHour},
      {"a_total", kHour, 10 * kMinute, 5 * kMinute, 5 * kMinute, 10 * kMinute},
      {"a_total offset 1s", kHour, kHour, 0, 0, 0},
  };
  for (const Case& one : cases) {
    const std::uint64_t before = source.asked();
    const auto result = engine.Run(source, {.text = one.text,
                                            .start_ms = one.start_ms,
                                            .end_ms = one.start_ms + 4 * one.step_ms,
                                            .step_ms = one.step_ms});
    EXPECT_TRUE(result.has_value()) << one.text;
    EXPECT_EQ(one.resolution_ms != 0, source.asked() != before) << one.text;
    if (one.resolution_ms == 0) continue;
    EXPECT_EQ(one.resolution_ms, source.last_asked().resolution_ms) << one.text;
    EXPECT_EQ(one.width_ms, source.last_asked().width_ms) << one.text;
    EXPECT_EQ(one.spacing_ms, source.last_asked().spacing_ms) << one.text;
  }
}

TEST(RolledTest, SamplesAnswerWhereRollupsDoNot) {
  Folded source;
  RolledQueries queries(3);
  for (int i = 0; i < 4; ++i) source.Add(queries.MakeSeries(i, 0, kDay));
  source.Decline();
  const QueryRequest request = {
      .text = "rate(a_total[1h])", .start_ms = kHour, .end_ms = 20 * kHour, .step_ms = kHour};
  const auto want = Engine(EngineOptions()).Run(source.samples(), request);
  EXPECT_FALSE(RolledQueries::Compare(want, Engine(EngineOptions()).Run(source, request)));
  EXPECT_EQ(1U, source.asked());
  // Nor where they are switched off.
  EXPECT_FALSE(RolledQueries::Compare(want, Engine({.rollups = false}).Run(source, request)));
  EXPECT_EQ(1U, source.asked());
}

// Each selector that reads thinned samples says so once for each resolution, at its place.
TEST(RolledTest, ThinnedSamplesMakeWarnings) {
  Folded source;
  source.Add({.labels = Labels{{"__name__", "g"}, {"instance", "i"}, {"job", "j"}},
              .samples = {{.time_ms = kHour, .value = 1}}});
  // The second is of no time that can be written down: it is told as the last that can.
  source.Thin({{.before_ms = kDay, .resolution_ms = 5 * kMinute},
               {.before_ms = INT64_MAX, .resolution_ms = kHour}});
  const auto both = [](const std::string& of, const std::string& place) {
    const std::string tail = " only; the answer is approximate (" + place + ")";
    return std::vector<std::string>{
        "PromQL warning: samples of " + of +
            " before 1970-01-02T00:00:00Z are kept as rollups of 5m" + tail,
        "PromQL warning: samples of " + of +
            " before 2262-04-11T23:47:16.854Z are kept as rollups of 1h" + tail};
  };
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"rate(g[1h])", {}},  // Buckets answer.
      {"stddev_over_time(g[1h])", both("g", "1:18")},
      {"stddev_over_time({job=~\"j|k\"}[1h])", both("{job=~\"j|k\"}[1h]", "1:18")},
      {"max_over_time(stddev_over_time(g[1h])[2h:1h])", both("g", "1:32")},
      {"info(g)", both("target_info", "1:1")},
  };
  const Engine engine({.parse = {.experimental_functions = true}});
  for (const auto& [text, want] : cases) {
    const auto result = engine.Run(source, {.text = text, .start_ms = kHour, .end_ms = kHour});
    ASSERT_TRUE(result.has_value()) << text << ": " << result.error().message;
    EXPECT_EQ(want, result->annotations.Warnings(text, 0)) << text;
  }
}

TEST(RolledTest, SlotsOfTimes) {
  const SlotQuery query = {.resolution_ms = 1,
                           .first_end_ms = 100,
                           .spacing_ms = 50,
                           .width_ms = 20,
                           .count = 3,
                           .parts = {}};
  const std::map<std::int64_t, std::optional<std::uint64_t>> want = {
      {80, std::nullopt},  {81, 0},  {100, 0}, {101, std::nullopt},
      {130, std::nullopt}, {131, 1}, {200, 2}, {201, std::nullopt},
      {-5, std::nullopt}};
  for (const auto& [time_ms, slot] : want) EXPECT_EQ(slot, query.SlotOf(time_ms)) << time_ms;
}

}  // namespace
}  // namespace opssight::promql
