#include "aggregator/store/spans/span_block.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

constexpr std::string_view kMagic = "OSB1";

Error Bad(std::string_view what) {
  return Corrupt(fmt::format("span block: {}", what));
}

template <std::size_t N>
std::string_view Raw(const std::array<std::uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

// ---- writing

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

// ---- reading

Result<Value> ReadValue(std::string_view& bytes, ValueType type) {
  Value value{.type = type};
  switch (type) {
    case ValueType::kString:
    case ValueType::kBytes:
    case ValueType::kJson: {
      const auto text = GetString(bytes);
      if (!text) return Bad("value");
      value.text = *text;
      return value;
    }
    case ValueType::kBool: {
      const auto byte = GetLe<std::uint8_t>(bytes);
      if (!byte) return Bad("value");
      value.integer = *byte != 0 ? 1 : 0;
      return value;
    }
    case ValueType::kInt: {
      const auto integer = GetZigZag(bytes);
      if (!integer) return Bad("value");
      value.integer = *integer;
      return value;
    }
    case ValueType::kDouble: {
      const auto real = GetLe<double>(bytes);
      if (!real) return Bad("value");
      value.real = *real;
      return value;
    }
  }
  return Bad("value type");
}

class Reader {
 public:
  Reader(std::string_view columns, std::uint64_t spans) : rest_(columns), count_(spans) {}

  Result<std::vector<Span>> Read() {
    OPS_RETURN_IF_ERROR(ReadDictionary());
    OPS_TRY(std::string_view traces, Column());
    OPS_TRY(std::string_view ids, Column());
    OPS_TRY(std::string_view parents, Column());
    OPS_TRY(starts_, Column());
    OPS_TRY(durations_, Column());
    OPS_TRY(names_, Column());
    OPS_TRY(kinds_, Column());
    OPS_TRY(flags_, Column());
    OPS_TRY(states_, Column());
    OPS_TRY(messages_, Column());
    OPS_TRY(resources_, Column());
    OPS_TRY(scopes_, Column());
    OPS_TRY(std::string_view events, Column());
    OPS_TRY(std::string_view links, Column());
    if (count_ > ids.size() / 8) return Bad("fewer ids than spans");
    spans_.resize(count_);
    for (Span& span : spans_) {
      std::memcpy(span.span_id.data(), ids.data(), span.span_id.size());
      ids.remove_prefix(span.span_id.size());
      OPS_RETURN_IF_ERROR(ReadFields(span));
    }
    OPS_RETURN_IF_ERROR(ReadTraces(traces, parents));
    OPS_RETURN_IF_ERROR(ReadEvents(events));
    OPS_RETURN_IF_ERROR(ReadLinks(links));
    OPS_RETURN_IF_ERROR(ReadAttributeColumns());
    if (!rest_.empty()) return Bad("bytes after the columns");
    return std::move(spans_);
  }

 private:
  Result<std::string_view> Column() {
    const auto column = GetString(rest_);
    if (!column) return Bad("short column");
    return *column;
  }

  Status ReadDictionary() {
    OPS_TRY(std::string_view bytes, Column());
    const auto count = GetVarint(bytes);
    if (!count || *count > bytes.size()) return Bad("dictionary");
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto text = GetString(bytes);
      if (!text) return Bad("dictionary");
      texts_.push_back(*text);
    }
    return {};
  }

  Result<std::string_view> Text(std::string_view& column) {
    const auto id = GetVarint(column);
    if (!id || *id >= texts_.size()) return Bad("dictionary number");
    return texts_[*id];
  }

  Result<std::vector<Attribute>> Attributes(std::string_view& bytes) {
    const auto count = GetVarint(bytes);
    if (!count || *count > bytes.size()) return Bad("attributes");
    std::vector<Attribute> out;
    for (std::uint64_t i = 0; i < *count; ++i) {
      OPS_TRY(const std::string_view key, Text(bytes));
      const auto type = GetLe<std::uint8_t>(bytes);
      if (!type || *type > static_cast<std::uint8_t>(ValueType::kJson))
        return Bad("attribute type");
      OPS_TRY(Value value, ReadValue(bytes, static_cast<ValueType>(*type)));
      out.push_back({.key = std::string(key), .value = std::move(value)});
    }
    return out;
  }

  Status ReadFields(Span& span) {
    const auto start = GetZigZag(starts_);
    const auto duration = GetZigZag(durations_);
    const auto kind = GetLe<std::uint8_t>(kinds_);
    const auto status = GetLe<std::uint8_t>(kinds_);
    const auto flags = GetVarint(flags_);
    if (!start || !duration || !kind || !status || !flags) return Bad("span");
    start_ += static_cast<std::uint64_t>(*start);
    span.start_ns = static_cast<std::int64_t>(start_);
    span.end_ns = static_cast<std::int64_t>(start_ + static_cast<std::uint64_t>(*duration));
    span.kind = *kind;
    span.status_code = *status;
    span.flags = static_cast<std::uint32_t>(*flags);
    OPS_TRY(span.name, Text(names_));
    OPS_TRY(span.trace_state, Text(states_));
    OPS_TRY(span.status_message, Text(messages_));
    OPS_TRY(const std::string_view resource, Text(resources_));
    OPS_TRY(const std::string_view scope, Text(scopes_));
    OPS_TRY(span.resource, ResourceOf(resource));
    OPS_TRY(span.scope, ScopeOf(scope));
    return {};
  }

  Result<std::shared_ptr<const Resource>> ResourceOf(std::string_view bytes) {
    auto& known = known_resources_[bytes.data()];
    if (known == nullptr) {
      OPS_TRY(std::vector<Attribute> attributes, Attributes(bytes));
      known = std::make_shared<const Resource>(Resource{.attributes = std::move(attributes)});
    }
    return known;
  }

  Result<std::shared_ptr<const Scope>> ScopeOf(std::string_view bytes) {
    auto& known = known_scopes_[bytes.data()];
    if (known == nullptr) {
      Scope scope;
      const auto name = GetString(bytes);
      const auto version = GetString(bytes);
      if (!name || !version) return Bad("scope");
      scope.name = *name;
      scope.version = *version;
      OPS_TRY(scope.attributes, Attributes(bytes));
      known = std::make_shared<const Scope>(std::move(scope));
    }
    return known;
  }

  Status ReadTraces(std::string_view traces, std::string_view parents) {
    std::uint64_t row = 0;
    while (row < count_) {
      TraceId id;
      if (traces.size() < id.size()) return Bad("trace");
      std::memcpy(id.data(), traces.data(), id.size());
      traces.remove_prefix(id.size());
      const auto spans = GetVarint(traces);
      if (!spans || *spans == 0 || *spans > count_ - row) return Bad("trace");
      for (std::uint64_t i = 0; i < *spans; ++i) {
        Span& span = spans_[row + i];
        span.trace_id = id;
        const auto parent = GetVarint(parents);
        if (!parent || *parent >= 2 + *spans) return Bad("parent");
        if (*parent >= 2) span.parent_span_id = spans_[row + *parent - 2].span_id;
        if (*parent == 1) {
          if (parents.size() < span.parent_span_id.size()) return Bad("parent");
          std::memcpy(span.parent_span_id.data(), parents.data(), span.parent_span_id.size());
          parents.remove_prefix(span.parent_span_id.size());
        }
      }
      row += *spans;
    }
    return {};
  }

  // Calls read(span, bytes) for each entry of each row that has some.
  template <class Read>
  Status Rows(std::string_view bytes, Read read) {
    for (std::uint64_t row = 0; !bytes.empty();) {
      const auto delta = GetVarint(bytes);
      const auto count = GetVarint(bytes);
      if (!delta || !count || *delta >= count_ - row || *count > bytes.size()) return Bad("row");
      row += *delta;
      for (std::uint64_t i = 0; i < *count; ++i) OPS_RETURN_IF_ERROR(read(spans_[row], bytes));
    }
    return {};
  }

  Status ReadEvents(std::string_view column) {
    return Rows(column, [this](Span& span, std::string_view& bytes) -> Status {
      SpanEvent event;
      const auto offset = GetZigZag(bytes);
      if (!offset) return Bad("event");
      event.time_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(span.start_ns) +
                                                static_cast<std::uint64_t>(*offset));
      OPS_TRY(event.name, Text(bytes));
      OPS_TRY(event.attributes, Attributes(bytes));
      span.events.push_back(std::move(event));
      return {};
    });
  }

  Status ReadLinks(std::string_view column) {
    return Rows(column, [this](Span& span, std::string_view& bytes) -> Status {
      SpanLink link;
      constexpr std::size_t kIdBytes = 24;
      if (bytes.size() < kIdBytes) return Bad("link");
      std::memcpy(link.trace_id.data(), bytes.data(), link.trace_id.size());
      std::memcpy(link.span_id.data(), bytes.data() + link.trace_id.size(), link.span_id.size());
      bytes.remove_prefix(kIdBytes);
      OPS_TRY(link.trace_state, Text(bytes));
      OPS_TRY(link.attributes, Attributes(bytes));
      span.links.push_back(std::move(link));
      return {};
    });
  }

  Status ReadAttributeColumns() {
    const auto columns = GetVarint(rest_);
    if (!columns || *columns > rest_.size() + 1) return Bad("attribute columns");
    for (std::uint64_t i = 0; i < *columns; ++i) {
      OPS_TRY(const std::string_view key, Text(rest_));
      const auto type = GetLe<std::uint8_t>(rest_);
      const auto count = GetVarint(rest_);
      if (!type || *type > static_cast<std::uint8_t>(ValueType::kJson) || !count)
        return Bad("column");
      OPS_TRY(std::string_view rows, Column());
      OPS_TRY(std::string_view values, Column());
      std::uint64_t row = 0;
      for (std::uint64_t j = 0; j < *count; ++j) {
        const auto delta = GetVarint(rows);
        if (!delta || *delta >= count_ - row) return Bad("attribute row");
        row += *delta;
        OPS_TRY(Value value, ReadValue(values, static_cast<ValueType>(*type)));
        spans_[row].attributes.push_back({.key = std::string(key), .value = std::move(value)});
      }
    }
    return {};
  }

  std::string_view rest_;
  const std::uint64_t count_;
  std::vector<std::string_view> texts_;
  std::vector<Span> spans_;
  std::string_view starts_, durations_, names_, kinds_, flags_, states_, messages_, resources_,
      scopes_;
  std::uint64_t start_ = 0;
  std::unordered_map<const char*, std::shared_ptr<const Resource>> known_resources_;
  std::unordered_map<const char*, std::shared_ptr<const Scope>> known_scopes_;
};

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
  return WrapBlock(kMagic, head_bytes, ZstdCompress(all));
}

Result<SpanBlockHead> ReadSpanBlockHead(std::string_view block, const SpanBlockLimits& limits) {
  OPS_TRY(const std::string_view head, OpenBlockHead(kMagic, block));
  return ParseHead(head, limits);
}

Result<std::vector<Span>> ReadSpanBlock(std::string_view block, const SpanBlockLimits& limits) {
  OPS_TRY(const BlockParts parts, OpenBlock(kMagic, block));
  OPS_TRY(const SpanBlockHead head, ParseHead(parts.head, limits));
  std::string columns;
  OPS_RETURN_IF_ERROR(ZstdDecompress(parts.columns, limits.raw_bytes_max, columns));
  return Reader(columns, head.spans).Read();
}

}  // namespace opssight
