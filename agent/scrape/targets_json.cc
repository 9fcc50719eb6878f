#include "agent/scrape/targets_json.h"

#include <map>

#include "common/base/clock.h"
#include "common/text/json.h"
#include "common/text/number.h"
#include "common/text/time.h"
#include "common/text/units.h"

namespace opssight {
namespace {

void PutLabels(JsonWriter& json, std::string_view key, const Labels& labels) {
  json.Key(key).Open('{');
  for (const Label& label : labels) json.Key(label.name).String(label.value);
  json.Close('}');
}

std::string_view NameOf(TargetHealth health) {
  switch (health) {
    case TargetHealth::kUp:
      return "up";
    case TargetHealth::kDown:
      return "down";
    case TargetHealth::kUnknown:
      break;
  }
  return "unknown";
}

void PutActive(JsonWriter& json, const TargetStatus& target) {
  json.Open('{');
  PutLabels(json, "discoveredLabels", target.discovered);
  PutLabels(json, "labels", target.labels);
  json.Key("scrapePool").String(target.pool);
  json.Key("scrapeUrl").String(target.url);
  json.Key("globalUrl").String(target.url);
  json.Key("lastError").String(target.last_error);
  // Go's zero time is what Prometheus shows before the first scrape.
  json.Key("lastScrape")
      .String(target.last_scrape_ms == 0 ? "0001-01-01T00:00:00Z"
                                         : FormatRfc3339Ns(target.last_scrape_ms * kNsPerMs));
  json.Key("lastScrapeDuration").Raw(FormatDouble(target.last_duration_s));
  json.Key("health").String(NameOf(target.health));
  json.Key("scrapeInterval").String(FormatPromDurationMs(target.interval_ms));
  json.Key("scrapeTimeout").String(FormatPromDurationMs(target.timeout_ms));
  json.Close('}');
}

}  // namespace

std::string TargetsJson(const TargetsSnapshot& targets) {
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("activeTargets").Open('[');
  for (const TargetStatus& target : targets.active) PutActive(json, target);
  json.Close(']').Key("droppedTargets").Open('[');
  std::map<std::string, std::int64_t> counts;
  for (const TargetStatus& target : targets.active) counts.try_emplace(target.pool, 0);
  for (const DroppedTarget& target : targets.dropped) {
    ++counts[target.pool];
    json.Open('{');
    PutLabels(json, "discoveredLabels", target.discovered);
    json.Key("scrapePool").String(target.pool).Close('}');
  }
  json.Close(']').Key("droppedTargetCounts").Open('{');
  for (const auto& [pool, count] : counts) json.Key(pool).Int(count);
  return json.Close('}').Close('}').Close('}').Take();
}

}  // namespace opssight
