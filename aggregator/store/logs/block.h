// A log block: up to about 1 MB of lines of one or several streams, sorted by
// stream and time, as columns. Bytes in, bytes out; no I/O. The format is in this
// folder's README.md.
//
// The head (which streams, which times) is read without opening the lines, so a
// query that a block cannot answer costs a few hundred bytes of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"

namespace opssight {

struct BlockLine {
  std::int64_t time_ns = 0;
  std::string_view line;
  std::vector<Label> metadata;
};

// Collects lines and writes one block.
class BlockWriter {
 public:
  // Starts the rows of a stream; then Add its lines in time order.
  void Stream(const Labels& labels);
  void Add(const BlockLine& line);

  std::size_t raw_bytes() const { return text_.size(); }
  std::size_t rows() const { return rows_; }
  // The block; the writer is empty afterwards. At least one row.
  std::string Finish();

 private:
  struct StreamRows {
    Labels labels;
    std::uint64_t rows = 0;
    std::int64_t min_ns = 0;
    std::int64_t max_ns = 0;
  };
  std::vector<StreamRows> streams_;
  std::string times_;    // Zigzag delta to the line before, in the stream's order.
  std::string lengths_;  // Varints.
  std::string text_;
  std::string metadata_;  // Rows that have some: row delta, count, pairs.
  std::int64_t last_ns_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t last_metadata_row_ = 0;
};

struct BlockStream {
  Labels labels;
  std::uint64_t first_row = 0;
  std::uint64_t rows = 0;
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
};

struct BlockHead {
  std::vector<BlockStream> streams;
  std::uint64_t rows = 0;
  std::uint64_t raw_bytes = 0;
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
};

struct BlockLimits {
  std::uint64_t rows_max = 4'000'000;
  std::size_t raw_bytes_max = 64UL << 20;
  std::size_t streams_max = 200'000;
};

// kCorrupt for bytes that are not a block or fail their checksum.
Result<BlockHead> ReadBlockHead(std::string_view block, const BlockLimits& limits = {});

// All rows. Lines are views into the reader.
class BlockRows {
 public:
  static Result<BlockRows> Read(std::string_view block, const BlockLimits& limits = {});
  const BlockHead& head() const { return head_; }
  std::int64_t time_ns(std::size_t row) const { return times_[row]; }
  std::string_view line(std::size_t row) const {
    const std::size_t start = row == 0 ? 0 : ends_[row - 1];
    return std::string_view(text_).substr(start, ends_[row] - start);
  }
  std::vector<Label> metadata(std::size_t row) const;

 private:
  struct RowMetadata {
    std::uint64_t row = 0;
    std::vector<Label> labels;
  };
  BlockHead head_;
  std::vector<std::int64_t> times_;
  std::vector<std::uint64_t> ends_;
  std::string text_;
  std::vector<RowMetadata> metadata_;  // By row.
};

}  // namespace opssight
