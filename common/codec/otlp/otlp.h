// OTLP requests to the model: protobuf or JSON bytes in, spans, log rows or metric
// rows out, with an account of what was left out. The mapping is in README.md.
//
//   OPS_TRY(OtlpTraces traces, DecodeOtlpTraces(body, OtlpEncoding::kProtobuf, limits, now_ns));
//   sink.AcceptSpans(std::move(traces.spans));
//   answer = EncodeOtlpAnswer(Signal::kSpans, encoding, traces.outcome);
//
// A request is taken apart item by item: one span, record or data point at a time
// is a protobuf message, in an arena that is used again. So hostile bytes cost at
// most about 40 times item_bytes_max beside what is decoded, and a broken item
// costs itself. An error (kInvalid) means that nothing of the request was kept.
// No I/O, no clock. Throws nothing. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/codec/otlp/outcome.h"
#include "common/model/record.h"

namespace opssight {

struct OtlpLimits {
  std::size_t items_max = 250'000;                // Spans, records or points of one request.
  std::size_t item_bytes_max = 4UL << 20;         // Of one of them, encoded.
  std::size_t decoded_bytes_max = 128UL << 20;    // Of all of them in memory, about.
  std::size_t attributes_max = 128;               // Of one span, event, link, resource, record.
  std::size_t links_max = 128;                    // Of one span; events, too.
  std::size_t key_bytes_max = 512;                // Longer keys are cut.
  std::size_t value_bytes_max = 64UL << 10;       // Of one attribute; longer ones are cut.
  std::size_t label_value_bytes_max = 4UL << 10;  // Of a metric's label or a stream's.
  std::size_t line_bytes_max = 256UL << 10;       // Of a log body.
  std::size_t value_depth_max = 16;               // Arrays and maps inside each other.
  std::size_t labels_max = 64;                    // Of one series or stream.
  std::size_t layout_series_max = 50'000;         // A row with more series becomes several rows,
  std::size_t layout_bytes_max = 16UL << 20;      // or with more bytes of labels.
  std::size_t chunk_bytes_max = 1UL << 20;        // Lines, or spans, handed over in one piece.
  std::int64_t future_ms = 86'400'000;            // Spans and records further ahead are rejected.
};

struct OtlpTraces {
  std::vector<Span> spans;
  OtlpOutcome outcome;
};
// What a span takes in memory, about, without its resource and scope.
std::size_t BytesOf(const Span& span);
Result<OtlpTraces> DecodeOtlpTraces(std::string_view bytes, OtlpEncoding encoding,
                                    const OtlpLimits& limits, std::int64_t now_ns);

struct OtlpLogs {
  std::vector<LogRows> rows;  // By stream, each of at most chunk_bytes_max and one line.
  OtlpOutcome outcome;
};
// now_ns is also the time of a record that has none. extra labels come on every stream
// that has none of that name.
Result<OtlpLogs> DecodeOtlpLogs(std::string_view bytes, OtlpEncoding encoding,
                                const OtlpLimits& limits, const std::vector<Label>& extra,
                                std::int64_t now_ns);

}  // namespace opssight
