#include "common/codec/batch/batch.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include <flatbuffers/flatbuffers.h>
#include <fmt/core.h>

#include "common/base/check.h"
#include "common/bytes/zstd.h"
#include "common/codec/batch/metric_records.h"
#include "common/codec/batch/reader.h"
#include "common/codec/batch/targets.h"
#include "common/codec/batch/writer.h"
#include "schemas/batch_generated.h"

namespace opssight {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kAttributesMax = 4096;  // Of one span, event, resource or scope.

using batch::Bad;
using batch::Bytes;
using batch::Offset;
using batch::PairOf;
using batch::Pairs;
using batch::Reader;
using batch::Text;
using batch::Vector;
using flatbuffers::FlatBufferBuilder;

std::string Frame(const FlatBufferBuilder& builder, int level = kZstdFast) {
  return ZstdCompress(
      {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()}, level);
}

// Rows alone are numbers; all else is mostly text.
int LevelFor(const BatchContents& contents) {
  const bool text = !contents.logs.empty() || !contents.spans.empty() ||
                    !contents.histograms.empty() || !contents.exemplars.empty() ||
                    !contents.metadata.empty() || !contents.gaps.empty() ||
                    contents.targets != nullptr;
  return text ? kZstdFast : kZstdFastest;
}

// ---- writing

// One builder a thread, whose memory is used again by the next batch unless a large
// one made it grow.
class Builder {
 public:
  Builder() { Get().Clear(); }
  ~Builder() {
    if (Get().GetSize() > kKeptBytes) Get().Reset();
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  static FlatBufferBuilder& Get() {
    thread_local FlatBufferBuilder builder(64UL << 10);
    return builder;
  }

 private:
  static constexpr std::size_t kKeptBytes = 1UL << 20;
};

using AttributeVector = Offset<Vector<Offset<wire::Attribute>>>;

AttributeVector Attributes(FlatBufferBuilder& builder, const std::vector<Attribute>& attributes) {
  if (attributes.empty()) return {};
  std::vector<Offset<wire::Attribute>> out;
  for (const Attribute& attribute : attributes) {
    const auto key = builder.CreateString(attribute.key);
    const Value& value = attribute.value;
    const auto text =
        value.text.empty() ? Offset<Vector<std::uint8_t>>() : Bytes(builder, value.text);
    out.push_back(wire::CreateAttribute(builder, key, static_cast<std::uint8_t>(value.type), text,
                                        value.integer, value.real));
  }
  return builder.CreateVector(out);
}

Offset<wire::MetricRows> RowsOf(FlatBufferBuilder& builder, const LayoutId& id,
                                const std::vector<std::int64_t>& times,
                                const std::vector<double>& values) {
  const wire::LayoutId layout(id.high, id.low);
  const auto times_at = builder.CreateVector(times);
  const auto values_at = builder.CreateVector(values);
  return wire::CreateMetricRows(builder, &layout, times_at, values_at);
}

Offset<Vector<Offset<wire::MetricRows>>> Metrics(FlatBufferBuilder& builder,
                                                 const std::vector<MetricRow>& rows,
                                                 const std::vector<LayoutRows>& layout_rows) {
  std::map<LayoutId, std::vector<const MetricRow*>> by_layout;
  for (const MetricRow& row : rows) {
    OPS_CHECK(row.layout != nullptr && row.values.size() == row.layout->series().size(),
              "batch: a row of {} values", row.values.size());
    by_layout[row.layout->id()].push_back(&row);
  }
  std::vector<Offset<wire::MetricRows>> out;
  for (const auto& [id, group] : by_layout) {
    std::vector<std::int64_t> times;
    std::vector<double> values;
    for (const MetricRow* row : group) {
      times.push_back(row->time_ms);
      values.insert(values.end(), row->values.begin(), row->values.end());
    }
    out.push_back(RowsOf(builder, id, times, values));
  }
  for (const LayoutRows& one : layout_rows) {
    OPS_CHECK(
        !one.times.empty() && !one.values.empty() && one.values.size() % one.times.size() == 0,
        "batch: {} rows of {} values", one.times.size(), one.values.size());
    out.push_back(RowsOf(builder, one.layout, one.times, one.values));
  }
  return builder.CreateVector(out);
}

Offset<Vector<Offset<wire::LogRows>>> Logs(FlatBufferBuilder& builder,
                                           const std::vector<LogRows>& logs) {
  std::vector<Offset<wire::LogRows>> out;
  for (const LogRows& rows : logs) {
    std::vector<std::int64_t> times;
    std::vector<std::uint32_t> ends;
    for (const LogRows::Row& row : rows.rows) {
      times.push_back(row.time_ns);
      ends.push_back(row.end);
    }
    std::vector<Offset<wire::LogMetadata>> metadata;
    for (const LogRows::Metadata& entry : rows.metadata) {
      const auto pair = PairOf(builder, entry.label);
      metadata.push_back(wire::CreateLogMetadata(builder, entry.row, pair));
    }
    const auto labels = Pairs(builder, *rows.stream);
    const auto times_at = builder.CreateVector(times);
    const auto ends_at = builder.CreateVector(ends);
    const auto text = Bytes(builder, rows.text);
    const auto metadata_at = metadata.empty() ? Offset<Vector<Offset<wire::LogMetadata>>>()
                                              : builder.CreateVector(metadata);
    out.push_back(wire::CreateLogRows(builder, labels, times_at, ends_at, text, metadata_at));
  }
  return builder.CreateVector(out);
}

Offset<wire::Span> SpanOf(FlatBufferBuilder& builder, const Span& span, std::uint32_t resource,
                          std::uint32_t scope) {
  std::string ids(reinterpret_cast<const char*>(span.trace_id.data()), span.trace_id.size());
  ids.append(reinterpret_cast<const char*>(span.span_id.data()), span.span_id.size());
  ids.append(reinterpret_cast<const char*>(span.parent_span_id.data()), span.parent_span_id.size());
  std::vector<Offset<wire::SpanEvent>> events;
  for (const SpanEvent& event : span.events) {
    const auto name = Text(builder, event.name);
    const auto attributes = Attributes(builder, event.attributes);
    events.push_back(wire::CreateSpanEvent(builder, event.time_ns, name, attributes));
  }
  std::vector<Offset<wire::SpanLink>> links;
  for (const SpanLink& link : span.links) {
    const auto trace = builder.CreateVector(link.trace_id.data(), link.trace_id.size());
    const auto id = builder.CreateVector(link.span_id.data(), link.span_id.size());
    const auto state = Text(builder, link.trace_state);
    const auto attributes = Attributes(builder, link.attributes);
    links.push_back(wire::CreateSpanLink(builder, trace, id, state, attributes));
  }
  const auto ids_at = Bytes(builder, ids);
  const auto name = Text(builder, span.name);
  const auto state = Text(builder, span.trace_state);
  const auto message = Text(builder, span.status_message);
  const auto attributes = Attributes(builder, span.attributes);
  const auto events_at = builder.CreateVector(events);
  const auto links_at = builder.CreateVector(links);
  return wire::CreateSpan(builder, ids_at, resource, scope, name, state, span.kind,
                          span.status_code, span.flags, message, span.start_ns, span.end_ns,
                          attributes, events_at, links_at);
}

// ---- reading

// The buffer's root, once the verifier has been over all of it.
template <class T>
Result<const T*> Verified(std::string_view bytes, std::size_t tables_max) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  OPS_CHECK(reinterpret_cast<std::uintptr_t>(data) % alignof(double) == 0,
            "batch: unaligned buffer");
  flatbuffers::Verifier verifier(data, bytes.size(), kDepthMax,
                                 static_cast<flatbuffers::uoffset_t>(tables_max));
  if (!verifier.VerifyBuffer<T>(nullptr)) return Bad("not a buffer of this schema");
  return flatbuffers::GetRoot<T>(data);
}

Result<std::vector<Attribute>> ReadAttributes(const Vector<Offset<wire::Attribute>>* attributes,
                                              Reader& reader) {
  std::vector<Attribute> out;
  if (attributes == nullptr) return out;
  if (attributes->size() > kAttributesMax) return Bad("too many attributes");
  for (const wire::Attribute* attribute : *attributes) {
    if (!reader.Table()) break;
    if (attribute->type() > static_cast<std::uint8_t>(ValueType::kJson))
      return Bad("attribute type");
    out.push_back({.key = std::string(reader.Text(attribute->key())),
                   .value = {.type = static_cast<ValueType>(attribute->type()),
                             .text = std::string(reader.Bytes(attribute->text())),
                             .integer = attribute->integer(),
                             .real = attribute->real()}});
  }
  return out;
}

Result<MetricRowsView> ReadMetrics(const wire::MetricRows& rows, Reader& reader) {
  const MetricRowsView out{.layout = {.high = rows.layout()->high(), .low = rows.layout()->low()},
                           .times = reader.Numbers(rows.times()),
                           .values = reader.Numbers(rows.values())};
  OPS_RETURN_IF_ERROR(reader.Done());
  if (out.times.empty() || out.values.empty() || out.values.size() % out.times.size() != 0) {
    return Bad("metric rows of uneven length");
  }
  return out;
}

Result<LogRowsView> ReadLogs(const wire::LogRows& rows, const BatchLimits& limits, Reader& reader) {
  LogRowsView out;
  if (rows.labels()->size() > limits.labels_max) {
    return Exhausted("batch: too many labels on a stream");
  }
  for (const wire::Pair* pair : *rows.labels()) {
    if (!reader.Table()) break;
    const std::string_view name = reader.Text(pair->name());
    out.labels.emplace_back(name, reader.Text(pair->value()));
  }
  out.times = reader.Numbers(rows.times());
  out.ends = reader.Numbers(rows.ends());
  out.text = reader.Bytes(rows.text());
  OPS_RETURN_IF_ERROR(reader.Done());
  if (out.times.size() != out.ends.size()) return Bad("log rows of uneven length");
  if (!std::is_sorted(out.ends.begin(), out.ends.end())) return Bad("log lines out of order");
  if ((out.ends.empty() ? 0 : out.ends.back()) != out.text.size())
    return Bad("log text of another length");
  if (rows.metadata() != nullptr) {
    for (const wire::LogMetadata* entry : *rows.metadata()) {
      if (!reader.Table()) break;
      if (entry->row() >= out.times.size()) return Bad("metadata without a line");
      out.metadata.push_back({.row = entry->row(),
                              .name = reader.Text(entry->label()->name()),
                              .value = reader.Text(entry->label()->value())});
    }
  }
  return out;
}

template <std::size_t N>
void TakeId(const std::uint8_t*& bytes, std::array<std::uint8_t, N>& id) {
  std::memcpy(id.data(), bytes, N);
  bytes += N;
}

using Resources = std::vector<std::shared_ptr<const Resource>>;
using Scopes = std::vector<std::shared_ptr<const Scope>>;

Status ReadEventsAndLinks(const wire::Span& in, Reader& reader, Span& out) {
  if (in.events() != nullptr) {
    for (const wire::SpanEvent* event : *in.events()) {
      if (!reader.Table()) break;
      SpanEvent read{.time_ns = event->time(), .name = std::string(reader.Text(event->name()))};
      OPS_TRY(read.attributes, ReadAttributes(event->attributes(), reader));
      out.events.push_back(std::move(read));
    }
  }
  if (in.links() != nullptr) {
    for (const wire::SpanLink* link : *in.links()) {
      if (!reader.Table()) break;
      SpanLink read{.trace_state = std::string(reader.Text(link->trace_state()))};
      if (link->trace_id()->size() != read.trace_id.size() ||
          link->span_id()->size() != read.span_id.size()) {
        return Bad("link id");
      }
      std::memcpy(read.trace_id.data(), link->trace_id()->data(), read.trace_id.size());
      std::memcpy(read.span_id.data(), link->span_id()->data(), read.span_id.size());
      OPS_TRY(read.attributes, ReadAttributes(link->attributes(), reader));
      out.links.push_back(std::move(read));
    }
  }
  return {};
}

Result<Span> ReadSpan(const wire::Span& in, const Resources& resources, const Scopes& scopes,
                      Reader& reader) {
  constexpr std::size_t kIdBytes = 16 + 8 + 8;
  if (in.ids()->size() != kIdBytes) return Bad("span ids");
  if (in.resource() >= resources.size() || in.scope() >= scopes.size())
    return Bad("span without resource");
  Span out;
  const auto* ids = reinterpret_cast<const std::uint8_t*>(reader.Bytes(in.ids()).data());
  OPS_RETURN_IF_ERROR(reader.Done());
  TakeId(ids, out.trace_id);
  TakeId(ids, out.span_id);
  TakeId(ids, out.parent_span_id);
  out.name = reader.Text(in.name());
  out.trace_state = reader.Text(in.trace_state());
  out.kind = in.kind();
  out.status_code = in.status_code();
  out.flags = in.flags();
  out.status_message = reader.Text(in.status_message());
  out.start_ns = in.start();
  out.end_ns = in.end();
  out.resource = resources[in.resource()];
  out.scope = scopes[in.scope()];
  OPS_TRY(out.attributes, ReadAttributes(in.attributes(), reader));
  OPS_RETURN_IF_ERROR(ReadEventsAndLinks(in, reader, out));
  return out;
}

Result<std::vector<Span>> ReadSpans(const wire::Batch& batch, Reader& reader) {
  Resources resources;
  Scopes scopes;
  std::vector<Span> spans;
  if (batch.spans() == nullptr) return spans;
  if (batch.resources() != nullptr) {
    for (const wire::Resource* resource : *batch.resources()) {
      if (!reader.Table()) break;
      OPS_TRY(std::vector<Attribute> attributes, ReadAttributes(resource->attributes(), reader));
      resources.push_back(
          std::make_shared<const Resource>(Resource{.attributes = std::move(attributes)}));
    }
  }
  if (batch.scopes() != nullptr) {
    for (const wire::Scope* scope : *batch.scopes()) {
      if (!reader.Table()) break;
      OPS_TRY(std::vector<Attribute> attributes, ReadAttributes(scope->attributes(), reader));
      scopes.push_back(
          std::make_shared<const Scope>(Scope{.name = std::string(reader.Text(scope->name())),
                                              .version = std::string(reader.Text(scope->version())),
                                              .attributes = std::move(attributes)}));
    }
  }
  for (const wire::Span* span : *batch.spans()) {
    OPS_TRY(Span read, ReadSpan(*span, resources, scopes, reader));
    spans.push_back(std::move(read));
  }
  return spans;
}

}  // namespace

std::string EncodeBatch(const BatchContents& contents, std::int64_t created_ms) {
  const Builder scope_of_memory;
  FlatBufferBuilder& builder = Builder::Get();
  const auto metrics = Metrics(builder, contents.metrics, contents.layout_rows);
  const auto logs = Logs(builder, contents.logs);
  batch::Numbering<Resource> resources;
  batch::Numbering<Scope> scopes;
  std::vector<Offset<wire::Span>> spans;
  for (const Span& span : contents.spans) {
    const auto resource = resources.NumberOf(span.resource.get());
    const auto scope = scopes.NumberOf(span.scope.get());
    spans.push_back(SpanOf(builder, span, resource, scope));
  }
  std::vector<Offset<wire::Resource>> resources_at;
  for (const Resource* resource : resources.order()) {
    resources_at.push_back(
        wire::CreateResource(builder, Attributes(builder, resource->attributes)));
  }
  std::vector<Offset<wire::Scope>> scopes_at;
  for (const Scope* scope : scopes.order()) {
    const auto name = Text(builder, scope->name);
    const auto version = Text(builder, scope->version);
    scopes_at.push_back(
        wire::CreateScope(builder, name, version, Attributes(builder, scope->attributes)));
  }
  std::vector<Offset<wire::Gap>> gaps;
  for (const Gap& gap : contents.gaps) {
    const auto stream = Text(builder, gap.stream);
    const auto reason = Text(builder, gap.reason);
    gaps.push_back(wire::CreateGap(builder, static_cast<std::uint8_t>(gap.signal), stream,
                                   gap.from_ns, gap.to_ns, gap.count, reason));
  }
  const auto resources_vector = builder.CreateVector(resources_at);
  const auto scopes_vector = builder.CreateVector(scopes_at);
  const auto spans_vector = builder.CreateVector(spans);
  const auto gaps_vector = builder.CreateVector(gaps);
  const batch::MetricRecordsAt records = batch::WriteMetricRecords(builder, contents);
  const auto targets = batch::WriteTargets(builder, contents.targets.get());
  builder.Finish(wire::CreateBatch(builder, created_ms, metrics, logs, resources_vector,
                                   scopes_vector, spans_vector, gaps_vector, records.series,
                                   records.histograms, records.exemplars, records.metadata,
                                   targets));
  return Frame(builder, LevelFor(contents));
}

std::string EncodeLayout(const Layout& layout) {
  const Builder scope_of_memory;
  FlatBufferBuilder& builder = Builder::Get();
  std::vector<Offset<wire::LayoutSeries>> series;
  for (const LayoutSeries& one : layout.series()) {
    const auto labels = Pairs(builder, one.labels);
    series.push_back(
        wire::CreateLayoutSeries(builder, labels, static_cast<std::uint8_t>(one.type)));
  }
  builder.Finish(wire::CreateLayout(builder, builder.CreateVector(series)));
  return Frame(builder);
}

Result<std::shared_ptr<const Layout>> DecodeLayout(std::string_view frame,
                                                   const BatchLimits& limits) {
  std::string bytes;
  OPS_RETURN_IF_ERROR(ZstdDecompress(frame, limits.bytes_max, bytes));
  OPS_TRY(const wire::Layout* layout, Verified<wire::Layout>(bytes, limits.tables_max));
  if (layout->series()->size() > limits.layout_series_max) {
    return Exhausted(fmt::format("layout: {} series, limit {}", layout->series()->size(),
                                 limits.layout_series_max));
  }
  Reader reader(bytes);
  std::vector<LayoutSeries> series;
  for (const wire::LayoutSeries* one : *layout->series()) {
    if (!reader.Table()) break;
    if (one->labels()->size() > limits.labels_max)
      return Exhausted("layout: too many labels on a series");
    if (one->type() > static_cast<std::uint8_t>(MetricType::kInfo)) return Bad("metric type");
    std::vector<Label> labels = batch::ReadPairs(*one->labels(), reader);
    series.push_back(
        {.labels = Labels(std::move(labels)), .type = static_cast<MetricType>(one->type())});
  }
  OPS_RETURN_IF_ERROR(reader.Done());
  return std::make_shared<const Layout>(std::move(series));
}

Result<std::shared_ptr<const DecodedBatch>> DecodedBatch::Decode(std::string_view frame,
                                                                 const BatchLimits& limits) {
  const std::shared_ptr<DecodedBatch> out(new DecodedBatch());
  OPS_RETURN_IF_ERROR(ZstdDecompress(frame, limits.bytes_max, out->bytes_));
  OPS_TRY(const wire::Batch* batch, Verified<wire::Batch>(out->bytes_, limits.tables_max));
  out->created_ms_ = batch->created();
  Reader reader(out->bytes_);
  if (batch->metrics() != nullptr) {
    for (const wire::MetricRows* rows : *batch->metrics()) {
      OPS_TRY(const MetricRowsView view, ReadMetrics(*rows, reader));
      out->metrics_.push_back(view);
    }
  }
  if (batch->logs() != nullptr) {
    for (const wire::LogRows* rows : *batch->logs()) {
      OPS_TRY(LogRowsView view, ReadLogs(*rows, limits, reader));
      out->logs_.push_back(std::move(view));
    }
  }
  OPS_TRY(out->spans_, ReadSpans(*batch, reader));
  if (batch->gaps() != nullptr) {
    for (const wire::Gap* gap : *batch->gaps()) {
      if (!reader.Table()) break;
      if (gap->signal() > static_cast<std::uint8_t>(Signal::kSpans)) return Bad("gap");
      out->gaps_.push_back({.signal = static_cast<Signal>(gap->signal()),
                            .stream = std::string(reader.Text(gap->stream())),
                            .from_ns = gap->from(),
                            .to_ns = gap->to(),
                            .count = gap->count(),
                            .reason = std::string(reader.Text(gap->reason()))});
    }
  }
  OPS_RETURN_IF_ERROR(batch::ReadMetricRecords(
      *batch, limits, reader, {out->histograms_, out->exemplars_, out->metadata_}));
  OPS_TRY(out->targets_, batch::ReadTargets(batch->targets(), limits.targets, reader));
  OPS_RETURN_IF_ERROR(reader.Done());
  return std::shared_ptr<const DecodedBatch>(out);
}

}  // namespace opssight
