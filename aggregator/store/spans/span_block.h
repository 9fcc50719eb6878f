// A span block: spans grouped by trace, as columns. Bytes in, bytes out; no I/O.
// The head names every trace in the block by a 64-bit hash of its id, so "which
// blocks may hold this trace" is answered without opening the columns.
//
// What is kept exactly: every field of Span. What is not: the order of a span's
// attributes among different keys (they come back in the order in which the block
// first saw the keys). Format: this folder's README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/record.h"

namespace opssight {

std::uint64_t TraceHash(const TraceId& id);

// Any order in; at least one span. Resources and scopes must not be null.
std::string WriteSpanBlock(std::vector<Span> spans);

struct SpanBlockHead {
  std::uint64_t spans = 0;
  std::int64_t min_ns = 0;            // Earliest start.
  std::int64_t max_ns = 0;            // Latest end.
  std::vector<std::uint64_t> traces;  // Hashes, ascending, unique.
  bool MayHold(const TraceId& id) const;
};

struct SpanBlockLimits {
  std::uint64_t spans_max = 2'000'000;
  std::size_t raw_bytes_max = 256UL << 20;
};

// kCorrupt for bytes that are not a span block or fail their checksum.
Result<SpanBlockHead> ReadSpanBlockHead(std::string_view block, const SpanBlockLimits& limits = {});
// All spans, by trace, then start. Resources and scopes are shared between them.
Result<std::vector<Span>> ReadSpanBlock(std::string_view block, const SpanBlockLimits& limits = {});
// Those of one trace, by start; none: it is not here. Steps over the rest, which it checks
// only as far as that takes.
Result<std::vector<Span>> ReadTraceOfBlock(std::string_view block, const TraceId& id,
                                           const SpanBlockLimits& limits = {});

}  // namespace opssight
