#include <google/protobuf/message.h>

#include "common/bytes/wire.h"
#include "common/codec/otlp/request.h"

namespace opssight::otlp {
namespace {

using google::protobuf::Message;

// Field numbers of the outer messages; the same for all three signals.
constexpr std::uint32_t kEntries = 1;  // ExportXServiceRequest.resource_x
constexpr std::uint32_t kHead = 1;     // ResourceX.resource, ScopeX.scope
constexpr std::uint32_t kInner = 2;    // ResourceX.scope_x, ScopeX.spans and so on
constexpr std::uint32_t kMetricName = 1;
constexpr std::uint32_t kMetricDescription = 2;
constexpr std::uint32_t kMetricUnit = 3;
constexpr std::uint32_t kPoints = 1;       // Gauge.data_points and so on
constexpr std::uint32_t kTemporality = 2;  // Sum.aggregation_temporality and so on
constexpr std::uint32_t kMonotonic = 3;    // Sum.is_monotonic

MetricHead::Kind KindOf(std::uint32_t field) {
  switch (field) {
    case 5:
      return MetricHead::Kind::kGauge;
    case 7:
      return MetricHead::Kind::kSum;
    case 9:
      return MetricHead::Kind::kHistogram;
    case 10:
      return MetricHead::Kind::kExponential;
    case 11:
      return MetricHead::Kind::kSummary;
    default:
      return MetricHead::Kind::kNone;
  }
}

class Walker {
 public:
  Walker(Signal signal, Feed& feed) : signal_(signal), feed_(feed) {}

  Status Request(std::string_view bytes) {
    return Each(bytes, kEntries, "request", [&](std::string_view entry) -> Status {
      OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
      OPS_TRY(const Message* resource, Head(entry, Part::kResource));
      feed_.visitor().OnResource(*resource);
      return Each(entry, kInner, "resource entry", [&](std::string_view in) { return Scope(in); });
    });
  }

 private:
  // Calls each for every length-delimited field of this number.
  template <class F>
  Status Each(std::string_view message, std::uint32_t number, std::string_view what, F each) {
    WireReader reader(message);
    for (WireField field; reader.Next(field);) {
      if (field.number == number && field.is_bytes) OPS_RETURN_IF_ERROR(each(field.bytes));
    }
    if (reader.broken()) return Invalid("malformed protobuf: " + std::string(what));
    return {};
  }

  // The resource or scope of an entry. It may stand behind what it is for.
  Result<const Message*> Head(std::string_view entry, Part part) {
    std::string_view bytes;
    OPS_RETURN_IF_ERROR(Each(entry, kHead, "entry", [&](std::string_view found) {
      bytes = found;
      return Status();
    }));
    if (bytes.size() > feed_.limits().item_bytes_max) {
      return Invalid("a resource or scope is above the limit of an item");
    }
    Message& message = feed_.Blank(part);
    if (!Parse(bytes, message)) return Invalid("malformed protobuf: resource or scope");
    return &message;
  }

  Status Scope(std::string_view bytes) {
    OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
    OPS_TRY(const Message* scope, Head(bytes, Part::kScope));
    feed_.visitor().OnScope(*scope);
    return Each(bytes, kInner, "scope entry", [&](std::string_view item) {
      if (signal_ == Signal::kMetrics) return Metric(item);
      Item(signal_ == Signal::kSpans ? Part::kSpan : Part::kLogRecord, item);
      return Status();
    });
  }

  Status Metric(std::string_view bytes) {
    OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
    MetricHead head;
    std::string_view data;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (!field.is_bytes) continue;
      if (field.number == kMetricName) head.name = field.bytes;
      if (field.number == kMetricDescription) head.description = field.bytes;
      if (field.number == kMetricUnit) head.unit = field.bytes;
      if (KindOf(field.number) == MetricHead::Kind::kNone) continue;
      head.kind = KindOf(field.number);
      data = field.bytes;
    }
    WireReader inner(data);
    for (WireField field; inner.Next(field);) {
      if (field.is_bytes) continue;
      if (field.number == kTemporality) head.temporality = static_cast<std::int64_t>(field.integer);
      if (field.number == kMonotonic) head.monotonic = field.integer != 0;
    }
    if (reader.broken() || inner.broken()) return Invalid("malformed protobuf: metric");
    feed_.visitor().OnMetric(head);
    return Each(data, kPoints, "metric", [&](std::string_view point) {
      Item(PointPart(head.kind), point);
      return Status();
    });
  }

  void Item(Part part, std::string_view bytes) {
    if (!feed_.Admit(bytes.size())) return;
    Message& message = feed_.Blank(part);
    if (Parse(bytes, message)) {
      feed_.visitor().OnItem(part, message);
    } else {
      feed_.Broken(Invalid("malformed protobuf: " + message.GetTypeName()));
    }
  }

  // Refuses more than 100 messages inside each other (protobuf's own limit).
  static bool Parse(std::string_view bytes, Message& message) {
    return bytes.size() <= INT32_MAX &&
           message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }

  const Signal signal_;
  Feed& feed_;
};

}  // namespace

Status WalkProtobuf(Signal signal, std::string_view bytes, Feed& feed) {
  return Walker(signal, feed).Request(bytes);
}

}  // namespace opssight::otlp
