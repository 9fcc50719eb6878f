#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/codec/otlp/otlp.h"
#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kNow = 1'767'225'600'000'000'000;
constexpr std::int64_t kTomorrow = kNow + 86'400'000'000'000;

const std::string kIds = "'traceId':'5B8EFFF798038103D269B633813FC60C','spanId':'EEE19B7EC3C1B174'";

std::string Request(const std::string& spans) {
  return Json(
      "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{"
      "'stringValue':'web'}}]},'scopeSpans':[{'scope':{'name':'lib','version':'1'},"
      "'spans':[" +
      spans + "]}]}]}");
}
OtlpTraces Decode(const std::string& json, const OtlpLimits& limits = {}) {
  auto traces = DecodeOtlpTraces(json, OtlpEncoding::kJson, limits, kNow);
  EXPECT_TRUE(traces.has_value());
  return traces ? *std::move(traces) : OtlpTraces{};
}
// A span with attributes: what it then holds.
std::string Attributes(const std::string& attributes, const OtlpLimits& limits = {}) {
  const OtlpTraces traces = Decode(
      Request("{" + kIds + ",'startTimeUnixNano':1,'attributes':[" + attributes + "]}"), limits);
  return traces.spans.empty() ? "none" : Dump(traces.spans[0].attributes);
}

TEST(OtlpTracesTest, AllOfASpan) {
  const OtlpTraces traces = Decode(Request(
      "{" + kIds +
      ",'parentSpanId':'00000000000000aa','name':'GET /','kind':'SPAN_KIND_SERVER',"
      "'traceState':'a=b','startTimeUnixNano':'1000','endTimeUnixNano':2000,'flags':257,"
      "'status':{'code':'STATUS_CODE_ERROR','message':'no'},'attributes':[{'key':'a','value':{"
      "'intValue':'7'}}],'events':[{'timeUnixNano':'1500','name':'e','attributes':[]}],"
      "'links':[{'traceId':'000000000000000000000000000000ff','spanId':'00000000000000bb'}],"
      "'unknown':{'deep':[1]}}"));
  EXPECT_THAT(
      Dump(traces.spans),
      ElementsAre("5b8efff798038103d269b633813fc60c eee19b7ec3c1b174 00000000000000aa GET / kind=2 "
                  "status=2:no 1000-2000 flags=257 state=a=b {a=2:7} res{service.name=0:web} "
                  "scope=lib/1{} event 1500 e {} link 000000000000000000000000000000ff "
                  "00000000000000bb  {}"));
  EXPECT_EQ(traces.outcome.accepted, 1U);
  EXPECT_EQ(traces.outcome.Message(), "");
}

TEST(OtlpTracesTest, SnakeCaseAndNumbersSayTheSame) {
  const OtlpTraces traces =
      Decode(Json("{'resource_spans':[{'scope_spans':[{'spans':[{'trace_id':'"
                  "5B8EFFF798038103D269B633813FC60C','span_id':'EEE19B7EC3C1B174','kind':2,"
                  "'start_time_unix_nano':1,'status':{'code':2}}]}]}]}"));
  ASSERT_EQ(traces.spans.size(), 1U);
  EXPECT_EQ(traces.spans[0].kind, 2);
  EXPECT_EQ(traces.spans[0].status_code, 2);
  EXPECT_EQ(traces.spans[0].end_ns, 1);  // Not given.
  EXPECT_NE(traces.spans[0].resource, nullptr);
  EXPECT_NE(traces.spans[0].scope, nullptr);
}

TEST(OtlpTracesTest, Values) {
  const std::pair<const char*, const char*> cases[] = {
      {"{'key':'k','value':{'stringValue':'v'}}", "{k=0:v}"},
      {"{'key':'k','value':{'boolValue':true}}", "{k=1:true}"},
      {"{'key':'k','value':{'intValue':'-9223372036854775808'}}", "{k=2:-9223372036854775808}"},
      {"{'key':'k','value':{'intValue':42}}", "{k=2:42}"},
      {"{'key':'k','value':{'doubleValue':1.5}}", "{k=3:1.5}"},
      {"{'key':'k','value':{'doubleValue':2}}", "{k=3:2}"},
      {"{'key':'k','value':{'doubleValue':'-Infinity'}}", "{k=3:-Inf}"},
      {"{'key':'k','value':{'bytesValue':'AAE='}}", "{k=4:AAE=}"},
      {"{'key':'k','value':{'arrayValue':{'values':[{'intValue':1},{},{'boolValue':false}]}}}",
       "{k=5:[1,null,false]}"},
      {"{'key':'k','value':{'kvlistValue':{'values':[{'key':'a','value':{'stringValue':"
       "'\\\"\\n'}},{'key':'b','value':{'doubleValue':'NaN'}}]}}}",
       "{k=5:{\"a\":\"\\\"\\n\",\"b\":\"NaN\"}}"},
      {"{'key':'k','value':{}}", "{k=0:}"},
      {"{'key':'k','value':null}", "{k=0:}"},
      {"{'key':'k'},{'key':'k'}", "{k=0: k=0:}"},
      {"{'value':{'stringValue':'v'}}", "{=0:v}"},
  };
  for (const auto& [json, expected] : cases) EXPECT_EQ(Attributes(json), expected) << json;
}

TEST(OtlpTracesTest, ABadSpanCostsItself) {
  const std::pair<std::string, OtlpReject> cases[] = {
      {"{'startTimeUnixNano':1}", OtlpReject::kBadId},
      {"{'traceId':'00','spanId':'EEE19B7EC3C1B174','startTimeUnixNano':1}", OtlpReject::kBadId},
      {"{'traceId':'zz8EFFF798038103D269B633813FC60C','spanId':'EEE19B7EC3C1B174',"
       "'startTimeUnixNano':1}",
       OtlpReject::kBadId},
      {"{'traceId':'00000000000000000000000000000000','spanId':'EEE19B7EC3C1B174',"
       "'startTimeUnixNano':1}",
       OtlpReject::kBadId},
      {"{" + kIds + "}", OtlpReject::kBadTime},
      {"{" + kIds + ",'startTimeUnixNano':'9223372036854775808'}", OtlpReject::kBadTime},
      {"{" + kIds + ",'startTimeUnixNano':" + std::to_string(kTomorrow + 1) + "}",
       OtlpReject::kBadTime},
      {"{" + kIds + ",'startTimeUnixNano':1,'endTimeUnixNano':" + std::to_string(kTomorrow + 1) +
           "}",
       OtlpReject::kBadTime},
      {"{" + kIds + ",'startTimeUnixNano':'soon'}", OtlpReject::kMalformed},
      {"{" + kIds + ",'attributes':{}}", OtlpReject::kMalformed},
      {"3", OtlpReject::kMalformed},
  };
  for (const auto& [span, why] : cases) {
    const OtlpTraces traces =
        Decode(Request(span + ",{" + kIds + ",'startTimeUnixNano':1,'name':'good'}"));
    ASSERT_EQ(traces.spans.size(), 1U) << span;
    EXPECT_EQ(traces.spans[0].name, "good");
    EXPECT_EQ(traces.outcome.rejected(), 1U);
    EXPECT_EQ(traces.outcome.rejected(why), 1U) << span << traces.outcome.Message();
    EXPECT_THAT(traces.outcome.Message(), HasSubstr("rejected 1 of 2: 1 "));
  }
}

TEST(OtlpTracesTest, ADayAheadIsTaken) {
  const OtlpTraces traces =
      Decode(Request("{" + kIds + ",'startTimeUnixNano':" + std::to_string(kTomorrow) + "}"));
  ASSERT_EQ(traces.spans.size(), 1U);
  EXPECT_EQ(traces.spans[0].start_ns, kTomorrow);
}

TEST(OtlpTracesTest, WhatIsNoRequestIsRefused) {
  for (const char* bad : {"", "{", "[]", "7", "{'resourceSpans':{}}", "{'resourceSpans':[1]}",
                          "{'resourceSpans':[{'scopeSpans':[{'spans':{}}]}]}",
                          "{'resourceSpans':[{'resource':7}]}"}) {
    const auto traces = DecodeOtlpTraces(Json(bad), OtlpEncoding::kJson, {}, kNow);
    ASSERT_FALSE(traces.has_value()) << bad;
    EXPECT_EQ(traces.error().code, ErrorCode::kInvalid);
  }
  for (const std::string bad : {"\x0a\x05", "\xff", "\x0b", "\x0a\x02\x12\x09"}) {
    EXPECT_FALSE(DecodeOtlpTraces(bad, OtlpEncoding::kProtobuf, {}, kNow).has_value());
  }
  EXPECT_TRUE(DecodeOtlpTraces("", OtlpEncoding::kProtobuf, {}, kNow).has_value());
  EXPECT_TRUE(DecodeOtlpTraces("{}", OtlpEncoding::kJson, {}, kNow).has_value());
}

TEST(OtlpTracesTest, ProtobufOfAnyOrderAndBrokenSpans) {
  wire::otlp::Span span;
  span.set_trace_id(std::string(16, 1));
  span.set_span_id(std::string(8, 2));
  span.set_start_time_unix_nano(5);
  span.set_name(
      "a\xff"
      "b");  // No UTF-8.
  wire::otlp::ResourceSpans scopes, resource;
  auto* scope = scopes.add_scope_spans();
  *scope->add_spans() = span;
  resource.mutable_resource()->add_attributes()->set_key("late");
  wire::otlp::ExportTraceServiceRequest request;
  std::string bytes = scopes.SerializeAsString() + resource.SerializeAsString();
  // A span of which the end is cut off, inside a frame that is whole: 12 | 12 | 0a 10.
  bytes += std::string("\x12\x04\x12\x02\x0a\x10", 6);
  const std::string framed = "\x0a" + std::string(1, static_cast<char>(bytes.size())) + bytes;
  const auto traces = DecodeOtlpTraces(framed, OtlpEncoding::kProtobuf, {}, kNow);
  ASSERT_TRUE(traces.has_value());
  ASSERT_EQ(traces->spans.size(), 1U);
  EXPECT_EQ(traces->spans[0].name,
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Dump(traces->spans[0].resource->attributes), "{late=0:}");
  EXPECT_EQ(traces->outcome.rejected(OtlpReject::kMalformed), 1U);
}

TEST(OtlpTracesTest, Limits) {
  OtlpLimits limits;
  limits.attributes_max = 1;
  limits.value_bytes_max = 4;
  EXPECT_EQ(Attributes("{'key':'a'},{'key':'b'}", limits), "{a=0:}");
  EXPECT_EQ(Attributes("{'key':'a','value':{'stringValue':'abcdef'}}", limits), "{a=0:abcd}");
  // Not inside a character: three bytes and then one of two.
  EXPECT_EQ(Attributes("{'key':'a','value':{'stringValue':'abc\xc3\xa4'}}", limits), "{a=0:abc}");
  const std::string one = "{" + kIds + ",'startTimeUnixNano':1}";
  limits.items_max = 2;
  const OtlpTraces many = Decode(Request(one + "," + one + "," + one + "," + one), limits);
  EXPECT_EQ(many.spans.size(), 2U);
  EXPECT_EQ(many.outcome.rejected(OtlpReject::kTooMany), 2U);
  limits = {};
  limits.item_bytes_max = 8 * 4;
  const OtlpTraces large =
      Decode(Request("{" + kIds + ",'startTimeUnixNano':1,'events':[{},{},{}]}," + one), limits);
  EXPECT_EQ(large.spans.size(), 1U);
  EXPECT_EQ(large.outcome.rejected(OtlpReject::kTooLarge), 1U);
  limits = {};
  limits.decoded_bytes_max = 700;
  EXPECT_EQ(Decode(Request(one + "," + one + "," + one), limits).spans.size(), 2U);
  limits = {};
  limits.items_max = 1;
  const auto entries =
      DecodeOtlpTraces(Json("{'resourceSpans':[{},{}]}"), OtlpEncoding::kJson, limits, kNow);
  ASSERT_FALSE(entries.has_value());
  EXPECT_EQ(entries.error().code, ErrorCode::kExhausted);
}

// Arrays inside each other, n deep.
std::string Deep(std::size_t n) {
  std::string json;
  for (std::size_t i = 0; i < n; ++i) json += "{'arrayValue':{'values':[";
  json += "{'intValue':1}";
  for (std::size_t i = 0; i < n; ++i) json += "]}}";
  return json;
}

TEST(OtlpTracesTest, DeepValuesAreCut) {
  OtlpLimits limits;
  limits.value_depth_max = 2;
  EXPECT_EQ(Attributes("{'key':'a','value':" + Deep(2) + "}", limits), "{a=5:[[1]]}");
  EXPECT_EQ(Attributes("{'key':'a','value':" + Deep(3) + "}", limits), "{a=5:[[null]]}");
  // Beyond what the parsers read: the request (JSON) or the span (protobuf) is refused.
  const std::string bomb =
      Request("{" + kIds + ",'attributes':[{'key':'a','value':" + Deep(100'000) + "}]}");
  EXPECT_FALSE(DecodeOtlpTraces(bomb, OtlpEncoding::kJson, {}, kNow).has_value());
  wire::otlp::ExportTraceServiceRequest request;
  auto* span = request.add_resource_spans()->add_scope_spans()->add_spans();
  auto* value = span->add_attributes()->mutable_value();
  for (int i = 0; i < 2000; ++i) value = value->mutable_array_value()->add_values();
  const auto traces =
      DecodeOtlpTraces(request.SerializeAsString(), OtlpEncoding::kProtobuf, {}, kNow);
  ASSERT_TRUE(traces.has_value());
  EXPECT_EQ(traces->outcome.rejected(OtlpReject::kMalformed), 1U);
}

}  // namespace
}  // namespace opssight
