// Chunks as Prometheus keeps and streams them (prometheus/tsdb/chunkenc): floats as XOR,
// native histograms as float histograms. Internal to this folder.
//
//   xor       = count u16 BE, t0 varint, v0 64 bits, [t1 - t0 uvarint, xor v1], (dod t, xor v)*
//   histogram = count u16 BE, flags u8, layout, t0, count, zero count, sum, buckets: 64 bits
//               each; then (varbit dod t, xor of each value)*; a stale one has no buckets
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/remote/write.h"

namespace opssight::remote {

enum class ChunkType : std::uint8_t { kXor = 1, kHistogram = 2, kFloatHistogram = 3 };

inline constexpr std::size_t kChunkCountMax = UINT16_MAX;

// 1 to kChunkCountMax samples.
std::string EncodeXorChunk(std::span<const WriteSample> samples);
// Appends. False: not such a chunk.
bool DecodeXorChunk(std::string_view bytes, std::vector<WriteSample>& out);

// How many of the first go into one chunk: all of one layout, no reset between them.
std::size_t HistogramsInChunk(std::span<const WriteHistogram> histograms, std::size_t most);
std::string EncodeHistogramChunk(std::span<const WriteHistogram> histograms);
// buckets_max of all histograms together.
bool DecodeHistogramChunk(std::string_view bytes, std::size_t buckets_max,
                          std::vector<WriteHistogram>& out);

}  // namespace opssight::remote
