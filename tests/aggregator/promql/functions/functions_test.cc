#include <cmath>
#include <limits>

#include "aggregator/promql/functions/classic_histogram.h"
#include "aggregator/promql/functions/function.h"
#include "aggregator/promql/syntax/parser.h"

namespace opssight::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Value RunRange(std::string_view name, const Window& window, std::vector<double> scalars = {},
               const FunctionOptions& options = {}) {
  const RangeFunctionInfo* function = FindRangeFunction(name);
  EXPECT_NE(function, nullptr) << name;
  Annotations annotations;
  const Labels labels = {{"__name__", "x_total"}};
  const std::vector<PosRange> positions(3);
  const Result<Value> value = function->run({.window = window,
                                             .scalars = scalars,
                                             .labels = labels,
                                             .range_pos = {},
                                             .arg_pos = positions,
                                             .function = name,
                                             .options = options,
                                             .annotations = annotations});
  EXPECT_TRUE(value.has_value()) << name;
  return value.has_value() ? *value : Value();
}

std::vector<Sample> EveryMinute(const std::vector<double>& values) {
  std::vector<Sample> samples;
  for (const double value : values) {
    samples.push_back(
        {.time_ms = 60'000 * static_cast<std::int64_t>(samples.size() + 1), .value = value});
  }
  return samples;
}

TEST(RangeFunctions, ALoneHistogramKeepsItsInfiniteSum) {
  const auto histogram = std::make_shared<const Histogram>(Histogram{
      .count = 2, .sum = kInf, .positive_spans = {{.offset = 0, .length = 1}}, .positive = {2}});
  const std::vector<HistogramSample> samples = {{.time_ms = 60'000, .histogram = histogram}};
  const Window window = {.histograms = samples, .end_ms = 300'000};
  for (const std::string_view name : {"sum_over_time", "avg_over_time"}) {
    const Value value = RunRange(name, window);
    ASSERT_NE(value.histogram, nullptr) << name;
    EXPECT_EQ(value.histogram->sum, kInf) << name;
  }
}

TEST(RangeFunctions, OfFloatsAMinuteApart) {
  struct Line {
    std::string_view function;
    std::vector<double> values;  // At 1m, 2m, …; the range is (0, 5m].
    double result;
    std::vector<double> scalars;
  };
  const std::vector<Line> lines = {
      {"increase", {0, 60, 120, 180, 240}, 240, {}},
      {"rate", {60, 120, 180, 240, 300}, 1, {}},
      {"increase", {1, 2, 0, 1, 2}, 3 * 1.25, {}},
      {"delta", {5, 4, 3, 2, 1}, -5, {}},
      {"irate", {1, 2, 3, 4, 64}, 1, {}},
      {"irate", {1, 2, 3, 4, 3}, 0.05, {}},
      {"idelta", {1, 2, 3, 4, 3}, -1, {}},
      {"resets", {1, 2, 0, 1, 0}, 2, {}},
      {"changes", {1, 1, 2, kNan, kNan}, 2, {}},
      {"deriv", {60, 120, 180, 240, 300}, 1, {}},
      {"deriv", {7, 7, 7}, 0, {}},
      {"predict_linear", {60, 120, 180, 240, 300}, 360, {60}},
      {"double_exponential_smoothing", {1, 2, 3, 4, 5}, 5, {0.5, 0.5}},
      {"sum_over_time", {1e100, 1, -1e100, 1}, 2, {}},
      {"avg_over_time", {1.7e308, 1.7e308}, 1.7e308, {}},
      {"min_over_time", {kNan, 3, 2}, 2, {}},
      {"max_over_time", {kNan, 3, 2}, 3, {}},
      {"count_over_time", {1, 2, 3}, 3, {}},
      {"present_over_time", {0}, 1, {}},
      {"first_over_time", {4, 2, 3}, 4, {}},
      {"last_over_time", {4, 2, 3}, 3, {}},
      {"stdvar_over_time", {1, 3}, 1, {}},
      {"stddev_over_time", {1, 5}, 2, {}},
      {"quantile_over_time", {1, 2, 3}, 2.5, {0.75}},
      {"quantile_over_time", {1, 2, 3}, kInf, {2}},
      {"mad_over_time", {4, 6, 2, 1, 999}, 2, {}},
      {"ts_of_min_over_time", {1, 1, 3}, 120, {}},
      {"ts_of_max_over_time", {1, 3, 3}, 180, {}},
      {"ts_of_first_over_time", {1, 3, 3}, 60, {}},
      {"ts_of_last_over_time", {1, 3, 3}, 180, {}},
  };
  for (const Line& line : lines) {
    const std::vector<Sample> floats = EveryMinute(line.values);
    const Window window = {.floats = floats, .start_ms = 0, .end_ms = 300'000, .eval_ms = 300'000};
    const double value = RunRange(line.function, window, line.scalars).value;
    if (std::isinf(line.result)) {
      EXPECT_EQ(value, line.result) << line.function;
    } else {
      EXPECT_NEAR(value, line.result, std::fabs(line.result) * 1e-12) << line.function;
    }
  }
}

TEST(RangeFunctions, TooFewSamplesGiveNothing) {
  const std::vector<Sample> one = EveryMinute({1});
  for (const std::string_view name : {"rate", "irate", "delta", "idelta", "deriv"}) {
    EXPECT_TRUE(IsAbsent(RunRange(name, {.floats = one, .end_ms = 60'000}).value)) << name;
  }
}

TEST(RangeFunctions, StartTimestampsCountFromZero) {
  const std::vector<Sample> floats = EveryMinute({5, 5, 2});
  const std::vector<std::int64_t> starts = {30'000, 90'000, 0};
  const Window window = {
      .floats = floats, .float_starts = starts, .start_ms = 0, .end_ms = 180'000};
  // 5 since 30 s, 5 anew, 2 anew.
  EXPECT_NEAR(RunRange("increase", window, {}, {.use_start_timestamps = true}).value, 12, 1e-9);
  EXPECT_EQ(RunRange("resets", window, {}, {.use_start_timestamps = true}).value, 2);
}

TEST(RangeFunctions, BadFactorsAreErrors) {
  const std::vector<Sample> floats = EveryMinute({1, 2});
  const Window window = {.floats = floats, .end_ms = 120'000};
  Annotations annotations;
  const std::vector<double> scalars = {1.5, 0.5};
  const Result<Value> value = FindRangeFunction("double_exponential_smoothing")
                                  ->run({.window = window,
                                         .scalars = scalars,
                                         .labels = {},
                                         .range_pos = {},
                                         .arg_pos = {},
                                         .function = "double_exponential_smoothing",
                                         .options = {},
                                         .annotations = annotations});
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().message, "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.500000");
}

TEST(ClassicHistogram, Quantiles) {
  struct Line {
    double q;
    std::vector<ClassicBucket> buckets;
    double result;
    bool flattened;
  };
  const std::vector<Line> lines = {
      {0.5, {{1, 10}, {2, 20}, {kInf, 20}}, 1, false},
      {0.75, {{1, 10}, {2, 20}, {kInf, 20}}, 1.5, false},
      {1, {{1, 10}, {2, 20}, {kInf, 30}}, 2, false},
      {0.5, {{1, 10}, {2, 5}, {kInf, 20}}, 1, true},
      {0.5, {{1, 10}, {2, 20}}, kNan, false},
      {0.5, {{kInf, 20}}, kNan, false},
      {-1, {{1, 1}, {kInf, 1}}, -kInf, false},
      {2, {{1, 1}, {kInf, 1}}, kInf, false},
      {0.1, {{-1, 10}, {kInf, 10}}, -1, false},
      {0.5, {{1, 5}, {1, 5}, {kInf, 20}}, 1, false},
  };
  for (const Line& line : lines) {
    std::vector<ClassicBucket> buckets = line.buckets;
    Flattened flattened;
    const double value = ClassicQuantile(line.q, buckets, flattened);
    EXPECT_TRUE(value == line.result || (std::isnan(value) && std::isnan(line.result))) << value;
    EXPECT_EQ(flattened.any, line.flattened);
  }
}

// A vector function over one step at 0.
Result<Columns> RunVector(const std::string& query, std::vector<Arg> values,
                          std::vector<std::string>* warnings = nullptr) {
  const Result<ExprPtr> expr = ParseExpr(query, {.experimental_functions = true});
  EXPECT_TRUE(expr.has_value()) << query;
  const Call* call = As<Call>(**expr);
  const Steps steps;
  Annotations annotations;
  VectorArgs args = {.call = *call,
                     .args = std::move(values),
                     .steps = steps,
                     .instant = true,
                     .options = {},
                     .annotations = annotations};
  Result<Columns> columns = FindVectorFunction(call->function->name)->run(args);
  if (warnings != nullptr) *warnings = annotations.Warnings(query, 0);
  return columns;
}

Arg Vector(std::vector<std::pair<Labels, double>> series) {
  Arg arg;
  for (auto& [labels, value] : series) {
    arg.columns.push_back({.labels = labels, .values = {value}, .histograms = {}});
  }
  return arg;
}
Arg Text(std::string text) {
  Arg arg;
  arg.type = ValueType::kString;
  arg.text = std::move(text);
  return arg;
}
Arg Scalar(double value) {
  Arg arg;
  arg.type = ValueType::kScalar;
  arg.scalars = {value};
  return arg;
}

TEST(VectorFunctions, OfOneFloat) {
  struct Line {
    std::string query;
    double value;
    std::vector<double> scalars;
    double result;
  };
  const std::vector<Line> lines = {
      {"abs(x)", -2, {}, 2},
      {"sgn(x)", -2, {}, -1},
      {"deg(x)", std::acos(-1.0), {}, 180},
      {"round(x)", 2.5, {}, 3},
      {"round(x, 0.1)", 2.5499, {0.1}, 2.5},
      {"clamp(x, 0, 1)", 7, {0, 1}, 1},
      {"clamp_min(x, 8)", 7, {8}, 8},
      {"clamp_max(x, NaN)", -kInf, {std::nan("")}, -kInf},
      {"clamp_min(x, NaN)", kInf, {std::nan("")}, kInf},
      {"year(x)", 1'136'239'445, {}, 2006},
      {"month(x)", 1'136'239'445, {}, 1},
      {"day_of_month(x)", 1'136'239'445, {}, 2},
      {"day_of_week(x)", 1'136'239'445, {}, 1},
      {"day_of_year(x)", 1'483'142'400, {}, 366},
      {"hour(x)", 1'136'239'445, {}, 22},
      {"minute(x)", 1'136'239'445, {}, 4},
      {"days_in_month(x)", 1'454'284'800, {}, 29},
      {"year(x)", -1, {}, 1969},
      {"day_of_week(x)", -1, {}, 3},
  };
  for (const Line& line : lines) {
    std::vector<Arg> args;
    args.push_back(Vector({{Labels{{"__name__", "x"}, {"a", "b"}}, line.value}}));
    for (const double scalar : line.scalars) args.push_back(Scalar(scalar));
    const Result<Columns> columns = RunVector(line.query, std::move(args));
    ASSERT_TRUE(columns.has_value() && columns->size() == 1) << line.query;
    EXPECT_THAT((*columns)[0].values[0], testing::DoubleNear(line.result, 1e-12)) << line.query;
    EXPECT_EQ((*columns)[0].labels.ToString(), R"({a="b"})") << line.query;
  }
}

TEST(VectorFunctions, LabelReplaceExpands) {
  struct Line {
    std::string replacement, regex, result;
  };
  const std::vector<Line> lines = {
      {"$1-$2", "(.*)-(.*)", R"({dst="one-two", src="one-two"})"},
      {"${2}x$1", "(.*)-(.*)", R"({dst="twoxone", src="one-two"})"},
      {"$2x", "(.*)-(.*)", R"({src="one-two"})"},
      {"$$1", "(.*)-(.*)", R"({dst="$1", src="one-two"})"},
      {"$w", "(?P<w>.*)-.*", R"({dst="one", src="one-two"})"},
      {"a", "no", R"({src="one-two"})"},
      {"$", ".*", R"({dst="$", src="one-two"})"},
  };
  for (const Line& line : lines) {
    std::vector<Arg> args;
    args.push_back(Vector({{Labels{{"src", "one-two"}}, 1}}));
    for (const std::string& text : {std::string("dst"), line.replacement, std::string("src")}) {
      args.push_back(Text(text));
    }
    args.push_back(Text(line.regex));
    const auto columns = RunVector(R"(label_replace(x, "d", "r", "s", "e"))", std::move(args));
    ASSERT_TRUE(columns.has_value());
    EXPECT_EQ((*columns)[0].labels.ToString(), line.result) << line.replacement;
  }
}

TEST(VectorFunctions, LabelValuesDoNotGrowWithoutLimit) {
  const std::string text(40 << 10, 'x');
  std::vector<Arg> replace;
  replace.push_back(Vector({{Labels{{"src", text}}, 1}}));
  for (const char* arg : {"dst", "$1$1", "src", "(.*)"}) replace.push_back(Text(arg));
  auto columns = RunVector(R"(label_replace(x, "d", "r", "s", "e"))", std::move(replace));
  ASSERT_FALSE(columns.has_value());
  EXPECT_EQ(columns.error().message,
            "label_replace() would make a label value of more than 65536 bytes");
  std::vector<Arg> join;
  join.push_back(Vector({{Labels{{"src", text}}, 1}}));
  for (const char* arg : {"dst", "-", "src", "src"}) join.push_back(Text(arg));
  columns = RunVector(R"(label_join(x, "d", "-", "s", "s"))", std::move(join));
  ASSERT_FALSE(columns.has_value());
  EXPECT_EQ(columns.error().code, ErrorCode::kExhausted);
}

TEST(VectorFunctions, SortsAsPeopleDo) {
  std::vector<Arg> args;
  args.push_back(
      Vector({{Labels{{"n", "a10"}}, 1}, {Labels{{"n", "a9"}}, 2}, {Labels{{"n", "b"}}, 3}}));
  args.push_back(Text("n"));
  const auto columns = RunVector(R"(sort_by_label(x, "n"))", std::move(args));
  ASSERT_TRUE(columns.has_value());
  EXPECT_EQ((*columns)[0].values[0], 2);
  EXPECT_EQ((*columns)[1].values[0], 1);
}

TEST(VectorFunctions, SameLabelsAreAnError) {
  std::vector<Arg> args;
  args.push_back(Vector({{Labels{{"__name__", "a"}}, 1}, {Labels{{"__name__", "b"}}, 2}}));
  const auto columns = RunVector("abs(x)", std::move(args));
  ASSERT_FALSE(columns.has_value());
  EXPECT_EQ(columns.error().message, "vector cannot contain metrics with the same labelset");
}

TEST(VectorFunctions, AllThatTheParserKnowsAreThere) {
  for (const FunctionInfo& info : AllFunctions()) {
    const bool engine =
        info.name == "info" || info.name == "absent_over_time" || info.name == "start_timestamp";
    EXPECT_TRUE(engine || FindRangeFunction(info.name) != nullptr ||
                FindVectorFunction(info.name) != nullptr)
        << info.name;
  }
}

}  // namespace
}  // namespace opssight::promql
