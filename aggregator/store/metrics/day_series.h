// A series of a metrics day, by its number there: what a query over the day sees of it.
#pragma once

#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/metrics/id_set.h"

namespace opssight {

struct DaySeries {
  SeriesId id = 0;
  std::vector<Sample> samples;              // Times ascending and unique.
  std::vector<HistogramSample> histograms;  // The same, none of them in samples.
};

}  // namespace opssight
