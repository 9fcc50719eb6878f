// Prometheus' test language for PromQL, parsed: load, clear, eval. Here it is only
// read; run.h runs it. Pure. The language: prometheus/prometheus, promql/promqltest/README.md.
//
//   OPS_TRY(std::vector<Command> commands, ParseScript(text));
//
// Times are milliseconds from 0. Errors name the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/model/histogram.h"
#include "common/model/labels.h"

namespace opssight::promqltest {

struct Value {
  double value = 0;
  std::shared_ptr<const Histogram> histogram;  // Null: value counts.
  bool hint_written = false;                   // The histogram's counter_reset_hint.
};
using Values = std::vector<std::optional<Value>>;  // Nothing: a gap.

struct SeriesLine {
  Labels labels;
  Values values;
  // Of an @st line: start timestamps, less the samples' own times.
  bool starts_line = false;
  std::vector<std::optional<std::int64_t>> starts;
};

struct ClearCommand {};

struct LoadCommand {
  std::int64_t step_ms = 0;
  bool with_nhcb = false;  // Classic histograms also as native ones.
  std::vector<SeriesLine> series;
};

// A text that an error or annotation must be.
struct Expected {
  enum class Kind : std::uint8_t { kAny, kText, kRegex };
  Kind kind = Kind::kAny;
  std::string text;
};

struct Range {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t step_ms = 0;
};

struct EvalCommand {
  bool is_range = false;
  Range range;  // Instant: start_ms.
  std::string query;
  bool ordered = false;
  bool no_warn = false;
  bool no_info = false;
  std::vector<Expected> fail;  // Empty: must not fail.
  std::vector<Expected> warn;
  std::vector<Expected> info;
  std::optional<Range> range_vector;
  std::optional<std::string> string;
  std::optional<double> scalar;
  std::vector<SeriesLine> series;
};

struct Command {
  std::size_t line = 0;  // From 1.
  std::variant<ClearCommand, LoadCommand, EvalCommand> what;
};

Result<std::vector<Command>> ParseScript(std::string_view text);

// name{a="b"} 1+2x3 {{count:1}} _ stale; metric@st: start timestamps.
Result<SeriesLine> ParseSeriesLine(std::string_view line);

}  // namespace opssight::promqltest
