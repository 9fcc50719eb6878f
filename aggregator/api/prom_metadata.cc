// metadata.
#include "aggregator/api/prom_metadata.h"

#include <map>
#include <set>
#include <tuple>

#include "aggregator/api/prom_endpoints.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::int64_t kNone = -1;

Result<std::int64_t> NumberParameter(const HttpRequest& request, std::string_view name) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return kNone;
  const auto number = ParseInt<std::int64_t>(text);
  if (!number) return Invalid(std::string(name) + " must be a number");
  return *number;
}

using Facts = std::set<std::tuple<MetricType, std::string, std::string>>;

void WriteFacts(JsonWriter& json, const Facts& facts, std::int64_t most) {
  json.Open('[');
  std::int64_t count = 0;
  for (const auto& [type, help, unit] : facts) {
    if (most > 0 && count == most) break;
    WriteMetricFacts(json.Open('{'), type, help, unit).Close('}');
    ++count;
  }
  json.Close(']');
}

}  // namespace

JsonWriter& WriteMetricFacts(JsonWriter& json, MetricType type, std::string_view help,
                             std::string_view unit) {
  json.Key("type").String(ToString(type)).Key("help").String(help);
  return json.Key("unit").String(unit);
}

PromResult AnswerMetadata(const PromContext& context, const PromCall& call) {
  OPS_TRY(const std::int64_t limit, NumberParameter(call.request, "limit"));
  OPS_TRY(const std::int64_t per_metric, NumberParameter(call.request, "limit_per_metric"));
  std::map<std::string, Facts> metrics;
  if (context.sources.metadata != nullptr && limit != 0) {
    const auto most = static_cast<std::size_t>(limit < 0 ? 0 : limit);
    auto all = context.sources.metadata->Metadata(call.request.Param("metric"), most, call.limits);
    if (!all) return SelectFailure(std::move(all.error()), call);
    for (MetricMetadata& fact : *all) {
      if (most != 0 && metrics.size() == most && !metrics.contains(fact.name)) continue;
      metrics[fact.name].emplace(fact.type, std::move(fact.help), std::move(fact.unit));
    }
  }
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{');
  for (const auto& [name, facts] : metrics) {
    json.Key(name);
    WriteFacts(json, facts, per_metric);
  }
  json.Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
