#include "common/selfmon/process_metrics.h"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight {
namespace {

constexpr std::string_view kStat =
    "42 (a) b (c) S 1 42 42 0 -1 4194560 2077 0 0 0 250 50 0 0 20 0 7 0 12345 104857600 2560 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ProcessMetricsTest, ReadsStatWithANameThatHoldsParentheses) {
  ProcessUsage usage;
  ASSERT_TRUE(ParseProcessStat(kStat, {.ticks_per_second = 100, .page_bytes = 4096}, usage));
  EXPECT_EQ(usage.cpu_seconds, 3);
  EXPECT_EQ(usage.start_seconds, 123.45);
  EXPECT_EQ(usage.virtual_bytes, 104857600);
  EXPECT_EQ(usage.resident_bytes, 2560 * 4096);
  EXPECT_EQ(usage.threads, 7);
}

TEST(ProcessMetricsTest, WhatIsNoStatIsRefused) {
  ProcessUsage usage;
  for (const std::string& text :
       std::vector<std::string>{"", "1 (a", "1 (a) S 1 2 3", std::string(kStat.substr(0, 60))}) {
    EXPECT_FALSE(ParseProcessStat(text, {}, usage)) << text;
  }
  EXPECT_FALSE(ParseBootSeconds("cpu 1 2\nbtime").has_value());
  EXPECT_EQ(ParseBootSeconds("cpu 1 2\nbtime 1767225600\nprocesses 3\n").value(), 1767225600);
}

double ValueOf(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

TEST(ProcessMetricsTest, ThisProcessHasAllOfThem) {
  Registry registry;
  AddProcessMetrics(registry);
  const std::string text = registry.PrometheusText();
  EXPECT_GE(ValueOf(text, "process_cpu_seconds_total"), 0);
  EXPECT_GT(ValueOf(text, "process_resident_memory_bytes"), 100'000);
  EXPECT_GT(ValueOf(text, "process_virtual_memory_bytes"), 100'000);
  EXPECT_GE(ValueOf(text, "process_open_fds"), 3);
  EXPECT_GT(ValueOf(text, "process_max_fds"), 3);
  EXPECT_GE(ValueOf(text, "process_threads"), 1);
  EXPECT_GT(ValueOf(text, "process_start_time_seconds"), 1'500'000'000);
}

TEST(ProcessMetricsTest, WithoutProcfsTheRestStillShows) {
  Registry registry;
  AddProcessMetrics(registry, "/nonexistent");
  EXPECT_EQ(ValueOf(registry.PrometheusText(), "process_open_fds"), 0);
}

}  // namespace
}  // namespace opssight
