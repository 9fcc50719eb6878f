// Prometheus text and OpenMetrics. Both go line by line; they differ in white space,
// comments, times and the end.
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "common/codec/expo/parts.h"
#include "common/text/number.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::expo {
namespace {

constexpr std::uint8_t kNameStart = 1;
constexpr std::uint8_t kNameRest = 2;

constexpr std::array<std::uint8_t, 256> kNameBytes = [] {
  std::array<std::uint8_t, 256> bytes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    const bool digit = c >= '0' && c <= '9';
    bytes[c] = letter ? (kNameStart | kNameRest) : digit ? kNameRest : 0;
  }
  return bytes;
}();

bool IsNameByte(char c, std::uint8_t kind) {
  return (kNameBytes[static_cast<unsigned char>(c)] & kind) != 0;
}

struct TypeName {
  std::string_view name;
  MetricType type;
  bool open_metrics;
  bool text;
};
constexpr TypeName kTypes[] = {
    {"counter", MetricType::kCounter, true, true},
    {"gauge", MetricType::kGauge, true, true},
    {"histogram", MetricType::kHistogram, true, true},
    {"summary", MetricType::kSummary, true, true},
    {"untyped", MetricType::kUnknown, false, true},
    {"unknown", MetricType::kUnknown, true, true},
    {"info", MetricType::kInfo, true, true},
    // The model has neither.
    {"gaugehistogram", MetricType::kUnknown, true, true},
    {"stateset", MetricType::kUnknown, true, true},
};

// What of a line is not read yet.
class Cursor {
 public:
  explicit Cursor(std::string_view line = {}) : rest_(line) {}
  bool empty() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  std::string_view rest() const { return rest_; }
  void Skip(std::size_t bytes) { rest_.remove_prefix(bytes); }
  bool Take(char c) {
    if (front() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void SkipBlanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  // A name without quotes; empty where there is none.
  std::string_view Name() {
    std::size_t size = 0;
    if (!rest_.empty() && IsNameByte(rest_.front(), kNameStart)) {
      while (size < rest_.size() && IsNameByte(rest_[size], kNameRest)) ++size;
    }
    return Cut(size);
  }
  // Up to a blank or the end.
  std::string_view Word() {
    std::size_t size = 0;
    while (size < rest_.size() && rest_[size] != ' ' && rest_[size] != '\t') ++size;
    return Cut(size);
  }
  // What is between quotes, with its escapes; front() is the first quote.
  std::optional<std::string_view> Quoted(bool& escaped) {
    escaped = false;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        const std::string_view text = rest_.substr(1, at - 1);
        rest_.remove_prefix(at + 1);
        return text;
      }
      if (rest_[at] == '\\') {
        escaped = true;
        ++at;
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view Cut(std::size_t size) {
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::string_view rest_;
};

// \\, \n and \"; any other escape stands for itself, as in Prometheus.
void Unescape(std::string_view text, bool quotes, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char next = text[++i];
    if (next == 'n') {
      out.push_back('\n');
    } else if (next == '\\' || (next == '"' && quotes)) {
      out.push_back(next);
    } else {
      out.push_back('\\');
      out.push_back(next);
    }
  }
}

class TextParser {
 public:
  TextParser(const ParseOptions& options, Visitor& visitor)
      : options_(options), open_(options.format == Format::kOpenMetrics), visitor_(visitor) {}

  Status Parse(std::string_view body) {
    while (!body.empty()) {
      ++line_;
      const void* end = std::memchr(body.data(), '\n', body.size());
      const std::size_t size =
          end == nullptr ? body.size()
                         : static_cast<std::size_t>(static_cast<const char*>(end) - body.data());
      cursor_ = Cursor(body.substr(0, size));
      body.remove_prefix(end == nullptr ? size : size + 1);
      OPS_RETURN_IF_ERROR(Line());
      if (ended_) {
        if (!body.empty()) return Bad("there is something after # EOF");
        break;
      }
    }
    if (open_ && !ended_) return Bad("the body does not end with # EOF: it may have been cut");
    Flush();
    return {};
  }

 private:
  Error Bad(std::string_view what) const {
    return Invalid(fmt::format("line {}: {}", line_, what));
  }
  Error BadAt(std::string_view what) const {
    constexpr std::size_t kShown = 40;
    return Bad(fmt::format("{}, at {}", what, QuoteGo(cursor_.rest().substr(0, kShown))));
  }

  // Text may have blanks between any two parts, OpenMetrics none.
  void Blanks() {
    if (!open_) cursor_.SkipBlanks();
  }
  // What parts a value from what is before it.
  bool Separator() {
    if (open_) return cursor_.Take(' ');
    const bool some = cursor_.front() == ' ' || cursor_.front() == '\t';
    cursor_.SkipBlanks();
    return some;
  }

  Status Line() {
    Blanks();
    if (cursor_.empty()) return open_ ? Status(Bad("an empty line")) : Status();
    if (cursor_.front() == '#') return Comment();
    return Sample();
  }

  Status Comment() {
    cursor_.Skip(1);
    if (open_) {
      if (cursor_.rest() == " EOF") {
        ended_ = true;
        return {};
      }
      if (!cursor_.Take(' ')) return BadAt("a comment that is none of HELP, TYPE, UNIT, EOF");
    } else {
      cursor_.SkipBlanks();
    }
    const std::string_view what = cursor_.Word();
    const bool known = what == "HELP" || what == "TYPE" || (open_ && what == "UNIT");
    if (!known)
      return open_ ? Status(Bad("a comment that is none of HELP, TYPE, UNIT, EOF")) : Status();
    if (!Separator()) return open_ ? Status(BadAt("a name must follow")) : Status();
    scratch_.Reset();
    OPS_TRY(const std::string_view name, MetricName());
    OPS_RETURN_IF_ERROR(Begin(name));
    const bool some = Separator();
    if (what == "HELP") {
      help_.clear();
      Unescape(cursor_.rest(), open_, help_);
      return {};
    }
    if (what == "TYPE") return Type();
    return Unit(some);
  }

  Result<std::string_view> MetricName() {
    if (cursor_.front() == '"') return QuotedName();
    const std::string_view name = cursor_.Name();
    if (name.empty()) return BadAt("expected the name of a metric");
    return name;
  }

  Result<std::string_view> QuotedName() {
    OPS_TRY(const std::string_view name, QuotedText());
    if (name.empty()) return BadAt("an empty name");
    return name;
  }

  Result<std::string_view> QuotedText() {
    bool escaped = false;
    const auto text = cursor_.Quoted(escaped);
    if (!text) return BadAt("a quote without an end");
    std::string_view out = *text;
    if (escaped) {
      std::string& plain = scratch_.Next();
      Unescape(out, true, plain);
      out = plain;
    }
    if (!IsUtf8(out)) return Bad("a text that is not UTF-8");
    return out;
  }

  // A family's comments stand together: another name ends those of the one before.
  Status Begin(std::string_view name) {
    if (name == family_) return {};
    Flush();
    family_ = name;
    return {};
  }

  void Flush() {
    if (family_.empty()) return;
    // record.h: a counter's name is that of its samples.
    const bool total = open_ && type_ == MetricType::kCounter && !family_.ends_with("_total");
    const std::string name = total ? family_ + "_total" : family_;
    visitor_.OnFamily({.name = name, .type = type_, .help = help_, .unit = unit_});
    family_.clear();
    help_.clear();
    unit_.clear();
    type_ = MetricType::kUnknown;
  }

  Status Type() {
    std::string_view text = cursor_.rest();
    while (!open_ && !text.empty() && (text.back() == ' ' || text.back() == '\t')) {
      text.remove_suffix(1);
    }
    for (const TypeName& known : kTypes) {
      if (known.name != text || !(open_ ? known.open_metrics : known.text)) continue;
      type_ = known.type;
      return {};
    }
    return BadAt("an unknown type");
  }

  Status Unit(bool some) {
    const std::string_view unit = some ? cursor_.rest() : std::string_view();
    const bool fits = unit.empty() || (family_.size() > unit.size() && family_.ends_with(unit) &&
                                       family_[family_.size() - unit.size() - 1] == '_');
    if (!fits) {
      return Bad(
          fmt::format("the unit {} does not end the name {}", QuoteGo(unit), QuoteGo(family_)));
    }
    unit_ = unit;
    return {};
  }

  Status Sample() {
    scratch_.Reset();
    labels_.clear();
    SampleView sample;
    sample.name = cursor_.Name();
    Blanks();
    if (cursor_.Take('{')) {
      OPS_RETURN_IF_ERROR(ReadLabels(labels_, &sample.name));
      Blanks();
      // Text needs no blank behind the brace.
      if (open_ && !cursor_.Take(' ')) return BadAt("expected a space and the value");
    } else if (sample.name.empty()) {
      return BadAt("expected the name of a metric");
    } else if (open_ && !cursor_.Take(' ')) {
      return BadAt("expected a label set or a value");
    }
    if (sample.name.empty()) return Bad("a sample without the name of its metric");
    const std::string_view value = cursor_.Word();
    const auto number = ParseValue(value);
    if (!number) return Bad(fmt::format("{} is not a value", QuoteGo(value.substr(0, 40))));
    sample.value = *number;
    OPS_RETURN_IF_ERROR(Time(sample.time_ms));
    OPS_RETURN_IF_ERROR(Exemplar(sample));
    if (!cursor_.empty()) return BadAt("expected the end of the line");
    sample.type = TypeOf(sample.name);
    Canonicalize(sample.type, labels_, scratch_);
    sample.labels = labels_;
    visitor_.OnSample(sample);
    return {};
  }

  // Behind the brace, to the closing one. name: where a quoted name of the metric may go.
  Status ReadLabels(std::vector<LabelView>& labels, std::string_view* name) {
    for (;;) {
      Blanks();
      if (cursor_.Take('}')) return {};
      OPS_RETURN_IF_ERROR(ReadLabel(labels, name));
      Blanks();
      if (cursor_.Take(',')) continue;
      if (cursor_.Take('}')) return {};
      return BadAt("expected , or } behind a label");
    }
  }

  Status ReadLabel(std::vector<LabelView>& labels, std::string_view* name) {
    const bool quoted = cursor_.front() == '"';
    std::string_view label;
    if (quoted) {
      OPS_TRY(label, QuotedName());
    } else {
      label = cursor_.Name();
      if (label.empty() || label.find(':') != std::string_view::npos) {
        return BadAt("expected the name of a label");
      }
    }
    Blanks();
    if (quoted && (cursor_.front() == ',' || cursor_.front() == '}')) {
      if (name == nullptr || !name->empty()) return Bad("a second name of the metric");
      *name = label;
      return {};
    }
    if (!cursor_.Take('=')) return BadAt("expected = behind the name of a label");
    Blanks();
    if (cursor_.front() != '"') return BadAt("expected the value of a label in quotes");
    OPS_TRY(const std::string_view value, QuotedText());
    if (labels.size() == options_.labels_max) {
      return Bad(fmt::format("more than {} labels", options_.labels_max));
    }
    labels.emplace_back(label, value);
    return {};
  }

  Status Time(std::optional<std::int64_t>& time_ms) {
    if (open_) {
      if (cursor_.empty() || cursor_.rest().starts_with(" # ")) return {};
      if (!cursor_.Take(' ')) return BadAt("expected the end of the line");
      const std::string_view text = cursor_.Word();
      const auto seconds = ParseValue(text);
      constexpr double kSecondsMax = 9e15;
      if (!seconds || !(std::fabs(*seconds) < kSecondsMax)) {
        return Bad(fmt::format("{} is not a time in seconds", QuoteGo(text.substr(0, 40))));
      }
      time_ms = static_cast<std::int64_t>(*seconds * 1000);
      return {};
    }
    cursor_.SkipBlanks();
    if (cursor_.empty()) return {};
    const std::string_view text = cursor_.Word();
    const auto ms = ParseInt<std::int64_t>(text.starts_with('+') ? text.substr(1) : text);
    if (!ms)
      return Bad(fmt::format("{} is not a time in milliseconds", QuoteGo(text.substr(0, 40))));
    time_ms = *ms;
    cursor_.SkipBlanks();
    return {};
  }

  Status Exemplar(SampleView& sample) {
    if (!open_ || cursor_.empty()) return {};
    if (!cursor_.Take(" # {")) return BadAt("expected an exemplar or the end of the line");
    exemplar_.labels.clear();
    exemplar_.time_ms.reset();
    OPS_RETURN_IF_ERROR(ReadLabels(exemplar_.labels, nullptr));
    if (!cursor_.Take(' ')) return BadAt("expected the value of the exemplar");
    const std::string_view value = cursor_.Word();
    const auto number = ParseValue(value);
    if (!number) return Bad(fmt::format("{} is not a value", QuoteGo(value.substr(0, 40))));
    exemplar_.value = *number;
    if (!cursor_.empty()) OPS_RETURN_IF_ERROR(Time(exemplar_.time_ms));
    sample.exemplar = &exemplar_;
    return {};
  }

  MetricType TypeOf(std::string_view name) const {
    if (family_.empty() || !name.starts_with(family_)) return MetricType::kUnknown;
    const std::string_view suffix = name.substr(family_.size());
    if (suffix.empty()) return type_;
    const bool of_parts = type_ == MetricType::kHistogram || type_ == MetricType::kSummary;
    if (of_parts) {
      const bool part = suffix == "_sum" || suffix == "_count" ||
                        (suffix == "_bucket" && type_ == MetricType::kHistogram);
      if (part) return type_;
    }
    if (suffix == "_total" && type_ == MetricType::kCounter) return type_;
    if (suffix == "_info" && type_ == MetricType::kInfo) return type_;
    if (suffix == "_created" && open_) return MetricType::kGauge;
    return MetricType::kUnknown;
  }

  const ParseOptions& options_;
  const bool open_;
  Visitor& visitor_;
  Cursor cursor_;
  std::size_t line_ = 0;
  bool ended_ = false;
  std::string family_;  // Of the last comment.
  MetricType type_ = MetricType::kUnknown;
  std::string help_;
  std::string unit_;
  std::vector<LabelView> labels_;
  ExemplarView exemplar_;
  Scratch scratch_;
};

}  // namespace

Status ParseText(std::string_view body, const ParseOptions& options, Visitor& visitor) {
  return TextParser(options, visitor).Parse(body);
}

}  // namespace opssight::expo
