#include "aggregator/promql/functions/range_batch.h"

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "aggregator/promql/functions/function.h"

namespace opssight::promql {
namespace {

// The range function of that name, a step at a time.
std::vector<double> StepByStep(std::string_view name, const std::vector<Sample>& floats,
                               const BatchWindows& windows, std::size_t steps) {
  const RangeFunctionInfo* function = FindRangeFunction(name);
  EXPECT_NE(function, nullptr) << name;
  std::vector<double> values(steps, Absent());
  if (function == nullptr) return values;
  const Labels labels{{"__name__", "x_total"}};
  const FunctionOptions options;
  Annotations annotations;
  const std::vector<PosRange> arg_pos(1);
  for (std::size_t step = 0; step < steps; ++step) {
    Window window;
    window.end_ms = windows.first_end_ms + static_cast<std::int64_t>(step) * windows.interval_ms;
    window.start_ms = window.end_ms - windows.range_ms;
    window.eval_ms = window.end_ms;
    std::size_t begin = 0;
    while (begin < floats.size() && floats[begin].time_ms <= window.start_ms) ++begin;
    std::size_t end = begin;
    while (end < floats.size() && floats[end].time_ms <= window.end_ms) ++end;
    window.floats = std::span<const Sample>(floats).subspan(begin, end - begin);
    if (window.floats.empty()) continue;
    const RangeArgs args = {.window = window,
                            .scalars = {},
                            .labels = labels,
                            .range_pos = {},
                            .arg_pos = arg_pos,
                            .function = name,
                            .options = options,
                            .annotations = annotations};
    const Result<Value> value = function->run(args);
    EXPECT_TRUE(value.has_value());
    if (value.has_value()) values[step] = value->value;
  }
  return values;
}

std::vector<Sample> RandomCounter(std::mt19937& random, std::size_t count) {
  std::vector<Sample> floats;
  std::int64_t time_ms = 1'700'000'000'000;
  double value = static_cast<double>(random() % 3) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    time_ms += 1 + static_cast<std::int64_t>(random() % 30'000);
    value = random() % 9 == 0 ? static_cast<double>(random() % 5)
                              : value + static_cast<double>(random() % 1000) / 7;
    floats.push_back({.time_ms = time_ms, .value = value});
  }
  return floats;
}

TEST(RangeBatchTest, IsTheRangeFunctionToTheBit) {
  std::mt19937 random(20261125);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Sample> floats = RandomCounter(random, random() % 60);
    const BatchWindows windows = {.first_end_ms = 1'700'000'000'000,
                                  .interval_ms = 1 + static_cast<std::int64_t>(random() % 40'000),
                                  .range_ms = 1 + static_cast<std::int64_t>(random() % 300'000)};
    for (const std::string_view name : {"rate", "increase", "delta"}) {
      const std::vector<double> want = StepByStep(name, floats, windows, 40);
      std::vector<double> got(40, Absent());
      FindRangeBatch(name)(floats, windows, got);
      for (std::size_t step = 0; step < got.size(); ++step) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(want[step]), std::bit_cast<std::uint64_t>(got[step]))
            << name << " round " << round << " step " << step << ": " << want[step] << " "
            << got[step];
      }
    }
  }
}

TEST(RangeBatchTest, CountsWhatItLookedAt) {
  const std::vector<Sample> floats = {
      {.time_ms = 1000, .value = 1}, {.time_ms = 2000, .value = 2}, {.time_ms = 3000, .value = 4}};
  std::vector<double> values(3, Absent());
  const BatchWindows windows = {.first_end_ms = 1000, .interval_ms = 1000, .range_ms = 2000};
  EXPECT_EQ(FindRangeBatch("increase")(floats, windows, values), 1U + 2U + 2U);
  EXPECT_TRUE(IsAbsent(values[0]));
  EXPECT_EQ(FindRangeBatch("last_over_time"), nullptr);
}

}  // namespace
}  // namespace opssight::promql
