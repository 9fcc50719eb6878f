// Reads the rows of a span block: of all traces, or of one. Columns hold one value after
// the other, so those before the wanted rows are stepped over, and nothing is made of them.
#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/spans/span_block.h"
#include "aggregator/store/spans/span_format.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

using span_block::Bad;

bool SkipVarints(std::string_view& bytes, std::uint64_t count) {
  std::size_t at = 0;
  for (; count != 0 && at < bytes.size(); ++at) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) --count;
  }
  bytes.remove_prefix(at);
  return count == 0;
}

bool SkipBytes(std::string_view& bytes, std::uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(count);
  return true;
}

bool SkipValue(std::string_view& bytes, ValueType type) {
  switch (type) {
    case ValueType::kString:
    case ValueType::kBytes:
    case ValueType::kJson:
      return GetString(bytes).has_value();
    case ValueType::kBool:
      return SkipBytes(bytes, 1);
    case ValueType::kInt:
      return SkipVarints(bytes, 1);
    case ValueType::kDouble:
      return SkipBytes(bytes, sizeof(double));
  }
  return false;
}

std::optional<ValueType> GetType(std::string_view& bytes) {
  const auto type = GetLe<std::uint8_t>(bytes);
  if (!type || *type > static_cast<std::uint8_t>(ValueType::kJson)) return std::nullopt;
  return static_cast<ValueType>(*type);
}

bool SkipAttributes(std::string_view& bytes) {
  const auto count = GetVarint(bytes);
  if (!count || *count > bytes.size()) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    if (!SkipVarints(bytes, 1)) return false;
    const auto type = GetType(bytes);
    if (!type || !SkipValue(bytes, *type)) return false;
  }
  return true;
}

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
  // wanted: null for all traces.
  Reader(std::string_view columns, std::uint64_t spans, const TraceId* wanted)
      : rest_(columns), count_(spans), wanted_(wanted) {}

  Result<std::vector<Span>> Read() {
    OPS_RETURN_IF_ERROR(ReadDictionary());
    OPS_TRY(const std::string_view traces, Column());
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
    OPS_TRY(const std::string_view events, Column());
    OPS_TRY(const std::string_view links, Column());
    if (count_ > ids.size() / sizeof(SpanId)) return Bad("fewer ids than spans");
    OPS_RETURN_IF_ERROR(FindRows(traces));
    if (first_ == last_) return std::move(spans_);
    OPS_RETURN_IF_ERROR(SkipToRows(ids, parents));
    spans_.resize(last_ - first_);
    for (Span& span : spans_) {
      std::memcpy(span.span_id.data(), ids.data(), span.span_id.size());
      ids.remove_prefix(span.span_id.size());
      OPS_RETURN_IF_ERROR(ReadFields(span));
    }
    OPS_RETURN_IF_ERROR(ReadTraces(parents));
    OPS_RETURN_IF_ERROR(ReadEvents(events));
    OPS_RETURN_IF_ERROR(ReadLinks(links));
    OPS_RETURN_IF_ERROR(ReadAttributeColumns());
    if (!rest_.empty()) return Bad("bytes after the columns");
    return std::move(spans_);
  }

 private:
  struct TraceRows {
    TraceId id;
    std::uint64_t spans = 0;
  };

  Result<std::string_view> Column() {
    const auto column = GetString(rest_);
    if (!column) return Bad("short column");
    return *column;
  }

  Status ReadDictionary() {
    OPS_TRY(std::string_view bytes, Column());
    const auto count = GetVarint(bytes);
    if (!count || *count > bytes.size()) return Bad("dictionary");
    texts_.reserve(*count);
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto text = GetString(bytes);
      if (!text) return Bad("dictionary");
      texts_.push_back(*text);
    }
    return {};
  }

  // The wanted traces and their rows, [first_, last_).
  Status FindRows(std::string_view traces) {
    for (std::uint64_t row = 0; row < count_;) {
      TraceRows trace;
      if (traces.size() < trace.id.size()) return Bad("trace");
      std::memcpy(trace.id.data(), traces.data(), trace.id.size());
      traces.remove_prefix(trace.id.size());
      const auto spans = GetVarint(traces);
      if (!spans || *spans == 0 || *spans > count_ - row) return Bad("trace");
      trace.spans = *spans;
      const bool wanted = wanted_ == nullptr || trace.id == *wanted_;
      if (wanted) {
        if (traces_.empty()) first_ = row;
        traces_.push_back(trace);
        last_ = row + *spans;
      } else if (!traces_.empty()) {
        break;  // Rows of a trace stand together.
      }
      row += *spans;
    }
    return {};
  }

  Status SkipToRows(std::string_view& ids, std::string_view& parents) {
    bool well = SkipBytes(ids, first_ * sizeof(SpanId)) && SkipBytes(kinds_, first_ * 2);
    for (std::string_view* column :
         {&durations_, &names_, &flags_, &states_, &messages_, &resources_, &scopes_}) {
      well = well && SkipVarints(*column, first_);
    }
    for (std::uint64_t row = 0; well && row < first_; ++row) {
      const auto start = GetZigZag(starts_);
      const auto parent = GetVarint(parents);
      well = start && parent && (*parent != 1 || SkipBytes(parents, sizeof(SpanId)));
      if (well) start_ += static_cast<std::uint64_t>(*start);
    }
    if (!well) return Bad("span");
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
      const auto type = GetType(bytes);
      if (!type) return Bad("attribute type");
      OPS_TRY(Value value, ReadValue(bytes, *type));
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

  // Trace ids, and parents, which may be rows of the trace.
  Status ReadTraces(std::string_view parents) {
    std::size_t first = 0;
    for (const TraceRows& trace : traces_) {
      for (std::uint64_t i = 0; i < trace.spans; ++i) {
        Span& span = spans_[first + i];
        span.trace_id = trace.id;
        const auto parent = GetVarint(parents);
        if (!parent || *parent >= 2 + trace.spans) return Bad("parent");
        if (*parent >= 2) span.parent_span_id = spans_[first + *parent - 2].span_id;
        if (*parent == 1) {
          if (parents.size() < span.parent_span_id.size()) return Bad("parent");
          std::memcpy(span.parent_span_id.data(), parents.data(), span.parent_span_id.size());
          parents.remove_prefix(span.parent_span_id.size());
        }
      }
      first += trace.spans;
    }
    return {};
  }

  // Calls read(span, bytes) for each entry of each wanted row that has some, and skip(bytes)
  // for those before.
  template <class Read, class Skip>
  Status Rows(std::string_view bytes, Read read, Skip skip) {
    for (std::uint64_t row = 0; !bytes.empty();) {
      const auto delta = GetVarint(bytes);
      const auto count = GetVarint(bytes);
      if (!delta || !count || *delta >= count_ - row || *count > bytes.size()) return Bad("row");
      row += *delta;
      if (row >= last_) return {};
      for (std::uint64_t i = 0; i < *count; ++i) {
        if (row >= first_) {
          OPS_RETURN_IF_ERROR(read(spans_[row - first_], bytes));
        } else if (!skip(bytes)) {
          return Bad("row");
        }
      }
    }
    return {};
  }

  Status ReadEvents(std::string_view column) {
    const auto read = [this](Span& span, std::string_view& bytes) -> Status {
      SpanEvent event;
      const auto offset = GetZigZag(bytes);
      if (!offset) return Bad("event");
      event.time_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(span.start_ns) +
                                                static_cast<std::uint64_t>(*offset));
      OPS_TRY(event.name, Text(bytes));
      OPS_TRY(event.attributes, Attributes(bytes));
      span.events.push_back(std::move(event));
      return {};
    };
    return Rows(column, read, [](std::string_view& bytes) {
      return SkipVarints(bytes, 2) && SkipAttributes(bytes);
    });
  }

  Status ReadLinks(std::string_view column) {
    constexpr std::size_t kIdBytes = sizeof(TraceId) + sizeof(SpanId);
    const auto read = [this](Span& span, std::string_view& bytes) -> Status {
      SpanLink link;
      if (bytes.size() < kIdBytes) return Bad("link");
      std::memcpy(link.trace_id.data(), bytes.data(), link.trace_id.size());
      std::memcpy(link.span_id.data(), bytes.data() + link.trace_id.size(), link.span_id.size());
      bytes.remove_prefix(kIdBytes);
      OPS_TRY(link.trace_state, Text(bytes));
      OPS_TRY(link.attributes, Attributes(bytes));
      span.links.push_back(std::move(link));
      return {};
    };
    return Rows(column, read, [](std::string_view& bytes) {
      return SkipBytes(bytes, kIdBytes) && SkipVarints(bytes, 1) && SkipAttributes(bytes);
    });
  }

  Status ReadAttributeColumns() {
    const auto columns = GetVarint(rest_);
    if (!columns || *columns > rest_.size() + 1) return Bad("attribute columns");
    for (std::uint64_t i = 0; i < *columns; ++i) {
      OPS_TRY(const std::string_view key, Text(rest_));
      const auto type = GetType(rest_);
      const auto count = GetVarint(rest_);
      if (!type || !count) return Bad("column");
      OPS_TRY(std::string_view rows, Column());
      OPS_TRY(std::string_view values, Column());
      std::uint64_t row = 0;
      for (std::uint64_t j = 0; j < *count; ++j) {
        const auto delta = GetVarint(rows);
        if (!delta || *delta >= count_ - row) return Bad("attribute row");
        row += *delta;
        if (row >= last_) break;
        if (row < first_) {
          if (!SkipValue(values, *type)) return Bad("value");
          continue;
        }
        OPS_TRY(Value value, ReadValue(values, *type));
        spans_[row - first_].attributes.push_back(
            {.key = std::string(key), .value = std::move(value)});
      }
    }
    return {};
  }

  std::string_view rest_;
  const std::uint64_t count_;
  const TraceId* const wanted_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  std::vector<TraceRows> traces_;  // Of the rows.
  std::vector<std::string_view> texts_;
  std::vector<Span> spans_;  // Of the rows.
  std::string_view starts_, durations_, names_, kinds_, flags_, states_, messages_, resources_,
      scopes_;
  std::uint64_t start_ = 0;
  std::unordered_map<const char*, std::shared_ptr<const Resource>> known_resources_;
  std::unordered_map<const char*, std::shared_ptr<const Scope>> known_scopes_;
};

Result<std::vector<Span>> ReadRows(std::string_view block, const TraceId* wanted,
                                   const SpanBlockLimits& limits) {
  OPS_TRY(const BlockParts parts, OpenBlock(span_block::kMagic, block));
  OPS_TRY(const SpanBlockHead head, span_block::ParseHead(parts.head, limits));
  std::string columns;
  OPS_RETURN_IF_ERROR(ZstdDecompress(parts.columns, limits.raw_bytes_max, columns));
  return Reader(columns, head.spans, wanted).Read();
}

}  // namespace

Result<std::vector<Span>> ReadSpanBlock(std::string_view block, const SpanBlockLimits& limits) {
  return ReadRows(block, nullptr, limits);
}

Result<std::vector<Span>> ReadTraceOfBlock(std::string_view block, const TraceId& id,
                                           const SpanBlockLimits& limits) {
  return ReadRows(block, &id, limits);
}

}  // namespace opssight
