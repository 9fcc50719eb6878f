#include "common/codec/remote/read.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "common/bytes/crc32c.h"
#include "common/bytes/wire.h"
#include "common/codec/remote/chunk.h"
#include "common/codec/remote/parts.h"

namespace opssight {
namespace {

using remote::ChunkType;

Error Malformed(std::string_view what) {
  return Invalid(fmt::format("remote read: malformed protobuf: {}", what));
}

std::int64_t Integer(const WireField& field) {
  return static_cast<std::int64_t>(field.integer);
}

// ---- requests

Result<ReadMatcher> ReadOneMatcher(std::string_view bytes) {
  ReadMatcher out;
  std::uint64_t type = 0;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && !field.is_bytes) type = field.integer;
    if (field.number == 2 && field.is_bytes) out.name = field.bytes;
    if (field.number == 3 && field.is_bytes) out.value = field.bytes;
  }
  if (reader.broken()) return Malformed("matcher");
  if (type > 3) return Invalid(fmt::format("remote read: invalid matcher type {}", type));
  out.type = static_cast<ReadMatcher::Type>(type);
  return out;
}

Result<ReadQuery> ReadOneQuery(std::string_view bytes, const ReadLimits& limits) {
  ReadQuery out;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && !field.is_bytes) out.from_ms = Integer(field);
    if (field.number == 2 && !field.is_bytes) out.to_ms = Integer(field);
    if (field.number != 3 || !field.is_bytes) continue;  // 4: hints, which we do without.
    if (out.matchers.size() >= limits.matchers_max) {
      return Exhausted(
          fmt::format("remote read: more than {} matchers in a query", limits.matchers_max));
    }
    OPS_TRY(ReadMatcher matcher, ReadOneMatcher(field.bytes));
    out.matchers.push_back(std::move(matcher));
  }
  if (reader.broken()) return Malformed("query");
  return out;
}

// ---- answers

void PutSeries(WireWriter& out, const ReadSeries& series) {
  for (const Label& label : series.labels) remote::PutLabel(out, 1, label.name, label.value);
  for (const WriteSample& sample : series.samples) remote::PutSample(out, 2, sample);
  for (const WriteHistogram& one : series.histograms) remote::PutHistogram(out, 4, one);
}

// Takes what it decodes off *left, so that a small message cannot become a large answer.
class AnswerReader {
 public:
  explicit AnswerReader(const WriteLimits& limits) : left_(limits.decoded_bytes_max) {}

  Status Series(std::string_view bytes, ReadSeries& out) {
    std::vector<Label> labels;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (!field.is_bytes) continue;
      OPS_RETURN_IF_ERROR(Take(sizeof(WriteSample)));
      LabelView label;
      if (field.number == 1) {
        OPS_RETURN_IF_ERROR(Take(sizeof(Label) + field.bytes.size()));
        if (!remote::ReadLabel(field.bytes, label)) return Malformed("label");
        labels.push_back({.name = std::string(label.first), .value = std::string(label.second)});
      } else if (field.number == 2) {
        if (!remote::ReadSample(field.bytes, out.samples.emplace_back())) {
          return Malformed("sample");
        }
      } else if (field.number == 4) {
        OPS_RETURN_IF_ERROR(Take(sizeof(WriteHistogram) + 8 * field.bytes.size()));
        if (!remote::ReadHistogram(field.bytes, field.bytes.size(),
                                   out.histograms.emplace_back())) {
          return Malformed("histogram");
        }
      }
    }
    if (reader.broken()) return Malformed("series");
    out.labels = Labels(std::move(labels));
    return {};
  }

  Status Chunk(std::string_view bytes, ReadSeries& out) {
    std::uint64_t type = 0;
    std::string_view data;
    WireReader reader(bytes);
    for (WireField field; reader.Next(field);) {
      if (field.number == 3 && !field.is_bytes) type = field.integer;
      if (field.number == 4 && field.is_bytes) data = field.bytes;
    }
    if (reader.broken()) return Malformed("chunk");
    // A sample takes two bits at least.
    OPS_RETURN_IF_ERROR(Take(4 * data.size() * sizeof(WriteSample)));
    bool good = false;
    if (type == static_cast<std::uint64_t>(ChunkType::kXor)) {
      good = remote::DecodeXorChunk(data, out.samples);
    } else if (type == static_cast<std::uint64_t>(ChunkType::kFloatHistogram)) {
      OPS_RETURN_IF_ERROR(Take(data.size() * sizeof(WriteHistogram) * 2));
      good = remote::DecodeHistogramChunk(data, left_ / (8 * sizeof(double)), out.histograms);
    }
    if (!good) return Corrupt(fmt::format("remote read: a chunk of type {} that is none", type));
    return {};
  }

  Status Take(std::size_t bytes) {
    if (bytes > left_) return Exhausted("remote read: the answer takes more memory than allowed");
    left_ -= bytes;
    return {};
  }

 private:
  std::size_t left_;
};

Status ReadFrame(std::string_view bytes, AnswerReader& answer, std::vector<StreamedSeries>& out) {
  std::vector<std::string_view> series;
  std::size_t query = 0;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1 && field.is_bytes) series.push_back(field.bytes);
    if (field.number == 2 && !field.is_bytes) query = field.integer;
  }
  if (reader.broken()) return Malformed("frame");
  for (const std::string_view one : series) {
    StreamedSeries streamed{.query = query};
    OPS_RETURN_IF_ERROR(answer.Take(sizeof(StreamedSeries)));
    std::vector<Label> labels;
    WireReader inner(one);
    for (WireField field; inner.Next(field);) {
      if (!field.is_bytes) continue;
      if (field.number == 2) OPS_RETURN_IF_ERROR(answer.Chunk(field.bytes, streamed.series));
      if (field.number != 1) continue;
      LabelView label;
      OPS_RETURN_IF_ERROR(answer.Take(sizeof(Label) + field.bytes.size()));
      if (!remote::ReadLabel(field.bytes, label)) return Malformed("label");
      labels.push_back({.name = std::string(label.first), .value = std::string(label.second)});
    }
    if (inner.broken()) return Malformed("chunked series");
    streamed.series.labels = Labels(std::move(labels));
    out.push_back(std::move(streamed));
  }
  return {};
}

void PutChunk(WireWriter& out, ChunkType type, std::int64_t from_ms, std::int64_t to_ms,
              std::string_view data) {
  out.Message(2, [&](WireWriter& inner) {
    inner.Varint(1, static_cast<std::uint64_t>(from_ms));
    inner.Varint(2, static_cast<std::uint64_t>(to_ms));
    inner.Varint(3, static_cast<std::uint64_t>(type));
    inner.Bytes(4, data);
  });
}

}  // namespace

Result<ReadRequest> DecodeReadRequest(std::string_view bytes, const ReadLimits& limits) {
  ReadRequest out;
  std::vector<std::uint32_t> types;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number == 2 && !remote::ReadNumbers(field, types)) return Malformed("request");
    if (field.number != 1 || !field.is_bytes) continue;
    if (out.queries.size() >= limits.queries_max) {
      return Exhausted(fmt::format("remote read: more than {} queries", limits.queries_max));
    }
    OPS_TRY(ReadQuery query, ReadOneQuery(field.bytes, limits));
    out.queries.push_back(std::move(query));
  }
  if (reader.broken()) return Malformed("request");
  for (const std::uint32_t type : types) {
    if (type <= 1 && out.accepted.size() < 2) {
      out.accepted.push_back(static_cast<ReadResponseType>(type));
    }
  }
  return out;
}

std::string EncodeReadRequest(const ReadRequest& request) {
  std::string bytes;
  WireWriter out(bytes);
  for (const ReadQuery& query : request.queries) {
    out.Message(1, [&](WireWriter& inner) {
      inner.Varint(1, static_cast<std::uint64_t>(query.from_ms));
      inner.Varint(2, static_cast<std::uint64_t>(query.to_ms));
      for (const ReadMatcher& matcher : query.matchers) {
        inner.Message(3, [&](WireWriter& part) {
          part.Varint(1, static_cast<std::uint64_t>(matcher.type));
          part.Bytes(2, matcher.name);
          part.Bytes(3, matcher.value);
        });
      }
    });
  }
  for (const ReadResponseType type : request.accepted) {
    out.Varint(2, static_cast<std::uint64_t>(type));
  }
  return bytes;
}

std::string EncodeReadResponse(const std::vector<std::vector<ReadSeries>>& results) {
  std::string bytes;
  WireWriter out(bytes);
  for (const std::vector<ReadSeries>& result : results) {
    out.Message(1, [&](WireWriter& inner) {
      for (const ReadSeries& series : result) {
        inner.Message(1, [&](WireWriter& part) { PutSeries(part, series); });
      }
    });
  }
  return bytes;
}

Result<std::vector<std::vector<ReadSeries>>> DecodeReadResponse(std::string_view bytes,
                                                                const WriteLimits& limits) {
  AnswerReader answer(limits);
  std::vector<std::vector<ReadSeries>> out;
  WireReader reader(bytes);
  for (WireField field; reader.Next(field);) {
    if (field.number != 1 || !field.is_bytes) continue;
    OPS_RETURN_IF_ERROR(answer.Take(sizeof(std::vector<ReadSeries>)));
    std::vector<ReadSeries>& result = out.emplace_back();
    WireReader inner(field.bytes);
    for (WireField one; inner.Next(one);) {
      if (one.number != 1 || !one.is_bytes) continue;
      OPS_RETURN_IF_ERROR(answer.Take(sizeof(ReadSeries)));
      OPS_RETURN_IF_ERROR(answer.Series(one.bytes, result.emplace_back()));
    }
    if (inner.broken()) return Malformed("result");
  }
  if (reader.broken()) return Malformed("response");
  return out;
}

void ChunkStreamWriter::Add(std::size_t query, const ReadSeries& series) {
  std::string labels;
  WireWriter labels_out(labels);
  for (const Label& label : series.labels) {
    remote::PutLabel(labels_out, 1, label.name, label.value);
  }
  std::string chunks;
  WireWriter chunks_out(chunks);
  const auto write_frame = [&] {
    std::string frame;
    WireWriter frame_out(frame);
    frame_out.Bytes(1, labels + chunks);
    if (query != 0) frame_out.Varint(2, query);
    PutVarint(out_, frame.size());
    PutBe(out_, Crc32c(frame));
    out_.append(frame);
    chunks.clear();
  };
  const auto full = [&] { return labels.size() + chunks.size() >= limits_.frame_bytes_max; };
  const std::span<const WriteSample> samples = series.samples;
  for (std::size_t i = 0; i < samples.size();) {
    const auto part = samples.subspan(i, std::min(samples.size() - i, limits_.chunk_samples_max));
    PutChunk(chunks_out, ChunkType::kXor, part.front().time_ms, part.back().time_ms,
             remote::EncodeXorChunk(part));
    i += part.size();
    if (full()) write_frame();
  }
  const std::span<const WriteHistogram> histograms = series.histograms;
  for (std::size_t i = 0; i < histograms.size();) {
    const auto part = histograms.subspan(
        i, remote::HistogramsInChunk(histograms.subspan(i), limits_.chunk_samples_max));
    PutChunk(chunks_out, ChunkType::kFloatHistogram, part.front().time_ms, part.back().time_ms,
             remote::EncodeHistogramChunk(part));
    i += part.size();
    if (full()) write_frame();
  }
  if (!chunks.empty()) write_frame();
}

Result<std::vector<StreamedSeries>> DecodeChunkStream(std::string_view bytes,
                                                      const WriteLimits& limits) {
  AnswerReader answer(limits);
  std::vector<StreamedSeries> out;
  while (!bytes.empty()) {
    const auto size = GetVarint(bytes);
    const auto checksum = GetBe<std::uint32_t>(bytes);
    if (!size || !checksum || *size > bytes.size()) {
      return Corrupt("remote read: a frame that ends early");
    }
    const std::string_view frame = bytes.substr(0, *size);
    if (Crc32c(frame) != *checksum) return Corrupt("remote read: a frame with a wrong checksum");
    bytes.remove_prefix(*size);
    OPS_RETURN_IF_ERROR(ReadFrame(frame, answer, out));
  }
  return out;
}

}  // namespace opssight
