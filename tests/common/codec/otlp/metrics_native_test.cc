// What of OTLP metrics is no plain sample: native histograms, exemplars, metadata; and the
// settings of the translation.
#include <bit>

#include "common/codec/otlp/metrics.h"
#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

using testing::ElementsAre;
using Lines = std::vector<std::string>;

constexpr std::int64_t kNowMs = 1'767'225'600'000;

std::string Request(const std::string& metrics, const std::string& resource = "") {
  return Json(
      "{'resourceMetrics':[{'resource':{'attributes':[" + resource +
      "]},'scopeMetrics':[{'scope':{'name':'lib','version':'2','attributes':[{'key':'a','value':{"
      "'stringValue':'b'}}]},'metrics':[" +
      metrics + "]}]}]}");
}
std::string Attr(const std::string& key, const std::string& value) {
  return "{'key':'" + key + "','value':{'stringValue':'" + value + "'}}";
}
std::string Exponential(const std::string& point, int temporality = 2) {
  return "{'name':'lat','unit':'s','description':'Latency.','exponentialHistogram':{"
         "'aggregationTemporality':" +
         std::to_string(temporality) + ",'dataPoints':[{" + point + "}]}}";
}

class OtlpNativeTest : public testing::Test {
 protected:
  OtlpMetrics Decode(const std::string& json) {
    auto metrics = decoder_->Decode(json, OtlpEncoding::kJson, kNowMs);
    EXPECT_TRUE(metrics.has_value());
    return metrics ? *std::move(metrics) : OtlpMetrics{};
  }
  void Use(OtlpTranslation translation) {
    OtlpMetricsOptions options;
    options.translation = std::move(translation);
    decoder_ = std::make_unique<OtlpMetricsDecoder>(std::move(options));
  }
  std::unique_ptr<OtlpMetricsDecoder> decoder_ =
      std::make_unique<OtlpMetricsDecoder>(OtlpMetricsOptions{});
};

TEST_F(OtlpNativeTest, ExponentialIsNative) {
  const OtlpMetrics metrics = Decode(Request(
      Exponential("'timeUnixNano':2000000,'count':6,'sum':3.5,'scale':2,'zeroCount':1,"
                  "'zeroThreshold':0.01,'attributes':[" +
                  Attr("k", "v") +
                  "],'positive':{'offset':-1,'bucketCounts':[1,0,4]},'negative':{'offset':3,"
                  "'bucketCounts':['2']}"),
      Attr("service.name", "svc")));
  EXPECT_EQ(metrics.outcome.accepted, 1U);
  ASSERT_EQ(metrics.histograms.size(), 1U);
  const HistogramRow& row = metrics.histograms[0];
  EXPECT_EQ(row.series->PrometheusText(), "lat_seconds{job=\"svc\", k=\"v\"}");
  EXPECT_EQ(row.time_ms, 2);
  EXPECT_EQ(row.histogram.schema, 2);
  EXPECT_EQ(row.histogram.hint, ResetHint::kUnknown);
  EXPECT_EQ(row.histogram.zero_threshold, 0.01);
  EXPECT_EQ(row.histogram.zero_count, 1);
  EXPECT_EQ(row.histogram.count, 6);
  EXPECT_EQ(row.histogram.sum, 3.5);
  EXPECT_EQ(row.histogram.positive, (std::vector<double>{1, 0, 4}));
  EXPECT_EQ(row.histogram.positive_spans, (std::vector<BucketSpan>{{.offset = 0, .length = 3}}));
  EXPECT_EQ(row.histogram.negative_spans, (std::vector<BucketSpan>{{.offset = 4, .length = 1}}));
}

TEST_F(OtlpNativeTest, NoRecordedValueIsStale) {
  const OtlpMetrics metrics = Decode(Request(Exponential("'timeUnixNano':2000000,'flags':1")));
  ASSERT_EQ(metrics.histograms.size(), 1U);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(metrics.histograms[0].histogram.sum), kStaleNanBits);
}

TEST_F(OtlpNativeTest, ExponentialDeltasAddUp) {
  const auto send = [&](int time, int offset) {
    return Decode(Request(Exponential(
        "'startTimeUnixNano':1,'timeUnixNano':" + std::to_string(time) +
            ",'count':2,'sum':1,'scale':1,'positive':{'offset':" + std::to_string(offset) +
            ",'bucketCounts':[2]}",
        1)));
  };
  EXPECT_EQ(send(1'000'000, 0).histograms[0].histogram.count, 2);
  const OtlpMetrics second = send(2'000'000, 3);
  EXPECT_EQ(second.histograms[0].histogram.count, 4);
  EXPECT_EQ(second.histograms[0].histogram.positive, (std::vector<double>{2, 0, 0, 2}));
  EXPECT_EQ(send(2'000'000, 3).histograms[0].histogram.count, 4);  // A repeat adds nothing.
  const OtlpMetrics older = send(1'500'000, 3);
  EXPECT_EQ(older.outcome.rejected(OtlpReject::kOutOfOrder), 1U);
  EXPECT_TRUE(older.histograms.empty());
}

TEST_F(OtlpNativeTest, ExplicitBoundsAsCustomBuckets) {
  Use({.histograms_to_nhcb = true});
  const OtlpMetrics metrics = Decode(Request(
      "{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':2000000,"
      "'count':'6','sum':9.5,'bucketCounts':['1',2,3],'explicitBounds':[0.5,10]}]}}"));
  EXPECT_TRUE(metrics.rows.empty());
  ASSERT_EQ(metrics.histograms.size(), 1U);
  const Histogram& histogram = metrics.histograms[0].histogram;
  EXPECT_EQ(metrics.histograms[0].series->PrometheusText(), "h");
  EXPECT_EQ(histogram.custom_values, (std::vector<double>{0.5, 10}));
  EXPECT_EQ(histogram.positive, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(histogram.count, 6);
  EXPECT_EQ(histogram.sum, 9.5);
}

TEST_F(OtlpNativeTest, ExemplarsAreOfTheirSeries) {
  const OtlpMetrics metrics = Decode(Request(
      "{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':2000000,"
      "'count':'6','bucketCounts':['1',2,3],'explicitBounds':[0.5,10],'exemplars':["
      "{'timeUnixNano':1000000,'asDouble':0.4,'traceId':'000102030405060708090a0b0c0d0e0f',"
      "'spanId':'0001020304050607','filteredAttributes':[" +
      Attr("user.id", "7") +
      "]},"
      "{'timeUnixNano':1000000,'asInt':99},{'asInt':1}]}]}}"
      ",{'name':'c','sum':{'isMonotonic':true,'aggregationTemporality':2,'dataPoints':[{"
      "'timeUnixNano':2000000,'asInt':7,'exemplars':[{'timeUnixNano':1500000,'asInt':2,'spanId':'"
      "00',"
      "'filteredAttributes':[" +
      Attr("long", std::string(200, 'x')) + "]}]}]}}"));
  ASSERT_EQ(metrics.exemplars.size(), 3U);  // The one without a time is none.
  const Exemplar& first = metrics.exemplars[0];
  EXPECT_EQ(first.series->PrometheusText(), "h_bucket{le=\"0.5\"}");
  EXPECT_EQ(first.time_ms, 1);
  EXPECT_EQ(first.value, 0.4);
  EXPECT_THAT(first.labels, ElementsAre(Label{"span_id", "0001020304050607"},
                                        Label{"trace_id", "000102030405060708090a0b0c0d0e0f"},
                                        Label{"user_id", "7"}));
  EXPECT_EQ(metrics.exemplars[1].series->PrometheusText(), "h_bucket{le=\"+Inf\"}");
  EXPECT_EQ(metrics.exemplars[2].series->PrometheusText(), "c_total");
  EXPECT_TRUE(metrics.exemplars[2].labels.empty());  // Above the limit of characters.
}

TEST_F(OtlpNativeTest, WhatIsNoSampleCountsInTheBytes) {
  OtlpMetricsOptions options;
  options.limits.decoded_bytes_max = 3000;
  decoder_ = std::make_unique<OtlpMetricsDecoder>(options);
  std::string points = "'timeUnixNano':1000000,'count':0";
  for (int i = 2; i < 100; ++i) {
    points += "},{'timeUnixNano':" + std::to_string(i) + "000000,'count':0";
  }
  const OtlpMetrics many = Decode(Request(Exponential(points)));
  EXPECT_EQ(many.outcome.accepted, many.histograms.size());
  EXPECT_LT(many.histograms.size(), 20U);
  EXPECT_EQ(many.outcome.rejected(OtlpReject::kTooMany), 99 - many.histograms.size());
  std::string exemplars;
  for (int i = 1; i < 100; ++i) exemplars += ",{'timeUnixNano':1000000,'asInt':1}";
  const OtlpMetrics full =
      Decode(Request("{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'"
                     "timeUnixNano':2000000,'count':'1','bucketCounts':[1,0],'explicitBounds':[2],"
                     "'exemplars':[" +
                     exemplars.substr(1) + "]}]}}"));
  EXPECT_EQ(full.outcome.accepted, 1U);
  ASSERT_FALSE(full.exemplars.empty());
  EXPECT_EQ(full.outcome.exemplars_dropped, 99 - full.exemplars.size());
  EXPECT_GT(full.outcome.exemplars_dropped, 0U);
  EXPECT_EQ(full.exemplars.front().series, full.exemplars.back().series);  // Shared.
}

TEST_F(OtlpNativeTest, AResourceOfNativeHistogramsHasItsTargetInfo) {
  const std::string resource = Attr("service.name", "svc") + "," + Attr("host.name", "h");
  EXPECT_THAT(Dump(Decode(Request(Exponential("'timeUnixNano':2000000,'count':0},{'timeUnixNano':"
                                              "3000000,'count':0},{'timeUnixNano':50000000"),
                                  resource))
                       .rows),
              ElementsAre("target_info{host_name=\"h\", job=\"svc\"} 1 2 gauge",
                          "target_info{host_name=\"h\", job=\"svc\"} 1 50 gauge"));
}

TEST_F(OtlpNativeTest, AClientsOwnTargetInfoStaysAlone) {
  const std::string resource = Attr("service.name", "svc") + "," + Attr("host.name", "h");
  EXPECT_THAT(
      Dump(Decode(Request("{'name':'target_info','gauge':{'dataPoints':[{'timeUnixNano':2000000,"
                          "'asInt':5,'attributes':[" +
                              Attr("host.name", "h") + "]}]}}",
                          resource))
               .rows),
      ElementsAre("target_info{host_name=\"h\", job=\"svc\"} 5 2 gauge"));
}

TEST_F(OtlpNativeTest, MetadataIsToldOnceADay) {
  const std::string request = Request(Exponential("'timeUnixNano':2000000,'count':0") +
                                      ",{'name':'c','unit':'By','sum':{'isMonotonic':true,'"
                                      "aggregationTemporality':2,'dataPoints':[]}}");
  const OtlpMetrics first = Decode(request);
  EXPECT_THAT(first.metadata, ElementsAre(MetricMetadata{.name = "lat_seconds",
                                                         .type = MetricType::kHistogram,
                                                         .help = "Latency.",
                                                         .unit = "seconds"},
                                          MetricMetadata{.name = "c_bytes_total",
                                                         .type = MetricType::kCounter,
                                                         .help = "",
                                                         .unit = "bytes"}));
  EXPECT_TRUE(Decode(request).metadata.empty());
  EXPECT_EQ(decoder_->Decode(request, OtlpEncoding::kJson, kNowMs + 86'400'000)->metadata.size(),
            2U);
  decoder_->NotStored();
  EXPECT_EQ(decoder_->Decode(request, OtlpEncoding::kJson, kNowMs + 86'400'000)->metadata.size(),
            2U);
}

TEST_F(OtlpNativeTest, PromotionOfResourcesAndScopes) {
  const std::string gauge =
      "{'name':'g.x','gauge':{'dataPoints':[{'timeUnixNano':2000000,'asInt':1}]}}";
  const std::string resource =
      Attr("service.name", "svc") + "," + Attr("host.name", "h") + "," + Attr("secret", "s");
  Use({.promote_all = true, .ignore = {"secret"}});
  EXPECT_THAT(Dump(Decode(Request(gauge, resource)).rows),
              ElementsAre("g_x{host_name=\"h\", job=\"svc\", service_name=\"svc\"} 1 2 gauge",
                          "target_info{host_name=\"h\", job=\"svc\", secret=\"s\"} 1 2 gauge"));
  Use({.keep_identifying = true, .promote_scope = true});
  EXPECT_THAT(Dump(Decode(Request(gauge, resource)).rows),
              ElementsAre("g_x{job=\"svc\", otel_scope_a=\"b\", otel_scope_name=\"lib\", "
                          "otel_scope_version=\"2\"} 1 2 gauge",
                          "target_info{host_name=\"h\", job=\"svc\", secret=\"s\", "
                          "service_name=\"svc\"} 1 2 gauge"));
  Use({.strategy = OtlpStrategy::kNoTranslation});
  EXPECT_THAT(Dump(Decode(Request(gauge, resource)).rows),
              ElementsAre("g.x{job=\"svc\"} 1 2 gauge",
                          "target_info{host.name=\"h\", job=\"svc\", secret=\"s\"} 1 2 gauge"));
}

}  // namespace
}  // namespace opssight
