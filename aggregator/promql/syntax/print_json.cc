// The form of Prometheus' /parse_query: an object a node, keys in order.
#include "aggregator/promql/syntax/print_parts.h"
#include "aggregator/promql/syntax/printer.h"
#include "common/text/json.h"
#include "common/text/number.h"

namespace opssight::promql {
namespace {

void Write(const Expr* expr, JsonWriter& json);

void WriteStrings(const std::vector<std::string>& strings, JsonWriter& json) {
  json.Open('[');
  for (const std::string& text : strings) json.String(text);
  json.Close(']');
}

void WriteBool(std::string_view key, bool value, JsonWriter& json) {
  json.Key(key).Raw(value ? "true" : "false");
}

void WriteStartOrEnd(const At& at, JsonWriter& json) {
  json.Key("startOrEnd");
  if (at.kind == AtKind::kStart || at.kind == AtKind::kEnd) {
    json.String(at.kind == AtKind::kStart ? "start" : "end");
  } else {
    json.Raw("null");
  }
}

void WriteTimestamp(const At& at, JsonWriter& json) {
  json.Key("timestamp");
  if (at.kind == AtKind::kTime) {
    json.Int(at.ms);
  } else {
    json.Raw("null");
  }
}

std::string_view CardText(Card card) {
  switch (card) {
    case Card::kOneToOne:
      return "one-to-one";
    case Card::kManyToOne:
      return "many-to-one";
    case Card::kOneToMany:
      return "one-to-many";
    case Card::kManyToMany:
      return "many-to-many";
  }
  return "";
}

void WriteFill(std::string_view key, const std::optional<double>& value, JsonWriter& json) {
  json.Key(key);
  // JSON has no word for NaN and Inf.
  if (value && *value - *value == 0) {
    json.Raw(FormatDouble(*value));
  } else {
    json.Raw("null");
  }
}

void WriteMatching(const BinaryExpr& node, JsonWriter& json) {
  json.Key("matching");
  if (node.left->type() != ValueType::kVector || node.right->type() != ValueType::kVector) {
    json.Raw("null");
    return;
  }
  const VectorMatching& matching = node.matching;
  json.Open('{').Key("card").String(CardText(matching.card));
  json.Key("fillValues").Open('{');
  WriteFill("lhs", matching.fill_left, json);
  WriteFill("rhs", matching.fill_right, json);
  json.Close('}').Key("include");
  WriteStrings(matching.include, json);
  json.Key("labels");
  WriteStrings(matching.labels, json);
  WriteBool("on", matching.on, json);
  json.Close('}');
}

void WriteAggregate(const AggregateExpr& node, JsonWriter& json) {
  json.Open('{').Key("expr");
  Write(node.expr.get(), json);
  json.Key("grouping");
  WriteStrings(node.grouping, json);
  json.Key("op").String(ToText(node.op)).Key("param");
  Write(node.param.get(), json);
  json.Key("type").String("aggregation");
  WriteBool("without", node.without, json);
  json.Close('}');
}

void WriteBinary(const BinaryExpr& node, JsonWriter& json) {
  json.Open('{');
  WriteBool("bool", node.return_bool, json);
  json.Key("lhs");
  Write(node.left.get(), json);
  WriteMatching(node, json);
  json.Key("op").String(ToText(node.op)).Key("rhs");
  Write(node.right.get(), json);
  json.Key("type").String("binaryExpr").Close('}');
}

void WriteCall(const Call& node, JsonWriter& json) {
  json.Open('{').Key("args").Open('[');
  for (const ExprPtr& arg : node.args) Write(arg.get(), json);
  json.Close(']').Key("func").Open('{').Key("argTypes").Open('[');
  for (const ValueType type : node.function->args) json.String(ShortText(type));
  json.Close(']').Key("name").String(node.function->name);
  json.Key("returnType").String(ShortText(node.function->returns));
  json.Key("variadic").Int(node.function->variadic).Close('}');
  json.Key("type").String("call").Close('}');
}

// range: null for an instant selector.
void WriteSelector(const VectorSelector& node, const Duration* range, JsonWriter& json) {
  json.Open('{');
  WriteBool("anchored", node.extend == Extend::kAnchored, json);
  json.Key("matchers").Open('[');
  for (const Matcher& matcher : node.matchers) {
    json.Open('{').Key("name").String(matcher.name());
    json.Key("type").String(ToText(matcher.type()));
    json.Key("value").String(matcher.value()).Close('}');
  }
  json.Close(']').Key("name").String(node.name).Key("offset").Int(node.offset.ms);
  if (range != nullptr) json.Key("range").Int(range->ms);
  WriteBool("smoothed", node.extend == Extend::kSmoothed, json);
  WriteStartOrEnd(node.at, json);
  WriteTimestamp(node.at, json);
  json.Key("type").String(range != nullptr ? "matrixSelector" : "vectorSelector").Close('}');
}

void WriteSubquery(const SubqueryExpr& node, JsonWriter& json) {
  json.Open('{').Key("expr");
  Write(node.expr.get(), json);
  json.Key("offset").Int(node.offset.ms).Key("range").Int(node.range.ms);
  WriteStartOrEnd(node.at, json);
  json.Key("step").Int(node.step ? node.step->ms : 0);
  WriteTimestamp(node.at, json);
  json.Key("type").String("subquery").Close('}');
}

void WriteNumber(const NumberLiteral& node, JsonWriter& json) {
  std::string text;
  AppendFixed(node.value, text);
  json.Open('{').Key("type").String("numberLiteral").Key("val").String(text).Close('}');
}

void Write(const Expr* expr, JsonWriter& json) {
  if (expr == nullptr) {
    json.Raw("null");
    return;
  }
  switch (expr->kind()) {
    case ExprKind::kNumber:
      return WriteNumber(*As<NumberLiteral>(*expr), json);
    case ExprKind::kString:
      json.Open('{').Key("type").String("stringLiteral");
      json.Key("val").String(As<StringLiteral>(*expr)->value).Close('}');
      return;
    case ExprKind::kSelector:
      return WriteSelector(*As<VectorSelector>(*expr), nullptr, json);
    case ExprKind::kRange: {
      const auto* range = As<MatrixSelector>(*expr);
      return WriteSelector(*range->selector, &range->range, json);
    }
    case ExprKind::kSubquery:
      return WriteSubquery(*As<SubqueryExpr>(*expr), json);
    case ExprKind::kUnary:
      json.Open('{').Key("expr");
      Write(As<UnaryExpr>(*expr)->expr.get(), json);
      json.Key("op").String(As<UnaryExpr>(*expr)->minus ? "-" : "+");
      json.Key("type").String("unaryExpr").Close('}');
      return;
    case ExprKind::kParen:
      json.Open('{').Key("expr");
      Write(As<ParenExpr>(*expr)->expr.get(), json);
      json.Key("type").String("parenExpr").Close('}');
      return;
    case ExprKind::kBinary:
      return WriteBinary(*As<BinaryExpr>(*expr), json);
    case ExprKind::kAggregate:
      return WriteAggregate(*As<AggregateExpr>(*expr), json);
    case ExprKind::kCall:
      return WriteCall(*As<Call>(*expr), json);
    case ExprKind::kDuration:
      json.Raw("null");  // Stands in no place that is written.
      return;
  }
}

}  // namespace

std::string PrintJson(const Expr& expr) {
  JsonWriter json;
  Write(&expr, json);
  return json.Take();
}

}  // namespace opssight::promql
