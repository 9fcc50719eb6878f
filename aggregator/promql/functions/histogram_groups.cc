#include "aggregator/promql/functions/histogram_groups.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "common/text/number.h"

namespace opssight::promql {

namespace {

constexpr std::string_view kBound = "le";

Labels WithoutBound(const Labels& labels) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    if (label.name != kBound) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

bool HasHistograms(const Column& column) {
  return std::any_of(column.histograms.begin(), column.histograms.end(),
                     [](const HistogramPtr& histogram) { return histogram != nullptr; });
}

}  // namespace

HistogramGroups::HistogramGroups(const Columns& columns, PosRange pos, Annotations& annotations)
    : pos_(pos), annotations_(annotations) {
  std::map<Labels, std::size_t> known;
  const auto group_of = [&](const Column& column, Labels labels) -> HistogramGroup& {
    const auto [it, is_new] = known.try_emplace(labels, groups_.size());
    if (is_new) groups_.push_back({.labels = std::move(labels), .drop_name = column.drop_name});
    return groups_[it->second];
  };
  for (const Column& column : columns) {
    if (HasHistograms(column)) group_of(column, column.labels).native = &column;
    if (!column.HasFloats()) continue;
    const std::string_view text = column.labels.Get(kBound);
    const std::optional<double> bound = ParseDouble(text);
    if (!bound) {
      annotations_.Warn(
          fmt::format("bucket label \"le\" is missing or has a malformed value of \"{}\" for "
                      "metric name \"{}\"",
                      text, column.labels.Get(kMetricName)),
          pos_);
      continue;
    }
    group_of(column, WithoutBound(column.labels)).classic.push_back({*bound, &column});
  }
  for (HistogramGroup& group : groups_) {
    std::stable_sort(group.classic.begin(), group.classic.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  }
}

void HistogramGroups::Get(const HistogramGroup& group, std::size_t step, AtStep& at) const {
  at.native = group.native != nullptr && group.native->HasHistogram(step)
                  ? group.native->histograms[step].get()
                  : nullptr;
  at.classic.clear();
  for (const auto& [bound, column] : group.classic) {
    if (column->HasFloat(step)) {
      at.classic.push_back({.upper = bound, .count = column->values[step]});
    }
  }
  if (at.native == nullptr || at.classic.empty()) return;
  annotations_.Warn(
      fmt::format("vector contains a mix of classic and native histograms for metric name \"{}\"",
                  group.labels.Get(kMetricName)),
      pos_);
  at.native = nullptr;
  at.classic.clear();
}

}  // namespace opssight::promql
