#include "tests/promql/script.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>
#include <re2/re2.h>

#include "common/text/number.h"
#include "common/text/quote.h"
#include "common/text/units.h"

namespace opssight::promqltest {

namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Trimmed; a comment is an empty line.
std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    lines.push_back(line.starts_with('#') ? std::string_view() : line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// 5m, or seconds.
Result<std::int64_t> ParseTime(std::string_view text) {
  if (const auto duration = ParsePromDurationMs(text)) return *duration;
  if (const auto seconds = ParseDouble(text)) return std::llround(*seconds * 1000);
  return Invalid(fmt::format("a time wanted, got '{}'", text));
}

Status ParseRange(const std::string& from, const std::string& to, const std::string& step,
                  Range& range) {
  OPS_TRY(range.start_ms, ParseTime(from));
  OPS_TRY(range.end_ms, ParseTime(to));
  OPS_TRY(range.step_ms, ParseTime(step));
  return {};
}

Result<LoadCommand> ParseLoad(std::string_view line) {
  static const re2::RE2 kLoad(R"(load(_with_nhcb)?\s+(.+))");
  std::string nhcb;
  std::string step;
  if (!re2::RE2::FullMatch(line, kLoad, &nhcb, &step)) {
    return Invalid("invalid load command. (load[_with_nhcb] <step:duration>)");
  }
  LoadCommand load;
  OPS_TRY(load.step_ms, ParseTime(step));
  load.with_nhcb = !nhcb.empty();
  return load;
}

void TakeMode(std::string_view mode, EvalCommand& eval) {
  if (mode == "fail") eval.fail.push_back({});
  if (mode == "warn") eval.warn.push_back({});
  if (mode == "info") eval.info.push_back({});
  if (mode == "ordered") eval.ordered = true;
}

Result<EvalCommand> ParseEval(std::string_view line) {
  static const re2::RE2 kInstant(
      R"(eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+))");
  static const re2::RE2 kRange(
      R"(eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+))");
  EvalCommand eval;
  std::string mode;
  std::string from;
  std::string to;
  std::string step;
  if (re2::RE2::FullMatch(line, kRange, &mode, &from, &to, &step, &eval.query)) {
    eval.is_range = true;
    OPS_RETURN_IF_ERROR(ParseRange(from, to, step, eval.range));
  } else if (re2::RE2::FullMatch(line, kInstant, &mode, &from, &eval.query)) {
    if (!from.empty()) {
      OPS_TRY(eval.range.start_ms, ParseTime(from));
    }
  } else {
    return Invalid("invalid eval command (eval instant [at t] expr, or range from a to b step c)");
  }
  TakeMode(mode, eval);
  return eval;
}

Status ParseAnnotation(std::string_view type, Expected expected, EvalCommand& eval) {
  if (type == "ordered") {
    eval.ordered = true;
  } else if (type == "no_warn") {
    eval.no_warn = true;
  } else if (type == "no_info") {
    eval.no_info = true;
  } else {
    auto& list = type == "fail" ? eval.fail : type == "warn" ? eval.warn : eval.info;
    list.push_back(std::move(expected));
  }
  if (eval.fail.size() > 1) return Invalid("more than one expect fail");
  if (eval.no_warn && !eval.warn.empty()) return Invalid("both warn and no_warn expected");
  if (eval.no_info && !eval.info.empty()) return Invalid("both info and no_info expected");
  return {};
}

Status ParseExpect(std::string_view line, EvalCommand& eval) {
  static const re2::RE2 kAnnotation(
      R"(expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?)");
  static const re2::RE2 kRange(R"(expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+))");
  static const re2::RE2 kString(R"(expect string\s+(.+))");
  std::string a;
  std::string b;
  std::string c;
  if (re2::RE2::FullMatch(line, kRange, &a, &b, &c)) {
    return ParseRange(a, b, c, eval.range_vector.emplace());
  }
  if (re2::RE2::FullMatch(line, kString, &a)) {
    eval.string = UnquoteGo(a);
    return eval.string ? Status() : Status(Invalid("expect string wants a quoted string"));
  }
  if (!re2::RE2::FullMatch(line, kAnnotation, &a, &b, &c)) return Invalid("unknown expect line");
  const auto kind = b == "msg"     ? Expected::Kind::kText
                    : b == "regex" ? Expected::Kind::kRegex
                                   : Expected::Kind::kAny;
  return ParseAnnotation(a, {.kind = kind, .text = std::string(Trim(c))}, eval);
}

// expected_fail_message and expected_fail_regexp, of eval_fail.
bool ParseLegacyFailure(std::string_view line, EvalCommand& eval) {
  static const re2::RE2 kLegacy(R"(expected_fail_(message|regexp)\s+(.+))");
  std::string kind;
  std::string text;
  if (eval.fail.empty() || !re2::RE2::FullMatch(line, kLegacy, &kind, &text)) return false;
  eval.fail[0] = {.kind = kind == "message" ? Expected::Kind::kText : Expected::Kind::kRegex,
                  .text = text};
  return true;
}

Status ParseBodyLine(std::string_view line, EvalCommand& eval) {
  if (line.starts_with("expect ")) return ParseExpect(line, eval);
  if (ParseLegacyFailure(line, eval)) return {};
  if (const auto scalar = ParseDouble(line)) {
    eval.scalar = *scalar;
    return {};
  }
  OPS_TRY(SeriesLine series, ParseSeriesLine(line));
  if (!eval.is_range && !eval.range_vector && series.values.size() > 1) {
    return Invalid("expecting multiple values in instant evaluation not allowed");
  }
  eval.series.push_back(std::move(series));
  return {};
}

Status ParseBodyLine(std::string_view line, LoadCommand& load) {
  OPS_TRY(SeriesLine series, ParseSeriesLine(line));
  load.series.push_back(std::move(series));
  return {};
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) : lines_(Lines(text)) {}

  Result<std::vector<Command>> Parse() {
    for (; at_ < lines_.size(); ++at_) {
      if (lines_[at_].empty()) continue;
      const std::size_t line = at_ + 1;
      auto what = ParseCommand();
      if (!what) return std::move(what).error().At(fmt::format("line {}", at_ + 1));
      commands_.push_back({.line = line, .what = *std::move(what)});
    }
    return std::move(commands_);
  }

 private:
  using What = decltype(Command::what);

  Result<What> ParseCommand() {
    const std::string_view line = lines_[at_];
    if (line == "clear") return What(ClearCommand{});
    if (line.starts_with("load")) {
      OPS_TRY(LoadCommand load, ParseLoad(line));
      OPS_RETURN_IF_ERROR(ParseBody(load));
      return What(std::move(load));
    }
    OPS_TRY(EvalCommand eval, ParseEval(line));
    OPS_RETURN_IF_ERROR(ParseBody(eval));
    return What(std::move(eval));
  }

  // The lines up to an empty one. An error leaves at_ on its line.
  template <class Block>
  Status ParseBody(Block& block) {
    while (at_ + 1 < lines_.size() && !lines_[at_ + 1].empty()) {
      ++at_;
      OPS_RETURN_IF_ERROR(ParseBodyLine(lines_[at_], block));
    }
    return {};
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::vector<Command> commands_;
};

}  // namespace

Result<std::vector<Command>> ParseScript(std::string_view text) {
  return ScriptParser(text).Parse();
}

}  // namespace opssight::promqltest
