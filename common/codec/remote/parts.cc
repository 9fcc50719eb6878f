#include "common/codec/remote/parts.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace opssight::remote {
namespace {

// Fields of Histogram.
enum : std::uint32_t {
  kCountInt = 1,
  kCountFloat = 2,
  kSum = 3,
  kSchema = 4,
  kZeroThreshold = 5,
  kZeroCountInt = 6,
  kZeroCountFloat = 7,
  kNegativeSpans = 8,
  kNegativeDeltas = 9,
  kNegativeCounts = 10,
  kPositiveSpans = 11,
  kPositiveDeltas = 12,
  kPositiveCounts = 13,
  kResetHint = 14,
  kTimestamp = 15,
  kCustomValues = 16,
};

constexpr std::array<ResetHint, 4> kHints = {ResetHint::kUnknown, ResetHint::kReset,
                                             ResetHint::kNotReset, ResetHint::kGauge};

struct Deltas {
  std::vector<std::int64_t> positive;
  std::vector<std::int64_t> negative;
};

bool ReadHistogramField(const WireField& field, Histogram& out, Deltas& deltas) {
  switch (field.number) {
    case kPositiveSpans:
      return field.is_bytes && ReadSpan(field.bytes, out.positive_spans.emplace_back());
    case kNegativeSpans:
      return field.is_bytes && ReadSpan(field.bytes, out.negative_spans.emplace_back());
    case kPositiveDeltas:
      return AppendDeltas(field, deltas.positive);
    case kNegativeDeltas:
      return AppendDeltas(field, deltas.negative);
    case kPositiveCounts:
      return AppendDoubles(field, out.positive);
    case kNegativeCounts:
      return AppendDoubles(field, out.negative);
    case kCustomValues:
      return AppendDoubles(field, out.custom_values);
    default:
      break;
  }
  if (field.is_bytes) return true;  // Of a later version.
  switch (field.number) {
    case kCountInt:
      out.count = static_cast<double>(field.integer);
      break;
    case kCountFloat:
      out.count = field.real();
      break;
    case kSum:
      out.sum = field.real();
      break;
    case kSchema:
      out.schema = static_cast<std::int32_t>(UnZigZag(field.integer));
      break;
    case kZeroThreshold:
      out.zero_threshold = field.real();
      break;
    case kZeroCountInt:
      out.zero_count = static_cast<double>(field.integer);
      break;
    case kZeroCountFloat:
      out.zero_count = field.real();
      break;
    case kResetHint:
      if (field.integer < kHints.size()) out.hint = kHints[field.integer];
      break;
    default:
      break;
  }
  return true;
}

std::size_t PartsOf(const Histogram& histogram, const Deltas& deltas) {
  return histogram.positive_spans.size() + histogram.negative_spans.size() +
         histogram.positive.size() + histogram.negative.size() + histogram.custom_values.size() +
         deltas.positive.size() + deltas.negative.size();
}

void PutSpans(WireWriter& out, std::uint32_t number, const std::vector<BucketSpan>& spans) {
  for (const BucketSpan& span : spans) {
    out.Message(number, [&](WireWriter& inner) {
      if (span.offset != 0) inner.Signed(1, span.offset);
      if (span.length != 0) inner.Varint(2, span.length);
    });
  }
}

void PutDoubles(WireWriter& out, std::uint32_t number, const std::vector<double>& values) {
  if (values.empty()) return;
  out.Bytes(number, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)});
}

}  // namespace

bool ReadSpan(std::string_view bytes, BucketSpan& out) {
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.is_bytes) continue;
    if (field.number == 1) out.offset = static_cast<std::int32_t>(UnZigZag(field.integer));
    if (field.number == 2) out.length = static_cast<std::uint32_t>(field.integer);
  }
  return !reader.broken();
}

bool AppendDoubles(const WireField& field, std::vector<double>& out) {
  if (field.type == WireType::kFixed64) {
    out.push_back(field.real());
    return true;
  }
  if (!field.is_bytes || field.bytes.size() % sizeof(double) != 0) return false;
  for (std::size_t at = 0; at < field.bytes.size(); at += sizeof(double)) {
    out.push_back(LoadLe<double>(field.bytes.data() + at));
  }
  return true;
}

bool AppendDeltas(const WireField& field, std::vector<std::int64_t>& out) {
  if (field.type == WireType::kVarint) {
    out.push_back(UnZigZag(field.integer));
    return true;
  }
  if (!field.is_bytes) return false;
  std::string_view rest = field.bytes;
  while (!rest.empty()) {
    const auto delta = GetZigZag(rest);
    if (!delta) return false;
    out.push_back(*delta);
  }
  return true;
}

void AccumulateDeltas(const std::vector<std::int64_t>& deltas, std::vector<double>& out) {
  std::uint64_t count = 0;  // Wraps where hostile; a negative count fails validation.
  for (const std::int64_t delta : deltas) {
    count += static_cast<std::uint64_t>(delta);
    out.push_back(static_cast<double>(static_cast<std::int64_t>(count)));
  }
}

bool ReadLabel(std::string_view bytes, LabelView& out) {
  out = {};
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (!field.is_bytes) continue;
    if (field.number == 1) out.first = field.bytes;
    if (field.number == 2) out.second = field.bytes;
  }
  return !reader.broken();
}

bool ReadSample(std::string_view bytes, WriteSample& out) {
  out = {};
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && field.type == WireType::kFixed64) out.value = field.real();
    if (field.number == 2 && field.type == WireType::kVarint) {
      out.time_ms = static_cast<std::int64_t>(field.integer);
    }
  }
  return !reader.broken();
}

bool ReadHistogram(std::string_view bytes, std::size_t buckets_max, WriteHistogram& out) {
  out = {};
  Deltas deltas;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == kTimestamp && field.type == WireType::kVarint) {
      out.time_ms = static_cast<std::int64_t>(field.integer);
      continue;
    }
    if (!ReadHistogramField(field, out.histogram, deltas)) return false;
    if (PartsOf(out.histogram, deltas) > buckets_max) return false;
  }
  if (out.histogram.positive.empty()) AccumulateDeltas(deltas.positive, out.histogram.positive);
  if (out.histogram.negative.empty()) AccumulateDeltas(deltas.negative, out.histogram.negative);
  return !reader.broken();
}

bool ReadNumbers(const WireField& field, std::vector<std::uint32_t>& out) {
  if (field.type == WireType::kVarint) {
    out.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(field.integer, UINT32_MAX)));
    return true;
  }
  if (!field.is_bytes) return false;
  std::string_view rest = field.bytes;
  while (!rest.empty()) {
    const auto number = GetVarint(rest);
    if (!number) return false;
    out.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, UINT32_MAX)));
  }
  return true;
}

void PutLabel(WireWriter& out, std::uint32_t number, std::string_view name,
              std::string_view value) {
  out.Message(number, [&](WireWriter& inner) {
    inner.Bytes(1, name);
    inner.Bytes(2, value);
  });
}

void PutSample(WireWriter& out, std::uint32_t number, const WriteSample& sample) {
  out.Message(number, [&](WireWriter& inner) {
    if (std::bit_cast<std::uint64_t>(sample.value) != 0) inner.Double(1, sample.value);
    if (sample.time_ms != 0) inner.Varint(2, static_cast<std::uint64_t>(sample.time_ms));
  });
}

void PutHistogram(WireWriter& out, std::uint32_t number, const WriteHistogram& from) {
  const Histogram& histogram = from.histogram;
  out.Message(number, [&](WireWriter& inner) {
    inner.Double(kCountFloat, histogram.count);
    inner.Double(kSum, histogram.sum);
    inner.Signed(kSchema, histogram.schema);
    inner.Double(kZeroThreshold, histogram.zero_threshold);
    inner.Double(kZeroCountFloat, histogram.zero_count);
    PutSpans(inner, kNegativeSpans, histogram.negative_spans);
    PutDoubles(inner, kNegativeCounts, histogram.negative);
    PutSpans(inner, kPositiveSpans, histogram.positive_spans);
    PutDoubles(inner, kPositiveCounts, histogram.positive);
    const auto hint = std::find(kHints.begin(), kHints.end(), histogram.hint) - kHints.begin();
    inner.Varint(kResetHint, static_cast<std::uint64_t>(hint));
    inner.Varint(kTimestamp, static_cast<std::uint64_t>(from.time_ms));
    PutDoubles(inner, kCustomValues, histogram.custom_values);
  });
}

MetricType TypeOf(std::uint64_t number) {
  switch (number) {
    case 1:
      return MetricType::kCounter;
    case 2:
      return MetricType::kGauge;
    case 3:
      return MetricType::kHistogram;
    case 5:
      return MetricType::kSummary;
    case 6:
      return MetricType::kInfo;
    default:  // 4 gauge histogram, 7 state set: the model has none of them.
      return MetricType::kUnknown;
  }
}

std::uint64_t NumberOf(MetricType type) {
  switch (type) {
    case MetricType::kUnknown:
      break;
    case MetricType::kCounter:
      return 1;
    case MetricType::kGauge:
      return 2;
    case MetricType::kHistogram:
      return 3;
    case MetricType::kSummary:
      return 5;
    case MetricType::kInfo:
      return 6;
  }
  return 0;
}

}  // namespace opssight::remote
