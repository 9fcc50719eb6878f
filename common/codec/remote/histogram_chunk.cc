#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/codec/remote/bits.h"
#include "common/codec/remote/chunk.h"

namespace opssight::remote {
namespace {

constexpr std::uint8_t kGauge = 0xc0;
constexpr std::uint8_t kReset = 0x80;
constexpr std::uint8_t kNotReset = 0x40;

bool IsStale(const Histogram& histogram) {
  return std::bit_cast<std::uint64_t>(histogram.sum) == kStaleNanBits;
}

// ---- layout: what all histograms of a chunk share

void PutZeroThreshold(BitWriter& out, double threshold) {
  if (threshold == 0) return out.Bits(0, 8);
  int exponent = 0;
  if (std::frexp(threshold, &exponent) != 0.5 || exponent < -242 || exponent > 11) {
    out.Bits(255, 8);
    return out.Bits(std::bit_cast<std::uint64_t>(threshold), 64);
  }
  out.Bits(static_cast<std::uint64_t>(exponent + 243), 8);
}

double GetZeroThreshold(BitReader& in) {
  const std::uint64_t byte = in.Bits(8);
  if (byte == 0) return 0;
  if (byte == 255) return std::bit_cast<double>(in.Bits(64));
  return std::ldexp(0.5, static_cast<int>(byte) - 243);
}

void PutSpans(BitWriter& out, const std::vector<BucketSpan>& spans) {
  PutVarbitUint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutVarbitUint(out, span.length);
    PutVarbitInt(out, span.offset);
  }
}

// Adds the spans' lengths to *buckets.
bool GetSpans(BitReader& in, std::size_t most, std::vector<BucketSpan>& out,
              std::uint64_t* buckets) {
  const std::uint64_t count = GetVarbitUint(in);
  if (count > most) return false;
  for (std::uint64_t i = 0; i < count && !in.ended(); ++i) {
    const std::uint64_t length = GetVarbitUint(in);
    if (length > most) return false;
    out.push_back({.offset = static_cast<std::int32_t>(GetVarbitInt(in)),
                   .length = static_cast<std::uint32_t>(length)});
    *buckets += length;
  }
  return !in.ended();
}

// Bounds are often multiples of 0.001.
void PutBound(BitWriter& out, double bound) {
  constexpr double kMost = 33'554'430;
  const double scaled = bound * 1000;
  if (scaled < 0 || scaled > kMost || std::isnan(scaled) || std::round(scaled) / 1000 != bound) {
    out.Bit(false);
    return out.Bits(std::bit_cast<std::uint64_t>(bound), 64);
  }
  PutVarbitUint(out, static_cast<std::uint64_t>(std::round(scaled)) + 1);
}

double GetBound(BitReader& in) {
  const std::uint64_t scaled = GetVarbitUint(in);
  return scaled == 0 ? std::bit_cast<double>(in.Bits(64)) : static_cast<double>(scaled - 1) / 1000;
}

void PutLayout(BitWriter& out, const Histogram& histogram) {
  PutZeroThreshold(out, histogram.zero_threshold);
  PutVarbitInt(out, histogram.schema);
  PutSpans(out, histogram.positive_spans);
  PutSpans(out, histogram.negative_spans);
  if (!histogram.custom()) return;
  PutVarbitUint(out, histogram.custom_values.size());
  for (const double bound : histogram.custom_values) PutBound(out, bound);
}

bool GetLayout(BitReader& in, std::size_t most, Histogram& out) {
  out.zero_threshold = GetZeroThreshold(in);
  out.schema = static_cast<std::int32_t>(GetVarbitInt(in));
  std::uint64_t positive = 0;
  std::uint64_t negative = 0;
  if (!GetSpans(in, most, out.positive_spans, &positive) ||
      !GetSpans(in, most, out.negative_spans, &negative) || positive + negative > most) {
    return false;
  }
  out.positive.resize(positive);
  out.negative.resize(negative);
  if (!out.custom()) return true;
  const std::uint64_t bounds = GetVarbitUint(in);
  if (bounds > most) return false;
  for (std::uint64_t i = 0; i < bounds && !in.ended(); ++i) {
    out.custom_values.push_back(GetBound(in));
  }
  return !in.ended();
}

// ---- values

struct States {
  XorState count;
  XorState zero_count;
  XorState sum;
  std::vector<XorState> buckets;  // Positive ones, then negative ones.
};

// Of the first of a chunk whole, then as XOR.
struct Writer {
  BitWriter& out;
  bool first;
  void Put(XorState& state, double value) {
    if (!first) return PutXor(out, state, value);
    out.Bits(std::bit_cast<std::uint64_t>(value), 64);
    state.value = value;
  }
};

void PutValues(BitWriter& out, bool first, const Histogram& histogram, States& states) {
  Writer writer{.out = out, .first = first};
  const bool stale = IsStale(histogram);
  writer.Put(states.count, stale ? 0 : histogram.count);
  writer.Put(states.zero_count, stale ? 0 : histogram.zero_count);
  writer.Put(states.sum, histogram.sum);
  if (stale) return;
  std::size_t i = 0;
  for (const double value : histogram.positive) writer.Put(states.buckets[i++], value);
  for (const double value : histogram.negative) writer.Put(states.buckets[i++], value);
}

void Get(BitReader& in, bool first, XorState& state) {
  if (first) {
    state.value = std::bit_cast<double>(in.Bits(64));
  } else {
    GetXor(in, state);
  }
}

void GetValues(BitReader& in, bool first, States& states, Histogram& out) {
  Get(in, first, states.count);
  Get(in, first, states.zero_count);
  Get(in, first, states.sum);
  out.count = states.count.value;
  out.zero_count = states.zero_count.value;
  out.sum = states.sum.value;
  if (IsStale(out)) {
    out = {.sum = out.sum};
    return;
  }
  for (XorState& state : states.buckets) Get(in, first, state);
  for (std::size_t i = 0; i < states.buckets.size(); ++i) {
    const double value = states.buckets[i].value;
    if (i < out.positive.size()) {
      out.positive[i] = value;
    } else {
      out.negative[i - out.positive.size()] = value;
    }
  }
}

std::uint8_t FlagsOf(ResetHint hint) {
  switch (hint) {
    case ResetHint::kReset:
      return kReset;
    case ResetHint::kNotReset:
      return kNotReset;
    case ResetHint::kGauge:
      return kGauge;
    case ResetHint::kUnknown:
      break;
  }
  return 0;
}

// Of the i-th histogram of a chunk: those after the first follow without a reset.
ResetHint HintOf(std::uint8_t flags, std::size_t i) {
  if ((flags & kGauge) == kGauge) return ResetHint::kGauge;
  if (i > 0) return ResetHint::kNotReset;
  if ((flags & kReset) != 0) return ResetHint::kReset;
  return (flags & kNotReset) != 0 ? ResetHint::kNotReset : ResetHint::kUnknown;
}

bool SameLayout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.positive.size() == b.positive.size() && a.negative.size() == b.negative.size() &&
         a.custom_values == b.custom_values;
}

bool Shrinks(const std::vector<double>& before, const std::vector<double>& after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i] < before[i]) return true;
  }
  return false;
}

bool Follows(const Histogram& next, const Histogram& before) {
  if (IsStale(next) || IsStale(before)) return false;
  if (!SameLayout(before, next)) return false;
  const bool gauge = before.hint == ResetHint::kGauge;
  if ((next.hint == ResetHint::kGauge) != gauge) return false;
  if (gauge) return true;
  return next.hint != ResetHint::kReset && next.count >= before.count &&
         next.zero_count >= before.zero_count && !Shrinks(before.positive, next.positive) &&
         !Shrinks(before.negative, next.negative);
}

}  // namespace

std::size_t HistogramsInChunk(std::span<const WriteHistogram> histograms, std::size_t most) {
  std::size_t count = 1;
  while (count < std::min(histograms.size(), most) &&
         Follows(histograms[count].histogram, histograms[count - 1].histogram)) {
    ++count;
  }
  return count;
}

std::string EncodeHistogramChunk(std::span<const WriteHistogram> histograms) {
  OPS_CHECK(!histograms.empty() && histograms.size() <= kChunkCountMax, "a chunk of {} histograms",
            histograms.size());
  const Histogram& first = histograms[0].histogram;
  std::string out;
  PutBe(out, static_cast<std::uint16_t>(histograms.size()));
  out.push_back(static_cast<char>(FlagsOf(first.hint)));
  BitWriter bits(out);
  PutLayout(bits, IsStale(first) ? Histogram() : first);
  States states;
  states.buckets.resize(first.positive.size() + first.negative.size());
  std::int64_t delta = 0;
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    if (i == 0) {
      PutVarbitInt(bits, histograms[0].time_ms);
    } else {
      const std::int64_t next = histograms[i].time_ms - histograms[i - 1].time_ms;
      PutVarbitInt(bits, next - delta);
      delta = next;
    }
    PutValues(bits, i == 0, histograms[i].histogram, states);
  }
  return out;
}

bool DecodeHistogramChunk(std::string_view bytes, std::size_t buckets_max,
                          std::vector<WriteHistogram>& out) {
  const auto count = GetBe<std::uint16_t>(bytes);
  if (!count || bytes.empty()) return false;
  const auto flags = static_cast<std::uint8_t>(bytes.front());
  BitReader bits(bytes.substr(1));
  Histogram layout;
  if (!GetLayout(bits, buckets_max, layout)) return false;
  const std::size_t buckets = layout.positive.size() + layout.negative.size();
  if (*count * (buckets + layout.custom_values.size()) > buckets_max) return false;
  States states;
  states.buckets.resize(buckets);
  std::uint64_t time = 0;  // Wraps, where hostile.
  std::uint64_t delta = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    WriteHistogram one{.histogram = layout};
    if (i == 0) {
      time = static_cast<std::uint64_t>(GetVarbitInt(bits));
    } else {
      delta += static_cast<std::uint64_t>(GetVarbitInt(bits));
      time += delta;
    }
    one.time_ms = static_cast<std::int64_t>(time);
    GetValues(bits, i == 0, states, one.histogram);
    if (bits.ended()) return false;
    one.histogram.hint = HintOf(flags, i);
    out.push_back(std::move(one));
  }
  return true;
}

}  // namespace opssight::remote
