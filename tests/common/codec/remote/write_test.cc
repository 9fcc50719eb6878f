#include "common/codec/remote/write.h"

#include <bit>
#include <cmath>

#include "common/bytes/wire.h"

namespace opssight {
namespace {

const std::vector<LabelView> kUp = {{"__name__", "up"}, {"instance", "a:1"}, {"job", "x"}};

WriteHistogram Native(std::int64_t time_ms) {
  return {.time_ms = time_ms,
          .histogram = {.schema = 1,
                        .hint = ResetHint::kNotReset,
                        .zero_threshold = 0.001,
                        .zero_count = 2,
                        .count = 12,
                        .sum = 18.4,
                        .positive_spans = {{.offset = -2, .length = 2}, {.offset = 1, .length = 1}},
                        .negative_spans = {{.offset = 3, .length = 1}},
                        .positive = {1, 2, 3},
                        .negative = {4}}};
}

std::vector<WriteSeriesOut> TwoSeries() {
  return {{.labels = kUp,
           .type = MetricType::kGauge,
           .help = "Whether it is up.",
           .samples = {{.time_ms = 1000, .value = 1},
                       {.time_ms = 2000, .value = std::bit_cast<double>(kStaleNanBits)}},
           .exemplars = {{.time_ms = 1500, .value = 0.5, .labels = {{"trace_id", "ab"}}}}},
          {.labels = {{"__name__", "lat"}, {"job", "x"}}, .histograms = {Native(-5)}}};
}

std::string LabelText(const WriteRequest& request, std::size_t i, const WriteLimits& limits = {}) {
  std::vector<LabelView> labels;
  const LabelFault fault = ReadLabels(request, request.series[i], limits, labels);
  std::string text(ToString(fault));
  if (fault != LabelFault::kNone) return text;
  text.clear();
  for (const auto& [name, value] : labels) text.append(name).append("=").append(value).append(" ");
  return text;
}

class WriteVersions : public testing::TestWithParam<WriteVersion> {
 protected:
  static std::string Encode(const std::vector<WriteSeriesOut>& series) {
    return GetParam() == WriteVersion::kV1 ? EncodeWriteV1(series, {}) : EncodeWriteV2(series);
  }
};
INSTANTIATE_TEST_SUITE_P(Both, WriteVersions,
                         testing::Values(WriteVersion::kV1, WriteVersion::kV2));

TEST_P(WriteVersions, ComesBackAsItWent) {
  const std::string bytes = Encode(TwoSeries());
  WriteRequest request;
  for (int round = 0; round < 2; ++round) {  // The second one into what the first left.
    ASSERT_TRUE(DecodeWrite(bytes, GetParam(), {}, request));
    ASSERT_EQ(request.series.size(), 2U);
    EXPECT_EQ(LabelText(request, 0), "__name__=up instance=a:1 job=x ");
    EXPECT_EQ(LabelText(request, 1), "__name__=lat job=x ");
    ASSERT_EQ(request.samples.size(), 2U);
    EXPECT_EQ(request.samples[0].time_ms, 1000);
    EXPECT_EQ(request.samples[0].value, 1);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(request.samples[1].value), kStaleNanBits);
    EXPECT_EQ(request.series[0].samples.count, 2U);
    EXPECT_EQ(request.series[1].samples.count, 0U);
    ASSERT_EQ(request.exemplars.size(), 1U);
    EXPECT_EQ(request.exemplars[0].time_ms, 1500);
    EXPECT_EQ(request.exemplar_labels[request.exemplars[0].labels], LabelView("trace_id", "ab"));
    ASSERT_EQ(request.histograms.size(), 1U);
    const WriteHistogram& one = request.histograms[request.series[1].histograms.begin];
    EXPECT_EQ(one.time_ms, -5);
    const Histogram want = Native(-5).histogram;
    EXPECT_EQ(one.histogram.schema, want.schema);
    EXPECT_EQ(one.histogram.hint, want.hint);
    EXPECT_EQ(one.histogram.positive, want.positive);
    EXPECT_EQ(one.histogram.negative, want.negative);
    EXPECT_EQ(one.histogram.positive_spans, want.positive_spans);
    EXPECT_EQ(one.histogram.count, want.count);
    EXPECT_TRUE(CheckHistogram(one.histogram, 100));
  }
}

TEST_P(WriteVersions, AKeyNamesALabelSet) {
  WriteRequest request;
  auto series = TwoSeries();
  series.push_back(series[0]);
  ASSERT_TRUE(DecodeWrite(Encode(series), GetParam(), {}, request));
  const Hash128 up = request.series[0].key;
  EXPECT_EQ(up, request.series[2].key);
  EXPECT_NE(up, request.series[1].key);
  // In another request, too, where symbols have other numbers.
  series.erase(series.begin());
  ASSERT_TRUE(DecodeWrite(Encode(series), GetParam(), {}, request));
  EXPECT_EQ(up, request.series[1].key);
}

TEST_P(WriteVersions, FaultsOfLabels) {
  struct Case {
    std::vector<LabelView> labels;
    const char* want;
  };
  const std::string long_text(9000, 'x');
  std::vector<LabelView> many = {{"__name__", "m"}};
  std::vector<std::string> names;
  for (int i = 0; i < 80; ++i) names.push_back("l" + std::to_string(i));
  for (const std::string& name : names) many.emplace_back(name, "v");
  const Case cases[] = {
      {{{"job", "x"}}, "no_name"},
      {{{"__name__", ""}, {"job", "x"}}, "no_name"},
      {{}, "no_name"},
      {{{"__name__", "m"}, {"", "x"}}, "bad_label"},
      {{{"__name__", "m"}, {"a", "\xff"}}, "bad_label"},
      {{{"__name__", "m"}, {"a", "1"}, {"a", "1"}}, "duplicate_label"},
      {{{"__name__", "m"}, {"a", long_text}}, "label_too_long"},
      {many, "too_many_labels"},
      {{{"b", "2"}, {"a", ""}, {"__name__", "m"}}, "__name__=m b=2 "},
      {{{"__name__", "m"}, {"caf\xc3\xa9.x", "1"}}, "__name__=m caf\xc3\xa9.x=1 "},
  };
  for (const Case& one : cases) {
    WriteRequest request;
    const std::string bytes = Encode({{.labels = one.labels}});
    ASSERT_TRUE(DecodeWrite(bytes, GetParam(), {}, request));
    EXPECT_EQ(LabelText(request, 0), one.want);
  }
}

TEST_P(WriteVersions, LimitsOfTheRequest) {
  const std::string bytes = Encode(TwoSeries());
  WriteRequest request;
  for (const WriteLimits& limits : {WriteLimits{.body_bytes_max = 10}, WriteLimits{.series_max = 1},
                                    WriteLimits{.decoded_bytes_max = 300}}) {
    const Status status = DecodeWrite(bytes, GetParam(), limits, request);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kExhausted) << status.error().message;
  }
}

TEST_P(WriteVersions, CutBytesAreInvalidOrLess) {
  const std::string bytes = Encode(TwoSeries());
  WriteRequest request;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Status status =
        DecodeWrite(std::string_view(bytes).substr(0, size), GetParam(), {}, request);
    if (status) continue;  // Cut between two parts.
    for (std::size_t i = 0; i < request.series.size(); ++i) LabelText(request, i);
  }
}

TEST(WriteV1Test, LabelsThatStandApartAreGathered) {
  std::string bytes;
  WireWriter out(bytes);
  const auto label = [](WireWriter& to, std::string_view name, std::string_view value) {
    to.Message(1, [&](WireWriter& part) {
      part.Bytes(1, name);
      part.Bytes(2, value);
    });
  };
  out.Message(1, [&](WireWriter& series) {
    label(series, "__name__", "up");
    series.Message(2, [](WireWriter& sample) { sample.Double(1, 5); });
    label(series, "instance", "a:1");
    label(series, "job", "x");
  });
  WriteRequest request;
  ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV1, {}, request));
  EXPECT_EQ(LabelText(request, 0), "__name__=up instance=a:1 job=x ");
  EXPECT_EQ(request.samples[0].value, 5);
  WriteRequest same;
  const std::string together = EncodeWriteV1({{.labels = kUp}}, {});
  ASSERT_TRUE(DecodeWrite(together, WriteVersion::kV1, {}, same));
  EXPECT_EQ(request.series[0].key, same.series[0].key);
}

TEST(WriteV1Test, Metadata) {
  const std::string bytes = EncodeWriteV1(
      {}, {{.type = MetricType::kCounter, .name = "x_total", .help = "What.", .unit = "s"}});
  WriteRequest request;
  ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV1, {}, request));
  ASSERT_EQ(request.metadata.size(), 1U);
  EXPECT_EQ(request.metadata[0].type, MetricType::kCounter);
  EXPECT_EQ(request.metadata[0].name, "x_total");
  EXPECT_EQ(request.metadata[0].help, "What.");
  EXPECT_EQ(request.metadata[0].unit, "s");
}

// As Prometheus' own sender writes them: counts as differences, integers.
TEST(WriteV1Test, AnIntegerHistogram) {
  std::string bytes;
  WireWriter out(bytes);
  out.Message(1, [](WireWriter& series) {
    series.Message(4, [](WireWriter& histogram) {
      histogram.Varint(1, 6);  // count_int
      histogram.Double(3, 2.5);
      histogram.Signed(4, 2);
      histogram.Varint(6, 1);  // zero_count_int
      histogram.Message(11, [](WireWriter& span) { span.Varint(2, 3); });
      histogram.Bytes(12, std::string("\x02\x02\x03", 3));  // +1 +1 -2
      histogram.Varint(15, 1000);
    });
  });
  WriteRequest request;
  ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV1, {}, request));
  const Histogram& histogram = request.histograms.at(0).histogram;
  EXPECT_EQ(histogram.positive, (std::vector<double>{1, 2, 0}));
  EXPECT_EQ(histogram.count, 6);
  EXPECT_EQ(histogram.zero_count, 1);
  EXPECT_TRUE(CheckHistogram(histogram, 100));
}

TEST(WriteV2Test, NumbersWithoutSymbolsCostTheirSeries) {
  std::string bytes;
  WireWriter out(bytes);
  out.Bytes(4, "");
  out.Message(5, [](WireWriter& series) { series.Bytes(1, std::string("\x01\x02", 2)); });
  out.Message(5, [](WireWriter& series) { series.Bytes(1, std::string("\x00", 1)); });
  WriteRequest request;
  ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV2, {}, request));
  EXPECT_EQ(LabelText(request, 0), "malformed");
  EXPECT_EQ(LabelText(request, 1), "malformed");
}

TEST(WriteV2Test, TypeHelpAndUnitComeWithTheSeries) {
  WriteRequest request;
  const std::string bytes = EncodeWriteV2(TwoSeries());
  ASSERT_TRUE(DecodeWrite(bytes, WriteVersion::kV2, {}, request));
  EXPECT_EQ(request.series[0].type, MetricType::kGauge);
  EXPECT_EQ(request.series[0].help, "Whether it is up.");
  EXPECT_EQ(request.series[1].help, "");
}

}  // namespace
}  // namespace opssight
