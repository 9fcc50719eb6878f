#include "common/codec/remote/chunk.h"

#include <array>

#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/codec/remote/bits.h"

namespace opssight::remote {
namespace {

// Times that are not evenly apart: 14, 17, 20 or 64 bits for the difference of differences.
constexpr std::array<unsigned, 3> kDodWidths = {14, 17, 20};

std::int64_t Minus(std::int64_t a, std::int64_t b) {  // Wraps, where hostile.
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t Plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

void PutDod(BitWriter& out, std::int64_t dod) {
  if (dod == 0) return out.Bit(false);
  for (const unsigned width : kDodWidths) {
    out.Bit(true);
    const std::int64_t top = std::int64_t{1} << (width - 1);
    if (dod > -top && dod <= top) {
      out.Bit(false);
      return out.Bits(static_cast<std::uint64_t>(dod), width);
    }
  }
  out.Bit(true);
  out.Bits(static_cast<std::uint64_t>(dod), 64);
}

std::int64_t GetDod(BitReader& in) {
  if (!in.Bit()) return 0;
  for (const unsigned width : kDodWidths) {
    if (in.Bit()) continue;
    std::uint64_t value = in.Bits(width);
    if (value > 1ULL << (width - 1)) value -= 1ULL << width;
    return static_cast<std::int64_t>(value);
  }
  return static_cast<std::int64_t>(in.Bits(64));
}

}  // namespace

std::string EncodeXorChunk(std::span<const WriteSample> samples) {
  OPS_CHECK(!samples.empty() && samples.size() <= kChunkCountMax, "a chunk of {} samples",
            samples.size());
  std::string out;
  PutBe(out, static_cast<std::uint16_t>(samples.size()));
  BitWriter bits(out);
  XorState value;
  std::int64_t delta = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i == 0) {
      PutVarintBits(bits, samples[0].time_ms);
      bits.Bits(std::bit_cast<std::uint64_t>(samples[0].value), 64);
      value.value = samples[0].value;
      continue;
    }
    const std::int64_t next = Minus(samples[i].time_ms, samples[i - 1].time_ms);
    if (i == 1) {
      PutUvarintBits(bits, static_cast<std::uint64_t>(next));
    } else {
      PutDod(bits, Minus(next, delta));
    }
    delta = next;
    PutXor(bits, value, samples[i].value);
  }
  return out;
}

bool DecodeXorChunk(std::string_view bytes, std::vector<WriteSample>& out) {
  const auto count = GetBe<std::uint16_t>(bytes);
  if (!count) return false;
  BitReader bits(bytes);
  XorState value;
  std::int64_t time = 0;
  std::int64_t delta = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    if (i == 0) {
      time = GetVarintBits(bits);
      value.value = std::bit_cast<double>(bits.Bits(64));
    } else {
      delta = i == 1 ? static_cast<std::int64_t>(GetUvarintBits(bits)) : Plus(delta, GetDod(bits));
      time = Plus(time, delta);
      GetXor(bits, value);
    }
    if (bits.ended()) return false;
    out.push_back({.time_ms = time, .value = value.value});
  }
  return true;
}

}  // namespace opssight::remote
