#include "aggregator/store/metrics/chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "aggregator/store/metrics/xor_codec.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

// First byte: low 4 bits the kind; integers' kinds carry the scale in the high 4.
constexpr unsigned kXor = 10;
constexpr unsigned kRaw = 11;
constexpr unsigned kRawOne = 12;
constexpr unsigned kAside = 13;
static_assert(kIntKinds <= kXor);

constexpr unsigned kScales = 16;
constexpr std::array<double, kScales> kPowers = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr ChunkHint kNotDecimal = 255;
constexpr std::size_t kAsideEach = 8;  // At most one value in so many is kept aside.

// Adding it rounds a double below 2^51 to an integer, which then stands in the low bits.
constexpr double kRounder = 0x1.8p52;
constexpr double kRoundedMax = 0x1p51;

using Mantissas = std::array<std::int64_t, kChunkSamplesMax>;

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

std::int64_t RoundedIn(double shifted) {
  return static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(shifted) -
                                   std::bit_cast<std::uint64_t>(kRounder));
}

// Whether value is mantissa / 10^scale, to the bit.
bool ToMantissa(double value, unsigned scale, std::int64_t& mantissa) {
  const double scaled = value * kPowers[scale];
  if (std::fabs(scaled) < kRoundedMax) {
    const double rounded = (scaled + kRounder) - kRounder;
    mantissa = RoundedIn(scaled + kRounder);
    return SameBits(rounded / kPowers[scale], value);
  }
  if (scale != 0 || !(std::fabs(value) < 0x1p63)) return false;
  mantissa = static_cast<std::int64_t>(value);
  return SameBits(static_cast<double>(mantissa), value);
}

// All values at once; written so that compilers use vectors.
bool ToMantissas(std::span<const double> values, unsigned scale, std::int64_t* mantissas) {
  const double power = kPowers[scale];
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scaled = values[i] * power;
    const double shifted = scaled + kRounder;
    mantissas[i] = RoundedIn(shifted);
    const double back = scale == 0 ? shifted - kRounder : (shifted - kRounder) / power;
    wrong |= std::bit_cast<std::uint64_t>(back) ^ std::bit_cast<std::uint64_t>(values[i]);
    wrong |= std::fabs(scaled) < kRoundedMax ? 0 : 1;
  }
  return wrong == 0;
}

// The smallest scale >= from at which value is decimal; kScales where there is none.
unsigned ScaleOf(double value, unsigned from) {
  std::int64_t unused = 0;
  for (unsigned scale = from; scale < kScales; ++scale) {
    if (ToMantissa(value, scale, unused)) return scale;
  }
  return kScales;
}

struct Decimals {
  unsigned scale = 0;
  Mantissas mantissas;
  std::size_t aside = 0;
  std::array<std::uint16_t, kChunkSamplesMax / kAsideEach> positions;
};

// The slow way: finds the scale, and the values that are to be kept aside.
bool Search(std::span<const double> values, Decimals& out) {
  const std::size_t aside_max = values.size() / kAsideEach;
  std::array<bool, kChunkSamplesMax> aside{};
  for (unsigned scale = 0;;) {
    out.aside = 0;
    unsigned needs = scale;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!aside[i] && !ToMantissa(values[i], needs, out.mantissas[i])) {
        const unsigned other = ScaleOf(values[i], needs + 1);
        if (other < kScales) {
          needs = other;
        } else {
          aside[i] = true;
        }
      }
      if (aside[i] && ++out.aside > aside_max) return false;
    }
    if (needs == scale) break;
    scale = needs;  // Again: the values before must be at this scale as well.
    out.scale = scale;
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!aside[i]) continue;
    out.positions[next++] = static_cast<std::uint16_t>(i);
    out.mantissas[i] = i == 0 ? 0 : out.mantissas[i - 1];  // Costs nothing in a difference.
  }
  return true;
}

// A scale larger than needed makes mantissas larger than needed.
void ReduceScale(std::size_t count, Decimals& decimals) {
  const auto tens = [&] {
    return std::all_of(decimals.mantissas.begin(),
                       decimals.mantissas.begin() + static_cast<std::ptrdiff_t>(count),
                       [](std::int64_t mantissa) { return mantissa % 10 == 0; });
  };
  while (decimals.scale > 0 && tens()) {
    for (std::size_t i = 0; i < count; ++i) decimals.mantissas[i] /= 10;
    --decimals.scale;
  }
}

bool ToDecimals(std::span<const double> values, ChunkHint hint, Decimals& out) {
  if (hint == kNotDecimal) {
    if (ScaleOf(values[values.size() / 2], 0) == kScales) return false;
  } else if (hint < kScales && ToMantissas(values, hint, out.mantissas.data())) {
    out.scale = hint;
    ReduceScale(values.size(), out);
    return true;
  }
  return Search(values, out);
}

void EncodeOne(double value, std::string& out) {
  std::int64_t mantissa = 0;
  const unsigned scale = ScaleOf(value, 0);
  const std::size_t start = out.size();
  if (scale < kScales && ToMantissa(value, scale, mantissa)) {
    EncodeInts(std::span(&mantissa, 1), out, scale);
    if (out.size() - start <= sizeof value) return;
    out.resize(start);
  }
  out.push_back(static_cast<char>(kRawOne));
  PutLe(out, value);
}

void EncodeFloats(std::span<const double> values, std::string& out) {
  const std::size_t start = out.size();
  out.push_back(static_cast<char>(kXor));
  EncodeXor(values, out);
  if (out.size() - start <= values.size_bytes()) return;
  out.resize(start);
  out.push_back(static_cast<char>(kRaw));
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void EncodeDecimals(std::span<const double> values, const Decimals& decimals, std::string& out) {
  if (decimals.aside != 0) {
    out.push_back(static_cast<char>(kAside));
    PutVarint(out, decimals.aside);
    std::size_t last = 0;
    for (std::size_t i = 0; i < decimals.aside; ++i) {
      const std::size_t position = decimals.positions[i];
      PutVarint(out, position - last);
      PutLe(out, values[position]);
      last = position;
    }
  }
  EncodeInts(std::span(decimals.mantissas).first(values.size()), out, decimals.scale);
}

}  // namespace

void EncodeChunk(std::span<const double> values, ChunkHint& hint, std::string& out) {
  OPS_CHECK(!values.empty() && values.size() <= kChunkSamplesMax, "chunk of {} values",
            values.size());
  std::uint64_t differ = 0;
  const auto first = std::bit_cast<std::uint64_t>(values[0]);
  for (const double value : values) differ |= std::bit_cast<std::uint64_t>(value) ^ first;
  if (differ == 0) {
    EncodeOne(values[0], out);
    return;
  }
  Decimals decimals;
  if (!ToDecimals(values, hint, decimals)) {
    hint = kNotDecimal;
    EncodeFloats(values, out);
    return;
  }
  hint = static_cast<ChunkHint>(decimals.scale);
  const std::size_t start = out.size();
  EncodeDecimals(values, decimals, out);
  constexpr std::size_t kManyBytes = 5;  // A value; then XOR may do better.
  if (out.size() - start <= values.size() * kManyBytes) return;
  std::string floats;
  EncodeFloats(values, floats);
  if (floats.size() >= out.size() - start) return;
  out.replace(start, std::string::npos, floats);
  hint = kNotDecimal;
}

namespace {

// Patched over the decoded values once these are there.
struct Aside {
  std::size_t count = 0;
  std::array<std::uint16_t, kChunkSamplesMax / kAsideEach> positions;
  std::array<double, kChunkSamplesMax / kAsideEach> values;
};

bool TakeAside(std::string_view& bytes, std::size_t samples, Aside& out) {
  bytes.remove_prefix(1);
  const auto count = GetVarint(bytes);
  if (!count || *count > out.values.size()) return false;
  std::size_t position = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto gap = GetVarint(bytes);
    const auto value = GetLe<double>(bytes);
    if (!gap || !value || *gap >= samples) return false;
    position += *gap;
    if (position >= samples) return false;
    out.positions[i] = static_cast<std::uint16_t>(position);
    out.values[i] = *value;
  }
  out.count = *count;
  return !bytes.empty();
}

bool DecodeDecimals(std::string_view bytes, std::span<double> out, std::size_t first,
                    std::size_t last) {
  const unsigned scale = static_cast<unsigned char>(bytes.front()) >> 4;
  Mantissas mantissas;
  if (!DecodeInts(bytes, std::span(mantissas).first(out.size())) || !bytes.empty()) return false;
  if (scale == 0) {
    for (std::size_t i = first; i < last; ++i) out[i] = static_cast<double>(mantissas[i]);
    return true;
  }
  // The encoder keeps scaled mantissas below 2^51, where this is exact; it has a
  // vector form, which the conversion of 64-bit integers has not on older machines.
  const double power = kPowers[scale];
  const auto rounder = std::bit_cast<std::uint64_t>(kRounder);
  for (std::size_t i = first; i < last; ++i) {
    const double mantissa =
        std::bit_cast<double>(static_cast<std::uint64_t>(mantissas[i]) + rounder) - kRounder;
    out[i] = mantissa / power;
  }
  return true;
}

}  // namespace

bool DecodeChunk(std::string_view bytes, std::span<double> out, std::size_t first,
                 std::size_t last) {
  if (bytes.empty() || out.empty() || out.size() > kChunkSamplesMax) return false;
  Aside aside;
  unsigned kind = static_cast<unsigned char>(bytes.front()) & 0xfU;
  if (kind == kAside) {
    if (!TakeAside(bytes, out.size(), aside)) return false;
    kind = static_cast<unsigned char>(bytes.front()) & 0xfU;
  }
  if (kind < kIntKinds) {
    if (!DecodeDecimals(bytes, out, first, std::min(last, out.size()))) return false;
    for (std::size_t i = 0; i < aside.count; ++i) out[aside.positions[i]] = aside.values[i];
    return true;
  }
  bytes.remove_prefix(1);
  switch (kind) {
    case kXor:
      return DecodeXor(bytes, out);
    case kRaw:
      if (bytes.size() != out.size_bytes()) return false;
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return true;
    case kRawOne: {
      if (bytes.size() != sizeof(double)) return false;
      std::fill(out.begin(), out.end(), LoadLe<double>(bytes.data()));
      return true;
    }
    default:
      return false;
  }
}

}  // namespace opssight
