// What a scrape target answers, read without a copy: Prometheus text (0.0.4 and 1.0.0),
// OpenMetrics (0.0.1 and 1.0.0), and Prometheus' protobuf with native histograms. Bytes
// in, samples out through a visitor. No I/O. Any bytes are safe.
//
//   class Take final : public expo::Visitor { … };
//   OPS_RETURN_IF_ERROR(expo::Parse(body, {.format = format}, take));
//
// Views are valid within the call they come with. An error says the line (or the byte);
// what came before it has been visited, so who wants all or nothing collects first. No
// allocation a sample, but for escaped texts' first use of a buffer.
// https://prometheus.io/docs/instrumenting/exposition_formats, …/specs/om/open_metrics_spec
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/frame.h"
#include "common/model/histogram.h"
#include "common/model/record.h"

namespace opssight::expo {

enum class Format : std::uint8_t { kText, kOpenMetrics, kProtobuf };

struct ExemplarView {
  std::vector<LabelView> labels;
  double value = 0;
  std::optional<std::int64_t> time_ms;
};

struct SampleView {
  std::string_view name;
  std::span<const LabelView> labels;  // As they stand: any order, without the name.
  MetricType type = MetricType::kUnknown;
  double value = 0;  // A NaN is the ordinary one, never a stale marker.
  std::optional<std::int64_t> time_ms;
  const ExemplarView* exemplar = nullptr;
};

struct HistogramView {
  std::string_view name;
  std::span<const LabelView> labels;
  std::optional<std::int64_t> time_ms;
  std::span<const ExemplarView> exemplars;  // Each with a time.
};

struct FamilyView {
  std::string_view name;  // As in MetricMetadata.
  MetricType type = MetricType::kUnknown;
  std::string_view help;
  std::string_view unit;
};

class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void OnSample(const SampleView& sample) = 0;
  // Not yet looked at by CheckHistogram.
  virtual void OnHistogram(const HistogramView& view, Histogram histogram) = 0;
  virtual void OnFamily(const FamilyView& family) = 0;
};

struct ParseOptions {
  Format format = Format::kText;
  std::size_t labels_max = 1000;     // Of one sample: what is over it fails the parse.
  std::size_t buckets_max = 10'000;  // Parts of one histogram or summary; the same.
  // Protobuf: native histograms. Off: they come as classic ones, with the buckets they have.
  bool native = true;
  // Protobuf: the classic buckets of a histogram that has native ones, too.
  bool classic_too = false;
};

// kInvalid with the place.
Status Parse(std::string_view body, const ParseOptions& options, Visitor& visitor);

// The format that a content type names; none where it is none of these.
std::optional<Format> FormatOf(std::string_view content_type);

// As OpenMetrics and Prometheus 3 write the values of le and quantile: "1.0", "+Inf".
void AppendCanonical(double value, std::string& out);

}  // namespace opssight::expo
