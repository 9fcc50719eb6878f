// Prometheus remote write: the decompressed bytes of prometheus.WriteRequest (1.0) or
// io.prometheus.write.v2.Request (2.0) to views into them, and the way back.
// Specs: prometheus.io/docs/specs/prw/remote_write_spec{,_2_0}.
//
//   WriteRequest request;                       // Kept for the next one: vectors keep their room.
//   OPS_RETURN_IF_ERROR(DecodeWrite(bytes, WriteVersion::kV1, limits, request));
//   for (const WriteSeries& series : request.series) …
//
// This is the hot path: a series is named by a hash of its labels as they came, and no
// label is read before somebody asks (ReadLabels), so a series that is known costs about
// 60 ns. Views live as long as bytes. An error (kInvalid: not such a message, kExhausted: a
// limit) means that nothing of the request is to be used. No I/O, no clock; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/bytes/hash.h"
#include "common/model/frame.h"
#include "common/model/record.h"

namespace opssight {

enum class WriteVersion : std::uint8_t { kV1, kV2 };

struct WriteLimits {
  std::size_t body_bytes_max = 32UL << 20;      // Decompressed.
  std::size_t decoded_bytes_max = 128UL << 20;  // What views, samples and histograms take, about.
  std::size_t series_max = 200'000;             // Of one request.
  std::size_t labels_max = 64;                  // Of one series, its name included.
  std::size_t label_name_bytes_max = 1024;
  std::size_t label_value_bytes_max = 8UL << 10;
  std::size_t labels_bytes_max = 32UL << 10;  // Of one series, names and values.
};

struct WriteSample {
  std::int64_t time_ms = 0;
  double value = 0;
};

struct WriteHistogram {
  std::int64_t time_ms = 0;
  Histogram histogram;  // As it came: spans and counts may not fit each other.
};

struct WriteExemplar {
  std::int64_t time_ms = 0;
  double value = 0;
  std::uint32_t labels = 0;  // The first in exemplar_labels.
  std::uint32_t label_count = 0;
};

// A part of one of the request's vectors.
struct WriteRange {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
};

struct WriteSeries {
  Hash128 key;                             // Of its labels as they came, and of its type.
  std::string_view label_bytes;            // 1.0: its label fields.
  WriteRange refs;                         // 2.0: in refs, pairs of numbers of symbols.
  bool refs_broken = false;                // 2.0: a number without a symbol, or without its pair.
  MetricType type = MetricType::kUnknown;  // 2.0 only.
  std::string_view help;                   // 2.0 only, as unit.
  std::string_view unit;
  WriteRange samples;
  WriteRange histograms;
  WriteRange exemplars;
};

struct WriteMetadata {  // 1.0 only: of a metric family.
  MetricType type = MetricType::kUnknown;
  std::string_view name;
  std::string_view help;
  std::string_view unit;
};

struct WriteRequest {
  std::vector<WriteSeries> series;
  std::vector<WriteSample> samples;
  std::vector<WriteHistogram> histograms;
  std::vector<WriteExemplar> exemplars;
  std::vector<LabelView> exemplar_labels;
  std::vector<WriteMetadata> metadata;
  std::vector<std::string_view> symbols;
  std::vector<std::uint64_t> symbol_hashes;
  std::vector<std::uint32_t> refs;
  std::deque<std::string> gathered;  // Label fields that did not stand together.
  void Clear();
};

// Replaces out.
Status DecodeWrite(std::string_view bytes, WriteVersion version, const WriteLimits& limits,
                   WriteRequest& out);

// What is wrong with the labels of a series; such a series costs itself.
enum class LabelFault : std::uint8_t {
  kNone,
  kNoName,     // No __name__, or an empty one.
  kBadLabel,   // An empty label name, or text that is not UTF-8.
  kDuplicate,  // A label name twice.
  kTooMany,    // labels_max.
  kTooLong,    // One of the limits in bytes.
  kMalformed,  // No labels by the wire format.
};
inline constexpr std::size_t kLabelFaults = 7;
std::string_view ToString(LabelFault fault);  // "no_name", for a counter's label.
// Above a limit or malformed: the sender is to know (400), where Prometheus would leave the
// others out without a word.
bool IsRefusal(LabelFault fault);

// The labels sorted by name, without those that are empty. Replaces out.
LabelFault ReadLabels(const WriteRequest& request, const WriteSeries& series,
                      const WriteLimits& limits, std::vector<LabelView>& out);

// ---- encoding, for tests and for sending

struct WriteSeriesOut {
  std::vector<LabelView> labels;  // Sorted by name.
  MetricType type = MetricType::kUnknown;
  std::string_view help;  // 2.0 only, as unit.
  std::string_view unit;
  std::vector<WriteSample> samples;
  std::vector<WriteHistogram> histograms;
  struct ExemplarOut {
    std::int64_t time_ms = 0;
    double value = 0;
    std::vector<LabelView> labels;
  };
  std::vector<ExemplarOut> exemplars;
};

std::string EncodeWriteV1(const std::vector<WriteSeriesOut>& series,
                          const std::vector<WriteMetadata>& metadata);
std::string EncodeWriteV2(const std::vector<WriteSeriesOut>& series);

}  // namespace opssight
