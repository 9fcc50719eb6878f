// What query languages may ask of a store beside samples: exemplars, and what expositions say
// of their metrics. As with source.h: any thread, and each call sees all that was
// acknowledged before it began and already applied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/query/source.h"
#include "common/base/result.h"
#include "common/model/record.h"

namespace opssight {

struct ExemplarPoint {
  std::int64_t time_ms = 0;
  double value = 0;
  std::vector<Label> labels;  // trace_id, …
};

struct SeriesExemplars {
  Labels series;
  std::vector<ExemplarPoint> exemplars;  // Times ascending.
};

class ExemplarSource {
 public:
  virtual ~ExemplarSource() = default;
  // Of the series that match all matchers, those within [from_ms, to_ms]. Series by labels,
  // each once, none empty. limits.samples_max bounds the exemplars.
  virtual Result<std::vector<SeriesExemplars>> Select(const std::vector<Matcher>& matchers,
                                                      std::int64_t from_ms, std::int64_t to_ms,
                                                      const QueryLimits& limits) const = 0;
};

class MetadataSource {
 public:
  virtual ~MetadataSource() = default;
  // By name; a name may come more than once where sources say different things of it.
  // metric: "" for all. names_max: names told at most; 0: all.
  virtual Result<std::vector<MetricMetadata>> Metadata(std::string_view metric,
                                                       std::size_t names_max,
                                                       const QueryLimits& limits) const = 0;
};

}  // namespace opssight
