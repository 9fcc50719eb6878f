#include "common/codec/remote/bits.h"

#include <algorithm>
#include <array>

#include "common/bytes/varint.h"

namespace opssight::remote {
namespace {

constexpr std::array<unsigned, 9> kWidths = {0, 3, 6, 9, 12, 18, 25, 56, 64};

// Whether value is in the range of so many bits: -(2^(n-1)-1) to 2^(n-1).
bool Fits(std::int64_t value, unsigned bits) {
  if (bits == 0) return value == 0;
  if (bits >= 64) return true;
  const std::int64_t top = std::int64_t{1} << (bits - 1);
  return value > -top && value <= top;
}

void PutPrefixed(BitWriter& out, std::size_t width, std::uint64_t value) {
  // The longest prefix has no zero at its end.
  for (std::size_t i = 0; i < width; ++i) out.Bit(true);
  if (width + 1 < kWidths.size()) out.Bit(false);
  out.Bits(value, kWidths[width]);
}

std::size_t GetPrefix(BitReader& in) {
  std::size_t width = 0;
  while (width + 1 < kWidths.size() && in.Bit()) ++width;
  return width;
}

}  // namespace

void PutUvarintBits(BitWriter& out, std::uint64_t value) {
  std::string bytes;
  PutVarint(bytes, value);
  for (const char byte : bytes) out.Bits(static_cast<std::uint8_t>(byte), 8);
}

void PutVarintBits(BitWriter& out, std::int64_t value) {
  PutUvarintBits(out, ZigZag(value));
}

std::uint64_t GetUvarintBits(BitReader& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = in.Bits(8);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

std::int64_t GetVarintBits(BitReader& in) {
  return UnZigZag(GetUvarintBits(in));
}

void PutVarbitInt(BitWriter& out, std::int64_t value) {
  std::size_t width = 0;
  while (!Fits(value, kWidths[width])) ++width;
  PutPrefixed(out, width, static_cast<std::uint64_t>(value));
}

void PutVarbitUint(BitWriter& out, std::uint64_t value) {
  std::size_t width = 0;
  while (kWidths[width] < 64 && value >> kWidths[width] != 0) ++width;
  PutPrefixed(out, width, value);
}

std::int64_t GetVarbitInt(BitReader& in) {
  const unsigned bits = kWidths[GetPrefix(in)];
  std::uint64_t value = in.Bits(bits);
  // Above the middle it is a negative one.
  if (bits > 0 && bits < 64 && value > (1ULL << (bits - 1))) value -= 1ULL << bits;
  return static_cast<std::int64_t>(value);
}

std::uint64_t GetVarbitUint(BitReader& in) {
  return in.Bits(kWidths[GetPrefix(in)]);
}

void PutXor(BitWriter& out, XorState& state, double value) {
  const std::uint64_t delta =
      std::bit_cast<std::uint64_t>(value) ^ std::bit_cast<std::uint64_t>(state.value);
  state.value = value;
  if (delta == 0) return out.Bit(false);
  out.Bit(true);
  const auto leading = std::min(31U, static_cast<unsigned>(std::countl_zero(delta)));
  const auto trailing = static_cast<unsigned>(std::countr_zero(delta));
  if (state.leading != XorState::kNone && leading >= state.leading && trailing >= state.trailing) {
    out.Bit(false);
    return out.Bits(delta >> state.trailing, 64 - state.leading - state.trailing);
  }
  state.leading = leading;
  state.trailing = trailing;
  const unsigned bits = 64 - leading - trailing;  // 64 is written as 0.
  out.Bit(true);
  out.Bits(leading, 5);
  out.Bits(bits, 6);
  out.Bits(delta >> trailing, bits);
}

void GetXor(BitReader& in, XorState& state) {
  if (!in.Bit()) return;
  if (in.Bit()) {
    state.leading = static_cast<unsigned>(in.Bits(5));
    auto bits = static_cast<unsigned>(in.Bits(6));
    if (bits == 0) bits = 64;
    state.trailing = state.leading + bits > 64 ? 0 : 64 - state.leading - bits;
  } else if (state.leading == XorState::kNone) {
    state.leading = 0;  // Hostile: there was no window yet.
  }
  const unsigned bits = 64 - state.leading - state.trailing;
  const std::uint64_t delta = in.Bits(bits) << state.trailing;
  state.value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(state.value) ^ delta);
}

}  // namespace opssight::remote
