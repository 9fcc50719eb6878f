#include "aggregator/store/logs/block.h"

#include <algorithm>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/logs/block_format.h"
#include "aggregator/store/logs/lines_write.h"
#include "aggregator/store/logs/section.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

void PutPart(std::string_view part, std::string& head) {
  PutVarint(head, part.size());
  PutLe(head, Hash64(part));
}

Result<BlockHead::Part> GetPart(std::string_view& head, std::size_t& at, std::size_t block_size) {
  const auto size = GetVarint(head);
  const auto checksum = GetLe<std::uint64_t>(head);
  if (!size || !checksum || *size > block_size - at) return BadLogBlock("part");
  const BlockHead::Part part{
      .at = at, .size = static_cast<std::size_t>(*size), .checksum = *checksum};
  at += part.size;
  return part;
}

Status ParseStreams(std::string_view& bytes, std::uint64_t streams, const BlockLimits& limits,
                    BlockHead& head) {
  for (std::uint64_t i = 0; i < streams; ++i) {
    BlockStream stream;
    OPS_TRY(stream.labels, ReadBlockLabels(bytes));
    const auto rows = GetVarint(bytes);
    const auto min_ns = GetZigZag(bytes);
    const auto span = GetVarint(bytes);
    if (!rows || !min_ns || !span || *rows > limits.rows_max - head.rows) {
      return BadLogBlock("stream");
    }
    stream.first_row = head.rows;
    stream.rows = *rows;
    stream.min_ns = *min_ns;
    stream.max_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(*min_ns) + *span);
    head.rows += *rows;
    head.min_ns = i == 0 ? stream.min_ns : std::min(head.min_ns, stream.min_ns);
    head.max_ns = i == 0 ? stream.max_ns : std::max(head.max_ns, stream.max_ns);
    head.streams.push_back(std::move(stream));
  }
  return {};
}

}  // namespace

Result<Labels> ReadBlockLabels(std::string_view& bytes) {
  const auto count = GetVarint(bytes);
  if (!count || *count > bytes.size()) return BadLogBlock("labels");
  std::vector<Label> labels;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = GetString(bytes);
    const auto value = GetString(bytes);
    if (!name || !value) return BadLogBlock("label");
    labels.push_back({.name = std::string(*name), .value = std::string(*value)});
  }
  return Labels(std::move(labels));
}

void BlockWriter::Stream(const Labels& labels) {
  if (!streams_.empty() && streams_.back().rows == 0) streams_.pop_back();
  streams_.push_back({.labels = labels});
  for (const Label& label : labels) label_bytes_ += label.name.size() + label.value.size();
}

void BlockWriter::Add(const BlockLine& line) {
  OPS_CHECK(!streams_.empty(), "log block: a line without a stream");
  StreamRows& stream = streams_.back();
  if (stream.rows == 0) stream.min_ns = stream.max_ns = line.time_ns;
  stream.min_ns = std::min(stream.min_ns, line.time_ns);
  stream.max_ns = std::max(stream.max_ns, line.time_ns);
  ++stream.rows;
  text_.append(line.line);
  OPS_CHECK(text_.size() <= UINT32_MAX, "log block: {} bytes of lines", text_.size());
  ends_.push_back(static_cast<std::uint32_t>(text_.size()));
  if (!line.metadata.empty()) {
    PutVarint(metadata_, times_.size() - last_metadata_row_);
    last_metadata_row_ = times_.size();
    PutVarint(metadata_, line.metadata.size());
    for (const Label& label : line.metadata) {
      PutString(metadata_, label.name);
      PutString(metadata_, label.value);
    }
  }
  times_.push_back(line.time_ns);
}

std::string BlockWriter::HeadBytes() const {
  std::string head;
  PutVarint(head, text_.size());
  PutVarint(head, streams_.size());
  for (const StreamRows& stream : streams_) {
    PutVarint(head, stream.labels.size());
    for (const Label& label : stream.labels) {
      PutString(head, label.name);
      PutString(head, label.value);
    }
    PutVarint(head, stream.rows);
    PutZigZag(head, stream.min_ns);
    PutVarint(head, static_cast<std::uint64_t>(stream.max_ns) -
                        static_cast<std::uint64_t>(stream.min_ns));
  }
  return head;
}

// From the smallest time of the stream, modulo 2^64: the head has that one.
std::vector<std::int64_t> BlockWriter::TimesInStreams() const {
  std::vector<std::int64_t> times;
  times.reserve(times_.size());
  for (const StreamRows& stream : streams_) {
    for (std::uint64_t i = 0; i < stream.rows; ++i) {
      times.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(times_[times.size()]) -
                                                static_cast<std::uint64_t>(stream.min_ns)));
    }
  }
  return times;
}

std::string BlockWriter::Finish() {
  OPS_CHECK(!times_.empty(), "log block: no rows");
  if (streams_.back().rows == 0) streams_.pop_back();
  std::string directory;
  std::string sections;
  PutSection(EncodeRun(TimesInStreams()), false, directory, sections);
  PutSection(metadata_, true, directory, sections);
  const std::string filter =
      WriteLines({.text = text_, .ends = ends_, .times_ns = times_}, directory, sections);
  const std::string packed = ZstdCompress(directory);
  std::string head = HeadBytes();
  PutPart(filter, head);
  PutPart(packed, head);
  std::string block = WrapBlock(kLogBlockMagic, ZstdCompress(head), filter + packed + sections);
  *this = BlockWriter();
  return block;
}

Result<BlockHead> ReadBlockHead(std::string_view block, const BlockLimits& limits) {
  OPS_TRY(const std::string_view frame, OpenBlockHead(kLogBlockMagic, block));
  std::string bytes;
  OPS_RETURN_IF_ERROR(ZstdDecompress(frame, limits.raw_bytes_max, bytes));
  std::string_view rest = bytes;
  BlockHead head;
  const auto raw_bytes = GetVarint(rest);
  const auto streams = GetVarint(rest);
  if (!raw_bytes || !streams) return BadLogBlock("head");
  if (*raw_bytes > limits.raw_bytes_max || *streams > limits.streams_max) {
    return BadLogBlock("over a limit");
  }
  head.raw_bytes = *raw_bytes;
  OPS_RETURN_IF_ERROR(ParseStreams(rest, *streams, limits, head));
  auto at = static_cast<std::size_t>(frame.data() + frame.size() - block.data());
  OPS_TRY(head.filter, GetPart(rest, at, block.size()));
  OPS_TRY(head.directory, GetPart(rest, at, block.size()));
  if (!rest.empty()) return BadLogBlock("bytes after the head");
  return head;
}

}  // namespace opssight
