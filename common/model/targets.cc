#include "common/model/targets.h"

#include <algorithm>
#include <map>

#include "common/base/clock.h"
#include "common/model/record_bytes.h"
#include "common/text/number.h"
#include "common/text/time.h"
#include "common/text/units.h"

namespace opssight {
namespace {

// Of a dropped target.
std::size_t BytesOfDropped(const Labels& discovered) {
  return sizeof(Labels) + BytesOf(discovered);
}

std::string_view TextOf(TargetHealth health) {
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

void WriteLabelsAt(std::string_view key, const Labels& labels, JsonWriter& json) {
  json.Key(key).Open('{');
  for (const Label& label : labels) json.Key(label.name).String(label.value);
  json.Close('}');
}

void WriteActive(const std::string& pool, const TargetState& target, JsonWriter& json) {
  json.Open('{');
  WriteLabelsAt("discoveredLabels", target.discovered, json);
  WriteLabelsAt("labels", target.labels, json);
  json.Key("scrapePool").String(pool);
  json.Key("scrapeUrl").String(target.scrape_url).Key("globalUrl").String(target.global_url);
  json.Key("lastError").String(target.last_error);
  // Go's zero time is what Prometheus shows before the first scrape.
  json.Key("lastScrape")
      .String(target.last_scrape_ms == 0 ? "0001-01-01T00:00:00Z"
                                         : FormatRfc3339Ns(target.last_scrape_ms * kNsPerMs));
  json.Key("lastScrapeDuration").Raw(FormatDouble(target.last_duration_s));
  json.Key("health").String(TextOf(target.health));
  json.Key("scrapeInterval").String(FormatPromDurationMs(target.interval_ms));
  json.Key("scrapeTimeout").String(FormatPromDurationMs(target.timeout_ms)).Close('}');
}

}  // namespace

std::size_t BytesOf(const TargetState& target) {
  return sizeof(TargetState) + BytesOf(target.labels) + BytesOf(target.discovered) +
         target.scrape_url.size() + target.global_url.size() + target.last_error.size();
}

std::size_t BytesOf(const TargetsSnapshot& snapshot) {
  std::size_t bytes = sizeof(TargetsSnapshot);
  for (const ScrapePool& pool : snapshot.pools) {
    bytes += sizeof(ScrapePool) + pool.name.size() + pool.config_yaml.size();
    for (const TargetState& target : pool.active) bytes += BytesOf(target);
    for (const Labels& dropped : pool.dropped) bytes += BytesOfDropped(dropped);
  }
  return bytes;
}

void LimitTargets(TargetsLimits limits, TargetsSnapshot& snapshot) {
  std::vector<ScrapePool>& pools = snapshot.pools;
  for (; pools.size() > limits.pools_max; pools.pop_back()) {
    snapshot.left_out += pools.back().active.size() + pools.back().dropped.size();
  }
  std::size_t heads = sizeof(TargetsSnapshot);
  for (const ScrapePool& pool : pools) heads += sizeof(ScrapePool) + pool.name.size();
  std::size_t room = limits.bytes_max - std::min(limits.bytes_max, heads);
  const auto take = [&room](std::size_t bytes) {
    const bool fits = bytes <= room;
    if (fits) room -= bytes;
    return fits;
  };
  const auto cut = [&](auto& targets) {
    std::size_t kept = 0;
    while (kept < targets.size() && limits.targets_max != 0 && take(BytesOf(targets[kept]))) {
      --limits.targets_max;
      ++kept;
    }
    snapshot.left_out += targets.size() - kept;
    targets.resize(kept);
  };
  for (ScrapePool& pool : pools) cut(pool.active);
  for (ScrapePool& pool : pools) {
    if (!take(pool.config_yaml.size())) pool.config_yaml.clear();
  }
  for (ScrapePool& pool : pools) cut(pool.dropped);
}

TargetsFilter MakeTargetsFilter(std::string_view state, std::string_view pool) {
  const bool all = state.empty() || state == "any";
  return {.active = all || state == "active", .dropped = all || state == "dropped", .pool = pool};
}

void WriteTargets(const std::vector<const ScrapePool*>& pools, const TargetsFilter& filter,
                  JsonWriter& json) {
  std::vector<const ScrapePool*> sorted = pools;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->name < b->name; });
  const auto wanted = [&](const ScrapePool& pool) {
    return filter.pool.empty() || pool.name == filter.pool;
  };
  json.Open('{').Key("activeTargets").Open('[');
  for (const ScrapePool* pool : sorted) {
    if (!filter.active || !wanted(*pool)) continue;
    for (const TargetState& target : pool->active) WriteActive(pool->name, target, json);
  }
  json.Close(']').Key("droppedTargets").Open('[');
  std::map<std::string_view, std::uint64_t> counts;
  for (const ScrapePool* pool : sorted) {
    counts[pool->name] += pool->dropped_count;
    if (!filter.dropped || !wanted(*pool)) continue;
    for (const Labels& dropped : pool->dropped) {
      json.Open('{');
      WriteLabelsAt("discoveredLabels", dropped, json);
      json.Key("scrapePool").String(pool->name).Close('}');
    }
  }
  json.Close(']').Key("droppedTargetCounts");
  if (filter.dropped) {
    json.Open('{');
    for (const auto& [name, count] : counts) json.Key(name).Raw(std::to_string(count));
    json.Close('}');
  } else {
    json.Raw("null");
  }
  json.Close('}');
}

std::vector<const ScrapePool*> PoolsOf(const TargetsSnapshot& snapshot) {
  std::vector<const ScrapePool*> pools;
  for (const ScrapePool& pool : snapshot.pools) pools.push_back(&pool);
  return pools;
}

}  // namespace opssight
