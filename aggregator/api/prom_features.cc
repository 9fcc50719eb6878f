// features: what of the language and the API is there and on.
#include <array>
#include <map>
#include <string>

#include "aggregator/api/prom_endpoints.h"

namespace opssight {
namespace {

using Features = std::map<std::string_view, bool>;

void Write(JsonWriter& json, std::string_view category, const Features& features) {
  json.Key(category).Open('{');
  for (const auto& [name, on] : features) json.Key(name).Raw(on ? "true" : "false");
  json.Close('}');
}

Features Keywords(const promql::ParseOptions& parse) {
  Features features;
  for (const char* word : {"bool", "by", "group_left", "group_right", "ignoring", "offset", "on",
                           "without", "at_modifier", "negative_offset", "subqueries"}) {
    features[word] = true;
  }
  for (const char* word : {"anchored", "smoothed"}) {
    features[word] = parse.extended_range_selectors;
  }
  for (const char* word : {"fill", "fill_left", "fill_right"}) {
    features[word] = parse.binop_fill_modifiers;
  }
  features["duration_expr"] = parse.duration_expressions;
  return features;
}

Features Operators(const promql::ParseOptions& parse) {
  Features features;
  for (const char* op : {"=~", "!~", "@"}) features[op] = true;
  for (int i = 0; i <= static_cast<int>(promql::Op::kUnless); ++i) {
    features[promql::ToText(static_cast<promql::Op>(i))] = true;
  }
  for (int i = 0; i <= static_cast<int>(promql::AggregateOp::kLimitRatio); ++i) {
    const auto op = static_cast<promql::AggregateOp>(i);
    const bool experimental =
        op == promql::AggregateOp::kLimitk || op == promql::AggregateOp::kLimitRatio;
    features[promql::ToText(op)] = !experimental || parse.experimental_functions;
  }
  return features;
}

Features Functions(const promql::ParseOptions& parse) {
  Features features;
  for (const promql::FunctionInfo& info : promql::AllFunctions()) {
    features[info.name] = !info.experimental || parse.experimental_functions;
  }
  return features;
}

}  // namespace

PromResult AnswerFeatures(const PromContext& context, const PromCall&) {
  const promql::EngineOptions& engine = context.engine.options();
  JsonWriter json;
  OpenSuccess(json);
  json.Open('{');
  Write(json, "api",
        {{"admin", context.options.admin_api},
         {"exclude_alerts", true},
         {"label_values_match", true},
         {"lifecycle", true},
         {"query_stats", true},
         {"query_warnings", true},
         {"remote_write_receiver", true},
         {"time_range_labels", true},
         {"time_range_series", true}});
  Write(json, "promql", Keywords(engine.parse));
  Write(json, "promql_engine",
        {{"delayed_name_removal", engine.delayed_name_removal},
         {"type_and_unit_labels", engine.type_and_unit_labels},
         {"use_start_timestamps", engine.use_start_timestamps}});
  Write(json, "promql_functions", Functions(engine.parse));
  Write(json, "promql_operators", Operators(engine.parse));
  json.Close('}');
  return CloseSuccess(std::move(json));
}

}  // namespace opssight
