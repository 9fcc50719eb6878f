#include "aggregator/store/logs/block.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "aggregator/store/columns/envelope.h"
#include "common/base/check.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

constexpr std::string_view kMagic = "OLB1";

Error Bad(std::string_view what) {
  return Corrupt(fmt::format("log block: {}", what));
}

Result<Labels> ReadLabels(std::string_view& bytes) {
  const auto count = GetVarint(bytes);
  if (!count || *count > bytes.size()) return Bad("labels");
  std::vector<Label> labels;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = GetString(bytes);
    const auto value = GetString(bytes);
    if (!name || !value) return Bad("label");
    labels.push_back({.name = std::string(*name), .value = std::string(*value)});
  }
  return Labels(std::move(labels));
}

Result<BlockHead> ParseHead(std::string_view frame, const BlockLimits& limits) {
  std::string bytes;
  OPS_RETURN_IF_ERROR(ZstdDecompress(frame, limits.raw_bytes_max, bytes));
  std::string_view rest = bytes;
  BlockHead head;
  const auto raw_bytes = GetVarint(rest);
  const auto streams = GetVarint(rest);
  if (!raw_bytes || !streams) return Bad("head");
  if (*raw_bytes > limits.raw_bytes_max || *streams > limits.streams_max)
    return Bad("over a limit");
  head.raw_bytes = *raw_bytes;
  for (std::uint64_t i = 0; i < *streams; ++i) {
    BlockStream stream;
    OPS_TRY(stream.labels, ReadLabels(rest));
    const auto rows = GetVarint(rest);
    const auto min_ns = GetZigZag(rest);
    const auto span = GetVarint(rest);
    if (!rows || !min_ns || !span || *rows > limits.rows_max - head.rows) return Bad("stream");
    stream.first_row = head.rows;
    stream.rows = *rows;
    stream.min_ns = *min_ns;
    stream.max_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(*min_ns) + *span);
    head.rows += *rows;
    head.min_ns = i == 0 ? stream.min_ns : std::min(head.min_ns, stream.min_ns);
    head.max_ns = i == 0 ? stream.max_ns : std::max(head.max_ns, stream.max_ns);
    head.streams.push_back(std::move(stream));
  }
  if (!rest.empty()) return Bad("bytes after the head");
  return head;
}

// The next column: a zstd frame behind its size.
Result<std::string> Column(std::string_view& columns, const BlockLimits& limits) {
  const auto frame = GetString(columns);
  if (!frame) return Bad("short column");
  std::string bytes;
  OPS_RETURN_IF_ERROR(ZstdDecompress(*frame, limits.raw_bytes_max, bytes));
  return bytes;
}

}  // namespace

void BlockWriter::Stream(const Labels& labels) {
  if (!streams_.empty() && streams_.back().rows == 0) streams_.pop_back();
  streams_.push_back({.labels = labels});
}

void BlockWriter::Add(const BlockLine& line) {
  OPS_CHECK(!streams_.empty(), "log block: a line without a stream");
  StreamRows& stream = streams_.back();
  if (stream.rows == 0) stream.min_ns = stream.max_ns = line.time_ns;
  stream.min_ns = std::min(stream.min_ns, line.time_ns);
  stream.max_ns = std::max(stream.max_ns, line.time_ns);
  ++stream.rows;
  // Unsigned: any two times have a difference modulo 2^64.
  PutZigZag(times_, static_cast<std::int64_t>(static_cast<std::uint64_t>(line.time_ns) -
                                              static_cast<std::uint64_t>(last_ns_)));
  last_ns_ = line.time_ns;
  PutVarint(lengths_, line.line.size());
  text_.append(line.line);
  if (!line.metadata.empty()) {
    PutVarint(metadata_, rows_ - last_metadata_row_);
    last_metadata_row_ = rows_;
    PutVarint(metadata_, line.metadata.size());
    for (const Label& label : line.metadata) {
      PutString(metadata_, label.name);
      PutString(metadata_, label.value);
    }
  }
  ++rows_;
}

std::string BlockWriter::Finish() {
  OPS_CHECK(rows_ != 0, "log block: no rows");
  if (streams_.back().rows == 0) streams_.pop_back();
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
  std::string columns;
  for (const std::string* column : {&times_, &lengths_, &metadata_, &text_}) {
    PutString(columns, ZstdCompress(*column));
  }
  std::string block = WrapBlock(kMagic, ZstdCompress(head), columns);
  *this = BlockWriter();
  return block;
}

Result<BlockHead> ReadBlockHead(std::string_view block, const BlockLimits& limits) {
  OPS_TRY(const std::string_view head, OpenBlockHead(kMagic, block));
  return ParseHead(head, limits);
}

Result<BlockRows> BlockRows::Read(std::string_view block, const BlockLimits& limits) {
  OPS_TRY(BlockParts parts, OpenBlock(kMagic, block));
  BlockRows out;
  OPS_TRY(out.head_, ParseHead(parts.head, limits));
  OPS_TRY(const std::string times, Column(parts.columns, limits));
  OPS_TRY(const std::string lengths, Column(parts.columns, limits));
  OPS_TRY(const std::string metadata, Column(parts.columns, limits));
  OPS_TRY(out.text_, Column(parts.columns, limits));
  if (!parts.columns.empty()) return Bad("bytes after the columns");
  std::string_view times_rest = times;
  std::string_view lengths_rest = lengths;
  if (out.head_.rows > times.size()) return Bad("fewer times than rows");
  out.times_.reserve(out.head_.rows);
  out.ends_.reserve(out.head_.rows);
  std::uint64_t time = 0;
  std::uint64_t end = 0;
  for (std::uint64_t row = 0; row < out.head_.rows; ++row) {
    const auto delta = GetZigZag(times_rest);
    const auto length = GetVarint(lengths_rest);
    if (!delta || !length || *length > out.text_.size() - end) return Bad("row");
    time += static_cast<std::uint64_t>(*delta);
    end += *length;
    out.times_.push_back(static_cast<std::int64_t>(time));
    out.ends_.push_back(end);
  }
  if (end != out.text_.size() || !times_rest.empty() || !lengths_rest.empty()) {
    return Bad("columns of different lengths");
  }
  std::uint64_t row = 0;
  for (std::string_view rest = metadata; !rest.empty();) {
    const auto delta = GetVarint(rest);
    if (!delta || *delta >= out.head_.rows - row) return Bad("metadata row");
    row += *delta;
    OPS_TRY(const Labels labels, ReadLabels(rest));
    out.metadata_.push_back({.row = row, .labels = {labels.begin(), labels.end()}});
  }
  return out;
}

std::vector<Label> BlockRows::metadata(std::size_t row) const {
  const auto it = std::lower_bound(metadata_.begin(), metadata_.end(), row,
                                   [](const RowMetadata& a, std::size_t b) { return a.row < b; });
  if (it == metadata_.end() || it->row != row) return {};
  return it->labels;
}

}  // namespace opssight
