// targets/metadata. Agents send metadata by metric, not by target: a target's is that of
// the metrics of which it has had series lately.
#include <array>
#include <set>
#include <unordered_map>

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

// Found by the names of series, which are a family's own and what its type adds.
class FactsByName {
 public:
  explicit FactsByName(const std::vector<MetricMetadata>& facts) : facts_(facts) {
    for (std::size_t i = 0; i < facts.size(); ++i) by_name_.emplace(facts[i].name, i);
  }

  // In the order of facts.
  std::set<std::size_t> Of(const Names& names) const {
    constexpr std::array<std::string_view, 7> kSuffixes = {"_total", "_bucket", "_count", "_sum",
                                                           "_info",  "_gcount", "_gsum"};
    std::set<std::size_t> found;
    for (const std::string_view name : names) {
      AddFamily(name, true, found);
      for (const std::string_view suffix : kSuffixes) {
        if (!name.ends_with(suffix)) continue;
        AddFamily(name.substr(0, name.size() - suffix.size()), false, found);
      }
    }
    return found;
  }

 private:
  void AddFamily(std::string_view family, bool own, std::set<std::size_t>& found) const {
    const auto [begin, end] = by_name_.equal_range(family);
    for (auto it = begin; it != end; ++it) {
      const MetricType type = facts_[it->second].type;
      const bool plain = type == MetricType::kGauge || type == MetricType::kUnknown;
      if (own || !plain) found.insert(it->second);
    }
  }

  const std::vector<MetricMetadata>& facts_;
  std::unordered_multimap<std::string_view, std::size_t> by_name_;
};

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
  const FactsByName by_name(facts);
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
      for (const std::size_t i : by_name.Of(*names)) {
        const MetricMetadata& fact = facts[i];
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
