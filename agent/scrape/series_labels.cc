#include "agent/scrape/series_labels.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace opssight {
namespace {

// What the aggregator takes of a series (BatchLimits).
constexpr std::size_t kLabelsMax = 64;
constexpr std::size_t kLabelOverhead = 40;

// A label that both have: the series' own goes under another name.
void RenameClashes(const Labels& target, std::vector<Label>& labels) {
  std::vector<Label> clashes;
  for (const Label& label : target) {
    const std::string own(LabelOf(labels, label.name));
    if (!own.empty()) clashes.push_back({label.name, own});
    SetLabel(labels, label.name, label.value);
  }
  std::stable_sort(clashes.begin(), clashes.end(),
                   [](const Label& a, const Label& b) { return a.name.size() < b.name.size(); });
  for (const Label& clash : clashes) {
    std::string name = "exported_" + clash.name;
    while (!LabelOf(labels, name).empty()) name.insert(0, "exported_");
    SetLabel(labels, name, clash.value);
  }
}

Status CheckLabels(const std::vector<Label>& labels, const ScrapeLimits& limits) {
  if (limits.labels != 0 && labels.size() > limits.labels) {
    return Exhausted(
        fmt::format("label_limit: a series has {} labels, limit {}", labels.size(), limits.labels));
  }
  for (const Label& label : labels) {
    if (limits.label_name_bytes != 0 && label.name.size() > limits.label_name_bytes) {
      return Exhausted(fmt::format("label_name_length_limit: a name of {} bytes, limit {}",
                                   label.name.size(), limits.label_name_bytes));
    }
    if (limits.label_value_bytes != 0 && label.value.size() > limits.label_value_bytes) {
      return Exhausted(fmt::format("label_value_length_limit: {} has {} bytes, limit {}",
                                   label.name, label.value.size(), limits.label_value_bytes));
    }
  }
  return {};
}

// An empty value is no label, but with honor_labels it keeps the target's off.
std::vector<Label> OwnLabels(std::string_view name, std::span<const LabelView> labels) {
  std::vector<Label> own = {{std::string(kMetricName), std::string(name)}};
  for (const auto& [label, value] : labels) own.push_back({std::string(label), std::string(value)});
  std::stable_sort(own.begin(), own.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  const auto same = [](const Label& a, const Label& b) { return a.name == b.name; };
  own.erase(std::unique(own.begin(), own.end(), same), own.end());
  return own;
}

void AddTarget(const Labels& target, bool honor_labels, std::vector<Label>& own) {
  if (!honor_labels) return RenameClashes(target, own);
  for (const Label& label : target) {
    const bool has = std::any_of(own.begin(), own.end(),
                                 [&](const Label& known) { return known.name == label.name; });
    if (!has) own.push_back(label);
  }
}

}  // namespace

Result<std::optional<NamedSeries>> NameSeries(const SeriesRules& rules, const Labels& target,
                                              std::string_view name,
                                              std::span<const LabelView> labels) {
  std::vector<Label> own = OwnLabels(name, labels);
  AddTarget(target, rules.honor_labels, own);
  std::erase_if(own, [](const Label& label) { return label.value.empty(); });
  if (!rules.relabel.Apply(own) || LabelOf(own, kMetricName).empty()) {
    return std::optional<NamedSeries>();
  }
  OPS_RETURN_IF_ERROR(CheckLabels(own, rules.limits));
  NamedSeries out;
  out.name = std::string(LabelOf(own, kMetricName));
  SetLabel(own, kMetricName, "");
  for (const Label& label : rules.common) {
    if (LabelOf(own, label.name).empty()) own.push_back(label);
  }
  if (own.size() >= kLabelsMax) {
    return Exhausted(
        fmt::format("a series has {} labels, at most {} can be kept", own.size() + 1, kLabelsMax));
  }
  out.bytes = kLabelOverhead + out.name.size();
  for (const Label& label : own) {
    out.bytes += kLabelOverhead + label.name.size() + label.value.size();
  }
  out.labels = std::move(own);
  return std::optional<NamedSeries>(std::move(out));
}

}  // namespace opssight
