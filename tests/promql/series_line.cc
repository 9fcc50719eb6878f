// Series lines: the metric, then values, histograms or start timestamps.
#include <bit>
#include <map>
#include <utility>

#include "aggregator/promql/histogram/histogram_math.h"
#include "common/model/record.h"
#include "common/text/quote.h"
#include "common/text/units.h"
#include "tests/promql/cursor.h"
#include "tests/promql/script.h"

namespace opssight::promqltest {

namespace {

constexpr std::uint64_t kRepeatsMax = 1'000'000;

bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool IsNameByte(char c) {
  return IsWordByte(c) || c == ':';
}

Result<std::string> QuotedText(Cursor& cursor) {
  const std::string_view rest = cursor.rest();
  const char quote = cursor.peek();
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != quote) end += rest[end] == '\\' && quote != '`' ? 2 : 1;
  if (end >= rest.size()) return cursor.Wrong("a closed string");
  auto text = UnquoteGo(rest.substr(0, end + 1));
  if (!text) return cursor.Wrong("a string");
  cursor.Skip(end + 1);
  return *std::move(text);
}

Status ParseBraces(Cursor& cursor, std::vector<Label>& labels) {
  for (;;) {
    cursor.SkipSpace();
    if (cursor.Take("}")) return {};
    const bool quoted = cursor.peek() == '"' || cursor.peek() == '\'' || cursor.peek() == '`';
    std::string name;
    if (quoted) {
      OPS_TRY(name, QuotedText(cursor));
    } else {
      name = std::string(cursor.TakeWhile(IsNameByte));
    }
    cursor.SkipSpace();
    if (cursor.Take("=")) {
      cursor.SkipSpace();
      OPS_TRY(std::string value, QuotedText(cursor));
      labels.push_back({.name = std::move(name), .value = std::move(value)});
    } else if (quoted) {
      labels.push_back({.name = std::string(kMetricName), .value = std::move(name)});
    } else {
      return cursor.Wrong("=");
    }
    cursor.SkipSpace();
    if (!cursor.Take(",") && cursor.peek() != '}') return cursor.Wrong("',' or '}'");
  }
}

Result<Labels> ParseMetric(Cursor& cursor) {
  std::vector<Label> labels;
  if (cursor.peek() >= '0' && cursor.peek() <= '9') return cursor.Wrong("a metric");
  const std::string_view name = cursor.TakeWhile(IsNameByte);
  if (!name.empty()) {
    labels.push_back({.name = std::string(kMetricName), .value = std::string(name)});
  }
  if (cursor.Take("{")) {
    OPS_RETURN_IF_ERROR(ParseBraces(cursor, labels));
  } else if (name.empty()) {
    return cursor.Wrong("a metric");
  }
  return Labels(std::move(labels));
}

Result<std::vector<double>> ParseNumbers(Cursor& cursor) {
  if (!cursor.Take("[")) return cursor.Wrong("[");
  std::vector<double> numbers;
  for (;;) {
    cursor.SkipSpace();
    if (cursor.Take("]")) return numbers;
    OPS_TRY(double number, cursor.Number());
    numbers.push_back(number);
  }
}

Result<ResetHint> ParseHint(Cursor& cursor) {
  static const std::map<std::string_view, ResetHint> kHints = {
      {"unknown", ResetHint::kUnknown},
      {"reset", ResetHint::kReset},
      {"not_reset", ResetHint::kNotReset},
      {"gauge", ResetHint::kGauge},
  };
  const auto found = kHints.find(cursor.TakeWhile(IsWordByte));
  if (found == kHints.end()) return cursor.Wrong("a counter reset hint");
  return found->second;
}

// The keys of {{…}} as they come; spans need what may come later.
struct Parts {
  Histogram histogram;
  std::int32_t offset = 0;
  std::int32_t negative_offset = 0;
  bool hint_written = false;
};

Status ParseKey(Cursor& cursor, std::string_view key, Parts& parts) {
  Histogram& to = parts.histogram;
  if (key == "buckets" || key == "n_buckets" || key == "custom_values") {
    OPS_TRY(std::vector<double> numbers, ParseNumbers(cursor));
    auto& list = key == "buckets"     ? to.positive
                 : key == "n_buckets" ? to.negative
                                      : to.custom_values;
    list = std::move(numbers);
    return {};
  }
  if (key == "counter_reset_hint") {
    OPS_TRY(to.hint, ParseHint(cursor));
    parts.hint_written = true;
    return {};
  }
  OPS_TRY(double number, cursor.Number());
  if (key == "schema") {
    to.schema = static_cast<std::int32_t>(number);
  } else if (key == "sum") {
    to.sum = number;
  } else if (key == "count") {
    to.count = number;
  } else if (key == "z_bucket") {
    to.zero_count = number;
  } else if (key == "z_bucket_w") {
    to.zero_threshold = number;
  } else if (key == "offset") {
    parts.offset = static_cast<std::int32_t>(number);
  } else if (key == "n_offset") {
    parts.negative_offset = static_cast<std::int32_t>(number);
  } else {
    return Invalid(fmt::format("unknown key '{}' of a histogram", key));
  }
  return {};
}

Result<Value> ParseHistogram(Cursor& cursor) {
  Parts parts;
  for (;;) {
    cursor.SkipSpace();
    if (cursor.Take("}}")) break;
    const std::string_view key = cursor.TakeWhile(IsWordByte);
    if (!cursor.Take(":")) return cursor.Wrong("key:value or }}");
    OPS_RETURN_IF_ERROR(ParseKey(cursor, key, parts));
  }
  const auto span = [](std::int32_t offset, const std::vector<double>& counts) {
    if (counts.empty()) return std::vector<BucketSpan>{};
    return std::vector<BucketSpan>{
        {.offset = offset, .length = static_cast<std::uint32_t>(counts.size())}};
  };
  Histogram& histogram = parts.histogram;
  histogram.positive_spans = span(parts.offset, histogram.positive);
  histogram.negative_spans = span(parts.negative_offset, histogram.negative);
  return Value{.histogram = std::make_shared<const Histogram>(std::move(histogram)),
               .hint_written = parts.hint_written};
}

Result<Value> ParseValue(Cursor& cursor) {
  if (cursor.Take("{{")) return ParseHistogram(cursor);
  if (cursor.Take("stale")) return Value{.value = std::bit_cast<double>(kStaleNanBits)};
  OPS_TRY(double number, cursor.Number());
  return Value{.value = number};
}

Result<Value> Step(const Value& from, const Value& by, int sign) {
  if ((from.histogram == nullptr) != (by.histogram == nullptr)) {
    return Invalid("a histogram and a number do not add up");
  }
  if (!from.histogram) return Value{.value = from.value + sign * by.value};
  Histogram sum = *from.histogram;
  if (promql::Merge(sum, *by.histogram, sign, nullptr).incompatible) {
    return Invalid("histograms of these layouts do not add up");
  }
  return Value{.histogram = std::make_shared<const Histogram>(std::move(sum)),
               .hint_written = from.hint_written};
}

Result<std::int64_t> ParseOffset(Cursor& cursor) {
  const bool minus = cursor.Take("-");
  if (!minus) cursor.Take("+");
  const std::string_view text = cursor.TakeWhile(
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 && c != 'x'; });
  const auto duration = ParsePromDurationMs(text);
  if (!duration) return Invalid(fmt::format("a duration wanted, got '{}'", text));
  return minus ? -*duration : *duration;
}

Result<std::int64_t> StepOffset(std::int64_t from, std::int64_t by, int sign) {
  return from + sign * by;
}

Result<std::uint64_t> ParseRepeats(Cursor& cursor) {
  const auto digits = cursor.TakeWhile([](char c) { return c >= '0' && c <= '9'; });
  const auto count = ParseInt<std::uint64_t>(digits);
  if (!count || *count > kRepeatsMax) return cursor.Wrong("how often");
  return *count;
}

// _ _x2 a ax2 a+bx2 a-bx2; ax2 are three.
template <class T, class Read, class Next>
Status ParseItem(Cursor& cursor, Read read, Next next, std::vector<std::optional<T>>& out) {
  if (cursor.Take("_")) {
    std::uint64_t gaps = 1;
    if (cursor.Take("x")) {
      OPS_TRY(gaps, ParseRepeats(cursor));
    }
    out.insert(out.end(), gaps, std::nullopt);
    return {};
  }
  OPS_TRY(T value, read(cursor));
  out.push_back(value);
  std::optional<T> by;
  const int sign = cursor.peek() == '-' ? -1 : 1;
  if (cursor.Take("+") || cursor.Take("-")) {
    OPS_TRY(by, read(cursor));
  }
  if (!cursor.Take("x")) return by ? Status(cursor.Wrong("x")) : Status();
  OPS_TRY(std::uint64_t count, ParseRepeats(cursor));
  for (; count > 0; --count) {
    if (by) {
      OPS_TRY(value, next(value, *by, sign));
    }
    out.push_back(value);
  }
  return {};
}

template <class T, class Read, class Next>
Status ParseItems(Cursor& cursor, Read read, Next next, std::vector<std::optional<T>>& out) {
  for (;;) {
    cursor.SkipSpace();
    if (cursor.end()) return {};
    OPS_RETURN_IF_ERROR(ParseItem(cursor, read, next, out));
    if (!cursor.end() && cursor.peek() != ' ' && cursor.peek() != '\t') {
      return cursor.Wrong("a space");
    }
  }
}

}  // namespace

Result<SeriesLine> ParseSeriesLine(std::string_view text) {
  Cursor cursor(text);
  SeriesLine line;
  OPS_TRY(line.labels, ParseMetric(cursor));
  line.starts_line = cursor.Take("@st");
  if (line.starts_line) {
    OPS_RETURN_IF_ERROR(ParseItems(cursor, ParseOffset, StepOffset, line.starts));
  } else {
    OPS_RETURN_IF_ERROR(ParseItems(cursor, ParseValue, Step, line.values));
  }
  return line;
}

}  // namespace opssight::promqltest
