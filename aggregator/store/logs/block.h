// A log block: up to about 1 MB of lines of one or several streams, sorted by
// stream and time, as columns. Bytes in, bytes out; no I/O. The format is in this
// folder's README.md.
//
// The head (which streams, which times, where the filter is) is read without opening
// the lines, so a query that a block cannot answer costs a few hundred bytes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/logs/gram_filter.h"
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
  std::size_t rows() const { return times_.size(); }
  // What the block would open to, with kRowBytes a line: what to close a block by, so
  // that many short lines or long labels stay within BlockLimits too.
  std::size_t bytes() const {
    return text_.size() + metadata_.size() + label_bytes_ + times_.size() * kRowBytes;
  }
  static constexpr std::size_t kRowBytes = 16;

  // The block; the writer is empty afterwards. At least one row.
  std::string Finish();

 private:
  struct StreamRows {
    Labels labels;
    std::uint64_t rows = 0;
    std::int64_t min_ns = 0;
    std::int64_t max_ns = 0;
  };
  std::string HeadBytes() const;
  std::vector<std::int64_t> TimesInStreams() const;

  std::vector<StreamRows> streams_;
  std::vector<std::int64_t> times_;
  std::vector<std::uint32_t> ends_;  // Of the lines, in text_.
  std::string text_;
  std::string metadata_;  // Rows that have some: row delta, count, pairs.
  std::size_t label_bytes_ = 0;
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

  // Where in the block; each with a checksum of its own.
  struct Part {
    std::size_t at = 0;
    std::size_t size = 0;
    std::uint64_t checksum = 0;
  };
  Part filter;
  Part directory;
};

struct BlockLimits {
  std::uint64_t rows_max = 4'000'000;
  // Twice what one batch may hold: a block closes after the line that fills it.
  std::size_t raw_bytes_max = 128UL << 20;
  std::size_t streams_max = 200'000;
  std::size_t decoded_bytes_max = 512UL << 20;  // All that is in memory at a time.
};

// kCorrupt for bytes that are not a block or fail their checksum.
Result<BlockHead> ReadBlockHead(std::string_view block, const BlockLimits& limits = {});

// False: surely no line of the block contains all the texts. kCorrupt for a filter that
// fails its checksum.
Result<bool> BlockMayContain(const BlockHead& head, std::string_view block,
                             const std::vector<TextKeys>& texts);

// The rows of a block, opened as far as they are asked for. Views into the block, which
// outlives it. Errors are kCorrupt; checksums are checked as parts are opened.
class BlockRows {
 public:
  static Result<BlockRows> Open(const BlockHead& head, std::string_view block,
                                const BlockLimits& limits = {});
  BlockRows(BlockRows&&) noexcept;
  BlockRows& operator=(BlockRows&&) noexcept;
  ~BlockRows();

  std::size_t rows() const { return times_ns().size(); }
  const std::vector<std::int64_t>& times_ns() const;
  Result<std::string> Line(std::size_t row);
  Result<std::vector<Label>> Metadata(std::size_t row);
  // contains[row] is not 0 for the rows whose line contains the text.
  Result<std::vector<std::uint8_t>> Contains(std::string_view text);

 private:
  struct State;
  explicit BlockRows(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace opssight
