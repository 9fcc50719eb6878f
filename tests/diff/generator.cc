#include "tests/diff/generator.h"

#include <utility>

#include <fmt/core.h>

#include "tests/diff/data.h"

namespace opssight::diff {

std::string Generator::Matchers() {
  static const List kMatchers = {"job=\"api\"",
                                 "job!=\"api\"",
                                 "job=~\"a.*|x\"",
                                 "instance!~\"host-0.*\"",
                                 "instance=~\"host-[01]:9100\"",
                                 "code=~\"2..|5..\"",
                                 "zone=\"north\"",
                                 "code=\"\"",
                                 "nothing=\"\"",
                                 "job=~\".+\",instance=\"host-1:9100\""};
  return Chance(50) ? "" : fmt::format("{{{}}}", One(kMatchers));
}

std::string Generator::Modifiers() {
  static const List kOffsets = {" offset 15s", " offset 5m", " offset 1h", " offset -10m"};
  std::string text = Chance(15) ? One(kOffsets) : "";
  if (Chance(6)) text += Chance(50) ? " @ end()" : " @ start()";
  if (text.find('@') == std::string::npos && Chance(5)) {
    text += fmt::format(" @ {}", start_ms_ / 1000 + 3607);
  }
  return text;
}

std::string Generator::Selector() {
  static const List kNames = {
      "http_requests_total",    "temperature",         "load",      "build_info", "flaky", "odd",
      "latency_seconds_bucket", "latency_seconds_sum", "absent_one"};
  if (Chance(4)) return "{__name__=~\"temperature|load\"}" + Modifiers();
  const std::string name = One(kNames);
  return name + Matchers() + Modifiers();
}

std::string Generator::Range() {
  static const List kRanges = {"30s", "1m", "5m", "15m", "1h"};
  static const List kSubqueries = {"10m:1m", "15m:30s", "5m:15s", "30m:5m", "10m:"};
  if (Chance(20) && !in_subquery_) {
    // The times of a subquery are whole minutes; one inside it would begin where a point is.
    in_subquery_ = true;
    const std::string inner = Vector(1);
    in_subquery_ = false;
    return fmt::format("({})[{}]{}", inner, One(kSubqueries), Modifiers());
  }
  std::string name = One({"http_requests_total", "temperature", "load", "flaky", "odd",
                          "latency_seconds_bucket", "latency_seconds_count"});
  return name + Matchers() + fmt::format("[{}]", One(kRanges)) + Modifiers();
}

std::string Generator::RangeCall(int depth) {
  static const List kCalls = {"rate",
                              "increase",
                              "delta",
                              "irate",
                              "idelta",
                              "changes",
                              "resets",
                              "deriv",
                              "avg_over_time",
                              "min_over_time",
                              "max_over_time",
                              "sum_over_time",
                              "count_over_time",
                              "stddev_over_time",
                              "stdvar_over_time",
                              "last_over_time",
                              "present_over_time",
                              "absent_over_time"};
  if (Chance(8)) return fmt::format("predict_linear({}, {})", Range(), Scalar(depth - 1));
  if (Chance(8)) {
    static const List kQuantiles = {"0", "0.25", "0.5", "0.9", "1", "-1", "2"};
    return fmt::format("quantile_over_time({}, {})", One(kQuantiles), Range());
  }
  return fmt::format("{}({})", One(kCalls), Range());
}

std::string Generator::VectorCall(int depth) {
  static const List kCalls = {"abs", "ceil", "floor", "exp",       "sqrt",   "ln", "log2", "log10",
                              "sgn", "sin",  "cos",   "tan",       "atan",   "-",  "+",    "round",
                              "deg", "rad",  "tanh",  "timestamp", "absent", "abs"};
  // Of what lies in the calendar: beyond it, and of NaN, the machine decides.
  static const List kDates = {"hour",  "minute", "day_of_month",  "day_of_week",
                              "month", "year",   "days_in_month", "day_of_year"};
  const std::string arg = Vector(depth - 1);
  switch (random_.Below(8)) {
    case 0:
      return fmt::format("clamp({}, {}, {})", arg, Scalar(0), Scalar(0));
    case 1:
      return fmt::format("clamp_{}({}, {})", One({"min", "max"}), arg, Scalar(depth - 1));
    case 2:
      return fmt::format("round({}, {})", arg, One({"0.1", "5", "0.5", "10"}));
    case 3:
      return LabelCall(depth);
    case 4:
      return fmt::format("{}(({}) > -1e10 < 1e10)", One(kDates), arg);
    default:
      return fmt::format("{}({})", One(kCalls), arg);
  }
}

std::string Generator::LabelCall(int depth) {
  const std::string arg = Vector(depth - 1);
  static const List kReplace = {R"q("host", "$1", "instance", "host-(.*):.*")q",
                                R"q("job", "x", "job", "api")q",
                                R"q("new", "${1}-$2", "instance", "(.*):(.*)")q",
                                R"q("zone", "", "zone", ".*")q",
                                R"q("instance", "same", "instance", ".*")q",
                                R"q("__name__", "renamed", "job", "db")q",
                                R"q("bad name-", "x", "job", ".*")q",
                                R"q("x", "y", "job", "(")q"};
  static const List kJoin = {R"q("all", "-", "job", "instance")q", R"q("job", "", "code", "zone")q",
                             R"q("gone", ",")q"};
  return Chance(70) ? fmt::format("label_replace({}, {})", arg, One(kReplace))
                    : fmt::format("label_join({}, {})", arg, One(kJoin));
}

std::string Generator::Aggregate(int depth) {
  static const List kOps = {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"};
  static const List kGroups = {"",
                               " by (job)",
                               " by (instance)",
                               " without (instance)",
                               " by (job, code)",
                               " without (job, code, le)",
                               " by ()",
                               " by (nothing)"};
  const std::string arg = Vector(depth - 1);
  const std::string group = One(kGroups);
  switch (random_.Below(6)) {
    case 0:
      return fmt::format("quantile{}({}, {})", group,
                         One({"0", "0.3", "0.5", "0.99", "-0.5", "1.5"}), arg);
    case 1:
      return fmt::format("count_values{}(\"val\", round({}))", group, arg);
    default:
      return fmt::format("{}{}({})", One(kOps), group, arg);
  }
}

std::string Generator::Arithmetic(int depth) {
  static const List kOps = {"+", "-", "*", "/", "%", "^"};
  static const List kCompare = {"==", "!=", ">", "<", ">=", "<="};
  std::string op = Chance(60) ? One(kOps) : One(kCompare);
  if (op[0] == '=' || op[0] == '!' || op[0] == '<' || op[0] == '>') op += Chance(40) ? " bool" : "";
  const std::string left = Vector(depth - 1);
  switch (random_.Below(4)) {
    case 0:
      return fmt::format("{} {} {}", left, op, Scalar(depth - 1));
    case 1:
      return fmt::format("{} {} {}", Scalar(depth - 1), op, left);
    case 2: {
      static const List kMatching = {
          "", "on (job, instance)", "ignoring (code, zone)", "on (job)", "on ()", "ignoring (job)"};
      return fmt::format("({}) {} {} ({})", left, op, One(kMatching), Vector(depth - 1));
    }
    default:
      return fmt::format("({}) {} ({})", left, op, left);
  }
}

std::string Generator::Join() {
  static const List kJoins = {
      "rate(http_requests_total[5m]) * on (job, instance) group_left (version) build_info",
      "build_info * on (job, instance) group_right (version) temperature",
      "http_requests_total / ignoring (code) group_left sum without (code) (http_requests_total)",
      "temperature > on (job, instance) group_left load",
      "temperature == bool on (job, instance) group_left () load",
      "temperature * on (job) group_left load",
      "sum by (version) (load * on (instance, job) group_left (version) build_info)",
      "load + on (job, instance) temperature",
      "sum by (job) (load) atan2 sum by (job) (temperature)",
      "count by (job, version) (build_info) * on (job) group_left () count by (job) (load)"};
  return One(kJoins);
}

std::string Generator::HistogramQuantile() {
  static const List kRanges = {"1m", "5m", "30m"};
  static const List kBy = {"le", "le, job", "le, instance", "job"};
  static const List kQuantiles = {"0", "0.1", "0.5", "0.9", "0.99", "1", "-1", "2"};
  const char* quantile = One(kQuantiles);
  if (Chance(40)) {
    return fmt::format("histogram_quantile({}, rate(latency_seconds_bucket{}[{}]))", quantile,
                       Matchers(), One(kRanges));
  }
  return fmt::format("histogram_quantile({}, sum by ({}) (rate(latency_seconds_bucket[{}])))",
                     quantile, One(kBy), One(kRanges));
}

std::string Generator::Set(int depth) {
  static const List kMatching = {"", " on (job)", " on (job, instance)", " ignoring (code, zone)",
                                 " on ()"};
  return fmt::format("({}) {}{} ({})", Vector(depth - 1), One({"and", "or", "unless"}),
                     One(kMatching), Vector(depth - 1));
}

std::string Generator::Vector(int depth) {
  if (depth <= 0) return Selector();
  switch (random_.Below(12)) {
    case 0:
    case 1:
      return RangeCall(depth);
    case 2:
    case 3:
      return VectorCall(depth);
    case 4:
    case 5:
      return Aggregate(depth);
    case 6:
    case 7:
      return Arithmetic(depth);
    case 8:
      return Set(depth);
    case 9:
      return Chance(50) ? Join() : HistogramQuantile();
    case 10:
      return Chance(15) ? fmt::format("vector({})", Scalar(depth - 1)) : RangeCall(depth);
    default:
      return Selector();
  }
}

std::string Generator::Scalar(int depth) {
  static const List kNumbers = {"0", "1", "2", "-1", "10", "0.5", "1e3", "20", "-3.25", "60"};
  if (depth <= 0 || Chance(60)) return One(kNumbers);
  switch (random_.Below(4)) {
    case 0:
      return "time()";
    case 1:
      return fmt::format("scalar({})", Chance(50) ? "load{job=\"api\",instance=\"host-1:9100\"}"
                                                  : Vector(depth - 1).c_str());
    case 2:
      return fmt::format("({} {} {})", Scalar(depth - 1), One({"+", "*", "-", "/", "^", "%"}),
                         Scalar(depth - 1));
    default:
      return fmt::format("({} {} bool {})", Scalar(depth - 1), One({"==", "<", ">="}),
                         Scalar(depth - 1));
  }
}

std::string Generator::Ordered(int depth) {
  static const List kOrders = {"sort({})", "sort_desc({})", "topk(2, {})", "bottomk(3, {})",
                               "topk(100, {})"};
  return fmt::format(fmt::runtime(One(kOrders)), Vector(depth));
}

Query Generator::Next() {
  Query query;
  const int depth = 1 + static_cast<int>(random_.Below(3));
  query.ordered = Chance(12);
  if (query.ordered) {
    query.text = Ordered(depth - 1);
    query.picks = query.text.find("topk") == 0 || query.text.find("bottomk") == 0;
  } else {
    query.text = Chance(95) ? Vector(depth) : Scalar(depth);
  }
  // From half an hour in to the end, 7 s beside the quarter minutes.
  const auto slots = static_cast<std::uint64_t>((kSpanMs - 1'800'000) / kIntervalMs);
  query.start_ms =
      start_ms_ + 1'800'000 + 7000 + static_cast<std::int64_t>(random_.Below(slots)) * kIntervalMs;
  query.end_ms = query.start_ms;
  if (Chance(50)) return query;
  static constexpr std::int64_t kSteps[] = {15'000, 30'000, 60'000, 300'000};
  query.step_ms = kSteps[random_.Below(4)];
  query.end_ms += query.step_ms * static_cast<std::int64_t>(1 + random_.Below(30));
  return query;
}

}  // namespace opssight::diff
