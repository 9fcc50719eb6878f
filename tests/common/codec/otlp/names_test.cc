#include "common/codec/otlp/names.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight::otlp {
namespace {

enum Kind { kOther, kCounter, kGauge };

struct NameCase {
  const char* name;
  const char* unit;
  Kind kind;
  const char* expected;
};

TEST(OtlpNamesTest, MetricNames) {
  const NameCase cases[] = {
      {"http.server.duration", "s", kOther, "http_server_duration_seconds"},
      {"http.server.duration", "ms", kOther, "http_server_duration_milliseconds"},
      {"system.network.io", "By", kCounter, "system_network_io_bytes_total"},
      {"x", "By/s", kGauge, "x_bytes_per_second"},
      {"x", "By/fortnight", kGauge, "x_bytes_per_fortnight"},
      {"x", "m/s", kGauge, "x_meters_per_second"},
      {"x", "/s", kGauge, "x_per_second"},
      {"cpu.utilization", "1", kGauge, "cpu_utilization_ratio"},
      {"cpu.ratio.of", "1", kGauge, "cpu_of_ratio"},
      {"cpu.utilization", "1", kOther, "cpu_utilization"},
      {"requests", "{request}", kCounter, "requests_total"},
      {"requests", "{request}/s", kGauge, "requests_per_second"},
      {"requests_total", "", kCounter, "requests_total"},
      {"total.requests", "", kCounter, "requests_total"},
      {"requests_total", "", kGauge, "requests_total"},
      {"wait.seconds", "s", kOther, "wait_seconds"},
      {"wait_seconds_total", "s", kCounter, "wait_seconds_total"},
      {"memory", "%", kGauge, "memory_percent"},
      {"temp", "Cel", kGauge, "temp_celsius"},
      {"disk", "GiBy", kGauge, "disk_gibibytes"},
      {"disk", "kBy", kGauge, "disk_kilobytes"},
      {"odd", "foo bar", kGauge, "odd_foo_bar"},
      {"a..b__c-d", "", kGauge, "a_b_c_d"},
      {"_a_", "", kGauge, "a"},
      {"ns:rule", "", kGauge, "ns:rule"},
      {"2xx.count", "", kGauge, "_2xx_count"},
      {"gr\xc3\xb6\xc3\x9f"
       "e",
       "", kGauge, "gr_e"},
  };
  for (const NameCase& one : cases) {
    EXPECT_EQ(MetricName(one.name, one.unit, one.kind == kCounter, one.kind == kGauge),
              one.expected)
        << one.name << " " << one.unit;
  }
  EXPECT_EQ(MetricName("", "s", false, false), std::nullopt);
  EXPECT_EQ(MetricName("_._", "", false, false), std::nullopt);
}

TEST(OtlpNamesTest, LabelNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"k8s.pod.name", "k8s_pod_name"},
      {"a--b", "a__b"},
      {"_x", "key_x"},
      {"__x", "__x"},
      {"1x", "key_1x"},
      {"A9", "A9"},
      {"gr\xc3\xb6\xc3\x9f"
       "e",
       "gr__e"},
  };
  for (const auto& [key, expected] : cases) EXPECT_EQ(LabelName(key), expected) << key;
  for (const char* key : {"", "_", "__", "..", "\xc3\xb6"}) {
    EXPECT_EQ(LabelName(key), std::nullopt) << key;
  }
}

TEST(OtlpNamesTest, OtherStrategies) {
  struct Case {
    OtlpStrategy strategy;
    const char* name;
    const char* unit;
    Kind kind;
    const char* expected;
  };
  const auto kPlain = OtlpStrategy::kNoUtf8EscapingWithSuffixes;
  const auto kShort = OtlpStrategy::kUnderscoreEscapingWithoutSuffixes;
  const Case cases[] = {
      {kPlain, "http.server.duration", "s", kOther, "http.server.duration_seconds"},
      {kPlain, "system.network.io", "By", kCounter, "system.network.io_bytes_total"},
      {kPlain, "req_total", "", kCounter, "req_total"},
      {kPlain, "req.total", "By", kCounter, "req_bytes_total"},
      {kPlain, "x.bytes", "By", kGauge, "x.bytes"},
      {kPlain, "x", "By/s", kGauge, "x_bytes_per_second"},
      {kPlain, "cpu.ratio", "1", kGauge, "cpu_ratio"},
      {kShort, "http.server.duration", "s", kOther, "http_server_duration"},
      {kShort, "a..b__c", "", kCounter, "a_b__c"},
      {kShort, "1.a", "", kGauge, "_1_a"},
      {OtlpStrategy::kNoTranslation, "http.server.duration", "s", kCounter, "http.server.duration"},
  };
  for (const Case& one : cases) {
    const OtlpTranslation translation{.strategy = one.strategy};
    EXPECT_EQ(MetricName(one.name, one.unit, one.kind == kCounter, one.kind == kGauge, translation),
              one.expected)
        << one.name << " " << one.unit;
  }
  const OtlpTranslation utf8{.strategy = kPlain};
  EXPECT_EQ(LabelName("k8s.pod.name", utf8), "k8s.pod.name");
  EXPECT_EQ(LabelName("__", utf8), std::nullopt);
  EXPECT_EQ(LabelName("_x", {.label_underscore_sanitization = false}), "_x");
  EXPECT_EQ(LabelName("a--b", {.label_preserve_multiple_underscores = false}), "a_b");
}

TEST(OtlpNamesTest, Units) {
  const std::pair<const char*, const char*> cases[] = {
      {"By", "bytes"}, {"By/s", "bytes_per_second"}, {"1", ""},
      {"", ""},        {"/s", "per_second"},         {"{x}/s", "per_second"}};
  for (const auto& [unit, expected] : cases) EXPECT_EQ(UnitName(unit), expected) << unit;
}

TEST(OtlpNamesTest, BoundsAreWrittenWithoutExponent) {
  EXPECT_EQ(FormatFixed(0.005), "0.005");
  EXPECT_EQ(FormatFixed(10), "10");
  EXPECT_EQ(FormatFixed(1e-9), "0.000000001");
  EXPECT_EQ(FormatFixed(1e22), "10000000000000000000000");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::denorm_min()).size(), 326U);
}

}  // namespace
}  // namespace opssight::otlp
