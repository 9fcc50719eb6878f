#include "aggregator/promql/engine/info_source.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/series_input.h"
#include "aggregator/promql/engine/times.h"

namespace opssight::promql {

namespace {

// Alternatives of one regular expression; with more, the source is asked for all values.
constexpr std::size_t kValuesMax = 500;

bool IsPositive(const Matcher& matcher) {
  return matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kRegex;
}

// The way from a call's argument to the first selector under it: what shifts times, from
// the outside in.
bool FindShifts(const Plan& plan, const Expr& expr, std::vector<TimeShift>& shifts) {
  switch (expr.kind()) {
    case ExprKind::kSelector:
    case ExprKind::kRange:
      shifts.push_back(plan.Of(expr).shift);
      return true;
    case ExprKind::kSubquery:
      shifts.push_back(plan.Of(expr).shift);
      if (FindShifts(plan, *As<SubqueryExpr>(expr)->expr, shifts)) return true;
      shifts.pop_back();
      return false;
    case ExprKind::kUnary:
      return FindShifts(plan, *As<UnaryExpr>(expr)->expr, shifts);
    case ExprKind::kParen:
      return FindShifts(plan, *As<ParenExpr>(expr)->expr, shifts);
    case ExprKind::kBinary:
      return FindShifts(plan, *As<BinaryExpr>(expr)->left, shifts) ||
             FindShifts(plan, *As<BinaryExpr>(expr)->right, shifts);
    case ExprKind::kAggregate:
      return FindShifts(plan, *As<AggregateExpr>(expr)->expr, shifts);
    case ExprKind::kCall: {
      const auto& args = As<Call>(expr)->args;
      return std::any_of(args.begin(), args.end(),
                         [&](const ExprPtr& arg) { return FindShifts(plan, *arg, shifts); });
    }
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      break;
  }
  return false;
}

// value with what regular expressions take for their own written as itself.
std::string QuoteMeta(std::string_view value) {
  static constexpr std::string_view kMeta = "\\.+*?()|[]{}^$";
  std::string quoted;
  for (const char c : value) {
    if (kMeta.find(c) != std::string_view::npos) quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted;
}

Result<std::vector<Matcher>> SelectMatchers(const InfoSelector& selector,
                                            const IdentifyingValues& values) {
  std::vector<Matcher> matchers = selector.names;
  matchers.insert(matchers.end(), selector.data.begin(), selector.data.end());
  for (const auto& [name, any_of] : values) {
    if (any_of.size() > kValuesMax) continue;
    std::string pattern;
    for (const std::string& value : any_of) {
      if (!pattern.empty()) pattern += '|';
      pattern += QuoteMeta(value);
    }
    OPS_TRY(Matcher matcher, Matcher::Make(MatchType::kRegex, name, pattern));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

// One info series at the times; empty values: it is there at none.
Status ReadTimes(const Query& query, const Series& series, const std::vector<std::int64_t>& times,
                 Column& column) {
  column.values.assign(times.size(), Absent());
  bool found = false;
  for (std::size_t step = 0; step < times.size(); ++step) {
    const std::int64_t time_ms = times[step];
    const auto newest = [time_ms](const auto& items) {
      return std::upper_bound(
          items.begin(), items.end(), time_ms,
          [](std::int64_t wanted_ms, const auto& item) { return wanted_ms < item.time_ms; });
    };
    const std::int64_t border_ms = SubMs(time_ms, query.functions.lookback_ms);
    const auto histogram = newest(series.histograms);
    if (histogram != series.histograms.begin() && std::prev(histogram)->time_ms > border_ms) {
      return Invalid(fmt::format("this should be an info metric, with float samples: {}",
                                 series.labels.ToString()));
    }
    const auto sample = newest(series.samples);
    if (sample == series.samples.begin()) continue;
    const Sample& last = *std::prev(sample);
    if (last.time_ms <= border_ms || IsStale(last)) continue;
    column.values[step] = static_cast<double>(last.time_ms);
    found = true;
  }
  if (!found) column.values.clear();
  return {};
}

}  // namespace

Result<InfoSelector> ReadInfoSelector(const Call& call) {
  InfoSelector selector;
  if (call.args.size() > 1) {
    const auto* written = As<VectorSelector>(Unparenthesized(*call.args[1]));
    if (written == nullptr) return Invalid("the second argument of info() must be a selector");
    for (const Matcher& matcher : written->matchers) {
      (matcher.name() == kMetricName ? selector.names : selector.data).push_back(matcher);
    }
  }
  if (selector.names.empty()) {
    OPS_TRY(Matcher name,
            Matcher::Make(MatchType::kEqual, std::string(kMetricName), "target_info"));
    selector.names.push_back(std::move(name));
  } else if (std::none_of(selector.names.begin(), selector.names.end(), IsPositive)) {
    // What is only told not to be is still an info metric.
    OPS_TRY(Matcher name, Matcher::Make(MatchType::kRegex, std::string(kMetricName), ".+_info"));
    selector.names.push_back(std::move(name));
  }
  return selector;
}

std::vector<std::int64_t> InfoTimes(const Query& query, const Expr& expr, const Steps& steps) {
  std::vector<TimeShift> shifts;
  FindShifts(query.plan, expr, shifts);
  std::vector<std::int64_t> times(steps.count);
  for (std::size_t step = 0; step < steps.count; ++step) {
    times[step] = steps.At(step);
    for (const TimeShift& shift : shifts) times[step] = shift.Of(times[step]);
  }
  return times;
}

Result<Columns> SelectInfo(Query& query, const InfoSelector& selector,
                           const IdentifyingValues& values, const std::vector<std::int64_t>& times,
                           PosRange pos) {
  OPS_TRY(const std::vector<Matcher> matchers, SelectMatchers(selector, values));
  const Hull hull = {.from_ms = *std::min_element(times.begin(), times.end()),
                     .to_ms = *std::max_element(times.begin(), times.end())};
  const NodePlan node;
  OPS_TRY(std::vector<Series> all,
          SelectSeries(query, {.matchers = matchers,
                               .node = node,
                               .hull = hull,
                               .reach_back_ms = query.functions.lookback_ms,
                               .pos = pos}));
  Columns columns;
  for (Series& series : all) {
    Column column;
    OPS_RETURN_IF_ERROR(ReadTimes(query, series, times, column));
    if (column.values.empty()) continue;
    OPS_RETURN_IF_ERROR(query.budget.Take(times.size()));
    query.budget.Look(times.size());
    column.labels = std::move(series.labels);
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace opssight::promql
