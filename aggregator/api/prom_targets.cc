// targets, scrape_pools, scrape_pools/config.
#include "aggregator/api/prom_targets.h"

#include <algorithm>

#include <fmt/core.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/codec/http/headers.h"
#include "common/text/quote.h"

namespace opssight {

AllPools::AllPools(const PromContext& context) {
  if (context.sources.targets == nullptr) return;
  snapshots_ = context.sources.targets->Snapshots();
  for (const auto& snapshot : snapshots_) {
    for (const ScrapePool& pool : snapshot->pools) pools_.push_back(&pool);
  }
  std::stable_sort(pools_.begin(), pools_.end(),
                   [](const auto* a, const auto* b) { return a->name < b->name; });
}

const ScrapePool* AllPools::Find(std::string_view name) const {
  const auto found = std::find_if(pools_.begin(), pools_.end(),
                                  [&](const ScrapePool* pool) { return pool->name == name; });
  return found == pools_.end() ? nullptr : *found;
}

Result<const ScrapePool*> PoolParameter(const AllPools& all, const HttpRequest& request) {
  const std::string_view name = request.Param("scrapePool");
  if (name.empty()) return Invalid("no scrapePool parameter provided");
  const ScrapePool* pool = all.Find(name);
  if (pool == nullptr) return Invalid(fmt::format("scrape pool {} not found", QuoteGo(name)));
  return pool;
}

PromResult AnswerTargets(const PromContext& context, const PromCall& call) {
  const AllPools all(context);
  const std::string state = AsciiLower(call.request.Param("state"));
  JsonWriter json;
  OpenSuccess(json);
  WriteTargets(all.pools(), MakeTargetsFilter(state, call.request.Param("scrapePool")), json);
  return CloseSuccess(std::move(json));
}

PromResult AnswerScrapePools(const PromContext& context, const PromCall&) {
  const AllPools all(context);
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("scrapePools").Open('[');
  const ScrapePool* before = nullptr;
  for (const ScrapePool* pool : all.pools()) {
    if (before == nullptr || before->name != pool->name) json.String(pool->name);
    before = pool;
  }
  json.Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerScrapePoolConfig(const PromContext& context, const PromCall& call) {
  const AllPools all(context);
  OPS_TRY(const ScrapePool* pool, PoolParameter(all, call.request));
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("yaml").String(pool->config_yaml).Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
