// status/tsdb: which metrics and labels make the most series; status/tsdb/blocks: the days.
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

// A ULID: 48 bits of time, then 80 of what makes it one of its own; here the day and how
// often it was merged, so that a day changes its name when its blocks do.
std::string UlidOf(const StoredDayFacts& day) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr std::size_t kTimeChars = 10;
  constexpr std::size_t kChars = 26;
  std::string ulid(kChars, '0');
  const auto put = [&](std::size_t end, std::size_t chars, std::uint64_t number) {
    for (std::size_t i = 0; i < chars; ++i, number >>= 5)
      ulid[end - 1 - i] = kAlphabet[number & 31];
  };
  put(kTimeChars, kTimeChars, static_cast<std::uint64_t>(day.from_ms));
  put(kChars, kChars - kTimeChars, day.generation);
  return ulid;
}

void WriteBlock(JsonWriter& json, const StoredDayFacts& day) {
  const std::string ulid = UlidOf(day);
  json.Open('{').Key("ulid").String(ulid);
  json.Key("minTime").Int(day.from_ms).Key("maxTime").Int(day.to_ms).Key("stats").Open('{');
  json.Key("numSamples").Raw(std::to_string(day.samples + day.histograms));
  json.Key("numFloatSamples").Raw(std::to_string(day.samples));
  json.Key("numHistogramSamples").Raw(std::to_string(day.histograms));
  json.Key("numSeries").Raw(std::to_string(day.series));
  json.Key("numBytes").Raw(std::to_string(day.bytes)).Close('}');
  json.Key("compaction").Open('{').Key("level").Raw(std::to_string(day.generation + 1));
  json.Key("sources").Open('[').String(ulid).Close(']').Close('}');
  json.Key("version").Int(1).Close('}');
}

}  // namespace

PromResult AnswerStatusTsdbBlocks(const PromContext& context, const PromCall&) {
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{').Key("blocks").Open('[');
  if (context.sources.server != nullptr && context.sources.server->days) {
    for (const StoredDayFacts& day : context.sources.server->days()) WriteBlock(json, day);
  }
  json.Close(']').Close('}');
  return CloseSuccess(std::move(json));
}

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
