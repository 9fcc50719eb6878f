// Fixed-width bit packing, least significant bit first: value i stands in bits
// [i*width, (i+1)*width). Width 0 takes no bytes. Unpack reads no byte past its input.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "common/bytes/endian.h"

namespace opssight {

inline constexpr std::size_t PackedBytes(std::size_t count, unsigned width) {
  return (count * width + 7) / 8;
}

inline void PackBits(const std::uint64_t* values, std::size_t count, unsigned width,
                     std::string& out) {
  if (width == 0) return;
  const std::size_t start = out.size();
  const std::size_t bytes = PackedBytes(count, width);
  out.resize(start + bytes + sizeof(std::uint64_t));
  char* at = out.data() + start;
  std::uint64_t word = 0;
  unsigned filled = 0;
  for (std::size_t i = 0; i < count; ++i) {
    word |= values[i] << filled;
    filled += width;
    if (filled < 64) continue;
    std::memcpy(at, &word, sizeof word);
    at += sizeof word;
    filled -= 64;
    word = filled == 0 ? 0 : values[i] >> (width - filled);
  }
  std::memcpy(at, &word, sizeof word);
  out.resize(start + bytes);
}

namespace bit_pack_internal {
// The 64 bits from bit `bit` on; zeros stand where the input ends.
inline std::uint64_t LoadSlow(std::string_view bytes, std::size_t bit) {
  char window[9] = {};
  const std::size_t from = bit / 8;
  if (from < bytes.size()) {
    std::memcpy(window, bytes.data() + from, std::min(sizeof window, bytes.size() - from));
  }
  const unsigned shift = bit % 8;
  const std::uint64_t low = LoadLe<std::uint64_t>(window) >> shift;
  if (shift == 0) return low;
  return low | static_cast<std::uint64_t>(static_cast<unsigned char>(window[8])) << (64 - shift);
}
}  // namespace bit_pack_internal

// out[i] = base + value i, modulo 2^64. bytes hold at least PackedBytes(count, width).
inline void UnpackBits(std::string_view bytes, std::size_t count, unsigned width,
                       std::uint64_t base, std::int64_t* out) {
  if (width == 0) {
    std::fill_n(out, count, static_cast<std::int64_t>(base));
    return;
  }
  const std::uint64_t mask = width == 64 ? ~0ULL : (1ULL << width) - 1;
  std::size_t i = 0;
  if (width <= 57 && bytes.size() >= sizeof(std::uint64_t)) {
    const std::size_t last_bit = (bytes.size() - sizeof(std::uint64_t)) * 8 + 7;
    const std::size_t fast = std::min(count, last_bit / width + 1);
    for (std::size_t bit = 0; i < fast; ++i, bit += width) {
      const std::uint64_t word = LoadLe<std::uint64_t>(bytes.data() + bit / 8) >> (bit % 8);
      out[i] = static_cast<std::int64_t>(base + (word & mask));
    }
  }
  for (; i < count; ++i) {
    const std::uint64_t word = bit_pack_internal::LoadSlow(bytes, i * width);
    out[i] = static_cast<std::int64_t>(base + (word & mask));
  }
}

}  // namespace opssight
