// Engine runs PromQL over a SeriesSource. Semantics: Prometheus 3 (left-open ranges and
// lookback, stale markers, delayed name removal as an option).
//
//   Engine engine(options);
//   OPS_TRY(QueryResult result, engine.Run(source, {.text = "up", .start_ms = t, .end_ms = t}));
//
// Threads: Run on any thread; what it needs lives on its stack. With options.threads it
// starts others for a while; limits.cancelled is then asked on any of them, one at a time.
// Errors: QueryError.
// Cost: a few ns a sample; memory 8 B a step and series of each operator alive.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aggregator/promql/syntax/parser.h"
#include "aggregator/promql/value/annotations.h"
#include "aggregator/promql/value/value.h"
#include "aggregator/query/source.h"
#include "common/base/result.h"

namespace opssight::promql {

struct EngineOptions {
  std::int64_t lookback_ms = 5 * 60 * 1000;
  std::int64_t subquery_step_ms = 60 * 1000;  // Where a subquery says none.
  bool delayed_name_removal = false;
  bool use_start_timestamps = false;
  bool type_and_unit_labels = false;
  bool rollups = true;  // Whether those of the source may answer.
  ParseOptions parse;
  unsigned threads = 2;  // Of one query.
};

struct QueryRequest {
  std::string text;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;       // Instant: = start_ms.
  std::int64_t step_ms = 0;      // 0: an instant query.
  std::int64_t lookback_ms = 0;  // 0: the engine's.
  QueryLimits limits;            // samples_max is what is in memory at once, as in Prometheus.
  // Asked once limits.cancelled has said so: whether it was for want of time. May be empty.
  std::function<bool()> timed_out;
};

struct Point {
  std::int64_t time_ms = 0;
  double value = 0;
};
struct HistogramPoint {
  std::int64_t time_ms = 0;
  HistogramPtr histogram;
};
struct ResultSeries {
  Labels labels;
  std::vector<Point> points;
  std::vector<HistogramPoint> histograms;
};

struct ScalarResult {
  Point point;
};
struct StringResult {
  std::int64_t time_ms = 0;
  std::string value;
};
struct VectorResult {
  std::vector<ResultSeries> series;
};  // One point or histogram each.
struct MatrixResult {
  std::vector<ResultSeries> series;
};  // Sorted by labels.

struct QueryStats {
  std::uint64_t samples_total = 0;  // Looked at.
  std::uint64_t samples_peak = 0;   // In memory at once.
};

struct QueryResult {
  std::variant<ScalarResult, StringResult, VectorResult, MatrixResult> value;
  Annotations annotations;
  QueryStats stats;
};

// How an error is told over HTTP.
enum class QueryErrorKind : std::uint8_t { kBadData, kExecution, kCanceled, kTimeout, kInternal };
struct QueryError {
  QueryErrorKind kind = QueryErrorKind::kExecution;
  std::string message;
};

class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(std::move(options)) {}
  // The error's kind is kBadData only for what is wrong before evaluation begins.
  tl::expected<QueryResult, QueryError> Run(const SeriesSource& source,
                                            const QueryRequest& request) const;
  const EngineOptions& options() const { return options_; }

 private:
  const EngineOptions options_;
};

}  // namespace opssight::promql
