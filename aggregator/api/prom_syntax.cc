// format_query and parse_query.
#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/promql/syntax/printer.h"

namespace opssight {
namespace {

Result<promql::ExprPtr> ParseParameter(const PromContext& context, const PromCall& call) {
  auto expr = promql::ParseExpr(call.request.Param("query"), context.engine.options().parse);
  if (!expr) return BadParameter("query", expr.error().message);
  return expr;
}

}  // namespace

PromResult AnswerFormatQuery(const PromContext& context, const PromCall& call) {
  OPS_TRY(const promql::ExprPtr expr, ParseParameter(context, call));
  JsonWriter json;
  OpenSuccess(json);
  json.String(promql::PrettyPrint(*expr));
  return CloseSuccess(std::move(json));
}

PromResult AnswerParseQuery(const PromContext& context, const PromCall& call) {
  OPS_TRY(const promql::ExprPtr expr, ParseParameter(context, call));
  JsonWriter json;
  OpenSuccess(json);
  json.Raw(promql::PrintJson(*expr));
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
