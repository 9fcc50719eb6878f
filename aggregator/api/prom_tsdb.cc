// status/tsdb: which metrics and labels make the most series.
#include <fmt/format.h>

#include "aggregator/api/prom_endpoints.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::size_t kLimitDefault = 10;
constexpr std::int64_t kLimitMax = 10'000;

Result<std::size_t> ReadLimit(const HttpRequest& request) {
  const std::string_view text = request.Param("limit");
  if (text.empty()) return kLimitDefault;
  const auto limit = ParseInt<std::int64_t>(text);
  if (!limit || *limit < 1) return Invalid("limit must be a positive number");
  if (*limit > kLimitMax) return Invalid(fmt::format("limit must not exceed {}", kLimitMax));
  return static_cast<std::size_t>(*limit);
}

void WriteCounts(JsonWriter& json, std::string_view key,
                 const std::vector<TsdbStatistics::Count>& counts) {
  json.Key(key).Open('[');
  for (const auto& [name, count] : counts) {
    json.Open('{').Key("name").String(name);
    json.Key("value").Raw(std::to_string(count)).Close('}');
  }
  json.Close(']');
}

}  // namespace

PromResult AnswerStatusTsdb(const PromContext& context, const PromCall& call) {
  OPS_TRY(const std::size_t limit, ReadLimit(call.request));
  TsdbStatistics found;
  if (context.sources.tsdb != nullptr) found = context.sources.tsdb->Statistics(limit);
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("headStats").Open('{');
  json.Key("numSeries").Raw(std::to_string(found.series));
  json.Key("numLabelPairs").Raw(std::to_string(found.label_pairs));
  json.Key("chunkCount").Raw(std::to_string(found.chunks));
  json.Key("minTime").Int(found.min_time_ms).Key("maxTime").Int(found.max_time_ms).Close('}');
  WriteCounts(json, "seriesCountByMetricName", found.series_by_metric);
  WriteCounts(json, "labelValueCountByLabelName", found.values_by_label);
  WriteCounts(json, "memoryInBytesByLabelName", found.bytes_by_label);
  WriteCounts(json, "seriesCountByLabelValuePair", found.series_by_label_value);
  json.Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
