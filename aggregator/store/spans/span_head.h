// SpanHead holds the spans of one UTC day that are not yet in a day environment. Each
// block_spans of them, or block_bytes, become a compressed block in memory, about a
// twentieth of the size. Not thread-safe; SpansStore guards it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "aggregator/store/days/day_blocks.h"
#include "aggregator/store/spans/span_block.h"

namespace opssight {

using SpanDayBlocks = DayBlocks<SpanBlockHead>;
using SpanMemoryBlocks = std::vector<std::shared_ptr<const SpanDayBlocks::MemoryBlock>>;

class SpanHead {
 public:
  SpanHead(std::size_t block_spans, std::size_t block_bytes)
      : block_spans_(block_spans), block_bytes_(block_bytes) {}

  void Append(const Span& span);

  // Adds the spans of the trace that are in no block yet to out.
  void Trace(const TraceId& id, std::vector<Span>& out) const;
  // Sealed so far; a query reads them without holding up Append.
  const SpanMemoryBlocks& blocks() const { return blocks_; }

  // The head as blocks; it is empty afterwards.
  SpanMemoryBlocks TakeBlocks();

  std::size_t bytes() const { return bytes_; }

 private:
  void Seal();

  const std::size_t block_spans_;
  const std::size_t block_bytes_;
  std::vector<Span> spans_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_trace_;  // TraceHash -> spans_.
  SpanMemoryBlocks blocks_;
  std::size_t open_bytes_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace opssight
