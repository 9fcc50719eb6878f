#include "aggregator/api/prometheus.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <set>
#include <string>

#include <fmt/core.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/selector.h"
#include "common/text/number.h"

namespace opssight {
namespace {

Result<std::int64_t> StepMs(const HttpRequest& request) {
  const std::string_view text = request.Param("step");
  if (const auto seconds = ParseDouble(text)) {
    if (std::fabs(*seconds) < kSecondsMax) return static_cast<std::int64_t>(*seconds * 1000);
  } else if (auto duration = ParseDurationMs(text)) {
    return *duration;
  }
  return BadParameter("step", fmt::format("cannot parse \"{}\" to a valid duration", text));
}

void WriteSample(JsonWriter& json, std::int64_t time_ms, double value) {
  std::string time = std::to_string(time_ms / 1000);
  if (time_ms % 1000 != 0) {
    time = fmt::format("{}{}.{:03}", time_ms < 0 ? "-" : "", std::abs(time_ms / 1000),
                       std::abs(time_ms % 1000));
  }
  json.Open('[').Raw(time).String(FormatDouble(value)).Close(']');
}

bool IsStale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

// The sample an instant selector sees at time_ms: the last one in (time - lookback,
// time]; nothing after a stale marker.
const Sample* SampleAt(const std::vector<Sample>& samples, std::int64_t time_ms,
                       std::int64_t lookback_ms) {
  auto after = std::upper_bound(samples.begin(), samples.end(), time_ms,
                                [](std::int64_t t, const Sample& s) { return t < s.time_ms; });
  if (after == samples.begin()) return nullptr;
  const Sample& sample = *--after;
  if (sample.time_ms <= time_ms - lookback_ms || IsStale(sample.value)) return nullptr;
  return &sample;
}

bool BySeriesLabels(const Series& a, const Series& b) {
  return a.labels < b.labels;
}

}  // namespace

HttpResponse PrometheusError(const Error& error) {
  int status = 500;
  std::string_view type = "internal";
  switch (error.code) {
    case ErrorCode::kInvalid:
      status = 400;
      type = "bad_data";
      break;
    case ErrorCode::kNotFound:
      status = 404;
      type = "not_found";
      break;
    case ErrorCode::kExhausted:
      status = 422;
      type = "execution";
      break;
    case ErrorCode::kUnavailable:  // Whoever is still there to read it waited too long.
      status = 503;
      type = "timeout";
      break;
    default:
      break;
  }
  JsonWriter json;
  json.Open('{').Key("status").String("error").Key("errorType").String(type);
  json.Key("error").String(error.message).Close('}');
  return JsonResponse(status, json.Take());
}

HttpResponse PrometheusApi::Handle(const HttpRequest& request, std::string_view route,
                                   const QueryLimits& limits) const {
  auto response = Answer(request, route, limits);
  return response ? *std::move(response) : PrometheusError(response.error());
}

Result<HttpResponse> PrometheusApi::Answer(const HttpRequest& request, std::string_view route,
                                           const QueryLimits& limits) const {
  if (request.Param("query").size() > options_.query_bytes_max) {
    return BadParameter("query", "too long");
  }
  if (route == "query") return Query(request, limits);
  if (route == "query_range") return QueryRange(request, limits);
  if (route == "series" || route == "labels" || ValuesRoute(route)) {
    return SeriesOrLabels(request, route, limits);
  }
  return PageNotFound();
}

Result<HttpResponse> PrometheusApi::Query(const HttpRequest& request,
                                          const QueryLimits& limits) const {
  OPS_TRY(const std::int64_t time_ms, TimeMsParameter(request, "time", clock_.WallMs()));
  auto selector = ParseMetricSelector(request.Param("query"));
  if (!selector) return BadParameter("query", selector.error().message);
  const bool range = selector->range_ms > 0;
  const std::int64_t back_ms = range ? selector->range_ms : options_.lookback_ms;
  OPS_TRY(std::vector<Series> all,
          series_.Select(selector->matchers, time_ms - back_ms + 1, time_ms, limits));
  if (range) OPS_RETURN_IF_ERROR(CheckAnswer(all));
  std::sort(all.begin(), all.end(), BySeriesLabels);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String(range ? "matrix" : "vector").Key("result").Open('[');
  for (Series& series : all) {
    if (range) {
      std::erase_if(series.samples, [](const Sample& sample) { return IsStale(sample.value); });
      if (series.samples.empty()) continue;
      json.Open('{').Key("metric");
      WriteLabels(json, series.labels);
      json.Key("values").Open('[');
      for (const Sample& sample : series.samples) WriteSample(json, sample.time_ms, sample.value);
      json.Close(']').Close('}');
    } else if (const Sample* sample = SampleAt(series.samples, time_ms, back_ms)) {
      json.Open('{').Key("metric");
      WriteLabels(json, series.labels);
      json.Key("value");
      WriteSample(json, time_ms, sample->value);
      json.Close('}');
    }
  }
  return JsonResponse(200, json.Close(']').Close('}').Close('}').Take());
}

// Of a range vector, whose samples are all written.
Status PrometheusApi::CheckAnswer(const std::vector<Series>& all) const {
  std::uint64_t samples = 0;
  for (const Series& series : all) samples += series.samples.size();
  if (samples <= options_.answer_points_max) return {};
  return Exhausted("query would answer with too many samples; narrow the selector or the range");
}

Result<HttpResponse> PrometheusApi::QueryRange(const HttpRequest& request,
                                               const QueryLimits& limits) const {
  OPS_TRY(const std::int64_t start_ms, TimeMsParameter(request, "start", std::nullopt));
  OPS_TRY(const std::int64_t end_ms, TimeMsParameter(request, "end", std::nullopt));
  if (end_ms < start_ms) {
    return BadParameter("end", "end timestamp must not be before start time");
  }
  OPS_TRY(const std::int64_t step_ms, StepMs(request));
  if (step_ms <= 0) {
    return BadParameter("step",
                        "zero or negative query resolution step widths are not accepted. Try a "
                        "positive integer");
  }
  if ((end_ms - start_ms) / step_ms > options_.points_max) {
    return Invalid(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  auto selector = ParseMetricSelector(request.Param("query"));
  if (!selector) return BadParameter("query", selector.error().message);
  if (selector->range_ms > 0) {
    return BadParameter("query",
                        "invalid expression type \"range vector\" for range query, must be Scalar "
                        "or instant Vector");
  }
  OPS_TRY(std::vector<Series> all,
          series_.Select(selector->matchers, start_ms - options_.lookback_ms + 1, end_ms, limits));
  const auto steps = static_cast<std::uint64_t>((end_ms - start_ms) / step_ms) + 1;
  if (all.size() > options_.answer_points_max / steps) {
    return Exhausted("query would answer with too many samples; narrow the selector or the range");
  }
  std::sort(all.begin(), all.end(), BySeriesLabels);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String("matrix").Key("result").Open('[');
  for (const Series& series : all) {
    bool any = false;
    for (std::int64_t time_ms = start_ms; time_ms <= end_ms; time_ms += step_ms) {
      const Sample* sample = SampleAt(series.samples, time_ms, options_.lookback_ms);
      if (sample == nullptr) continue;
      if (!any) {
        json.Open('{').Key("metric");
        WriteLabels(json, series.labels);
        json.Key("values").Open('[');
        any = true;
      }
      WriteSample(json, time_ms, sample->value);
    }
    if (any) json.Close(']').Close('}');
  }
  return JsonResponse(200, json.Close(']').Close('}').Close('}').Take());
}

Result<HttpResponse> PrometheusApi::SeriesOrLabels(const HttpRequest& request,
                                                   std::string_view route,
                                                   const QueryLimits& limits) const {
  const std::int64_t now_ms = clock_.WallMs();
  OPS_TRY(const std::int64_t start_ms, TimeMsParameter(request, "start", 0));
  OPS_TRY(const std::int64_t end_ms, TimeMsParameter(request, "end", now_ms));
  if (end_ms < start_ms) {
    return BadParameter("end", "end timestamp must not be before start time");
  }
  std::set<Labels> sets;
  std::set<std::string> strings;
  bool asked = false;
  // Of very many sets only what is asked for is kept.
  const auto add = [&](const std::vector<Matcher>& matchers) -> Status {
    OPS_TRY(std::vector<Labels> found, series_.SelectLabels(matchers, start_ms, end_ms, limits));
    if (route == "series") {
      sets.insert(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    } else {
      strings.merge(NamesOrValues(found, ValuesRoute(route).value_or("")));
    }
    return {};
  };
  for (const auto& param : request.params) {
    if (param.first != "match[]") continue;
    asked = true;
    auto selector = ParseMetricSelector(param.second);
    if (!selector) return BadParameter("match[]", selector.error().message);
    if (selector->range_ms > 0) return BadParameter("match[]", "expected an instant selector");
    OPS_RETURN_IF_ERROR(add(selector->matchers));
  }
  if (route == "series" && !asked) return Invalid("no match[] parameter provided");
  if (!asked) OPS_RETURN_IF_ERROR(add({}));
  if (route != "series") return StringsResponse(strings, false);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('[');
  for (const Labels& labels : sets) WriteLabels(json, labels);
  return JsonResponse(200, json.Close(']').Close('}').Take());
}

}  // namespace opssight
