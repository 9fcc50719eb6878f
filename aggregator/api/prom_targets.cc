// targets, targets/metadata, scrape_pools.
#include <algorithm>
#include <map>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_metadata.h"
#include "aggregator/api/prom_time.h"
#include "common/text/number.h"
#include "common/text/units.h"

namespace opssight {
namespace {

std::string_view HealthText(Health health) {
  switch (health) {
    case Health::kUp:
      return "up";
    case Health::kDown:
      return "down";
    case Health::kUnknown:
      break;
  }
  return "unknown";
}

void WriteTarget(JsonWriter& json, const TargetState& target) {
  json.Open('{').Key("discoveredLabels");
  WriteLabels(json, target.discovered);
  json.Key("labels");
  WriteLabels(json, target.labels);
  json.Key("scrapePool").String(target.pool).Key("scrapeUrl").String(target.scrape_url);
  json.Key("globalUrl").String(target.global_url).Key("lastError").String(target.last_error);
  json.Key("lastScrape").String(TimeText(target.last_scrape_ns));
  json.Key("lastScrapeDuration").Raw(FormatDouble(target.last_scrape_s));
  json.Key("health").String(HealthText(target.health));
  json.Key("scrapeInterval").String(FormatPromDurationMs(target.interval_ms));
  json.Key("scrapeTimeout").String(FormatPromDurationMs(target.timeout_ms)).Close('}');
}

bool Wanted(std::string_view pool, const std::string& of) {
  return pool.empty() || pool == of;
}

std::vector<TargetState> ActiveTargets(const PromContext& context) {
  return context.sources.targets == nullptr ? std::vector<TargetState>()
                                            : context.sources.targets->Active();
}

void WriteTargetMetadata(JsonWriter& json, const TargetState& target, const MetricMetadata& fact,
                         bool named) {
  json.Open('{').Key("target");
  WriteLabels(json, target.labels);
  if (named) json.Key("metric").String(fact.name);
  WriteMetricFacts(json, fact.type, fact.help, fact.unit).Close('}');
}

}  // namespace

PromResult AnswerTargets(const PromContext& context, const PromCall& call) {
  const std::string state = AsciiLower(call.request.Param("state"));
  const std::string_view pool = call.request.Param("scrapePool");
  const bool all = state.empty() || state == "any";
  std::map<std::string, std::int64_t> dropped_counts;
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("activeTargets").Open('[');
  if (all || state == "active") {
    for (const TargetState& target : ActiveTargets(context)) {
      if (Wanted(pool, target.pool)) WriteTarget(json, target);
    }
  }
  json.Close(']').Key("droppedTargets").Open('[');
  if ((all || state == "dropped") && context.sources.targets != nullptr) {
    for (const DroppedTargetState& target : context.sources.targets->Dropped()) {
      if (!Wanted(pool, target.pool)) continue;
      ++dropped_counts[target.pool];
      json.Open('{').Key("discoveredLabels");
      WriteLabels(json, target.discovered);
      json.Key("scrapePool").String(target.pool).Close('}');
    }
  }
  json.Close(']').Key("droppedTargetCounts").Open('{');
  for (const auto& [name, count] : dropped_counts) json.Key(name).Int(count);
  json.Close('}').Close('}');
  return CloseSuccess(std::move(json));
}

PromResult AnswerTargetsMetadata(const PromContext& context, const PromCall& call) {
  std::int64_t limit = -1;
  if (const std::string_view text = call.request.Param("limit"); !text.empty()) {
    const auto number = ParseInt<std::int64_t>(text);
    if (!number) return BadData("limit must be a number");
    limit = *number;
  }
  std::vector<Matcher> matchers;
  if (const std::string_view text = call.request.Param("match_target"); !text.empty()) {
    auto parsed = promql::ParseMetricSelector(text);
    if (!parsed) return BadParameter("match_target", parsed.error().message);
    matchers = *std::move(parsed);
  }
  const std::string_view metric = call.request.Param("metric");
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  std::int64_t count = 0;
  for (const TargetState& target : ActiveTargets(context)) {
    if (!MatchesAll(matchers, target.labels)) continue;
    for (const MetricMetadata& fact : target.metadata) {
      if (!metric.empty() && fact.name != metric) continue;
      if (limit >= 0 && count == limit) break;
      WriteTargetMetadata(json, target, fact, metric.empty());
      ++count;
    }
  }
  json.Close(']');
  return CloseSuccess(std::move(json));
}

PromResult AnswerScrapePools(const PromContext& context, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("scrapePools").Open('[');
  if (context.sources.targets != nullptr) {
    for (const std::string& pool : context.sources.targets->Pools()) json.String(pool);
  }
  json.Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
