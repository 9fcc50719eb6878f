// Any bytes are a span block or refused. Envelope and compression are set right
// first, so that the columns behind them are reached: the first byte says how much
// of the input is the head. What reads whole reads trace by trace too.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/spans/span_block.h"
#include "common/bytes/zstd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t head_size = data[0] % (input.size() + 1);
  const std::string block =
      WrapBlock("OSB1", input.substr(0, head_size), ZstdCompress(input.substr(head_size)));
  const SpanBlockLimits limits{.spans_max = 10'000, .raw_bytes_max = 1 << 20};
  (void)ReadTraceOfBlock(block, TraceId{1}, limits).has_value();
  const auto spans = ReadSpanBlock(block, limits);
  if (!spans) return 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(spans->size(), 16); ++i) {
    const Span& span = (*spans)[i];
    const auto trace = ReadTraceOfBlock(block, span.trace_id, limits);
    if (!trace || trace->empty() || trace->front().trace_id != span.trace_id) std::abort();
  }
  return 0;
}
