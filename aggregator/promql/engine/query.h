// One query while it runs: what all its operators share.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "aggregator/promql/engine/budget.h"
#include "aggregator/promql/engine/engine.h"
#include "aggregator/promql/engine/plan.h"
#include "aggregator/promql/functions/function.h"
#include "common/base/mutex.h"

namespace opssight::promql {

struct Query {
  const SeriesSource& source;
  const QueryRequest& request;
  const Plan& plan;
  FunctionOptions functions;
  bool use_rollups = true;
  unsigned threads = 1;
  SampleBudget budget;
  Annotations annotations;

  bool instant() const { return request.step_ms == 0; }
  // kUnavailable: the query is no longer wanted. On any of its threads, one at a time.
  Status CheckWanted() const;
  mutable Mutex wanted_mutex;
};

// Runs work over [0, count) in pieces, on as many threads as the query may have where the
// whole costs enough (item_cost: of one item, in steps of some ns). Pieces are as whole and
// their annotations join in order, so the result does not depend on the threads. The first
// piece's error counts.
using Piece = std::function<Status(std::size_t begin, std::size_t end, Annotations& annotations)>;
Status InPieces(Query& query, std::size_t count, std::size_t item_cost, const Piece& work);

}  // namespace opssight::promql
