// Short runs of 64-bit integers to bytes and back: the mantissas of a chunk, the
// times and arrival numbers of a group, row positions. For each run the smallest
// of five ways is taken: one value; bit-packed over the smallest (FOR); differences,
// or differences of differences, bit-packed the same; a bitmap of the differences
// that are not zero and only those packed. Rare values far from the others (a counter
// reset) are kept aside so that they do not widen the rest. Trailing zero bits that all
// values share are shifted out. All arithmetic is modulo 2^64, so any values go.
// The format is in README.md. Pure. Cost: about 3 ns a value to encode, 1.5 to decode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace opssight {

inline constexpr std::size_t kIntsMax = 512;    // Values in one run; OPS_CHECKed when encoding.
inline constexpr unsigned kIntKinds = 9;        // Tags are below this...
inline constexpr unsigned kIntTagHighMax = 15;  // ...and 4 bits above them are the caller's.

// Appends; nothing for no values. high goes to bits 4-7 of the first byte.
void EncodeInts(std::span<const std::int64_t> values, std::string& out, unsigned high = 0);

// Takes out.size() values off the front of bytes; false for bytes that are no such run.
bool DecodeInts(std::string_view& bytes, std::span<std::int64_t> out);

}  // namespace opssight
