// query and query_range.
#include <fmt/format.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_value.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::size_t kNotesMax = 10;  // Of warnings, and of infos.

// What a query may ask for beside its text and times.
struct QueryParameters {
  std::size_t limit = 0;
  std::int64_t lookback_ms = 0;
  std::string_view stats;
};

// timeout bounds the deadline, which the caller has set; here it is only checked.
Status CheckTimeout(const HttpRequest& request) {
  const std::string_view text = request.Param("timeout");
  if (text.empty()) return {};
  const auto timeout_ms = ParseDurationParameter(text);
  if (!timeout_ms) return BadParameter("timeout", timeout_ms.error().message);
  return {};
}

Result<QueryParameters> ReadParameters(const HttpRequest& request) {
  QueryParameters parameters;
  OPS_TRY(parameters.limit, LimitParameter(request));
  OPS_RETURN_IF_ERROR(CheckTimeout(request));
  if (const std::string_view text = request.Param("lookback_delta"); !text.empty()) {
    auto lookback_ms = ParseDurationParameter(text);
    if (!lookback_ms) {
      return Invalid("error parsing lookback delta duration: " + lookback_ms.error().message);
    }
    parameters.lookback_ms = *lookback_ms;
  }
  parameters.stats = request.Param("stats");
  return parameters;
}

void WriteStats(JsonWriter& json, const promql::QueryStats& stats, std::string_view seconds) {
  json.Key("stats").Open('{').Key("timings").Open('{');
  json.Key("evalTotalTime").Raw(seconds).Key("resultSortTime").Raw("0");
  json.Key("queryPreparationTime").Raw("0").Key("innerEvalTime").Raw(seconds);
  json.Key("execQueueTime").Raw("0").Key("execTotalTime").Raw(seconds).Close('}');
  json.Key("samples").Open('{');
  json.Key("totalQueryableSamples").Raw(std::to_string(stats.samples_total));
  json.Key("peakSamples").Raw(std::to_string(stats.samples_peak)).Close('}').Close('}');
}

PromFailure ToFailure(promql::QueryError error) {
  switch (error.kind) {
    case promql::QueryErrorKind::kBadData:
      return opssight::ToFailure(BadParameter("query", error.message));
    case promql::QueryErrorKind::kExecution:
      return {.type = "execution", .message = std::move(error.message)};
    case promql::QueryErrorKind::kCanceled:
      return {.type = "canceled", .message = std::move(error.message)};
    case promql::QueryErrorKind::kTimeout:
      return {.type = "timeout", .message = std::move(error.message)};
    case promql::QueryErrorKind::kInternal:
      break;
  }
  return {.type = "internal", .message = std::move(error.message)};
}

PromResult Run(const PromContext& context, const PromCall& call, promql::QueryRequest request,
               const QueryParameters& parameters) {
  request.text = call.request.Param("query");
  request.lookback_ms = parameters.lookback_ms;
  request.limits = call.limits;
  request.timed_out = call.timed_out;
  const std::int64_t begin_ns = context.clock.SteadyNs();
  auto result = context.engine.Run(context.sources.series, request);
  if (!result) return ToFailure(std::move(result.error()));
  const auto took_ns = static_cast<double>(context.clock.SteadyNs() - begin_ns);
  if (parameters.limit > 0 && CutSeries(result->value, parameters.limit)) {
    result->annotations.WarnPlain(std::string(kTruncated));
  }
  if (!parameters.stats.empty() && parameters.stats != "true" && parameters.stats != "all") {
    result->annotations.WarnPlain(
        "values of the parameter stats other than \"true\" and \"all\" are deprecated");
  }
  if (CountPoints(result->value) > context.options.answer_points_max) {
    return PromFailure{.type = "execution",
                       .message =
                           "query would answer with too many samples; narrow the selector "
                           "or the range"};
  }
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{');
  WriteQueryValue(json, result->value);
  if (!parameters.stats.empty()) {
    WriteStats(json, result->stats, FormatDouble(took_ns / 1e9));
  }
  json.Close('}');
  return CloseSuccess(std::move(json),
                      {.warnings = result->annotations.Warnings(request.text, kNotesMax),
                       .infos = result->annotations.Infos(request.text, kNotesMax)});
}

Result<std::int64_t> RequiredTime(const HttpRequest& request, std::string_view name) {
  auto time_ms = ParseTimeMs(request.Param(name));
  if (time_ms) return *time_ms;
  return BadParameter(name, time_ms.error().message);
}

Result<promql::QueryRequest> ReadRange(const HttpRequest& request, std::int64_t points_max) {
  promql::QueryRequest range;
  OPS_TRY(range.start_ms, RequiredTime(request, "start"));
  OPS_TRY(range.end_ms, RequiredTime(request, "end"));
  if (range.end_ms < range.start_ms) {
    return BadParameter("end", "end timestamp must not be before start time");
  }
  auto step_ms = ParseDurationParameter(request.Param("step"));
  if (!step_ms) return BadParameter("step", step_ms.error().message);
  if (*step_ms <= 0) {
    return BadParameter("step",
                        "zero or negative query resolution step widths are not accepted. Try a "
                        "positive integer");
  }
  range.step_ms = *step_ms;
  // Unsigned: between the bounds of time there are more than 2^63.
  const std::uint64_t range_ms =
      static_cast<std::uint64_t>(range.end_ms) - static_cast<std::uint64_t>(range.start_ms);
  if (range_ms / static_cast<std::uint64_t>(range.step_ms) >
      static_cast<std::uint64_t>(points_max)) {
    return Invalid(
        fmt::format("exceeded maximum resolution of {} points per timeseries. Try decreasing the "
                    "query resolution (?step=XX)",
                    points_max == 11'000 ? "11,000" : std::to_string(points_max)));
  }
  return range;
}

}  // namespace

PromResult AnswerQuery(const PromContext& context, const PromCall& call) {
  OPS_TRY(const QueryParameters parameters, ReadParameters(call.request));
  OPS_TRY(const std::int64_t time_ms, TimeParameter(call.request, "time", context.clock.WallMs()));
  return Run(context, call, {.text = {}, .start_ms = time_ms, .end_ms = time_ms}, parameters);
}

PromResult AnswerQueryRange(const PromContext& context, const PromCall& call) {
  OPS_TRY(promql::QueryRequest range, ReadRange(call.request, context.options.points_max));
  OPS_TRY(const QueryParameters parameters, ReadParameters(call.request));
  return Run(context, call, std::move(range), parameters);
}

}  // namespace opssight
