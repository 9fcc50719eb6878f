// Runs a script: every eval as written, and repeated as Prometheus' own runner does: with all
// selectors pinned by @ at other times, and as the middle step of a range query.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace opssight::promqltest {

struct Failure {
  std::size_t line = 0;
  std::string query;  // As it was run.
  std::string why;
};

struct Report {
  std::size_t passed = 0;
  std::size_t total = 0;          // Evals; one passes where all its forms do.
  std::vector<Failure> failures;  // The first of each eval.
};

// kInvalid where the text is no script.
Result<Report> RunScript(std::string_view text);

}  // namespace opssight::promqltest
