// io.prometheus.client.MetricFamily, each behind its length (client_model metrics.proto),
// walked in place: generated code would copy every label.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>

#include "common/bytes/varint.h"
#include "common/bytes/wire.h"
#include "common/codec/expo/parts.h"
#include "common/codec/remote/parts.h"
#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight::expo {
namespace {

enum class FamilyType : std::uint8_t {
  kCounter,
  kGauge,
  kSummary,
  kUntyped,
  kHistogram,
  kGaugeHistogram
};
constexpr std::uint64_t kTypesMax = 5;

MetricType TypeOf(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return MetricType::kCounter;
    case FamilyType::kGauge:
      return MetricType::kGauge;
    case FamilyType::kSummary:
      return MetricType::kSummary;
    case FamilyType::kHistogram:
      return MetricType::kHistogram;
    case FamilyType::kUntyped:
    case FamilyType::kGaugeHistogram:  // The model has none.
      break;
  }
  return MetricType::kUnknown;
}

// One bound and count, or one quantile and value.
struct Point {
  double bound = 0;
  double value = 0;
  std::string_view exemplar;
  bool has_exemplar = false;
};

struct Distribution {
  double count = 0;
  double sum = 0;
  std::vector<Point> points;
};

// All that a message Histogram holds, before it is known which kind it is.
struct HistogramParts {
  Distribution classic;
  Histogram native;
  std::vector<std::int64_t> positive;  // Deltas.
  std::vector<std::int64_t> negative;
  std::vector<ExemplarView> exemplars;

  std::size_t size() const {
    return classic.points.size() + native.positive_spans.size() + native.negative_spans.size() +
           native.positive.size() + native.negative.size() + positive.size() + negative.size() +
           exemplars.size();
  }
  bool is_native() const {
    return !native.positive_spans.empty() || !native.negative_spans.empty() ||
           native.zero_threshold > 0 || native.zero_count > 0;
  }
};

// What a field of a histogram adds to its parts, at most; packed numbers are several.
std::size_t PartsOf(const WireField& field) {
  if (!field.is_bytes) return 1;
  if (field.number == 11 || field.number == 14) return field.bytes.size() / sizeof(double);
  if (field.number != 10 && field.number != 13) return 1;
  return static_cast<std::size_t>(std::count_if(field.bytes.begin(), field.bytes.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0x80U) == 0;
  }));
}

class FamilyReader {
 public:
  FamilyReader(const ParseOptions& options, Visitor& visitor)
      : options_(options), visitor_(visitor) {}

  // An error without its place.
  Status Read(std::string_view bytes) {
    FamilyView family;
    type_ = FamilyType::kCounter;
    WireReader head(bytes);
    for (WireField field; head.Next(field);) {
      if (field.number == 1 && field.is_bytes) family.name = field.bytes;
      if (field.number == 2 && field.is_bytes) family.help = field.bytes;
      if (field.number == 5 && field.is_bytes) family.unit = field.bytes;
      if (field.number == 3 && !field.is_bytes) {
        if (field.integer > kTypesMax) return Invalid("an unknown type");
        type_ = static_cast<FamilyType>(field.integer);
      }
    }
    if (head.broken()) return Invalid("malformed protobuf");
    if (family.name.empty() || !IsUtf8(family.name)) return Invalid("a family without a name");
    family.type = TypeOf(type_);
    name_ = family.name;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 4 && field.is_bytes) OPS_RETURN_IF_ERROR(ReadMetric(field.bytes));
    }
    visitor_.OnFamily(family);
    return {};
  }

 private:
  Status ReadMetric(std::string_view bytes) {
    labels_.clear();
    time_ms_.reset();
    std::string_view body;
    std::uint32_t body_number = 0;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 1 && field.is_bytes) {
        OPS_RETURN_IF_ERROR(ReadLabel(field.bytes, labels_));
      } else if (field.number == 6 && !field.is_bytes) {
        // 0 is "not set" in proto3 and proto2 writers alike.
        if (field.integer != 0) time_ms_ = static_cast<std::int64_t>(field.integer);
      } else if (field.is_bytes && field.number >= 2 && field.number <= 7) {
        body = field.bytes;
        body_number = field.number;
      }
    }
    if (reader.broken()) return Invalid("malformed protobuf");
    switch (type_) {
      case FamilyType::kCounter:
        return body_number == 3 ? ReadSingle(body) : Status();
      case FamilyType::kGauge:
        return body_number == 2 ? ReadSingle(body) : Status();
      case FamilyType::kUntyped:
        return body_number == 5 ? ReadSingle(body) : Status();
      case FamilyType::kSummary:
        return body_number == 4 ? ReadSummary(body) : Status();
      case FamilyType::kHistogram:
      case FamilyType::kGaugeHistogram:
        return body_number == 7 ? ReadHistogram(body) : Status();
    }
    return {};
  }

  Status ReadLabel(std::string_view bytes, std::vector<LabelView>& labels) {
    LabelView label;
    if (!remote::ReadLabel(bytes, label)) return Invalid("malformed protobuf");
    if (label.first.empty()) return Invalid("a label without a name");
    if (!IsUtf8(label.first) || !IsUtf8(label.second)) return Invalid("a label that is not UTF-8");
    if (labels.size() == options_.labels_max) {
      return Invalid(fmt::format("more than {} labels", options_.labels_max));
    }
    labels.push_back(label);
    return {};
  }

  // Counter, gauge and untyped: their value is field 1, a counter's exemplar field 2.
  Status ReadSingle(std::string_view bytes) {
    double value = 0;
    std::optional<ExemplarView> exemplar;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 1 && field.type == WireType::kFixed64) value = field.real();
      if (field.number == 2 && field.is_bytes) {
        OPS_RETURN_IF_ERROR(ReadExemplar(field.bytes, exemplar.emplace()));
      }
    }
    if (reader.broken()) return Invalid("malformed protobuf");
    Emit("", labels_, value, exemplar ? &*exemplar : nullptr);
    return {};
  }

  Status ReadExemplar(std::string_view bytes, ExemplarView& out) {
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 1 && field.is_bytes) {
        OPS_RETURN_IF_ERROR(ReadLabel(field.bytes, out.labels));
      }
      if (field.number == 2 && field.type == WireType::kFixed64) out.value = field.real();
      if (field.number == 3 && field.is_bytes) {
        std::uint64_t seconds = 0;
        std::uint64_t nanos = 0;
        WireReader time(field.bytes);
        for (WireField part; time.Next(part);) {
          if (part.is_bytes) continue;
          if (part.number == 1) seconds = part.integer;
          if (part.number == 2) nanos = part.integer;
        }
        if (time.broken()) return Invalid("malformed protobuf");
        out.time_ms = static_cast<std::int64_t>(seconds * 1000 + nanos / 1'000'000);
      }
    }
    return reader.broken() ? Status(Invalid("malformed protobuf")) : Status();
  }

  Status ReadPoint(std::string_view bytes, bool bucket, Point& out) {
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.type == WireType::kFixed64) {
        // Bucket: 2 the bound, 4 a fractional count. Quantile: 1 the quantile, 2 the value.
        const bool is_bound = field.number == (bucket ? 2U : 1U);
        const bool is_value = field.number == (bucket ? 4U : 2U);
        if (is_bound) out.bound = field.real();
        if (is_value) out.value = field.real();
      } else if (bucket && field.number == 1 && field.type == WireType::kVarint) {
        out.value = static_cast<double>(field.integer);
      } else if (bucket && field.number == 3 && field.is_bytes) {
        out.exemplar = field.bytes;
        out.has_exemplar = true;
      }
    }
    return reader.broken() ? Status(Invalid("malformed protobuf")) : Status();
  }

  Status CheckRoom(std::size_t parts) const {
    if (parts <= options_.buckets_max) return {};
    return Invalid(
        fmt::format("a histogram or summary of more than {} parts", options_.buckets_max));
  }

  Status ReadSummary(std::string_view bytes) {
    Distribution all;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 1 && field.type == WireType::kVarint) {
        all.count = static_cast<double>(field.integer);
      }
      if (field.number == 2 && field.type == WireType::kFixed64) all.sum = field.real();
      if (field.number == 3 && field.is_bytes) {
        OPS_RETURN_IF_ERROR(CheckRoom(all.points.size() + 1));
        OPS_RETURN_IF_ERROR(ReadPoint(field.bytes, false, all.points.emplace_back()));
      }
    }
    if (reader.broken()) return Invalid("malformed protobuf");
    return EmitParts(all, "quantile", "");
  }

  Status ReadHistogram(std::string_view bytes) {
    HistogramParts parts;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      OPS_RETURN_IF_ERROR(CheckRoom(parts.size() + PartsOf(field)));
      OPS_RETURN_IF_ERROR(ReadHistogramField(field, parts));
    }
    if (reader.broken()) return Invalid("malformed protobuf");
    const bool native = options_.native && parts.is_native();
    if (!native || (options_.classic_too && !parts.classic.points.empty())) {
      OPS_RETURN_IF_ERROR(EmitParts(parts.classic, "le", "_bucket"));
    }
    return native ? EmitNative(parts) : Status();
  }

  Status EmitNative(HistogramParts& parts) {
    Histogram& native = parts.native;
    if (native.positive.empty()) remote::AccumulateDeltas(parts.positive, native.positive);
    if (native.negative.empty()) remote::AccumulateDeltas(parts.negative, native.negative);
    native.count = parts.classic.count;
    native.sum = parts.classic.sum;
    if (type_ == FamilyType::kGaugeHistogram) native.hint = ResetHint::kGauge;
    std::vector<ExemplarView>& exemplars = parts.exemplars;
    if (exemplars.empty()) {  // The classic buckets may have some.
      for (const Point& point : parts.classic.points) {
        if (!point.has_exemplar) continue;
        OPS_RETURN_IF_ERROR(ReadExemplar(point.exemplar, exemplars.emplace_back()));
      }
    }
    // Without a time nobody can tell a new one from the one of the last scrape.
    std::erase_if(exemplars, [](const ExemplarView& exemplar) { return !exemplar.time_ms; });
    visitor_.OnHistogram(
        {.name = name_, .labels = labels_, .time_ms = time_ms_, .exemplars = exemplars},
        std::move(native));
    return {};
  }

  Status ReadHistogramField(const WireField& field, HistogramParts& parts) {
    Distribution& classic = parts.classic;
    Histogram& native = parts.native;
    const bool real = field.type == WireType::kFixed64;
    const bool whole = field.type == WireType::kVarint;
    const auto wrong = [](bool ok) {
      return ok ? Status() : Status(Invalid("malformed protobuf"));
    };
    switch (field.number) {
      case 1:
        if (whole) classic.count = static_cast<double>(field.integer);
        return {};
      case 2:
        if (real) classic.sum = field.real();
        return {};
      case 3:
        return field.is_bytes ? ReadPoint(field.bytes, true, classic.points.emplace_back())
                              : wrong(false);
      case 4:
        if (real && field.real() > 0) classic.count = field.real();
        return {};
      case 5:
        if (whole) native.schema = static_cast<std::int32_t>(UnZigZag(field.integer));
        return {};
      case 6:
        if (real) native.zero_threshold = field.real();
        return {};
      case 7:
        if (whole) native.zero_count = static_cast<double>(field.integer);
        return {};
      case 8:
        if (real && field.real() > 0) native.zero_count = field.real();
        return {};
      case 9:
        return wrong(field.is_bytes &&
                     remote::ReadSpan(field.bytes, native.negative_spans.emplace_back()));
      case 10:
        return wrong(remote::AppendDeltas(field, parts.negative));
      case 11:
        return wrong(remote::AppendDoubles(field, native.negative));
      case 12:
        return wrong(field.is_bytes &&
                     remote::ReadSpan(field.bytes, native.positive_spans.emplace_back()));
      case 13:
        return wrong(remote::AppendDeltas(field, parts.positive));
      case 14:
        return wrong(remote::AppendDoubles(field, native.positive));
      case 16:
        if (!field.is_bytes) return {};
        return ReadExemplar(field.bytes, parts.exemplars.emplace_back());
      default:
        return {};
    }
  }

  // _bucket with le, or the bare name with quantile; _sum and _count. A histogram without
  // a bucket +Inf gets one.
  Status EmitParts(const Distribution& all, std::string_view label, std::string_view suffix) {
    scratch_.Reset();
    bool infinite = false;
    for (const Point& point : all.points) {
      std::optional<ExemplarView> exemplar;
      if (point.has_exemplar) {
        OPS_RETURN_IF_ERROR(ReadExemplar(point.exemplar, exemplar.emplace()));
      }
      infinite = infinite || (std::isinf(point.bound) && point.bound > 0);
      EmitPoint(point.bound, point.value, label, suffix, exemplar ? &*exemplar : nullptr);
    }
    if (!suffix.empty() && !infinite) EmitPoint(HUGE_VAL, all.count, label, suffix, nullptr);
    Emit("_sum", labels_, all.sum, nullptr);
    Emit("_count", labels_, all.count, nullptr);
    return {};
  }

  void EmitPoint(double bound, double value, std::string_view label, std::string_view suffix,
                 const ExemplarView* exemplar) {
    std::string& text = scratch_.Next();
    AppendCanonical(bound, text);
    labels_.emplace_back(label, text);
    Emit(suffix, labels_, value, exemplar);
    labels_.pop_back();
  }

  void Emit(std::string_view suffix, const std::vector<LabelView>& labels, double value,
            const ExemplarView* exemplar) {
    full_name_.assign(name_).append(suffix);
    if (std::isnan(value)) value = *ParseValue("NaN");
    visitor_.OnSample({.name = full_name_,
                       .labels = labels,
                       .type = TypeOf(type_),
                       .value = value,
                       .time_ms = time_ms_,
                       .exemplar = exemplar});
  }

  const ParseOptions& options_;
  Visitor& visitor_;
  FamilyType type_ = FamilyType::kCounter;
  std::string_view name_;
  std::string full_name_;
  std::vector<LabelView> labels_;
  std::optional<std::int64_t> time_ms_;
  Scratch scratch_;
};

}  // namespace

Status ParseProtobuf(std::string_view body, const ParseOptions& options, Visitor& visitor) {
  FamilyReader reader(options, visitor);
  std::string_view rest = body;
  while (!rest.empty()) {
    const std::size_t at = body.size() - rest.size();
    const auto size = GetVarint(rest);
    if (!size || *size > rest.size()) {
      return Invalid(fmt::format("byte {}: a family that the body does not hold whole", at));
    }
    if (Status status = reader.Read(rest.substr(0, *size)); !status) {
      return Invalid(fmt::format("the family at byte {}: {}", at, status.error().message));
    }
    rest.remove_prefix(*size);
  }
  return {};
}

}  // namespace opssight::expo
