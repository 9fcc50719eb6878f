// What a job's rules make of a series' labels: those of the target come on, clashes are
// renamed, metric_relabel_configs and limits apply. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scrape/options.h"
#include "common/base/result.h"
#include "common/codec/expo/expo.h"
#include "common/model/frame.h"
#include "common/model/labels.h"
#include "common/relabel/relabel.h"

namespace opssight {

// What a job says of its targets' series.
struct SeriesRules {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool native_histograms = false;
  bool classic_too = false;
  bool extra_metrics = false;
  std::optional<expo::Format> fallback;
  Relabeler relabel;
  // The rules over labels as text: where it changes, labels are to be worked out anew.
  std::string relabel_text;
  ScrapeLimits limits;
  std::uint64_t series_max = 0;
  std::vector<Label> common;  // Of series that have none of that name.
};

// A series as it is handed on.
struct NamedSeries {
  std::string name;
  std::vector<Label> labels;  // Without the name.
  std::size_t bytes = 0;      // In a layout, about.
};

// Of a series as the target names it; labels in any order, of one name the first counts.
// None: the rules drop it. kExhausted: it is over a limit.
Result<std::optional<NamedSeries>> NameSeries(const SeriesRules& rules, const Labels& target,
                                              std::string_view name,
                                              std::span<const LabelView> labels);

}  // namespace opssight
