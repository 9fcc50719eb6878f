// The agent's targets as Prometheus' GET /api/v1/targets answers them. Pure.
#pragma once

#include <string>

#include "agent/scrape/scraper.h"

namespace opssight {

std::string TargetsJson(const TargetsSnapshot& targets);

}  // namespace opssight
