// query_exemplars.
#include <cstdint>
#include <map>

#include <fmt/format.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using Selectors = std::vector<const promql::VectorSelector*>;

void FindSelectors(const promql::Expr& expr, Selectors& out);

void FindIn(const promql::ExprPtr& expr, Selectors& out) {
  if (expr != nullptr) FindSelectors(*expr, out);
}

void FindSelectors(const promql::Expr& expr, Selectors& out) {
  using namespace promql;  // NOLINT(google-build-using-namespace): names of nodes.
  if (const auto* selector = As<VectorSelector>(expr)) {
    out.push_back(selector);
  } else if (const auto* range = As<MatrixSelector>(expr)) {
    out.push_back(range->selector.get());
  } else if (const auto* subquery = As<SubqueryExpr>(expr)) {
    FindIn(subquery->expr, out);
  } else if (const auto* unary = As<UnaryExpr>(expr)) {
    FindIn(unary->expr, out);
  } else if (const auto* paren = As<ParenExpr>(expr)) {
    FindIn(paren->expr, out);
  } else if (const auto* binary = As<BinaryExpr>(expr)) {
    FindIn(binary->left, out);
    FindIn(binary->right, out);
  } else if (const auto* aggregate = As<AggregateExpr>(expr)) {
    FindIn(aggregate->expr, out);
    FindIn(aggregate->param, out);
  } else if (const auto* call = As<Call>(expr)) {
    for (const ExprPtr& arg : call->args) FindIn(arg, out);
  }
}

void WriteExemplar(JsonWriter& json, const ExemplarPoint& point) {
  json.Open('{').Key("labels").Open('{');
  for (const Label& label : point.labels) json.Key(label.name).String(label.value);
  json.Close('}').Key("value").String(FormatDouble(point.value));
  json.Key("timestamp").Raw(SecondsText(point.time_ms)).Close('}');
}

}  // namespace

PromResult AnswerExemplars(const PromContext& context, const PromCall& call) {
  OPS_TRY(const TimeRange range, RangeParameters(call.request));
  if (range.end_ms < range.start_ms) {
    return BadData("end timestamp must not be before start timestamp");
  }
  auto expr = promql::ParseExpr(call.request.Param("query"), context.engine.options().parse);
  if (!expr) return BadData(std::move(expr.error().message));
  Selectors selectors;
  FindSelectors(**expr, selectors);
  if (selectors.empty()) return HttpResponse{.status = 204};
  std::map<Labels, std::vector<ExemplarPoint>> found;  // A series once, whoever selects it.
  std::uint64_t count = 0;
  for (const promql::VectorSelector* selector : selectors) {
    if (context.sources.exemplars == nullptr) break;
    auto all = context.sources.exemplars->Select(selector->matchers, range.start_ms, range.end_ms,
                                                 call.limits);
    if (!all) return SelectFailure(std::move(all.error()), call);
    for (SeriesExemplars& series : *all) {
      const std::uint64_t points = series.exemplars.size();
      const bool is_new =
          found.try_emplace(std::move(series.series), std::move(series.exemplars)).second;
      if (is_new) count += points;
    }
    if (count > call.limits.samples_max) {
      return ToFailure(Exhausted(fmt::format("query selects more than {} exemplars; select fewer",
                                             call.limits.samples_max)));
    }
  }
  JsonWriter json;
  OpenSuccess(json);
  json.Open('[');
  for (const auto& [labels, exemplars] : found) {
    json.Open('{').Key("seriesLabels");
    WriteLabels(json, labels);
    json.Key("exemplars").Open('[');
    for (const ExemplarPoint& point : exemplars) WriteExemplar(json, point);
    json.Close(']').Close('}');
  }
  json.Close(']');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
