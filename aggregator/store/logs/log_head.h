// LogHead holds the lines of one UTC day that are not yet in a day environment.
// A stream that reaches block_raw_bytes becomes a compressed block in memory at
// once, so a head of a gigabyte of lines is held in about a tenth of it.
// Not thread-safe; LogsStore guards it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/days/day_blocks.h"
#include "aggregator/store/logs/block.h"
#include "aggregator/store/logs/line_collector.h"
#include "common/codec/batch/batch.h"

namespace opssight {

using LogDayBlocks = DayBlocks<BlockHead>;
using MemoryBlock = LogDayBlocks::MemoryBlock;
using MemoryBlocks = std::vector<std::shared_ptr<const MemoryBlock>>;

class LogHead {
 public:
  explicit LogHead(std::size_t block_raw_bytes) : block_raw_bytes_(block_raw_bytes) {}

  // Line i of rows. Streams are found by their labels.
  void Append(const Labels& stream, std::int64_t time_ns, std::string_view line,
              std::vector<Label> metadata);

  // Adds the matching lines that are in no block yet to out.
  void Select(const LineQuery& query, std::uint64_t piece, LineCollector& out) const;
  // Sealed so far; a query reads them without holding up Append.
  const MemoryBlocks& blocks() const { return blocks_; }
  void Streams(const std::vector<Matcher>& matchers, std::vector<Labels>& out) const;

  // The head as blocks, in the order of their streams' labels; the head is empty
  // afterwards. Small streams share a block.
  MemoryBlocks TakeBlocks();

  std::size_t bytes() const { return open_bytes_ + sealed_bytes_; }
  // Of lines that are in no block yet.
  std::size_t open_bytes() const { return open_bytes_; }
  // Makes a block or two of open lines, of the streams whose turn it is: what keeps a head of
  // very many streams small.
  void SealSome();
  std::uint64_t lines() const { return lines_; }

 private:
  struct Row {
    std::int64_t time_ns;
    std::uint32_t end;
  };
  struct Stream {
    Labels labels;
    std::string text;
    std::vector<Row> rows;  // In the order they came.
    std::size_t metadata_bytes = 0;
    std::vector<std::pair<std::uint32_t, std::vector<Label>>> metadata;
    std::int64_t min_ns = 0;
    std::int64_t max_ns = 0;

    std::size_t bytes() const {
      return text.size() + metadata_bytes + rows.size() * BlockWriter::kRowBytes;
    }
  };
  static std::string_view LineOf(const Stream& stream, std::size_t row);
  static std::vector<Label> MetadataOf(const Stream& stream, std::size_t row);
  static void Write(const Stream& stream, BlockWriter& writer);
  void Clear(Stream& stream);
  void Keep(std::shared_ptr<const MemoryBlock> block);
  MemoryBlocks ToBlocks(std::vector<Stream*> streams);
  Stream& Find(const Labels& labels);

  std::size_t block_raw_bytes_;
  std::vector<Stream> streams_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_hash_;
  MemoryBlocks blocks_;
  std::size_t open_bytes_ = 0;
  std::size_t sealed_bytes_ = 0;
  std::size_t next_to_seal_ = 0;
  std::uint64_t lines_ = 0;
};

// Adds the matching rows of a block to out.
Status SelectFromBlock(const BlockHead& head, std::string_view block, const LineQuery& query,
                       const QueryLimits& limits, std::uint64_t piece, LineCollector& out);

// The block in memory that bytes just written make.
std::shared_ptr<const MemoryBlock> ToMemoryBlock(std::string bytes);

}  // namespace opssight
