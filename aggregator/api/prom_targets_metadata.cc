// targets/metadata. Agents send metadata by metric, not by target: a target's is that of
// the metrics of which it has had series lately.
#include <algorithm>
#include <array>
#include <set>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_metadata.h"
#include "aggregator/api/prom_targets.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using Names = std::set<std::string, std::less<>>;

Result<Names> MetricsOf(const TargetState& target, const PromContext& context,
                        const PromCall& call) {
  std::vector<Matcher> matchers;
  for (const Label& label : target.labels) {
    OPS_TRY(Matcher matcher, Matcher::Make(MatchType::kEqual, label.name, label.value));
    matchers.push_back(std::move(matcher));
  }
  Names names;
  if (matchers.empty()) return names;
  const std::int64_t now_ms = context.clock.WallMs();
  OPS_TRY(const std::vector<Labels> series,
          context.sources.series.SelectLabels(matchers, now_ms - context.options.lookback_ms,
                                              now_ms, call.limits));
  for (const Labels& labels : series) names.emplace(labels.Get(kMetricName));
  return names;
}

// A family's series are named by it and what its type adds.
bool Exposes(const Names& names, const MetricMetadata& fact) {
  if (names.contains(fact.name)) return true;
  constexpr std::array<std::string_view, 7> kSuffixes = {"_total", "_bucket", "_count", "_sum",
                                                         "_info",  "_gcount", "_gsum"};
  const bool plain = fact.type == MetricType::kGauge || fact.type == MetricType::kUnknown;
  return !plain && std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view suffix) {
    return names.contains(fact.name + std::string(suffix));
  });
}

struct Wanted {
  std::int64_t limit = -1;  // Below 0: none.
  std::vector<Matcher> matchers;
  std::string_view metric;  // "": all.
};

Result<Wanted> WantedBy(const HttpRequest& request) {
  Wanted wanted;
  if (const std::string_view text = request.Param("limit"); !text.empty()) {
    const auto number = ParseInt<std::int64_t>(text);
    if (!number) return Invalid("limit must be a number");
    wanted.limit = *number;
  }
  if (const std::string_view text = request.Param("match_target"); !text.empty()) {
    auto parsed = promql::ParseMetricSelector(text);
    if (!parsed) return BadParameter("match_target", parsed.error().message);
    wanted.matchers = *std::move(parsed);
  }
  wanted.metric = request.Param("metric");
  return wanted;
}

}  // namespace

// As in Prometheus the limit ends the list between two targets, not within one.
PromResult AnswerTargetsMetadata(const PromContext& context, const PromCall& call) {
  OPS_TRY(const Wanted wanted, WantedBy(call.request));
  std::vector<MetricMetadata> facts;
  if (context.sources.metadata != nullptr) {
    auto all = context.sources.metadata->Metadata(wanted.metric, 0, call.limits);
    if (!all) return SelectFailure(std::move(all.error()), call);
    facts = *std::move(all);
  }
  const AllPools all(context);
  std::int64_t count = 0;
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  for (const ScrapePool* pool : all.pools()) {
    for (const TargetState& target : pool->active) {
      if (wanted.limit >= 0 && count >= wanted.limit) break;
      if (!MatchesAll(wanted.matchers, target.labels)) continue;
      auto names = MetricsOf(target, context, call);
      if (!names) return SelectFailure(std::move(names.error()), call);
      for (const MetricMetadata& fact : facts) {
        if (!Exposes(*names, fact)) continue;
        json.Open('{').Key("target");
        WriteLabels(json, target.labels);
        if (wanted.metric.empty()) json.Key("metric").String(fact.name);
        WriteMetricFacts(json, fact.type, fact.help, fact.unit).Close('}');
        ++count;
      }
    }
  }
  json.Close(']');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
