#include <algorithm>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/codec/otlp/otlp.h"
#include "common/codec/otlp/request.h"
#include "common/codec/otlp/values.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace otlp {
namespace {

using google::protobuf::Message;

// A whole id that is not all zero.
template <class Id>
bool ReadId(const std::string& bytes, Id& id) {
  if (bytes.size() != id.size()) return false;
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return std::any_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte != 0; });
}

class SpanVisitor final : public Visitor {
 public:
  SpanVisitor(const OtlpLimits& limits, std::int64_t now_ns, OtlpTraces& out)
      : limits_(limits),
        newest_ns_(now_ns + limits.future_ms * kNsPerMs),
        out_(out),
        values_(limits, out.outcome) {}

  void OnResource(const Message& message) override {
    const auto& from = static_cast<const wire::otlp::Resource&>(message);
    auto resource = std::make_shared<Resource>();
    resource->attributes = values_.Attributes(from.attributes());
    bytes_ += sizeof(Resource) + BytesOf(resource->attributes);
    resource_ = std::move(resource);
  }

  void OnScope(const Message& message) override {
    const auto& from = static_cast<const wire::otlp::InstrumentationScope&>(message);
    auto scope = std::make_shared<Scope>();
    scope->name = Text(from.name());
    scope->version = Text(from.version());
    scope->attributes = values_.Attributes(from.attributes());
    bytes_ += sizeof(Scope) + BytesOf(scope->attributes);
    scope_ = std::move(scope);
  }

  void OnItem(Part /*part*/, const Message& message) override {
    const auto& from = static_cast<const wire::otlp::Span&>(message);
    if (bytes_ > limits_.decoded_bytes_max) {
      return Reject(OtlpReject::kTooMany, "the request is above decoded_bytes_max", from);
    }
    Span span;
    if (!ReadId(from.trace_id(), span.trace_id) || !ReadId(from.span_id(), span.span_id)) {
      return Reject(OtlpReject::kBadId, "trace_id or span_id is not 16 and 8 bytes, or is zero",
                    from);
    }
    if (!ReadTimes(from, span)) {
      return Reject(OtlpReject::kBadTime, "no start and end time, or one out of range", from);
    }
    if (std::max(span.start_ns, span.end_ns) > newest_ns_) {
      return Reject(OtlpReject::kBadTime, "a time too far in the future", from);
    }
    // A parent that is no id is none: the span is then a root.
    if (!ReadId(from.parent_span_id(), span.parent_span_id)) span.parent_span_id = {};
    span.name = Text(from.name());
    span.trace_state = Text(from.trace_state());
    const int kind = from.kind();
    span.kind = kind >= 0 && kind <= 5 ? static_cast<std::uint8_t>(kind) : std::uint8_t{0};
    const int code = from.status().code();
    span.status_code = code >= 0 && code <= 2 ? static_cast<std::uint8_t>(code) : std::uint8_t{0};
    span.status_message = Text(from.status().message());
    span.flags = from.flags();
    span.attributes = values_.Attributes(from.attributes());
    ReadEvents(from, span);
    ReadLinks(from, span);
    span.resource = resource_;
    span.scope = scope_;
    bytes_ += opssight::BytesOf(span);
    ++out_.outcome.accepted;
    out_.spans.push_back(std::move(span));
  }

 private:
  std::string Text(const std::string& text) const {
    return CleanText(text, limits_.value_bytes_max, out_.outcome.values_cut);
  }

  void Reject(OtlpReject why, std::string_view what, const wire::otlp::Span& from) {
    std::uint64_t cut = 0;
    out_.outcome.Reject(why,
                        fmt::format("span \"{}\": {}", CleanText(from.name(), 128, cut), what));
  }

  // A span with one of the two times has the other, too; some senders leave one out.
  static bool ReadTimes(const wire::otlp::Span& from, Span& span) {
    std::uint64_t start = from.start_time_unix_nano();
    std::uint64_t end = from.end_time_unix_nano();
    if (start == 0) start = end;
    if (end == 0) end = start;
    if (start == 0 || start > INT64_MAX || end > INT64_MAX) return false;
    span.start_ns = static_cast<std::int64_t>(start);
    span.end_ns = static_cast<std::int64_t>(end);
    return true;
  }

  // Of events and links, what is above the limit is dropped and counted as attributes are.
  int Usable(int size) {
    const int max = static_cast<int>(limits_.links_max);
    if (size <= max) return size;
    out_.outcome.attributes_dropped += static_cast<std::uint64_t>(size - max);
    return max;
  }

  void ReadEvents(const wire::otlp::Span& from, Span& span) {
    const int count = Usable(from.events_size());
    span.events.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      const auto& event = from.events(i);
      const std::uint64_t time = std::min<std::uint64_t>(event.time_unix_nano(), INT64_MAX);
      span.events.push_back({.time_ns = static_cast<std::int64_t>(time),
                             .name = Text(event.name()),
                             .attributes = values_.Attributes(event.attributes())});
    }
  }

  void ReadLinks(const wire::otlp::Span& from, Span& span) {
    const int count = Usable(from.links_size());
    span.links.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      SpanLink link;
      const auto& given = from.links(i);
      if (!ReadId(given.trace_id(), link.trace_id) || !ReadId(given.span_id(), link.span_id)) {
        ++out_.outcome.attributes_dropped;  // It leads nowhere.
        continue;
      }
      link.trace_state = Text(given.trace_state());
      link.attributes = values_.Attributes(given.attributes());
      span.links.push_back(std::move(link));
    }
  }

  const OtlpLimits& limits_;
  const std::int64_t newest_ns_;
  OtlpTraces& out_;
  const ValueReader values_;
  std::size_t bytes_ = 0;
  std::shared_ptr<const Resource> resource_;
  std::shared_ptr<const Scope> scope_;
};

}  // namespace
}  // namespace otlp

std::size_t BytesOf(const Span& span) {
  std::size_t bytes = sizeof(Span) + span.name.size() + span.trace_state.size() +
                      span.status_message.size() + otlp::BytesOf(span.attributes);
  for (const SpanEvent& event : span.events) {
    bytes += sizeof(SpanEvent) + event.name.size() + otlp::BytesOf(event.attributes);
  }
  for (const SpanLink& link : span.links) {
    bytes += sizeof(SpanLink) + link.trace_state.size() + otlp::BytesOf(link.attributes);
  }
  return bytes;
}

Result<OtlpTraces> DecodeOtlpTraces(std::string_view bytes, OtlpEncoding encoding,
                                    const OtlpLimits& limits, std::int64_t now_ns) {
  OtlpTraces out;
  otlp::SpanVisitor visitor(limits, now_ns, out);
  OPS_RETURN_IF_ERROR(
      otlp::WalkRequest(Signal::kSpans, bytes, encoding, limits, out.outcome, visitor));
  return out;
}

}  // namespace opssight
