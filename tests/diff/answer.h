// What a server answered to a query, and whether two of them say the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/promql/engine/engine.h"
#include "common/base/result.h"
#include "common/model/labels.h"

namespace opssight::diff {

inline constexpr const char* kNoAnswer = "no answer";  // An error type: nothing that can be read.

struct Answer {
  struct Series {
    Labels labels;
    std::vector<promql::Point> points;
  };
  std::string error_type;  // "": no error.
  std::string error;
  std::string type;  // vector, matrix, scalar, string.
  std::vector<Series> series;
};

// The body of /api/v1/query or query_range.
Result<Answer> ParseAnswer(std::string_view body);
Answer FromOutcome(const tl::expected<promql::QueryResult, promql::QueryError>& outcome);

// What differs, "" for nothing. Numbers: 1e-9 of their size. ordered: the values of an
// instant vector come in the same order.
std::string Difference(const Answer& theirs, const Answer& ours, bool ordered);
// Whether both have the same values at the same times, of whatever series.
bool SameValues(const Answer& a, const Answer& b);

}  // namespace opssight::diff
