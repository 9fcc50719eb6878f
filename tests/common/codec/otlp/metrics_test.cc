#include "common/codec/otlp/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Lines = std::vector<std::string>;

constexpr std::int64_t kNowMs = 1'767'225'600'000;

// metrics: the metric objects; attributes of the resource: {'key':…}.
std::string Request(const std::string& metrics, const std::string& resource = "") {
  return Json("{'resourceMetrics':[{'resource':{'attributes':[" + resource +
              "]},'scopeMetrics':[{'scope':{'name':'s'},'metrics':[" + metrics + "]}]}]}");
}
std::string Attr(const std::string& key, const std::string& value) {
  return "{'key':'" + key + "','value':{'stringValue':'" + value + "'}}";
}
// A sum of one point, in a line of its own.
std::string Sum(const std::string& value, int temporality = 2, const std::string& time = "2000000",
                const std::string& more = "") {
  return "{'name':'n','sum':{'isMonotonic':true,'aggregationTemporality':" +
         std::to_string(temporality) + ",'dataPoints':[{'startTimeUnixNano':1,'timeUnixNano':'" +
         time + "'," + value + more + "}]}}";
}

class OtlpMetricsTest : public testing::Test {
 protected:
  OtlpMetrics Decode(const std::string& json) {
    auto metrics = decoder_->Decode(json, OtlpEncoding::kJson, now_ms_);
    EXPECT_TRUE(metrics.has_value());
    return metrics ? *std::move(metrics) : OtlpMetrics{};
  }
  Lines DumpOf(const std::string& json) { return Dump(Decode(json).rows); }
  void Use(OtlpMetricsOptions options) {
    decoder_ = std::make_unique<OtlpMetricsDecoder>(std::move(options));
  }

  std::int64_t now_ms_ = kNowMs;
  std::unique_ptr<OtlpMetricsDecoder> decoder_ =
      std::make_unique<OtlpMetricsDecoder>(OtlpMetricsOptions{});
};

TEST_F(OtlpMetricsTest, EveryKind) {
  const std::pair<const char*, Lines> cases[] = {
      {"{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':2000000,'asInt':'-3'}]}}",
       {"g -3 2 gauge"}},
      {"{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':2999999,'asDouble':1.5}]}}",
       {"g 1.5 2 gauge"}},
      {"{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':2000000,'asDouble':'NaN'}]}}",
       {"g NaN 2 gauge"}},
      {"{'name':'s','unit':'By','sum':{'isMonotonic':true,'aggregationTemporality':2,"
       "'dataPoints':[{'timeUnixNano':2000000,'asInt':7}]}}",
       {"s_bytes_total 7 2 counter"}},
      {"{'name':'s','sum':{'aggregationTemporality':'AGGREGATION_TEMPORALITY_CUMULATIVE',"
       "'dataPoints':[{'timeUnixNano':2000000,'asInt':7}]}}",
       {"s 7 2 gauge"}},
      {"{'name':'h','unit':'s','histogram':{'aggregationTemporality':2,'dataPoints':[{"
       "'timeUnixNano':2000000,'count':'6','sum':9.5,'bucketCounts':['1',2,3],"
       "'explicitBounds':[0.5,10]}]}}",
       {"h_seconds_bucket{le=\"+Inf\"} 6 2 histogram", "h_seconds_bucket{le=\"0.5\"} 1 2 histogram",
        "h_seconds_bucket{le=\"10\"} 3 2 histogram", "h_seconds_count 6 2 histogram",
        "h_seconds_sum 9.5 2 histogram"}},
      {"{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{"
       "'timeUnixNano':2000000,'count':4}]}}",  // No sum, no buckets.
       {"h_bucket{le=\"+Inf\"} 4 2 histogram", "h_count 4 2 histogram"}},
      {"{'name':'q','summary':{'dataPoints':[{'timeUnixNano':2000000,'count':4,'sum':8,"
       "'quantileValues':[{'quantile':0.5,'value':1},{'quantile':1,'value':3}]}]}}",
       {"q_count 4 2 summary", "q_sum 8 2 summary", "q{quantile=\"0.5\"} 1 2 summary",
        "q{quantile=\"1\"} 3 2 summary"}},
      {"{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':2000000,'flags':1}]}}",
       {"g stale 2 gauge"}},
      {"{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{"
       "'timeUnixNano':2000000,'flags':1}]}}",
       {"h_bucket{le=\"+Inf\"} stale 2 histogram", "h_count stale 2 histogram"}},
      {"{'name':'g'}", {}},
      {"{'name':'g','gauge':{}}", {}},
  };
  for (const auto& [metric, expected] : cases) {
    EXPECT_EQ(DumpOf(Request(metric)), expected) << metric;
  }
}

TEST_F(OtlpMetricsTest, Labels) {
  const std::pair<std::string, const char*> cases[] = {
      {Attr("http.method", "GET"), "g{http_method=\"GET\"} 1 2 gauge"},
      {Attr("b.c", "2") + "," + Attr("b-c", "1"), "g{b_c=\"1;2\"} 1 2 gauge"},  // By key.
      {Attr("a", ""), "g 1 2 gauge"},
      {"{'key':'i','value':{'intValue':'42'}}", "g{i=\"42\"} 1 2 gauge"},
      {"{'key':'b','value':{'boolValue':true}}", "g{b=\"true\"} 1 2 gauge"},
      {"{'key':'l','value':{'arrayValue':{'values':[{'intValue':1},{'stringValue':'x'}]}}}",
       "g{l=\"[1,\\\"x\\\"]\"} 1 2 gauge"},
      {"{'key':'none'}", "g 1 2 gauge"},
      {Attr("__name__", "evil"), "g 1 2 gauge"},
      {Attr("1st", "x"), "g{key_1st=\"x\"} 1 2 gauge"},
  };
  for (const auto& [attributes, expected] : cases) {
    EXPECT_THAT(DumpOf(Request("{'name':'g','gauge':{'dataPoints':[{'timeUnixNano':2000000,'asInt':"
                               "1,'attributes':[" +
                               attributes + "]}]}}")),
                ElementsAre(expected));
  }
}

TEST_F(OtlpMetricsTest, ResourceIsJobInstanceAndTargetInfo) {
  const std::pair<std::string, Lines> cases[] = {
      {Attr("service.name", "web"), {"n_total{job=\"web\"} 1 2 counter"}},
      {Attr("service.name", "web") + "," + Attr("service.namespace", "shop"),
       {"n_total{job=\"shop/web\"} 1 2 counter"}},
      {Attr("service.instance.id", "i"), {"n_total{instance=\"i\"} 1 2 counter"}},
      {Attr("service.name", "web") + "," + Attr("host.name", "h"),
       {"n_total{job=\"web\"} 1 2 counter", "target_info{host_name=\"h\", job=\"web\"} 1 2 gauge"}},
      {Attr("host.name", "h"), {"n_total 1 2 counter"}},  // Nothing to join it by.
      {Attr("service.namespace", "shop"), {"n_total 1 2 counter"}},
  };
  for (const auto& [resource, expected] : cases) {
    EXPECT_EQ(DumpOf(Request(Sum("'asInt':1"), resource)), expected);
  }
}

TEST_F(OtlpMetricsTest, OptionsAddLabels) {
  OtlpMetricsOptions options;
  options.labels = {{"host", "h1"}, {"job", "given"}};
  options.translation.promote = {"k8s.pod.name"};
  Use(options);
  EXPECT_EQ(DumpOf(Request(Sum("'asInt':1"), Attr("k8s.pod.name", "p"))),
            Lines{"n_total{host=\"h1\", job=\"given\", k8s_pod_name=\"p\"} 1 2 counter"});
  EXPECT_EQ(DumpOf(Request(Sum("'asInt':1"), Attr("service.name", "web"))),
            Lines{"n_total{host=\"h1\", job=\"web\"} 1 2 counter"});
}

TEST_F(OtlpMetricsTest, ABadPointCostsItself) {
  const std::string good = "{'timeUnixNano':2000000,'asInt':1}";
  const std::pair<std::string, OtlpReject> cases[] = {
      {"{'name':'x','gauge':{'dataPoints':[{'asInt':1}]}}", OtlpReject::kBadTime},
      {"{'name':'x','gauge':{'dataPoints':[{'timeUnixNano':'18446744073709551615','asInt':1}]}}",
       OtlpReject::kBadTime},
      {"{'name':'x','gauge':{'dataPoints':[{'timeUnixNano':5}]}}", OtlpReject::kNoValue},
      {"{'name':'x','gauge':{'dataPoints':[7]}}", OtlpReject::kMalformed},
      {"{'name':'x','gauge':{'dataPoints':[{'timeUnixNano':5,'asInt':'no'}]}}",
       OtlpReject::kMalformed},
      {"{'name':'..','gauge':{'dataPoints':[{'timeUnixNano':5,'asInt':1}]}}", OtlpReject::kBadName},
      {"{'name':'x','gauge':{'dataPoints':[{'timeUnixNano':5,'asInt':1,'attributes':[" +
           Attr("..", "x") + "]}]}}",
       OtlpReject::kBadName},
      {"{'name':'x','sum':{'dataPoints':[{'timeUnixNano':5,'asInt':1}]}}",
       OtlpReject::kTemporality},
      {"{'name':'x','histogram':{'dataPoints':[{'timeUnixNano':5}]}}", OtlpReject::kTemporality},
      {"{'name':'x','histogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':5,"
       "'bucketCounts':[1],'explicitBounds':[1]}]}}",
       OtlpReject::kBadShape},
      {"{'name':'x','histogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':5,"
       "'bucketCounts':[1,1,1],'explicitBounds':[2,1]}]}}",
       OtlpReject::kBadShape},
      {"{'name':'x','exponentialHistogram':{'aggregationTemporality':2,'dataPoints':[{"
       "'timeUnixNano':5,'count':1,'scale':-5}]}}",
       OtlpReject::kExponential},
      {"{'name':'x','exponentialHistogram':{'aggregationTemporality':2,'dataPoints':[{"
       "'timeUnixNano':5,'count':1,'positive':{'offset':2147483647,'bucketCounts':[1]}}]}}",
       OtlpReject::kBadShape},
      {"{'name':'x','gauge':{'dataPoints':[{'timeUnixNano':'1767226500000000000','asInt':1}]}}",
       OtlpReject::kBadTime},  // A quarter of an hour ahead.
  };
  for (const auto& [metric, why] : cases) {
    const OtlpMetrics metrics =
        Decode(Request(metric + ",{'name':'g','gauge':{'dataPoints':[" + good + "]}}"));
    EXPECT_EQ(Dump(metrics.rows), Lines{"g 1 2 gauge"}) << metric;
    EXPECT_EQ(metrics.outcome.accepted, 1U) << metric;
    EXPECT_EQ(metrics.outcome.rejected(), 1U) << metric;
    EXPECT_EQ(metrics.outcome.rejected(why), 1U) << metric << metrics.outcome.Message();
  }
}

TEST_F(OtlpMetricsTest, LayoutDoesNotDependOnOrderAndIsKept) {
  const auto point = [](const char* value, const char* label) {
    return std::string("{'timeUnixNano':2000000,'asInt':") + value + ",'attributes':[" +
           Attr("l", label) + "]}";
  };
  const auto gauge = [](const std::string& points) {
    return Request("{'name':'g','gauge':{'dataPoints':[" + points + "]}}");
  };
  const OtlpMetrics one = Decode(gauge(point("1", "a") + "," + point("2", "b")));
  const OtlpMetrics two = Decode(gauge(point("20", "b") + "," + point("10", "a")));
  ASSERT_EQ(one.rows.size(), 1U);
  ASSERT_EQ(two.rows.size(), 1U);
  EXPECT_EQ(one.rows[0].layout, two.rows[0].layout);
  EXPECT_THAT(Dump(two.rows), ElementsAre("g{l=\"a\"} 10 2 gauge", "g{l=\"b\"} 20 2 gauge"));
  EXPECT_EQ(decoder_->cached_series(), 2U);
}

TEST_F(OtlpMetricsTest, RowsAreByTime) {
  const auto at = [](const char* name, const char* ns) {
    return std::string("{'name':'") + name + "','gauge':{'dataPoints':[{'timeUnixNano':'" + ns +
           "','asInt':1}]}}";
  };
  // Within 10 ms: one row, at the earliest; further on: another.
  const OtlpMetrics metrics = Decode(
      Request(at("b", "1009000000") + "," + at("a", "1000000000") + "," + at("c", "1011000000")));
  EXPECT_THAT(Dump(metrics.rows),
              ElementsAre("a 1 1000 gauge", "b 1 1000 gauge", "c 1 1011 gauge"));
  EXPECT_EQ(metrics.rows.size(), 2U);
  // The same series keeps its own times; at the same time the first stays.
  const OtlpMetrics twice = Decode(
      Request(at("a", "1000000000") + "," + at("a", "1003000000") + "," + at("a", "1000000000")));
  EXPECT_THAT(Dump(twice.rows), ElementsAre("a 1 1000 gauge", "a 1 1003 gauge"));
  EXPECT_EQ(twice.outcome.duplicates, 1U);
  EXPECT_THAT(twice.outcome.Message(), HasSubstr("1 samples of a series that had one"));
}

TEST_F(OtlpMetricsTest, DeltasAreSummed) {
  EXPECT_EQ(DumpOf(Request(Sum("'asInt':5", 1, "2000000"))), Lines{"n_total 5 2 counter"});
  EXPECT_EQ(DumpOf(Request(Sum("'asInt':3", 1, "3000000"))), Lines{"n_total 8 3 counter"});
  // A repeat adds nothing; an older one is refused.
  EXPECT_EQ(DumpOf(Request(Sum("'asInt':3", 1, "3000000"))), Lines{"n_total 8 3 counter"});
  const OtlpMetrics old = Decode(Request(Sum("'asInt':3", 1, "2000000")));
  EXPECT_EQ(old.outcome.rejected(OtlpReject::kOutOfOrder), 1U);
  const auto histogram = [](const char* time) {
    return Request(std::string("{'name':'h','histogram':{'aggregationTemporality':1,'dataPoints':[{"
                               "'timeUnixNano':'") +
                   time + "','count':3,'sum':2,'bucketCounts':[1,2],'explicitBounds':[1]}]}}");
  };
  DumpOf(histogram("2000000"));
  EXPECT_THAT(DumpOf(histogram("3000000")),
              ElementsAre("h_bucket{le=\"+Inf\"} 6 3 histogram", "h_bucket{le=\"1\"} 2 3 histogram",
                          "h_count 6 3 histogram", "h_sum 4 3 histogram"));
}

TEST_F(OtlpMetricsTest, Limits) {
  OtlpMetricsOptions options;
  options.limits.items_max = 3;
  options.limits.layout_series_max = 1;
  Use(options);
  const OtlpMetrics metrics =
      Decode(Request("{'name':'a','gauge':{'dataPoints':[{'timeUnixNano':1000000,'asInt':1},"
                     "{'timeUnixNano':20000000,'asInt':1},{'timeUnixNano':40000000,'asInt':1},"
                     "{'timeUnixNano':60000000,'asInt':1}]}}"));
  EXPECT_EQ(metrics.outcome.rejected(OtlpReject::kTooMany), 1U);
  EXPECT_EQ(metrics.rows.size(), 3U);
  options = {};
  options.limits.layout_series_max = 2;
  options.limits.labels_max = 4;
  options.limits.decoded_bytes_max = 4096;
  Use(options);
  const OtlpMetrics wide = Decode(Request(
      "{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{"
      "'timeUnixNano':2000000,'count':4,'bucketCounts':[1,1,1],'explicitBounds':[1,2]}]}}"));
  EXPECT_EQ(wide.rows.size(), 2U);  // Four series, two a row.
  options.limits.layout_series_max = 100;
  options.limits.layout_bytes_max = 1;
  Use(options);
  const OtlpMetrics heavy = Decode(Request(
      "{'name':'q','summary':{'dataPoints':[{'timeUnixNano':2000000,'count':4,'sum':8}]}}"));
  EXPECT_EQ(heavy.rows.size(), 2U);  // Each series one row.
  const OtlpMetrics labels = Decode(Request(
      Sum("'asInt':1", 2, "2000000",
          ",'attributes':[" + Attr("a", "1") + "," + Attr("b", "1") + "," + Attr("c", "1") + "]")));
  EXPECT_EQ(labels.outcome.rejected(OtlpReject::kTooManyLabels), 1U);
  const OtlpMetrics big = Decode(Request(
      Sum("'asInt':1", 2, "2000000", ",'attributes':[" + Attr("a", std::string(3000, 'x')) + "]")));
  EXPECT_EQ(big.outcome.rejected(OtlpReject::kTooMany), 1U);
}

TEST(DeltaAccumulatorTest, ForgetsAndRefuses) {
  DeltaAccumulator deltas({.series_max = 2, .values_max = 3, .expiry_ms = 100});
  const auto add = [&](std::uint64_t key, std::int64_t time, std::vector<double> values,
                       std::int64_t now) {
    const auto sums =
        deltas.Add({.series = {0, key}, .shape = 0, .start_ns = 0, .time_ns = time}, values, now);
    return sums ? std::vector<double>(sums->begin(), sums->end()) : std::vector<double>{-1};
  };
  EXPECT_THAT(add(1, 1, {1, 2}, 0), ElementsAre(1, 2));
  EXPECT_THAT(add(2, 1, {1, 2}, 10), ElementsAre(-1));  // Above values_max.
  EXPECT_THAT(add(2, 1, {5}, 10), ElementsAre(5));
  EXPECT_THAT(add(3, 1, {5}, 20), ElementsAre(-1));  // Above series_max.
  EXPECT_THAT(add(1, 2, {1, 1}, 50), ElementsAre(2, 3));
  EXPECT_THAT(add(3, 1, {5, 5}, 110), ElementsAre(-1));  // 2 has gone, 1 has not: two values left.
  EXPECT_EQ(deltas.expired(), 1U);
  EXPECT_THAT(add(1, 3, {1, 1, 1}, 120), ElementsAre(1, 1, 1));  // Another shape starts anew.
  EXPECT_THAT(add(3, 1, {7}, 300), ElementsAre(7));
  EXPECT_EQ(deltas.series(), 1U);
  EXPECT_EQ(deltas.values(), 1U);
  // A series that is there may not grow without end either; what it had stays.
  EXPECT_THAT(add(3, 2, {7, 7, 7, 7}, 300), ElementsAre(-1));
  EXPECT_THAT(add(3, 2, {1}, 300), ElementsAre(8));
  EXPECT_EQ(deltas.values(), 1U);
}

TEST(DeltaAccumulatorTest, ExponentialSumsGrowOnlyIntoTheRoom) {
  DeltaAccumulator deltas({.series_max = 2, .values_max = 10});  // Five stand beside buckets.
  const auto add = [&](std::int64_t time, std::int32_t offset) {
    const auto sum =
        deltas.Add({.series = {0, 1}, .shape = 0, .start_ns = 0, .time_ns = time},
                   {.count = 1, .positive = {.offset = offset, .counts = {1}}}, 320, 0);
    return sum ? (*sum)->count : -1;
  };
  EXPECT_EQ(add(1, 0), 1);
  EXPECT_EQ(add(2, 4), 2);   // Five buckets.
  EXPECT_EQ(add(3, 5), -1);  // Six.
  EXPECT_EQ(add(3, 4), 3);   // As if that had not come.
  EXPECT_EQ(deltas.values(), 10U);
}

}  // namespace
}  // namespace opssight
