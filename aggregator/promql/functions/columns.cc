// What functions and the engine both do to columns.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "common/text/number.h"

namespace opssight::promql {

namespace {

Status JoinInto(Column& to, Column&& from) {
  if (!from.histograms.empty() && to.histograms.empty()) {
    to.histograms.resize(to.values.size());
  }
  for (std::size_t step = 0; step < to.values.size(); ++step) {
    if (!from.Has(step)) continue;
    if (to.Has(step)) return Invalid("vector cannot contain metrics with the same labelset");
    to.values[step] = from.values[step];
    if (from.HasHistogram(step)) to.histograms[step] = std::move(from.histograms[step]);
  }
  return {};
}

}  // namespace

bool IsMetadataLabel(std::string_view name) {
  return name == kMetricName || name == "__type__" || name == "__unit__";
}

Labels DropMetadataLabels(const Labels& labels) {
  std::vector<Label> kept;
  kept.reserve(labels.size());
  for (const Label& label : labels) {
    if (!IsMetadataLabel(label.name)) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

void DropName(Column& column, const FunctionOptions& options) {
  if (options.delayed_name_removal) {
    column.drop_name = true;
    return;
  }
  const bool any = std::any_of(column.labels.begin(), column.labels.end(),
                               [](const Label& label) { return IsMetadataLabel(label.name); });
  if (any) column.labels = DropMetadataLabels(column.labels);
}

Result<Columns> MergeSameLabels(Columns columns) {
  std::unordered_multimap<std::uint64_t, std::size_t> known;
  known.reserve(columns.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::uint64_t hash = columns[i].labels.Hash();
    const auto [begin, end] = known.equal_range(hash);
    auto same = begin;
    while (same != end && columns[same->second].labels != columns[i].labels) ++same;
    if (same != end) {
      OPS_RETURN_IF_ERROR(JoinInto(columns[same->second], std::move(columns[i])));
      continue;
    }
    if (kept != i) columns[kept] = std::move(columns[i]);
    known.emplace(hash, kept++);
  }
  columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(kept), columns.end());
  return columns;
}

Result<Columns> Nameless(Columns columns, const FunctionOptions& options) {
  std::erase_if(columns, [](const Column& column) {
    for (std::size_t step = 0; step < column.values.size(); ++step) {
      if (column.Has(step)) return false;
    }
    return true;
  });
  for (Column& column : columns) DropName(column, options);
  if (options.delayed_name_removal) return columns;
  return MergeSameLabels(std::move(columns));
}

std::string FormatFloat(double x) {
  std::string text;
  AppendFixed(x, text);
  return text;
}

}  // namespace opssight::promql
