// What the endpoints of scrape targets share: the pools of all agents.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "aggregator/api/prom_call.h"
#include "common/model/targets.h"

namespace opssight {

// Pools of all agents, by name; those of one name by agent. Owns what it shows.
class AllPools {
 public:
  explicit AllPools(const PromContext& context);
  const std::vector<const ScrapePool*>& pools() const { return pools_; }
  // The first of that name; null: none.
  const ScrapePool* Find(std::string_view name) const;

 private:
  std::vector<std::shared_ptr<const TargetsSnapshot>> snapshots_;
  std::vector<const ScrapePool*> pools_;
};

// The pool that the parameter scrapePool names, of all; kInvalid says why there is none.
Result<const ScrapePool*> PoolParameter(const AllPools& all, const HttpRequest& request);

}  // namespace opssight
