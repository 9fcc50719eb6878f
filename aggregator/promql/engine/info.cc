#include "aggregator/promql/engine/info.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "aggregator/promql/engine/binary.h"
#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/info_source.h"
#include "aggregator/promql/engine/label_ops.h"

namespace opssight::promql {

namespace {

const std::array<std::string, 2> kIdentifying = {"instance", "job"};
constexpr std::int32_t kNone = -1;

// At each step the info series of one metric and identity that counts: the newest.
using Winners = std::vector<std::int32_t>;

class InfoJoin {
 public:
  InfoJoin(Query& query, const InfoSelector& selector, const Steps& steps, const Columns& info)
      : query_(query), selector_(selector), steps_(steps), info_(info) {}

  // Which info series win; an error where two are as new as each other.
  Status FindWinners();
  Status Enrich(const Column& base, Columns& result) const;

 private:
  std::string KeyOf(std::string_view metric, const Labels& labels) const;
  Status Compete(std::int32_t challenger, Winners& winners) const;
  // The base's labels with those of the info series; kInvalid: these contradict each other.
  Result<Labels> Enriched(const Labels& base, const std::vector<std::int32_t>& with) const;
  bool IsWanted(std::string_view label) const;
  bool MayLack() const;

  Query& query_;
  const InfoSelector& selector_;
  const Steps& steps_;
  const Columns& info_;
  std::set<std::string> metrics_;
  std::unordered_map<std::string, Winners> winners_;
};

std::string InfoJoin::KeyOf(std::string_view metric, const Labels& labels) const {
  std::string key;
  AppendLabelKey(kMetricName, metric, key);
  AppendKeptKey(labels, kIdentifying, key);
  return key;
}

Status InfoJoin::Compete(std::int32_t challenger, Winners& winners) const {
  const Column& fresh = info_[static_cast<std::size_t>(challenger)];
  for (std::size_t step = 0; step < steps_.count; ++step) {
    if (!fresh.HasFloat(step)) continue;
    std::int32_t& winner = winners[step];
    if (winner == kNone) {
      winner = challenger;
      continue;
    }
    const Column& known = info_[static_cast<std::size_t>(winner)];
    if (known.values[step] == fresh.values[step]) {
      return Invalid(
          fmt::format("found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                      known.labels.ToString(), static_cast<std::int64_t>(known.values[step]),
                      fresh.labels.ToString(), static_cast<std::int64_t>(fresh.values[step])));
    }
    if (known.values[step] < fresh.values[step]) winner = challenger;
  }
  return {};
}

Status InfoJoin::FindWinners() {
  for (std::size_t i = 0; i < info_.size(); ++i) {
    const std::string metric(info_[i].labels.Get(kMetricName));
    metrics_.insert(metric);
    Winners& winners = winners_[KeyOf(metric, info_[i].labels)];
    if (winners.empty()) winners.assign(steps_.count, kNone);
    OPS_RETURN_IF_ERROR(Compete(static_cast<std::int32_t>(i), winners));
  }
  return {};
}

bool InfoJoin::IsWanted(std::string_view label) const {
  if (label == kMetricName) return false;
  return selector_.data.empty() ||
         std::any_of(selector_.data.begin(), selector_.data.end(),
                     [label](const Matcher& matcher) { return matcher.name() == label; });
}

// Whether a series for which there is no info series may stay.
bool InfoJoin::MayLack() const {
  return std::all_of(selector_.data.begin(), selector_.data.end(),
                     [](const Matcher& matcher) { return matcher.Matches(""); });
}

Result<Labels> InfoJoin::Enriched(const Labels& base, const std::vector<std::int32_t>& with) const {
  std::map<std::string, std::string> added;
  for (const std::int32_t winner : with) {
    if (winner == kNone) continue;
    for (const Label& label : info_[static_cast<std::size_t>(winner)].labels) {
      if (!IsWanted(label.name)) continue;
      const auto it = added.find(label.name);
      if (it != added.end() && it->second != label.value) {
        return Invalid(fmt::format("conflicting label: {}", label.name));
      }
      if (base.Get(label.name).empty()) added[label.name] = label.value;
    }
  }
  std::vector<Label> all(base.begin(), base.end());
  for (const auto& [name, value] : added) all.push_back({.name = name, .value = value});
  return Labels(std::move(all));
}

Status InfoJoin::Enrich(const Column& base, Columns& result) const {
  std::vector<const Winners*> sources;
  for (const std::string& metric : metrics_) {
    const auto it = winners_.find(KeyOf(metric, base.labels));
    if (it != winners_.end()) sources.push_back(&it->second);
  }
  const bool may_lack = MayLack();
  std::map<std::vector<std::int32_t>, std::size_t> outputs;  // Columns by their info series.
  std::vector<std::int32_t> with(sources.size());
  for (std::size_t step = 0; step < steps_.count; ++step) {
    if (!base.Has(step)) continue;
    std::transform(sources.begin(), sources.end(), with.begin(),
                   [step](const Winners* winners) { return (*winners)[step]; });
    const bool lacks =
        std::all_of(with.begin(), with.end(), [](std::int32_t winner) { return winner == kNone; });
    if (lacks && !may_lack) continue;
    auto it = outputs.find(with);
    if (it == outputs.end()) {
      Column column = {.labels = {}, .drop_name = base.drop_name};
      OPS_TRY(column.labels, Enriched(base.labels, with));
      OPS_RETURN_IF_ERROR(
          query_.budget.Take(steps_.count + query_.budget.SamplesOf(column.labels)));
      column.values.assign(steps_.count, Absent());
      it = outputs.emplace(with, result.size()).first;
      result.push_back(std::move(column));
    }
    PutValue(ValueAt(base, step), step, result[it->second]);
  }
  return {};
}

// Info series themselves are not enriched.
bool IsInfo(const InfoSelector& selector, const Labels& labels) {
  const std::string_view name = labels.Get(kMetricName);
  return std::all_of(selector.names.begin(), selector.names.end(),
                     [name](const Matcher& matcher) { return matcher.Matches(name); });
}

IdentifyingValues ValuesOf(const InfoSelector& selector, const Columns& base) {
  std::map<std::string, std::set<std::string>> found;
  for (const Column& column : base) {
    if (IsInfo(selector, column.labels)) continue;
    for (const std::string& name : kIdentifying) {
      const std::string_view value = column.labels.Get(name);
      if (!value.empty()) found[name].emplace(value);
    }
  }
  IdentifyingValues values;
  for (const auto& [name, all] : found) values[name].assign(all.begin(), all.end());
  return values;
}

}  // namespace

Result<Columns> EvaluateInfo(Query& query, const Call& call, const Steps& steps) {
  OPS_TRY(const Columns base, EvaluateVector(query, *call.args[0], steps));
  OPS_TRY(const InfoSelector selector, ReadInfoSelector(call));
  const IdentifyingValues values = ValuesOf(selector, base);
  Columns info;
  if (!values.empty()) {
    OPS_TRY(info,
            SelectInfo(query, selector, values, InfoTimes(query, *call.args[0], steps), call.pos));
  }
  InfoJoin join(query, selector, steps, info);
  OPS_RETURN_IF_ERROR(join.FindWinners());
  Columns result;
  for (const Column& column : base) {
    if (IsInfo(selector, column.labels)) {
      result.push_back(column);
    } else {
      OPS_RETURN_IF_ERROR(join.Enrich(column, result));
    }
  }
  return MergeSameLabels(std::move(result));
}

}  // namespace opssight::promql
