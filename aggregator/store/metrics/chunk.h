// The values of one series over the rows of a group, to bytes and back, bit for bit:
// NaN payloads (the stale marker), signed zeros, infinities and denormals included.
// Most series are decimal numbers: value = mantissa / 10^scale, and the mantissas are
// coded as integers (int_codec.h). What is not decimal is coded as XOR with the value
// before (Gorilla) or left raw; a few values that do not fit the others are kept aside.
// A series that does not move costs 2 to 9 bytes. The format is in README.md. Pure.
// Cost: about 8 ns a value to encode, 2.5 to decode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aggregator/store/metrics/int_codec.h"

namespace opssight {

inline constexpr std::size_t kChunkSamplesMax = kIntsMax;

// What the encoder learned from a series' last chunk; saves it the search. Any
// value is allowed and changes speed only.
using ChunkHint = std::uint8_t;

// Appends. values: 1 to kChunkSamplesMax.
void EncodeChunk(std::span<const double> values, ChunkHint& hint, std::string& out);

// False for bytes that are not a chunk of out.size() values. Only those in [first, last) are
// sure to be set: the rest of a long chunk is not worth its conversion.
bool DecodeChunk(std::string_view bytes, std::span<double> out, std::size_t first,
                 std::size_t last);
inline bool DecodeChunk(std::string_view bytes, std::span<double> out) {
  return DecodeChunk(bytes, out, 0, out.size());
}

}  // namespace opssight
