#include "aggregator/promql/engine/pick.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/grouping.h"
#include "common/bytes/hash.h"
#include "common/text/number.h"

namespace opssight::promql {

namespace {

// The largest and smallest doubles that int64 holds, as Prometheus has them.
constexpr double kInt64Max = 9223372036854774784.0;
constexpr double kInt64Min = -9223372036854775808.0;

// Where a label set lies in [0, 1]: the hash that Prometheus has of it, so that limit_ratio
// picks what Prometheus picks.
double RatioOf(const Labels& labels) {
  std::string bytes;
  const auto append = [&bytes](const std::string& text) {
    if (text.size() < 255) {
      bytes.push_back(static_cast<char>(text.size()));
    } else {
      bytes.push_back(static_cast<char>(255));
      for (unsigned shift = 0; shift < 24; shift += 8) {
        bytes.push_back(static_cast<char>(text.size() >> shift & 0xff));
      }
    }
    bytes += text;
  };
  for (const Label& label : labels) {
    append(label.name);
    append(label.value);
  }
  return static_cast<double>(XxHash64(bytes)) /
         static_cast<double>(std::numeric_limits<std::uint64_t>::max());
}

class Picker {
 public:
  Picker(Query& query, const AggregateExpr& aggregate, const std::vector<double>& param,
         Columns columns, const Steps& steps)
      : query_(query),
        aggregate_(aggregate),
        param_(param),
        steps_(steps),
        columns_(std::move(columns)),
        picked_(columns_.size()) {}

  Result<Columns> Run();

 private:
  struct Candidate {
    double value = 0;
    const Column* column = nullptr;
  };

  void PickAt(std::size_t step, const Group& group);
  void PickLargest(std::size_t step, const Group& group, std::size_t k);
  void PickFirst(std::size_t step, const Group& group, std::size_t k);
  void PickByHash(std::size_t step, const Group& group, double ratio);
  void Keep(std::size_t step, const Column& column);
  void NoteIgnored();

  Query& query_;
  const AggregateExpr& aggregate_;
  const std::vector<double>& param_;
  const Steps& steps_;
  const Columns columns_;
  Columns picked_;                  // As columns_; without values where nothing was picked.
  std::vector<double> ratios_;      // Of limit_ratio: of each column.
  std::vector<std::size_t> order_;  // Of picked_, as they came first.
  std::vector<Candidate> candidates_;
  bool noted_ = false;  // That there are histograms.
};

void Picker::Keep(std::size_t step, const Column& column) {
  const auto index = static_cast<std::size_t>(&column - columns_.data());
  Column& kept = picked_[index];
  if (kept.values.empty()) {
    kept.labels = column.labels;
    kept.drop_name = column.drop_name;
    kept.values.assign(steps_.count, Absent());
    order_.push_back(index);
  }
  kept.values[step] = column.values[step];
  if (column.histograms.empty()) return;
  if (kept.histograms.empty()) kept.histograms.resize(steps_.count);
  kept.histograms[step] = column.histograms[step];
}

// topk and bottomk. Of equal values the first stay; NaN ranks behind all.
void Picker::PickLargest(std::size_t step, const Group& group, std::size_t k) {
  candidates_.clear();
  for (const Column* member : group.members) {
    if (member->HasFloat(step)) {
      candidates_.push_back({.value = member->values[step], .column = member});
    } else if (member->HasHistogram(step)) {
      NoteIgnored();
    }
  }
  const bool largest = aggregate_.op == AggregateOp::kTopk;
  const auto before = [largest](const Candidate& a, const Candidate& b) {
    if (std::isnan(a.value) != std::isnan(b.value)) return std::isnan(b.value);
    if (a.value != b.value && !std::isnan(a.value)) {
      return largest ? a.value > b.value : a.value < b.value;
    }
    return a.column < b.column;
  };
  const auto end =
      candidates_.begin() + static_cast<std::ptrdiff_t>(std::min(k, candidates_.size()));
  std::partial_sort(candidates_.begin(), end, candidates_.end(), before);
  std::for_each(candidates_.begin(), end,
                [&](const Candidate& candidate) { Keep(step, *candidate.column); });
}

void Picker::NoteIgnored() {
  if (noted_) return;
  noted_ = true;
  query_.annotations.Info(fmt::format("ignored histogram in {} aggregation", ToText(aggregate_.op)),
                          aggregate_.pos);
}

void Picker::PickFirst(std::size_t step, const Group& group, std::size_t k) {
  for (const Column* member : group.members) {
    if (k == 0) return;
    if (!member->Has(step)) continue;
    Keep(step, *member);
    --k;
  }
}

void Picker::PickByHash(std::size_t step, const Group& group, double ratio) {
  for (const Column* member : group.members) {
    if (!member->Has(step)) continue;
    const double at = ratios_[static_cast<std::size_t>(member - columns_.data())];
    if (ratio >= 0 ? at < ratio : at >= 1 + ratio) Keep(step, *member);
  }
}

void Picker::PickAt(std::size_t step, const Group& group) {
  const double param = param_[step];
  if (aggregate_.op == AggregateOp::kLimitRatio) {
    if (param != 0) PickByHash(step, group, std::clamp(param, -1.0, 1.0));
    return;
  }
  if (param < 1) return;
  const std::size_t k = param >= static_cast<double>(columns_.size())
                            ? columns_.size()
                            : static_cast<std::size_t>(param);
  if (aggregate_.op == AggregateOp::kLimitk) {
    PickFirst(step, group, k);
  } else {
    PickLargest(step, group, k);
  }
}

Result<Columns> Picker::Run() {
  const std::vector<Group> groups = GroupColumns(columns_, aggregate_.grouping, aggregate_.without);
  if (aggregate_.op == AggregateOp::kLimitRatio) {
    for (const Column& column : columns_) ratios_.push_back(RatioOf(column.labels));
  }
  for (const Group& group : groups) {
    OPS_RETURN_IF_ERROR(query_.CheckWanted());
    for (std::size_t step = 0; step < steps_.count; ++step) PickAt(step, group);
  }
  OPS_RETURN_IF_ERROR(query_.budget.Take(order_.size() * steps_.count));
  Columns result;
  result.reserve(order_.size());
  for (const std::size_t index : order_) result.push_back(std::move(picked_[index]));
  return result;
}

Status CheckCount(double max, double min) {
  if (min <= kInt64Min) {
    return Invalid(fmt::format("Scalar value {} underflows int64", FormatGoG(min)));
  }
  if (max >= kInt64Max) {
    return Invalid(fmt::format("Scalar value {} overflows int64", FormatGoG(max)));
  }
  return {};
}

void NoteRatio(double max, double min, PosRange pos, Annotations& annotations) {
  const auto warn = [&](double value, double capped) {
    annotations.Warn(fmt::format("ratio value should be between -1 and 1, got {}, capping to {}",
                                 FormatGoG(value), FormatGoG(capped)),
                     pos);
  };
  if (max > 1) warn(max, 1);
  if (min < -1) warn(min, -1);
}

}  // namespace

Result<Columns> PickSeries(Query& query, const AggregateExpr& aggregate,
                           const std::vector<double>& param, Columns columns, const Steps& steps) {
  const bool ratio = aggregate.op == AggregateOp::kLimitRatio;
  if (std::any_of(param.begin(), param.end(), [](double value) { return std::isnan(value); })) {
    return Invalid(ratio ? "Ratio value is NaN" : "Parameter value is NaN");
  }
  const double max = *std::max_element(param.begin(), param.end());
  const double min = *std::min_element(param.begin(), param.end());
  if (ratio) {
    if (max == 0 && min == 0) return Columns();
    NoteRatio(max, min, Unparenthesized(*aggregate.param).pos, query.annotations);
  } else {
    if (max < 1) return Columns();
    OPS_RETURN_IF_ERROR(CheckCount(max, min));
  }
  return Picker(query, aggregate, param, std::move(columns), steps).Run();
}

}  // namespace opssight::promql
