// Whether a result is what a script expects. Each call answers what is wrong, "" where
// nothing is. Numbers may differ by 1e-6 of their size, as in Prometheus' own runner.
#pragma once

#include <string>
#include <vector>

#include "aggregator/promql/engine/engine.h"
#include "tests/promql/script.h"

namespace opssight::promqltest {

bool AlmostEqual(double a, double b);

std::string CompareResult(const EvalCommand& eval, const promql::QueryResult& result);
// A vector for an instant query: any order unless eval says so.
std::string CompareVector(const EvalCommand& eval, const std::vector<promql::ResultSeries>& series);
std::string CompareScalar(const EvalCommand& eval, double value);
std::string CheckSorted(const std::vector<promql::ResultSeries>& matrix);

// Each text must be expected by a line, each line met by a text; no line: nothing is asked.
std::string CompareTexts(std::string_view what, const std::vector<Expected>& expected,
                         const std::vector<std::string>& texts);
bool Meets(const Expected& expected, const std::string& text);

}  // namespace opssight::promqltest
