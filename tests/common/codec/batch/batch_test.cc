#include "common/codec/batch/batch.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "common/bytes/zstd.h"
#include "schemas/batch_generated.h"

namespace opssight {
namespace {

std::shared_ptr<const Layout> SomeLayout() {
  std::vector<LayoutSeries> series;
  series.push_back(
      {.labels = Labels{{"__name__", "up"}, {"job", "a"}}, .type = MetricType::kGauge});
  series.push_back({.labels = Labels{{"__name__", "requests_total"}, {"job", "a"}},
                    .type = MetricType::kCounter});
  return std::make_shared<const Layout>(std::move(series));
}

BatchContents SomeContents() {
  BatchContents contents;
  const auto layout = SomeLayout();
  contents.metrics.push_back({.layout = layout, .time_ms = 1000, .values = {1, 2}});
  contents.metrics.push_back({.layout = layout, .time_ms = 2000, .values = {1, 3.5}});
  LogRows rows{.stream = std::make_shared<const Labels>(Labels{{"app", "a"}, {"env", "p"}})};
  rows.Add(10, "first");
  rows.Add(20, "");
  rows.Add(30, std::string_view("\0\xff", 2));
  rows.metadata.push_back({.row = 2, .label = {"trace_id", "ff"}});
  contents.logs.push_back(std::move(rows));
  Span span;
  span.trace_id[0] = 1;
  span.span_id[7] = 2;
  span.parent_span_id[0] = 3;
  span.name = "op";
  span.kind = 2;
  span.flags = 257;
  span.start_ns = 5;
  span.end_ns = 9;
  span.attributes = {{"s", Value::String("x")},
                     {"i", Value::Int(-1)},
                     {"b", Value::Bool(true)},
                     {"d", Value::Double(0.5)},
                     {"raw", Value::Bytes(std::string("\0", 1))}};
  span.events.push_back({.time_ns = 6, .name = "e", .attributes = {{"k", Value::Json("[1]")}}});
  span.links.push_back({.trace_id = span.trace_id, .span_id = span.span_id, .trace_state = "s=1"});
  span.resource =
      std::make_shared<const Resource>(Resource{{{"service.name", Value::String("svc")}}});
  span.scope = std::make_shared<const Scope>(Scope{.name = "lib", .version = "1"});
  contents.spans = {span, span};
  contents.gaps.push_back({.signal = Signal::kLogs,
                           .stream = "{app=\"a\"}",
                           .from_ns = 1,
                           .to_ns = 2,
                           .count = 3,
                           .reason = "spool full"});
  const auto series =
      std::make_shared<const Labels>(Labels{{"__name__", "latency_seconds"}, {"job", "a"}});
  contents.histograms.push_back({.series = series,
                                 .time_ms = 1000,
                                 .histogram = {.schema = 3,
                                               .hint = ResetHint::kNotReset,
                                               .zero_threshold = 1e-128,
                                               .zero_count = 2,
                                               .count = 10,
                                               .sum = 4.25,
                                               .positive_spans = {{-2, 2}, {3, 1}},
                                               .negative_spans = {{0, 1}},
                                               .positive = {1, 2, 4},
                                               .negative = {1}}});
  contents.histograms.push_back({.series = series,
                                 .time_ms = 2000,
                                 .histogram = {.schema = kCustomBucketsSchema,
                                               .count = 3,
                                               .sum = 1,
                                               .positive_spans = {{1, 2}},
                                               .positive = {1, 2},
                                               .custom_values = {0.1, 0.5}}});
  contents.exemplars.push_back(
      {.series = series, .time_ms = 1500, .value = 0.3, .labels = {{"trace_id", "ff"}}});
  contents.metadata.push_back({.name = "latency_seconds",
                               .type = MetricType::kHistogram,
                               .help = "How long.",
                               .unit = "seconds"});
  return contents;
}

TEST(BatchTest, MetricRowsOfALayoutComeBackTogether) {
  const auto batch = DecodedBatch::Decode(EncodeBatch(SomeContents(), 77), {});
  ASSERT_TRUE(batch.has_value()) << batch.error().message;
  EXPECT_EQ((*batch)->created_ms(), 77);
  ASSERT_EQ((*batch)->metrics().size(), 1U);
  const MetricRowsView& rows = (*batch)->metrics()[0];
  EXPECT_EQ(rows.layout, SomeLayout()->id());
  EXPECT_EQ(std::vector<std::int64_t>(rows.times.begin(), rows.times.end()),
            (std::vector<std::int64_t>{1000, 2000}));
  EXPECT_EQ(std::vector<double>(rows.values.begin(), rows.values.end()),
            (std::vector<double>{1, 2, 1, 3.5}));
}

TEST(BatchTest, LogRowsComeBackByteForByte) {
  const auto batch = DecodedBatch::Decode(EncodeBatch(SomeContents(), 0), {});
  ASSERT_TRUE(batch.has_value());
  ASSERT_EQ((*batch)->logs().size(), 1U);
  const LogRowsView& rows = (*batch)->logs()[0];
  EXPECT_EQ(rows.labels, (std::vector<std::pair<std::string_view, std::string_view>>{
                             {"app", "a"}, {"env", "p"}}));
  EXPECT_EQ(rows.Line(0), "first");
  EXPECT_EQ(rows.Line(1), "");
  EXPECT_EQ(rows.Line(2), std::string_view("\0\xff", 2));
  ASSERT_EQ(rows.metadata.size(), 1U);
  EXPECT_EQ(rows.metadata[0].row, 2U);
  EXPECT_EQ(rows.metadata[0].value, "ff");
}

TEST(BatchTest, SpansAndGapsComeBackWhole) {
  const BatchContents contents = SomeContents();
  const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
  ASSERT_TRUE(batch.has_value());
  ASSERT_EQ((*batch)->spans().size(), 2U);
  const Span& span = (*batch)->spans()[1];
  const Span& sent = contents.spans[1];
  EXPECT_EQ(span.trace_id, sent.trace_id);
  EXPECT_EQ(span.parent_span_id, sent.parent_span_id);
  EXPECT_EQ(span.attributes, sent.attributes);
  EXPECT_EQ(span.events.at(0).attributes, sent.events[0].attributes);
  EXPECT_EQ(span.links.at(0).trace_state, "s=1");
  EXPECT_EQ(*span.resource, *sent.resource);
  EXPECT_EQ(*span.scope, *sent.scope);
  EXPECT_EQ((*batch)->spans()[0].resource, span.resource) << "one resource, shared";
  EXPECT_EQ((*batch)->gaps(), contents.gaps);
}

TEST(BatchTest, HistogramsExemplarsAndMetadataComeBackWhole) {
  const BatchContents contents = SomeContents();
  const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
  ASSERT_TRUE(batch.has_value()) << batch.error().message;
  ASSERT_EQ((*batch)->histograms().size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const HistogramRow& row = (*batch)->histograms()[i];
    const HistogramRow& sent = contents.histograms[i];
    EXPECT_EQ(*row.series, *sent.series);
    EXPECT_EQ(row.time_ms, sent.time_ms);
    EXPECT_EQ(row.histogram.schema, sent.histogram.schema);
    EXPECT_EQ(row.histogram.hint, sent.histogram.hint);
    EXPECT_EQ(row.histogram.zero_threshold, sent.histogram.zero_threshold);
    EXPECT_EQ(row.histogram.zero_count, sent.histogram.zero_count);
    EXPECT_EQ(row.histogram.count, sent.histogram.count);
    EXPECT_EQ(row.histogram.sum, sent.histogram.sum);
    EXPECT_EQ(row.histogram.positive_spans, sent.histogram.positive_spans);
    EXPECT_EQ(row.histogram.negative_spans, sent.histogram.negative_spans);
    EXPECT_EQ(row.histogram.positive, sent.histogram.positive);
    EXPECT_EQ(row.histogram.negative, sent.histogram.negative);
    EXPECT_EQ(row.histogram.custom_values, sent.histogram.custom_values);
  }
  ASSERT_EQ((*batch)->exemplars().size(), 1U);
  const Exemplar& exemplar = (*batch)->exemplars()[0];
  EXPECT_EQ(exemplar.series, (*batch)->histograms()[0].series) << "one label set, shared";
  EXPECT_EQ(exemplar.time_ms, 1500);
  EXPECT_EQ(exemplar.value, 0.3);
  EXPECT_EQ(exemplar.labels, contents.exemplars[0].labels);
  EXPECT_EQ((*batch)->metadata(), contents.metadata);
}

TEST(BatchTest, BrokenHistogramsAreRefused) {
  using Break = void (*)(Histogram&);
  const Break breaks[] = {
      [](Histogram& h) { h.schema = 9; },
      [](Histogram& h) { h.positive.pop_back(); },
      [](Histogram& h) { h.positive_spans[1].offset = -1; },
      [](Histogram& h) { h.positive_spans[0].offset = INT32_MAX; },
      [](Histogram& h) { h.custom_values = {1}; },
  };
  for (const Break change : breaks) {
    HistogramRow row = SomeContents().histograms[0];
    change(row.histogram);
    EXPECT_FALSE(CheckRecord(row, {}).has_value());
    const auto read = DecodedBatch::Decode(EncodeBatch({.histograms = {row}}, 0), {});
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  }
  const HistogramRow row = SomeContents().histograms[0];
  EXPECT_EQ(CheckRecord(row, {.histogram_buckets_max = 3}).error().code, ErrorCode::kExhausted);
}

TEST(BatchTest, ExemplarsAndMetadataHaveLimits) {
  Exemplar exemplar = SomeContents().exemplars[0];
  for (const auto& [chars, fits] : {std::pair(124, true), {125, false}}) {
    std::string value;
    for (int i = 0; i < chars; ++i) value += "\u00e9";
    exemplar.labels = {{"name", value}};
    EXPECT_EQ(CheckRecord(exemplar, {}).has_value(), fits) << chars;
  }
  MetricMetadata metadata = SomeContents().metadata[0];
  metadata.help = std::string(64 << 10, 'h');
  EXPECT_EQ(CheckRecord(metadata, {}).error().code, ErrorCode::kExhausted);
  EXPECT_EQ(DecodedBatch::Decode(EncodeBatch({.metadata = {metadata}}, 0), {}).error().code,
            ErrorCode::kExhausted);
}

TargetsSnapshot SomeTargets() {
  TargetsSnapshot out;
  out.left_out = 2;
  out.pools.push_back({.name = "a",
                       .config_yaml = "job_name: a\n",
                       .active = {{.labels = Labels{{"job", "a"}},
                                   .discovered = Labels{{"__address__", "h:1"}},
                                   .scrape_url = "http://h:1/metrics",
                                   .global_url = "http://g:1/metrics",
                                   .health = TargetHealth::kDown,
                                   .last_error = "refused",
                                   .last_scrape_ms = 5,
                                   .last_duration_s = 0.5,
                                   .interval_ms = 15'000,
                                   .timeout_ms = 10'000}},
                       .dropped = {Labels{{"__address__", "x"}}, Labels{{"__address__", "y"}}},
                       .dropped_count = 7});
  out.pools.push_back({.name = "b"});
  return out;
}

std::string TextOf(const TargetsSnapshot& targets) {
  JsonWriter json;
  WriteTargets(PoolsOf(targets), {}, json);
  return json.Take();
}

TEST(BatchTest, TargetsComeBackWhole) {
  EXPECT_EQ((*DecodedBatch::Decode(EncodeBatch(SomeContents(), 0), {}))->targets(), nullptr);
  const BatchContents contents{.targets = std::make_shared<const TargetsSnapshot>(SomeTargets())};
  EXPECT_FALSE(contents.empty());
  const auto batch = DecodedBatch::Decode(EncodeBatch(contents, 0), {});
  ASSERT_TRUE(batch.has_value()) << batch.error().message;
  ASSERT_NE((*batch)->targets(), nullptr);
  const TargetsSnapshot& read = *(*batch)->targets();
  EXPECT_EQ(TextOf(read), TextOf(*contents.targets));
  EXPECT_EQ(read.left_out, 2U);
  EXPECT_EQ(read.pools[0].config_yaml, "job_name: a\n");
  EXPECT_EQ(read.pools[0].dropped_count, 7U);
}

TEST(BatchTest, ImpossibleTargetsAreRefused) {
  using Break = void (*)(TargetState&);
  const Break breaks[] = {
      [](TargetState& t) { t.health = static_cast<TargetHealth>(3); },
      [](TargetState& t) { t.last_scrape_ms = INT64_MAX; },
      [](TargetState& t) { t.interval_ms = -1; },
      [](TargetState& t) { t.last_duration_s = std::numeric_limits<double>::infinity(); },
  };
  for (const Break change : breaks) {
    TargetsSnapshot targets = SomeTargets();
    change(targets.pools[0].active[0]);
    const auto read = DecodedBatch::Decode(
        EncodeBatch({.targets = std::make_shared<const TargetsSnapshot>(targets)}, 0), {});
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  }
}

// They are no reason to refuse what came with them.
TEST(BatchTest, TargetsOverTheLimitsAreLeftOut) {
  const std::string frame =
      EncodeBatch({.targets = std::make_shared<const TargetsSnapshot>(SomeTargets())}, 0);
  struct Case {
    TargetsLimits limits;
    std::size_t pools, active, dropped;
    std::uint64_t left_out;
  };
  const Case cases[] = {
      {{}, 2, 1, 2, 2},
      {{.targets_max = 2}, 2, 1, 1, 3},
      {{.targets_max = 0}, 2, 0, 0, 5},
      {{.pools_max = 1}, 1, 1, 2, 2},
      {{.bytes_max = sizeof(TargetsSnapshot) + 2 * sizeof(ScrapePool) + 2}, 2, 0, 0, 5},
  };
  for (const Case& one : cases) {
    const auto batch = DecodedBatch::Decode(frame, {.targets = one.limits});
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    const TargetsSnapshot& read = *(*batch)->targets();
    ASSERT_EQ(read.pools.size(), one.pools);
    EXPECT_EQ(read.pools[0].active.size(), one.active);
    EXPECT_EQ(read.pools[0].dropped.size(), one.dropped);
    EXPECT_EQ(read.left_out, one.left_out);
  }
}

TEST(BatchTest, AnEmptyBatchIsABatch) {
  const auto batch = DecodedBatch::Decode(EncodeBatch({}, 5), {});
  ASSERT_TRUE(batch.has_value());
  EXPECT_TRUE((*batch)->metrics().empty());
}

TEST(BatchTest, LayoutsRoundTripWithTheirId) {
  const auto layout = SomeLayout();
  const auto read = DecodeLayout(EncodeLayout(*layout), {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ((*read)->id(), layout->id());
  EXPECT_EQ((*read)->series()[1].type, MetricType::kCounter);
  EXPECT_EQ((*read)->series()[1].labels, layout->series()[1].labels);
}

TEST(BatchTest, LimitsAreNamedErrors) {
  const auto many = DecodeLayout(EncodeLayout(*SomeLayout()), {.layout_series_max = 1});
  EXPECT_EQ(many.error().message, "layout: 2 series, limit 1");
  EXPECT_EQ(many.error().code, ErrorCode::kExhausted);
  const auto labels = DecodedBatch::Decode(EncodeBatch(SomeContents(), 0), {.labels_max = 1});
  EXPECT_EQ(labels.error().code, ErrorCode::kExhausted);
  const auto bytes = DecodedBatch::Decode(EncodeBatch(SomeContents(), 0), {.bytes_max = 16});
  EXPECT_EQ(bytes.error().code, ErrorCode::kExhausted);
}

std::string FrameOf(const flatbuffers::FlatBufferBuilder& builder) {
  return ZstdCompress(
      {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

// A thousand spans of one name of a megabyte take a megabyte on the wire, and would take a
// gigabyte in memory.
TEST(BatchTest, SharedPartsAreRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const std::vector<std::uint8_t> id_bytes(32, 1);
  const auto resources = builder.CreateVector(
      std::vector<flatbuffers::Offset<wire::Resource>>{wire::CreateResource(builder)});
  const auto scopes = builder.CreateVector(
      std::vector<flatbuffers::Offset<wire::Scope>>{wire::CreateScope(builder)});
  const auto name = builder.CreateString(std::string(1 << 20, 'n'));
  const auto ids = builder.CreateVector(id_bytes);
  std::vector<flatbuffers::Offset<wire::Span>> all(1'000,
                                                   wire::CreateSpan(builder, ids, 0, 0, name));
  const auto spans = builder.CreateVector(all);
  wire::BatchBuilder batch(builder);
  batch.add_resources(resources);
  batch.add_scopes(scopes);
  batch.add_spans(spans);
  builder.Finish(batch.Finish());
  const auto read = DecodedBatch::Decode(FrameOf(builder), {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().message, "batch: its parts overlap");
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
}

TEST(BatchTest, SharedLabelsOfALayoutAreRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto text = builder.CreateString(std::string(1 << 10, 'n'));
  const std::vector<flatbuffers::Offset<wire::Pair>> pairs(10,
                                                           wire::CreatePair(builder, text, text));
  const auto labels = builder.CreateVector(pairs);
  const std::vector<flatbuffers::Offset<wire::LayoutSeries>> series(
      10, wire::CreateLayoutSeries(builder, labels));
  builder.Finish(wire::CreateLayout(builder, builder.CreateVector(series)));
  EXPECT_EQ(DecodeLayout(FrameOf(builder), {}).error().code, ErrorCode::kCorrupt);
}

// Whatever byte is flipped behind the compression, decoding ends in a batch whose
// views stay inside it, or in an error.
TEST(BatchTest, EveryFlippedByteIsSafe) {
  std::string raw;
  ASSERT_TRUE(ZstdDecompress(EncodeBatch(SomeContents(), 1), 1 << 20, raw).has_value());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bad = raw;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      const auto batch = DecodedBatch::Decode(ZstdCompress(bad), {});
      if (!batch) continue;
      for (const LogRowsView& rows : (*batch)->logs()) {
        std::size_t total = 0;
        for (std::size_t row = 0; row < rows.times.size(); ++row) total += rows.Line(row).size();
        EXPECT_EQ(total, rows.text.size());
      }
      for (const MetricRowsView& rows : (*batch)->metrics()) {
        EXPECT_EQ(rows.values.size() % rows.times.size(), 0U);
      }
    }
  }
}

}  // namespace
}  // namespace opssight
