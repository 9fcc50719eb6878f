#include "aggregator/promql/engine/count_values.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/grouping.h"
#include "aggregator/promql/engine/label_ops.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/syntax/printer.h"
#include "common/text/utf8.h"

namespace opssight::promql {

namespace {

std::string TextAt(const Column& column, std::size_t step) {
  return column.HasHistogram(step) ? ToString(*column.histograms[step])
                                   : FormatFloat(column.values[step]);
}

// The counts of one group: a column a value.
class ValueCounts {
 public:
  // label: what the value becomes; "": it is aggregated away, so all count as one.
  ValueCounts(Query& query, const Steps& steps, std::string_view label)
      : query_(query), steps_(steps), label_(label) {}

  Status Add(const Column& member) {
    OPS_RETURN_IF_ERROR(query_.CheckWanted());
    double last = Absent();  // Values often stay for many steps.
    std::size_t last_index = 0;
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!member.Has(step)) continue;
      const double value = member.values[step];
      const bool same = !IsAbsent(value) &&
                        std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(last);
      if (!same) {
        OPS_TRY(last_index, IndexOf(label_.empty() ? "" : TextAt(member, step)));
        last = value;
      }
      double& count = columns_[last_index].values[step];
      count = IsAbsent(count) ? 1 : count + 1;
    }
    return {};
  }

  // labels: of the group.
  void Finish(const Labels& labels, Columns& result) {
    for (const auto& [text, index] : known_) {
      columns_[index].labels = label_.empty() ? labels : WithLabel(labels, label_, text);
    }
    std::move(columns_.begin(), columns_.end(), std::back_inserter(result));
  }

 private:
  Result<std::size_t> IndexOf(const std::string& text) {
    const auto [it, fresh] = known_.try_emplace(text, columns_.size());
    if (fresh) {
      OPS_RETURN_IF_ERROR(query_.budget.Take(steps_.count + text.size() / sizeof(Sample)));
      columns_.emplace_back();
      columns_.back().values.assign(steps_.count, Absent());
    }
    return it->second;
  }

  Query& query_;
  const Steps& steps_;
  const std::string_view label_;
  std::unordered_map<std::string, std::size_t> known_;
  Columns columns_;
};

}  // namespace

Result<Columns> EvaluateCountValues(Query& query, const AggregateExpr& aggregate,
                                    const Steps& steps) {
  const Expr& param = Unparenthesized(*aggregate.param);
  const auto* label = As<StringLiteral>(param);
  if (label == nullptr) return Internal("count_values lacks its label");
  if (label->value.empty() || !IsUtf8(label->value)) {
    return Invalid(fmt::format("invalid label name {}", Print(param)));
  }
  OPS_TRY(Columns columns, EvaluateVector(query, *aggregate.expr, steps));
  // The label is set before grouping: what it was does not count, and without(…) may take
  // it away again.
  query.budget.CountLabels();
  std::vector<std::string> grouping = aggregate.grouping;
  const bool named = std::find(grouping.begin(), grouping.end(), label->value) != grouping.end();
  if (aggregate.without) {
    grouping.push_back(label->value);
  } else {
    std::erase(grouping, label->value);
  }
  const std::string shown = aggregate.without && named ? "" : label->value;
  Columns result;
  for (const Group& group : GroupColumns(columns, grouping, aggregate.without)) {
    ValueCounts counts(query, steps, shown);
    for (const Column* member : group.members) OPS_RETURN_IF_ERROR(counts.Add(*member));
    counts.Finish(group.labels, result);
  }
  return MergeSameLabels(std::move(result));
}

}  // namespace opssight::promql
