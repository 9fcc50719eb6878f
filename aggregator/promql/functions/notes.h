// Texts that several functions note. Names are metric names.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "aggregator/promql/functions/function.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

inline std::string Named(std::string_view text, std::string_view name) {
  return fmt::format("{} \"{}\"", text, name);
}

// Of the range argument.
inline void WarnOfSeries(const RangeArgs& args, std::string_view text) {
  args.annotations.Warn(Named(text, args.labels.Get(kMetricName)), args.range_pos);
}
inline void WarnMixedTypes(const RangeArgs& args) {
  WarnOfSeries(args, "encountered a mix of histograms and floats for metric name");
}
inline void WarnMixedSchemas(const RangeArgs& args) {
  WarnOfSeries(args,
               "vector contains a mix of histograms with exponential and custom buckets schemas "
               "for metric name");
}
inline void WarnNoCounter(const RangeArgs& args) {
  WarnOfSeries(args, "this native histogram metric is not a counter:");
}
inline void WarnNoGauge(const RangeArgs& args) {
  WarnOfSeries(args, "this native histogram metric is not a gauge:");
}
inline void NoteIgnoredHistograms(const RangeArgs& args) {
  args.annotations.Info(
      Named("ignored histograms in a range containing both floats and histograms for metric name",
            args.labels.Get(kMetricName)),
      args.range_pos);
}
inline void NoteReconciled(const RangeArgs& args, std::string_view operation) {
  args.annotations.Info(
      fmt::format("mismatched custom buckets were reconciled during {}", operation),
      args.range_pos);
}

}  // namespace opssight::promql
