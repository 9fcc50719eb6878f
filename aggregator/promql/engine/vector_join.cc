#include "aggregator/promql/engine/vector_join.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "aggregator/promql/engine/binary.h"
#include "aggregator/promql/engine/elements.h"
#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/matching.h"

namespace opssight::promql {

namespace {

constexpr std::uint32_t kFilled = UINT32_MAX;  // In place of a series: a fill value.

// Where a vector has any value at all.
std::vector<std::uint8_t> Presence(const Columns& columns, std::size_t steps) {
  std::vector<std::uint8_t> present(steps, 0);
  for (const Column& column : columns) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (column.Has(step)) present[step] = 1;
    }
  }
  return present;
}

// What the series of one group make; an output is one label set.
struct Output {
  Column column;
  std::size_t matched_at = SIZE_MAX;  // The last step at which it was matched.
};

// The labels of what comes out. Made once for a join: pairs may be many.
class ResultLabels {
 public:
  explicit ResultLabels(const BinaryExpr& binary)
      : one_to_one_(binary.matching.card == Card::kOneToOne),
        on_(binary.matching.on),
        drops_metadata_(IsArithmetic(binary.op)),
        names_(Sorted(binary.matching.labels)),
        include_(Sorted(binary.matching.include)) {}

  Labels Of(const Labels& many, const Labels& one) const {
    std::vector<Label> all;
    all.reserve(many.size() + include_.size());
    for (const Label& label : many) {
      if (Keeps(label.name)) all.push_back(label);
    }
    for (const std::string& name : include_) {
      const std::string_view value = one.Get(name);
      if (!value.empty()) all.push_back({.name = name, .value = std::string(value)});
    }
    return Labels(std::move(all));
  }

 private:
  using Names = std::vector<std::string>;

  static Names Sorted(Names names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  static bool Among(const Names& names, const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  }
  bool Keeps(const std::string& name) const {
    if (drops_metadata_ && IsMetadataLabel(name)) return false;
    if (one_to_one_ && Among(names_, name) != on_) return false;
    return !Among(include_, name);
  }

  const bool one_to_one_;
  const bool on_;
  const bool drops_metadata_;
  const Names names_;
  const Names include_;
};

class Join {
 public:
  // For one-to-many the sides are swapped: many_ is always the side that may have several.
  Join(Query& query, const BinaryExpr& binary, const Steps& steps, Columns left, Columns right)
      : query_(query),
        binary_(binary),
        matching_(binary.matching),
        labels_(binary.matching),
        result_labels_(binary),
        steps_(steps),
        swapped_(matching_.card == Card::kOneToMany),
        many_(std::move(swapped_ ? right : left)),
        one_(std::move(swapped_ ? left : right)) {}

  Result<Columns> Run();

 private:
  // A group of series with the same labels to match on, many on the left.
  Status RunGroup(const MatchGroup& group);
  bool IsSimple(const MatchGroup& group) const;
  // False: results may collide, so each step must be looked at.
  Result<bool> RunSimple(const MatchGroup& group);
  Status RunStep(const MatchGroup& group, std::size_t step, std::vector<Output>& outputs);
  // Which of the one side is there; none: nothing.
  Result<std::optional<std::uint32_t>> OneAt(const MatchGroup& group, std::size_t step);
  Status Pair(std::uint32_t many, std::uint32_t one, std::size_t step,
              std::vector<Output>& outputs);
  Result<bool> Combine(std::uint32_t many, std::uint32_t one, std::size_t step, Element& result);
  Result<std::size_t> OutputOf(std::uint32_t many, std::uint32_t one, std::size_t step,
                               std::vector<Output>& outputs);
  Column Describe(std::uint32_t many, std::uint32_t one) const;
  Status TakeFor(const Column& column);
  // Asks whether the query is wanted, once in a while of work (in values looked at).
  Status CheckWanted(std::size_t work);
  Error Duplicate(std::uint32_t a, std::uint32_t b) const;
  void CombineFloats(const Column& many, const Column& one, Column& out) const;

  Query& query_;
  const BinaryExpr& binary_;
  const VectorMatching& matching_;
  const MatchLabels labels_;
  const ResultLabels result_labels_;
  const Steps& steps_;
  const bool swapped_;
  const Columns many_;
  const Columns one_;
  std::vector<std::uint8_t> many_present_;                    // Found where it is asked for.
  std::unordered_map<std::uint64_t, std::size_t> output_of_;  // Of the group at hand, by pair.
  std::map<Labels, std::size_t> output_by_labels_;            // Likewise.
  std::size_t one_to_one_matched_at_ = SIZE_MAX;              // Likewise.
  std::size_t unasked_work_ = 0;
  Columns result_;
};

Result<Columns> Join::Run() {
  const bool fills = matching_.fill_left || matching_.fill_right;
  if ((many_.empty() && one_.empty()) || ((many_.empty() || one_.empty()) && !fills)) {
    return Columns();
  }
  for (const MatchGroup& group : GroupMatches(labels_, many_, one_)) {
    OPS_RETURN_IF_ERROR(RunGroup(group));
  }
  DropEmpty(result_);
  return MergeSameLabels(std::move(result_));
}

Status Join::CheckWanted(std::size_t work) {
  constexpr std::size_t kWork = 100'000;
  unasked_work_ += work + 1;
  if (unasked_work_ < kWork) return {};
  unasked_work_ = 0;
  return query_.CheckWanted();
}

Status Join::RunGroup(const MatchGroup& group) {
  if (IsSimple(group)) {
    OPS_TRY(const bool done, RunSimple(group));
    if (done) return {};
  }
  if (group.right.size() < 2) {
    if (group.right.empty() && !matching_.fill_right) return {};
    if (group.left.empty() && !matching_.fill_left) return {};
  }
  if (group.right.size() > 1 && many_present_.empty()) {
    // A duplicate on the one side matters only where the other side has anything.
    const bool fills = matching_.fill_left || matching_.fill_right;
    many_present_ =
        fills ? std::vector<std::uint8_t>(steps_.count, 1) : Presence(many_, steps_.count);
  }
  std::vector<Output> outputs;
  output_of_.clear();
  output_by_labels_.clear();
  one_to_one_matched_at_ = SIZE_MAX;
  for (std::size_t step = 0; step < steps_.count; ++step) {
    OPS_RETURN_IF_ERROR(CheckWanted(group.left.size() + group.right.size()));
    OPS_RETURN_IF_ERROR(RunStep(group, step, outputs));
  }
  for (Output& output : outputs) result_.push_back(std::move(output.column));
  return {};
}

// One series of the one side, and floats only: whole columns.
bool Join::IsSimple(const MatchGroup& group) const {
  if (group.right.size() != 1 || group.left.empty()) return false;
  if (matching_.card == Card::kOneToOne && group.left.size() != 1) return false;
  if (matching_.fill_left || matching_.fill_right) return false;
  if (binary_.op == Op::kTrimUpper || binary_.op == Op::kTrimLower) return false;
  return one_[group.right[0]].histograms.empty() &&
         std::all_of(group.left.begin(), group.left.end(),
                     [&](std::uint32_t many) { return many_[many].histograms.empty(); });
}

Result<bool> Join::RunSimple(const MatchGroup& group) {
  Columns outputs;
  std::set<Labels> known;
  for (const std::uint32_t many : group.left) {
    OPS_RETURN_IF_ERROR(CheckWanted(steps_.count));
    outputs.push_back(Describe(many, group.right[0]));
    OPS_RETURN_IF_ERROR(TakeFor(outputs.back()));
    if (group.left.size() > 1 && !known.insert(outputs.back().labels).second) return false;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CombineFloats(many_[group.left[i]], one_[group.right[0]], outputs[i]);
    result_.push_back(std::move(outputs[i]));
  }
  return true;
}

void Join::CombineFloats(const Column& many, const Column& one, Column& out) const {
  const Column& left = swapped_ ? one : many;
  const Column& right = swapped_ ? many : one;
  const Op op = binary_.op;
  const bool filter = IsComparison(op) && !binary_.return_bool;
  for (std::size_t step = 0; step < steps_.count; ++step) {
    const double a = left.values[step];
    const double b = right.values[step];
    if (IsAbsent(a) || IsAbsent(b)) continue;
    if (!filter) {
      out.values[step] = FloatBinary(op, a, b);
    } else if (FloatKeeps(op, a, b)) {
      out.values[step] = a;
    }
  }
}

Status Join::RunStep(const MatchGroup& group, std::size_t step, std::vector<Output>& outputs) {
  OPS_TRY(const std::optional<std::uint32_t> one, OneAt(group, step));
  bool matched = false;
  for (const std::uint32_t many : group.left) {
    if (!many_[many].Has(step)) continue;
    if (!one && !matching_.fill_right) continue;
    OPS_RETURN_IF_ERROR(Pair(many, one.value_or(kFilled), step, outputs));
    matched = true;
  }
  if (one && !matched && matching_.fill_left) {
    OPS_RETURN_IF_ERROR(Pair(kFilled, *one, step, outputs));
  }
  return {};
}

Result<std::optional<std::uint32_t>> Join::OneAt(const MatchGroup& group, std::size_t step) {
  std::optional<std::uint32_t> found;
  for (const std::uint32_t one : group.right) {
    if (!one_[one].Has(step)) continue;
    if (found && many_present_[step] != 0) return Duplicate(*found, one);
    found = one;
  }
  return found;
}

Error Join::Duplicate(std::uint32_t a, std::uint32_t b) const {
  std::string first = one_[a].labels.ToString();
  std::string second = one_[b].labels.ToString();
  if (one_[b].labels < one_[a].labels) std::swap(first, second);
  return Invalid(fmt::format(
      "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, "
      "{}];many-to-many matching not allowed: matching labels must be unique on one side",
      labels_.Of(one_[a].labels).ToString(), swapped_ ? "left" : "right", first, second));
}

Status Join::Pair(std::uint32_t many, std::uint32_t one, std::size_t step,
                  std::vector<Output>& outputs) {
  Element result;
  OPS_TRY(const bool fits, Combine(many, one, step, result));
  if (!fits) return {};
  if (binary_.return_bool) result.value = {.value = result.keep ? 1.0 : 0.0, .histogram = nullptr};
  OPS_TRY(const std::size_t output, OutputOf(many, one, step, outputs));
  if (!result.keep && !binary_.return_bool) return {};
  PutValue(std::move(result.value), step, outputs[output].column);
  return {};
}

Result<bool> Join::Combine(std::uint32_t many, std::uint32_t one, std::size_t step,
                           Element& result) {
  // Fill values go by the side as it is after swapping: so does Prometheus.
  const Value of_many = many == kFilled ? Value{.value = *matching_.fill_left, .histogram = nullptr}
                                        : ValueAt(many_[many], step);
  const Value of_one = one == kFilled ? Value{.value = *matching_.fill_right, .histogram = nullptr}
                                      : ValueAt(one_[one], step);
  return ElementBinary(binary_.op, swapped_ ? of_one : of_many, swapped_ ? of_many : of_one,
                       binary_.pos, query_.annotations, result);
}

// Where the result of a pair goes. An error where another pair of the group has gone there
// at this step: the match is not as the query says.
Result<std::size_t> Join::OutputOf(std::uint32_t many, std::uint32_t one, std::size_t step,
                                   std::vector<Output>& outputs) {
  const std::uint64_t pair = std::uint64_t{many} << 32 | one;
  auto it = output_of_.find(pair);
  if (it == output_of_.end()) {
    Column column = Describe(many, one);
    const auto [known, fresh] = output_by_labels_.try_emplace(column.labels, outputs.size());
    if (fresh) {
      OPS_RETURN_IF_ERROR(TakeFor(column));
      outputs.push_back({.column = std::move(column)});
    }
    it = output_of_.emplace(pair, known->second).first;
  }
  Output& output = outputs[it->second];
  if (matching_.card == Card::kOneToOne) {
    if (one_to_one_matched_at_ == step) {
      return Invalid(
          "multiple matches for labels: many-to-one matching must be explicit "
          "(group_left/group_right)");
    }
    one_to_one_matched_at_ = step;
  } else if (output.matched_at == step) {
    return Invalid("multiple matches for labels: grouping labels must ensure unique matches");
  }
  output.matched_at = step;
  return it->second;
}

Status Join::TakeFor(const Column& column) {
  return query_.budget.Take(SamplesOf(column) + query_.budget.SamplesOf(column.labels));
}

// The result's column for a pair, without values yet.
Column Join::Describe(std::uint32_t many, std::uint32_t one) const {
  const Labels filled = many == kFilled  ? labels_.Of(one_[one].labels)
                        : one == kFilled ? labels_.Of(many_[many].labels)
                                         : Labels();
  Column column = {.labels = result_labels_.Of(many == kFilled ? filled : many_[many].labels,
                                               one == kFilled ? filled : one_[one].labels)};
  column.values.assign(steps_.count, Absent());
  const bool marked = many != kFilled && many_[many].drop_name;
  if (binary_.return_bool) {
    DropName(column, query_.functions);
  } else if (!IsArithmetic(binary_.op)) {
    column.drop_name = marked;
  }
  return column;
}

}  // namespace

Result<Columns> JoinVectors(Query& query, const BinaryExpr& binary, Columns left, Columns right,
                            const Steps& steps) {
  return Join(query, binary, steps, std::move(left), std::move(right)).Run();
}

}  // namespace opssight::promql
