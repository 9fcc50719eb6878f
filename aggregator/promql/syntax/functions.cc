// The functions of PromQL with the types of their arguments.
#include <algorithm>
#include <array>

#include "aggregator/promql/syntax/ast.h"
#include "common/base/check.h"

namespace opssight::promql {
namespace {

// args: a letter each: V instant vector, M range vector, S scalar, T text.
struct Row {
  std::string_view name;
  std::string_view args;
  int variadic = 0;
  char returns = 'V';
  bool experimental = false;
};

constexpr auto kRows = std::to_array<Row>({
    {"abs", "V"},
    {"absent", "V"},
    {"absent_over_time", "M"},
    {"acos", "V"},
    {"acosh", "V"},
    {"asin", "V"},
    {"asinh", "V"},
    {"atan", "V"},
    {"atanh", "V"},
    {"avg_over_time", "M"},
    {"ceil", "V"},
    {"changes", "M"},
    {"clamp", "VSS"},
    {"clamp_max", "VS"},
    {"clamp_min", "VS"},
    {"cos", "V"},
    {"cosh", "V"},
    {"count_over_time", "M"},
    {"day_of_month", "V", 1},
    {"day_of_week", "V", 1},
    {"day_of_year", "V", 1},
    {"days_in_month", "V", 1},
    {"deg", "V"},
    {"delta", "M"},
    {"deriv", "M"},
    {"double_exponential_smoothing", "MSS", 0, 'V', true},
    {"end", "", 0, 'S', true},
    {"exp", "V"},
    {"first_over_time", "M", 0, 'V', true},
    {"floor", "V"},
    {"histogram_avg", "V"},
    {"histogram_count", "V"},
    {"histogram_fraction", "SSV"},
    {"histogram_quantile", "SV"},
    {"histogram_quantiles", "VTSS", 9, 'V', true},
    {"histogram_stddev", "V"},
    {"histogram_stdvar", "V"},
    {"histogram_sum", "V"},
    {"hour", "V", 1},
    {"idelta", "M"},
    {"increase", "M"},
    {"info", "VV", 1, 'V', true},
    {"irate", "M"},
    {"label_join", "VTTT", -1},
    {"label_replace", "VTTTT"},
    {"last_over_time", "M"},
    {"ln", "V"},
    {"log10", "V"},
    {"log2", "V"},
    {"mad_over_time", "M", 0, 'V', true},
    {"max_of", "SS", 0, 'S', true},
    {"max_over_time", "M"},
    {"min_of", "SS", 0, 'S', true},
    {"min_over_time", "M"},
    {"minute", "V", 1},
    {"month", "V", 1},
    {"pi", "", 0, 'S'},
    {"predict_linear", "MS"},
    {"present_over_time", "M"},
    {"quantile_over_time", "SM"},
    {"rad", "V"},
    {"range", "", 0, 'S', true},
    {"rate", "M"},
    {"resets", "M"},
    {"round", "VS", 1},
    {"scalar", "V", 0, 'S'},
    {"sgn", "V"},
    {"sin", "V"},
    {"sinh", "V"},
    {"sort", "V"},
    {"sort_by_label", "VT", -1, 'V', true},
    {"sort_by_label_desc", "VT", -1, 'V', true},
    {"sort_desc", "V"},
    {"sqrt", "V"},
    {"start", "", 0, 'S', true},
    {"start_timestamp", "V", 0, 'V', true},
    {"stddev_over_time", "M"},
    {"stdvar_over_time", "M"},
    {"step", "", 0, 'S', true},
    {"sum_over_time", "M"},
    {"tan", "V"},
    {"tanh", "V"},
    {"time", "", 0, 'S'},
    {"timestamp", "V"},
    {"ts_of_first_over_time", "M", 0, 'V', true},
    {"ts_of_last_over_time", "M", 0, 'V', true},
    {"ts_of_max_over_time", "M", 0, 'V', true},
    {"ts_of_min_over_time", "M", 0, 'V', true},
    {"vector", "S"},
    {"year", "V", 1},
});

ValueType TypeOf(char letter) {
  switch (letter) {
    case 'V':
      return ValueType::kVector;
    case 'M':
      return ValueType::kMatrix;
    case 'S':
      return ValueType::kScalar;
    default:
      return ValueType::kString;
  }
}

std::vector<FunctionInfo> MakeTable() {
  std::vector<FunctionInfo> table;
  table.reserve(kRows.size());
  for (const Row& row : kRows) {
    FunctionInfo info{.name = row.name,
                      .args = {},
                      .variadic = row.variadic,
                      .returns = TypeOf(row.returns),
                      .experimental = row.experimental};
    for (const char letter : row.args) info.args.push_back(TypeOf(letter));
    OPS_CHECK(table.empty() || table.back().name < info.name, "functions: {} is out of order",
              info.name);
    table.push_back(std::move(info));
  }
  return table;
}

}  // namespace

const std::vector<FunctionInfo>& AllFunctions() {
  static const std::vector<FunctionInfo> table = MakeTable();
  return table;
}

const FunctionInfo* FindFunction(std::string_view name) {
  const std::vector<FunctionInfo>& table = AllFunctions();
  const auto found = std::lower_bound(
      table.begin(), table.end(), name,
      [](const FunctionInfo& info, std::string_view text) { return info.name < text; });
  return found != table.end() && found->name == name ? &*found : nullptr;
}

}  // namespace opssight::promql
