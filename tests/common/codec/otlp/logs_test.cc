#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/codec/otlp/otlp.h"
#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kNow = 1'767'225'600'000'000'000;
using Lines = std::vector<std::string>;

std::string Entry(const std::string& resource, const std::string& scope,
                  const std::string& records) {
  return "{'resource':{'attributes':[" + resource + "]},'scopeLogs':[{'scope':{" + scope +
         "},'logRecords':[" + records + "]}]}";
}
std::string Request(const std::string& entries) {
  return Json("{'resourceLogs':[" + entries + "]}");
}
std::string Attr(const std::string& key, const std::string& value) {
  return "{'key':'" + key + "','value':{'stringValue':'" + value + "'}}";
}
OtlpLogs Decode(const std::string& json, const OtlpLimits& limits = {},
                const std::vector<Label>& extra = {}) {
  auto logs = DecodeOtlpLogs(json, OtlpEncoding::kJson, limits, extra, kNow);
  EXPECT_TRUE(logs.has_value());
  return logs ? *std::move(logs) : OtlpLogs{};
}
Lines DumpOf(const std::string& resource, const std::string& scope, const std::string& record) {
  return Dump(Decode(Request(Entry(resource, scope, record))).rows);
}

const std::string kHi = "{'timeUnixNano':'5','body':{'stringValue':'hi'}}";
const std::string kUnknown = "{service_name=\"unknown_service\"} ";

TEST(OtlpLogsTest, StreamLabels) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "{service_name=\"unknown_service\"} 5 hi"},
      {Attr("service.name", "web"), "{service_name=\"web\"} 5 hi"},
      {Attr("service.name", "web") + "," + Attr("k8s.pod.name", "p-1") + "," +
           Attr("deployment.environment", "prod"),
       "{deployment_environment=\"prod\", k8s_pod_name=\"p-1\", service_name=\"web\"} 5 hi"},
      {Attr("container.name", "nginx"), "{container_name=\"nginx\", service_name=\"nginx\"} 5 hi"},
      {Attr("host.name", "h"), "{service_name=\"unknown_service\"} 5 hi host_name=h"},
      {"{'key':'m','value':{'kvlistValue':{'values':[{'key':'a.b','value':{'intValue':1}}]}}}",
       "{service_name=\"unknown_service\"} 5 hi m_a_b=1"},
  };
  for (const auto& [resource, expected] : cases) {
    EXPECT_THAT(DumpOf(resource, "", kHi), ElementsAre(expected));
  }
}

TEST(OtlpLogsTest, Records) {
  const std::pair<std::string, std::string> cases[] = {
      {"{'observedTimeUnixNano':'7','body':{'stringValue':'x'}}", "7 x observed_timestamp=7"},
      {"{'body':{'stringValue':'x'}}", std::to_string(kNow) + " x"},
      {"{'timeUnixNano':5,'severityNumber':'SEVERITY_NUMBER_WARN','severityText':'warn'}",
       "5  severity_number=13 severity_text=warn"},
      {"{'timeUnixNano':5,'severityNumber':9}", "5  severity_number=9"},
      {"{'timeUnixNano':5,'traceId':'5B8EFFF798038103D269B633813FC60C','spanId':"
       "'EEE19B7EC3C1B174','flags':1}",
       "5  flags=1 span_id=eee19b7ec3c1b174 trace_id=5b8efff798038103d269b633813fc60c"},
      {"{'timeUnixNano':5,'traceId':'5B','spanId':'zz'}", "5 "},
      {"{'timeUnixNano':5,'eventName':'e','droppedAttributesCount':2}",
       "5  dropped_attributes_count=2 event_name=e"},
      {"{'timeUnixNano':5,'body':{'intValue':42}}", "5 42"},
      {"{'timeUnixNano':5,'body':{'bytesValue':'AAE='}}", "5 AAE="},
      {"{'timeUnixNano':5,'body':{'kvlistValue':{'values':[{'key':'a','value':{'intValue':1}}]}}}",
       "5 {\"a\":1}"},
      {"{'timeUnixNano':5,'body':{'stringValue':'two\\nlines'}}", "5 two\nlines"},
      {"{'timeUnixNano':5,'attributes':[" + Attr("http.method", "GET") + "," + Attr("e", "") + "]}",
       "5  http_method=GET"},
  };
  for (const auto& [record, expected] : cases) {
    EXPECT_THAT(DumpOf("", "", record), ElementsAre(kUnknown + expected)) << record;
  }
}

TEST(OtlpLogsTest, TheNearestOfOneNameStays) {
  EXPECT_THAT(
      DumpOf(Attr("a", "resource") + "," + Attr("b", "resource") + "," + Attr("c", "resource"),
             "'name':'lib','version':'2','attributes':[" + Attr("a", "scope") + "," +
                 Attr("b", "scope") + "]",
             "{'timeUnixNano':5,'attributes':[" + Attr("a", "record") + "]}"),
      ElementsAre(kUnknown + "5  a=record b=scope c=resource scope_name=lib scope_version=2"));
}

TEST(OtlpLogsTest, StreamsOfOneRequestAreMerged) {
  const OtlpLogs logs = Decode(Request(Entry(Attr("service.name", "a"), "", kHi) + "," +
                                       Entry(Attr("service.name", "b"), "", kHi) + "," +
                                       Entry(Attr("service.name", "a"), "", kHi) + "," +
                                       Entry(Attr("service.name", "c"), "", "")));
  ASSERT_EQ(logs.rows.size(), 2U);
  EXPECT_EQ(logs.rows[0].rows.size(), 2U);
  EXPECT_EQ(logs.outcome.accepted, 3U);
}

TEST(OtlpLogsTest, ExtraLabelsAndLimits) {
  const OtlpLogs extra = Decode(Request(Entry(Attr("service.name", "a"), "", kHi)), {},
                                {{"host", "h1"}, {"service_name", "no"}});
  EXPECT_THAT(Dump(extra.rows), ElementsAre("{host=\"h1\", service_name=\"a\"} 5 hi"));
  OtlpLimits limits;
  limits.line_bytes_max = 1;
  const OtlpLogs cut = Decode(Request(Entry("", "", kHi)), limits);
  EXPECT_THAT(Dump(cut.rows), ElementsAre(kUnknown + "5 h"));
  EXPECT_EQ(cut.outcome.values_cut, 1U);
  EXPECT_EQ(cut.outcome.Message(), "1 values above the limit cut");
  const OtlpLogs late =
      Decode(Request(Entry("", "", "{'timeUnixNano':'18446744073709551615'}," + kHi)));
  EXPECT_EQ(late.outcome.rejected(OtlpReject::kBadTime), 1U);
  EXPECT_EQ(late.outcome.accepted, 1U);
  const auto record = [](std::int64_t time_ns) {
    return "{'timeUnixNano':" + std::to_string(time_ns) + ",'body':{'stringValue':'x'}}";
  };
  constexpr std::int64_t kTomorrow = kNow + 86'400'000'000'000;
  const OtlpLogs ahead =
      Decode(Request(Entry("", "", record(kTomorrow) + "," + record(kTomorrow + 1))));
  EXPECT_THAT(Dump(ahead.rows), ElementsAre(kUnknown + std::to_string(kTomorrow) + " x"));
  EXPECT_EQ(ahead.outcome.rejected(OtlpReject::kBadTime), 1U);
  limits = {};
  limits.chunk_bytes_max = 1;
  const OtlpLogs pieces = Decode(Request(Entry("", "", kHi + "," + kHi)), limits);
  ASSERT_EQ(pieces.rows.size(), 2U);
  EXPECT_EQ(pieces.rows[0].stream, pieces.rows[1].stream);
  EXPECT_THAT(Dump(pieces.rows), ElementsAre(kUnknown + "5 hi", kUnknown + "5 hi"));
  limits = {};
  limits.decoded_bytes_max = 1;
  EXPECT_EQ(Decode(Request(Entry(Attr("service.name", "a"), "", kHi)), limits)
                .outcome.rejected(OtlpReject::kTooMany),
            1U);
}

}  // namespace
}  // namespace opssight
