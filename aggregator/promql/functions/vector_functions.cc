// The table of functions over instant vectors and scalars. Those that map each float by
// itself stand here whole.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/map_floats.h"

namespace opssight::promql {

namespace {

double Sgn(double x) {
  if (x > 0) return 1;
  return x < 0 ? -1 : x;
}
double Deg(double x) {
  return x * 180 / std::numbers::pi;
}
double Rad(double x) {
  return x * std::numbers::pi / 180;
}

template <double (*F)(double)>
Result<Columns> Map(VectorArgs& args) {
  return MapFloats(args, [](double x, std::size_t) { return F(x); });
}

constexpr auto kTable = std::to_array<VectorFunctionInfo>({
    {"abs", Map<std::fabs>},
    {"absent", AbsentVector},
    {"acos", Map<std::acos>},
    {"acosh", Map<std::acosh>},
    {"asin", Map<std::asin>},
    {"asinh", Map<std::asinh>},
    {"atan", Map<std::atan>},
    {"atanh", Map<std::atanh>},
    {"ceil", Map<std::ceil>},
    {"clamp", Clamp},
    {"clamp_max", ClampMax},
    {"clamp_min", ClampMin},
    {"cos", Map<std::cos>},
    {"cosh", Map<std::cosh>},
    {"day_of_month", DayOfMonth},
    {"day_of_week", DayOfWeek},
    {"day_of_year", DayOfYear},
    {"days_in_month", DaysInMonth},
    {"deg", Map<Deg>},
    {"end", QueryEnd},
    {"exp", Map<std::exp>},
    {"floor", Map<std::floor>},
    {"histogram_avg", HistogramAvg},
    {"histogram_count", HistogramCount},
    {"histogram_fraction", HistogramFraction},
    {"histogram_quantile", HistogramQuantile},
    {"histogram_quantiles", HistogramQuantiles},
    {"histogram_stddev", HistogramStddev},
    {"histogram_stdvar", HistogramStdvar},
    {"histogram_sum", HistogramSum},
    {"hour", Hour},
    {"label_join", LabelJoin},
    {"label_replace", LabelReplace},
    {"ln", Map<std::log>},
    {"log10", Map<std::log10>},
    {"log2", Map<std::log2>},
    {"max_of", MaxOf},
    {"min_of", MinOf},
    {"minute", Minute},
    {"month", Month},
    {"pi", Pi},
    {"rad", Map<Rad>},
    {"range", QueryRange},
    {"round", Round},
    {"scalar", ScalarOf},
    {"sgn", Map<Sgn>},
    {"sin", Map<std::sin>},
    {"sinh", Map<std::sinh>},
    {"sort", Sort},
    {"sort_by_label", SortByLabel},
    {"sort_by_label_desc", SortByLabelDesc},
    {"sort_desc", SortDesc},
    {"sqrt", Map<std::sqrt>},
    {"start", QueryStart},
    {"step", QueryStep},
    {"tan", Map<std::tan>},
    {"tanh", Map<std::tanh>},
    {"time", Time},
    {"timestamp", Timestamp},
    {"vector", VectorOf},
    {"year", Year},
});

}  // namespace

const VectorFunctionInfo* FindVectorFunction(std::string_view name) {
  const auto* found = std::find_if(kTable.begin(), kTable.end(),
                                   [name](const auto& info) { return info.name == name; });
  return found == kTable.end() ? nullptr : found;
}

}  // namespace opssight::promql
