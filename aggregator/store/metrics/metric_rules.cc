// Rules of retention of MetricDays: series that match one go when the day is over by the
// rule's age, where its blocks are merged then anyhow, or are written anew for it.
#include <algorithm>

#include "aggregator/store/metrics/metric_days.h"
#include "common/base/clock.h"

namespace opssight {
namespace {

bool IsOver(DayNumber number, const MetricRule& rule, std::int64_t now_ms) {
  return now_ms - rule.keep_ms >= (number + 1) * kMsPerDay;
}

// Those of ids (ascending) of which a block has something.
std::vector<SeriesId> InBlocks(const MetricDay& day, const std::vector<SeriesId>& ids) {
  std::vector<bool> there(ids.size());
  const std::shared_ptr<const MetricDay::Blocks> held = day.blocks();
  for (const auto& block : *held) {
    ForEachIn(block->summary.runs, ids, [&](std::size_t i, std::uint32_t) { there[i] = true; });
  }
  std::vector<SeriesId> out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (there[i]) out.push_back(ids[i]);
  }
  return out;
}

}  // namespace

bool MetricDays::HasNewRule(DayNumber number, const DayState& state, std::int64_t now_ms) const {
  if (state.unmergeable >= state.written) return false;  // It could not be applied.
  return std::any_of(options_.rules.begin(), options_.rules.end(), [&](const MetricRule& rule) {
    return IsOver(number, rule, now_ms) && !state.seal.rules.contains(rule.id);
  });
}

std::vector<SeriesId> MetricDays::ExpiredIn(const MetricDay& day, DayNumber number,
                                            std::int64_t now_ms) const {
  std::vector<SeriesId> ids;
  for (const MetricRule& rule : options_.rules) {
    if (!IsOver(number, rule, now_ms)) continue;
    const std::vector<SeriesId> matched = day.index().Match(rule.matchers);
    ids.insert(ids.end(), matched.begin(), matched.end());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return InBlocks(day, ids);
}

void MetricDays::NoteRules(DayNumber number, std::int64_t now_ms, SealRecord& record) const {
  record.rules.clear();  // Of those that are no more.
  for (const MetricRule& rule : options_.rules) {
    if (IsOver(number, rule, now_ms)) record.rules.insert(rule.id);
  }
}

Result<bool> MetricDays::NeedsMerge(DayNumber number, const DayState& state, WalPosition cut,
                                    std::int64_t now_ms) {
  if (cut <= state.unmergeable) return false;
  if (cut > state.seal.merged) return true;
  if (!HasNewRule(number, state, now_ms)) return false;
  OPS_TRY(const Taken taken, Take(number));
  return taken.day != nullptr && !ExpiredIn(*taken.day, number, now_ms).empty();
}

}  // namespace opssight
