// label_replace, label_join: labels made of others, once a series.
#include <map>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "aggregator/promql/functions/families.h"
#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight::promql {

namespace {

// Of a label's value. "$1$1$1…" around "$1$1$1…" would otherwise outgrow the memory in a line
// of query; no stored value is near it.
constexpr std::size_t kValueBytesMax = 64 << 10;

Status Append(std::string_view text, std::string_view function, std::string& value) {
  if (text.size() > kValueBytesMax - value.size()) {
    return Exhausted(fmt::format("{}() would make a label value of more than {} bytes", function,
                                 kValueBytesMax));
  }
  value += text;
  return {};
}

Status SetLabel(const VectorArgs& args, const std::string& name, std::string value,
                Column& column) {
  OPS_RETURN_IF_ERROR(args.Grow((name.size() + value.size()) / sizeof(Sample)));
  std::vector<Label> labels(column.labels.begin(), column.labels.end());
  std::erase_if(labels, [&name](const Label& label) { return label.name == name; });
  labels.push_back({.name = name, .value = std::move(value)});
  column.labels = Labels(std::move(labels));
  // A name just given stays.
  if (name == kMetricName) column.drop_name = false;
  return {};
}

// What a replacement is made of: texts and groups by turns.
struct Part {
  std::string text;
  int group = -1;  // -1: the text counts.
};

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// $1, ${1}, $name, ${name}, $$; a name takes as many letters as there are. A group that is
// none is empty; a $ with nothing sensible after it is a $.
std::vector<Part> SplitTemplate(std::string_view text, const re2::RE2& regex) {
  const std::map<std::string, int>& names = regex.NamedCapturingGroups();
  std::vector<Part> parts(1);
  while (!text.empty()) {
    if (text[0] != '$' || text.size() == 1 || text[1] == '$') {
      parts.back().text += text[0];
      text.remove_prefix(text.substr(0, 2) == "$$" ? 2 : 1);
      continue;
    }
    const bool braced = text[1] == '{';
    std::size_t end = braced ? 2 : 1;
    const std::size_t begin = end;
    while (end < text.size() && IsWord(text[end])) ++end;
    const std::string name(text.substr(begin, end - begin));
    if (name.empty() || (braced && (end == text.size() || text[end] != '}'))) {
      parts.back().text += '$';
      text.remove_prefix(1);
      continue;
    }
    const auto named = names.find(name);
    const int none = regex.NumberOfCapturingGroups() + 1;
    const int group = named != names.end() ? named->second : ParseInt<int>(name).value_or(none);
    parts.push_back({.text = {}, .group = group});
    parts.emplace_back();
    text.remove_prefix(braced ? end + 1 : end);
  }
  return parts;
}

Result<std::string> Expand(const std::vector<Part>& parts,
                           const std::vector<re2::StringPiece>& groups) {
  std::string value;
  for (const Part& part : parts) {
    if (part.group < 0) {
      OPS_RETURN_IF_ERROR(Append(part.text, "label_replace", value));
    } else if (const auto group = static_cast<std::size_t>(part.group); group < groups.size()) {
      OPS_RETURN_IF_ERROR(
          Append({groups[group].data(), groups[group].size()}, "label_replace", value));
    }
  }
  return value;
}

Status CheckName(std::string_view which, std::string_view function, const std::string& name) {
  if (!name.empty() && IsUtf8(name)) return {};
  return Invalid(fmt::format("invalid {} label name in {}(): {}", which, function, name));
}

}  // namespace

Result<Columns> LabelReplace(VectorArgs& args) {
  const std::string& name = args.args[1].text;
  const std::string& source = args.args[3].text;
  const std::string& pattern = args.args[4].text;
  re2::RE2::Options options(re2::RE2::Quiet);
  const re2::RE2 regex("^(?s:" + pattern + ")$", options);
  if (!regex.ok()) {
    return Invalid(fmt::format("invalid regular expression in label_replace(): {}", pattern));
  }
  OPS_RETURN_IF_ERROR(CheckName("destination", "label_replace", name));
  const std::vector<Part> parts = SplitTemplate(args.args[2].text, regex);
  const int count = regex.NumberOfCapturingGroups() + 1;
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(count));
  Columns columns = std::move(args.args[0].columns);
  for (Column& column : columns) {
    OPS_RETURN_IF_ERROR(args.Grow(0));  // Expressions may be slow, and match nothing.
    const std::string_view value = column.labels.Get(source);
    const re2::StringPiece text(value.data(), value.size());
    if (!regex.Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), count)) continue;
    OPS_TRY(std::string expanded, Expand(parts, groups));
    OPS_RETURN_IF_ERROR(SetLabel(args, name, std::move(expanded), column));
  }
  return MergeSameLabels(std::move(columns));
}

Result<Columns> LabelJoin(VectorArgs& args) {
  const std::string& name = args.args[1].text;
  const std::string& separator = args.args[2].text;
  OPS_RETURN_IF_ERROR(CheckName("destination", "label_join", name));
  for (std::size_t i = 3; i < args.args.size(); ++i) {
    OPS_RETURN_IF_ERROR(CheckName("source", "label_join", args.args[i].text));
  }
  Columns columns = std::move(args.args[0].columns);
  for (Column& column : columns) {
    std::string value;
    for (std::size_t i = 3; i < args.args.size(); ++i) {
      if (i > 3) OPS_RETURN_IF_ERROR(Append(separator, "label_join", value));
      OPS_RETURN_IF_ERROR(Append(column.labels.Get(args.args[i].text), "label_join", value));
    }
    OPS_RETURN_IF_ERROR(SetLabel(args, name, std::move(value), column));
  }
  return MergeSameLabels(std::move(columns));
}

}  // namespace opssight::promql
