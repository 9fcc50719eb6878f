// What a selection finds in a head: of targets their minis, then their open rows, and native
// histograms.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/store/metrics/metrics_head.h"
#include "aggregator/store/metrics/selection.h"

namespace opssight {

// Null: nothing.
std::unique_ptr<SelectedPart> SelectHead(std::shared_ptr<const MetricsHead> head,
                                         const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                         std::int64_t to_ms);

}  // namespace opssight
