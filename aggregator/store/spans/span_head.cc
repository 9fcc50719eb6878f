#include "aggregator/store/spans/span_head.h"

#include <utility>

#include "common/base/check.h"

namespace opssight {
namespace {

std::size_t AttributeBytes(const std::vector<Attribute>& attributes) {
  std::size_t bytes = attributes.size() * sizeof(Attribute);
  for (const Attribute& attribute : attributes) {
    bytes += attribute.key.size() + attribute.value.text.size();
  }
  return bytes;
}

// About what a span holds in memory, without its resource and scope.
std::size_t BytesOf(const Span& span) {
  std::size_t bytes = sizeof(Span) + span.name.size() + span.trace_state.size() +
                      span.status_message.size() + AttributeBytes(span.attributes);
  for (const SpanEvent& event : span.events) {
    bytes += sizeof(SpanEvent) + event.name.size() + AttributeBytes(event.attributes);
  }
  for (const SpanLink& link : span.links) {
    bytes += sizeof(SpanLink) + link.trace_state.size() + AttributeBytes(link.attributes);
  }
  return bytes;
}

// Resource and scope where they are not those of the span before: spans of one source
// stand together.
std::size_t NewlySharedBytes(const Span& span, const Span* before) {
  std::size_t bytes = 0;
  if (before == nullptr || before->resource != span.resource) {
    bytes += sizeof(Resource) + AttributeBytes(span.resource->attributes);
  }
  if (before == nullptr || before->scope != span.scope) {
    bytes += sizeof(Scope) + span.scope->name.size() + span.scope->version.size() +
             AttributeBytes(span.scope->attributes);
  }
  return bytes;
}

}  // namespace

void SpanHead::Append(const Span& span) {
  const std::size_t bytes =
      BytesOf(span) + NewlySharedBytes(span, spans_.empty() ? nullptr : &spans_.back());
  by_trace_.emplace(TraceHash(span.trace_id), static_cast<std::uint32_t>(spans_.size()));
  spans_.push_back(span);
  open_bytes_ += bytes;
  bytes_ += bytes;
  if (spans_.size() >= block_spans_ || open_bytes_ >= block_bytes_) Seal();
}

void SpanHead::Trace(const TraceId& id, std::vector<Span>& out) const {
  const auto [first, last] = by_trace_.equal_range(TraceHash(id));
  for (auto it = first; it != last; ++it) {
    if (spans_[it->second].trace_id == id) out.push_back(spans_[it->second]);
  }
}

void SpanHead::Seal() {
  std::string bytes = WriteSpanBlock(std::exchange(spans_, {}));
  auto head = ReadSpanBlockHead(bytes);
  OPS_CHECK(head.has_value(), "span block just written: {}", head.error().message);
  by_trace_.clear();
  bytes_ = bytes_ - open_bytes_ + bytes.size();
  open_bytes_ = 0;
  blocks_.push_back(std::make_shared<const SpanDayBlocks::MemoryBlock>(
      SpanDayBlocks::MemoryBlock{.bytes = std::move(bytes), .head = *std::move(head)}));
}

SpanMemoryBlocks SpanHead::TakeBlocks() {
  if (!spans_.empty()) Seal();
  bytes_ = 0;
  return std::exchange(blocks_, {});
}

}  // namespace opssight
