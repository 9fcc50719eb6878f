#include "tests/promql/run.h"

#include <array>
#include <cstdint>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "aggregator/promql/engine/engine.h"
#include "tests/promql/compare.h"
#include "tests/promql/forms.h"
#include "tests/promql/script.h"
#include "tests/promql/storage.h"

namespace opssight::promqltest {

namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::uint64_t kSamplesMax = 10'000;

promql::EngineOptions Options() {
  return {.delayed_name_removal = true,
          .use_start_timestamps = true,
          .parse = {.experimental_functions = true,
                    .extended_range_selectors = true,
                    .binop_fill_modifiers = true}};
}

// A range query has other times for these, so its middle step is something else.
bool SaysRange(const std::string& query) {
  static constexpr std::array<std::string_view, 4> kWords = {"start()", "end()", "range()",
                                                             "step()"};
  for (const std::string_view word : kWords) {
    if (query.find(word) != std::string::npos) return true;
  }
  return false;
}

// The points of one time, as an instant query would give them.
std::vector<promql::ResultSeries> At(const std::vector<promql::ResultSeries>& matrix,
                                     std::int64_t time_ms) {
  std::vector<promql::ResultSeries> vector;
  for (const promql::ResultSeries& series : matrix) {
    promql::ResultSeries at = {.labels = series.labels};
    for (const auto& point : series.points) {
      if (point.time_ms == time_ms) at.points.push_back(point);
    }
    for (const auto& point : series.histograms) {
      if (point.time_ms == time_ms) at.histograms.push_back(point);
    }
    if (!at.points.empty() || !at.histograms.empty()) vector.push_back(std::move(at));
  }
  return vector;
}

class Runner {
 public:
  Runner() : engine_(Options()) {}

  Status Run(const Command& command) {
    if (std::holds_alternative<ClearCommand>(command.what)) {
      storage_.Clear();
      return {};
    }
    if (const auto* load = std::get_if<LoadCommand>(&command.what)) return storage_.Load(*load);
    Run(std::get<EvalCommand>(command.what), command.line);
    return {};
  }
  Report report() && { return std::move(report_); }

 private:
  using Outcome = tl::expected<promql::QueryResult, promql::QueryError>;

  void Run(const EvalCommand& eval, std::size_t line) {
    ++report_.total;
    Failure failure = {.line = line};
    const bool passed = eval.is_range ? RunRange(eval, failure) : RunInstant(eval, failure);
    if (passed) {
      ++report_.passed;
    } else {
      report_.failures.push_back(std::move(failure));
    }
  }

  Outcome Ask(const std::string& query, const Range& range) const {
    return engine_.Run(storage_.source(), {.text = query,
                                           .start_ms = range.start_ms,
                                           .end_ms = range.end_ms,
                                           .step_ms = range.step_ms,
                                           .limits = {.samples_max = kSamplesMax}});
  }

  bool RunRange(const EvalCommand& eval, Failure& failure) const {
    failure.query = eval.query;
    failure.why = Check(eval, eval.query, Ask(eval.query, eval.range));
    return failure.why.empty();
  }

  bool RunInstant(const EvalCommand& eval, Failure& failure) const {
    std::vector<Form> forms = PinnedForms(eval.query, eval.range.start_ms, engine_.options().parse);
    forms.insert(forms.begin(), {.query = eval.query, .time_ms = eval.range.start_ms});
    for (const Form& form : forms) {
      const Range at = {.start_ms = form.time_ms, .end_ms = form.time_ms};
      failure.query = fmt::format("{} (at {} ms)", form.query, form.time_ms);
      failure.why = Check(eval, form.query, Ask(form.query, at));
      if (!failure.why.empty()) return false;
      if (!eval.fail.empty() || eval.ordered || eval.range_vector || eval.string ||
          SaysRange(form.query)) {
        continue;
      }
      failure.query += " (middle of a range)";
      failure.why = CheckMiddle(eval, form);
      if (!failure.why.empty()) return false;
    }
    return true;
  }

  static std::string Check(const EvalCommand& eval, const std::string& query,
                           const Outcome& outcome) {
    if (!outcome.has_value()) {
      const std::string& message = outcome.error().message;
      if (eval.fail.empty()) return "failed: " + message;
      if (Meets(eval.fail[0], message)) return "";
      return fmt::format("expected failure '{}', got '{}'", eval.fail[0].text, message);
    }
    if (!eval.fail.empty()) return "expected to fail, did not";
    const std::vector<std::string> warnings = outcome->annotations.Warnings(query, 0);
    const std::vector<std::string> infos = outcome->annotations.Infos(query, 0);
    if (eval.no_warn && !warnings.empty()) return "unexpected warning: " + warnings[0];
    if (eval.no_info && !infos.empty()) return "unexpected info: " + infos[0];
    std::string why = CompareTexts("warning", eval.warn, warnings);
    if (why.empty()) why = CompareTexts("info", eval.info, infos);
    return why.empty() ? CompareResult(eval, *outcome) : why;
  }

  std::string CheckMiddle(const EvalCommand& eval, const Form& form) const {
    const Outcome outcome = Ask(form.query, {.start_ms = form.time_ms - kMinuteMs,
                                             .end_ms = form.time_ms + kMinuteMs,
                                             .step_ms = kMinuteMs});
    if (!outcome.has_value()) return "failed: " + outcome.error().message;
    const auto* matrix = std::get_if<promql::MatrixResult>(&outcome->value);
    if (matrix == nullptr) return "a range query gave no matrix";
    if (std::string why = CheckSorted(matrix->series); !why.empty()) return why;
    const auto vector = At(matrix->series, form.time_ms);
    if (!eval.scalar) return CompareVector(eval, vector);
    if (vector.size() != 1 || vector[0].points.size() != 1) return "not one value";
    return CompareScalar(eval, vector[0].points[0].value);
  }

  promql::Engine engine_;
  Storage storage_;
  Report report_;
};

}  // namespace

Result<Report> RunScript(std::string_view text) {
  OPS_TRY(const std::vector<Command> commands, ParseScript(text));
  Runner runner;
  for (const Command& command : commands) {
    auto status = runner.Run(command);
    if (!status) return std::move(status).error().At(fmt::format("line {}", command.line));
  }
  return std::move(runner).report();
}

}  // namespace opssight::promqltest
