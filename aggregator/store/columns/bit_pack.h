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
// The last 8 bytes, or all where there are fewer, as a number; zeros stand behind the end.
inline std::uint64_t LoadTail(std::string_view bytes) {
  if (bytes.size() >= sizeof(std::uint64_t)) {
    return LoadLe<std::uint64_t>(bytes.data() + bytes.size() - sizeof(std::uint64_t));
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return word;
}
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
  if (width > 57) {  // May stand in nine bytes.
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t word = bit_pack_internal::LoadSlow(bytes, i * width);
      out[i] = static_cast<std::int64_t>(base + (word & mask));
    }
    return;
  }
  std::size_t i = 0;
  std::size_t bit = 0;
  std::size_t tail_bit = 0;  // Where the last 8 bytes begin.
  if (bytes.size() >= sizeof(std::uint64_t)) {
    tail_bit = (bytes.size() - sizeof(std::uint64_t)) * 8;
    const std::size_t fast = std::min(count, (tail_bit + 7) / width + 1);
    for (; i < fast; ++i, bit += width) {
      const std::uint64_t word = LoadLe<std::uint64_t>(bytes.data() + bit / 8) >> (bit % 8);
      out[i] = static_cast<std::int64_t>(base + (word & mask));
    }
  }
  if (i == count) return;
  // All of the rest begin and end within the last 8 bytes.
  const std::uint64_t tail = bit_pack_internal::LoadTail(bytes);
  for (; i < count; ++i, bit += width) {
    out[i] = static_cast<std::int64_t>(base + (tail >> (bit - tail_bit) & mask));
  }
}

}  // namespace opssight
