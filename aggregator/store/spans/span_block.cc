#include "aggregator/store/spans/span_block.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/spans/span_format.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace span_block {

Error Bad(std::string_view what) {
  return Corrupt(fmt::format("span block: {}", what));
}

Result<SpanBlockHead> ParseHead(std::string_view bytes, const SpanBlockLimits& limits) {
  SpanBlockHead head;
  const auto spans = GetVarint(bytes);
  const auto min_ns = GetZigZag(bytes);
  const auto span_ns = GetVarint(bytes);
  if (!spans || !min_ns || !span_ns || bytes.size() % 8 != 0) return Bad("head");
  if (*spans > limits.spans_max || *spans == 0) return Bad("over a limit");
  head.spans = *spans;
  head.min_ns = *min_ns;
  head.max_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(*min_ns) + *span_ns);
  while (const auto hash = GetLe<std::uint64_t>(bytes)) head.traces.push_back(*hash);
  if (!std::is_sorted(head.traces.begin(), head.traces.end())) return Bad("traces not sorted");
  return head;
}

}  // namespace span_block

namespace {

template <std::size_t N>
std::string_view Raw(const std::array<std::uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

// Strings by number, in the order they were first seen.
class Dictionary {
 public:
  std::uint64_t Find(std::string_view text) {
    const auto [it, added] = ids_.try_emplace(std::string(text), texts_.size());
    if (added) texts_.push_back(it->first);
    return it->second;
  }
  std::string Bytes() const {
    std::string out;
    PutVarint(out, texts_.size());
    for (const std::string& text : texts_) PutString(out, text);
    return out;
  }

 private:
  std::unordered_map<std::string, std::uint64_t> ids_;
  std::vector<std::string> texts_;
};

void PutValue(std::string& out, const Value& value) {
  switch (value.type) {
    case ValueType::kString:
    case ValueType::kBytes:
    case ValueType::kJson:
      PutString(out, value.text);
      return;
    case ValueType::kBool:
      out.push_back(value.integer != 0 ? '\1' : '\0');
      return;
    case ValueType::kInt:
      PutZigZag(out, value.integer);
      return;
    case ValueType::kDouble:
      PutLe(out, value.real);
      return;
  }
}

void PutAttributes(std::string& out, Dictionary& dictionary,
                   const std::vector<Attribute>& attributes) {
  PutVarint(out, attributes.size());
  for (const Attribute& attribute : attributes) {
    PutVarint(out, dictionary.Find(attribute.key));
    out.push_back(static_cast<char>(attribute.value.type));
    PutValue(out, attribute.value);
  }
}

// One key of one type: which rows have it, and their values.
struct AttributeColumn {
  std::string rows;
  std::string values;
  std::uint64_t count = 0;
  std::uint64_t last_row = 0;
};

struct Columns {
  Dictionary dictionary;
  std::string traces;   // Trace id, spans in it.
  std::string ids;      // Span ids.
  std::string parents;  // 0 none, 1 other trace part (id follows), 2 + row within the trace.
  std::string starts, durations, names, kinds, flags, states, messages, resources, scopes;
  std::string events, links;  // Row delta, count, each one.
  std::uint64_t last_event_row = 0, last_link_row = 0;
  std::vector<std::pair<std::pair<std::uint64_t, ValueType>, AttributeColumn>> attributes;
  std::map<std::pair<std::uint64_t, ValueType>, std::size_t> attribute_ids;
};

void AddAttribute(Columns& columns, std::uint64_t row, const Attribute& attribute) {
  const std::pair key(columns.dictionary.Find(attribute.key), attribute.value.type);
  const auto [it, added] = columns.attribute_ids.try_emplace(key, columns.attributes.size());
  if (added) columns.attributes.emplace_back(key, AttributeColumn());
  AttributeColumn& column = columns.attributes[it->second].second;
  PutVarint(column.rows, row - column.last_row);
  column.last_row = row;
  ++column.count;
  PutValue(column.values, attribute.value);
}

void AddEventsAndLinks(Columns& columns, std::uint64_t row, const Span& span) {
  if (!span.events.empty()) {
    PutVarint(columns.events, row - std::exchange(columns.last_event_row, row));
    PutVarint(columns.events, span.events.size());
    for (const SpanEvent& event : span.events) {
      PutZigZag(columns.events,
                static_cast<std::int64_t>(static_cast<std::uint64_t>(event.time_ns) -
                                          static_cast<std::uint64_t>(span.start_ns)));
      PutVarint(columns.events, columns.dictionary.Find(event.name));
      PutAttributes(columns.events, columns.dictionary, event.attributes);
    }
  }
  if (!span.links.empty()) {
    PutVarint(columns.links, row - std::exchange(columns.last_link_row, row));
    PutVarint(columns.links, span.links.size());
    for (const SpanLink& link : span.links) {
      columns.links.append(Raw(link.trace_id)).append(Raw(link.span_id));
      PutVarint(columns.links, columns.dictionary.Find(link.trace_state));
      PutAttributes(columns.links, columns.dictionary, link.attributes);
    }
  }
}

std::string ResourceBytes(Dictionary& dictionary, const Resource& resource) {
  std::string out;
  PutAttributes(out, dictionary, resource.attributes);
  return out;
}

std::string ScopeBytes(Dictionary& dictionary, const Scope& scope) {
  std::string out;
  PutString(out, scope.name);
  PutString(out, scope.version);
  PutAttributes(out, dictionary, scope.attributes);
  return out;
}

void AddParent(Columns& columns, const std::vector<Span>& spans, std::size_t first,
               std::size_t last, const Span& span) {
  if (span.parent_span_id == SpanId{}) {
    PutVarint(columns.parents, 0);
    return;
  }
  for (std::size_t i = first; i < last; ++i) {
    if (spans[i].span_id == span.parent_span_id) {
      PutVarint(columns.parents, 2 + (i - first));
      return;
    }
  }
  PutVarint(columns.parents, 1);
  columns.parents.append(Raw(span.parent_span_id));
}

void AddSpan(Columns& columns, std::uint64_t row, const Span& span, std::int64_t& last_start) {
  columns.ids.append(Raw(span.span_id));
  const auto start = static_cast<std::uint64_t>(span.start_ns);
  PutZigZag(columns.starts,
            static_cast<std::int64_t>(start - static_cast<std::uint64_t>(last_start)));
  last_start = span.start_ns;
  PutZigZag(columns.durations,
            static_cast<std::int64_t>(static_cast<std::uint64_t>(span.end_ns) - start));
  Dictionary& dictionary = columns.dictionary;
  PutVarint(columns.names, dictionary.Find(span.name));
  columns.kinds.push_back(static_cast<char>(span.kind));
  columns.kinds.push_back(static_cast<char>(span.status_code));
  PutVarint(columns.flags, span.flags);
  PutVarint(columns.states, dictionary.Find(span.trace_state));
  PutVarint(columns.messages, dictionary.Find(span.status_message));
  PutVarint(columns.resources, dictionary.Find(ResourceBytes(dictionary, *span.resource)));
  PutVarint(columns.scopes, dictionary.Find(ScopeBytes(dictionary, *span.scope)));
  for (const Attribute& attribute : span.attributes) AddAttribute(columns, row, attribute);
  AddEventsAndLinks(columns, row, span);
}

}  // namespace

std::uint64_t TraceHash(const TraceId& id) {
  return Hash64(Raw(id));
}

bool SpanBlockHead::MayHold(const TraceId& id) const {
  return std::binary_search(traces.begin(), traces.end(), TraceHash(id));
}

std::string WriteSpanBlock(std::vector<Span> spans) {
  OPS_CHECK(!spans.empty(), "span block: no spans");
  std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return std::tie(a.trace_id, a.start_ns) < std::tie(b.trace_id, b.start_ns);
  });
  Columns columns;
  SpanBlockHead head{.min_ns = spans[0].start_ns, .max_ns = spans[0].end_ns};
  std::int64_t last_start = 0;
  for (std::size_t first = 0; first < spans.size();) {
    std::size_t last = first + 1;
    while (last < spans.size() && spans[last].trace_id == spans[first].trace_id) ++last;
    columns.traces.append(Raw(spans[first].trace_id));
    PutVarint(columns.traces, last - first);
    head.traces.push_back(TraceHash(spans[first].trace_id));
    for (std::size_t row = first; row < last; ++row) {
      AddSpan(columns, row, spans[row], last_start);
      AddParent(columns, spans, first, last, spans[row]);
      head.min_ns = std::min(head.min_ns, spans[row].start_ns);
      head.max_ns = std::max({head.max_ns, spans[row].start_ns, spans[row].end_ns});
    }
    first = last;
  }
  std::sort(head.traces.begin(), head.traces.end());
  head.traces.erase(std::unique(head.traces.begin(), head.traces.end()), head.traces.end());

  std::string all;
  PutString(all, columns.dictionary.Bytes());
  for (const std::string* column :
       {&columns.traces, &columns.ids, &columns.parents, &columns.starts, &columns.durations,
        &columns.names, &columns.kinds, &columns.flags, &columns.states, &columns.messages,
        &columns.resources, &columns.scopes, &columns.events, &columns.links}) {
    PutString(all, *column);
  }
  PutVarint(all, columns.attributes.size());
  for (const auto& [key, column] : columns.attributes) {
    PutVarint(all, key.first);
    all.push_back(static_cast<char>(key.second));
    PutVarint(all, column.count);
    PutString(all, column.rows);
    PutString(all, column.values);
  }

  std::string head_bytes;
  PutVarint(head_bytes, spans.size());
  PutZigZag(head_bytes, head.min_ns);
  PutVarint(head_bytes,
            static_cast<std::uint64_t>(head.max_ns) - static_cast<std::uint64_t>(head.min_ns));
  for (const std::uint64_t hash : head.traces) PutLe(head_bytes, hash);
  return WrapBlock(span_block::kMagic, head_bytes, ZstdCompress(all));
}

Result<SpanBlockHead> ReadSpanBlockHead(std::string_view block, const SpanBlockLimits& limits) {
  OPS_TRY(const std::string_view head, OpenBlockHead(span_block::kMagic, block));
  return span_block::ParseHead(head, limits);
}

}  // namespace opssight
