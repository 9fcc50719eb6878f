// Prometheus remote read: prometheus.ReadRequest in, ReadResponse or a stream of
// ChunkedReadResponse frames out (prometheus/docs querying/remote_read_api), and the way
// back for clients. Bytes are those inside snappy. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/codec/remote/write.h"
#include "common/model/labels.h"

namespace opssight {

struct ReadMatcher {
  enum class Type : std::uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };
  Type type = Type::kEqual;
  std::string name;
  std::string value;
};

struct ReadQuery {
  std::int64_t from_ms = 0;  // Both ends belong to it.
  std::int64_t to_ms = 0;
  std::vector<ReadMatcher> matchers;
};

enum class ReadResponseType : std::uint8_t { kSamples = 0, kStreamedXorChunks = 1 };

struct ReadRequest {
  std::vector<ReadQuery> queries;
  std::vector<ReadResponseType> accepted;  // In the client's order; unknown ones left out.
};

struct ReadLimits {
  std::size_t body_bytes_max = 1UL << 20;  // Decompressed.
  std::size_t queries_max = 100;
  std::size_t matchers_max = 100;           // Of one query.
  std::size_t frame_bytes_max = 1UL << 20;  // Of a streamed frame, about.
  std::size_t chunk_samples_max = 120;      // As Prometheus cuts its chunks.
};

Result<ReadRequest> DecodeReadRequest(std::string_view bytes, const ReadLimits& limits);
std::string EncodeReadRequest(const ReadRequest& request);

struct ReadSeries {
  Labels labels;
  std::vector<WriteSample> samples;        // Times ascending.
  std::vector<WriteHistogram> histograms;  // As well, and none of them in samples.
};

// results[i] answers the i-th query.
std::string EncodeReadResponse(const std::vector<std::vector<ReadSeries>>& results);
Result<std::vector<std::vector<ReadSeries>>> DecodeReadResponse(std::string_view bytes,
                                                                const WriteLimits& limits);

// Writes frames: varint length, CRC32C (big-endian), message. A series whose chunks do not
// fit into one frame goes on in the next.
class ChunkStreamWriter {
 public:
  ChunkStreamWriter(const ReadLimits& limits, std::string& out) : limits_(limits), out_(out) {}
  void Add(std::size_t query, const ReadSeries& series);

 private:
  const ReadLimits& limits_;
  std::string& out_;
};

struct StreamedSeries {
  std::size_t query = 0;
  ReadSeries series;
};
// Takes the frames apart; a series that comes in several frames comes several times.
// kCorrupt for a wrong checksum or shape.
Result<std::vector<StreamedSeries>> DecodeChunkStream(std::string_view bytes,
                                                      const WriteLimits& limits);

}  // namespace opssight
